/* kad_server: answers of a DHT server, and the provider records it keeps. docs/spec/kad.md 4. Pure;
 * memory is the caller's; one thread. */
#ifndef CRUST_P2P_KAD_SERVER_H
#define CRUST_P2P_KAD_SERVER_H

#include "p2p/kad_table.h"

enum {
    KAD_SERVER_PROVIDERS = 20, /* in an answer */
    KAD_SERVER_PROBES = 32,    /* places where the records of a key may stand */
    KAD_SERVER_KEY_MAX = 80,   /* of a provider record */
    KAD_SERVER_ANSWER = 16384, /* bytes that every answer fits in */
    KAD_SERVER_EACH = 8192,    /* records of one provider: a quarter of what a node keeps */
    KAD_SERVER_COUNTS = 4096,  /* counters that providers share, by a secret hash */
};

#define KAD_SERVER_KEEP_MS ((uint64_t)48 * 3600 * 1000)

struct kad_server_record {
    uint8_t place[KAD_PLACE]; /* of the content */
    uint64_t until_ms;        /* 0: free */
    struct kad_contact provider;
};

struct kad_server {
    struct kad_table *table;
    struct kad_server_record *records; /* at least KAD_SERVER_PROBES */
    size_t record_count, used;
    size_t expire_at; /* where kad_server_expire goes on */
    struct kad_filter filter;
    uint64_t seed;
    uint32_t counts[KAD_SERVER_COUNTS];
};

struct kad_server_memory {
    struct kad_server_record *records;
    size_t count;
};

/* All is kept. The records are zeroed: what is never used is never touched. seed: random, secret.
 */
void kad_server_init(struct kad_server *s, struct kad_table *table,
                     const struct kad_server_memory *memory, struct kad_filter filter,
                     uint64_t seed);

/* kad_server_answer reads a request of the peer from and writes the answer, both without length,
 * into w, of at least KAD_SERVER_ANSWER bytes; nothing for ADD_PROVIDER.
 *
 * Returns: OK; ERR_UNSUPPORTED (PUT_VALUE, GET_VALUE: kad_server_value); ERR_DENIED (ADD_PROVIDER
 * for another peer, without an address, of a key that is no multihash); ERR_LIMIT (it has
 * KAD_SERVER_EACH); what kad_decode says. */
NODISCARD enum err kad_server_answer(struct kad_server *s, struct span from, struct span request,
                                     struct writer *w, uint64_t now_ms);

/* kad_server_providers copies the providers of a multihash that are kept, and says how many. */
size_t kad_server_providers(const struct kad_server *s,
                            struct kad_contact out[KAD_SERVER_PROVIDERS], struct span key,
                            uint64_t now_ms);

/* kad_server_expire looks at the next so many records and frees what has ended. */
void kad_server_expire(struct kad_server *s, size_t count, uint64_t now_ms);

/* The answer to GET_VALUE: the record, if the owner has one (else empty), and the closest nodes; to
 * PUT_VALUE, when the owner has taken the record, the record itself. */
void kad_server_value(const struct kad_server *s, const struct kad_message *request,
                      struct span value, struct writer *w);

#endif
