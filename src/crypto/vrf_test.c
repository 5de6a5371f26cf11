/* ECVRF-EDWARDS25519-SHA512-TAI against RFC 9381 appendix B.3 (examples 16 to 18), and what a
 * verifier must refuse. */
#include "crypto/vrf.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/prng.h"

static const struct {
    const char *seed, *public_key, *alpha, *proof, *output;
} rows[] = {
    { "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f"
      "479d9727d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805",
      "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff66b71dda49d2de59d03450451a"
      "f026798e8f81cd2e333de5cdf4f3e140fdd8ae" },
    { "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed5933bf0864a62558b3ed7f2fea45c"
      "92a465301b3bbf5e3e54ddf2d935be3b67926da3ef39226bbc355bdc9850112c8f4b02",
      "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb5e33821bc613efb94db5e5b54c"
      "70a848a0bef4553a41befc57663b56373a5031" },
    { "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
      "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf8096bb474e53895c362d8628ee9f"
      "9ea3c0e52c7a5c691b6c18c9979866568add7a2d41b00b05081ed0f58ee5e31b3a970e",
      "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c452118fec1219202a0edcf038bb6"
      "373241578be7217ba85a2687f7a0310b2df19f" },
};

static void rfc9381_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t seed[32], public_key[32], alpha[2], proof[80], output[64], got[80];
        size_t n = strlen(rows[i].alpha) / 2;
        CHECK_OK(hex_parse(seed, 32, rows[i].seed));
        CHECK_OK(hex_parse(public_key, 32, rows[i].public_key));
        CHECK_OK(hex_parse(alpha, n, rows[i].alpha));
        CHECK_OK(hex_parse(proof, 80, rows[i].proof));
        CHECK_OK(hex_parse(output, 64, rows[i].output));
        struct ed25519_key key;
        ed25519_keypair(&key, seed);
        CHECK(memcmp(key.public_key, public_key, 32) == 0);
        CHECK_OK(vrf_prove(got, &key, span_of(alpha, n)));
        CHECK(memcmp(got, proof, 80) == 0);
        CHECK_OK(vrf_verify(got, public_key, proof, span_of(alpha, n)));
        CHECK(memcmp(got, output, 64) == 0);
        CHECK_OK(vrf_proof_to_hash(got, proof));
        CHECK(memcmp(got, output, 64) == 0);
    }
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    struct ed25519_key key;
    uint8_t seed[32] = { 7 }, proof[80], output[64], zero[64] = { 0 }, alpha[4] = { 1, 2, 3, 4 };
    ed25519_keypair(&key, seed);
    CHECK_OK(vrf_prove(proof, &key, span_of(alpha, 4)));
    for (size_t bit = 0; bit < sizeof(proof) * 8; bit++) {
        proof[bit / 8] ^= (uint8_t)(1u << bit % 8);
        memset(output, 1, sizeof(output));
        CHECK(vrf_verify(output, key.public_key, proof, span_of(alpha, 4)) != OK);
        CHECK(memcmp(output, zero, 64) == 0);
        proof[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < sizeof(alpha) * 8; bit++) {
        alpha[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_ERR(vrf_verify(output, key.public_key, proof, span_of(alpha, 4)), ERR_SIGNATURE);
        alpha[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 256; bit++) {
        uint8_t other[32];
        memcpy(other, key.public_key, 32);
        other[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(vrf_verify(output, other, proof, span_of(alpha, 4)) != OK);
    }
    CHECK_ERR(vrf_verify(output, key.public_key, proof, span_of(alpha, 3)), ERR_SIGNATURE);
}

/* Encodings of points of small order, canonical and not, and y at or above p. */
static const char *const bad_points[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "0200000000000000000000000000000000000000000000000000000000000000", /* not on the curve */
};

static void bad_keys_and_gammas_are_refused(void **state)
{
    (void)state;
    struct ed25519_key key;
    uint8_t seed[32] = { 9 }, proof[80], bad[32], output[64];
    ed25519_keypair(&key, seed);
    CHECK_OK(vrf_prove(proof, &key, span_of(NULL, 0)));
    for (size_t i = 0; i < sizeof(bad_points) / sizeof(bad_points[0]); i++) {
        CHECK_OK(hex_parse(bad, 32, bad_points[i]));
        CHECK_ERR(vrf_verify(output, bad, proof, span_of(NULL, 0)), ERR_FORMAT);
        uint8_t forged[80];
        memcpy(forged, proof, 80);
        memcpy(forged, bad, 32);
        CHECK_ERR(vrf_verify(output, key.public_key, forged, span_of(NULL, 0)), ERR_FORMAT);
        CHECK_ERR(vrf_proof_to_hash(output, forged), ERR_FORMAT);
    }
}

static void s_at_or_above_the_group_order_is_refused(void **state)
{
    (void)state;
    static const char order[] = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    struct ed25519_key key;
    uint8_t seed[32] = { 3 }, proof[80], l[32], output[64];
    ed25519_keypair(&key, seed);
    CHECK_OK(hex_parse(l, 32, order));
    CHECK_OK(vrf_prove(proof, &key, span_of(NULL, 0)));
    unsigned carry = 0; /* s + L says the same but is not canonical */
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)proof[48 + i] + l[i];
        proof[48 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    CHECK_ERR(vrf_verify(output, key.public_key, proof, span_of(NULL, 0)), ERR_FORMAT);
    memcpy(proof + 48, l, 32);
    CHECK_ERR(vrf_verify(output, key.public_key, proof, span_of(NULL, 0)), ERR_FORMAT);
    memset(proof + 48, 0, 32); /* s = 0 is well formed, and wrong */
    CHECK_ERR(vrf_verify(output, key.public_key, proof, span_of(NULL, 0)), ERR_SIGNATURE);
    memset(proof + 32, 0, 16); /* so is c = 0 */
    CHECK_ERR(vrf_verify(output, key.public_key, proof, span_of(NULL, 0)), ERR_SIGNATURE);
}

static void what_is_proved_verifies(void **state)
{
    (void)state;
    struct prng g;
    prng_init(&g, 4);
    for (int i = 0; i < 60; i++) {
        struct ed25519_key key;
        uint8_t seed[32], alpha[100], proof[80], first[64], second[64];
        prng_fill(&g, seed, sizeof(seed));
        prng_fill(&g, alpha, sizeof(alpha));
        ed25519_keypair(&key, seed);
        struct span in = span_of(alpha, prng_below(&g, sizeof(alpha) + 1));
        CHECK_OK(vrf_prove(proof, &key, in));
        CHECK_OK(vrf_verify(first, key.public_key, proof, in));
        CHECK_OK(vrf_proof_to_hash(second, proof));
        CHECK(memcmp(first, second, 64) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc9381_examples),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(bad_keys_and_gammas_are_refused),
        cmocka_unit_test(s_at_or_above_the_group_order_is_refused),
        cmocka_unit_test(what_is_proved_verifies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
