#include "ipfs/bitswap_fetch.h"

void bitswap_fetch_init(struct bitswap_fetch *f, struct bitswap_client *client, uint32_t session,
                        struct dag_walk *walk, uint32_t ahead)
{
    ASSERT(ahead <= BITSWAP_FETCH_AHEAD);
    *f = (struct bitswap_fetch){
        .client = client, .session = session, .walk = walk, .ahead = ahead
    };
}

/* The present block must be wanted; those after it are only hints. */
static enum err want(struct bitswap_fetch *f, const struct cid *cid, uint64_t now_ms)
{
    enum err e = bitswap_client_want(f->client, f->session, cid, now_ms);
    f->wanted += e == OK;
    return e == ERR_EXISTS ? OK : e;
}

static void want_ahead(struct bitswap_fetch *f, uint64_t now_ms)
{
    struct cid cid;
    struct block_key key;
    size_t at = 0;
    for (uint32_t i = 0; i < f->ahead && dag_walk_ahead(f->walk, &at, &cid); i++) {
        if (dag_block_key(&key, &cid) != OK ||
            block_source_has(f->walk->source, &key) != ERR_NOT_FOUND)
            continue;
        if (want(f, &cid, now_ms) != OK)
            return;
    }
}

enum err bitswap_fetch_next(struct bitswap_fetch *f, struct dag_walk_item *out, uint64_t now_ms)
{
    enum err e = dag_walk_next(f->walk, out);
    if (e != ERR_NOT_FOUND)
        return e;
    TRY(want(f, &f->walk->cid, now_ms));
    want_ahead(f, now_ms);
    return ERR_BUSY;
}
