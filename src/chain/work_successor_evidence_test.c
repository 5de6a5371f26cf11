/* A worker on hardware and its successor, on a whole chain in memory with machines of a made
 * vendor: what the successor's evidence must bind, and what of it is refused.
 * Spec: docs/spec/work.md 11, docs/spec/handover.md 2. */
#include "chain/releases.h"
#include "chain/testevidence.h"
#include "chain/work_store.h"
#include "codec/succession.h"

static struct tworker next; /* of the same account as t */
static struct ed25519_key exchange_key;
static uint8_t quote_room[VENDOR_QUOTE_MAX];

static bool is(enum tx_result got, enum tx_result wanted)
{
    if (got != wanted)
        print_message("%s, not %s\n", result_name(got), result_name(wanted));
    return got == wanted;
}

/* A worker that runs program 9 on machine 1 is registered. */
static void prepare(const char *params)
{
    begin(params);
    post_all();
    CHECK(is(registers(&good_machine), RESULT_OK));
    tw_init(&next, &w, t.account, 'N');
    world_seed(&exchange_key, 'x', 1);
}

static void sign_both(struct tx_worker_succeed *s)
{
    uint8_t hash[32];
    const struct succession of = { w.chain_hash, t.account_key, s->predecessor, s->worker };
    succession_given(hash, &of);
    ed25519_sign(s->given, span_of(hash, 32), &t.m.key);
    succession_taken(hash, &of);
    ed25519_sign(s->taken, span_of(hash, 32), &next.m.key);
}

/* Evidence of a machine that binds what s says, except what is given otherwise (NULL: as in s). */
struct other {
    const uint8_t *account, *worker, *predecessor, *exchange, *chain;
};

static void quote(struct tx_worker_succeed *s, const struct vendor_machine *m,
                  const struct other *o)
{
    uint8_t hash[32] = { (uint8_t)s->block };
    const struct attest_binding b = {
        .worker = o->worker != NULL ? o->worker : s->worker,
        .account = o->account != NULL ? o->account : t.account_key,
        .chain = o->chain != NULL ? o->chain : w.chain_hash,
        .release_id = s->release,
        .block_hash = hash,
        .predecessor = o->predecessor != NULL ? o->predecessor : s->predecessor,
        .exchange = o->exchange != NULL ? o->exchange : s->exchange,
    };
    s->evidence = machine_evidence(&v, quote_room, m, &b);
}

/* The honest transaction of a successor on machine m with a release of this name. */
static struct tx_call succession(const struct vendor_machine *m, const char *release)
{
    static const struct other nothing;
    struct tx_call call = { .kind = TX_WORKER_SUCCEED };
    struct tx_worker_succeed *s = &call.worker_succeed;
    s->block = w.chain.height;
    memcpy(s->worker, next.m.key.public_key, 32);
    memcpy(s->predecessor, t.m.key.public_key, 32);
    memcpy(s->exchange, exchange_key.public_key, 32);
    attest_release_id(s->release, span_str(release));
    sign_both(s);
    quote(s, m, &nothing);
    return call;
}

/* A refusal leaves the predecessor in its place, with its standing. */
static bool refused(const struct tx_call *call, size_t account, enum tx_result wanted)
{
    struct work_worker before = tw_record(&t, &w);
    bool as_wanted = is(tw_do(&w, account, call), wanted);
    struct work_worker after = tw_record(&t, &w);
    return as_wanted && memcmp(after.worker, t.m.key.public_key, 32) == 0 &&
           after.standing.attested_at == before.standing.attested_at &&
           memcmp(after.platform, before.platform, 32) == 0;
}

static bool machine_refused(const struct vendor_machine *m, const char *release)
{
    const struct tx_call call = succession(m, release);
    return refused(&call, t.account, RESULT_EVIDENCE_POLICY);
}

/* The row of a release; retires: at a height, 0: never. */
static void release(const char *digits, const char *version, uint64_t retires)
{
    char text[512], program[65], signer[65];
    repeated(program, digits);
    repeated(signer, "bb");
    (void)snprintf(text, sizeof(text),
                   "kind=sgx measurement=%s version=%s from=0 retires=%llu signer=%s product=0 "
                   "svn=0",
                   program, version, (unsigned long long)retires, signer);
    CHECK(releases_check("attest_release", text));
    releases_apply(&w.chain.ledger, "attest_release", text);
}

static uint32_t workers_of(const uint8_t platform[32])
{
    struct work_platform p;
    work_get_platform(&w.chain.ledger, &p, platform);
    return p.workers;
}

/* ---- what is taken --------------------------------------------------------------------------- */

static void a_successor_on_another_machine_stands_on_its_own_evidence(void **state)
{
    (void)state;
    const struct vendor_machine moved = { .number = 2, .program = 9, .svn = GOOD - 2 };
    prepare("");
    struct work_worker before = tw_record(&t, &w);
    const struct tx_call call = succession(&moved, "test");
    CHECK(is(tw_do(&w, t.account, &call), RESULT_OK));
    struct work_worker after = tw_record(&next, &w);
    CHECK(memcmp(after.worker, next.m.key.public_key, 32) == 0);
    CHECK(memcmp(after.lineage, before.lineage, 32) == 0);
    CHECK(after.kind == ATTEST_SGX && memcmp(after.platform, before.platform, 32) != 0);
    CHECK(after.standing.status == STATUS_HARDENING);
    CHECK(work_class_of(&w.chain.params, &after) == WORK_CLASS_SGX_HARDENING);
    CHECK(workers_of(before.platform) == 0 && workers_of(after.platform) == 1);
    struct span kept;
    CHECK(work_evidence_get(&w.chain.ledger, &kept, after.lineage));
    CHECK(span_eq(kept, call.worker_succeed.evidence));
    /* It renews as any worker does; the predecessor does not any more. */
    CHECK(is(show(&next, TX_WORKER_ATTEST, &moved), RESULT_OK));
    CHECK(show(&t, TX_WORKER_ATTEST, &good_machine) != RESULT_OK);
    tw_sound(&w);
}

/* The present release has retired: its worker goes on with the next one, and with no older one. */
static void the_next_release_takes_over_from_a_retired_one(void **state)
{
    (void)state;
    const struct vendor_machine newer = { .number = 1, .program = 10, .svn = GOOD },
                                older = { .number = 1, .program = 8, .svn = GOOD };
    prepare("");
    release("0a", "next", 0);
    release("08", "older", w.chain.height); /* retired */
    release("09", "test", w.chain.height + 1);
    world_run_to(&w, w.chain.height + 2);
    CHECK(machine_refused(&older, "older"));
    CHECK(machine_refused(&good_machine, "test"));
    CHECK(machine_refused(&newer, "test")); /* it binds a release, and runs another */
    const struct tx_call call = succession(&newer, "next");
    CHECK(is(tw_do(&w, t.account, &call), RESULT_OK));
    struct work_worker rec = tw_record(&next, &w);
    CHECK(memcmp(rec.release, call.worker_succeed.release, 32) == 0 && !rec.standing.lapsed);
    tw_sound(&w);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void each_program_that_is_refused(void **state)
{
    (void)state;
    prepare("");
    const struct vendor_machine unknown = { 1, 8, GOOD, 0 }, debug = { 1, 9, GOOD, 2 },
                                provisioning = { 1, 9, GOOD, 0x10 }, below = { 1, 9, 1, 0 };
    CHECK(machine_refused(&unknown, "test"));
    CHECK(machine_refused(&debug, "test"));
    CHECK(machine_refused(&provisioning, "test"));
    const struct tx_call call = succession(&below, "test");
    CHECK(refused(&call, t.account, RESULT_EVIDENCE_BAD));
    const struct tx_call good = succession(&good_machine, "test");
    CHECK(is(tw_do(&w, t.account, &good), RESULT_OK));
}

/* Each thing that the evidence binds, wrong alone; the transaction around it says what is right. */
static void evidence_binds_both_workers_and_the_account(void **state)
{
    (void)state;
    static const uint8_t stranger[32] = { 7 };
    const struct other rows[] = { { .predecessor = stranger },
                                  { .predecessor = next.m.key.public_key },
                                  { .exchange = stranger },
                                  { .worker = stranger },
                                  { .account = w.keys[2].public_key },
                                  { .chain = stranger } };
    prepare("");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tx_call call = succession(&good_machine, "test");
        quote(&call.worker_succeed, &good_machine, &rows[i]);
        CHECK(refused(&call, t.account, RESULT_EVIDENCE_BAD));
    }
    struct tx_call call = succession(&good_machine, "test");
    quote_room[600] ^= 1;
    CHECK(refused(&call, t.account, RESULT_EVIDENCE_BAD));
    call = succession(&good_machine, "test");
    CHECK(refused(&call, 2, RESULT_WORKER_NOT_YOURS)); /* sent by another account */
    CHECK(is(tw_do(&w, t.account, &call), RESULT_OK));
}

/* The predecessor must be the worker whose place is taken: another one of the same account, with
 * its own signature missing. */
static void another_predecessor_has_not_given(void **state)
{
    (void)state;
    static struct tworker other;
    const struct vendor_machine machine = { .number = 3, .program = 9, .svn = GOOD };
    prepare("");
    tw_init(&other, &w, t.account, 'O');
    CHECK(is(show(&other, TX_WORKER_REGISTER, &machine), RESULT_OK));
    struct tx_call call = succession(&good_machine, "test");
    memcpy(call.worker_succeed.predecessor, other.m.key.public_key, 32);
    static const struct other nothing;
    quote(&call.worker_succeed, &good_machine, &nothing);
    CHECK(refused(&call, t.account, RESULT_SUCCESSION_SIGNATURE));
    sign_both(&call.worker_succeed); /* in its name, by t */
    CHECK(refused(&call, t.account, RESULT_SUCCESSION_SIGNATURE));
}

static void evidence_cannot_be_used_again(void **state)
{
    (void)state;
    static uint8_t plain_room[VENDOR_QUOTE_MAX];
    prepare("\"evidence_max_age_blocks\":5");
    struct tx_call call = succession(&good_machine, "test");
    world_run_to(&w, w.chain.height + 6);
    CHECK(refused(&call, t.account, RESULT_EVIDENCE_OLD));
    call.worker_succeed.block = w.chain.height; /* an old quote under a new block */
    CHECK(refused(&call, t.account, RESULT_EVIDENCE_BAD));
    /* That of a worker alone is none of a successor, and the other way round. */
    struct tx_call alone = shows(&next, TX_WORKER_REGISTER, &good_machine, plain_room);
    call = succession(&good_machine, "test");
    struct span own = call.worker_succeed.evidence;
    call.worker_succeed.evidence = alone.worker_register.evidence;
    CHECK(refused(&call, t.account, RESULT_EVIDENCE_BAD));
    call.worker_succeed.evidence = own;
    call.worker_succeed.block = w.chain.height;
    alone.worker_register.block = w.chain.height - 1; /* the block that `own` binds */
    alone.worker_register.evidence = own;
    CHECK(is(tw_do(&w, t.account, &alone), RESULT_EVIDENCE_BAD));
    /* What was taken is not taken again, nor for a further worker. */
    call = succession(&good_machine, "test");
    CHECK(is(tw_do(&w, t.account, &call), RESULT_OK));
    CHECK(is(tw_do(&w, t.account, &call), RESULT_WORKER_EXISTS));
    struct tworker third;
    tw_init(&third, &w, t.account, 'T');
    struct tx_worker_succeed *s = &call.worker_succeed;
    memcpy(s->predecessor, next.m.key.public_key, 32);
    memcpy(s->worker, third.m.key.public_key, 32);
    uint8_t hash[32];
    const struct succession of = { w.chain_hash, t.account_key, s->predecessor, s->worker };
    succession_given(hash, &of);
    ed25519_sign(s->given, span_of(hash, 32), &next.m.key);
    succession_taken(hash, &of);
    ed25519_sign(s->taken, span_of(hash, 32), &third.m.key);
    CHECK(is(tw_do(&w, t.account, &call), RESULT_EVIDENCE_BAD));
}

/* No documents on chain, no succession; a lapsed list of one is none. */
static void a_successor_is_judged_by_documents_that_are_valid(void **state)
{
    (void)state;
    prepare("");
    wait_for(31 * DAY);
    struct tx_call call = succession(&good_machine, "test");
    CHECK(refused(&call, t.account, RESULT_EVIDENCE_BAD));
    uint64_t to = now() + 30 * DAY;
    CHECK(is(post_root_crl(now(), to), RESULT_OK));
    CHECK(is(post_pck_crl(now(), to, NULL, 0), RESULT_OK));
    CHECK(is(post_tcb_info(now(), to, 20, GOOD), RESULT_OK));
    CHECK(is(post_qe_identity(now(), to, 20), RESULT_OK));
    call = succession(&good_machine, "test");
    CHECK(is(tw_do(&w, t.account, &call), RESULT_OK));
    CHECK(!tw_record(&next, &w).standing.lapsed);
}

static void a_full_machine_takes_no_successor_from_elsewhere(void **state)
{
    (void)state;
    static struct tworker other;
    const struct vendor_machine full = { .number = 4, .program = 9, .svn = GOOD };
    prepare("\"workers_per_platform\":1");
    tw_init(&other, &w, 2, 'F');
    CHECK(is(show(&other, TX_WORKER_REGISTER, &full), RESULT_OK));
    struct tx_call call = succession(&full, "test");
    CHECK(refused(&call, t.account, RESULT_PLATFORM_FULL));
    call = succession(&good_machine, "test"); /* its own machine is full with itself */
    CHECK(is(tw_do(&w, t.account, &call), RESULT_OK));
    tw_sound(&w);
}

int main(void)
{
    tw_files_make();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_successor_on_another_machine_stands_on_its_own_evidence),
        cmocka_unit_test(the_next_release_takes_over_from_a_retired_one),
        cmocka_unit_test(each_program_that_is_refused),
        cmocka_unit_test(evidence_binds_both_workers_and_the_account),
        cmocka_unit_test(another_predecessor_has_not_given),
        cmocka_unit_test(evidence_cannot_be_used_again),
        cmocka_unit_test(a_successor_is_judged_by_documents_that_are_valid),
        cmocka_unit_test(a_full_machine_takes_no_successor_from_elsewhere),
    };
    return cmocka_run_group_tests(tests, make_vendor, free_vendor);
}
