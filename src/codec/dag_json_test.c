#include "codec/dag_json.h"

#include "base/check.h"
#include "base/hex.h"

#include <stdio.h>

enum { ROOM = 64 << 10 };

static uint8_t scratch[DAG_JSON_SCRATCH(ROOM)];
static uint8_t out[ROOM];

static struct mspan all_scratch(void)
{
    return (struct mspan){ scratch, sizeof(scratch) };
}

/* The third word of the next line of a fixture file, as bytes; SIZE_MAX at the end. */
static size_t next_block(FILE *f, char name[128], uint8_t *block)
{
    static char line[40000];
    char *save = NULL;
    if (fgets(line, sizeof(line), f) == NULL)
        return SIZE_MAX;
    (void)snprintf(name, 128, "%s", strtok_r(line, " \n", &save));
    (void)strtok_r(NULL, " \n", &save);
    const char *hex = strtok_r(NULL, " \n", &save);
    CHECK(hex != NULL);
    CHECK_OK(hex_parse(block, strlen(hex) / 2, hex));
    return strlen(hex) / 2;
}

static enum err to_cbor(struct span json, struct span *cbor)
{
    struct writer w = writer_of(out, sizeof(out));
    enum err e = dag_json_to_cbor(&w, json, all_scratch());
    *cbor = writer_span(&w);
    return e;
}

static enum err from_cbor(struct span cbor, struct span *json)
{
    struct writer w = writer_of(out, sizeof(out));
    enum err e = dag_json_from_cbor(&w, cbor, all_scratch());
    *json = writer_span(&w);
    return e;
}

/* Both columns of the public fixtures are the same values. */
static void the_public_fixtures_convert_both_ways(void **state)
{
    (void)state;
    static uint8_t cbor[16384], json[16384];
    static char names[2][128];
    FILE *c = fopen("tests/vectors/codec-fixtures/dag-cbor.txt", "r");
    CHECK(c != NULL);
    size_t n, m, count = 0;
    while ((n = next_block(c, names[0], cbor)) != SIZE_MAX) {
        FILE *j = fopen("tests/vectors/codec-fixtures/dag-json.txt", "r");
        CHECK(j != NULL);
        while ((m = next_block(j, names[1], json)) != SIZE_MAX && strcmp(names[0], names[1]) != 0)
            continue;
        fclose(j);
        CHECK(m != SIZE_MAX);
        struct span got;
        CHECK_OK(to_cbor(span_of(json, m), &got));
        CHECK_SPAN(got, span_of(cbor, n));
        CHECK_OK(from_cbor(span_of(cbor, n), &got));
        CHECK_SPAN(got, span_of(json, m));
        count++;
    }
    fclose(c);
    CHECK(count == 128);
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,-2,3.5e2,\"x\\u00e9\\ud83d\\ude00\",true,false,null],"
                               "\"bb\":{\"/\":{\"bytes\":\"oQ\"}},\"c\":{\"/\":\"bafkqaaa\"}}";
    struct span got;
    CHECK_OK(to_cbor(span_str(text), &got));
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        uint8_t *exact = check_dup(text, n);
        CHECK_ERR(to_cbor(span_of(exact, n), &got), ERR_SHORT);
        free(exact);
    }
    CHECK_ERR(to_cbor(span_str("1 2"), &got), ERR_TRAILING);
    CHECK_OK(to_cbor(span_str(" \r\n\t[ 1 , { \"b\" : 2 , \"a\" : 1 } ] "), &got));
    struct span plain = span_of("\x82\x01\xa2\x61\x61\x01\x61\x62\x02", 9);
    CHECK_SPAN(got, plain);
}

static void every_rule_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err want;
    } rows[] = {
        { "{\"foo\":1,\"foo\":2,\"bar\":3}", ERR_FORMAT }, /* codec-fixtures' negative one */
        { "{\"a\":1,\"\\u0061\":2}", ERR_FORMAT },
        { "{\"/\":1}", ERR_FORMAT },
        { "{\"/\":\"no cid\"}", ERR_FORMAT },
        { "{\"/\":\"bafkqaaa\",\"x\":1}", ERR_FORMAT },
        { "{\"/\":{\"bytes\":\"oQ\",\"x\":1}}", ERR_FORMAT },
        { "{\"/\":{\"bytes\":\"oQ==\"}}", ERR_FORMAT },
        { "{\"/\":{\"bytes\":1}}", ERR_FORMAT },
        { "{\"/\":{\"other\":\"oQ\"}}", ERR_FORMAT },
        { "{\"/\":null}", ERR_FORMAT },
        { "{1:2}", ERR_FORMAT },
        { "{\"a\" 1}", ERR_FORMAT },
        { "[1,]", ERR_FORMAT },
        { "[,1]", ERR_FORMAT },
        { "[1 2]", ERR_FORMAT },
        { "[1}", ERR_FORMAT },
        { "01", ERR_TRAILING }, /* a zero, and then more */
        { "-01", ERR_TRAILING },
        { "+1", ERR_FORMAT },
        { ".5", ERR_FORMAT },
        { "1.x", ERR_FORMAT },
        { "1e+x", ERR_FORMAT },
        { "18446744073709551616", ERR_RANGE },
        { "-18446744073709551617", ERR_RANGE },
        { "1e999", ERR_RANGE },
        { "NaN", ERR_FORMAT },
        { "nulL", ERR_FORMAT },
        { "\"\x01\"", ERR_FORMAT },
        { "\"\\x\"", ERR_FORMAT },
        { "\"\\ud800\"", ERR_FORMAT },
        { "\"\\udc00\\udc00\"", ERR_FORMAT },
        { "\"\\ud800\\u0041\"", ERR_FORMAT },
        { "\"\\u00g0\"", ERR_FORMAT },
        { "\"\xff\"", ERR_FORMAT },
    };
    struct span got;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum err e = to_cbor(span_str(rows[i].text), &got);
        if (e == ERR_TRAILING || rows[i].want == ERR_TRAILING)
            CHECK(e != OK);
        else
            CHECK_ERR(e, rows[i].want);
    }
}

static void numbers_keep_their_kind(void **state)
{
    (void)state;
    static const struct {
        const char *json, *cbor, *again;
    } rows[] = {
        { "-0", "00", "0" },
        { "18446744073709551615", "1bffffffffffffffff", "18446744073709551615" },
        { "-18446744073709551616", "3bffffffffffffffff", "-18446744073709551616" },
        { "1.0", "fb3ff0000000000000", "1.0" },
        { "1e0", "fb3ff0000000000000", "1.0" },
        { "-0.0", "fb8000000000000000", "-0.0" },
        { "1e21", "fb444b1ae4d6e2ef50", "1e+21" },
        { "123456789012345680000.0", "fb441ac53a7e04bcda", "123456789012345680000.0" },
        { "1e-7", "fb3e7ad7f29abcaf48", "1e-7" },
        { "0.000001", "fb3eb0c6f7a0b5ed8d", "0.000001" },
        { "5e-324", "fb0000000000000001", "5e-324" },
        { "1.7976931348623157e308", "fb7fefffffffffffff", "1.7976931348623157e+308" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t want[16], mine[16];
        struct span got;
        size_t n = strlen(rows[i].cbor) / 2;
        CHECK_OK(hex_parse(want, n, rows[i].cbor));
        CHECK_OK(to_cbor(span_str(rows[i].json), &got));
        CHECK_SPAN(got, span_of(want, n));
        memcpy(mine, want, n);
        CHECK_OK(from_cbor(span_of(mine, n), &got));
        CHECK_SPAN(got, span_str(rows[i].again));
    }
}

static void depth_and_memory_are_bounded(void **state)
{
    (void)state;
    static char text[1000];
    struct span got;
    memset(text, '[', 500);
    memset(text + 500, ']', 500);
    CHECK_ERR(to_cbor(span_of(text, 1000), &got), ERR_LIMIT);
    CHECK_OK(to_cbor(span_of(text + 500 - CBOR_DEPTH_MAX, (size_t)2 * CBOR_DEPTH_MAX), &got));
    uint8_t copy[CBOR_DEPTH_MAX];
    CHECK(got.n == sizeof(copy));
    memcpy(copy, got.p, got.n);
    CHECK_OK(from_cbor(span_of(copy, sizeof(copy)), &got));
    CHECK_SPAN(got, span_of(text + 500 - CBOR_DEPTH_MAX, (size_t)2 * CBOR_DEPTH_MAX));
    /* Too little output or scratch is a limit, at any size. */
    static const char map[] = "{\"b\":[1,2],\"a\":{\"d\":1,\"c\":\"x\"}}";
    static const uint8_t cbor[] =
        "\xa2\x61\x61\xa2\x61\x63\x61\x78\x61\x64\x01\x61\x62\x82\x01\x02";
    for (size_t n = 0; n < 16; n++) {
        struct writer w = writer_of(out, n);
        CHECK_ERR(dag_json_to_cbor(&w, span_str(map), all_scratch()), ERR_LIMIT);
        w = writer_of(out, n);
        CHECK_ERR(dag_json_from_cbor(&w, span_of(cbor, 16), all_scratch()), ERR_LIMIT);
    }
    for (size_t n = 0; n < 24; n++) {
        struct writer w = writer_of(out, sizeof(out));
        CHECK_ERR(dag_json_to_cbor(&w, span_str(map), (struct mspan){ scratch, n }), ERR_LIMIT);
        w = writer_of(out, sizeof(out));
        CHECK_ERR(dag_json_from_cbor(&w, span_of(cbor, 16), (struct mspan){ scratch, n }),
                  ERR_LIMIT);
    }
}

static void what_json_cannot_say_is_refused(void **state)
{
    (void)state;
    struct span got;
    CHECK_ERR(from_cbor(span_of("\xa1\x61/\x01", 4), &got), ERR_FORMAT);
    CHECK_ERR(from_cbor(span_of("\x61\xff", 2), &got), ERR_FORMAT);
    CHECK_ERR(from_cbor(span_of("\xa3\x61\x61\x01\x61\x62\x01\x61\x61\x02", 10), &got), ERR_FORMAT);
    CHECK_ERR(from_cbor(span_of("\x82\x01", 2), &got), ERR_SHORT);
    CHECK_OK(from_cbor(span_of("\x61\x0a", 2), &got));
    CHECK_SPAN(got, span_str("\"\\n\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_public_fixtures_convert_both_ways),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(every_rule_refuses),
        cmocka_unit_test(numbers_keep_their_kind),
        cmocka_unit_test(depth_and_memory_are_bounded),
        cmocka_unit_test(what_json_cannot_say_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
