/* What evidence asks for, and whether the made vendor of the tests is one that the verifier takes.
 */
#include "attest/needs.h"

#include "attest/policy.h"
#include "attest/testcases.h"
#include "attest/testmachine.h"
#include "base/check.h"

static struct vendor v;
static const uint64_t start = 1767225600; /* 2026-01-01 */

static int make_vendor(void **state)
{
    (void)state;
    vendor_init(&v, start, start + 3000 * 86400ull);
    return 0;
}

static int free_vendor(void **state)
{
    (void)state;
    vendor_fini(&v);
    return 0;
}

static void a_made_machine_is_genuine(void **state)
{
    (void)state;
    static uint8_t quote[VENDOR_QUOTE_MAX], crls[2][1024];
    static char documents[2][VENDOR_DOCUMENT_MAX];
    const uint8_t data[64] = { 1, 2, 3 };
    const struct vendor_machine m = { .number = 7, .program = 9, .svn = 7 };
    struct span q = machine_quote(&v, quote, &m, data);
    const struct testcert_list root = { VENDOR_ROOT, &v.root, start, start + 86400, NULL, 0 };
    const struct testcert_list ca = { VENDOR_CA, &v.ca, start, start + 86400, NULL, 0 };
    const struct attest_collateral c = {
        .tcb_info = vendor_tcb_info(&v, documents[0], start, start + 86400, 20, 7),
        .qe_identity = vendor_qe_identity(&v, documents[1], start, start + 86400, 20),
        .tcb_signer = v.signer_cert,
        .root_crl = testcert_crl(crls[0], sizeof(crls[0]), &root),
        .pck_crl = testcert_crl(crls[1], sizeof(crls[1]), &ca),
    };
    const struct attest_roots roots = { .intel = v.root_cert };
    const struct attest_inputs in = { &roots, &c, start + 5 };
    struct attest_verdict verdict;
    enum err e = attest_verify_bare(&verdict, q, &in);
    if (e != OK)
        print_message("%s: %s\n", verdict_name(verdict.code), verdict.what);
    CHECK_OK(e);
    CHECK(verdict.status == STATUS_UP_TO_DATE && verdict.intel.platform_ca);
    CHECK(verdict.lapses == start + 86400 && memcmp(verdict.report_data, data, 64) == 0);
    struct needs n;
    uint8_t id[32];
    CHECK_OK(needs_of(&n, q));
    CHECK(n.intel && !n.tdx && n.count == 4 && memcmp(n.fmspc, machine_fmspc, 6) == 0);
    collateral_id_tcb_info(id, false, machine_fmspc);
    CHECK(n.items[2].kind == COLLATERAL_TCB_INFO && memcmp(n.items[2].id, id, 32) == 0);
    struct x509 cert;
    CHECK_OK(x509_decode(&cert, v.ca_cert));
    const uint8_t serial[] = { (VENDOR_SERIAL + 7) >> 8, (VENDOR_SERIAL + 7) & 255 };
    needs_pck(id, &cert.key, span_of(serial, sizeof(serial)));
    CHECK(memcmp(n.pck, id, 32) == 0);
}

/* Each real case: the ids are those of the documents that verify it. */
static void real_evidence_asks_for_what_verifies_it(void **state)
{
    (void)state;
    static struct testcase t;
    static const struct {
        const char *id;
        bool tdx;
    } rows[] = { { "sgx-phala-ok", false }, { "tdx-phala-ok", true }, { "syn-tdx-v4-ok", true } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct needs n;
        struct attest_verdict verdict;
        uint8_t id[32];
        testcases_find(&t, rows[i].id);
        CHECK_OK(testcases_verify(&verdict, &t));
        CHECK_OK(needs_of(&n, t.evidence));
        CHECK(n.intel && n.tdx == rows[i].tdx && n.count == 4);
        CHECK(memcmp(n.fmspc, verdict.intel.fmspc, 6) == 0);
        collateral_id_tcb_info(id, n.tdx, n.fmspc);
        CHECK(memcmp(n.items[2].id, id, 32) == 0);
        collateral_id_qe_identity(id, n.tdx);
        CHECK(memcmp(n.items[3].id, id, 32) == 0);
        for (size_t cut = 0; cut < 1200; cut += 13)
            CHECK(needs_of(&n, span_sub(t.evidence, 0, cut)) != OK && n.count == 0);
    }
}

/* A report's certificate comes with it; what its own table has is not asked for. */
static void a_report_asks_for_its_products_list(void **state)
{
    (void)state;
    static const uint8_t vcek[16] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64,
                                      0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd };
    static struct testcase t;
    static uint8_t data[8192];
    struct needs n;
    uint8_t id[32];
    testcases_find(&t, "snp-genoa-v5-ok");
    CHECK_ERR(needs_of(&n, t.evidence), ERR_NOT_FOUND);
    memcpy(data, t.evidence.p, SNP_REPORT_SIZE);
    struct writer w = writer_of(data + SNP_REPORT_SIZE, sizeof(data) - SNP_REPORT_SIZE);
    write_bytes(&w, vcek, 16);
    write_le32(&w, 48);
    write_le32(&w, (uint32_t)t.collateral.snp_leaf.n);
    for (int i = 0; i < 24; i++)
        write_u8(&w, 0);
    write_span(&w, t.collateral.snp_leaf);
    CHECK_OK(w.err);
    enum err e = needs_of(&n, span_of(data, SNP_REPORT_SIZE + w.len));
    CHECK_OK(e);
    CHECK(!n.intel && n.product == SNP_GENOA && !n.vlek && !n.has_ca && n.count == 2);
    collateral_id_amd_crl(id, SNP_GENOA);
    CHECK(memcmp(n.items[0].id, id, 32) == 0);
    collateral_id_amd_ca(id, SNP_GENOA, false);
    CHECK(memcmp(n.items[1].id, id, 32) == 0);
}

static void a_list_is_walked_through(void **state)
{
    (void)state;
    uint8_t room[1024];
    static const long serials[] = { 5, 300, 70000 };
    struct x509_crl crl;
    struct span serial;
    size_t place = 0, count = 0;
    const struct testcert_list list = { VENDOR_CA, &v.ca, start, start + 9, serials, 3 };
    CHECK_OK(x509_crl_decode(&crl, testcert_crl(room, sizeof(room), &list)));
    while (x509_crl_next(&crl, &serial, &place)) {
        CHECK(x509_crl_lists(&crl, serial));
        count++;
    }
    CHECK(count == 3 && serial.n == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_made_machine_is_genuine),
        cmocka_unit_test(real_evidence_asks_for_what_verifies_it),
        cmocka_unit_test(a_report_asks_for_its_products_list),
        cmocka_unit_test(a_list_is_walked_through),
    };
    int failed = cmocka_run_group_tests(tests, make_vendor, free_vendor);
    json_close(&testcases_doc);
    return failed;
}
