/* No changed byte and no cut of genuine evidence is accepted, unless it is provably without
 * meaning: text of the root certificate that a quote repeats (of it only the key is looked at, and
 * the pinned root stands for the rest) and the case of hex digits of a signature. One bit of each
 * byte here; all eight with CRUST_SOAK. */
#include "attest/testcases.h"

#include "base/check.h"

/* Where the PEM text of the root certificate stands in a quote. */
struct range {
    size_t from, to;
};

static struct range root_in_quote(struct span quote)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----\n",
                      end[] = "-----END CERTIFICATE-----";
    struct range found = { 0, 0 };
    const uint8_t *at = quote.p;
    for (;;) {
        size_t left = quote.n - (size_t)(at - quote.p);
        at = memmem(at, left, begin, sizeof(begin) - 1);
        if (at == NULL)
            return found;
        left = quote.n - (size_t)(at - quote.p);
        const uint8_t *stop = memmem(at, left, end, sizeof(end) - 1);
        CHECK(stop != NULL);
        stop += sizeof(end) - 1;
        static struct pem_chain chain;
        struct x509 cert;
        CHECK_OK(pem_decode(&chain, span_of(at, (size_t)(stop - at))));
        CHECK_OK(x509_decode(&cert, chain.certs[0]));
        if (span_eq(cert.subject, cert.issuer))
            found = (struct range){ (size_t)(at - quote.p) + sizeof(begin) - 1,
                                    (size_t)(stop - quote.p) - (sizeof(end) - 1) };
        at = stop;
    }
}

/* Verification as the chain does it: documents checked before, with this CA. */
static void take_as_verified(struct testcase *t)
{
    static struct pem_chain chain;
    struct quote q;
    CHECK_OK(quote_decode(&q, t->evidence));
    CHECK_OK(pem_decode(&chain, q.cert_data));
    for (size_t i = 0; i < chain.count; i++) {
        struct x509 cert;
        CHECK_OK(x509_decode(&cert, chain.certs[i]));
        if (cert.ca && !span_eq(cert.subject, cert.issuer))
            t->collateral.pck_ca = chain.certs[i];
    }
    t->collateral.verified = true;
}

/* Flips bits of *field, every step-th byte; accepted ones must lie in free and change nothing. */
static size_t flip_all(struct testcase *t, struct span *field, struct range free_text, size_t step)
{
    static uint8_t room[64 << 10];
    struct attest_verdict before, v;
    size_t accepted = 0, n = field->n;
    CHECK(n > 0 && n <= sizeof(room));
    CHECK_OK(testcases_verify(&before, t));
    memcpy(room, field->p, n);
    *field = span_of(room, n);
    if (check_soak())
        step = 1;
    for (size_t i = 0; i < n; i += step) {
        for (unsigned bit = 0; bit < 8; bit++) {
            if (!check_soak() && bit != (i / step) % 8)
                continue;
            room[i] ^= (uint8_t)(1u << bit);
            if (testcases_verify(&v, t) == OK) {
                if (i < free_text.from || i >= free_text.to)
                    print_error("%s: byte %zu, bit %u was accepted\n", t->id, i, bit);
                CHECK(i >= free_text.from && i < free_text.to);
                CHECK(memcmp(&v, &before, sizeof(v)) == 0);
                accepted++;
            }
            room[i] ^= (uint8_t)(1u << bit);
        }
    }
    CHECK_OK(testcases_verify(&v, t));
    CHECK(memcmp(&v, &before, sizeof(v)) == 0);
    return accepted;
}

static const char *const quotes[] = { "sgx-phala-ok", "tdx-phala-ok", "tdx-gotdx-v5-ok-e18" };
static const char *const reports[] = { "snp-milan-v2-ok", "snp-genoa-v5-ok", "snp-turin-v5-ok" };

static void test_no_byte_of_a_quote_may_change(void **state)
{
    (void)state;
    static struct testcase t;
    for (size_t i = 0; i < 3; i++) {
        testcases_find(&t, quotes[i]);
        take_as_verified(&t);
        struct range root = root_in_quote(t.evidence);
        CHECK(root.to > root.from);
        CHECK(flip_all(&t, &t.evidence, root, 1) < root.to - root.from);
    }
}

static void test_no_byte_of_a_report_may_change(void **state)
{
    (void)state;
    static struct testcase t;
    for (size_t i = 0; i < 3; i++) {
        testcases_find(&t, reports[i]);
        CHECK(flip_all(&t, &t.evidence, (struct range){ 0, 0 }, 1) == 0);
        testcases_find(&t, reports[i]);
        CHECK(flip_all(&t, &t.collateral.snp_leaf, (struct range){ 0, 0 }, 5) == 0);
        testcases_find(&t, reports[i]);
        CHECK(flip_all(&t, &t.collateral.snp_ca, (struct range){ 0, 0 }, 9) == 0);
    }
}

/* The hex digits of the signature at the end of a document. */
static struct range signature_digits(struct span text)
{
    struct tcbinfo_signed s;
    CHECK(tcbinfo_open(&s, text, "tcbInfo") == OK ||
          tcbinfo_open(&s, text, "enclaveIdentity") == OK);
    return (struct range){ text.n - 2 - 128, text.n - 2 };
}

static void test_no_byte_of_a_document_may_change(void **state)
{
    (void)state;
    static struct testcase t;
    for (size_t i = 0; i < 2; i++) {
        testcases_find(&t, quotes[i]);
        struct attest_collateral *c = &t.collateral;
        struct span *const lists[] = { &c->root_crl, &c->pck_crl, &c->tcb_signer };
        struct span *const texts[] = { &c->tcb_info, &c->qe_identity };
        for (size_t j = 0; j < 3; j++) {
            struct span kept = *lists[j];
            CHECK(flip_all(&t, lists[j], (struct range){ 0, 0 }, 7) == 0);
            *lists[j] = kept;
        }
        for (size_t j = 0; j < 2; j++) {
            struct span kept = *texts[j];
            (void)flip_all(&t, texts[j], signature_digits(kept), 11);
            *texts[j] = kept;
        }
    }
}

/* A cut within zero padding leaves the same quote; every other cut is refused. */
static void test_no_cut_is_accepted(void **state)
{
    (void)state;
    static struct testcase t;
    for (size_t i = 0; i < 3; i++) {
        struct attest_verdict before, v;
        struct quote q;
        testcases_find(&t, quotes[i]);
        take_as_verified(&t);
        struct span whole = t.evidence;
        CHECK_OK(testcases_verify(&before, &t));
        CHECK_OK(quote_decode(&q, whole));
        size_t end = (size_t)(q.cert_data.p - whole.p) + q.cert_data.n;
        for (size_t n = 0; n < whole.n; n++) {
            uint8_t *exact = check_dup(whole.p, n);
            t.evidence = span_of(exact, n);
            enum err e = testcases_verify(&v, &t);
            CHECK((e == OK) == (n >= end));
            CHECK(e != OK || memcmp(&v, &before, sizeof(v)) == 0);
            free(exact);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        testcases_find(&t, reports[i]);
        struct span whole = t.evidence;
        for (size_t n = 0; n < whole.n; n++) {
            struct attest_verdict v;
            uint8_t *exact = check_dup(whole.p, n);
            t.evidence = span_of(exact, n);
            CHECK(testcases_verify(&v, &t) != OK);
            free(exact);
        }
    }
}

/* Documents that were verified before give the same verdict, and dates and lists still count. */
static void test_verified_documents_give_the_same_verdict(void **state)
{
    (void)state;
    static struct testcase t;
    for (size_t i = 0; i < 3; i++) {
        struct attest_verdict before, v;
        testcases_find(&t, quotes[i]);
        CHECK_OK(testcases_verify(&before, &t));
        take_as_verified(&t);
        CHECK_OK(testcases_verify(&v, &t));
        CHECK(memcmp(&v, &before, sizeof(v)) == 0);
        uint64_t now = t.inputs.time;
        t.inputs.time = before.lapses;
        CHECK_OK(testcases_verify(&v, &t));
        t.inputs.time = before.lapses + 1;
        CHECK(testcases_verify(&v, &t) != OK);
        t.inputs.time = now;
        t.collateral.pck_ca = t.collateral.tcb_signer; /* another CA: then everything is checked */
        CHECK_OK(testcases_verify(&v, &t));
        t.collateral.pck_crl.n--;
        CHECK_ERR(testcases_verify(&v, &t), ERR_SIGNATURE);
        CHECK(v.code == VERDICT_CRL_MISSING);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_byte_of_a_quote_may_change),
        cmocka_unit_test(test_no_byte_of_a_report_may_change),
        cmocka_unit_test(test_no_byte_of_a_document_may_change),
        cmocka_unit_test(test_no_cut_is_accepted),
        cmocka_unit_test(test_verified_documents_give_the_same_verdict),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_close(&testcases_doc);
    return failed;
}
