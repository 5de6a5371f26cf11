/* What the default policy says: of made verdicts, rule by rule, and of every case of
 * tests/vectors/attest. The latter is docs/design/attest-quotes.md, which must be what this test
 * makes: CRUST_WRITE=1 build/release/test/attest/policy writes it. */
#include "attest/policy.h"

#include "attest/testcases.h"
#include "base/check.h"

#include <time.h>

/* ---- rule by rule
 * -------------------------------------------------------------------------------- */

struct fixture {
    struct attest_policy policy;
    struct attest_release release;
    struct attest_verdict verdict;
    struct attest_situation situation;
};

/* A verdict that is taken. */
static void setup(struct fixture *f, enum attest_kind kind)
{
    *f = (struct fixture){ .policy = *attest_policy_default(),
                           .situation = { .height = 100, .time = 1000000000 } };
    f->verdict = (struct attest_verdict){ .kind = kind,
                                          .measurement = { 1, 2, 3 },
                                          .measurement_size = kind == ATTEST_SGX ? 32 : 48,
                                          .has_device = true,
                                          .intel = { .platform_ca = true } };
    f->release = (struct attest_release){ .kind = kind, .measurement = { 1, 2, 3 } };
    f->policy.releases = &f->release;
    f->policy.release_count = 1;
    if (kind == ATTEST_TDX)
        f->verdict.u.tdx.attributes[3] = 0x10; /* SEPT_VE_DISABLE */
    if (kind == ATTEST_SNP) {
        const struct snp_tcb tcb = { .boot_loader = 10, .snp = 23, .microcode = 84 };
        f->verdict.status = STATUS_NONE;
        f->verdict.u.snp = (struct verdict_snp){ .product = SNP_GENOA,
                                                 .crl_checked = true,
                                                 .policy = 0x30000,
                                                 .platform_info = 0x25,
                                                 .reported = tcb,
                                                 .committed = tcb,
                                                 .launch = tcb,
                                                 .current = tcb };
        f->policy.snp_min[SNP_GENOA] = tcb;
    }
}

static uint64_t ask(const struct fixture *f)
{
    return attest_policy_refusals(&f->policy, &f->verdict, &f->situation);
}

static uint64_t bit(enum attest_rule rule)
{
    return 1ull << rule;
}

static void test_good_ones_are_taken(void **state)
{
    (void)state;
    static const enum attest_kind kinds[] = { ATTEST_SGX, ATTEST_TDX, ATTEST_SNP };
    struct fixture f;
    for (size_t i = 0; i < 3; i++) {
        setup(&f, kinds[i]);
        f.policy.releases = &f.release;
        CHECK(ask(&f) == 0);
        f.policy.kinds &= (uint8_t) ~(1u << kinds[i]);
        CHECK(ask(&f) == bit(ATTEST_RULE_KIND));
    }
    setup(&f, ATTEST_SOFTWARE);
    f.policy.releases = &f.release;
    CHECK(ask(&f) == bit(ATTEST_RULE_KIND));
}

static void test_rules_of_every_kind(void **state)
{
    (void)state;
    static const enum attest_kind kinds[] = { ATTEST_SGX, ATTEST_TDX, ATTEST_SNP };
    static const uint8_t device[1][32] = { { 7 } };
    static const uint8_t program[1][ATTEST_MEASUREMENT_MAX] = { { 1, 2, 3 } };
    for (size_t i = 0; i < 3; i++) {
        struct fixture f;
        setup(&f, kinds[i]);
        f.policy.releases = &f.release;
        f.verdict.debug = true;
        CHECK(ask(&f) == bit(ATTEST_RULE_DEBUG));
        f.verdict.debug = false;
        f.verdict.has_device = false;
        CHECK(ask(&f) == bit(ATTEST_RULE_NO_DEVICE));
        f.verdict.has_device = true;
        f.policy.denied_devices = device;
        f.policy.denied_device_count = 1;
        CHECK(ask(&f) == 0);
        f.verdict.platform_id[0] = 7;
        CHECK(ask(&f) == bit(ATTEST_RULE_DENIED_DEVICE));
        f.verdict.platform_id[0] = 0;
        f.policy.denied_measurements = program;
        f.policy.denied_measurement_count = 1;
        CHECK(ask(&f) == bit(ATTEST_RULE_DENIED_MEASUREMENT));
        f.policy.denied_measurement_count = 0;
        f.verdict.measurement[47] = 1;
        CHECK(ask(&f) == bit(ATTEST_RULE_RELEASE));
        f.policy.any_release = true;
        CHECK(ask(&f) == 0);
    }
}

static void test_releases_begin_and_retire(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, ATTEST_SGX);
    f.policy.releases = &f.release;
    f.release.active_from = 100;
    f.release.retires = 101;
    CHECK(ask(&f) == 0);
    f.situation.height = 99;
    CHECK(ask(&f) == bit(ATTEST_RULE_RELEASE));
    f.situation.height = 101;
    CHECK(ask(&f) == bit(ATTEST_RULE_RELEASE));
    f.release.retires = 0;
    CHECK(ask(&f) == 0);
    f.release.with_signer = true;
    f.release.svn_min = 2;
    CHECK(ask(&f) == bit(ATTEST_RULE_RELEASE));
    f.verdict.u.sgx.svn = 2;
    CHECK(ask(&f) == 0);
    f.verdict.u.sgx.prod_id = 1;
    CHECK(ask(&f) == bit(ATTEST_RULE_RELEASE));
    setup(&f, ATTEST_TDX);
    f.policy.releases = &f.release;
    f.release.with_rtmrs = true;
    f.verdict.u.tdx.rtmr[3][0] = 1; /* of the running system: not the image's */
    CHECK(ask(&f) == 0);
    f.verdict.u.tdx.rtmr[2][0] = 1;
    CHECK(ask(&f) == bit(ATTEST_RULE_RELEASE));
}

static void test_intels_words(void **state)
{
    (void)state;
    static const uint8_t fmspc[1][6] = { { 9 } };
    struct fixture f;
    setup(&f, ATTEST_SGX);
    f.policy.releases = &f.release;
    f.verdict.status = STATUS_HARDENING;
    CHECK_OK(status_add(&f.verdict.advisories, span_str("INTEL-SA-00615")));
    CHECK(ask(&f) == 0);
    CHECK_OK(status_add(&f.verdict.advisories, span_str("INTEL-SA-00828")));
    CHECK(ask(&f) == bit(ATTEST_RULE_ADVISORY));
    f.verdict.status = STATUS_OUT_OF_DATE;
    CHECK(ask(&f) == bit(ATTEST_RULE_GRACE));
    f.situation.admitted = true;
    CHECK(ask(&f) == bit(ATTEST_RULE_GRACE)); /* no better level was ever seen */
    f.verdict.intel.superseded = f.situation.time - f.policy.grace_s;
    CHECK(ask(&f) == 0);
    f.situation.time++;
    CHECK(ask(&f) == bit(ATTEST_RULE_GRACE));
    f.situation.time--;
    f.situation.admitted = false;
    CHECK(ask(&f) == bit(ATTEST_RULE_GRACE));
    f.verdict.status = STATUS_CONFIGURATION | STATUS_HARDENING;
    CHECK(ask(&f) == (bit(ATTEST_RULE_STATUS) | bit(ATTEST_RULE_ADVISORY)));
    setup(&f, ATTEST_TDX);
    f.policy.releases = &f.release;
    f.verdict.intel.platform_ca = false;
    CHECK(ask(&f) == bit(ATTEST_RULE_CLIENT));
    f.policy.clients = true;
    f.policy.evaluation_min = 1;
    CHECK(ask(&f) == bit(ATTEST_RULE_EVALUATION));
    f.verdict.intel.evaluation = 1;
    f.policy.denied_fmspcs = fmspc;
    f.policy.denied_fmspc_count = 1;
    CHECK(ask(&f) == 0);
    f.verdict.intel.fmspc[0] = 9;
    CHECK(ask(&f) == bit(ATTEST_RULE_DENIED_PLATFORM));
}

static void test_sgx_and_tdx_attributes(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, ATTEST_SGX);
    f.policy.releases = &f.release;
    f.verdict.u.sgx.attributes[0] = 0x05 | 0x10;
    CHECK(ask(&f) == bit(ATTEST_RULE_SGX_KEYS));
    f.verdict.u.sgx.attributes[0] = 0x05 | 0x20;
    CHECK(ask(&f) == bit(ATTEST_RULE_SGX_KEYS));
    f.verdict.u.sgx.attributes[0] = 0x05;
    f.verdict.u.sgx.config_svn = 1;
    CHECK(ask(&f) == bit(ATTEST_RULE_SGX_CONFIG));

    setup(&f, ATTEST_TDX);
    f.policy.releases = &f.release;
    uint8_t *a = f.verdict.u.tdx.attributes;
    a[3] = 0;
    CHECK(ask(&f) == bit(ATTEST_RULE_TD_SEPT));
    a[3] = 0x30;
    CHECK(ask(&f) == bit(ATTEST_RULE_TD_MIGRATION));
    a[3] = 0x90; /* KL */
    CHECK(ask(&f) == bit(ATTEST_RULE_TD_ATTRIBUTES));
    a[3] = 0x50; /* PKS may be */
    CHECK(ask(&f) == 0);
    a[7] = 0x80; /* PERFMON */
    CHECK(ask(&f) == bit(ATTEST_RULE_TD_ATTRIBUTES));
    a[7] = 0;
    a[0] = 2;
    CHECK(ask(&f) == bit(ATTEST_RULE_TD_ATTRIBUTES));
    a[0] = 0;
    f.verdict.u.tdx.mrservicetd[0] = 1;
    CHECK(ask(&f) == bit(ATTEST_RULE_TD_MIGRATION));
    f.verdict.u.tdx.mrservicetd[0] = 0;
    f.verdict.u.tdx.mrsignerseam[47] = 1;
    CHECK(ask(&f) == bit(ATTEST_RULE_TD_MODULE));
    f.verdict.u.tdx.mrsignerseam[47] = 0;
    f.verdict.u.tdx.mrconfigid[0] = 5;
    CHECK(ask(&f) == bit(ATTEST_RULE_TD_CONFIG));
    f.policy.td_config[0] = 5;
    CHECK(ask(&f) == 0);
    f.verdict.u.tdx.mrowner[0] = 1;
    CHECK(ask(&f) == bit(ATTEST_RULE_TD_CONFIG));
}

static void test_snp_rules(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, ATTEST_SNP);
    f.policy.releases = &f.release;
    struct verdict_snp *s = &f.verdict.u.snp;
    s->crl_checked = false;
    CHECK(ask(&f) == bit(ATTEST_RULE_SNP_CRL));
    s->crl_checked = true;
    s->vmpl = 1;
    CHECK(ask(&f) == bit(ATTEST_RULE_SNP_VMPL));
    s->vmpl = 0;
    s->policy |= 1ull << 18; /* MIGRATE_MA */
    CHECK(ask(&f) == bit(ATTEST_RULE_SNP_POLICY));
    s->policy = 0x10000; /* bit 17 missing */
    CHECK(ask(&f) == bit(ATTEST_RULE_SNP_POLICY));
    s->policy = 0x30000;
    s->platform_info = 0x05; /* no ALIAS_CHECK_COMPLETE */
    CHECK(ask(&f) == bit(ATTEST_RULE_SNP_PLATFORM));
    s->platform_info = 0x25;
    f.policy.snp_mitigations[SNP_GENOA] = 2;
    s->launch_mitigations = 1;
    CHECK(ask(&f) == bit(ATTEST_RULE_SNP_PLATFORM));
    s->launch_mitigations = 3;
    CHECK(ask(&f) == 0);
    s->vlek = true;
    CHECK(ask(&f) == bit(ATTEST_RULE_SNP_VLEK));
    s->vlek = false;
    struct snp_tcb *const fields[] = { &s->reported, &s->committed, &s->launch };
    for (size_t i = 0; i < 3; i++) {
        fields[i]->snp--;
        CHECK(ask(&f) == bit(ATTEST_RULE_SNP_LEVELS));
        fields[i]->snp++;
    }
    s->current.snp = 0; /* proves nothing either way */
    CHECK(ask(&f) == 0);
    f.policy.snp_firmware_min[1] = 56;
    CHECK(ask(&f) == bit(ATTEST_RULE_SNP_LEVELS));
    s->firmware[0] = 1;
    CHECK(ask(&f) == 0);
    f.policy.snp_min[SNP_GENOA] = (struct snp_tcb){ 0 }; /* not set */
    CHECK(ask(&f) == bit(ATTEST_RULE_SNP_LEVELS));
    s->product = SNP_MILAN;
    CHECK(ask(&f) == (bit(ATTEST_RULE_SNP_LEVELS) | bit(ATTEST_RULE_SNP_PRODUCT)));
}

/* ---- every case
 * -------------------------------------------------------------------------------------- */

static const char page_head[] =
    "# Real evidence and what we say about it\n"
    "\n"
    "Every case of [tests/vectors/attest](../../tests/vectors/attest/README.md): the verdict of "
    "`attest_verify` at the time given, and what "
    "the default policy\n"
    "([specification](../spec/attest.md), section 10) says of those that are genuine, releases "
    "aside. Cases that begin with `syn` are made. This "
    "page is\n"
    "written by `CRUST_WRITE=1 build/release/test/attest/policy`, and that test compares it.\n"
    "\n"
    "| case | judged as of | verdict | level | default rules that say no |\n"
    "|---|---|---|---|---|\n";

static void add_level(FILE *out, const struct attest_verdict *v)
{
    const struct snp_tcb *t = &v->u.snp.reported;
    if (v->kind == ATTEST_SNP)
        (void)fprintf(out, "%s, boot loader %u, SNP %u, microcode %u",
                      snp_product_name(v->u.snp.product), t->boot_loader, t->snp, t->microcode);
    else
        (void)fprintf(out, "%s, evaluation %u, %u advisories", status_text(v->status),
                      v->intel.evaluation, v->advisories.count);
}

static void add_row(FILE *out, const struct testcase *t, const struct attest_verdict *v)
{
    char date[24];
    struct tm tm;
    time_t seconds = (time_t)t->inputs.time;
    struct attest_policy policy = *attest_policy_default();
    const struct attest_situation situation = { .time = t->inputs.time };
    policy.any_release = true;
    CHECK(gmtime_r(&seconds, &tm) != NULL &&
          strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm) != 0);
    if (v->code != VERDICT_GENUINE) {
        (void)fprintf(out, "| `%s` | %s | refused: %s | | |\n", t->id, date, verdict_name(v->code));
        return;
    }
    (void)fprintf(out, "| `%s` | %s | genuine | ", t->id, date);
    add_level(out, v);
    uint64_t refusals = attest_policy_refusals(&policy, v, &situation);
    const char *between = " | ";
    for (unsigned i = 0; i < ATTEST_RULE_COUNT; i++) {
        if ((refusals >> i & 1) == 0)
            continue;
        (void)fprintf(out, "%s%s", between, attest_policy_rule_name((enum attest_rule)i));
        between = ", ";
    }
    (void)fprintf(out, "%s |\n", refusals == 0 ? " | none: taken" : "");
}

static void test_the_page_of_real_quotes(void **state)
{
    (void)state;
    if (getenv("CRUST_ATTEST_CASES") != NULL) {
        print_message("skip - the page is made of this tree's own cases\n");
        skip();
    }
    static const char path[] = "docs/design/attest-quotes.md";
    char *made = NULL;
    size_t made_size = 0;
    FILE *out = open_memstream(&made, &made_size);
    CHECK(out != NULL);
    (void)fputs(page_head, out);
    struct json_value list = testcases_open("cases");
    for (size_t i = 0; i < json_count(list); i++) {
        static struct testcase t;
        struct attest_verdict v;
        testcases_load(&t, json_at(list, i));
        if (t.signatures_only)
            continue;
        CHECK((testcases_verify(&v, &t) == OK) == (v.code == VERDICT_GENUINE));
        add_row(out, &t, &v);
    }
    CHECK(fclose(out) == 0);
    if (getenv("CRUST_WRITE") != NULL) {
        FILE *page = fopen(path, "wb");
        CHECK(page != NULL && fwrite(made, 1, made_size, page) == made_size && fclose(page) == 0);
    }
    static char there[64 << 10];
    FILE *page = fopen(path, "rb");
    CHECK(page != NULL);
    size_t n = fread(there, 1, sizeof(there), page);
    CHECK(fclose(page) == 0);
    CHECK(n == made_size && memcmp(there, made, n) == 0);
    free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_ones_are_taken),
        cmocka_unit_test(test_rules_of_every_kind),
        cmocka_unit_test(test_releases_begin_and_retire),
        cmocka_unit_test(test_intels_words),
        cmocka_unit_test(test_sgx_and_tdx_attributes),
        cmocka_unit_test(test_snp_rules),
        cmocka_unit_test(test_the_page_of_real_quotes),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_close(&testcases_doc);
    return failed;
}
