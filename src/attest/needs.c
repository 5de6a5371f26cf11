#include "attest/needs.h"

#include "attest/attest.h"
#include "attest/pck.h"
#include "attest/quote.h"
#include "crypto/sha256.h"

void needs_pck(uint8_t out[32], const struct x509_key *ca, struct span serial)
{
    const struct span parts[] = { ca->bytes, serial };
    sha256_tagged(out, "crust/pck/1", parts, 2);
}

static uint8_t *add(struct needs *out, enum collateral_kind kind)
{
    ASSERT(out->count < NEEDS_MAX);
    out->items[out->count].kind = kind;
    return out->items[out->count++].id;
}

/* Leaf and CA among the certificates of a quote, told apart by what they are. */
static enum err find_chain(struct x509 *leaf, struct x509 *ca, const struct pem_chain *chain)
{
    bool has_leaf = false;
    bool has_ca = false;
    for (size_t i = 0; i < chain->count; i++) {
        struct x509 cert;
        if (x509_decode(&cert, chain->certs[i]) != OK)
            return ERR_FORMAT;
        if (span_eq(cert.common_name, span_str("Intel SGX PCK Certificate"))) {
            *leaf = cert;
            has_leaf = true;
        } else if (!span_eq(cert.subject, cert.issuer)) {
            *ca = cert;
            has_ca = true;
        }
    }
    return has_leaf && has_ca ? OK : ERR_FORMAT;
}

static enum err intel_needs(struct needs *out, struct span data)
{
    struct quote q;
    struct pem_chain chain;
    struct x509 leaf, ca;
    struct pck pck;
    if (quote_decode(&q, data) != OK || pem_decode(&chain, q.cert_data) != OK)
        return ERR_FORMAT;
    TRY(find_chain(&leaf, &ca, &chain));
    if (pck_decode(&pck, &leaf) != OK)
        return ERR_FORMAT;
    out->intel = true;
    out->tdx = q.body != QUOTE_BODY_SGX;
    memcpy(out->fmspc, pck.fmspc, sizeof(out->fmspc));
    needs_pck(out->pck, &ca.key, leaf.serial);
    collateral_id_root_crl(add(out, COLLATERAL_ROOT_CRL));
    collateral_id_pck_crl(add(out, COLLATERAL_PCK_CRL), &ca.key);
    collateral_id_tcb_info(add(out, COLLATERAL_TCB_INFO), out->tdx, out->fmspc);
    collateral_id_qe_identity(add(out, COLLATERAL_QE_IDENTITY), out->tdx);
    return OK;
}

static enum err amd_needs(struct needs *out, struct span data)
{
    struct snp_report report;
    struct snp_table table;
    struct snp_leaf leaf;
    struct x509 cert;
    if (snp_report_decode(&report, span_sub(data, 0, SNP_REPORT_SIZE)) != OK ||
        snp_table_decode(&table, span_sub(data, SNP_REPORT_SIZE, data.n)) != OK)
        return ERR_FORMAT;
    out->vlek = report.signing_key == SNP_KEY_VLEK;
    struct span der = out->vlek ? table.vlek : table.vcek;
    if (der.n == 0)
        return ERR_NOT_FOUND;
    if (x509_decode(&cert, der) != OK || snp_leaf_decode(&leaf, &cert) != OK)
        return ERR_FORMAT;
    out->product = leaf.product;
    out->has_ca = table.ask.n != 0;
    collateral_id_amd_crl(add(out, COLLATERAL_AMD_CRL), leaf.product);
    if (!out->has_ca)
        collateral_id_amd_ca(add(out, COLLATERAL_AMD_CA), leaf.product, out->vlek);
    return OK;
}

enum err needs_of(struct needs *out, struct span data)
{
    *out = (struct needs){ 0 };
    enum err e = attest_is_quote(data) ? intel_needs(out, data) : amd_needs(out, data);
    if (e != OK)
        *out = (struct needs){ 0 };
    return e;
}
