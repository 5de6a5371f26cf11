/* The block store against what the machine can do: durable put of one GiB in 1 MiB blocks beside
 * cp and fsync of the same bytes, and 40,000 small blocks. Usage: store_bench [FOLDER] [MIB]
 * Blocks come hashed: this measures storing, not hashing. Output: one line per figure. */
#include "base/prng.h"
#include "crypto/sha256.h"
#include "rt/clock.h"
#include "store/blockstore.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MIB = 1024 * 1024, SMALL_BLOCKS = 40000, ROUNDS = 3 };

static char folder[512];
static uint8_t *data; /* the bytes to be stored */
static size_t data_size;

static double now_s(void)
{
    return (double)clock_mono_us() / 1e6;
}

static void fail(const char *what, enum err e)
{
    (void)fprintf(stderr, "store_bench: %s: %s\n", what, err_text(e));
    exit(1);
}

static const char *path(char out[600], const char *name)
{
    (void)snprintf(out, 600, "%s/%s", folder, name);
    return out;
}

static struct blockstore *open_store(void)
{
    char index[600];
    char blocks[600];
    struct blockstore *s;
    const struct blockstore_config c = { .files = file_system(),
                                         .index_path = path(index, "index.mdb"),
                                         .dirs = { path(blocks, "blocks") },
                                         .dir_count = 1 };
    enum err e = blockstore_open(&s, &c);
    if (e != OK)
        fail("open", e);
    return s;
}

static void clean(void)
{
    char command_path[600];
    static const char *const names[] = { "index.mdb", "index.mdb-lock", "blocks/STORE", "copy" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unlink(path(command_path, names[i]));
    for (unsigned i = 1; i < 8; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "blocks/seg-%08x.pack", i);
        (void)unlink(path(command_path, name));
    }
    (void)rmdir(path(command_path, "blocks"));
}

/* What cp and fsync do, from memory that is as warm as a cached file. */
static double copy(const char *source)
{
    char to[600];
    double start = now_s();
    int in = open(source, O_RDONLY | O_CLOEXEC);
    int out = open(path(to, "copy"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = 1;
    while (in >= 0 && out >= 0 && n > 0)
        n = copy_file_range(in, NULL, out, NULL, 128 * MIB, 0);
    if (in < 0 || out < 0 || n < 0 || fsync(out) != 0)
        fail("copy", ERR_IO);
    (void)close(in);
    (void)close(out);
    double took = now_s() - start;
    (void)unlink(to);
    return took;
}

static double put_all(uint8_t (*digests)[SHA256_SIZE], size_t block)
{
    double start = now_s();
    struct blockstore *s = open_store();
    for (size_t i = 0; i * block < data_size; i++) {
        enum err e =
            blockstore_put(s, digests[i], span_of(data + i * block, block), BLOCKSTORE_VERIFIED);
        if (e != OK)
            fail("put", e);
    }
    enum err e = blockstore_commit(s);
    if (e != OK)
        fail("commit", e);
    double took = now_s() - start;
    blockstore_close(s);
    return took;
}

static double put_small(uint8_t (*digests)[SHA256_SIZE])
{
    double start = now_s();
    struct blockstore *s = open_store();
    size_t at = 0;
    for (size_t i = 0; i < SMALL_BLOCKS; i++) {
        size_t n = 200 + i * 7919 % 8000;
        enum err e = blockstore_put(s, digests[i], span_of(data + at, n), BLOCKSTORE_VERIFIED);
        if (e != OK)
            fail("put", e);
        at = (at + n) % (data_size - 16384);
    }
    enum err e = blockstore_commit(s);
    if (e != OK)
        fail("commit", e);
    double took = now_s() - start;
    blockstore_close(s);
    return took;
}

static void write_source(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (size_t at = 0; fd >= 0 && at < data_size; at += MIB)
        if (write(fd, data + at, MIB) != MIB)
            fail("source", ERR_IO);
    if (fd < 0 || fsync(fd) != 0)
        fail("source", ERR_IO);
    (void)close(fd);
}

static double best(const double *t)
{
    double b = t[0];
    for (int i = 1; i < ROUNDS; i++)
        b = t[i] < b ? t[i] : b;
    return b;
}

int main(int argc, char **argv)
{
    char source[600];
    long mib = argc > 2 ? strtol(argv[2], NULL, 10) : 1024;
    if (mib < 64 || mib > 16384)
        fail("MIB is 64 to 16384", ERR_RANGE);
    (void)snprintf(folder, sizeof(folder), "%s/crust-bench-XXXXXX",
                   argc > 1 ? argv[1] : "/var/tmp");
    if (mkdtemp(folder) == NULL)
        fail(folder, ERR_IO);
    data_size = (size_t)mib * MIB;
    data = malloc(data_size);
    uint8_t(*digests)[SHA256_SIZE] = malloc((size_t)(mib + SMALL_BLOCKS) * SHA256_SIZE);
    if (data == NULL || digests == NULL)
        fail("memory", ERR_MEMORY);
    struct prng g;
    prng_init(&g, 1);
    prng_fill(&g, data, data_size);
    for (long i = 0; i < mib; i++)
        sha256(digests[i], span_of(data + (size_t)i * MIB, MIB));
    for (long i = 0; i < SMALL_BLOCKS; i++)
        prng_fill(&g, digests[mib + i], SHA256_SIZE); /* only keys here: nothing looks at them */
    write_source(path(source, "source"));
    double cp[ROUNDS], large[ROUNDS], small[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        cp[i] = copy(source);
        large[i] = put_all(digests, MIB);
        clean();
        small[i] = put_small(digests + mib);
        clean();
    }
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    double m = (double)mib;
    (void)printf("copy and fsync        %7.0f MiB/s\n", m / best(cp));
    (void)printf("durable put, 1 MiB    %7.0f MiB/s  ratio %.2f\n", m / best(large),
                 best(cp) / best(large));
    (void)printf("durable put, small    %7.0f blocks/s  (%d blocks in %.2f s)\n",
                 SMALL_BLOCKS / best(small), SMALL_BLOCKS, best(small));
    (void)printf("memory beside the data %6ld KiB\n", usage.ru_maxrss - (long)(data_size / 1024));
    (void)unlink(source);
    (void)rmdir(folder);
    free(digests);
    free(data);
    return 0;
}
