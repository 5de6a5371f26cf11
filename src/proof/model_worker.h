/* model_worker: a worker that holds real bytes and answers draws, without an enclave. For tests and
 * benchmarks only; static functions. Files are runs of raw blocks made from a seed; an extent is
 * one row. */
#ifndef CRUST_PROOF_MODEL_WORKER_H
#define CRUST_PROOF_MODEL_WORKER_H

#include "base/prng.h"
#include "crypto/ed25519.h"
#include "proof/model_tree.h"
#include "proof/opening.h"
#include "proof/srd.h"

enum { MODEL_FILES = 64, MODEL_BLOCKS = 8, MODEL_VOLUMES = 3, MODEL_BLOCK_SIZE = 5000 };

struct model_file {
    uint64_t seed;
    uint32_t n;
    uint32_t lengths[MODEL_BLOCKS];              /* of block k */
    uint32_t block[MODEL_BLOCKS];                /* which block record i is of */
    struct content_record records[MODEL_BLOCKS]; /* ascending */
    struct merkle_sum record_leaves[MODEL_BLOCKS];
    uint8_t data_root[32];
    uint8_t seal_root[32];
    struct report_file leaf; /* views into this struct */
};

struct model_worker {
    struct ed25519_key key;
    struct work_state state;
    struct model_tree files[MODEL_VOLUMES];
    struct model_tree srd[MODEL_VOLUMES];
    uint32_t op_count;
    size_t ops_size;
    uint8_t ops[REPORT_STEP_SIZE_MAX];
};

static inline void model_block(uint8_t *out, uint64_t seed, uint32_t k, uint32_t length)
{
    struct prng g;
    prng_init(&g, seed * 1000 + k);
    prng_fill(&g, out, length);
}

static inline void model_file_make(struct model_file *f, uint64_t seed, uint32_t n, uint32_t length)
{
    ASSERT(n >= 1 && n <= MODEL_BLOCKS && length <= MODEL_BLOCK_SIZE && length >= MODEL_BLOCKS);
    *f = (struct model_file){ .seed = seed, .n = n };
    for (uint32_t k = 0; k < n; k++) {
        uint8_t block[MODEL_BLOCK_SIZE];
        struct content_key key = { .codec = CID_CODEC_RAW };
        f->lengths[k] = length - k; /* all different, so that the sums mean something */
        model_block(block, seed, k, f->lengths[k]);
        sha256(key.digest, span_of(block, f->lengths[k]));
        uint32_t at = k;
        for (; at > 0 && cid_key_cmp(&f->records[at - 1].key, &key) > 0; at--) {
            f->records[at] = f->records[at - 1];
            f->block[at] = f->block[at - 1];
        }
        content_record_of(&f->records[at], &key, span_of(block, f->lengths[k]));
        f->block[at] = k;
        if (k == 0)
            f->leaf.key = key; /* as if block 0 were the root */
    }
    struct content_data d;
    struct content_commitment c;
    content_data_init(&d);
    for (uint32_t i = 0; i < n; i++) {
        enum err e = content_data_add(&d, &f->records[i]);
        ASSERT(e == OK);
        content_record_leaf(&f->record_leaves[i], &f->records[i]);
    }
    enum err e = content_data_finish(&c, &d);
    ASSERT(e == OK);
    memcpy(f->data_root, c.data_root, 32);
    memset(f->seal_root, (int)(seed & 0xff) | 1, 32);
    f->leaf.size = c.size;
    f->leaf.data_root = f->data_root;
    f->leaf.seal_root = f->seal_root;
}

/* Where the parts of an opening live. */
struct model_buffer {
    uint8_t tree_path[SUMTREE_PATH_SIZE_MAX];
    uint8_t record[CONTENT_RECORD_SIZE];
    uint8_t record_path[CONTENT_RECORD_DEPTH_MAX * CONTENT_NODE_SIZE];
    uint8_t block[MODEL_BLOCK_SIZE];
    uint8_t chunk_path[SRD_DEPTH_MAX][32];
};

static inline void model_open_file(struct report_file_opening *o, struct model_buffer *b,
                                   const struct model_tree *t, const struct model_file *files,
                                   uint64_t offset)
{
    uint64_t rest;
    uint64_t start;
    uint64_t i;
    const struct model_leaf *leaf = model_find(&rest, t, offset);
    const struct model_file *f = &files[leaf->id];
    o->index = leaf->index;
    o->leaf = f->leaf;
    o->tree_path = model_path_bytes(b->tree_path, t, leaf->index);
    enum err e = merkle_sum_find(&i, &start, f->record_leaves, f->n, rest);
    ASSERT(e == OK);
    rest -= start;
    o->record_count = f->n;
    o->record_index = (uint32_t)i;
    content_record_encode(b->record, &f->records[i]);
    o->record = b->record;
    struct writer w = writer_of(b->record_path, sizeof(b->record_path));
    content_record_path(&w, f->record_leaves, f->n, (uint32_t)i);
    ASSERT(w.err == OK);
    o->record_path = writer_span(&w);
    struct span block = { b->block, f->records[i].length };
    model_block(b->block, f->seed, f->block[i], f->records[i].length);
    o->chunk = span_sub(block, rest / CHUNK_SIZE * CHUNK_SIZE, CHUNK_SIZE);
    size_t n = chunk_tree_path(b->chunk_path, &chunk_tree_content, block, rest / CHUNK_SIZE);
    o->chunk_path = span_of(b->chunk_path, n * 32);
}

/* The row of an extent made from a seed, and its leaf; root has 32 bytes. */
static inline void model_extent(struct report_extent *leaf, uint8_t *root, uint8_t *row,
                                uint64_t seed)
{
    struct prng g;
    prng_init(&g, seed);
    prng_fill(&g, row, SRD_ROW_SIZE);
    srd_row_root(root, row);
    *leaf = (struct report_extent){ .root = root, .size = SRD_ROW_SIZE };
}

/* row has SRD_ROW_SIZE bytes and root 32; both are kept as long as the opening is used. */
static inline void model_open_srd(struct report_srd_opening *o, struct model_buffer *b,
                                  const struct model_tree *t, uint8_t *row, uint64_t offset)
{
    uint64_t rest;
    const struct model_leaf *leaf = model_find(&rest, t, offset);
    model_extent(&o->leaf, b->record, row, leaf->id);
    o->index = leaf->index;
    o->tree_path = model_path_bytes(b->tree_path, t, leaf->index);
    o->chunk = span_of(row + rest / CHUNK_SIZE * CHUNK_SIZE, CHUNK_SIZE);
    const uint8_t(*roots)[32] = (const uint8_t(*)[32])b->record;
    o->chunk_path =
        span_of(b->chunk_path, srd_path(b->chunk_path, row, roots, 1, rest / CHUNK_SIZE) * 32);
}

/* Appends an operation and does it on the state (and the caller on the trees). */
static inline void model_op(struct model_worker *w, const struct report_op *op)
{
    struct writer out = writer_of(w->ops + w->ops_size, sizeof(w->ops) - w->ops_size);
    report_op_encode(&out, op);
    ASSERT(out.err == OK);
    w->ops_size += out.len;
    w->op_count++;
    enum err e = work_state_apply(&w->state, op);
    ASSERT(e == OK);
}

#endif
