/* What commitments and reports cost: the chunk tree beside SHA-256 over the same 1 KiB messages in
 * the same run, and the verification of a report (decoding, signature, a step of one file, two
 * openings of files and two of SRD) of a worker that holds 400,000 files.
 *
 * Usage: proof_bench [FILES]   (files in the worker's tree; default 400000) */
#include "crypto/random.h"
#include "crypto/sha256_pair.h"
#include "proof/model_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCK = 1 << 20, REAL = 8, RUNS = 400 };

static uint8_t block[BLOCK];
static uint8_t row[SRD_ROW_SIZE];
static struct model_file files[REAL];
static struct model_tree srd;
static struct model_buffer buffers[4];
static struct ed25519_key worker;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(enum err e)
{
    if (e == OK)
        return;
    fprintf(stderr, "proof_bench: %s\n", err_name(e));
    exit(1);
}

/* MB/s, the best of some runs: the machine is shared. */
static double speed(void (*step)(uint8_t out[32]))
{
    double best = 0;
    for (int i = 0; i < 10; i++) {
        uint8_t out[32];
        double start = seconds();
        for (int k = 0; k < 20; k++)
            step(out);
        double rate = 20.0 * BLOCK / 1e6 / (seconds() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

static void plain(uint8_t out[32])
{
    for (size_t at = 0; at < BLOCK; at += CHUNK_SIZE)
        sha256(out, span_of(block + at, CHUNK_SIZE));
}

static void tree_content(uint8_t out[32])
{
    content_chunk_root(out, span_of(block, BLOCK));
}

static void tree_srd(uint8_t out[32])
{
    srd_row_root(out, block);
}

static void bench_chunks(void)
{
    struct prng g;
    prng_init(&g, 1);
    prng_fill(&g, block, BLOCK);
    double base = speed(plain);
    double content = speed(tree_content);
    double extent = speed(tree_srd);
    printf("SHA-256 of 1 KiB messages     %8.0f MB/s  (two at once: %s)\n", base,
           sha256_pair_accelerated() ? "yes" : "no");
    printf("chunk tree of 1 MiB blocks    %8.0f MB/s  ratio %.2f\n", content, content / base);
    printf("SRD tree of 1 MiB rows        %8.0f MB/s  ratio %.2f\n", extent, extent / base);
}

/* ---- a tree of many files ----------------------------------------------------------------- */

/* Level by level from the leaves; a real file stands at every count / REAL-th place. */
static struct merkle_sum *levels[SUMTREE_DEPTH + 1];

static void grow(uint32_t count)
{
    struct prng g;
    prng_init(&g, 2);
    uint32_t n = count;
    for (unsigned level = 0; level <= SUMTREE_DEPTH; level++, n = (n + 1) / 2) {
        levels[level] = calloc(n + 2, sizeof(struct merkle_sum));
        if (levels[level] == NULL)
            must(ERR_MEMORY);
        for (uint32_t i = 0; i < n; i++) {
            if (level > 0) {
                must(sumtree_node(&levels[level][i], &levels[level - 1][2 * i],
                                  &levels[level - 1][2 * i + 1]));
                continue;
            }
            prng_fill(&g, levels[0][i].hash, 32);
            levels[0][i].sum = 1000000;
            if (i % (count / REAL) == 0 && i / (count / REAL) < REAL)
                sumtree_file_leaf(&levels[0][i], &files[i / (count / REAL)].leaf);
        }
    }
}

static void path_of(struct sumtree_path *path, uint32_t index, uint32_t count)
{
    uint32_t n = count;
    *path = (struct sumtree_path){ 0 };
    for (unsigned level = 0; level < SUMTREE_DEPTH; level++, n = (n + 1) / 2) {
        uint32_t sibling = (index >> level) ^ 1;
        if (sibling < n)
            path->siblings[level] = levels[level][sibling];
    }
}

static void open_file(struct report_answer *a, struct draw *d, struct model_buffer *b,
                      uint32_t which, uint32_t count)
{
    static struct model_tree one;
    struct merkle_sum leaf;
    struct sumtree_path path;
    uint64_t start;
    uint32_t index = which * (count / REAL);
    uint64_t rest = files[which].leaf.size / 2;
    /* From a tree of this file alone, and then with the path of the large one. */
    one.count = 0;
    sumtree_file_leaf(&leaf, &files[which].leaf);
    model_insert(&one, index, &leaf, which);
    model_open_file(&a->u.file, b, &one, files, rest);
    path_of(&path, index, count);
    struct writer w = writer_of(b->tree_path, sizeof(b->tree_path));
    sumtree_path_encode(&w, &path);
    a->u.file.tree_path = writer_span(&w);
    must(sumtree_verify(&start, &levels[SUMTREE_DEPTH][0], index, &leaf, &path));
    a->kind = d->kind = REPORT_ANSWER_FILE;
    d->place = (struct draw_place){ .volume = 0, .srd = false, .offset = start + rest };
}

static void open_srd(struct report_answer *a, struct draw *d, struct model_buffer *b,
                     uint64_t offset)
{
    model_open_srd(&a->u.srd, b, &srd, row, offset);
    memcpy(b->block, a->u.srd.chunk.p, CHUNK_SIZE);
    a->u.srd.chunk.p = b->block;
    a->kind = d->kind = REPORT_ANSWER_SRD;
    d->place = (struct draw_place){ .volume = 0, .srd = true, .offset = offset };
}

/* A step that adds one file behind the last; out has REPORT_STEP_SIZE_MAX bytes. */
static struct span make_step(uint8_t *out, const struct work_state *before, uint32_t count)
{
    static uint8_t leaf[256], path_bytes[SUMTREE_PATH_SIZE_MAX], ops[4096];
    static uint8_t prev[32], after[32];
    struct work_state s = *before;
    struct sumtree_path path;
    struct writer l = writer_of(leaf, sizeof(leaf)), p = writer_of(path_bytes, sizeof(path_bytes)),
                  o = writer_of(ops, sizeof(ops)), w = writer_of(out, REPORT_STEP_SIZE_MAX);
    report_file_encode(&l, &files[0].leaf);
    path_of(&path, count, count);
    sumtree_path_encode(&p, &path);
    const struct report_op op = { .kind = REPORT_OP_ADD_FILES,
                                  .index = count,
                                  .count = 1,
                                  .leaves = writer_span(&l),
                                  .path = writer_span(&p) };
    report_op_encode(&o, &op);
    must(work_state_apply(&s, &op));
    s.seq++;
    work_state_hash(prev, before);
    work_state_hash(after, &s);
    const struct report_step step = { .state = after,
                                      .prev = prev,
                                      .lineage = before->lineage,
                                      .seq = s.seq,
                                      .op_count = 1,
                                      .ops = writer_span(&o) };
    report_step_encode(&w, &step);
    must(w.err);
    return writer_span(&w);
}

static struct draw draws[4];

static void verify(struct span in, const struct work_state *state)
{
    static struct report r;
    uint8_t input[REPORT_SIGNING_SIZE];
    struct work_state s = *state;
    must(report_decode(&r, in));
    report_signing_input(input, r.step_bytes, r.attempt_bytes);
    must(ed25519_verify(r.signature, span_of(input, sizeof(input)), r.attempt.worker));
    must(work_state_step(&s, &r.step));
    for (uint32_t i = 0; i < 4; i++)
        must(opening_check(state, &draws[i], &r.attempt.entries[0].answers[i]));
}

static void bench_report(uint32_t count)
{
    static struct report_attempt a;
    static uint8_t step_bytes[REPORT_STEP_SIZE_MAX], attempt[REPORT_SIZE_MAX],
        bytes[REPORT_SIZE_MAX];
    uint8_t input[REPORT_SIGNING_SIZE], signature[64];
    struct work_state s;
    work_state_init(&s, worker.public_key);
    s.volumes[0].files = (struct work_tree){ levels[SUMTREE_DEPTH][0], count };
    model_root(&s.volumes[0].srd.root, &srd);
    s.volumes[0].srd.count = srd.count;
    a.chain = a.state = a.beacon = a.account = worker.seed;
    a.worker = worker.public_key;
    a.return_volume = a.suspend_volume = REPORT_NO_VOLUME;
    a.entry_count = 1;
    a.entries[0] = (struct report_entry){ .beacon = worker.seed, .count = 4 };
    struct report_answer *answers = a.entries[0].answers;
    open_file(&answers[0], &draws[0], &buffers[0], 3, count);
    open_file(&answers[1], &draws[1], &buffers[1], 6, count);
    open_srd(&answers[2], &draws[2], &buffers[2], 123456);
    open_srd(&answers[3], &draws[3], &buffers[3], 3 * SRD_ROW_SIZE + 77);
    struct span step = make_step(step_bytes, &s, count);
    struct writer w = writer_of(attempt, sizeof(attempt)), out = writer_of(bytes, sizeof(bytes));
    report_attempt_encode(&w, &a);
    report_signing_input(input, step, writer_span(&w));
    ed25519_sign(signature, span_of(input, sizeof(input)), &worker);
    report_encode(&out, step, writer_span(&w), signature);
    must(out.err);
    double best = 1;
    for (int i = 0; i < RUNS; i++) {
        double start = seconds();
        verify(writer_span(&out), &s);
        double took = seconds() - start;
        best = took < best ? took : best;
    }
    double start = seconds();
    for (int i = 0; i < RUNS; i++)
        verify(writer_span(&out), &s);
    double mean = (seconds() - start) / RUNS;
    printf("report of %zu bytes over %u files: %.3f ms (best %.3f); goal 0.300\n", out.len, count,
           mean * 1e3, best * 1e3);
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 400000;
    const uint8_t seed[32] = { 1 };
    must(random_init());
    if (count < 2 * REAL || count > 100000000) {
        fprintf(stderr, "proof_bench: files: from 16 to 100000000\n");
        return 1;
    }
    ed25519_keypair(&worker, seed);
    bench_chunks();
    for (uint32_t i = 0; i < REAL; i++)
        model_file_make(&files[i], i + 1, MODEL_BLOCKS, MODEL_BLOCK_SIZE);
    for (uint32_t i = 0; i < 5; i++) {
        struct report_extent e;
        struct merkle_sum leaf;
        uint8_t root[32];
        model_extent(&e, root, row, i);
        sumtree_extent_leaf(&leaf, &e);
        model_insert(&srd, i, &leaf, i);
    }
    grow((uint32_t)count);
    bench_report((uint32_t)count);
    return 0;
}
