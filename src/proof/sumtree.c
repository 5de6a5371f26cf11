#include "proof/sumtree.h"

static const struct span node_tag = { (const uint8_t *)"crust/tree-node/1", 17 };
static const struct merkle_sum empty;

/* Bit `level` of the index says whether the leaf lies in the right half there. */
static bool is_right(uint32_t index, unsigned level)
{
    return (index >> level & 1) != 0;
}

bool sumtree_empty(const struct merkle_sum *node)
{
    return memcmp(node->hash, empty.hash, sizeof(empty.hash)) == 0;
}

enum err sumtree_node(struct merkle_sum *out, const struct merkle_sum *l,
                      const struct merkle_sum *r)
{
    /* SPEC proof 3.2: "The empty subtree of any height has a hash of 32 zero bytes and sum 0, and
     * so has a node over two of them." */
    if (sumtree_empty(l) && sumtree_empty(r)) {
        *out = empty;
        return OK;
    }
    /* SPEC proof 3.2: "A sum that overflows MUST be refused." */
    return merkle_sum_node(out, node_tag, l, r);
}

void sumtree_file_bytes(uint8_t out[SUMTREE_FILE_SIZE], const struct report_file *file)
{
    store_le32(out, file->key.codec);
    memcpy(out + 4, file->key.digest, 32);
    store_le64(out + 36, file->size);
    memcpy(out + 44, file->data_root, 32);
    memcpy(out + 76, file->seal_root, 32);
}

void sumtree_extent_bytes(uint8_t out[SUMTREE_EXTENT_SIZE], const struct report_extent *extent)
{
    memcpy(out, extent->root, 32);
    store_le64(out + 32, extent->size);
}

void sumtree_file_leaf(struct merkle_sum *out, const struct report_file *file)
{
    uint8_t bytes[SUMTREE_FILE_SIZE];
    const struct span part = { bytes, sizeof(bytes) };
    sumtree_file_bytes(bytes, file);
    out->sum = file->size;
    sha256_tagged(out->hash, "crust/file/1", &part, 1);
}

void sumtree_extent_leaf(struct merkle_sum *out, const struct report_extent *extent)
{
    uint8_t bytes[SUMTREE_EXTENT_SIZE];
    const struct span part = { bytes, sizeof(bytes) };
    sumtree_extent_bytes(bytes, extent);
    out->sum = extent->size;
    sha256_tagged(out->hash, "crust/extent/1", &part, 1);
}

enum err sumtree_path_decode(struct sumtree_path *out, struct span in)
{
    struct reader r = reader_of(in);
    *out = (struct sumtree_path){ 0 };
    uint32_t map = read_le32(&r);
    for (unsigned level = 0; level < SUMTREE_DEPTH && r.err == OK; level++) {
        if ((map >> level & 1) == 0)
            continue;
        struct merkle_sum *s = &out->siblings[level];
        read_into(&r, s->hash, sizeof(s->hash));
        s->sum = read_le64(&r);
        /* SPEC proof 3.4: "A listed sibling whose hash is zero MUST be refused." */
        reader_require(&r, r.err != OK || !sumtree_empty(s), ERR_FORMAT);
    }
    /* SPEC proof 3.4: "Nothing may follow." */
    if (reader_finish(&r) != OK)
        *out = (struct sumtree_path){ 0 };
    return r.err;
}

void sumtree_path_encode(struct writer *w, const struct sumtree_path *path)
{
    uint32_t map = 0;
    for (unsigned level = 0; level < SUMTREE_DEPTH; level++)
        if (!sumtree_empty(&path->siblings[level]))
            map |= (uint32_t)1 << level;
    write_le32(w, map);
    for (unsigned level = 0; level < SUMTREE_DEPTH; level++) {
        if ((map >> level & 1) == 0)
            continue;
        write_bytes(w, path->siblings[level].hash, 32);
        write_le64(w, path->siblings[level].sum);
    }
}

/* The ancestor of the leaf at index that stands at a height, 0 being the leaf itself. */
static enum err ancestor(struct merkle_sum *out, uint32_t index, const struct merkle_sum *leaf,
                         const struct sumtree_path *path, unsigned height)
{
    struct merkle_sum node = *leaf;
    *out = empty;
    for (unsigned level = 0; level < height; level++) {
        const struct merkle_sum *s = &path->siblings[level];
        if (is_right(index, level))
            TRY(sumtree_node(&node, s, &node));
        else
            TRY(sumtree_node(&node, &node, s));
    }
    *out = node;
    return OK;
}

enum err sumtree_root(struct merkle_sum *out, uint32_t index, const struct merkle_sum *leaf,
                      const struct sumtree_path *path)
{
    return ancestor(out, index, leaf, path, SUMTREE_DEPTH);
}

enum err sumtree_verify(uint64_t *start, const struct merkle_sum *root, uint32_t index,
                        const struct merkle_sum *leaf, const struct sumtree_path *path)
{
    struct merkle_sum got;
    *start = 0;
    TRY(sumtree_root(&got, index, leaf, path));
    if (!merkle_sum_eq(&got, root))
        return ERR_CORRUPT;
    for (unsigned level = 0; level < SUMTREE_DEPTH; level++)
        if (is_right(index, level))
            *start += path->siblings[level].sum; /* at most the root's sum */
    return OK;
}

enum err sumtree_set(struct merkle_sum *root, uint32_t index, const struct merkle_sum *old,
                     const struct merkle_sum *leaf, const struct sumtree_path *path)
{
    uint64_t start;
    struct merkle_sum next;
    /* SPEC proof 3.5: "old with the path gives the present root, new with the path gives the next."
     */
    TRY(sumtree_verify(&start, root, index, old, path));
    TRY(sumtree_root(&next, index, leaf, path));
    *root = next;
    return OK;
}

enum err sumtree_run_begin(struct sumtree_run *run, const struct merkle_sum *root, uint32_t index,
                           uint32_t count, const struct sumtree_path *path)
{
    ASSERT(count != 0);
    *run = (struct sumtree_run){ 0 };
    if (count - 1 > UINT32_MAX - index)
        return ERR_RANGE;
    uint64_t start;
    TRY(sumtree_verify(&start, root, index, &empty, path));
    /* SPEC proof 3.6: "every right-hand sibling in its path MUST be empty" */
    for (unsigned level = 0; count > 1 && level < SUMTREE_DEPTH; level++)
        if (!is_right(index, level) && !sumtree_empty(&path->siblings[level]))
            return ERR_FORMAT;
    run->root = *root;
    run->path = *path;
    run->next = index;
    return OK;
}

/* From the path of run->next - 1, which now holds run->last, to the path of run->next. The two
 * leaves part at one level: below it the old index is all ones and the new one all zeros, so that
 * the new siblings are empty; at it the sibling is the subtree that holds the old leaf; above it
 * nothing changes. */
static enum err advance(struct sumtree_run *run)
{
    uint32_t old = run->next - 1;
    unsigned level = (unsigned)__builtin_ctz(~old); /* old is not all ones: next has not wrapped */
    struct merkle_sum subtree;
    TRY(ancestor(&subtree, old, &run->last, &run->path, level));
    for (unsigned l = 0; l < level; l++)
        run->path.siblings[l] = empty;
    run->path.siblings[level] = subtree;
    return OK;
}

enum err sumtree_run_add(struct sumtree_run *run, const struct merkle_sum *leaf)
{
    if (sumtree_empty(leaf))
        return ERR_FORMAT;
    if (run->count != 0) {
        /* last stands at next; step past it. run_begin has checked that next does not wrap. */
        run->next++;
        TRY(advance(run));
    }
    run->last = *leaf;
    run->count++;
    return OK;
}

enum err sumtree_run_root(struct merkle_sum *out, const struct sumtree_run *run)
{
    if (run->count == 0) {
        *out = run->root;
        return OK;
    }
    return sumtree_root(out, run->next, &run->last, &run->path);
}
