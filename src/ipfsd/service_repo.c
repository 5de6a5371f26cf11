#include "codec/cid.h"
#include "ipfs/dag_walk.h"
#include "ipfsd/service.h"
#include "store/sink.h"

#include <stdio.h>
#include <stdlib.h>

static enum err key_of(struct block_key *key, const struct call *c)
{
    struct node_block b;
    TRY(node_msg_decode_block(&b, c->body));
    key->codec = b.codec;
    memcpy(key->digest, b.digest, sizeof(b.digest));
    return OK;
}

enum err service_block_get(struct call *c)
{
    struct block_key key;
    size_t size;
    TRY(key_of(&key, c));
    TRY(blocks_size(&c->node->blocks, &size, &key));
    c->reply_bulk.p = malloc(size + 1);
    if (c->reply_bulk.p == NULL)
        return ERR_MEMORY;
    TRY(blocks_get(&c->node->blocks, &size, (struct mspan){ c->reply_bulk.p, size }, &key));
    c->reply_bulk.n = size;
    return OK;
}

enum err service_block_has(struct call *c)
{
    struct block_key key;
    size_t size;
    TRY(key_of(&key, c));
    TRY(blocks_size(&c->node->blocks, &size, &key));
    call_reply_size(c, size);
    return OK;
}

enum err service_pin_next(struct call *c)
{
    struct node_cid after;
    struct blockstore_pin pin;
    TRY(node_msg_decode_cid(&after, c->body));
    TRY(blockstore_pin_next(c->node->repo.store, &pin, after.cid));
    const struct node_pin p = { .cid = pin.pin.cid,
                                .recursive = pin.pin.mode == PIN_RECURSIVE,
                                .profile = pin.pin.profile,
                                .name = pin.pin.name,
                                .time_s = pin.pin.time_unix_s };
    struct writer w = call_reply_room(c, 1024);
    node_msg_encode_pin(&w, &p);
    call_reply_set(c, &w);
    return OK;
}

enum err service_repo_stat(struct call *c)
{
    struct blockstore_stat s;
    TRY(node_msg_decode_none(c->body));
    TRY(blockstore_stat(c->node->repo.store, &s));
    struct node_repo_stat out = { .blocks = s.blocks,
                                  .bytes = s.block_bytes,
                                  .disk = s.disk_bytes,
                                  .free = s.free_bytes,
                                  .quota = s.quota_bytes,
                                  .pins = s.pins };
    struct writer w = call_reply_room(c, 512);
    node_msg_encode_repo_stat(&w, &out);
    call_reply_set(c, &w);
    return OK;
}

/* ---- verify ---- */

static bool verify_progress(void *ctx, const struct blockstore_progress *p)
{
    struct call *c = ctx;
    call_progress(c, "verify", p->blocks, p->blocks_total);
    return !call_gone(c);
}

enum err service_repo_verify(struct call *c)
{
    struct blockstore_progress result;
    const struct blockstore_verify_events events = { .ctx = c, .progress = verify_progress };
    TRY(node_msg_decode_none(c->body));
    TRY(blockstore_verify(c->node->repo.store, &result, &events));
    const struct node_progress p = { span_str("verify"), result.blocks, result.blocks_total,
                                     result.bad };
    call_reply_progress(c, &p);
    return OK;
}

/* ---- garbage collection ---- */

enum {
    GC_STACK = 4 << 20, /* links of the nodes between a root and the block visited */
    GC_BUDGET = 10000,  /* blocks between two looks at whether anybody still waits */
};

struct gc {
    struct call *call;
    struct blockstore *store;
    struct blockstore_gc *run;
    struct block_source source;
    uint8_t *block, *stack;
    uint64_t marked;
    uint8_t last[PIN_CID_MAX];
};

static enum err mark(void *ctx, bool *fresh, const struct content_key *key)
{
    struct gc *g = ctx;
    bool known = false;
    enum err e = blockstore_gc_mark(g->run, key->digest, &known);
    *fresh = !known;
    if (*fresh)
        call_progress(g->call, "mark", ++g->marked, 0);
    return e == OK && call_gone(g->call) ? ERR_CLOSED : e;
}

static enum err mark_pin(struct gc *g, const struct pin *pin)
{
    struct dag_walk_seen seen = { .ctx = g, .add = mark };
    struct dag_walk walk;
    struct dag_walk_item item = { 0 };
    struct cid cid;
    TRY(cid_decode(&cid, pin->cid));
    if (pin->mode == PIN_DIRECT) {
        struct block_key key;
        return dag_block_key(&key, &cid) != OK ? OK : blockstore_gc_mark(g->run, key.digest, NULL);
    }
    dag_walk_init(&walk, &g->source, (struct mspan){ g->block, BLOCK_SIZE_MAX },
                  (struct mspan){ g->stack, GC_STACK }, &seen);
    TRY(dag_walk_add(&walk, &cid));
    while (!item.end)
        TRY(dag_walk_next(&walk, &item));
    return OK;
}

static enum err mark_all(struct gc *g)
{
    struct blockstore_pin pin;
    struct span after = { g->last, 0 };
    enum err e;
    while ((e = blockstore_pin_next(g->store, &pin, after)) == OK) {
        memcpy(g->last, pin.pin.cid.p, pin.pin.cid.n);
        after.n = pin.pin.cid.n;
        e = mark_pin(g, &pin.pin);
        if (e != OK) {
            struct cid cid;
            char text[CID_TEXT_MAX] = "?";
            if (cid_decode(&cid, after) == OK)
                cid_format(text, &cid);
            return call_fail(g->call, e, "crust pin rm CID",
                             "the pin %s is not whole here (%s): nothing was removed", text,
                             err_text(e));
        }
    }
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err sweep(struct gc *g)
{
    bool done = false, more = true;
    while (!done) {
        TRY(blockstore_gc_sweep(g->run, GC_BUDGET, &done));
        call_progress(g->call, "sweep", 0, 0);
        if (call_gone(g->call))
            return ERR_CLOSED;
    }
    while (more)
        TRY(blockstore_reclaim(g->store, GC_BUDGET, &more));
    return OK;
}

static enum err collect(struct gc *g, struct blockstore_gc_result *result)
{
    char scratch[SETTINGS_PATH_MAX + 16];
    if (g->block == NULL || g->stack == NULL)
        return ERR_MEMORY;
    (void)snprintf(scratch, sizeof(scratch), "%s/gc.marks", g->call->node->settings.store);
    TRY(blockstore_gc_begin(&g->run, g->store, scratch));
    enum err e = mark_all(g);
    if (e == OK)
        e = sweep(g);
    blockstore_gc_end(g->run, result);
    return e;
}

enum err service_repo_gc(struct call *c)
{
    struct blockstore_gc_result result = { 0 };
    TRY(node_msg_decode_none(c->body));
    struct gc g = { .call = c,
                    .store = c->node->repo.store,
                    .source = sink_source(c->node->repo.store),
                    .block = malloc(BLOCK_SIZE_MAX),
                    .stack = malloc(GC_STACK) };
    enum err e = collect(&g, &result);
    free(g.block);
    free(g.stack);
    if (e != OK)
        return e;
    const struct node_progress p = { span_str("sweep"), result.removed,
                                     result.kept + result.removed, 0 };
    call_reply_progress(c, &p);
    return OK;
}
