#include "codec/json.h"

#include "base/check.h"

#include <stdio.h>

static const char good[] = "{\"n\": 5, \"big\": \"340282366920938463463374607431768211455\","
                           " \"yes\": true, \"list\": [\"a\", \"b\"], \"hex\": \"00ff\"}";

static enum err open_text(struct json *doc, const char *text)
{
    return json_open(doc, span_str(text), 4096);
}

static void fields_are_read_by_type(void **state)
{
    (void)state;
    struct json doc;
    CHECK_OK(open_text(&doc, good));
    struct json_value root = json_root(&doc);
    CHECK(json_u64(json_get(root, "n"), 10) == 5);
    CHECK(json_amount(json_get(root, "big")).units == ~(u128)0);
    CHECK(json_bool(json_get(root, "yes")));
    CHECK(json_count(json_get(root, "list")) == 2);
    CHECK(strcmp(json_text(json_at(json_get(root, "list"), 1)), "b") == 0);
    uint8_t hex[2];
    json_hex(json_get(root, "hex"), hex, sizeof(hex));
    CHECK(hex[0] == 0 && hex[1] == 0xff);
    CHECK(json_find(root, "none").of == NULL);
    CHECK_OK(doc.err);
    json_close(&doc);
}

static void refusals_name_the_field(void **state)
{
    (void)state;
    struct json doc;
    CHECK_OK(open_text(&doc, "{\"params\": {\"slot\": \"x\", \"extra\": 1}}"));
    struct json_value params = json_get(json_root(&doc), "params");
    CHECK(json_u64(json_get(params, "slot"), 10) == 0);
    CHECK_ERR(doc.err, ERR_FORMAT);
    CHECK(strcmp(doc.what, "params.slot: not a whole number") == 0);
    /* The first failure stays; nothing is read any more. */
    CHECK(json_u64(json_get(params, "extra"), 10) == 0);
    CHECK(strcmp(doc.what, "params.slot: not a whole number") == 0);
    json_close(&doc);

    static const char *const names[] = { "slot" };
    CHECK_OK(open_text(&doc, "{\"params\": {\"slot\": 1, \"extra\": 1}}"));
    json_fields(json_get(json_root(&doc), "params"), names, 1);
    CHECK(strcmp(doc.what, "params.extra: unknown field") == 0);
    json_close(&doc);
}

static const struct {
    const char *rule;
    const char *text;
    enum err want;
} rows[] = {
    { "duplicate key", "{\"a\": 1, \"a\": 2}", ERR_FORMAT },
    { "bytes after the value", "{} {}", ERR_FORMAT },
    { "not JSON", "{a: 1}", ERR_FORMAT },
    { "nothing", "", ERR_FORMAT },
    { "17 levels", "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", ERR_LIMIT },
    { "16 levels", "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", OK },
    { "brackets in text are not levels", "[\"[[[[[[[[[[[[[[[[[[[[\\\"[[[\"]", OK },
    { "NUL in text", "[\"\\u0000\"]", ERR_FORMAT },
};

static void documents_are_bounded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json doc;
        enum err e = open_text(&doc, rows[i].text);
        if (e != rows[i].want)
            fprintf(stderr, "%s\n", rows[i].rule);
        CHECK_ERR(e, rows[i].want);
        CHECK((doc.what[0] == '\0') == (e == OK));
        json_close(&doc);
    }
    struct json doc;
    CHECK_ERR(json_open(&doc, span_str("[1, 2]"), 5), ERR_LIMIT);
    json_close(&doc);
}

static void numbers_are_whole_and_in_range(void **state)
{
    (void)state;
    static const char *const bad[] = { "[-1]",
                                       "[1.5]",
                                       "[1e3]",
                                       "[\"\"]",
                                       "[\"-1\"]",
                                       "[\"1.0\"]",
                                       "[\"340282366920938463463374607431768211456\"]",
                                       "[null]" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct json doc;
        CHECK_OK(open_text(&doc, bad[i]));
        CHECK(amount_is_zero(json_amount(json_at(json_root(&doc), 0))));
        CHECK(doc.err != OK);
        json_close(&doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_by_type),
        cmocka_unit_test(refusals_name_the_field),
        cmocka_unit_test(documents_are_bounded),
        cmocka_unit_test(numbers_are_whole_and_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
