/* crust group ...: accounts that store for one owner, whose stake their storage lets count. */
#include "cli/stake.h"
#include "codec/ss58.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIST_MAX = 500 }; /* accounts of one list that are shown */

/* A call that names an account, whose address stands in what is asked. */
static enum cli_exit account_call(struct cli *c, enum tx_kind kind, const char *before,
                                  const char *after)
{
    struct tx_call call = { .kind = kind };
    char what[200], address[SS58_TEXT_MAX];
    enum cli_exit exit = ledger_address(c, call.stake.account, c->args[0]);
    if (exit != CLI_OK)
        return exit;
    ss58_format(address, call.stake.account);
    (void)snprintf(what, sizeof(what), "%s %s%s", before, address, after);
    return cmd_stake_send(c, &call, what);
}

static enum cli_exit cmd_group_create(struct cli *c)
{
    const struct tx_call call = { .kind = TX_GROUP_CREATE };
    return cmd_stake_send(c, &call, "own a group: this account can then run no worker, for ever");
}

static enum cli_exit cmd_group_allow(struct cli *c)
{
    return account_call(c, TX_GROUP_ALLOW, "let", " join the group");
}

static enum cli_exit cmd_group_disallow(struct cli *c)
{
    return account_call(c, TX_GROUP_DISALLOW, "no longer let", " join the group");
}

static enum cli_exit cmd_group_join(struct cli *c)
{
    return account_call(c, TX_GROUP_JOIN, "let what this account stores count for the group of",
                        "");
}

static enum cli_exit cmd_group_leave(struct cli *c)
{
    const struct tx_call call = { .kind = TX_GROUP_QUIT };
    return cmd_stake_send(c, &call, "leave the group");
}

static enum cli_exit cmd_group_kick(struct cli *c)
{
    return account_call(c, TX_GROUP_KICK, "put", " out of the group");
}

/* ---- show ---- */

static const char *bytes_of(char out[24], json_t *j, const char *name)
{
    cli_format_size(out, strtoull(cmd_stake_text(j, name), NULL, 10));
    return out;
}

static void show_accounts(json_t *page, const char *label)
{
    size_t i;
    json_t *row;
    char power[24];
    json_array_foreach(json_object_get(page, "items"), i, row)
        printf("%-12s %s, %lld workers, %s proven\n", label, cmd_stake_text(row, "account"),
               (long long)json_integer_value(json_object_get(row, "workers")),
               bytes_of(power, row, "power"));
    if (json_is_string(json_object_get(page, "next")))
        printf("%-12s more than %d are not shown\n", label, LIST_MAX);
}

static void show_group(json_t *j)
{
    char size[24];
    printf("%-12s %s\n%-12s %s\n", "owner", cmd_stake_text(j, "owner"), "this account",
           cmd_stake_text(j, "role"));
    printf("%-12s %s proven, counts for the owner's stake\n", "workload",
           bytes_of(size, j, "workload"));
    printf("%-12s %lld of at most %lld\n", "members",
           (long long)json_integer_value(json_object_get(j, "members")),
           (long long)json_integer_value(json_object_get(j, "members_max")));
    show_accounts(json_object_get(j, "member_list"), "member");
    show_accounts(json_object_get(j, "allowed_list"), "may join");
}

/* Adds the two lists to what is known of the group. */
static enum cli_exit add_lists(struct cli *c, json_t *j, const char *address)
{
    static const char *const lists[][2] = { { "members", "member_list" },
                                            { "allowed", "allowed_list" } };
    for (size_t i = 0; i < 2; i++) {
        char path[160];
        json_t *page = NULL;
        (void)snprintf(path, sizeof(path), "/v1/groups/%s/%s?limit=%d", address, lists[i][0],
                       LIST_MAX);
        enum cli_exit exit = ledger_json(c, &page, path);
        if (exit == CLI_NOT_FOUND)
            return cli_fail(c, CLI_FAILED, NULL, "the group has changed meanwhile");
        if (exit != CLI_OK)
            return exit;
        (void)json_object_set_new(j, lists[i][1], page);
    }
    return CLI_OK;
}

static enum cli_exit cmd_group_show(struct cli *c)
{
    char path[160], address[SS58_TEXT_MAX];
    uint8_t id[32];
    json_t *j = NULL;
    enum cli_exit exit =
        c->arg_count > 0 ? ledger_address(c, id, c->args[0]) : cmd_stake_own(c, id);
    if (exit != CLI_OK)
        return exit;
    ss58_format(address, id);
    (void)snprintf(path, sizeof(path), "/v1/groups/%s", address);
    exit = ledger_json(c, &j, path);
    if (exit == CLI_NOT_FOUND)
        return cli_fail(c, CLI_NOT_FOUND, NULL,
                        "the account is in no group, or the network has no staking");
    if (exit == CLI_OK)
        exit = add_lists(c, j, address);
    if (exit == CLI_OK && c->json)
        return cli_print_json(j);
    if (exit == CLI_OK)
        show_group(j);
    json_decref(j);
    return exit;
}

/* ---- the table ---- */

static const struct cli_option yes_options[] = {
    { "yes", 'y', NULL, "do it without asking" },
    { 0 },
};

const struct cli_verb cli_verbs_group[] = {
    { "group show", "[ACCOUNT|KEY]", "the group that an account owns or is in", "crust group show",
      NULL, 0, 1, cmd_group_show },
    { "group create", "", "own a group, so that others' storage lets your stake count",
      "crust group create", yes_options, 0, 0, cmd_group_create },
    { "group allow", "ACCOUNT|KEY", "let an account join the group you own",
      "crust group allow cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp", yes_options, 1, 1,
      cmd_group_allow },
    { "group disallow", "ACCOUNT|KEY", "take that back",
      "crust group disallow cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp", yes_options, 1, 1,
      cmd_group_disallow },
    { "group join", "OWNER",
      "let what you store count for a group's owner; of a file counts one copy",
      "crust group join cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp", yes_options, 1, 1,
      cmd_group_join },
    { "group leave", "", "store for yourself again", "crust group leave", yes_options, 0, 0,
      cmd_group_leave },
    { "group kick", "MEMBER", "put a member out of the group you own",
      "crust group kick cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp", yes_options, 1, 1,
      cmd_group_kick },
    { 0 },
};
