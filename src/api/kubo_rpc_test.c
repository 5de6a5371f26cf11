#include "api/kubo_rpc.h"

#include "base/check.h"

#include <stdio.h>

static struct kubo_plan plan;
static char why[KUBO_RPC_WHY_MAX];

static enum err parse(const char *command, const char *query)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s%s", KUBO_RPC_PREFIX, command);
    return kubo_rpc_parse(&plan, why, path, query);
}

static void a_page_is_not_let_in(void **state)
{
    (void)state;
    static const struct {
        struct kubo_guard guard;
        enum err e;
    } rows[] = {
        { { "127.0.0.1:5001", NULL, NULL, "curl/8", NULL, NULL, NULL }, OK },
        { { "localhost", NULL, NULL, NULL, NULL, NULL, NULL }, OK },
        { { "[::1]:5001", NULL, NULL, "kubo/0.42.0", NULL, NULL, NULL }, OK },
        { { NULL, NULL, NULL, NULL, NULL, NULL, NULL }, OK },
        { { "evil.example:5001", NULL, NULL, "curl/8", NULL, NULL, NULL }, ERR_DENIED },
        { { "localhost.evil.example", NULL, NULL, NULL, NULL, NULL, NULL }, ERR_DENIED },
        { { "127.0.0.1.evil.example", NULL, NULL, NULL, NULL, NULL, NULL }, ERR_DENIED },
        { { "127.0.0.1", "http://127.0.0.1:5001", NULL, NULL, NULL, NULL, NULL }, ERR_DENIED },
        { { "127.0.0.1", "null", NULL, NULL, NULL, NULL, NULL }, ERR_DENIED },
        { { "127.0.0.1", NULL, "http://evil.example/", NULL, NULL, NULL, NULL }, ERR_DENIED },
        { { "127.0.0.1", NULL, NULL, "Mozilla/5.0", NULL, NULL, NULL }, ERR_DENIED },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_ERR(kubo_rpc_guard(&rows[i].guard), rows[i].e);
}

static void a_token_lets_in_from_anywhere(void **state)
{
    (void)state;
    struct kubo_tokens tokens;
    /* SHA-256 of "a-token-of-at-least-24-bytes" */
    CHECK_OK(kubo_tokens_parse(
        &tokens, span_str("cbcae391c02b8fa23cdabb64f6113e97ae0a38e929d40377c9045f2bb61508cb")));
    struct kubo_guard g = { .host = "node.example", .tokens = &tokens };
    CHECK_ERR(kubo_rpc_guard(&g), ERR_DENIED);
    g.authorization = "Bearer a-token-of-at-least-24-bytes";
    CHECK_OK(kubo_rpc_guard(&g));
    g.origin = "http://node.example";
    CHECK_ERR(kubo_rpc_guard(&g), ERR_DENIED);
    g.origin = NULL;
    g.user_agent = "Mozilla/5.0";
    CHECK_ERR(kubo_rpc_guard(&g), ERR_DENIED);
    g = (struct kubo_guard){ .host = "127.0.0.1", .tokens = &tokens };
    CHECK_ERR(kubo_rpc_guard(&g), ERR_DENIED); /* nor without one from here */
    g.authorization = "Bearer a-token-of-at-least-24-bytez";
    CHECK_ERR(kubo_rpc_guard(&g), ERR_DENIED);
}

static void a_page_of_the_list_is_let_in(void **state)
{
    (void)state;
    static const char page[] = "http://a.example:3000", browser[] = "Mozilla/5.0";
    struct kubo_origins list;
    CHECK_OK(kubo_origins_parse(&list, span_str(page)));
    struct kubo_guard g = { .host = "127.0.0.1:5001", .origins = &list };
    CHECK_OK(kubo_rpc_guard(&g));
    CHECK(!kubo_rpc_preflight(&g));
    g.user_agent = browser;
    CHECK_ERR(kubo_rpc_guard(&g), ERR_DENIED); /* a browser has to name it */
    g.referer = "http://a.example:3000/page";
    CHECK_ERR(kubo_rpc_guard(&g), ERR_DENIED);
    g.origin = page;
    CHECK_OK(kubo_rpc_guard(&g));
    CHECK(kubo_rpc_preflight(&g));
    g.referer = "http://evil.example/";
    CHECK_ERR(kubo_rpc_guard(&g), ERR_DENIED);
    g.referer = NULL;
    g.host = "evil.example"; /* a name that was turned to our address */
    CHECK_ERR(kubo_rpc_guard(&g), ERR_DENIED);
    CHECK(!kubo_rpc_preflight(&g));
    g.host = "127.0.0.1:5001";
    g.origin = "http://a.example";
    CHECK_ERR(kubo_rpc_guard(&g), ERR_DENIED);
    CHECK(!kubo_rpc_preflight(&g));
    struct kubo_tokens tokens = { .count = 1 };
    g = (struct kubo_guard){
        .host = "node.example", .origin = page, .origins = &list, .tokens = &tokens
    };
    CHECK(kubo_rpc_preflight(&g)); /* a preflight carries no token */
    CHECK_ERR(kubo_rpc_guard(&g), ERR_DENIED);
}

static void commands_are_found_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < KUBO_COMMAND_COUNT; i++) {
        const char *name = kubo_rpc_name((enum kubo_command)i);
        CHECK(parse(name, "arg=a&arg=b") != ERR_NOT_FOUND);
        CHECK(plan.command == i);
    }
    CHECK_ERR(parse("ad", ""), ERR_NOT_FOUND);
    CHECK_ERR(parse("add/", ""), ERR_NOT_FOUND);
    CHECK_ERR(parse("shutdown", ""), ERR_NOT_FOUND);
    CHECK_ERR(kubo_rpc_parse(&plan, why, "/api/v1/version", ""), ERR_NOT_FOUND);
}

static void arguments_and_options_are_decoded(void **state)
{
    (void)state;
    CHECK_OK(parse("cat", "arg=%2Fipfs%2Fa+b&encoding=json&offset=7&l=9&arg=c"));
    CHECK(plan.arg_count == 2 && strcmp(plan.args[0], "/ipfs/a b") == 0);
    CHECK(kubo_rpc_option(&plan, KUBO_OPT_OFFSET, 0) == 7);
    CHECK(kubo_rpc_option(&plan, KUBO_OPT_LENGTH, 0) == 9);
    CHECK_OK(parse("pin/ls", "type=recursive&stream&names=false"));
    CHECK(strcmp(plan.options[KUBO_OPT_TYPE].text, "recursive") == 0);
    CHECK(kubo_rpc_option(&plan, KUBO_OPT_STREAM, 0) == 1);
    CHECK(kubo_rpc_option(&plan, KUBO_OPT_NAMES, 1) == 0);
}

static void what_we_do_not_do_is_refused_and_not_ignored(void **state)
{
    (void)state;
    static const struct {
        const char *command, *query;
        enum err e;
    } rows[] = {
        { "add", "nocopy=true", ERR_UNSUPPORTED },
        { "add", "nocopy=false", OK },
        { "add", "hash=blake3", ERR_UNSUPPORTED },
        { "add", "chunker=rabin", ERR_UNSUPPORTED },
        { "add", "chunker=size-0", ERR_RANGE },
        { "add", "chunker=size-", ERR_FORMAT },
        { "add", "cid-version=2", ERR_RANGE },
        { "add", "max-file-links=1", ERR_RANGE },
        { "add", "profile=other", ERR_NOT_FOUND },
        { "add", "encoding=text", ERR_UNSUPPORTED },
        { "add", "pin=maybe", ERR_FORMAT },
        { "add", "arg=x", ERR_LIMIT },
        { "cat", "arg=a&offset=-1", ERR_FORMAT },
        { "cat", "arg=a&offset=9223372036854775807", OK },
        { "cat", "arg=a&offset=9223372036854775808", ERR_RANGE },
        { "cat", "", ERR_FORMAT },
        { "cat", "arg=%zz", ERR_FORMAT },
        { "get", "arg=a&compress=true", ERR_UNSUPPORTED },
        { "refs", "arg=a&format=<dst>", OK },
        { "refs", "arg=a&format=<src>", ERR_UNSUPPORTED },
        { "repo/gc", "pin=true", ERR_UNSUPPORTED },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_ERR(parse(rows[i].command, rows[i].query), rows[i].e);
        CHECK((why[0] == '\0') == (rows[i].e == OK));
    }
}

static void timeouts_are_go_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
        enum err e;
    } rows[] = { { "30s", 30000, OK },
                 { "300ms", 300, OK },
                 { "1m30s", 90000, OK },
                 { "1.5h", 5400000, OK },
                 { "0.25s", 250, OK },
                 { "2h3m4s5ms", 7384005, OK },
                 { "1500us", 1, OK },
                 { "1500%C2%B5s", 1, OK },
                 { "2000000ns", 2, OK },
                 { "999999999999h", 3599999999996400000, OK },
                 { "999999999999h999999999999h", 0, ERR_RANGE },
                 { "", 0, ERR_FORMAT },
                 { "30", 0, ERR_FORMAT },
                 { "s", 0, ERR_FORMAT },
                 { "-1s", 0, ERR_FORMAT },
                 { "1.s", 1000, OK },
                 { "1x", 0, ERR_FORMAT },
                 { "1s ", 0, ERR_FORMAT },
                 { "1234567890123s", 0, ERR_FORMAT } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char query[80];
        (void)snprintf(query, sizeof(query), "arg=a&timeout=%s", rows[i].text);
        CHECK_ERR(parse("cat", query), rows[i].e);
        CHECK(rows[i].e != OK || plan.timeout_ms == rows[i].ms);
    }
    CHECK_OK(parse("cat", "arg=a&offline=true"));
    CHECK(plan.timeout_ms == 0 && kubo_rpc_option(&plan, KUBO_OPT_OFFLINE, 0) == 1);
}

static void names_and_keys_take_kubos_options(void **state)
{
    (void)state;
    CHECK_OK(parse("name/publish",
                   "arg=%2Fipfs%2Fbafkqaa&key=site&lifetime=48h0m0s&ttl=1m30s&"
                   "resolve=false&ipns-base=b58mh&v1compat=true&allow-offline=true"));
    CHECK(plan.command == KUBO_NAME_PUBLISH && strcmp(plan.args[0], "/ipfs/bafkqaa") == 0);
    CHECK(strcmp(plan.options[KUBO_OPT_KEY].text, "site") == 0);
    CHECK(kubo_rpc_option(&plan, KUBO_OPT_LIFETIME, 0) == UINT64_C(48) * 3600 * 1000);
    CHECK(kubo_rpc_option(&plan, KUBO_OPT_TTL, 0) == 90000);
    CHECK(kubo_rpc_option(&plan, KUBO_OPT_RESOLVE, 1) == 0);
    CHECK_ERR(parse("name/publish", "arg=x&lifetime=2days"), ERR_FORMAT);
    CHECK_ERR(parse("name/publish", "arg=x&sequence=7"), ERR_UNSUPPORTED);
    CHECK_ERR(parse("name/publish", ""), ERR_FORMAT);
    CHECK_OK(parse("key/gen", "arg=site&type=ed25519&size=-1&ipns-base=base36"));
    CHECK_ERR(parse("key/gen", "arg=site&size=2048"), ERR_UNSUPPORTED);
    CHECK_OK(parse("key/list", "l=true"));
    CHECK_OK(parse("key/rename", "arg=a&arg=b&force=true"));
    CHECK(plan.arg_count == 2 && kubo_rpc_option(&plan, KUBO_OPT_FORCE, 0) == 1);
    CHECK_ERR(parse("key/rename", "arg=a"), ERR_FORMAT);
    CHECK_OK(parse("key/rm", "arg=a&arg=b&l=false"));
    CHECK_ERR(parse("key/export", "arg=a"), ERR_NOT_FOUND);
}

static void too_many_arguments_are_refused(void **state)
{
    (void)state;
    static char query[KUBO_RPC_TEXT_MAX * 2];
    for (size_t i = 0; i <= KUBO_RPC_ARGS_MAX; i++)
        memcpy(query + i * 6, "arg=a&", 6);
    CHECK_ERR(parse("cat", query), ERR_LIMIT);
    query[KUBO_RPC_ARGS_MAX * 6] = '\0';
    CHECK_OK(parse("cat", query));
    CHECK(plan.arg_count == KUBO_RPC_ARGS_MAX);
    memset(query, 'a', sizeof(query) - 1);
    CHECK_ERR(parse("cat", query), ERR_LIMIT);
}

static void files_are_cut_as_kubo_does(void **state)
{
    (void)state;
    CHECK_OK(parse("add", "chunker=size-262144&hash=sha2-256&inline-limit=32&pin=true"));
    CHECK(plan.add.cid_version == 0 && !plan.add.raw_leaves && plan.add.chunk_size == 262144);
    CHECK(strcmp(plan.profile, "unixfs-v0-2015") == 0 && plan.add.inline_max == 0);
    CHECK_OK(parse("add", "cid-version=1"));
    CHECK(plan.add.cid_version == 1 && plan.add.raw_leaves && plan.profile[0] == '\0');
    CHECK_OK(parse("add", "cid-version=1&raw-leaves=false&inline=true"));
    CHECK(!plan.add.raw_leaves && plan.add.inline_max == 32);
    CHECK_OK(parse("add", "profile=unixfs-v1-2025"));
    CHECK(plan.add.chunk_size == 1 << 20 && plan.add.file_links == 1024);
    CHECK(strcmp(plan.profile, "unixfs-v1-2025") == 0);
}

static void errors_are_kubos(void **state)
{
    (void)state;
    uint8_t out[KUBO_RPC_ERROR_MAX];
    char longest[400];
    CHECK_SPAN(kubo_rpc_error(out, "no \"x\""),
               span_str("{\"Message\":\"no \\\"x\\\"\",\"Code\":0,\"Type\":\"error\"}\n"));
    memset(longest, 1, sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    struct span body = kubo_rpc_error(out, longest);
    CHECK(body.n > 0 && body.p[body.n - 1] == '\n');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_not_let_in),
        cmocka_unit_test(a_token_lets_in_from_anywhere),
        cmocka_unit_test(a_page_of_the_list_is_let_in),
        cmocka_unit_test(commands_are_found_whole),
        cmocka_unit_test(arguments_and_options_are_decoded),
        cmocka_unit_test(what_we_do_not_do_is_refused_and_not_ignored),
        cmocka_unit_test(timeouts_are_go_durations),
        cmocka_unit_test(names_and_keys_take_kubos_options),
        cmocka_unit_test(too_many_arguments_are_refused),
        cmocka_unit_test(files_are_cut_as_kubo_does),
        cmocka_unit_test(errors_are_kubos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
