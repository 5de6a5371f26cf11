/* Evidence of hardware on chain: a made vendor (attest/testmachine.h) whose root stands in the
 * genesis of a test network, and real documents under the vendors' own roots.
 * docs/spec/work.md 2, docs/spec/attest.md 11. */
#include "chain/work_evidence.h"

#include "attest/testcases.h"
#include "chain/memo.h"
#include "chain/releases.h"
#include "chain/testevidence.h"
#include "chain/work_store.h"

enum { MACHINES = 4 };

/* ---- registering ----------------------------------------------------------------------------- */

static void hardware_registers_with_its_documents_on_chain(void **state)
{
    (void)state;
    begin("");
    CHECK(registers(&good_machine) == RESULT_EVIDENCE_BAD); /* nothing is kept yet */
    post_all();
    CHECK(registers(&good_machine) == RESULT_OK);
    struct work_worker rec = tw_record(&t, &w);
    CHECK(rec.kind == ATTEST_SGX && rec.standing.status == STATUS_UP_TO_DATE);
    CHECK(class_now() == WORK_CLASS_SGX && !rec.standing.lapsed);
    CHECK(rec.standing.attested_at == w.chain.height);
    CHECK(rec.standing.evidence_block == w.chain.height - 1);
    CHECK(rec.standing.expires_at == w.chain.time_ms / 1000 + 3 * DAY);
    CHECK(rec.standing.evaluation == 20);
    struct span evidence;
    CHECK(work_evidence_get(&w.chain.ledger, &evidence, rec.lineage) && evidence.n > 2000);
    tw_sound(&w);
}

/* What evidence must bind, and what a network refuses. */
static void each_refusal_of_a_registration(void **state)
{
    (void)state;
    static uint8_t room[VENDOR_QUOTE_MAX];
    static const struct {
        struct vendor_machine m;
        enum tx_result want;
    } rows[] = {
        { { 1, 8, GOOD, 0 }, RESULT_EVIDENCE_POLICY },     /* another program */
        { { 1, 9, GOOD, 2 }, RESULT_EVIDENCE_POLICY },     /* debug */
        { { 1, 9, GOOD, 0x10 }, RESULT_EVIDENCE_POLICY },  /* provisioning key */
        { { 1, 9, GOOD - 4, 0 }, RESULT_EVIDENCE_POLICY }, /* out of date, and never admitted */
        { { 1, 9, 1, 0 }, RESULT_EVIDENCE_BAD },           /* below every level */
    };
    begin("");
    post_all();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK(registers(&rows[i].m) == rows[i].want);
    struct tx_call call = shows(&t, TX_WORKER_REGISTER, &good_machine, room);
    CHECK(tw_do(&w, 2, &call) == RESULT_EVIDENCE_BAD); /* a copy by another account */
    call.worker_register.block--;
    CHECK(tw_do(&w, 1, &call) == RESULT_EVIDENCE_BAD);
    call = shows(&t, TX_WORKER_REGISTER, &good_machine, room);
    attest_release_id(call.worker_register.release, span_str("other"));
    CHECK(tw_do(&w, 1, &call) == RESULT_EVIDENCE_BAD);
    call = shows(&t, TX_WORKER_REGISTER, &good_machine, room);
    room[600] ^= 1;
    CHECK(tw_do(&w, 1, &call) == RESULT_EVIDENCE_BAD);
    struct tworker other;
    tw_init(&other, &w, 1, 'X');
    call = shows(&t, TX_WORKER_REGISTER, &good_machine, room);
    memcpy(call.worker_register.worker, other.m.key.public_key, 32);
    CHECK(tw_do(&w, 1, &call) == RESULT_EVIDENCE_BAD);
    CHECK(registers(&good_machine) == RESULT_OK);
    CHECK(registers(&good_machine) == RESULT_WORKER_EXISTS);
}

static void old_evidence_is_refused(void **state)
{
    (void)state;
    static uint8_t room[VENDOR_QUOTE_MAX];
    begin("\"evidence_max_age_blocks\":5");
    post_all();
    struct tx_call call = shows(&t, TX_WORKER_REGISTER, &good_machine, room);
    world_run_to(&w, w.chain.height + 6);
    CHECK(tw_do(&w, 1, &call) == RESULT_EVIDENCE_OLD);
    CHECK(registers(&good_machine) == RESULT_OK);
}

/* A release that the evidence binds must be the one whose program runs. */
static void the_program_is_that_of_the_release_it_names(void **state)
{
    (void)state;
    static uint8_t room[VENDOR_QUOTE_MAX];
    begin("");
    post_all();
    struct tx_call call = shows(&t, TX_WORKER_REGISTER, &good_machine, room);
    struct tx_worker_register *r = &call.worker_register;
    attest_release_id(r->release, span_str("2.0.0"));
    uint8_t hash[32] = { (uint8_t)r->block };
    const struct attest_binding b = { .worker = r->worker,
                                      .account = t.account_key,
                                      .chain = w.chain_hash,
                                      .release_id = r->release,
                                      .block_hash = hash };
    r->evidence = machine_evidence(&v, room, &good_machine, &b);
    CHECK(tw_do(&w, 1, &call) == RESULT_EVIDENCE_POLICY);
}

static void a_machine_runs_a_bounded_number_of_workers(void **state)
{
    (void)state;
    begin("\"workers_per_platform\":2");
    post_all();
    for (size_t i = 0; i < 3; i++) {
        struct tworker one;
        tw_init(&one, &w, 1 + i, (uint8_t)('a' + i));
        CHECK(show(&one, TX_WORKER_REGISTER, &good_machine) ==
              (i < 2 ? RESULT_OK : RESULT_PLATFORM_FULL));
    }
    const struct vendor_machine other = { .number = 2, .program = 9, .svn = GOOD };
    CHECK(registers(&other) == RESULT_OK);
}

/* ---- renewing and lapsing -------------------------------------------------------------------- */

static void an_attestation_is_renewed_by_newer_evidence_only(void **state)
{
    (void)state;
    static uint8_t room[VENDOR_QUOTE_MAX];
    begin("");
    post_all();
    CHECK(show(&t, TX_WORKER_ATTEST, &good_machine) == RESULT_WORKER_UNKNOWN);
    struct tx_call call = shows(&t, TX_WORKER_REGISTER, &good_machine, room);
    CHECK(tw_do(&w, 1, &call) == RESULT_OK);
    call.kind = TX_WORKER_ATTEST; /* the same once more */
    CHECK(tw_do(&w, 1, &call) == RESULT_EVIDENCE_OLD);
    uint64_t before = standing().expires_at;
    wait_for(DAY);
    CHECK(show(&t, TX_WORKER_ATTEST, &good_machine) == RESULT_OK);
    CHECK(standing().expires_at > before + DAY - 10);
    const struct vendor_machine other = { .number = 2, .program = 9, .svn = GOOD };
    CHECK(show(&t, TX_WORKER_ATTEST, &other) == RESULT_EVIDENCE_DEVICE);
    call = shows(&t, TX_WORKER_ATTEST, &good_machine, room);
    CHECK(tw_do(&w, 2, &call) == RESULT_WORKER_NOT_YOURS);
    const struct vendor_machine hardening = { .number = 1, .program = 9, .svn = GOOD - 2 };
    CHECK(show(&t, TX_WORKER_ATTEST, &hardening) == RESULT_OK);
    CHECK(class_now() == WORK_CLASS_SGX_HARDENING);
    tw_sound(&w);
}

/* With a verified file and SRD behind it; the software worker of the same size for comparison. */
static void grow(uint8_t order[32])
{
    tw_to(&w, w.chain.ledger.slot + 1, 1);
    CHECK(registers(&good_machine) == RESULT_OK);
    tw_order(&w, 3, 8, true, order);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_file(&t, 0, 0, 8);
    tw_add_extent(&t, 1, 0, 4);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    next_slot();
    CHECK(tw_report_now(&t, &w) == RESULT_OK);
    next_slot();
    CHECK(tw_report_now(&t, &w) == RESULT_OK);
    next_slot();
}

static uint64_t file_size(void)
{
    return tw_files[8].leaf.size;
}

static void a_lapse_takes_weight_from_the_next_slot_on(void **state)
{
    (void)state;
    uint8_t order[32];
    begin("\"attest_valid_s\":100");
    post_all();
    grow(order);
    uint64_t full = file_size() + SRD_ROW_SIZE;
    CHECK(tw_record(&t, &w).power == full);
    tw_to(&w, w.chain.ledger.slot, 4);
    wait_for(200);
    CHECK_OK(world_block(&w, NULL, NULL, 0));
    CHECK(now() > standing().expires_at);
    CHECK(!standing().lapsed && tw_record(&t, &w).power == full); /* this slot is its own still */
    next_slot();
    CHECK_OK(world_block(&w, NULL, NULL, 0));
    CHECK(standing().lapsed && class_now() == WORK_CLASS_NONE);
    CHECK(tw_record(&t, &w).power == file_size() * w.chain.params.weight_none / 1000);
    /* What it earns, it earns by its answers. */
    CHECK(tw_report_now(&t, &w) == RESULT_OK);
    CHECK(tw_record(&t, &w).rate.units != 0);
    CHECK(show(&t, TX_WORKER_ATTEST, &good_machine) == RESULT_OK);
    CHECK_OK(world_block(&w, NULL, NULL, 0));
    CHECK(!standing().lapsed && tw_record(&t, &w).power == full);
    tw_sound(&w);
}

/* Documents that lapse: new evidence is refused, what was accepted runs to its end, which is not
 * after theirs. */
static void nothing_outlasts_the_documents(void **state)
{
    (void)state;
    begin("");
    post_all();
    wait_for(29 * DAY);
    CHECK(registers(&good_machine) == RESULT_OK);
    CHECK(standing().expires_at == start + 30 * DAY);
    wait_for(2 * DAY);
    CHECK(show(&t, TX_WORKER_ATTEST, &good_machine) == RESULT_EVIDENCE_BAD);
    next_slot();
    CHECK(standing().lapsed);
    uint64_t from = now();
    CHECK(post_tcb_info(from, from + 30 * DAY, 20, GOOD) == RESULT_COLLATERAL_BAD); /* no list */
    CHECK(post_root_crl(from, from + 30 * DAY) == RESULT_OK);
    CHECK(post_pck_crl(from, from + 30 * DAY, NULL, 0) == RESULT_OK);
    CHECK(post_tcb_info(from, from + 30 * DAY, 20, GOOD) == RESULT_OK);
    CHECK(show(&t, TX_WORKER_ATTEST, &good_machine) == RESULT_EVIDENCE_BAD); /* one is missing */
    CHECK(post_qe_identity(from, from + 30 * DAY, 20) == RESULT_OK);
    CHECK(show(&t, TX_WORKER_ATTEST, &good_machine) == RESULT_OK);
    CHECK(!standing().lapsed);
}

/* ---- judging anew ---------------------------------------------------------------------------- */

/* Registers MACHINES workers, each on a machine of its own. */
static void many(struct tworker who[MACHINES])
{
    for (uint8_t i = 0; i < MACHINES; i++) {
        const struct vendor_machine m = { .number = i, .program = 9, .svn = GOOD };
        tw_init(&who[i], &w, 1, (uint8_t)('m' + i));
        CHECK(show(&who[i], TX_WORKER_REGISTER, &m) == RESULT_OK);
    }
}

static size_t lapsed(const struct tworker who[MACHINES])
{
    size_t count = 0;
    for (size_t i = 0; i < MACHINES; i++)
        count += tw_record(&who[i], &w).standing.lapsed;
    return count;
}

static void a_revoked_machine_loses_its_weight_with_the_next_slot(void **state)
{
    (void)state;
    static struct tworker who[MACHINES];
    static const long revoked[] = { VENDOR_SERIAL + 2, 77 };
    begin("");
    post_all();
    many(who);
    uint64_t from = now();
    CHECK(post_pck_crl(from, start + 30 * DAY, revoked, 2) == RESULT_OK);
    CHECK(lapsed(who) == 0);
    next_slot();
    CHECK(lapsed(who) == 1 && tw_record(&who[2], &w).standing.lapsed);
    const struct vendor_machine m = { .number = 2, .program = 9, .svn = GOOD };
    CHECK(show(&who[2], TX_WORKER_ATTEST, &m) == RESULT_EVIDENCE_BAD);
    tw_sound(&w);
}

/* A raised level reaches those that are there, in bounded work per block. */
static void a_higher_number_is_looked_at_by_a_sweep(void **state)
{
    (void)state;
    static struct tworker who[MACHINES];
    begin("\"attest_sweep_per_block\":1,\"attest_grace_s\":0");
    post_all();
    many(who);
    next_slot();
    uint64_t from = now();
    /* All are out of date now, and there is no grace. */
    CHECK(post_tcb_info(from, start + 30 * DAY, 21, GOOD + 4) == RESULT_OK);
    for (size_t i = 1; i <= MACHINES; i++) {
        size_t ended = 0;
        CHECK_OK(world_block(&w, NULL, NULL, 0));
        for (size_t k = 0; k < MACHINES; k++)
            ended += tw_record(&who[k], &w).standing.expires_at < now();
        CHECK(ended == i);
    }
    CHECK(lapsed(who) == 0);
    next_slot();
    CHECK(lapsed(who) == MACHINES);
}

/* The status of a machine may fall without its being refused: the class follows. */
static void a_fallen_status_changes_the_class(void **state)
{
    (void)state;
    begin("\"weight_sgx_hardening\":700");
    post_all();
    uint8_t order[32];
    grow(order);
    uint64_t full = file_size() + SRD_ROW_SIZE;
    CHECK(tw_record(&t, &w).power == full);
    CHECK(post_tcb_info(now(), start + 30 * DAY, 21, GOOD + 2) == RESULT_OK);
    CHECK_OK(world_block(&w, NULL, NULL, 0));
    CHECK_OK(world_block(&w, NULL, NULL, 0));
    CHECK(class_now() == WORK_CLASS_SGX_HARDENING && standing().evaluation == 21);
    CHECK(tw_record(&t, &w).power ==
          file_size() * 700 / 1000 + (uint64_t)SRD_ROW_SIZE * 700 / 1000);
    next_slot();
    CHECK(!standing().lapsed);
}

static void lists_of_governance_reach_workers(void **state)
{
    (void)state;
    static struct tworker who[MACHINES];
    static char text[600];
    char hex[65];
    struct ledger *l = &w.chain.ledger;
    begin("");
    post_all();
    many(who);
    hex_format(hex, span_of(tw_record(&who[1], &w).platform, 32));
    (void)snprintf(text, sizeof(text), "device %s", hex);
    CHECK(releases_check("attest_deny", text));
    releases_apply(l, "attest_deny", text);
    next_slot();
    CHECK(lapsed(who) == 1 && tw_record(&who[1], &w).standing.lapsed);
    const struct vendor_machine m = { .number = 1, .program = 9, .svn = GOOD };
    CHECK(show(&who[1], TX_WORKER_ATTEST, &m) == RESULT_EVIDENCE_POLICY);
    (void)snprintf(text, sizeof(text), "-device %s", hex);
    releases_apply(l, "attest_deny", text);
    CHECK(show(&who[1], TX_WORKER_ATTEST, &m) == RESULT_OK);
    releases_apply(l, "attest_deny", "fmspc 00c0ffee0000");
    next_slot();
    CHECK(lapsed(who) == MACHINES);
    releases_apply(l, "attest_deny", "-fmspc 00c0ffee0000");
    CHECK(show(&who[0], TX_WORKER_ATTEST, &(struct vendor_machine){ 0, 9, GOOD, 0 }) == RESULT_OK);
    CHECK(lapsed(who) == MACHINES - 1);
    repeated(hex, "09");
    (void)snprintf(text, sizeof(text), "measurement %s", hex);
    releases_apply(l, "attest_deny", text);
    next_slot();
    CHECK(lapsed(who) == MACHINES);
}

/* A parameter that governance has changed reaches all of them. */
static void a_kind_can_be_switched_off(void **state)
{
    (void)state;
    static struct tworker who[MACHINES];
    begin("");
    post_all();
    many(who);
    w.chain.params.attest_kinds = 1u << ATTEST_TDX;
    work_evidence_sweep_all(&w.chain.ledger);
    next_slot();
    CHECK(lapsed(who) == MACHINES);
    CHECK(registers(&good_machine) == RESULT_EVIDENCE_POLICY);
    w.chain.params.attest_kinds |= 1u << ATTEST_SGX;
    CHECK(registers(&good_machine) == RESULT_OK);
}

/* Power by class, as the oracle has it. */
static void power_is_as_the_oracle_has_it(void **state)
{
    (void)state;
    static uint8_t text[64 << 10];
    struct json doc;
    FILE *f = fopen("tests/vectors/oracle/misc.json", "rb");
    CHECK(f != NULL);
    size_t n = fread(text, 1, sizeof(text), f);
    (void)fclose(f);
    CHECK_OK(json_open(&doc, span_of(text, n), sizeof(text)));
    struct json_value rows = json_get(json_root(&doc), "power");
    begin("");
    CHECK(tw_register(&t, &w) == RESULT_OK);
    CHECK(json_count(rows) >= 5);
    for (size_t i = 0; i < json_count(rows); i++) {
        struct json_value row = json_at(rows, i);
        struct params *p = &w.chain.params;
        struct work_worker rec = tw_record(&t, &w);
        bool hardware = json_bool(json_get(row, "hardware"));
        rec.kind = ATTEST_SGX;
        rec.standing.status = STATUS_UP_TO_DATE;
        rec.standing.lapsed = !hardware;
        rec.disks[0].power = json_u64(json_get(row, "files"), UINT64_MAX);
        rec.disks[1].srd_proven = json_u64(json_get(row, "srd"), UINT64_MAX);
        p->weight_sgx = p->weight_none = (uint32_t)json_u64(json_get(row, "permille"), 1000);
        p->srd_power_max_percent = (uint32_t)json_u64(json_get(row, "percent"), 100);
        work_put(&w.chain.ledger, &rec);
        work_mark_power(&w.chain.ledger, rec.lineage);
        CHECK(work_drain_power(&w.chain.ledger, 10));
        CHECK(tw_record(&t, &w).power == json_u64(json_get(row, "power"), UINT64_MAX));
    }
    CHECK(doc.err == OK);
    json_close(&doc);
}

static void a_release_retires_at_its_height(void **state)
{
    (void)state;
    static struct tworker who[MACHINES];
    begin("");
    post_all();
    many(who);
    uint64_t height = (w.chain.ledger.slot + 2) * w.chain.params.slot_blocks + 3;
    releases_apply(&w.chain.ledger, "attest_release", release_text(height));
    world_run_to(&w, height - 1);
    CHECK(lapsed(who) == 0);
    CHECK(show(&who[0], TX_WORKER_ATTEST, &(struct vendor_machine){ 0, 9, GOOD, 0 }) ==
          RESULT_EVIDENCE_POLICY);
    next_slot();
    CHECK(lapsed(who) == MACHINES);
    CHECK(registers(&good_machine) == RESULT_EVIDENCE_POLICY);
}

/* ---- posts ----------------------------------------------------------------------------------- */

static void only_newer_documents_are_taken(void **state)
{
    (void)state;
    begin("");
    CHECK(post_pck_crl(start, start + DAY, NULL, 0) == RESULT_COLLATERAL_BAD); /* no root list */
    CHECK(post(9, span_str("x"), span_str("")) == RESULT_COLLATERAL_BAD);
    post_all();
    CHECK(post_tcb_info(start, start + 30 * DAY, 20, GOOD) == RESULT_COLLATERAL_OLD);
    wait_for(100);
    CHECK(post_tcb_info(start + 50, start + 30 * DAY, 19, GOOD) == RESULT_COLLATERAL_OLD);
    CHECK(post_tcb_info(start + 50, start + 30 * DAY, 20, GOOD) == RESULT_OK);
    CHECK(post_tcb_info(start + 40, start + 30 * DAY, 21, GOOD) == RESULT_COLLATERAL_OLD);
    CHECK(post_tcb_info(start + 2 * DAY, start + 30 * DAY, 20, GOOD) == RESULT_COLLATERAL_BAD);
    size_t count = 0;
    struct registry_entry e;
    struct registry_place place;
    for (bool more = registry_next(&w.chain.ledger, &e, NULL); more;
         more = registry_next(&w.chain.ledger, &e, &place)) {
        place = (struct registry_place){ .kind = e.entry.kind };
        memcpy(place.id, e.entry.id, sizeof(place.id));
        CHECK(e.entry.lapses == start + 30 * DAY && e.document.n > 100);
        CHECK(memcmp(e.account, w.keys[2].public_key, 32) == 0);
        count++;
    }
    CHECK(count == 4);
}

/* A post that is of use is free; one that is a little newer pays; one that fails pays. */
static void useful_posts_pay_no_fee(void **state)
{
    (void)state;
    begin("\"fee_base\":\"1000\",\"fee_byte\":\"1\"");
    struct amount before = world_free(&w, w.keys[2].public_key);
    post_all();
    CHECK(amount_cmp(before, world_free(&w, w.keys[2].public_key)) == 0);
    wait_for(2 * DAY);
    CHECK(post_tcb_info(start + 10, start + 30 * DAY, 20, GOOD) == RESULT_OK);
    struct amount after = world_free(&w, w.keys[2].public_key);
    CHECK(amount_cmp(after, before) < 0);
    CHECK(post_tcb_info(start + 10 + DAY, start + 30 * DAY, 20, GOOD) == RESULT_OK);
    CHECK(post_tcb_info(start + 20 + DAY, start + 30 * DAY, 21, GOOD) == RESULT_OK);
    CHECK(amount_cmp(after, world_free(&w, w.keys[2].public_key)) == 0);
    CHECK(post_tcb_info(start + 10, start + 30 * DAY, 20, GOOD) == RESULT_COLLATERAL_OLD);
    CHECK(amount_cmp(world_free(&w, w.keys[2].public_key), after) < 0);
    /* Somebody without money is not even looked at. */
    static struct memo memo;
    uint64_t issued = start + 2 * DAY;
    memset(&memo, 0, sizeof(memo));
    w.chain.ledger.memo = &memo;
    world_seed(&w.keys[2], 'Z', 2);
    w.nonces[2] = 0;
    CHECK(post_tcb_info(issued, start + 30 * DAY, 22, GOOD) == RESULT_CANNOT_PAY_FEE);
    CHECK(memo.misses == 0);
}

/* Real documents under the vendors' roots, at the time they were valid. */
static void real_documents_are_kept(void **state)
{
    (void)state;
    static struct testcase c;
    static const struct {
        const char *id;
        enum collateral_kind kind;
    } rows[] = {
        { "sgx-phala-ok", COLLATERAL_ROOT_CRL },    { "sgx-phala-ok", COLLATERAL_TCB_INFO },
        { "sgx-phala-ok", COLLATERAL_QE_IDENTITY }, { "snp-steward-crl-ok", COLLATERAL_AMD_CRL },
        { "snp-genoa-v5-ok", COLLATERAL_AMD_CA },   { "snp-turin-v5-ok", COLLATERAL_AMD_CA }
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        testcases_find(&c, rows[i].id);
        if (i == 0 || i >= 3)
            tw_start(&w, "");
        const struct span documents[COLLATERAL_KINDS] = {
            c.collateral.tcb_info, c.collateral.qe_identity, c.collateral.root_crl,
            c.collateral.pck_crl,  c.collateral.snp_crl,     c.collateral.snp_ca
        };
        w.chain.time_ms = c.inputs.time * 1000;
        CHECK_OK(world_block(&w, NULL, NULL, 0));
        bool signs = rows[i].kind <= COLLATERAL_QE_IDENTITY;
        struct span issuer = signs ? c.collateral.tcb_signer : (struct span){ NULL, 0 };
        CHECK(post(rows[i].kind, documents[rows[i].kind], issuer) == RESULT_OK);
        CHECK(post(rows[i].kind, documents[rows[i].kind], issuer) == RESULT_COLLATERAL_OLD);
    }
}

/* The certificate of a quote's PCK CA. */
static struct span pck_ca_of(struct pem_chain *chain, struct span evidence)
{
    struct quote q;
    CHECK_OK(quote_decode(&q, evidence));
    CHECK_OK(pem_decode(chain, q.cert_data));
    for (size_t i = 0; i < chain->count; i++) {
        struct x509 cert;
        CHECK_OK(x509_decode(&cert, chain->certs[i]));
        if (cert.ca && !span_eq(cert.subject, cert.issuer))
            return chain->certs[i];
    }
    return (struct span){ NULL, 0 };
}

/* Real quotes, judged by real documents that were posted, have the verdict that the same documents
 * give off chain; and before them none. */
static void real_quotes_are_judged_by_what_was_posted(void **state)
{
    (void)state;
    static struct testcase c;
    static struct pem_chain chain;
    static const char *const ids[] = { "sgx-phala-ok", "sgx-lcp-eval19", "tdx-phala-ok",
                                       "tdx-gotdx-v5-ok-e19", "sgx-lcp-eval17" };
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct attest_verdict want, got;
        struct registry_inputs in;
        struct needs needs;
        struct span none = { NULL, 0 };
        testcases_find(&c, ids[i]);
        CHECK_OK(testcases_verify(&want, &c));
        tw_start(&w, "");
        w.chain.time_ms = c.inputs.time * 1000;
        w.chain.ledger.time_ms = w.chain.time_ms;
        CHECK_OK(needs_of(&needs, c.evidence));
        registry_inputs(&w.chain.ledger, &in, &needs);
        CHECK(attest_verify_bare(&got, c.evidence, &in.inputs) != OK);
        CHECK(post(COLLATERAL_ROOT_CRL, c.collateral.root_crl, none) == RESULT_OK);
        CHECK(post(COLLATERAL_PCK_CRL, c.collateral.pck_crl, pck_ca_of(&chain, c.evidence)) ==
              RESULT_OK);
        CHECK(post(COLLATERAL_TCB_INFO, c.collateral.tcb_info, c.collateral.tcb_signer) ==
              RESULT_OK);
        CHECK(post(COLLATERAL_QE_IDENTITY, c.collateral.qe_identity, c.collateral.tcb_signer) ==
              RESULT_OK);
        registry_inputs(&w.chain.ledger, &in, &needs);
        CHECK(in.collateral.verified);
        CHECK_OK(attest_verify_bare(&got, c.evidence, &in.inputs));
        CHECK(got.status == want.status && got.lapses == want.lapses);
        CHECK(memcmp(got.measurement, want.measurement, sizeof(got.measurement)) == 0);
        CHECK(memcmp(got.platform_id, want.platform_id, 32) == 0);
        CHECK(got.advisories.count == want.advisories.count);
    }
}

/* A real SEV-SNP report with its chip's certificate behind it: its CA and AMD's list come from the
 * chain. */
static void a_real_report_is_judged_by_what_was_posted(void **state)
{
    (void)state;
    static const uint8_t vcek[16] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64,
                                      0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd };
    static struct testcase c;
    static uint8_t data[8192];
    struct attest_verdict want, got;
    struct registry_inputs in;
    struct needs needs;
    struct span none = { NULL, 0 };
    testcases_find(&c, "snp-steward-crl-ok");
    CHECK_OK(testcases_verify(&want, &c));
    memcpy(data, c.evidence.p, SNP_REPORT_SIZE);
    struct writer out = writer_of(data + SNP_REPORT_SIZE, sizeof(data) - SNP_REPORT_SIZE);
    write_bytes(&out, vcek, sizeof(vcek));
    write_le32(&out, 48);
    write_le32(&out, (uint32_t)c.collateral.snp_leaf.n);
    for (int i = 0; i < 24; i++)
        write_u8(&out, 0);
    write_span(&out, c.collateral.snp_leaf);
    CHECK_OK(out.err);
    struct span evidence = span_of(data, SNP_REPORT_SIZE + out.len);
    tw_start(&w, "");
    w.chain.time_ms = c.inputs.time * 1000;
    w.chain.ledger.time_ms = w.chain.time_ms;
    CHECK_OK(needs_of(&needs, evidence));
    registry_inputs(&w.chain.ledger, &in, &needs);
    CHECK(attest_verify_bare(&got, evidence, &in.inputs) != OK);
    CHECK(post(COLLATERAL_AMD_CA, c.collateral.snp_ca, none) == RESULT_OK);
    registry_inputs(&w.chain.ledger, &in, &needs);
    CHECK_OK(attest_verify_bare(&got, evidence, &in.inputs));
    CHECK(!got.u.snp.crl_checked); /* which policy refuses */
    CHECK(post(COLLATERAL_AMD_CRL, c.collateral.snp_crl, none) == RESULT_OK);
    registry_inputs(&w.chain.ledger, &in, &needs);
    CHECK_OK(attest_verify_bare(&got, evidence, &in.inputs));
    CHECK(got.u.snp.crl_checked && got.lapses == want.lapses);
    CHECK(memcmp(got.platform_id, want.platform_id, 32) == 0);
}

/* Parameters as they are proposed say what the policy's own defaults say, of all real evidence. */
static void the_parameters_are_the_defaults_of_the_policy(void **state)
{
    (void)state;
    static struct testcase c;
    const uint8_t release[32] = { 1 };
    const struct attest_situation situation = { .height = 9, .time = 1750000000 };
    struct json_value list = testcases_open("cases");
    size_t genuine = 0;
    tw_start(&w, "\"allow_software\":false");
    for (size_t i = 0; i < json_count(list); i++) {
        struct attest_verdict verdict;
        struct releases_policy room;
        testcases_load(&c, json_at(list, i));
        c.inputs.collateral = &c.collateral;
        c.inputs.roots = &c.roots;
        if (testcases_verify(&verdict, &c) != OK)
            continue;
        genuine++;
        releases_policy(&w.chain.ledger, &room, &verdict, release);
        CHECK(attest_policy_refusals(&room.policy, &verdict, &situation) ==
              attest_policy_refusals(attest_policy_default(), &verdict, &situation));
    }
    CHECK(genuine > 30);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static void a_block_holds_a_bounded_number(void **state)
{
    (void)state;
    static uint8_t rooms[4][VENDOR_QUOTE_MAX + 1024], evidence[VENDOR_QUOTE_MAX];
    struct chain_candidate list[5];
    struct span txs[4];
    size_t count = 5;
    begin("\"attest_per_block\":3");
    for (size_t i = 0; i < 4; i++) {
        struct tworker one;
        tw_init(&one, &w, i, (uint8_t)('p' + i));
        struct tx_call call = shows(&one, TX_WORKER_REGISTER, &good_machine, evidence);
        struct tx tx = { .nonce = 0, .expiry = w.chain.height + 100, .call = call };
        memcpy(tx.from, w.keys[i].public_key, 32);
        memcpy(tx.chain, w.chain_hash, 32);
        CHECK_OK(tx_sign(&txs[i], &tx, (struct mspan){ rooms[i], sizeof(rooms[i]) }, &w.keys[i]));
        list[i] = (struct chain_candidate){ .bytes = txs[i], .rank = (uint32_t)i };
        chain_check_tx(&w.chain, &list[i].check, txs[i], false);
        CHECK(list[i].check.attests);
    }
    uint8_t room[WORLD_TX_MAX];
    const struct tx_call transfer = { .kind = TX_TRANSFER,
                                      .transfer.amount = AMOUNT_OF(1000000000) };
    list[4] = (struct chain_candidate){ .bytes = world_tx(&w, 5, &transfer, room), .rank = 4 };
    chain_check_tx(&w.chain, &list[4].check, list[4].bytes, false);
    chain_prepare(&w.chain, list, &count, 1 << 20);
    CHECK(count == 4); /* three of them, and what is none of them */
    struct chain_block block = { .height = w.chain.height + 1, .txs = txs, .tx_count = 4 };
    CHECK(!chain_process(&w.chain, &block));
    block.tx_count = 3;
    CHECK(chain_process(&w.chain, &block));
}

/* The memo changes no result, and saves the verifications after the first. */
static void what_was_verified_is_remembered(void **state)
{
    (void)state;
    static struct memo memo;
    static uint8_t room[VENDOR_QUOTE_MAX];
    memset(&memo, 0, sizeof(memo));
    begin("");
    w.chain.ledger.memo = &memo;
    post_all();
    CHECK(memo.misses == 4 && memo.hits == 8); /* a post is looked at three times */
    struct tx_call call = shows(&t, TX_WORKER_REGISTER, &good_machine, room);
    CHECK(tw_do(&w, 2, &call) == RESULT_EVIDENCE_BAD);
    CHECK(tw_do(&w, 1, &call) == RESULT_OK);
    CHECK(memo.misses == 6 && memo.hits == 9);
    struct work_standing with = standing();
    begin("");
    CHECK(w.chain.ledger.memo == NULL);
    post_all();
    call = shows(&t, TX_WORKER_REGISTER, &good_machine, room);
    CHECK(tw_do(&w, 2, &call) == RESULT_EVIDENCE_BAD);
    CHECK(tw_do(&w, 1, &call) == RESULT_OK);
    struct work_standing without = standing();
    CHECK(with.expires_at == without.expires_at && with.status == without.status);
}

/* Rows of lists: each form, and what is none. */
static void rows_of_lists_are_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } bad[] = {
        { "attest_release", "" },
        { "attest_release", "kind=sgx" },
        { "attest_release", "kind=software measurement=00 version=1 from=0 retires=0" },
        { "attest_deny", "device 00" },
        { "attest_deny", "fmspc 00C0FFEE0000" },
        { "attest_deny", "fmspc  00c0ffee0000" },
        { "attest_deny", "fmspc 00c0ffee0000 " },
        { "attest_deny", "class sgx" },
        { "attest_advisory", "" },
        { "attest_advisory", "-" },
        { "attest_advisory", "intel" },
        { "attest_td_config", "00" },
        { "attest_other", "x" },
    };
    begin("");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!releases_check(bad[i].name, bad[i].text));
    const char *good = release_text(17);
    size_t n = strlen(good);
    CHECK(releases_check("attest_release", good));
    for (size_t cut = 0; cut < n; cut++) {
        char text[512];
        memcpy(text, good, cut);
        text[cut] = '\0';
        bool whole = strcmp(text + (cut < 9 ? 0 : cut - 9), "retires=1") == 0 ||
                     strcmp(text + (cut < 10 ? 0 : cut - 10), "retires=17") == 0 ||
                     (cut > 64 && good[cut] == ' ' && strstr(text, "signer=") != NULL);
        CHECK(releases_check("attest_release", text) == whole);
    }
    /* What is shown can be proposed. */
    struct releases_place place = { .size = 0 };
    char text[RELEASES_TEXT_MAX + 1];
    const char *name;
    size_t rows = 0;
    while (releases_next(&w.chain.ledger, &place, &name, text)) {
        CHECK(releases_is_list(name) && releases_check(name, text));
        rows++;
    }
    CHECK(rows == 4); /* a release and three advisories */
}

int main(void)
{
    tw_files_make();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hardware_registers_with_its_documents_on_chain),
        cmocka_unit_test(each_refusal_of_a_registration),
        cmocka_unit_test(old_evidence_is_refused),
        cmocka_unit_test(the_program_is_that_of_the_release_it_names),
        cmocka_unit_test(a_machine_runs_a_bounded_number_of_workers),
        cmocka_unit_test(an_attestation_is_renewed_by_newer_evidence_only),
        cmocka_unit_test(a_lapse_takes_weight_from_the_next_slot_on),
        cmocka_unit_test(nothing_outlasts_the_documents),
        cmocka_unit_test(a_revoked_machine_loses_its_weight_with_the_next_slot),
        cmocka_unit_test(a_higher_number_is_looked_at_by_a_sweep),
        cmocka_unit_test(a_fallen_status_changes_the_class),
        cmocka_unit_test(lists_of_governance_reach_workers),
        cmocka_unit_test(a_kind_can_be_switched_off),
        cmocka_unit_test(power_is_as_the_oracle_has_it),
        cmocka_unit_test(a_release_retires_at_its_height),
        cmocka_unit_test(only_newer_documents_are_taken),
        cmocka_unit_test(useful_posts_pay_no_fee),
        cmocka_unit_test(real_documents_are_kept),
        cmocka_unit_test(real_quotes_are_judged_by_what_was_posted),
        cmocka_unit_test(a_real_report_is_judged_by_what_was_posted),
        cmocka_unit_test(the_parameters_are_the_defaults_of_the_policy),
        cmocka_unit_test(a_block_holds_a_bounded_number),
        cmocka_unit_test(what_was_verified_is_remembered),
        cmocka_unit_test(rows_of_lists_are_read_strictly),
    };
    int failed = cmocka_run_group_tests(tests, make_vendor, free_vendor);
    json_close(&testcases_doc);
    return failed;
}
