/* Signature checks against the deterministic vectors of RFC 6979 A.2.5 and A.2.6 (message
 * "sample"), and what a check must refuse. RSA-PSS: AMD's self-signed roots, in attest/. */
#include "crypto/ecdsa.h"

#include "base/check.h"
#include "base/hex.h"
#include "crypto/rsa_pss.h"

static const char p256_key[] = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                               "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
static const char p256_sample[] =
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
static const char p256_n[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
static const char p384_key[] = "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def"
                               "8f0ea9055866064a254515480bc13"
                               "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288"
                               "b231c3ae0d4fe7344fd2533264720";
static const char p384_sample[] = "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c"
                                  "81a648152e44acf96e36dd1e80fabe46"
                                  "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94f"
                                  "a329c145786e679e7b82c71a38628ac8";

static void test_rfc_6979_p256(void **state)
{
    (void)state;
    uint8_t key[64], signature[64], n[32];
    CHECK_OK(hex_parse(key, 64, p256_key));
    CHECK_OK(hex_parse(signature, 64, p256_sample));
    CHECK_OK(hex_parse(n, 32, p256_n));
    struct span sample = span_str("sample");
    CHECK_OK(ecdsa_p256_verify(signature, sample, key));
    CHECK_ERR(ecdsa_p256_verify(signature, span_str("samplf"), key), ERR_SIGNATURE);
    for (size_t bit = 0; bit < 64 * 8; bit++) {
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_ERR(ecdsa_p256_verify(signature, sample, key), ERR_SIGNATURE);
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_ERR(ecdsa_p256_verify(signature, sample, key), ERR_SIGNATURE);
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* n - s verifies as well: both forms are signatures. */
    uint8_t low[64];
    memcpy(low, signature, 32);
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int d = n[i] - signature[32 + i] - borrow;
        borrow = d < 0;
        low[32 + i] = (uint8_t)d;
    }
    CHECK_OK(ecdsa_p256_verify(low, sample, key));
}

static void test_numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    uint8_t key[64], signature[64], bad[64];
    CHECK_OK(hex_parse(key, 64, p256_key));
    CHECK_OK(hex_parse(signature, 64, p256_sample));
    for (int half = 0; half < 2; half++) {
        memcpy(bad, signature, 64);
        memset(bad + 32 * half, 0, 32); /* 0 */
        CHECK_ERR(ecdsa_p256_verify(bad, span_str("sample"), key), ERR_SIGNATURE);
        CHECK_OK(hex_parse(bad + 32 * half, 32, p256_n)); /* n */
        CHECK_ERR(ecdsa_p256_verify(bad, span_str("sample"), key), ERR_SIGNATURE);
        memset(bad + 32 * half, 0xff, 32);
        CHECK_ERR(ecdsa_p256_verify(bad, span_str("sample"), key), ERR_SIGNATURE);
    }
    memset(key, 0, sizeof(key)); /* not a point */
    CHECK_ERR(ecdsa_p256_verify(signature, span_str("sample"), key), ERR_SIGNATURE);
    memset(key, 0xff, sizeof(key));
    CHECK_ERR(ecdsa_p256_verify(signature, span_str("sample"), key), ERR_SIGNATURE);
}

static void test_rfc_6979_p384(void **state)
{
    (void)state;
    uint8_t key[96], signature[96];
    CHECK_OK(hex_parse(key, 96, p384_key));
    CHECK_OK(hex_parse(signature, 96, p384_sample));
    CHECK_OK(ecdsa_p384_verify(signature, span_str("sample"), key));
    CHECK_ERR(ecdsa_p384_verify(signature, span_str("test"), key), ERR_SIGNATURE);
    for (size_t i = 0; i < 96; i++) {
        signature[i] ^= 1;
        CHECK_ERR(ecdsa_p384_verify(signature, span_str("sample"), key), ERR_SIGNATURE);
        signature[i] ^= 1;
    }
}

static void test_rsa_without_a_sound_modulus_is_refused(void **state)
{
    (void)state;
    uint8_t modulus[RSA_PSS_SIZE] = { 0 }, signature[RSA_PSS_SIZE] = { 0 };
    signature[RSA_PSS_SIZE - 1] = 1;
    CHECK_ERR(rsa_pss_verify(signature, span_str("x"), modulus), ERR_SIGNATURE);
    modulus[RSA_PSS_SIZE - 1] = 1;
    CHECK_ERR(rsa_pss_verify(signature, span_str("x"), modulus), ERR_SIGNATURE);
    modulus[0] = 0x80;
    CHECK_ERR(rsa_pss_verify(signature, span_str("x"), modulus), ERR_SIGNATURE);
    memset(signature, 0xff, sizeof(signature)); /* above the modulus */
    CHECK_ERR(rsa_pss_verify(signature, span_str("x"), modulus), ERR_SIGNATURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_6979_p256),
        cmocka_unit_test(test_numbers_out_of_range_are_refused),
        cmocka_unit_test(test_rfc_6979_p384),
        cmocka_unit_test(test_rsa_without_a_sound_modulus_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
