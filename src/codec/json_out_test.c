#include "codec/json_out.h"

#include "base/check.h"

static void the_text_is_as_written(void **state)
{
    (void)state;
    uint8_t buf[512];
    struct writer w = writer_of(buf, sizeof(buf));
    struct json_out j = json_out_to(&w);
    json_out_object(&j);
    json_out_member_str(&j, "a", "x\"\\\n\x01\x7f");
    json_out_member_u64(&j, "b", 9007199254740991u);
    json_out_member_u64_text(&j, "c", UINT64_MAX);
    json_out_key(&j, "d");
    json_out_array(&j);
    json_out_bool(&j, true);
    json_out_null(&j);
    json_out_object(&j);
    json_out_object_end(&j);
    json_out_array(&j);
    json_out_array_end(&j);
    json_out_array_end(&j);
    json_out_member_hex(&j, "e", span_str("\x01\xff"));
    json_out_object_end(&j);
    CHECK_OK(w.err);
    CHECK_SPAN(writer_span(&w),
               span_str("{\"a\":\"x\\\"\\\\\\u000a\\u0001\\u007f\",\"b\":9007199254740991,"
                        "\"c\":\"18446744073709551615\",\"d\":[true,null,{},[]],\"e\":\"01ff\"}"));
}

static void bytes_that_are_not_utf8_are_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "\xc3\xa9", "\"\xc3\xa9\"" },
        { "\xf0\x9f\x8c\x8d", "\"\xf0\x9f\x8c\x8d\"" },
        { "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t buf[64];
        struct writer w = writer_of(buf, sizeof(buf));
        struct json_out j = json_out_to(&w);
        json_out_str(&j, rows[i].in);
        CHECK_SPAN(writer_span(&w), span_str(rows[i].out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_as_written),
        cmocka_unit_test(bytes_that_are_not_utf8_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
