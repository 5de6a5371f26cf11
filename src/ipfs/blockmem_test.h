/* blockmem_test: a block store in memory, for tests. It counts what it is asked, can lack a block,
 * and fails after a number of calls. */
#ifndef CRUST_IPFS_BLOCKMEM_TEST_H
#define CRUST_IPFS_BLOCKMEM_TEST_H

#include "base/check.h"
#include "ipfs/blockio.h"

enum { BLOCKMEM_MAX = 8192 };

struct blockmem {
    struct {
        struct block_key key;
        uint8_t *data;
        size_t size;
    } blocks[BLOCKMEM_MAX];
    size_t count;
    uint64_t gets, puts;
    uint64_t fail_every; /* each n-th get answers ERR_TIMEOUT once; 0: never */
};

static inline size_t blockmem_find(const struct blockmem *m, const uint8_t digest[32])
{
    size_t i = 0;
    while (i < m->count && memcmp(m->blocks[i].key.digest, digest, 32) != 0)
        i++;
    return i;
}

static inline enum err blockmem_put(void *ctx, const struct block_key *key, struct span data)
{
    struct blockmem *m = ctx;
    m->puts++;
    if (blockmem_find(m, key->digest) < m->count)
        return OK;
    if (m->count == BLOCKMEM_MAX)
        return ERR_FULL;
    m->blocks[m->count].key = *key;
    m->blocks[m->count].data = check_dup(data.p, data.n);
    m->blocks[m->count].size = data.n;
    m->count++;
    return OK;
}

static inline enum err blockmem_get(void *ctx, size_t *size, struct mspan buf,
                                    const struct block_key *key)
{
    struct blockmem *m = ctx;
    size_t i = blockmem_find(m, key->digest);
    m->gets++;
    *size = 0;
    if (m->fail_every != 0 && m->gets % m->fail_every == 0)
        return ERR_TIMEOUT;
    if (i == m->count)
        return ERR_NOT_FOUND;
    *size = m->blocks[i].size;
    if (*size > buf.n)
        return ERR_LIMIT;
    memcpy(buf.p, m->blocks[i].data, *size);
    return OK;
}

static inline enum err blockmem_has(void *ctx, const struct block_key *key)
{
    struct blockmem *m = ctx;
    return blockmem_find(m, key->digest) < m->count ? OK : ERR_NOT_FOUND;
}

static inline struct block_sink blockmem_sink(struct blockmem *m)
{
    return (struct block_sink){ .ctx = m, .put = blockmem_put };
}

static inline struct block_source blockmem_source(struct blockmem *m)
{
    return (struct block_source){ .ctx = m, .get = blockmem_get, .has = blockmem_has };
}

static inline void blockmem_remove(struct blockmem *m, const uint8_t digest[32])
{
    size_t i = blockmem_find(m, digest);
    CHECK(i < m->count);
    free(m->blocks[i].data);
    m->blocks[i] = m->blocks[--m->count];
}

static inline void blockmem_free(struct blockmem *m)
{
    for (size_t i = 0; i < m->count; i++)
        free(m->blocks[i].data);
    free(m);
}

#endif
