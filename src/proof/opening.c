#include "proof/opening.h"

#include "proof/srd.h"

/* The chain from a leaf of a volume tree up: the leaf stands at index, and covers offset. Out:
 * *rest, the offset within the leaf. */
static enum err leaf_covers(uint64_t *rest, const struct merkle_sum *root, uint32_t index,
                            const struct merkle_sum *leaf, struct span path_bytes, uint64_t offset)
{
    struct sumtree_path path;
    uint64_t start;
    *rest = 0;
    TRY(sumtree_path_decode(&path, path_bytes));
    TRY(sumtree_verify(&start, root, index, leaf, &path));
    /* SPEC proof 6.2: "the sum P of the left-hand siblings satisfies P <= offset < P + leaf's sum"
     */
    if (offset < start || offset - start >= leaf->sum)
        return ERR_RANGE;
    *rest = offset - start;
    return OK;
}

enum err opening_record(struct content_record *record, uint64_t *rest,
                        const struct merkle_sum *root, uint64_t offset,
                        const struct report_file_opening *o)
{
    struct merkle_sum leaf;
    uint64_t start;
    *record = (struct content_record){ 0 };
    sumtree_file_leaf(&leaf, &o->leaf);
    TRY(leaf_covers(rest, root, o->index, &leaf, o->tree_path, offset));
    const struct content_claim claim = {
        .size = o->leaf.size,
        .data_root = o->leaf.data_root,
        .record_count = o->record_count,
        .index = o->record_index,
        .path = o->record_path,
    };
    /* SPEC proof 6.4: "A record whose codec is not of 1.1 or whose length is above 2,097,152 makes
     * an opening false." */
    TRY(content_record_decode(record, o->record));
    TRY(content_record_verify(&start, record, &claim));
    /* SPEC proof 6.2: "the record covers the rest offset - P in the same way" */
    if (*rest < start || *rest - start >= record->length)
        return ERR_RANGE;
    *rest -= start;
    return OK;
}

enum err opening_file(const struct merkle_sum *root, uint64_t offset,
                      const struct report_file_opening *o)
{
    struct content_record record;
    uint64_t rest;
    TRY(opening_record(&record, &rest, root, offset, o));
    /* SPEC proof 6.3: "Positions, lengths and sides come from the draw and from what is committed
     * to, never from the opening" */
    return chunk_tree_verify(record.chunk_root, &chunk_tree_content, record.length,
                             rest / CHUNK_SIZE, o->chunk, o->chunk_path);
}

enum err opening_srd(const struct merkle_sum *root, uint64_t offset,
                     const struct report_srd_opening *o)
{
    struct merkle_sum leaf;
    uint64_t rest;
    sumtree_extent_leaf(&leaf, &o->leaf);
    TRY(leaf_covers(&rest, root, o->index, &leaf, o->tree_path, offset));
    return srd_verify(o->leaf.root, o->leaf.size, rest / CHUNK_SIZE, o->chunk, o->chunk_path);
}

bool opening_matches(const struct draw_list *draws, const struct report_entry *entry)
{
    if (draws->count != entry->count)
        return false;
    for (uint32_t i = 0; i < draws->count; i++)
        if (draws->draws[i].kind != entry->answers[i].kind ||
            draws->draws[i].j != entry->answers[i].j)
            return false;
    return true;
}

enum err opening_check(const struct work_state *s, const struct draw *draw,
                       const struct report_answer *answer)
{
    ASSERT(draw->kind == answer->kind && !answer->miss);
    const struct work_volume *v = &s->volumes[draw->place.volume];
    if (draw->place.srd)
        return opening_srd(&v->srd.root, draw->place.offset, &answer->u.srd);
    return opening_file(&v->files.root, draw->place.offset, &answer->u.file);
}
