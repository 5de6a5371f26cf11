/* A report is verified once while it is in hand. */
#include "base/check.h"
#include "chain/testops.h"
#include "chain/work.h"
#include "chain/work_store.h"

static struct world w;
static struct tworker t;

static void grown(uint8_t order[32])
{
    tw_start(&w, "");
    tw_files_make();
    tw_init(&t, &w, 1, 'T');
    tw_grow(&t, &w, order);
}

static void a_report_is_verified_once_in_a_block(void **state)
{
    (void)state;
    uint8_t order[32];
    grown(order);
    const uint64_t *verified = &w.chain.ledger.reports_verified;
    uint64_t before = *verified;
    CHECK(tw_report_now(&t, &w) == RESULT_OK);
    CHECK(*verified == before + 1);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    struct tx_call call = { .kind = TX_REPORT, .report = tw_finish(&t) };
    struct tx tx = { .nonce = w.nonces[1], .expiry = w.chain.height + 100, .call = call };
    struct chain_check check;
    struct span out;
    memcpy(tx.from, t.account_key, 32);
    memcpy(tx.chain, w.chain_hash, 32);
    CHECK_OK(tx_sign(&out, &tx, (struct mspan){ tw_room, sizeof(tw_room) }, &w.keys[1]));
    chain_check_tx(&w.chain, &check, out, false);
    CHECK(check.code == RESULT_OK && check.priority == 0);
    CHECK(*verified == before + 2);
}

/* What was found out stands while nothing changes that it was drawn from. */
static void a_verdict_ends_with_what_it_was_drawn_from(void **state)
{
    (void)state;
    uint8_t order[32], beacon_key[] = "test";
    grown(order);
    struct ledger *l = &w.chain.ledger;
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    static struct work_verdict room;
    struct tx tx = { .call = { .kind = TX_REPORT, .report = tw_finish(&t) } };
    const struct ledger_call call = { .tx = &tx, .from = t.account_key, .verdict = &room };
    room.known = false;
    uint64_t before = l->reports_verified;
    CHECK(work_check_report(l, &call) == RESULT_OK && work_report_first(l, &call));
    CHECK(work_report_free(l, &call) && work_check_report(l, &call) == RESULT_OK);
    CHECK(l->reports_verified == before + 1);
    state_put(l->st, STATE_ACCOUNTS, span_str("nobody"), span_str("1"));
    CHECK(work_check_report(l, &call) == RESULT_OK && l->reports_verified == before + 1);
    struct work_worker rec = tw_record(&t, &w);
    rec.faulted = true;
    work_put(l, &rec);
    CHECK(work_check_report(l, &call) == RESULT_REPORT_SUSPENDED);
    CHECK(!work_report_free(l, &call) && l->reports_verified == before + 2);
    state_put(l->st, STATE_BEACON, span_of(beacon_key, sizeof(beacon_key)), span_str("1"));
    CHECK(work_check_report(l, &call) == RESULT_REPORT_SUSPENDED);
    CHECK(l->reports_verified == before + 3);
    l->height++;
    CHECK(work_check_report(l, &call) == RESULT_REPORT_SUSPENDED);
    CHECK(l->reports_verified == before + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_verified_once_in_a_block),
        cmocka_unit_test(a_verdict_ends_with_what_it_was_drawn_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
