#include "api/pin_tokens.h"

#include "base/check.h"
#include "base/hex.h"

#include <stdio.h>

#define H1 "1111111111111111111111111111111111111111111111111111111111111111"
#define H2 "2222222222222222222222222222222222222222222222222222222222222222"
#define TOKEN(name, hash, cap)                                                                     \
    "{\"name\":\"" name "\",\"hash\":\"" hash "\",\"account\":\"" H2 "\",\"cap\":\"" cap           \
    "\",\"until_ms\":\"7\",\"replicas\":3}"

static struct pin_tokens list;
static char why[PIN_TOKENS_WHY_MAX];

static void a_file_is_read_and_written(void **state)
{
    (void)state;
    static const char file[] =
        "{\"version\":1,\"tokens\":[" TOKEN("desktop", H1, "10") "," TOKEN("b.c", H2, "0") "]}\n";
    uint8_t out[4096];
    struct writer w = writer_of(out, sizeof(out));
    CHECK_OK(pin_tokens_parse(&list, why, span_str(file)));
    CHECK(list.count == 2 && list.tokens[0].until_ms == 7 && list.tokens[0].replicas == 3);
    CHECK(list.tokens[0].cap.units == 10);
    pin_tokens_format(&w, &list);
    CHECK_SPAN(writer_span(&w), span_str(file));
    uint8_t hash[32];
    CHECK_OK(hex_parse(hash, 32, H2));
    CHECK(pin_tokens_find(&list, hash) == &list.tokens[1]);
    hash[31] ^= 1;
    CHECK(pin_tokens_find(&list, hash) == NULL);
    CHECK(pin_tokens_named(&list, "desktop") == &list.tokens[0]);
    CHECK(pin_tokens_named(&list, "Desktop") == NULL);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *file, *why;
    } rows[] = {
        { "", "JSON" },
        { "{\"version\":2,\"tokens\":[]}", "version" },
        { "{\"version\":1}", "tokens: missing" },
        { "{\"version\":1,\"tokens\":[],\"x\":1}", "x: unknown" },
        { "{\"version\":1,\"tokens\":[" TOKEN("a", H1, "1") "," TOKEN("a", H2, "1") "]}", "twice" },
        { "{\"version\":1,\"tokens\":[" TOKEN("a", H1, "1") "," TOKEN("b", H1, "1") "]}", "twice" },
        { "{\"version\":1,\"tokens\":[" TOKEN("", H1, "1") "]}", "name" },
        { "{\"version\":1,\"tokens\":[" TOKEN("a b", H1, "1") "]}", "name" },
        { "{\"version\":1,\"tokens\":[" TOKEN("a", "11", "1") "]}", "hash" },
        { "{\"version\":1,\"tokens\":[" TOKEN("a", H1, "-1") "]}", "cap" },
        { "{\"version\":1,\"tokens\":[{}]}", "name: missing" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK(pin_tokens_parse(&list, why, span_str(rows[i].file)) != OK);
        CHECK(strstr(why, rows[i].why) != NULL);
        CHECK(list.count == 0);
    }
}

static void a_header_carries_a_token(void **state)
{
    (void)state;
    struct span t;
    uint8_t hash[32];
    char text[65];
    CHECK(pin_tokens_bearer(&t, "Bearer abc"));
    CHECK_SPAN(t, span_str("abc"));
    CHECK(pin_tokens_bearer(&t, "bearer   abc"));
    CHECK_SPAN(t, span_str("abc"));
    CHECK(!pin_tokens_bearer(&t, NULL) && !pin_tokens_bearer(&t, "Bearer"));
    CHECK(!pin_tokens_bearer(&t, "Bearer ") && !pin_tokens_bearer(&t, "Basic abc"));
    pin_tokens_hash(hash, span_str("abc")); /* spec 5.2 */
    hex_format(text, span_of(hash, 32));
    CHECK(strcmp(text, "be9f459623b59d724b6994c2326c988ca9d6b33363b1c4a39c08a7ef4145e9dd") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_and_written),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_header_carries_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
