/* How long one verification of evidence takes, on one core: all signatures, and with the vendor's
 * documents verified before, as the chain keeps them. Processor time. From tests/vectors/attest. */
#include "attest/testcases.h"

#include <time.h>

enum { ROUNDS = 300, GROUPS = 5 };

/* Of processor time: the machine may have other work. */
static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The best of GROUPS averages, in milliseconds: the machine has other work as well. */
static double measure(struct testcase *t)
{
    double best = 1e9;
    for (int g = 0; g < GROUPS; g++) {
        double begin = seconds();
        for (int i = 0; i < ROUNDS; i++) {
            struct attest_verdict v;
            if (testcases_verify(&v, t) != OK)
                testcases_fail("refused", t->id);
        }
        double took = (seconds() - begin) * 1e3 / ROUNDS;
        best = took < best ? took : best;
    }
    return best;
}

static void take_as_verified(struct testcase *t)
{
    static struct pem_chain chain;
    struct quote q;
    if (quote_decode(&q, t->evidence) != OK || pem_decode(&chain, q.cert_data) != OK)
        testcases_fail("not a quote", t->id);
    for (size_t i = 0; i < chain.count; i++) {
        struct x509 cert;
        if (x509_decode(&cert, chain.certs[i]) == OK && cert.ca &&
            !span_eq(cert.subject, cert.issuer))
            t->collateral.pck_ca = chain.certs[i];
    }
    t->collateral.verified = true;
}

int main(void)
{
    static const char *const ids[] = { "sgx-phala-ok",        "sgx-automata-ok", "tdx-phala-ok",
                                       "tdx-gotdx-v5-ok-e19", "snp-milan-v2-ok", "snp-genoa-v5-ok",
                                       "snp-turin-v5-ok" };
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        static struct testcase t;
        testcases_find(&t, ids[i]);
        double full = measure(&t);
        if (!t.dcap) {
            printf("%-20s full %.2f ms\n", ids[i], full);
            continue;
        }
        take_as_verified(&t);
        printf("%-20s full %.2f ms, documents verified before %.2f ms\n", ids[i], full,
               measure(&t));
    }
    json_close(&testcases_doc);
    return 0;
}
