/* chain_testsource: a small chain with its tables in memory, as crust-chaind's snapshots give them,
 * for the tests and fuzz targets of the chain API. */
#ifndef CRUST_API_CHAIN_TESTSOURCE_H
#define CRUST_API_CHAIN_TESTSOURCE_H

#include "api/chain_api.h"
#include "chain/testworld.h"
#include "chain/work_store.h"
#include "codec/block.h"
#include "codec/chain_index.h"
#include "crypto/random.h"

#include <stdlib.h>

enum { SOURCE_TABLE = 1 << 20, SOURCE_STATE = 8 << 20, SOURCE_EVENTS = 1 << 16 };

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
    block_encode(&w, &h, txs, count);
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

static inline void source_index(struct source *s, struct chain_index_key key, struct span value)
{
    source_put(&s->tables[3], chain_index_span(&key), value);
}

/* A worker of account 0 with nothing on its disks, its report of slot 0 in the lists. */
static inline void source_worker(struct source *s)
{
    struct work_worker w = { .registered_at = 1, .deposit = AMOUNT_OF(5) };
    struct work_state state;
    memset(w.lineage, 0x77, 32);
    memset(w.worker, 0x77, 32);
    memcpy(w.account, s->w.keys[0].public_key, 32);
    work_state_init(&state, w.lineage);
    work_put(&s->w.chain.ledger, &w);
    work_put_name(&s->w.chain.ledger, w.worker, w.lineage);
    work_put_state(&s->w.chain.ledger, &state);
    struct chain_index_key key = chain_index_account_workers(w.account);
    chain_index_add_hash(&key, w.worker);
    source_index(s, key, (struct span){ NULL, 0 });
    key = chain_index_worker_reports(w.worker);
    chain_index_add_u64(&key, 0);
    chain_index_add_u64(&key, 1);
    chain_index_add_u32(&key, 0);
    source_index(s, key, span_of(s->transfer, 32));
    uint8_t both[64];
    memcpy(both, w.worker, 32);
    memcpy(both + 32, s->transfer, 32);
    key = chain_index_slot_reports(0);
    chain_index_add_u64(&key, 1);
    chain_index_add_u32(&key, 0);
    source_index(s, key, span_of(both, 64));
}

static inline void source_lists(struct source *s)
{
    struct chain_index_key key = chain_index_account_orders(s->w.keys[1].public_key);
    chain_index_add_u64(&key, 1);
    chain_index_add_hash(&key, s->order);
    source_index(s, key, (struct span){ NULL, 0 });
    key = chain_index_content_orders(&s->key);
    chain_index_add_hash(&key, s->order);
    source_index(s, key, (struct span){ NULL, 0 });
    for (uint32_t i = 0; i < 5; i++) {
        key = chain_index_account_txs(s->w.keys[0].public_key);
        chain_index_add_u64(&key, 1);
        chain_index_add_u32(&key, i);
        source_index(s, key, span_of(s->transfer, 32));
    }
}

/* Genesis; block 1 with a transfer (account 0 to 1) and an order (account 1); block 2 empty. The
 * result lives as long as the process. */
static inline struct source *source_new(void)
{
    struct source *s = calloc(1, sizeof(*s));
    uint8_t *state = malloc(SOURCE_STATE);
    void *memory = aligned_alloc(16, (chain_memory_size() + 15) & ~(size_t)15);
    if (s == NULL || state == NULL || memory == NULL || random_init() != OK ||
        world_init(&s->w, (struct mspan){ state, SOURCE_STATE }, memory, "", "1000000000000000") !=
            OK)
        abort();
    for (size_t i = 0; i < 4; i++)
        memkv_init(&s->tables[i], malloc(SOURCE_TABLE), SOURCE_TABLE);
    uint8_t room[2][WORLD_TX_MAX];
    struct tx_call pay = { .kind = TX_TRANSFER,
                           .transfer = { .amount = AMOUNT_OF(1000000000000u) } };
    memcpy(pay.transfer.to, s->w.keys[1].public_key, 32);
    struct tx_call buy = { .kind = TX_ORDER, .order = { .size = 1000000, .origin_count = 1 } };
    s->key.codec = CID_CODEC_RAW;
    memset(s->key.digest, 0x42, 32);
    buy.order.key = s->key;
    buy.order.origins[0] = span_str("https://example.org/a");
    market_order_id(s->order, &s->key, 1000000, NULL);
    const struct span txs[2] = { world_tx(&s->w, 0, &pay, room[0]),
                                 world_tx(&s->w, 1, &buy, room[1]) };
    tx_id(s->transfer, txs[0]);
    tx_id(s->order_tx, txs[1]);
    source_block(s, txs, 2);
    source_worker(s);
    source_lists(s);
    source_block(s, NULL, 0);
    memset(s->pending, 0xaa, 32);
    memset(s->dropped, 0xdd, 32);
    s->src.state = s->w.kv;
    s->src.blocks = memkv_kv(&s->tables[0]);
    s->src.results = memkv_kv(&s->tables[1]);
    s->src.txs = memkv_kv(&s->tables[2]);
    s->src.index = memkv_kv(&s->tables[3]);
    s->src.pool = (struct chain_api_pool){
        .ctx = s, .look = source_look, .next_nonce = source_next_nonce, .size = source_size
    };
    return s;
}

#endif
