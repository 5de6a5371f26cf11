/* The same blocks give the same state, whatever a node remembers; and the state goes through a
 * snapshot. docs/spec/attest.md 11.9, docs/spec/snapshot.md. */
#include "chain/memo.h"
#include "chain/snapshot.h"
#include "chain/testevidence.h"

enum { BLOCKS_MAX = 256, PAIRS_MAX = 4096, CHUNK_ROOM = 4 << 20 };

/* Blocks as they were run: at most one transaction of ours and one contribution to the beacon. */
struct taped {
    uint64_t time_ms;
    size_t tx_count;
    struct span txs[2];
};

static struct taped tape[BLOCKS_MAX];
static size_t tape_count;
static uint8_t tape_bytes[1 << 20];
static size_t tape_used;

static struct span keep(struct span s)
{
    CHECK(s.n <= sizeof(tape_bytes) - tape_used);
    memcpy(tape_bytes + tape_used, s.p, s.n);
    tape_used += s.n;
    return span_of(tape_bytes + tape_used - s.n, s.n);
}

static void run(struct chain *c, const struct taped *b, struct chain_tx_result results[2])
{
    struct chain_output out;
    struct chain_block block = {
        .height = c->height + 1, .time_ms = b->time_ms, .txs = b->txs, .tx_count = b->tx_count
    };
    block.hash[0] = (uint8_t)block.height;
    CHECK_OK(chain_finalize(c, &out, results, &block, NULL));
}

/* A block, seconds after the one before, and its place on the tape. */
static enum tx_result step(const struct tx_call *call, size_t account, uint64_t seconds)
{
    struct chain_tx_result results[2];
    struct taped *b = &tape[tape_count++];
    uint8_t room[512];
    struct span s;
    CHECK(tape_count <= BLOCKS_MAX);
    *b = (struct taped){ .time_ms = w.chain.time_ms + 1000 * seconds };
    if (call != NULL) {
        struct tx tx = { .nonce = w.nonces[account]++,
                         .expiry = w.chain.height + 100,
                         .call = *call };
        memcpy(tx.from, w.keys[account].public_key, 32);
        memcpy(tx.chain, w.chain_hash, 32);
        CHECK_OK(tx_sign(&s, &tx, (struct mspan){ tw_room, sizeof(tw_room) }, &w.keys[account]));
        b->txs[b->tx_count++] = keep(s);
    }
    if (chain_contribution(&w.chain, &s, (struct mspan){ room, sizeof(room) }, &w.beacon_key) == OK)
        b->txs[b->tx_count++] = keep(s);
    run(&w.chain, b, results);
    return call == NULL ? RESULT_OK : results[0].code;
}

static void step_post(enum collateral_kind kind, struct span document, struct span issuer)
{
    struct tx_call call = post_of(kind, document, issuer);
    CHECK(step(&call, 2, 1) == RESULT_OK);
}

static void step_documents(uint64_t issued, unsigned evaluation, const long *revoked, size_t n)
{
    char text[VENDOR_DOCUMENT_MAX];
    uint8_t room[1024];
    uint64_t to = start + 30 * DAY;
    struct span none = { NULL, 0 };
    const struct testcert_list root = { VENDOR_ROOT, &v.root, issued, to, NULL, 0 };
    const struct testcert_list ca = { VENDOR_CA, &v.ca, issued, to, revoked, n };
    step_post(COLLATERAL_ROOT_CRL, testcert_crl(room, sizeof(room), &root), none);
    step_post(COLLATERAL_PCK_CRL, testcert_crl(room, sizeof(room), &ca), v.ca_cert);
    step_post(COLLATERAL_TCB_INFO, vendor_tcb_info(&v, text, issued, to, evaluation, GOOD),
              v.signer_cert);
    step_post(COLLATERAL_QE_IDENTITY, vendor_qe_identity(&v, text, issued, to, evaluation),
              v.signer_cert);
}

/* Registrations, a renewal, a revocation and a lapse. */
static void history(void)
{
    static uint8_t room[VENDOR_QUOTE_MAX];
    static struct tworker who[3];
    static const long revoked[] = { VENDOR_SERIAL + 1 };
    step_documents(start, 20, NULL, 0);
    for (uint8_t i = 0; i < 3; i++) {
        const struct vendor_machine m = { .number = i, .program = 9, .svn = GOOD };
        tw_init(&who[i], &w, i, (uint8_t)('m' + i));
        struct tx_call call = shows(&who[i], TX_WORKER_REGISTER, &m, room);
        CHECK(step(&call, i, 1) == RESULT_OK);
        call.kind = TX_WORKER_ATTEST;
        CHECK(step(&call, i, 1) == RESULT_EVIDENCE_OLD);
    }
    CHECK(step(NULL, 0, 2 * DAY) == RESULT_OK);
    step_documents(start + DAY, 21, revoked, 1);
    const struct vendor_machine first = { .number = 0, .program = 9, .svn = GOOD };
    struct tx_call call = shows(&who[0], TX_WORKER_ATTEST, &first, room);
    CHECK(step(&call, 0, 1) == RESULT_OK);
    CHECK(step(NULL, 0, DAY) == RESULT_OK);
    for (int i = 0; i < 12; i++)
        CHECK(step(NULL, 0, 1) == RESULT_OK);
    CHECK(!tw_record(&who[0], &w).standing.lapsed); /* renewed */
    CHECK(tw_record(&who[1], &w).standing.lapsed);  /* revoked */
    CHECK(tw_record(&who[2], &w).standing.lapsed);  /* its time is over */
}

static const char params[] = "\"attest_valid_s\":200000";

static void the_same_blocks_give_the_same_state(void **state)
{
    (void)state;
    static struct memo memo;
    uint8_t app[32];
    tape_count = tape_used = 0;
    begin(params);
    history();
    memcpy(app, w.chain.app_hash, 32);
    CHECK(tape_count == 29);
    for (int remembers = 0; remembers < 2; remembers++) {
        begin(params);
        w.chain.ledger.memo = remembers != 0 ? &memo : NULL;
        for (size_t i = 0; i < tape_count; i++) {
            struct chain_tx_result results[2];
            run(&w.chain, &tape[i], results);
        }
        CHECK(memcmp(app, w.chain.app_hash, 32) == 0);
    }
    CHECK(memo.hits > 0);
    tw_sound(&w);
}

/* All records of a store, as a chunk of a snapshot has them. */
static struct span chunk_of(uint8_t *room, const struct snapshot_place *place)
{
    static struct snapshot_pair pairs[PAIRS_MAX];
    const struct state_range range = { .store = place->store };
    struct span key = { NULL, 0 }, value;
    size_t count = 0;
    for (bool after = false; state_next(&w.chain.st, &key, &value, range, key, after);
         after = true) {
        CHECK(count < PAIRS_MAX);
        pairs[count] = (struct snapshot_pair){ .key = key, .value = value };
        sha256(pairs[count++].key_hash, key);
    }
    snapshot_sort(pairs, count);
    struct writer out = writer_of(room, CHUNK_ROOM);
    snapshot_chunk_encode(&out, place, pairs, count);
    CHECK_OK(out.err);
    return writer_span(&out);
}

static void the_state_goes_through_a_snapshot(void **state)
{
    (void)state;
    static uint8_t room[CHUNK_ROOM], bytes[32 << 20];
    static _Alignas(16) uint8_t notes[16 << 20];
    struct memkv mem;
    struct state st;
    struct chain copy;
    enum state_store stores[SNAPSHOT_STORES_MAX];
    uint8_t app[32];
    memkv_init(&mem, bytes, sizeof(bytes));
    struct kv kv = memkv_kv(&mem);
    CHECK(chain_memory_size() <= sizeof(notes));
    state_init(&st, &kv, notes, CHAIN_NOTES);
    size_t count = snapshot_stores(stores), documents = 0;
    for (size_t i = 0; i < count; i++) {
        const struct snapshot_place place = { .store = stores[i] };
        struct snapshot_walk walk;
        struct span key, value;
        snapshot_chunk_begin(&walk, chunk_of(room, &place));
        while (snapshot_chunk_next(&walk, &key, &value)) {
            state_put(&st, stores[i], key, value);
            documents += stores[i] == STATE_ATTEST && key.p[0] == 'c';
        }
    }
    CHECK(documents == 4);
    chain_restored(&st, app);
    CHECK_OK(st.err);
    CHECK(memcmp(app, w.chain.app_hash, 32) == 0);
    CHECK_OK(chain_open(&copy, &kv, NULL));
    struct registry_entry entry;
    uint8_t id[32];
    collateral_id_tcb_info(id, false, machine_fmspc);
    CHECK(registry_get(&copy.ledger, &entry, COLLATERAL_TCB_INFO, id));
    CHECK(entry.entry.evaluation == 21);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_blocks_give_the_same_state),
        cmocka_unit_test(the_state_goes_through_a_snapshot),
    };
    return cmocka_run_group_tests(tests, make_vendor, free_vendor);
}
