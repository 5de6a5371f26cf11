#include "proof/work_state.h"

void work_state_init(struct work_state *s, const uint8_t lineage[32])
{
    *s = (struct work_state){ 0 };
    memcpy(s->lineage, lineage, 32);
}

static uint8_t *put_tree(uint8_t *p, const struct work_tree *t)
{
    memcpy(p, t->root.hash, 32);
    store_le64(p + 32, t->root.sum);
    store_le32(p + 40, t->count);
    return p + 44;
}

void work_state_encode(uint8_t out[WORK_STATE_SIZE], const struct work_state *s)
{
    memcpy(out, s->lineage, 32);
    store_le64(out + 32, s->seq);
    uint8_t *p = out + 40;
    for (int v = 0; v < WORK_VOLUMES; v++) {
        store_le32(p, s->volumes[v].generation);
        p = put_tree(p + 4, &s->volumes[v].files);
        p = put_tree(p, &s->volumes[v].srd);
    }
}

void work_state_hash(uint8_t out[32], const struct work_state *s)
{
    uint8_t bytes[WORK_STATE_SIZE];
    work_state_encode(bytes, s);
    const struct span part = { bytes, sizeof(bytes) };
    sha256_tagged(out, "crust/state/1", &part, 1);
}

static void read_tree(struct reader *r, struct work_tree *t)
{
    read_into(r, t->root.hash, 32);
    t->root.sum = read_le64(r);
    t->count = read_le32(r);
    bool is_empty = sumtree_empty(&t->root);
    reader_require(r, is_empty == (t->count == 0), ERR_FORMAT);
    reader_require(r, !is_empty || t->root.sum == 0, ERR_FORMAT);
}

enum err work_state_decode(struct work_state *out, struct span in)
{
    struct reader r = reader_of(in);
    *out = (struct work_state){ 0 };
    read_into(&r, out->lineage, 32);
    out->seq = read_le64(&r);
    for (int v = 0; v < WORK_VOLUMES; v++) {
        out->volumes[v].generation = read_le32(&r);
        read_tree(&r, &out->volumes[v].files);
        read_tree(&r, &out->volumes[v].srd);
    }
    if (reader_finish(&r) != OK)
        *out = (struct work_state){ 0 };
    return r.err;
}

/* The next leaf of an operation, whichever its kind. */
static bool next_leaf(struct merkle_sum *leaf, struct span *leaves, bool srd)
{
    struct report_file file;
    struct report_extent extent;
    if (srd) {
        if (!report_op_extent(&extent, leaves))
            return false;
        sumtree_extent_leaf(leaf, &extent);
        return true;
    }
    if (!report_op_file(&file, leaves))
        return false;
    sumtree_file_leaf(leaf, &file);
    return true;
}

static enum err add_leaves(struct work_tree *t, const struct report_op *op, bool srd)
{
    struct sumtree_path path;
    struct sumtree_run run;
    struct merkle_sum leaf;
    struct merkle_sum root;
    struct span leaves = op->leaves;
    /* SPEC proof 3.7: "A tree counts its leaves: 2^32 - 1 at most." */
    if (op->count > UINT32_MAX - t->count)
        return ERR_RANGE;
    TRY(sumtree_path_decode(&path, op->path));
    TRY(sumtree_run_begin(&run, &t->root, op->index, op->count, &path));
    while (next_leaf(&leaf, &leaves, srd))
        TRY(sumtree_run_add(&run, &leaf));
    TRY(sumtree_run_root(&root, &run));
    t->root = root;
    t->count += op->count;
    return OK;
}

static enum err remove_leaf(struct work_tree *t, const struct report_op *op, bool srd)
{
    const struct merkle_sum empty = { { 0 }, 0 };
    struct sumtree_path path;
    struct merkle_sum leaf;
    struct span leaves = op->leaves;
    TRY(sumtree_path_decode(&path, op->path));
    bool one = next_leaf(&leaf, &leaves, srd);
    ASSERT(one && leaves.n == 0);
    TRY(sumtree_set(&t->root, op->index, &leaf, &empty, &path));
    ASSERT(t->count != 0);
    t->count--;
    return OK;
}

enum err work_state_apply(struct work_state *s, const struct report_op *op)
{
    ASSERT(op->volume < WORK_VOLUMES);
    struct work_volume *v = &s->volumes[op->volume];
    switch (op->kind) {
    case REPORT_OP_ADD_FILES:
        return add_leaves(&v->files, op, false);
    case REPORT_OP_REMOVE_FILE:
        return remove_leaf(&v->files, op, false);
    case REPORT_OP_ADD_EXTENTS:
        return add_leaves(&v->srd, op, true);
    case REPORT_OP_REMOVE_EXTENT:
        return remove_leaf(&v->srd, op, true);
    case REPORT_OP_DROP_VOLUME:
        if (v->generation == UINT32_MAX)
            return ERR_RANGE;
        /* SPEC proof 4.2: "Dropping a volume empties both trees and adds 1 to the generation." */
        *v = (struct work_volume){ .generation = v->generation + 1 };
        return OK;
    }
    ASSERT(false);
    return ERR_FORMAT;
}

enum err work_state_step(struct work_state *s, const struct report_step *step)
{
    uint8_t hash[32];
    work_state_hash(hash, s);
    /* SPEC proof 4.3: "It is right when its lineage is this one's, its seq is the next, its prev is
     * S, each of its operations fits the tree as the one before left it, and the S it names is what
     * comes out." */
    if (memcmp(step->lineage, s->lineage, 32) != 0 || memcmp(step->prev, hash, 32) != 0)
        return ERR_STATE;
    if (s->seq == UINT64_MAX || step->seq != s->seq + 1)
        return ERR_STATE;
    struct work_state next = *s;
    struct span ops = step->ops;
    struct report_op op;
    while (report_op_next(&op, &ops))
        TRY(work_state_apply(&next, &op));
    next.seq++;
    work_state_hash(hash, &next);
    if (memcmp(hash, step->state, 32) != 0)
        return ERR_CORRUPT;
    *s = next;
    return OK;
}
