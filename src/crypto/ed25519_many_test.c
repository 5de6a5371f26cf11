/* Many signatures at once against libsodium, one by one: good ones, every kind of bad one, and the
 * points of small order with which verifiers are told apart. */
#include "crypto/ed25519_many.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/prng.h"
#include "crypto/ed25519_lanes.h"

#include <sodium.h>

enum { COUNT = 67, MESSAGE = 200 };

static struct {
    uint8_t signature[64], key[32], message[MESSAGE];
} items[COUNT];
static struct ed25519_claim claims[COUNT];
static struct prng random_source;

static void item_make(size_t i)
{
    struct ed25519_key key;
    uint8_t seed[32];
    prng_fill(&random_source, seed, sizeof(seed));
    prng_fill(&random_source, items[i].message, MESSAGE);
    ed25519_keypair(&key, seed);
    const struct span message = span_of(items[i].message, i * 3 % (MESSAGE + 1));
    ed25519_sign(items[i].signature, message, &key);
    memcpy(items[i].key, key.public_key, 32);
    claims[i] = (struct ed25519_claim){ items[i].signature, items[i].key, message };
}

/* What many say is what one says. Gives how many are good. */
static size_t agree(size_t count)
{
    bool ok[COUNT + 1];
    size_t good = 0;
    ok[count] = true;
    ed25519_verify_many(ok, claims, count);
    for (size_t i = 0; i < count; i++) {
        enum err one = ed25519_verify(claims[i].signature, claims[i].message, claims[i].public_key);
        CHECK(ok[i] == (one == OK));
        good += ok[i];
    }
    CHECK(ok[count]); /* nothing is written behind */
    return good;
}

static int setup(void **state)
{
    (void)state;
    prng_init(&random_source, 42);
    return sodium_init() < 0 ? -1 : 0;
}

static void every_number_of_good_ones(void **state)
{
    (void)state;
    for (size_t count = 0; count <= COUNT; count++) {
        for (size_t i = 0; i < count; i++)
            item_make(i);
        CHECK(agree(count) == count);
    }
}

static void a_flipped_bit_spoils_its_own_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < 24; i++)
        item_make(i);
    for (size_t bit = 0; bit < 512 + 256; bit += 5) {
        size_t at = bit % 24;
        uint8_t *p = bit < 512 ? items[at].signature : items[at].key;
        p[bit % 512 / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(agree(24) == 23);
        p[bit % 512 / 8] ^= (uint8_t)(1u << bit % 8);
    }
    items[9].message[0] ^= 1;
    CHECK(agree(24) == 23);
}

/* out = in + the group order. */
static void add_order(uint8_t out[32], const uint8_t in[32])
{
    static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                       0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)in[i] + order[i];
        out[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static void scalars_are_below_the_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < 16; i++)
        item_make(i);
    for (size_t i = 0; i < 16; i += 2)
        add_order(items[i].signature + 32, items[i].signature + 32);
    CHECK(agree(16) == 8);
    for (size_t i = 0; i < 16; i += 2)
        memset(items[i].signature + 32, i % 4 == 0 ? 0xff : 0, 32);
    CHECK(agree(16) == 8);
}

/* Encodings of the points of small order, reduced and not, with both signs. */
static const char *const small_points[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};
enum { SMALL = sizeof(small_points) / sizeof(small_points[0]) };

static void small_point(uint8_t out[32], size_t i)
{
    CHECK_OK(hex_parse(out, 32, small_points[i % SMALL]));
    out[31] ^= i / SMALL % 2 == 0 ? 0 : 0x80;
}

/* With a key of small order and S = 0 every verifier that does not refuse it can be made to say
 * yes: R is then minus h times the key, which is of small order too. */
static void points_of_small_order_are_refused(void **state)
{
    (void)state;
    for (size_t key = 0; key < 2 * SMALL; key++) {
        for (size_t r = 0; r < 2 * SMALL; r++) {
            for (size_t i = 0; i < 8; i++)
                item_make(i);
            small_point(items[3].key, key);
            small_point(items[3].signature, r);
            memset(items[3].signature + 32, 0, 32);
            small_point(items[4].key, key);
            small_point(items[5].signature, r);
            CHECK(agree(8) == 5);
        }
    }
}

/* A signature whose key, or whose R, has a part of order eight: the equation without cofactor holds
 * for one hash in eight, and only then. */
static void torsion_is_not_forgiven(void **state)
{
    (void)state;
    uint8_t torsion[32], seed[32] = { 7 }, wide[64], h[32], sum[32], product[32];
    size_t good = 0;
    small_point(torsion, 2);
    for (size_t i = 0; i < COUNT; i++) {
        struct ed25519_key key;
        uint8_t az[64], nonce[32];
        seed[1] = (uint8_t)i;
        ed25519_keypair(&key, seed);
        crypto_hash_sha512(az, seed, 32);
        az[0] &= 248;
        az[31] = (uint8_t)((az[31] & 127) | 64);
        item_make(i);
        CHECK(crypto_core_ed25519_add(items[i].key, key.public_key, torsion) == 0);
        crypto_core_ed25519_scalar_random(nonce);
        CHECK(crypto_scalarmult_ed25519_base_noclamp(items[i].signature, nonce) == 0);
        if (i % 3 == 0) /* in R as well */
            CHECK(crypto_core_ed25519_add(items[i].signature, items[i].signature, torsion) == 0);
        crypto_hash_sha512_state sha;
        crypto_hash_sha512_init(&sha);
        crypto_hash_sha512_update(&sha, items[i].signature, 32);
        crypto_hash_sha512_update(&sha, items[i].key, 32);
        crypto_hash_sha512_update(&sha, claims[i].message.p, claims[i].message.n);
        crypto_hash_sha512_final(&sha, wide);
        crypto_core_ed25519_scalar_reduce(h, wide);
        memset(wide, 0, sizeof(wide));
        memcpy(wide, az, 32);
        crypto_core_ed25519_scalar_reduce(sum, wide);
        crypto_core_ed25519_scalar_mul(product, h, sum);
        crypto_core_ed25519_scalar_add(items[i].signature + 32, product, nonce);
    }
    good = agree(COUNT);
    CHECK(good < COUNT / 2);
}

static void random_bytes_are_no_signatures(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            item_make(i);
            if (i % 2 == 0)
                prng_fill(&random_source, items[i].key, 32);
            if (i % 3 == 0)
                prng_fill(&random_source, items[i].signature, 63);
        }
        CHECK(agree(COUNT) <= COUNT / 2);
    }
}

static void digits_of(int8_t out[ED25519_LANES_DIGITS][ED25519_LANES], size_t lane,
                      const uint8_t scalar[32])
{
    int carry = 0;
    for (size_t i = 0; i < ED25519_LANES_DIGITS; i++) {
        int digit = (scalar[i / 2] >> 4 * (i % 2) & 15) + carry;
        carry = digit >= 8; /* the other way to write 8 */
        out[i][lane] = (int8_t)(digit - 16 * carry);
    }
}

/* The lanes themselves: had they let a good one down, libsodium would cover it up above. */
static void lanes_find_what_is_good(void **state)
{
    (void)state;
    static struct ed25519_lanes in;
    if (!ed25519_lanes_ready()) {
        print_message("skip - this processor has no AVX-512 IFMA\n");
        skip();
    }
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < ED25519_LANES; i++) {
            uint8_t wide[64], h[32], s[32], r[32], minus[32];
            item_make(i);
            prng_fill(&random_source, wide, sizeof(wide));
            crypto_core_ed25519_scalar_reduce(h, wide);
            prng_fill(&random_source, wide, sizeof(wide));
            crypto_core_ed25519_scalar_reduce(s, wide);
            h[0] |= 1;
            if (round % 10 == 0)
                memset(h + 1, 0, 31); /* small ones, mostly digits of zero */
            CHECK(crypto_scalarmult_ed25519_noclamp(minus, h, items[i].key) == 0);
            CHECK(crypto_scalarmult_ed25519_base_noclamp(r, s) == 0);
            CHECK(crypto_core_ed25519_sub(in.r[i], r, minus) == 0);
            memcpy(in.a[i], items[i].key, 32);
            digits_of(in.h, i, h);
            digits_of(in.s, i, s);
        }
        CHECK(ed25519_lanes_hold(&in) == 0xff);
        size_t bad = (size_t)round % ED25519_LANES;
        in.r[bad][round % 32] ^= (uint8_t)(1u << round % 8);
        CHECK(ed25519_lanes_hold(&in) == (0xffu & ~(1u << bad)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_of_good_ones),
        cmocka_unit_test(a_flipped_bit_spoils_its_own_only),
        cmocka_unit_test(scalars_are_below_the_order),
        cmocka_unit_test(points_of_small_order_are_refused),
        cmocka_unit_test(torsion_is_not_forgiven),
        cmocka_unit_test(random_bytes_are_no_signatures),
        cmocka_unit_test(lanes_find_what_is_good),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
