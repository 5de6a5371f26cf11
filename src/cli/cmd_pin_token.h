/* cmd_pin_token: the tokens of the pinning API that crust-ipfsd serves from the same folder: the
 * file CRUST_HOME/pins/tokens. Guide: docs/guide/pinning.md. */
#ifndef CRUST_CLI_CMD_PIN_TOKEN_H
#define CRUST_CLI_CMD_PIN_TOKEN_H

#include "cli/cli.h"

extern const struct cli_option cmd_pin_token_options[]; /* of add */

enum cli_exit cmd_pin_token_add(struct cli *c);
enum cli_exit cmd_pin_token_list(struct cli *c);
enum cli_exit cmd_pin_token_remove(struct cli *c);

#endif
