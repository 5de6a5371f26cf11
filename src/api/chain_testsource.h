/* chain_testsource: a chain with its tables in memory, as crust-chaind's snapshots give them, for
 * the tests and fuzz targets of the chain API. What is in it: api/chain_testlists.h. */
#ifndef CRUST_API_CHAIN_TESTSOURCE_H
#define CRUST_API_CHAIN_TESTSOURCE_H

#include "api/chain_api.h"
#include "chain/testworld.h"
#include "codec/block.h"

#include <stdlib.h>

enum {
    SOURCE_TABLE = 1 << 20,
    SOURCE_STATE = 8 << 20,
    SOURCE_MEMORY = 8 << 20,
    SOURCE_EVENTS = 1 << 16,
};

struct source {
    struct world w;
    struct memkv tables[4]; /* blocks, results, txs, index */
    struct chain_api_source src;
    uint8_t pending[32]; /* the id that the pool holds */
    uint8_t dropped[32];
    uint8_t transfer[32]; /* ids of the two transactions in block 1 */
    uint8_t order_tx[32];
    uint8_t order[32];
    struct content_key key;
    uint8_t events[SOURCE_EVENTS];
    struct writer events_w;
    uint32_t event_count;
    uint8_t parent[32];
};

static inline enum chain_api_pool_state source_look(void *ctx, uint32_t *code, const uint8_t id[32])
{
    struct source *s = ctx;
    *code = RESULT_EXPIRED;
    if (memcmp(id, s->pending, 32) == 0)
        return CHAIN_API_POOL_PENDING;
    return memcmp(id, s->dropped, 32) == 0 ? CHAIN_API_POOL_DROPPED : CHAIN_API_POOL_ABSENT;
}

static inline uint64_t source_next_nonce(void *ctx, const uint8_t signer[64], uint64_t nonce)
{
    (void)ctx, (void)signer;
    return nonce + 3;
}

static inline void source_size(void *ctx, uint64_t *txs, uint64_t *bytes)
{
    (void)ctx;
    *txs = 3;
    *bytes = 300;
}

static inline void source_emit(void *ctx, int64_t tx, const struct ledger_event *event)
{
    struct source *s = ctx;
    struct block_event e = { .tx = tx < 0 ? BLOCK_NO_TX : tx,
                             .type = span_str(event->type),
                             .attr_count = event->attr_count };
    for (uint32_t i = 0; i < event->attr_count; i++) {
        e.attrs[i].key = span_str(event->attrs[i].key);
        e.attrs[i].value = span_str(event->attrs[i].value);
    }
    block_event_encode(&s->events_w, &e);
    s->event_count++;
}

static inline void source_put(struct memkv *table, struct span key, struct span value)
{
    const struct kv kv = memkv_kv(table);
    if (kv_put(&kv, key, value) != OK)
        abort();
}

/* One block, stored as the engine stores it. */
static inline void source_block(struct source *s, const struct span *txs, size_t count)
{
    struct chain_tx_result results[8];
    struct block_tx_result coded[8];
    struct chain_output out;
    static uint8_t record[1 << 17];
    uint8_t height[8], place[12];
    struct block_header h = { .height = s->w.chain.height + 1,
                              .time_ms = s->w.chain.time_ms + 1000 };
    memcpy(h.parent, s->parent, 32);
    memcpy(h.app_hash, s->w.chain.app_hash, 32);
    memcpy(h.chain, s->w.chain_hash, 32);
    block_tx_root(h.tx_root, txs, count);
    agreement_hash(h.agreement, NULL);
    struct chain_block block = {
        .height = h.height, .time_ms = h.time_ms, .txs = txs, .tx_count = count
    };
    block_hash(block.hash, &h);
    memcpy(s->parent, block.hash, 32);
    s->events_w = writer_of(s->events, sizeof(s->events));
    s->event_count = 0;
    const struct chain_sink sink = { .emit = source_emit, .ctx = s };
    if (chain_finalize(&s->w.chain, &out, results, &block, &sink) != OK)
        abort();
    struct writer w = writer_of(record, sizeof(record));
    block_encode(&w, &h, NULL, txs, count);
    store_be64(height, h.height);
    source_put(&s->tables[0], span_of(height, 8), writer_span(&w));
    for (size_t i = 0; i < count; i++) {
        uint8_t id[32];
        coded[i] = (struct block_tx_result){ (uint32_t)results[i].code, results[i].fee };
        tx_id(id, txs[i]);
        store_be64(place, h.height);
        store_be32(place + 8, (uint32_t)i);
        source_put(&s->tables[2], span_of(id, 32), span_of(place, 12));
    }
    struct block_result r = { .tx_count = (uint32_t)count,
                              .event_count = s->event_count,
                              .events = writer_span(&s->events_w) };
    memcpy(r.app_hash, out.app_hash, 32);
    w = writer_of(record, sizeof(record));
    block_result_encode(&w, &r, coded);
    source_put(&s->tables[1], span_of(height, 8), writer_span(&w));
    s->src.height = h.height;
    memcpy(s->src.app_hash, out.app_hash, 32);
    memcpy(s->src.block_hash, s->parent, 32);
}

/* The answer to a GET of path?query, in room; a NUL stands behind it. */
static inline struct span source_ask(struct source *s, struct chain_api_plan *plan,
                                     struct mspan room, const char *target)
{
    const char *mark = strchr(target, '?');
    size_t path_size = mark == NULL ? strlen(target) : (size_t)(mark - target);
    const struct chain_api_request rq = {
        .method = CHAIN_API_GET,
        .path = span_of(target, path_size),
        .query = span_str(mark == NULL ? "" : mark + 1),
    };
    struct writer w = writer_of(room.p, room.n - 1);
    enum err e = chain_api_plan(plan, &w, &s->src, &rq);
    ASSERT(e == OK);
    room.p[w.len] = '\0';
    return writer_span(&w);
}

#endif
