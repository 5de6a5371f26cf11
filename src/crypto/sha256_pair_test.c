/* sha256_pair on both of its paths against FIPS 180-4 and against sha256. */
#include "crypto/sha256_pair.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/prng.h"
#include "crypto/sha256.h"
#include "crypto/testnist.h"

typedef void (*pair_fn)(uint8_t *out, struct span tag, struct span a, struct span b);

/* The second is the first on a processor without SHA instructions. */
static const pair_fn paths[] = { sha256_pair, sha256_pair_plain };

static const struct span none = { NULL, 0 };

enum { DATA_SIZE = 8192 };
static uint8_t data[DATA_SIZE];

static int setup(void **state)
{
    (void)state;
    struct prng g;
    prng_init(&g, 1);
    prng_fill(&g, data, sizeof(data));
    print_message("SHA instructions: %s\n", sha256_pair_accelerated() ? "yes" : "no");
    return 0;
}

/* One path against two plain hashes. Each message is an allocation of its own size, so that a read
 * past its end is seen. */
static void check_pair(pair_fn path, struct span tag, struct span a, struct span b)
{
    uint8_t got[66] = { 0 };
    uint8_t want[66] = { 0 };
    uint8_t *first = check_dup(a.p, a.n);
    uint8_t *second = check_dup(b.p, b.n);
    sha256_tagged(want + 1, "", (const struct span[]){ tag, a }, 2);
    sha256_tagged(want + 33, "", (const struct span[]){ tag, b }, 2);
    path(got + 1, tag, span_of(first, a.n), span_of(second, b.n));
    CHECK(memcmp(got, want, sizeof(got)) == 0);
    free(first);
    free(second);
}

static void the_nist_examples(void **state)
{
    (void)state;
    const size_t count = TESTNIST_SHA256;
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < count * count; i++) {
            const struct testnist *first = testnist_sha256(i % count);
            const struct testnist *second = testnist_sha256(i / count);
            uint8_t out[64];
            char text[2 * 32 + 1];
            paths[k](out, none, span_str(first->text), span_str(second->text));
            hex_format(text, span_of(out, 32));
            assert_string_equal(text, first->digest);
            hex_format(text, span_of(out + 32, 32));
            assert_string_equal(text, second->digest);
        }
    }
}

/* Wherever a message is cut into tag and rest, its hash is the same. */
static void a_tag_is_the_beginning_of_the_message(void **state)
{
    (void)state;
    struct span whole = span_of(data, 200);
    uint8_t want[32];
    sha256(want, whole);
    for (size_t cut = 0; cut <= SHA256_PAIR_TAG_MAX; cut++) {
        struct span rest = span_sub(whole, cut, whole.n);
        for (size_t k = 0; k < 2; k++) {
            uint8_t out[64];
            paths[k](out, span_of(data, cut), rest, rest);
            CHECK(memcmp(out, want, 32) == 0 && memcmp(out + 32, want, 32) == 0);
        }
    }
}

static void every_length_around_the_borders_of_blocks(void **state)
{
    (void)state;
    static const size_t tags[] = { 0, 1, 13, 19, 32, 54, 55, 56, 62, 63 };
    for (size_t t = 0; t < sizeof(tags) / sizeof(tags[0]); t++) {
        for (size_t n = 0; n <= 324; n++) {
            for (size_t k = 0; k < 2; k++)
                check_pair(paths[k], span_of(data + 5, tags[t]), span_of(data + 3, n),
                           span_of(data + 2000, n));
        }
    }
    for (size_t n = 960; n <= 1100; n++)
        check_pair(sha256_pair, span_of(data, 17), span_of(data + 1, n), span_of(data + 3000, n));
}

static void unequal_lengths(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        for (size_t n = 0; n <= 130; n++) {
            for (size_t m = 0; m <= 130; m += n % 2 + 1)
                check_pair(paths[k], span_of(data, n % 40), span_of(data + 1, n),
                           span_of(data + 500, m));
        }
        check_pair(paths[k], none, span_of(data, DATA_SIZE), span_of(data, 1));
    }
}

/* Lengths, tags and places by chance; the two messages may be one or overlap. */
static void anything_hashes_as_one_after_the_other(void **state)
{
    (void)state;
    struct prng g;
    prng_init(&g, 2);
    for (int i = 0; i < 3000; i++) {
        size_t tag = (size_t)prng_below(&g, SHA256_PAIR_TAG_MAX + 1);
        size_t n = (size_t)prng_below(&g, DATA_SIZE);
        size_t m = prng_below(&g, 4) == 0 ? (size_t)prng_below(&g, DATA_SIZE) : n;
        size_t a = (size_t)prng_below(&g, DATA_SIZE - n + 1);
        size_t b = (size_t)prng_below(&g, DATA_SIZE - m + 1);
        check_pair(sha256_pair, span_of(data, tag), span_of(data + a, n), span_of(data + b, m));
    }
}

static void the_output_may_lie_on_the_input(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        for (size_t shift = 0; shift <= 128; shift++) {
            uint8_t all[256];
            uint8_t want[64];
            memcpy(all, data, sizeof(all));
            sha256_tagged(want, "node", (const struct span[]){ span_of(all, 64) }, 1);
            sha256_tagged(want + 32, "node", (const struct span[]){ span_of(all + 64, 64) }, 1);
            paths[k](all + shift, span_str("node"), span_of(all, 64), span_of(all + 64, 64));
            CHECK(memcmp(all + shift, want, 64) == 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nist_examples),
        cmocka_unit_test(a_tag_is_the_beginning_of_the_message),
        cmocka_unit_test(every_length_around_the_borders_of_blocks),
        cmocka_unit_test(unequal_lengths),
        cmocka_unit_test(anything_hashes_as_one_after_the_other),
        cmocka_unit_test(the_output_may_lie_on_the_input),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
