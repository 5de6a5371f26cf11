#include "chain/staking.h"

#include "base/hex.h"
#include "chain/testera.h"

static struct world w;

/* ---- arithmetic ---- */

static void v53_the_issuance_curve(void **state)
{
    (void)state;
    struct params p;
    params_init(&p, PARAMS_PRODUCTION);
    p.reward_year_eras = 17532;
    static const struct {
        uint32_t start, era;
        uint64_t staking, authoring;
    } rows[] = {
        { 10000, 8382, 0, 0 },
        { 10000, 27531, 228154232261008, 57038558065252 },
        { 10000, 27532, 200775724389687, 50193931097422 },
        { 10000, 45063, 200775724389687, 50193931097422 },
        { 10000, 45064, 176682637462925, 44170659365731 },
        { 20000, 18640, 0, 0 },
        { 20000, 37532, 200775724389687, 50193931097422 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        p.reward_start_era = rows[i].start;
        u128 total = staking_issue(&p, rows[i].era, AMOUNT_OF(1000000000000), AMOUNT_ZERO).units;
        u128 authoring = ratio_mul(20, PERCENT, total);
        CHECK(authoring == rows[i].authoring && total - authoring == rows[i].staking);
    }
    static const uint64_t years[] = { 3422313483915126, 3011635865845311, 2650239561943874,
                                      2332210814510609, 2052345516769336, 1806064054757015 };
    p.reward_start_era = 0;
    p.reward_year_eras = 1461;
    for (uint32_t y = 0; y < 6; y++)
        CHECK(staking_issue(&p, y * 1461, AMOUNT_OF(1000), AMOUNT_ZERO).units == years[y]);
}

static void the_issuance_has_a_floor_and_a_top_up(void **state)
{
    (void)state;
    struct params p;
    params_init(&p, PARAMS_PRODUCTION);
    const u128 supply = (u128)20000000 * 1000000000000;
    u128 least = supply / 1000 * 28;
    /* After 20 years the curve lies below 2.8 %. All is staked: no top-up. */
    CHECK(staking_issue(&p, 20 * 1461, AMOUNT_OF(supply), AMOUNT_OF(supply)).units == least / 1461);
    /* Nothing is staked: 8 % more. */
    CHECK(staking_issue(&p, 20 * 1461, AMOUNT_OF(supply), AMOUNT_ZERO).units ==
          (least + supply / 100 * 8) / 1461);
    CHECK(staking_issue(&p, UINT32_MAX, AMOUNT_OF(supply), AMOUNT_OF(supply)).units ==
          least / 1461);
    p.reward_year_eras = 1; /* ends soon, however many years there are */
    CHECK(staking_issue(&p, UINT32_MAX, AMOUNT_ZERO, AMOUNT_ZERO).units == 0);
}

static void v55_authoring_share_and_limit_table(void **state)
{
    (void)state;
    static const uint32_t shares[][2] = { { 0, 20 },    { 200, 20 },        { 500, 20 },
                                          { 501, 25 },  { 1000, 25 },       { 1001, 30 },
                                          { 2500, 30 }, { 2501, 40 },       { 5000, 40 },
                                          { 5001, 50 }, { 4294967295u, 50 } };
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
        CHECK(staking_authoring_percent(shares[i][0]) == shares[i][1]);
    static const uint32_t rows[][3] = {
        { 130000, 1, 878735632 }, { 230700, 0, 781670281 }, { 26900, 11, 802830188 },
        { 400000, 0, 350000000 }, { 0, 659, 350000000 },    { 1999, 219, 349999999 },
        { 2999, 131, 349999999 }, { 199999, 1, 4135338 },   { 329999, 0, 351517450 },
        { 330000, 0, 350000000 }, { 9999, 34, 86842105 },   { 99999, 2, 666582914 },
        { 100999, 2, 633582089 }, { 200999, 0, 995885286 }, { 27999, 11, 349999999 },
        { 62999, 4, 629999999 },  { 187999, 1, 109999999 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t whole, fraction;
        staking_ratio_row(rows[i][0], &whole, &fraction);
        CHECK(whole == rows[i][1] && fraction == rows[i][2]);
    }
    CHECK(staking_limit_of(130000, AMOUNT_OF(1000000000)).units == 1878735632);
}

static void v56_limits_of_both_stages(void **state)
{
    (void)state;
    ts_start(&w, "", "1000000");
    struct ledger *l = &w.chain.ledger;
    static const uint64_t bytes[] = { 0, 3, 0, 2, 0, 5 };
    for (size_t i = 1; i < 6; i += 2)
        ts_workload(&w, i, 0, bytes[i]);
    struct staking_now now = ts_now(&w);
    staking_limits_update(l, &now);
    CHECK(!now.stage_two && now.workload_all == 10);
    CHECK(staking_limit(l, &now, ts_id(1)).units == 7500);
    CHECK(staking_limit(l, &now, ts_id(3)).units == 5000);
    CHECK(staking_limit(l, &now, ts_id(5)).units == 12500);
    CHECK(staking_limit(l, &now, ts_id(7)).units == 0);
    /* Stage two: L = 659.35 * 6000000 shared by workload in units of 1024. */
    ts_workload(&w, 1, 3, 3 * 1024 * 1024);
    ts_workload(&w, 3, 2, 1024 * 1024);
    staking_limits_update(l, &now);
    CHECK(now.stage_two && now.limit_all.units == 3956100000);
    CHECK(staking_limit(l, &now, ts_id(1)).units == (u128)3072 * 3956100000 / 4096);
    CHECK(staking_limit(l, &now, ts_id(3)).units == (u128)1024 * 3956100000 / 4096);
    CHECK(staking_limit(l, &now, ts_id(5)).units == 0);
}

/* ---- stakes ---- */

static void v68_guarantees_are_counted(void **state)
{
    (void)state;
    ts_start(&w, "", "1000000");
    ts_candidate(&w, 25, 1000);
    ts_candidate(&w, 27, 1000);
    CHECK(ts_bond(&w, 1, 1, 2000) == RESULT_OK && ts_bond(&w, 3, 3, 1000) == RESULT_OK);
    CHECK(ts_do(&w, 1, TX_STAKE_GUARANTEE, 1000, 25) == RESULT_OK);
    CHECK(ts_ledger(&w, 1).guaranteed.units == 1000);
    CHECK(ts_do(&w, 1, TX_STAKE_GUARANTEE, 500, 25) == RESULT_OK);
    CHECK(ts_ledger(&w, 1).targets[0].value.units == 1500);
    CHECK(ts_do(&w, 1, TX_STAKE_GUARANTEE, 1000, 25) == RESULT_OK);
    CHECK(ts_ledger(&w, 1).targets[0].value.units == 2000);
    CHECK(ts_do(&w, 3, TX_STAKE_GUARANTEE, 2000, 25) == RESULT_OK);
    CHECK(ts_ledger(&w, 3).targets[0].value.units == 1000);
    CHECK(ts_do(&w, 3, TX_STAKE_GUARANTEE, 10, 25) == RESULT_EXCEED_GUARANTEE_LIMIT);
    CHECK(ts_do(&w, 3, TX_STAKE_BOND_EXTRA, 2000, 3) == RESULT_OK);
    for (size_t i = 0; i < 16; i++) {
        ts_candidate(&w, 100 + i, 10);
        CHECK(ts_do(&w, 3, TX_STAKE_GUARANTEE, 10, 100 + i) ==
              (i < 15 ? RESULT_OK : RESULT_EXCEED_GUARANTEE_LIMIT));
    }
    CHECK(ts_do(&w, 3, TX_STAKE_GUARANTEE, 10, 4) == RESULT_INVALID_TARGET);
    CHECK(ts_do(&w, 3, TX_STAKE_GUARANTEE, 1, 25) == RESULT_INSUFFICIENT_VALUE);
    CHECK(ts_do(&w, 4, TX_STAKE_GUARANTEE, 10, 25) == RESULT_NOT_CONTROLLER);
    CHECK(ts_bond(&w, 2, 2, 2000) == RESULT_OK);
    CHECK(ts_do(&w, 2, TX_STAKE_GUARANTEE, 750, 25) == RESULT_OK);
    CHECK(ts_do(&w, 2, TX_STAKE_GUARANTEE, 500, 27) == RESULT_OK);
    CHECK(ts_do(&w, 2, TX_STAKE_CUT, 600, 25) == RESULT_OK);
    struct staking_ledger s = ts_ledger(&w, 2);
    CHECK(s.targets[0].value.units == 150 && s.targets[1].value.units == 500);
    CHECK(s.guaranteed.units == 650);
    CHECK(ts_do(&w, 2, TX_STAKE_CUT, 1000, 27) == RESULT_OK);
    s = ts_ledger(&w, 2);
    CHECK(s.target_count == 1 && s.targets[0].value.units == 150 && s.guaranteed.units == 150);
    CHECK(ts_do(&w, 2, TX_STAKE_CUT, 1000, 27) == RESULT_INVALID_TARGET);
    CHECK(ts_do(&w, 2, TX_STAKE_CUT, 250, 88) == RESULT_INVALID_TARGET);
    /* A target that chills keeps what is guaranteed for it. */
    CHECK(ts_do(&w, 25, TX_STAKE_CHILL, 0, 25) == RESULT_OK);
    CHECK(!ts_ledger(&w, 25).validates && ts_ledger(&w, 1).guaranteed.units == 2000);
    CHECK(staking_edge_count(&w.chain.ledger, ts_id(25)) == 3);
    ts_sound(&w);
}

static void v69_unbond_rebond_withdraw(void **state)
{
    (void)state;
    ts_start(&w, "", "1000");
    ts_to_era(&w, 1);
    ts_candidate(&w, 11, 1000);
    CHECK(ts_bond(&w, 1, 2, 500) == RESULT_OK); /* stash 1, controller 2 */
    CHECK(ts_do(&w, 2, TX_STAKE_GUARANTEE, 500, 11) == RESULT_OK);
    CHECK(ts_do(&w, 1, TX_STAKE_UNBOND, 1, 1) == RESULT_NOT_CONTROLLER);
    CHECK(ts_do(&w, 11, TX_STAKE_UNBOND, 900, 11) == RESULT_OK);
    struct staking_ledger s = ts_ledger(&w, 11);
    CHECK(s.active.units == 100 && s.chunk_count == 1);
    CHECK(s.chunks[0].value.units == 900 && s.chunks[0].era == 4);
    CHECK(ts_do(&w, 2, TX_STAKE_UNBOND, 100, 1) == RESULT_ALL_GUARANTEED);
    ts_to_era(&w, 2);
    CHECK(ts_do(&w, 2, TX_STAKE_CUT, 100, 11) == RESULT_OK);
    CHECK(ts_do(&w, 2, TX_STAKE_UNBOND, 200, 1) == RESULT_OK);
    s = ts_ledger(&w, 1);
    CHECK(s.active.units == 400 && s.chunks[0].value.units == 100 && s.chunks[0].era == 5);
    CHECK(ts_bond(&w, 3, 3, 1000) == RESULT_OK);
    CHECK(ts_do(&w, 3, TX_STAKE_REBOND, 1, 3) == RESULT_NO_UNLOCK_CHUNK);
    for (int i = 0; i < 3; i++)
        CHECK(ts_do(&w, 3, TX_STAKE_UNBOND, 300, 3) == RESULT_OK);
    CHECK(ts_do(&w, 3, TX_STAKE_REBOND, 500, 3) == RESULT_OK);
    s = ts_ledger(&w, 3);
    CHECK(s.active.units == 600 && s.chunk_count == 2);
    CHECK(s.chunks[0].value.units == 300 && s.chunks[1].value.units == 100);
    ts_sound(&w);
    ts_to_era(&w, 4);
    CHECK(ts_do(&w, 3, TX_STAKE_WITHDRAW, 0, 3) == RESULT_NOTHING_UNLOCKED);
    ts_to_era(&w, 5);
    CHECK(ts_do(&w, 3, TX_STAKE_WITHDRAW, 0, 3) == RESULT_OK);
    s = ts_ledger(&w, 3);
    CHECK(s.total.units == 600 && s.chunk_count == 0);
    CHECK(world_free(&w, ts_id(3)).units == 400);
    ts_sound(&w);
}

static void v69_parts_of_three_eras_are_bonded_again(void **state)
{
    (void)state;
    ts_start(&w, "", "1000");
    CHECK(ts_bond(&w, 1, 1, 1000) == RESULT_OK);
    static const u128 parts[] = { 400, 300, 200 };
    for (uint32_t i = 0; i < 3; i++) {
        ts_to_era(&w, 2 + i);
        CHECK(ts_do(&w, 1, TX_STAKE_UNBOND, parts[i], 1) == RESULT_OK);
    }
    struct staking_ledger s = ts_ledger(&w, 1);
    CHECK(s.active.units == 100 && s.chunk_count == 3 && s.chunks[2].era == 7);
    CHECK(ts_do(&w, 1, TX_STAKE_REBOND, 400, 1) == RESULT_OK);
    s = ts_ledger(&w, 1);
    CHECK(s.active.units == 500 && s.chunk_count == 2);
    CHECK(s.chunks[0].value.units == 400 && s.chunks[0].era == 5);
    CHECK(s.chunks[1].value.units == 100 && s.chunks[1].era == 6);
    /* "ED 10, all 1000 unbonded, rebond 5" */
    ts_start(&w, "existential_deposit=10", "1000");
    CHECK(ts_bond(&w, 1, 1, 1000) == RESULT_OK);
    CHECK(ts_do(&w, 1, TX_STAKE_UNBOND, 1000, 1) == RESULT_OK);
    CHECK(ts_do(&w, 1, TX_STAKE_REBOND, 5, 1) == RESULT_INSUFFICIENT_VALUE);
    ts_sound(&w);
}

static void v69_the_existential_deposit_bounds_a_bond(void **state)
{
    (void)state;
    ts_start(&w, "existential_deposit=5", "100000");
    CHECK(ts_bond(&w, 1, 1, 1) == RESULT_INSUFFICIENT_VALUE);
    CHECK(ts_bond(&w, 1, 1, 5) == RESULT_OK);
    CHECK(ts_bond(&w, 1, 2, 5) == RESULT_ALREADY_BONDED);
    CHECK(ts_bond(&w, 2, 1, 5) == RESULT_ALREADY_PAIRED);
    CHECK(ts_bond(&w, 2, 2, 100001) == RESULT_INSUFFICIENT_BALANCE);
    CHECK(ts_do(&w, 1, TX_STAKE_UNBOND, 1, 1) == RESULT_OK);
    struct staking_ledger s = ts_ledger(&w, 1);
    CHECK(s.active.units == 0 && s.chunks[0].value.units == 5 && s.chunks[0].era == 3);
    CHECK(ts_do(&w, 1, TX_STAKE_REBOND, 4, 1) == RESULT_INSUFFICIENT_VALUE);
    ts_to_era(&w, 2);
    CHECK(ts_do(&w, 1, TX_STAKE_WITHDRAW, 0, 1) == RESULT_NOTHING_UNLOCKED);
    ts_to_era(&w, 3);
    CHECK(ts_do(&w, 1, TX_STAKE_WITHDRAW, 0, 1) == RESULT_OK);
    CHECK(!staking_get(&w.chain.ledger, &s, ts_id(1)));
    CHECK(world_free(&w, ts_id(1)).units == 100000);
    /* The 33rd part is refused. */
    CHECK(ts_bond(&w, 2, 2, 1000) == RESULT_OK);
    for (int i = 0; i < 33; i++)
        CHECK(ts_do(&w, 2, TX_STAKE_UNBOND, 10, 2) == (i < 32 ? RESULT_OK : RESULT_NO_MORE_CHUNKS));
    ts_sound(&w);
}

static void unbonding_outlasts_evidence_in_blocks_and_in_time(void **state)
{
    (void)state;
    ts_start(&w, "misbehaviour_blocks=200 misbehaviour_ms=300000", "1000");
    CHECK(ts_bond(&w, 1, 1, 500) == RESULT_OK);
    CHECK(ts_do(&w, 1, TX_STAKE_UNBOND, 500, 1) == RESULT_OK);
    uint64_t from = w.chain.ledger.height;
    ts_to_era(&w, 4);
    uint64_t end = from + 300; /* a block a second: time is the later bound */
    while (w.chain.ledger.height < end)
        ts_block(&w, NULL);
    w.chain.ledger.time_ms = w.chain.time_ms;
    CHECK(ts_do(&w, 1, TX_STAKE_WITHDRAW, 0, 1) == RESULT_NOTHING_UNLOCKED);
    ts_block(&w, NULL);
    ts_block(&w, NULL);
    CHECK(ts_do(&w, 1, TX_STAKE_WITHDRAW, 0, 1) == RESULT_OK);
    ts_sound(&w);
}

static void keys_are_proven_and_stay_with_their_stash(void **state)
{
    (void)state;
    ts_start(&w, "", "1000");
    CHECK(ts_bond(&w, 1, 2, 500) == RESULT_OK && ts_bond(&w, 3, 3, 500) == RESULT_OK);
    CHECK(ts_validate(&w, 2, 0) == RESULT_NO_KEY);
    CHECK(ts_key(&w, 2, 3, 1) == RESULT_KEY_PROOF); /* proven for another stash */
    CHECK(ts_key(&w, 2, 1, 1) == RESULT_OK);
    CHECK(ts_key(&w, 3, 3, 1) == RESULT_KEY_USED);
    CHECK(ts_key(&w, 2, 1, 2) == RESULT_OK);
    CHECK(ts_key(&w, 3, 3, 1) == RESULT_KEY_USED);
    CHECK(ts_key(&w, 2, 1, 1) == RESULT_OK);
    uint8_t address[20], key[32], account[32];
    staking_address(address, ts_ledger(&w, 1).key);
    CHECK(staking_key_of_address(&w.chain.ledger, key, address));
    CHECK(chain_validator_account(&w.chain, account, address));
    CHECK(memcmp(account, ts_id(1), 32) == 0);
    /* The controller can be replaced. */
    CHECK(ts_do(&w, 1, TX_STAKE_CONTROLLER, 0, 3) == RESULT_ALREADY_PAIRED);
    CHECK(ts_do(&w, 1, TX_STAKE_CONTROLLER, 0, 4) == RESULT_OK);
    CHECK(ts_validate(&w, 2, 0) == RESULT_NOT_CONTROLLER);
    CHECK(ts_validate(&w, 4, 0) == RESULT_OK);
    ts_sound(&w);
}

static void the_proof_of_the_specification(void **state)
{
    (void)state;
    uint8_t want[64], proof[64];
    struct tx_call call = { .kind = TX_STAKE_KEY };
    ts_start(&w, "", "1000");
    CHECK_OK(hex_parse(want, 64,
                       "13c6d8bad2a7d40f99596d5957591f563a5eb8c1dd30e9a9362ec8af338702d8"
                       "114bc5905dcf60c4807690acc9ba889a1099a99c0a7ee86da987ce8f03289e0a"));
    ts_prove(&w, proof, 0, 0);
    CHECK(memcmp(proof, want, 64) == 0);
    CHECK(ts_bond(&w, 0, 0, 500) == RESULT_OK);
    CHECK_OK(hex_parse(call.stake.key, 32,
                       "9fd8db3ce25c826c641e96ef8b2e55337554fb55f5010a43e35a6b9911e06ec4"));
    memcpy(call.stake.proof, want, 64);
    call.stake.proof[40] ^= 1;
    CHECK(ts_call(&w, 0, &call) == RESULT_KEY_PROOF);
    call.stake.proof[40] ^= 1;
    CHECK(ts_call(&w, 0, &call) == RESULT_OK);
}

static void the_smallest_guarantor_makes_room(void **state)
{
    (void)state;
    ts_start(&w, "", "1000");
    ts_candidate(&w, 10, 1000);
    for (size_t i = 0; i < PARAMS_GUARANTORS_LIMIT + 2; i++) {
        ts_fund(&w, 20 + i, 1000);
        CHECK(ts_bond(&w, 20 + i, 20 + i, 1000) == RESULT_OK);
        u128 v = i == 7 ? 50 : i == PARAMS_GUARANTORS_LIMIT ? 50 : 100;
        enum tx_result want = i == PARAMS_GUARANTORS_LIMIT ? RESULT_TOO_MANY_GUARANTORS : RESULT_OK;
        CHECK(ts_do(&w, 20 + i, TX_STAKE_GUARANTEE, v, 10) == want);
    }
    CHECK(ts_ledger(&w, 27).target_count == 0); /* 50 made room for 100 */
    CHECK(staking_edge_count(&w.chain.ledger, ts_id(10)) == PARAMS_GUARANTORS_LIMIT);
    ts_sound(&w);
}

/* ---- elections ---- */

static struct staking_exposure exposure_of(size_t stash)
{
    struct staking_exposure x;
    staking_get_exposure(&w.chain.ledger, &x, ts_now(&w).election, ts_id(stash));
    return x;
}

static u128 part_of(const struct staking_exposure *x, size_t who)
{
    for (uint32_t i = 0; i < x->count; i++)
        if (memcmp(x->others[i].who, ts_id(who), 32) == 0)
            return x->others[i].value.units;
    return 0;
}

static void v64_effective_stake_under_a_limit(void **state)
{
    (void)state;
    ts_start(&w, "", "10000000");
    ts_candidate(&w, 25, 1000);
    CHECK(ts_bond(&w, 1, 1, 2000) == RESULT_OK && ts_bond(&w, 3, 3, 1000) == RESULT_OK);
    CHECK(ts_do(&w, 1, TX_STAKE_GUARANTEE, 2000, 25) == RESULT_OK);
    ts_workload(&w, 25, 0, 1);
    ts_to_era(&w, 1);
    struct staking_exposure x = exposure_of(25);
    CHECK(x.total.units == 2500 && x.own.units == 833 && part_of(&x, 1) == 1667);
    ts_workload(&w, 25, 1, 2);
    ts_to_era(&w, 2);
    x = exposure_of(25);
    CHECK(x.total.units == 3000 && x.own.units == 1000 && part_of(&x, 1) == 2000);
    CHECK(ts_do(&w, 1, TX_STAKE_CUT, 1500, 25) == RESULT_OK);
    CHECK(ts_do(&w, 3, TX_STAKE_GUARANTEE, 1000, 25) == RESULT_OK);
    ts_workload(&w, 25, 2, 1);
    ts_to_era(&w, 3);
    x = exposure_of(25);
    CHECK(x.total.units == 2500 && x.own.units == 1000);
    CHECK(part_of(&x, 1) == 500 && part_of(&x, 3) == 1000);
    ts_sound(&w);
}

static void v67_only_the_largest_guarantors_are_paid(void **state)
{
    (void)state;
    ts_start(&w, "stake_per_byte=4000", "10000000");
    ts_candidate(&w, 25, 1000);
    static const size_t who[] = { 111, 113, 115, 117, 119 };
    for (size_t i = 0; i < 5; i++) {
        ts_fund(&w, who[i], 1000);
        CHECK(ts_bond(&w, who[i], who[i], 500) == RESULT_OK);
        CHECK(ts_do(&w, who[i], TX_STAKE_GUARANTEE, i < 4 ? 500 : 400, 25) == RESULT_OK);
    }
    ts_workload(&w, 25, 0, 1);
    ts_to_era(&w, 1);
    struct staking_exposure x = exposure_of(25);
    CHECK(x.total.units == 3400 && x.own.units == 1000 && x.count == 5);
    ts_to_era(&w, 2);
    struct amount before = accounts_issuance(&w.chain.ledger);
    struct amount reward = staking_reward(&w.chain.ledger, 1, ts_id(25));
    CHECK(ts_payout(&w, 1, 25) == RESULT_OK);
    for (size_t i = 0; i < 4; i++) {
        u128 part = ratio_mul(ratio_of(500, 3400, PERBILL), PERBILL, reward.units);
        CHECK(ts_ledger(&w, who[i]).active.units == 500 + part);
    }
    CHECK(ts_ledger(&w, 119).active.units == 500);
    CHECK(accounts_issuance(&w.chain.ledger).units == before.units + reward.units);
    CHECK(ts_payout(&w, 1, 25) == RESULT_ALREADY_CLAIMED);
    CHECK(ts_payout(&w, 2, 25) == RESULT_INVALID_ERA);
    CHECK(ts_payout(&w, 1, 1) == RESULT_NOT_STASH);
    CHECK(ts_payout(&w, 1, 111) == RESULT_NOTHING_TO_CLAIM);
    ts_sound(&w);
}

static void v59_validators_and_candidates_are_paid(void **state)
{
    (void)state;
    ts_start(&w, "", "1");
    struct ledger *l = &w.chain.ledger;
    static const struct {
        size_t stash;
        u128 bond, want;
    } rows[] = { { 11, 1000, 114020105863564 },
                 { 21, 1000, 171058663928816 },
                 { 31, 1, 114020077572 } };
    struct staking_elected elected = { .count = 2 };
    struct staking_now now = ts_now(&w);
    for (size_t i = 0; i < 3; i++) {
        ts_candidate(&w, rows[i].stash, rows[i].bond);
        const struct staking_exposure x = { .fee = PERBILL,
                                            .total = AMOUNT_OF(rows[i].bond),
                                            .own = AMOUNT_OF(rows[i].bond) };
        staking_put_exposure(l, 0, ts_id(rows[i].stash), &x);
    }
    for (size_t i = 0; i < 2; i++)
        memcpy(elected.rows[i].stash, ts_id(rows[i].stash), 32);
    staking_put_elected(l, &elected);
    now.stake = AMOUNT_OF(2001);
    staking_put_now(l, &now);
    struct staking_era era;
    CHECK(staking_get_era(l, &era, 0));
    era.stake = now.stake;
    staking_put_era(l, 0, &era);
    const struct chain_block says = { .author = ts_id(21) };
    ts_block(&w, &says);
    ts_to_era(&w, 1);
    CHECK(staking_get_era(l, &era, 0) && era.authoring.units == 57038558065252);
    CHECK(era.staking.units == 228154232261008 && era.points == 20);
    /* 11's income goes to another account. */
    struct tx_call call = { .kind = TX_STAKE_PAYEE, .stake.has_account = true };
    memcpy(call.stake.account, ts_id(1), 32);
    CHECK(ts_call(&w, 11, &call) == RESULT_OK);
    for (size_t i = 0; i < 3; i++)
        CHECK(ts_payout(&w, 0, rows[i].stash) == RESULT_OK);
    CHECK(world_free(&w, ts_id(1)).units == 1 + rows[0].want);
    CHECK(ts_ledger(&w, 11).active.units == 1000);
    CHECK(ts_ledger(&w, 21).active.units == 1000 + rows[1].want);
    CHECK(ts_ledger(&w, 31).active.units == 1 + rows[2].want);
    CHECK(ts_payout(&w, 0, 11) == RESULT_ALREADY_CLAIMED);
    /* "era 1 planned exposure total": fixed before the income of era 0 was paid. */
    u128 planned = 0;
    for (size_t i = 0; i < 3; i++)
        planned += exposure_of(rows[i].stash).total.units;
    CHECK(planned == 2001 && ts_now(&w).stake.units == 2001);
    ts_sound(&w);
}

static void v63_lowering_the_fee_costs_the_era(void **state)
{
    (void)state;
    ts_start(&w, "", "10000000");
    ts_fund(&w, 25, 1000);
    CHECK(ts_bond(&w, 25, 25, 1000) == RESULT_OK && ts_key(&w, 25, 25, 25) == RESULT_OK);
    ts_workload(&w, 25, 0, 1);
    CHECK(ts_validate(&w, 25, 500000000) == RESULT_OK);
    CHECK(exposure_of(25).fee == PERBILL); /* the default of who was not elected */
    ts_to_era(&w, 1);
    CHECK(exposure_of(25).fee == 500000000);
    CHECK(ts_validate(&w, 25, 600000000) == RESULT_OK && exposure_of(25).fee == 500000000);
    CHECK(ts_validate(&w, 25, 300000000) == RESULT_OK && exposure_of(25).fee == PERBILL);
    CHECK(ts_validate(&w, 25, 200000000) == RESULT_OK && exposure_of(25).fee == PERBILL);
    ts_to_era(&w, 2);
    CHECK(exposure_of(25).fee == 200000000);
}

static void a_void_election_keeps_what_there_was(void **state)
{
    (void)state;
    ts_start(&w, "validators_min=2 validators_max=3", "10000000");
    for (size_t i = 21; i < 26; i++) {
        ts_candidate(&w, i, 1000 + i);
        ts_workload(&w, i, 0, 1);
    }
    ts_to_era(&w, 1);
    struct staking_elected elected;
    staking_get_elected(&w.chain.ledger, &elected);
    CHECK(elected.count == 3 && memcmp(elected.rows[0].stash, ts_id(25), 32) == 0);
    CHECK(elected.rows[2].stake.units == 1023);
    u128 stake = ts_now(&w).stake.units;
    CHECK(stake == 5 * 1000 + 21 + 22 + 23 + 24 + 25);
    for (size_t i = 21; i < 25; i++)
        CHECK(ts_do(&w, i, TX_STAKE_CHILL, 0, i) == RESULT_OK);
    uint32_t election = ts_now(&w).election;
    ts_to_era(&w, 2);
    CHECK(ts_now(&w).election == election && ts_now(&w).stake.units == stake);
    staking_get_elected(&w.chain.ledger, &elected);
    CHECK(elected.count == 3);
    /* What was earned in both eras can be claimed, each from the same exposures. */
    ts_to_era(&w, 3);
    CHECK(ts_payout(&w, 1, 25) == RESULT_OK && ts_payout(&w, 2, 25) == RESULT_OK);
    ts_sound(&w);
}

static void an_election_is_bounded_and_counts_no_stake_twice(void **state)
{
    (void)state;
    ts_start(&w, "queue_per_block=10 validators_max=128", "10000000");
    for (size_t i = 20; i < 120; i++) {
        ts_candidate(&w, i, 1000);
        ts_workload(&w, i, 0, 1);
    }
    CHECK(ts_bond(&w, 1, 1, 1000) == RESULT_OK);
    CHECK(ts_do(&w, 1, TX_STAKE_GUARANTEE, 1000, 20) == RESULT_OK);
    while (ts_now(&w).phase != STAKING_ELECTING)
        ts_block(&w, NULL);
    CHECK(ts_do(&w, 1, TX_STAKE_CUT, 1000, 20) == RESULT_ELECTION);
    CHECK(ts_do(&w, 20, TX_STAKE_CHILL, 0, 20) == RESULT_ELECTION);
    CHECK(ts_do(&w, 20, TX_STAKE_UNBOND, 10, 20) == RESULT_ELECTION);
    CHECK(ts_validate(&w, 20, 0) == RESULT_ELECTION);
    CHECK(ts_do(&w, 20, TX_STAKE_GUARANTEE, 10, 21) == RESULT_ELECTION);
    uint32_t blocks = 0;
    for (; ts_now(&w).phase == STAKING_ELECTING; blocks++)
        ts_block(&w, NULL);
    CHECK(blocks >= 15); /* 100 candidates of two records each, ten records a block */
    CHECK(ts_now(&w).era == 0 || ts_now(&w).era == 1);
    ts_to_era(&w, 1);
    CHECK(ts_now(&w).stake.units == 101 * 1000);
    ts_sound(&w);
}

static void the_pot_is_spread_over_eras(void **state)
{
    (void)state;
    ts_start(&w, "reward_first_year=0", "1000000");
    struct ledger *l = &w.chain.ledger;
    accounts_move(l, ts_id(1), accounts_pot(POT_STAKING), AMOUNT_OF(1003));
    u128 supply = accounts_issuance(l).units;
    for (uint32_t e = 0; e < 7; e++) {
        struct staking_era era;
        ts_to_era(&w, e + 1);
        CHECK(staking_get_era(l, &era, e) && era.ended);
        CHECK(era.authoring.units + era.staking.units == (e == 0 ? 203u : e < 5 ? 200u : 0u));
    }
    CHECK(accounts_issuance(l).units == supply - 1003);
    ts_sound(&w);
}

static void calls_go_through_blocks_and_need_staking(void **state)
{
    (void)state;
    ts_start(&w, "", "1000000");
    struct tx_call call = { .kind = TX_STAKE_BOND, .stake.amount = AMOUNT_OF(500) };
    memcpy(call.stake.account, ts_id(1), 32);
    CHECK(world_do(&w, 1, &call) == RESULT_OK);
    CHECK(ts_ledger(&w, 1).active.units == 500);
    call.kind = TX_STAKE_UNBOND;
    CHECK(world_do(&w, 1, &call) == RESULT_OK && world_do(&w, 2, &call) == RESULT_NOT_CONTROLLER);
    call = (struct tx_call){ .kind = TX_GROUP_CREATE };
    CHECK(world_do(&w, 1, &call) == RESULT_OK);
    call = (struct tx_call){ .kind = TX_GOV_VOTE };
    CHECK(world_do(&w, 1, &call) == RESULT_PROPOSAL_UNKNOWN);
    ts_sound(&w);
    CHECK_OK(world_init(&w, (struct mspan){ ts_state, sizeof(ts_state) }, ts_memory, ts_profile,
                        "1000"));
    for (int kind = TX_STAKE_BOND; kind <= TX_GOV_VOTE; kind++) {
        call = (struct tx_call){ .kind = (enum tx_kind)kind };
        CHECK(world_do(&w, 1, &call) == RESULT_STAKING_OFF);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v53_the_issuance_curve),
        cmocka_unit_test(the_issuance_has_a_floor_and_a_top_up),
        cmocka_unit_test(v55_authoring_share_and_limit_table),
        cmocka_unit_test(v56_limits_of_both_stages),
        cmocka_unit_test(v68_guarantees_are_counted),
        cmocka_unit_test(v69_unbond_rebond_withdraw),
        cmocka_unit_test(v69_parts_of_three_eras_are_bonded_again),
        cmocka_unit_test(v69_the_existential_deposit_bounds_a_bond),
        cmocka_unit_test(unbonding_outlasts_evidence_in_blocks_and_in_time),
        cmocka_unit_test(keys_are_proven_and_stay_with_their_stash),
        cmocka_unit_test(the_proof_of_the_specification),
        cmocka_unit_test(the_smallest_guarantor_makes_room),
        cmocka_unit_test(v64_effective_stake_under_a_limit),
        cmocka_unit_test(v67_only_the_largest_guarantors_are_paid),
        cmocka_unit_test(v59_validators_and_candidates_are_paid),
        cmocka_unit_test(v63_lowering_the_fee_costs_the_era),
        cmocka_unit_test(a_void_election_keeps_what_there_was),
        cmocka_unit_test(an_election_is_bounded_and_counts_no_stake_twice),
        cmocka_unit_test(the_pot_is_spread_over_eras),
        cmocka_unit_test(calls_go_through_blocks_and_need_staking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
