/* cmd_add: `crust add`, and the parts of it that `crust put` shares. */
#ifndef CRUST_CLI_CMD_ADD_H
#define CRUST_CLI_CMD_ADD_H

#include "cli/import.h"
#include "cli/local.h"

/* The last part of a path. */
const char *cmd_add_base_name(const char *path);

/* Pins what was imported and commits: what is acknowledged is durable. */
enum cli_exit cmd_add_store_pin(const struct cli *c, struct local *l, const struct import_result *r,
                                const char *path, const char *profile);

/* Says why path could not be added, and returns the exit code. */
enum cli_exit cmd_add_failed(const struct cli *c, enum err e, const char *path,
                             const struct import_result *r);

/* Progress of an import; ctx is the struct cli. */
void cmd_add_progress(void *ctx, uint64_t bytes, uint64_t files);

#endif
