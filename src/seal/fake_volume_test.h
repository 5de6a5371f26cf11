/* fake_volume_test: the fake host's disks: adding files and extents to the trees, and answering the
 * draws of a report. Only tests and bench/ include it. */
#ifndef CRUST_SEAL_FAKE_VOLUME_TEST_H
#define CRUST_SEAL_FAKE_VOLUME_TEST_H

#include "seal/fake_host_test.h"
#include "seal/seal_session.h"
#include "seal/seal_state.h"

struct fake_volume {
    struct fake_tree files, srd;
    struct fake_replica *replicas[FAKE_LEAVES];
    struct fake_extent *extents[FAKE_LEAVES];
};

static inline enum err fake_change(struct fake_host *h, const struct enclave_request *m)
{
    struct enclave_reply r;
    TRY(fake_ask(h, &r, NULL, m, (struct span){ NULL, 0 }));
    fake_keep(h, r.u.record.record);
    return OK;
}

/* Asks to add the replicas from index on; the volume's tree follows when the enclave agrees. */
static inline enum err fake_add_files(struct fake_host *h, struct fake_volume *v, uint32_t volume,
                                      uint32_t index, struct fake_replica **files, size_t count)
{
    uint8_t tickets[16 * ENCLAVE_FILE_TICKET_SIZE], path[ENCLAVE_PATH_MAX];
    CHECK(count <= 16);
    for (size_t i = 0; i < count; i++)
        memcpy(tickets + i * ENCLAVE_FILE_TICKET_SIZE, files[i]->ticket, ENCLAVE_FILE_TICKET_SIZE);
    struct enclave_request m = { .type = ENCLAVE_ADD_FILES };
    m.u.add =
        (struct enclave_add){ volume, index, span_of(tickets, count * ENCLAVE_FILE_TICKET_SIZE),
                              fake_tree_path(path, &v->files, index) };
    TRY(fake_change(h, &m));
    for (size_t i = 0; i < count; i++) {
        struct report_file f = seal_state_leaf_decode(files[i]->leaf);
        sumtree_file_leaf(&v->files.leaves[index + i], &f);
        v->replicas[index + i] = files[i];
    }
    return OK;
}

static inline enum err fake_fill(struct fake_host *h, struct fake_extent *x, uint64_t size)
{
    struct enclave_reply r;
    struct span bulk;
    struct enclave_request m = { .type = ENCLAVE_FILL_BEGIN, .u.fill_begin.size = size };
    TRY(fake_ask(h, &r, NULL, &m, (struct span){ NULL, 0 }));
    fake_keep(h, r.u.begin.record);
    const uint64_t number = r.u.begin.number;
    x->size = size;
    x->bytes = malloc(size);
    CHECK(x->bytes != NULL);
    for (uint64_t at = 0; at < size; at += SRD_ROW_SIZE) {
        m = (struct enclave_request){ .type = ENCLAVE_FILL_NEXT, .u.number.number = number };
        TRY(fake_ask(h, &r, &bulk, &m, (struct span){ NULL, 0 }));
        CHECK(r.u.fill_next.offset == at && bulk.n == SRD_ROW_SIZE);
        memcpy(x->bytes + at, bulk.p, bulk.n);
    }
    TRY(fake_number(h, &r, ENCLAVE_FILL_END, number));
    memcpy(x->root, r.u.fill_end.root, 32);
    memcpy(x->ticket, r.u.fill_end.ticket, sizeof(x->ticket));
    return OK;
}

static inline enum err fake_add_extent(struct fake_host *h, struct fake_volume *v, uint32_t volume,
                                       uint32_t index, struct fake_extent *x)
{
    uint8_t path[ENCLAVE_PATH_MAX];
    struct enclave_request m = { .type = ENCLAVE_ADD_EXTENTS };
    m.u.add = (struct enclave_add){ volume, index, span_of(x->ticket, sizeof(x->ticket)),
                                    fake_tree_path(path, &v->srd, index) };
    TRY(fake_change(h, &m));
    const struct report_extent e = { x->root, x->size };
    sumtree_extent_leaf(&v->srd.leaves[index], &e);
    v->extents[index] = x;
    return OK;
}

static inline enum err fake_remove_file(struct fake_host *h, struct fake_volume *v, uint32_t volume,
                                        uint32_t index)
{
    uint8_t path[ENCLAVE_PATH_MAX];
    struct enclave_request m = { .type = ENCLAVE_REMOVE_FILE };
    m.u.remove_file.volume = volume;
    m.u.remove_file.index = index;
    memcpy(m.u.remove_file.leaf, v->replicas[index]->leaf, ENCLAVE_LEAF_SIZE);
    m.u.remove_file.path = fake_tree_path(path, &v->files, index);
    TRY(fake_change(h, &m));
    v->files.leaves[index] = (struct merkle_sum){ { 0 }, 0 };
    return OK;
}

/* The answer to a draw over a file, in memory that lives until the next one. */
static inline struct enclave_request fake_file_answer(const struct fake_volume *v, uint32_t draw,
                                                      uint64_t offset, struct span *bulk)
{
    static uint8_t path[ENCLAVE_PATH_MAX], record_path[ENCLAVE_RECORD_PATH_MAX];
    static uint8_t seal_path[32][32];
    uint64_t start;
    uint32_t index = fake_tree_find(&v->files, offset, &start);
    const struct fake_replica *f = v->replicas[index];
    size_t order[FAKE_BLOCKS];
    struct merkle_sum leaves[FAKE_BLOCKS];
    fake_dag_sort(&f->dag, order);
    for (size_t i = 0; i < f->dag.count; i++)
        content_record_leaf(&leaves[i], &f->dag.blocks[order[i]].record);
    uint64_t at, leaf_start;
    CHECK_OK(merkle_sum_find(&at, &leaf_start, leaves, f->dag.count, offset - start));
    const struct fake_block *b = &f->dag.blocks[order[at]];
    struct writer w = writer_of(record_path, sizeof(record_path));
    content_record_path(&w, leaves, (uint32_t)f->dag.count, (uint32_t)at);
    uint8_t hashes[FAKE_SEGMENTS][32];
    for (uint32_t i = 0; i < f->segment_count; i++)
        seal_session_segment_leaf(hashes[i], i, f->segments[i].length, f->segments[i].wrapped);
    size_t steps = merkle_path(seal_path, &seal_session_tags, (const uint8_t(*)[32])hashes,
                               f->segment_count, b->segment);
    struct enclave_request m = { .type = ENCLAVE_REPORT_FILE };
    struct enclave_report_file *r = &m.u.report_file;
    *r = (struct enclave_report_file){ .draw = draw,
                                       .index = index,
                                       .path = fake_tree_path(path, &v->files, index),
                                       .record_count = f->dag.count,
                                       .record_index = at,
                                       .record_path = writer_span(&w),
                                       .segment = b->segment,
                                       .segment_count = f->segment_count,
                                       .segment_length = f->segments[b->segment].length,
                                       .offset = b->offset,
                                       .seal_path = span_of(seal_path, steps * 32) };
    memcpy(r->leaf, f->leaf, sizeof(r->leaf));
    memcpy(r->wrapped, f->segments[b->segment].wrapped, sizeof(r->wrapped));
    content_record_encode(r->record, &b->record);
    *bulk = span_of(f->segments[b->segment].bytes + b->offset, b->record.length);
    return m;
}

static inline struct enclave_request fake_extent_answer(const struct fake_volume *v, uint32_t draw,
                                                        uint64_t offset, struct span *bulk)
{
    static uint8_t path[ENCLAVE_PATH_MAX], chunk_path[SRD_DEPTH_MAX][32], rows[1024][32];
    uint64_t start;
    uint32_t index = fake_tree_find(&v->srd, offset, &start);
    const struct fake_extent *x = v->extents[index];
    const uint64_t chunk = (offset - start) / CHUNK_SIZE, row_count = x->size / SRD_ROW_SIZE;
    for (uint64_t i = 0; i < row_count; i++)
        srd_row_root(rows[i], x->bytes + i * SRD_ROW_SIZE);
    size_t steps = srd_path(chunk_path, x->bytes + chunk / 1024 * SRD_ROW_SIZE,
                            (const uint8_t(*)[32])rows, row_count, chunk);
    struct enclave_request m = { .type = ENCLAVE_REPORT_EXTENT };
    m.u.report_extent = (struct enclave_report_extent){
        .draw = draw,
        .index = index,
        .size = x->size,
        .path = fake_tree_path(path, &v->srd, index),
        .chunk_path = span_of(chunk_path, steps * 32),
    };
    memcpy(m.u.report_extent.root, x->root, 32);
    *bulk = span_of(x->bytes + chunk * CHUNK_SIZE, CHUNK_SIZE);
    return m;
}

/* The honest answer to a draw as REPORT_DRAWS describes it. */
static inline struct enclave_request fake_answer(const struct fake_volume *volumes, uint32_t draw,
                                                 const uint8_t info[ENCLAVE_DRAW_SIZE],
                                                 struct span *bulk)
{
    const struct fake_volume *v = &volumes[info[2]];
    return info[1] % 2 == 0 ? fake_file_answer(v, draw, load_le64(info + 8), bulk)
                            : fake_extent_answer(v, draw, load_le64(info + 8), bulk);
}

#endif
