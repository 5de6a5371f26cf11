#include "chain/gov.h"

#include "chain/releases.h"
#include "chain/testera.h"

static struct world w;

/* Three validators: 21 holds half of all stake, 22 and 23 a quarter each; half of 23's is lent
 * by 5.
 */
static void start(void)
{
    static const u128 bonds[] = { 2000, 1000, 500 };
    ts_start(&w, "gov_deposit=100 gov_enact_blocks=5 stake_per_byte=1000000", "100000000");
    for (size_t i = 0; i < 3; i++) {
        ts_candidate(&w, 21 + i, bonds[i]);
        ts_workload(&w, 21 + i, 0, 1);
    }
    CHECK(ts_bond(&w, 5, 4, 500) == RESULT_OK);
    CHECK(ts_do(&w, 4, TX_STAKE_GUARANTEE, 500, 23) == RESULT_OK);
    ts_to_era(&w, 1);
    CHECK(ts_now(&w).stake.units == 4000);
}

static struct tx_call change(const char *name, const char *value)
{
    struct tx_call call = { .kind = TX_GOV_PROPOSE, .proposal.change_count = 1 };
    call.proposal.changes[0].name = span_str(name);
    call.proposal.changes[0].value = span_str(value);
    return call;
}

static enum tx_result vote(size_t who, uint64_t id, bool yes)
{
    struct tx_call call = { .kind = TX_GOV_VOTE };
    call.stake.yes = yes;
    call.stake.proposal = id;
    return ts_call(&w, who, &call);
}

static struct gov_proposal get(uint64_t id)
{
    struct gov_proposal p;
    CHECK(gov_get(&w.chain.ledger, &p, id));
    return p;
}

static void proposals_are_checked(void **state)
{
    (void)state;
    start();
    struct tx_call call = { .kind = TX_GOV_PROPOSE };
    CHECK(ts_call(&w, 1, &call) == RESULT_PROPOSAL_EMPTY);
    call = change("no_such", "1");
    CHECK(ts_call(&w, 1, &call) == RESULT_PROPOSAL_INVALID);
    call = change("fee_base", "many");
    CHECK(ts_call(&w, 1, &call) == RESULT_PROPOSAL_INVALID);
    call = change("staking_percent", "90"); /* with storage_percent over 100 */
    CHECK(ts_call(&w, 1, &call) == RESULT_PROPOSAL_INVALID);
    call = change("slot_blocks", "20");
    CHECK(ts_call(&w, 1, &call) == RESULT_PROPOSAL_FIXED);
    call = (struct tx_call){ .kind = TX_GOV_PROPOSE, .proposal.cancel_count = 1 };
    CHECK(ts_call(&w, 1, &call) == RESULT_PROPOSAL_INVALID); /* nothing waits */
    call = change("fee_base", "17");
    CHECK(ts_call(&w, 99, &call) == RESULT_INSUFFICIENT_BALANCE);
    for (int i = 0; i < GOV_OPEN_MAX; i++)
        CHECK(ts_call(&w, 1, &call) == RESULT_OK);
    CHECK(ts_call(&w, 1, &call) == RESULT_TOO_MANY_PROPOSALS);
    CHECK(gov_count(&w.chain.ledger) == GOV_OPEN_MAX);
    /* Nobody votes: all end with their era, and the deposits are lost. */
    ts_to_era(&w, 3);
    CHECK(get(0).state == GOV_REJECTED && get(15).state == GOV_REJECTED);
    struct account a;
    accounts_get(&w.chain.ledger, &a, ts_id(1));
    CHECK(a.free.units == 100000000 - 1600 && a.held[HOLD_DEPOSIT].units == 0);
    CHECK(ts_call(&w, 1, &call) == RESULT_OK);
    ts_sound(&w);
}

static void more_than_two_thirds_change_the_parameters(void **state)
{
    (void)state;
    start();
    struct tx_call call = change("fee_base", "17");
    CHECK(ts_call(&w, 1, &call) == RESULT_OK);
    CHECK(vote(21, 0, true) == RESULT_NOT_VOTING);
    CHECK(vote(21, 1, true) == RESULT_PROPOSAL_UNKNOWN);
    ts_to_era(&w, 2);
    CHECK(vote(1, 0, true) == RESULT_NO_STAKE);
    CHECK(vote(21, 0, false) == RESULT_VOTE_REPEATED);
    CHECK(vote(21, 0, true) == RESULT_OK && vote(21, 0, true) == RESULT_VOTE_REPEATED);
    CHECK(vote(4, 0, true) == RESULT_OK); /* the controller of 5, who lent 500 */
    CHECK(vote(5, 0, true) == RESULT_VOTE_REPEATED);
    CHECK(get(0).yes.units == 2500 && get(0).state == GOV_VOTING);
    CHECK(vote(21, 0, false) == RESULT_OK && get(0).yes.units == 500);
    CHECK(vote(22, 0, true) == RESULT_OK && vote(23, 0, true) == RESULT_OK);
    CHECK(get(0).yes.units == 2000 && get(0).state == GOV_VOTING);
    CHECK(vote(21, 0, true) == RESULT_OK);
    CHECK(get(0).state == GOV_ACCEPTED && vote(22, 0, false) == RESULT_NOT_VOTING);
    uint64_t due = get(0).due;
    CHECK(due == w.chain.ledger.height + 5 && w.chain.params.fee_base.units == 0);
    while (get(0).state == GOV_ACCEPTED) {
        CHECK(w.chain.params.fee_base.units == 0);
        ts_block(&w, NULL);
    }
    CHECK(get(0).state == GOV_ENACTED && w.chain.height >= due);
    CHECK(w.chain.height % 10 == 9 && w.chain.params.fee_base.units == 17);
    /* The record has it: another reader of the state sees it too. */
    struct chain other;
    CHECK_OK(chain_open(&other, &w.kv, NULL));
    CHECK(other.params.fee_base.units == 17 && other.height == w.chain.height);
    CHECK(memcmp(other.app_hash, w.chain.app_hash, 32) == 0);
    struct account a;
    accounts_get(&w.chain.ledger, &a, ts_id(1));
    CHECK(a.free.units == 100000000 && a.held[HOLD_DEPOSIT].units == 0);
    /* Votes on it are removed. */
    ts_block(&w, NULL);
    const uint8_t prefix[1] = { 'v' };
    struct span k, v;
    CHECK(!state_next(&w.chain.st, &k, &v, (struct state_range){ STATE_GOV, span_of(prefix, 1) },
                      span_of(prefix, 1), false));
    ts_sound(&w);
}

static void changes_that_no_longer_hold_fail_whole(void **state)
{
    (void)state;
    start();
    struct tx_call a = change("staking_percent", "80");
    struct tx_call b = change("storage_percent", "25");
    b.proposal.change_count = 2;
    b.proposal.changes[1].name = span_str("fee_base");
    b.proposal.changes[1].value = span_str("9");
    CHECK(ts_call(&w, 1, &a) == RESULT_OK && ts_call(&w, 1, &b) == RESULT_OK);
    ts_to_era(&w, 2);
    for (uint64_t id = 0; id < 2; id++)
        CHECK(vote(21, id, true) == RESULT_OK && vote(22, id, true) == RESULT_OK);
    ts_to_era(&w, 3);
    CHECK(get(0).state == GOV_ENACTED && get(1).state == GOV_FAILED);
    CHECK(w.chain.params.staking_percent == 80 && w.chain.params.storage_percent == 18);
    CHECK(w.chain.params.fee_base.units == 0);
    ts_sound(&w);
}

static void a_slash_is_cancelled_by_vote(void **state)
{
    (void)state;
    start();
    CHECK_OK(params_set(&w.chain.params, "slash_defer_eras", "2"));
    struct staking_now now = ts_now(&w);
    staking_offend(&w.chain.ledger, &now, ts_id(23), 100000000, now.era);
    staking_offend(&w.chain.ledger, &now, ts_id(22), 100000000, now.era);
    struct tx_call call = { .kind = TX_GOV_PROPOSE, .proposal.cancel_count = 1 };
    call.proposal.cancels[0].era = now.era;
    memcpy(call.proposal.cancels[0].stash, ts_id(23), 32);
    CHECK(ts_call(&w, 1, &call) == RESULT_OK);
    ts_to_era(&w, 2);
    /* Who was slashed stands no longer: 21 alone has effective stake. */
    CHECK(vote(22, 0, true) == RESULT_NO_STAKE && vote(21, 0, true) == RESULT_OK);
    ts_to_era(&w, 5);
    CHECK(get(0).state == GOV_ENACTED);
    CHECK(ts_ledger(&w, 23).total.units == 500 && ts_ledger(&w, 5).total.units == 500);
    CHECK(ts_ledger(&w, 22).total.units == 900);
    ts_sound(&w);
}

/* The rows of the lists, of one name. */
static size_t rows_of(const char *list, char *last)
{
    struct releases_place place = { .size = 0 };
    const char *name;
    char text[RELEASES_TEXT_MAX + 1];
    size_t count = 0;
    while (releases_next(&w.chain.ledger, &place, &name, text)) {
        if (strcmp(name, list) != 0)
            continue;
        memcpy(last, text, strlen(text) + 1);
        count++;
    }
    return count;
}

static void lists_of_evidence_are_decided_like_parameters(void **state)
{
    (void)state;
    static const char row[] = "kind=snp measurement="
                              "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
                              "202122232425262728292a2b2c2d2e2f version=1.2.0 from=5 retires=0";
    static const char retired[] =
        "kind=snp measurement="
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        "202122232425262728292a2b2c2d2e2f version=1.2.0 from=5 retires=900000";
    char last[RELEASES_TEXT_MAX + 1];
    start();
    CHECK(rows_of("attest_release", last) == 0 && rows_of("attest_advisory", last) == 3);
    struct tx_call call = change("attest_release", "kind=snp");
    CHECK(ts_call(&w, 1, &call) == RESULT_PROPOSAL_INVALID);
    call = change("attest_deny", "machine 00");
    CHECK(ts_call(&w, 1, &call) == RESULT_PROPOSAL_INVALID);
    call = change("attest_kinds", "15"); /* software is no hardware */
    CHECK(ts_call(&w, 1, &call) == RESULT_PROPOSAL_INVALID);
    call = change("attest_statuses", "256"); /* revoked */
    CHECK(ts_call(&w, 1, &call) == RESULT_PROPOSAL_INVALID);
    call = change("attest_release", row);
    call.proposal.change_count = 4;
    call.proposal.changes[1].name = span_str("attest_deny");
    call.proposal.changes[1].value = span_str("fmspc 00906ed50000");
    call.proposal.changes[2].name = span_str("attest_advisory");
    call.proposal.changes[2].value = span_str("-INTEL-SA-00289");
    call.proposal.changes[3].name = span_str("attest_evaluation_min");
    call.proposal.changes[3].value = span_str("19");
    CHECK(ts_call(&w, 1, &call) == RESULT_OK);
    CHECK(rows_of("attest_release", last) == 0);
    ts_to_era(&w, 2);
    CHECK(vote(21, 0, true) == RESULT_OK && vote(22, 0, true) == RESULT_OK);
    CHECK(rows_of("attest_release", last) == 0);
    ts_to_era(&w, 3);
    CHECK(get(0).state == GOV_ENACTED && w.chain.params.attest_evaluation_min == 19);
    CHECK(rows_of("attest_release", last) == 1 && strcmp(last, row) == 0);
    CHECK(rows_of("attest_deny", last) == 1 && strcmp(last, "fmspc 00906ed50000") == 0);
    CHECK(rows_of("attest_advisory", last) == 2);
    /* The same release with an end takes the place of the one before. */
    call = change("attest_release", retired);
    CHECK(ts_call(&w, 1, &call) == RESULT_OK);
    ts_to_era(&w, 4);
    CHECK(vote(21, 1, true) == RESULT_OK && vote(22, 1, true) == RESULT_OK);
    ts_to_era(&w, 5);
    CHECK(rows_of("attest_release", last) == 1 && strcmp(last, retired) == 0);
    ts_sound(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proposals_are_checked),
        cmocka_unit_test(more_than_two_thirds_change_the_parameters),
        cmocka_unit_test(changes_that_no_longer_hold_fail_whole),
        cmocka_unit_test(a_slash_is_cancelled_by_vote),
        cmocka_unit_test(lists_of_evidence_are_decided_like_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
