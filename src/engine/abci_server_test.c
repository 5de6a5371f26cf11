/* The call grammar of ABCI 2.0 and everything that breaks it, played by a fake CometBFT on the real
 * server and the real ledger. */
#include "base/check.h"
#include "base/hex.h"
#include "chain/prove.h"
#include "codec/block.h"
#include "codec/pb.h"
#include "crypto/random.h"
#include "engine/abci_driver_test.h"
#include "engine/abci_link_test.h"
#include "engine/embedded.h"
#include "rt/log.h"

static struct abci_response call_block(struct driver_link *k, enum abci_kind kind, int64_t height,
                                       struct span txs, uint32_t count)
{
    uint8_t room[256];
    const struct abci_request m =
        driver_block(k->d, kind, height, txs, count, (struct mspan){ room, sizeof(room) });
    return link_call(k, &m);
}

static int64_t info_height(struct driver_link *k)
{
    const struct abci_request m = { .kind = ABCI_INFO };
    struct abci_response r = link_call(k, &m);
    CHECK(r.kind == ABCI_INFO && r.info.app_version == ABCI_APP_VERSION);
    CHECK((r.info.height == 0) == (r.info.app_hash.n == 0));
    return r.info.height;
}

/* A list of alice's transfers with the nonces from first on. */
static struct span transfers(const struct driver *d, struct mspan room, uint64_t first, int count)
{
    struct writer w = writer_of(room.p, room.n);
    uint8_t tx[512];
    for (int i = 0; i < count; i++)
        abci_list_add_bytes(&w, driver_transfer(d, tx, first + (uint64_t)i));
    CHECK_OK(w.err);
    return writer_span(&w);
}

static const struct span no_txs = { NULL, 0 };

static void a_chain_starts_and_goes_on(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    uint8_t hash[32], before[32], list[4096];
    driver_make(&d);
    link_open(&k, &d);
    CHECK(info_height(&k) == 0);
    driver_start(&k);
    driver_start(&k); /* it may come again until block 1 is committed */
    CHECK(info_height(&k) == 0);
    for (int64_t h = 1; h <= 3; h++) {
        uint32_t count = h == 2 ? 3 : 0;
        struct span txs = transfers(&d, (struct mspan){ list, sizeof(list) }, 0, (int)count);
        struct abci_response r = call_block(&k, ABCI_PREPARE_PROPOSAL, h, txs, count);
        CHECK(r.kind == ABCI_PREPARE_PROPOSAL && r.prepare.txs.count == count);
        r = call_block(&k, ABCI_PROCESS_PROPOSAL, h, txs, count);
        CHECK(r.kind == ABCI_PROCESS_PROPOSAL && r.process.status == ABCI_ACCEPT);
        memcpy(before, hash, sizeof(before));
        driver_decide(&k, hash, h, txs, count);
        CHECK(h == 1 || memcmp(before, hash, sizeof(before)) != 0);
        CHECK(info_height(&k) == h);
    }
    /* The author's part of the fees went to the account behind the proposer's address. */
    struct account bob;
    CHECK(accounts_get(&app_chain(d.ledger)->ledger, &bob, d.bob.public_key));
    CHECK(bob.free.units > 3000000000000u);
    link_close(&k);
    driver_remove(&d);
}

/* The app hashes of a chain of three blocks, through this connection. */
static void three_blocks(struct driver_link *k, uint8_t hashes[3][32])
{
    uint8_t list[4096];
    for (int64_t h = 1; h <= 3; h++)
        driver_decide(k, hashes[h - 1], h,
                      transfers(k->d, (struct mspan){ list, sizeof(list) }, (uint64_t)h - 1, 1), 1);
}

static void rounds_leave_no_trace(void **state)
{
    (void)state;
    struct driver a, b;
    struct driver_link k;
    uint8_t want[3][32], hash[32], list[4096];
    driver_make(&a);
    link_open(&k, &a);
    driver_start(&k);
    three_blocks(&k, want);
    link_close(&k);
    driver_make(&b);
    link_open(&k, &b);
    driver_start(&k);
    for (int64_t h = 1; h <= 3; h++) {
        /* Rounds with other proposals, then one that nobody showed us before it was decided; a
         * height may also be finalized twice, first with something else. */
        struct mspan room = { list, sizeof(list) };
        struct span txs = transfers(&b, room, (uint64_t)h - 1, 2);
        CHECK(call_block(&k, ABCI_PROCESS_PROPOSAL, h, txs, 2).process.status == ABCI_ACCEPT);
        CHECK(call_block(&k, ABCI_PROCESS_PROPOSAL, h, no_txs, 0).process.status == ABCI_ACCEPT);
        CHECK(call_block(&k, ABCI_PREPARE_PROPOSAL, h, txs, 2).prepare.txs.count == 2);
        CHECK(call_block(&k, ABCI_FINALIZE_BLOCK, h, txs, 2).finalize.tx_results.count == 2);
        driver_decide(&k, hash, h, transfers(&b, room, (uint64_t)h - 1, 1), 1);
        CHECK(memcmp(hash, want[h - 1], 32) == 0);
    }
    link_close(&k);
    driver_remove(&a);
    driver_remove(&b);
}

static void a_kill_between_finalize_and_commit_loses_the_block_only(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    uint8_t hash[32], list[4096], first[32];
    driver_make(&d);
    link_open(&k, &d);
    driver_start(&k);
    driver_decide(&k, hash, 1, no_txs, 0);
    struct span txs = transfers(&d, (struct mspan){ list, sizeof(list) }, 0, 2);
    struct abci_response r = call_block(&k, ABCI_FINALIZE_BLOCK, 2, txs, 2);
    CHECK(r.kind == ABCI_FINALIZE_BLOCK);
    memcpy(first, r.finalize.app_hash.p, 32);
    for (int kills = 0; kills < 3; kills++) {
        link_close(&k);
        driver_close(&d);
        driver_open(&d);
        link_open(&k, &d);
        CHECK(info_height(&k) == 1);
        r = call_block(&k, ABCI_FINALIZE_BLOCK, 2, txs, 2);
        CHECK(memcmp(r.finalize.app_hash.p, first, 32) == 0);
    }
    /* Only the engine dies: a new one finds the server as it was. */
    link_close(&k);
    link_open(&k, &d);
    CHECK(info_height(&k) == 1);
    driver_decide(&k, hash, 2, txs, 2);
    CHECK(memcmp(hash, first, 32) == 0);
    link_close(&k);
    driver_close(&d);
    driver_open(&d);
    link_open(&k, &d);
    CHECK(info_height(&k) == 2);
    link_close(&k);
    driver_remove(&d);
}

/* The records that are kept are blocks of ours: the embedded engine executes them. */
static void the_embedded_engine_comes_to_the_same_state(void **state)
{
    (void)state;
    struct driver a, b;
    struct driver_link k;
    uint8_t hashes[3][32], key[8];
    char what[CHAIN_WHAT_MAX];
    driver_make(&a);
    link_open(&k, &a);
    driver_start(&k);
    three_blocks(&k, hashes);
    link_close(&k);
    driver_make(&b);
    CHECK_OK(b.calls.init_chain(b.calls.ctx, span_str(b.genesis), what));
    const struct kv blocks = statedb_committed(a.db, STATEDB_BLOCKS);
    for (uint64_t h = 1; h <= 3; h++) {
        struct statedb_row row = { .table = STATEDB_BLOCKS, .key = span_of(key, 8) };
        store_be64(key, h);
        CHECK_OK(kv_get(&blocks, &row.value, row.key));
        struct block block;
        struct agreement agreement;
        CHECK_OK(block_decode(&block, row.value));
        CHECK_OK(agreement_decode(&agreement, block.agreement));
        CHECK(agreement.vote_count == (h > 1) && agreement.proposer[0] != 0);
        CHECK_OK(statedb_write(b.db, &row, 1));
    }
    struct embedded *e;
    const struct embedded_config config = { .seed = 1 };
    CHECK_OK(embedded_open(&e, &config, &b.calls, b.db, b.sigs));
    CHECK(embedded_replayed(e) == 3 && embedded_info(e).height == 3);
    CHECK(memcmp(embedded_info(e).app_hash, hashes[2], 32) == 0);
    const struct engine_info want = a.calls.info(a.calls.ctx);
    CHECK(memcmp(embedded_info(e).block_hash, want.block_hash, 32) == 0);
    embedded_close(e);
    driver_remove(&a);
    driver_remove(&b);
}

/* Those of the preset "devnet". */
static void check_params(const struct abci_params *p)
{
    struct abci_list types = p->validator.key_types;
    struct span type;
    CHECK(p->present && p->block.max_bytes > 4 << 20 && p->block.max_gas == -1);
    CHECK(p->evidence.max_age_blocks == 40 && p->evidence.max_age.seconds == 10);
    CHECK(p->evidence.max_bytes == 512 << 10 && p->version.app == ABCI_APP_VERSION);
    CHECK(abci_list_bytes(&type, &types) && span_eq(type, span_str("ed25519")));
}

static void another_genesis_is_refused(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    uint8_t room[128];
    char text[128];
    driver_make(&d);
    for (int change = 0; change < 10; change++) {
        struct abci_request m = driver_init_chain(&d, room, text);
        if (change == 0)
            m.init_chain.chain_id = span_str("another");
        if (change == 1)
            m.init_chain.validators = abci_list_of(no_txs, 0);
        if (change == 2)
            m.init_chain.app_state = span_str("{\"genesis\":\"00\"}");
        if (change == 3)
            m.init_chain.initial_height = 5;
        if (change == 4)
            m.init_chain.app_state = span_str("{}");
        if (change == 5)
            room[room[1] + 1] ^= 1; /* the validator's power */
        m.init_chain.params.present = change > 5;
        m.init_chain.params.version =
            (struct abci_version_params){ .present = true, .app = change == 6 ? 2 : 1 };
        m.init_chain.params.validator.present = change == 7; /* without a key type */
        m.init_chain.params.abci =
            (struct abci_abci_params){ .present = true, .vote_extensions_height = change == 8 };
        if (change == 9)
            m.init_chain.app_state = span_str(text); /* right */
        link_open(&k, &d);
        struct abci_response r = link_call(&k, &m);
        CHECK(r.kind == (change == 9 ? ABCI_INIT_CHAIN : ABCI_EXCEPTION));
        if (change == 9)
            check_params(&r.init_chain.params);
        link_close(&k);
    }
    link_open(&k, &d);
    uint8_t hash[32];
    driver_decide(&k, hash, 1, no_txs, 0);
    driver_close(&d);
    close(k.fd);
    free(k.in);
    driver_open(&d);
    link_open(&k, &d);
    struct abci_request m = driver_init_chain(&d, room, text);
    CHECK(link_call(&k, &m).kind == ABCI_EXCEPTION); /* the chain has begun */
    link_close(&k);
    driver_remove(&d);
}

static void calls_out_of_order_end_the_connection(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    uint8_t hash[32], room[256];
    const struct mspan space = { room, sizeof(room) };
    driver_make(&d);
    const struct abci_request commit = { .kind = ABCI_COMMIT };
    const struct abci_request early[] = {
        commit,
        { .kind = ABCI_CHECK_TX },
        driver_block(&d, ABCI_PREPARE_PROPOSAL, 1, no_txs, 0, space),
        driver_block(&d, ABCI_PROCESS_PROPOSAL, 1, no_txs, 0, space),
        driver_block(&d, ABCI_FINALIZE_BLOCK, 1, no_txs, 0, space),
    };
    for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
        link_open(&k, &d);
        CHECK(link_call(&k, &early[i]).kind == ABCI_EXCEPTION);
        struct abci_response none;
        uint8_t *keep;
        CHECK(!link_answer(&k, &none, &keep)); /* closed */
        link_close(&k);
    }
    link_open(&k, &d);
    driver_start(&k);
    driver_decide(&k, hash, 1, no_txs, 0);
    link_close(&k);
    for (int64_t h = 0; h <= 3; h++) {
        if (h == 2)
            continue;
        link_open(&k, &d);
        CHECK(call_block(&k, ABCI_FINALIZE_BLOCK, h, no_txs, 0).kind == ABCI_EXCEPTION);
        link_close(&k);
    }
    link_open(&k, &d);
    CHECK(link_call(&k, &commit).kind == ABCI_EXCEPTION);
    link_close(&k);
    link_open(&k, &d);
    driver_decide(&k, hash, 2, no_txs, 0); /* and the chain goes on */
    link_close(&k);
    driver_remove(&d);
}

static void byte_by_byte_is_the_same(void **state)
{
    (void)state;
    struct driver a, b;
    struct driver_link k;
    uint8_t want[3][32], hashes[3][32];
    driver_make(&a);
    link_open(&k, &a);
    driver_start(&k);
    three_blocks(&k, want);
    link_close(&k);
    driver_make(&b);
    link_open(&k, &b);
    k.step = 1;
    driver_start(&k);
    three_blocks(&k, hashes);
    CHECK(memcmp(want, hashes, sizeof(want)) == 0);
    link_close(&k);
    driver_remove(&a);
    driver_remove(&b);
}

/* Bytes that are no frame, or no request: an exception, and nothing else is harmed. */
static void nonsense_is_answered_with_an_exception(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k, other;
    static const struct {
        const char *name;
        size_t n;
        uint8_t bytes[16];
    } rows[] = {
        { "length over ten bytes", 11, { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1 } },
        { "length over the limit", 5, { 0xff, 0xff, 0xff, 0xff, 0x0f } },
        { "empty message", 1, { 0 } },
        { "unknown message", 4, { 3, 0xfa, 0x01, 0 } },
        { "two messages", 5, { 4, 0x12, 0, 0x12, 0 } },
        { "a number for a message", 3, { 2, 0x10, 1 } },
        { "a group", 2, { 1, 0x13 } },
        { "a member longer than the frame", 3, { 2, 0x12, 5 } },
        { "a response", 5, { 4, 0x4a, 0, 0x22, 0 } },
    };
    driver_make(&d);
    link_open(&other, &d);
    driver_start(&other);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct abci_response r;
        uint8_t *keep;
        link_open(&k, &d);
        link_write(&k, span_of(rows[i].bytes, rows[i].n), true);
        CHECK(link_answer(&k, &r, &keep) && r.kind == ABCI_EXCEPTION);
        free(keep);
        CHECK(!link_answer(&k, &r, &keep));
        link_close(&k);
    }
    CHECK(info_height(&other) == 0);
    /* One that stops in the middle of a frame, and one that is idle, keep nobody waiting. */
    link_open(&k, &d);
    const uint8_t half[] = { 200, 1, 0x12 };
    link_write(&k, span_of(half, sizeof(half)), true);
    CHECK(info_height(&other) == 0);
    link_close(&k);
    link_close(&other);
    CHECK(abci_server_connections(d.server) == 0);
    driver_remove(&d);
}

static void answers_keep_the_order_of_requests(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    enum { COUNT = 600 };
    static uint8_t many[COUNT * 64];
    struct writer w = writer_of(many, sizeof(many));
    driver_make(&d);
    link_open(&k, &d);
    driver_start(&k);
    for (int i = 0; i < COUNT; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        struct abci_request m = { .kind = i % 7 == 0 ? ABCI_FLUSH : ABCI_ECHO };
        if (m.kind == ABCI_ECHO)
            m.echo.message = span_str(text);
        if (i % 11 == 0)
            m = (struct abci_request){ .kind = ABCI_CHECK_TX };
        abci_request_encode(&w, &m);
    }
    CHECK_OK(w.err);
    link_write(&k, writer_span(&w), true);
    for (int i = 0; i < COUNT; i++) {
        struct abci_response r;
        uint8_t *keep;
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        CHECK(link_answer(&k, &r, &keep));
        CHECK(r.kind == (i % 11 == 0 ? ABCI_CHECK_TX : i % 7 == 0 ? ABCI_FLUSH : ABCI_ECHO));
        CHECK(r.kind != ABCI_ECHO || span_eq(r.echo.message, span_str(text)));
        CHECK(r.kind != ABCI_CHECK_TX || (r.check_tx.code != 0 && r.check_tx.log.n != 0));
        free(keep);
    }
    link_close(&k);
    driver_remove(&d);
}

/* A client that asks and does not listen is not read any more; it gets all its answers later. */
static void answers_that_nobody_takes_stop_the_reading(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    enum { SIZE = 1 << 20, COUNT = 40 };
    uint8_t *big = calloc(1, SIZE), *frame = malloc(SIZE + 64);
    CHECK(big != NULL && frame != NULL);
    driver_make(&d);
    link_open(&k, &d);
    struct abci_request m = { .kind = ABCI_ECHO };
    m.echo.message = span_of(big, SIZE);
    struct writer w = writer_of(frame, SIZE + 64);
    abci_request_encode(&w, &m);
    CHECK_OK(w.err);
    size_t sent = 0;
    int whole = 0;
    while (whole < COUNT && (sent = link_write(&k, writer_span(&w), false)) == w.len)
        whole++;
    CHECK(whole < COUNT && whole >= 8);
    /* The rest of the frame that was cut, while answers are taken. */
    link_write(&k, span_of(frame + sent, w.len - sent), true);
    for (int i = 0; i <= whole; i++) {
        struct abci_response r;
        uint8_t *keep;
        CHECK(link_answer(&k, &r, &keep) && r.kind == ABCI_ECHO && r.echo.message.n == SIZE);
        free(keep);
    }
    CHECK(info_height(&k) == 0);
    link_close(&k);
    free(big);
    free(frame);
    driver_remove(&d);
}

static void a_full_disk_makes_commit_wait(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k, other;
    uint8_t hash[32];
    driver_make(&d);
    link_open(&k, &d);
    link_open(&other, &d);
    driver_start(&k);
    d.commits_to_fail = 2;
    CHECK(call_block(&k, ABCI_FINALIZE_BLOCK, 1, no_txs, 0).kind == ABCI_FINALIZE_BLOCK);
    const struct abci_request commit = { .kind = ABCI_COMMIT };
    link_send(&k, &commit);
    CHECK(info_height(&other) == 0);
    struct abci_response r;
    uint8_t *keep;
    CHECK(link_answer(&k, &r, &keep) && r.kind == ABCI_COMMIT);
    free(keep);
    CHECK(d.commits_to_fail == 0 && info_height(&other) == 1);
    driver_decide(&k, hash, 2, no_txs, 0);
    link_close(&k);
    link_close(&other);
    driver_remove(&d);
}

/* What was acknowledged here is proposed, once, whether CometBFT's mempool has it or not, and waits
 * until it is in a block. */
static void acknowledged_transactions_come_into_a_block(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    uint8_t tx[512], list[4096], hash[32];
    struct chain_check check;
    driver_make(&d);
    link_open(&k, &d);
    driver_start(&k);
    CHECK(intake_submit(d.intake, &check, driver_transfer(&d, tx, 0), false) == INTAKE_ACCEPTED);
    CHECK(call_block(&k, ABCI_PREPARE_PROPOSAL, 1, no_txs, 0).prepare.txs.count == 0);
    CHECK_OK(intake_flush(d.intake)); /* only now is it promised */
    struct span txs = transfers(&d, (struct mspan){ list, sizeof(list) }, 0, 2);
    CHECK(call_block(&k, ABCI_PREPARE_PROPOSAL, 1, no_txs, 0).prepare.txs.count == 1);
    CHECK(call_block(&k, ABCI_PREPARE_PROPOSAL, 1, txs, 2).prepare.txs.count == 2);
    driver_decide(&k, hash, 1, no_txs, 0);
    link_close(&k);
    driver_close(&d);
    driver_open(&d);
    link_open(&k, &d);
    CHECK(call_block(&k, ABCI_PREPARE_PROPOSAL, 2, no_txs, 0).prepare.txs.count == 1);
    driver_decide(&k, hash, 2, txs, 1);
    CHECK(call_block(&k, ABCI_PREPARE_PROPOSAL, 3, no_txs, 0).prepare.txs.count == 0);
    link_close(&k);
    driver_close(&d);
    driver_open(&d);
    uint64_t waiting, bytes;
    mempool_size(intake_pool(d.intake), &waiting, &bytes);
    CHECK(waiting == 0);
    driver_remove(&d);
}

/* Gossip has no order: what comes before its turn waits, and of twins the better paying one goes.
 */
static void only_what_can_succeed_is_proposed(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    uint8_t list[4096], tx[512];
    static const struct {
        int count;
        uint64_t nonces[4];
        uint32_t want;
    } rows[] = { { 1, { 1 }, 0 },          { 2, { 1, 0 }, 2 },       { 2, { 0, 2 }, 1 },
                 { 4, { 3, 2, 1, 0 }, 4 }, { 4, { 2, 0, 3, 0 }, 1 }, { 3, { 0, 0, 1 }, 2 } };
    driver_make(&d);
    link_open(&k, &d);
    driver_start(&k);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct writer w = writer_of(list, sizeof(list));
        for (int j = 0; j < rows[i].count; j++)
            abci_list_add_bytes(&w, driver_transfer(&d, tx, rows[i].nonces[j]));
        uint32_t count = (uint32_t)rows[i].count;
        struct abci_response r = call_block(&k, ABCI_PREPARE_PROPOSAL, 1, writer_span(&w), count);
        CHECK(r.kind == ABCI_PREPARE_PROPOSAL && r.prepare.txs.count == rows[i].want);
        struct span one;
        uint64_t next = 0;
        while (abci_list_bytes(&one, &r.prepare.txs)) {
            struct tx t;
            CHECK(tx_decode(&t, one) == OK && t.nonce == next++);
        }
    }
    link_close(&k);
    driver_remove(&d);
}

static void proposals_that_break_the_rules_are_refused(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    uint8_t list[512];
    struct writer w = writer_of(list, sizeof(list));
    driver_make(&d);
    link_open(&k, &d);
    driver_start(&k);
    abci_list_add_bytes(&w, span_str("no transaction"));
    struct abci_response r = call_block(&k, ABCI_PROCESS_PROPOSAL, 1, writer_span(&w), 1);
    CHECK(r.kind == ABCI_PROCESS_PROPOSAL && r.process.status == ABCI_REJECT);
    /* If the others decide it all the same, it is executed: it fails, with a result. */
    CHECK(call_block(&k, ABCI_PREPARE_PROPOSAL, 1, writer_span(&w), 1).prepare.txs.count == 0);
    r = call_block(&k, ABCI_FINALIZE_BLOCK, 1, writer_span(&w), 1);
    struct abci_tx_result result;
    CHECK(abci_list_next(&result, ABCI_TX_RESULT, &r.finalize.tx_results));
    CHECK(result.code == RESULT_MALFORMED && result.log.n != 0 && result.data.n == 0);
    link_close(&k);
    driver_remove(&d);
}

static void the_other_calls_have_their_answers(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    uint8_t hash[32];
    driver_make(&d);
    link_open(&k, &d);
    driver_start(&k);
    driver_decide(&k, hash, 1, no_txs, 0);
    struct abci_request m = { .kind = ABCI_LIST_SNAPSHOTS };
    CHECK(link_call(&k, &m).list_snapshots.snapshots.count == 0);
    m = (struct abci_request){ .kind = ABCI_OFFER_SNAPSHOT };
    CHECK(link_call(&k, &m).offer_snapshot.result == ABCI_OFFER_ABORT);
    m = (struct abci_request){ .kind = ABCI_APPLY_SNAPSHOT_CHUNK };
    CHECK(link_call(&k, &m).apply_chunk.result == ABCI_APPLY_ABORT);
    m = (struct abci_request){ .kind = ABCI_LOAD_SNAPSHOT_CHUNK };
    CHECK(link_call(&k, &m).load_chunk.chunk.n == 0);
    m = (struct abci_request){ .kind = ABCI_VERIFY_VOTE_EXTENSION };
    CHECK(link_call(&k, &m).process.status == ABCI_ACCEPT);
    m.verify.extension = span_str("x");
    CHECK(link_call(&k, &m).process.status == ABCI_REJECT);
    CHECK(call_block(&k, ABCI_EXTEND_VOTE, 2, no_txs, 0).extend.extension.n == 0);
    m = (struct abci_request){ .kind = ABCI_INSERT_TX };
    CHECK(link_call(&k, &m).insert_tx.code != 0);
    m = (struct abci_request){ .kind = ABCI_QUERY };
    m.query.path = span_str("/p2p/filter/addr/1.2.3.4:5");
    CHECK(link_call(&k, &m).query.code == 0);
    m.query.path = span_str("/store/meta");
    m.query.data = span_str("head");
    struct abci_response r = link_call(&k, &m);
    CHECK(r.query.code == 0 && r.query.value.n != 0 && r.query.height == 1);
    m.query.path = span_str("/store/meta/key");
    CHECK(link_call(&k, &m).query.value.n != 0);
    m.query.data = span_str("nothing");
    CHECK(link_call(&k, &m).query.code == 1);
    m.query.path = span_str("/elsewhere");
    CHECK(link_call(&k, &m).query.code == 2);
    m.query.height = 7;
    CHECK(link_call(&k, &m).query.code == 3);
    link_close(&k);
    driver_remove(&d);
}

/* ProofOps as a whole message, out of the answer's list. */
static struct span ops_of(struct mspan room, struct abci_list ops)
{
    struct writer w = writer_of(room.p, room.n);
    struct abci_proof_op op;
    while (abci_list_next(&op, ABCI_PROOF_OP, &ops))
        abci_list_add(&w, ABCI_PROOF_OP, &op);
    CHECK_OK(w.err);
    return writer_span(&w);
}

static void records_are_proved_against_the_app_hash(void **state)
{
    (void)state;
    static uint8_t room[PROVE_OPS_MAX];
    const struct mspan m_room = { room, sizeof(room) };
    struct driver d;
    struct driver_link k;
    uint8_t hash[32], old[32], list[1024], key[ACCOUNT_KEY_SIZE];
    struct abci_request m = { .kind = ABCI_QUERY };
    driver_make(&d);
    link_open(&k, &d);
    m.query.prove = true;
    m.query.path = span_str("/store/meta");
    CHECK(link_call(&k, &m).query.code == 1); /* before there is a state */
    driver_start(&k);
    driver_decide(&k, old, 1, no_txs, 0);
    driver_decide(&k, hash, 2, transfers(&d, (struct mspan){ list, sizeof(list) }, 0, 1), 1);
    m.query.path = span_str("/store/accounts/key");
    accounts_key(key, d.bob.public_key);
    m.query.data = span_of(key, sizeof(key));
    struct abci_response r = link_call(&k, &m);
    CHECK(r.query.code == 0 && r.query.height == 2 && r.query.proof.present);
    CHECK(span_eq(r.query.key, m.query.data) && r.query.value.n != 0);
    CHECK(r.query.proof.ops.count == PROVE_OPS_COUNT);
    const struct prove_claim claim = { "accounts", m.query.data, &r.query.value };
    CHECK_OK(prove_check(hash, &claim, ops_of(m_room, r.query.proof.ops)));
    CHECK_ERR(prove_check(old, &claim, ops_of(m_room, r.query.proof.ops)), ERR_CORRUPT);

    key[ACCOUNT_KEY_SIZE - 1] ^= 1; /* nobody's account */
    r = link_call(&k, &m);
    CHECK(r.query.code == 1 && r.query.proof.present && r.query.value.n == 0);
    const struct prove_claim absent = { "accounts", m.query.data, NULL };
    CHECK_OK(prove_check(hash, &absent, ops_of(m_room, r.query.proof.ops)));

    m.query.path = span_str("/store/index");
    CHECK(link_call(&k, &m).query.code == 4);
    m.query.path = span_str("/store/tree");
    CHECK(link_call(&k, &m).query.code == 4);
    m.query.path = span_str("/elsewhere");
    CHECK(link_call(&k, &m).query.code == 2);
    m.query.path = span_str("/store/accounts");
    m.query.data = span_of(room, STATE_KEY_MAX + 1);
    CHECK(link_call(&k, &m).query.code == 1);
    m.query.height = 1;
    CHECK(link_call(&k, &m).query.code == 3);
    link_close(&k);
    driver_remove(&d);
}

static void blocks_that_the_engine_may_forget(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    uint8_t hash[32];
    const struct abci_request commit = { .kind = ABCI_COMMIT };
    driver_make(&d);
    driver_close(&d);
    d.retain = 2;
    driver_open(&d);
    link_open(&k, &d);
    driver_start(&k);
    for (int64_t h = 1; h <= 4; h++) {
        CHECK(call_block(&k, ABCI_FINALIZE_BLOCK, h, no_txs, 0).kind == ABCI_FINALIZE_BLOCK);
        CHECK(link_call(&k, &commit).commit.retain_height == (h > 2 ? h - 2 : 0));
    }
    driver_decide(&k, hash, 5, no_txs, 0);
    link_close(&k);
    driver_remove(&d);
}

static void tcp_is_for_loopback_only(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    struct abci_server *s;
    driver_make(&d);
    driver_close(&d);
    snprintf(d.at, sizeof(d.at), "tcp:127.0.0.1:0");
    driver_open(&d);
    link_open(&k, &d);
    CHECK(info_height(&k) == 0);
    link_close(&k);
    const struct abci_server_options open_to_all = { .at = "tcp:0.0.0.0:0", .app = d.app };
    CHECK_ERR(abci_server_open(&s, d.loop, &open_to_all), ERR_DENIED);
    driver_remove(&d);
}

int main(void)
{
    if (random_init() != OK)
        return 1;
    log_init("abci-test", LOG_LEVEL_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_starts_and_goes_on),
        cmocka_unit_test(rounds_leave_no_trace),
        cmocka_unit_test(a_kill_between_finalize_and_commit_loses_the_block_only),
        cmocka_unit_test(the_embedded_engine_comes_to_the_same_state),
        cmocka_unit_test(another_genesis_is_refused),
        cmocka_unit_test(calls_out_of_order_end_the_connection),
        cmocka_unit_test(byte_by_byte_is_the_same),
        cmocka_unit_test(nonsense_is_answered_with_an_exception),
        cmocka_unit_test(answers_keep_the_order_of_requests),
        cmocka_unit_test(answers_that_nobody_takes_stop_the_reading),
        cmocka_unit_test(a_full_disk_makes_commit_wait),
        cmocka_unit_test(acknowledged_transactions_come_into_a_block),
        cmocka_unit_test(only_what_can_succeed_is_proposed),
        cmocka_unit_test(proposals_that_break_the_rules_are_refused),
        cmocka_unit_test(the_other_calls_have_their_answers),
        cmocka_unit_test(records_are_proved_against_the_app_hash),
        cmocka_unit_test(blocks_that_the_engine_may_forget),
        cmocka_unit_test(tcp_is_for_loopback_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
