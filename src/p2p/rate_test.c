#include "p2p/rate.h"

#include "base/check.h"
#include "base/prng.h"

/* Over any time no more passes than the burst and what was gained; nearly that much does. */
static void test_rate_holds(void **state)
{
    (void)state;
    static const uint64_t rates[] = { 1, 7, 1000, 999983, 100000000, UINT64_C(12500000000) };
    struct prng g;
    prng_init(&g, 1);
    for (size_t k = 0; k < sizeof(rates) / sizeof(rates[0]); k++) {
        struct rate r;
        uint64_t now = 5000, passed = 0, burst = rates[k] < 16384 ? 16384 : rates[k];
        rate_init(&r, rates[k], burst, now);
        for (int i = 0; i < 5000; i++) {
            now += prng_below(&g, 30);
            size_t room = rate_room(&r, now);
            rate_take(&r, room);
            passed += room;
        }
        uint64_t earned = (now - 5000) * rates[k] / 1000;
        CHECK(passed <= burst + earned);
        /* All but what came while the bucket was full, at the beginning. */
        CHECK(passed + rates[k] * 30 / 1000 + 2 >= burst + earned);
    }
}

static void test_rate_wait(void **state)
{
    (void)state;
    struct rate r;
    rate_init(&r, 1000, 100, 0);
    CHECK(rate_wait_ms(&r, 100, 0) == 0);
    rate_take(&r, 100);
    CHECK(rate_wait_ms(&r, 50, 0) == 50);
    CHECK(rate_room(&r, 49) == 49);
    CHECK(rate_room(&r, 50) == 50);
    CHECK(rate_room(&r, 1000000) == 100);
    CHECK(rate_room(&r, 10) == 100); /* a clock that steps back */
    rate_init(&r, 0, 1, 0);
    CHECK(rate_room(&r, 0) == SIZE_MAX && rate_wait_ms(&r, SIZE_MAX, 0) == 0);
    rate_take(&r, SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_holds),
        cmocka_unit_test(test_rate_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
