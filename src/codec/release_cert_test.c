#include "codec/release_cert.h"

#include "base/check.h"
#include "base/hex.h"
#include "codec/succession.h"

#include <jansson.h>

static json_t *vector;
static uint8_t cert[RELEASE_CERT_SIZE_MAX + 1];
static size_t cert_size;

static const char *text(const char *name)
{
    const char *s = json_string_value(json_object_get(vector, name));
    CHECK(s != NULL);
    return s;
}

static void hash_of(uint8_t out[32], const char *name)
{
    CHECK_OK(hex_parse(out, 32, text(name)));
}

static int load(void **state)
{
    (void)state;
    json_error_t error;
    vector = json_load_file("tests/vectors/oracle/handover.json", 0, &error);
    CHECK(vector != NULL);
    cert_size = strlen(text("certificate")) / 2;
    CHECK(cert_size < sizeof(cert));
    CHECK_OK(hex_parse(cert, cert_size, text("certificate")));
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_decref(vector);
    return 0;
}

static void test_the_oracles_certificate(void **state)
{
    (void)state;
    struct release_cert c;
    struct release_cert_keys keys;
    uint8_t id[32], hash[32], expected[32];
    CHECK_OK(release_cert_keys_parse(&keys, span_str(text("keys"))));
    release_cert_keys_hash(hash, &keys);
    hash_of(expected, "keys_hash");
    CHECK(memcmp(hash, expected, 32) == 0);
    CHECK_OK(release_cert_decode(&c, span_of(cert, cert_size)));
    hash_of(id, "release_id");
    CHECK(c.number == 2 && c.issued == 1700000000 && c.evaluation_min == 17);
    CHECK(memcmp(c.release_id, id, 32) == 0);
    CHECK(c.program_count == 3 && c.programs[1].rtmr[2][47] == 0x23);
    CHECK(c.snp_min[2][0] == 4 && c.snp_min[2][4] == 0x48);
    CHECK_OK(release_cert_check(&c, &keys));
}

static void test_every_length_and_every_bit(void **state)
{
    (void)state;
    struct release_cert c;
    struct release_cert_keys keys;
    CHECK_OK(release_cert_keys_parse(&keys, span_str(text("keys"))));
    for (size_t n = 0; n < cert_size; n++)
        CHECK_ERR(release_cert_decode(&c, span_of(cert, n)), ERR_SHORT);
    CHECK_ERR(release_cert_decode(&c, span_of(cert, cert_size + 1)), ERR_TRAILING);
    for (size_t bit = 0; bit < cert_size * 8; bit++) {
        cert[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(release_cert_decode(&c, span_of(cert, cert_size)) != OK ||
              release_cert_check(&c, &keys) != OK);
        cert[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void test_too_few_signatures(void **state)
{
    (void)state;
    struct release_cert c;
    struct release_cert_keys keys;
    CHECK_OK(release_cert_keys_parse(&keys, span_str(text("keys"))));
    CHECK_OK(release_cert_decode(&c, span_of(cert, cert_size)));
    keys.needed = 3;
    CHECK_ERR(release_cert_check(&c, &keys), ERR_DENIED);
    keys.needed = 0; /* no keys are no consent */
    CHECK_ERR(release_cert_check(&c, &keys), ERR_DENIED);
    keys.needed = 2;
    keys.count = 2; /* the second signature is by the third key */
    CHECK_ERR(release_cert_check(&c, &keys), ERR_DENIED);
    c.signers[1] = 0; /* one key cannot count twice: the form forbids it */
    keys.count = 3;
    CHECK_ERR(release_cert_check(&c, &keys), ERR_SIGNATURE);
    cert[cert_size - 65] = 0;
    CHECK_ERR(release_cert_decode(&c, span_of(cert, cert_size)), ERR_FORMAT);
    cert[cert_size - 65] = 2;
}

static void test_keys_as_text(void **state)
{
    (void)state;
    struct release_cert_keys keys;
    char bad[RELEASE_CERT_TEXT_MAX];
    static const char *const wrong[] = { "", "2", "2:", "0:", ":", "2:00", "x:", "1:,", "999999:" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CHECK_ERR(release_cert_keys_parse(&keys, span_str(wrong[i])), ERR_FORMAT);
    const char *good = text("keys");
    for (size_t n = 0; n < strlen(good); n++) {
        if (n != 2 + 64 * 2 + 1) /* two keys of two are a set too */
            CHECK_ERR(release_cert_keys_parse(&keys, span_of(good, n)), ERR_FORMAT);
    }
    (void)snprintf(bad, sizeof(bad), "4%s", good + 1); /* more than there are */
    CHECK_ERR(release_cert_keys_parse(&keys, span_str(bad)), ERR_FORMAT);
    memcpy(bad, good, strlen(good) + 1);
    memcpy(bad + 2 + 65, good + 2, 64); /* the same key twice */
    CHECK_ERR(release_cert_keys_parse(&keys, span_str(bad)), ERR_FORMAT);
}

static void test_what_a_succession_signs(void **state)
{
    (void)state;
    uint8_t chain[32], account[32], old[32], new[32], expected[32], hash[32];
    hash_of(chain, "chain");
    hash_of(account, "account");
    hash_of(old, "predecessor");
    hash_of(new, "successor");
    const struct succession s = { chain, account, old, new };
    hash_of(expected, "given");
    succession_given(hash, &s);
    CHECK(memcmp(hash, expected, 32) == 0);
    hash_of(expected, "taken");
    succession_taken(hash, &s);
    CHECK(memcmp(hash, expected, 32) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_oracles_certificate),
        cmocka_unit_test(test_every_length_and_every_bit),
        cmocka_unit_test(test_too_few_signatures),
        cmocka_unit_test(test_keys_as_text),
        cmocka_unit_test(test_what_a_succession_signs),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
