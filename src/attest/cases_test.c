/* Every case and every tamper recipe of tests/vectors/attest/cases.json gives the verdict listed
 * there, with the same code as the reference. */
#include "attest/testtamper.h"

#include "base/check.h"
#include "base/hex.h"

static void check_hex(struct json_value object, const char *name, const void *have, size_t n)
{
    uint8_t want[64];
    struct json_value v = json_find(object, name);
    if (json_kind(v) != JSON_KIND_TEXT)
        return;
    json_hex(v, want, n);
    CHECK_OK(v.doc->err);
    CHECK(memcmp(want, have, n) == 0);
}

static void check_word(struct json_value object, const char *name, uint8_t status)
{
    const char *word = testcases_text(object, name);
    if (json_find(object, name).of != NULL)
        assert_string_equal(status_text(status), word == NULL ? "None" : word);
}

static void check_advisories(struct json_value expect, const struct status_advisories *have)
{
    struct json_value list = json_find(expect, "advisories");
    CHECK(json_count(list) == have->count);
    for (size_t i = 0; i < json_count(list); i++) {
        bool found = false;
        for (uint32_t j = 0; j < have->count; j++)
            found = found || strcmp(have->ids[j], json_text(json_at(list, i))) == 0;
        CHECK(found);
    }
}

static void check_claims_sgx(struct json_value claims, const struct attest_verdict *v)
{
    CHECK(v->kind == ATTEST_SGX && v->measurement_size == 32);
    check_hex(claims, "mrenclave", v->u.sgx.mrenclave, 32);
    check_hex(claims, "mrenclave", v->measurement, 32);
    check_hex(claims, "mrsigner", v->u.sgx.mrsigner, 32);
    check_hex(claims, "attributes", v->u.sgx.attributes, 16);
    CHECK(json_u64(json_get(claims, "isvprodid"), 65535) == v->u.sgx.prod_id);
    CHECK(json_u64(json_get(claims, "isvsvn"), 65535) == v->u.sgx.svn);
}

static void check_claims_tdx(struct json_value claims, const struct attest_verdict *v)
{
    CHECK(v->kind == ATTEST_TDX && v->measurement_size == 48);
    check_hex(claims, "mrtd", v->u.tdx.mrtd, 48);
    check_hex(claims, "mrtd", v->measurement, 48);
    check_hex(claims, "rtmr0", v->u.tdx.rtmr[0], 48);
    check_hex(claims, "rtmr1", v->u.tdx.rtmr[1], 48);
    check_hex(claims, "rtmr2", v->u.tdx.rtmr[2], 48);
    check_hex(claims, "rtmr3", v->u.tdx.rtmr[3], 48);
    check_hex(claims, "mrconfigid", v->u.tdx.mrconfigid, 48);
    check_hex(claims, "mrowner", v->u.tdx.mrowner, 48);
    check_hex(claims, "mrseam", v->u.tdx.mrseam, 48);
    check_hex(claims, "mrservicetd", v->u.tdx.mrservicetd, 48);
    check_hex(claims, "tdattributes", v->u.tdx.attributes, 8);
    check_hex(claims, "tee_tcb_svn", v->u.tdx.tcb_svn, 16);
    check_hex(claims, "tee_tcb_svn2", v->u.tdx.tcb_svn2, 16);
}

static void check_dcap(const struct testcase *t, const struct attest_verdict *v)
{
    struct json_value e = t->expect, claims = json_find(t->json, "claims");
    const char *date = testcases_text(e, "tcb_date");
    check_word(e, "status", v->status);
    check_word(e, "platform_status", v->intel.platform_status);
    check_word(e, "qe_status", v->intel.qe_status);
    check_word(e, "module_status", v->intel.module_status);
    check_word(e, "current_status", v->intel.current_status);
    check_advisories(e, &v->advisories);
    check_hex(e, "fmspc", v->intel.fmspc, 6);
    CHECK(json_bool(json_get(e, "debug")) == v->debug);
    CHECK(json_u64(json_get(e, "tcb_eval"), 1000) == v->intel.evaluation);
    struct json_value version = json_find(t->json, "quote_version");
    CHECK(version.of == NULL || json_u64(version, 5) == v->version);
    if (date != NULL) {
        char digits[15];
        uint64_t seconds;
        (void)snprintf(digits, sizeof(digits), "%.4s%.2s%.2s%.2s%.2s%.2s", date, date + 5, date + 8,
                       date + 11, date + 14, date + 17);
        CHECK_OK(der_seconds(&seconds, digits));
        CHECK(seconds == v->intel.tcb_date);
    }
    CHECK(v->has_device && v->lapses >= t->inputs.time);
    bool old = (v->status & (STATUS_OUT_OF_DATE | STATUS_RELAUNCH)) != 0;
    CHECK(old ? v->intel.superseded > v->intel.tcb_date : v->intel.superseded == 0);
    if (claims.of == NULL)
        return;
    check_hex(claims, "report_data", v->report_data, 64);
    check_hex(json_get(t->json, "pck"), "ppid", v->intel.ppid, 16);
    if (json_find(claims, "mrenclave").of != NULL)
        check_claims_sgx(claims, v);
    else
        check_claims_tdx(claims, v);
}

static void check_snp(const struct testcase *t, const struct attest_verdict *v)
{
    struct json_value e = t->expect, tcb = json_get(e, "reported_tcb");
    const struct verdict_snp *s = &v->u.snp;
    CHECK(v->kind == ATTEST_SNP && v->measurement_size == 48);
    CHECK(json_u64(json_get(e, "report_version"), 5) == v->version);
    CHECK(json_bool(json_get(e, "debug")) == v->debug);
    CHECK(json_u64(json_get(e, "vmpl"), 3) == s->vmpl);
    CHECK(strtoull(json_text(json_get(e, "policy")), NULL, 16) == s->policy);
    CHECK(strtoull(json_text(json_get(e, "platform_info")), NULL, 16) == s->platform_info);
    CHECK(strncmp(json_text(json_get(e, "product")), snp_product_name(s->product), 5) == 0);
    CHECK((strcmp(json_text(json_get(e, "signer")), "SEV-VLEK") == 0) == s->vlek);
    CHECK(json_u64(json_get(tcb, "bl"), 255) == s->reported.boot_loader);
    CHECK(json_u64(json_get(tcb, "tee"), 255) == s->reported.tee);
    CHECK(json_u64(json_get(tcb, "snp"), 255) == s->reported.snp);
    CHECK(json_u64(json_get(tcb, "ucode"), 255) == s->reported.microcode);
    struct json_value fmc = json_find(tcb, "fmc");
    CHECK(fmc.of == NULL || json_u64(fmc, 255) == s->reported.fmc);
    check_hex(e, "measurement", v->measurement, 48);
    check_hex(e, "host_data", s->host_data, 32);
    check_hex(e, "report_data", v->report_data, 64);
    check_hex(e, "chip_id", s->chip_id, 64);
    check_hex(e, "id_key_digest", s->id_key_digest, 48);
    CHECK(s->crl_checked == (t->collateral.snp_crl.n != 0));
    static const uint8_t zero[64];
    CHECK(v->has_device == (memcmp(s->chip_id, zero, 64) != 0 && !s->mask_chip_key));
}

/* Signatures only: no collateral of its time could be had. */
static void check_signatures(const struct testcase *t, const struct attest_verdict *v, enum err e)
{
    bool good = json_bool(json_get(t->expect, "quote_sig"));
    CHECK((e == OK) == good);
    if (good)
        CHECK(v->debug == json_bool(json_get(t->expect, "debug")));
    else
        CHECK(v->code == VERDICT_QUOTE_SIGNATURE);
}

static void check_refusal(const struct attest_verdict *v, enum err e, const char *base,
                          const char *what, const char *reference)
{
    static const struct attest_verdict nothing;
    if (e == OK || strcmp(verdict_name(v->code), reference) != 0)
        print_error("%s, %s: %s (%s), expected %s\n", base, what, verdict_name(v->code), v->what,
                    reference);
    CHECK(e != OK);
    assert_string_equal(verdict_name(v->code), reference);
    CHECK(memcmp(&v->measurement, &nothing.measurement, sizeof(nothing.measurement)) == 0);
    CHECK(memcmp(&v->u, &nothing.u, sizeof(nothing.u)) == 0 && v->lapses == 0 && !v->has_device);
}

static void test_every_case(void **state)
{
    (void)state;
    struct json_value list = testcases_open("cases");
    CHECK(json_count(list) >= 70 || getenv("CRUST_ATTEST_CASES") != NULL);
    for (size_t i = 0; i < json_count(list); i++) {
        static struct testcase t;
        struct attest_verdict v;
        testcases_load(&t, json_at(list, i));
        enum err e = testcases_verify(&v, &t);
        CHECK((e == OK) == (v.code == VERDICT_GENUINE));
        const char *result = testcases_text(t.expect, "result");
        if (t.signatures_only) {
            check_signatures(&t, &v, e);
        } else if (strcmp(result, "ok") != 0) {
            check_refusal(&v, e, t.id, "", json_text(json_get(t.expect, "code")));
        } else {
            if (e != OK)
                print_error("%s: %s (%s)\n", t.id, verdict_name(v.code), v.what);
            CHECK_OK(e);
            t.dcap ? check_dcap(&t, &v) : check_snp(&t, &v);
        }
        CHECK_OK(testcases_doc.err);
    }
}

/* ---- tamper recipes ----------------------------------------------------------------------------
 */

static void test_every_tamper_recipe(void **state)
{
    (void)state;
    static uint8_t room[32 << 10];
    struct json_value list = testcases_open("tamper");
    CHECK(json_count(list) >= 149 || getenv("CRUST_ATTEST_CASES") != NULL);
    for (size_t i = 0; i < json_count(list); i++) {
        static struct testcase t;
        struct attest_verdict before, v;
        struct json_value recipe = json_at(list, i);
        testcases_find(&t, json_text(json_get(recipe, "base")));
        CHECK_OK(testcases_verify(&before, &t));
        struct span *field = testcases_field(&t, json_text(json_get(recipe, "field")));
        CHECK(field->n > 0 && field->n < sizeof(room));
        memcpy(room, field->p, field->n);
        struct mspan bytes = { room, field->n };
        testcases_tamper(&bytes, sizeof(room), json_get(recipe, "edit"));
        *field = span_of(bytes.p, bytes.n);
        enum err e = testcases_verify(&v, &t);
        struct json_value expect = json_get(recipe, "expect");
        const char *what = json_text(json_get(recipe, "what"));
        if (strcmp(json_text(json_get(expect, "result")), "ok") == 0)
            CHECK(e == OK && memcmp(&v, &before, sizeof(v)) == 0);
        else
            check_refusal(&v, e, t.id, what, json_text(json_get(expect, "code")));
        CHECK_OK(testcases_doc.err);
    }
}

/* A synthetic root is a parameter of tests: no production build takes it. */
static void test_vendor_roots_refuse_the_synthetic_set(void **state)
{
    (void)state;
    static const char *const ids[] = { "syn-sgx-ok", "syn-tdx-v5-type4-ok", "syn-snp-ok" };
    for (size_t i = 0; i < 3; i++) {
        static struct testcase t;
        struct attest_verdict v;
        testcases_find(&t, ids[i]);
        CHECK_OK(testcases_verify(&v, &t));
        t.inputs.roots = attest_vendor_roots();
        CHECK_ERR(testcases_verify(&v, &t), ERR_SIGNATURE);
        CHECK(v.code == VERDICT_ROOT_UNTRUSTED || v.code == VERDICT_CHAIN_FORMAT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_case),
        cmocka_unit_test(test_every_tamper_recipe),
        cmocka_unit_test(test_vendor_roots_refuse_the_synthetic_set),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_close(&testcases_doc);
    return failed;
}
