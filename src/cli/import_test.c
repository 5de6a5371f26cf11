/* import, hashpool and records against the one-thread importer of ipfs/unixfs_add, on random trees;
 * files that change while they are read. */
#include "base/check_memory.h"
#include "base/prng.h"
#include "cli/hashpool.h"
#include "cli/import.h"
#include "cli/records.h"
#include "rt/path.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { FILE_MAX = 300000, ARENA = 4 << 20 };

static char folder[] = "/tmp/crust-import-XXXXXX";
static struct unixfs_add_params params;

/* A sink that counts blocks and keeps their records: the model's commitment. */
struct blocks {
    uint64_t puts;
    struct records records;
};

static enum err take(void *ctx, const struct block_key *key, struct span data)
{
    struct blocks *b = ctx;
    struct content_key content = { .codec = (uint32_t)key->codec };
    struct content_record record;
    memcpy(content.digest, key->digest, 32);
    content_record_of(&record, &content, data);
    b->puts++;
    return records_add(&b->records, &record);
}

/* ---- the model ------------------------------------------------------------------------------ */

static struct blocks model_blocks;
static struct block_sink model_sink = { .ctx = &model_blocks, .put = take };
static uint8_t scratch[UNIXFS_ADD_SCRATCH], chunk[UNIXFS_ADD_CHUNK_MAX], arena_bytes[ARENA];
static struct unixfs_add model = { .sink = &model_sink, .scratch = { scratch, sizeof(scratch) } };

static void model_start(void)
{
    records_fini(&model_blocks.records);
    model_blocks = (struct blocks){ 0 };
    model.params = params;
}

static void model_file(struct unixfs_add_node *out, struct span bytes)
{
    struct arena arena = arena_of(arena_bytes, sizeof(arena_bytes));
    struct unixfs_add_stream s;
    unixfs_add_stream_init(&s, &model, &arena, (struct mspan){ chunk, params.chunk_size }, NULL);
    CHECK_OK(unixfs_add_stream_write(&s, bytes));
    CHECK_OK(unixfs_add_stream_finish(&s, out));
}

static struct span random_file(struct prng *g, const char *path)
{
    static uint8_t bytes[FILE_MAX];
    size_t kind = prng_below(g, 4), n = 0;
    if (kind == 1)
        n = prng_below(g, 40);
    else if (kind == 2)
        n = params.chunk_size * prng_below(g, 5) + prng_below(g, 3) - 1 + (kind == 0);
    else if (kind == 3)
        n = prng_below(g, FILE_MAX);
    if (n > FILE_MAX)
        n = 0; /* "-1" of nothing */
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(prng_below(g, 4)); /* repeats of chunks too, now and then */
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
    return span_of(bytes, n);
}

static struct span bytes_of(uint8_t buf[CID_SIZE_MAX], const struct cid *cid)
{
    struct writer w = writer_of(buf, CID_SIZE_MAX);
    cid_write(&w, cid);
    CHECK_OK(w.err);
    return writer_span(&w);
}

/* Makes a folder of random content, and builds it in the model. */
static void random_folder(struct unixfs_add_node *out, struct prng *g, const char *path, int depth)
{
    enum { MANY = 40 };
    struct unixfs_add_entry list[MANY];
    char names[MANY][16];
    uint8_t cids[MANY][CID_SIZE_MAX];
    size_t count = prng_below(g, depth == 0 ? 6 : MANY);
    CHECK_OK(path_make_dirs(path, 0755));
    for (size_t i = 0; i < count; i++) {
        char child[512];
        struct unixfs_add_node node;
        (void)snprintf(names[i], sizeof(names[i]), "%c%zu", (char)('a' + prng_below(g, 26)), i);
        (void)snprintf(child, sizeof(child), "%s/%s", path, names[i]);
        if (depth > 0 && prng_below(g, 5) == 0)
            random_folder(&node, g, child, depth - 1);
        else
            model_file(&node, random_file(g, child));
        list[i] = (struct unixfs_add_entry){ .name = span_str(names[i]),
                                             .cid = bytes_of(cids[i], &node.cid),
                                             .tsize = node.tsize };
    }
    CHECK_OK(unixfs_add_dir(&model, out, (struct unixfs_add_entries){ list, count }, NULL));
}

/* ---- comparing ------------------------------------------------------------------------------ */

static void compare(const char *path, const struct unixfs_add_node *want)
{
    static struct import_result r;
    struct blocks seen = { 0 };
    struct block_sink sink = { .ctx = &seen, .put = take };
    struct content_commitment commitment;
    struct import_options o = {
        .params = params, .sink = &sink, .recursive = true, .commitment = true
    };
    CHECK_OK(import_path(&r, &o, path));
    CHECK(cid_eq(&r.root, &want->cid) && r.tsize == want->tsize);
    CHECK_OK(records_finish(&seen.records, &commitment));
    CHECK(memcmp(commitment.data_root, r.commitment.data_root, 32) == 0);
    CHECK_OK(records_finish(&model_blocks.records, &commitment));
    CHECK(memcmp(commitment.data_root, r.commitment.data_root, 32) == 0);
    CHECK(commitment.size == r.commitment.size);
    CHECK(commitment.record_count == r.commitment.record_count);
    CHECK(seen.puts >= commitment.record_count);
    records_fini(&seen.records);
}

static void random_trees_equal_the_one_thread_importer(void **state)
{
    (void)state;
    struct prng g;
    static const uint32_t chunks[] = { 1, 1000, 1024, 65536, 262144 };
    for (uint64_t seed = 0; seed < 12; seed++) {
        char path[512];
        struct unixfs_add_node want;
        prng_init(&g, seed);
        CHECK_OK(unixfs_add_profile(&params, seed % 2 == 0 ? "unixfs-v1-2025" : "unixfs-v0-2015"));
        params.chunk_size = chunks[1 + prng_below(&g, 4)];
        params.file_links = (uint32_t)(2 + prng_below(&g, 6));
        if (prng_below(&g, 3) == 0)
            params.hamt_above = 300; /* folders become HAMTs early */
        CHECK_OK(unixfs_add_check(&params));
        model_start();
        (void)snprintf(path, sizeof(path), "%s/%llu", folder, (unsigned long long)seed);
        if (seed % 5 == 0)
            model_file(&want, random_file(&g, path));
        else
            random_folder(&want, &g, path, 2);
        compare(path, &want);
        CHECK_OK(path_remove_tree(path));
    }
}

/* ---- files that change ---------------------------------------------------------------------- */

enum change { SHRINK, GROW };
struct changing {
    char path[256];
    enum change how;
    bool done;
};

static void change(void *ctx, uint64_t bytes, uint64_t files)
{
    struct changing *ch = ctx;
    (void)bytes;
    (void)files;
    if (ch->done)
        return;
    ch->done = true;
    if (ch->how == SHRINK) {
        CHECK(truncate(ch->path, 1000) == 0);
        return;
    }
    FILE *f = fopen(ch->path, "ab");
    CHECK(f != NULL && fputs("more", f) >= 0 && fclose(f) == 0);
}

static void a_file_that_changes_is_refused(void **state)
{
    (void)state;
    static uint8_t zeros[1 << 20];
    static struct import_result r;
    for (int how = SHRINK; how <= GROW; how++) {
        struct changing ch = { .how = (enum change)how };
        struct blocks seen = { 0 };
        struct block_sink sink = { .ctx = &seen, .put = take };
        (void)snprintf(ch.path, sizeof(ch.path), "%s/changing", folder);
        FILE *f = fopen(ch.path, "wb");
        CHECK(f != NULL && fwrite(zeros, 1, sizeof(zeros), f) == sizeof(zeros) && fclose(f) == 0);
        CHECK_OK(unixfs_add_profile(&params, "unixfs-v1-2025"));
        params.chunk_size = 1024; /* far more pieces than may be in flight */
        struct import_options o = {
            .params = params, .sink = &sink, .progress = change, .progress_ctx = &ch
        };
        CHECK_ERR(import_path(&r, &o, ch.path), ERR_STATE);
        CHECK(ch.done && strcmp(r.error_path, ch.path) == 0);
        records_fini(&seen.records);
        (void)unlink(ch.path);
    }
}

/* One job of the pool whose size is not that of the file. */
static enum err hash_one(size_t size)
{
    struct hashpool *p;
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(dir >= 0);
    CHECK_OK(hashpool_new(&p, &params, true));
    hashpool_submit(p, &(struct hashpool_job){
                           .dir = dir, .name = "small", .fd = -1, .size = size, .only = true });
    enum err e = hashpool_take(p)->err;
    hashpool_release(p);
    CHECK(hashpool_pending(p) == 0);
    hashpool_free(p);
    close(dir);
    return e;
}

static void the_pool_notices_a_wrong_length(void **state)
{
    (void)state;
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/small", folder);
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL && fputs("0123456789", f) >= 0 && fclose(f) == 0);
    CHECK_OK(unixfs_add_profile(&params, "unixfs-v1-2025"));
    CHECK_OK(hash_one(10));
    CHECK_ERR(hash_one(9), ERR_STATE);
    CHECK_ERR(hash_one(11), ERR_STATE);
    (void)unlink(path);
    CHECK_ERR(hash_one(10), ERR_IO);
}

/* ---- records -------------------------------------------------------------------------------- */

static void records_forget_order_and_repeats(void **state)
{
    (void)state;
    struct records forward = { 0 }, backward = { 0 };
    struct content_commitment a, b;
    struct content_record list[300];
    for (uint32_t i = 0; i < 300; i++) {
        uint8_t bytes[4];
        store_le32(bytes, i);
        struct content_key key = { .codec = i % 2 == 0 ? CID_CODEC_RAW : CID_CODEC_DAG_PB,
                                   .digest = { (uint8_t)(i * 7), (uint8_t)i, (uint8_t)(i >> 8) } };
        content_record_of(&list[i], &key, span_of(bytes, sizeof(bytes)));
    }
    for (size_t i = 0; i < 300; i++) {
        CHECK_OK(records_add(&forward, &list[i]));
        CHECK_OK(records_add(&backward, &list[299 - i]));
        if (i % 3 == 0)
            CHECK_OK(records_add(&backward, &list[299]));
    }
    CHECK_OK(records_finish(&forward, &a));
    CHECK_OK(records_finish(&backward, &b));
    CHECK(a.record_count == 300 && a.size == 1200);
    CHECK(b.record_count == 300 && memcmp(a.data_root, b.data_root, 32) == 0);
    CHECK_OK(records_add(&forward, &list[0])); /* adding goes on */
    CHECK_OK(records_finish(&forward, &b));
    CHECK(b.record_count == 300 && memcmp(a.data_root, b.data_root, 32) == 0);
    records_fini(&forward);
    records_fini(&backward);
}

/* ---- no memory ------------------------------------------------------------------------------ */

static void nothing(void *ctx)
{
    (void)ctx;
}

static enum err import_folder(void *ctx)
{
    const char *path = ctx;
    static struct import_result r;
    struct blocks seen = { 0 };
    struct block_sink sink = { .ctx = &seen, .put = take };
    struct import_options o = {
        .params = params, .sink = &sink, .recursive = true, .commitment = true
    };
    enum err e = import_path(&r, &o, path);
    records_fini(&seen.records);
    return e;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const struct cid none;
    char path[256];
    struct prng g;
    struct unixfs_add_node want;
    prng_init(&g, 3);
    CHECK_OK(unixfs_add_profile(&params, "unixfs-v1-2025"));
    params.chunk_size = 1000;
    model_start();
    (void)snprintf(path, sizeof(path), "%s/memory", folder);
    random_folder(&want, &g, path, 1);
    CHECK(!cid_eq(&want.cid, &none));
    CHECK(check_memory_each(import_folder, nothing, nothing, path) > 0);
    compare(path, &want); /* and the result is that of a run without failures */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_trees_equal_the_one_thread_importer),
        cmocka_unit_test(a_file_that_changes_is_refused),
        cmocka_unit_test(the_pool_notices_a_wrong_length),
        cmocka_unit_test(records_forget_order_and_repeats),
        cmocka_unit_test(every_allocation_may_fail),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    records_fini(&model_blocks.records);
    if (path_remove_tree(folder) != OK)
        return 1;
    return failed;
}
