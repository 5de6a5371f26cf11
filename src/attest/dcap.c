#include "attest/dcap.h"

#include "attest/dcap_level.h"
#include "crypto/ecdsa.h"
#include "crypto/sha256.h"

enum { CERT_PEM_CHAIN = 5 }; /* certification data: docs/spec/attest.md 5 */

/* What one verification works on. Each step below returns OK, or refuses and returns that. */
struct dcap {
    struct attest_verdict *out;
    const struct attest_inputs *in;
    struct quote quote;
    struct pem_chain pem;
    struct x509 root, ca, leaf, signer;
    struct x509_crl root_crl, pck_crl;
    struct pck pck;
    struct tcbinfo tcb;
    struct tcbinfo_qe qe;
};

static enum err require(struct dcap *d, bool cond, enum verdict_code code, const char *what)
{
    return cond ? OK : verdict_refuse(d->out, code, what);
}

static bool is_named(const struct x509 *cert, const char *name)
{
    return span_eq(cert->common_name, span_str(name));
}

/* ---- A: the bytes ------------------------------------------------------------------------------
 */

static enum err open_quote(struct dcap *d, struct span quote)
{
    TRY(require(d, quote_decode(&d->quote, quote) == OK, VERDICT_FORMAT, "quote"));
    TRY(require(d, d->quote.cert_type == CERT_PEM_CHAIN, VERDICT_UNSUPPORTED_CERT_TYPE,
                "certification data"));
    return require(d, pem_decode(&d->pem, d->quote.cert_data) == OK, VERDICT_CHAIN_FORMAT,
                   "certificates in the quote");
}

/* ---- B: the chain of the machine's key ----------------------------------------------------------
 */

static enum err open_root(struct dcap *d)
{
    return require(d,
                   x509_decode(&d->root, d->in->roots->intel) == OK && d->root.ca &&
                       d->root.signs_crl && d->root.key.algorithm == X509_P256,
                   VERDICT_ROOT_UNTRUSTED, "root given to the verifier");
}

/* SPEC attest 8.2: "They are told apart by their names, not by their order" */
static enum err open_chain(struct dcap *d)
{
    bool leaf = false, ca = false, root = false;
    for (size_t i = 0; i < d->pem.count; i++) {
        struct x509 cert;
        TRY(require(d, x509_decode(&cert, d->pem.certs[i]) == OK, VERDICT_CHAIN_FORMAT,
                    "certificate in the quote"));
        TRY(require(d, cert.key.algorithm == X509_P256, VERDICT_CHAIN_FORMAT,
                    "certificate in the quote"));
        bool is_leaf = is_named(&cert, "Intel SGX PCK Certificate");
        bool is_root = !is_leaf && span_eq(cert.subject, cert.issuer);
        bool *slot = is_leaf ? &leaf : is_root ? &root : &ca;
        TRY(require(d, !*slot, VERDICT_CHAIN_FORMAT, "more than one certificate of a kind"));
        *slot = true;
        if (is_leaf)
            d->leaf = cert;
        else if (is_root)
            TRY(require(d, x509_key_eq(&cert.key, &d->root.key), VERDICT_ROOT_UNTRUSTED,
                        "root in the quote"));
        else
            d->ca = cert;
    }
    TRY(require(d, leaf && ca, VERDICT_CHAIN_FORMAT, "PCK certificate or its CA is missing"));
    d->out->intel.platform_ca = is_named(&d->ca, "Intel SGX PCK Platform CA");
    bool named = d->out->intel.platform_ca || is_named(&d->ca, "Intel SGX PCK Processor CA");
    return require(d,
                   named && d->ca.ca && span_eq(d->leaf.issuer, d->ca.subject) &&
                       span_eq(d->ca.issuer, d->root.subject),
                   VERDICT_CHAIN_FORMAT, "PCK CA");
}

/* Whether the caller has checked this very CA, and the CRL it signed, before. */
static bool ca_is_known(struct dcap *d)
{
    struct x509 known;
    const struct attest_collateral *c = d->in->collateral;
    return c->verified && x509_decode(&known, c->pck_ca) == OK &&
           span_eq(known.seal.tbs, d->ca.seal.tbs) &&
           span_eq(known.seal.signature, d->ca.seal.signature);
}

static enum err check_chain(struct dcap *d)
{
    TRY(require(d, x509_check_seal(&d->leaf.seal, &d->ca.key) == OK, VERDICT_CHAIN_SIGNATURE,
                "PCK certificate"));
    if (!ca_is_known(d))
        TRY(require(d, x509_check_seal(&d->ca.seal, &d->root.key) == OK, VERDICT_ROOT_UNTRUSTED,
                    "PCK CA"));
    return require(d, pck_decode(&d->pck, &d->leaf) == OK, VERDICT_CHAIN_FORMAT,
                   "SGX extension of the PCK certificate");
}

static enum err check_cert_dates(struct dcap *d, const struct x509 *cert, const char *what)
{
    const struct verdict_dates dates = { cert->not_before, cert->not_after,
                                         VERDICT_CHAIN_NOT_YET_VALID, VERDICT_CHAIN_EXPIRED };
    return verdict_check_dates(d->out, d->in->time, &dates, what);
}

static enum err check_chain_dates(struct dcap *d)
{
    TRY(check_cert_dates(d, &d->root, "Intel SGX Root CA"));
    TRY(check_cert_dates(d, &d->ca, "PCK CA"));
    return check_cert_dates(d, &d->leaf, "PCK certificate");
}

/* ---- C: revocation ------------------------------------------------------------------------------
 */

static enum err check_crl(struct dcap *d, struct x509_crl *crl, struct span der,
                          const struct x509 *issuer, const char *what)
{
    TRY(require(d, x509_crl_decode(crl, der) == OK && span_eq(crl->issuer, issuer->subject),
                VERDICT_CRL_MISSING, what));
    bool known = d->in->collateral->verified && (issuer == &d->root || ca_is_known(d));
    TRY(require(d, issuer->signs_crl && (known || x509_check_seal(&crl->seal, &issuer->key) == OK),
                VERDICT_CRL_SIGNATURE, what));
    const struct verdict_dates dates = { crl->this_update, crl->next_update,
                                         VERDICT_CRL_NOT_YET_VALID, VERDICT_CRL_EXPIRED };
    return verdict_check_dates(d->out, d->in->time, &dates, what);
}

static enum err check_revocation(struct dcap *d)
{
    const struct attest_collateral *c = d->in->collateral;
    TRY(check_crl(d, &d->root_crl, c->root_crl, &d->root, "root CRL"));
    TRY(check_crl(d, &d->pck_crl, c->pck_crl, &d->ca, "PCK CRL"));
    TRY(require(d, !x509_crl_lists(&d->root_crl, d->ca.serial), VERDICT_REVOKED, "PCK CA"));
    return require(d, !x509_crl_lists(&d->pck_crl, d->leaf.serial), VERDICT_REVOKED,
                   "PCK certificate");
}

/* ---- D: Intel's documents
 * ------------------------------------------------------------------------ */

static enum err check_signer(struct dcap *d)
{
    TRY(require(d,
                x509_decode(&d->signer, d->in->collateral->tcb_signer) == OK &&
                    is_named(&d->signer, "Intel SGX TCB Signing") &&
                    d->signer.key.algorithm == X509_P256 &&
                    span_eq(d->signer.issuer, d->root.subject),
                VERDICT_CHAIN_FORMAT, "TCB signing certificate"));
    TRY(require(d,
                d->in->collateral->verified || x509_check_seal(&d->signer.seal, &d->root.key) == OK,
                VERDICT_CHAIN_SIGNATURE, "TCB signing certificate"));
    TRY(check_cert_dates(d, &d->signer, "TCB signing certificate"));
    return require(d, !x509_crl_lists(&d->root_crl, d->signer.serial), VERDICT_REVOKED,
                   "TCB signing certificate");
}

/* Opens a signed document; *body is what may be decoded. */
static bool is_signed(struct dcap *d, struct span *body, struct span text, const char *name)
{
    struct tcbinfo_signed s;
    if (tcbinfo_open(&s, text, name) != OK)
        return false;
    *body = s.body;
    return d->in->collateral->verified ||
           ecdsa_p256_verify(s.signature, s.body, d->signer.key.bytes.p) == OK;
}

static enum err check_documents(struct dcap *d)
{
    struct span body;
    TRY(require(d,
                is_signed(d, &body, d->in->collateral->tcb_info, "tcbInfo") &&
                    tcbinfo_decode(&d->tcb, body) == OK,
                VERDICT_TCBINFO_SIGNATURE, "TCB info"));
    TRY(require(d,
                is_signed(d, &body, d->in->collateral->qe_identity, "enclaveIdentity") &&
                    tcbinfo_qe_decode(&d->qe, body) == OK,
                VERDICT_QEID_SIGNATURE, "QE identity"));
    const struct verdict_dates tcb = { d->tcb.issued, d->tcb.next_update,
                                       VERDICT_TCBINFO_NOT_YET_VALID, VERDICT_TCBINFO_EXPIRED };
    const struct verdict_dates qe = { d->qe.issued, d->qe.next_update, VERDICT_QEID_NOT_YET_VALID,
                                      VERDICT_QEID_EXPIRED };
    TRY(verdict_check_dates(d->out, d->in->time, &tcb, "TCB info"));
    return verdict_check_dates(d->out, d->in->time, &qe, "QE identity");
}

/* ---- E: do they belong together
 * ------------------------------------------------------------------- */

static enum err check_match(struct dcap *d)
{
    bool tdx = d->quote.body != QUOTE_BODY_SGX;
    TRY(require(d, d->tcb.tdx == tdx, VERDICT_TCBINFO_MISMATCH, "kind of TEE"));
    TRY(require(d, memcmp(d->tcb.fmspc, d->pck.fmspc, 6) == 0, VERDICT_TCBINFO_MISMATCH, "FMSPC"));
    TRY(require(d, memcmp(d->tcb.pce_id, d->pck.pce_id, 2) == 0, VERDICT_TCBINFO_MISMATCH,
                "PCE id"));
    return require(d, d->qe.tdx == tdx, VERDICT_QE_IDENTITY_MISMATCH, "kind of quoting enclave");
}

/* ---- F and G: the quoting enclave and the quote
 * ---------------------------------------------------- */

static bool vouches(const struct quote *q)
{
    static const uint8_t zero[32];
    uint8_t bound[SHA256_SIZE];
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, span_of(q->attestation_key, 64));
    sha256_update(&h, q->auth_data);
    sha256_final(&h, bound);
    return memcmp(q->qe.report_data, bound, 32) == 0 &&
           memcmp(q->qe.report_data + 32, zero, 32) == 0;
}

static enum err check_qe_report(struct dcap *d)
{
    const struct quote *q = &d->quote;
    TRY(require(d, ecdsa_p256_verify(q->qe_signature, q->qe_bytes, d->leaf.key.bytes.p) == OK,
                VERDICT_QE_REPORT_SIGNATURE, "QE report"));
    return require(d, vouches(q), VERDICT_QE_REPORT_DATA, "QE report");
}

static bool masked_eq(const uint8_t *have, const uint8_t *mask, const uint8_t *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((have[i] & mask[i]) != want[i])
            return false;
    }
    return true;
}

static enum err check_qe_identity(struct dcap *d)
{
    const struct quote_sgx *r = &d->quote.qe;
    const struct tcbinfo_qe *id = &d->qe;
    bool same = (r->misc_select & id->misc_select_mask) == id->misc_select &&
                masked_eq(r->attributes, id->attributes_mask, id->attributes, 16) &&
                memcmp(r->mrsigner, id->mrsigner, 32) == 0 && r->prod_id == id->prod_id &&
                (r->attributes[0] & QUOTE_SGX_DEBUG) == 0;
    return require(d, same, VERDICT_QE_IDENTITY_MISMATCH, "QE report");
}

static enum err check_quote_signature(struct dcap *d)
{
    const struct quote *q = &d->quote;
    return require(d, ecdsa_p256_verify(q->signature, q->signed_bytes, q->attestation_key) == OK,
                   VERDICT_QUOTE_SIGNATURE, "quote");
}

/* ---- H to L: levels
 * --------------------------------------------------------------------------------- */

static void earlier(uint64_t *date, uint64_t other)
{
    if (other != 0 && (*date == 0 || other < *date))
        *date = other;
}

/* Takes a level's date and advisories into the claims. */
static enum err count_level(struct dcap *d, const struct dcap_level *l)
{
    earlier(&d->out->intel.tcb_date, l->level->date);
    if ((l->level->status & STATUS_OUT_OF_DATE) != 0)
        earlier(&d->out->intel.superseded, l->superseded);
    return require(d, tcbinfo_advisories(&d->out->advisories, l->level) == OK,
                   VERDICT_TCBINFO_SIGNATURE, "advisories");
}

static enum err check_module(struct dcap *d)
{
    static const uint8_t zero[8];
    const struct quote_td *td = &d->quote.td;
    const struct tcbinfo_module *m = dcap_level_module(&d->tcb, td->tcb_svn);
    if (m == NULL)
        return verdict_refuse(d->out, VERDICT_TDX_MODULE_MISMATCH, "version of the TDX module");
    return require(d,
                   memcmp(td->mrsignerseam, m->mrsigner, 48) == 0 &&
                       masked_eq(td->seam_attributes, m->attributes_mask, m->attributes, 8) &&
                       memcmp(td->seam_attributes, zero, 8) == 0,
                   VERDICT_TDX_MODULE_MISMATCH, "signer of the TDX module");
}

/* The status of the platform with the TDX module that an SVN names. counted: whether dates and
 * advisories go into the claims. */
static enum err platform_level(struct dcap *d, uint8_t *platform, uint8_t *module,
                               const uint8_t *tdx_svn, bool counted)
{
    *module = STATUS_NONE;
    struct dcap_level l = dcap_level_platform(&d->tcb, &d->pck, tdx_svn);
    TRY(require(d, l.level != NULL, VERDICT_TCB_NOT_SUPPORTED, "platform"));
    *platform = l.level->status;
    if (counted)
        TRY(count_level(d, &l));
    if (tdx_svn == NULL || tdx_svn[1] == 0)
        return OK;
    const struct tcbinfo_module *m = dcap_level_module(&d->tcb, tdx_svn);
    TRY(require(d, m != NULL, VERDICT_TDX_MODULE_MISMATCH, "version of the TDX module"));
    l = dcap_level_svn(m->levels, m->level_count, tdx_svn[0]);
    TRY(require(d, l.level != NULL, VERDICT_TCB_NOT_SUPPORTED, "TDX module"));
    *module = l.level->status;
    return counted ? count_level(d, &l) : OK;
}

/* SPEC attest 8.11: "the TD was started under an older module than the one that runs now" */
static enum err check_relaunch(struct dcap *d)
{
    struct verdict_intel *v = &d->out->intel;
    uint8_t platform, module;
    TRY(platform_level(d, &platform, &module, d->quote.td.tcb_svn2, false));
    v->current_status = status_join(status_join(platform, module), v->qe_status);
    TRY(require(d, v->current_status != STATUS_REVOKED, VERDICT_TCB_REVOKED, "running module"));
    if ((d->out->status & STATUS_OUT_OF_DATE) == 0 || (v->current_status & STATUS_OUT_OF_DATE) != 0)
        return OK;
    uint8_t both = d->out->status | v->current_status;
    d->out->status = STATUS_RELAUNCH | (both & STATUS_CONFIGURATION);
    return OK;
}

static enum err check_levels(struct dcap *d)
{
    struct verdict_intel *v = &d->out->intel;
    bool tdx = d->quote.body != QUOTE_BODY_SGX;
    struct dcap_level qe = dcap_level_svn(d->qe.levels, d->qe.level_count, d->quote.qe.svn);
    TRY(require(d, qe.level != NULL, VERDICT_TCB_NOT_SUPPORTED, "quoting enclave"));
    v->qe_status = qe.level->status;
    v->current_status = STATUS_NONE;
    if (tdx)
        TRY(check_module(d));
    TRY(platform_level(d, &v->platform_status, &v->module_status, tdx ? d->quote.td.tcb_svn : NULL,
                       true));
    TRY(count_level(d, &qe));
    d->out->status = status_join(status_join(v->platform_status, v->module_status), v->qe_status);
    TRY(require(d, d->out->status != STATUS_REVOKED, VERDICT_TCB_REVOKED, "level"));
    return d->quote.td.tcb_svn2 != NULL ? check_relaunch(d) : OK;
}

/* ---- claims
 * ------------------------------------------------------------------------------------------ */

static void claim_sgx(struct attest_verdict *out, const struct quote_sgx *b)
{
    struct verdict_sgx *s = &out->u.sgx;
    out->kind = ATTEST_SGX;
    out->measurement_size = 32;
    memcpy(out->measurement, b->mrenclave, 32);
    memcpy(out->report_data, b->report_data, 64);
    out->debug = (b->attributes[0] & QUOTE_SGX_DEBUG) != 0;
    memcpy(s->mrenclave, b->mrenclave, 32);
    memcpy(s->mrsigner, b->mrsigner, 32);
    memcpy(s->attributes, b->attributes, 16);
    memcpy(s->config_id, b->config_id, 64);
    memcpy(s->cpu_svn, b->cpu_svn, 16);
    s->misc_select = b->misc_select;
    s->prod_id = b->prod_id;
    s->svn = b->svn;
    s->config_svn = b->config_svn;
}

static void claim_tdx(struct attest_verdict *out, const struct quote_td *b)
{
    struct verdict_tdx *t = &out->u.tdx;
    out->kind = ATTEST_TDX;
    out->measurement_size = 48;
    memcpy(out->measurement, b->mrtd, 48);
    memcpy(out->report_data, b->report_data, 64);
    out->debug = (b->attributes[0] & 1) != 0;
    memcpy(t->mrtd, b->mrtd, 48);
    memcpy(t->rtmr, b->rtmr, sizeof(t->rtmr));
    memcpy(t->mrseam, b->mrseam, 48);
    memcpy(t->mrsignerseam, b->mrsignerseam, 48);
    memcpy(t->mrconfigid, b->mrconfigid, 48);
    memcpy(t->mrowner, b->mrowner, 48);
    memcpy(t->mrownerconfig, b->mrownerconfig, 48);
    memcpy(t->attributes, b->attributes, 8);
    memcpy(t->xfam, b->xfam, 8);
    memcpy(t->seam_attributes, b->seam_attributes, 8);
    memcpy(t->tcb_svn, b->tcb_svn, 16);
    if (b->tcb_svn2 != NULL)
        memcpy(t->tcb_svn2, b->tcb_svn2, 16);
    if (b->mrservicetd != NULL)
        memcpy(t->mrservicetd, b->mrservicetd, 48);
}

static void claim_body(struct dcap *d)
{
    d->out->version = d->quote.version;
    d->out->body = (uint8_t)d->quote.body;
    if (d->quote.body == QUOTE_BODY_SGX)
        claim_sgx(d->out, &d->quote.sgx);
    else
        claim_tdx(d->out, &d->quote.td);
}

static void claim_platform(struct dcap *d)
{
    struct verdict_intel *v = &d->out->intel;
    memcpy(v->fmspc, d->pck.fmspc, 6);
    memcpy(v->pce_id, d->pck.pce_id, 2);
    memcpy(v->ppid, d->pck.ppid, 16);
    struct span ppid = span_of(d->pck.ppid, 16);
    sha256_tagged(d->out->platform_id, "crust/platform-intel/1", &ppid, 1);
    d->out->has_device = true;
}

/* ---- the whole
 * ---------------------------------------------------------------------------------------- */

enum err dcap_verify(struct attest_verdict *out, struct span quote, const struct attest_inputs *in)
{
    struct dcap d = { .out = out, .in = in };
    *out = (struct attest_verdict){ 0 };
    TRY(open_quote(&d, quote));
    TRY(open_root(&d));
    TRY(open_chain(&d));
    TRY(check_chain(&d));
    TRY(check_chain_dates(&d));
    TRY(check_revocation(&d));
    TRY(check_signer(&d));
    TRY(check_documents(&d));
    TRY(check_match(&d));
    TRY(check_qe_report(&d));
    TRY(check_qe_identity(&d));
    TRY(check_quote_signature(&d));
    TRY(check_levels(&d));
    claim_body(&d);
    claim_platform(&d);
    out->intel.evaluation = d.tcb.evaluation;
    out->intel.qe_evaluation = d.qe.evaluation;
    return OK;
}

enum err dcap_verify_signatures(struct attest_verdict *out, struct span quote,
                                const struct attest_inputs *in)
{
    static const struct attest_collateral none;
    const struct attest_inputs bare = { in->roots, &none, in->time };
    struct dcap d = { .out = out, .in = &bare };
    *out = (struct attest_verdict){ 0 };
    TRY(open_quote(&d, quote));
    TRY(open_root(&d));
    TRY(open_chain(&d));
    TRY(check_chain(&d));
    TRY(check_qe_report(&d));
    TRY(check_quote_signature(&d));
    claim_body(&d);
    claim_platform(&d);
    out->status = STATUS_NONE;
    return OK;
}
