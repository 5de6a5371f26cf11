/* SHA-256, HMAC, HKDF and CRC-32C against FIPS 180-4, RFC 4231, RFC 5869 and RFC 3720. */
#include "base/check.h"
#include "base/hex.h"
#include "crypto/crc32c.h"
#include "crypto/hmac.h"
#include "crypto/lthash.h"
#include "crypto/sha256.h"
#include "crypto/testnist.h"

/* Compares bytes with their hexadecimal text. */
static void check_hex(const uint8_t *got, size_t n, const char *want)
{
    char text[2 * 128 + 1];
    CHECK(n <= 128);
    hex_format(text, span_of(got, n));
    assert_string_equal(text, want);
}

static void sha256_gives_the_nist_examples(void **state)
{
    (void)state;
    uint8_t out[SHA256_SIZE];
    for (size_t i = 0; i < TESTNIST_SHA256; i++) {
        sha256(out, span_str(testnist_sha256(i)->text));
        check_hex(out, sizeof(out), testnist_sha256(i)->digest);
    }
    struct sha256 h;
    sha256_init(&h);
    for (int i = 0; i < 1000; i++) {
        uint8_t thousand[1000];
        memset(thousand, 'a', sizeof(thousand));
        sha256_update(&h, span_of(thousand, sizeof(thousand)));
    }
    sha256_final(&h, out);
    check_hex(out, sizeof(out), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void sha256_does_not_depend_on_the_cuts(void **state)
{
    (void)state;
    uint8_t in[200], whole[SHA256_SIZE], parts[SHA256_SIZE];
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)i;
    for (size_t n = 0; n <= sizeof(in); n += 7) {
        sha256(whole, span_of(in, n));
        for (size_t cut = 0; cut <= n; cut++) {
            struct sha256 h;
            sha256_init(&h);
            sha256_update(&h, span_of(in, cut));
            struct sha256 fork = h;
            sha256_update(&h, span_of(in + cut, n - cut));
            sha256_final(&h, parts);
            CHECK(memcmp(whole, parts, sizeof(whole)) == 0);
            sha256_update(&fork, span_of(in + cut, n - cut));
            sha256_final(&fork, parts);
            CHECK(memcmp(whole, parts, sizeof(whole)) == 0);
        }
    }
}

static void tagged_is_the_hash_of_the_concatenation(void **state)
{
    (void)state;
    uint8_t got[SHA256_SIZE], want[SHA256_SIZE];
    struct span parts[3] = { span_str("one"), span_of(NULL, 0), span_str("three") };
    sha256_tagged(got, "crust/test/1", parts, 3);
    sha256(want, span_str("crust/test/1onethree"));
    CHECK(memcmp(got, want, sizeof(got)) == 0);
    sha256_tagged(got, "crust/test/1", NULL, 0);
    sha256(want, span_str("crust/test/1"));
    CHECK(memcmp(got, want, sizeof(got)) == 0);
}

static void hmac_gives_the_rfc4231_vectors(void **state)
{
    (void)state;
    uint8_t key[131], data[152], out[HMAC_SIZE];
    memset(key, 0x0b, 20);
    struct span in = span_str("Hi There");
    hmac_sha256(out, span_of(key, 20), &in, 1);
    check_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    in = span_str("what do ya want for nothing?");
    hmac_sha256(out, span_str("Jefe"), &in, 1);
    check_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 131);
    memset(data, 0xdd, 50);
    in = span_of(data, 50);
    hmac_sha256(out, span_of(key, 20), &in, 1);
    check_hex(out, 32, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    in = span_str("Test Using Larger Than Block-Size Key - Hash Key First");
    hmac_sha256(out, span_of(key, 131), &in, 1);
    check_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    struct span two[2] = {
        span_str("This is a test using a larger than block-size key and a larger than block-size "),
        span_str("data. The key needs to be hashed before being used by the HMAC algorithm."),
    };
    hmac_sha256(out, span_of(key, 131), two, 2);
    check_hex(out, 32, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

static void hkdf_gives_the_rfc5869_vectors(void **state)
{
    (void)state;
    uint8_t ikm[80], salt[80], info[80], prk[HMAC_SIZE], okm[82];
    memset(ikm, 0x0b, 22);
    for (uint8_t i = 0; i < 13; i++)
        salt[i] = i;
    for (uint8_t i = 0; i < 10; i++)
        info[i] = (uint8_t)(0xf0 + i);
    hmac_hkdf_extract(prk, span_of(salt, 13), span_of(ikm, 22));
    check_hex(prk, 32, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    hmac_hkdf_expand((struct mspan){ okm, 42 }, prk, span_of(info, 10));
    check_hex(
        okm, 42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    for (uint8_t i = 0; i < 80; i++) {
        ikm[i] = i;
        salt[i] = (uint8_t)(0x60 + i);
        info[i] = (uint8_t)(0xb0 + i);
    }
    hmac_hkdf((struct mspan){ okm, 82 }, span_of(salt, 80), span_of(ikm, 80), span_of(info, 80));
    check_hex(okm, 82,
              "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb"
              "41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
    memset(ikm, 0x0b, 22);
    hmac_hkdf((struct mspan){ okm, 42 }, span_of(NULL, 0), span_of(ikm, 22), span_of(NULL, 0));
    check_hex(
        okm, 42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

static void crc32c_gives_the_rfc3720_vectors(void **state)
{
    (void)state;
    uint8_t in[32] = { 0 };
    CHECK(crc32c(0, span_of(in, 32)) == 0x8a9136aa);
    memset(in, 0xff, 32);
    CHECK(crc32c(0, span_of(in, 32)) == 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++)
        in[i] = i;
    CHECK(crc32c(0, span_of(in, 32)) == 0x46dd794e);
    for (uint8_t i = 0; i < 32; i++)
        in[i] = (uint8_t)(31 - i);
    CHECK(crc32c(0, span_of(in, 32)) == 0x113fdb5c);
    CHECK(crc32c(0, span_str("123456789")) == 0xe3069283);
    CHECK(crc32c(0, span_of(NULL, 0)) == 0);
}

/* The definition, bit by bit. */
static uint32_t crc_by_bits(struct span in)
{
    uint32_t c = 0xffffffff;
    for (size_t i = 0; i < in.n; i++) {
        c ^= in.p[i];
        for (int b = 0; b < 8; b++)
            c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0);
    }
    return ~c;
}

static void crc32c_paths_agree_and_chain(void **state)
{
    (void)state;
    uint8_t in[300];
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 37 + i / 256 * 11);
    for (size_t n = 0; n <= sizeof(in); n++) {
        uint8_t *exact = check_dup(in, n);
        uint32_t want = crc_by_bits(span_of(exact, n));
        CHECK(crc32c(0, span_of(exact, n)) == want);
        CHECK(crc32c_portable(0, span_of(exact, n)) == want);
        size_t cut = n / 3;
        uint32_t first = crc32c(0, span_of(exact, cut));
        CHECK(crc32c(first, span_of(exact + cut, n - cut)) == want);
        free(exact);
    }
}

/* The digest was computed with Python's hashlib: SHAKE128, 1,024 lanes, SHA-256. */
static void lthash_is_a_sum_over_a_set(void **state)
{
    (void)state;
    static struct lthash a, b, empty;
    const struct span alpha = span_str("alpha"), beta = span_str("beta");
    const struct span cut[2] = { span_str("al"), span_str("pha") };
    uint8_t digest[32], bytes[LTHASH_SIZE];
    lthash_add(&a, &alpha, 1);
    lthash_add(&a, &beta, 1);
    lthash_digest(digest, &a);
    check_hex(digest, 32, "dba6d4c144da54ceede1a1b09127b195189179de382775e24e6dbe429cf54e3c");
    lthash_add(&b, &beta, 1);
    lthash_add(&b, cut, 2);
    CHECK(memcmp(&a, &b, sizeof(a)) == 0);
    lthash_take(&b, &alpha, 1);
    CHECK(memcmp(&a, &b, sizeof(a)) != 0);
    lthash_store(bytes, &b);
    lthash_load(&b, bytes);
    lthash_take(&b, &beta, 1);
    CHECK(memcmp(&b, &empty, sizeof(b)) == 0);
    lthash_add(&b, &alpha, 1);
    lthash_take(&a, &alpha, 1);
    lthash_join(&a, &b);
    lthash_digest(bytes, &a);
    CHECK(memcmp(bytes, digest, 32) == 0);
}

/* Long enough for the lanes that run side by side, with what is left over behind them. */
static void crc32c_of_long_runs(void **state)
{
    (void)state;
    static uint8_t in[90000];
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * i * 31 + i / 256 * 11);
    for (size_t n = 3000; n < sizeof(in); n += n < 3200 ? 1 : 509) {
        uint8_t *exact = check_dup(in + n % 8, n - 8);
        uint32_t want = crc32c_portable(77, span_of(exact, n - 8));
        CHECK(crc32c(77, span_of(exact, n - 8)) == want);
        CHECK(n > 6500 || crc_by_bits(span_of(exact, n - 8)) == crc32c(0, span_of(exact, n - 8)));
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_nist_examples),
        cmocka_unit_test(sha256_does_not_depend_on_the_cuts),
        cmocka_unit_test(tagged_is_the_hash_of_the_concatenation),
        cmocka_unit_test(hmac_gives_the_rfc4231_vectors),
        cmocka_unit_test(hkdf_gives_the_rfc5869_vectors),
        cmocka_unit_test(lthash_is_a_sum_over_a_set),
        cmocka_unit_test(crc32c_gives_the_rfc3720_vectors),
        cmocka_unit_test(crc32c_paths_agree_and_chain),
        cmocka_unit_test(crc32c_of_long_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
