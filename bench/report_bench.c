/* How long a report takes at several inventories, from the question to the signed answer, through
 * the real crust-ipfsd and crust-enclaved: step, public draws and all private inspections, which
 * grow with the root of the inventory (64 + ceil(sqrt(leaves))). Every file is really sealed and
 * every report is checked as the chain checks it. The memory of the enclave stands beside it.
 *
 * Usage: report_bench [DIR [FILES...]]   ascending; DIR: for the node, some 12 KiB a file. Sealing
 * syncs much: on a DIR in memory (/dev/shm) 40,000 files take a minute, elsewhere many. */
#include "base/prng.h"
#include "codec/cid.h"
#include "ipfsd/fake_chain_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { STEP = 500, REPORTS = 15, SEALERS = 3, BLOCK = 1000, COUNTS_MAX = 16 };

static struct fake_chain chain; /* large for a stack */
static struct fake_node node;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct node_status status(void)
{
    struct ipc_msg reply;
    struct node_status s;
    uint8_t body[8];
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_none(&w);
    CHECK_OK(ipc_sink_call(&node.ipc, &reply, NODE_STATUS, writer_span(&w)));
    CHECK_OK(node_msg_decode_status(&s, reply.body));
    return s;
}

static struct block_key make_block(uint8_t block[BLOCK], uint32_t number)
{
    struct prng g;
    struct block_key key = { .codec = CID_CODEC_RAW };
    prng_init(&g, number);
    prng_fill(&g, block, BLOCK);
    sha256(key.digest, span_of(block, BLOCK));
    return key;
}

/* What the sealing threads share. */
static atomic_uint next_file;
static uint32_t end_file;

static void seal_one(struct ipc_sink *ipc, uint32_t number)
{
    uint8_t body[4096], block[BLOCK];
    struct ipc_msg reply;
    struct node_sealed out;
    const struct block_key key = make_block(block, number);
    struct node_seal m = { .key.codec = (uint32_t)key.codec, .size_max = 1 << 20 };
    memcpy(m.key.digest, key.digest, 32);
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_seal(&w, &m);
    CHECK_OK(w.err);
    const struct ipc_msg rq = { .type = NODE_SEAL, .body = writer_span(&w) };
    CHECK_OK(ipc_sink_call_long(ipc, &reply, &rq, NULL, NULL));
    CHECK_OK(node_msg_decode_sealed(&out, reply.body));
}

static void *sealer(void *ctx)
{
    struct ipc_sink ipc = { 0 };
    (void)ctx;
    CHECK_OK(ipc_sink_connect(&ipc, node.socket));
    for (;;) {
        uint32_t i = atomic_fetch_add(&next_file, 1);
        if (i >= end_file)
            break;
        seal_one(&ipc, i);
    }
    ipc_sink_close(&ipc);
    return NULL;
}

/* Files [from, to) are put, sealed and told to the chain. */
static void add_files(uint32_t from, uint32_t to)
{
    pthread_t threads[SEALERS];
    struct block_sink sink = ipc_sink_interface(&node.ipc);
    for (uint32_t i = from; i < to; i++) {
        uint8_t block[BLOCK];
        const struct block_key key = make_block(block, i);
        CHECK_OK(block_sink_put(&sink, &key, span_of(block, BLOCK)));
    }
    CHECK_OK(block_sink_commit(&sink));
    atomic_store(&next_file, from);
    end_file = to;
    for (size_t i = 0; i < SEALERS; i++)
        CHECK(pthread_create(&threads[i], NULL, sealer, NULL) == 0);
    for (size_t i = 0; i < SEALERS; i++)
        pthread_join(threads[i], NULL);
    do {
        fake_chain_slot(&chain, &node);
        CHECK(chain.misses == 0 && chain.failed == 0);
    } while (chain.stepped);
}

static long enclave_rss_kib(void)
{
    char path[64], line[256] = "";
    long kib = -1;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)node.process.pid,
             (int)node.process.pid);
    FILE *f = fopen(path, "r");
    CHECK(f != NULL && fgets(line, sizeof(line), f) != NULL);
    fclose(f);
    snprintf(path, sizeof(path), "/proc/%ld/status", strtol(line, NULL, 10));
    f = fopen(path, "r");
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    }
    fclose(f);
    return kib;
}

static int by_time(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Some slots without changes; seconds of the fastest per inspection, private and public. */
static double measure(uint32_t files)
{
    double took[REPORTS];
    uint32_t root = 0;
    while ((uint64_t)root * root < files)
        root++;
    const uint32_t inspections = 64 + root + FAKE_DRAWS;
    for (size_t i = 0; i < REPORTS; i++) {
        fake_chain_next_slot(&chain);
        double begin = seconds();
        CHECK_OK(fake_chain_ask(&chain, &node, true));
        took[i] = seconds() - begin;
        fake_chain_apply(&chain, true);
        fake_chain_tell(&chain, &node);
        CHECK(!chain.stepped && chain.misses == 0 && chain.failed == 0);
        CHECK(chain.opened == FAKE_DRAWS);
    }
    qsort(took, REPORTS, sizeof(took[0]), by_time);
    printf("%7u files: a report takes %.1f ms (median %.1f) for %u inspections, %.0f us each; "
           "crust-enclaved %ld KiB\n",
           files, took[0] * 1e3, took[REPORTS / 2] * 1e3, inspections, took[0] * 1e6 / inspections,
           enclave_rss_kib());
    fflush(stdout);
    return took[0] / inspections;
}

static void start(const char *dir)
{
    static char home[64];
    const char *args[] = { "--store-reserve", "0",     "--no-gateway",      "--storage",
                           "--chain-id",      "bench", "--disks",           "disk",
                           "--disk-reserve",  "0",     "--enclave-workers", "2" };
    fake_node_open(&node, args, sizeof(args) / sizeof(args[0]));
    CHECK(rmdir(node.home) == 0);
    CHECK(snprintf(home, sizeof(home), "%s/report-XXXXXX", dir) < (int)sizeof(home));
    CHECK(mkdtemp(home) != NULL);
    memcpy(node.home, home, sizeof(home));
    snprintf(node.socket, sizeof(node.socket), "%s/ipfsd.sock", node.home);
    fake_node_start(&node);
    const struct node_status s = status();
    fake_chain_open(&chain, "bench", s.worker, s.lineage);
}

int main(int argc, char **argv)
{
    const char *list[COUNTS_MAX] = { "1000", "10000" };
    int count = 2;
    double first = 0, last = 0;
    uint32_t files = 0;
    if (argc > 2) {
        for (count = 0; count < argc - 2 && count < COUNTS_MAX; count++)
            list[count] = argv[2 + count];
    }
    if (random_init() != OK)
        return 1;
    start(argc > 1 ? argv[1] : "/tmp");
    double begin = seconds();
    for (int i = 0; i < count; i++) {
        const uint32_t want = (uint32_t)strtoul(list[i], NULL, 10);
        while (files < want) {
            uint32_t to = files + STEP < want ? files + STEP : want;
            add_files(files, to);
            files = to;
        }
        fprintf(stderr, "%u files after %.0f s\n", files, seconds() - begin);
        last = measure(files);
        if (i == 0)
            first = last;
    }
    printf("an inspection among %s files takes %.2f times what it takes among %s (goal: flat, at "
           "most 1.5)\n",
           list[count - 1], last / first, list[0]);
    fake_node_close(&node);
    return 0;
}
