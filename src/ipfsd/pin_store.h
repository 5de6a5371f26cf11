/* pin_store: the requests of the pinning API and where each stands, in one LMDB file
 * (CRUST_HOME/pins/pins.db). Records: docs/spec/pinning.md 4 and 6. Every change is on the disk
 * when it returns. Any thread. */
#ifndef CRUST_IPFSD_PIN_STORE_H
#define CRUST_IPFSD_PIN_STORE_H

#include "base/amount.h"
#include "base/err.h"
#include "base/writer.h"

enum {
    PIN_STORE_TOKEN_SIZE = 8,
    PIN_STORE_KEY_SIZE = 16,
    PIN_STORE_REQUESTS_MAX = 65536, /* of all tokens */
    PIN_STORE_TX_MAX = 1200,        /* a signed order with four origins */
    PIN_STORE_DETAILS_MAX = 240,
};

struct pin_store;

/* What names a request: the token and created. */
struct pin_key {
    uint8_t token[PIN_STORE_TOKEN_SIZE];
    uint64_t created_ms;
};

/* Where a request stands. Numbers are part of the format. */
enum pin_step {
    PIN_FETCH = 1,  /* its blocks are to be brought here */
    PIN_ORDER = 2,  /* they are here; to be ordered */
    PIN_SENT = 3,   /* tx is signed, perhaps sent, perhaps in a block */
    PIN_WATCH = 4,  /* ordered */
    PIN_INLINE = 5, /* nothing to do: the CID carries the block */
    PIN_FAILED = 6,
};

struct pin_work {
    enum pin_step step;
    bool removed; /* by its owner; here only until tx is settled */
    bool held;    /* the block store keeps the content for it */
    bool refused; /* PIN_SENT: the chain does not take tx */
    bool proven;  /* PIN_WATCH: as many replicas as wanted, when last looked */
    uint32_t tries;
    uint64_t began_ms; /* of PIN_FETCH: the first try; wall clock */
    uint8_t account[32];
    uint32_t replicas; /* to be ordered; 0: the network's default */
    uint64_t size;     /* from PIN_ORDER on, as data_root */
    uint8_t data_root[32];
    bool has_order;
    uint8_t order[32];
    uint32_t wanted, verified;
    uint64_t expires_at;          /* height; 0: not known */
    struct amount quote, allowed; /* of tx: its price, and what the key could spend before it */
    uint64_t tx_expiry;
    uint32_t tx_size; /* 0: none */
    uint8_t tx[PIN_STORE_TX_MAX];
    char details[PIN_STORE_DETAILS_MAX]; /* for people, NUL-terminated */
};

/* ERR_IO, ERR_CORRUPT, ERR_MEMORY, ERR_LIMIT (the path). */
NODISCARD enum err pin_store_open(struct pin_store **out, const char *path);
void pin_store_close(struct pin_store *s); /* NULL is fine */

/* pin_store_add keeps a new request: key->token is given, created_ms is set to now_ms or the next
 * one that is free. replaced: created_ms of a request of this token that goes with the same step,
 * or 0. ERR_LIMIT (too many), ERR_NOT_FOUND (replaced), ERR_FULL, ERR_IO. */
NODISCARD enum err pin_store_add(struct pin_store *s, struct pin_key *key, uint64_t now_ms,
                                 struct span request, const struct pin_work *work,
                                 uint64_t replaced);

/* pin_store_get: request is copied to room and may be left out (NULL); a removed one is found when
 * removed_too. ERR_NOT_FOUND, ERR_CORRUPT, ERR_LIMIT (room), ERR_IO. */
NODISCARD enum err pin_store_get(struct pin_store *s, const struct pin_key *key,
                                 struct mspan *request, struct pin_work *work, bool removed_too);

/* pin_store_put replaces where a request stands; that its owner has removed it stays, and is told
 * in work. spent is added to what the token has spent. ERR_NOT_FOUND: it is gone. */
NODISCARD enum err pin_store_put(struct pin_store *s, const struct pin_key *key,
                                 struct pin_work *work, struct amount spent);

/* pin_store_remove: nobody sees it any more; the record stays until pin_store_drop.
 * ERR_NOT_FOUND. */
NODISCARD enum err pin_store_remove(struct pin_store *s, const struct pin_key *key);
NODISCARD enum err pin_store_drop(struct pin_store *s, const struct pin_key *key);

/* What was spent through a token so far. */
NODISCARD enum err pin_store_spent(struct pin_store *s, struct amount *out,
                                   const uint8_t token[PIN_STORE_TOKEN_SIZE]);

/* pin_store_list calls fn for the requests of a token, the newest first, without removed ones;
 * pin_store_each for all of all tokens. request is borrowed until fn returns; false ends it. fn
 * calls nothing of the store. */
typedef bool (*pin_store_fn)(void *ctx, const struct pin_key *key, struct span request,
                             const struct pin_work *work);
NODISCARD enum err pin_store_list(struct pin_store *s, const uint8_t token[PIN_STORE_TOKEN_SIZE],
                                  pin_store_fn fn, void *ctx);
NODISCARD enum err pin_store_each(struct pin_store *s, pin_store_fn fn, void *ctx);

/* A work record as bytes, spec 6; for tests and the store. ERR_SHORT, ERR_TRAILING, ERR_FORMAT. */
NODISCARD enum err pin_store_decode(struct pin_work *out, struct span in);
void pin_store_encode(struct writer *w, const struct pin_work *work);

#endif
