#include "attest/collateral.h"

#include "attest/tcbinfo.h"
#include "crypto/ecdsa.h"
#include "crypto/sha256.h"

/* What one check works on. Each step below returns OK, or refuses and returns that. */
struct check {
    struct collateral_entry *out;
    struct attest_verdict verdict; /* for its code, and lapses */
    const struct collateral_post *post;
    const struct attest_roots *roots;
    struct span root_crl;
    uint64_t time;
};

static enum err require(struct check *c, bool cond, enum verdict_code code, const char *what)
{
    return cond ? OK : verdict_refuse(&c->verdict, code, what);
}

/* ---- ids ----------------------------------------------------------------------------------------
 */

static void make_id(uint8_t out[COLLATERAL_ID_SIZE], enum collateral_kind kind, uint8_t which,
                    struct span of)
{
    const uint8_t head[2] = { (uint8_t)kind, which };
    const struct span parts[] = { span_of(head, sizeof(head)), of };
    sha256_tagged(out, "crust/collateral/1", parts, 2);
}

void collateral_id_tcb_info(uint8_t out[COLLATERAL_ID_SIZE], bool tdx, const uint8_t fmspc[6])
{
    make_id(out, COLLATERAL_TCB_INFO, tdx, span_of(fmspc, 6));
}

void collateral_id_qe_identity(uint8_t out[COLLATERAL_ID_SIZE], bool tdx)
{
    make_id(out, COLLATERAL_QE_IDENTITY, tdx, (struct span){ NULL, 0 });
}

void collateral_id_pck_crl(uint8_t out[COLLATERAL_ID_SIZE], const struct x509_key *ca)
{
    make_id(out, COLLATERAL_PCK_CRL, 0, ca->bytes);
}

void collateral_id_amd_crl(uint8_t out[COLLATERAL_ID_SIZE], enum snp_product product)
{
    make_id(out, COLLATERAL_AMD_CRL, (uint8_t)product, (struct span){ NULL, 0 });
}

void collateral_id_root_crl(uint8_t out[COLLATERAL_ID_SIZE])
{
    make_id(out, COLLATERAL_ROOT_CRL, 0, (struct span){ NULL, 0 });
}

void collateral_id_amd_ca(uint8_t out[COLLATERAL_ID_SIZE], enum snp_product product, bool vlek)
{
    make_id(out, COLLATERAL_AMD_CA, (uint8_t)(2 * (unsigned)product + vlek),
            (struct span){ NULL, 0 });
}

/* ---- steps
 * --------------------------------------------------------------------------------------- */

static enum err check_cert_dates(struct check *c, const struct x509 *cert, const char *what)
{
    const struct verdict_dates dates = { cert->not_before, cert->not_after,
                                         VERDICT_CHAIN_NOT_YET_VALID, VERDICT_CHAIN_EXPIRED };
    return verdict_check_dates(&c->verdict, c->time, &dates, what);
}

static enum err open_root(struct check *c, struct x509 *root, struct span der)
{
    TRY(require(c, x509_decode(root, der) == OK && root->ca && root->signs_crl,
                VERDICT_ROOT_UNTRUSTED, "root given to the verifier"));
    return check_cert_dates(c, root, "root");
}

static enum err check_list(struct check *c, struct x509_crl *crl, struct span der,
                           const struct x509 *issuer)
{
    TRY(require(c, x509_crl_decode(crl, der) == OK && span_eq(crl->issuer, issuer->subject),
                VERDICT_CRL_MISSING, "CRL"));
    TRY(require(c, issuer->signs_crl && x509_check_seal(&crl->seal, &issuer->key) == OK,
                VERDICT_CRL_SIGNATURE, "CRL"));
    const struct verdict_dates dates = { crl->this_update, crl->next_update,
                                         VERDICT_CRL_NOT_YET_VALID, VERDICT_CRL_EXPIRED };
    return verdict_check_dates(&c->verdict, c->time, &dates, "CRL");
}

/* The certificate under Intel's root that signed the post, not revoked by the list that is kept. */
static enum err open_issuer(struct check *c, struct x509 *issuer)
{
    struct x509 root;
    struct x509_crl crl;
    TRY(open_root(c, &root, c->roots->intel));
    TRY(require(c,
                x509_decode(issuer, c->post->issuer) == OK && issuer->key.algorithm == X509_P256 &&
                    span_eq(issuer->issuer, root.subject),
                VERDICT_CHAIN_FORMAT, "issuer"));
    TRY(require(c, x509_check_seal(&issuer->seal, &root.key) == OK, VERDICT_CHAIN_SIGNATURE,
                "issuer"));
    TRY(check_cert_dates(c, issuer, "issuer"));
    TRY(check_list(c, &crl, c->root_crl, &root));
    return require(c, !x509_crl_lists(&crl, issuer->serial), VERDICT_REVOKED, "issuer");
}

static enum err open_document(struct check *c, struct span *body, const char *name,
                              enum verdict_code code)
{
    struct x509 signer;
    struct tcbinfo_signed s;
    TRY(open_issuer(c, &signer));
    TRY(require(c, span_eq(signer.common_name, span_str("Intel SGX TCB Signing")),
                VERDICT_CHAIN_FORMAT, "TCB signing certificate"));
    TRY(require(c,
                tcbinfo_open(&s, c->post->document, name) == OK &&
                    ecdsa_p256_verify(s.signature, s.body, signer.key.bytes.p) == OK,
                code, name));
    *body = s.body;
    return OK;
}

static enum err check_tcb_info(struct check *c)
{
    struct span body;
    struct tcbinfo info;
    TRY(open_document(c, &body, "tcbInfo", VERDICT_TCBINFO_SIGNATURE));
    TRY(require(c, tcbinfo_decode(&info, body) == OK, VERDICT_TCBINFO_SIGNATURE, "TCB info"));
    const struct verdict_dates dates = { info.issued, info.next_update,
                                         VERDICT_TCBINFO_NOT_YET_VALID, VERDICT_TCBINFO_EXPIRED };
    c->out->issued = info.issued;
    c->out->lapses = info.next_update;
    c->out->evaluation = info.evaluation;
    collateral_id_tcb_info(c->out->id, info.tdx, info.fmspc);
    return verdict_check_dates(&c->verdict, c->time, &dates, "TCB info");
}

static enum err check_qe_identity(struct check *c)
{
    struct span body;
    struct tcbinfo_qe qe;
    TRY(open_document(c, &body, "enclaveIdentity", VERDICT_QEID_SIGNATURE));
    TRY(require(c, tcbinfo_qe_decode(&qe, body) == OK, VERDICT_QEID_SIGNATURE, "QE identity"));
    const struct verdict_dates dates = { qe.issued, qe.next_update, VERDICT_QEID_NOT_YET_VALID,
                                         VERDICT_QEID_EXPIRED };
    c->out->issued = qe.issued;
    c->out->lapses = qe.next_update;
    c->out->evaluation = qe.evaluation;
    collateral_id_qe_identity(c->out->id, qe.tdx);
    return verdict_check_dates(&c->verdict, c->time, &dates, "QE identity");
}

static void take_list(struct check *c, const struct x509_crl *crl)
{
    c->out->issued = crl->this_update;
    c->out->lapses = crl->next_update;
}

static enum err check_root_crl(struct check *c)
{
    struct x509 root;
    struct x509_crl crl;
    TRY(open_root(c, &root, c->roots->intel));
    TRY(check_list(c, &crl, c->post->document, &root));
    take_list(c, &crl);
    collateral_id_root_crl(c->out->id);
    return OK;
}

static enum err check_pck_crl(struct check *c)
{
    struct x509 ca;
    struct x509_crl crl;
    TRY(open_issuer(c, &ca));
    bool named = span_eq(ca.common_name, span_str("Intel SGX PCK Platform CA")) ||
                 span_eq(ca.common_name, span_str("Intel SGX PCK Processor CA"));
    TRY(require(c, ca.ca && named, VERDICT_CHAIN_FORMAT, "PCK CA"));
    TRY(check_list(c, &crl, c->post->document, &ca));
    take_list(c, &crl);
    collateral_id_pck_crl(c->out->id, &ca.key);
    return OK;
}

/* AMD's objects do not name the product but by their issuer, the ARK: the one that signed it says
 * so. */
static enum err check_amd_crl(struct check *c)
{
    struct x509_crl crl;
    for (int i = 0; i < SNP_PRODUCTS; i++) {
        struct x509 ark;
        if (x509_decode(&ark, c->roots->amd[i]) != OK ||
            x509_crl_decode(&crl, c->post->document) != OK || !span_eq(crl.issuer, ark.subject))
            continue;
        TRY(open_root(c, &ark, c->roots->amd[i]));
        TRY(check_list(c, &crl, c->post->document, &ark));
        take_list(c, &crl);
        collateral_id_amd_crl(c->out->id, (enum snp_product)i);
        return OK;
    }
    return verdict_refuse(&c->verdict, VERDICT_CRL_MISSING, "AMD CRL");
}

static enum err check_amd_ca(struct check *c)
{
    struct x509 ca;
    TRY(require(c,
                x509_decode(&ca, c->post->document) == OK && ca.ca && ca.key.algorithm == X509_RSA,
                VERDICT_CHAIN_FORMAT, "ASK or ASVK"));
    for (int i = 0; i < SNP_PRODUCTS; i++) {
        struct x509 ark;
        if (x509_decode(&ark, c->roots->amd[i]) != OK || !span_eq(ca.issuer, ark.subject))
            continue;
        TRY(open_root(c, &ark, c->roots->amd[i]));
        TRY(require(c,
                    !span_eq(ca.subject, ark.subject) && x509_check_seal(&ca.seal, &ark.key) == OK,
                    VERDICT_ROOT_UNTRUSTED, "ASK or ASVK"));
        TRY(check_cert_dates(c, &ca, "ASK or ASVK"));
        /* SPEC attest 11.2: "an ASVK is the one whose common name begins with SEV-VLEK" */
        bool vlek = span_eq(span_sub(ca.common_name, 0, 8), span_str("SEV-VLEK"));
        c->out->issued = ca.not_before;
        c->out->lapses = ca.not_after;
        collateral_id_amd_ca(c->out->id, (enum snp_product)i, vlek);
        return OK;
    }
    return verdict_refuse(&c->verdict, VERDICT_ROOT_UNTRUSTED, "ASK or ASVK");
}

/* ---- the whole
 * ------------------------------------------------------------------------------------- */

enum err collateral_check(struct collateral_entry *out, enum verdict_code *code,
                          const struct collateral_post *post, const struct attest_roots *roots,
                          struct span root_crl, uint64_t time)
{
    static enum err (*const checks[COLLATERAL_KINDS])(struct check *) = {
        [COLLATERAL_TCB_INFO] = check_tcb_info, [COLLATERAL_QE_IDENTITY] = check_qe_identity,
        [COLLATERAL_ROOT_CRL] = check_root_crl, [COLLATERAL_PCK_CRL] = check_pck_crl,
        [COLLATERAL_AMD_CRL] = check_amd_crl,   [COLLATERAL_AMD_CA] = check_amd_ca,
    };
    *out = (struct collateral_entry){ .kind = post->kind };
    struct check c = {
        .out = out, .post = post, .roots = roots, .root_crl = root_crl, .time = time
    };
    bool wants_issuer = post->kind == COLLATERAL_TCB_INFO || post->kind == COLLATERAL_QE_IDENTITY ||
                        post->kind == COLLATERAL_PCK_CRL;
    enum err e = require(
        &c, (unsigned)post->kind < COLLATERAL_KINDS && (wants_issuer || post->issuer.n == 0),
        VERDICT_FORMAT, "post");
    if (e == OK)
        e = checks[post->kind](&c);
    out->checked_to = c.verdict.lapses;
    if (code != NULL)
        *code = c.verdict.code;
    if (e != OK)
        *out = (struct collateral_entry){ 0 };
    return e;
}

bool collateral_is_newer(const struct collateral_entry *next, const struct collateral_entry *kept)
{
    ASSERT(next->kind == kept->kind);
    ASSERT(memcmp(next->id, kept->id, COLLATERAL_ID_SIZE) == 0);
    return next->issued > kept->issued && next->evaluation >= kept->evaluation;
}
