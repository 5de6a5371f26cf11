/* chain_testlists: the small chain that the tests and fuzz targets of the chain API ask about: two
 * transactions, an order, a worker and the lists of codec/chain_index.h. */
#ifndef CRUST_API_CHAIN_TESTLISTS_H
#define CRUST_API_CHAIN_TESTLISTS_H

#include "api/chain_testsource.h"
#include "chain/work_store.h"
#include "codec/chain_index.h"
#include "crypto/random.h"

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

/* Genesis; block 1 with a transfer (account 0 to 1) and an order (account 1); block 2 empty. There
 * is one, which lives as long as the process. */
static inline struct source *source_new(void)
{
    static struct source one;
    static _Alignas(16) uint8_t memory[SOURCE_MEMORY];
    static uint8_t state[SOURCE_STATE], tables[4][SOURCE_TABLE];
    struct source *s = &one;
    if (chain_memory_size() > sizeof(memory) || random_init() != OK ||
        world_init(&s->w, (struct mspan){ state, SOURCE_STATE }, memory, "", "1000000000000000") !=
            OK)
        abort();
    for (size_t i = 0; i < 4; i++)
        memkv_init(&s->tables[i], tables[i], SOURCE_TABLE);
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
