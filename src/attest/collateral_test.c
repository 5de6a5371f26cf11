/* What a registry takes of the vendors' documents: docs/spec/attest.md 11. */
#include "attest/collateral.h"

#include "attest/testcases.h"
#include "base/check.h"

/* Posts of one case's documents; the certificate of the PCK CA stands in the quote. */
struct posts {
    struct testcase t;
    struct span pck_ca;
    uint8_t ca_bytes[X509_SIZE_MAX];
};

static void load(struct posts *p, const char *id)
{
    static struct pem_chain chain;
    struct quote q;
    testcases_find(&p->t, id);
    p->t.inputs.roots = &p->t.roots;
    p->pck_ca = (struct span){ NULL, 0 };
    if (!p->t.dcap)
        return;
    CHECK_OK(quote_decode(&q, p->t.evidence));
    CHECK_OK(pem_decode(&chain, q.cert_data));
    for (size_t i = 0; i < chain.count; i++) {
        struct x509 cert;
        CHECK_OK(x509_decode(&cert, chain.certs[i]));
        if (cert.ca && !span_eq(cert.subject, cert.issuer)) {
            memcpy(p->ca_bytes, chain.certs[i].p, chain.certs[i].n);
            p->pck_ca = span_of(p->ca_bytes, chain.certs[i].n);
        }
    }
}

static struct collateral_post post_of(const struct posts *p, enum collateral_kind kind)
{
    const struct attest_collateral *c = &p->t.collateral;
    const struct span documents[COLLATERAL_KINDS] = { c->tcb_info, c->qe_identity, c->root_crl,
                                                      c->pck_crl,  c->snp_crl,     c->snp_ca };
    struct collateral_post post = { .kind = kind, .document = documents[kind] };
    if (kind == COLLATERAL_TCB_INFO || kind == COLLATERAL_QE_IDENTITY)
        post.issuer = c->tcb_signer;
    if (kind == COLLATERAL_PCK_CRL)
        post.issuer = p->pck_ca;
    return post;
}

static enum err check_at(const struct posts *p, struct collateral_entry *out,
                         enum verdict_code *code, const struct collateral_post *post, uint64_t time)
{
    return collateral_check(out, code, post, &p->t.roots, p->t.collateral.root_crl, time);
}

/* Accepted from the first to the last second, no sooner and no later, and no byte may change. */
static void check_post(struct posts *p, enum collateral_kind kind, const uint8_t *id)
{
    static const struct collateral_entry nothing;
    static uint8_t room[64 << 10];
    struct collateral_entry entry, other;
    enum verdict_code code;
    struct collateral_post post = post_of(p, kind);
    uint64_t now = p->t.inputs.time;
    CHECK_OK(check_at(p, &entry, &code, &post, now));
    CHECK(code == VERDICT_GENUINE && entry.kind == kind && entry.issued <= now &&
          now <= entry.lapses);
    CHECK(memcmp(entry.id, id, COLLATERAL_ID_SIZE) == 0);
    CHECK(!collateral_is_newer(&entry, &entry));
    CHECK_ERR(check_at(p, &other, &code, &post, entry.issued - 1), ERR_SIGNATURE);
    CHECK(memcmp(&other, &nothing, sizeof(other)) == 0 && code != VERDICT_GENUINE);
    CHECK_ERR(check_at(p, &other, &code, &post, entry.lapses + 1), ERR_SIGNATURE);
    memcpy(room, post.document.p, post.document.n);
    post.document.p = room;
    for (size_t i = 0; i + 200 < post.document.n; i += 37) {
        room[i] ^= 1;
        CHECK(check_at(p, &other, &code, &post, now) != OK);
        room[i] ^= 1;
    }
    CHECK_OK(check_at(p, &other, &code, &post, now));
    post.document.n--;
    CHECK(check_at(p, &other, &code, &post, now) != OK);
}

static void test_intels_documents(void **state)
{
    (void)state;
    static struct posts p;
    static const char *const ids[] = { "sgx-phala-ok", "tdx-phala-ok", "syn-tdx-v4-ok" };
    for (size_t i = 0; i < 3; i++) {
        struct attest_verdict v;
        uint8_t id[COLLATERAL_ID_SIZE];
        struct x509 ca;
        load(&p, ids[i]);
        CHECK_OK(testcases_verify(&v, &p.t));
        collateral_id_tcb_info(id, i != 0, v.intel.fmspc);
        check_post(&p, COLLATERAL_TCB_INFO, id);
        collateral_id_qe_identity(id, i != 0);
        check_post(&p, COLLATERAL_QE_IDENTITY, id);
        CHECK_OK(x509_decode(&ca, p.pck_ca));
        collateral_id_pck_crl(id, &ca.key);
        check_post(&p, COLLATERAL_PCK_CRL, id);
        struct collateral_entry root;
        struct collateral_post post = post_of(&p, COLLATERAL_ROOT_CRL);
        CHECK_OK(check_at(&p, &root, NULL, &post, p.t.inputs.time));
        check_post(&p, COLLATERAL_ROOT_CRL, root.id);
    }
}

static void test_amds_documents(void **state)
{
    (void)state;
    static struct posts p;
    uint8_t id[COLLATERAL_ID_SIZE];
    load(&p, "snp-steward-crl-ok");
    collateral_id_amd_crl(id, SNP_MILAN);
    check_post(&p, COLLATERAL_AMD_CRL, id);
    struct collateral_entry entry;
    static const char *const ids[] = { "snp-milan-v2-ok", "snp-genoa-v5-ok", "snp-turin-v5-ok",
                                       "snp-vlek-ok" };
    for (size_t i = 0; i < 4; i++) {
        load(&p, ids[i]);
        struct collateral_post post = post_of(&p, COLLATERAL_AMD_CA);
        CHECK_OK(check_at(&p, &entry, NULL, &post, p.t.inputs.time));
        collateral_id_amd_ca(id, i == 3 ? SNP_MILAN : (enum snp_product)i, i == 3);
        CHECK(memcmp(entry.id, id, sizeof(id)) == 0);
        post.document = p.t.roots.amd[0]; /* the ARK is no ASK */
        CHECK(check_at(&p, &entry, NULL, &post, p.t.inputs.time) != OK);
        post.document = p.t.collateral.snp_leaf;
        CHECK(check_at(&p, &entry, NULL, &post, p.t.inputs.time) != OK);
    }
}

static void test_the_issuer_must_be_the_right_one(void **state)
{
    (void)state;
    static struct posts p;
    struct collateral_entry entry;
    enum verdict_code code;
    load(&p, "sgx-phala-ok");
    uint64_t now = p.t.inputs.time;
    struct collateral_post post = post_of(&p, COLLATERAL_TCB_INFO);
    post.issuer = p.pck_ca;
    CHECK_ERR(check_at(&p, &entry, &code, &post, now), ERR_SIGNATURE);
    CHECK(code == VERDICT_CHAIN_FORMAT);
    post.issuer = (struct span){ NULL, 0 };
    CHECK(check_at(&p, &entry, &code, &post, now) != OK);
    post = post_of(&p, COLLATERAL_PCK_CRL);
    post.issuer = p.t.collateral.tcb_signer;
    CHECK(check_at(&p, &entry, &code, &post, now) != OK);
    CHECK(code == VERDICT_CHAIN_FORMAT);
    post = post_of(&p, COLLATERAL_ROOT_CRL);
    post.issuer = p.pck_ca; /* a root's list has no issuer beside the root */
    CHECK_ERR(check_at(&p, &entry, &code, &post, now), ERR_FORMAT);
    post = post_of(&p, COLLATERAL_QE_IDENTITY);
    post.kind = COLLATERAL_TCB_INFO;
    CHECK(check_at(&p, &entry, &code, &post, now) != OK);
    CHECK(code == VERDICT_TCBINFO_SIGNATURE);
    post.kind = COLLATERAL_KINDS;
    CHECK_ERR(check_at(&p, &entry, &code, &post, now), ERR_FORMAT);
}

static void test_a_revoked_issuer_posts_nothing(void **state)
{
    (void)state;
    static struct posts p;
    struct collateral_entry entry;
    enum verdict_code code;
    load(&p, "syn-sgx-tcbsigner-revoked");
    struct collateral_post post = post_of(&p, COLLATERAL_TCB_INFO);
    CHECK(check_at(&p, &entry, &code, &post, p.t.inputs.time) != OK);
    CHECK(code == VERDICT_REVOKED);
    post = post_of(&p, COLLATERAL_PCK_CRL);
    CHECK_OK(check_at(&p, &entry, &code, &post, p.t.inputs.time));
    load(&p, "syn-sgx-pckca-revoked");
    post = post_of(&p, COLLATERAL_PCK_CRL);
    CHECK(check_at(&p, &entry, &code, &post, p.t.inputs.time) != OK);
    CHECK(code == VERDICT_REVOKED);
    p.t.collateral.root_crl.n = 0; /* nothing kept yet: nothing under the root is taken */
    CHECK(check_at(&p, &entry, &code, &post, p.t.inputs.time) != OK);
    CHECK(code == VERDICT_CRL_MISSING);
}

static void test_only_newer_ones_replace(void **state)
{
    (void)state;
    static struct posts p;
    struct collateral_entry early, standard, later;
    load(&p, "sgx-lcp-eval17");
    struct collateral_post post = post_of(&p, COLLATERAL_TCB_INFO);
    CHECK_OK(check_at(&p, &standard, NULL, &post, p.t.inputs.time));
    load(&p, "sgx-lcp-eval19");
    post = post_of(&p, COLLATERAL_TCB_INFO);
    CHECK_OK(check_at(&p, &early, NULL, &post, p.t.inputs.time));
    CHECK(standard.evaluation == 17 && early.evaluation == 19);
    CHECK(collateral_is_newer(&early, &standard) && !collateral_is_newer(&standard, &early));
    later = standard; /* issued later, and yet of the lower number: the number never goes back */
    later.issued = early.issued + 86400;
    CHECK(!collateral_is_newer(&later, &early));
    later.evaluation = 19;
    CHECK(collateral_is_newer(&later, &early));
    later.issued = early.issued;
    CHECK(!collateral_is_newer(&later, &early));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intels_documents),
        cmocka_unit_test(test_amds_documents),
        cmocka_unit_test(test_the_issuer_must_be_the_right_one),
        cmocka_unit_test(test_a_revoked_issuer_posts_nothing),
        cmocka_unit_test(test_only_newer_ones_replace),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_close(&testcases_doc);
    return failed;
}
