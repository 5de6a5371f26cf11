/* bitswap_fetch: a DAG, depth first, out of a store into which blocks come from peers: what is not
 * there is wanted in a session of bitswap_client, and so is what comes next. docs/spec/bitswap.md
 * 5.7. Pure. */
#ifndef CRUST_IPFS_BITSWAP_FETCH_H
#define CRUST_IPFS_BITSWAP_FETCH_H

#include "ipfs/bitswap_client.h"
#include "ipfs/dag_walk.h"

enum { BITSWAP_FETCH_AHEAD = 64 };

struct bitswap_fetch {
    struct bitswap_client *client;
    uint32_t session;
    struct dag_walk *walk;
    uint32_t ahead;  /* blocks to ask for in advance, at most BITSWAP_FETCH_AHEAD */
    uint64_t wanted; /* blocks asked for, for figures */
};

/* All are kept; the walk has its roots already, and its source is the store that blocks come to. */
void bitswap_fetch_init(struct bitswap_fetch *f, struct bitswap_client *client, uint32_t session,
                        struct dag_walk *walk, uint32_t ahead);

/* bitswap_fetch_next gives the next block of the DAG when it is there.
 *
 * Returns: OK; ERR_BUSY (it has been asked for: call again when a block of the session has come);
 *          else as dag_walk_next. ERR_UNSUPPORTED also for a hash that cannot be asked for. */
NODISCARD enum err bitswap_fetch_next(struct bitswap_fetch *f, struct dag_walk_item *out,
                                      uint64_t now_ms);

#endif
