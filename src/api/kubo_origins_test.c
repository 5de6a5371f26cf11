#include "api/kubo_origins.h"

#include "base/check.h"

#include <stdio.h>

static struct kubo_origins o;

static enum err parse(const char *text)
{
    return kubo_origins_parse(&o, span_str(text));
}

static void exact_origins_are_read(void **state)
{
    (void)state;
    static const char *const good[] = {
        "http://localhost:3000",    "https://webui.ipfs.io",   "https://[::1]:8443",
        "http://127.0.0.1",         "chrome-extension://abcd", "tauri://localhost",
        "http://a_b.example:65535",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK_OK(parse(good[i]));
        CHECK(o.count == 1);
        CHECK(strcmp(o.list[0], good[i]) == 0);
    }
    CHECK_OK(parse(""));
    CHECK(o.count == 0);
    CHECK_OK(parse(" http://a.example ,\n https://b.example:1 "));
    CHECK(o.count == 2);
    CHECK(strcmp(o.list[1], "https://b.example:1") == 0);
}

static void what_no_browser_sends_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "*",
        "null",
        "localhost",
        "http://",
        "://a.example",
        "http:/a.example",
        "http://a.example/",
        "http://a.example/page",
        "http://a.example:",
        "http://a.example:0",
        "http://a.example:080",
        "http://a.example:65536",
        "http://a.example:123456",
        "http://a.example:8o",
        "HTTP://a.example",
        "http://A.example",
        "http://user@a.example",
        "http://*.example",
        "http://[::1",
        "http://[]",
        "http://a.example?x",
        "1http://a.example",
        "http://a.example http://b.example/",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_ERR(parse(bad[i]), ERR_FORMAT);
        CHECK(o.count == 0);
    }
}

static void the_list_is_bounded(void **state)
{
    (void)state;
    char text[KUBO_ORIGINS_MAX * 32 + 64] = "";
    size_t n = 0;
    for (int i = 0; i < KUBO_ORIGINS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "http://a%d.example,", i);
    CHECK_OK(parse(text));
    CHECK(o.count == KUBO_ORIGINS_MAX);
    (void)snprintf(text + n, sizeof(text) - n, "http://b.example");
    CHECK_ERR(parse(text), ERR_LIMIT);
    char longest[KUBO_ORIGINS_SIZE + 1] = "http://";
    memset(longest + 7, 'a', KUBO_ORIGINS_SIZE - 8);
    CHECK_OK(parse(longest));
    longest[KUBO_ORIGINS_SIZE - 1] = 'a';
    CHECK_ERR(parse(longest), ERR_LIMIT);
}

static void only_the_same_bytes_are_let_in(void **state)
{
    (void)state;
    CHECK_OK(parse("http://a.example, https://b.example:8443"));
    CHECK(kubo_origins_allow(&o, "http://a.example"));
    CHECK(kubo_origins_allow(&o, "https://b.example:8443"));
    static const char *const others[] = { "http://a.example:80",
                                          "https://a.example",
                                          "http://a.example.evil",
                                          "http://a.exampl",
                                          "http://a.example/",
                                          "null",
                                          "",
                                          "HTTP://A.EXAMPLE",
                                          "http://evil.http://a.example" };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CHECK(!kubo_origins_allow(&o, others[i]));
    CHECK(!kubo_origins_allow(&o, NULL));
    CHECK(!kubo_origins_allow(NULL, "http://a.example"));
}

static void a_referer_is_a_page_of_them(void **state)
{
    (void)state;
    CHECK_OK(parse("http://a.example, https://b.example:8443"));
    CHECK(strcmp(kubo_origins_of_referer(&o, "http://a.example/page?x#y"), "http://a.example") ==
          0);
    CHECK(strcmp(kubo_origins_of_referer(&o, "https://b.example:8443/"),
                 "https://b.example:8443") == 0);
    CHECK(kubo_origins_of_referer(&o, "https://b.example:84430/") == NULL);
    CHECK(kubo_origins_of_referer(&o, "http://a.example.evil/") == NULL);
    CHECK(kubo_origins_of_referer(&o, "http://a.example@evil/") == NULL);
    CHECK(kubo_origins_of_referer(&o, NULL) == NULL);
    CHECK(kubo_origins_of_referer(NULL, "http://a.example/") == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_origins_are_read),
        cmocka_unit_test(what_no_browser_sends_is_refused),
        cmocka_unit_test(the_list_is_bounded),
        cmocka_unit_test(only_the_same_bytes_are_let_in),
        cmocka_unit_test(a_referer_is_a_page_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
