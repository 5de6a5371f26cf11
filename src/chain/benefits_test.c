#include "chain/benefits.h"

#include "base/prng.h"
#include "chain/testera.h"

static struct world w;

enum { ALICE, BOB, CAROL };

static void deposit(size_t who, u128 v)
{
    struct tx_call call = { .kind = TX_MERCHANT_DEPOSIT, .funds.amount = AMOUNT_OF(v) };
    CHECK(world_do(&w, who, &call) == RESULT_OK);
}

static void withdraw(size_t who, u128 v)
{
    struct tx_call call = { .kind = TX_MERCHANT_WITHDRAW, .funds.amount = AMOUNT_OF(v) };
    CHECK(world_do(&w, who, &call) == RESULT_OK);
}

static struct benefits_totals totals(void)
{
    struct benefits_totals t;
    CHECK(benefits_totals(&w.chain.ledger, &t));
    return t;
}

static struct benefits of(size_t who)
{
    struct benefits b;
    CHECK(benefits_get(&w.chain.ledger, &b, ts_id(who)));
    return b;
}

/* An era ends, in which so much is paid; returns what of that covers waived fees. */
static u128 next_era(u128 total)
{
    struct staking_now now = ts_now(&w);
    u128 covered = benefits_era(&w.chain.ledger, AMOUNT_OF(total)).units;
    now.era++;
    staking_put_now(&w.chain.ledger, &now);
    return covered;
}

/* Alice's fee as the rule charges it: what is waived. */
static u128 fee(size_t who, u128 v)
{
    struct amount waived = benefits_waived(&w.chain.ledger, ts_id(who), AMOUNT_OF(v));
    benefits_use(&w.chain.ledger, ts_id(who), waived);
    return waived.units;
}

/* Profile BEN: 1 % of the payout, 95 % of a fee. The vector's balances are what is left after the
 * charged part; here the waived part goes to treasury and author as any fee. */
static void v76_the_quota_of_settlement_fees(void **state)
{
    (void)state;
    ts_start(&w, "benefits_quota_rate=10000000 benefits_waived_percent=95", "1000");
    struct ledger *l = &w.chain.ledger;
    deposit(ALICE, 100);
    deposit(BOB, 100);
    CHECK(fee(ALICE, 40) == 0); /* no quota yet */
    CHECK(next_era(10000) == 0);
    CHECK(totals().quota.units == 100 && totals().counted.units == 200);
    u128 issuance = accounts_issuance(l).units;
    CHECK(fee(ALICE, 40) == 38);
    CHECK(of(ALICE).used.units == 38 && totals().used.units == 38);
    CHECK(accounts_issuance(l).units == issuance + 38);
    CHECK(fee(ALICE, 40) == 0); /* own part 50 */
    CHECK(of(ALICE).used.units == 38);
    withdraw(BOB, 100);
    CHECK(totals().counted.units == 100);
    CHECK(fee(ALICE, 40) == 38);
    CHECK(of(ALICE).used.units == 76);
    deposit(BOB, 100);
    CHECK(fee(BOB, 40) == 0 && of(BOB).used.units == 0);
    CHECK(next_era(10000) == 76);
    CHECK(totals().used.units == 0);
}

/* What an era pays covers what was waived in it; here 12.5 CRU of V61. */
static void v61_waived_fees_reduce_the_payout(void **state)
{
    (void)state;
    static const size_t stashes[] = { 0, 1, 2 };
    ts_start(&w, "", "1000000000000000");
    for (size_t i = 0; i < 2; i++)
        ts_candidate(&w, stashes[i] + 20, 1000);
    struct staking_now now = ts_now(&w);
    now.stake = AMOUNT_OF(2001);
    staking_put_now(&w.chain.ledger, &now);
    benefits_use(&w.chain.ledger, ts_id(0), AMOUNT_OF(12500000000000));
    struct amount issued =
        staking_issue(&w.chain.params, 0, accounts_issuance(&w.chain.ledger), AMOUNT_OF(2001));
    CHECK(issued.units == (u128)57038558065252 + 228154232261008);
    accounts_block_end(&w.chain.ledger, NULL);
    ts_to_era(&w, 1);
    struct staking_era era;
    CHECK(staking_get_era(&w.chain.ledger, &era, 0) && era.ended);
    CHECK(era.authoring.units == 54538558065252 && era.staking.units == 218154232261008);
    /* V61: "11 gets", "21 gets" */
    CHECK(ratio_mul(ratio_of(1000, 2001, PERBILL), PERBILL, era.staking.units) == 109022604623564);
    CHECK(ratio_mul(ratio_of(1000, 2001, PERBILL), PERBILL, era.staking.units) +
              era.authoring.units ==
          163561162688816);
    CHECK(totals().used.units == 0);
}

/* ---- through blocks ---- */

static void place(uint8_t id[32])
{
    struct tx_call call = { .kind = TX_ORDER };
    call.order.key = (struct content_key){ .codec = CID_CODEC_RAW, .digest = { 7 } };
    call.order.size = 5000;
    CHECK(world_do(&w, CAROL, &call) == RESULT_OK);
    market_order_id(id, &call.order.key, 5000, NULL);
    CHECK(world_add_replica(&w, 0, id));
    world_workers[0].proven = 1;
}

static void a_settlement_costs_a_merchant_nothing(void **state)
{
    (void)state;
    uint8_t id[32];
    struct tx_call settle = { .kind = TX_SETTLE };
    ts_start(&w, "fee_base=1000 fee_byte=1 file_duration_blocks=20000 benefits_quota_rate=1000000",
             "1000000000000000");
    struct ledger *l = &w.chain.ledger;
    place(id);
    deposit(ALICE, 1000000);
    ts_to_era(&w, 1);
    ts_sound(&w);
    memcpy(settle.entry.order, id, 32);
    /* Who has no collateral pays; the fee reaches the treasury. */
    u128 before = world_free(&w, ts_id(BOB)).units;
    u128 treasury = world_free(&w, accounts_pot(POT_TREASURY)).units;
    CHECK(world_do(&w, BOB, &settle) == RESULT_OK);
    u128 paid = before - world_free(&w, ts_id(BOB)).units;
    CHECK(paid > 1000 && world_free(&w, accounts_pot(POT_TREASURY)).units == treasury + paid);
    /* Who has does not, and the treasury has its fee all the same. */
    before = world_free(&w, ts_id(ALICE)).units;
    treasury = world_free(&w, accounts_pot(POT_TREASURY)).units;
    u128 issuance = accounts_issuance(l).units;
    CHECK(world_do(&w, ALICE, &settle) == RESULT_OK);
    CHECK(world_free(&w, ts_id(ALICE)).units == before);
    CHECK(world_free(&w, accounts_pot(POT_TREASURY)).units == treasury + paid);
    CHECK(accounts_issuance(l).units == issuance + paid && of(ALICE).used.units == paid);
    ts_sound(&w);
    /* A refused settlement, and any other call, costs what it costs. */
    settle.entry.order[0] ^= 1;
    CHECK(world_do(&w, ALICE, &settle) == RESULT_ORDER_NOT_FOUND);
    CHECK(world_free(&w, ts_id(ALICE)).units == before - paid);
    deposit(ALICE, 1);
    CHECK(world_free(&w, ts_id(ALICE)).units < before - paid - 1);
    /* The era's income pays for it. */
    ts_to_era(&w, 2);
    CHECK(totals().used.units == 0 && of(ALICE).used.units == 0);
    ts_sound(&w);
}

static void what_income_does_not_cover_stays_owed(void **state)
{
    (void)state;
    ts_start(&w, "benefits_quota_rate=1000000000", "1000000");
    deposit(ALICE, 1000);
    CHECK(next_era(500) == 0);
    CHECK(fee(ALICE, 400) == 400);
    CHECK(next_era(100) == 100);
    CHECK(totals().used.units == 300 && totals().quota.units == 100);
    CHECK(fee(ALICE, 1) == 0); /* what is owed is in the way */
    CHECK(next_era(1000) == 300);
    CHECK(totals().used.units == 0);
}

/* Money that walks from account to account counts once: no account's deposit of this era counts. */
static void a_deposit_counts_from_the_next_era(void **state)
{
    (void)state;
    ts_start(&w, "benefits_quota_rate=1000000000", "1000000");
    struct ledger *l = &w.chain.ledger;
    deposit(ALICE, 1000);
    CHECK(totals().counted.units == 0 && totals().funds.units == 1000);
    CHECK(next_era(300) == 0);
    CHECK(of(ALICE).counted.units == 1000 && fee(ALICE, 300) == 300);
    withdraw(ALICE, 400);
    CHECK(of(ALICE).counted.units == 600 && totals().counted.units == 600);
    deposit(ALICE, 400);
    CHECK(of(ALICE).counted.units == 600);
    deposit(BOB, 400);
    CHECK(of(BOB).counted.units == 0 && fee(BOB, 1) == 0);
    const char *what = NULL;
    benefits_audit(l, &what);
    CHECK(what == NULL);
}

/* Random deposits, withdrawals, fees and eras: the sums hold, and no era waives more than its
 * quota. */
static void random_histories_keep_the_sums(void **state)
{
    (void)state;
    struct prng p;
    u128 have[4] = { 0, 0, 0, 0 }, waived = 0;
    ts_start(&w, "benefits_quota_rate=10000000 benefits_waived_percent=95", "1000000000000000");
    struct ledger *l = &w.chain.ledger;
    prng_init(&p, 76);
    for (int i = 0; i < 1500; i++) {
        size_t who = prng_below(&p, 4);
        u128 v = 1 + prng_below(&p, 1000);
        const char *what = NULL;
        switch (prng_below(&p, 5)) {
        case 0:
            deposit(who, v);
            have[who] += v;
            break;
        case 1:
            v = v < have[who] ? v : have[who];
            if (v > 0)
                withdraw(who, v);
            have[who] -= v;
            break;
        case 2:
        case 3:
            waived += fee(who, v);
            accounts_block_end(l, NULL);
            break;
        default:
            ts_block(&w, NULL);
        }
        struct benefits_totals t = totals();
        CHECK(amount_cmp(t.used, t.quota) <= 0);
        CHECK(t.funds.units == have[0] + have[1] + have[2] + have[3]);
        CHECK(amount_cmp(t.counted, t.funds) <= 0);
        benefits_audit(l, &what);
        CHECK(what == NULL);
        if (i % 100 == 0)
            ts_sound(&w);
    }
    CHECK(waived > 0 && ts_now(&w).era > 5);
}

static void a_network_without_staking_waives_nothing(void **state)
{
    (void)state;
    struct benefits_totals t;
    struct benefits b;
    CHECK_OK(world_init(&w, (struct mspan){ ts_state, sizeof(ts_state) }, ts_memory, "",
                        "1000000000000000"));
    deposit(ALICE, 1000);
    CHECK(!benefits_totals(&w.chain.ledger, &t) &&
          !benefits_get(&w.chain.ledger, &b, ts_id(ALICE)));
    CHECK(amount_is_zero(benefits_waived(&w.chain.ledger, ts_id(ALICE), AMOUNT_OF(10))));
    CHECK(amount_is_zero(benefits_era(&w.chain.ledger, AMOUNT_OF(10))));
    ts_sound(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v76_the_quota_of_settlement_fees),
        cmocka_unit_test(v61_waived_fees_reduce_the_payout),
        cmocka_unit_test(a_settlement_costs_a_merchant_nothing),
        cmocka_unit_test(what_income_does_not_cover_stays_owed),
        cmocka_unit_test(a_deposit_counts_from_the_next_era),
        cmocka_unit_test(random_histories_keep_the_sums),
        cmocka_unit_test(a_network_without_staking_waives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
