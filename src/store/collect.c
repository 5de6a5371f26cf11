#include "store/collect.h"

#include "ipfs/dag_walk.h"
#include "store/sink.h"

#include <stdlib.h>

enum {
    STACK = 4 << 20, /* links of the nodes between a root and the block visited */
    BUDGET = 10000,  /* blocks between two looks at whether to go on */
};

struct run {
    struct collect *c;
    struct blockstore_gc *gc;
    struct block_source source;
    struct mspan block, stack;
    uint64_t marked, swept;
};

static enum err go_on(const struct run *r, const char *phase, uint64_t done)
{
    if (r->c->progress == NULL || r->c->progress(r->c->ctx, phase, done))
        return OK;
    return ERR_CLOSED;
}

/* The marks are the walk's memory of what it has seen. */
static enum err mark(void *ctx, bool *fresh, const struct content_key *key)
{
    struct run *r = ctx;
    bool known = false;
    TRY(blockstore_gc_mark(r->gc, key->digest, &known));
    *fresh = !known;
    if (known || ++r->marked % BUDGET != 0)
        return OK;
    return go_on(r, "mark", r->marked);
}

static enum err mark_pin(struct run *r, const struct pin *pin, const struct cid *cid)
{
    if (pin->mode == PIN_DIRECT) {
        struct block_key key;
        return dag_block_key(&key, cid) != OK ? OK : blockstore_gc_mark(r->gc, key.digest, NULL);
    }
    struct dag_walk_seen seen = { .ctx = r, .add = mark };
    struct dag_walk walk;
    struct dag_walk_item item = { 0 };
    dag_walk_init(&walk, &r->source, r->block, r->stack, &seen);
    TRY(dag_walk_add(&walk, cid));
    while (!item.end)
        TRY(dag_walk_next(&walk, &item));
    return OK;
}

static enum err mark_all(struct run *r)
{
    uint8_t last[PIN_CID_MAX];
    struct blockstore_pin pin;
    struct span after = { last, 0 };
    enum err e;
    while ((e = blockstore_pin_next(r->c->store, &pin, after)) == OK) {
        struct cid cid;
        memcpy(last, pin.pin.cid.p, pin.pin.cid.n);
        after.n = pin.pin.cid.n;
        TRY(cid_decode(&cid, after));
        e = mark_pin(r, &pin.pin, &cid);
        if (e != OK && e != ERR_CLOSED)
            r->c->broken = cid;
        TRY(e);
    }
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err sweep_all(struct run *r)
{
    bool done = false, more = true;
    while (!done) {
        TRY(blockstore_gc_sweep(r->gc, BUDGET, &done));
        r->swept += BUDGET;
        TRY(go_on(r, "sweep", r->swept));
    }
    while (more)
        TRY(blockstore_reclaim(r->c->store, BUDGET, &more));
    return OK;
}

enum err collect_run(struct collect *c)
{
    c->result = (struct blockstore_gc_result){ 0 };
    c->broken = (struct cid){ 0 };
    struct run r = { .c = c,
                     .source = sink_source(c->store),
                     .block = { malloc(BLOCK_SIZE_MAX), BLOCK_SIZE_MAX },
                     .stack = { malloc(STACK), STACK } };
    enum err e = r.block.p == NULL || r.stack.p == NULL ? ERR_MEMORY : OK;
    if (e == OK)
        e = blockstore_gc_begin(&r.gc, c->store, c->scratch_path);
    if (e == OK)
        e = mark_all(&r);
    if (e == OK)
        e = sweep_all(&r);
    blockstore_gc_end(r.gc, &c->result);
    free(r.block.p);
    free(r.stack.p);
    return e;
}
