/* network use, and the chain's blocks, transactions and parameters as they are. */
#include "base/hex.h"
#include "cli/conf.h"
#include "cli/market.h"
#include "rt/clock.h"
#include "rt/http_client.h"

#include <stdio.h>

/* ---- network use ---------------------------------------------------------------------------- */

static bool url_ok(const char *url)
{
    return (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0) &&
           strlen(url) <= 256 && strpbrk(url, " ,#\t\r\n") == NULL;
}

/* Another network than the one that is pinned needs --force. */
static enum cli_exit check_change(const struct cli *c, const char *genesis, const char *chain_id)
{
    const char *pinned = config_text(&c->config, "genesis");
    if (pinned[0] == '\0' || strcmp(pinned, genesis) == 0 || cli_has(c, "force"))
        return CLI_OK;
    return cli_fail(c, CLI_REFUSED, "crust network use --force URL",
                    "this is %s with genesis %.16s..., another network than %s with genesis "
                    "%.16s..., which is in use",
                    chain_id, genesis, config_text(&c->config, "chain-id"), pinned);
}

enum cli_exit cmd_network_use(struct cli *c)
{
    const char *url = c->args[0];
    struct chain_client_status s;
    char genesis[65];
    if (!url_ok(url))
        return cli_usage(c, "\"%s\" is no URL such as http://127.0.0.1:7001", url);
    /* The URL's own answer counts, whatever is pinned and configured. */
    struct http_fetch_options o = { .url = "", .total_timeout_ms = 10000, .size_max = 1 << 20 };
    char path[512];
    struct mspan body = { NULL, 0 };
    uint16_t status = 0;
    (void)snprintf(path, sizeof(path), "%.*s" CHAIN_CLIENT_STATUS,
                   (int)(strlen(url) - (url[strlen(url) - 1] == '/')), url);
    o.url = path;
    enum err e = http_fetch_text(&body, &o, true, &status);
    if (e != OK)
        return cli_fail(c, CLI_UNREACHABLE, NULL, "nothing answers at %s: %s", url, err_text(e));
    struct ledger_reply r = { .body = body };
    e = status == 200 ? chain_client_decode_status(&s, span_of(body.p, body.n)) : ERR_FORMAT;
    ledger_free(&r);
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "%s does not answer as a Crust chain (status %d)", url,
                        status);
    hex_format(genesis, span_of(s.genesis, 32));
    enum cli_exit exit = check_change(c, genesis, s.chain_id);
    const struct conf_change changes[] = { { "cli", "chain", url },
                                           { "cli", "chain-id", s.chain_id },
                                           { "cli", "genesis", genesis } };
    if (exit == CLI_OK)
        exit = conf_write(c, changes, sizeof(changes) / sizeof(changes[0]));
    if (exit != CLI_OK)
        return exit;
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:s, s:s, s:I, s:b}", "chain", url, "chain_id",
                                        s.chain_id, "genesis", genesis, "height",
                                        (json_int_t)s.height, "allow_software", s.allow_software));
    printf("network   %s at block %llu\ngenesis   %s\nwritten   %s\n", s.chain_id,
           (unsigned long long)s.height, genesis, c->config.file);
    if (s.allow_software)
        printf("note      this network takes workers without hardware evidence: for tests only\n");
    return CLI_OK;
}

/* ---- chain block, tx, params ---------------------------------------------------------------- */

static bool is_time(const char *key)
{
    size_t n = strlen(key);
    return strcmp(key, "time_ms") == 0 || (n > 8 && strcmp(key + n - 8, "_time_ms") == 0);
}

/* One member on a line; what is nested follows as compact JSON. */
static void print_member(const char *key, const json_t *value)
{
    static const char *const amounts[] = { "fee", "tip", "amount", "base", "total" };
    struct amount a;
    char text[AMOUNT_TEXT_MAX + 8], time[CLOCK_TEXT_MAX];
    printf("%-24s ", key);
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        if (strcmp(key, amounts[i]) == 0 && json_is_string(value) &&
            amount_parse_units(&a, json_string_value(value)) == OK) {
            ledger_amount(text, a);
            printf("%s\n", text);
            return;
        }
    }
    if (json_is_integer(value) && is_time(key)) {
        clock_format(time, (uint64_t)json_integer_value(value));
        printf("%s\n", time);
    } else if (json_is_string(value)) {
        printf("%s\n", json_string_value(value));
    } else if (json_is_array(value) && json_array_size(value) > 0) {
        printf("\n");
        for (size_t i = 0; i < json_array_size(value); i++) {
            printf("  ");
            json_dumpf(json_array_get(value, i), stdout, JSON_COMPACT | JSON_ENCODE_ANY);
            printf("\n");
        }
    } else {
        json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
        printf("\n");
    }
}

static enum cli_exit print_answer(const struct cli *c, json_t *answer)
{
    const char *key;
    json_t *value;
    if (c->json)
        return cli_print_json(answer);
    json_object_foreach(answer, key, value) print_member(key, value);
    json_decref(answer);
    return CLI_OK;
}

static enum cli_exit show(const struct cli *c, const char *path, const char *next,
                          const char *missing)
{
    json_t *answer;
    enum cli_exit exit = ledger_json(c, &answer, path);
    if (exit == CLI_NOT_FOUND)
        return cli_fail(c, exit, next, "%s", missing);
    return exit == CLI_OK ? print_answer(c, answer) : exit;
}

enum cli_exit cmd_network_block(struct cli *c)
{
    char path[CHAIN_CLIENT_PATH_MAX], missing[160];
    struct chain_client_status s;
    uint64_t height;
    if (c->arg_count > 0 && config_number(&height, CONFIG_U64, c->args[0]) != OK)
        return cli_usage(c, "\"%s\" is no height", c->args[0]);
    enum cli_exit exit = ledger_status(c, &s);
    if (exit != CLI_OK)
        return exit;
    if (c->arg_count == 0)
        height = s.height;
    chain_client_block_path(path, height);
    (void)snprintf(missing, sizeof(missing), "there is no block %llu; the chain is at %llu",
                   (unsigned long long)height, (unsigned long long)s.height);
    return show(c, path, "crust chain block", missing);
}

enum cli_exit cmd_network_tx(struct cli *c)
{
    char path[CHAIN_CLIENT_PATH_MAX];
    uint8_t id[32];
    if (hex_parse(id, 32, c->args[0]) != OK)
        return cli_usage(c, "a transaction's hash has 64 hex digits, this has %zu characters",
                         strlen(c->args[0]));
    chain_client_tx_path(path, id);
    return show(c, path, NULL, "this chain node knows no such transaction");
}

enum cli_exit cmd_network_params(struct cli *c)
{
    json_t *all;
    enum cli_exit exit = ledger_json(c, &all, CHAIN_CLIENT_PARAMS);
    if (exit != CLI_OK || c->arg_count == 0)
        return exit == CLI_OK ? print_answer(c, all) : exit;
    json_t *one = json_object_get(all, c->args[0]);
    if (one == NULL) {
        json_decref(all);
        return cli_fail(c, CLI_NOT_FOUND, "crust chain params", "there is no parameter \"%s\"",
                        c->args[0]);
    }
    json_t *answer = json_pack("{s:O}", c->args[0], one);
    json_decref(all);
    return print_answer(c, answer);
}
