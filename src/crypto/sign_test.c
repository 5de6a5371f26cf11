/* Ed25519, X25519, Argon2id, BLAKE2b, PBKDF2 and the helpers for secrets, against RFC 8032, RFC
 * 7748, RFC 7693 and values of argon2-cffi and Python's hashlib where the RFC's vectors use
 * features that we leave out (Argon2 lanes). */
#include "base/check.h"
#include "base/hex.h"
#include "crypto/argon2.h"
#include "crypto/blake2b.h"
#include "crypto/ed25519.h"
#include "crypto/pbkdf2.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "crypto/x25519.h"

#include <sodium.h>

static void check_hex(const uint8_t *got, size_t n, const char *want)
{
    char text[2 * 64 + 1];
    CHECK(n <= 64);
    hex_format(text, span_of(got, n));
    assert_string_equal(text, want);
}

/* RFC 8032 7.1, tests 1 to 3. */
static const struct {
    const char *seed, *public_key, *message, *signature;
} rfc8032[] = {
    { "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
      "f9b46bd25bf5f0595bbe24655141438e7a100b" },
    { "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
      "f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
    { "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f76098"
      "4dc6594a7c15e9716ed28dc027beceea1ec40a" },
};

static void ed25519_gives_the_rfc8032_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        uint8_t seed[32], want[64], message[2], signature[64];
        size_t n = strlen(rfc8032[i].message) / 2;
        AUTO(ed25519_wipe) struct ed25519_key key;
        CHECK_OK(hex_parse(seed, 32, rfc8032[i].seed));
        CHECK_OK(hex_parse(message, n, rfc8032[i].message));
        CHECK_OK(hex_parse(want, 64, rfc8032[i].signature));
        ed25519_keypair(&key, seed);
        check_hex(key.public_key, 32, rfc8032[i].public_key);
        ed25519_keypair(&key, key.seed); /* the seed may be the key's own */
        check_hex(key.public_key, 32, rfc8032[i].public_key);
        ed25519_sign(signature, span_of(message, n), &key);
        CHECK(memcmp(signature, want, 64) == 0);
        CHECK_OK(ed25519_verify(signature, span_of(message, n), key.public_key));
        CHECK_OK(ed25519_public_check(key.public_key));
    }
}

static void ed25519_refuses_every_flipped_bit(void **state)
{
    (void)state;
    uint8_t seed[32] = { 1 }, message[5] = "hello", signature[64];
    struct ed25519_key key;
    ed25519_keypair(&key, seed);
    ed25519_sign(signature, span_of(message, 5), &key);
    uint8_t *const parts[] = { signature, message, key.public_key };
    const size_t sizes[] = { 64, 5, 32 };
    for (size_t p = 0; p < 3; p++) {
        for (size_t bit = 0; bit < sizes[p] * 8; bit++) {
            parts[p][bit / 8] ^= (uint8_t)(1u << bit % 8);
            CHECK_ERR(ed25519_verify(signature, span_of(message, 5), key.public_key),
                      ERR_SIGNATURE);
            parts[p][bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    CHECK_OK(ed25519_verify(signature, span_of(message, 5), key.public_key));
}

static void ed25519_is_strict(void **state)
{
    (void)state;
    static const char order[] = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    uint8_t seed[32] = { 1 }, signature[64], l[32];
    struct ed25519_key key;
    ed25519_keypair(&key, seed);
    ed25519_sign(signature, span_of("m", 1), &key);
    CHECK_OK(hex_parse(l, 32, order));
    unsigned carry = 0; /* S + L satisfies the equation, but is malleable */
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)signature[32 + i] + l[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    CHECK_ERR(ed25519_verify(signature, span_of("m", 1), key.public_key), ERR_SIGNATURE);
    /* A = R = a point of small order and S = 0 would verify any message, or every eighth. */
    static const char *const small[] = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    for (size_t a = 0; a < 7; a++) {
        uint8_t public_key[32], forged[64] = { 0 };
        CHECK_OK(hex_parse(public_key, 32, small[a]));
        CHECK_ERR(ed25519_public_check(public_key), ERR_FORMAT);
        for (size_t r = 0; r < 7; r++) {
            CHECK_OK(hex_parse(forged, 32, small[r]));
            for (uint8_t m = 0; m < 32; m++)
                CHECK_ERR(ed25519_verify(forged, span_of(&m, 1), public_key), ERR_SIGNATURE);
        }
    }
}

/* A good key with a part of small order added passes the equations of many verifiers, and
 * libsodium's own check of old. */
static void ed25519_public_check_refuses_mixed_order(void **state)
{
    (void)state;
    static const char *const torsion[] = {
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* order 2 */
        "0000000000000000000000000000000000000000000000000000000000000000", /* order 4 */
        "0000000000000000000000000000000000000000000000000000000000000080", /* order 4 */
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", /* order 8 */
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", /* order 8 */
    };
    for (uint8_t i = 0; i < 50; i++) {
        uint8_t seed[32] = { i }, part[32], mixed[32];
        struct ed25519_key key;
        ed25519_keypair(&key, seed);
        CHECK_OK(ed25519_public_check(key.public_key));
        for (size_t t = 0; t < 5; t++) {
            CHECK_OK(hex_parse(part, 32, torsion[t]));
            CHECK(crypto_core_ed25519_add(mixed, key.public_key, part) == 0);
            CHECK_ERR(ed25519_public_check(mixed), ERR_FORMAT);
        }
    }
}

static void x25519_gives_the_rfc7748_vectors(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        { "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
          "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
          "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" },
        { "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
          "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
          "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957" },
    };
    uint8_t k[32], u[32];
    struct secret out;
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(hex_parse(k, 32, rows[i][0]));
        CHECK_OK(hex_parse(u, 32, rows[i][1]));
        CHECK_OK(x25519_shared(&out, k, u));
        check_hex(out.b, 32, rows[i][2]);
    }
    memset(k, 0, 32);
    k[0] = 9;
    memcpy(u, k, 32);
    for (int i = 0; i < 1000; i++) {
        CHECK_OK(x25519_shared(&out, k, u));
        memcpy(u, k, 32);
        memcpy(k, out.b, 32);
        if (i == 0)
            check_hex(k, 32, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
    check_hex(k, 32, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

static void x25519_agrees_and_refuses_small_order(void **state)
{
    (void)state;
    uint8_t a[32] = { 1, 2 }, b[32] = { 3, 4 }, pa[32], pb[32], zero[32] = { 0 };
    struct secret one, two;
    x25519_public(pa, a);
    x25519_public(pb, b);
    CHECK_OK(x25519_shared(&one, a, pb));
    CHECK_OK(x25519_shared(&two, b, pa));
    CHECK(secret_eq(one.b, two.b, 32));
    CHECK_ERR(x25519_shared(&one, a, zero), ERR_FORMAT);
    CHECK(memcmp(one.b, zero, 32) == 0);
    pa[0] = 1;
    memset(pa + 1, 0, 31);
    CHECK_ERR(x25519_shared(&one, a, pa), ERR_FORMAT);
}

static void argon2_gives_known_values(void **state)
{
    (void)state;
    uint8_t salt[16], zero[32] = { 0 };
    struct secret out;
    for (uint8_t i = 0; i < 16; i++)
        salt[i] = i;
    CHECK_OK(argon2_id(&out, span_str("password"), salt, 2, 64));
    check_hex(out.b, 32, "716882821df77bc6414358b07159fb63ca1c90beaeb9d0ca0e43bd887dcf2ca9");
    CHECK_OK(argon2_id(&out, span_str("password"), salt, 1, 8));
    check_hex(out.b, 32, "3a008963c65f7ffa7331a90babd1fd17ea9f03bd05356b857ceb43f7b7080adc");
    CHECK_OK(argon2_id(&out, span_of(NULL, 0), salt, 1, 8));
    CHECK_ERR(argon2_id(&out, span_str("x"), salt, 0, 8), ERR_RANGE);
    CHECK_ERR(argon2_id(&out, span_str("x"), salt, 17, 8), ERR_RANGE);
    CHECK_ERR(argon2_id(&out, span_str("x"), salt, 1, 7), ERR_RANGE);
    CHECK_ERR(argon2_id(&out, span_str("x"), salt, 1, 1024 * 1024 + 1), ERR_RANGE);
    CHECK(memcmp(out.b, zero, 32) == 0);
}

static void blake2b_gives_rfc7693_abc(void **state)
{
    (void)state;
    uint8_t out[64];
    struct span parts[3] = { span_str("a"), span_of(NULL, 0), span_str("bc") };
    blake2b(out, 64, parts, 3);
    check_hex(out, 64,
              "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252"
              "d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
    blake2b(out, 32, parts, 3);
    check_hex(out, 32, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

static void pbkdf2_gives_hashlibs_value(void **state)
{
    (void)state;
    uint8_t out[64];
    struct mspan all = { out, sizeof(out) };
    CHECK_OK(pbkdf2_sha512(all, span_str("password"), span_str("salt"), 2048));
    check_hex(out, 64,
              "91be23564f09fc855c82ce84a223ebe7d63d8b49d69372593a0d9ed39e143c83e1ab2f722a5ddb969fee"
              "fc88403f7e2afe1afb8b2f0e6b20add0fb7b28368807");
    CHECK_ERR(pbkdf2_sha512(all, span_str("password"), span_str("salt"), 0), ERR_RANGE);
    CHECK_ERR(pbkdf2_sha512(all, span_of(out, PBKDF2_INPUT_MAX + 1), span_str(""), 1), ERR_LIMIT);
    CHECK_OK(pbkdf2_sha512(all, span_of(NULL, 0), span_of(NULL, 0), 1));
}

static void secrets_are_wiped_and_compared(void **state)
{
    (void)state;
    uint8_t buf[40], zero[40] = { 0 };
    struct secret s;
    memset(buf, 7, sizeof(buf));
    memset(&s, 7, sizeof(s));
    CHECK(secret_eq(buf, s.b, 32));
    buf[31] ^= 1;
    CHECK(!secret_eq(buf, s.b, 32));
    CHECK(secret_eq(buf, s.b, 0) && secret_eq(buf, s.b, 31));
    secret_wipe(&s);
    CHECK(memcmp(s.b, zero, 32) == 0);
    {
        AUTO(secret_wipe_span) struct mspan guard = { buf, sizeof(buf) };
    }
    CHECK(memcmp(buf, zero, sizeof(buf)) == 0);
    secret_wipe(NULL);
    secret_wipe_span(NULL);
    secret_wipe_bytes(NULL, 0);
}

static void random_bytes_differ(void **state)
{
    (void)state;
    uint8_t a[32] = { 0 }, b[32] = { 0 };
    CHECK_OK(random_init());
    CHECK_OK(random_init());
    random_bytes(a, sizeof(a));
    random_bytes(b, sizeof(b));
    random_bytes(NULL, 0);
    CHECK(memcmp(a, b, sizeof(a)) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ed25519_gives_the_rfc8032_vectors),
        cmocka_unit_test(ed25519_refuses_every_flipped_bit),
        cmocka_unit_test(ed25519_is_strict),
        cmocka_unit_test(ed25519_public_check_refuses_mixed_order),
        cmocka_unit_test(x25519_gives_the_rfc7748_vectors),
        cmocka_unit_test(x25519_agrees_and_refuses_small_order),
        cmocka_unit_test(argon2_gives_known_values),
        cmocka_unit_test(blake2b_gives_rfc7693_abc),
        cmocka_unit_test(pbkdf2_gives_hashlibs_value),
        cmocka_unit_test(secrets_are_wiped_and_compared),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
