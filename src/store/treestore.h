/* treestore: the host's copy of the fixed-depth Merkle-sum trees (volume trees), copy-on-write by
 * version, in one LMDB file. Formats: docs/spec/store.md section 10; hashes: the caller's.
 *
 * Versions are numbered from 0 (all trees empty) and form one line. An apply makes the next version
 * of all trees at once; every version from the oldest kept to the newest can be read. Memory is
 * flat. Threads: one writer; readers beside it, up to 64. */
#ifndef CRUST_STORE_TREESTORE_H
#define CRUST_STORE_TREESTORE_H

#include "base/err.h"
#include "base/span.h"

enum {
    TREESTORE_DEPTH = 32,
    TREESTORE_LEAF_DATA_MAX = 1024, /* what the owner keeps with a leaf */
    TREESTORE_SETS_MAX = 1024,      /* leaves in one apply */
    TREESTORE_PATH_MAX = 4 + TREESTORE_DEPTH * 40,
};

/* hash of 32 zero bytes and sum 0: empty. */
struct treestore_node {
    uint8_t hash[32];
    uint64_t sum;
};

/* The node above two children, at least one of them not empty. ERR_RANGE when the sum overflows. */
typedef enum err (*treestore_hash)(struct treestore_node *out, const struct treestore_node *left,
                                   const struct treestore_node *right);

struct treestore_config {
    const char *path;   /* the LMDB file */
    uint64_t map_bytes; /* address space; 0: 16 GiB */
    treestore_hash hash;
};

struct treestore; /* opaque; given by treestore_open, destroyed by treestore_close */

NODISCARD enum err treestore_open(struct treestore **out, const struct treestore_config *config);
void treestore_close(struct treestore *t);

/* The versions that can be read: oldest <= newest. */
NODISCARD enum err treestore_versions(struct treestore *t, uint64_t *oldest, uint64_t *newest);

struct treestore_set {
    uint64_t tree; /* which one: the owner packs volume, kind and generation as it likes */
    uint32_t index;
    struct treestore_node leaf; /* empty: removes */
    struct span data;           /* kept with the leaf; borrowed */
};

/* treestore_apply makes the next version in one durable transaction. sets ascend strictly by (tree,
 * index). *version is the new number. On failure nothing has changed. ERR_LIMIT, ERR_FORMAT
 * (order), ERR_RANGE (sum), ERR_FULL, ERR_IO. */
NODISCARD enum err treestore_apply(struct treestore *t, uint64_t *version,
                                   const struct treestore_set *sets, size_t count);

/* treestore_release forgets versions before oldest, at most budget nodes in this call; *more: not
 * done. ERR_RANGE when oldest is beyond the newest. */
NODISCARD enum err treestore_release(struct treestore *t, uint64_t oldest, size_t budget,
                                     bool *more);

/* treestore_rollback makes version the newest again. ERR_RANGE when it is not kept. */
NODISCARD enum err treestore_rollback(struct treestore *t, uint64_t version);

/* treestore_purge removes every node of a tree that no kept version needs any more (a dropped
 * generation), at most budget nodes; *more: not done. The owner must not read it again. */
NODISCARD enum err treestore_purge(struct treestore *t, uint64_t tree, size_t budget, bool *more);

/* treestore_reset empties every tree; version is the oldest and the newest then. treestore_amend
 * sets leaves in the newest version itself: for filling an emptied store. As treestore_apply
 * otherwise; ERR_STATE when older versions are kept. */
NODISCARD enum err treestore_reset(struct treestore *t, uint64_t version);
NODISCARD enum err treestore_amend(struct treestore *t, const struct treestore_set *sets,
                                   size_t count);

/* --- reading: ERR_RANGE for a version that is not kept -----------------------------------------
 */

struct treestore_place {
    uint64_t tree;
    uint64_t version;
    uint32_t index;
};

struct treestore_leaf {
    uint32_t index;
    struct treestore_node node;
    size_t data_size;
    uint8_t data[TREESTORE_LEAF_DATA_MAX];
};

NODISCARD enum err treestore_root(struct treestore *t, struct treestore_node *root, uint64_t tree,
                                  uint64_t version);

/* The first leaf that the change to version has set; ERR_NOT_FOUND when it set none, or when it is
 * the oldest version. */
NODISCARD enum err treestore_changed(struct treestore *t, uint64_t *tree, uint32_t *index,
                                     uint64_t version);

/* ERR_NOT_FOUND when the leaf is empty. */
NODISCARD enum err treestore_get(struct treestore *t, struct treestore_leaf *leaf, uint64_t tree,
                                 uint64_t version, uint32_t index);

/* The path bytes of an index: map u32 LE, then each non-empty sibling from the leaf's level up as
 * hash and sum u64 LE. */
NODISCARD enum err treestore_path(struct treestore *t, uint8_t path[TREESTORE_PATH_MAX],
                                  size_t *size, const struct treestore_place *at);

/* The leaf that holds byte offset of the running sum; *rest is the offset within it. ERR_RANGE when
 * offset is at or beyond the root's sum. */
NODISCARD enum err treestore_find(struct treestore *t, struct treestore_leaf *leaf, uint64_t *rest,
                                  uint64_t tree, uint64_t version, uint64_t offset);

/* The first leaf with an index >= from that is not empty; ERR_NOT_FOUND. */
NODISCARD enum err treestore_next(struct treestore *t, struct treestore_leaf *leaf, uint64_t tree,
                                  uint64_t version, uint32_t from);

/* One above the highest index in use: where contiguous appends go. ERR_FULL at 2^32. */
NODISCARD enum err treestore_append_index(struct treestore *t, uint32_t *index, uint64_t tree,
                                          uint64_t version);

#endif
