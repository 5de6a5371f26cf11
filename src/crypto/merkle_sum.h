/* merkle_sum: the tree of crypto/merkle.h in which every node carries the sum of its leaves, so
 * that a byte offset can be opened: leaf i covers the sum(leaf i) offsets after those of the leaves
 * before it.
 *
 *   node(L, R) = { SHA-256(tag || L.hash || LE64(L.sum) || R.hash || LE64(R.sum)), L.sum + R.sum }
 * A sum above 2^64 - 1 is refused. Leaves are made by the caller, with a tag of their own. The
 * shape is RFC 6962's; no leaves: { SHA-256(""), 0 }. The root's own sum is not under the root's
 * hash when there is one leaf: commit to {hash, sum} together. Pure; no allocation. */
#ifndef CRUST_CRYPTO_MERKLE_SUM_H
#define CRUST_CRYPTO_MERKLE_SUM_H

#include "crypto/merkle.h"

struct merkle_sum {
    uint8_t hash[MERKLE_HASH_SIZE];
    uint64_t sum;
};

/* merkle_sum_node: ERR_RANGE when the sums overflow; *out is zeroed then. out may be l or r. */
NODISCARD enum err merkle_sum_node(struct merkle_sum *out, struct span tag,
                                   const struct merkle_sum *l, const struct merkle_sum *r);

bool merkle_sum_eq(const struct merkle_sum *a, const struct merkle_sum *b);

/* A root under way. About 2.5 KiB. */
struct merkle_sum_tree {
    struct span tag; /* kept until the last use */
    uint64_t count;
    uint64_t sum; /* of all leaves */
    struct merkle_sum pending[MERKLE_DEPTH_MAX];
};

void merkle_sum_init(struct merkle_sum_tree *m, struct span tag);

/* merkle_sum_add: ERR_RANGE when the total would overflow; nothing is added then. */
NODISCARD enum err merkle_sum_add(struct merkle_sum_tree *m, const struct merkle_sum *leaf);

void merkle_sum_root(struct merkle_sum *out, const struct merkle_sum_tree *m);

/* merkle_sum_root_of: ERR_RANGE when the total overflows; *out is zeroed then. */
NODISCARD enum err merkle_sum_root_of(struct merkle_sum *out, struct span tag,
                                      const struct merkle_sum *leaves, uint64_t count);

/* merkle_sum_find gives the leaf that covers offset, and the offset at which that leaf starts.
 * Leaves of sum 0 cover nothing. ERR_RANGE: offset is not below the total. */
NODISCARD enum err merkle_sum_find(uint64_t *index, uint64_t *start,
                                   const struct merkle_sum *leaves, uint64_t count,
                                   uint64_t offset);

/* merkle_sum_path writes the path of leaf index, its neighbour first; path has room for
 * merkle_path_size(index, count) nodes. The total must not overflow, as merkle_sum_root_of tells
 * (asserted). */
size_t merkle_sum_path(struct merkle_sum *path, struct span tag, const struct merkle_sum *leaves,
                       uint64_t count, uint64_t index);

struct merkle_sum_proof {
    uint64_t index;
    uint64_t count;
    const struct merkle_sum *path;
    size_t path_count;
};

/* merkle_sum_verify checks that leaf stands at index among count leaves under root, hash and sum.
 * Out:     *start, the sum of the leaves before it; 0 on failure.
 * Returns: OK, ERR_RANGE (index not below count, or an overflow), ERR_FORMAT (a path of the wrong
 *          length), ERR_CORRUPT (another root or another total). */
NODISCARD enum err merkle_sum_verify(uint64_t *start, const struct merkle_sum *root,
                                     struct span tag, const struct merkle_sum *leaf,
                                     const struct merkle_sum_proof *proof);

#endif
