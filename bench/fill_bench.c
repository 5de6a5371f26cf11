/* Fills free space through the real crust-ipfsd and crust-enclaved, beside dd writing as many bytes
 * to the same disk and syncing them, in turn; prints each round and the ratio of the medians.
 *
 * Usage: fill_bench [DIR [MIB [ROUNDS]]]   DIR: on the disk to measure */
#include "codec/node_msg.h"
#include "ipfsd/fake_node_test.h"

#include <time.h>

enum { ROUNDS_MAX = 21 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t ask_size(struct fake_node *n, uint16_t type, uint64_t size)
{
    uint8_t body[64];
    struct ipc_msg reply;
    struct node_size m = { size };
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_size(&w, &m);
    const struct ipc_msg rq = { .type = type, .body = writer_span(&w) };
    CHECK_OK(ipc_sink_call_long(&n->ipc, &reply, &rq, NULL, NULL));
    CHECK_OK(node_msg_decode_size(&m, reply.body));
    return m.size;
}

/* Some seconds of a fresh node; what it wrote is removed. */
static double run_fill(const char *dir, uint64_t mib)
{
    char disk[512];
    struct fake_node n;
    snprintf(disk, sizeof(disk), "%s/disk:%llu", dir, (unsigned long long)(2 * mib) << 20);
    const char *args[] = { "--store-reserve", "0",     "--no-gateway",      "--storage",
                           "--chain-id",      "bench", "--disks",           disk,
                           "--disk-reserve",  "0",     "--enclave-workers", "1" };
    fake_node_open(&n, args, sizeof(args) / sizeof(args[0]));
    fake_node_start(&n);
    double begin = seconds();
    CHECK(ask_size(&n, NODE_FILL, mib << 20) == mib << 20);
    double took = seconds() - begin;
    fake_node_close(&n);
    *strrchr(disk, ':') = '\0';
    CHECK_OK(path_remove_tree(disk));
    return took;
}

static double run_dd(const char *dir, uint64_t mib)
{
    char file[512], to[520], count[32];
    snprintf(file, sizeof(file), "%s/dd", dir);
    snprintf(to, sizeof(to), "of=%s", file);
    snprintf(count, sizeof(count), "count=%llu", (unsigned long long)mib);
    const char *argv[] = { "dd", "if=/dev/zero", to, "bs=1M", count, "conv=fsync", NULL };
    const struct process_options o = { .path = "/bin/dd", .argv = argv };
    struct process dd;
    double begin = seconds();
    CHECK_OK(process_spawn(&dd, &o));
    CHECK_OK(process_wait(&dd, CLOCK_FOREVER));
    double took = seconds() - begin;
    CHECK(dd.exit_code == 0);
    process_fini(&dd);
    CHECK(unlink(file) == 0);
    return took;
}

static int by_time(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *list, size_t count)
{
    qsort(list, count, sizeof(*list), by_time);
    return list[count / 2];
}

int main(int argc, char **argv)
{
    char dir[400];
    const uint64_t mib = argc > 2 ? strtoull(argv[2], NULL, 10) : 1024;
    const size_t rounds = argc > 3 ? strtoull(argv[3], NULL, 10) : 5;
    double fill[ROUNDS_MAX], dd[ROUNDS_MAX];
    snprintf(dir, sizeof(dir), "%s/fill-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (rounds == 0 || rounds > ROUNDS_MAX || mib == 0 || mib % 1024 != 0 || random_init() != OK ||
        mkdtemp(dir) == NULL) {
        fprintf(stderr, "usage: fill_bench [DIR [MIB [ROUNDS]]], MIB a multiple of 1024\n");
        return 2;
    }
    const double mb = (double)(mib << 20) / 1e6;
    for (size_t i = 0; i < rounds; i++) {
        dd[i] = run_dd(dir, mib);
        fill[i] = run_fill(dir, mib);
        printf("round %zu: dd %.0f MB/s, fill %.0f MB/s\n", i + 1, mb / dd[i], mb / fill[i]);
        fflush(stdout);
    }
    const double d = median(dd, rounds), f = median(fill, rounds);
    printf("fill of %llu MiB through crust-ipfsd and crust-enclaved: %.0f MB/s; dd and fsync %.0f "
           "MB/s; ratio %.2f (goal 0.90)\n",
           (unsigned long long)mib, mb / f, mb / d, d / f);
    return rmdir(dir) == 0 ? 0 : 1;
}
