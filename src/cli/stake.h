/* stake: what the verbs of staking, groups and votes share: sending a call, showing an answer. */
#ifndef CRUST_CLI_STAKE_H
#define CRUST_CLI_STAKE_H

#include "cli/ledger.h"

#include <jansson.h>

/* cmd_stake_send asks, unlocks the key in use, sends the call and tells the outcome. what: "bond
 * 5 CRU". The verb has the option "yes". */
enum cli_exit cmd_stake_send(struct cli *c, const struct tx_call *call, const char *what);

/* cmd_stake_own gives the account of the key in use. On failure it has told the user. */
enum cli_exit cmd_stake_own(struct cli *c, uint8_t out[32]);

/* cmd_stake_show_path prints an answer of the chain node, as it is with --json, else by show, which
 * borrows it. missing: what is said for 404. */
enum cli_exit cmd_stake_show_path(struct cli *c, const char *path, const char *missing,
                                  void (*show)(json_t *));

/* Text of a member, "" when there is none. Borrows from j. */
const char *cmd_stake_text(json_t *j, const char *name);

#endif
