/* How fast the enclave seals, beside the sum of the passes that sealing cannot do without; how fast
 * it fills; and what the real process occupies as files are added.
 *
 * Usage: seal_bench [DIR [FILES]]   DIR: where to write; FILES: to add for the memory table */
#include "enclaved/fake_enclave_test.h"

#include "seal/seal.h"

#include <time.h>

enum { TOTAL = 62 << 20, ROUNDS = 5, BATCH = 64 };

static uint8_t *plain, *sealed;
static int out_fd;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void write_out(const uint8_t *p, size_t n, size_t at)
{
    CHECK(pwrite(out_fd, p, n, (off_t)at) == (ssize_t)n);
}

/* Each pass over blocks of size bytes; the best of ROUNDS, in seconds for TOTAL bytes. */
enum pass { PASS_COPY, PASS_DIGEST, PASS_CHUNKS, PASS_CIPHER, PASS_WRITE, PASS_COUNT };

static double run_pass(enum pass pass, size_t size)
{
    static uint8_t buffer[CONTENT_BLOCK_MAX];
    struct aes_ctr aes;
    uint8_t hash[32], key[32] = { 1 }, iv[16] = { 0 };
    double best = 1e9;
    CHECK_OK(aes_ctr_init(&aes));
    aes_ctr_key(&aes, key, iv);
    for (int round = 0; round < ROUNDS; round++) {
        double begin = seconds();
        for (size_t at = 0; at + size <= TOTAL; at += size) {
            struct span block = { plain + at, size };
            if (pass == PASS_COPY)
                memcpy(buffer, block.p, size);
            else if (pass == PASS_DIGEST)
                sha256(hash, block);
            else if (pass == PASS_CHUNKS)
                content_chunk_root(hash, block);
            else if (pass == PASS_CIPHER)
                aes_ctr_xor(&aes, at, buffer, block);
            else
                write_out(block.p, size, at);
            __asm__ volatile("" ::"r"(buffer), "r"(hash) : "memory");
        }
        double took = seconds() - begin;
        best = took < best ? took : best;
    }
    aes_ctr_fini(&aes);
    return best;
}

/* What the enclave does with a block: copy in, check and encrypt; then the host writes. */
static double run_seal(size_t size, const struct content_key *keys)
{
    static struct seal_session s;
    static uint8_t job[SEAL_SESSION_HEADROOM + CONTENT_BLOCK_MAX];
    struct secret f = { { 1 } };
    double best = 1e9;
    CHECK_OK(aes_ctr_init(&s.aes));
    for (int round = 0; round < ROUNDS; round++) {
        CHECK_OK(seal_session_begin(&s, 1, &keys[0], &f));
        double begin = seconds();
        for (size_t at = 0, i = 0; at + size <= TOTAL; at += size, i++) {
            struct enclave_seal_block_reply placed;
            struct mspan block = { job + SEAL_SESSION_HEADROOM, size };
            memcpy(block.p, plain + at, size);
            CHECK_OK(seal_session_block(&s, &placed, &keys[i], block, random_bytes));
            write_out(block.p, size, at);
        }
        double took = seconds() - begin;
        best = took < best ? took : best;
        seal_session_wipe(&s);
    }
    aes_ctr_fini(&s.aes);
    return best;
}

static void bench_seal(size_t size)
{
    static const char *const names[] = { "copy", "digest", "chunk tree", "AES-CTR", "write" };
    static struct content_key keys[TOTAL / 4096];
    double sum = 0;
    const double mib = (double)(TOTAL / size * size) / 1e6;
    for (size_t i = 0; i < TOTAL / size; i++)
        keys[i] = fake_dag_key(CID_CODEC_RAW, span_of(plain + i * size, size));
    printf("blocks of %zu KiB, MB/s:", size >> 10);
    for (int pass = 0; pass < PASS_COUNT; pass++) {
        double t = run_pass((enum pass)pass, size);
        sum += t;
        printf("  %s %.0f", names[pass], mib / t);
    }
    double ours = run_seal(size, keys);
    printf("\nseal %zu KiB: %.0f MB/s a core; the passes alone %.0f MB/s; ratio %.2f (goal 0.85)\n",
           size >> 10, mib / ours, mib / sum, sum / ours);
}

static void bench_fill(void)
{
    struct aes_ctr aes;
    uint8_t key[32] = { 2 }, iv[16] = { 0 }, row[32];
    CHECK_OK(aes_ctr_init(&aes));
    aes_ctr_key(&aes, key, iv);
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        double begin = seconds();
        for (size_t at = 0; at + SRD_ROW_SIZE <= TOTAL; at += SRD_ROW_SIZE) {
            aes_ctr_keystream(&aes, at, (struct mspan){ sealed, SRD_ROW_SIZE });
            srd_row_root(row, sealed);
        }
        double took = seconds() - begin;
        best = took < best ? took : best;
    }
    printf("fill: %.0f MB/s a core (keystream and chunk tree)\n", (double)TOTAL / 1e6 / best);
    aes_ctr_fini(&aes);
}

/* The left edge of an append-only volume tree: all that an append needs. */
struct edge {
    uint32_t count;
    struct merkle_sum left[SUMTREE_DEPTH];
};

static struct span edge_path(uint8_t buf[ENCLAVE_PATH_MAX], const struct edge *t)
{
    struct sumtree_path p = { 0 };
    struct writer w = writer_of(buf, ENCLAVE_PATH_MAX);
    for (unsigned i = 0; i < SUMTREE_DEPTH; i++) {
        if ((t->count >> i & 1) != 0)
            p.siblings[i] = t->left[i];
    }
    sumtree_path_encode(&w, &p);
    return writer_span(&w);
}

static void edge_add(struct edge *t, const uint8_t leaf[ENCLAVE_LEAF_SIZE])
{
    struct report_file f = seal_state_leaf_decode(leaf);
    struct merkle_sum node;
    unsigned i = 0;
    sumtree_file_leaf(&node, &f);
    for (; (t->count >> i & 1) != 0; i++)
        CHECK_OK(sumtree_node(&node, &t->left[i], &node));
    t->left[i] = node;
    t->count++;
}

static void add_batch(struct fake_enclave *e, struct edge *t)
{
    static uint8_t tickets[BATCH * ENCLAVE_FILE_TICKET_SIZE];
    uint8_t path[ENCLAVE_PATH_MAX], leaves[BATCH][ENCLAVE_LEAF_SIZE];
    struct enclave_reply r;
    for (size_t i = 0; i < BATCH; i++) {
        struct fake_replica f = { 0 };
        fake_dag_raw(&f.dag, t->count + i, 200);
        f.dag.blocks[0].degree = 1;
        CHECK_OK(fake_seal(&e->host, &f, 1));
        memcpy(tickets + i * ENCLAVE_FILE_TICKET_SIZE, f.ticket, ENCLAVE_FILE_TICKET_SIZE);
        memcpy(leaves[i], f.leaf, ENCLAVE_LEAF_SIZE);
        fake_replica_free(&f);
    }
    struct enclave_request m = { .type = ENCLAVE_ADD_FILES };
    m.u.add =
        (struct enclave_add){ 0, t->count, span_of(tickets, sizeof(tickets)), edge_path(path, t) };
    CHECK_OK(fake_change(&e->host, &m));
    for (size_t i = 0; i < BATCH; i++)
        edge_add(t, leaves[i]);
    m = (struct enclave_request){ .type = ENCLAVE_CUT };
    CHECK_OK(fake_ask(&e->host, &r, NULL, &m, (struct span){ NULL, 0 }));
}

static void bench_memory(uint32_t files)
{
    static struct fake_enclave e;
    static struct edge t;
    fake_enclave_open(&e, 0, "4");
    CHECK_OK(fake_start(&e.host));
    printf("resident memory of crust-enclaved (4 workers): %ld KiB with 0 files\n",
           fake_enclave_rss_kib(&e));
    double begin = seconds();
    for (uint32_t next = 64; next <= files; next *= 4) {
        while (t.count < next)
            add_batch(&e, &t);
        printf("resident memory with %u files: %ld KiB\n", t.count, fake_enclave_rss_kib(&e));
        fflush(stdout);
    }
    while (t.count < files)
        add_batch(&e, &t);
    printf("resident memory with %u files: %ld KiB (goal: flat, under 65536); %.0f files/s\n",
           t.count, fake_enclave_rss_kib(&e), t.count / (seconds() - begin));
    fake_enclave_close(&e);
}

int main(int argc, char **argv)
{
    char name[256];
    snprintf(name, sizeof(name), "%s/seal-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (random_init() != OK)
        return 1;
    plain = malloc(TOTAL);
    sealed = malloc(SRD_ROW_SIZE);
    out_fd = mkstemp(name);
    if (plain == NULL || sealed == NULL || out_fd < 0)
        return 1;
    unlink(name);
    struct prng g;
    prng_init(&g, 1);
    prng_fill(&g, plain, TOTAL);
    bench_seal(256 << 10);
    bench_seal(1 << 20);
    bench_fill();
    bench_memory(argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 2000);
    free(plain);
    free(sealed);
    return 0;
}
