/* content: the verbs on content of this machine, and what they share. */
#ifndef CRUST_CLI_CONTENT_H
#define CRUST_CLI_CONTENT_H

#include "cli/cli.h"
#include "cli/import.h"

#define CONTENT_PROFILE_DEFAULT "unixfs-v1-2025"

/* The import parameters that --profile and --hidden ask for. */
enum cli_exit cmd_add_import_options(const struct cli *c, struct import_options *out);

enum cli_exit cmd_add_run(struct cli *c);
enum cli_exit cmd_read_cat(struct cli *c);
enum cli_exit cmd_read_get(struct cli *c);
enum cli_exit cmd_read_ls(struct cli *c);
enum cli_exit cmd_dag_export(struct cli *c);
enum cli_exit cmd_dag_import(struct cli *c);
enum cli_exit cmd_dag_block_get(struct cli *c);
enum cli_exit cmd_dag_block_put(struct cli *c);
enum cli_exit cmd_dag_block_stat(struct cli *c);

#endif
