#include "agentd/plan_collateral.h"

#include "base/check.h"
#include "chain/result.h"

enum { DAY = 86400 };

static struct plan_collateral p;
static struct bundle_plan posts;
static const uint8_t one[32] = { 1 }, two[32] = { 2 };

static int setup(void **unused)
{
    (void)unused;
    memset(&p, 0, sizeof(p));
    memset(&posts, 0, sizeof(posts));
    return 0;
}

/* Looks, and compares: as at every start. */
static void start(size_t count)
{
    CHECK(plan_collateral_next(&p, 0) == PLAN_COLLATERAL_LOOK);
    CHECK(plan_collateral_next(&p, 0) == PLAN_COLLATERAL_NOTHING); /* busy */
    plan_collateral_looked(&p, one, 0);
    CHECK(plan_collateral_next(&p, 1) == PLAN_COLLATERAL_COMPARE);
    CHECK(plan_collateral_next(&p, 1) == PLAN_COLLATERAL_NOTHING);
    plan_collateral_compared(&p, OK, count, 1);
}

static void the_folder_is_compared_at_the_start_on_change_and_every_hour(void **unused)
{
    (void)unused;
    uint64_t now = 2;
    start(0);
    CHECK(plan_collateral_next(&p, now) == PLAN_COLLATERAL_NOTHING);
    for (; now < PLAN_COLLATERAL_ROUND_MS; now += PLAN_COLLATERAL_LOOK_MS) {
        while (plan_collateral_next(&p, now) == PLAN_COLLATERAL_NOTHING)
            now++;
        plan_collateral_looked(&p, one, now); /* nothing new: no comparison */
        CHECK(plan_collateral_next(&p, now) == PLAN_COLLATERAL_NOTHING ||
              now > PLAN_COLLATERAL_ROUND_MS);
    }
    CHECK(plan_collateral_next(&p, PLAN_COLLATERAL_ROUND_MS + 2 * PLAN_COLLATERAL_LOOK_MS) ==
          PLAN_COLLATERAL_LOOK);
    now = PLAN_COLLATERAL_ROUND_MS + 2 * PLAN_COLLATERAL_LOOK_MS;
    plan_collateral_looked(&p, one, now);
    CHECK(plan_collateral_next(&p, now) == PLAN_COLLATERAL_COMPARE);
    plan_collateral_compared(&p, OK, 0, now);
    now += PLAN_COLLATERAL_LOOK_MS;
    CHECK(plan_collateral_next(&p, now) == PLAN_COLLATERAL_LOOK);
    plan_collateral_looked(&p, two, now);
    CHECK(plan_collateral_next(&p, now) == PLAN_COLLATERAL_COMPARE);
}

static void posts_go_one_after_the_other(void **unused)
{
    (void)unused;
    start(3);
    CHECK(plan_collateral_next(&p, 2) == PLAN_COLLATERAL_POST && p.step == 0);
    CHECK(plan_collateral_next(&p, 2) == PLAN_COLLATERAL_NOTHING);
    CHECK(plan_collateral_sent(&p, OK, RESULT_OK, 3));
    CHECK(plan_collateral_next(&p, 4) == PLAN_COLLATERAL_POST && p.step == 1);
    CHECK(!plan_collateral_sent(&p, OK, RESULT_COLLATERAL_OLD, 5)); /* another was faster */
    CHECK(plan_collateral_next(&p, 6) == PLAN_COLLATERAL_POST && p.step == 2);
    CHECK(!plan_collateral_sent(&p, OK, RESULT_COLLATERAL_BAD, 7));
    CHECK(plan_collateral_next(&p, 8) == PLAN_COLLATERAL_NOTHING);
    CHECK(p.posted == 1 && p.refused == 1);
}

static void what_could_not_be_done_is_tried_again_soon(void **unused)
{
    (void)unused;
    start(2);
    CHECK(plan_collateral_next(&p, 2) == PLAN_COLLATERAL_POST);
    CHECK(!plan_collateral_sent(&p, ERR_TIMEOUT, 0, 3)); /* the second is not sent blindly */
    CHECK(plan_collateral_next(&p, 4) == PLAN_COLLATERAL_NOTHING && p.refused == 0);
    uint64_t now = 3 + PLAN_COLLATERAL_RETRY_MS;
    CHECK(plan_collateral_next(&p, now) == PLAN_COLLATERAL_LOOK);
    plan_collateral_looked(&p, one, now);
    CHECK(plan_collateral_next(&p, now) == PLAN_COLLATERAL_COMPARE);
    plan_collateral_compared(&p, ERR_CLOSED, 5, now); /* the chain did not answer */
    CHECK(plan_collateral_next(&p, now) == PLAN_COLLATERAL_NOTHING);
    now += PLAN_COLLATERAL_RETRY_MS;
    CHECK(plan_collateral_next(&p, now) == PLAN_COLLATERAL_LOOK);
    plan_collateral_looked(&p, one, now);
    CHECK(plan_collateral_next(&p, now) == PLAN_COLLATERAL_COMPARE);
}

static void what_lapses_soon_is_told_unless_newer_is_on_its_way(void **unused)
{
    (void)unused;
    const uint64_t now = 1750000000;
    struct plan_collateral_lapse out[NEEDS_MAX];
    struct needs needs = { .intel = true, .count = 3 };
    struct collateral_entry kept[3] = {
        { .kind = COLLATERAL_TCB_INFO, .id = { 1 }, .lapses = now + 8 * (uint64_t)DAY },
        { .kind = COLLATERAL_ROOT_CRL, .id = { 2 }, .lapses = now + 6 * (uint64_t)DAY },
        { .kind = COLLATERAL_PCK_CRL, .id = { 9 }, .lapses = now - 1 }, /* not of this machine */
    };
    const struct bundle_kept all = { kept, 3, { NULL, 0 } };
    needs.items[0].kind = COLLATERAL_TCB_INFO;
    needs.items[0].id[0] = 1;
    needs.items[1].kind = COLLATERAL_ROOT_CRL;
    needs.items[1].id[0] = 2;
    needs.items[2].kind = COLLATERAL_QE_IDENTITY;
    needs.items[2].id[0] = 1; /* an id of another kind is not it */
    CHECK(plan_collateral_lapsing(out, &needs, &all, &posts, now) == 2);
    CHECK(out[0].kind == COLLATERAL_ROOT_CRL && out[0].lapses == kept[1].lapses);
    CHECK(out[1].kind == COLLATERAL_QE_IDENTITY && out[1].lapses == 0);
    posts.count = 2;
    posts.steps[0].entry = kept[1];
    posts.steps[0].entry.lapses = now + 30 * (uint64_t)DAY;
    posts.steps[1].entry = (struct collateral_entry){ .kind = COLLATERAL_QE_IDENTITY,
                                                      .id = { 1 },
                                                      .lapses = now + 30 * (uint64_t)DAY };
    CHECK(plan_collateral_lapsing(out, &needs, &all, &posts, now) == 0);
    posts.steps[0].entry.lapses = now + 7 * (uint64_t)DAY; /* newer, and soon over all the same */
    CHECK(plan_collateral_lapsing(out, &needs, &all, &posts, now) == 1);
    posts.count = 0;
    CHECK(plan_collateral_lapsing(out, &needs, &all, &posts, now + 2 * (uint64_t)DAY) == 3);
}

static void a_warning_is_given_once_a_day(void **unused)
{
    (void)unused;
    struct plan_collateral_lapse l[2] = { { COLLATERAL_TCB_INFO, 100 }, { COLLATERAL_PCK_CRL, 0 } };
    CHECK(!plan_collateral_tells(&p, l, 0, 1));
    CHECK(plan_collateral_tells(&p, l, 1, 1));
    CHECK(!plan_collateral_tells(&p, l, 1, 2));
    CHECK(plan_collateral_tells(&p, l, 2, 3)); /* one more */
    CHECK(!plan_collateral_tells(&p, l, 2, PLAN_COLLATERAL_TELL_MS + 2));
    CHECK(plan_collateral_tells(&p, l, 2, PLAN_COLLATERAL_TELL_MS + 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_folder_is_compared_at_the_start_on_change_and_every_hour, setup),
        cmocka_unit_test_setup(posts_go_one_after_the_other, setup),
        cmocka_unit_test_setup(what_could_not_be_done_is_tried_again_soon, setup),
        cmocka_unit_test_setup(what_lapses_soon_is_told_unless_newer_is_on_its_way, setup),
        cmocka_unit_test_setup(a_warning_is_given_once_a_day, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
