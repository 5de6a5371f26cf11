#include "rt/config.h"

#include "base/check.h"
#include "rt/path.h"

#include <unistd.h>

static const struct config_key keys[] = {
    { "gateway-port", CONFIG_U64, "8080", "port of the gateway" },
    { "cache", CONFIG_SIZE, "64M", "memory for blocks" },
    { "offline", CONFIG_BOOL, "false", "stay off the network" },
    { "idle", CONFIG_DURATION, "30s", "when to give up" },
    { "store", CONFIG_STRING, "~crust/store", "where blocks are" },
    { "chain-urls", CONFIG_STRING, "", "chains, best first" },
};
static const struct config_table table = { "ipfsd", "crust-ipfsd [--key value]...",
                                           "Keeps blocks.\nExample: crust-ipfsd --offline", keys,
                                           6 };

static char home[64];
static struct config c;

static enum err load(const char *file, int argc, const char *const *args)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/crust.conf", home);
    if (file == NULL)
        unlink(path);
    else
        CHECK_OK(path_write_file(path, span_str(file), 0600));
    char copies[16][128];
    char *argv[17] = { copies[0] };
    snprintf(copies[0], sizeof(copies[0]), "crust-ipfsd");
    for (int i = 0; i < argc; i++) {
        snprintf(copies[i + 1], sizeof(copies[i + 1]), "%s", args[i]);
        argv[i + 1] = copies[i + 1];
    }
    return config_load(&c, &table, argc + 1, argv);
}

static void defaults_then_file_then_flags(void **state)
{
    (void)state;
    CHECK_OK(load(NULL, 0, NULL));
    CHECK(config_u64(&c, "gateway-port") == 8080 && config_u64(&c, "cache") == 64 << 20);
    CHECK(!config_bool(&c, "offline") && config_duration_ms(&c, "idle") == 30000);
    char want[128];
    snprintf(want, sizeof(want), "%s/store", home);
    assert_string_equal(config_text(&c, "store"), want);
    CHECK(config_is_default(&c, "store"));

    static const char file[] = "# the node\n[chaind]\nanything = 1\n\n[ipfsd]\r\n"
                               "gateway-port = 9000   # moved\n\tcache=1G\noffline = yes\n"
                               "chain-urls = http://a/#x , http://b\n";
    static const char *const flags[] = { "--gateway-port", "9001", "--no-offline", "--idle=2h" };
    CHECK_OK(load(file, 4, flags));
    CHECK(config_u64(&c, "gateway-port") == 9001 && config_u64(&c, "cache") == 1 << 30);
    CHECK(!config_bool(&c, "offline") && config_duration_ms(&c, "idle") == 7200000);
    CHECK(c.values[0].source == CONFIG_FROM_FLAG);
    CHECK(c.values[1].source == CONFIG_FROM_FILE && c.values[1].line == 7);
    const char *cursor = config_text(&c, "chain-urls");
    char item[64];
    CHECK(config_list_next(item, sizeof(item), &cursor));
    assert_string_equal(item, "http://a/#x");
    CHECK(config_list_next(item, sizeof(item), &cursor));
    assert_string_equal(item, "http://b");
    CHECK(!config_list_next(item, sizeof(item), &cursor));
}

static void words_actions_and_homes(void **state)
{
    (void)state;
    static const char *const args[] = { "put", "--offline", "file", "--", "--idle" };
    CHECK_OK(load(NULL, 5, args));
    CHECK(c.arg_count == 3 && strcmp(c.args[0], "put") == 0 && strcmp(c.args[2], "--idle") == 0);
    CHECK(config_bool(&c, "offline") && c.action == CONFIG_RUN);
    static const char *const help[] = { "--help" };
    CHECK_OK(load(NULL, 1, help));
    CHECK(c.action == CONFIG_HELP);
    static const char *const show[] = { "--show-config", "--home=/elsewhere" };
    CHECK_OK(load(NULL, 2, show));
    CHECK(c.action == CONFIG_SHOW);
    assert_string_equal(config_text(&c, "store"), "/elsewhere/store");
    static const char *const missing[] = { "--config", "/nowhere/x.conf" };
    CHECK_ERR(load(NULL, 2, missing), ERR_NOT_FOUND);
    CHECK(strstr(c.error, "/nowhere/x.conf") != NULL);
}

static void mistakes_are_explained(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum err want;
        const char *says;
    } rows[] = {
        { "[ipfsd]\ngatway-port = 1\n", ERR_NOT_FOUND,
          ":2: unknown key gatway-port; did you mean gateway-port?" },
        { "[ipfsd]\nzzzzzzzzzzzz = 1\n", ERR_NOT_FOUND, "--help lists them" },
        { "[ipfs]\n", ERR_NOT_FOUND, "did you mean [ipfsd]?" },
        { "gateway-port = 1\n", ERR_FORMAT, "before the first [section]" },
        { "[ipfsd]\ncache = 1\ncache = 2\n", ERR_EXISTS, ":3: cache is set twice" },
        { "[ipfsd]\ncache = lots\n", ERR_FORMAT, "a size such as" },
        { "[ipfsd]\ncache = 99999999999999999999\n", ERR_RANGE, "too large" },
        { "[ipfsd]\ncache = 17179869184G\n", ERR_RANGE, "too large" },
        { "[ipfsd]\noffline = maybe\n", ERR_FORMAT, "true or false" },
        { "[ipfsd]\nidle = 5\n", ERR_FORMAT, "a duration" },
        { "[ipfsd]\ngateway-port = -1\n", ERR_FORMAT, "a whole number" },
        { "[ipfsd]\ngateway-port =\n", ERR_FORMAT, "a whole number" },
        { "[ipfsd]\nsome words\n", ERR_FORMAT, "expected" },
        { "[ipfsd\n", ERR_FORMAT, "[name]" },
        { "[ipfsd]\nstore\x01 = 1\n", ERR_FORMAT, "this is no key" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum err e = load(rows[i].file, 0, NULL);
        if (e != rows[i].want || strstr(c.error, rows[i].says) == NULL)
            print_error("%s -> %s: %s\n", rows[i].file, err_name(e), c.error);
        CHECK(e == rows[i].want && strstr(c.error, rows[i].says) != NULL);
        CHECK(strchr(c.error, '\n') == NULL);
    }
    static const char *const flag[] = { "--ofline" };
    CHECK_ERR(load(NULL, 1, flag), ERR_NOT_FOUND);
    CHECK(strstr(c.error, "--offline") != NULL);
    static const char *const alone[] = { "--cache" };
    CHECK_ERR(load(NULL, 1, alone), ERR_FORMAT);
    static const char *const no_text[] = { "--no-store" };
    CHECK_ERR(load(NULL, 1, no_text), ERR_NOT_FOUND);
    static char big[CONFIG_FILE_MAX + 2];
    memset(big, '\n', CONFIG_FILE_MAX + 1);
    CHECK_ERR(load(big, 0, NULL), ERR_LIMIT);
}

static void every_prefix_of_a_file_ends_well(void **state)
{
    (void)state;
    static const char file[] = "[ipfsd]\ngateway-port = 9000\ncache = 5M # x\nidle = 10ms\n";
    for (size_t n = 0; n < sizeof(file); n++) {
        uint8_t *exact = check_dup(file, n);
        CHECK_OK(config_init(&c, &table));
        enum err e = config_parse(&c, span_of(exact, n), "f");
        CHECK((e == OK) == (c.error[0] == '\0'));
        free(exact);
    }
}

static void printing_shows_values_and_origins(void **state)
{
    (void)state;
    static const char *const flags[] = { "--idle", "1m" };
    CHECK_OK(load("[ipfsd]\ncache = 5M\n", 2, flags));
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    CHECK(f != NULL);
    config_print(&c, f);
    config_print_help(&c, f);
    fclose(f);
    CHECK(strstr(text, "gateway-port = 8080    # default") != NULL);
    CHECK(strstr(text, "crust.conf:2\n") != NULL);
    CHECK(strstr(text, "idle = 1m    # command line") != NULL);
    CHECK(strstr(text, "--cache SIZE") != NULL && strstr(text, "memory for blocks [64M]") != NULL);
    free(text);
}

static void names_near_by_are_found(void **state)
{
    (void)state;
    static const char *const names[] = { "add", "cat", "order", "status" };
    assert_string_equal(config_nearest("statsu", names, 4), "status");
    assert_string_equal(config_nearest("ordre", names, 4), "order");
    CHECK(config_nearest("mississippi", names, 4) == NULL);
    CHECK(config_nearest("", names, 0) == NULL);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(home, sizeof(home), "/tmp/crust-config-XXXXXX");
    if (mkdtemp(home) == NULL)
        return 1;
    return setenv("CRUST_HOME", home, 1);
}

static int tear_down(void **state)
{
    (void)state;
    return path_remove_tree(home) != OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_then_file_then_flags),
        cmocka_unit_test(words_actions_and_homes),
        cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(every_prefix_of_a_file_ends_well),
        cmocka_unit_test(printing_shows_values_and_origins),
        cmocka_unit_test(names_near_by_are_found),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
