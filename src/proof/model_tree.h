/* model_tree: a volume tree held whole, the plain way, to test against. For tests and benchmarks
 * only; static functions, so that nothing of it is in the libraries. */
#ifndef CRUST_PROOF_MODEL_TREE_H
#define CRUST_PROOF_MODEL_TREE_H

#include "proof/sumtree.h"

enum { MODEL_LEAVES_MAX = 600 };

struct model_leaf {
    uint32_t index;
    uint32_t id; /* the owner's */
    struct merkle_sum node;
};

/* Ascending by index. */
struct model_tree {
    uint32_t count;
    struct model_leaf leaves[MODEL_LEAVES_MAX];
};

/* The first of the leaves [lo, hi) that lies in the right half at this height. */
static inline uint32_t model_split(const struct model_tree *t, uint32_t lo, uint32_t hi,
                                   unsigned height)
{
    while (lo < hi && (t->leaves[lo].index >> (height - 1) & 1) == 0)
        lo++;
    return lo;
}

static inline void model_subtree(struct merkle_sum *out, const struct model_tree *t, uint32_t lo,
                                 uint32_t hi, unsigned height)
{
    if (lo == hi) {
        *out = (struct merkle_sum){ { 0 }, 0 };
        return;
    }
    if (height == 0) {
        ASSERT(hi - lo == 1);
        *out = t->leaves[lo].node;
        return;
    }
    uint32_t m = model_split(t, lo, hi, height);
    struct merkle_sum l;
    struct merkle_sum r;
    model_subtree(&l, t, lo, m, height - 1);
    model_subtree(&r, t, m, hi, height - 1);
    enum err e = sumtree_node(out, &l, &r);
    ASSERT(e == OK);
}

static inline void model_root(struct merkle_sum *out, const struct model_tree *t)
{
    model_subtree(out, t, 0, t->count, SUMTREE_DEPTH);
}

static inline void model_path(struct sumtree_path *out, const struct model_tree *t, uint32_t index)
{
    uint32_t lo = 0;
    uint32_t hi = t->count;
    for (unsigned height = SUMTREE_DEPTH; height > 0; height--) {
        uint32_t m = model_split(t, lo, hi, height);
        bool right = (index >> (height - 1) & 1) != 0;
        model_subtree(&out->siblings[height - 1], t, right ? lo : m, right ? m : hi, height - 1);
        if (right)
            lo = m;
        else
            hi = m;
    }
}

/* The position of the leaf at index, or of the first above it. */
static inline uint32_t model_lower_bound(const struct model_tree *t, uint32_t index)
{
    uint32_t i = 0;
    while (i < t->count && t->leaves[i].index < index)
        i++;
    return i;
}

static inline void model_insert(struct model_tree *t, uint32_t index, const struct merkle_sum *node,
                                uint32_t id)
{
    uint32_t at = model_lower_bound(t, index);
    ASSERT(t->count < MODEL_LEAVES_MAX && (at == t->count || t->leaves[at].index != index));
    memmove(&t->leaves[at + 1], &t->leaves[at], (t->count - at) * sizeof(t->leaves[0]));
    t->leaves[at] = (struct model_leaf){ .index = index, .id = id, .node = *node };
    t->count++;
}

static inline void model_remove(struct model_tree *t, uint32_t index)
{
    uint32_t at = model_lower_bound(t, index);
    ASSERT(at < t->count && t->leaves[at].index == index);
    t->count--;
    memmove(&t->leaves[at], &t->leaves[at + 1], (t->count - at) * sizeof(t->leaves[0]));
}

/* The leaf that covers offset; *rest is the offset within it. offset is below the total. */
static inline const struct model_leaf *model_find(uint64_t *rest, const struct model_tree *t,
                                                  uint64_t offset)
{
    uint32_t i = 0;
    while (i < t->count && offset >= t->leaves[i].node.sum)
        offset -= t->leaves[i++].node.sum;
    ASSERT(i < t->count);
    *rest = offset;
    return &t->leaves[i];
}

/* Path bytes into a buffer of SUMTREE_PATH_SIZE_MAX. */
static inline struct span model_path_bytes(uint8_t *buffer, const struct model_tree *t,
                                           uint32_t index)
{
    struct sumtree_path path;
    struct writer w = writer_of(buffer, SUMTREE_PATH_SIZE_MAX);
    model_path(&path, t, index);
    sumtree_path_encode(&w, &path);
    ASSERT(w.err == OK);
    return writer_span(&w);
}

#endif
