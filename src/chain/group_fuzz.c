/* Groups, replicas and collateral: bytes become calls of known accounts, acts of their workers and
 * blocks. Whatever comes: of one entry one replica counts for an owner, workloads and the sums of
 * collateral agree, and money is conserved. */
#include "chain/group.h"
#include "chain/testworld.h"

enum { FUZZ_STEPS = 64, FUZZ_WORKING = 4, FUZZ_ORDERS = 3 };

static uint8_t state_bytes[16 * 1024 * 1024];
static _Alignas(16) uint8_t memory_bytes[8 * 1024 * 1024];
static uint8_t orders[FUZZ_ORDERS][32];

static const char params[] =
    "\"file_duration_blocks\":200,\"era_slots\":1,\"slot_blocks\":4,\"report_blocks\":2,"
    "\"group_size_max\":2,\"benefits_quota_rate\":1000000000,\"benefits_waived_percent\":95,"
    "\"bonding_eras\":1,\"slash_defer_eras\":0";

static size_t take(struct reader *r, size_t bound)
{
    return read_u8(r) % bound;
}

static struct tx_call take_call(const struct world *w, struct reader *r)
{
    static const enum tx_kind kinds[] = {
        TX_GROUP_CREATE, TX_GROUP_ALLOW, TX_GROUP_DISALLOW,   TX_GROUP_JOIN,        TX_GROUP_JOIN,
        TX_GROUP_QUIT,   TX_GROUP_KICK,  TX_MERCHANT_DEPOSIT, TX_MERCHANT_WITHDRAW, TX_SETTLE
    };
    struct tx_call call = { .kind = kinds[take(r, sizeof(kinds) / sizeof(kinds[0]))] };
    if (tx_group(call.kind) == TX_OF_GROUP)
        memcpy(call.stake.account, w->keys[take(r, WORLD_ACCOUNTS)].public_key, 32);
    else if (call.kind == TX_SETTLE)
        memcpy(call.entry.order, orders[take(r, FUZZ_ORDERS)], 32);
    else
        call.funds.amount = AMOUNT_OF((u128)read_u8(r) << take(r, 40));
    return call;
}

static void act_of_worker(struct world *w, struct reader *r)
{
    size_t i = take(r, WORLD_WORKERS), order = take(r, FUZZ_ORDERS);
    uint8_t lineage[32];
    world_lineage(lineage, i);
    world_workers[i].account = (uint32_t)(i % FUZZ_WORKING);
    switch (take(r, 4)) {
    case 0:
    case 1:
        world_add_replica(w, i, orders[order]);
        break;
    case 2:
        market_replica_remove(&w->chain.ledger, &world_work.market, orders[order], lineage);
        break;
    default:
        world_workers[i].gone = take(r, 8) == 0;
        world_workers[i].answered++;
        world_workers[i].proven++;
        break;
    }
}

/* The accounts 0 to 3 have workers, 4 and 5 may own groups; three orders wait. */
static void genesis(struct world *w)
{
    world_members = ",\"staking\":[]";
    enum err e = world_init(w, (struct mspan){ state_bytes, sizeof(state_bytes) }, memory_bytes,
                            params, "1000000000000000");
    ASSERT(e == OK);
    w->silent = true;
    for (size_t i = 0; i < FUZZ_WORKING; i++)
        group_add_worker(&w->chain.ledger, w->keys[i].public_key);
    for (size_t i = 0; i < FUZZ_ORDERS; i++) {
        struct tx_call call = { .kind = TX_ORDER };
        call.order.key.codec = CID_CODEC_RAW;
        call.order.key.digest[0] = (uint8_t)i;
        call.order.size = 1000;
        enum tx_result r = world_do(w, 5, &call);
        ASSERT(r == RESULT_OK);
        market_order_id(orders[i], &call.order.key, 1000, NULL);
    }
}

/* Genesis once; every input begins from a copy of it, at the same addresses. */
static void begin(struct world *w)
{
    static struct world first;
    static uint8_t saved[1024 * 1024];
    static bool ready;
    if (!ready) {
        genesis(&first);
        ASSERT(first.mem.used <= sizeof(saved));
        memcpy(saved, first.mem.p, first.mem.used);
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
    const char *what = NULL;
    begin(&w);
    struct reader r = reader_of(span_of(data, size));
    for (unsigned step = 0; step < FUZZ_STEPS && r.n > 0; step++) {
        size_t act = take(&r, 4);
        if (act == 0) {
            world_run_to(&w, w.chain.height + 1 + take(&r, 5));
        } else if (act == 1) {
            act_of_worker(&w, &r);
        } else {
            size_t from = take(&r, WORLD_ACCOUNTS);
            struct tx_call call = take_call(&w, &r);
            (void)world_do(&w, from, &call);
        }
    }
    enum err e = chain_check_invariants(&w.chain, &what);
    ASSERT(e == OK);
    return 0;
}
