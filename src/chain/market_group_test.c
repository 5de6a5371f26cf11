/* Replicas and groups: of one entry, one replica counts for an owner. docs/spec/market.md 4.1, 4.5.
 */
#include "base/prng.h"
#include "chain/market_store.h"
#include "chain/testera.h"

enum { MEMBERS = 6, MANY = 100 };

static struct world w;

/* Market numbers that do not matter here, and files that outlive the test. */
static void start(void)
{
    ts_start(&w,
             "file_duration_blocks=20000 price_base=0 price_byte=0 price_keys=0 price_base_min=0 "
             "price_byte_min=0 price_keys_min=0",
             "1000000000000000");
    for (size_t i = 0; i < MEMBERS; i++)
        group_add_worker(&w.chain.ledger, ts_id(i));
}

static void place(uint8_t id[32], uint8_t file)
{
    struct tx_call call = { .kind = TX_ORDER };
    call.order.key = (struct content_key){ .codec = CID_CODEC_RAW, .digest = { file } };
    call.order.size = 5000;
    call.order.replicas = 4;
    CHECK(world_do(&w, 0, &call) == RESULT_OK);
    market_order_id(id, &call.order.key, 5000, NULL);
}

/* Worker i belongs to the account; it stores the order. */
static bool add(size_t worker, size_t account, const uint8_t id[32])
{
    world_workers[worker].account = (uint32_t)account;
    return world_add_replica(&w, worker, id);
}

/* Accounts from 10 on, which have no workers. */
static void own(size_t account)
{
    struct tx_call call = { .kind = TX_GROUP_CREATE };
    CHECK(ts_call(&w, account, &call) == RESULT_OK);
}

static void join(size_t member, size_t owner)
{
    CHECK(ts_do(&w, owner, TX_GROUP_ALLOW, 0, member) == RESULT_OK);
    CHECK(ts_do(&w, member, TX_GROUP_JOIN, 0, owner) == RESULT_OK);
}

static struct market_order order_of(const uint8_t id[32])
{
    struct market_order o;
    CHECK(market_order(&w.chain.ledger, &o, id));
    return o;
}

/* The vector's two cases. Its first group has its owner among those who store; here owners do not.
 */
static void v11_one_replica_per_group(void **state)
{
    (void)state;
    uint8_t id[32];
    enum { FERDIE = 1, CHARLIE, DAVE, MERCHANT, EVE };
    start();
    own(10);
    join(FERDIE, 10);
    join(CHARLIE, 10);
    place(id, 1);
    CHECK(add(0, FERDIE, id));
    CHECK(!add(1, CHARLIE, id));
    CHECK(add(2, DAVE, id));
    CHECK(add(3, MERCHANT, id));
    CHECK(add(4, EVE, id));
    CHECK(order_of(id).replicas_all == 4);
    const size_t owners[] = { 10, DAVE, MERCHANT, EVE };
    for (size_t i = 0; i < 4; i++)
        CHECK(market_store_owner_has_replica(&w.chain.ledger, id, ts_id(owners[i])));
    ts_sound(&w);
    start();
    own(11);
    own(12);
    join(FERDIE, 12);
    join(CHARLIE, 11);
    join(DAVE, 11);
    join(EVE, 12);
    place(id, 2);
    CHECK(add(0, FERDIE, id) && add(1, CHARLIE, id) && !add(2, DAVE, id) && !add(3, EVE, id));
    CHECK(order_of(id).replicas_all == 2);
    ts_sound(&w);
}

/* Three members report files A to E, some of them twice; V45's table of what each is credited. */
static void v45_what_members_report_counts_once(void **state)
{
    (void)state;
    enum { ALICE = 1, BOB, EVE };
    static const struct {
        uint64_t size;
        uint32_t holders; /* bit i: worker i */
    } files[] = { { 13, 1 }, { 7, 3 }, { 37, 7 }, { 55, 6 }, { 22, 4 } };
    static const int64_t power[] = { 57, 55, 22 };
    uint8_t ids[5][32];
    start();
    own(10);
    for (size_t i = ALICE; i <= EVE; i++)
        join(i, 10);
    for (size_t f = 0; f < 5; f++) {
        struct tx_call call = { .kind = TX_ORDER };
        call.order.key = (struct content_key){ .codec = CID_CODEC_RAW, .digest = { (uint8_t)f } };
        call.order.size = files[f].size;
        call.order.replicas = 4;
        CHECK(world_do(&w, 0, &call) == RESULT_OK);
        market_order_id(ids[f], &call.order.key, files[f].size, NULL);
    }
    /* In the order of the reports: alice, bob, eve. */
    for (size_t i = 0; i < 3; i++)
        for (size_t f = 0; f < 5; f++) {
            bool first = (files[f].holders & ((1u << i) - 1)) == 0;
            if ((files[f].holders >> i & 1) != 0)
                CHECK(add(i, ALICE + i, ids[f]) == first);
        }
    for (size_t i = 0; i < 3; i++)
        world_workers[i].proven = 1;
    ts_block(&w, NULL);
    world_run_to(&w, 40);
    for (size_t i = 0; i < 3; i++)
        CHECK(world_workers[i].power == power[i]);
    ts_sound(&w);
}

/* Who joins brings only what the group does not hold yet, and takes along what is left. */
static void joining_ends_what_the_group_holds(void **state)
{
    (void)state;
    uint8_t both[32], mine[32];
    struct market_replica r;
    uint8_t lineage[32];
    start();
    own(10);
    join(1, 10);
    place(both, 1);
    place(mine, 2);
    CHECK(add(0, 1, both) && add(1, 2, both) && add(1, 2, mine));
    for (size_t i = 0; i < 2; i++)
        world_workers[i].proven = 1;
    world_run_to(&w, 30);
    CHECK(order_of(both).replicas == 2 && order_of(both).replicas_paid == 2);
    CHECK(world_workers[1].power == 10000);
    join(2, 10);
    ts_sound(&w); /* not yet: the walk comes with the block's end */
    CHECK(order_of(both).replicas == 2);
    ts_block(&w, NULL);
    CHECK(order_of(both).replicas == 1 && order_of(both).replicas_paid == 1);
    CHECK(order_of(mine).replicas == 1 && world_workers[1].power == 5000);
    world_lineage(lineage, 1);
    CHECK(!market_replica(&w.chain.ledger, &r, both, lineage));
    CHECK(market_replica(&w.chain.ledger, &r, mine, lineage));
    CHECK(memcmp(r.owner, ts_id(10), 32) == 0 && memcmp(r.account, ts_id(2), 32) == 0);
    CHECK(!add(1, 2, both));
    struct tx_call quit = { .kind = TX_GROUP_QUIT };
    CHECK(ts_call(&w, 2, &quit) == RESULT_OK);
    ts_block(&w, NULL);
    CHECK(market_replica(&w.chain.ledger, &r, mine, lineage));
    CHECK(memcmp(r.owner, ts_id(2), 32) == 0);
    CHECK(add(1, 2, both));
    ts_sound(&w);
}

static size_t count_for(size_t owner, uint8_t ids[MANY][32])
{
    size_t n = 0;
    for (size_t i = 0; i < MANY; i++)
        n += market_store_owner_has_replica(&w.chain.ledger, ids[i], ts_id(owner));
    return n;
}

/* SPEC market 4.5: "at most 32 a block" */
static void the_walk_is_bounded_and_begins_anew(void **state)
{
    (void)state;
    static uint8_t ids[MANY][32];
    struct tx_call quit = { .kind = TX_GROUP_QUIT };
    start();
    own(10);
    for (size_t i = 0; i < MANY; i++) {
        place(ids[i], (uint8_t)(i + 1));
        CHECK(add(0, 1, ids[i]));
    }
    join(1, 10);
    const size_t after[] = { 32, 64, 96, 100, 100 };
    for (size_t i = 0; i < 5; i++) {
        ts_block(&w, NULL);
        CHECK(count_for(10, ids) == after[i]);
        ts_sound(&w);
    }
    CHECK(ts_call(&w, 1, &quit) == RESULT_OK);
    ts_block(&w, NULL);
    CHECK(count_for(10, ids) == 68);
    join(1, 10); /* half way: from the start, and one walk */
    ts_block(&w, NULL);
    CHECK(count_for(10, ids) == 100);
    CHECK(ts_call(&w, 1, &quit) == RESULT_OK);
    for (size_t i = 0; i < 4; i++) {
        ts_block(&w, NULL);
        CHECK(count_for(1, ids) == after[i]);
    }
    uint8_t order[32];
    CHECK(!market_store_regroup(&w.chain.ledger, order, ts_id(1)));
    ts_sound(&w);
}

/* ---- random histories against a model that looks at everything ---- */

enum { ORDERS = 8, OWNERS = 2, STEPS = 4000 };

static struct {
    int group[MEMBERS];  /* owner's number, or the member itself */
    bool walks[MEMBERS]; /* has joined or left since the last block */
    bool has[ORDERS][WORLD_WORKERS];
    int owner[ORDERS][WORLD_WORKERS];
} m;

static size_t account_of(size_t worker)
{
    return worker % MEMBERS;
}

static bool taken(size_t order, int owner)
{
    for (size_t k = 0; k < WORLD_WORKERS; k++)
        if (m.has[order][k] && m.owner[order][k] == owner)
            return true;
    return false;
}

static bool model_add(size_t order, size_t worker)
{
    int owner = m.group[account_of(worker)];
    for (size_t k = 0; k < WORLD_WORKERS; k++)
        if (m.has[order][k] && account_of(k) == account_of(worker))
            return false;
    if (taken(order, owner))
        return false;
    m.has[order][worker] = true;
    m.owner[order][worker] = owner;
    return true;
}

/* What a block does: accounts in ascending order, as the queue has them. */
static void model_block(void)
{
    for (;;) {
        size_t first = MEMBERS;
        for (size_t i = 0; i < MEMBERS; i++)
            if (m.walks[i] && (first == MEMBERS || memcmp(ts_id(i), ts_id(first), 32) < 0))
                first = i;
        if (first == MEMBERS)
            return;
        m.walks[first] = false;
        for (size_t o = 0; o < ORDERS; o++)
            for (size_t k = 0; k < WORLD_WORKERS; k++) {
                int owner = m.group[first];
                if (!m.has[o][k] || account_of(k) != first || m.owner[o][k] == owner)
                    continue;
                if (taken(o, owner))
                    m.has[o][k] = false;
                else
                    m.owner[o][k] = owner;
            }
    }
}

static void compare(uint8_t ids[ORDERS][32])
{
    for (size_t o = 0; o < ORDERS; o++) {
        uint32_t all = 0;
        for (size_t k = 0; k < WORLD_WORKERS; k++) {
            struct market_replica r;
            uint8_t lineage[32];
            world_lineage(lineage, k);
            bool there = market_replica(&w.chain.ledger, &r, ids[o], lineage);
            CHECK(there == m.has[o][k]);
            CHECK(!there || memcmp(r.owner, ts_id((size_t)m.owner[o][k]), 32) == 0);
            all += there;
        }
        CHECK(order_of(ids[o]).replicas_all == all);
    }
}

static void one_step(struct prng *p, uint8_t ids[ORDERS][32])
{
    size_t worker = prng_below(p, WORLD_WORKERS), order = prng_below(p, ORDERS);
    size_t member = prng_below(p, MEMBERS), owner = 10 + prng_below(p, OWNERS);
    struct tx_call quit = { .kind = TX_GROUP_QUIT };
    uint8_t lineage[32];
    switch (prng_below(p, 8)) {
    case 0:
    case 1:
        CHECK(add(worker, account_of(worker), ids[order]) == model_add(order, worker));
        break;
    case 2:
        world_lineage(lineage, worker);
        CHECK(market_replica_remove(&w.chain.ledger, &world_work.market, ids[order], lineage) ==
              m.has[order][worker]);
        m.has[order][worker] = false;
        break;
    case 3:
        if (m.group[member] != (int)member)
            break;
        join(member, owner);
        m.group[member] = (int)owner;
        m.walks[member] = true;
        break;
    case 4:
        if (m.group[member] == (int)member)
            break;
        CHECK((prng_below(p, 2) == 0
                   ? ts_call(&w, member, &quit)
                   : ts_do(&w, (size_t)m.group[member], TX_GROUP_KICK, 0, member)) == RESULT_OK);
        m.group[member] = (int)member;
        m.walks[member] = true;
        break;
    case 5:
        world_workers[worker].proven++;
        world_workers[worker].answered++;
        break;
    default:
        ts_block(&w, NULL);
        model_block();
        compare(ids);
    }
}

static void random_histories_agree_with_a_model(void **state)
{
    (void)state;
    static uint8_t ids[ORDERS][32];
    struct prng p;
    memset(&m, 0, sizeof(m));
    start();
    ts_set(&w, "group_size_max=6");
    own(10);
    own(11);
    for (size_t i = 0; i < MEMBERS; i++)
        m.group[i] = (int)i;
    for (size_t i = 0; i < ORDERS; i++)
        place(ids[i], (uint8_t)(i + 1));
    prng_init(&p, 20240611);
    for (int i = 0; i < STEPS; i++) {
        one_step(&p, ids);
        if (i % 40 == 0)
            ts_sound(&w);
    }
    ts_sound(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v11_one_replica_per_group),
        cmocka_unit_test(v45_what_members_report_counts_once),
        cmocka_unit_test(joining_ends_what_the_group_holds),
        cmocka_unit_test(the_walk_is_bounded_and_begins_anew),
        cmocka_unit_test(random_histories_agree_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
