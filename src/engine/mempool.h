/* mempool: transactions that were acknowledged and wait for a block. Bounded in number and bytes.
 *
 * An acknowledged transaction leaves only into a block, because it can no longer be valid (its
 * number has been used, it has expired, its account cannot pay), or because its own signer replaced
 * it. It is never pushed out by a better paying one: when the pool is full, new ones are refused.
 * Ordinary transactions may fill three quarters; the rest is kept for beacons, reports and
 * disputes.
 *
 * The loop owns it; functions marked "any thread" may be called beside it. */
#ifndef CRUST_ENGINE_MEMPOOL_H
#define CRUST_ENGINE_MEMPOOL_H

#include "base/err.h"
#include "base/span.h"
#include "chain/chain.h"

enum {
    MEMPOOL_TXS_DEFAULT = 20000, /* as many as a block takes */
    MEMPOOL_BYTES_DEFAULT = 64 << 20,
    MEMPOOL_DROPPED = 4096,       /* how many dropped ones are remembered */
    MEMPOOL_REPLACE_PERCENT = 10, /* a replacement pays this much more */
};

struct mempool;

struct mempool_limits {
    uint32_t txs_max;
    size_t bytes_max;
};

struct mempool_entry {
    struct span bytes; /* the pool's copy */
    struct chain_check check;
    uint64_t sequence; /* by arrival; its key in STATEDB_POOL */
    bool durable;      /* written there */
};

enum mempool_verdict {
    MEMPOOL_ADDED,
    MEMPOOL_KNOWN,    /* the same bytes wait already */
    MEMPOOL_FULL,     /* no room for its kind: later */
    MEMPOOL_CONFLICT, /* its number is taken by one that pays (nearly) as much */
};

/* mempool_new: zero limits mean the defaults. NULL when out of memory. seed: random, against
 * chosen collisions. Freed with mempool_free. */
struct mempool *mempool_new(const struct mempool_limits *limits, uint64_t seed);
void mempool_free(struct mempool *pool);

/* mempool_add copies bytes, which check was made of (check->code is RESULT_OK). *replaced: the
 * sequence of the entry that this one has replaced, or 0. ERR_MEMORY reads as MEMPOOL_FULL. */
enum mempool_verdict mempool_add(struct mempool *pool, uint64_t *replaced,
                                 const struct mempool_entry *entry);

/* mempool_remove takes an entry out because it is in a block now; false: it was not there. */
bool mempool_remove(struct mempool *pool, uint64_t *sequence, const uint8_t id[TX_ID_SIZE]);

/* mempool_drop takes it out because it cannot be valid any more, and remembers why. */
void mempool_drop(struct mempool *pool, const uint8_t id[TX_ID_SIZE], uint32_t code);

void mempool_set_durable(struct mempool *pool, const uint8_t id[TX_ID_SIZE]);

/* mempool_get finds an entry; borrowed until the pool changes. */
bool mempool_get(const struct mempool *pool, struct mempool_entry *out,
                 const uint8_t id[TX_ID_SIZE]);

/* mempool_next walks by arrival; a zero cursor starts. The entry just given may be removed, nothing
 * else may change meanwhile. Borrowed until the pool changes. False at the end. */
struct mempool_cursor {
    bool begun;
    uint32_t at;
};
bool mempool_next(const struct mempool *pool, struct mempool_entry *out,
                  struct mempool_cursor *cursor);

/* ---- any thread ---- */

enum mempool_state { MEMPOOL_ABSENT, MEMPOOL_PENDING, MEMPOOL_DROPPED_FOR };

/* mempool_look tells what is known of a transaction; *code is why it was dropped. A transaction
 * that is not durable yet is absent: it has not been acknowledged. */
enum mempool_state mempool_look(struct mempool *pool, uint32_t *code, const uint8_t id[TX_ID_SIZE]);

/* mempool_next_nonce gives the first number from nonce on that no waiting transaction of this
 * signer (from | by) uses. */
uint64_t mempool_next_nonce(struct mempool *pool, const uint8_t signer[64], uint64_t nonce);

void mempool_size(struct mempool *pool, uint64_t *txs, uint64_t *bytes);

#endif
