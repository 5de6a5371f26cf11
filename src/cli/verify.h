/* verify: gathering what api/verify checks, from a chain node that need not be trusted. */
#ifndef CRUST_CLI_VERIFY_H
#define CRUST_CLI_VERIFY_H

#include "api/verify.h"
#include "cli/ledger.h"

/* verify_collect asks the chain for everything that shows this to somebody with this trust: record
 * and proof, or the transactions of a block, and the blocks from what is trusted to there, as many
 * as changes of the validators need. Out: *bundle given, json_decref; NULL on failure, which it has
 * told. Nothing in it is believed yet, though blocks that cannot be followed end the search. */
enum cli_exit verify_collect(struct cli *c, json_t **bundle, enum verify_kind kind,
                             const uint8_t id[32], const struct verify_trust *trust);

enum cli_exit cmd_verify(struct cli *c);

#endif
