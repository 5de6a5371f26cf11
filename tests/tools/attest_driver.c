/* Prints the verdict on every case and every tamper recipe of tests/vectors/attest, one line each.
 * The end to end test attest_builds runs it in several builds and surroundings and compares. */
#include "attest/policy.h"
#include "attest/testtamper.h"
#include "base/hex.h"
#include "crypto/sha256.h"

static void print_hash(const void *p, size_t n)
{
    uint8_t digest[SHA256_SIZE];
    char text[2 * 8 + 1];
    sha256(digest, span_of(p, n));
    hex_format(text, span_of(digest, 8));
    printf(" %s", text);
}

static void print_body(const struct attest_verdict *v)
{
    if (v->kind == ATTEST_SGX) {
        print_hash(v->u.sgx.mrsigner, 32);
        print_hash(v->u.sgx.attributes, 16);
        printf(" %u %u", v->u.sgx.prod_id, v->u.sgx.svn);
    } else if (v->kind == ATTEST_TDX) {
        print_hash(v->u.tdx.rtmr, sizeof(v->u.tdx.rtmr));
        print_hash(v->u.tdx.mrseam, 48);
        print_hash(v->u.tdx.attributes, 8);
        print_hash(v->u.tdx.tcb_svn2, 16);
    } else {
        const struct verdict_snp *s = &v->u.snp;
        print_hash(s->chip_id, 64);
        printf(" %d %d %d %llx %llx %u", s->product, s->vlek, s->crl_checked,
               (unsigned long long)s->policy, (unsigned long long)s->platform_info, s->vmpl);
        printf(" %u.%u.%u", s->reported.boot_loader, s->reported.snp, s->reported.microcode);
    }
}

static void print_verdict(const char *name, const struct testcase *t)
{
    static struct attest_verdict v;
    enum err e = testcases_verify(&v, t);
    printf("%s: %s %s", name, err_name(e), verdict_name(v.code));
    if (e != OK) {
        printf(" (%s)\n", v.what);
        return;
    }
    printf(" %d v%u body %u %s", v.kind, v.version, v.body, status_text(v.status));
    printf(" %s %s %s %s", status_text(v.intel.platform_status), status_text(v.intel.qe_status),
           status_text(v.intel.module_status), status_text(v.intel.current_status));
    for (uint32_t i = 0; i < v.advisories.count; i++)
        printf(" %s", v.advisories.ids[i]);
    printf(" eval %u/%u date %llu superseded %llu lapses %llu debug %d device %d",
           v.intel.evaluation, v.intel.qe_evaluation, (unsigned long long)v.intel.tcb_date,
           (unsigned long long)v.intel.superseded, (unsigned long long)v.lapses, v.debug,
           v.has_device);
    print_hash(v.measurement, sizeof(v.measurement));
    print_hash(v.report_data, sizeof(v.report_data));
    print_hash(v.platform_id, sizeof(v.platform_id));
    print_body(&v);
    if (!t->signatures_only) {
        const struct attest_situation situation = { .time = t->inputs.time };
        printf(" refusals %llx",
               (unsigned long long)attest_policy_refusals(attest_policy_default(), &v, &situation));
    }
    printf("\n");
}

static void run_tamper(struct json_value recipe)
{
    static struct testcase t;
    static uint8_t room[32 << 10];
    testcases_find(&t, json_text(json_get(recipe, "base")));
    struct span *field = testcases_field(&t, json_text(json_get(recipe, "field")));
    if (field->n >= sizeof(room))
        testcases_fail("too large", t.id);
    memcpy(room, field->p, field->n);
    struct mspan bytes = { room, field->n };
    testcases_tamper(&bytes, sizeof(room), json_get(recipe, "edit"));
    *field = span_of(bytes.p, bytes.n);
    print_verdict(json_text(json_get(recipe, "what")), &t);
}

int main(void)
{
    static struct testcase t;
    struct json_value cases = testcases_open("cases"), tamper = testcases_open("tamper");
    for (size_t i = 0; i < json_count(cases); i++) {
        testcases_load(&t, json_at(cases, i));
        print_verdict(t.id, &t);
    }
    for (size_t i = 0; i < json_count(tamper); i++)
        run_tamper(json_at(tamper, i));
    json_close(&testcases_doc);
    return 0;
}
