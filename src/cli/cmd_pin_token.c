#include "cli/cmd_pin_token.h"

#include "api/pin_tokens.h"
#include "base/hex.h"
#include "cli/keyring.h"
#include "cli/market.h"
#include "codec/ss58.h"
#include "crypto/random.h"
#include "rt/clock.h"
#include "rt/path.h"
#include "rt/seed_file.h"

#include <stdio.h>
#include <stdlib.h>

enum { SECRET_BYTES = 32, SECRET_TEXT = 2 * SECRET_BYTES + 8, REPLICAS_MAX = 200 };

const struct cli_option cmd_pin_token_options[] = {
    { "account", 0, "WHO", "address or name of the account that pays; default: that of --key" },
    { "cap", 0, "CRU", "what may be spent through this token in all" },
    { "until", 0, "TIME", "how long it may be used, such as 90d; default: for ever" },
    { "replicas", 0, "N", "replicas of each order; default: the network's" },
    { "key", 0, "NAME", "key whose account pays" },
    { 0 },
};

/* ---- the file ------------------------------------------------------------------------------- */

static enum cli_exit path_of(const struct cli *c, char out[PATH_TEXT_MAX], const char *name)
{
    enum err e = cli_path(c, out, PATH_TEXT_MAX, name);
    return e == OK ? CLI_OK : cli_fail(c, CLI_FAILED, NULL, "%s: %s", name, err_text(e));
}

static enum cli_exit load(const struct cli *c, struct pin_tokens *out)
{
    char path[PATH_TEXT_MAX], why[PIN_TOKENS_WHY_MAX];
    struct mspan file = { 0 };
    *out = (struct pin_tokens){ 0 };
    enum cli_exit exit = path_of(c, path, "pins/tokens");
    if (exit != CLI_OK)
        return exit;
    enum err e = path_read_file(&file, path, PIN_TOKENS_FILE_MAX);
    if (e == ERR_NOT_FOUND)
        return CLI_OK;
    (void)snprintf(why, sizeof(why), "%s", err_text(e));
    if (e == OK)
        e = pin_tokens_parse(out, why, span_of(file.p, file.n));
    free(file.p);
    return e == OK ? CLI_OK : cli_fail(c, CLI_FAILED, NULL, "%s: %s", path, why);
}

static enum cli_exit save(const struct cli *c, const struct pin_tokens *tokens)
{
    char path[PATH_TEXT_MAX];
    static uint8_t text[PIN_TOKENS_FILE_MAX];
    struct writer w = writer_of(text, sizeof(text));
    enum cli_exit exit = path_of(c, path, "pins/tokens");
    if (exit != CLI_OK)
        return exit;
    pin_tokens_format(&w, tokens);
    enum err e = w.err == OK ? path_write_file(path, writer_span(&w), 0600) : w.err;
    return e == OK
               ? CLI_OK
               : cli_fail(c, cli_exit_of(e), NULL, "%s cannot be written: %s", path, err_text(e));
}

/* The key that crust-ipfsd signs orders with; whoever needs it first makes it. */
static enum cli_exit door_key(const struct cli *c, char address[SS58_TEXT_MAX])
{
    AUTO(ed25519_wipe) struct ed25519_key key = { 0 };
    char folder[PATH_TEXT_MAX], path[PATH_TEXT_MAX];
    enum cli_exit exit = path_of(c, folder, "pins");
    if (exit == CLI_OK)
        exit = path_of(c, path, "pins/key");
    if (exit != CLI_OK)
        return exit;
    enum err e = path_make_dirs(folder, 0700);
    if (e == OK)
        e = seed_file_read(&key, path);
    if (e == ERR_NOT_FOUND)
        e = seed_file_make(&key, path);
    if (e == ERR_EXISTS) /* crust-ipfsd was faster */
        e = seed_file_read(&key, path);
    if (e != OK)
        return cli_fail(c, cli_exit_of(e), NULL, "%s: %s", path, err_text(e));
    ss58_format(address, key.public_key);
    return CLI_OK;
}

/* ---- add ------------------------------------------------------------------------------------ */

static enum cli_exit terms_of(const struct cli *c, struct pin_token *t)
{
    uint64_t ms = 0, replicas = 0;
    const char *cap = cli_value(c, "cap"), *until = cli_value(c, "until");
    const char *count = cli_value(c, "replicas"), *who = cli_value(c, "account");
    if (who == NULL)
        who = config_text(&c->config, "key");
    if (cap == NULL)
        return cli_usage(c, "--cap: what may be spent through the token in all, such as 10");
    if (until != NULL && (config_number(&ms, CONFIG_DURATION, until) != OK || ms == 0))
        return cli_usage(c, "--until: \"%s\" is no time such as 90d", until);
    if (count != NULL && (config_number(&replicas, CONFIG_U64, count) != OK || replicas == 0 ||
                          replicas > REPLICAS_MAX))
        return cli_usage(c, "--replicas: 1 to %d", REPLICAS_MAX);
    t->until_ms = until == NULL ? 0 : clock_wall_ms() + ms;
    t->replicas = (uint32_t)replicas;
    enum cli_exit exit = ledger_parse_amount(c, &t->cap, "--cap", cap);
    return exit == CLI_OK ? ledger_address(c, t->account, who) : exit;
}

static enum cli_exit print_added(const struct cli *c, const struct pin_token *t, const char *secret,
                                 const char *key)
{
    char account[SS58_TEXT_MAX], cap[AMOUNT_TEXT_MAX];
    ss58_format(account, t->account);
    amount_format(cap, t->cap);
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", t->name, "token",
                                        secret, "account", account, "cap", cap, "key", key));
    printf("token    %s   (shown this once; only its hash is kept)\n"
           "account  %s, up to %s CRU\n"
           "key      %s   (signs the orders of all tokens here)\n"
           "next     the account lets that key order, once: crust allow %s --amount %s --until "
           "365d\n",
           secret, account, cap, key, key, cap);
    return CLI_OK;
}

enum cli_exit cmd_pin_token_add(struct cli *c)
{
    static struct pin_tokens tokens;
    struct pin_token t = { .until_ms = 0 };
    uint8_t random[SECRET_BYTES];
    char secret[SECRET_TEXT] = "crust-", key[SS58_TEXT_MAX];
    const char *name = c->args[0];
    if (!pin_tokens_name_ok(name))
        return cli_usage(c, "\"%s\": a name has up to 64 of a-z, A-Z, 0-9, '-', '_' and '.'", name);
    enum cli_exit exit = terms_of(c, &t);
    if (exit == CLI_OK)
        exit = load(c, &tokens);
    if (exit != CLI_OK)
        return exit;
    if (pin_tokens_named(&tokens, name) != NULL)
        return cli_fail(c, CLI_REFUSED, "crust pin token list", "there is a token \"%s\" already",
                        name);
    if (tokens.count == PIN_TOKENS_MAX)
        return cli_fail(c, CLI_REFUSED, "crust pin token list", "there are %d tokens already",
                        PIN_TOKENS_MAX);
    (void)snprintf(t.name, sizeof(t.name), "%s", name);
    random_bytes(random, sizeof(random));
    hex_format(secret + 6, span_of(random, sizeof(random)));
    pin_tokens_hash(t.hash, span_str(secret));
    exit = door_key(c, key);
    tokens.tokens[tokens.count++] = t;
    if (exit == CLI_OK)
        exit = save(c, &tokens);
    return exit == CLI_OK ? print_added(c, &t, secret, key) : exit;
}

/* ---- list, remove --------------------------------------------------------------------------- */

static void print_line(const struct pin_token *t)
{
    char account[SS58_TEXT_MAX], cap[AMOUNT_TEXT_MAX], until[CLOCK_TEXT_MAX] = "-";
    ss58_format(account, t->account);
    amount_format(cap, t->cap);
    if (t->until_ms != 0)
        clock_format(until, t->until_ms);
    printf("%-20s %s  %10s CRU  until %s%s\n", t->name, account, cap, until,
           t->until_ms != 0 && t->until_ms <= clock_wall_ms() ? " (ended)" : "");
}

static json_t *json_of(const struct pin_token *t)
{
    char account[SS58_TEXT_MAX], cap[AMOUNT_TEXT_MAX];
    ss58_format(account, t->account);
    amount_format(cap, t->cap);
    return json_pack("{s:s, s:s, s:s, s:I, s:I}", "name", t->name, "account", account, "cap", cap,
                     "until_ms", (json_int_t)t->until_ms, "replicas", (json_int_t)t->replicas);
}

enum cli_exit cmd_pin_token_list(struct cli *c)
{
    static struct pin_tokens tokens;
    enum cli_exit exit = load(c, &tokens);
    if (exit != CLI_OK)
        return exit;
    json_t *list = c->json ? json_array() : NULL;
    for (size_t i = 0; i < tokens.count; i++) {
        if (c->json)
            (void)json_array_append_new(list, json_of(&tokens.tokens[i]));
        else
            print_line(&tokens.tokens[i]);
    }
    return c->json ? cli_print_json(list) : CLI_OK;
}

enum cli_exit cmd_pin_token_remove(struct cli *c)
{
    static struct pin_tokens tokens;
    enum cli_exit exit = load(c, &tokens);
    if (exit != CLI_OK)
        return exit;
    const struct pin_token *t = pin_tokens_named(&tokens, c->args[0]);
    if (t == NULL)
        return cli_fail(c, CLI_NOT_FOUND, "crust pin token list", "there is no token \"%s\"",
                        c->args[0]);
    size_t at = (size_t)(t - tokens.tokens);
    memmove(&tokens.tokens[at], &tokens.tokens[at + 1],
            (tokens.count - at - 1) * sizeof(tokens.tokens[0]));
    tokens.count--;
    exit = save(c, &tokens);
    if (exit != CLI_OK)
        return exit;
    if (c->json)
        return cli_print_json(json_pack("{s:s}", "removed", c->args[0]));
    printf("removed; what was ordered through it stays paid, and is not renewed\n");
    return CLI_OK;
}
