/* kad_query: one look-up in the DHT, as a client. docs/spec/kad.md 3.
 *
 *   init, seed with what the table knows
 *   while (!done):
 *       while (kad_query_next(&q, &who, now)) dial it, send what kad_query_request writes
 *       kad_query_answer / kad_query_failed for what comes of it; kad_query_step as time passes
 *
 *   LOOKING ---closest have answered---> DONE, or STORING for goals that store
 *   STORING ---each of the closest has it or failed---> DONE
 *
 * Pure; the struct is all its memory, some 30 KiB; one thread. */
#ifndef CRUST_P2P_KAD_QUERY_H
#define CRUST_P2P_KAD_QUERY_H

#include "p2p/kad_contact.h"

enum {
    KAD_QUERY_KNOWN = 100,
    KAD_QUERY_AT_ONCE = 10,   /* alpha */
    KAD_QUERY_NEED = 3,       /* beta: of the closest, to find */
    KAD_QUERY_PROVIDERS = 64, /* that are kept */
    KAD_QUERY_VALUES = 16,    /* quorum */
    KAD_QUERY_ANSWER_MS = 10000,
    KAD_QUERY_ALL_MS = 60000,
};

enum kad_goal {
    KAD_FIND_PEER,      /* the key is a peer id: found when its addresses are known */
    KAD_FIND_CLOSEST,   /* the 20 closest: for the table */
    KAD_FIND_PROVIDERS, /* the key is a multihash */
    KAD_FIND_VALUE,
    KAD_PROVIDE, /* to the 20 closest */
    KAD_PUT,
};

struct kad_query_node {
    struct kad_contact contact;
    enum { KAD_HEARD, KAD_ASKED, KAD_ANSWERED, KAD_FAILED, KAD_STORING, KAD_STORED } state;
    uint64_t asked_ms;
};

struct kad_query {
    enum kad_goal goal;
    enum { KAD_QUERY_LOOKING, KAD_QUERY_STORING, KAD_QUERY_DONE } phase;
    struct kad_contact self;
    struct kad_filter filter;
    uint8_t key[KAD_KEY_MAX];
    size_t key_size;
    uint8_t target[KAD_PLACE];
    struct span value; /* of KAD_PUT; kept from kad_query_init */
    uint64_t end_ms;
    uint32_t at_once, count, stored, values, wanted;
    uint32_t requests, failures;                  /* for figures */
    bool found;                                   /* KAD_FIND_PEER: the first known node is it */
    struct kad_query_node known[KAD_QUERY_KNOWN]; /* the closest first */
    uint32_t provider_count, provider_answers;
    struct kad_contact providers[KAD_QUERY_PROVIDERS];
};

struct kad_query_start {
    enum kad_goal goal;
    struct span key;                /* 1 to KAD_KEY_MAX bytes; copied */
    struct span value;              /* KAD_PUT; kept */
    const struct kad_contact *self; /* copied; KAD_PROVIDE announces its addresses */
    struct kad_filter filter;       /* kept */
    uint32_t wanted;                /* providers or values that suffice; 0: 20 and 16 */
};

/* ERR_RANGE: the key is empty or too long, or KAD_PROVIDE without an address. */
NODISCARD enum err kad_query_init(struct kad_query *q, const struct kad_query_start *start,
                                  uint64_t now_ms);

/* A node to begin with. */
void kad_query_seed(struct kad_query *q, const struct kad_contact *c);

/* A provider that is known from elsewhere. */
void kad_query_provider(struct kad_query *q, const struct kad_contact *c);

/* kad_query_next gives the next node to ask, which counts as asked from now on. Borrowed until the
 * next call. */
bool kad_query_next(struct kad_query *q, const struct kad_contact **who, uint64_t now_ms);

/* kad_query_began: the node is asked only now, its turn to be dialled has come. */
void kad_query_began(struct kad_query *q, struct span id, uint64_t now_ms);

/* The request of the present phase, without its length. */
void kad_query_request(const struct kad_query *q, struct writer *w);

/* kad_query_answer takes the answer of a node, without its length.
 *
 * Out:     *value, borrowed from message: a record to be judged (kad_query_good), or empty.
 * Returns: OK; ERR_STATE (nothing was asked of it); what kad_decode says, ERR_FORMAT (another type
 *          or key): then it counts as failed. */
NODISCARD enum err kad_query_answer(struct kad_query *q, struct span id, struct span message,
                                    struct span *value);

/* The value that came last is good. */
void kad_query_good(struct kad_query *q);

/* It cannot be reached, or has closed the stream. */
void kad_query_failed(struct kad_query *q, struct span id);

/* ADD_PROVIDER has been sent; there is no answer to it. */
void kad_query_sent(struct kad_query *q, struct span id);

/* Time passes. */
void kad_query_step(struct kad_query *q, uint64_t now_ms);
uint64_t kad_query_deadline(const struct kad_query *q);

/* kad_query_closest gives up to max of the closest nodes that have answered, and how many. */
size_t kad_query_closest(const struct kad_query *q, const struct kad_contact **out, size_t max);

#endif
