#include "crypto/merkle_sum.h"

static const struct merkle_sum zero;

enum err merkle_sum_node(struct merkle_sum *out, struct span tag, const struct merkle_sum *l,
                         const struct merkle_sum *r)
{
    uint64_t sum = 0;
    /* SPEC proof 2.3: "A sum that overflows MUST be refused." */
    if (__builtin_add_overflow(l->sum, r->sum, &sum)) {
        *out = zero;
        return ERR_RANGE;
    }
    uint8_t sums[2][8];
    store_le64(sums[0], l->sum);
    store_le64(sums[1], r->sum);
    const struct span parts[] = { tag, span_of(l->hash, 32), span_of(sums[0], 8),
                                  span_of(r->hash, 32), span_of(sums[1], 8) };
    sha256_tagged(out->hash, "", parts, 5);
    out->sum = sum;
    return OK;
}

bool merkle_sum_eq(const struct merkle_sum *a, const struct merkle_sum *b)
{
    return a->sum == b->sum && memcmp(a->hash, b->hash, sizeof(a->hash)) == 0;
}

void merkle_sum_init(struct merkle_sum_tree *m, struct span tag)
{
    m->tag = tag;
    m->count = 0;
    m->sum = 0;
}

/* A node over leaves whose total is known to fit. */
static void join(struct merkle_sum *out, struct span tag, const struct merkle_sum *l,
                 const struct merkle_sum *r)
{
    enum err e = merkle_sum_node(out, tag, l, r);
    ASSERT(e == OK);
}

enum err merkle_sum_add(struct merkle_sum_tree *m, const struct merkle_sum *leaf)
{
    uint64_t sum = 0;
    if (__builtin_add_overflow(m->sum, leaf->sum, &sum))
        return ERR_RANGE;
    struct merkle_sum node = *leaf;
    size_t b = 0;
    for (; m->count >> b & 1; b++)
        join(&node, m->tag, &m->pending[b], &node);
    m->pending[b] = node;
    m->count++;
    m->sum = sum;
    return OK;
}

void merkle_sum_root(struct merkle_sum *out, const struct merkle_sum_tree *m)
{
    bool any = false;
    *out = zero;
    sha256(out->hash, span_of(NULL, 0));
    for (size_t b = 0; b < MERKLE_DEPTH_MAX; b++) {
        if (!(m->count >> b & 1))
            continue;
        if (any)
            join(out, m->tag, &m->pending[b], out);
        else
            *out = m->pending[b];
        any = true;
    }
}

enum err merkle_sum_root_of(struct merkle_sum *out, struct span tag,
                            const struct merkle_sum *leaves, uint64_t count)
{
    struct merkle_sum_tree m;
    merkle_sum_init(&m, tag);
    *out = zero;
    for (uint64_t i = 0; i < count; i++)
        TRY(merkle_sum_add(&m, &leaves[i]));
    merkle_sum_root(out, &m);
    return OK;
}

enum err merkle_sum_find(uint64_t *index, uint64_t *start, const struct merkle_sum *leaves,
                         uint64_t count, uint64_t offset)
{
    uint64_t at = 0;
    *index = 0;
    *start = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (offset - at < leaves[i].sum) {
            *index = i;
            *start = at;
            return OK;
        }
        at += leaves[i].sum;
    }
    return ERR_RANGE;
}

static uint64_t split(uint64_t count)
{
    return 1ull << (63 - __builtin_clzll(count - 1));
}

size_t merkle_sum_path(struct merkle_sum *path, struct span tag, const struct merkle_sum *leaves,
                       uint64_t count, uint64_t index)
{
    size_t size = merkle_path_size(index, count);
    for (size_t at = size; count > 1;) {
        uint64_t k = split(count);
        enum err e = OK;
        at--;
        if (index < k) {
            e = merkle_sum_root_of(&path[at], tag, leaves + k, count - k);
            count = k;
        } else {
            e = merkle_sum_root_of(&path[at], tag, leaves, k);
            leaves += k;
            count -= k;
            index -= k;
        }
        ASSERT(e == OK);
    }
    return size;
}

enum err merkle_sum_verify(uint64_t *start, const struct merkle_sum *root, struct span tag,
                           const struct merkle_sum *leaf, const struct merkle_sum_proof *proof)
{
    *start = 0;
    uint64_t index = proof->index;
    if (index >= proof->count)
        return ERR_RANGE;
    if (proof->path_count != merkle_path_size(index, proof->count))
        return ERR_FORMAT;
    struct merkle_sum node = *leaf;
    uint64_t before = 0; /* at most node.sum, so it cannot overflow when that does not */
    size_t at = 0;
    for (uint64_t last = proof->count - 1; last != 0; last >>= 1, index >>= 1) {
        if (index & 1) {
            const struct merkle_sum *left = &proof->path[at++];
            TRY(merkle_sum_node(&node, tag, left, &node));
            before += left->sum;
        } else if (index < last) {
            TRY(merkle_sum_node(&node, tag, &node, &proof->path[at++]));
        }
    }
    if (!merkle_sum_eq(&node, root))
        return ERR_CORRUPT;
    *start = before;
    return OK;
}
