/* How every daemon begins, and the settings that several of them share. */
#include "rt/program.h"

#include "base/check.h"
#include "rt/path.h"

#include <stdio.h>
#include <unistd.h>

static const struct config_key keys[] = {
    CONFIG_KEY_CHAIN,
    CONFIG_KEY_LOG_LEVEL,
    { "http-port", CONFIG_U64, "7001", "port" },
    { "http-port-tries", CONFIG_U64, "1", "how many following ports to try" },
    { "url-file", CONFIG_STRING, "", "where the URL is written" },
};
static const struct config_table table = { "test", "crust-test [--key value]...",
                                           "Tests.\nExample: crust-test", keys, 5 };
static char home[64];
static struct config c;

static int start(const char *a, const char *b)
{
    char copies[5][600] = { "crust-test", "--home" };
    char *argv[5] = { copies[0], copies[1], copies[2], copies[3], copies[4] };
    snprintf(copies[2], sizeof(copies[2]), "%s", home);
    snprintf(copies[3], sizeof(copies[3]), "%s", a == NULL ? "" : a);
    snprintf(copies[4], sizeof(copies[4]), "%s", b == NULL ? "" : b);
    return program_start(&c, &table, a == NULL ? 3 : b == NULL ? 4 : 5, argv);
}

static void it_goes_on_or_says_how_it_ends(void **state)
{
    (void)state;
    CHECK(start(NULL, NULL) == -1);
    CHECK(start("--log-level", "off") == -1);
    CHECK(start("--version", NULL) == 0);
    CHECK(start("--help", NULL) == 0);
    CHECK(start("--show-config", NULL) == 0);
    CHECK(start("--log-level", "loud") == PROGRAM_EXIT_USAGE);
    CHECK(start("--http-prot", "1") == PROGRAM_EXIT_USAGE);
    CHECK(start("word", NULL) == PROGRAM_EXIT_USAGE);
}

static enum err urls(const char *text, struct config_urls *out)
{
    CHECK(start("--chain", text) == -1);
    memset(out, 0xff, sizeof(*out));
    return config_urls(out, &c, "chain");
}

static void lists_of_urls_have_a_form_and_an_end(void **state)
{
    (void)state;
    struct config_urls u;
    char text[300];
    CHECK_OK(urls("http://a/ , https://b//", &u));
    CHECK(u.count == 2);
    assert_string_equal(u.urls[0], "http://a");
    assert_string_equal(u.urls[1], "https://b");
    CHECK_OK(urls("", &u));
    CHECK(u.count == 0);
    CHECK_ERR(urls("http://a,ftp://b", &u), ERR_FORMAT);
    CHECK(u.count == 0 && u.urls[0][0] == '\0');
    CHECK_OK(urls("http://1,http://2,http://3,http://4,http://5,http://6,http://7,http://8", &u));
    CHECK(u.count == CONFIG_URLS_MAX);
    CHECK_ERR(
        urls("http://1,http://2,http://3,http://4,http://5,http://6,http://7,http://8,http://9",
             &u),
        ERR_LIMIT);
    for (int n = CONFIG_URL_MAX - 1; n <= CONFIG_URL_MAX; n++) {
        snprintf(text, sizeof(text), "http://%0*d", n - 7, 1);
        CHECK_ERR(urls(text, &u), n == CONFIG_URL_MAX ? ERR_LIMIT : OK);
    }
}

static void ports_have_bounds(void **state)
{
    (void)state;
    struct config_port p;
    char error[CONFIG_ERROR_MAX] = "";
    CHECK(start("--http-port", "65535") == -1);
    CHECK_OK(config_port(&p, error, &c, "http"));
    CHECK(p.port == 65535 && p.tries == 1);
    CHECK(start("--http-port", "65536") == -1);
    CHECK_ERR(config_port(&p, error, &c, "http"), ERR_FORMAT);
    assert_string_equal(error, "http-port: 0 to 65535; http-port-tries: up to 1000");
    CHECK(start("--http-port-tries", "1001") == -1);
    CHECK_ERR(config_port(&p, error, &c, "http"), ERR_FORMAT);
}

static void values_are_copied_when_they_fit(void **state)
{
    (void)state;
    char text[5], path[128], want[128];
    CHECK(start("--url-file", "abcd") == -1);
    CHECK_OK(config_copy(text, sizeof(text), &c, "url-file"));
    assert_string_equal(text, "abcd");
    CHECK_ERR(config_copy(text, 4, &c, "url-file"), ERR_LIMIT);
    CHECK_OK(config_path_or_none(path, sizeof(path), &c, "url-file"));
    snprintf(want, sizeof(want), "%s/abcd", home);
    assert_string_equal(path, want);
    CHECK(start(NULL, NULL) == -1);
    CHECK_OK(config_path_or_none(path, sizeof(path), &c, "url-file"));
    CHECK(path[0] == '\0');
}

static void the_url_is_published_as_a_line(void **state)
{
    (void)state;
    char url[CONFIG_URL_MAX], path[128];
    struct mspan text;
    program_url(url, "127.0.0.1", 80);
    assert_string_equal(url, "http://127.0.0.1:80");
    program_url(url, "::1", 8080);
    assert_string_equal(url, "http://[::1]:8080");
    snprintf(path, sizeof(path), "%s/new/folder/url", home);
    CHECK_OK(program_publish(path, url));
    CHECK_OK(path_read_file(&text, path, 100));
    CHECK_SPAN(span_of(text.p, text.n), span_str("http://[::1]:8080\n"));
    free(text.p);
    CHECK_OK(program_publish("", url));
}

static int setup(void **state)
{
    (void)state;
    snprintf(home, sizeof(home), "/tmp/crust-program-XXXXXX");
    return mkdtemp(home) == NULL;
}

static int teardown(void **state)
{
    (void)state;
    return path_remove_tree(home) == OK ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_on_or_says_how_it_ends),
        cmocka_unit_test(lists_of_urls_have_a_form_and_an_end),
        cmocka_unit_test(ports_have_bounds),
        cmocka_unit_test(values_are_copied_when_they_fit),
        cmocka_unit_test(the_url_is_published_as_a_line),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
