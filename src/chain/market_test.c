#include "chain/market.h"

#include "base/check.h"
#include "chain/market_store.h"
#include "chain/testworld.h"

static uint8_t state_bytes[16 * 1024 * 1024];
static _Alignas(16) uint8_t memory_bytes[8 * 1024 * 1024];

/* The market profile of the vectors: vectors "MKT". */
static const char mkt[] =
    "\"slot_blocks\":300,\"report_blocks\":240,\"file_duration_blocks\":1000,"
    "\"order_refund_blocks\":600,\"existential_deposit\":1,\"fee_base\":0,\"fee_byte\":0,"
    "\"price_base\":1000,\"price_base_min\":0,\"price_base_max\":1000000000000,"
    "\"price_byte\":1000,\"price_byte_min\":0,\"price_byte_max\":1000000,"
    "\"price_keys\":0,\"price_keys_min\":0,\"price_keys_max\":1000000,"
    "\"file_size_max\":\"137438953472\",\"replicas_default\":4,\"collateral_ratio\":10,"
    "\"power_ready_blocks\":300,\"expiry_max_blocks\":100000";

enum { ALICE, BOB, CAROL, DAVE };

/* more: names and values of parameters that differ from the profile, or NULL. */
static void start(struct world *w, const char *const *more, const char *balance)
{
    CHECK_OK(world_init(w, (struct mspan){ state_bytes, sizeof(state_bytes) }, memory_bytes, mkt,
                        balance));
    for (; more != NULL && *more != NULL; more += 2)
        CHECK_OK(params_set(&w->chain.params, more[0], more[1]));
    const char *what;
    CHECK_OK(params_check(&w->chain.params, &what));
}

static const char *const with_keys[] = { "price_keys", "1000", NULL };
static const char *const long_life[] = { "file_duration_blocks", "3000", "collateral_ratio", "0",
                                         NULL };
static const char *const with_collateral[] = { "file_duration_blocks", "3000", NULL };
static const char *const longer_life[] = { "file_duration_blocks", "30000", "collateral_ratio", "0",
                                           NULL };
static const char *const flat_prices[] = { "price_byte_rise",
                                           "0",
                                           "price_byte_fall",
                                           "0",
                                           "price_base_rise",
                                           "0",
                                           "price_base_fall",
                                           "0",
                                           NULL };

static void sound(struct world *w)
{
    const char *what;
    CHECK_OK(chain_check_invariants(&w->chain, &what));
}

static struct tx_call order_of(uint8_t file, uint64_t size)
{
    struct tx_call call = { .kind = TX_ORDER };
    call.order.key = (struct content_key){ .codec = CID_CODEC_RAW, .digest = { file } };
    call.order.size = size;
    return call;
}

static struct tx_call entry_of(enum tx_kind kind, const uint8_t id[32], u128 units)
{
    struct tx_call call = { .kind = kind };
    memcpy(call.entry.order, id, 32);
    call.entry.amount = AMOUNT_OF(units);
    return call;
}

static struct tx_call funds_of(enum tx_kind kind, u128 units)
{
    struct tx_call call = { .kind = kind, .funds.amount = AMOUNT_OF(units) };
    return call;
}

static u128 pot(struct world *w, enum account_pot p)
{
    return world_free(w, accounts_pot(p)).units;
}

/* Each worker answers in this slot, and the beacon is strong. */
static void answer(size_t workers)
{
    for (size_t i = 0; i < workers; i++) {
        world_workers[i].answered++;
        world_workers[i].proven++;
    }
}

static void v03_the_base_fee_steps(void **state)
{
    (void)state;
    struct params p;
    params_init(&p, PARAMS_PRODUCTION);
    p.price_base_rise = p.price_base_fall = 50000000;
    p.price_base_min = AMOUNT_ZERO;
    p.price_base_max = AMOUNT_OF(1000000000000);
    static const struct {
        uint32_t added, orders;
        uint64_t min, want;
    } rows[] = { { 500, 0, 0, 950 },    { 200, 10, 0, 950 },  { 0, 100, 0, 997 },
                 { 60, 10, 0, 1047 },   { 1500, 10, 0, 995 }, { 1500, 10, 1300, 1300 },
                 { 60, 10, 1300, 1365 } };
    struct market_price price = { .base = AMOUNT_OF(1000) };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        price.files_added = rows[i].added;
        price.orders = rows[i].orders;
        p.price_base_min = AMOUNT_OF(rows[i].min);
        market_price_update_base(&price, &p);
        CHECK(price.base.units == rows[i].want);
        CHECK(price.files_added == 0 && price.orders == 0);
    }
}

/* Runs the block hook at a height, with an order before it or not. */
static u128 keys_after_hook(struct world *w, uint64_t height, bool order)
{
    struct ledger *l = &w->chain.ledger;
    struct market_price price;
    market_price(l, &price);
    price.has_new_order = price.has_new_order || order;
    market_price_put(l, &price);
    l->height = height;
    market_block_begin(l);
    market_price(l, &price);
    return price.keys.units;
}

static void keys_set(struct world *w, uint64_t keys, uint32_t files)
{
    struct market_price price;
    market_price(&w->chain.ledger, &price);
    price.keys = AMOUNT_OF(keys);
    price.files = files;
    market_price_put(&w->chain.ledger, &price);
}

static void v05_the_keys_fee_steps(void **state)
{
    (void)state;
    static struct world w;
    start(&w, NULL, "20000");
    struct params *p = &w.chain.params;
    p->slot_blocks = 600;
    p->price_keys_rise = p->price_keys_fall = 10000000;
    p->price_keys_max = AMOUNT_OF(1000000);
    keys_set(&w, 1000, 0);
    CHECK(keys_after_hook(&w, 596, true) == 1000);
    CHECK(keys_after_hook(&w, 597, true) == 990);
    CHECK(keys_after_hook(&w, 1197, false) == 990);
    CHECK(keys_after_hook(&w, 1796, true) == 990);
    CHECK(keys_after_hook(&w, 1797, true) == 980);
    keys_set(&w, 40, 2000000);
    CHECK(keys_after_hook(&w, 2397, true) == 40);
    keys_set(&w, 40, 5000001);
    CHECK(keys_after_hook(&w, 2397, true) == 41);
    p->price_keys_min = AMOUNT_OF(80);
    keys_set(&w, 41, 5000000);
    CHECK(keys_after_hook(&w, 2397, true) == 80);
    keys_set(&w, 80, 5000001);
    CHECK(keys_after_hook(&w, 2397, true) == 81);
}

static void the_byte_fee_follows_the_used_share(void **state)
{
    (void)state;
    struct params p;
    params_init(&p, PARAMS_PRODUCTION);
    p.price_byte_min = AMOUNT_ZERO;
    struct market_price price = { .byte = AMOUNT_OF(10000) };
    market_price_update_byte(&price, &p); /* nothing at all counts as roomy */
    CHECK(price.byte.units == 10000 - 30);
    price.stored_bytes = 51;
    price.free_bytes = 49;
    market_price_update_byte(&price, &p);
    CHECK(price.byte.units == 9970 + 33); /* 32.901 */
    price.byte = AMOUNT_ZERO;
    market_price_update_byte(&price, &p);
    CHECK(price.byte.units == 1); /* a rise is at least one unit */
}

/* A first replica of the order, verified one slot later. */
/* A world in which Alice has ordered content of this size with this tip: the call, and the entry's
 * id. */
static struct tx_call placed(struct world *w, uint8_t id[32], const char *const params[],
                             uint64_t size, uint64_t tip)
{
    struct tx_call call = order_of('F', size);
    start(w, params, "20000000");
    call.order.tip = AMOUNT_OF(tip);
    CHECK(world_do(w, ALICE, &call) == RESULT_OK);
    market_order_id(id, &call.order.key, size, NULL);
    return call;
}

static void go_live(struct world *w, size_t worker, const uint8_t id[32])
{
    world_workers[worker].account = (uint32_t)worker + 1;
    CHECK(world_add_replica(w, worker, id));
    answer(worker + 1);
    world_run_to(w, (w->chain.height / 300 + 1) * 300 + 240);
}

static void v07_a_small_order_is_split(void **state)
{
    (void)state;
    static struct world w;
    start(&w, with_keys, "4000");
    struct tx_call call = order_of('X', 100);
    CHECK(world_do(&w, ALICE, &call) == RESULT_OK);
    uint8_t id[32];
    market_order_id(id, &call.order.key, 100, NULL);
    struct market_order o;
    CHECK(market_order(&w.chain.ledger, &o, id));
    CHECK(o.size == 100 && o.expired_at == 0 && o.calculated_at == w.chain.height);
    CHECK(o.amount.units == 360 && o.replicas_wanted == 4 && o.replicas == 0);
    CHECK(o.escrow_staking.units == 1440 && o.escrow_reserved.units == 1200);
    CHECK(world_free(&w, w.keys[ALICE].public_key).units == 1000);
    struct market_price price;
    market_price(&w.chain.ledger, &price);
    CHECK(price.orders == 1 && price.files == 1);
    sound(&w);
    /* The parts reach their pots with the first verified replica. */
    go_live(&w, 0, id);
    CHECK(pot(&w, POT_RESERVED) == 1200);
    CHECK(pot(&w, POT_STAKING) == 1440);
    CHECK(pot(&w, POT_STORAGE) == 360);
    CHECK(market_order(&w.chain.ledger, &o, id));
    CHECK(o.amount.units == 360 && o.expired_at == 540 + 1000 && o.replicas == 1);
    sound(&w);
}

static void v08_orders_are_refused(void **state)
{
    (void)state;
    static struct world w;
    start(&w, NULL, "20000");
    struct tx_call large = order_of('L', 437438953472);
    CHECK(world_do(&w, ALICE, &large) == RESULT_FILE_TOO_LARGE);
    struct tx_call good = order_of('X', 100);
    CHECK(world_do(&w, ALICE, &good) == RESULT_OK);
    w.chain.params.market_enabled = false;
    CHECK(world_do(&w, ALICE, &good) == RESULT_MARKET_CLOSED);
    w.chain.params.market_enabled = true;
    uint8_t nobody[32] = { 9 };
    struct tx_call prepay = entry_of(TX_PREPAY, nobody, 4000);
    CHECK(world_do(&w, ALICE, &prepay) == RESULT_ORDER_NOT_FOUND);
    struct tx_call settle = entry_of(TX_SETTLE, nobody, 0);
    CHECK(world_do(&w, ALICE, &settle) == RESULT_ORDER_NOT_FOUND);
    struct tx_call many = order_of('Y', 100);
    many.order.replicas = 201;
    CHECK(world_do(&w, ALICE, &many) == RESULT_TOO_MANY_REPLICAS);
    struct tx_call dear = order_of('Z', 1024ull * 1024 * 100);
    CHECK(world_do(&w, ALICE, &dear) == RESULT_INSUFFICIENT_BALANCE);
    CHECK(world_free(&w, w.keys[ALICE].public_key).units == 20000 - 2000);
    sound(&w);
}

static void v14_ordering_again_checks_the_size(void **state)
{
    (void)state;
    static struct world w;
    start(&w, flat_prices, "20000");
    struct tx_call call = order_of('A', 90);
    CHECK(world_do(&w, ALICE, &call) == RESULT_OK);
    uint8_t id[32];
    market_order_id(id, &call.order.key, 90, NULL);
    go_live(&w, 0, id);
    struct market_order o;
    CHECK(market_order(&w.chain.ledger, &o, id));
    u128 before = o.amount.units;
    u128 money = world_free(&w, w.keys[ALICE].public_key).units;
    call.order.size = 80;
    CHECK(world_do(&w, ALICE, &call) == RESULT_SIZE_NOT_CORRECT);
    call.order.size = 12000000;
    CHECK(world_do(&w, ALICE, &call) == RESULT_OK);
    CHECK(market_order(&w.chain.ledger, &o, id));
    CHECK(o.amount.units == before + 180 && o.size == 90);
    CHECK(money - world_free(&w, w.keys[ALICE].public_key).units == 2000); /* one MiB */
    CHECK(o.expired_at == w.chain.height + 1000);
    sound(&w);
}

static void v27_the_power_table_of_the_second_generation(void **state)
{
    (void)state;
    struct params p;
    params_init(&p, PARAMS_PRODUCTION);
    static const uint32_t rows[][2] = { { 0, 1000 },    { 1, 1050 },   { 16, 1200 },  { 24, 1500 },
                                        { 40, 2600 },   { 48, 3300 },  { 128, 9200 }, { 146, 9400 },
                                        { 200, 10000 }, { 250, 10000 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK(params_power_permille(&p, rows[i][0]) == rows[i][1]);
}

static void an_entry_is_named_by_key_size_and_root(void **state)
{
    (void)state;
    static struct world w;
    start(&w, NULL, "20000");
    struct tx_call plain = order_of('A', 1000);
    struct tx_call exact = order_of('A', 900);
    exact.order.has_data_root = true;
    memset(exact.order.data_root, 7, 32);
    CHECK(world_do(&w, ALICE, &plain) == RESULT_OK);
    CHECK(world_do(&w, BOB, &exact) == RESULT_OK);
    uint8_t id[32], want[32], other[32] = { 8 };
    struct ledger *l = &w.chain.ledger;
    CHECK(market_find(l, id, &exact.order.key, 900, exact.order.data_root));
    market_order_id(want, &exact.order.key, 900, exact.order.data_root);
    CHECK(memcmp(id, want, 32) == 0);
    /* Anything else of that key counts for the plain order, up to its size. */
    CHECK(market_find(l, id, &exact.order.key, 1000, other));
    market_order_id(want, &plain.order.key, 1000, NULL);
    CHECK(memcmp(id, want, 32) == 0);
    CHECK(!market_find(l, id, &exact.order.key, 1001, other));
    exact.order.key.digest[5] = 1;
    CHECK(!market_find(l, id, &exact.order.key, 900, exact.order.data_root));
}

static void income_follows_answered_slots(void **state)
{
    (void)state;
    static struct world w;
    uint8_t id[32];
    /* storage part 23,220; with the tip 24,000 */
    placed(&w, id, long_life, 134289408, 780);
    go_live(&w, 0, id);
    struct market_order o;
    CHECK(market_order(&w.chain.ledger, &o, id));
    CHECK(o.amount.units == 24000 && o.shares == 4 * 10);
    CHECK(market_rate(&o).units == 600);
    CHECK(world_workers[0].rate.units == 600);
    CHECK(world_workers[0].power == 134289408);
    struct tx_call settle = entry_of(TX_SETTLE, id, 0);
    CHECK(world_do(&w, DAVE, &settle) == RESULT_OK);
    struct market_merchant m;
    market_merchant(&w.chain.ledger, &m, w.keys[1].public_key);
    CHECK(m.reward.units == 600); /* the slot in which it was proven */
    CHECK(world_do(&w, DAVE, &settle) == RESULT_OK);
    world_run_to(&w, 840);
    answer(1);
    CHECK(world_do(&w, DAVE, &settle) == RESULT_OK);
    world_run_to(&w, 1140); /* this slot is missed: it earns nothing */
    CHECK(world_do(&w, DAVE, &settle) == RESULT_OK);
    market_merchant(&w.chain.ledger, &m, w.keys[1].public_key);
    CHECK(m.reward.units == 1200);
    struct market_replica r;
    uint8_t lineage[32];
    world_lineage(lineage, 0);
    CHECK(market_replica(&w.chain.ledger, &r, id, lineage) && r.earned.units == 1200);
    sound(&w);
    struct tx_call claim = funds_of(TX_MERCHANT_CLAIM, 0);
    u128 before = world_free(&w, w.keys[1].public_key).units;
    CHECK(world_do(&w, 1, &claim) == RESULT_OK);
    CHECK(world_free(&w, w.keys[1].public_key).units == before + 1200);
    CHECK(world_do(&w, 1, &claim) == RESULT_NO_REWARD);
    /* At the end what nobody earned goes to the reserved pot, and the entry is gone. */
    world_run_to(&w, 540 + 3000);
    CHECK(!market_order(&w.chain.ledger, &o, id));
    CHECK(pot(&w, POT_STORAGE) == 0);
    CHECK(pot(&w, POT_RESERVED) == 13900 + 24000 - 1200);
    CHECK(world_workers[0].power == 0 && world_workers[0].rate.units == 0);
    sound(&w);
}

static void a_counter_that_jumps_is_paid_for_the_time_that_passed(void **state)
{
    (void)state;
    static struct world w;
    uint8_t id[32];
    placed(&w, id, long_life, 134289408, 0);
    go_live(&w, 0, id);
    world_workers[0].answered += 1000000;
    struct tx_call settle = entry_of(TX_SETTLE, id, 0);
    CHECK(world_do(&w, DAVE, &settle) == RESULT_OK);
    struct market_merchant m;
    market_merchant(&w.chain.ledger, &m, w.keys[1].public_key);
    CHECK(m.reward.units == 2 * 23220 / 40);
}

static void urls_are_replaced_as_a_whole(void **state)
{
    (void)state;
    static struct world w;
    start(&w, NULL, "20000000");
    const uint8_t *alice = w.keys[ALICE].public_key;
    struct market_urls u;
    struct tx_call call = { .kind = TX_MERCHANT_URLS,
                            .urls = { .count = 2,
                                      .urls = { span_str("http://192.0.2.1:8080"),
                                                span_str("https://a.example.org") } } };
    market_urls(&w.chain.ledger, &u, alice);
    CHECK(u.count == 0);
    CHECK(world_do(&w, ALICE, &call) == RESULT_OK);
    market_urls(&w.chain.ledger, &u, alice);
    CHECK(u.count == 2);
    CHECK_SPAN(span_of(u.urls[0], u.sizes[0]), span_str("http://192.0.2.1:8080"));
    CHECK_SPAN(span_of(u.urls[1], u.sizes[1]), span_str("https://a.example.org"));
    market_urls(&w.chain.ledger, &u, w.keys[DAVE].public_key);
    CHECK(u.count == 0); /* nobody else's */
    static const uint8_t longest[TX_URL_SIZE_MAX] = { 'a', 'b' };
    uint8_t text[TX_URL_SIZE_MAX];
    memset(text, 'x', sizeof(text));
    memcpy(text, longest, 2);
    call.urls.count = TX_URLS_MAX;
    for (size_t i = 0; i < TX_URLS_MAX; i++)
        call.urls.urls[i] = span_of(text, sizeof(text));
    CHECK(world_do(&w, ALICE, &call) == RESULT_OK);
    market_urls(&w.chain.ledger, &u, alice);
    CHECK(u.count == TX_URLS_MAX && u.sizes[3] == TX_URL_SIZE_MAX);
    CHECK_SPAN(span_of(u.urls[3], u.sizes[3]), span_of(text, sizeof(text)));
    sound(&w);
    call.urls.count = 0;
    CHECK(world_do(&w, ALICE, &call) == RESULT_OK);
    market_urls(&w.chain.ledger, &u, alice);
    CHECK(u.count == 0);
    sound(&w);
}

static void collateral_bounds_the_unclaimed_reward(void **state)
{
    (void)state;
    static struct world w;
    uint8_t id[32];
    placed(&w, id, with_collateral, 134289408, 780);
    go_live(&w, 0, id);
    struct tx_call settle = entry_of(TX_SETTLE, id, 0);
    CHECK(world_do(&w, DAVE, &settle) == RESULT_OK);
    struct market_merchant m;
    market_merchant(&w.chain.ledger, &m, w.keys[1].public_key);
    CHECK(m.reward.units == 0); /* no collateral: the income stays in the order */
    struct market_replica r;
    uint8_t lineage[32];
    world_lineage(lineage, 0);
    CHECK(market_replica(&w.chain.ledger, &r, id, lineage) && amount_is_zero(r.earned));
    struct tx_call deposit = funds_of(TX_MERCHANT_DEPOSIT, 6000);
    CHECK(world_do(&w, 1, &deposit) == RESULT_OK);
    answer(1);
    world_run_to(&w, 840);
    CHECK(world_do(&w, DAVE, &settle) == RESULT_OK);
    market_merchant(&w.chain.ledger, &m, w.keys[1].public_key);
    CHECK(m.reward.units == 600);
    struct tx_call withdraw = funds_of(TX_MERCHANT_WITHDRAW, 1);
    CHECK(world_do(&w, 1, &withdraw) == RESULT_NOT_HELD);
    struct tx_call claim = funds_of(TX_MERCHANT_CLAIM, 0);
    CHECK(world_do(&w, 1, &claim) == RESULT_OK);
    withdraw = funds_of(TX_MERCHANT_WITHDRAW, 6000);
    CHECK(world_do(&w, 1, &withdraw) == RESULT_OK);
    CHECK(world_do(&w, 1, &withdraw) == RESULT_NOT_HELD);
    sound(&w);
}

static void v21_a_merchant_collects_its_reward(void **state)
{
    (void)state;
    static struct world w;
    start(&w, NULL, "1000000");
    struct ledger *l = &w.chain.ledger;
    struct tx_call claim = funds_of(TX_MERCHANT_CLAIM, 0);
    struct tx_call deposit = funds_of(TX_MERCHANT_DEPOSIT, 180);
    CHECK(world_do(&w, BOB, &deposit) == RESULT_OK);
    accounts_mint(l, accounts_pot(POT_STORAGE), AMOUNT_OF(120));
    market_store_reward_put(l, w.keys[BOB].public_key, AMOUNT_OF(120));
    sound(&w);
    u128 before = world_free(&w, w.keys[BOB].public_key).units;
    CHECK(world_do(&w, BOB, &claim) == RESULT_OK);
    CHECK(world_free(&w, w.keys[BOB].public_key).units == before + 120);
    CHECK(pot(&w, POT_STORAGE) == 0);
    CHECK(world_do(&w, BOB, &claim) == RESULT_NO_REWARD);
    CHECK(world_do(&w, ALICE, &claim) == RESULT_NO_REWARD);
    sound(&w);
}

static void an_order_nobody_stores_is_refunded_whole(void **state)
{
    (void)state;
    static struct world w;
    start(&w, NULL, "20000000");
    u128 before = world_free(&w, w.keys[ALICE].public_key).units;
    struct tx_call call = order_of('F', 5000000);
    call.order.tip = AMOUNT_OF(77);
    CHECK(world_do(&w, ALICE, &call) == RESULT_OK);
    CHECK(world_do(&w, BOB, &call) == RESULT_OK);
    uint8_t id[32];
    market_order_id(id, &call.order.key, 5000000, NULL);
    struct tx_call prepay = entry_of(TX_PREPAY, id, 4000);
    CHECK(world_do(&w, ALICE, &prepay) == RESULT_OK);
    struct tx_call refund = entry_of(TX_REFUND, id, 0);
    CHECK(world_do(&w, ALICE, &refund) == RESULT_REFUND_TOO_EARLY);
    CHECK(world_do(&w, CAROL, &refund) == RESULT_NOTHING_TO_REFUND);
    struct tx_call settle = entry_of(TX_SETTLE, id, 0);
    CHECK(world_do(&w, CAROL, &settle) == RESULT_NOT_STARTED);
    world_run_to(&w, 610);
    CHECK(world_do(&w, ALICE, &refund) == RESULT_OK);
    CHECK(world_free(&w, w.keys[ALICE].public_key).units == before);
    CHECK(world_do(&w, ALICE, &refund) == RESULT_NOTHING_TO_REFUND);
    sound(&w);
    CHECK(world_do(&w, BOB, &refund) == RESULT_OK);
    struct market_order o;
    CHECK(!market_order(&w.chain.ledger, &o, id));
    CHECK(pot(&w, POT_STORAGE) == 0 && pot(&w, POT_RESERVED) == 0);
    sound(&w);
}

static void a_stored_order_is_not_refunded(void **state)
{
    (void)state;
    static struct world w;
    uint8_t id[32];
    placed(&w, id, NULL, 5000000, 0);
    world_run_to(&w, 700);
    world_workers[0].account = 1;
    CHECK(world_add_replica(&w, 0, id)); /* sealed, not verified yet */
    struct tx_call refund = entry_of(TX_REFUND, id, 0);
    CHECK(world_do(&w, ALICE, &refund) == RESULT_ALREADY_STORED);
    world_workers[0].gone = true; /* and then it vanishes */
    world_run_to(&w, 1200);
    CHECK(world_do(&w, ALICE, &refund) == RESULT_OK);
    sound(&w);
}

static void one_replica_per_account_counts(void **state)
{
    (void)state;
    static struct world w;
    uint8_t id[32], none[32] = { 1 };
    placed(&w, id, NULL, 5000000, 0);
    world_workers[0].account = world_workers[1].account = 1;
    world_workers[2].account = 2;
    CHECK(!world_add_replica(&w, 0, none));
    CHECK(world_add_replica(&w, 0, id));
    CHECK(!world_add_replica(&w, 0, id));
    CHECK(!world_add_replica(&w, 1, id)); /* V11: the same account has one */
    CHECK(world_add_replica(&w, 2, id));
    struct market_order o;
    CHECK(market_order(&w.chain.ledger, &o, id) && o.replicas_all == 2 && o.replicas == 0);
    uint8_t lineage[32];
    world_lineage(lineage, 0);
    CHECK(market_replica_remove(&w.chain.ledger, &world_work.market, id, lineage));
    CHECK(!market_replica_remove(&w.chain.ledger, &world_work.market, id, lineage));
    CHECK(world_add_replica(&w, 1, id));
}

static void paid_places_go_to_the_next_when_one_leaves(void **state)
{
    (void)state;
    static struct world w;
    start(&w, longer_life, "20000000");
    struct tx_call call = order_of('F', 134289408);
    call.order.replicas = 2;
    CHECK(world_do(&w, ALICE, &call) == RESULT_OK);
    uint8_t id[32];
    market_order_id(id, &call.order.key, 134289408, NULL);
    for (size_t i = 0; i < 3; i++) {
        world_workers[i].account = (uint32_t)i + 1;
        CHECK(world_add_replica(&w, i, id));
    }
    answer(3);
    world_run_to(&w, 545);
    struct market_order o;
    CHECK(market_order(&w.chain.ledger, &o, id) && o.replicas == 3 && o.replicas_paid == 2);
    CHECK(world_workers[2].rate.units == 0);
    uint8_t lineage[32];
    world_lineage(lineage, 0);
    CHECK(market_replica_remove(&w.chain.ledger, &world_work.market, id, lineage));
    CHECK(world_workers[0].rate.units == 0 && world_workers[0].power == 0);
    struct tx_call settle = entry_of(TX_SETTLE, id, 0);
    CHECK(world_do(&w, DAVE, &settle) == RESULT_OK);
    CHECK(market_order(&w.chain.ledger, &o, id) && o.replicas == 2 && o.replicas_paid == 2);
    CHECK(world_workers[2].rate.units == market_rate(&o).units);
    sound(&w);
}

static void prepaid_renews_and_the_rest_goes_back(void **state)
{
    (void)state;
    static struct world w;
    uint8_t id[32];
    placed(&w, id, flat_prices, 134289408, 0);
    go_live(&w, 0, id);
    struct tx_call prepay = entry_of(TX_PREPAY, id, 130000 + 5000); /* one period, and some */
    CHECK(world_do(&w, BOB, &prepay) == RESULT_OK);
    world_run_to(&w, 1540);
    struct market_order o;
    CHECK(market_order(&w.chain.ledger, &o, id));
    CHECK(o.expired_at == 2540 && o.prepaid.units == 5000);
    CHECK(pot(&w, POT_STAKING) == 2 * 92880 && pot(&w, POT_RESERVED) == 2 * 13900);
    sound(&w);
    u128 before = world_free(&w, w.keys[ALICE].public_key).units;
    world_run_to(&w, 2540);
    CHECK(!market_order(&w.chain.ledger, &o, id));
    CHECK(world_free(&w, w.keys[ALICE].public_key).units == before + 5000);
    sound(&w);
}

static void a_dispute_stops_income_and_power(void **state)
{
    (void)state;
    static struct world w;
    uint8_t id[32];
    placed(&w, id, long_life, 134289408, 0);
    go_live(&w, 0, id);
    struct amount rate = world_workers[0].rate;
    CHECK(rate.units > 0);
    market_set_disputed(&w.chain.ledger, &world_work.market, id, true);
    CHECK(world_workers[0].rate.units == 0); /* and so no charge for a miss */
    struct market_merchant m;
    market_merchant(&w.chain.ledger, &m, w.keys[1].public_key);
    u128 before = m.reward.units; /* what was earned until now is paid */
    CHECK(before > 0);
    answer(1);
    world_run_to(&w, 840);
    CHECK(world_workers[0].power == 0);
    struct tx_call settle = entry_of(TX_SETTLE, id, 0);
    CHECK(world_do(&w, DAVE, &settle) == RESULT_OK);
    market_merchant(&w.chain.ledger, &m, w.keys[1].public_key);
    CHECK(m.reward.units == before);
    market_set_disputed(&w.chain.ledger, &world_work.market, id, false);
    CHECK(amount_cmp(world_workers[0].rate, rate) == 0);
    world_run_to(&w, 850);
    CHECK(world_workers[0].power > 0);
}

static void power_matures(void **state)
{
    (void)state;
    static struct world w;
    uint8_t id[32];
    placed(&w, id, longer_life, 1000000, 0);
    go_live(&w, 0, id);
    CHECK(w.chain.height == 540 && world_workers[0].power == 1000000);
    world_run_to(&w, 839);
    CHECK(world_workers[0].power == 1000000);
    world_run_to(&w, 840);
    CHECK(world_workers[0].power == 1050000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v03_the_base_fee_steps),
        cmocka_unit_test(v05_the_keys_fee_steps),
        cmocka_unit_test(the_byte_fee_follows_the_used_share),
        cmocka_unit_test(v07_a_small_order_is_split),
        cmocka_unit_test(v08_orders_are_refused),
        cmocka_unit_test(v14_ordering_again_checks_the_size),
        cmocka_unit_test(v27_the_power_table_of_the_second_generation),
        cmocka_unit_test(an_entry_is_named_by_key_size_and_root),
        cmocka_unit_test(income_follows_answered_slots),
        cmocka_unit_test(a_counter_that_jumps_is_paid_for_the_time_that_passed),
        cmocka_unit_test(urls_are_replaced_as_a_whole),
        cmocka_unit_test(collateral_bounds_the_unclaimed_reward),
        cmocka_unit_test(v21_a_merchant_collects_its_reward),
        cmocka_unit_test(an_order_nobody_stores_is_refunded_whole),
        cmocka_unit_test(a_stored_order_is_not_refunded),
        cmocka_unit_test(one_replica_per_account_counts),
        cmocka_unit_test(paid_places_go_to_the_next_when_one_leaves),
        cmocka_unit_test(prepaid_renews_and_the_rest_goes_back),
        cmocka_unit_test(a_dispute_stops_income_and_power),
        cmocka_unit_test(power_matures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
