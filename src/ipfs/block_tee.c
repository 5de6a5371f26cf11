#include "ipfs/block_tee.h"

static enum err tee_put(void *ctx, const struct block_key *key, struct span data)
{
    struct block_tee *t = ctx;
    struct content_key content = { .codec = (uint32_t)key->codec };
    bool fresh = false;
    if (key->codec > UINT32_MAX)
        return ERR_UNSUPPORTED;
    memcpy(content.digest, key->digest, sizeof(content.digest));
    TRY(t->seen->add(t->seen->ctx, &fresh, &content));
    if (fresh)
        TRY(t->observe(t->ctx, &content, data));
    return t->next != NULL ? block_sink_put(t->next, key, data) : OK;
}

static enum err tee_commit(void *ctx)
{
    struct block_tee *t = ctx;
    return t->next != NULL ? block_sink_commit(t->next) : OK;
}

static enum err tee_pin(void *ctx, const struct pin *pin)
{
    struct block_tee *t = ctx;
    return t->next != NULL ? block_sink_pin(t->next, pin) : OK;
}

struct block_sink block_tee_sink(struct block_tee *t)
{
    return (struct block_sink){ .ctx = t, .put = tee_put, .commit = tee_commit, .pin = tee_pin };
}
