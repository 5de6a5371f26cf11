/* What a content key holds, claimed and disputed, on a whole chain in memory. */
#include "chain/work_claim.h"

#include "base/check.h"
#include "chain/testops.h"
#include "chain/work_proof.h"

static struct world w;
static struct tworker t;
static struct tworker u;

enum { BLOCK_ROOT, BLOCK_A, BLOCK_B, BLOCK_C, BLOCKS };

/* A small DAG: a dag-cbor root that links to the raw blocks A and B. C is nobody's child. */
static struct {
    uint8_t bytes[BLOCKS][4096];
    struct span block[BLOCKS];
    struct content_record record[BLOCKS];
} dag;

static void make_block(int i, uint32_t codec, struct span block)
{
    struct content_key key = { .codec = codec };
    sha256(key.digest, block);
    dag.block[i] = block;
    content_record_of(&dag.record[i], &key, block);
}

static void make_dag(void)
{
    for (int i = BLOCK_A; i < BLOCKS; i++) {
        uint32_t length = 1000 * (uint32_t)i + 500;
        model_block(dag.bytes[i], 99, (uint32_t)i, length);
        make_block(i, CID_CODEC_RAW, span_of(dag.bytes[i], length));
    }
    struct writer out = writer_of(dag.bytes[BLOCK_ROOT], sizeof(dag.bytes[0]));
    cbor_write_array(&out, 2);
    for (int i = BLOCK_A; i <= BLOCK_B; i++) {
        struct cid cid = cid_of_key(&dag.record[i].key);
        cbor_write_link(&out, &cid);
    }
    CHECK_OK(out.err);
    make_block(BLOCK_ROOT, CID_CODEC_DAG_CBOR, writer_span(&out));
}

/* A list of records and what it commits to; nothing forces it to be true. */
struct set {
    uint32_t n;
    struct content_record records[BLOCKS];
    struct merkle_sum leaves[BLOCKS];
    uint8_t data_root[32];
    struct report_file file;
    uint8_t seal_root[32];
};

static void set_close(struct set *s)
{
    struct merkle_sum root;
    for (uint32_t i = 0; i < s->n; i++)
        content_record_leaf(&s->leaves[i], &s->records[i]);
    CHECK_OK(merkle_sum_root_of(&root, span_str("crust/record-node/1"), s->leaves, s->n));
    content_data_root(s->data_root, s->n, &root);
    memset(s->seal_root, 7, 32);
    s->file = (struct report_file){ .key = dag.record[BLOCK_ROOT].key,
                                    .size = root.sum,
                                    .data_root = s->data_root,
                                    .seal_root = s->seal_root };
}

/* The records of the blocks in mask, ascending. */
static void set_of(struct set *s, unsigned mask)
{
    *s = (struct set){ 0 };
    for (int i = 0; i < BLOCKS; i++) {
        if ((mask >> i & 1) == 0)
            continue;
        uint32_t at = s->n++;
        for (; at > 0 && cid_key_cmp(&s->records[at - 1].key, &dag.record[i].key) > 0; at--)
            s->records[at] = s->records[at - 1];
        s->records[at] = dag.record[i];
    }
    set_close(s);
}

enum { HONEST = 1 << BLOCK_ROOT | 1 << BLOCK_A | 1 << BLOCK_B };

static uint32_t index_of(const struct set *s, int block)
{
    uint32_t i = 0;
    while (i < s->n && cid_key_cmp(&s->records[i].key, &dag.record[block].key) != 0)
        i++;
    CHECK(i < s->n);
    return i;
}

/* A proof under construction: which records, and where their bytes are. */
struct evidence {
    struct work_proof proof;
    uint8_t record[WORK_PROOF_RECORDS_MAX][CONTENT_RECORD_SIZE];
    uint8_t path[WORK_PROOF_RECORDS_MAX][CONTENT_RECORD_DEPTH_MAX * CONTENT_NODE_SIZE];
    uint8_t bytes[8192];
};

static void evidence_init(struct evidence *e, const struct set *s)
{
    memset(e, 0, sizeof(*e));
    e->proof.n = s->n;
    e->proof.size = s->file.size;
    e->proof.data_root = s->data_root;
}

static void evidence_add(struct evidence *e, const struct set *s, uint32_t index)
{
    uint32_t i = e->proof.count++;
    struct writer out = writer_of(e->path[i], sizeof(e->path[i]));
    content_record_encode(e->record[i], &s->records[index]);
    content_record_path(&out, s->leaves, s->n, index);
    CHECK_OK(out.err);
    e->proof.records[i] = (struct work_proof_record){ index, e->record[i], writer_span(&out) };
}

static enum tx_result dispute(size_t account, enum tx_kind kind, const uint8_t order[32],
                              struct evidence *e, struct span block)
{
    struct tx_call call = { .kind = kind };
    struct writer out = writer_of(e->bytes, sizeof(e->bytes));
    work_proof_encode(&out, &e->proof);
    CHECK_OK(out.err);
    memcpy(call.dispute.order, order, 32);
    call.dispute.proof = writer_span(&out);
    call.dispute.block = block;
    return tw_do(&w, account, &call);
}

/* Two neighbours around key, or the end that it lies beyond. */
static void evidence_absence(struct evidence *e, const struct set *s, const struct content_key *key)
{
    uint32_t above = 0;
    e->proof.has_key = true;
    e->proof.key = *key;
    while (above < s->n && cid_key_cmp(&s->records[above].key, key) < 0)
        above++;
    if (above > 0)
        evidence_add(e, s, above - 1);
    if (above < s->n)
        evidence_add(e, s, above);
}

static void order_of(const struct set *s, bool with_root, uint64_t size, uint8_t order[32])
{
    struct tx_call call = { .kind = TX_ORDER };
    call.order.key = s->file.key;
    call.order.size = size;
    call.order.has_data_root = with_root;
    if (with_root)
        memcpy(call.order.data_root, s->data_root, 32);
    CHECK(tw_do(&w, 3, &call) == RESULT_OK);
    market_order_id(order, &s->file.key, size, with_root ? s->data_root : NULL);
}

static enum tx_result add(struct tworker *tw, const struct set *s, uint32_t index)
{
    tw_begin(tw, &w, REPORT_NO_VOLUME);
    tw_add_leaf(tw, 0, index, &s->file, 0);
    return tw_send(tw, &w, tw_finish(tw));
}

/* A chain in which t and u are registered, with a slot long enough for a whole story. */
static void begin(const char *more)
{
    char params[256];
    snprintf(params, sizeof(params),
             "\"slot_blocks\":\"40\",\"report_blocks\":\"30\",\"order_refund_blocks\":\"80\"%s",
             more);
    make_dag();
    tw_start(&w, params);
    tw_init(&t, &w, 1, 'T');
    tw_init(&u, &w, 2, 'U');
    tw_to(&w, 1, 1);
    CHECK(tw_register(&t, &w) == RESULT_OK);
    CHECK(tw_register(&u, &w) == RESULT_OK);
}

static bool counts(const struct tworker *tw, const uint8_t order[32])
{
    struct work_leaf leaf;
    return work_get_leaf(&w.chain.ledger, &leaf, tw->m.key.public_key,
                         &dag.record[BLOCK_ROOT].key) &&
           memcmp(leaf.order, order, 32) == 0;
}

static void an_honest_claim_stands(void **state)
{
    (void)state;
    struct set s;
    struct evidence e;
    uint8_t order[32];
    begin("");
    set_of(&s, HONEST);
    order_of(&s, true, s.file.size, order);
    CHECK(add(&t, &s, 0) == RESULT_OK);
    CHECK(counts(&t, order));
    for (int i = BLOCK_ROOT; i <= BLOCK_B; i++) {
        evidence_init(&e, &s);
        evidence_add(&e, &s, index_of(&s, i));
        CHECK(dispute(4, TX_REFUTE, order, &e, dag.block[i]) == RESULT_CLAIM_STANDS);
        /* Another block does not belong to the record. */
        CHECK(dispute(4, TX_REFUTE, order, &e, dag.block[BLOCK_C]) == RESULT_CLAIM_STANDS);
    }
    /* C is absent, but nothing links to it; A is linked and present. */
    evidence_init(&e, &s);
    evidence_add(&e, &s, index_of(&s, BLOCK_ROOT));
    evidence_absence(&e, &s, &dag.record[BLOCK_C].key);
    CHECK(dispute(4, TX_REFUTE, order, &e, dag.block[BLOCK_ROOT]) == RESULT_CLAIM_STANDS);
    evidence_init(&e, &s);
    evidence_add(&e, &s, index_of(&s, BLOCK_ROOT));
    evidence_absence(&e, &s, &dag.record[BLOCK_A].key);
    CHECK(dispute(4, TX_REFUTE, order, &e, dag.block[BLOCK_ROOT]) == RESULT_CLAIM_STANDS);
    /* In order. */
    evidence_init(&e, &s);
    evidence_add(&e, &s, 0);
    evidence_add(&e, &s, 1);
    CHECK(dispute(4, TX_REFUTE, order, &e, span_of(NULL, 0)) == RESULT_CLAIM_STANDS);
    /* Records of another claim, a false path, an unknown order. */
    evidence_init(&e, &s);
    evidence_add(&e, &s, 0);
    e.path[0][0] ^= 1;
    CHECK(dispute(4, TX_REFUTE, order, &e, dag.block[0]) == RESULT_PROOF_MALFORMED);
    evidence_init(&e, &s);
    e.proof.size++;
    CHECK(dispute(4, TX_REFUTE, order, &e, dag.block[0]) == RESULT_CLAIM_UNKNOWN);
    uint8_t other[32] = { 1 };
    CHECK(dispute(4, TX_REFUTE, other, &e, dag.block[0]) == RESULT_CLAIM_UNKNOWN);
    CHECK(counts(&t, order));
    tw_sound(&w);
}

/* Strikes what s claims, with this evidence, and checks who pays whom. */
static void check_struck(const struct set *s, struct evidence *e, const uint8_t order[32],
                         struct span block)
{
    struct work_worker before = tw_record(&t, &w);
    CHECK(counts(&t, order));
    struct amount refuter = world_free(&w, w.keys[4].public_key);
    CHECK(dispute(4, TX_REFUTE, order, e, block) == RESULT_OK);
    struct work_worker after = tw_record(&t, &w);
    u128 bond = w.chain.params.claim_bond.units;
    CHECK(before.deposit.units - after.deposit.units + after.debt.units == bond);
    struct amount paid = world_free(&w, w.keys[4].public_key);
    CHECK(paid.units > refuter.units && paid.units <= refuter.units + bond / 2);
    CHECK(!counts(&t, order));
    CHECK(tw_get_order(&w, order).replicas_all == 0);
    /* It stays struck: removed and added again it is void, and there is nothing left to refute. */
    CHECK(dispute(4, TX_REFUTE, order, e, block) == RESULT_CLAIM_UNKNOWN);
    CHECK(add(&u, s, 0) == RESULT_OK);
    CHECK(!counts(&u, order));
    tw_sound(&w);
}

static void a_wrong_record_is_refuted_by_its_block(void **state)
{
    (void)state;
    struct set s;
    struct evidence e;
    uint8_t order[32];
    for (int what = 0; what < 3; what++) {
        begin("");
        set_of(&s, HONEST);
        struct content_record *r = &s.records[index_of(&s, BLOCK_A)];
        if (what == 0)
            r->chunk_root[5] ^= 1;
        else if (what == 1)
            r->length++;
        else
            r->length = CONTENT_BLOCK_MAX + 1; /* no block has that */
        uint32_t i = index_of(&s, BLOCK_A);
        set_close(&s);
        order_of(&s, true, s.file.size, order);
        CHECK(add(&t, &s, 0) == RESULT_OK);
        evidence_init(&e, &s);
        evidence_add(&e, &s, i);
        check_struck(&s, &e, order, dag.block[BLOCK_A]);
    }
}

static void a_missing_block_is_shown_by_its_neighbours(void **state)
{
    (void)state;
    struct set s;
    struct evidence e;
    uint8_t order[32];
    static const int missing[] = { BLOCK_A, BLOCK_B };
    for (size_t i = 0; i < 2; i++) {
        begin("");
        set_of(&s, HONEST & ~(1u << missing[i]));
        order_of(&s, true, s.file.size, order);
        CHECK(add(&t, &s, 0) == RESULT_OK);
        evidence_init(&e, &s);
        evidence_add(&e, &s, index_of(&s, BLOCK_ROOT));
        evidence_absence(&e, &s, &dag.record[missing[i]].key);
        check_struck(&s, &e, order, dag.block[BLOCK_ROOT]);
    }
    /* The root itself: no parent is needed. */
    begin("");
    set_of(&s, 1 << BLOCK_A | 1 << BLOCK_B);
    order_of(&s, true, s.file.size, order);
    CHECK(add(&t, &s, 0) == RESULT_OK);
    evidence_init(&e, &s);
    evidence_absence(&e, &s, &dag.record[BLOCK_ROOT].key);
    check_struck(&s, &e, order, span_of(NULL, 0));
}

/* A content of one block, honestly recorded; then whether the block itself refutes it. */
static enum tx_result refute_alone(uint32_t codec, struct span block)
{
    struct set s;
    struct evidence e;
    uint8_t order[32];
    begin("");
    make_block(BLOCK_ROOT, codec, block);
    set_of(&s, 1 << BLOCK_ROOT);
    order_of(&s, true, s.file.size, order);
    CHECK(add(&t, &s, 0) == RESULT_OK);
    CHECK(counts(&t, order));
    evidence_init(&e, &s);
    evidence_add(&e, &s, 0);
    enum tx_result r = dispute(4, TX_REFUTE, order, &e, block);
    CHECK(counts(&t, order) == (r != RESULT_OK));
    return r;
}

static enum tx_result refute_link(const struct cid *cid)
{
    uint8_t bytes[512];
    struct writer out = writer_of(bytes, sizeof(bytes));
    cbor_write_array(&out, 1);
    cbor_write_link(&out, cid);
    CHECK_OK(out.err);
    return refute_alone(CID_CODEC_DAG_CBOR, writer_span(&out));
}

/* What no enclave seals refutes whoever says that it did. */
static void blocks_that_cannot_be_stored_refute_themselves(void **state)
{
    (void)state;
    CHECK(refute_alone(CID_CODEC_RAW, span_str("\xff")) == RESULT_CLAIM_STANDS);
    CHECK(refute_alone(CID_CODEC_DAG_CBOR, span_str("\xff")) == RESULT_OK);
    CHECK(refute_alone(CID_CODEC_DAG_PB, span_str("\xff")) == RESULT_OK);
    struct cid cid = cid_of_key(&(struct content_key){ .codec = CID_CODEC_DAG_JSON });
    CHECK(refute_link(&cid) == RESULT_OK);
    cid = (struct cid){
        .version = 1, .codec = CID_CODEC_RAW, .hash = CID_HASH_SHA2_512, .digest_size = 64
    };
    CHECK(refute_link(&cid) == RESULT_OK);
    /* Inlined blocks: harmless, unless they link on. */
    cid = cid_identity(CID_CODEC_RAW, span_str("abc"));
    CHECK(refute_link(&cid) == RESULT_CLAIM_STANDS);
    cid = cid_identity(CID_CODEC_DAG_JSON, span_str("{}"));
    CHECK(refute_link(&cid) == RESULT_OK);
    uint8_t bytes[128];
    struct writer out = writer_of(bytes, sizeof(bytes));
    cid = cid_of_key(&(struct content_key){ .codec = CID_CODEC_RAW });
    cbor_write_link(&out, &cid);
    CHECK_OK(out.err);
    cid = cid_identity(CID_CODEC_DAG_CBOR, writer_span(&out));
    CHECK(refute_link(&cid) == RESULT_OK);
}

/* A claim that falls while it is challenged gives the bond back. */
static void a_refuted_claim_ends_its_challenge(void **state)
{
    (void)state;
    struct set s;
    struct evidence e;
    struct account a;
    uint8_t order[32];
    begin("");
    set_of(&s, (HONEST & ~(1u << BLOCK_A)) | 1 << BLOCK_C);
    order_of(&s, true, s.file.size, order);
    CHECK(add(&t, &s, 0) == RESULT_OK);
    evidence_init(&e, &s);
    evidence_add(&e, &s, index_of(&s, BLOCK_C));
    struct evidence two = e;
    evidence_add(&two, &s, 0);
    CHECK(dispute(5, TX_CHALLENGE, order, &two, span_of(NULL, 0)) == RESULT_PROOF_MALFORMED);
    CHECK(dispute(5, TX_CHALLENGE, order, &e, span_of(NULL, 0)) == RESULT_OK);
    CHECK(accounts_get(&w.chain.ledger, &a, w.keys[5].public_key));
    CHECK(a.held[HOLD_BOND].units == w.chain.params.challenge_bond.units);
    CHECK(dispute(4, TX_ANSWER, order, &e, dag.block[0]) == RESULT_PROOF_MALFORMED);
    evidence_init(&e, &s);
    evidence_add(&e, &s, index_of(&s, BLOCK_ROOT));
    evidence_absence(&e, &s, &dag.record[BLOCK_A].key);
    CHECK(dispute(4, TX_REFUTE, order, &e, dag.block[BLOCK_ROOT]) == RESULT_OK);
    CHECK(accounts_get(&w.chain.ledger, &a, w.keys[5].public_key));
    CHECK(amount_is_zero(a.held[HOLD_BOND]));
    world_run_to(&w, 40 * 30); /* the challenge's own time comes and goes */
    tw_sound(&w);
}

static void records_out_of_order_are_refuted(void **state)
{
    (void)state;
    struct set s;
    struct evidence e;
    uint8_t order[32];
    begin("");
    set_of(&s, HONEST);
    struct content_record r = s.records[1];
    s.records[1] = s.records[2];
    s.records[2] = r;
    set_close(&s);
    order_of(&s, true, s.file.size, order);
    CHECK(add(&t, &s, 0) == RESULT_OK);
    evidence_init(&e, &s);
    evidence_add(&e, &s, 1);
    evidence_add(&e, &s, 2);
    check_struck(&s, &e, order, span_of(NULL, 0));
}

static void an_unlinked_record_falls_unless_someone_shows_its_parent(void **state)
{
    (void)state;
    struct set s;
    struct evidence e;
    uint8_t order[32];
    begin(",\"claim_settle_slots\":\"2\"");
    set_of(&s, HONEST | 1 << BLOCK_C);
    order_of(&s, true, s.file.size, order);
    CHECK(add(&t, &s, 0) == RESULT_OK);
    u128 bond = w.chain.params.challenge_bond.units;
    struct account a;

    /* The root needs no parent. B has one, and whoever shows it wins the bond. */
    evidence_init(&e, &s);
    evidence_add(&e, &s, index_of(&s, BLOCK_ROOT));
    CHECK(dispute(4, TX_CHALLENGE, order, &e, span_of(NULL, 0)) == RESULT_CLAIM_STANDS);
    evidence_init(&e, &s);
    evidence_add(&e, &s, index_of(&s, BLOCK_B));
    CHECK(dispute(5, TX_ANSWER, order, &e, dag.block[0]) == RESULT_CHALLENGE_UNKNOWN);
    CHECK(dispute(4, TX_CHALLENGE, order, &e, span_of(NULL, 0)) == RESULT_OK);
    CHECK(dispute(5, TX_CHALLENGE, order, &e, span_of(NULL, 0)) == RESULT_CHALLENGE_OPEN);
    CHECK(accounts_get(&w.chain.ledger, &a, w.keys[4].public_key));
    CHECK(a.held[HOLD_BOND].units == bond);
    evidence_init(&e, &s);
    evidence_add(&e, &s, index_of(&s, BLOCK_ROOT));
    e.proof.has_key = true;
    e.proof.key = dag.record[BLOCK_A].key; /* not the one that is asked for */
    CHECK(dispute(5, TX_ANSWER, order, &e, dag.block[BLOCK_ROOT]) == RESULT_CLAIM_STANDS);
    e.proof.key = dag.record[BLOCK_B].key;
    CHECK(dispute(5, TX_ANSWER, order, &e, dag.block[BLOCK_A]) == RESULT_CLAIM_STANDS);
    struct amount before = world_free(&w, w.keys[5].public_key);
    CHECK(dispute(5, TX_ANSWER, order, &e, dag.block[BLOCK_ROOT]) == RESULT_OK);
    CHECK(world_free(&w, w.keys[5].public_key).units > before.units + bond / 2);
    CHECK(accounts_get(&w.chain.ledger, &a, w.keys[4].public_key));
    CHECK(a.held[HOLD_BOND].units == 0);
    CHECK(counts(&t, order));

    /* Nobody can show a parent of C. */
    evidence_init(&e, &s);
    evidence_add(&e, &s, index_of(&s, BLOCK_C));
    CHECK(dispute(4, TX_CHALLENGE, order, &e, span_of(NULL, 0)) == RESULT_OK);
    tw_to(&w, 3, 39);
    CHECK(counts(&t, order)); /* slots 2 and 3 are still time to answer */
    before = world_free(&w, w.keys[4].public_key);
    struct work_worker supporter = tw_record(&t, &w);
    tw_to(&w, 4, 1);
    CHECK(!counts(&t, order));
    CHECK(tw_record(&t, &w).deposit.units < supporter.deposit.units);
    CHECK(world_free(&w, w.keys[4].public_key).units > before.units + bond);
    tw_sound(&w);
}

static void claims_of_an_order_without_data_root(void **state)
{
    (void)state;
    struct set honest;
    struct set liar;
    struct evidence e;
    uint8_t order[32];
    begin("");
    set_of(&honest, HONEST);
    set_of(&liar, HONEST & ~(1u << BLOCK_B)); /* smaller: it leaves a block out */
    order_of(&honest, false, honest.file.size, order);
    CHECK(add(&t, &honest, 0) == RESULT_OK);
    CHECK(counts(&t, order) && !tw_get_order(&w, order).disputed);
    CHECK(add(&u, &liar, 0) == RESULT_OK);
    CHECK(counts(&u, order) && tw_get_order(&w, order).disputed);
    /* The lie is struck; who told it pays, the other is undisputed again. */
    struct work_worker t_before = tw_record(&t, &w);
    struct work_worker u_before = tw_record(&u, &w);
    evidence_init(&e, &liar);
    evidence_add(&e, &liar, index_of(&liar, BLOCK_ROOT));
    evidence_absence(&e, &liar, &dag.record[BLOCK_B].key);
    CHECK(dispute(4, TX_REFUTE, order, &e, dag.block[BLOCK_ROOT]) == RESULT_OK);
    CHECK(counts(&t, order) && !counts(&u, order));
    CHECK(!tw_get_order(&w, order).disputed);
    CHECK(amount_cmp(tw_record(&t, &w).deposit, t_before.deposit) == 0);
    CHECK(tw_record(&u, &w).deposit.units < u_before.deposit.units);
    /* A leaf that has become void is free to be removed and to come again as it should. */
    tw_begin(&u, &w, REPORT_NO_VOLUME);
    tw_add_leaf(&u, 0, 1, &honest.file, 0);
    CHECK(tw_send(&u, &w, tw_finish(&u)) == RESULT_OK);
    CHECK(!counts(&u, order)); /* the key stands at index 0 still */
    tw_sound(&w);
}

static void a_larger_claim_weighs_nothing(void **state)
{
    (void)state;
    struct set s;
    uint8_t order[32];
    begin("");
    set_of(&s, HONEST);
    order_of(&s, false, s.file.size - 1, order);
    CHECK(add(&t, &s, 0) == RESULT_OK);
    CHECK(!counts(&t, order));
}

static void a_settled_claim_is_only_refuted(void **state)
{
    (void)state;
    struct set first;
    struct set other;
    struct evidence e;
    uint8_t order[32];
    begin(",\"claim_settle_slots\":\"2\"");
    set_of(&first, HONEST & ~(1u << BLOCK_A)); /* the first is the lie */
    set_of(&other, HONEST);
    order_of(&other, false, other.file.size, order);
    CHECK(add(&t, &first, 0) == RESULT_OK);
    tw_to(&w, 3, 1);
    CHECK(add(&u, &other, 0) == RESULT_OK);
    CHECK(!counts(&u, order) && !tw_get_order(&w, order).disputed);
    evidence_init(&e, &first);
    evidence_add(&e, &first, index_of(&first, BLOCK_ROOT));
    evidence_absence(&e, &first, &dag.record[BLOCK_A].key);
    CHECK(dispute(4, TX_REFUTE, order, &e, dag.block[BLOCK_ROOT]) == RESULT_OK);
    CHECK(!counts(&t, order));
    /* Now the truth is open again. */
    struct tworker *v = calloc(1, sizeof(*v));
    CHECK(v != NULL);
    tw_init(v, &w, 5, 'V');
    CHECK(tw_register(v, &w) == RESULT_OK);
    CHECK(add(v, &other, 0) == RESULT_OK);
    CHECK(counts(v, order));
    free(v);
    tw_sound(&w);
}

/* Those who settled a lie and left do not leave it behind for ever. */
static void a_settled_claim_without_supporters_is_refuted(void **state)
{
    (void)state;
    struct set lie;
    struct set truth;
    struct evidence e;
    uint8_t order[32];
    begin(",\"claim_settle_slots\":\"2\",\"absence_slots\":\"2\"");
    set_of(&lie, HONEST & ~(1u << BLOCK_A));
    set_of(&truth, HONEST);
    order_of(&truth, false, truth.file.size, order);
    CHECK(add(&t, &lie, 0) == RESULT_OK);
    tw_to(&w, 5, 1); /* its absence has ended the replica */
    CHECK(tw_get_order(&w, order).replicas_all == 0);
    CHECK(add(&u, &truth, 0) == RESULT_OK);
    CHECK(!counts(&u, order)); /* settled still */
    evidence_init(&e, &lie);
    evidence_add(&e, &lie, index_of(&lie, BLOCK_ROOT));
    evidence_absence(&e, &lie, &dag.record[BLOCK_A].key);
    CHECK(dispute(4, TX_REFUTE, order, &e, dag.block[BLOCK_ROOT]) == RESULT_OK);
    /* The key stands at another place of u, void: removed by a drop, it may come again. */
    tw_begin(&u, &w, REPORT_NO_VOLUME);
    tw_drop(&u, 0);
    tw_add_leaf(&u, 1, 0, &truth.file, 0);
    CHECK(tw_send(&u, &w, tw_finish(&u)) == RESULT_OK);
    CHECK(counts(&u, order));
    tw_sound(&w);
}

static void proofs_are_canonical(void **state)
{
    (void)state;
    struct set s;
    struct evidence e;
    struct work_proof got;
    uint8_t again[8192];
    make_dag();
    set_of(&s, HONEST);
    evidence_init(&e, &s);
    evidence_add(&e, &s, 0);
    evidence_absence(&e, &s, &dag.record[BLOCK_C].key);
    struct writer out = writer_of(e.bytes, sizeof(e.bytes));
    work_proof_encode(&out, &e.proof);
    for (size_t n = 0; n < out.len; n++) {
        uint8_t *exact = check_dup(e.bytes, n);
        CHECK_ERR(work_proof_decode(&got, span_of(exact, n)), ERR_SHORT);
        free(exact);
    }
    CHECK_ERR(work_proof_decode(&got, span_of(e.bytes, out.len + 1)), ERR_TRAILING);
    for (size_t bit = 0; bit < out.len * 8; bit++) {
        e.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (work_proof_decode(&got, writer_span(&out)) == OK) {
            struct writer w2 = writer_of(again, sizeof(again));
            work_proof_encode(&w2, &got);
            CHECK_SPAN(writer_span(&w2), writer_span(&out));
        }
        e.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_claim_stands),
        cmocka_unit_test(a_wrong_record_is_refuted_by_its_block),
        cmocka_unit_test(a_missing_block_is_shown_by_its_neighbours),
        cmocka_unit_test(blocks_that_cannot_be_stored_refute_themselves),
        cmocka_unit_test(a_refuted_claim_ends_its_challenge),
        cmocka_unit_test(records_out_of_order_are_refuted),
        cmocka_unit_test(an_unlinked_record_falls_unless_someone_shows_its_parent),
        cmocka_unit_test(claims_of_an_order_without_data_root),
        cmocka_unit_test(a_larger_claim_weighs_nothing),
        cmocka_unit_test(a_settled_claim_is_only_refuted),
        cmocka_unit_test(a_settled_claim_without_supporters_is_refuted),
        cmocka_unit_test(proofs_are_canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
