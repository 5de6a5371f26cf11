/* The state that the draws of a report ran over must be the one that the chain stores. */
#include "base/check.h"
#include "chain/testops.h"

static struct world w;
static struct tworker t;

static void begin(void)
{
    tw_start(&w, "");
    tw_files_make();
    tw_init(&t, &w, 1, 'T');
    tw_to(&w, 1, 1);
    CHECK(tw_register(&t, &w) == RESULT_OK);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_file(&t, 0, 0, 8);
    tw_add_extent(&t, 1, 0, 4);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    tw_to(&w, 2, 1);
}

/* The right answers, signed, but said to be over an older state, or over no state at all. */
static void draws_are_over_the_stored_state(void **state)
{
    (void)state;
    uint8_t older[32];
    begin();
    work_state_hash(older, &t.m.state);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_extent(&t, 1, 1, 5);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    tw_to(&w, 3, 1);
    for (int i = 0; i < 3; i++) {
        tw_begin(&t, &w, REPORT_NO_VOLUME);
        CHECK(t.m.op_count == 0 && t.a.entry_count == 1 && t.a.entries[0].count == 4);
        if (i == 0)
            memcpy(t.prev, older, 32);
        if (i == 1)
            t.prev[31] ^= 1;
        CHECK(tw_send(&t, &w, tw_finish(&t)) == (i < 2 ? RESULT_REPORT_WRONG_STATE : RESULT_OK));
    }
}

/* The state of the attempt is S before the step even when the report carries one. */
static void a_step_does_not_move_the_state_of_the_attempt(void **state)
{
    (void)state;
    begin();
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    static struct tworker saved;
    saved = t;
    saved.a.state = saved.after;
    tw_add_extent(&saved, 1, 1, 5);
    CHECK(tw_send(&saved, &w, tw_finish(&saved)) == RESULT_REPORT_WRONG_STATE);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_extent(&t, 1, 1, 5);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_over_the_stored_state),
        cmocka_unit_test(a_step_does_not_move_the_state_of_the_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
