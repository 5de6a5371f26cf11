#include "api/gateway_redirects.h"

#include "base/check.h"

static struct gateway_redirect r;
static char why[GATEWAY_REDIRECTS_WHY_MAX];

static enum err match(const char *file, const char *path)
{
    return gateway_redirects_match(&r, why, span_str(file), span_str(path));
}

static void rules_match(void **state)
{
    (void)state;
    static const struct {
        const char *file, *path;
        uint16_t status;
        const char *to;
    } rows[] = {
        { "/a /b", "/a", 301, "/b" },
        { "/a /b", "/a/", 301, "/b" },
        { "/a/ /b", "/a", 301, "/b" },
        { "/a /b", "/A", 0, "" },
        { "/a /b", "/a/c", 0, "" },
        { "/a /b", "/ab", 0, "" },
        { "/a\t/b\t302", "/a", 302, "/b" },
        { "/a /b 303\n", "/a", 303, "/b" },
        { "/a /b 307\r\n/c /d 308\r\n", "/c", 308, "/d" },
        { "# a comment\n\n  \n/a /b # and one more\n", "/a", 301, "/b" },
        { "/a /first\n/a /second", "/a", 301, "/first" },
        { "/a https://example.org/x 302", "/a", 302, "https://example.org/x" },
        { "/* /index.html 200", "/any/thing", 200, "/index.html" },
        { "/* /index.html 200", "/", 200, "/index.html" },
        { "/x/* /y/:splat", "/x/a/b", 301, "/y/a/b" },
        { "/x/* /y/:splat", "/x", 301, "/y/" },
        { "/x/* /y/:splat", "/xa", 0, "" },
        { "/p/:year/:title /a/:title?y=:year", "/p/2022/hi", 301, "/a/hi?y=2022" },
        { "/p/:a/:a /x/:a", "/p/1/2", 301, "/x/1" },
        { "/p/:a /x/:b", "/p/1", 301, "/x/:b" },
        { "/p/:a /x/:ab", "/p/1", 301, "/x/:ab" },
        { "/p/: /x", "/p/:", 301, "/x" },
        { "/p/:a /x", "/p/", 0, "" },
        { "/n/* /404.html 404\n/g/* /410.html 410\n/u/* /451.html 451", "/u/x", 451, "/451.html" },
        { "/a /b?x=1#y 301", "/a", 301, "/b?x=1#y" },
        { "", "/a", 0, "" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_OK(match(rows[i].file, rows[i].path));
        if (r.status != rows[i].status || strcmp(r.to, rows[i].to) != 0)
            print_message("%s | %s: %u %s\n", rows[i].file, rows[i].path, r.status, r.to);
        CHECK(r.status == rows[i].status);
        CHECK(strcmp(r.to, rows[i].to) == 0);
    }
}

static void wrong_files_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *file, *why;
    } rows[] = {
        { "/a", "line 1: a rule has a path and a target" },
        { "/ok /ok\n/a /b 301!", "line 2: forced redirects" },
        { "/a /b 299", "line 1: unsupported redirect status" },
        { "/a /b 418", "line 1: unsupported redirect status" },
        { "/a /b 30", "line 1: the status is no number" },
        { "/a /b 3o1", "line 1: the status is no number" },
        { "/a /b 301 Country=de", "line 1: more than" },
        { "a /b", "line 1: the path must begin with /" },
        { "/a b", "line 1: the target must begin with /" },
        { "/a ftp://x/y", "line 1: the target must begin with /" },
        { "/a https://x/y 200", "line 1: only redirects" },
        { "/a*b /c", "line 1: a * stands alone" },
        { "/*/b /c", "line 1: a * stands alone" },
        { "/a /b\x01", "line 1: a control character" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_ERR(match(rows[i].file, "/zzz"), ERR_FORMAT);
        if (strncmp(why, rows[i].why, strlen(rows[i].why)) != 0)
            print_message("%s: %s\n", rows[i].file, why);
        CHECK(strncmp(why, rows[i].why, strlen(rows[i].why)) == 0);
        CHECK(r.status == 0);
    }
    /* A match before the wrong line does not hide it. */
    CHECK_ERR(match("/a /b\n/c", "/a"), ERR_FORMAT);
    CHECK(r.status == 0 && r.to[0] == '\0');
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    static char file[GATEWAY_REDIRECTS_MAX + 2], path[6000];
    memset(file, '\n', GATEWAY_REDIRECTS_MAX + 1);
    CHECK_OK(gateway_redirects_match(&r, why, span_of(file, GATEWAY_REDIRECTS_MAX), span_str("/")));
    CHECK_ERR(
        gateway_redirects_match(&r, why, span_of(file, GATEWAY_REDIRECTS_MAX + 1), span_str("/")),
        ERR_LIMIT);
    CHECK(strcmp(why, "redirects file size cannot exceed 65536 bytes") == 0);
    /* What is filled in may not be longer than an address. */
    memset(path, 'a', sizeof(path) - 1);
    path[0] = '/';
    CHECK_ERR(match("/* /:splat", path), ERR_LIMIT);
    path[GATEWAY_REDIRECTS_TO_MAX - 1] = '\0';
    CHECK_OK(match("/* /:splat", path));
    CHECK(strlen(r.to) == GATEWAY_REDIRECTS_TO_MAX - 1);
    /* More placeholders than segments that are kept: the rule matches nothing. */
    char many[6 * GATEWAY_REDIRECTS_SEGMENTS + 16], asked[4 * GATEWAY_REDIRECTS_SEGMENTS];
    size_t n = 0, m = 0;
    for (int i = 0; i <= GATEWAY_REDIRECTS_SEGMENTS; i++) {
        memcpy(many + n, "/:x", 3);
        memcpy(asked + m, "/y", 2);
        n += 3;
        m += 2;
    }
    memcpy(many + n, " /z", 4);
    CHECK_OK(gateway_redirects_match(&r, why, span_str(many), span_of(asked, m)));
    CHECK(r.status == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_match),
        cmocka_unit_test(wrong_files_say_where),
        cmocka_unit_test(sizes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
