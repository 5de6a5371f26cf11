/* When a report is due, what it holds, and what becomes of every answer. */
#include "agentd/plan_report.h"
#include "base/check.h"
#include "chain/result.h"

#include <stdio.h>

static struct view v;
static struct plan_report r;
static struct node_report out;
static uint8_t state[WORK_STATE_SIZE];

enum { SLOT = 7, SLOT_BLOCKS = 10 };

static void volume_state(const char *text)
{
    snprintf(v.node.disks[0].state, sizeof(v.node.disks[0].state), "%s", text);
}

/* A registered worker in the middle of the report part of a slot that it has not answered. */
static int setup(void **unused)
{
    (void)unused;
    memset(&v, 0, sizeof(v));
    memset(&r, 0, sizeof(r));
    params_init(&v.params, PARAMS_DEVNET);
    v.chain_known = v.node_known = v.node_fresh = v.worker_known = v.work_known = true;
    v.node.storage = true;
    v.node_session = 1;
    v.node.disk_count = 1;
    volume_state("ok");
    memset(v.account, 3, 32);
    memcpy(v.worker.account, v.account, 32);
    v.work.slot = SLOT;
    v.work.first_report = v.work.window_open = true;
    v.work.height = v.chain.height = SLOT * SLOT_BLOCKS + 5; /* the last send time is 0.75 * 7 */
    v.work.volumes.seq = v.node.seq = 4;
    v.work.due_count = 1;
    v.work.due[0].slot = SLOT;
    return 0;
}

static bool next(uint64_t now)
{
    return plan_report_next(&r, &out, state, &v, now);
}

static void accept(uint64_t height)
{
    plan_report_made(&r, OK, "", 0);
    plan_report_sent(&r, OK, RESULT_OK, height, 0);
}

static void the_first_report_answers_the_slot(void **unused)
{
    (void)unused;
    CHECK(plan_report_due(&r, &v, 0) == PLAN_REPORT_DUE_FIRST);
    CHECK(next(0) && out.first && !out.step && out.slot == SLOT && out.owed_count == 0);
    CHECK(out.suspend_volume == NODE_VOLUME_NONE && out.return_volume == NODE_VOLUME_NONE);
    CHECK(out.draws_files == v.params.draws_files && out.state.n == WORK_STATE_SIZE);
    CHECK(!next(0)); /* one at a time */
    accept(v.chain.height + 1);
    CHECK(r.accepted == 1 && r.accepted_slot == SLOT);
    CHECK(plan_report_due(&r, &v, 0) == PLAN_REPORT_BEHIND);
    v.work.height++;
    v.work.first_report = false;
    CHECK(plan_report_due(&r, &v, 0) == PLAN_REPORT_NOTHING && !next(0));
}

static void it_waits_for_its_send_time(void **unused)
{
    (void)unused;
    uint32_t at = 0;
    for (uint8_t i = 0; at == 0; i++) { /* a lineage that does not send at once */
        v.work.lineage[0] = i;
        at = draw_send_offset(v.work.lineage, SLOT, v.params.report_blocks);
    }
    for (uint32_t b = 0; b < SLOT_BLOCKS; b++) {
        v.work.height = SLOT * SLOT_BLOCKS + b - 1; /* the next block is number b of the slot */
        v.work.window_open = b < v.params.report_blocks;
        enum plan_report_wait want = b < at ? PLAN_REPORT_TOO_EARLY : PLAN_REPORT_DUE_FIRST;
        if (!v.work.window_open)
            want = PLAN_REPORT_CLOSED;
        CHECK(plan_report_due(&r, &v, 0) == want);
    }
    v.work.height = SLOT * SLOT_BLOCKS;
    CHECK(plan_report_last_height(&v) == SLOT * SLOT_BLOCKS + v.params.report_blocks - 1);
}

static void without_a_partner_nothing_is_due(void **unused)
{
    bool *const needed[] = { &v.chain_known, &v.node_known, &v.node.storage, &v.worker_known,
                             &v.work_known };
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        setup(unused);
        *needed[i] = false;
        CHECK(plan_report_due(&r, &v, 0) == PLAN_REPORT_NOT_READY && !next(0));
    }
    setup(unused);
    v.worker.faulted = true;
    CHECK(plan_report_due(&r, &v, 0) == PLAN_REPORT_NOT_READY);
    setup(unused);
    v.worker.account[0] ^= 1; /* someone else's worker */
    CHECK(plan_report_due(&r, &v, 0) == PLAN_REPORT_NOT_READY);
    setup(unused);
    v.node_fresh = false; /* what is pending is not known */
    CHECK(plan_report_due(&r, &v, 0) == PLAN_REPORT_BEHIND);
}

static void owed_slots_come_before_the_present_one(void **unused)
{
    (void)unused;
    v.work.due_count = 2;
    v.work.due[0].slot = SLOT - 3;
    v.work.due[0].beacon[0] = 9;
    v.work.due[1].slot = SLOT;
    v.work.suspended = 2;
    CHECK(next(0) && out.owed_count == 1);
    CHECK(out.owed[0].slot == SLOT - 3 && out.owed[0].beacon[0] == 9 && out.owed[0].suspended == 2);
}

static void a_step_goes_with_the_first_report_or_at_once(void **unused)
{
    v.node.pending = 3;
    CHECK(next(0) && out.first && out.step);
    setup(unused);
    v.node.seq++; /* cut, and not accepted yet */
    CHECK(next(0) && out.first && out.step);
    setup(unused);
    v.work.first_report = false;
    v.node.pending = 1;
    v.work.reports = v.params.free_reports - 1;
    CHECK(plan_report_due(&r, &v, 0) == PLAN_REPORT_DUE_LATER);
    CHECK(next(0) && !out.first && out.step && out.owed_count == 0);
    accept(1);
    CHECK(r.accepted_slot == 0); /* only first reports answer a slot */
    v.work.reports = v.params.free_reports;
    CHECK(plan_report_due(&r, &v, 0) == PLAN_REPORT_SPENT);
}

static void every_refusal_is_tried_again_with_growing_pauses(void **unused)
{
    static const uint32_t refusals[] = {
        RESULT_REPORT_MALFORMED,   RESULT_REPORT_SIGNATURE,    RESULT_REPORT_WRONG_ACCOUNT,
        RESULT_REPORT_WRONG_SLOT,  RESULT_REPORT_WRONG_BEACON, RESULT_REPORT_WRONG_STATE,
        RESULT_REPORT_WRONG_ROOTS, RESULT_REPORT_WRONG_DRAWS,  RESULT_REPORT_WINDOW,
        RESULT_REPORT_OVER_LIMIT,  RESULT_CANNOT_PAY_FEE,      RESULT_WORKER_UNKNOWN,
    };
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        setup(unused);
        uint64_t now = 1000, pause = PLAN_REPORT_PAUSE_MS;
        for (int t = 0; t < 8; t++) {
            CHECK(next(now));
            plan_report_made(&r, OK, "", now);
            plan_report_sent(&r, OK, refusals[i], 1, now);
            CHECK(r.last_code == refusals[i] &&
                  strcmp(r.last_error, result_text(refusals[i])) == 0);
            CHECK(plan_report_due(&r, &v, now + pause - 1) == PLAN_REPORT_PAUSED);
            CHECK(plan_report_due(&r, &v, now + pause) == PLAN_REPORT_DUE_FIRST);
            now += pause;
            pause = pause * 2 < PLAN_REPORT_PAUSE_MAX_MS ? pause * 2 : PLAN_REPORT_PAUSE_MAX_MS;
        }
        CHECK(r.refused == 8 && r.accepted == 0);
        v.work.slot++; /* a new slot begins without the pause */
        CHECK(next(now - 1) && r.tries == 0);
    }
}

static void a_report_that_nobody_answers_is_made_again(void **unused)
{
    (void)unused;
    CHECK(next(0));
    plan_report_made(&r, ERR_CLOSED, "gone", 0); /* crust-ipfsd was killed */
    CHECK(r.state == PLAN_REPORT_IDLE && strcmp(r.last_error, "gone") == 0);
    CHECK(!next(0) && next(PLAN_REPORT_PAUSE_MS));
    plan_report_made(&r, OK, "", 0);
    plan_report_sent(&r, ERR_TIMEOUT, 0, 0, 5000);
    CHECK(r.state == PLAN_REPORT_IDLE && r.refused == 0 && r.tries == 2);
}

static void a_fault_is_not_answered_with_more_reports(void **unused)
{
    (void)unused;
    CHECK(next(0));
    plan_report_made(&r, OK, "", 0);
    plan_report_sent(&r, OK, RESULT_FAULT, 80, 0);
    CHECK(r.accepted == 0 && r.last_error[0] != '\0');
    v.worker.faulted = true; /* as the chain then says */
    v.work.height = 80;
    CHECK(!next(100000));
}

static void troubled_volumes_are_suspended_and_return(void **unused)
{
    static const char *const bad[] = { "suspect", "offline",  "returning",
                                       "failed",  "stopping", "stopped" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setup(unused);
        v.work.first_report = false;
        volume_state(bad[i]);
        CHECK(next(0) && out.suspend_volume == 0 && !out.step);
    }
    /* A dropped volume is answered for until its step is on chain. */
    setup(unused);
    v.work.first_report = false;
    volume_state("dropped");
    CHECK(plan_report_due(&r, &v, 0) == PLAN_REPORT_NOTHING);
    v.work.suspended = 1;
    CHECK(plan_report_due(&r, &v, 0) == PLAN_REPORT_NOTHING);
    setup(unused);
    v.work.first_report = false;
    volume_state("failed");
    v.work.suspended = 1; /* by a miss: it must not return as it is */
    CHECK(plan_report_due(&r, &v, 0) == PLAN_REPORT_NOTHING);
    setup(unused);
    v.work.first_report = false;
    volume_state("offline");
    v.work.suspended = 1; /* it is already */
    CHECK(plan_report_due(&r, &v, 0) == PLAN_REPORT_NOTHING);
    volume_state("ok");
    CHECK(next(0) && out.return_volume == 0 && !out.has_return_beacon);
    accept(0);
    v.work.returning = 1; /* asked; its draws are not known yet */
    CHECK(plan_report_due(&r, &v, 0) == PLAN_REPORT_NOTHING);
    v.work.return_count = 1;
    v.work.returns[0].slot = SLOT - 1;
    v.node.pending = 2;
    CHECK(next(0) && out.return_volume == 0 && out.has_return_beacon);
    CHECK(out.returned.slot == SLOT - 1);
    CHECK(!out.step); /* a step on that volume would count as a miss */
    accept(0);
    volume_state("offline"); /* it cannot answer; the step need not wait for it */
    CHECK(next(0) && out.step && !out.has_return_beacon);
}

static void the_node_is_told_what_the_chain_has(void **unused)
{
    (void)unused;
    struct node_accepted a;
    v.work.state[0] = 5;
    CHECK(plan_report_tell(&r, &a, &v, 0) && a.seq == 4 && a.s[0] == 5);
    CHECK(!plan_report_tell(&r, &a, &v, 0));
    plan_report_told(&r, ERR_CLOSED, 0);
    CHECK(!plan_report_tell(&r, &a, &v, 0));
    CHECK(plan_report_tell(&r, &a, &v, PLAN_REPORT_TELL_MS));
    plan_report_told(&r, OK, 0);
    CHECK(!plan_report_tell(&r, &a, &v, 10000));
    v.node_session++; /* crust-ipfsd was restarted */
    CHECK(plan_report_tell(&r, &a, &v, 10000));
    plan_report_told(&r, OK, 0);
    v.work.volumes.seq--; /* the chain went back */
    v.work.state[0] = 4;
    CHECK(plan_report_tell(&r, &a, &v, 10000) && a.seq == 3 && a.s[0] == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_report_answers_the_slot, setup),
        cmocka_unit_test_setup(it_waits_for_its_send_time, setup),
        cmocka_unit_test_setup(without_a_partner_nothing_is_due, setup),
        cmocka_unit_test_setup(owed_slots_come_before_the_present_one, setup),
        cmocka_unit_test_setup(a_step_goes_with_the_first_report_or_at_once, setup),
        cmocka_unit_test_setup(every_refusal_is_tried_again_with_growing_pauses, setup),
        cmocka_unit_test_setup(a_report_that_nobody_answers_is_made_again, setup),
        cmocka_unit_test_setup(a_fault_is_not_answered_with_more_reports, setup),
        cmocka_unit_test_setup(troubled_volumes_are_suspended_and_return, setup),
        cmocka_unit_test_setup(the_node_is_told_what_the_chain_has, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
