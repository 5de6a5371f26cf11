#include "engine/app.h"

#include "base/check.h"
#include "chain/accounts.h"
#include "codec/block.h"
#include "codec/chain_index.h"
#include "codec/ss58.h"
#include "crypto/random.h"
#include "crypto/sha256.h"
#include "rt/path.h"

#include <stdio.h>

struct world {
    char dir[64];
    struct statedb *db;
    struct app *app;
    struct engine_app calls;
    struct ed25519_key alice, bob;
};

static void open_app(struct world *w)
{
    const struct statedb_config config = { .dir = w->dir };
    CHECK_OK(statedb_open(&w->db, &config));
    CHECK_OK(app_open(&w->app, w->db));
    w->calls = app_engine(w->app);
}

static void close_app(struct world *w)
{
    app_close(w->app);
    statedb_close(w->db);
}

static size_t genesis_text(char *out, size_t size, const struct world *w, const char *extra)
{
    char a[SS58_TEXT_MAX];
    ss58_format(a, w->alice.public_key);
    return (size_t)snprintf(out, size,
                            "{\"chain_id\":\"app-test\",\"time_ms\":5,\"params\":{\"preset\":"
                            "\"devnet\"%s},\"validators\":[],\"contributors\":[],\"beacon\":"
                            "\"%064d\",\"balances\":[{\"address\":\"%s\",\"amount\":"
                            "\"1000000000000000\"}]}",
                            extra, 0, a);
}

static void world_make(struct world *w)
{
    char text[1024], what[CHAIN_WHAT_MAX];
    const uint8_t one[32] = { 1 }, two[32] = { 2 };
    snprintf(w->dir, sizeof(w->dir), "/tmp/crust-app-XXXXXX");
    CHECK(mkdtemp(w->dir) != NULL);
    ed25519_keypair(&w->alice, one);
    ed25519_keypair(&w->bob, two);
    open_app(w);
    CHECK(w->calls.info(w->calls.ctx).fresh && app_chain(w->app) == NULL);
    size_t n = genesis_text(text, sizeof(text), w, ",\"slot_blocks\":0");
    CHECK(w->calls.init_chain(w->calls.ctx, span_of(text, n), what) != OK);
    CHECK(what[0] != '\0' && w->calls.info(w->calls.ctx).fresh);
    n = genesis_text(text, sizeof(text), w, "");
    CHECK_OK(w->calls.init_chain(w->calls.ctx, span_of(text, n), what));
    uint8_t hash[32], want[32];
    sha256(want, span_of(text, n));
    CHECK(app_genesis_hash(w->app, hash) && memcmp(hash, want, 32) == 0);
}

static void world_remove(struct world *w)
{
    close_app(w);
    CHECK_OK(path_remove_tree(w->dir));
}

static struct span transfer(struct world *w, uint8_t room[512], uint64_t nonce)
{
    struct span out;
    struct tx tx = { .nonce = nonce,
                     .expiry = 50,
                     .call = { .kind = TX_TRANSFER,
                               .transfer = { .amount = AMOUNT_OF(1000000000000u) } } };
    memcpy(tx.from, w->alice.public_key, 32);
    memcpy(tx.call.transfer.to, w->bob.public_key, 32);
    sha256(tx.chain, span_str("app-test"));
    CHECK_OK(tx_sign(&out, &tx, (struct mspan){ room, 512 }, &w->alice));
    return out;
}

static enum err finalize(struct world *w, uint8_t hash[32], struct chain_tx_result *results,
                         const struct span *txs, size_t count)
{
    static struct chain_output out;
    const bool good[4] = { true, true, true, true };
    const struct engine_info info = w->calls.info(w->calls.ctx);
    struct block_header h = { .height = info.height + 1, .time_ms = info.time_ms + 1000 };
    memcpy(h.parent, info.block_hash, 32);
    memcpy(h.app_hash, info.app_hash, 32);
    memcpy(h.chain, info.chain, 32);
    block_tx_root(h.tx_root, txs, count);
    agreement_hash(h.agreement, NULL);
    const struct engine_block block = {
        .header = &h, .txs = txs, .signatures = good, .tx_count = count
    };
    CHECK(w->calls.process(w->calls.ctx, &block));
    enum err e = w->calls.finalize(w->calls.ctx, &out, results, &block);
    memcpy(hash, out.app_hash, 32);
    return e;
}

static void a_height_may_be_finalized_again(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    uint8_t room[512], first[32], second[32], other[32];
    struct chain_tx_result results[4];
    const struct span tx = transfer(&w, room, 0);
    CHECK_OK(finalize(&w, first, results, &tx, 1));
    CHECK(results[0].code == RESULT_OK && !amount_is_zero(results[0].fee));
    CHECK_OK(finalize(&w, other, results, NULL, 0));
    CHECK_OK(finalize(&w, second, results, &tx, 1));
    CHECK(memcmp(first, second, 32) == 0 && memcmp(first, other, 32) != 0);
    /* Nothing of it is durable before commit. */
    close_app(&w);
    open_app(&w);
    CHECK(w.calls.info(w.calls.ctx).height == 0);
    CHECK_OK(finalize(&w, second, results, &tx, 1));
    CHECK(memcmp(first, second, 32) == 0);
    CHECK_OK(w.calls.commit(w.calls.ctx, NULL, 0));
    struct engine_info info = w.calls.info(w.calls.ctx);
    CHECK(info.height == 1 && memcmp(info.app_hash, first, 32) == 0);
    close_app(&w);
    open_app(&w);
    struct engine_info again = w.calls.info(w.calls.ctx);
    CHECK(memcmp(&info, &again, sizeof(info)) == 0);
    world_remove(&w);
}

static void commit_writes_what_queries_need(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    uint8_t room[512], hash[32], id[32], key[8];
    struct chain_tx_result results[4];
    const struct span tx = transfer(&w, room, 0);
    CHECK_OK(finalize(&w, hash, results, &tx, 1));
    CHECK_OK(w.calls.commit(w.calls.ctx, NULL, 0));
    struct statedb_snapshot *snap;
    struct span v;
    CHECK_OK(statedb_snapshot_open(&snap, w.db));
    tx_id(id, tx);
    struct kv kv = statedb_snapshot_kv(snap, STATEDB_TXS);
    CHECK_OK(kv_get(&kv, &v, span_of(id, 32)));
    CHECK(v.n == 12 && load_be64(v.p) == 1 && load_be32(v.p + 8) == 0);
    kv = statedb_snapshot_kv(snap, STATEDB_RESULTS);
    store_be64(key, 1);
    struct block_result r;
    CHECK_OK(kv_get(&kv, &v, span_of(key, 8)));
    CHECK_OK(block_result_decode(&r, v));
    CHECK(r.tx_count == 1 && r.event_count > 0 && memcmp(r.app_hash, hash, 32) == 0);
    kv = statedb_snapshot_kv(snap, STATEDB_INDEX);
    struct chain_index_key k = chain_index_account_txs(w.alice.public_key);
    chain_index_add_u64(&k, 1);
    chain_index_add_u32(&k, 0);
    CHECK_OK(kv_get(&kv, &v, chain_index_span(&k)));
    CHECK_SPAN(v, span_of(id, 32));
    statedb_snapshot_close(snap);
    /* All of it goes when the block is taken back. */
    CHECK_OK(statedb_rollback(w.db));
    const struct kv txs = statedb_committed(w.db, STATEDB_TXS);
    CHECK_ERR(kv_get(&txs, &v, span_of(id, 32)), ERR_NOT_FOUND);
    world_remove(&w);
}

static void queries_read_records_by_store(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct span v;
    CHECK_ERR(w.calls.query(w.calls.ctx, &v, "/store/nothing", span_str("a")), ERR_FORMAT);
    CHECK_ERR(w.calls.query(w.calls.ctx, &v, "store/accounts", span_str("a")), ERR_FORMAT);
    CHECK_ERR(w.calls.query(w.calls.ctx, &v, "/store/accounts", span_str("a")), ERR_NOT_FOUND);
    struct account a;
    CHECK(accounts_get(&app_chain(w.app)->ledger, &a, w.alice.public_key));
    CHECK(a.free.units == 1000000000000000u);
    world_remove(&w);
}

static int setup(void **state)
{
    (void)state;
    return random_init() == OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_height_may_be_finalized_again),
        cmocka_unit_test(commit_writes_what_queries_need),
        cmocka_unit_test(queries_read_records_by_store),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
