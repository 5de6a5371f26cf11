/* local: this machine's block store, whoever has it: the running crust-ipfsd, or the store itself
 * under its lock (docs/design/block-store.md). */
#ifndef CRUST_CLI_LOCAL_H
#define CRUST_CLI_LOCAL_H

#include "cli/cli.h"
#include "store/repo.h"
#include "store/sink.h"

struct local {
    struct repo repo; /* repo.store is NULL when a daemon has it */
    struct sink sink_state;
    bool sink_open;
    struct block_sink sink;
    struct block_source source;
};

/* The folder CRUST_HOME/store, and what the configuration says of it. */
void local_folder(const struct cli *c, char out[CONFIG_HOME_MAX + 16],
                  struct blockstore_config *options);

/* local_open connects or locks, trying for ten seconds; on failure it has named the holder.
 * local_close accepts one that was never opened. */
enum cli_exit local_open(const struct cli *c, struct local *out);
void local_close(struct local *l);

#endif
