/* From one enclave to the next: two enclaves in memory, everything through the bytes of their
 * messages, and each thing that must be refused. Spec: docs/spec/handover.md. */
#include "seal/seal.h"

#include "attest/attest.h"
#include "attest/policy.h"
#include "codec/succession.h"
#include "crypto/random.h"
#include "seal/fake_direct_test.h"
#include "seal/fake_volume_test.h"

enum { NUMBER = 7, ISSUED = 1700000000, GOVERNORS = 3 };

/* A host that breaks no rule of the protocol. */
static enum err honest_call(void *ctx, struct enclave_reply *reply, struct span *reply_bulk,
                            const struct enclave_request *request, struct span bulk)
{
    const struct direct *d = ctx;
    enum err e = direct_call(ctx, reply, reply_bulk, request, bulk);
    CHECK_OK(d->violation);
    return e;
}

/* An enclave with its host. */
struct node {
    struct direct enclave;
    struct fake_host host;
};

struct world {
    struct ed25519_key governors[GOVERNORS];
    struct release_cert_keys keys; /* two of three */
    struct node old, new, other;
    uint8_t exchange[32]; /* of new */
    struct fake_replica file, second;
    struct fake_volume volume;
    /* the offer under construction */
    struct release_cert cert;
    uint8_t signers; /* a bit each */
    uint8_t certificate[RELEASE_CERT_SIZE_MAX];
    uint8_t evidence[ENCLAVE_EVIDENCE_MAX];
    struct enclave_request offer;
};

static const struct span nothing = { NULL, 0 };
static const uint8_t account[32] = { 0xac }, block[32] = { 0xb1 };

static void node_init(struct node *n, const struct world *w, uint8_t machine)
{
    struct seal_config config = { .provider = &seal_provider_software,
                                  .release = span_str("test"),
                                  .number = NUMBER,
                                  .release_keys = w->keys,
                                  .entropy = random_bytes };
    memset(config.sealing.b, machine, sizeof(config.sealing.b));
    CHECK_OK(seal_init(&n->enclave.seal, &config));
    CHECK_OK(seal_job_init(&n->enclave.job));
    n->host.call = honest_call;
    n->host.ctx = &n->enclave;
    memset(n->host.chain, 9, 32);
}

/* HELLO and PROVISION only, as a successor begins. */
static void begin(struct node *n, uint8_t exchange[32])
{
    struct enclave_reply r;
    struct enclave_request m = { .type = ENCLAVE_HELLO, .u.hello.protocol = ENCLAVE_PROTOCOL };
    seal_reset(&n->enclave.seal);
    memcpy(m.u.hello.chain, n->host.chain, 32);
    CHECK_OK(fake_ask(&n->host, &r, NULL, &m, nothing));
    m = (struct enclave_request){ .type = ENCLAVE_PROVISION };
    m.u.blob.blob =
        (struct span){ n->host.sealed_size > 0 ? n->host.sealed : NULL, n->host.sealed_size };
    CHECK_OK(fake_ask(&n->host, &r, NULL, &m, nothing));
    n->host.sealed_size = r.u.provision.sealed.n;
    memcpy(n->host.sealed, r.u.provision.sealed.p, n->host.sealed_size);
    memcpy(n->host.worker, r.u.provision.worker, 32);
    memcpy(n->host.lineage, r.u.provision.lineage, 32);
    memcpy(exchange, r.u.provision.exchange, 32);
}

static void make_certificate(struct world *w)
{
    uint8_t hash[32], count = 0;
    struct writer out = writer_of(w->certificate, sizeof(w->certificate));
    release_cert_encode_body(&out, &w->cert);
    release_cert_hash(hash, writer_span(&out));
    for (uint8_t i = 0; i < GOVERNORS; i++)
        count = (uint8_t)(count + (w->signers >> i & 1));
    write_u8(&out, count);
    for (uint8_t i = 0; i < GOVERNORS; i++) {
        uint8_t signature[64];
        if ((w->signers >> i & 1) == 0)
            continue;
        ed25519_sign(signature, span_of(hash, 32), &w->governors[i]);
        write_u8(&out, i);
        write_bytes(&out, signature, 64);
    }
    CHECK_OK(out.err);
    w->offer.u.hand_over.certificate = writer_span(&out);
}

/* The honest offer of w->new to w->old. */
static void make_offer(struct world *w)
{
    struct enclave_reply r;
    struct enclave_request m = { .type = ENCLAVE_EVIDENCE };
    memcpy(m.u.evidence.account, account, 32);
    memcpy(m.u.evidence.block_hash, block, 32);
    m.u.evidence.predecessor = span_of(w->old.host.worker, 32);
    CHECK_OK(fake_ask(&w->new.host, &r, NULL, &m, nothing));
    w->offer = (struct enclave_request){ .type = ENCLAVE_HAND_OVER };
    struct enclave_hand_over *o = &w->offer.u.hand_over;
    memcpy(w->evidence, r.u.evidence.evidence.p, r.u.evidence.evidence.n);
    o->evidence = span_of(w->evidence, r.u.evidence.evidence.n);
    memcpy(o->account, account, 32);
    memcpy(o->block_hash, block, 32);
    memcpy(o->successor, w->new.host.worker, 32);
    memcpy(o->exchange, w->exchange, 32);
    o->time = ISSUED + 100;
    w->cert = (struct release_cert){ .number = NUMBER, .issued = ISSUED, .program_count = 1 };
    memcpy(w->cert.chain, w->old.host.chain, 32);
    attest_release_id(w->cert.release_id, span_str("test"));
    w->signers = 5;
    make_certificate(w);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    CHECK(w != NULL);
    w->keys = (struct release_cert_keys){ .needed = 2, .count = GOVERNORS };
    for (uint8_t i = 0; i < GOVERNORS; i++) {
        uint8_t seed[32];
        do { /* keys are listed in ascending order */
            random_bytes(seed, 32);
            ed25519_keypair(&w->governors[i], seed);
        } while (i > 0 &&
                 memcmp(w->governors[i].public_key, w->governors[i - 1].public_key, 32) <= 0);
        memcpy(w->keys.keys[i], w->governors[i].public_key, 32);
    }
    node_init(&w->old, w, 1);
    node_init(&w->new, w, 2);
    node_init(&w->other, w, 3);
    CHECK_OK(fake_start(&w->old.host));
    fake_dag_file(&w->file.dag, 1, 5, 9000);
    fake_dag_file(&w->second.dag, 2, 5, 5000);
    begin(&w->new, w->exchange);
    make_offer(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    struct node *nodes[] = { &w->old, &w->new, &w->other };
    for (size_t i = 0; i < 3; i++) {
        seal_fini(&nodes[i]->enclave.seal);
        seal_job_fini(&nodes[i]->enclave.job);
    }
    fake_replica_free(&w->file);
    fake_replica_free(&w->second);
    free(w);
    return 0;
}

static enum err give(struct world *w, struct enclave_reply *r)
{
    return fake_ask(&w->old.host, r, NULL, &w->offer, nothing);
}

static struct enclave_request take_of(const struct world *w, const struct enclave_reply *given)
{
    struct enclave_request m = { .type = ENCLAVE_TAKE_OVER };
    memcpy(m.u.take_over.predecessor, w->old.host.worker, 32);
    memcpy(m.u.take_over.account, account, 32);
    memcpy(m.u.take_over.envelope, given->u.hand_over.envelope, ENCLAVE_ENVELOPE_SIZE);
    return m;
}

/* Refused, and the old worker goes on as if nothing had been asked. */
static void check_refused(struct world *w, enum err expected)
{
    struct enclave_reply r;
    CHECK_ERR(give(w, &r), expected);
    CHECK(w->old.enclave.seal.phase == SEAL_READY);
    CHECK(memcmp(w->old.enclave.seal.state.owner, w->old.host.worker, 32) == 0);
}

static void check_signatures(const struct world *w, const uint8_t given[64],
                             const uint8_t taken[64])
{
    uint8_t hash[32];
    const struct succession s = { w->old.host.chain, account, w->old.host.worker,
                                  w->new.host.worker };
    succession_given(hash, &s);
    CHECK_OK(ed25519_verify(given, span_of(hash, 32), w->old.host.worker));
    succession_taken(hash, &s);
    CHECK_OK(ed25519_verify(taken, span_of(hash, 32), w->new.host.worker));
}

/* The whole way; new stands READY afterwards. */
static void hand_over(struct world *w)
{
    struct enclave_reply r;
    uint8_t given[64];
    CHECK_OK(give(w, &r));
    memcpy(given, r.u.hand_over.signature, 64);
    fake_keep(&w->old.host, r.u.hand_over.record);
    struct enclave_request m = take_of(w, &r);
    CHECK_OK(fake_ask(&w->new.host, &r, NULL, &m, nothing));
    check_signatures(w, given, r.u.take_over.signature);
    CHECK(memcmp(r.u.take_over.lineage, w->old.host.lineage, 32) == 0);
    w->new.host.sealed_size = r.u.take_over.sealed.n;
    memcpy(w->new.host.sealed, r.u.take_over.sealed.p, r.u.take_over.sealed.n);
    memcpy(w->new.host.record, w->old.host.record, w->old.host.record_size);
    w->new.host.record_size = w->old.host.record_size;
}

static void unseal_first_block(struct node *n, struct fake_replica *f)
{
    struct fake_block *b = &f->dag.blocks[0];
    struct fake_segment *s = &f->segments[b->segment];
    struct enclave_request m = { .type = ENCLAVE_UNSEAL };
    struct enclave_reply r;
    struct span bulk;
    m.u.unseal.content = *fake_dag_root(&f->dag);
    m.u.unseal.segment = b->segment;
    m.u.unseal.length = s->length;
    m.u.unseal.offset = b->offset;
    memcpy(m.u.unseal.wrapped, s->wrapped, ENCLAVE_WRAPPED_SIZE);
    memcpy(m.u.unseal.digest, b->record.key.digest, 32);
    CHECK_OK(fake_ask(&n->host, &r, &bulk, &m, span_of(s->bytes + b->offset, b->record.length)));
    CHECK(span_eq(bulk, span_of(b->bytes, b->record.length)));
}

static void test_the_successor_goes_on_where_the_old_one_stood(void **state)
{
    struct world *w = *state;
    CHECK_OK(fake_seal(&w->old.host, &w->file, 3));
    CHECK_OK(fake_seal_begin(&w->old.host, &w->second));
    CHECK_OK(fake_seal_block(&w->old.host, &w->second, 0));
    CHECK_OK(fake_seal_close(&w->old.host, &w->second)); /* a session with a checkpoint */
    struct fake_replica *file = &w->file;
    CHECK_OK(fake_add_files(&w->old.host, &w->volume, 0, 0, &file, 1));
    hand_over(w);
    for (int restart = 0; restart < 2; restart++) {
        seal_reset(&w->new.enclave.seal);
        CHECK_OK(fake_start(&w->new.host)); /* with the sealed keys that TAKE_OVER gave */
        CHECK(w->new.enclave.seal.phase == SEAL_READY);
        CHECK(memcmp(w->new.host.lineage, w->old.host.worker, 32) == 0);
        unseal_first_block(&w->new, &w->file);
    }
    CHECK(w->new.enclave.seal.keys.epoch == w->old.enclave.seal.keys.epoch + 1);
    struct enclave_reply r;
    CHECK_OK(fake_seal_resume(&w->new.host, &w->second, &r));
    struct enclave_request m = { .type = ENCLAVE_CUT }; /* what the old one had not cut */
    CHECK_OK(fake_ask(&w->new.host, &r, NULL, &m, nothing));
    fake_keep(&w->new.host, r.u.cut.record);
}

static void test_the_old_one_reads_and_refuses_everything_else(void **state)
{
    struct world *w = *state;
    struct enclave_reply r;
    CHECK_OK(fake_seal(&w->old.host, &w->file, 3));
    hand_over(w);
    for (int restart = 0; restart < 2; restart++) {
        unseal_first_block(&w->old, &w->file);
        struct enclave_request m = { .type = ENCLAVE_CUT };
        CHECK_ERR(fake_ask(&w->old.host, &r, NULL, &m, nothing), ERR_STATE);
        m = (struct enclave_request){ .type = ENCLAVE_FILL_BEGIN, .u.fill_begin.size = 1 << 20 };
        CHECK_ERR(fake_ask(&w->old.host, &r, NULL, &m, nothing), ERR_STATE);
        m = (struct enclave_request){ .type = ENCLAVE_REPORT_END };
        CHECK_ERR(fake_ask(&w->old.host, &r, NULL, &m, nothing), ERR_STATE);
        CHECK_ERR(fake_seal_begin(&w->old.host, &w->second), ERR_STATE);
        m = (struct enclave_request){ .type = ENCLAVE_STATUS };
        CHECK_OK(fake_ask(&w->old.host, &r, NULL, &m, nothing));
        CHECK(memcmp(r.u.status.owner, w->new.host.worker, 32) == 0);
        seal_reset(&w->old.enclave.seal);
        CHECK_OK(fake_start(&w->old.host)); /* its journal says the same after a restart */
        CHECK(w->old.enclave.seal.phase == SEAL_CLOSED);
    }
}

/* A crash after HAND_OVER, before the envelope was kept: it is given again, to the same only. */
static void test_a_hand_over_is_repeated_for_the_same_successor_only(void **state)
{
    struct world *w = *state;
    struct enclave_reply r;
    CHECK_OK(give(w, &r));
    fake_keep(&w->old.host, r.u.hand_over.record);
    seal_reset(&w->old.enclave.seal);
    CHECK_OK(fake_start(&w->old.host));
    hand_over(w);
    begin(&w->other, w->exchange);
    struct node *offered = &w->other;
    struct enclave_request m = { .type = ENCLAVE_EVIDENCE };
    memcpy(m.u.evidence.account, account, 32);
    memcpy(m.u.evidence.block_hash, block, 32);
    m.u.evidence.predecessor = span_of(w->old.host.worker, 32);
    CHECK_OK(fake_ask(&offered->host, &r, NULL, &m, nothing));
    memcpy(w->evidence, r.u.evidence.evidence.p, r.u.evidence.evidence.n);
    memcpy(w->offer.u.hand_over.successor, offered->host.worker, 32);
    memcpy(w->offer.u.hand_over.exchange, w->exchange, 32);
    CHECK_ERR(give(w, &r), ERR_EXISTS);
}

/* Never both: the successor takes the state only from a record that names it. */
static void test_a_record_of_before_opens_nothing_for_the_successor(void **state)
{
    struct world *w = *state;
    struct enclave_reply r;
    static uint8_t before[ENCLAVE_STATE_MAX];
    size_t size = w->old.host.record_size;
    memcpy(before, w->old.host.record, size);
    hand_over(w);
    struct enclave_request m = { .type = ENCLAVE_LOAD, .u.blob.blob = span_of(before, size) };
    CHECK_OK(fake_ask(&w->new.host, &r, NULL, &m, nothing));
    CHECK(w->new.enclave.seal.phase == SEAL_CLOSED);
    m = (struct enclave_request){ .type = ENCLAVE_FILL_BEGIN, .u.fill_begin.size = 1 << 20 };
    CHECK_ERR(fake_ask(&w->new.host, &r, NULL, &m, nothing), ERR_STATE);
}

static void test_certificates_that_are_refused(void **state)
{
    struct world *w = *state;
    w->signers = 2;
    make_certificate(w);
    check_refused(w, ERR_DENIED); /* one signature of two */
    w->signers = 5;
    w->cert.number = NUMBER - 1;
    make_certificate(w);
    check_refused(w, ERR_DENIED); /* an older release */
    w->cert.number = NUMBER;
    w->cert.chain[0]++;
    make_certificate(w);
    check_refused(w, ERR_DENIED); /* another chain's */
    w->cert.chain[0]--;
    w->cert.programs[0].kind = ATTEST_SGX;
    make_certificate(w);
    check_refused(w, ERR_DENIED); /* it names no program of this kind */
    w->cert.programs[0].kind = ATTEST_SOFTWARE;
    make_certificate(w);
    w->offer.u.hand_over.time = ISSUED - 1;
    check_refused(w, ERR_RANGE); /* a host whose clock was put back */
    w->offer.u.hand_over.time = ISSUED;
    w->certificate[40] ^= 1;
    check_refused(w, ERR_SIGNATURE); /* changed after it was signed */
    w->certificate[40] ^= 1;
    w->old.enclave.seal.state.floor = ISSUED + 1;
    check_refused(w, ERR_DENIED); /* a newer certificate was seen before */
    w->old.enclave.seal.state.floor = ISSUED;
    struct enclave_reply r;
    CHECK_OK(give(w, &r));
}

static void test_governance_keys_are_pinned(void **state)
{
    struct world *w = *state;
    struct release_cert_keys *keys = &w->old.enclave.seal.config.release_keys;
    keys->needed = 1; /* the same keys, but one of three is enough now */
    check_refused(w, ERR_DENIED);
    *keys = (struct release_cert_keys){ 0 };
    release_cert_keys_hash(w->old.enclave.seal.keys.pin, keys);
    check_refused(w, ERR_DENIED); /* made without keys: it hands over to nobody */
}

static void test_evidence_that_is_refused(void **state)
{
    struct world *w = *state;
    struct enclave_hand_over *o = &w->offer.u.hand_over;
    uint8_t *const bound[] = { o->account, o->block_hash, o->successor, o->exchange,
                               w->cert.release_id };
    for (size_t i = 0; i < sizeof(bound) / sizeof(bound[0]); i++) {
        bound[i][0] ^= 1; /* replayed for another account, block, key, exchange key or release */
        make_certificate(w);
        check_refused(w, ERR_SIGNATURE);
        bound[i][0] ^= 1;
    }
    make_certificate(w);
    struct enclave_reply r;
    struct enclave_request m = { .type = ENCLAVE_EVIDENCE };
    memcpy(m.u.evidence.account, account, 32);
    memcpy(m.u.evidence.block_hash, block, 32);
    CHECK_OK(fake_ask(&w->new.host, &r, NULL, &m, nothing));
    memcpy(w->evidence, r.u.evidence.evidence.p, r.u.evidence.evidence.n);
    check_refused(w, ERR_SIGNATURE); /* of a worker alone: it names no predecessor */
    m.u.evidence.predecessor = span_of(account, 32);
    CHECK_OK(fake_ask(&w->new.host, &r, NULL, &m, nothing));
    memcpy(w->evidence, r.u.evidence.evidence.p, r.u.evidence.evidence.n);
    check_refused(w, ERR_SIGNATURE); /* of somebody else's successor */
    static struct seal_provider processor;
    processor = seal_provider_software;
    processor.kind = "snp";
    w->old.enclave.seal.config.provider = &processor;
    make_offer(w);
    check_refused(w, ERR_DENIED); /* a processor's keys go to no program without one */
}

static void test_verdicts_on_hardware(void **state)
{
    (void)state;
    struct release_cert c = { .issued = ISSUED, .program_count = 1 };
    struct attest_verdict v = { .kind = ATTEST_SNP, .has_device = true, .status = STATUS_NONE };
    c.programs[0].kind = ATTEST_SNP;
    c.programs[0].measurement[5] = v.measurement[5] = 77;
    const struct snp_tcb level = { 9, 9, 9, 9, 255 };
    v.u.snp.product = SNP_TURIN;
    v.u.snp.reported = v.u.snp.committed = v.u.snp.launch = v.u.snp.current = level;
    memset(v.u.snp.firmware, 255, 3);
    v.u.snp.policy = 1u << 17 | 1u << 16;
    v.u.snp.platform_info = UINT64_MAX;
    v.u.snp.launch_mitigations = UINT64_MAX;
    v.u.snp.crl_checked = true;
    v.u.snp.vmpl = attest_policy_default()->snp_vmpl;
    CHECK_ERR(handover_judge(&c, &v, true, ISSUED), ERR_DENIED); /* no minimum: no SNP */
    memset(c.snp_min[SNP_TURIN], 4, 5);
    CHECK_OK(handover_judge(&c, &v, true, ISSUED));
    v.debug = true;
    CHECK_ERR(handover_judge(&c, &v, true, ISSUED), ERR_DENIED);
    v.debug = false;
    v.measurement[5]++;
    CHECK_ERR(handover_judge(&c, &v, true, ISSUED), ERR_DENIED); /* a program nobody has named */
    v.measurement[5]--;
    v.u.snp.committed.snp = 3;
    CHECK_ERR(handover_judge(&c, &v, true, ISSUED), ERR_DENIED); /* firmware below the minimum */
}

static void test_envelopes_that_are_refused(void **state)
{
    struct world *w = *state;
    struct enclave_reply r;
    CHECK_OK(give(w, &r));
    const struct enclave_request good = take_of(w, &r);
    struct enclave_request m = good;
    for (size_t i = 0; i < ENCLAVE_ENVELOPE_SIZE; i++) {
        m.u.take_over.envelope[i] ^= 1;
        CHECK(fake_ask(&w->new.host, &r, NULL, &m, nothing) != OK);
        m.u.take_over.envelope[i] ^= 1;
    }
    m.u.take_over.predecessor[0] ^= 1; /* a host that made an envelope of its own */
    CHECK_ERR(fake_ask(&w->new.host, &r, NULL, &m, nothing), ERR_SIGNATURE);
    uint8_t unused[32];
    begin(&w->other, unused);
    m = good;
    CHECK_ERR(fake_ask(&w->other.host, &r, NULL, &m, nothing), ERR_SIGNATURE); /* not for it */
    CHECK_OK(fake_ask(&w->new.host, &r, NULL, &m, nothing));
}

int main(void)
{
    if (random_init() != OK)
        return 1;
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_the_successor_goes_on_where_the_old_one_stood),
        T(test_the_old_one_reads_and_refuses_everything_else),
        T(test_a_hand_over_is_repeated_for_the_same_successor_only),
        T(test_a_record_of_before_opens_nothing_for_the_successor),
        T(test_certificates_that_are_refused),
        T(test_governance_keys_are_pinned),
        T(test_evidence_that_is_refused),
        T(test_verdicts_on_hardware),
        T(test_envelopes_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
