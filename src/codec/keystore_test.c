/* The encrypted key file: docs/spec/keystore.md. */
#include "codec/keystore.h"

#include "base/check.h"

/* A key file with the cheapest parameters; password "crust". */
static void sample(struct keystore *k, struct ed25519_key *key)
{
    uint8_t seed[32];
    for (uint8_t i = 0; i < 32; i++)
        seed[i] = i;
    ed25519_keypair(key, seed);
    *k = (struct keystore){ .passes = 1, .kib = 8 };
    memset(k->salt, 0x11, sizeof(k->salt));
    memset(k->nonce, 0x22, sizeof(k->nonce));
    CHECK_OK(keystore_seal(k, key, span_str("crust")));
}

/* The vector of docs/spec/keystore.md 3, made by Python's argon2-cffi and PyNaCl. */
static const char vector[] = "crust-key 1\n"
                             "address cTGRPptNd8u725gc9CLRNHfCWunJJPRzJPK9MMF53sufSrHgq\n"
                             "kdf argon2id 1 8 11111111111111111111111111111111\n"
                             "box 222222222222222222222222222222222222222222222222 "
                             "ba16963d3358922ac2ff197879f6415e3c2363ef50eb92d5dab8ea3f37e86b861c8fc"
                             "732eef6e0b6e767c1fe9e45a88a\n";

static void the_vector_of_the_spec_holds(void **state)
{
    (void)state;
    struct keystore k, back;
    struct ed25519_key key, opened;
    char text[KEYSTORE_TEXT_MAX];
    sample(&k, &key);
    CHECK(keystore_format(text, &k) == strlen(text));
    assert_string_equal(text, vector);
    CHECK_OK(keystore_parse(&back, span_str(vector)));
    CHECK(memcmp(&back, &k, sizeof(k)) == 0);
    CHECK_OK(keystore_open(&opened, &back, span_str("crust")));
    CHECK(memcmp(&opened, &key, sizeof(key)) == 0);
}

static void wrong_password_is_err_signature(void **state)
{
    (void)state;
    struct keystore k;
    struct ed25519_key key, opened;
    static const struct ed25519_key zero;
    sample(&k, &key);
    static const char *const wrong[] = { "", "crus", "crust ", "Crust" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_ERR(keystore_open(&opened, &k, span_str(wrong[i])), ERR_SIGNATURE);
        CHECK(memcmp(&opened, &zero, sizeof(zero)) == 0);
    }
    CHECK_OK(keystore_seal(&k, &key, span_str(""))); /* an empty password is a password */
    CHECK_OK(keystore_open(&opened, &k, span_str("")));
}

static void every_field_is_authenticated(void **state)
{
    (void)state;
    struct keystore k, bad;
    struct ed25519_key key, opened;
    sample(&k, &key);
    uint8_t *const fields[] = { bad.public_key, bad.salt, bad.nonce, bad.box };
    const size_t sizes[] = { sizeof(k.public_key), sizeof(k.salt), sizeof(k.nonce), sizeof(k.box) };
    for (size_t f = 0; f < 4; f++) {
        for (size_t i = 0; i < sizes[f]; i++) {
            bad = k;
            fields[f][i] ^= (uint8_t)(1u << i % 8);
            CHECK_ERR(keystore_open(&opened, &bad, span_str("crust")), ERR_SIGNATURE);
        }
    }
    bad = k;
    bad.passes = 2;
    CHECK_ERR(keystore_open(&opened, &bad, span_str("crust")), ERR_SIGNATURE);
    bad = k;
    bad.kib = 16;
    CHECK_ERR(keystore_open(&opened, &bad, span_str("crust")), ERR_SIGNATURE);
}

static void a_seed_of_another_key_is_corrupt(void **state)
{
    (void)state;
    struct keystore k;
    struct ed25519_key key, opened;
    sample(&k, &key);
    key.seed[0] ^= 1; /* the public key stays */
    CHECK_OK(keystore_seal(&k, &key, span_str("crust")));
    CHECK_ERR(keystore_open(&opened, &k, span_str("crust")), ERR_CORRUPT);
}

static void only_one_text_is_accepted(void **state)
{
    (void)state;
    struct keystore k;
    static const struct keystore zero;
    size_t n = strlen(vector);
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *exact = check_dup(vector, cut);
        CHECK(keystore_parse(&k, span_of(exact, cut)) != OK);
        CHECK(memcmp(&k, &zero, sizeof(k)) == 0);
        free(exact);
    }
    char text[sizeof(vector) + 1];
    memcpy(text, vector, sizeof(vector));
    text[n] = '\n';
    CHECK_ERR(keystore_parse(&k, span_of(text, n + 1)), ERR_FORMAT);
    /* Any flipped bit gives another key file, or none: never the same one twice. */
    for (size_t bit = 0; bit < n * 8; bit++) {
        memcpy(text, vector, sizeof(vector));
        text[bit / 8] ^= (char)(1 << bit % 8);
        if (keystore_parse(&k, span_of(text, n)) == OK) {
            char again[KEYSTORE_TEXT_MAX];
            CHECK_SPAN(span_of(again, keystore_format(again, &k)), span_of(text, n));
        }
    }
}

/* Replaces the first line part from by to, and parses. */
static enum err parse_with(const char *from, const char *to)
{
    char text[KEYSTORE_TEXT_MAX * 2];
    struct keystore k;
    const char *at = strstr(vector, from);
    CHECK(at != NULL);
    size_t before = (size_t)(at - vector);
    memcpy(text, vector, before);
    memcpy(text + before, to, strlen(to));
    size_t n = before + strlen(to), rest = strlen(at + strlen(from));
    memcpy(text + n, at + strlen(from), rest);
    return keystore_parse(&k, span_of(text, n + rest));
}

static void parameters_are_bounded(void **state)
{
    (void)state;
    CHECK_OK(parse_with("1 8 ", "16 1048576 "));
    CHECK_ERR(parse_with("1 8 ", "17 8 "), ERR_RANGE);
    CHECK_ERR(parse_with("1 8 ", "0 8 "), ERR_RANGE);
    CHECK_ERR(parse_with("1 8 ", "1 7 "), ERR_RANGE);
    CHECK_ERR(parse_with("1 8 ", "1 1048577 "), ERR_RANGE);
    CHECK_ERR(parse_with("1 8 ", "1 99999999 "), ERR_FORMAT);
    CHECK_ERR(parse_with("1 8 ", "01 8 "), ERR_FORMAT);
    CHECK_ERR(parse_with("1 8 ", "1  8 "), ERR_FORMAT);
    CHECK_ERR(parse_with("crust-key 1", "crust-key 2"), ERR_UNSUPPORTED);
    CHECK_ERR(parse_with("crust-key 1", "crust-kex 1"), ERR_FORMAT);
    CHECK_ERR(parse_with("argon2id", "argon2i"), ERR_FORMAT);
    CHECK_ERR(parse_with("\n", "\r\n"), ERR_UNSUPPORTED);
    struct keystore k = { .passes = 17, .kib = 8 };
    struct ed25519_key key = { { 0 }, { 0 } };
    CHECK_ERR(keystore_seal(&k, &key, span_str("")), ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector_of_the_spec_holds),
        cmocka_unit_test(wrong_password_is_err_signature),
        cmocka_unit_test(every_field_is_authenticated),
        cmocka_unit_test(a_seed_of_another_key_is_corrupt),
        cmocka_unit_test(only_one_text_is_accepted),
        cmocka_unit_test(parameters_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
