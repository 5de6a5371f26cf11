#include "base/check.h"
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

static const struct config_key keys[] = {
    { "chain", CONFIG_STRING, "http://127.0.0.1:7001", "URLs" },
    { "quiet", CONFIG_BOOL, "false", "a switch" },
};
static const struct config_table table = {
    .program = "cli",
    .usage = "crust VERB",
    .about = "Test.",
    .keys = keys,
    .key_count = sizeof(keys) / sizeof(keys[0]),
};

static const struct cli_option options[] = {
    { "output", 'o', "PATH", "where" },
    { "yes", 'y', NULL, "do it" },
    { "recursive", 'r', NULL, "all" },
    { 0 },
};
static const struct cli_verb verb = {
    "test", "A [B]", "a test", "crust test a", options, 1, 2, NULL
};

static struct cli c;
static char home[] = "/tmp/crust-args-XXXXXX";

/* Parses words that end with a NULL; --home keeps the user's own folder out of it. The words are
 * copied, as main gets them: writable, and alive as long as c. */
static enum cli_exit parse(const char *const *words)
{
    static char room[64][64];
    char *all[64] = { (char[]){ "--home" }, home };
    size_t n = 2;
    for (; words[n - 2] != NULL; n++) {
        (void)snprintf(room[n], sizeof(room[n]), "%s", words[n - 2]);
        all[n] = room[n];
    }
    memset(&c, 0, sizeof(c));
    c.verb = &verb;
    c.config.table = &table;
    return cli_parse(&c, all, n);
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL })

static void options_and_arguments_mix(void **state)
{
    (void)state;
    CHECK(PARSE("a", "-y", "--output", "x", "b") == CLI_OK);
    CHECK(c.arg_count == 2 && strcmp(c.args[0], "a") == 0 && strcmp(c.args[1], "b") == 0);
    CHECK(cli_has(&c, "yes") && !cli_has(&c, "recursive") && !c.json);
    CHECK(strcmp(cli_value(&c, "output"), "x") == 0);
    CHECK(strcmp(c.home, home) == 0);
}

static void letters_run_together_and_take_values(void **state)
{
    (void)state;
    CHECK(PARSE("-ryofile", "a") == CLI_OK);
    CHECK(cli_has(&c, "yes") && cli_has(&c, "recursive"));
    CHECK(strcmp(cli_value(&c, "output"), "file") == 0);
    CHECK(PARSE("-o", "file", "a") == CLI_OK);
    CHECK(strcmp(cli_value(&c, "output"), "file") == 0);
    CHECK(PARSE("--output=a=b", "a") == CLI_OK);
    CHECK(strcmp(cli_value(&c, "output"), "a=b") == 0);
}

static void the_last_value_counts_and_all_are_kept(void **state)
{
    (void)state;
    CHECK(PARSE("a", "-o", "1", "-o", "2", "-o", "3") == CLI_OK);
    CHECK(strcmp(cli_value(&c, "output"), "3") == 0 && cli_values(&c, "output")->count == 3);
    CHECK(PARSE("a", "-yyyyyyyyy") == CLI_USAGE); /* more than CLI_REPEAT_MAX */
    CHECK(PARSE("a", "-yyyyyyyy") == CLI_OK);
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    CHECK(PARSE("--", "-y", "--json") == CLI_OK);
    CHECK(c.arg_count == 2 && strcmp(c.args[0], "-y") == 0 && !cli_has(&c, "yes") && !c.json);
    CHECK(PARSE("-") == CLI_OK); /* standard input is an argument */
    CHECK(c.arg_count == 1);
}

static void settings_are_options_too(void **state)
{
    (void)state;
    CHECK(PARSE("a", "--chain", "http://b", "--json") == CLI_OK);
    CHECK(c.json && strcmp(config_text(&c.config, "chain"), "http://b") == 0);
    CHECK(PARSE("a", "--chain=http://d", "--quiet") == CLI_OK);
    CHECK(strcmp(config_text(&c.config, "chain"), "http://d") == 0);
    CHECK(config_bool(&c.config, "quiet"));
    CHECK(PARSE("a", "--no-quiet") == CLI_OK);
    CHECK(!config_bool(&c.config, "quiet"));
}

static void wrong_lines_are_usage_errors(void **state)
{
    (void)state;
    CHECK(PARSE("--yes") == CLI_USAGE);          /* nothing to do it with */
    CHECK(PARSE("a", "b", "c") == CLI_USAGE);    /* too many */
    CHECK(PARSE("a", "--nothing") == CLI_USAGE); /* unknown */
    CHECK(PARSE("a", "-x") == CLI_USAGE);        /* unknown letter */
    CHECK(PARSE("a", "--output") == CLI_USAGE);  /* no value */
    CHECK(PARSE("a", "-o") == CLI_USAGE);        /* no value */
    CHECK(PARSE("a", "--yes=1") == CLI_USAGE);   /* a switch takes none */
    CHECK(PARSE("a", "--config", "/nowhere/at/all") == CLI_USAGE);
}

static void every_verb_is_whole(void **state)
{
    (void)state;
    const struct cli_verb *v;
    const char *group = NULL;
    size_t count = 0;
    for (; (v = cli_verb_at(&group, count)) != NULL; count++) {
        CHECK(group != NULL && v->name[0] != '\0' && v->summary[0] != '\0' && v->run != NULL);
        CHECK(strncmp(v->example, "crust ", 6) == 0 || strstr(v->example, "| crust ") != NULL);
        CHECK(v->args_min <= v->args_max);
        CHECK((v->args[0] == '\0') == (v->args_max == 0));
        for (const struct cli_option *o = v->options; o != NULL && o->name != NULL; o++) {
            CHECK(strcmp(o->name, "json") != 0 && strcmp(o->name, "help") != 0);
            for (const struct cli_option *p = v->options; p < o; p++)
                CHECK(strcmp(o->name, p->name) != 0 && (o->letter == 0 || o->letter != p->letter));
        }
    }
    CHECK(count > 35);
}

static void verbs_are_found_by_their_longest_name(void **state)
{
    (void)state;
    size_t used;
    char *show[] = { (char[]){ "order" }, (char[]){ "show" }, (char[]){ "CID" } };
    const struct cli_verb *v = cli_find(&used, show, 3);
    CHECK(v != NULL && strcmp(v->name, "order show") == 0 && used == 2);
    CHECK(cli_find(&used, show, 1) == NULL && used == 0);
    char *cat[] = { (char[]){ "cat" }, (char[]){ "show" } };
    v = cli_find(&used, cat, 2);
    CHECK(v != NULL && strcmp(v->name, "cat") == 0 && used == 1);
    char *none[] = { (char[]){ "ca" } };
    CHECK(cli_find(&used, none, 1) == NULL);
}

static void sizes_are_short(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = { { 0, "0 B" },
                 { 1023, "1023 B" },
                 { 1024, "1.0 KiB" },
                 { 1536, "1.5 KiB" },
                 { 1 << 20, "1.0 MiB" },
                 { 5368709120u, "5.0 GiB" },
                 { UINT64_MAX, "16384.0 PiB" } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[24];
        cli_format_size(text, rows[i].bytes);
        CHECK(strcmp(text, rows[i].text) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_arguments_mix),
        cmocka_unit_test(letters_run_together_and_take_values),
        cmocka_unit_test(the_last_value_counts_and_all_are_kept),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(settings_are_options_too),
        cmocka_unit_test(wrong_lines_are_usage_errors),
        cmocka_unit_test(every_verb_is_whole),
        cmocka_unit_test(verbs_are_found_by_their_longest_name),
        cmocka_unit_test(sizes_are_short),
    };
    if (mkdtemp(home) == NULL)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(home);
    return failed;
}
