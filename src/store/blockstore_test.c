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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_get_reopen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
