#include "attest/snp_verify.h"

#include "crypto/ecdsa.h"
#include "crypto/sha256.h"

/* What one verification works on. Each step below returns OK, or refuses and returns that. */
struct snp {
    struct attest_verdict *out;
    const struct attest_inputs *in;
    struct snp_report report;
    struct x509 ark, ca, cert;
    struct snp_leaf leaf;
};

static enum err require(struct snp *s, bool cond, enum verdict_code code, const char *what)
{
    return cond ? OK : verdict_refuse(s->out, code, what);
}

static enum err open_all(struct snp *s, struct span report)
{
    const struct attest_collateral *c = s->in->collateral;
    TRY(require(s, snp_report_decode(&s->report, report) == OK, VERDICT_FORMAT, "report"));
    TRY(require(s, x509_decode(&s->cert, c->snp_leaf) == OK && s->cert.key.algorithm == X509_P384,
                VERDICT_CHAIN_FORMAT, "VCEK or VLEK certificate"));
    TRY(require(s, snp_leaf_decode(&s->leaf, &s->cert) == OK, VERDICT_CHAIN_FORMAT,
                "extensions of the VCEK or VLEK"));
    TRY(require(s,
                x509_decode(&s->ca, c->snp_ca) == OK && s->ca.ca && s->ca.key.algorithm == X509_RSA,
                VERDICT_CHAIN_FORMAT, "ASK or ASVK certificate"));
    return require(s,
                   x509_decode(&s->ark, s->in->roots->amd[s->leaf.product]) == OK && s->ark.ca &&
                       s->ark.key.algorithm == X509_RSA,
                   VERDICT_ROOT_UNTRUSTED, "root for this product");
}

static enum err check_dates(struct snp *s, const struct x509 *cert, const char *what)
{
    const struct verdict_dates dates = { cert->not_before, cert->not_after,
                                         VERDICT_CHAIN_NOT_YET_VALID, VERDICT_CHAIN_EXPIRED };
    return verdict_check_dates(s->out, s->in->time, &dates, what);
}

static enum err check_chain(struct snp *s)
{
    TRY(require(s,
                span_eq(s->cert.issuer, s->ca.subject) &&
                    x509_check_seal(&s->cert.seal, &s->ca.key) == OK,
                VERDICT_CHAIN_SIGNATURE, "VCEK or VLEK"));
    TRY(require(
        s, span_eq(s->ca.issuer, s->ark.subject) && x509_check_seal(&s->ca.seal, &s->ark.key) == OK,
        VERDICT_ROOT_UNTRUSTED, "ASK or ASVK"));
    TRY(check_dates(s, &s->ark, "ARK"));
    TRY(check_dates(s, &s->ca, "ASK or ASVK"));
    return check_dates(s, &s->cert, "VCEK or VLEK");
}

static enum err check_crl(struct snp *s)
{
    struct x509_crl crl;
    struct span der = s->in->collateral->snp_crl;
    if (der.n == 0)
        return OK;
    TRY(require(s,
                x509_crl_decode(&crl, der) == OK && span_eq(crl.issuer, s->ark.subject) &&
                    s->ark.signs_crl && x509_check_seal(&crl.seal, &s->ark.key) == OK,
                VERDICT_CRL_SIGNATURE, "AMD CRL"));
    const struct verdict_dates dates = { crl.this_update, crl.next_update,
                                         VERDICT_CRL_NOT_YET_VALID, VERDICT_CRL_EXPIRED };
    TRY(verdict_check_dates(s->out, s->in->time, &dates, "AMD CRL"));
    s->out->u.snp.crl_checked = true;
    return require(s, !x509_crl_lists(&crl, s->ca.serial), VERDICT_REVOKED, "ASK or ASVK");
}

static bool tcb_eq(const struct snp_tcb *a, const struct snp_tcb *b)
{
    return a->fmc == b->fmc && a->boot_loader == b->boot_loader && a->tee == b->tee &&
           a->snp == b->snp && a->microcode == b->microcode;
}

/* SPEC attest 9.5: "Bytes 2 to 5 (Turin: 4 to 6) of REPORTED_TCB MUST be zero" */
static bool reserved_is_zero(const uint8_t raw[8], enum snp_product product)
{
    bool turin = product == SNP_TURIN;
    for (int i = turin ? 4 : 2; i <= (turin ? 6 : 5); i++) {
        if (raw[i] != 0)
            return false;
    }
    return true;
}

static enum err check_leaf(struct snp *s)
{
    const struct snp_report *r = &s->report;
    TRY(require(s, s->leaf.vlek == (r->signing_key == SNP_KEY_VLEK), VERDICT_CERT_MISMATCH,
                "VCEK against VLEK"));
    struct snp_tcb reported = snp_tcb_decode(r->reported_tcb, s->leaf.product);
    TRY(require(
        s, tcb_eq(&reported, &s->leaf.tcb) && reserved_is_zero(r->reported_tcb, s->leaf.product),
        VERDICT_TCB_MISMATCH, "REPORTED_TCB"));
    static const uint8_t zero[64];
    bool named = !s->leaf.vlek && memcmp(r->chip_id, zero, 64) != 0;
    s->out->has_device = named && !r->mask_chip_key;
    return require(s, !named || memcmp(r->chip_id, s->leaf.hwid, 64) == 0, VERDICT_HWID_MISMATCH,
                   "CHIP_ID");
}

static void claim_tcbs(struct verdict_snp *v, const struct snp_report *r, enum snp_product product)
{
    v->reported = snp_tcb_decode(r->reported_tcb, product);
    v->committed = snp_tcb_decode(r->committed_tcb, product);
    v->launch = snp_tcb_decode(r->launch_tcb, product);
    v->current = snp_tcb_decode(r->current_tcb, product);
    const uint8_t committed[3] = { r->committed_major, r->committed_minor, r->committed_build };
    const uint8_t current[3] = { r->current_major, r->current_minor, r->current_build };
    memcpy(v->firmware, committed, 3);
    memcpy(v->current_firmware, current, 3);
}

static void claim(struct snp *s)
{
    struct attest_verdict *out = s->out;
    const struct snp_report *r = &s->report;
    struct verdict_snp *v = &out->u.snp;
    out->kind = ATTEST_SNP;
    out->version = (uint16_t)r->version;
    out->status = STATUS_NONE;
    out->measurement_size = 48;
    memcpy(out->measurement, r->measurement, 48);
    memcpy(out->report_data, r->report_data, 64);
    out->debug = (r->policy >> 19 & 1) != 0;
    v->product = s->leaf.product;
    v->vlek = s->leaf.vlek;
    v->author_key = r->author_key;
    v->mask_chip_key = r->mask_chip_key;
    v->guest_svn = r->guest_svn;
    v->vmpl = r->vmpl;
    v->policy = r->policy;
    v->platform_info = r->platform_info;
    v->launch_mitigations = r->version >= 5 ? r->launch_mitigations : 0;
    v->current_mitigations = r->version >= 5 ? r->current_mitigations : 0;
    claim_tcbs(v, r, s->leaf.product);
    memcpy(v->chip_id, r->chip_id, 64);
    memcpy(v->host_data, r->host_data, 32);
    memcpy(v->id_key_digest, r->id_key_digest, 48);
    memcpy(v->author_key_digest, r->author_key_digest, 48);
    memcpy(v->family_id, r->family_id, 16);
    memcpy(v->image_id, r->image_id, 16);
    /* Without a device this is one id for all such guests of a product: caps then bind them
     * together. */
    const struct span parts[] = { span_str(snp_product_name(v->product)),
                                  span_of(v->chip_id, out->has_device ? 64 : 0) };
    sha256_tagged(out->platform_id, "crust/platform-amd/1", parts, 2);
}

enum err snp_verify(struct attest_verdict *out, struct span report, const struct attest_inputs *in)
{
    struct snp s = { .out = out, .in = in };
    *out = (struct attest_verdict){ 0 };
    TRY(open_all(&s, report));
    TRY(check_chain(&s));
    TRY(check_crl(&s));
    TRY(check_leaf(&s));
    TRY(require(
        &s, ecdsa_p384_verify(s.report.signature, s.report.signed_bytes, s.cert.key.bytes.p) == OK,
        VERDICT_REPORT_SIGNATURE, "report"));
    claim(&s);
    return OK;
}
