#include "engine/mempool.h"

#include <pthread.h>
#include <stdlib.h>

/* No slot. */
#define NONE UINT32_MAX

struct slot {
    struct mempool_entry e;
    uint32_t by_id;    /* next in the bucket */
    uint32_t by_nonce; /* next in the bucket, or the next free slot */
    uint32_t older, newer;
    bool used;
};

struct dropped {
    uint8_t id[TX_ID_SIZE];
    uint32_t code;
    bool used;
};

struct mempool {
    pthread_mutex_t lock; /* held for single steps only */
    struct mempool_limits limits;
    struct slot *slots;
    uint32_t *id_buckets, *nonce_buckets;
    uint32_t bucket_mask;
    uint32_t free_slot;
    uint32_t oldest, newest;
    uint32_t count;
    size_t bytes;
    uint64_t seed;
    uint32_t dropped_at;
    struct dropped dropped[MEMPOOL_DROPPED];
};

/* ---- hashing -----------------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t h)
{
    h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint32_t *id_bucket(const struct mempool *pool, const uint8_t id[TX_ID_SIZE])
{
    return &pool->id_buckets[mix(load_le64(id) ^ pool->seed) & pool->bucket_mask];
}

static uint32_t *nonce_bucket(const struct mempool *pool, const uint8_t signer[64], uint64_t nonce)
{
    uint64_t h = pool->seed ^ nonce;
    for (size_t i = 0; i < 64; i += 8)
        h = mix(h ^ load_le64(signer + i));
    return &pool->nonce_buckets[h & pool->bucket_mask];
}

static bool has_nonce(const struct chain_check *check)
{
    static const uint8_t unsigned_tx[64];
    return memcmp(check->signer, unsigned_tx, sizeof(unsigned_tx)) != 0;
}

static uint32_t find_id(const struct mempool *pool, const uint8_t id[TX_ID_SIZE])
{
    uint32_t at = *id_bucket(pool, id);
    while (at != NONE && memcmp(pool->slots[at].e.check.id, id, TX_ID_SIZE) != 0)
        at = pool->slots[at].by_id;
    return at;
}

static uint32_t find_nonce(const struct mempool *pool, const uint8_t signer[64], uint64_t nonce)
{
    uint32_t at = *nonce_bucket(pool, signer, nonce);
    while (at != NONE && (pool->slots[at].e.check.nonce != nonce ||
                          memcmp(pool->slots[at].e.check.signer, signer, 64) != 0))
        at = pool->slots[at].by_nonce;
    return at;
}

/* ---- linking -----------------------------------------------------------------------------------
 */

static void unlink_id(struct mempool *pool, uint32_t at)
{
    uint32_t *link = id_bucket(pool, pool->slots[at].e.check.id);
    while (*link != at)
        link = &pool->slots[*link].by_id;
    *link = pool->slots[at].by_id;
}

static void unlink_nonce(struct mempool *pool, uint32_t at)
{
    const struct chain_check *check = &pool->slots[at].e.check;
    if (!has_nonce(check))
        return;
    uint32_t *link = nonce_bucket(pool, check->signer, check->nonce);
    while (*link != at)
        link = &pool->slots[*link].by_nonce;
    *link = pool->slots[at].by_nonce;
}

static void take_out(struct mempool *pool, uint32_t at)
{
    struct slot *s = &pool->slots[at];
    unlink_id(pool, at);
    unlink_nonce(pool, at);
    if (s->older == NONE)
        pool->oldest = s->newer;
    else
        pool->slots[s->older].newer = s->newer;
    if (s->newer == NONE)
        pool->newest = s->older;
    else
        pool->slots[s->newer].older = s->older;
    pool->bytes -= s->e.bytes.n;
    pool->count--;
    free((void *)(uintptr_t)s->e.bytes.p);
    *s = (struct slot){ .by_nonce = pool->free_slot };
    pool->free_slot = at;
}

static void put_in(struct mempool *pool, const struct mempool_entry *entry, uint8_t *copy)
{
    uint32_t at = pool->free_slot;
    struct slot *s = &pool->slots[at];
    pool->free_slot = s->by_nonce;
    *s = (struct slot){ .e = *entry, .older = pool->newest, .newer = NONE, .used = true };
    s->e.bytes.p = copy;
    uint32_t *bucket = id_bucket(pool, s->e.check.id);
    s->by_id = *bucket;
    *bucket = at;
    if (has_nonce(&s->e.check)) {
        bucket = nonce_bucket(pool, s->e.check.signer, s->e.check.nonce);
        s->by_nonce = *bucket;
        *bucket = at;
    }
    if (pool->newest == NONE)
        pool->oldest = at;
    else
        pool->slots[pool->newest].newer = at;
    pool->newest = at;
    pool->count++;
    pool->bytes += entry->bytes.n;
}

static void remember(struct mempool *pool, const uint8_t id[TX_ID_SIZE], uint32_t code)
{
    struct dropped *d = &pool->dropped[pool->dropped_at++ % MEMPOOL_DROPPED];
    memcpy(d->id, id, TX_ID_SIZE);
    d->code = code;
    d->used = true;
}

/* ---- the interface -----------------------------------------------------------------------------
 */

struct mempool *mempool_new(const struct mempool_limits *limits, uint64_t seed)
{
    struct mempool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return NULL;
    pool->limits = *limits;
    if (pool->limits.txs_max == 0)
        pool->limits.txs_max = MEMPOOL_TXS_DEFAULT;
    if (pool->limits.bytes_max == 0)
        pool->limits.bytes_max = MEMPOOL_BYTES_DEFAULT;
    uint32_t buckets = 16;
    while (buckets < pool->limits.txs_max && buckets < 1u << 30)
        buckets *= 2;
    pool->bucket_mask = buckets - 1;
    pool->seed = seed;
    pool->slots = calloc(pool->limits.txs_max, sizeof(*pool->slots));
    pool->id_buckets = malloc(buckets * sizeof(uint32_t));
    pool->nonce_buckets = malloc(buckets * sizeof(uint32_t));
    pthread_mutex_init(&pool->lock, NULL);
    if (pool->slots == NULL || pool->id_buckets == NULL || pool->nonce_buckets == NULL) {
        mempool_free(pool);
        return NULL;
    }
    memset(pool->id_buckets, 0xff, buckets * sizeof(uint32_t));
    memset(pool->nonce_buckets, 0xff, buckets * sizeof(uint32_t));
    for (uint32_t i = 0; i < pool->limits.txs_max; i++)
        pool->slots[i].by_nonce = i + 1 == pool->limits.txs_max ? NONE : i + 1;
    pool->oldest = pool->newest = NONE;
    return pool;
}

void mempool_free(struct mempool *pool)
{
    if (pool == NULL)
        return;
    for (uint32_t i = 0; pool->slots != NULL && i < pool->limits.txs_max; i++)
        if (pool->slots[i].used)
            free((void *)(uintptr_t)pool->slots[i].e.bytes.p);
    free(pool->slots);
    free(pool->id_buckets);
    free(pool->nonce_buckets);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* Room for one more of this priority? Ordinary ones leave a quarter free. */
static bool has_room(const struct mempool *pool, const struct mempool_entry *entry)
{
    uint64_t txs = pool->limits.txs_max, bytes = pool->limits.bytes_max;
    if (entry->check.priority == 0) {
        txs -= txs / 4;
        bytes -= bytes / 4;
    }
    return pool->free_slot != NONE && pool->count < txs && entry->bytes.n <= bytes &&
           pool->bytes <= bytes - entry->bytes.n;
}

/* True when fee is enough to replace old: more by MEMPOOL_REPLACE_PERCENT. */
static bool outbids(struct amount fee, struct amount old)
{
    struct amount step = AMOUNT_OF(old.units / PERCENT * MEMPOOL_REPLACE_PERCENT);
    struct amount least = amount_sat_add(old, amount_max(step, AMOUNT_OF(1)));
    return amount_cmp(fee, least) >= 0;
}

static enum mempool_verdict add_locked(struct mempool *pool, uint64_t *replaced,
                                       const struct mempool_entry *entry)
{
    const struct chain_check *check = &entry->check;
    if (find_id(pool, check->id) != NONE)
        return MEMPOOL_KNOWN;
    uint32_t old = has_nonce(check) ? find_nonce(pool, check->signer, check->nonce) : NONE;
    if (old != NONE && !outbids(check->fee, pool->slots[old].e.check.fee))
        return MEMPOOL_CONFLICT;
    if (!has_room(pool, entry))
        return MEMPOOL_FULL;
    uint8_t *copy = malloc(entry->bytes.n);
    if (copy == NULL)
        return MEMPOOL_FULL;
    memcpy(copy, entry->bytes.p, entry->bytes.n);
    if (old != NONE) {
        *replaced = pool->slots[old].e.sequence;
        remember(pool, pool->slots[old].e.check.id, RESULT_BAD_NONCE);
        take_out(pool, old);
    }
    put_in(pool, entry, copy);
    return MEMPOOL_ADDED;
}

enum mempool_verdict mempool_add(struct mempool *pool, uint64_t *replaced,
                                 const struct mempool_entry *entry)
{
    ASSERT(entry->bytes.n > 0 && entry->sequence > 0);
    *replaced = 0;
    pthread_mutex_lock(&pool->lock);
    enum mempool_verdict v = add_locked(pool, replaced, entry);
    pthread_mutex_unlock(&pool->lock);
    return v;
}

bool mempool_remove(struct mempool *pool, uint64_t *sequence, const uint8_t id[TX_ID_SIZE])
{
    pthread_mutex_lock(&pool->lock);
    uint32_t at = find_id(pool, id);
    *sequence = at == NONE ? 0 : pool->slots[at].e.sequence;
    if (at != NONE)
        take_out(pool, at);
    pthread_mutex_unlock(&pool->lock);
    return at != NONE;
}

void mempool_drop(struct mempool *pool, const uint8_t id[TX_ID_SIZE], uint32_t code)
{
    pthread_mutex_lock(&pool->lock);
    uint32_t at = find_id(pool, id);
    remember(pool, id, code);
    if (at != NONE)
        take_out(pool, at);
    pthread_mutex_unlock(&pool->lock);
}

void mempool_set_durable(struct mempool *pool, const uint8_t id[TX_ID_SIZE])
{
    pthread_mutex_lock(&pool->lock);
    uint32_t at = find_id(pool, id);
    if (at != NONE)
        pool->slots[at].e.durable = true;
    pthread_mutex_unlock(&pool->lock);
}

bool mempool_get(const struct mempool *pool, struct mempool_entry *out,
                 const uint8_t id[TX_ID_SIZE])
{
    uint32_t at = find_id(pool, id);
    *out = at == NONE ? (struct mempool_entry){ 0 } : pool->slots[at].e;
    return at != NONE;
}

bool mempool_next(const struct mempool *pool, struct mempool_entry *out,
                  struct mempool_cursor *cursor)
{
    /* Only the loop changes the pool, so it may read without the lock. */
    uint32_t at = cursor->begun ? cursor->at : pool->oldest;
    cursor->begun = true;
    *out = at == NONE ? (struct mempool_entry){ 0 } : pool->slots[at].e;
    cursor->at = at == NONE ? NONE : pool->slots[at].newer;
    return at != NONE;
}

enum mempool_state mempool_look(struct mempool *pool, uint32_t *code, const uint8_t id[TX_ID_SIZE])
{
    enum mempool_state state = MEMPOOL_ABSENT;
    *code = 0;
    pthread_mutex_lock(&pool->lock);
    uint32_t at = find_id(pool, id);
    if (at != NONE && pool->slots[at].e.durable)
        state = MEMPOOL_PENDING;
    for (uint32_t i = 0; at == NONE && i < MEMPOOL_DROPPED; i++) {
        if (!pool->dropped[i].used || memcmp(pool->dropped[i].id, id, TX_ID_SIZE) != 0)
            continue;
        state = MEMPOOL_DROPPED_FOR;
        *code = pool->dropped[i].code;
    }
    pthread_mutex_unlock(&pool->lock);
    return state;
}

uint64_t mempool_next_nonce(struct mempool *pool, const uint8_t signer[64], uint64_t nonce)
{
    pthread_mutex_lock(&pool->lock);
    while (find_nonce(pool, signer, nonce) != NONE)
        nonce++;
    pthread_mutex_unlock(&pool->lock);
    return nonce;
}

void mempool_size(struct mempool *pool, uint64_t *txs, uint64_t *bytes)
{
    pthread_mutex_lock(&pool->lock);
    *txs = pool->count;
    *bytes = pool->bytes;
    pthread_mutex_unlock(&pool->lock);
}
