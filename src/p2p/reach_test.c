#include "p2p/reach.h"

#include "base/check.h"

static struct multiaddr address(uint8_t n)
{
    const uint8_t ip[4] = { 45, 33, 7, n };
    return multiaddr_of_ip(span_of(ip, 4), 4001);
}

static void note(struct reach *r, uint8_t n, uint64_t network, bool good, uint64_t now)
{
    const struct multiaddr a = address(n);
    const struct reach_outcome o = { .network = network, .at_ms = now, .good = good };
    reach_note(r, &a, &o);
}

static struct reach with(uint8_t n)
{
    struct reach r = { .count = 0 };
    struct multiaddr list[REACH_ADDRESSES];
    for (uint8_t i = 0; i < n; i++)
        list[i] = address(i);
    CHECK(reach_set(&r, list, n) == (n != 0) && r.count == n);
    CHECK(!reach_set(&r, list, n));
    return r;
}

static void two_networks_make_a_verdict(void **state)
{
    (void)state;
    struct reach r = with(1);
    CHECK(reach_verdict(&r, 0, 0) == REACH_UNKNOWN);
    note(&r, 0, 1, true, 0);
    note(&r, 0, 1, true, 1); /* the same network says it once */
    CHECK(r.list[0].count == 1 && reach_verdict(&r, 0, 1) == REACH_UNKNOWN);
    note(&r, 0, 2, true, 2);
    CHECK(reach_verdict(&r, 0, 2) == REACH_YES);
    note(&r, 0, 3, false, 3);
    CHECK(reach_verdict(&r, 0, 3) == REACH_UNKNOWN);
    note(&r, 0, 4, false, 4);
    note(&r, 0, 2, false, 5); /* and may change its mind */
    CHECK(reach_verdict(&r, 0, 5) == REACH_NO);
    note(&r, 5, 6, false, 6); /* nobody asked for that address */
    CHECK(r.count == 1 && r.list[0].count == 4);
}

static void the_newest_five_count(void **state)
{
    (void)state;
    struct reach r = with(1);
    for (uint64_t i = 1; i <= 5; i++)
        note(&r, 0, i, false, i);
    for (uint64_t i = 6; i <= 8; i++)
        note(&r, 0, i, true, i);
    CHECK(r.list[0].count == REACH_OUTCOMES && reach_verdict(&r, 0, 8) == REACH_UNKNOWN);
    note(&r, 0, 9, true, 9);
    CHECK(reach_verdict(&r, 0, 9) == REACH_YES);
    CHECK(reach_verdict(&r, 0, 9 + REACH_FORGET_MS) == REACH_UNKNOWN);
}

static void enough_is_enough(void **state)
{
    (void)state;
    struct reach r = with(1);
    const struct multiaddr a = address(0);
    for (uint64_t i = 1; i <= 3; i++) {
        CHECK(reach_next(&r, i, i) == 0);
        reach_begin(&r, 0);
        note(&r, 0, i, true, i);
        reach_over(&r, &a);
        CHECK(reach_next(&r, i, i) == REACH_NONE); /* not the same one twice */
    }
    CHECK(reach_next(&r, 4, 4) == REACH_NONE);
    CHECK(reach_next(&r, 1, 2 + REACH_AGAIN_MS) == REACH_NONE);
    CHECK(reach_next(&r, 1, 3 + REACH_AGAIN_MS) == 0);
    /* One that says something else: others are asked at once. */
    note(&r, 0, 4, false, 10);
    CHECK(reach_next(&r, 5, 10) == 0 && reach_next(&r, 1, 10) == REACH_NONE);
}

static void who_cannot_be_reached_asks_sooner(void **state)
{
    (void)state;
    struct reach r = with(1);
    for (uint64_t i = 1; i <= 3; i++)
        note(&r, 0, i, false, 0);
    CHECK(reach_next(&r, 4, REACH_AGAIN_NO_MS - 1) == REACH_NONE);
    CHECK(reach_next(&r, 4, REACH_AGAIN_NO_MS) == 0);
    CHECK(reach_next(&r, 1, REACH_AGAIN_NO_MS) == 0);
}

static void no_more_are_asked_at_once_than_needed(void **state)
{
    (void)state;
    struct reach r = with(2);
    for (uint64_t i = 0; i < 2 * REACH_ENOUGH; i++) {
        uint32_t at = reach_next(&r, i + 1, 0);
        CHECK(at == i % 2); /* in turn */
        reach_begin(&r, at);
    }
    CHECK(reach_next(&r, 9, 0) == REACH_NONE);
    const struct multiaddr a = address(1), unknown = address(7);
    reach_over(&r, &a);
    reach_over(&r, &unknown);
    CHECK(reach_next(&r, 9, 0) == 1);
}

static void addresses_that_stay_keep_what_is_known(void **state)
{
    (void)state;
    struct reach r = with(3);
    note(&r, 2, 1, true, 0);
    note(&r, 2, 2, true, 0);
    const struct multiaddr list[] = { address(9), address(2) };
    CHECK(reach_set(&r, list, 2));
    CHECK(r.count == 2 && reach_verdict(&r, 1, 0) == REACH_YES && r.list[0].count == 0);
    CHECK(reach_find(&r, &list[1]) == 1);
    const struct multiaddr gone = address(0);
    CHECK(reach_find(&r, &gone) == REACH_NONE);
    CHECK(reach_set(&r, NULL, 0) && r.count == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_networks_make_a_verdict),
        cmocka_unit_test(the_newest_five_count),
        cmocka_unit_test(enough_is_enough),
        cmocka_unit_test(who_cannot_be_reached_asks_sooner),
        cmocka_unit_test(no_more_are_asked_at_once_than_needed),
        cmocka_unit_test(addresses_that_stay_keep_what_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
