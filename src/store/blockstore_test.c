/* What a block store promises, without faults; crashes are in blockstore_crash_test.c. */
#include "store/blockstore.h"

#include "base/check.h"
#include "base/prng.h"
#include "crypto/sha256.h"
#include "store/blockstore_maint.h"
#include "store/file_fault.h"

#include <stdio.h>
#include <unistd.h>

struct world {
    char dir[64];
    char index[96];
    char scratch[96];
    struct file_fault *ff;
    struct blockstore_config config;
    struct blockstore *s;
};

static void world_open(struct world *w)
{
    CHECK_OK(blockstore_open(&w->s, &w->config));
}

static void world_begin(struct world *w, uint64_t seed)
{
    *w = (struct world){ .dir = "/tmp/crust-store-XXXXXX" };
    if (access("/dev/shm", W_OK) == 0)
        (void)snprintf(w->dir, sizeof(w->dir), "/dev/shm/crust-store-XXXXXX");
    CHECK(mkdtemp(w->dir) != NULL);
    (void)snprintf(w->index, sizeof(w->index), "%s/index.mdb", w->dir);
    (void)snprintf(w->scratch, sizeof(w->scratch), "%s/marks.mdb", w->dir);
    w->ff = file_fault_new(seed, 1 << 30);
    w->config = (struct blockstore_config){ .files = file_fault_files(w->ff),
                                            .index_path = w->index,
                                            .dirs = { "/disk/a", "/disk/b" },
                                            .dir_count = 1,
                                            .segment_bytes = 4 << 20,
                                            .map_bytes = 64 << 20,
                                            .readers_max = 16 };
    world_open(w);
}

static void world_remove(struct world *w, const char *name)
{
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/%s", w->dir, name);
    (void)unlink(path);
}

static void world_end(struct world *w)
{
    blockstore_close(w->s);
    file_fault_free(w->ff);
    world_remove(w, "index.mdb");
    world_remove(w, "index.mdb-lock");
    world_remove(w, "marks.mdb");
    world_remove(w, "marks.mdb-lock");
    CHECK(rmdir(w->dir) == 0);
}

static void world_reopen(struct world *w)
{
    blockstore_close(w->s);
    world_open(w);
}

enum { SAMPLE_MAX = 300000 };

/* Block number i: its bytes follow from the number. */
static size_t sample(uint8_t *out, uint8_t digest[32], uint32_t i)
{
    struct prng g;
    prng_init(&g, i);
    size_t n = (size_t)(i % 7 == 0 ? prng_below(&g, SAMPLE_MAX) : prng_below(&g, 3000));
    if (i % 50 == 1)
        n = 0;
    prng_fill(&g, out, n);
    store_le32(out + n, i);
    n += 4;
    sha256(digest, span_of(out, n));
    return n;
}

static uint8_t bytes[SAMPLE_MAX + 4], back[BLOCK_SIZE_MAX];

static void put(struct world *w, uint32_t i)
{
    uint8_t digest[32];
    size_t n = sample(bytes, digest, i);
    CHECK_OK(blockstore_put(w->s, digest, span_of(bytes, n), BLOCKSTORE_VERIFY));
}

static void expect(struct world *w, uint32_t i, bool there)
{
    uint8_t digest[32];
    size_t n = sample(bytes, digest, i);
    size_t got;
    enum err e = blockstore_get(w->s, &got, (struct mspan){ back, sizeof(back) }, digest);
    CHECK_ERR(e, there ? OK : ERR_NOT_FOUND);
    if (there)
        CHECK_SPAN(span_of(bytes, n), span_of(back, got));
    CHECK_ERR(blockstore_has(w->s, &got, digest), there ? OK : ERR_NOT_FOUND);
    CHECK(got == (there ? n : 0));
}

static void test_put_get_reopen(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, 1);
    for (uint32_t i = 0; i < 200; i++)
        put(&w, i);
    for (uint32_t i = 0; i < 200; i++)
        expect(&w, i, true); /* before the commit: read your writes */
    CHECK_OK(blockstore_commit(w.s));
    for (uint32_t i = 0; i < 200; i++)
        expect(&w, i, true);
    expect(&w, 200, false);
    world_reopen(&w);
    for (uint32_t i = 0; i < 200; i++)
        expect(&w, i, true);
    struct blockstore_stat st;
    CHECK_OK(blockstore_stat(w.s, &st));
    CHECK(st.blocks == 200);
    CHECK(st.segments > 1);
    world_end(&w);
}

/* ---- refusals and limits
 * ----------------------------------------------------------------------------- */

static void test_refusals(void **state)
{
    (void)state;
    struct world w;
    uint8_t digest[32];
    size_t got;
    world_begin(&w, 2);
    size_t n = sample(bytes, digest, 1);
    digest[0] ^= 1;
    CHECK_ERR(blockstore_put(w.s, digest, span_of(bytes, n), BLOCKSTORE_VERIFY), ERR_CORRUPT);
    CHECK_ERR(blockstore_put(w.s, digest, span_of(bytes, BLOCK_SIZE_MAX + 1), BLOCKSTORE_VERIFY),
              ERR_LIMIT);
    put(&w, 2);
    n = sample(bytes, digest, 2);
    CHECK_ERR(blockstore_get(w.s, &got, (struct mspan){ back, n - 1 }, digest), ERR_LIMIT);
    CHECK(got == n);
    struct blockstore_range r;
    CHECK_ERR(blockstore_locate(w.s, &r, digest), ERR_NOT_FOUND); /* not committed yet */
    CHECK_OK(blockstore_commit(w.s));
    CHECK_OK(blockstore_locate(w.s, &r, digest));
    CHECK(r.length == n);
    blockstore_release(w.s, &r);
    blockstore_rollback(w.s); /* nothing to forget */
    put(&w, 3);
    blockstore_rollback(w.s);
    expect(&w, 3, false);
    expect(&w, 2, true);
    world_end(&w);
}

static void test_readers_are_bounded(void **state)
{
    (void)state;
    struct world w;
    uint8_t digest[32];
    struct blockstore_range r[16], more;
    world_begin(&w, 3);
    put(&w, 1);
    CHECK_OK(blockstore_commit(w.s));
    (void)sample(bytes, digest, 1);
    for (int i = 0; i < 16; i++)
        CHECK_OK(blockstore_locate(w.s, &r[i], digest));
    CHECK_ERR(blockstore_locate(w.s, &more, digest), ERR_BUSY);
    for (int i = 0; i < 16; i++)
        blockstore_release(w.s, &r[i]);
    expect(&w, 1, true);
    world_end(&w);
}

static void test_quota_and_full_disk(void **state)
{
    (void)state;
    struct world w;
    struct blockstore_stat st;
    uint8_t digest[32];
    world_begin(&w, 4);
    blockstore_close(w.s);
    w.config.quota_bytes = 200000;
    world_open(&w);
    uint32_t i = 1;
    enum err e = OK;
    for (; e == OK; i += i % 7 == 6 ? 2 : 1) {
        size_t n = sample(bytes, digest, i);
        e = blockstore_put(w.s, digest, span_of(bytes, n), BLOCKSTORE_VERIFY);
    }
    CHECK_ERR(e, ERR_FULL);
    CHECK_OK(blockstore_commit(w.s)); /* what was put before stands */
    expect(&w, 1, true);
    CHECK_OK(blockstore_stat(w.s, &st));
    CHECK(st.disk_bytes <= 200000 && st.disk_bytes > 190000 && st.free_bytes < 10000);
    blockstore_close(w.s);
    w.config.quota_bytes = 0;
    w.config.reserve_bytes = 1 << 20;
    world_open(&w);
    file_fault_set_total(w.ff, 2 << 20);
    for (i = 1000, e = OK; e == OK; i++) {
        size_t n = sample(bytes, digest, i);
        e = blockstore_put(w.s, digest, span_of(bytes, n), BLOCKSTORE_VERIFY);
    }
    CHECK_ERR(e, ERR_FULL);
    CHECK_OK(blockstore_commit(w.s));
    expect(&w, 1000, true);
    world_end(&w);
}

static void test_two_disks(void **state)
{
    (void)state;
    struct world w;
    struct blockstore_stat st;
    world_begin(&w, 5);
    blockstore_close(w.s);
    w.config.dir_count = 2;
    world_open(&w);
    for (uint32_t i = 0; i < 100; i++)
        put(&w, i);
    CHECK_OK(blockstore_commit(w.s));
    blockstore_close(w.s);
    w.config.dirs[0] = "/disk/b"; /* the order of directories does not matter */
    w.config.dirs[1] = "/disk/a";
    world_open(&w);
    for (uint32_t i = 0; i < 100; i++)
        expect(&w, i, true);
    blockstore_close(w.s);
    w.config.dir_count = 1; /* a disk is gone: what was there is an error, not a wrong byte */
    w.config.dirs[0] = "/disk/c";
    world_open(&w);
    CHECK_OK(blockstore_stat(w.s, &st));
    CHECK(st.segments_missing > 0 && st.blocks == 100);
    uint8_t digest[32];
    size_t got;
    (void)sample(bytes, digest, 3);
    CHECK_ERR(blockstore_get(w.s, &got, (struct mspan){ back, sizeof(back) }, digest), ERR_IO);
    world_end(&w);
}

/* ---- pins
 * ---------------------------------------------------------------------------------------------- */

static void add_pin(struct world *w, const char *cid, const char *name)
{
    const struct pin p = { .cid = span_str(cid),
                           .mode = PIN_RECURSIVE,
                           .profile = span_str("unixfs-v1-2025"),
                           .name = span_str(name),
                           .time_unix_s = 77 };
    CHECK_OK(blockstore_pin(w->s, &p));
}

static void expect_pins(struct world *w)
{
    struct blockstore_pin p;
    CHECK_OK(blockstore_pin_next(w->s, &p, (struct span){ 0 }));
    CHECK_SPAN(p.pin.cid, span_str("aaa"));
    CHECK_SPAN(p.pin.name, span_str("new name"));
    CHECK_SPAN(p.pin.profile, span_str("unixfs-v1-2025"));
    CHECK(p.pin.mode == PIN_RECURSIVE && p.pin.time_unix_s == 77);
    CHECK_OK(blockstore_pin_next(w->s, &p, span_str("aaa")));
    CHECK_SPAN(p.pin.cid, span_str("ccc"));
    CHECK_ERR(blockstore_pin_next(w->s, &p, span_str("ccc")), ERR_NOT_FOUND);
    CHECK_ERR(blockstore_pin_get(w->s, &p, span_str("bbb")), ERR_NOT_FOUND);
}

static void make_pins(struct world *w)
{
    add_pin(w, "aaa", "old name");
    add_pin(w, "bbb", "goes");
    CHECK_OK(blockstore_commit(w->s));
    add_pin(w, "aaa", "newer name");
    add_pin(w, "aaa", "new name");
    add_pin(w, "ccc", "");
    CHECK_OK(blockstore_unpin(w->s, span_str("bbb")));
    CHECK_ERR(blockstore_unpin(w->s, span_str("bbb")), ERR_NOT_FOUND);
    CHECK_ERR(blockstore_unpin(w->s, span_str("zzz")), ERR_NOT_FOUND);
    CHECK_OK(blockstore_commit(w->s));
}

static void test_pins(void **state)
{
    (void)state;
    struct world w;
    struct blockstore_stat st;
    world_begin(&w, 6);
    make_pins(&w);
    expect_pins(&w);
    world_reopen(&w);
    expect_pins(&w);
    CHECK_OK(blockstore_stat(w.s, &st));
    CHECK(st.pins == 2);
    const struct pin bad = { .cid = span_str("x"), .mode = (enum pin_mode)3 };
    CHECK_ERR(blockstore_pin(w.s, &bad), ERR_FORMAT);
    world_end(&w);
}

/* ---- verify and rebuild
 * ---------------------------------------------------------------------------------- */

struct found {
    uint8_t digest[4][32];
    enum blockstore_fault fault[4];
    size_t count;
};

static void on_bad(void *ctx, const uint8_t digest[32], enum blockstore_fault fault)
{
    struct found *f = ctx;
    CHECK(f->count < 4);
    memcpy(f->digest[f->count], digest, 32);
    f->fault[f->count++] = fault;
}

static void flip(struct world *w, uint32_t i, int64_t at, enum blockstore_fault want)
{
    char path[64];
    uint8_t digest[32];
    struct blockstore_range r;
    struct found found = { 0 };
    struct blockstore_progress p;
    const struct blockstore_verify_events events = { .ctx = &found, .bad = on_bad };
    (void)sample(bytes, digest, i);
    CHECK_OK(blockstore_locate(w->s, &r, digest));
    blockstore_release(w->s, &r);
    (void)snprintf(path, sizeof(path), "/disk/a/seg-%08x.pack", r.segment);
    uint64_t offset = (uint64_t)((int64_t)r.offset + at);
    CHECK_OK(file_fault_flip(w->ff, path, offset, 3));
    CHECK_OK(blockstore_verify(w->s, &p, &events));
    CHECK(p.bad == 1 && found.count == 1 && p.blocks == p.blocks_total);
    CHECK(found.fault[0] == want && memcmp(found.digest[0], digest, 32) == 0);
    if (want == BLOCKSTORE_BAD_BYTES) {
        size_t got;
        CHECK_ERR(blockstore_get(w->s, &got, (struct mspan){ back, sizeof(back) }, digest),
                  ERR_CORRUPT);
    }
    CHECK_OK(file_fault_flip(w->ff, path, offset, 3));
}

static void test_verify_finds_flips(void **state)
{
    (void)state;
    struct world w;
    struct blockstore_progress p;
    world_begin(&w, 7);
    for (uint32_t i = 0; i < 60; i++)
        put(&w, i);
    CHECK_OK(blockstore_commit(w.s));
    flip(&w, 7, 0, BLOCKSTORE_BAD_BYTES);
    flip(&w, 9, 3, BLOCKSTORE_BAD_BYTES);
    for (int64_t at = -64; at < 0; at += 9)
        flip(&w, 9, at, BLOCKSTORE_BAD_HEADER);
    CHECK_OK(blockstore_verify(w.s, &p, NULL));
    CHECK(p.bad == 0 && p.blocks == 60);
    world_end(&w);
}

enum { ITEMS_MAX = 400 };

static size_t list_all(struct world *w, struct blockstore_item *items)
{
    size_t count = 0, n;
    do {
        CHECK_OK(blockstore_list(w->s, items + count, &n, 37,
                                 count == 0 ? NULL : items[count - 1].digest));
        count += n;
        CHECK(count <= ITEMS_MAX);
    } while (n > 0);
    return count;
}

static void delete (struct world *w, uint32_t i)
{
    struct block_key key = { 0 };
    size_t removed;
    (void)sample(bytes, key.digest, i);
    CHECK_OK(blockstore_delete(w->s, &key, 1, &removed));
    CHECK(removed == 1);
    CHECK_OK(blockstore_delete(w->s, &key, 1, &removed));
    CHECK(removed == 0);
}

static void reclaim_all(struct world *w)
{
    bool more = true;
    while (more)
        CHECK_OK(blockstore_reclaim(w->s, 20, &more));
}

static void test_rebuild_gives_the_same_index(void **state)
{
    (void)state;
    struct world w;
    static struct blockstore_item before[ITEMS_MAX + 40], after[ITEMS_MAX + 40];
    struct blockstore_progress p;
    world_begin(&w, 8);
    make_pins(&w);
    for (uint32_t i = 0; i < 200; i++)
        put(&w, i);
    CHECK_OK(blockstore_commit(w.s));
    for (uint32_t i = 0; i < 200; i += 3)
        delete (&w, i);
    reclaim_all(&w);
    size_t count = list_all(&w, before);
    blockstore_close(w.s);
    CHECK(unlink(w.index) == 0);
    CHECK_OK(blockstore_rebuild(&w.config, &p));
    CHECK(p.blocks == count && p.bad == 0);
    world_open(&w);
    CHECK(list_all(&w, after) == count);
    CHECK(memcmp(before, after, count * sizeof(before[0])) == 0);
    expect_pins(&w);
    for (uint32_t i = 0; i < 200; i++)
        expect(&w, i, i % 3 != 0);
    /* Damage: the record is left out, the rest comes back. */
    uint8_t digest[32];
    struct blockstore_range r;
    char path[64];
    for (int64_t at = -64; at <= 0; at += 64) {
        (void)sample(bytes, digest, 100 + (uint32_t)(at == 0));
        CHECK_OK(blockstore_locate(w.s, &r, digest));
        blockstore_release(w.s, &r);
        (void)snprintf(path, sizeof(path), "/disk/a/seg-%08x.pack", r.segment);
        CHECK_OK(file_fault_flip(w.ff, path, (uint64_t)((int64_t)r.offset + at), 1));
    }
    blockstore_close(w.s);
    CHECK_OK(blockstore_rebuild(&w.config, &p));
    CHECK(p.bad == 2 && p.blocks == count - 2);
    world_open(&w);
    for (uint32_t i = 0; i < 200; i++)
        expect(&w, i, i % 3 != 0 && i != 100 && i != 101);
    world_end(&w);
}

/* ---- space
 * -----------------------------------------------------------------------------------------------
 */

static void test_reclaim_waits_for_readers(void **state)
{
    (void)state;
    struct world w;
    uint8_t digest[32];
    struct blockstore_range r;
    struct blockstore_stat st;
    bool more;
    world_begin(&w, 9);
    for (uint32_t i = 0; i < 40; i++)
        put(&w, i);
    CHECK_OK(blockstore_commit(w.s));
    size_t n = sample(bytes, digest, 7);
    CHECK_OK(blockstore_locate(w.s, &r, digest));
    for (uint32_t i = 0; i < 40; i++)
        delete (&w, i);
    CHECK_OK(blockstore_reclaim(w.s, 1000, &more));
    CHECK_OK(blockstore_stat(w.s, &st));
    CHECK(st.blocks == 0 && st.reclaim_bytes > 0);
    (void)sample(bytes, digest, 7);
    CHECK_OK(file_read_exact(w.config.files, r.fd, (struct mspan){ back, r.length }, r.offset));
    CHECK_SPAN(span_of(bytes, n), span_of(back, r.length));
    blockstore_release(w.s, &r);
    reclaim_all(&w);
    CHECK_OK(blockstore_stat(w.s, &st));
    CHECK(st.reclaim_bytes == 0);
    put(&w, 7);
    CHECK_OK(blockstore_commit(w.s));
    world_reopen(&w);
    expect(&w, 7, true);
    expect(&w, 8, false);
    world_end(&w);
}

static void test_compaction(void **state)
{
    (void)state;
    struct world w;
    struct blockstore_stat before, after;
    bool more = true;
    world_begin(&w, 10);
    make_pins(&w);
    for (uint32_t i = 0; i < 300; i++)
        put(&w, i);
    CHECK_OK(blockstore_commit(w.s));
    for (uint32_t i = 0; i < 300; i++)
        if (i % 10 != 4)
            delete (&w, i);
    CHECK_OK(blockstore_stat(w.s, &before));
    while (more)
        CHECK_OK(blockstore_compact(w.s, 60, 20000, &more));
    reclaim_all(&w);
    CHECK_OK(blockstore_stat(w.s, &after));
    CHECK(after.segments < before.segments && after.blocks == 30);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 300; i++)
            expect(&w, i, i % 10 == 4);
        expect_pins(&w);
        world_reopen(&w);
    }
    world_end(&w);
}

static void mark(struct blockstore_gc *gc, uint32_t i)
{
    uint8_t digest[32];
    bool known;
    (void)sample(bytes, digest, i);
    CHECK_OK(blockstore_gc_mark(gc, digest, &known));
    CHECK(!known);
    CHECK_OK(blockstore_gc_mark(gc, digest, &known));
    CHECK(known);
}

static void test_gc(void **state)
{
    (void)state;
    struct world w;
    struct blockstore_gc *gc, *second;
    struct blockstore_gc_result result;
    uint32_t session;
    world_begin(&w, 11);
    for (uint32_t i = 0; i < 100; i++)
        put(&w, i);
    CHECK_OK(blockstore_commit(w.s));
    CHECK_OK(blockstore_session_begin(w.s, &session));
    for (uint32_t i = 100; i < 120; i++)
        put(&w, i);
    CHECK_OK(blockstore_commit(w.s));
    put(&w, 50); /* there already: confirmed under the session */
    CHECK_OK(blockstore_gc_begin(&gc, w.s, w.scratch));
    CHECK_ERR(blockstore_gc_begin(&second, w.s, w.scratch), ERR_BUSY);
    for (uint32_t i = 0; i < 30; i++)
        mark(gc, i);
    put(&w, 60); /* confirmed during the run */
    put(&w, 130);
    bool done = false;
    while (!done)
        CHECK_OK(blockstore_gc_sweep(gc, 7, &done));
    blockstore_gc_end(gc, &result);
    CHECK(result.removed == 68);
    for (uint32_t i = 0; i < 131; i++)
        expect(&w, i, i < 30 || i == 50 || i == 60 || (i >= 100 && i < 120) || i == 130);
    blockstore_session_end(w.s, session);
    /* Without the session the next run takes what nobody marked. */
    CHECK_OK(blockstore_gc_begin(&gc, w.s, w.scratch));
    for (done = false; !done;)
        CHECK_OK(blockstore_gc_sweep(gc, 1000, &done));
    blockstore_gc_end(gc, &result);
    CHECK(result.kept == 0 && result.removed == 53);
    reclaim_all(&w);
    expect(&w, 1, false);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_get_reopen),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_readers_are_bounded),
        cmocka_unit_test(test_quota_and_full_disk),
        cmocka_unit_test(test_two_disks),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_verify_finds_flips),
        cmocka_unit_test(test_rebuild_gives_the_same_index),
        cmocka_unit_test(test_reclaim_waits_for_readers),
        cmocka_unit_test(test_compaction),
        cmocka_unit_test(test_gc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
