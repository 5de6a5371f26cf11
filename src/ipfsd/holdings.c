#include "ipfsd/holdings.h"

#include "codec/cid.h"
#include "ipfsd/host.h"

enum { ITEMS_EACH = 256 };

/* ERR_NOT_FOUND ends a list well. */
static enum err end_of(enum err e)
{
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err pins(const struct blocks *b, holdings_fn fn, void *ctx, bool *more)
{
    struct blockstore_pin pin;
    uint8_t after[PIN_CID_MAX];
    size_t size = 0;
    while (*more) {
        struct cid cid;
        struct content_key key;
        enum err e = blockstore_pin_next(b->store, &pin, span_of(after, size));
        if (e != OK)
            return end_of(e);
        size = pin.pin.cid.n;
        memcpy(after, pin.pin.cid.p, size);
        if (cid_decode(&cid, pin.pin.cid) == OK && cid_key(&key, &cid) == OK)
            *more = fn(ctx, key.digest);
    }
    return OK;
}

static enum err sealed(const struct blocks *b, holdings_fn fn, void *ctx, bool *more)
{
    struct replicas_entry entry;
    struct content_key after;
    bool first = true;
    while (*more && b->host != NULL) {
        enum err e = replicas_next(&b->host->index, &entry, first ? NULL : &after);
        if (e != OK)
            return end_of(e);
        after = entry.key;
        first = false;
        *more = fn(ctx, entry.key.digest);
    }
    return OK;
}

static enum err stored(const struct blocks *b, holdings_fn fn, void *ctx, bool *more)
{
    struct blockstore_item items[ITEMS_EACH];
    uint8_t after[BLOCK_DIGEST_SIZE];
    size_t count = 0;
    bool first = true;
    while (*more) {
        TRY(blockstore_list(b->store, items, &count, ITEMS_EACH, first ? NULL : after));
        if (count == 0)
            return OK;
        for (size_t i = 0; i < count && *more; i++)
            *more = fn(ctx, items[i].digest);
        memcpy(after, items[count - 1].digest, sizeof(after));
        first = false;
    }
    return OK;
}

enum err holdings_each(const struct blocks *b, bool all, holdings_fn fn, void *ctx)
{
    bool more = true;
    TRY(pins(b, fn, ctx, &more));
    TRY(sealed(b, fn, ctx, &more));
    return all ? stored(b, fn, ctx, &more) : OK;
}
