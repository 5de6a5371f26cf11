/* tree: the host's copy of the fixed-depth Merkle-sum trees (volume trees), copy-on-write by
 * version, in one LMDB file. Formats: docs/spec/store.md section 10; hashes: the caller's.
 *
 * Versions are numbered from 0 (all trees empty) and form one line. An apply makes the next version
 * of all trees at once; every version from the oldest kept to the newest can be read. Memory is
 * flat. Threads: one writer; readers beside it, up to 64. */
#ifndef CRUST_STORE_TREE_H
#define CRUST_STORE_TREE_H

#include "base/err.h"
#include "base/span.h"

enum {
    TREE_DEPTH = 32,
    TREE_LEAF_DATA_MAX = 1024, /* what the owner keeps with a leaf */
    TREE_SETS_MAX = 4096,      /* leaves in one apply */
    TREE_PATH_MAX = 4 + TREE_DEPTH * 40,
};

/* hash of 32 zero bytes and sum 0: empty. */
struct tree_node {
    uint8_t hash[32];
    uint64_t sum;
};

/* Which tree: the owner packs volume, kind and generation as it likes. */
typedef uint64_t tree_id;

/* The node above two children, at least one of them not empty. ERR_RANGE when the sum overflows. */
typedef enum err (*tree_hash)(struct tree_node *out, const struct tree_node *left,
                              const struct tree_node *right);

struct tree_config {
    const char *path;   /* the LMDB file */
    uint64_t map_bytes; /* address space; 0: 16 GiB */
    tree_hash hash;
};

struct tree_store; /* opaque; given by tree_open, destroyed by tree_close */

NODISCARD enum err tree_open(struct tree_store **out, const struct tree_config *config);
void tree_close(struct tree_store *t);

/* The versions that can be read: oldest <= newest. */
void tree_versions(struct tree_store *t, uint64_t *oldest, uint64_t *newest);

struct tree_set {
    tree_id tree;
    uint32_t index;
    struct tree_node leaf; /* empty: removes */
    struct span data;      /* kept with the leaf; borrowed */
};

/* tree_apply makes the next version in one durable transaction. sets ascend strictly by (tree,
 * index). *version is the new number. On failure nothing has changed. ERR_LIMIT, ERR_FORMAT
 * (order), ERR_RANGE (sum), ERR_FULL, ERR_IO. */
NODISCARD enum err tree_apply(struct tree_store *t, uint64_t *version, const struct tree_set *sets,
                              size_t count);

/* tree_release forgets versions before oldest, at most budget nodes in this call; *more: not done.
 * ERR_RANGE when oldest is beyond the newest. */
NODISCARD enum err tree_release(struct tree_store *t, uint64_t oldest, size_t budget, bool *more);

/* tree_rollback makes version the newest again. ERR_RANGE when it is not kept. */
NODISCARD enum err tree_rollback(struct tree_store *t, uint64_t version);

/* tree_purge removes every node of a tree that no kept version needs any more (a dropped
 * generation), at most budget nodes; *more: not done. The owner must not read it again. */
NODISCARD enum err tree_purge(struct tree_store *t, tree_id tree, size_t budget, bool *more);

/* --- reading: ERR_RANGE for a version that is not kept -----------------------------------------
 */

struct tree_leaf {
    uint32_t index;
    struct tree_node node;
    size_t data_size;
    uint8_t data[TREE_LEAF_DATA_MAX];
};

NODISCARD enum err tree_root(struct tree_store *t, struct tree_node *root, tree_id tree,
                             uint64_t version);

/* ERR_NOT_FOUND when the leaf is empty. */
NODISCARD enum err tree_get(struct tree_store *t, struct tree_leaf *leaf, tree_id tree,
                            uint64_t version, uint32_t index);

/* The path bytes of an index: map u32 LE, then each non-empty sibling from the leaf's level up as
 * hash and sum u64 LE. */
NODISCARD enum err tree_path(struct tree_store *t, uint8_t path[TREE_PATH_MAX], size_t *size,
                             tree_id tree, uint64_t version, uint32_t index);

/* The leaf that holds byte offset of the running sum; *rest is the offset within it. ERR_RANGE when
 * offset is at or beyond the root's sum. */
NODISCARD enum err tree_find(struct tree_store *t, struct tree_leaf *leaf, uint64_t *rest,
                             tree_id tree, uint64_t version, uint64_t offset);

/* The first leaf with an index >= from that is not empty; ERR_NOT_FOUND. */
NODISCARD enum err tree_next(struct tree_store *t, struct tree_leaf *leaf, tree_id tree,
                             uint64_t version, uint32_t from);

/* One above the highest index in use: where contiguous appends go. ERR_FULL at 2^32. */
NODISCARD enum err tree_append_index(struct tree_store *t, uint32_t *index, tree_id tree,
                                     uint64_t version);

#endif
