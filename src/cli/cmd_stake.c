/* crust stake ..., crust gov ...: staking and governance. */
#include "chain/beacon.h"
#include "cli/keyring.h"
#include "cli/market.h"
#include "cli/stake.h"
#include "codec/multibase.h"
#include "codec/ss58.h"
#include "crypto/ed25519.h"
#include "crypto/sha256.h"
#include "crypto/vrf.h"
#include "rt/path.h"
#include "rt/seed_file.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- sending ---- */

enum cli_exit cmd_stake_send(struct cli *c, const struct tx_call *call, const char *what)
{
    AUTO(ed25519_wipe) struct ed25519_key key = { 0 };
    struct chain_client_tx tx;
    enum cli_exit exit = ledger_confirm(c, what);
    if (exit == CLI_OK)
        exit = keyring_unlock(c, &key, config_text(&c->config, "key"));
    if (exit == CLI_OK)
        exit = ledger_send(c, &tx, call, &key);
    return exit == CLI_OK ? ledger_print_tx(c, &tx, what) : exit;
}

enum cli_exit cmd_stake_own(struct cli *c, uint8_t out[32])
{
    struct keystore k;
    enum cli_exit exit = keyring_read(c, &k, config_text(&c->config, "key"));
    if (exit == CLI_OK)
        memcpy(out, k.public_key, 32);
    return exit;
}

/* A verb that takes an amount. */
static enum cli_exit amount_call(struct cli *c, struct tx_call *call, const char *doing,
                                 const char *text)
{
    char amount[AMOUNT_TEXT_MAX + 8], what[160];
    enum cli_exit exit = ledger_parse_amount(c, &call->stake.amount, "AMOUNT", text);
    if (exit != CLI_OK)
        return exit;
    ledger_amount(amount, call->stake.amount);
    (void)snprintf(what, sizeof(what), "%s %s", doing, amount);
    return cmd_stake_send(c, call, what);
}

/* Is the account of the key in use a stash already? */
static enum cli_exit is_bonded(struct cli *c, bool *yes)
{
    char path[160], address[SS58_TEXT_MAX];
    uint8_t id[32];
    json_t *j = NULL;
    enum cli_exit exit = cmd_stake_own(c, id);
    *yes = false;
    if (exit != CLI_OK)
        return exit;
    ss58_format(address, id);
    (void)snprintf(path, sizeof(path), "/v1/staking/%s", address);
    exit = ledger_json(c, &j, path);
    *yes = exit == CLI_OK && strcmp(json_string_value(json_object_get(j, "stash")), address) == 0;
    json_decref(j);
    return exit == CLI_NOT_FOUND ? CLI_OK : exit;
}

static enum cli_exit cmd_stake_bond(struct cli *c)
{
    struct tx_call call = { .kind = TX_STAKE_BOND };
    const char *controller = cli_value(c, "controller");
    bool bonded;
    enum cli_exit exit = is_bonded(c, &bonded);
    if (exit == CLI_OK && bonded)
        call.kind = TX_STAKE_BOND_EXTRA;
    else if (exit == CLI_OK)
        exit = controller != NULL ? ledger_address(c, call.stake.account, controller)
                                  : cmd_stake_own(c, call.stake.account);
    return exit == CLI_OK ? amount_call(c, &call, bonded ? "bond another" : "bond", c->args[0])
                          : exit;
}

static enum cli_exit cmd_stake_unbond(struct cli *c)
{
    struct tx_call call = { .kind = TX_STAKE_UNBOND };
    return amount_call(c, &call, "unbond", c->args[0]);
}

static enum cli_exit cmd_stake_rebond(struct cli *c)
{
    struct tx_call call = { .kind = TX_STAKE_REBOND };
    return amount_call(c, &call, "bond again", c->args[0]);
}

static enum cli_exit cmd_stake_withdraw(struct cli *c)
{
    const struct tx_call call = { .kind = TX_STAKE_WITHDRAW };
    return cmd_stake_send(c, &call, "withdraw what is no longer bonded");
}

static enum cli_exit cmd_stake_chill(struct cli *c)
{
    const struct tx_call call = { .kind = TX_STAKE_CHILL };
    return cmd_stake_send(c, &call, "stand for election no longer, and guarantee nobody");
}

static enum cli_exit target_call(struct cli *c, enum tx_kind kind, const char *doing)
{
    struct tx_call call = { .kind = kind };
    enum cli_exit exit = ledger_address(c, call.stake.account, c->args[0]);
    return exit == CLI_OK ? amount_call(c, &call, doing, c->args[1]) : exit;
}

static enum cli_exit cmd_stake_guarantee(struct cli *c)
{
    return target_call(c, TX_STAKE_GUARANTEE, "guarantee with");
}

static enum cli_exit cmd_stake_cut(struct cli *c)
{
    return target_call(c, TX_STAKE_CUT, "guarantee less by");
}

/* ---- who gets the income, who speaks ---- */

static enum cli_exit cmd_stake_payee(struct cli *c)
{
    struct tx_call call = { .kind = TX_STAKE_PAYEE };
    char what[160], address[SS58_TEXT_MAX];
    bool bonded = cli_has(c, "bonded");
    if (bonded == (c->arg_count > 0))
        return cli_usage(c, "give the account that income goes to, or --bonded");
    enum cli_exit exit = bonded ? CLI_OK : ledger_address(c, call.stake.account, c->args[0]);
    if (exit != CLI_OK)
        return exit;
    call.stake.has_account = !bonded;
    ss58_format(address, call.stake.account);
    if (bonded)
        (void)snprintf(what, sizeof(what), "bond all income");
    else
        (void)snprintf(what, sizeof(what), "have all income paid to %s", address);
    return cmd_stake_send(c, &call, what);
}

static enum cli_exit cmd_stake_controller(struct cli *c)
{
    struct tx_call call = { .kind = TX_STAKE_CONTROLLER };
    char what[160], address[SS58_TEXT_MAX];
    enum cli_exit exit = ledger_address(c, call.stake.account, c->args[0]);
    if (exit != CLI_OK)
        return exit;
    ss58_format(address, call.stake.account);
    (void)snprintf(what, sizeof(what), "let %s speak for the stake", address);
    return cmd_stake_send(c, &call, what);
}

/* ---- validate ---- */

/* The key of CometBFT's priv_validator_key.json. On failure it has told the user. */
static enum cli_exit read_validator_key(const struct cli *c, struct ed25519_key *out,
                                        const char *path)
{
    json_t *j = json_load_file(path, 0, NULL);
    const char *text = json_string_value(json_object_get(json_object_get(j, "priv_key"), "value"));
    uint8_t bytes[64];
    size_t size = 0;
    /* Padding is no digit of ours. */
    size_t n = text == NULL ? 0 : strcspn(text, "=");
    bool ok =
        multibase_parse_bare(bytes, &size, sizeof(bytes), MULTIBASE_64, span_of(text, n)) == OK &&
        size == sizeof(bytes);
    if (ok)
        ed25519_keypair(out, bytes);
    ok = ok && memcmp(out->public_key, bytes + 32, 32) == 0;
    json_decref(j);
    explicit_bzero(bytes, sizeof(bytes));
    return ok ? CLI_OK : cli_fail(c, CLI_USAGE, NULL, "%s: not a validator key of CometBFT", path);
}

/* The stash that the key in use speaks for. */
static enum cli_exit own_stash(struct cli *c, uint8_t stash[32])
{
    char path[160], address[SS58_TEXT_MAX];
    json_t *j = NULL;
    uint8_t id[32];
    enum cli_exit exit = cmd_stake_own(c, id);
    if (exit != CLI_OK)
        return exit;
    ss58_format(address, id);
    (void)snprintf(path, sizeof(path), "/v1/staking/%s", address);
    exit = ledger_json(c, &j, path);
    const char *text = json_string_value(json_object_get(j, "stash"));
    if (exit == CLI_NOT_FOUND || (exit == CLI_OK && text == NULL))
        exit =
            cli_fail(c, CLI_NOT_FOUND, "crust stake bond AMOUNT", "%s has nothing bonded", address);
    else if (exit == CLI_OK && ss58_parse(stash, span_str(text)) != OK)
        exit = cli_fail(c, CLI_FAILED, NULL, "the chain node's answer makes no sense");
    json_decref(j);
    return exit;
}

/* stake.key with the proof that the key's holder agrees. */
static enum cli_exit send_key(struct cli *c, const char *path)
{
    AUTO(ed25519_wipe) struct ed25519_key validator = { 0 };
    struct tx_call call = { .kind = TX_STAKE_KEY };
    struct chain_client_status status;
    static const char tag[] = "crust/validator-key/1";
    uint8_t message[sizeof(tag) - 1 + 64];
    enum cli_exit exit = read_validator_key(c, &validator, path);
    if (exit == CLI_OK)
        exit = own_stash(c, message + sizeof(tag) - 1 + 32);
    if (exit == CLI_OK)
        exit = ledger_status(c, &status);
    if (exit != CLI_OK)
        return exit;
    memcpy(message, tag, sizeof(tag) - 1);
    sha256(message + sizeof(tag) - 1, span_str(status.chain_id));
    memcpy(call.stake.key, validator.public_key, 32);
    ed25519_sign(call.stake.proof, span_of(message, sizeof(message)), &validator);
    return cmd_stake_send(c, &call, "register the validator key");
}

static enum cli_exit cmd_stake_validate(struct cli *c)
{
    struct tx_call call = { .kind = TX_STAKE_VALIDATE, .stake.fee = PERBILL };
    const char *key_file = cli_value(c, "validator-key");
    const char *fee = cli_value(c, "fee");
    char what[160];
    if (fee != NULL) {
        char *end;
        unsigned long percent = strtoul(fee, &end, 10);
        if (*fee < '0' || *fee > '9' || *end != '\0' || percent > 100)
            return cli_usage(c, "--fee is a whole number of percent, 0 to 100");
        call.stake.fee = (uint32_t)percent * (PERBILL / 100);
    }
    enum cli_exit exit = key_file == NULL ? CLI_OK : send_key(c, key_file);
    if (exit != CLI_OK)
        return exit;
    (void)snprintf(what, sizeof(what), "stand for election, sharing %u %% with guarantors",
                   call.stake.fee / (PERBILL / 100));
    return cmd_stake_send(c, &call, what);
}

/* ---- the beacon ---- */

/* Reads the key file, or makes it when there is none. */
static enum cli_exit beacon_key_of(const struct cli *c, struct ed25519_key *key, const char *path)
{
    bool fresh = !path_exists(path);
    enum err e = fresh ? seed_file_make(key, path) : seed_file_read(key, path);
    if (e != OK)
        return cli_fail(c, CLI_USAGE, NULL, "%s: %s", path, err_text(e));
    if (fresh)
        fprintf(stderr, "made %s: give it to crust-agentd as beacon-key\n", path);
    return CLI_OK;
}

static enum cli_exit cmd_stake_beacon_key(struct cli *c)
{
    AUTO(ed25519_wipe) struct ed25519_key key = { 0 };
    struct tx_call call = { .kind = TX_STAKE_BEACON };
    struct chain_client_status status;
    uint8_t stash[32], chain[32], alpha[32];
    enum cli_exit exit = own_stash(c, stash);
    if (exit == CLI_OK)
        exit = ledger_status(c, &status);
    if (exit == CLI_OK)
        exit = beacon_key_of(c, &key, c->args[0]);
    if (exit != CLI_OK)
        return exit;
    sha256(chain, span_str(status.chain_id));
    beacon_key_alpha(alpha, chain, stash);
    memcpy(call.stake.key, key.public_key, 32);
    if (vrf_prove(call.stake.vrf, &key, span_of(alpha, sizeof(alpha))) != OK)
        return cli_fail(c, CLI_FAILED, NULL, "this key cannot prove anything; make another");
    return cmd_stake_send(c, &call, "register the key of the validator's beacon contributions");
}

/* ---- payout ---- */

static enum cli_exit cmd_stake_payout(struct cli *c)
{
    struct tx_call call = { .kind = TX_STAKE_PAYOUT };
    char what[160];
    char *end;
    unsigned long era = strtoul(c->args[0], &end, 10);
    if (*c->args[0] < '0' || *c->args[0] > '9' || *end != '\0' || era > UINT32_MAX)
        return cli_usage(c, "ERA is the number of an era that has ended");
    enum cli_exit exit = c->arg_count > 1 ? ledger_address(c, call.stake.account, c->args[1])
                                          : own_stash(c, call.stake.account);
    if (exit != CLI_OK)
        return exit;
    call.stake.era = (uint32_t)era;
    (void)snprintf(what, sizeof(what), "claim the income of era %lu", era);
    return cmd_stake_send(c, &call, what);
}

/* ---- show ---- */

static void show_amount(json_t *j, const char *label, const char *name)
{
    struct amount v;
    char text[AMOUNT_TEXT_MAX + 8];
    const char *units = json_string_value(json_object_get(j, name));
    if (units == NULL || amount_parse_units(&v, units) != OK)
        return;
    ledger_amount(text, v);
    printf("%-12s %s\n", label, text);
}

const char *cmd_stake_text(json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text == NULL ? "" : text;
}

/* Bytes of proven storage, which the chain node tells as digits. */
static void show_bytes(json_t *j, const char *label, const char *name)
{
    char size[24];
    const char *digits = json_string_value(json_object_get(j, name));
    if (digits == NULL)
        return;
    cli_format_size(size, strtoull(digits, NULL, 10));
    printf("%-12s %s proven\n", label, size);
}

static void show_beacon(json_t *b)
{
    if (json_is_string(json_object_get(b, "key")))
        printf("%-12s asked %lld times in this era, missed %lld\n", "beacon",
               (long long)json_integer_value(json_object_get(b, "asked")),
               (long long)json_integer_value(json_object_get(b, "missed")));
    if (json_is_string(json_object_get(b, "next_key")))
        printf("%-12s key %s from era %lld on\n", "beacon", cmd_stake_text(b, "next_key"),
               (long long)json_integer_value(json_object_get(b, "next_era")));
    if (json_is_true(json_object_get(b, "jailed")))
        printf("%-12s jailed: withheld too often\n", "beacon");
}

static void show_stash(json_t *j)
{
    size_t i;
    json_t *chunk;
    printf("%-12s %s\n%-12s %s\n%-12s %s\n", "stash", cmd_stake_text(j, "stash"), "controller",
           cmd_stake_text(j, "controller"), "role", cmd_stake_text(j, "role"));
    const char *payee = cmd_stake_text(j, "payee");
    printf("%-12s %s\n", "income to", payee[0] == '\0' ? "the bond" : payee);
    show_amount(j, "bonded", "active");
    show_amount(j, "guaranteed", "guaranteed");
    show_bytes(j, "storage", "workload");
    show_amount(j, "limit", "limit");
    show_amount(j, "counts", "effective");
    json_array_foreach(json_object_get(j, "unbonding"), i, chunk)
    {
        printf("%-12s from era %lld on:\n", "unbonding",
               (long long)json_integer_value(json_object_get(chunk, "era")));
        show_amount(chunk, "", "amount");
    }
    json_array_foreach(json_object_get(j, "targets"), i, chunk)
    {
        printf("%-12s %s\n", "guarantees", cmd_stake_text(chunk, "account"));
        show_amount(chunk, "", "amount");
    }
    show_beacon(json_object_get(j, "beacon"));
}

enum cli_exit cmd_stake_show_path(struct cli *c, const char *path, const char *missing,
                                  void (*show)(json_t *))
{
    json_t *j = NULL;
    enum cli_exit exit = ledger_json(c, &j, path);
    if (exit == CLI_NOT_FOUND)
        return cli_fail(c, CLI_NOT_FOUND, NULL, "%s", missing);
    if (exit != CLI_OK)
        return exit;
    if (c->json)
        return cli_print_json(j);
    show(j);
    json_decref(j);
    return CLI_OK;
}

static enum cli_exit cmd_stake_show(struct cli *c)
{
    char path[160], address[SS58_TEXT_MAX];
    uint8_t id[32];
    enum cli_exit exit =
        c->arg_count > 0 ? ledger_address(c, id, c->args[0]) : cmd_stake_own(c, id);
    if (exit != CLI_OK)
        return exit;
    ss58_format(address, id);
    (void)snprintf(path, sizeof(path), "/v1/staking/%s", address);
    return cmd_stake_show_path(
        c, path, "the account has nothing bonded, or the network has no staking", show_stash);
}

/* ---- governance ---- */

static enum cli_exit cmd_gov_propose(struct cli *c)
{
    struct tx_call call = { .kind = TX_GOV_PROPOSE };
    struct tx_proposal *p = &call.proposal;
    if (c->arg_count > TX_CHANGES_MAX)
        return cli_usage(c, "at most 16 changes go into one proposal");
    for (size_t i = 0; i < c->arg_count; i++) {
        const char *equals = strchr(c->args[i], '=');
        if (equals == NULL || equals == c->args[i])
            return cli_usage(c, "a change is NAME=VALUE");
        p->changes[i].name = span_of(c->args[i], (size_t)(equals - c->args[i]));
        p->changes[i].value = span_str(equals + 1);
    }
    p->change_count = (uint32_t)c->arg_count;
    return cmd_stake_send(c, &call, "propose to change the parameters");
}

static enum cli_exit proposal_number(const struct cli *c, uint64_t *out)
{
    char *end;
    *out = strtoull(c->args[0], &end, 10);
    if (*c->args[0] < '0' || *c->args[0] > '9' || *end != '\0' || *out > INT64_MAX)
        return cli_usage(c, "PROPOSAL is a number");
    return CLI_OK;
}

static enum cli_exit cmd_gov_vote(struct cli *c)
{
    struct tx_call call = { .kind = TX_GOV_VOTE };
    char what[160];
    enum cli_exit exit = proposal_number(c, &call.stake.proposal);
    if (exit != CLI_OK)
        return exit;
    call.stake.yes = !cli_has(c, "no");
    (void)snprintf(what, sizeof(what), "%s proposal %s",
                   call.stake.yes ? "vote for" : "take back the vote for", c->args[0]);
    return cmd_stake_send(c, &call, what);
}

static void show_proposal(json_t *j)
{
    size_t i;
    json_t *change;
    printf("proposal %lld: %s; votes in era %lld\n",
           (long long)json_integer_value(json_object_get(j, "proposal")),
           cmd_stake_text(j, "state"), (long long)json_integer_value(json_object_get(j, "era")));
    json_array_foreach(json_object_get(j, "changes"), i, change)
        printf("  %s = %s\n", cmd_stake_text(change, "name"), cmd_stake_text(change, "value"));
    json_array_foreach(json_object_get(j, "cancel"), i, change)
        printf("  cancel the slash of %s\n", cmd_stake_text(change, "stash"));
    show_amount(j, "  yes", "yes");
    show_amount(j, "  of", "stake");
}

static void show_proposals(json_t *j)
{
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(j, "items"), i, p) show_proposal(p);
    if (i == 0)
        printf("no proposals\n");
}

static enum cli_exit cmd_gov_show(struct cli *c)
{
    char path[160];
    uint64_t id;
    if (c->arg_count == 0)
        return cmd_stake_show_path(c, "/v1/proposals", "the network has no staking",
                                   show_proposals);
    enum cli_exit exit = proposal_number(c, &id);
    if (exit != CLI_OK)
        return exit;
    (void)snprintf(path, sizeof(path), "/v1/proposals/%llu", (unsigned long long)id);
    return cmd_stake_show_path(c, path, "no such proposal", show_proposal);
}

/* ---- the tables ---- */

static const struct cli_option yes_options[] = {
    { "yes", 'y', NULL, "do it without asking" },
    { 0 },
};

static const struct cli_option bond_options[] = {
    { "controller", 0, "ACCOUNT|KEY", "who speaks for the stake; default: the account itself" },
    { "yes", 'y', NULL, "do it without asking" },
    { 0 },
};

static const struct cli_option validate_options[] = {
    { "fee", 0, "PERCENT", "share of the income for guarantors; default: 100" },
    { "validator-key", 0, "FILE", "CometBFT's priv_validator_key.json, registered first" },
    { "yes", 'y', NULL, "do it without asking" },
    { 0 },
};

static const struct cli_option payee_options[] = {
    { "bonded", 0, NULL, "all income is bonded, as in the beginning" },
    { "yes", 'y', NULL, "do it without asking" },
    { 0 },
};

static const struct cli_option vote_options[] = {
    { "no", 0, NULL, "take an earlier yes back" },
    { "yes", 'y', NULL, "do it without asking" },
    { 0 },
};

const struct cli_verb cli_verbs_stake[] = {
    { "stake show", "[ACCOUNT|KEY]", "what an account has bonded, and what of it counts",
      "crust stake show", NULL, 0, 1, cmd_stake_show },
    { "stake bond", "AMOUNT", "bond CRU, or more of it", "crust stake bond 1000", bond_options, 1,
      1, cmd_stake_bond },
    { "stake unbond", "AMOUNT", "begin to take CRU back", "crust stake unbond 100", yes_options, 1,
      1, cmd_stake_unbond },
    { "stake rebond", "AMOUNT", "bond again what unbonds", "crust stake rebond 100", yes_options, 1,
      1, cmd_stake_rebond },
    { "stake withdraw", "", "take what has finished unbonding", "crust stake withdraw", yes_options,
      0, 0, cmd_stake_withdraw },
    { "stake validate", "", "stand for election as a validator",
      "crust stake validate --fee 50 --validator-key config/priv_validator_key.json",
      validate_options, 0, 0, cmd_stake_validate },
    { "stake beacon-key", "FILE",
      "register the validator's key for the beacon; makes FILE if missing",
      "crust stake beacon-key ~/.crust/beacon.key", yes_options, 1, 1, cmd_stake_beacon_key },
    { "stake guarantee", "VALIDATOR AMOUNT", "let bonded CRU count for a validator",
      "crust stake guarantee cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp 500", yes_options, 2,
      2, cmd_stake_guarantee },
    { "stake cut", "VALIDATOR AMOUNT", "guarantee less",
      "crust stake cut cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp 500", yes_options, 2, 2,
      cmd_stake_cut },
    { "stake payee", "[ACCOUNT|KEY]", "where income goes: to an account, or into the bond",
      "crust stake payee savings", payee_options, 0, 1, cmd_stake_payee },
    { "stake controller", "ACCOUNT|KEY", "who speaks for the stake, from the stash's own key",
      "crust stake controller hot --key cold", yes_options, 1, 1, cmd_stake_controller },
    { "stake chill", "", "stand for election no longer, and guarantee nobody", "crust stake chill",
      yes_options, 0, 0, cmd_stake_chill },
    { "stake payout", "ERA [VALIDATOR]", "claim a validator's income of an era for all its stakers",
      "crust stake payout 12", yes_options, 1, 2, cmd_stake_payout },
    { "gov show", "[PROPOSAL]", "proposals to change the parameters", "crust gov show", NULL, 0, 1,
      cmd_gov_show },
    { "gov propose", "NAME=VALUE...", "propose other parameters, against a deposit",
      "crust gov propose fee_base=100000000", yes_options, 1, TX_CHANGES_MAX, cmd_gov_propose },
    { "gov vote", "PROPOSAL", "vote for a proposal with one's effective stake", "crust gov vote 3",
      vote_options, 1, 1, cmd_gov_vote },
    { 0 },
};
