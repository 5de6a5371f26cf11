/* block_tee: a block_sink that hands each distinct block to an observer on its way to another sink:
 * how the commitment to a file (docs/spec/proof.md 2) is made while it is added. Pure. */
#ifndef CRUST_IPFS_BLOCK_TEE_H
#define CRUST_IPFS_BLOCK_TEE_H

#include "ipfs/dag_walk.h"

/* Called once for each different (codec, digest), with the bytes; an error stops the put. */
typedef enum err (*block_tee_fn)(void *ctx, const struct content_key *key, struct span data);

struct block_tee {
    const struct block_sink *next;    /* kept; NULL: the blocks go nowhere else (a dry run) */
    const struct dag_walk_seen *seen; /* kept; dag_walk_table for DAGs that fit in memory */
    block_tee_fn observe;
    void *ctx;
};

/* The interface; valid while t is and does not move. put gives next's and observe's errors, and
 * ERR_LIMIT when seen is full; commit and pin go to next (NULL: OK). */
struct block_sink block_tee_sink(struct block_tee *t);

#endif
