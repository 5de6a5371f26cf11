#include "store/sink.h"

static enum err sink_put(void *ctx, const struct block_key *key, struct span data)
{
    struct sink *s = ctx;
    return blockstore_put(s->store, key->digest, data, s->trust);
}

static enum err sink_commit(void *ctx)
{
    struct sink *s = ctx;
    return blockstore_commit(s->store);
}

static enum err sink_pin(void *ctx, const struct pin *pin)
{
    struct sink *s = ctx;
    return blockstore_pin(s->store, pin);
}

enum err sink_open(struct sink *out, struct blockstore *store, enum blockstore_trust trust)
{
    *out = (struct sink){ .store = store, .trust = trust };
    return blockstore_session_begin(store, &out->session);
}

void sink_close(struct sink *s)
{
    if (s->store != NULL)
        blockstore_session_end(s->store, s->session);
    *s = (struct sink){ 0 };
}

struct block_sink sink_interface(struct sink *s)
{
    return (struct block_sink){ .ctx = s, .put = sink_put, .commit = sink_commit, .pin = sink_pin };
}

static enum err source_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    return blockstore_get(ctx, size, buf, key->digest);
}

static enum err source_has(void *ctx, const struct block_key *key)
{
    return blockstore_has(ctx, NULL, key->digest);
}

static enum err source_size(void *ctx, size_t *size, const struct block_key *key)
{
    return blockstore_has(ctx, size, key->digest);
}

struct block_source sink_source(struct blockstore *store)
{
    return (struct block_source){
        .ctx = store, .get = source_get, .has = source_has, .size = source_size
    };
}
