/* balance, transfer, allow. */
#include "base/hex.h"
#include "cli/keyring.h"
#include "cli/market.h"
#include "codec/ss58.h"

#include <stdio.h>

/* ---- balance -------------------------------------------------------------------------------- */

static json_t *units(struct amount a)
{
    char text[AMOUNT_TEXT_MAX];
    amount_format_units(text, a);
    return json_string(text);
}

static enum cli_exit print_balance_json(const char *address, const struct chain_client_account *a)
{
    return cli_print_json(json_pack(
        "{s:s, s:b, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o, s:o}, s:{s:o, s:o}, s:I}", "address",
        address, "exists", a->exists, "usable", units(a->usable), "free", units(a->free), "reward",
        units(a->reward), "held", "worker", units(a->held_worker), "merchant",
        units(a->held_merchant), "bond", units(a->held_bond), "stake", units(a->held_stake),
        "deposit", units(a->held_deposit), "waiver", "quota", units(a->waiver_quota), "used",
        units(a->waiver_used), "nonce", (json_int_t)a->nonce_next));
}

static void line(const char *name, struct amount a, const char *what, bool always)
{
    char text[AMOUNT_TEXT_MAX + 8];
    if (!always && amount_is_zero(a))
        return;
    ledger_amount(text, a);
    printf("%-9s %s%s\n", name, text, what);
}

enum cli_exit cmd_account_balance(struct cli *c)
{
    uint8_t id[32];
    char address[SS58_TEXT_MAX];
    struct chain_client_account a;
    const char *who = c->arg_count > 0 ? c->args[0] : config_text(&c->config, "key");
    if (c->arg_count == 0 && !keyring_exists(c, who))
        return cli_fail(c, CLI_NOT_FOUND, "crust key new default",
                        "there is no key \"%s\" yet, so there is no account", who);
    enum cli_exit exit = ledger_address(c, id, who);
    if (exit == CLI_OK)
        exit = ledger_account(c, &a, id);
    if (exit != CLI_OK)
        return exit;
    ss58_format(address, id);
    if (c->json)
        return print_balance_json(address, &a);
    printf("account   %s%s\n", address, a.exists ? "" : " (the chain has not seen it yet)");
    line("usable", a.usable, "", true);
    line("held", a.held_worker, " as deposits of workers", false);
    line("held", a.held_merchant, " as a merchant's collateral", false);
    line("held", a.held_bond, " as bonds in disputes", false);
    line("held", a.held_stake, " as stake", false);
    line("held", a.held_deposit, " for proposals", false);
    line("reward", a.reward, " earned, not claimed yet", false);
    line("waived", amount_sat_sub(a.waiver_quota, a.waiver_used),
         " of settlement fees may still be, in this era", false);
    return CLI_OK;
}

/* ---- transfer ------------------------------------------------------------------------------- */

static enum cli_exit check_funds(const struct cli *c, const uint8_t from[32], struct amount wanted)
{
    struct chain_client_account a;
    char have[AMOUNT_TEXT_MAX + 8], want[AMOUNT_TEXT_MAX + 8];
    enum cli_exit exit = ledger_account(c, &a, from);
    if (exit != CLI_OK || amount_cmp(a.usable, wanted) >= 0)
        return exit;
    ledger_amount(have, a.usable);
    ledger_amount(want, wanted);
    return cli_fail(c, CLI_REFUSED, "crust balance", "the account has %s to spend, %s is too much",
                    have, want);
}

enum cli_exit cmd_account_transfer(struct cli *c)
{
    AUTO(ed25519_wipe) struct ed25519_key key = { 0 };
    struct tx_call call = { .kind = TX_TRANSFER };
    struct chain_client_tx tx;
    struct keystore from;
    char address[SS58_TEXT_MAX], amount[AMOUNT_TEXT_MAX + 8], what[160];
    const char *name = config_text(&c->config, "key");
    enum cli_exit exit = ledger_address(c, call.transfer.to, c->args[0]);
    if (exit == CLI_OK)
        exit = ledger_parse_amount(c, &call.transfer.amount, "AMOUNT", c->args[1]);
    if (exit == CLI_OK)
        exit = keyring_read(c, &from, name);
    if (exit == CLI_OK)
        exit = check_funds(c, from.public_key, call.transfer.amount);
    if (exit != CLI_OK)
        return exit;
    ss58_format(address, call.transfer.to);
    ledger_amount(amount, call.transfer.amount);
    (void)snprintf(what, sizeof(what), "send %s to %s", amount, address);
    exit = ledger_confirm(c, what);
    if (exit == CLI_OK)
        exit = keyring_unlock(c, &key, name);
    if (exit == CLI_OK)
        exit = ledger_send(c, &tx, &call, &key);
    (void)snprintf(what, sizeof(what), "sent %s to %s", amount, address);
    return exit == CLI_OK ? ledger_print_tx(c, &tx, what) : exit;
}

/* ---- allow ---------------------------------------------------------------------------------- */

/* A key as the user gives it: address, name, or 64 hex digits. */
static enum cli_exit key_of(const struct cli *c, uint8_t out[32], const char *text)
{
    if (hex_parse(out, 32, text) == OK)
        return CLI_OK;
    return ledger_address(c, out, text);
}

/* "12345" is a height, "30d" so long from now. */
static enum cli_exit parse_until(const struct cli *c, uint64_t *out, const char *text)
{
    struct chain_client_status s;
    uint64_t ms;
    enum cli_exit exit = ledger_status(c, &s);
    if (exit != CLI_OK)
        return exit;
    if (config_number(out, CONFIG_U64, text) != OK) {
        if (config_number(&ms, CONFIG_DURATION, text) != OK || s.block_ms == 0)
            return cli_usage(c, "--until: \"%s\" is neither a block nor a time such as 30d", text);
        *out = s.height + ms / s.block_ms;
    }
    if (*out <= s.height)
        return cli_usage(c, "--until: block %llu is past, the chain is at %llu",
                         (unsigned long long)*out, (unsigned long long)s.height);
    return CLI_OK;
}

static enum cli_exit show_allowance(const struct cli *c, const uint8_t account[32],
                                    const uint8_t key[32])
{
    char address[SS58_TEXT_MAX], of[SS58_TEXT_MAX], path[CHAIN_CLIENT_PATH_MAX];
    char text[AMOUNT_TEXT_MAX + 8];
    const char *amount = "0";
    json_int_t until = 0;
    json_t *answer;
    struct amount left;
    ss58_format(of, account);
    ss58_format(address, key);
    (void)snprintf(path, sizeof(path), "/v1/accounts/%s/allowances/%s", of, address);
    enum cli_exit exit = ledger_json(c, &answer, path);
    if (exit == CLI_NOT_FOUND)
        return cli_fail(c, exit, "crust allow KEY --amount 10 --until 30d",
                        "%s may spend nothing of %s", address, of);
    if (exit != CLI_OK)
        return exit;
    if (c->json)
        return cli_print_json(answer);
    if (json_unpack(answer, "{s:s, s:I}", "amount", &amount, "until", &until) != 0 ||
        amount_parse_units(&left, amount) != OK)
        exit = cli_fail(c, CLI_FAILED, NULL, "the chain's answer cannot be read");
    if (exit == CLI_OK) {
        ledger_amount(text, left);
        printf("%s may place orders for %s until block %lld\n", address, text, (long long)until);
    }
    json_decref(answer);
    return exit;
}

enum cli_exit cmd_account_allow(struct cli *c)
{
    AUTO(ed25519_wipe) struct ed25519_key key = { 0 };
    struct tx_call call = { .kind = TX_ALLOW };
    struct chain_client_tx tx;
    struct keystore from;
    char address[SS58_TEXT_MAX], amount[AMOUNT_TEXT_MAX + 8], what[200];
    const char *name = config_text(&c->config, "key");
    const char *most = cli_value(c, "amount"), *until = cli_value(c, "until");
    bool revoke = cli_has(c, "revoke");
    enum cli_exit exit = keyring_read(c, &from, name);
    if (exit == CLI_OK)
        exit = key_of(c, call.allow.key, c->args[0]);
    if (exit != CLI_OK)
        return exit;
    if (!revoke && most == NULL && until == NULL)
        return show_allowance(c, from.public_key, call.allow.key);
    if (revoke == (most != NULL || until != NULL) || (!revoke && (most == NULL || until == NULL)))
        return cli_usage(c, "give both --amount and --until, or --revoke alone");
    ss58_format(address, call.allow.key);
    (void)snprintf(what, sizeof(what), "revoke what %s may spend", address);
    if (!revoke) {
        exit = ledger_parse_amount(c, &call.allow.amount, "--amount", most);
        if (exit == CLI_OK)
            exit = parse_until(c, &call.allow.until, until);
        ledger_amount(amount, call.allow.amount);
        (void)snprintf(what, sizeof(what), "let %s place orders for %s until block %llu", address,
                       amount, (unsigned long long)call.allow.until);
    }
    if (exit == CLI_OK)
        exit = ledger_confirm(c, what);
    if (exit == CLI_OK)
        exit = keyring_unlock(c, &key, name);
    if (exit == CLI_OK)
        exit = ledger_send(c, &tx, &call, &key);
    return exit == CLI_OK ? ledger_print_tx(c, &tx, revoke ? "revoked" : "allowed") : exit;
}
