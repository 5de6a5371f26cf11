/* sumtree: the volume trees, Merkle-sum trees of fixed depth indexed by slot number.
 * Format: docs/spec/proof.md 3. A node is {hash, sum}; the empty subtree of any height is zero in
 * both, and a node is empty when its hash is zero (a file of size 0 has sum 0 and a hash).
 * Who keeps only a root changes it against paths. Pure; no allocation. */
#ifndef CRUST_PROOF_SUMTREE_H
#define CRUST_PROOF_SUMTREE_H

#include "codec/report.h"
#include "crypto/merkle_sum.h"

enum {
    SUMTREE_DEPTH = 32,
    SUMTREE_NODE_SIZE = 40,
    SUMTREE_FILE_SIZE = 108,  /* codec u32 | digest | size u64 | data_root | seal_root */
    SUMTREE_EXTENT_SIZE = 40, /* root | size u64 */
    SUMTREE_PATH_SIZE_MAX = 4 + SUMTREE_DEPTH * SUMTREE_NODE_SIZE,
};

/* The siblings of a leaf, level 0 beside the leaf; empty ones are zero. */
struct sumtree_path {
    struct merkle_sum siblings[SUMTREE_DEPTH];
};

bool sumtree_empty(const struct merkle_sum *node);

/* sumtree_node: ERR_RANGE when the sums overflow; *out zeroed then. Two empty nodes give the empty
 * node. out may be l or r. */
NODISCARD enum err sumtree_node(struct merkle_sum *out, const struct merkle_sum *l,
                                const struct merkle_sum *r);

/* The preimages of the leaves' hashes, behind their tags; also what tickets carry. */
void sumtree_file_bytes(uint8_t out[SUMTREE_FILE_SIZE], const struct report_file *file);
void sumtree_extent_bytes(uint8_t out[SUMTREE_EXTENT_SIZE], const struct report_extent *extent);

void sumtree_file_leaf(struct merkle_sum *out, const struct report_file *file);
void sumtree_extent_leaf(struct merkle_sum *out, const struct report_extent *extent);

/* sumtree_path_decode reads exactly one path: OK, ERR_SHORT, ERR_TRAILING, ERR_FORMAT (an empty
 * sibling is listed). *out zeroed then. */
NODISCARD enum err sumtree_path_decode(struct sumtree_path *out, struct span in);

/* sumtree_path_encode writes at most SUMTREE_PATH_SIZE_MAX bytes. */
void sumtree_path_encode(struct writer *w, const struct sumtree_path *path);

/* The root over leaf at index with these siblings. ERR_RANGE on overflow; *out zeroed then. */
NODISCARD enum err sumtree_root(struct merkle_sum *out, uint32_t index,
                                const struct merkle_sum *leaf, const struct sumtree_path *path);

/* sumtree_verify: OK, ERR_RANGE, ERR_CORRUPT (another root). Out: *start, the sum of the leaves
 * left of index, which is the offset at which this one starts; 0 on failure. */
NODISCARD enum err sumtree_verify(uint64_t *start, const struct merkle_sum *root, uint32_t index,
                                  const struct merkle_sum *leaf, const struct sumtree_path *path);

/* sumtree_set puts leaf in place of old: OK; ERR_CORRUPT (old does not stand there), ERR_RANGE;
 * *root is unchanged then. leaf and old may be empty. */
NODISCARD enum err sumtree_set(struct merkle_sum *root, uint32_t index,
                               const struct merkle_sum *old, const struct merkle_sum *leaf,
                               const struct sumtree_path *path);

/* A run of leaves put at empty places, one after the other, against the path of the first. */
struct sumtree_run {
    struct merkle_sum root;   /* the tree before the run */
    struct merkle_sum last;   /* the leaf added last */
    struct sumtree_path path; /* of last, or of the first leaf to come */
    uint32_t next;            /* the index of that leaf */
    uint32_t count;           /* leaves added */
};

/* sumtree_run_begin: leaf index is empty and path is its path; when more than one leaf follows,
 * every right-hand sibling must be empty as well. OK, ERR_CORRUPT (path or place), ERR_FORMAT (a
 * right sibling), ERR_RANGE (index + count above 2^32). count is at least 1 (asserted). */
NODISCARD enum err sumtree_run_begin(struct sumtree_run *run, const struct merkle_sum *root,
                                     uint32_t index, uint32_t count,
                                     const struct sumtree_path *path);

/* sumtree_run_add appends one leaf: OK, ERR_RANGE (overflow), ERR_FORMAT (an empty leaf). No more
 * of them than count (asserted by the caller's own loop). */
NODISCARD enum err sumtree_run_add(struct sumtree_run *run, const struct merkle_sum *leaf);

/* The root after the run. ERR_RANGE on overflow; *out zeroed then. */
NODISCARD enum err sumtree_run_root(struct merkle_sum *out, const struct sumtree_run *run);

#endif
