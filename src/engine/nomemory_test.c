/* Every allocation of ours fails once: nothing crashes, nothing leaks (LeakSanitizer looks), the
 * caller learns of it, and the same thing done again on the same files succeeds.
 * The program is linked with --wrap, so that allocations of libraries are left alone. */
#include "base/check.h"
#include "crypto/sha256.h"
#include "rt/http_server.h"
#include "rt/ipc.h"
#include "rt/path.h"
#include "store/blockstore.h"
#include "store/statedb.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);

static atomic_long countdown; /* 0: nothing fails */

static bool fails(void)
{
    return atomic_load(&countdown) > 0 && atomic_fetch_sub(&countdown, 1) == 1;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n)
{
    return fails() ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

/* A folder, and what a scenario does in it. Scenarios close what they open, in any case. */
struct place {
    char dir[64];
    char index[96];
    char blocks[96];
};

static uint8_t block[9000];

static enum err write_blocks(struct blockstore *s)
{
    for (uint8_t i = 0; i < 4; i++) {
        uint8_t digest[32];
        block[0] = i;
        sha256(digest, span_of(block, sizeof(block)));
        TRY(blockstore_put(s, digest, span_of(block, sizeof(block)), BLOCKSTORE_VERIFY));
    }
    TRY(blockstore_commit(s));
    struct blockstore_stat stat;
    TRY(blockstore_stat(s, &stat));
    CHECK(stat.blocks == 4);
    struct block_key none[1] = { 0 };
    return blockstore_delete(s, none, 1, NULL);
}

static enum err store_blocks(const struct place *p)
{
    const struct blockstore_config config = { .files = file_system(),
                                              .index_path = p->index,
                                              .dirs = { p->blocks },
                                              .dir_count = 1,
                                              .segment_bytes = 4 << 20,
                                              .map_bytes = 16 << 20,
                                              .readers_max = 4 };
    struct blockstore *s;
    TRY(blockstore_open(&s, &config));
    enum err e = write_blocks(s);
    blockstore_close(s);
    return e;
}

static enum err write_state(struct statedb *db)
{
    uint8_t hash[STATEDB_HASH_SIZE] = { 1 };
    struct kv kv = statedb_state(db);
    for (int round = 0; round < 2; round++) { /* the first of all cannot be taken back */
        for (uint8_t i = 0; i < 100; i++)
            TRY(kv_put(&kv, span_of(&i, 1), span_of(block, 100)));
        TRY(statedb_commit(db, statedb_head(db).height + 1, hash, NULL, 0));
    }
    struct statedb_snapshot *s;
    TRY(statedb_snapshot_open(&s, db));
    statedb_snapshot_close(s);
    return statedb_rollback(db);
}

static enum err store_state(const struct place *p)
{
    const struct statedb_config config = { .dir = p->dir, .map_bytes = 16 << 20 };
    struct statedb *db;
    TRY(statedb_open(&db, &config));
    enum err e = write_state(db);
    statedb_close(db);
    return e;
}

static void on_http(void *ctx, struct http_request *rq)
{
    (void)ctx;
    (void)http_request_respond_text(rq, 200, "yes");
}

static void on_ipc(void *ctx, struct ipc_request *rq, const struct ipc_msg *m)
{
    (void)ctx;
    (void)m;
    enum err e = ipc_reply(rq, 0, (struct span){ NULL, 0 }, (struct span){ NULL, 0 });
    (void)e; /* nobody asks */
}

static enum err serve(const struct place *p)
{
    struct loop *l;
    TRY(loop_new(&l, 16));
    struct http_server *http = NULL;
    struct ipc_server *ipc = NULL;
    const struct http_server_options ho = { .handler = on_http, .threads = 1 };
    struct ipc_server_options io = { .at = { .kind = IPC_UNIX }, .handler = on_ipc };
    (void)snprintf(io.at.path, sizeof(io.at.path), "%s/socket", p->dir);
    enum err e = http_server_open(&http, &ho);
    if (e == OK)
        e = ipc_server_open(&ipc, l, &io);
    ipc_server_close(ipc);
    http_server_close(http);
    loop_free(l);
    return e;
}

static void place_make(struct place *p)
{
    (void)snprintf(p->dir, sizeof(p->dir), "/tmp/crust-nomemory-XXXXXX");
    CHECK(mkdtemp(p->dir) != NULL);
    (void)snprintf(p->index, sizeof(p->index), "%s/index.mdb", p->dir);
    (void)snprintf(p->blocks, sizeof(p->blocks), "%s/blocks", p->dir);
}

/* Fails the first allocation, the second and so on, until one run needs no more. */
static void every_allocation(enum err (*scenario)(const struct place *))
{
    for (long n = 1;; n++) {
        struct place p;
        place_make(&p);
        CHECK(n < 10000);
        atomic_store(&countdown, n);
        enum err e = scenario(&p);
        bool failed = atomic_exchange(&countdown, 0) == 0;
        CHECK(failed || e == OK);
        CHECK_OK(scenario(&p));
        CHECK_OK(path_remove_tree(p.dir));
        if (!failed) {
            CHECK(n > 1);
            print_message("%ld allocations\n", n - 1);
            return;
        }
    }
}

static void blocks_without_memory(void **state)
{
    (void)state;
    every_allocation(store_blocks);
}

static void state_without_memory(void **state)
{
    (void)state;
    every_allocation(store_state);
}

static void servers_without_memory(void **state)
{
    (void)state;
    every_allocation(serve);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_without_memory),
        cmocka_unit_test(state_without_memory),
        cmocka_unit_test(servers_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
