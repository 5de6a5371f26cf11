/* Any bytes as an attempt whose openings are checked against the root that they themselves give.
 * Nothing may crash, and a tree path that decodes encodes to itself. */
#include "proof/opening.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The root that a leaf with its path gives, if any. */
static bool own_root(struct merkle_sum *root, uint64_t *start, const struct merkle_sum *leaf,
                     uint32_t index, struct span bytes)
{
    struct sumtree_path path;
    uint8_t again[SUMTREE_PATH_SIZE_MAX];
    if (sumtree_path_decode(&path, bytes) != OK)
        return false;
    struct writer w = writer_of(again, sizeof(again));
    sumtree_path_encode(&w, &path);
    ASSERT(w.err == OK && span_eq(writer_span(&w), bytes));
    return sumtree_root(root, index, leaf, &path) == OK &&
           sumtree_verify(start, root, index, leaf, &path) == OK;
}

static void try_file(const struct report_file_opening *o)
{
    struct merkle_sum leaf;
    struct merkle_sum root;
    uint64_t start;
    sumtree_file_leaf(&leaf, &o->leaf);
    if (!own_root(&root, &start, &leaf, o->index, o->tree_path))
        return;
    for (uint64_t at = 0; at < leaf.sum && at < 16 * CHUNK_SIZE; at += CHUNK_SIZE / 2)
        (void)!(opening_file(&root, start + at, o) == OK);
}

static void try_srd(const struct report_srd_opening *o)
{
    struct merkle_sum leaf;
    struct merkle_sum root;
    uint64_t start;
    sumtree_extent_leaf(&leaf, &o->leaf);
    if (!own_root(&root, &start, &leaf, o->index, o->tree_path))
        return;
    for (uint64_t at = 0; at < leaf.sum && at < 16 * CHUNK_SIZE; at += CHUNK_SIZE / 2)
        (void)!(opening_srd(&root, start + at, o) == OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct report_attempt a;
    if (report_attempt_decode(&a, span_of(data, size)) != OK)
        return 0;
    for (uint32_t i = 0; i < a.entry_count; i++) {
        for (uint32_t k = 0; k < a.entries[i].count; k++) {
            const struct report_answer *answer = &a.entries[i].answers[k];
            if (answer->miss)
                continue;
            if (answer->kind == REPORT_ANSWER_FILE || answer->kind == REPORT_ANSWER_RETURN_FILE)
                try_file(&answer->u.file);
            else
                try_srd(&answer->u.srd);
        }
    }
    return 0;
}
