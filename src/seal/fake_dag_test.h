/* fake_dag_test: what a host has, small and in memory, for tests and benchmarks: a DAG of blocks
 * and a volume tree with paths. Only tests and bench/ include it. */
#ifndef CRUST_SEAL_FAKE_DAG_TEST_H
#define CRUST_SEAL_FAKE_DAG_TEST_H

#include "base/check.h"
#include "base/prng.h"
#include "codec/dagpb.h"
#include "codec/enclave_types.h"
#include "proof/content.h"
#include "proof/sumtree.h"

#include <stdlib.h>

enum { FAKE_BLOCKS = 64, FAKE_LEAVES = 64 };

struct fake_block {
    struct content_record record;
    uint64_t degree; /* links to it; the root counts one more */
    uint8_t *bytes;
    /* where the enclave put it */
    uint32_t segment, offset;
};

struct fake_dag {
    size_t count;
    struct fake_block blocks[FAKE_BLOCKS]; /* children before parents; the root is the last */
};

static inline struct content_key fake_dag_key(uint32_t codec, struct span bytes)
{
    struct content_key key = { .codec = codec };
    sha256(key.digest, bytes);
    return key;
}

/* Adds a block unless it is there; its index. Freed by fake_dag_free. */
static inline size_t fake_dag_add(struct fake_dag *d, uint32_t codec, struct span bytes)
{
    struct content_key key = fake_dag_key(codec, bytes);
    for (size_t i = 0; i < d->count; i++) {
        if (cid_key_cmp(&d->blocks[i].record.key, &key) == 0)
            return i;
    }
    CHECK(d->count < FAKE_BLOCKS);
    struct fake_block *b = &d->blocks[d->count];
    *b = (struct fake_block){ .bytes = check_dup(bytes.p, bytes.n) };
    content_record_of(&b->record, &key, bytes);
    return d->count++;
}

static inline size_t fake_dag_raw(struct fake_dag *d, uint64_t seed, size_t n)
{
    uint8_t *bytes = malloc(n + 1);
    CHECK(bytes != NULL);
    struct prng g;
    prng_init(&g, seed);
    prng_fill(&g, bytes, n);
    size_t i = fake_dag_add(d, CID_CODEC_RAW, span_of(bytes, n));
    free(bytes);
    return i;
}

/* A dag-pb node over blocks of the DAG, in order, repeats allowed. */
static inline size_t fake_dag_node(struct fake_dag *d, const size_t *children, size_t count)
{
    static uint8_t buf[1 << 16];
    struct writer w = writer_of(buf, sizeof(buf));
    for (size_t i = 0; i < count; i++) {
        uint8_t cid_bytes[CID_SIZE_MAX];
        struct cid cid = cid_of_key(&d->blocks[children[i]].record.key);
        struct writer c = writer_of(cid_bytes, sizeof(cid_bytes));
        cid_write(&c, &cid);
        dagpb_write_link(&w, writer_span(&c), span_str(""), d->blocks[children[i]].record.length);
        d->blocks[children[i]].degree++;
    }
    dagpb_write_data(&w, span_str("\x08\x02"));
    CHECK(w.err == OK);
    return fake_dag_add(d, CID_CODEC_DAG_PB, writer_span(&w));
}

/* A file of count raw blocks of size bytes below one node, the first one linked twice. */
static inline void fake_dag_file(struct fake_dag *d, uint64_t seed, size_t count, size_t size)
{
    size_t children[FAKE_BLOCKS + 1];
    *d = (struct fake_dag){ 0 };
    for (size_t i = 0; i < count; i++)
        children[i] = fake_dag_raw(d, seed * 1000 + i, size - i);
    children[count] = children[0];
    fake_dag_node(d, children, count + 1);
    d->blocks[d->count - 1].degree++;
}

static inline void fake_dag_free(struct fake_dag *d)
{
    for (size_t i = 0; i < d->count; i++)
        free(d->blocks[i].bytes);
    d->count = 0;
}

static inline const struct content_key *fake_dag_root(const struct fake_dag *d)
{
    return &d->blocks[d->count - 1].record.key;
}

/* The blocks' numbers in the order of their records. */
static inline void fake_dag_sort(const struct fake_dag *d, size_t order[FAKE_BLOCKS])
{
    for (size_t i = 0; i < d->count; i++) {
        size_t at = i;
        while (at > 0 &&
               cid_key_cmp(&d->blocks[order[at - 1]].record.key, &d->blocks[i].record.key) > 0) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
}

/* One record as SEAL_RECORDS carries it. */
static inline void fake_dag_counted(uint8_t out[ENCLAVE_COUNTED_SIZE], const struct fake_block *b)
{
    content_record_encode(out, &b->record);
    store_le64(out + CONTENT_RECORD_SIZE, b->degree);
}

/* ---- a volume tree ---- */

struct fake_tree {
    struct merkle_sum leaves[FAKE_LEAVES]; /* the rest of the 2^32 are empty */
};

static inline struct merkle_sum fake_tree_node(const struct fake_tree *t, unsigned level,
                                               uint64_t index)
{
    struct merkle_sum node = { { 0 }, 0 };
    if (index << level >= FAKE_LEAVES)
        return node;
    if (level == 0)
        return t->leaves[index];
    struct merkle_sum l = fake_tree_node(t, level - 1, 2 * index),
                      r = fake_tree_node(t, level - 1, 2 * index + 1);
    CHECK_OK(sumtree_node(&node, &l, &r));
    return node;
}

static inline struct span fake_tree_path(uint8_t buf[ENCLAVE_PATH_MAX], const struct fake_tree *t,
                                         uint32_t index)
{
    struct sumtree_path p;
    struct writer w = writer_of(buf, ENCLAVE_PATH_MAX);
    for (unsigned level = 0; level < SUMTREE_DEPTH; level++)
        p.siblings[level] = fake_tree_node(t, level, (index >> level) ^ 1);
    sumtree_path_encode(&w, &p);
    CHECK(w.err == OK);
    return writer_span(&w);
}

/* The leaf that covers offset, and where it starts. */
static inline uint32_t fake_tree_find(const struct fake_tree *t, uint64_t offset, uint64_t *start)
{
    *start = 0;
    for (uint32_t i = 0; i < FAKE_LEAVES; i++) {
        if (offset - *start < t->leaves[i].sum)
            return i;
        *start += t->leaves[i].sum;
    }
    CHECK(false); /* the offset is below the total */
    return 0;
}

#endif
