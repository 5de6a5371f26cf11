#include "api/uri.h"

#include "base/check.h"

static void a_path_is_cut_into_segments(void **state)
{
    (void)state;
    struct span path = span_str("/a//b/"), s;
    static const char *const want[] = { "a", "", "b", "" };
    for (size_t i = 0; i < 4; i++) {
        CHECK(uri_segment(&s, &path));
        CHECK_SPAN(s, span_str(want[i]));
    }
    CHECK(!uri_segment(&s, &path));
    path = span_str("a/b");
    CHECK(!uri_segment(&s, &path));
}

static void a_query_is_cut_into_pairs(void **state)
{
    (void)state;
    struct span q = span_str("&a=1&b&&c==&"), n, v;
    CHECK(uri_param(&n, &v, &q));
    CHECK_SPAN(n, span_str("a"));
    CHECK_SPAN(v, span_str("1"));
    CHECK(uri_param(&n, &v, &q));
    CHECK_SPAN(n, span_str("b"));
    CHECK(v.n == 0);
    CHECK(uri_param(&n, &v, &q));
    CHECK_SPAN(n, span_str("c"));
    CHECK_SPAN(v, span_str("="));
    CHECK(!uri_param(&n, &v, &q));
}

static void escapes_are_resolved_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool plus;
        enum err e;
        const char *out;
    } rows[] = {
        { "a%20b", false, OK, "a b" },
        { "a+b", true, OK, "a b" },
        { "a+b", false, OK, "a+b" },
        { "%C3%a9", false, OK, "\xc3\xa9" },
        { "", false, OK, "" },
        { "%", false, ERR_FORMAT, "" },
        { "%4", false, ERR_FORMAT, "" },
        { "%4g", false, ERR_FORMAT, "" },
        { "%00", false, ERR_FORMAT, "" },
        { "abcdefgh", false, ERR_LIMIT, "" },
        { "abcdefg", false, OK, "abcdefg" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[8];
        size_t n = strlen(rows[i].in);
        uint8_t *exact = check_dup(rows[i].in, n);
        CHECK_ERR(uri_decode(out, sizeof(out), span_of(exact, n), rows[i].plus), rows[i].e);
        CHECK(strcmp(out, rows[i].out) == 0);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_cut_into_segments),
        cmocka_unit_test(a_query_is_cut_into_pairs),
        cmocka_unit_test(escapes_are_resolved_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
