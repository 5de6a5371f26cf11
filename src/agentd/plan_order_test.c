/* Which orders are taken and why, and every way an order can go from there. */
#include "agentd/plan_money.h"
#include "base/check.h"
#include "chain/result.h"

#include <stdio.h>

static struct view v;
static struct orders o;
static struct plan_order_rules rules;
static const uint64_t mib = 1 << 20;

static int setup(void **unused)
{
    (void)unused;
    memset(&v, 0, sizeof(v));
    params_init(&v.params, PARAMS_DEVNET);
    v.chain_known = v.node_known = v.node_fresh = v.worker_known = v.work_known = true;
    v.chain.height = 100;
    v.chain.genesis[0] = 1;
    v.node.storage = true;
    memset(v.node.worker, 7, 32);
    v.node.disk_count = 1;
    snprintf(v.node.disks[0].state, sizeof(v.node.disks[0].state), "ok");
    v.node.disks[0].free = 1000 * mib;
    v.node.seq = v.work.volumes.seq = 3;
    memset(v.work.lineage, 7, 32);
    if (o.rows == NULL) {
        o.rows = calloc(ORDERS_MAX, sizeof(*o.rows));
        o.slots = calloc(ORDERS_SLOTS, sizeof(*o.slots));
        CHECK(o.rows != NULL && o.slots != NULL);
    }
    memset(o.slots, 0, ORDERS_SLOTS * sizeof(*o.slots));
    orders_init(&o, o.rows, o.slots);
    rules = (struct plan_order_rules){
        .take = true, .size_max = 500 * mib, .slack = 100 * mib, .seals = 2, .settle_blocks = 50
    };
    return 0;
}

static struct chain_client_order chain_order(uint8_t n)
{
    struct chain_client_order c = { .key.codec = CID_CODEC_RAW,
                                    .size = 10 * mib,
                                    .state = CHAIN_CLIENT_OPEN,
                                    .placed_at = 90,
                                    .replicas_wanted = 2,
                                    .amount = AMOUNT_OF(1000000000) };
    c.id[0] = c.key.digest[0] = n;
    c.id[1] = 0xee;
    return c;
}

/* The chain tells about order n. */
static uint32_t tell(const struct chain_client_order *c)
{
    uint32_t row = orders_add(&o, c->id, &c->key);
    CHECK(row != ORDERS_NONE);
    const struct orders_us us = { .lineage = v.work.lineage, .owner = v.account };
    orders_see(&o.rows[row], c, &us, v.chain.height);
    plan_order_seen(&o, row, &v, &rules);
    return row;
}

static void check_is(uint32_t row, enum order_step step, enum order_reason reason)
{
    CHECK(o.rows[row].step == step);
    CHECK(o.rows[row].reason == reason);
}

static void orders_are_declined_for_a_reason(void **unused)
{
    struct chain_client_order c = chain_order(1);
    check_is(tell(&c), ORDER_TAKEN, ORDER_WHY_OUR_TURN);
    const struct {
        enum order_reason why;
        enum order_step step;
    } rows[] = {
        { ORDER_WHY_PAUSED, ORDER_DECLINED },        { ORDER_WHY_TOO_LARGE, ORDER_DECLINED },
        { ORDER_WHY_NO_DATA_ROOT, ORDER_DECLINED },  { ORDER_WHY_PRICE, ORDER_DECLINED },
        { ORDER_WHY_DISPUTED, ORDER_DECLINED },      { ORDER_WHY_ENOUGH_REPLICAS, ORDER_DECLINED },
        { ORDER_WHY_NO_ROOM, ORDER_DECLINED },       { ORDER_WHY_EXPIRED, ORDER_DECLINED },
        { ORDER_WHY_NOT_REGISTERED, ORDER_WAITING },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        setup(unused);
        c = chain_order(1);
        rules.take = rows[i].why != ORDER_WHY_PAUSED;
        rules.require_data_root = rows[i].why == ORDER_WHY_NO_DATA_ROOT;
        if (rows[i].why == ORDER_WHY_TOO_LARGE)
            c.size = rules.size_max + 1;
        if (rows[i].why == ORDER_WHY_PRICE)
            rules.price_min = AMOUNT_OF(1000000000000);
        c.disputed = rows[i].why == ORDER_WHY_DISPUTED;
        if (rows[i].why == ORDER_WHY_ENOUGH_REPLICAS)
            c.replicas_all = c.replicas_wanted;
        if (rows[i].why == ORDER_WHY_NO_ROOM)
            v.node.disks[0].free = c.size + rules.slack - 1;
        if (rows[i].why == ORDER_WHY_EXPIRED)
            c.state = CHAIN_CLIENT_EXPIRED;
        v.worker_known = rows[i].why != ORDER_WHY_NOT_REGISTERED;
        check_is(tell(&c), rows[i].step, rows[i].why);
    }
}

static void room_counts_what_extents_hold(void **unused)
{
    (void)unused;
    struct chain_client_order c = chain_order(1);
    v.node.disks[0].free = rules.slack;
    v.node.extent_bytes = c.size;
    uint32_t row = tell(&c);
    check_is(row, ORDER_TAKEN, ORDER_WHY_OUR_TURN);
    CHECK(plan_order_need(&o) == c.size);
    CHECK(plan_order_work(&o, &v, &rules, 0).what == PLAN_ORDER_NOTHING); /* no room yet */
    v.node.disks[0].free += c.size;
    struct plan_order_effect f = plan_order_work(&o, &v, &rules, 0);
    CHECK(f.what == PLAN_ORDER_SEAL && f.row == row && o.rows[row].step == ORDER_SEALING);
    CHECK(plan_order_need(&o) == 0);
    /* A disk that is not well gives no room. */
    snprintf(v.node.disks[0].state, sizeof(v.node.disks[0].state), "suspect");
    CHECK(view_free(&v) == 0);
}

static void a_price_is_per_size(void **unused)
{
    (void)unused;
    struct chain_client_order c = chain_order(1);
    c.size = (uint64_t)1 << 30;
    rules.size_max = (uint64_t)1 << 40;
    v.node.disks[0].free = (uint64_t)1 << 40;
    c.amount = AMOUNT_OF(1000);
    rules.price_min = AMOUNT_OF(10 * v.params.storage_percent); /* what the holders get of it */
    check_is(tell(&c), ORDER_TAKEN, ORDER_WHY_OUR_TURN);
    c = chain_order(2);
    c.size = ((uint64_t)1 << 30) + 1;
    rules.size_max = (uint64_t)1 << 40;
    c.amount = AMOUNT_OF(1000);
    check_is(tell(&c), ORDER_DECLINED, ORDER_WHY_PRICE);
}

static void those_first_in_rendezvous_order_begin(void **unused)
{
    (void)unused;
    for (uint8_t i = 0; i < 20; i++) {
        v.peers[i].worker[0] = i;
        v.peers[i].free_bytes = 1000 * mib;
    }
    v.worker.srd_bytes = 1; /* so all others come first, nearly surely */
    v.peer_count = 1;
    struct chain_client_order c = chain_order(1);
    uint32_t row = tell(&c);
    CHECK(o.rows[row].rank == 1);
    check_is(row, ORDER_TAKEN, ORDER_WHY_OUR_TURN); /* two are wanted */
    v.peer_count = 20;
    c = chain_order(2);
    c.placed_at = 100;
    row = tell(&c);
    CHECK(o.rows[row].rank == 20);
    check_is(row, ORDER_WAITING, ORDER_WHY_NOT_OUR_TURN);
    CHECK(o.rows[row].until == 100 + 10 * v.params.slot_blocks);
    CHECK(plan_order_next(&o, &v, 0).what == PLAN_ORDER_NOTE); /* both rows */
    CHECK(plan_order_next(&o, &v, 0).what == PLAN_ORDER_NOTE);
    CHECK(plan_order_next(&o, &v, 0).what == PLAN_ORDER_NOTHING);
    v.chain.height = o.rows[row].until - 1;
    o.rows[0].looked_at = v.chain.height;
    struct plan_order_effect f = plan_order_next(&o, &v, 0);
    CHECK(f.what == PLAN_ORDER_LOOK && f.row == row);
    row = tell(&c);
    check_is(row, ORDER_TAKEN, ORDER_WHY_STILL_WANTED);
}

/* A row that is being sealed. */
static uint32_t sealing(uint8_t n)
{
    struct chain_client_order c = chain_order(n);
    uint32_t row = tell(&c);
    struct plan_order_effect f = plan_order_work(&o, &v, &rules, 0);
    CHECK(f.what == PLAN_ORDER_SEAL && f.row == row);
    return row;
}

static void failures_to_seal_are_tried_again_as_long_as_it_is_wanted(void **unused)
{
    (void)unused;
    uint32_t row = sealing(1);
    uint64_t now = 0, pause = PLAN_ORDER_RETRY_MS;
    for (uint32_t i = 1; i < 40; i++) {
        plan_order_sealed(&o, row, i % 2 == 0 ? ERR_NOT_FOUND : ERR_TIMEOUT, "nobody", &v, now);
        check_is(row, ORDER_RETRY, ORDER_WHY_FETCH);
        CHECK(strcmp(o.rows[row].detail, "nobody") == 0);
        CHECK(o.rows[row].retry_ms == now + pause && o.rows[row].tries == i);
        o.rows[row].note = false;
        v.chain.height++;
        now += pause;
        struct plan_order_effect f = plan_order_next(&o, &v, now - 1);
        CHECK(f.what == PLAN_ORDER_NOTHING);
        f = plan_order_next(&o, &v, now);
        CHECK(f.what == PLAN_ORDER_LOOK);
        struct chain_client_order c = chain_order(1);
        tell(&c);
        CHECK(plan_order_work(&o, &v, &rules, now).what == PLAN_ORDER_SEAL);
        pause = pause * 2 < PLAN_ORDER_RETRY_MAX_MS ? pause * 2 : PLAN_ORDER_RETRY_MAX_MS;
    }
    CHECK(pause == PLAN_ORDER_RETRY_MAX_MS);
    /* Others have stored it meanwhile: no further try. */
    plan_order_sealed(&o, row, ERR_NOT_FOUND, "nobody", &v, now);
    v.chain.height++;
    CHECK(plan_order_next(&o, &v, now + pause).what == PLAN_ORDER_NOTE);
    CHECK(plan_order_next(&o, &v, now + pause).what == PLAN_ORDER_LOOK);
    struct chain_client_order full = chain_order(1);
    full.replicas_all = full.replicas_wanted;
    tell(&full);
    check_is(row, ORDER_DECLINED, ORDER_WHY_ENOUGH_REPLICAS);
    /* Gone from the chain while it waits: it is forgotten at once. */
    row = sealing(2);
    plan_order_sealed(&o, row, ERR_NOT_FOUND, "nobody", &v, now);
    o.rows[row].gone = true;
    plan_order_seen(&o, row, &v, &rules);
    check_is(row, ORDER_DECLINED, ORDER_WHY_EXPIRED);
}

/* One replica per group and order counts: market.md 4.1. */
static void what_the_group_keeps_is_declined(void **unused)
{
    (void)unused;
    struct chain_client_order c = chain_order(7);
    c.replicas_all = c.holder_count = 1;
    memset(c.holders[0].lineage, 0x99, 32);
    memset(c.holders[0].account, 0x99, 32);
    memcpy(c.holders[0].owner, v.account, 32);
    uint32_t row = tell(&c);
    check_is(row, ORDER_DECLINED, ORDER_WHY_GROUP);
    /* A stranger's is none of our business. */
    c = chain_order(8);
    c.replicas_all = c.holder_count = 1;
    memset(c.holders[0].owner, 0x99, 32);
    row = tell(&c);
    CHECK(o.rows[row].step == ORDER_TAKEN || o.rows[row].step == ORDER_WAITING);
    /* Ours, beside another's of the group: the chain counts it, so it stays. */
    c = chain_order(9);
    c.replicas_all = c.holder_count = 2;
    memcpy(c.holders[0].lineage, v.work.lineage, 32);
    memcpy(c.holders[0].owner, v.account, 32);
    memset(c.holders[1].lineage, 0x99, 32);
    memcpy(c.holders[1].owner, v.account, 32);
    row = tell(&c);
    CHECK(o.rows[row].mine && o.rows[row].ours);
}

static void some_failures_are_for_good(void **unused)
{
    uint32_t row;
    const struct {
        enum err e;
        enum order_step step;
        enum order_reason why;
        uint32_t tries;
    } rows[] = {
        { ERR_CORRUPT, ORDER_GIVEN_UP, ORDER_WHY_BAD_DATA, 1 },
        { ERR_UNSUPPORTED, ORDER_GIVEN_UP, ORDER_WHY_BAD_DATA, 1 },
        { ERR_LIMIT, ORDER_GIVEN_UP, ORDER_WHY_BAD_DATA, 1 },
        { ERR_FULL, ORDER_RETRY, ORDER_WHY_NO_ROOM, 1 },
        { ERR_IO, ORDER_RETRY, ORDER_WHY_NODE, 1 },
        { ERR_CLOSED, ORDER_RETRY, ORDER_WHY_NODE, 0 }, /* crust-ipfsd was killed: no fault */
        { ERR_BUSY, ORDER_RETRY, ORDER_WHY_NODE, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        setup(unused);
        row = sealing(1);
        plan_order_sealed(&o, row, rows[i].e, "", &v, 0);
        check_is(row, rows[i].step, rows[i].why);
        CHECK(o.rows[row].tries == rows[i].tries && !o.rows[row].held);
    }
}

static void at_most_so_many_are_sealed_at_a_time(void **unused)
{
    (void)unused;
    struct chain_client_order c[3];
    for (uint8_t i = 0; i < 3; i++) {
        c[i] = chain_order((uint8_t)(i + 1));
        c[i].placed_at = 99 - i; /* the last is the oldest */
        tell(&c[i]);
    }
    CHECK(plan_order_work(&o, &v, &rules, 0).row == 2);
    CHECK(plan_order_work(&o, &v, &rules, 0).row == 1);
    CHECK(plan_order_work(&o, &v, &rules, 0).what == PLAN_ORDER_NOTHING);
    plan_order_sealed(&o, 2, OK, "", &v, 0);
    CHECK(plan_order_work(&o, &v, &rules, 0).row == 0);
    /* The same content for another order is not sealed twice. */
    struct chain_client_order twin = c[2];
    twin.id[5] = 1;
    check_is(tell(&twin), ORDER_DECLINED, ORDER_WHY_SAME_CONTENT);
}

/* A row whose replica the chain has in a step that it has accepted. */
static uint32_t sealed(uint8_t n)
{
    uint32_t row = sealing(n);
    plan_order_sealed(&o, row, OK, "", &v, 0);
    CHECK(o.rows[row].held && o.rows[row].step == ORDER_SEALED);
    v.node.pending = 1;
    plan_order_node_seen(&o, &v);
    CHECK(o.rows[row].reported_from == 0);
    v.node.pending = 0;
    v.node.seq = 4;
    plan_order_node_seen(&o, &v);
    CHECK(o.rows[row].reported_from == 4);
    return row;
}

static void a_replica_is_followed_until_it_is_verified(void **unused)
{
    (void)unused;
    uint32_t row = sealed(1);
    struct chain_client_order c = chain_order(1);
    v.chain.height += 2;
    CHECK(tell(&c) == row && o.rows[row].step == ORDER_SEALED); /* not reported yet */
    c.replicas_all = c.holder_count = 1;
    memcpy(c.holders[0].lineage, v.work.lineage, 32);
    tell(&c);
    CHECK(o.rows[row].step == ORDER_REPORTED);
    c.holders[0].verified = true;
    c.state = CHAIN_CLIENT_LIVE;
    tell(&c);
    CHECK(o.rows[row].step == ORDER_VERIFIED);
    /* Income is settled now and then, and when it has ended. */
    CHECK(plan_order_to_settle(&o, &v, &rules) == ORDERS_NONE);
    v.chain.height += rules.settle_blocks;
    rules.settle_gain = 2;
    o.rows[row].rate = v.params.fee_base; /* five slots have passed */
    CHECK(plan_order_to_settle(&o, &v, &rules) == row);
    rules.settle_gain = 5; /* with the bytes of the transaction that is too much */
    CHECK(plan_order_to_settle(&o, &v, &rules) == ORDERS_NONE);
    o.rows[row].settled_at = v.chain.height;
    CHECK(plan_order_to_settle(&o, &v, &rules) == ORDERS_NONE);
    c.state = CHAIN_CLIENT_EXPIRED;
    v.chain.height += 10;
    tell(&c);
    CHECK(plan_order_to_settle(&o, &v, &rules) == row);
    /* Closed: the replica goes. */
    o.rows[row].gone = true; /* it may be a chain node that lags: once is not enough */
    plan_order_seen(&o, row, &v, &rules);
    CHECK(o.rows[row].step == ORDER_VERIFIED);
    v.chain.height += v.params.slot_blocks;
    plan_order_seen(&o, row, &v, &rules);
    check_is(row, ORDER_OVER, ORDER_WHY_EXPIRED);
    struct plan_order_effect f = plan_order_work(&o, &v, &rules, 0);
    CHECK(f.what == PLAN_ORDER_REMOVE && f.row == row);
    CHECK(plan_order_work(&o, &v, &rules, 0).what == PLAN_ORDER_NOTHING);
    plan_order_node_lost(&o, &v); /* it may not have heard */
    CHECK(plan_order_work(&o, &v, &rules, 0).what == PLAN_ORDER_REMOVE);
    plan_order_removed(&o, row, ERR_IO, &v, 0);
    CHECK(o.rows[row].step == ORDER_OVER && o.rows[row].held);
    CHECK(plan_order_work(&o, &v, &rules, 0).what == PLAN_ORDER_NOTHING);
    CHECK(plan_order_work(&o, &v, &rules, PLAN_ORDER_RETRY_MS).what == PLAN_ORDER_REMOVE);
    plan_order_removed(&o, row, OK, &v, 0);
    CHECK(o.rows[row].step == ORDER_FORGOTTEN && !o.rows[row].held);
}

static void a_void_replica_is_removed_but_not_too_early(void **unused)
{
    (void)unused;
    uint32_t row = sealed(1);
    struct chain_client_order c = chain_order(1);
    uint64_t wait = (uint64_t)PLAN_ORDER_VOID_SLOTS * v.params.slot_blocks;
    v.chain.height += wait;
    tell(&c);
    CHECK(o.rows[row].step == ORDER_SEALED); /* the chain is at step 3 yet */
    v.work.volumes.seq = 4;
    v.chain.height = o.rows[row].decided_at + wait - 1;
    tell(&c);
    CHECK(o.rows[row].step == ORDER_SEALED);
    v.chain.height++;
    tell(&c);
    check_is(row, ORDER_OVER, ORDER_WHY_VOID);
}

/* After an absence a new replica counts. But a replica that never counts is not made for ever. */
static void a_void_replica_is_made_anew_a_few_times(void **unused)
{
    (void)unused;
    uint32_t row = sealed(1);
    uint64_t now = 0;
    for (uint32_t i = 1; i <= PLAN_ORDER_VOIDS_MAX; i++) {
        orders_set(&o.rows[row], ORDER_OVER, ORDER_WHY_VOID, v.chain.height);
        CHECK(plan_order_work(&o, &v, &rules, now).what == PLAN_ORDER_REMOVE);
        plan_order_removed(&o, row, OK, &v, now);
        CHECK(!o.rows[row].held);
        if (i == PLAN_ORDER_VOIDS_MAX)
            break;
        check_is(row, ORDER_RETRY, ORDER_WHY_VOID);
        o.rows[row].note = false;
        now = o.rows[row].retry_ms;
        v.chain.height++;
        CHECK(plan_order_next(&o, &v, now - 1).what == PLAN_ORDER_NOTHING);
        CHECK(plan_order_next(&o, &v, now).what == PLAN_ORDER_LOOK);
        struct chain_client_order c = chain_order(1);
        tell(&c);
        CHECK(plan_order_work(&o, &v, &rules, now).what == PLAN_ORDER_SEAL);
        plan_order_sealed(&o, row, OK, "", &v, now);
    }
    check_is(row, ORDER_FORGOTTEN, ORDER_WHY_VOID);
}

static void replicas_found_at_the_start_find_their_order(void **unused)
{
    (void)unused;
    struct chain_client_order c = chain_order(1), other = c;
    other.id[3] = 9;
    other.has_data_root = true;
    other.data_root[0] = 4;
    c.has_data_root = true;
    tell(&other);
    uint32_t row = tell(&c);
    struct node_sealed s = { .key = c.key, .size = c.size };
    plan_order_held(&o, &s, &v);
    CHECK(o.rows[row].held && !o.rows[1 - row].held && o.rows[row].step == ORDER_SEALED);
    /* Of one whose disk is away only the key is known; it is nobody's to remove. */
    struct chain_client_order away = chain_order(3);
    away.has_data_root = true;
    away.data_root[0] = 1;
    uint32_t far = tell(&away);
    s = (struct node_sealed){ .key = away.key };
    plan_order_held(&o, &s, &v);
    CHECK(o.rows[far].held && o.rows[far].step == ORDER_SEALED);
    /* One that belongs to nothing is removed. */
    struct chain_client_order lost = chain_order(2);
    s.key = lost.key;
    plan_order_held(&o, &s, &v);
    uint32_t orphan = orders_find_key(&o, &lost.key, ORDERS_NONE);
    CHECK(orphan != ORDERS_NONE);
    CHECK(o.rows[orphan].step == ORDER_SEALED);
    v.chain.height += v.params.slot_blocks;
    o.rows[row].look = false;
    plan_order_seen(&o, orphan, &v, &rules);
    check_is(orphan, ORDER_OVER, ORDER_WHY_EXPIRED);
    CHECK(plan_order_work(&o, &v, &rules, 0).what == PLAN_ORDER_REMOVE);
}

static void the_table_finds_and_reuses(void **unused)
{
    (void)unused;
    struct content_key key = { .codec = CID_CODEC_RAW };
    uint8_t id[32] = { 0 };
    for (uint32_t i = 0; i < ORDERS_MAX; i++) {
        store_le32(id, i);
        store_le32(key.digest, i * 3); /* neighbours collide */
        CHECK(orders_add(&o, id, &key) == i);
    }
    for (uint32_t i = 0; i < ORDERS_MAX; i += 7) {
        store_le32(id, i);
        store_le32(key.digest, i * 3);
        CHECK(orders_find(&o, id, &key) == i && orders_find_id(&o, id) == i);
        CHECK(orders_find_key(&o, &key, i) == ORDERS_NONE);
    }
    store_le32(id, ORDERS_MAX);
    store_le32(key.digest, ORDERS_MAX * 3);
    CHECK(orders_add(&o, id, &key) == ORDERS_NONE); /* all of them are needed */
    o.rows[5].step = o.rows[9].step = ORDER_DECLINED;
    o.rows[5].decided_at = 2;
    o.rows[9].decided_at = 1;
    CHECK(orders_add(&o, id, &key) == 9);
    CHECK(orders_find(&o, id, &key) == 9);
    store_le32(id, 9);
    store_le32(key.digest, 27);
    CHECK(orders_find(&o, id, &key) == ORDERS_NONE);
}

static void money_is_settled_before_it_is_claimed(void **unused)
{
    (void)unused;
    struct plan_money m = { 0 };
    uint32_t row, settled_row = sealed(1);
    struct order *r = &o.rows[settled_row];
    r->mine = r->verified = true;
    r->step = ORDER_VERIFIED;
    v.account_known = true;
    v.money.usable = AMOUNT_OF((u128)1 << 60);
    v.money.reward = AMOUNT_OF(500);
    rules.claim_min = AMOUNT_OF(501);
    CHECK(plan_money_next(&m, &row, &o, &v, &rules, 0) == PLAN_MONEY_NOTHING);
    v.chain.height += rules.settle_blocks;
    CHECK(plan_money_next(&m, &row, &o, &v, &rules, 0) == PLAN_MONEY_SETTLE && row == settled_row);
    CHECK(plan_money_next(&m, &row, &o, &v, &rules, 0) == PLAN_MONEY_NOTHING);
    plan_money_sent(&m, &o, OK, RESULT_OK, v.chain.height + 1, 0);
    CHECK(m.settled == 1 && r->look && r->settled_at == v.chain.height + 1);
    v.money.reward = AMOUNT_OF(501);
    CHECK(plan_money_next(&m, &row, &o, &v, &rules, 0) == PLAN_MONEY_NOTHING); /* not seen yet */
    v.chain.height++;
    CHECK(plan_money_next(&m, &row, &o, &v, &rules, 0) == PLAN_MONEY_CLAIM);
    plan_money_sent(&m, &o, OK, RESULT_NO_REWARD, v.chain.height, 0);
    CHECK(m.claimed == 0);
    CHECK(plan_money_next(&m, &row, &o, &v, &rules, 1) == PLAN_MONEY_NOTHING);
    CHECK(plan_money_next(&m, &row, &o, &v, &rules, PLAN_MONEY_RETRY_MS) == PLAN_MONEY_CLAIM);
    plan_money_sent(&m, &o, ERR_TIMEOUT, 0, 0, 0);
    v.money.usable = AMOUNT_ZERO; /* it could not pay the fee */
    CHECK(plan_money_next(&m, &row, &o, &v, &rules, 999999) == PLAN_MONEY_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(orders_are_declined_for_a_reason, setup),
        cmocka_unit_test_setup(room_counts_what_extents_hold, setup),
        cmocka_unit_test_setup(a_price_is_per_size, setup),
        cmocka_unit_test_setup(those_first_in_rendezvous_order_begin, setup),
        cmocka_unit_test_setup(failures_to_seal_are_tried_again_as_long_as_it_is_wanted, setup),
        cmocka_unit_test_setup(some_failures_are_for_good, setup),
        cmocka_unit_test_setup(what_the_group_keeps_is_declined, setup),
        cmocka_unit_test_setup(at_most_so_many_are_sealed_at_a_time, setup),
        cmocka_unit_test_setup(a_replica_is_followed_until_it_is_verified, setup),
        cmocka_unit_test_setup(a_void_replica_is_removed_but_not_too_early, setup),
        cmocka_unit_test_setup(a_void_replica_is_made_anew_a_few_times, setup),
        cmocka_unit_test_setup(replicas_found_at_the_start_find_their_order, setup),
        cmocka_unit_test_setup(the_table_finds_and_reuses, setup),
        cmocka_unit_test_setup(money_is_settled_before_it_is_claimed, setup),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(o.rows);
    free(o.slots);
    return failed;
}
