/* The whole machine: bytes become a sequence of blocks of transactions by known accounts, of acts
 * of workers and of raw bytes. Money is conserved, nothing asserts, and what the mempool admits for
 * the next block and stands alone in it is not refused by it. */
#include "chain/testworld.h"

static uint8_t state_bytes[16 * 1024 * 1024];
static _Alignas(16) uint8_t memory_bytes[8 * 1024 * 1024];

static uint64_t take(struct reader *r, uint64_t bound)
{
    return read_u8(r) % bound;
}

static struct amount take_amount(struct reader *r)
{
    return AMOUNT_OF((u128)read_u8(r) << take(r, 120));
}

static void take_order_id(struct reader *r, uint8_t id[32], struct content_key *key, uint64_t *size)
{
    *key = (struct content_key){ .codec = CID_CODEC_RAW, .digest = { (uint8_t)take(r, 3) } };
    *size = 100u + key->digest[0];
    market_order_id(id, key, *size, NULL);
}

static struct tx_call take_call(struct world *w, struct reader *r)
{
    struct tx_call call = { .kind = (enum tx_kind)take(r, TX_MERCHANT_URLS + 1) };
    uint8_t id[32];
    struct content_key key;
    uint64_t size;
    take_order_id(r, id, &key, &size);
    bool entry = call.kind == TX_PREPAY || call.kind == TX_SETTLE || call.kind == TX_REFUND;
    if (call.kind == TX_TRANSFER) {
        memcpy(call.transfer.to, w->keys[take(r, WORLD_ACCOUNTS)].public_key, 32);
        call.transfer.amount = take_amount(r);
    } else if (call.kind == TX_ALLOW) {
        call.allow.key[0] = (uint8_t)take(r, 3);
        call.allow.until = take(r, 200);
        call.allow.amount = take_amount(r);
    } else if (call.kind == TX_ORDER) {
        call.order.key = key;
        call.order.size = size + take(r, 2);
        call.order.has_data_root = take(r, 2) == 0;
        call.order.data_root[0] = call.order.has_data_root;
        call.order.replicas = (uint32_t)take(r, 6);
        call.order.tip = take_amount(r);
    } else if (entry) {
        memcpy(call.entry.order, id, 32);
        call.entry.amount = call.kind == TX_PREPAY ? take_amount(r) : AMOUNT_ZERO;
    } else if (call.kind == TX_MERCHANT_URLS) {
        call.urls.count = (uint32_t)take(r, TX_URLS_MAX + 1);
        for (uint32_t i = 0; i < call.urls.count; i++)
            call.urls.urls[i] = span_str(i == 0 ? "http://192.0.2.1" : "https://example.org");
    } else {
        call.funds.amount = call.kind == TX_MERCHANT_CLAIM ? AMOUNT_ZERO : take_amount(r);
    }
    return call;
}

static void act_of_worker(struct world *w, struct reader *r)
{
    size_t i = take(r, WORLD_WORKERS);
    uint8_t id[32], lineage[32];
    struct content_key key;
    uint64_t size;
    take_order_id(r, id, &key, &size);
    world_lineage(lineage, i);
    world_workers[i].account = (uint32_t)(i % WORLD_ACCOUNTS);
    switch (take(r, 5)) {
    case 0:
        world_add_replica(w, i, id);
        break;
    case 1:
        market_replica_remove(&w->chain.ledger, &world_work.market, id, lineage);
        break;
    case 2:
        world_workers[i].gone = !world_workers[i].gone;
        break;
    case 3:
        market_set_disputed(&w->chain.ledger, &world_work.market, id, take(r, 2) == 0);
        break;
    default:
        world_workers[i].answered += read_u8(r);
        world_workers[i].proven++;
        break;
    }
}

static void one_transaction(struct world *w, struct reader *r)
{
    size_t from = take(r, WORLD_ACCOUNTS);
    struct account a;
    accounts_get(&w->chain.ledger, &a, w->keys[from].public_key);
    w->nonces[from] = a.nonce;
    struct tx_call call = take_call(w, r);
    uint8_t room[WORLD_TX_MAX];
    struct span tx = world_tx(w, from, &call, room);
    struct chain_check check;
    chain_check_tx(&w->chain, &check, tx, false);
    struct chain_tx_result result;
    enum err e = world_block(w, &result, &tx, 1);
    ASSERT(e == OK);
    bool admitted = check.code == RESULT_OK;
    /* The fee is taken before the call is judged, so admission may be too hopeful. */
    ASSERT(!admitted || result.code == RESULT_OK || result.fee.units > 0);
}

/* Genesis once; every input begins from a copy of it, at the same addresses. Without beacon
 * contributions: they would be most of the time. */
static void begin(struct world *w)
{
    static struct world first;
    static uint8_t saved[1024 * 1024];
    static bool ready;
    if (!ready) {
        enum err e = world_init(
            &first, (struct mspan){ state_bytes, sizeof(state_bytes) }, memory_bytes,
            "\"file_duration_blocks\":40,\"order_refund_blocks\":20", "1000000000000000");
        ASSERT(e == OK && first.mem.used <= sizeof(saved));
        memcpy(saved, first.mem.p, first.mem.used);
        first.silent = true;
        ready = true;
    }
    memcpy(first.mem.p, saved, first.mem.used);
    *w = first;
    w->kv = memkv_kv(&w->mem);
    enum err e = chain_open(&w->chain, &w->kv, memory_bytes);
    ASSERT(e == OK);
    w->chain.work = &world_work;
    memset(world_workers, 0, sizeof(world_workers));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    begin(&w);
    enum err e;
    struct reader r = reader_of(span_of(data, size));
    for (unsigned step = 0; step < 32 && r.n > 0; step++) {
        struct chain_tx_result result;
        struct span raw;
        switch (take(&r, 4)) {
        case 0:
            act_of_worker(&w, &r);
            break;
        case 1:
            raw = read_span(&r, take(&r, 200));
            e = world_block(&w, &result, &raw, 1);
            ASSERT(e == OK && (result.code != RESULT_OK || raw.n > 0));
            break;
        case 2:
            world_run_to(&w, w.chain.height + 1 + take(&r, 8));
            break;
        default:
            one_transaction(&w, &r);
            break;
        }
    }
    const char *what;
    e = chain_check_invariants(&w.chain, &what);
    ASSERT(e == OK);
    return 0;
}
