/* What steering the beacon is worth: docs/design/beacon.md, with its numbers. A model of the rules
 * with seeds of our own, because 2^m real proofs a slot would take days; what the rules do with a
 * withheld contribution is tested against the chain in beacon_test.c. */
#include "base/check.h"
#include "base/prng.h"
#include "chain/params.h"

#include <math.h>

enum { DRAWS = 4, WINDOW = 24, MISSES = 3, KEYS_MAX = 17 };

static double uniform(struct prng *g)
{
    return (double)(prng_u64(g) >> 11) / 9007199254740992.0;
}

/* One outcome: all draws of a volume of which the part p is missing hit what is there. */
static bool passes(struct prng *g, double p, int draws)
{
    for (int i = 0; i < draws; i++)
        if (uniform(g) < p)
            return false;
    return true;
}

/* ---- one slot, withholding for nothing ---- */

static double chance_of_one_slot(struct prng *g, int keys, double p, int draws, int trials)
{
    int good = 0;
    for (int t = 0; t < trials; t++) {
        bool any = false;
        for (uint32_t subset = 0; subset < 1u << keys && !any; subset++)
            any = passes(g, p, draws);
        good += any;
    }
    return (double)good / trials;
}

/* engine.md's bound: at most 2^m (1-p)^c; exactly 1 - (1 - (1-p)^c)^(2^m). */
static void a_slot_is_steered_by_as_much_as_the_bound_says(void **state)
{
    (void)state;
    static const struct {
        int keys;
        double p;
        int draws;
    } rows[] = { { 0, 0.5, 4 }, { 1, 0.5, 4 },  { 2, 0.5, 4 },   { 3, 0.3, 16 },
                 { 5, 0.5, 8 }, { 7, 0.3, 32 }, { 10, 0.5, 12 }, { 0, 0.1, 4 } };
    struct prng g;
    prng_init(&g, 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int trials = 4000;
        double one = pow(1 - rows[i].p, rows[i].draws);
        double bound = fmin(1, ldexp(one, rows[i].keys));
        double exact = 1 - pow(1 - one, ldexp(1, rows[i].keys));
        double got = chance_of_one_slot(&g, rows[i].keys, rows[i].p, rows[i].draws, trials);
        double noise = 4 * sqrt(exact * (1 - exact) / trials) + 1.0 / trials;
        CHECK(exact <= bound);
        CHECK(got <= bound + noise);
        CHECK(fabs(got - exact) <= noise);
    }
}

/* ---- many slots, with the limit of misses ---- */

struct adversary {
    int keys;
    uint64_t missed[KEYS_MAX][MISSES - 1]; /* 1 + slot of the latest misses; 0: never */
    uint64_t withheld;
};

/* Key k may withhold in slot s without being jailed. */
static bool may_withhold(const struct adversary *a, int k, uint64_t s)
{
    uint64_t oldest = a->missed[k][0];
    return oldest == 0 || s + 1 - oldest >= WINDOW;
}

static void withhold(struct adversary *a, int k, uint64_t s)
{
    memmove(&a->missed[k][0], &a->missed[k][1], (MISSES - 2) * sizeof(a->missed[k][0]));
    a->missed[k][MISSES - 2] = s + 1;
    a->withheld++;
}

/* A slot as the adversary plays it: takes the outcome that needs the fewest withheld keys. False:
 * no subset that costs no jail gives one without a miss. */
static bool play(struct adversary *a, struct prng *g, uint64_t s, double p)
{
    int free_keys[KEYS_MAX], n = 0;
    for (int k = 0; k < a->keys; k++)
        if (may_withhold(a, k, s))
            free_keys[n++] = k;
    for (int size = 0; size <= n; size++)
        for (uint32_t subset = 0; subset < 1u << n; subset++) {
            if (__builtin_popcount(subset) != size || !passes(g, p, DRAWS))
                continue;
            for (int i = 0; i < n; i++)
                if ((subset >> i & 1) != 0)
                    withhold(a, free_keys[i], s);
            return true;
        }
    return false;
}

static double chance_of_slots(struct prng *g, int keys, double p, int slots, int trials)
{
    int good = 0;
    for (int t = 0; t < trials; t++) {
        struct adversary a = { .keys = keys };
        int s = 0;
        while (s < slots && play(&a, g, (uint64_t)s, p))
            s++;
        good += s == slots;
    }
    return (double)good / trials;
}

/* In a window of 24 slots a key chooses among 1 + 24 + 276 = 301 patterns, so m keys among 301^m,
 * each of which passes with (1-p)^(24 c). */
static void many_slots_are_steered_by_301_patterns_a_key(void **state)
{
    (void)state;
    static const struct {
        int keys;
        double p;
    } rows[] = { { 0, 0.02 }, { 0, 0.1 }, { 1, 0.1 }, { 1, 0.2 },
                 { 2, 0.2 },  { 2, 0.4 }, { 3, 0.4 }, { 4, 0.5 } };
    struct prng g;
    prng_init(&g, 2);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int trials = 3000;
        double bound = fmin(1, pow(301, rows[i].keys) * pow(1 - rows[i].p, (double)WINDOW * DRAWS));
        double got = chance_of_slots(&g, rows[i].keys, rows[i].p, WINDOW, trials);
        CHECK(got <= bound + 4 * sqrt(bound * (1 - bound) / trials) + 1.0 / trials);
    }
    /* And the honest part of the page: with seven keys a tenth can be missing for a day's slots
     * most of the time; with one it cannot. */
    double seven = chance_of_slots(&g, 7, 0.1, 144, 300);
    double one = chance_of_slots(&g, 1, 0.1, 144, 300);
    print_message("10 %% missing, 144 slots, no miss: 7 keys %.3f, 1 key %.3f\n", seven, one);
    CHECK(seven > 0.5 && one < 0.01);
}

/* The part that may be missing for ever without a miss: where 2^(bits of choice) (1-p)^c is 1. */
static void the_page_has_the_right_numbers(void **state)
{
    (void)state;
    static const struct {
        int keys;
        double p;
    } rows[] = { { 1, 0.058 }, { 2, 0.112 }, { 4, 0.212 }, { 7, 0.341 }, { 17, 0.636 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double bits = rows[i].keys * log2(301) / WINDOW;
        CHECK(fabs(1 - exp2(-bits / DRAWS) - rows[i].p) < 0.0006);
    }
    /* Seven keys and ten workers; bytes of workers for each key, when there are many workers; one
     * miss allowed instead of two. */
    CHECK(fabs(1 - exp2(-7 * log2(301) / WINDOW / (10 * DRAWS)) - 0.041) < 0.0006);
    CHECK(fabs(log(301) / WINDOW / DRAWS - 0.0594) < 0.0001);
    CHECK(fabs(1 - exp2(-log2(1 + WINDOW) / WINDOW / DRAWS) - 0.033) < 0.0006);
}

/* ---- what it pays ---- */

/* Income of `slots` slots in units of one slot's share of an era's authoring income; a miss costs
 * charge of these. Never withholding, or withholding whenever that turns a miss into none. */
static double income(struct prng *g, int keys, double p, double charge, int slots, bool steers)
{
    struct adversary a = { .keys = steers ? keys : 0 };
    double sum = (double)keys * slots;
    for (int s = 0; s < slots; s++)
        if (!play(&a, g, (uint64_t)s, p))
            sum -= charge;
    return sum - (double)a.withheld;
}

/* A withheld contribution forfeits one slot's authoring share, for certain; what it buys is one
 * miss less, at best. So nothing is gained while a miss costs less than that share. */
static void withholding_does_not_pay(void **state)
{
    (void)state;
    struct params p;
    params_init(&p, PARAMS_PRODUCTION);
    CHECK(p.beacon_misses_max == MISSES && p.beacon_miss_slots == WINDOW);
    CHECK(p.draws_files + p.draws_srd == DRAWS);
    /* A hundred validators' slot of authoring income, in base units; and what a miss costs one who
     * stores 1 PiB at the first price. */
    double share = (double)p.reward_first_year.units / p.reward_year_eras / p.era_slots * 0.2 / 100;
    double mib = 1024.0 * 1024 * 1024;
    double slot_pay = mib * (double)p.price_byte.units * p.storage_percent / 100 * p.slot_blocks /
                      p.file_duration_blocks;
    double charge = p.miss_penalty_slots * slot_pay / share;
    print_message("authoring %.3g, a miss at 1 PiB %.3g base units a slot\n", share,
                  p.miss_penalty_slots * slot_pay);
    CHECK(charge < 1);
    static const struct {
        int keys;
        double p;
    } rows[] = { { 1, 0.01 }, { 1, 0.1 }, { 1, 0.5 }, { 3, 0.1 }, { 7, 0.1 }, { 7, 0.3 } };
    struct prng g;
    prng_init(&g, 3);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int slots = 20000;
        double honest = income(&g, rows[i].keys, rows[i].p, charge, slots, false);
        double steering = income(&g, rows[i].keys, rows[i].p, charge, slots, true);
        print_message("%d keys, %.0f %% missing: withholding is worth %+.4f of the income\n",
                      rows[i].keys, rows[i].p * 100, (steering - honest) / honest);
        CHECK(steering < honest);
    }
    /* With a charge of many shares it would pay: the test can tell. */
    CHECK(income(&g, 7, 0.1, 20, 20000, true) > income(&g, 7, 0.1, 20, 20000, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_is_steered_by_as_much_as_the_bound_says),
        cmocka_unit_test(many_slots_are_steered_by_301_patterns_a_key),
        cmocka_unit_test(the_page_has_the_right_numbers),
        cmocka_unit_test(withholding_does_not_pay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
