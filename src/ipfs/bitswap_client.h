/* bitswap_client: which block is asked of whom, for all fetches of a node. docs/spec/bitswap.md 5.
 *
 *   a session is opened, given providers and wants;
 *   bitswap_client_step(c, now) and what peers answer decide who is asked;
 *   while (bitswap_client_next(c, &peer)) a message is composed and sent;
 *   bitswap_client_search says which session needs more providers.
 *
 * Peers are numbers of the host, below peer_count. Pure; memory fixed at init; one thread. Nothing
 * here holds blocks: the host verifies what comes (bitswap_block_cid) and keeps it. */
#ifndef CRUST_IPFS_BITSWAP_CLIENT_H
#define CRUST_IPFS_BITSWAP_CLIENT_H

#include "codec/bitswap.h"
#include "ipfs/bitswap_credit.h"
#include "ipfs/blockio.h"
#include "ipfs/digest_hash.h"

#define BITSWAP_CLIENT_NONE UINT32_MAX

enum {
    BITSWAP_CLIENT_SESSIONS = 64,  /* as many fetches as a node runs at a time */
    BITSWAP_CLIENT_PROVIDERS = 16, /* of a session */
    BITSWAP_CLIENT_HAVES = 3,      /* asked with want-have when somebody has failed */
    BITSWAP_CLIENT_FLIGHT = 64,    /* blocks asked of one provider by one session */
    BITSWAP_CLIENT_ENTRIES = 128,  /* of a message */
    BITSWAP_CLIENT_BUFFER = 16384, /* for a composed message */
    BITSWAP_CLIENT_RECENT = 512,   /* blocks that are known to have come already */
    BITSWAP_CLIENT_FAST_MS = 1000,
    BITSWAP_CLIENT_SLOW_MS = 10000,
    BITSWAP_CLIENT_LONGEST_MS = 60000,
    BITSWAP_CLIENT_RETRY_MS = 30000,
    BITSWAP_CLIENT_FAILS = 8,  /* in a row, counted once a second */
    BITSWAP_CLIENT_DONTS = 16, /* in a row */
};

struct bitswap_client_want {
    uint32_t next;          /* in its bucket, or in the free list */
    uint32_t before, after; /* in its session */
    uint32_t session;
    struct block_key key;
    uint8_t version;
    uint8_t asked; /* slot of the provider that is to send the block; 255: none */
    bool done;     /* only cancels are left to be sent */
    uint8_t again; /* how often those who were late have been asked once more */
    bool failed;   /* somebody who was asked has not sent it */
    bool told;     /* bitswap_client_search has given it */
    uint8_t flags[BITSWAP_CLIENT_PROVIDERS];
    uint64_t asked_ms, retry_ms;
};

struct bitswap_client_provider {
    uint32_t peer; /* BITSWAP_CLIENT_NONE: free */
    bool shown;    /* it has said HAVE or sent a block in this session */
    bool asked;    /* it has been asked for something in this session */
    bool proven;   /* the chain says that it has proven to hold all that the session wants */
    bool word_kept, word_broken; /* that promise, in this session */
    uint32_t under_way, window;
    uint32_t best_ms;      /* the shortest time from a want to its block */
    uint32_t fails, donts; /* in a row */
    uint64_t failed_ms;
    uint64_t delivered;
};

struct bitswap_client_session {
    bool used, closing;
    bool held;      /* nobody is asked yet */
    bool searching; /* wants more providers */
    uint32_t first, last, count;
    uint32_t idle;  /* wants that nobody is asked for */
    uint32_t shown; /* providers */
    struct bitswap_client_provider providers[BITSWAP_CLIENT_PROVIDERS];
};

struct bitswap_client_peer {
    bool used;
    enum bitswap_rank rank; /* NORMAL or LAST */
    bool doubted;           /* it has broken promises, but not so many */
    uint32_t pending;       /* entries to send */
    uint32_t latency_ms;    /* from a want to its block; 0: not known */
    uint64_t alive_ms;
    uint32_t kept, broken; /* promises, for the ledger; the host takes them and sets them to 0 */
    uint64_t received, duplicates, unwanted; /* bytes, blocks, blocks */
};

struct bitswap_client_memory {
    struct bitswap_client_want *wants;
    size_t want_count;
    struct bitswap_client_peer *peers;
    size_t peer_count;
    uint32_t *buckets; /* a power of two of them */
    size_t bucket_count;
};

struct bitswap_client {
    struct bitswap_client_memory m;
    struct digest_hash hash;
    uint32_t want_free;
    uint32_t wants_used;
    uint64_t step_ms;
    uint64_t duplicates, unwanted;
    struct bitswap_client_session sessions[BITSWAP_CLIENT_SESSIONS];
    uint8_t recent[BITSWAP_CLIENT_RECENT][BLOCK_DIGEST_SIZE];
};

/* Memory is kept. seed: random, secret. */
void bitswap_client_init(struct bitswap_client *c, const struct bitswap_client_memory *memory,
                         uint64_t seed);

/* A peer can be asked from now on, until it leaves. */
void bitswap_client_join(struct bitswap_client *c, uint32_t peer, enum bitswap_rank rank);
void bitswap_client_leave(struct bitswap_client *c, uint32_t peer);
void bitswap_client_rank(struct bitswap_client *c, uint32_t peer, enum bitswap_rank rank,
                         bool doubted);

/* ERR_LIMIT: too many sessions. Closing cancels what is wanted. */
NODISCARD enum err bitswap_client_open(struct bitswap_client *c, uint32_t *session);
void bitswap_client_close(struct bitswap_client *c, uint32_t session);

/* A joined peer may have what the session wants. OK; ERR_EXISTS; ERR_LIMIT (no slot is free). */
NODISCARD enum err bitswap_client_provider(struct bitswap_client *c, uint32_t session,
                                           uint32_t peer);

/* bitswap_client_hold: nobody is asked for the session, nor looked for, until it is let go. */
void bitswap_client_hold(struct bitswap_client *c, uint32_t session, bool held, uint64_t now_ms);

/* What the chain says of a provider and the session's content; of others it is passed over. */
void bitswap_client_proven(struct bitswap_client *c, uint32_t session, uint32_t peer, bool proven);

/* Takes providers out of the session that have shown nothing, so that others have place. */
void bitswap_client_forget(struct bitswap_client *c, uint32_t session);

/* bitswap_client_want adds a block to a session; the earlier, the more urgent.
 * OK; ERR_EXISTS; ERR_LIMIT (memory); ERR_UNSUPPORTED (an identity CID, another hash). */
NODISCARD enum err bitswap_client_want(struct bitswap_client *c, uint32_t session,
                                       const struct cid *cid, uint64_t now_ms);

/* The session wants it no more; wants it before all else. Nothing when it did not want it. */
void bitswap_client_unwant(struct bitswap_client *c, uint32_t session,
                           const uint8_t digest[BLOCK_DIGEST_SIZE]);
void bitswap_client_urge(struct bitswap_client *c, uint32_t session,
                         const uint8_t digest[BLOCK_DIGEST_SIZE]);

/* True when the session wants it and nobody is left who can be asked. */
bool bitswap_client_hopeless(struct bitswap_client *c, uint32_t session,
                             const uint8_t digest[BLOCK_DIGEST_SIZE]);

/* What a peer's messages say. alive: bytes of a block are coming from it. */
void bitswap_client_presence(struct bitswap_client *c, uint32_t peer, struct span cid, bool have,
                             uint64_t now_ms);
void bitswap_client_alive(struct bitswap_client *c, uint32_t peer, uint64_t now_ms);

/* Whether any session wants this block. */
bool bitswap_client_wants(struct bitswap_client *c, const uint8_t digest[BLOCK_DIGEST_SIZE]);

/* bitswap_client_block: a verified block has come.
 * Returns: the sessions that wanted it, a bit each; 0: a duplicate, or nobody did. */
uint64_t bitswap_client_block(struct bitswap_client *c, uint32_t peer, const struct cid *cid,
                              size_t size, uint64_t now_ms);

/* Time passes: what does not come is asked of others. Cheap when called often. */
void bitswap_client_step(struct bitswap_client *c, uint64_t now_ms);

/* The next peer that a message is due for; false: none. */
bool bitswap_client_next(const struct bitswap_client *c, uint32_t *peer);

/* bitswap_client_compose writes the message into buffer, of at least BITSWAP_CLIENT_BUFFER bytes.
 * Out: *frame, with its length, within buffer; empty when there is nothing to say after all. */
void bitswap_client_compose(struct bitswap_client *c, uint32_t peer, struct mspan buffer,
                            struct span *frame, uint64_t now_ms);

/* bitswap_client_search takes a want that no provider of its session has, and the CID to look for;
 * each once until all are asked again. */
bool bitswap_client_search(struct bitswap_client *c, uint32_t *session, struct cid *cid);

#endif
