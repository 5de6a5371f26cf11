/* Every allocation of ours fails once: nothing crashes, nothing leaks (LeakSanitizer looks), the
 * caller learns of it, and the same thing done again on the same files succeeds. */
#include "base/check_memory.h"
#include "crypto/sha256.h"
#include "engine/sigpool.h"
#include "rt/http_server.h"
#include "rt/ipc.h"
#include "rt/path.h"
#include "store/blockstore.h"
#include "store/journal.h"
#include "store/statedb.h"
#include "store/treestore.h"
#include "store/volume.h"

#include <stdio.h>
#include <unistd.h>

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

static enum err store_blocks(void *ctx)
{
    const struct place *p = ctx;
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

static enum err store_state(void *ctx)
{
    const struct place *p = ctx;
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

static enum err serve(void *ctx)
{
    const struct place *p = ctx;
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

static enum err check_signatures(void *ctx)
{
    (void)ctx;
    struct sigpool *pool;
    TRY(sigpool_open(&pool, 3));
    const struct span junk[2] = { span_str("junk"), span_str("") };
    bool ok[2] = { true, false };
    sigpool_check(pool, ok, junk, 2);
    sigpool_close(pool);
    CHECK(ok[0] && !ok[1]);
    return OK;
}

static enum err write_journal(void *ctx)
{
    const struct place *p = ctx;
    const struct journal_config config = { .files = file_system(),
                                           .dirs = { p->index, p->blocks },
                                           .dir_count = 2 };
    struct journal *j;
    TRY(journal_open(&j, &config));
    enum err e = journal_append(j, span_of(block, 100));
    if (e == OK)
        e = journal_commit(j);
    if (e == OK)
        e = journal_snapshot(j, span_of(block, 1000));
    journal_close(j);
    return e;
}

static enum err seen(void *ctx, const struct volume_replica *replica)
{
    (void)ctx, (void)replica;
    return OK;
}

static enum err write_segment(struct volume *v)
{
    const struct volume_replica replica = { { 7 } };
    struct volume_segment s;
    TRY(volume_object_put(v, NULL, "object", span_of(block, 100)));
    TRY(volume_segment_begin(&s, v, &replica, 0));
    enum err e = volume_segment_append(&s, span_of(block, sizeof(block)));
    if (e != OK) {
        volume_segment_abort(&s);
        return e;
    }
    TRY(volume_segment_finish(&s));
    TRY(volume_replica_list(v, seen, NULL));
    return volume_replica_delete(v, &replica);
}

static enum err write_volume(void *ctx)
{
    const struct place *p = ctx;
    const struct volume_config config = { .files = file_system(),
                                          .path = p->blocks,
                                          .create = true };
    struct volume *v;
    TRY(volume_open(&v, &config));
    enum err e = write_segment(v);
    volume_close(v);
    return e;
}

static enum err node_hash(struct treestore_node *out, const struct treestore_node *left,
                          const struct treestore_node *right)
{
    const struct span parts[2] = { span_of(left->hash, 32), span_of(right->hash, 32) };
    sha256_tagged(out->hash, "test/node", parts, 2);
    out->sum = left->sum + right->sum;
    return OK;
}

static enum err grow_tree(void *ctx)
{
    const struct place *p = ctx;
    const struct treestore_config config = { .path = p->index,
                                             .map_bytes = 16 << 20,
                                             .hash = node_hash };
    struct treestore *t;
    TRY(treestore_open(&t, &config));
    uint64_t version;
    struct treestore_set sets[20];
    for (uint32_t i = 0; i < 20; i++)
        sets[i] =
            (struct treestore_set){ .index = i, .leaf = { { 1 }, i }, .data = span_of(block, 9) };
    enum err e = treestore_apply(t, &version, sets, 20);
    bool more = true;
    if (e == OK)
        e = treestore_release(t, version, 1000, &more);
    treestore_close(t);
    return e;
}

static void place_make(void *ctx)
{
    struct place *p = ctx;
    (void)snprintf(p->dir, sizeof(p->dir), "/tmp/crust-nomemory-XXXXXX");
    CHECK(mkdtemp(p->dir) != NULL);
    (void)snprintf(p->index, sizeof(p->index), "%s/index.mdb", p->dir);
    (void)snprintf(p->blocks, sizeof(p->blocks), "%s/blocks", p->dir);
}

static void place_remove(void *ctx)
{
    const struct place *p = ctx;
    CHECK_OK(path_remove_tree(p->dir));
}

static void every_allocation(enum err (*scenario)(void *ctx))
{
    struct place p;
    long count = check_memory_each(scenario, place_make, place_remove, &p);
    CHECK(count > 0);
    print_message("%ld allocations\n", count);
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

static void signatures_without_memory(void **state)
{
    (void)state;
    every_allocation(check_signatures);
}

static void journal_without_memory(void **state)
{
    (void)state;
    every_allocation(write_journal);
}

static void volume_without_memory(void **state)
{
    (void)state;
    every_allocation(write_volume);
}

static void trees_without_memory(void **state)
{
    (void)state;
    every_allocation(grow_tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_without_memory),  cmocka_unit_test(state_without_memory),
        cmocka_unit_test(servers_without_memory), cmocka_unit_test(signatures_without_memory),
        cmocka_unit_test(journal_without_memory), cmocka_unit_test(volume_without_memory),
        cmocka_unit_test(trees_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
