/* What importing and reading cost beside the limit, which is SHA-256 over the same bytes.
 *
 * Usage: content_bench [MIB]   (bytes per run; default 512) */
#include "crypto/sha256.h"
#include "ipfs/car_stream.h"
#include "ipfs/unixfs_add.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { FEED = 1 << 20, STORE = 4096, ENTRIES = 100000 };

static uint8_t scratch[UNIXFS_ADD_SCRATCH], chunk[UNIXFS_ADD_CHUNK_MAX], arena_memory[8 << 20],
    feed[FEED];
static uint8_t memory[UNIXFS_READ_MEMORY], out[256 * 1024];

/* The node blocks are kept, leaves are all the same bytes: the store holds no more. */
static struct {
    struct block_key key;
    uint8_t *data;
    size_t size;
} store[STORE];
static size_t stored;

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
    fprintf(stderr, "content_bench: %s\n", err_name(e));
    exit(1);
}

static enum err put(void *ctx, const struct block_key *key, struct span data)
{
    (void)ctx;
    for (size_t i = 0; i < stored; i++)
        if (memcmp(store[i].key.digest, key->digest, 32) == 0)
            return OK;
    if (stored == STORE)
        return ERR_FULL;
    store[stored].key = *key;
    store[stored].data = malloc(data.n + 1);
    store[stored].size = data.n;
    memcpy(store[stored].data, data.p, data.n);
    stored++;
    return OK;
}

static enum err get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    (void)ctx;
    for (size_t i = 0; i < stored; i++) {
        if (memcmp(store[i].key.digest, key->digest, 32) != 0)
            continue;
        *size = store[i].size;
        memcpy(buf.p, store[i].data, store[i].size);
        return OK;
    }
    return ERR_NOT_FOUND;
}

static enum err drop(void *ctx, const struct block_key *key, struct span data)
{
    (void)ctx;
    (void)key;
    (void)data;
    return OK;
}

static const struct block_sink sink = { .put = put };
static const struct block_source source = { .get = get };

static void report(const char *name, double bytes, double start)
{
    printf("%-40s %8.0f MiB/s\n", name, bytes / (seconds() - start) / (1 << 20));
}

static struct cid add(const char *profile, size_t mib)
{
    struct unixfs_add a = { .sink = &sink, .scratch = { scratch, sizeof(scratch) } };
    struct arena arena = arena_of(arena_memory, sizeof(arena_memory));
    struct unixfs_add_stream s;
    struct unixfs_add_node n;
    must(unixfs_add_profile(&a.params, profile));
    double start = seconds();
    unixfs_add_stream_init(&s, &a, &arena, (struct mspan){ chunk, sizeof(chunk) }, NULL);
    for (size_t i = 0; i < mib; i++)
        must(unixfs_add_stream_write(&s, span_of(feed, FEED)));
    must(unixfs_add_stream_finish(&s, &n));
    report(profile, (double)mib * FEED, start);
    return n.cid;
}

static void read_back(const struct cid *cid, size_t mib)
{
    struct unixfs_read_walk w;
    struct span part;
    uint64_t total = 0;
    double start = seconds();
    unixfs_read_file_init(&w, &source, (struct mspan){ memory, sizeof(memory) }, cid);
    do {
        must(unixfs_read_file_next(&w, &part));
        total += part.n;
    } while (part.n > 0);
    must(total == (uint64_t)mib * FEED ? OK : ERR_CORRUPT);
    report("read the file (copying source)", (double)total, start);
}

static void export_car(const struct cid *cid)
{
    struct car_stream s;
    struct car_stream_params params = { .root = *cid, .scope = CAR_STREAM_ALL };
    double start = seconds(), total = 0;
    size_t n = 0;
    car_stream_init(&s, &source, (struct mspan){ memory, sizeof(memory) }, &params);
    do {
        must(car_stream_next(&s, &n, (struct mspan){ out, sizeof(out) }));
        total += (double)n;
    } while (n > 0);
    report("export a CAR (dups=y)", total, start);
}

static void directory(void)
{
    struct unixfs_add a = { .sink = &sink, .scratch = { scratch, sizeof(scratch) } };
    struct unixfs_add_entry *list = calloc(ENTRIES, sizeof(*list));
    char(*names)[16] = calloc(ENTRIES, 16);
    uint8_t cid[36] = { 1, 0x55, 0x12, 0x20 };
    struct unixfs_add_node n;
    for (int i = 0; i < ENTRIES; i++) {
        snprintf(names[i], 16, "file%d", i);
        list[i] = (struct unixfs_add_entry){ span_str(names[i]), span_of(cid, 36), 1, 0 };
    }
    must(unixfs_add_profile(&a.params, "unixfs-v1-2025"));
    const struct block_sink nowhere = { .put = drop };
    a.sink = &nowhere;
    double start = seconds();
    must(unixfs_add_dir(&a, &n, (struct unixfs_add_entries){ list, ENTRIES }, NULL));
    printf("%-40s %8.0f ms\n", "a directory of 100,000 entries", (seconds() - start) * 1e3);
    free(list);
    free(names);
}

int main(int argc, char **argv)
{
    size_t mib = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 512;
    uint8_t digest[32];
    for (size_t i = 0; i < FEED; i++)
        feed[i] = (uint8_t)(i * 31 ^ i >> 8);
    double start = seconds();
    for (size_t i = 0; i < mib; i++)
        sha256(digest, span_of(feed, FEED));
    report("SHA-256, the limit", (double)mib * FEED, start);
    (void)add("unixfs-v0-2015", mib);
    struct cid cid = add("unixfs-v1-2025", mib);
    read_back(&cid, mib);
    export_car(&cid);
    directory();
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("%-40s %8ld KiB\n", "largest resident size", u.ru_maxrss);
    return 0;
}
