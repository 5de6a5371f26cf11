/* unixfs_path: resolves a path below a root CID, one block at a time, without any input or output:
 * the caller fetches the block of p->cid and steps. Through flat and sharded directories, plain
 * dag-pb link names, and dag-cbor maps and lists. Symlinks are not followed. Pure.
 *
 *   unixfs_path_init(&p, &root, path);
 *   while (!p.done) { fetch the block of p.cid; TRY(unixfs_path_step(&p, block)); }
 */
#ifndef CRUST_IPFS_UNIXFS_PATH_H
#define CRUST_IPFS_UNIXFS_PATH_H

#include "base/err.h"
#include "codec/cid.h"

enum {
    UNIXFS_PATH_MAX = 16 * 1024, /* bytes of a path */
    UNIXFS_PATH_STEPS = 1024, /* blocks on the way: links that lead to links have no other bound */
};

struct unixfs_path {
    struct cid cid;   /* the block to look at next; when done, the target */
    struct span rest; /* what is still to resolve; borrowed from the path */
    struct span name; /* of the last segment taken; empty for the root */
    bool done;
    /* When done: the part of the path that leads to a value inside the dag-cbor block of cid. */
    struct span inside;
    bool in_shard; /* rest's first segment is being looked up in a HAMT */
    uint32_t bits; /* of its hash used so far */
    uint32_t steps;
};

/* Splits at '/'; empty segments and "." are skipped. path is kept.
 * ERR_LIMIT (too long), ERR_DENIED (a ".." segment: the caller resolves those in URLs). */
NODISCARD enum err unixfs_path_init(struct unixfs_path *p, const struct cid *root,
                                    struct span path);

/* unixfs_path_step looks at the block of p->cid and moves p->cid on.
 *
 * Returns: OK; ERR_NOT_FOUND (there is no such name); ERR_FORMAT, ERR_SHORT, ERR_TRAILING (the
 * block is malformed); ERR_UNSUPPORTED (a codec without paths); ERR_LIMIT (too many steps). p->cid
 * stands on failure. */
NODISCARD enum err unixfs_path_step(struct unixfs_path *p, struct span block);

/* The same for a block of another codec whose value the caller has as DAG-CBOR. */
NODISCARD enum err unixfs_path_step_value(struct unixfs_path *p, struct span cbor);

/* The value that `inside` leads to in a block's DAG-CBOR, which has been stepped through: its
 * item's bytes, borrowed. ERR_NOT_FOUND; ERR_FORMAT, ERR_SHORT, ERR_LIMIT. */
NODISCARD enum err unixfs_path_value(struct span *out, struct span cbor, struct span inside);

#endif
