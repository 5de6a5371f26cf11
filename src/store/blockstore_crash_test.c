/* The block store under crashes and failing calls: nothing acknowledged is lost, no wrong byte is
 * ever given out. The files are store/file_fault's; the index is real, its commits count as calls.
 */
#include "store/blockstore.h"

#include "base/check.h"
#include "base/prng.h"
#include "crypto/sha256.h"
#include "store/blockstore_maint.h"
#include "store/file_fault.h"

#include <stdio.h>
#include <unistd.h>

enum { BLOCKS = 60, SAMPLE_MAX = 900000, OPS = 44 };

enum fate { ABSENT, MAYBE, SURE };

struct world {
    char dir[64];
    char index[96];
    struct file_fault *ff;
    struct blockstore_config config;
    struct blockstore *s;
    enum fate fate[BLOCKS]; /* what must be true after a crash */
    bool batch[BLOCKS];     /* put since the last commit */
    enum fate pinned;
    bool pin_batch;
};

static uint8_t *bytes, back[BLOCK_SIZE_MAX];

/* Block number i, made once: bytes points to it. */
static size_t sample(uint8_t digest[32], uint32_t i)
{
    static uint8_t *made[BLOCKS];
    static size_t sizes[BLOCKS];
    static uint8_t digests[BLOCKS][32];
    if (made[i] == NULL) {
        struct prng g;
        prng_init(&g, i);
        size_t n = (size_t)(i % 5 == 0 ? prng_below(&g, SAMPLE_MAX) : prng_below(&g, 9000));
        made[i] = malloc(n + 4);
        CHECK(made[i] != NULL);
        prng_fill(&g, made[i], n);
        store_le32(made[i] + n, i);
        sizes[i] = n + 4;
        sha256(digests[i], span_of(made[i], n + 4));
    }
    bytes = made[i];
    memcpy(digest, digests[i], 32);
    return sizes[i];
}

static void world_begin(struct world *w, uint64_t seed)
{
    *w = (struct world){ 0 };
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(w->dir, sizeof(w->dir), "%s/crust-crash-XXXXXX", base);
    CHECK(mkdtemp(w->dir) != NULL);
    (void)snprintf(w->index, sizeof(w->index), "%s/index.mdb", w->dir);
    w->ff = file_fault_new(seed, 1 << 30);
    w->config = (struct blockstore_config){ .files = file_fault_files(w->ff),
                                            .index_path = w->index,
                                            .dirs = { "/disk/a", "/disk/b" },
                                            .dir_count = 2,
                                            .segment_bytes = 4 << 20,
                                            .map_bytes = 64 << 20,
                                            .readers_max = 8 };
}

static void world_end(struct world *w)
{
    char path[160];
    file_fault_free(w->ff);
    (void)unlink(w->index);
    (void)snprintf(path, sizeof(path), "%s-lock", w->index);
    (void)unlink(path);
    CHECK(rmdir(w->dir) == 0);
}

static void put(struct world *w, uint32_t i)
{
    uint8_t digest[32];
    size_t n = sample(digest, i);
    enum err e = blockstore_put(w->s, digest, span_of(bytes, n), BLOCKSTORE_VERIFIED);
    if (e == OK)
        w->batch[i] = true;
    if (w->fate[i] == ABSENT)
        w->fate[i] = MAYBE;
}

/* What was put and pinned since the last commit is safe now, or forgotten. */
static void settle(struct world *w, bool good)
{
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (good && w->batch[i])
            w->fate[i] = SURE;
        w->batch[i] = false;
    }
    if (good && w->pin_batch)
        w->pinned = SURE;
    w->pin_batch = false;
    if (!good)
        blockstore_rollback(w->s);
}

/* A failed commit may still have come through. */
static void commit(struct world *w)
{
    settle(w, blockstore_commit(w->s) == OK);
}

static void remove_block(struct world *w, uint32_t i)
{
    struct block_key key = { 0 };
    (void)sample(key.digest, i);
    commit(w);
    enum err e = blockstore_delete(w->s, &key, 1, NULL);
    /* Removing is not un-writing: what a crash brings back is right, only not wanted. */
    if (e != OK && w->fate[i] == SURE)
        w->fate[i] = MAYBE;
    if (e == OK)
        w->fate[i] = MAYBE;
}

/* A whole collection in which every second block is marked, then compaction. */
static void collect(struct world *w)
{
    struct blockstore_gc *gc;
    char scratch[96];
    bool done = false, more = true;
    commit(w);
    (void)snprintf(scratch, sizeof(scratch), "%s/marks", w->dir);
    if (blockstore_gc_begin(&gc, w->s, scratch) != OK)
        return;
    enum err e = OK;
    for (uint32_t i = 0; i < BLOCKS && e == OK; i++) {
        uint8_t digest[32];
        (void)sample(digest, i);
        if (i % 2 == 0)
            e = blockstore_gc_mark(gc, digest, NULL);
        else if (w->fate[i] == SURE)
            w->fate[i] = MAYBE;
    }
    while (e == OK && !done)
        e = blockstore_gc_sweep(gc, 5, &done);
    blockstore_gc_end(gc, NULL);
    if (e == OK)
        e = blockstore_reclaim(w->s, 1000, &more);
    for (more = true; e == OK && more;)
        e = blockstore_compact(w->s, 95, 50000, &more);
    if (e == OK)
        e = blockstore_reclaim(w->s, 1000, &more);
    if (e != OK)
        blockstore_rollback(w->s);
}

static void pin(struct world *w)
{
    const struct pin p = { .cid = span_str("some cid"), .mode = PIN_RECURSIVE, .time_unix_s = 9 };
    if (blockstore_pin(w->s, &p) != OK)
        return;
    w->pin_batch = true;
    if (w->pinned == ABSENT)
        w->pinned = MAYBE;
}

static void play(struct world *w, uint64_t seed)
{
    struct prng g;
    prng_init(&g, seed);
    for (int op = 0; op < OPS; op++) {
        uint32_t i = (uint32_t)prng_below(&g, BLOCKS);
        bool more;
        if (op == OPS / 2 + 3 || op == OPS - 4)
            collect(w);
        switch (prng_below(&g, 8)) {
        case 0:
        case 1:
            commit(w);
            break;
        case 2:
            remove_block(w, i);
            break;
        case 3:
            if (blockstore_reclaim(w->s, 100, &more) != OK)
                settle(w, false);
            break;
        case 4:
            if (op > OPS / 2)
                pin(w);
            break;
        default:
            put(w, i);
        }
    }
    commit(w);
}

static void check_block(struct world *w, uint32_t i)
{
    uint8_t digest[32];
    size_t n = sample(digest, i);
    size_t got;
    enum err e = blockstore_get(w->s, &got, (struct mspan){ back, sizeof(back) }, digest);
    if (w->fate[i] == SURE)
        CHECK_OK(e);
    else
        CHECK(e == OK || (e == ERR_NOT_FOUND && w->fate[i] == MAYBE) ||
              (e == ERR_NOT_FOUND && w->fate[i] == ABSENT));
    if (e == OK) {
        CHECK(w->fate[i] != ABSENT);
        CHECK_SPAN(span_of(bytes, n), span_of(back, got));
    }
}

/* The list, the blocks and the numbers agree, and a rebuilt index says the same. */
static void check_world(struct world *w)
{
    static struct blockstore_item items[BLOCKS + 1];
    struct blockstore_stat st;
    struct blockstore_pin pinned;
    size_t count;
    for (uint32_t i = 0; i < BLOCKS; i++)
        check_block(w, i);
    CHECK_OK(blockstore_list(w->s, items, &count, BLOCKS + 1, NULL));
    CHECK_OK(blockstore_stat(w->s, &st));
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        size_t got;
        CHECK_OK(blockstore_get(w->s, &got, (struct mspan){ back, sizeof(back) }, items[i].digest));
        CHECK(got == items[i].length);
        sum += got;
    }
    CHECK(st.blocks == count && st.block_bytes == sum);
    enum err e = blockstore_pin_get(w->s, &pinned, span_str("some cid"));
    CHECK(e == OK || (e == ERR_NOT_FOUND && w->pinned != SURE));
}

/* Plays a scenario that stops at call n. False: it came to its end before. */
static bool crash_at(uint64_t seed, uint64_t n)
{
    struct world w;
    world_begin(&w, seed * 1000 + n);
    file_fault_stop_at(w.ff, n);
    if (blockstore_open(&w.s, &w.config) == OK) {
        play(&w, seed);
        blockstore_close(w.s);
    }
    bool stopped = file_fault_stopped(w.ff);
    /* Twice: recovery itself must survive, and be the same again. */
    for (int round = 0; round < 2; round++) {
        file_fault_crash(w.ff);
        CHECK_OK(blockstore_open(&w.s, &w.config));
        check_world(&w);
        put(&w, 0);
        commit(&w);
        check_world(&w);
        blockstore_close(w.s);
    }
    world_end(&w);
    return stopped;
}

static void test_crash_at_every_call(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        uint64_t n = 1;
        while (crash_at(seed, n))
            n += seed == 1 ? 1 : 7;
        CHECK(n > 60);
    }
}

/* The same with one failing call, after which the machine goes on. */
static bool fail_at(uint64_t seed, uint64_t n, enum err e)
{
    struct world w;
    world_begin(&w, seed * 7777 + n);
    uint64_t before = 0;
    file_fault_fail_at(w.ff, n, e);
    if (blockstore_open(&w.s, &w.config) == OK) {
        play(&w, seed);
        before = file_fault_calls(w.ff);
        file_fault_fail_at(w.ff, 0, OK);
        check_world(&w);
        put(&w, 1);
        commit(&w);
        CHECK(w.fate[1] == SURE);
        check_world(&w);
        blockstore_close(w.s);
        file_fault_crash(w.ff);
    }
    CHECK_OK(blockstore_open(&w.s, &w.config));
    check_world(&w);
    blockstore_close(w.s);
    world_end(&w);
    return before == 0 || n < before;
}

static void test_every_call_fails(void **state)
{
    (void)state;
    for (uint64_t n = 1; fail_at(1, n, ERR_IO); n++)
        continue;
    for (uint64_t n = 1; fail_at(2, n, ERR_FULL); n += 3)
        continue;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash_at_every_call),
        cmocka_unit_test(test_every_call_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
