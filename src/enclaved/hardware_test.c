/* The program for SGX as a process, on a tree of plain files in place of /dev/attestation: what it
 * says of itself, the evidence it gives, which restart brings its worker back. */
#include "enclaved/fake_enclave_test.h"

#include "attest/attest.h"
#include "attest/testmachine.h"
#include "base/release.h"
#include "codec/cbor.h"
#include "rt/path.h"

enum { QUOTE_SIZE = 4700, REPORT_DATA_AT = 368 };

static char root[64];

static void put(const char *name, const void *p, size_t n)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/dev/attestation/%s", root, name);
    CHECK_OK(path_write_file(path, span_of(p, n), 0600));
}

/* The key that this machine has for this program. */
static void put_key(uint8_t fill)
{
    uint8_t key[16];
    memset(key, fill, sizeof(key));
    put("keys/_sgx_mrenclave", key, sizeof(key));
}

static int set_up(void **state)
{
    (void)state;
    char path[128];
    uint8_t info[512];
    snprintf(root, sizeof(root), "/tmp/crust-hardware-XXXXXX");
    CHECK(mkdtemp(root) != NULL);
    snprintf(path, sizeof(path), "%s/dev/attestation/keys", root);
    CHECK_OK(path_make_dirs(path, 0700));
    memset(info, 0x3c, sizeof(info));
    put("attestation_type", "dcap", 4);
    put("my_target_info", info, sizeof(info));
    put("user_report_data", "", 0);
    put_key(1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return path_remove_tree(root) != OK;
}

static void test_hello_names_provider_and_measurement(void **state)
{
    (void)state;
    struct fake_enclave e;
    struct enclave_reply r;
    struct enclave_request m = { .type = ENCLAVE_HELLO, .u.hello.protocol = ENCLAVE_PROTOCOL };
    uint8_t measurement[32];
    fake_enclave_open_on(&e, 0, "1", "sgx", root);
    CHECK_OK(fake_ask(&e.host, &r, NULL, &m, (struct span){ NULL, 0 }));
    CHECK_SPAN(r.u.hello.provider, span_str("sgx-gramine"));
    CHECK(r.u.hello.is_volatile == 0);
    memset(measurement, 0x3c, sizeof(measurement));
    CHECK_SPAN(r.u.hello.measurement, span_of(measurement, sizeof(measurement)));
    fake_enclave_close(&e);
}

/* The quote that this machine would give, made here because the test knows what will be asked. */
static void test_evidence_is_the_machine_s_quote_in_a_frame(void **state)
{
    (void)state;
    static uint8_t quote[QUOTE_SIZE], account[32], block[32];
    struct fake_enclave e;
    struct enclave_reply r;
    uint8_t chain[32], release_id[32];
    fake_enclave_open_on(&e, 0, "1", "sgx", root);
    CHECK_OK(fake_start(&e.host));
    memcpy(chain, e.host.chain, 32);
    memset(account, 4, sizeof(account));
    memset(block, 5, sizeof(block));
    attest_release_id(release_id, span_str(RELEASE));
    const struct attest_binding b = { .worker = e.host.worker,
                                      .account = account,
                                      .chain = chain,
                                      .release_id = release_id,
                                      .block_hash = block };
    memset(quote, 0x99, sizeof(quote));
    quote[0] = 3;
    attest_report_data(quote + REPORT_DATA_AT, &b);
    put("quote", quote, sizeof(quote));
    struct enclave_request m = { .type = ENCLAVE_EVIDENCE };
    memcpy(m.u.evidence.account, account, 32);
    memcpy(m.u.evidence.block_hash, block, 32);
    CHECK_OK(fake_ask(&e.host, &r, NULL, &m, (struct span){ NULL, 0 }));
    struct cbor_reader c = cbor_reader_of(r.u.evidence.evidence, CBOR_STRICT);
    cbor_read_map_of(&c, 2);
    cbor_read_key(&c, "data");
    CHECK_SPAN(cbor_read_bytes(&c), span_of(quote, sizeof(quote)));
    cbor_read_key(&c, "kind");
    CHECK_SPAN(cbor_read_text(&c), span_str("sgx"));
    CHECK_OK(cbor_finish(&c));

    char path[128];
    struct mspan asked;
    snprintf(path, sizeof(path), "%s/dev/attestation/user_report_data", root);
    CHECK_OK(path_read_file(&asked, path, 65));
    CHECK_SPAN(span_of(asked.p, asked.n), span_of(quote + REPORT_DATA_AT, 64));
    free(asked.p);
    fake_enclave_close(&e);
}

/* What a chain knows that follows a made vendor: its documents, good for thirty days. */
static struct attest_collateral documents(struct vendor *v, uint64_t now)
{
    enum { DAYS = 30 * 86400 };
    static uint8_t root_crl[1024], pck_crl[1024];
    static char info[VENDOR_DOCUMENT_MAX], identity[VENDOR_DOCUMENT_MAX];
    const struct testcert_list of_root = { VENDOR_ROOT, &v->root, now, now + DAYS, NULL, 0 };
    const struct testcert_list of_ca = { VENDOR_CA, &v->ca, now, now + DAYS, NULL, 0 };
    return (struct attest_collateral){
        .tcb_info = vendor_tcb_info(v, info, now, now + DAYS, 20, 9),
        .qe_identity = vendor_qe_identity(v, identity, now, now + DAYS, 20),
        .tcb_signer = v->signer_cert,
        .root_crl = testcert_crl(root_crl, sizeof(root_crl), &of_root),
        .pck_crl = testcert_crl(pck_crl, sizeof(pck_crl), &of_ca),
    };
}

/* Program, machine and chain together: what this process gives over the quote of a made vendor's
 * machine is what the verifier takes, for this account and block and for no other. */
static void test_the_verifier_takes_its_evidence(void **state)
{
    (void)state;
    static struct vendor v;
    static uint8_t quote[VENDOR_QUOTE_MAX], account[32], block[32];
    const uint64_t now = 1767225600; /* 2026-01-01 */
    const struct vendor_machine machine = { .number = 1, .program = 0x3c, .svn = 9 };
    struct fake_enclave e;
    struct enclave_reply r;
    struct attest_verdict verdict;
    uint8_t release_id[32], report_data[ATTEST_REPORT_DATA_SIZE];
    vendor_init(&v, now - 86400, now + 1000 * 86400);
    struct attest_collateral known = documents(&v, now);
    const struct attest_roots roots = { .intel = v.root_cert };
    const struct attest_inputs inputs = { &roots, &known, now + 3600 };
    fake_enclave_open_on(&e, 0, "1", "sgx", root);
    CHECK_OK(fake_start(&e.host));
    memset(account, 4, sizeof(account));
    memset(block, 5, sizeof(block));
    attest_release_id(release_id, span_str(RELEASE));
    struct attest_context context = { .binding = { .worker = e.host.worker,
                                                   .account = account,
                                                   .chain = e.host.chain,
                                                   .release_id = release_id,
                                                   .block_hash = block },
                                      .inputs = &inputs };
    attest_report_data(report_data, &context.binding);
    struct span made = machine_quote(&v, quote, &machine, report_data);
    put("quote", made.p, made.n);
    struct enclave_request m = { .type = ENCLAVE_EVIDENCE };
    memcpy(m.u.evidence.account, account, 32);
    memcpy(m.u.evidence.block_hash, block, 32);
    CHECK_OK(fake_ask(&e.host, &r, NULL, &m, (struct span){ NULL, 0 }));
    CHECK_OK(attest_verify(&verdict, r.u.evidence.evidence, &context));
    CHECK(verdict.kind == ATTEST_SGX && verdict.measurement[0] == 0x3c && !verdict.debug);
    account[0] ^= 1;
    CHECK_ERR(attest_verify(&verdict, r.u.evidence.evidence, &context), ERR_SIGNATURE);
    CHECK(verdict.code == VERDICT_BINDING);
    fake_enclave_close(&e);
    vendor_fini(&v);
}

static void test_the_machine_s_key_brings_the_worker_back(void **state)
{
    (void)state;
    struct fake_enclave e;
    uint8_t worker[32];
    fake_enclave_open_on(&e, 0, "1", "sgx", root);
    CHECK_OK(fake_start(&e.host));
    memcpy(worker, e.host.worker, 32);
    fake_enclave_restart(&e);
    CHECK_OK(fake_start(&e.host));
    CHECK(memcmp(worker, e.host.worker, 32) == 0);
    put_key(2); /* another program, or another machine */
    fake_enclave_restart(&e);
    CHECK_ERR(fake_start(&e.host), ERR_SIGNATURE);
    put_key(1);
    fake_enclave_restart(&e);
    CHECK_OK(fake_start(&e.host));
    CHECK(memcmp(worker, e.host.worker, 32) == 0);
    fake_enclave_close(&e);
}

static void test_without_its_tee_it_does_not_start(void **state)
{
    (void)state;
    struct fake_enclave e;
    static const char *const kinds[] = { "sgx", "tdx" };
    for (size_t i = 0; i < 2; i++) {
        fake_enclave_open_on(&e, 0, "1", "sgx", root);
        process_stop(&e.process, 0);
        process_fini(&e.process);
        e.hardware = kinds[i];
        e.root = "/nonexistent";
        fake_enclave_spawn(&e, -1);
        CHECK_OK(process_wait(&e.process, FAKE_ENCLAVE_PATIENCE_MS));
        CHECK(e.process.exit_code == 1);
        fake_enclave_close(&e);
    }
}

int main(void)
{
    if (random_init() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello_names_provider_and_measurement),
        cmocka_unit_test(test_evidence_is_the_machine_s_quote_in_a_frame),
        cmocka_unit_test(test_the_verifier_takes_its_evidence),
        cmocka_unit_test(test_the_machine_s_key_brings_the_worker_back),
        cmocka_unit_test(test_without_its_tee_it_does_not_start),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
