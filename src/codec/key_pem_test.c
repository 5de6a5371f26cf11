#include "codec/key_pem.h"

#include "base/check.h"
#include "base/hex.h"

/* RFC 8410 10.3, and the public key of its certificate's example. */
static const char rfc[] = "-----BEGIN PRIVATE KEY-----\n"
                          "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                          "-----END PRIVATE KEY-----\n";
static const char rfc_public[] = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";

static void the_example_of_the_rfc(void **state)
{
    (void)state;
    struct ed25519_key key;
    uint8_t want[32], text[KEY_PEM_SIZE];
    struct writer w = writer_of(text, sizeof(text));
    CHECK_OK(hex_parse(want, 32, rfc_public));
    CHECK(key_pem_is(span_str(rfc)));
    CHECK_OK(key_pem_read(&key, span_str(rfc)));
    CHECK(memcmp(key.public_key, want, 32) == 0);
    key_pem_write(&w, &key);
    CHECK_SPAN(writer_span(&w), span_str(rfc));
}

static void line_ends_may_differ(void **state)
{
    (void)state;
    struct ed25519_key key;
    char text[2 * sizeof(rfc)];
    size_t n = 0;
    for (const char *p = rfc; *p != '\0'; p++) {
        if (*p == '\n')
            text[n++] = '\r';
        text[n++] = *p;
    }
    CHECK_OK(key_pem_read(&key, span_of(text, n)));
    CHECK_OK(key_pem_read(&key, span_of(rfc, strlen(rfc) - 1)));
}

static void all_else_is_refused(void **state)
{
    (void)state;
    struct ed25519_key key;
    size_t size = strlen(rfc);
    uint8_t text[sizeof(rfc) + 1];
    for (size_t n = 0; n + 1 < size; n++) {
        uint8_t *exact = check_dup(rfc, n);
        CHECK_ERR(key_pem_read(&key, span_of(exact, n)), ERR_FORMAT);
        free(exact);
    }
    memcpy(text, rfc, size);
    text[size] = '\n';
    CHECK_ERR(key_pem_read(&key, span_of(text, size + 1)), ERR_FORMAT);
    size_t seed = strlen("-----BEGIN PRIVATE KEY-----\n") + 22; /* what is the seed alone */
    for (size_t i = 0; i < size; i++) {
        text[i] ^= 0x80;
        CHECK_ERR(key_pem_read(&key, span_of(text, size)), ERR_FORMAT);
        text[i] ^= 0x80;
        if (i < seed - 1) {
            text[i] ^= 1;
            CHECK_ERR(key_pem_read(&key, span_of(text, size)), ERR_FORMAT);
            text[i] ^= 1;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_rfc),
        cmocka_unit_test(line_ends_may_differ),
        cmocka_unit_test(all_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
