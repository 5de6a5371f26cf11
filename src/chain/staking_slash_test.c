/* Slashes and groups. */
#include "chain/staking.h"

#include "chain/testera.h"

static struct world w;

/* A stash of 2000 with 1000 bonded, standing, and an exposure in election 0. */
static void validator(size_t i, u128 own, const struct staking_edge *edge)
{
    struct staking_exposure x = { .fee = PERBILL, .own = AMOUNT_OF(own), .total = AMOUNT_OF(own) };
    ts_fund(&w, i, 1000);
    ts_candidate(&w, i, 1000);
    if (edge != NULL) {
        x.others[0] = *edge;
        x.count = 1;
        x.total = amount_sat_add(x.total, edge->value);
    }
    staking_put_exposure(&w.chain.ledger, 0, ts_id(i), &x);
}

static u128 worth(size_t i)
{
    struct account a;
    accounts_get(&w.chain.ledger, &a, ts_id(i));
    return accounts_total(&a).units;
}

static void slash(size_t i, uint32_t percent)
{
    struct staking_now now = ts_now(&w);
    staking_offend(&w.chain.ledger, &now, ts_id(i), percent * 10000000, now.era);
}

static struct staking_edge edge_of(size_t who, u128 v)
{
    struct staking_edge e = { .value = AMOUNT_OF(v) };
    memcpy(e.who, ts_id(who), 32);
    return e;
}

static void v71_only_the_largest_slash_of_an_era_counts(void **state)
{
    (void)state;
    ts_start(&w, "", "1000000");
    ts_fund(&w, 101, 1500);
    CHECK(ts_bond(&w, 101, 101, 500) == RESULT_OK);
    struct staking_edge e = edge_of(101, 250);
    validator(21, 1000, &e);
    slash(21, 50);
    CHECK(worth(21) == 1500 && !ts_ledger(&w, 21).validates);
    CHECK(worth(101) == 1500 - 125);
    slash(21, 25);
    CHECK(worth(21) == 1500);
    slash(21, 60);
    CHECK(worth(21) == 1400 && worth(101) == 1500 - 150);
    struct account treasury;
    accounts_get(&w.chain.ledger, &treasury, accounts_pot(POT_TREASURY));
    CHECK(treasury.free.units == 750);
    ts_sound(&w);
}

static void v71_other_cases(void **state)
{
    (void)state;
    ts_start(&w, "", "1000000");
    ts_fund(&w, 101, 1500);
    CHECK(ts_bond(&w, 101, 101, 500) == RESULT_OK);
    struct staking_edge e = edge_of(101, 250);
    validator(21, 1000, &e);
    slash(21, 20);
    CHECK(worth(21) == 1800 && worth(101) == 1450);
    /* Nothing of nothing: chilled all the same. */
    validator(31, 1000, NULL);
    slash(31, 0);
    CHECK(worth(31) == 2000 && !ts_ledger(&w, 31).validates);
    /* An exposure of long ago counts, not what is bonded now. */
    validator(11, 500, NULL);
    slash(11, 50);
    CHECK(worth(11) == 1750);
    /* What unbonds is reached after what is active. */
    validator(41, 1000, NULL);
    CHECK(ts_do(&w, 41, TX_STAKE_UNBOND, 800, 41) == RESULT_OK);
    struct staking_ledger s = ts_ledger(&w, 41);
    CHECK(s.active.units == 200); /* "slashable": what would count from now on */
    slash(41, 50);
    s = ts_ledger(&w, 41);
    CHECK(s.active.units == 0 && s.chunks[0].value.units == 500 && worth(41) == 1500);
    ts_sound(&w);
}

static void spans_add_up_and_a_guarantee_is_cut(void **state)
{
    (void)state;
    ts_start(&w, "", "1000000");
    validator(21, 1000, NULL);
    validator(22, 1000, NULL);
    ts_fund(&w, 101, 1500);
    CHECK(ts_bond(&w, 101, 101, 500) == RESULT_OK);
    CHECK(ts_do(&w, 101, TX_STAKE_GUARANTEE, 300, 21) == RESULT_OK);
    CHECK(ts_do(&w, 101, TX_STAKE_GUARANTEE, 200, 22) == RESULT_OK);
    const struct staking_exposure x = { .total = AMOUNT_OF(1300),
                                        .own = AMOUNT_OF(1000),
                                        .count = 1,
                                        .others = { edge_of(101, 300) } };
    staking_put_exposure(&w.chain.ledger, 0, ts_id(21), &x);
    slash(21, 50);
    struct staking_ledger s = ts_ledger(&w, 101);
    CHECK(s.active.units == 350 && s.guaranteed.units == 350);
    CHECK(s.target_count == 2 && s.targets[1].value.units == 50);
    /* A new era, a new offence: the exposure loses again. */
    CHECK(ts_validate(&w, 21, 0) == RESULT_OK);
    ts_to_era(&w, 1);
    slash(21, 20);
    CHECK(worth(21) == 2000 - 500 - 200);
    ts_sound(&w);
}

static void v74_a_slash_waits_and_can_be_cancelled(void **state)
{
    (void)state;
    ts_start(&w, "slash_defer_eras=2", "1000000");
    ts_fund(&w, 101, 2000);
    CHECK(ts_bond(&w, 101, 101, 500) == RESULT_OK);
    struct staking_edge e = edge_of(101, 250);
    validator(11, 1000, &e);
    validator(12, 1000, NULL);
    ts_to_era(&w, 1);
    slash(11, 10);
    slash(12, 10);
    CHECK(ts_ledger(&w, 11).pending == 1 && ts_ledger(&w, 101).pending == 1);
    CHECK(staking_has_unapplied(&w.chain.ledger, 1, ts_id(12)));
    CHECK(staking_cancel(&w.chain.ledger, 1, ts_id(12)));
    CHECK(!staking_cancel(&w.chain.ledger, 1, ts_id(12)) && ts_ledger(&w, 12).pending == 0);
    CHECK(ts_do(&w, 101, TX_STAKE_UNBOND, 500, 101) == RESULT_OK);
    for (uint32_t era = 2; era <= 3; era++) {
        ts_to_era(&w, era);
        CHECK(worth(11) == 2000 && worth(101) == 2000);
    }
    CHECK(ts_do(&w, 101, TX_STAKE_WITHDRAW, 0, 101) == RESULT_NOTHING_UNLOCKED);
    ts_to_era(&w, 4);
    CHECK(worth(11) == 1900 && worth(12) == 2000 && worth(101) == 1975);
    CHECK(ts_do(&w, 101, TX_STAKE_WITHDRAW, 0, 101) == RESULT_OK && worth(101) == 1975);
    ts_sound(&w);
}

static void who_left_before_a_slash_is_not_named_by_it(void **state)
{
    (void)state;
    ts_start(&w, "slash_defer_eras=1 bonding_eras=2", "1000000");
    ts_fund(&w, 101, 1000);
    CHECK(ts_bond(&w, 101, 101, 500) == RESULT_OK);
    struct staking_edge e = edge_of(101, 250);
    validator(11, 1000, &e);
    CHECK(ts_do(&w, 101, TX_STAKE_UNBOND, 500, 101) == RESULT_OK);
    ts_to_era(&w, 2);
    CHECK(ts_do(&w, 101, TX_STAKE_WITHDRAW, 0, 101) == RESULT_OK);
    struct staking_now now = ts_now(&w);
    staking_offend(&w.chain.ledger, &now, ts_id(11), 500000000, 0);
    CHECK(ts_ledger(&w, 11).pending == 1);
    CHECK(ts_bond(&w, 101, 101, 400) == RESULT_OK && ts_ledger(&w, 101).pending == 0);
    ts_to_era(&w, 5);
    CHECK(worth(11) == 1500 && worth(101) == 1000 && ts_ledger(&w, 11).pending == 0);
    ts_sound(&w);
}

static void a_candidate_without_stake_of_its_own_does_not_count(void **state)
{
    (void)state;
    ts_start(&w, "", "1000000");
    ts_candidate(&w, 21, 1000);
    ts_candidate(&w, 22, 1000);
    ts_workload(&w, 21, 0, 1);
    ts_workload(&w, 22, 0, 1);
    CHECK(ts_bond(&w, 1, 1, 5000) == RESULT_OK);
    CHECK(ts_do(&w, 1, TX_STAKE_GUARANTEE, 5000, 21) == RESULT_OK);
    CHECK(ts_do(&w, 21, TX_STAKE_UNBOND, 1000, 21) == RESULT_OK);
    ts_to_era(&w, 1);
    struct staking_elected e;
    staking_get_elected(&w.chain.ledger, &e);
    CHECK(e.count == 1 && memcmp(e.rows[0].stash, ts_id(22), 32) == 0);
    CHECK(ts_now(&w).stake.units == 1000);
}

/* ---- from blocks ---- */

/* Four validators of 1000 that are elected in era 1. */
static void four(const char *more)
{
    ts_start(&w, more, "1000000");
    for (size_t i = 21; i < 25; i++) {
        ts_candidate(&w, i, 1000);
        ts_workload(&w, i, 0, 1);
    }
    ts_to_era(&w, 1);
    for (int i = 0; i < 8; i++)
        ts_block(&w, NULL);
}

static void address_of(uint8_t out[20], size_t i)
{
    struct ed25519_key key;
    ts_validator_key(&key, i);
    staking_address(out, key.public_key);
}

static void a_double_vote_bans_the_key_and_costs(void **state)
{
    (void)state;
    four("validators_min=2");
    uint32_t count;
    CHECK(staking_set_total(&w.chain.ledger, &count) == 4000 && count == 4);
    struct chain_misbehaviour m[2] = { { .height = w.chain.height }, { .height = w.chain.height } };
    address_of(m[0].address, 21);
    memset(m[1].address, 0xee, 20); /* nobody we know */
    const struct chain_block says = { .misbehaviour = m, .misbehaviour_count = 2 };
    ts_block(&w, &says);
    CHECK(ts_out.update_count == 1 && ts_out.updates[0].power == 0);
    /* (3/4)^2 of 1000. */
    CHECK(worth(21) == 1000 - 562 && !ts_ledger(&w, 21).validates);
    CHECK(ts_validate(&w, 21, 0) == RESULT_NO_KEY);
    ts_block(&w, &says); /* again: nothing */
    CHECK(ts_out.update_count == 0 && worth(21) == 1000 - 562);
    /* A second one: two of four, and the first pays what is missing. */
    address_of(m[0].address, 22);
    ts_block(&w, &says);
    CHECK(worth(22) == 0 || worth(22) == 1000 - 1000);
    CHECK(worth(21) == 1000 - 1000);
    /* A third would leave one: it is banned, and stays until the next election. */
    address_of(m[0].address, 23);
    ts_block(&w, &says);
    CHECK(ts_out.update_count == 0);
    CHECK(staking_set_total(&w.chain.ledger, &count) == 2000 && count == 2);
    CHECK(ts_key(&w, 21, 21, 21) == RESULT_KEY_USED);
    CHECK(ts_key(&w, 21, 21, 61) == RESULT_OK);
    ts_sound(&w);
}

static void old_evidence_meets_the_era_it_is_of(void **state)
{
    (void)state;
    four("bonding_eras=3");
    CHECK(ts_do(&w, 21, TX_STAKE_UNBOND, 600, 21) == RESULT_OK);
    uint64_t then = w.chain.height;
    ts_to_era(&w, 3);
    struct chain_misbehaviour m = { .height = then };
    address_of(m.address, 21);
    const struct chain_block says = { .misbehaviour = &m, .misbehaviour_count = 1 };
    ts_block(&w, &says);
    CHECK(worth(21) == 1000 - 562); /* of 1000, though 400 are active now */
    /* The span of then has not ended before: it stands no longer either. */
    CHECK(!ts_ledger(&w, 21).validates);
    ts_to_era(&w, 7);
    address_of(m.address, 22);
    ts_block(&w, &says);
    CHECK(worth(22) == 1000); /* too old to cost */
    CHECK(ts_validate(&w, 22, 0) == RESULT_NO_KEY);
    ts_sound(&w);
}

static void who_is_silent_for_a_slot_leaves(void **state)
{
    (void)state;
    four("validators_min=2");
    struct chain_vote votes[5] = { { .signed_block = true } };
    memset(votes[4].address, 0xee, 20);
    for (size_t i = 0; i < 4; i++) {
        address_of(votes[i].address, 21 + i);
        votes[i].signed_block = i != 2;
    }
    const struct chain_block says = { .author = ts_id(21), .votes = votes, .vote_count = 5 };
    uint64_t slot = w.chain.ledger.slot;
    while (w.chain.ledger.slot == slot)
        ts_block(&w, &says);
    slot = w.chain.ledger.slot;
    while (w.chain.ledger.slot == slot) {
        CHECK(ts_out.update_count == 0 || w.chain.ledger.offset == 0);
        ts_block(&w, &says);
    }
    CHECK(ts_out.update_count == 1 || ts_ledger(&w, 23).validates == false);
    CHECK(!ts_ledger(&w, 23).validates && ts_ledger(&w, 24).validates);
    CHECK(worth(23) == 1000); /* one of four costs nothing */
    uint32_t count;
    CHECK(staking_set_total(&w.chain.ledger, &count) == 3000 && count == 3);
    struct staking_elected e;
    staking_get_elected(&w.chain.ledger, &e);
    for (uint32_t i = 0; i < e.count; i++) {
        bool author = memcmp(e.rows[i].stash, ts_id(21), 32) == 0;
        bool silent = memcmp(e.rows[i].stash, ts_id(23), 32) == 0;
        CHECK(silent ? e.rows[i].points == 0 : author == (e.rows[i].points % 21 == 0));
    }
    ts_sound(&w);
}

static void many_offline_cost_by_their_number(void **state)
{
    (void)state;
    four("validators_min=1");
    struct chain_vote votes[4];
    for (size_t i = 0; i < 4; i++) {
        address_of(votes[i].address, 21 + i);
        votes[i].signed_block = i == 0;
    }
    const struct chain_block says = { .votes = votes, .vote_count = 4 };
    while (ts_ledger(&w, 22).validates)
        ts_block(&w, &says);
    /* k = 3 of 4: 7 % of min(1, 3 (3 - 1) / 4) = 70. */
    for (size_t i = 22; i < 25; i++)
        CHECK(worth(i) == 1000 - 70);
    /* At most a third of the power left at once: one of three. */
    uint32_t count;
    CHECK(staking_set_total(&w.chain.ledger, &count) == 3000 && count == 3);
    ts_sound(&w);
}

/* ---- groups ---- */

static enum tx_result group_do(size_t from, enum tx_kind kind, size_t account)
{
    return ts_do(&w, from, kind, 0, account);
}

static void v43_the_allow_list(void **state)
{
    (void)state;
    enum { ALICE, BOB, CHARLIE, DAVE, EVE, FERDIE, ONE };
    ts_start(&w, "", "1000000");
    group_add_worker(&w.chain.ledger, ts_id(BOB));
    CHECK(group_do(ALICE, TX_GROUP_ALLOW, BOB) == RESULT_NOT_OWNER);
    CHECK(group_do(ALICE, TX_GROUP_DISALLOW, BOB) == RESULT_NOT_OWNER);
    CHECK(group_do(ALICE, TX_GROUP_CREATE, ALICE) == RESULT_OK);
    CHECK(group_do(ALICE, TX_GROUP_CREATE, ALICE) == RESULT_GROUP_ALREADY_EXIST);
    CHECK(group_do(ALICE, TX_GROUP_ALLOW, BOB) == RESULT_OK);
    CHECK(group_do(ALICE, TX_GROUP_DISALLOW, BOB) == RESULT_OK);
    CHECK(group_do(BOB, TX_GROUP_JOIN, ALICE) == RESULT_NOT_IN_ALLOWLIST);
    CHECK(group_do(BOB, TX_GROUP_JOIN, DAVE) == RESULT_NOT_OWNER);
    CHECK(group_do(EVE, TX_GROUP_JOIN, ALICE) == RESULT_IDENTITY_NOT_EXIST);
    CHECK(group_do(ALICE, TX_GROUP_ALLOW, BOB) == RESULT_OK);
    CHECK(group_do(BOB, TX_GROUP_JOIN, ALICE) == RESULT_OK);
    uint8_t owner[32];
    CHECK(group_owner(&w.chain.ledger, owner, ts_id(BOB)));
    CHECK(memcmp(owner, ts_id(ALICE), 32) == 0);
    CHECK(group_do(FERDIE, TX_GROUP_CREATE, 0) == RESULT_OK);
    CHECK(group_do(FERDIE, TX_GROUP_ALLOW, BOB) == RESULT_ALREADY_JOINT);
    CHECK(group_do(BOB, TX_GROUP_JOIN, FERDIE) == RESULT_ALREADY_JOINT);
    static const size_t four_more[] = { CHARLIE, DAVE, EVE, ONE };
    for (size_t i = 0; i < 4; i++)
        CHECK(group_do(ALICE, TX_GROUP_ALLOW, four_more[i]) == RESULT_OK);
    CHECK(group_do(ALICE, TX_GROUP_ALLOW, FERDIE) == RESULT_EXCEED_ALLOWLIST_LIMIT);
    CHECK(group_do(BOB, TX_GROUP_CREATE, 0) == RESULT_GROUP_OWNER_FORBIDDEN);
    CHECK(group_check_worker(&w.chain.ledger, ts_id(ALICE)) == RESULT_GROUP_OWNER_FORBIDDEN);
    CHECK(group_do(FERDIE, TX_GROUP_KICK, BOB) == RESULT_NOT_JOINT);
    CHECK(group_do(EVE, TX_GROUP_QUIT, 0) == RESULT_IDENTITY_NOT_EXIST);
    CHECK(group_do(ALICE, TX_GROUP_KICK, BOB) == RESULT_OK);
    CHECK(group_do(BOB, TX_GROUP_QUIT, 0) == RESULT_NOT_JOINT);
    ts_sound(&w);
}

static void v45_a_groups_workload_goes_to_its_owner(void **state)
{
    (void)state;
    enum { ALICE, BOB, EVE, FERDIE };
    static const uint64_t files[] = { 57, 55, 22 };
    ts_start(&w, "", "1000000");
    struct ledger *l = &w.chain.ledger;
    CHECK(group_do(FERDIE, TX_GROUP_CREATE, 0) == RESULT_OK);
    for (size_t i = 0; i < 3; i++) {
        group_add_worker(l, ts_id(i));
        if (i == EVE) /* one has its storage before it joins */
            ts_workload(&w, i, 0, 4294967296 + files[i]);
        CHECK(group_do(FERDIE, TX_GROUP_ALLOW, i) == RESULT_OK);
        CHECK(group_do(i, TX_GROUP_JOIN, FERDIE) == RESULT_OK);
        if (i != EVE)
            ts_workload(&w, i, 0, 4294967296 + files[i]);
    }
    CHECK(group_workload(l, ts_id(FERDIE)) == 12884902022);
    for (size_t i = 0; i < 3; i++)
        CHECK(group_workload(l, ts_id(i)) == 0);
    struct work_totals totals;
    work_get_totals(l, &totals);
    CHECK(totals.power == 12884902022);
    ts_sound(&w);
    CHECK(group_do(ALICE, TX_GROUP_QUIT, 0) == RESULT_OK);
    CHECK(group_workload(l, ts_id(FERDIE)) == 12884902022 - 4294967353);
    CHECK(group_workload(l, ts_id(ALICE)) == 4294967353);
    ts_workload(&w, BOB, 4294967351, 1);
    CHECK(group_workload(l, ts_id(FERDIE)) == 4294967318 + 1);
    ts_sound(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v71_only_the_largest_slash_of_an_era_counts),
        cmocka_unit_test(v71_other_cases),
        cmocka_unit_test(spans_add_up_and_a_guarantee_is_cut),
        cmocka_unit_test(v74_a_slash_waits_and_can_be_cancelled),
        cmocka_unit_test(who_left_before_a_slash_is_not_named_by_it),
        cmocka_unit_test(a_candidate_without_stake_of_its_own_does_not_count),
        cmocka_unit_test(a_double_vote_bans_the_key_and_costs),
        cmocka_unit_test(old_evidence_meets_the_era_it_is_of),
        cmocka_unit_test(who_is_silent_for_a_slot_leaves),
        cmocka_unit_test(many_offline_cost_by_their_number),
        cmocka_unit_test(v43_the_allow_list),
        cmocka_unit_test(v45_a_groups_workload_goes_to_its_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
