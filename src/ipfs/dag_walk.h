/* dag_walk: visits a DAG of raw, dag-pb and dag-cbor blocks depth first, in link order, each block
 * before its children: the order of a CAR, and the marking of pins. Without recursion: what is
 * still to visit lies as CIDs in the caller's memory. Pure. */
#ifndef CRUST_IPFS_DAG_WALK_H
#define CRUST_IPFS_DAG_WALK_H

#include "ipfs/dag_block.h"

/* Remembers which blocks have been visited. */
struct dag_walk_seen {
    void *ctx;
    /* Adds key; *fresh says whether it was new. ERR_LIMIT when it can remember no more. */
    enum err (*add)(void *ctx, bool *fresh, const struct content_key *key);
};

struct dag_walk {
    const struct block_source *source;
    const struct dag_walk_seen *seen;
    struct mspan block; /* for one block */
    struct mspan stack; /* CIDs to visit, the next one on top: bytes, then a length byte */
    size_t used;
    struct cid cid;
    bool taken;  /* cid is off the stack and not yet delivered: the source failed */
    bool opened; /* the links of the block delivered last are still to be pushed */
    struct span last;
};

struct dag_walk_item {
    struct cid cid;
    struct span block; /* borrowed until the next call */
    bool end;
};

/* Begins at root. Everything is kept. seen may be NULL: then a block is visited as often as it is
 * linked, which can be astronomically often, so the caller stops it. stack takes 38 bytes for each
 * link of the nodes between the root and the block that is visited. */
void dag_walk_init(struct dag_walk *w, const struct block_source *source, struct mspan block,
                   struct mspan stack, const struct dag_walk_seen *seen);
NODISCARD enum err dag_walk_add(struct dag_walk *w, const struct cid *root);

/* dag_walk_next gives the next block. Identity CIDs are visited too: they may hold links.
 *
 * Returns: OK; ERR_LIMIT (stack or seen set full, block too large); ERR_FORMAT, ERR_SHORT,
 *          ERR_TRAILING (a malformed block: it has been delivered before); ERR_UNSUPPORTED (a codec
 *          whose links we do not know, a hash); the source's errors, after which the same call may
 *          be made again. */
NODISCARD enum err dag_walk_next(struct dag_walk *w, struct dag_walk_item *out);

/* ---- a seen set of fixed size ---------------------------------------------------------------- */

enum { DAG_WALK_SLOT = 37 };

struct dag_walk_table {
    struct mspan slots; /* kept */
    size_t slot_count, used;
};

/* memory holds up to three quarters of n / DAG_WALK_SLOT keys. */
void dag_walk_table_init(struct dag_walk_table *t, struct mspan memory);
struct dag_walk_seen dag_walk_table_seen(struct dag_walk_table *t);

#endif
