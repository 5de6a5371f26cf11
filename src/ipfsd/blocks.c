#include "ipfsd/blocks.h"

#include "ipfsd/host.h"

enum err blocks_get(struct blocks *b, size_t *size, struct mspan buf, const struct block_key *key)
{
    enum err e = blockstore_get(b->store, size, buf, key->digest);
    if ((e != ERR_NOT_FOUND && e != ERR_CORRUPT) || b->host == NULL)
        return e;
    return host_unseal(b->host, size, buf, key->digest);
}

enum err blocks_size(struct blocks *b, size_t *size, const struct block_key *key)
{
    enum err e = blockstore_has(b->store, size, key->digest);
    if (e != ERR_NOT_FOUND || b->host == NULL)
        return e;
    return host_sealed_size(b->host, size, key->digest);
}

static enum err source_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    return blocks_get(ctx, size, buf, key);
}

static enum err source_has(void *ctx, const struct block_key *key)
{
    return blocks_size(ctx, NULL, key);
}

static enum err source_size(void *ctx, size_t *size, const struct block_key *key)
{
    return blocks_size(ctx, size, key);
}

struct block_source blocks_source(struct blocks *b)
{
    return (
        struct block_source){ .ctx = b, .get = source_get, .has = source_has, .size = source_size };
}
