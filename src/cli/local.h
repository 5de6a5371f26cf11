/* local: this machine's block store, whoever has it: the running crust-ipfsd, or the store itself
 * under its lock (docs/design/block-store.md). */
#ifndef CRUST_CLI_LOCAL_H
#define CRUST_CLI_LOCAL_H

#include "cli/cli.h"
#include "store/ipc_sink.h"
#include "store/repo.h"
#include "store/sink.h"

struct local {
    struct ipc_sink daemon; /* connected when repo.store is NULL */
    struct repo repo;
    struct sink sink_state;
    bool sink_open;
    struct block_sink sink;
    struct block_source source;
};

/* The folder CRUST_HOME/store, and what the configuration says of it. */
void local_folder(const struct cli *c, char out[CONFIG_HOME_MAX + 16],
                  struct blockstore_config *options);

/* The socket of this home's crust-ipfsd. */
void local_socket(const struct cli *c, char out[CONFIG_HOME_MAX + 16]);

/* local_open connects or locks, trying for ten seconds; on failure it has named the holder.
 * local_close accepts one that was never opened. */
enum cli_exit local_open(const struct cli *c, struct local *out);
void local_close(struct local *l);

/* local_try is local_open with one attempt and without messages. ERR_BUSY: another program has it;
 * *out is closed on failure. */
NODISCARD enum err local_try(const struct cli *c, struct local *out);

/* Pins and numbers, whoever has the store. local_pin_next gives the first pin whose cid is > after,
 * borrowed until the next call; ERR_NOT_FOUND at the end. local_unpin is durable when it is OK. */
NODISCARD enum err local_pin_next(struct local *l, struct pin *out, struct span after);
NODISCARD enum err local_unpin(struct local *l, struct span cid);
NODISCARD enum err local_stat(struct local *l, struct blockstore_stat *out);

#endif
