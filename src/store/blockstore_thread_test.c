/* Readers beside a writer that deletes, collects, compacts and punches, on real files. Built with
 * TSan as well. Also the folder as programs open it: its lock, sink and source. */
#include "base/check.h"
#include "base/prng.h"
#include "crypto/sha256.h"
#include "store/repo.h"
#include "store/sink.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { BLOCKS = 120, KEPT = 20, READERS = 3, ROUNDS = 6, BLOCK_MAX = 60000 };

struct shared {
    struct blockstore *s;
    atomic_bool stop;
    atomic_uint wrong; /* bytes that were not those of the digest, or a kept block not found */
    atomic_uint reads;
};

static size_t sample(uint8_t *out, uint8_t digest[32], uint32_t i)
{
    struct prng g;
    prng_init(&g, i);
    size_t n = (size_t)prng_below(&g, BLOCK_MAX);
    prng_fill(&g, out, n);
    store_le32(out + n, i);
    sha256(digest, span_of(out, n + 4));
    return n + 4;
}

static void read_located(struct shared *sh, uint32_t i, const uint8_t *digest, struct mspan buf)
{
    struct blockstore_range r;
    uint8_t own[32];
    enum err e = blockstore_locate(sh->s, &r, digest);
    if (e == ERR_NOT_FOUND && i >= KEPT)
        return;
    if (e != OK) {
        atomic_fetch_add(&sh->wrong, 1);
        return;
    }
    usleep(300); /* time for the writer to punch what it may not */
    ssize_t n = pread(r.fd, buf.p, r.length, (off_t)r.offset);
    sha256(own, span_of(buf.p, r.length));
    if (n != (ssize_t)r.length || memcmp(own, digest, 32) != 0)
        atomic_fetch_add(&sh->wrong, 1);
    blockstore_release(sh->s, &r);
}

static void read_copied(struct shared *sh, uint32_t i, const uint8_t *digest, struct mspan buf)
{
    uint8_t own[32];
    size_t n;
    enum err e = blockstore_get(sh->s, &n, buf, digest);
    if (e == ERR_NOT_FOUND && i >= KEPT)
        return;
    sha256(own, span_of(buf.p, e == OK ? n : 0));
    if (e != OK || memcmp(own, digest, 32) != 0)
        atomic_fetch_add(&sh->wrong, 1);
}

static void *reader(void *arg)
{
    struct shared *sh = arg;
    struct prng g;
    uint8_t *buf = malloc(BLOCK_MAX + 4);
    uint8_t digests[BLOCKS][32];
    prng_init(&g, 99);
    for (uint32_t i = 0; i < BLOCKS && buf != NULL; i++)
        (void)sample(buf, digests[i], i);
    while (!atomic_load(&sh->stop) && buf != NULL) {
        uint32_t i = (uint32_t)prng_below(&g, BLOCKS);
        struct mspan to = { buf, BLOCK_MAX + 4 };
        if (prng_below(&g, 2) == 0)
            read_located(sh, i, digests[i], to);
        else
            read_copied(sh, i, digests[i], to);
        atomic_fetch_add(&sh->reads, 1);
    }
    free(buf);
    return NULL;
}

static uint8_t bytes[BLOCK_MAX + 4];

static void put_some(struct blockstore *s, uint32_t from, uint32_t to)
{
    uint8_t digest[32];
    for (uint32_t i = from; i < to; i++) {
        size_t n = sample(bytes, digest, i);
        CHECK_OK(blockstore_put(s, digest, span_of(bytes, n), BLOCKSTORE_VERIFIED));
    }
    CHECK_OK(blockstore_commit(s));
}

static void collect(struct blockstore *s, const char *scratch)
{
    struct blockstore_gc *gc;
    uint8_t digest[32];
    bool done = false, more = true;
    CHECK_OK(blockstore_gc_begin(&gc, s, scratch));
    for (uint32_t i = 0; i < KEPT; i++) {
        (void)sample(bytes, digest, i);
        CHECK_OK(blockstore_gc_mark(gc, digest, NULL));
    }
    while (!done)
        CHECK_OK(blockstore_gc_sweep(gc, 10, &done));
    blockstore_gc_end(gc, NULL);
    CHECK_OK(blockstore_reclaim(s, 30, &more));
    for (int i = 0; i < 50 && more; i++)
        CHECK_OK(blockstore_compact(s, 90, 100000, &more));
    CHECK_OK(blockstore_reclaim(s, 1000, &more));
}

static void remove_repo(const char *dir)
{
    static const char *const names[] = { "index.mdb", "index.mdb-lock", "LOCK", "blocks/STORE",
                                         "marks" };
    char path[200];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(path, sizeof(path), "%s/blocks/seg-%08x.pack", dir, i);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof(path), "%s/blocks", dir);
    CHECK(rmdir(path) == 0 && rmdir(dir) == 0);
}

static void test_readers_beside_gc(void **state)
{
    (void)state;
    char dir[] = "/tmp/crust-threads-XXXXXX";
    char scratch[64];
    struct repo repo;
    struct shared sh = { 0 };
    pthread_t threads[READERS];
    const struct blockstore_config options = { .segment_bytes = 4 << 20, .map_bytes = 64 << 20 };
    CHECK(mkdtemp(dir) != NULL);
    (void)snprintf(scratch, sizeof(scratch), "%s/marks", dir);
    CHECK_OK(repo_open(&repo, NULL, dir, "test", &options));
    sh.s = repo.store;
    put_some(sh.s, 0, BLOCKS);
    for (int i = 0; i < READERS; i++)
        CHECK(pthread_create(&threads[i], NULL, reader, &sh) == 0);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        put_some(sh.s, KEPT, BLOCKS);
        collect(sh.s, scratch);
    }
    while (atomic_load(&sh.reads) < 100)
        usleep(1000);
    atomic_store(&sh.stop, true);
    for (int i = 0; i < READERS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(atomic_load(&sh.wrong) == 0);
    struct blockstore_stat st;
    CHECK_OK(blockstore_stat(sh.s, &st));
    CHECK(st.blocks == KEPT);
    repo_close(&repo);
    remove_repo(dir);
}

static void test_lock_names_its_holder(void **state)
{
    (void)state;
    char dir[] = "/tmp/crust-lock-XXXXXX";
    struct repo repo, second;
    struct lockfile_holder holder;
    struct blockstore_progress p;
    CHECK(mkdtemp(dir) != NULL);
    CHECK_OK(repo_open(&repo, NULL, dir, "first-program", NULL));
    CHECK_ERR(repo_open(&second, &holder, dir, "second", NULL), ERR_BUSY);
    CHECK(holder.pid == getpid() && strcmp(holder.program, "first-program") == 0);
    CHECK_ERR(repo_rebuild(&p, NULL, dir, "second", NULL), ERR_BUSY);
    repo_close(&second);
    repo_close(&repo);
    CHECK_OK(repo_open(&second, &holder, dir, "second", NULL));
    repo_close(&second);
    CHECK_OK(repo_rebuild(&p, NULL, dir, "second", NULL));
    CHECK(p.blocks == 0 && p.bad == 0);
    remove_repo(dir);
}

static void test_sink_and_source(void **state)
{
    (void)state;
    char dir[] = "/tmp/crust-sink-XXXXXX";
    struct repo repo;
    struct sink sink;
    struct block_key key = { .codec = 0x55 };
    CHECK(mkdtemp(dir) != NULL);
    CHECK_OK(repo_open(&repo, NULL, dir, "test", NULL));
    CHECK_OK(sink_open(&sink, repo.store, BLOCKSTORE_VERIFY));
    const struct block_sink out = sink_interface(&sink);
    const struct block_source in = sink_source(repo.store);
    CHECK_ERR(block_source_has(&in, &key), ERR_NOT_FOUND);
    CHECK_ERR(block_sink_put(&out, &key, span_str("hello")), ERR_CORRUPT);
    sha256(key.digest, span_str("hello"));
    CHECK_OK(block_sink_put(&out, &key, span_str("hello")));
    const struct pin pin = { .cid = span_of(key.digest, 32), .mode = PIN_DIRECT };
    CHECK_OK(block_sink_pin(&out, &pin));
    CHECK_OK(block_sink_commit(&out));
    sink_close(&sink);
    repo_close(&repo);
    CHECK_OK(repo_open(&repo, NULL, dir, "test", NULL));
    const struct block_source again = sink_source(repo.store);
    uint8_t back[8];
    size_t n;
    key.codec = 0x70; /* the codec is not part of the key */
    CHECK_OK(block_source_get(&again, &n, (struct mspan){ back, sizeof(back) }, &key));
    CHECK_SPAN(span_of(back, n), span_str("hello"));
    CHECK_OK(again.size(again.ctx, &n, &key));
    CHECK(n == 5);
    struct blockstore_pin there;
    CHECK_OK(blockstore_pin_get(repo.store, &there, span_of(key.digest, 32)));
    CHECK(there.pin.mode == PIN_DIRECT);
    repo_close(&repo);
    remove_repo(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers_beside_gc),
        cmocka_unit_test(test_lock_names_its_holder),
        cmocka_unit_test(test_sink_and_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
