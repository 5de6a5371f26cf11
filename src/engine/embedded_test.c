#include "engine/embedded.h"

#include "base/check_memory.h"
#include "codec/block.h"
#include "crypto/random.h"
#include "crypto/sha256.h"
#include "rt/path.h"

#include <stdio.h>
#include <unistd.h>

/* A tiny state machine behind engine.h: a transaction is {signer, nonce, fee, payload}; the state
 * is one counter per signer and a running hash over everything that was executed. */
struct fake {
    struct statedb *db;
    struct kv kv;
    uint64_t finalized_height;
    uint8_t finalized_hash[32];
    uint64_t finalized_time;
    struct engine_info info;
    enum err commit_error; /* what commit answers instead of committing */
    bool refuse_blocks;    /* process says no to blocks that hold transactions */
    int finalize_calls;
};

static const struct span hash_key = { (const uint8_t *)"hash", 4 };

static uint8_t counter(const struct kv *kv, uint8_t signer)
{
    struct span v;
    return kv_get(kv, &v, span_of(&signer, 1)) == OK ? v.p[0] : 0;
}

static struct engine_info fake_info(void *ctx)
{
    struct fake *f = ctx;
    return f->info;
}

static void fake_check(void *ctx, struct chain_check *out, struct span tx, bool recheck)
{
    struct fake *f = ctx;
    const struct kv kv = statedb_committed(f->db, STATEDB_STATE);
    (void)recheck;
    *out = (struct chain_check){ .code = RESULT_OK };
    tx_id(out->id, tx);
    if (tx.n < 3) {
        out->code = RESULT_MALFORMED;
        return;
    }
    memset(out->signer, tx.p[0], sizeof(out->signer));
    out->nonce = tx.p[1];
    out->fee = AMOUNT_OF(tx.p[2]);
    uint8_t next = counter(&kv, tx.p[0]);
    if (tx.p[1] < next || tx.p[1] > next + 10)
        out->code = RESULT_BAD_NONCE;
}

static void fake_prepare(void *ctx, struct chain_candidate *txs, size_t *count, size_t max_bytes)
{
    (void)ctx, (void)txs, (void)max_bytes;
    if (*count > 3)
        *count = 3; /* a block takes three */
}

static bool fake_process(void *ctx, const struct engine_block *block)
{
    struct fake *f = ctx;
    return !f->refuse_blocks || block->tx_count == 0;
}

static enum err fake_finalize(void *ctx, struct chain_output *out, struct chain_tx_result *results,
                              const struct engine_block *block)
{
    struct fake *f = ctx;
    struct span old;
    uint8_t height[8];
    f->finalize_calls++;
    if (block->header->height != f->info.height + 1)
        return ERR_STATE;
    statedb_discard(f->db);
    uint8_t hash[32] = { 0 };
    if (kv_get(&f->kv, &old, hash_key) == OK)
        memcpy(hash, old.p, 32);
    for (size_t i = 0; i < block->tx_count; i++) {
        results[i] = (struct chain_tx_result){ .code = RESULT_OK };
        uint8_t next = (uint8_t)(block->txs[i].p[1] + 1);
        TRY(kv_put(&f->kv, block->txs[i], span_of(&next, 1)));
        TRY(kv_put(&f->kv, span_of(block->txs[i].p, 1), span_of(&next, 1)));
        const struct span parts[2] = { span_of(hash, 32), block->txs[i] };
        sha256_tagged(hash, "fake/1", parts, 2);
    }
    store_be64(height, block->header->height);
    const struct span parts[2] = { span_of(hash, 32), span_of(height, 8) };
    sha256_tagged(hash, "fake/2", parts, 2);
    TRY(kv_put(&f->kv, hash_key, span_of(hash, 32)));
    memcpy(out->app_hash, hash, 32);
    memcpy(f->finalized_hash, hash, 32);
    f->finalized_height = block->header->height;
    f->finalized_time = block->header->time_ms;
    block_hash(f->info.block_hash, block->header); /* info is asked for after commit only */
    return OK;
}

static enum err fake_commit(void *ctx, const struct statedb_row *rows, size_t row_count)
{
    struct fake *f = ctx;
    if (f->commit_error != OK)
        return f->commit_error;
    struct statedb_row all[70];
    uint8_t time[8];
    CHECK(row_count + 2 <= 70);
    store_be64(time, f->finalized_time);
    memcpy(all, rows, row_count * sizeof(*rows));
    all[row_count] = (struct statedb_row){ .table = STATEDB_META,
                                           .key = span_str("time"),
                                           .value = span_of(time, 8) };
    all[row_count + 1] = (struct statedb_row){ .table = STATEDB_META,
                                               .key = span_str("block"),
                                               .value = span_of(f->info.block_hash, 32) };
    TRY(statedb_commit(f->db, f->finalized_height, f->finalized_hash, all, row_count + 2));
    f->info.height = f->finalized_height;
    f->info.time_ms = f->finalized_time;
    memcpy(f->info.app_hash, f->finalized_hash, 32);
    return OK;
}

/* ---- a world: folder, database, machine, engine ---- */

struct world {
    char dir[64];
    struct statedb *db;
    struct fake fake;
    struct engine_app app;
    struct sigpool *sigs;
    struct embedded *engine;
    uint64_t now_ms;
    uint32_t txs_max;
};

static enum err world_open(struct world *w)
{
    const struct statedb_config config = { .dir = w->dir };
    CHECK_OK(statedb_open(&w->db, &config));
    if (statedb_head(w->db).fresh)
        CHECK_OK(statedb_commit(w->db, 0, (const uint8_t[32]){ 9 }, NULL, 0));
    w->fake = (struct fake){ .db = w->db, .kv = statedb_state(w->db) };
    w->fake.info.height = statedb_head(w->db).height;
    memcpy(w->fake.info.app_hash, statedb_head(w->db).app_hash, 32);
    const struct kv meta = statedb_committed(w->db, STATEDB_META);
    struct span v;
    if (kv_get(&meta, &v, span_str("time")) == OK)
        w->fake.info.time_ms = load_be64(v.p);
    if (kv_get(&meta, &v, span_str("block")) == OK)
        memcpy(w->fake.info.block_hash, v.p, 32);
    w->app = (struct engine_app){ .ctx = &w->fake,
                                  .info = fake_info,
                                  .check_tx = fake_check,
                                  .prepare = fake_prepare,
                                  .process = fake_process,
                                  .finalize = fake_finalize,
                                  .commit = fake_commit };
    CHECK_OK(sigpool_open(&w->sigs, 2));
    const struct embedded_config ec = { .mempool = { .txs_max = w->txs_max } };
    return embedded_open(&w->engine, &ec, &w->app, w->db, w->sigs);
}

static void world_close(struct world *w)
{
    embedded_close(w->engine);
    sigpool_close(w->sigs);
    statedb_close(w->db);
    w->engine = NULL;
}

static void world_make(struct world *w)
{
    *w = (struct world){ .now_ms = 1000 };
    snprintf(w->dir, sizeof(w->dir), "/tmp/crust-embedded-XXXXXX");
    CHECK(mkdtemp(w->dir) != NULL);
    CHECK_OK(world_open(w));
}

static void world_remove(struct world *w)
{
    world_close(w);
    CHECK_OK(path_remove_tree(w->dir));
}

static enum err world_block(struct world *w)
{
    w->now_ms += 100;
    return embedded_make_block(w->engine, w->now_ms);
}

static struct span tx_of(uint8_t buf[4], uint8_t signer, uint8_t nonce, uint8_t fee)
{
    buf[0] = signer;
    buf[1] = nonce;
    buf[2] = fee;
    buf[3] = 'x';
    return span_of(buf, 4);
}

static enum intake_verdict submit(struct world *w, uint8_t signer, uint8_t nonce, uint8_t fee)
{
    struct chain_check check;
    uint8_t buf[4];
    return intake_submit(embedded_intake(w->engine), &check, tx_of(buf, signer, nonce, fee), true);
}

static uint64_t waiting(struct world *w)
{
    uint64_t txs, bytes;
    mempool_size(intake_pool(embedded_intake(w->engine)), &txs, &bytes);
    return txs;
}

/* ---- tests ---- */

static void blocks_follow_each_other_and_take_what_waits(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    for (uint8_t i = 0; i < 5; i++)
        CHECK(submit(&w, 1, i, 1) == INTAKE_ACCEPTED);
    CHECK(submit(&w, 1, 0, 1) == INTAKE_KNOWN);
    CHECK(submit(&w, 1, 40, 1) == INTAKE_REFUSED);
    CHECK_OK(intake_flush(embedded_intake(w.engine)));
    CHECK_OK(world_block(&w));
    CHECK(waiting(&w) == 2 && embedded_info(w.engine).height == 1);
    CHECK_OK(world_block(&w));
    CHECK(waiting(&w) == 0);
    /* A clock that stands still does not stop the chain: its time goes on by a millisecond. */
    uint64_t before = embedded_info(w.engine).time_ms;
    CHECK_OK(embedded_make_block(w.engine, 1));
    CHECK(embedded_info(w.engine).time_ms == before + 1);
    world_remove(&w);
}

static void what_was_acknowledged_survives_a_restart(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    CHECK(submit(&w, 1, 0, 1) == INTAKE_ACCEPTED);
    CHECK(submit(&w, 2, 0, 1) == INTAKE_ACCEPTED);
    CHECK_OK(intake_flush(embedded_intake(w.engine)));
    CHECK(submit(&w, 3, 0, 1) == INTAKE_ACCEPTED); /* never flushed: never acknowledged */
    world_close(&w);
    /* The fake's transactions carry no signature that could be checked again. */
    CHECK_OK(world_open(&w));
    CHECK(waiting(&w) == 2);
    CHECK_OK(world_block(&w));
    CHECK(waiting(&w) == 0);
    world_close(&w);
    CHECK_OK(world_open(&w));
    CHECK(waiting(&w) == 0 && embedded_info(w.engine).height == 1);
    world_remove(&w);
}

static void a_decided_block_is_executed_again_after_a_crash(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    CHECK_OK(world_block(&w));
    CHECK(submit(&w, 1, 0, 1) == INTAKE_ACCEPTED);
    CHECK_OK(intake_flush(embedded_intake(w.engine)));
    w.fake.commit_error = ERR_IO; /* dies between the block's and the state's write */
    CHECK_ERR(world_block(&w), ERR_IO);
    uint8_t decided[32];
    memcpy(decided, w.fake.finalized_hash, 32);
    world_close(&w);
    CHECK_OK(world_open(&w));
    CHECK(embedded_replayed(w.engine) == 1);
    CHECK(embedded_info(w.engine).height == 2);
    CHECK(memcmp(embedded_info(w.engine).app_hash, decided, 32) == 0);
    CHECK(waiting(&w) == 0);
    world_remove(&w);
}

static void a_full_disk_is_waited_for(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    CHECK(submit(&w, 1, 0, 1) == INTAKE_ACCEPTED);
    CHECK_OK(intake_flush(embedded_intake(w.engine)));
    w.fake.commit_error = ERR_FULL;
    CHECK_ERR(world_block(&w), ERR_FULL);
    CHECK(embedded_is_stuck(w.engine));
    CHECK(submit(&w, 2, 0, 1) == INTAKE_BUSY);
    CHECK_ERR(world_block(&w), ERR_FULL);
    CHECK(w.fake.finalize_calls == 1); /* only the commit is tried again */
    w.fake.commit_error = OK;
    CHECK_OK(world_block(&w));
    CHECK(!embedded_is_stuck(w.engine) && embedded_info(w.engine).height == 1);
    CHECK(submit(&w, 2, 0, 1) == INTAKE_ACCEPTED);
    world_remove(&w);
}

static void a_transaction_that_has_become_impossible_is_dropped(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    for (uint8_t i = 0; i < 4; i++)
        CHECK(submit(&w, 1, i, 1) == INTAKE_ACCEPTED);
    CHECK_OK(intake_flush(embedded_intake(w.engine)));
    /* The machine skips: number 3 goes in first, so 0 to 2 cannot follow any more. */
    uint8_t five = 5, one = 1;
    CHECK_OK(world_block(&w));
    CHECK(waiting(&w) == 1);
    CHECK_OK(kv_put(&w.fake.kv, span_of(&one, 1), span_of(&five, 1)));
    CHECK_OK(statedb_commit(w.db, 2, (const uint8_t[32]){ 2 }, NULL, 0));
    w.fake.info.height = 2;
    world_close(&w);
    CHECK_OK(world_open(&w));
    CHECK(waiting(&w) == 0);
    uint32_t code;
    uint8_t buf[4], id[32];
    tx_id(id, tx_of(buf, 1, 3, 1));
    CHECK(mempool_look(intake_pool(embedded_intake(w.engine)), &code, id) == MEMPOOL_DROPPED_FOR);
    CHECK(code == RESULT_BAD_NONCE);
    world_remove(&w);
}

static void a_replaced_transaction_does_not_come_back(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    CHECK(submit(&w, 1, 0, 10) == INTAKE_ACCEPTED);
    CHECK_OK(intake_flush(embedded_intake(w.engine)));
    CHECK(submit(&w, 1, 0, 10 + 1) == INTAKE_ACCEPTED);
    CHECK(submit(&w, 1, 0, 10) == INTAKE_CONFLICT);
    CHECK_OK(intake_flush(embedded_intake(w.engine)));
    world_close(&w);
    CHECK_OK(world_open(&w));
    CHECK(waiting(&w) == 1);
    uint32_t code;
    uint8_t buf[4], id[32];
    tx_id(id, tx_of(buf, 1, 0, 11));
    CHECK(mempool_look(intake_pool(embedded_intake(w.engine)), &code, id) == MEMPOOL_PENDING);
    world_remove(&w);
}

static void a_stored_block_that_does_not_follow_is_refused(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    CHECK_OK(world_block(&w));
    struct block_header h = { .height = 2, .time_ms = w.now_ms + 1 };
    memcpy(h.parent, w.fake.info.block_hash, 32);
    memcpy(h.app_hash, w.fake.info.app_hash, 32);
    h.app_hash[5] ^= 1;
    block_tx_root(h.tx_root, NULL, 0);
    agreement_hash(h.agreement, NULL);
    uint8_t record[512], key[8];
    struct writer wr = writer_of(record, sizeof(record));
    block_encode(&wr, &h, NULL, NULL, 0);
    store_be64(key, 2);
    const struct statedb_row row = { .table = STATEDB_BLOCKS,
                                     .key = span_of(key, 8),
                                     .value = writer_span(&wr) };
    CHECK_OK(statedb_write(w.db, &row, 1));
    world_close(&w);
    CHECK_ERR(world_open(&w), ERR_CORRUPT);
    CHECK(w.engine == NULL);
    world_remove(&w);
}

static void the_chain_goes_on_when_a_proposal_is_refused(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    CHECK(submit(&w, 1, 0, 1) == INTAKE_ACCEPTED);
    CHECK_OK(intake_flush(embedded_intake(w.engine)));
    w.fake.refuse_blocks = true;
    CHECK_OK(world_block(&w));
    CHECK(embedded_info(w.engine).height == 1 && waiting(&w) == 1);
    w.fake.refuse_blocks = false;
    CHECK_OK(world_block(&w));
    CHECK(waiting(&w) == 0);
    world_remove(&w);
}

static void a_full_pool_says_busy(void **state)
{
    (void)state;
    struct world w = { .now_ms = 1000, .txs_max = 4 };
    snprintf(w.dir, sizeof(w.dir), "/tmp/crust-embedded-XXXXXX");
    CHECK(mkdtemp(w.dir) != NULL);
    CHECK_OK(world_open(&w));
    for (uint8_t i = 0; i < 3; i++)
        CHECK(submit(&w, i, 0, 1) == INTAKE_ACCEPTED);
    CHECK(submit(&w, 9, 0, 1) == INTAKE_BUSY);
    CHECK_OK(intake_flush(embedded_intake(w.engine)));
    CHECK_OK(world_block(&w));
    CHECK(submit(&w, 9, 0, 1) == INTAKE_ACCEPTED);
    world_remove(&w);
}

static int setup(void **state)
{
    (void)state;
    return random_init() == OK ? 0 : -1;
}

/* ---- no memory ---- */

static void fresh_world(void *ctx)
{
    struct world *w = ctx;
    world_make(w);
    CHECK(submit(w, 2, 0, 1) == INTAKE_ACCEPTED);
    CHECK_OK(intake_flush(embedded_intake(w->engine)));
}

static void no_world(void *ctx)
{
    struct world *w = ctx;
    world_remove(w);
}

static enum err one_more_block(void *ctx)
{
    struct world *w = ctx;
    if (embedded_is_stuck(w->engine)) /* the block of the run before is decided */
        TRY(world_block(w));
    enum intake_verdict v = submit(w, 1, (uint8_t)embedded_info(w->engine).height, 1);
    if (v == INTAKE_BUSY)
        return ERR_MEMORY;
    CHECK(v == INTAKE_ACCEPTED || v == INTAKE_KNOWN);
    TRY(intake_flush(embedded_intake(w->engine)));
    return world_block(w);
}

static enum err open_again(void *ctx)
{
    struct world *w = ctx;
    const struct embedded_config ec = { 0 };
    embedded_close(w->engine);
    w->engine = NULL;
    TRY(embedded_open(&w->engine, &ec, &w->app, w->db, w->sigs));
    CHECK(waiting(w) == 1);
    return OK;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct world w;
    CHECK(check_memory_each(one_more_block, fresh_world, no_world, &w) > 0);
    CHECK(check_memory_each(open_again, fresh_world, no_world, &w) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_follow_each_other_and_take_what_waits),
        cmocka_unit_test(what_was_acknowledged_survives_a_restart),
        cmocka_unit_test(a_decided_block_is_executed_again_after_a_crash),
        cmocka_unit_test(a_full_disk_is_waited_for),
        cmocka_unit_test(a_transaction_that_has_become_impossible_is_dropped),
        cmocka_unit_test(a_replaced_transaction_does_not_come_back),
        cmocka_unit_test(a_stored_block_that_does_not_follow_is_refused),
        cmocka_unit_test(the_chain_goes_on_when_a_proposal_is_refused),
        cmocka_unit_test(a_full_pool_says_busy),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
