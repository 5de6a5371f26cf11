#include "attest/bundle.h"

#include "attest/pck.h"
#include "attest/pem.h"
#include "attest/quote.h"
#include "attest/tcbinfo.h"

/* ---- reading --------------------------------------------------------------------------------- */

static enum err keep(struct bundle *f, struct bundle_item item)
{
    if (f->count == BUNDLE_MAX || item.bytes.n > f->room.n - f->used)
        return ERR_LIMIT;
    memcpy(f->room.p + f->used, item.bytes.p, item.bytes.n);
    item.bytes.p = f->room.p + f->used;
    f->used += item.bytes.n;
    f->items[f->count++] = item;
    return OK;
}

static enum err take_der(struct bundle *f, struct span der)
{
    struct x509 cert;
    struct x509_crl crl;
    if (x509_decode(&cert, der) == OK)
        return keep(f, (struct bundle_item){ .kind = BUNDLE_CERT,
                                             .bytes = der,
                                             .from = cert.not_before,
                                             .to = cert.not_after });
    if (x509_crl_decode(&crl, der) == OK)
        return keep(f, (struct bundle_item){ .kind = BUNDLE_CRL,
                                             .bytes = der,
                                             .from = crl.this_update,
                                             .to = crl.next_update });
    return OK;
}

static enum err take_json(struct bundle *f, struct span text)
{
    static struct tcbinfo info;
    static struct tcbinfo_qe qe;
    struct tcbinfo_signed s;
    if (tcbinfo_open(&s, text, "tcbInfo") == OK && tcbinfo_decode(&info, s.body) == OK)
        return keep(f, (struct bundle_item){ .kind = BUNDLE_TCB_INFO,
                                             .bytes = text,
                                             .from = info.issued,
                                             .to = info.next_update,
                                             .evaluation = info.evaluation });
    if (tcbinfo_open(&s, text, "enclaveIdentity") == OK && tcbinfo_qe_decode(&qe, s.body) == OK)
        return keep(f, (struct bundle_item){ .kind = BUNDLE_QE_IDENTITY,
                                             .bytes = text,
                                             .from = qe.issued,
                                             .to = qe.next_update,
                                             .evaluation = qe.evaluation });
    return OK;
}

enum err bundle_take(struct bundle *f, struct span content)
{
    static struct pem_chain chain;
    if (content.n == 0)
        return OK;
    if (content.p[0] == '{')
        return take_json(f, content);
    if (content.p[0] == DER_SEQUENCE)
        return take_der(f, content);
    if (pem_decode(&chain, content) != OK)
        return OK;
    for (size_t i = 0; i < chain.count; i++)
        TRY(take_der(f, chain.certs[i]));
    return OK;
}

/* ---- choosing for evidence ------------------------------------------------------------------- */

struct search {
    const struct bundle *files;
    uint64_t time;
    bool tdx;
    struct pck pck;
    struct x509 leaf;   /* the PCK, or the VCEK or VLEK */
    struct span issuer; /* a name that is looked for */
    struct snp_report report;
    const char *common_name;
};

/* Of two items that fit, whether a is the better one. */
static bool better(const struct search *s, const struct bundle_item *a, const struct bundle_item *b)
{
    bool a_valid = a->from <= s->time && s->time <= a->to;
    bool b_valid = b->from <= s->time && s->time <= b->to;
    if (a_valid != b_valid)
        return a_valid;
    if (a->evaluation != b->evaluation)
        return a->evaluation > b->evaluation;
    return a->from != b->from ? a->from > b->from : span_cmp(a->bytes, b->bytes) < 0;
}

static struct span find(const struct search *s, enum bundle_kind kind,
                        bool (*fits)(const struct search *s, struct span bytes))
{
    const struct bundle_item *best = NULL;
    for (size_t i = 0; i < s->files->count; i++) {
        const struct bundle_item *item = &s->files->items[i];
        if (item->kind == kind && fits(s, item->bytes) && (best == NULL || better(s, item, best)))
            best = item;
    }
    return best == NULL ? (struct span){ NULL, 0 } : best->bytes;
}

static bool tcb_info_fits(const struct search *s, struct span bytes)
{
    static struct tcbinfo info;
    struct tcbinfo_signed text;
    return tcbinfo_open(&text, bytes, "tcbInfo") == OK && tcbinfo_decode(&info, text.body) == OK &&
           info.tdx == s->tdx && memcmp(info.fmspc, s->pck.fmspc, 6) == 0;
}

static bool qe_identity_fits(const struct search *s, struct span bytes)
{
    static struct tcbinfo_qe qe;
    struct tcbinfo_signed text;
    return tcbinfo_open(&text, bytes, "enclaveIdentity") == OK &&
           tcbinfo_qe_decode(&qe, text.body) == OK && qe.tdx == s->tdx;
}

static bool crl_fits(const struct search *s, struct span bytes)
{
    struct x509_crl crl;
    return x509_crl_decode(&crl, bytes) == OK && span_eq(crl.issuer, s->issuer);
}

static bool is_named(const struct search *s, struct span bytes)
{
    struct x509 cert;
    return x509_decode(&cert, bytes) == OK && span_eq(cert.common_name, span_str(s->common_name));
}

/* The CA that has signed the leaf: names alone do not tell an ASK from its predecessor. */
static bool signs_leaf(const struct search *s, struct span bytes)
{
    struct x509 cert;
    return x509_decode(&cert, bytes) == OK && span_eq(cert.subject, s->leaf.issuer) &&
           x509_check_seal(&s->leaf.seal, &cert.key) == OK;
}

/* A VCEK of this chip and these levels; a VLEK of these levels. */
static bool fits_report(const struct search *s, struct span bytes)
{
    struct x509 cert;
    struct snp_leaf leaf;
    if (x509_decode(&cert, bytes) != OK || snp_leaf_decode(&leaf, &cert) != OK ||
        leaf.vlek != (s->report.signing_key == SNP_KEY_VLEK))
        return false;
    struct snp_tcb tcb = snp_tcb_decode(s->report.reported_tcb, leaf.product);
    return tcb.boot_loader == leaf.tcb.boot_loader && tcb.snp == leaf.tcb.snp &&
           tcb.microcode == leaf.tcb.microcode &&
           (leaf.vlek || memcmp(leaf.hwid, s->report.chip_id, leaf.hwid_size) == 0);
}

static bool read_pck(struct search *s, struct span evidence)
{
    static struct pem_chain chain;
    struct quote q;
    if (quote_decode(&q, evidence) != OK || pem_decode(&chain, q.cert_data) != OK)
        return false;
    s->tdx = q.body != QUOTE_BODY_SGX;
    for (size_t i = 0; i < chain.count; i++) {
        if (x509_decode(&s->leaf, chain.certs[i]) == OK && pck_decode(&s->pck, &s->leaf) == OK)
            return true;
    }
    return false;
}

static void choose_dcap(struct attest_collateral *out, struct search *s, struct span evidence,
                        const struct attest_roots *roots)
{
    struct x509 root;
    if (!read_pck(s, evidence) || x509_decode(&root, roots->intel) != OK)
        return;
    out->tcb_info = find(s, BUNDLE_TCB_INFO, tcb_info_fits);
    out->qe_identity = find(s, BUNDLE_QE_IDENTITY, qe_identity_fits);
    s->common_name = "Intel SGX TCB Signing";
    out->tcb_signer = find(s, BUNDLE_CERT, is_named);
    s->issuer = root.subject;
    out->root_crl = find(s, BUNDLE_CRL, crl_fits);
    s->issuer = s->leaf.issuer;
    out->pck_crl = find(s, BUNDLE_CRL, crl_fits);
}

static void choose_snp(struct attest_collateral *out, struct search *s, struct span evidence,
                       const struct attest_roots *roots)
{
    struct snp_leaf leaf;
    struct snp_table table;
    struct x509 ark;
    if (snp_report_decode(&s->report, span_sub(evidence, 0, SNP_REPORT_SIZE)) != OK ||
        snp_table_decode(&table, span_sub(evidence, SNP_REPORT_SIZE, evidence.n)) != OK)
        return;
    bool vlek = s->report.signing_key == SNP_KEY_VLEK;
    struct span own = vlek ? table.vlek : table.vcek;
    out->snp_leaf = own.n != 0 ? own : find(s, BUNDLE_CERT, fits_report);
    if (x509_decode(&s->leaf, out->snp_leaf) != OK || snp_leaf_decode(&leaf, &s->leaf) != OK)
        return;
    out->snp_ca = find(s, BUNDLE_CERT, signs_leaf);
    if (x509_decode(&ark, roots->amd[leaf.product]) != OK)
        return;
    s->issuer = ark.subject;
    out->snp_crl = find(s, BUNDLE_CRL, crl_fits);
}

void bundle_choose(struct attest_collateral *out, const struct bundle *f, struct span evidence,
                   const struct attest_roots *roots, uint64_t time)
{
    struct search s = { .files = f, .time = time };
    *out = (struct attest_collateral){ 0 };
    if (attest_is_quote(evidence))
        choose_dcap(out, &s, evidence, roots);
    else
        choose_snp(out, &s, evidence, roots);
}

void bundle_encode(struct writer *w, const struct attest_collateral *c)
{
    /* SPEC handover 3.2: "TCB info, QE identity, their signing certificate, root CRL, PCK CRL, SNP
     * leaf, SNP issuer, SNP CRL" */
    const struct span all[] = { c->tcb_info, c->qe_identity, c->tcb_signer, c->root_crl,
                                c->pck_crl,  c->snp_leaf,    c->snp_ca,     c->snp_crl };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        write_le32(w, (uint32_t)all[i].n);
        write_span(w, all[i]);
    }
}

/* ---- making posts ---------------------------------------------------------------------------- */

/* The certificate that has sealed the object: names alone do not tell a CA from its predecessor. */
static struct span signer_of(const struct bundle *f, struct span issuer,
                             const struct x509_signed *object)
{
    for (size_t i = 0; i < f->count; i++) {
        struct x509 cert;
        if (f->items[i].kind == BUNDLE_CERT && x509_decode(&cert, f->items[i].bytes) == OK &&
            span_eq(cert.subject, issuer) && x509_check_seal(object, &cert.key) == OK)
            return f->items[i].bytes;
    }
    return (struct span){ NULL, 0 };
}

/* The TCB signing certificate that is valid the longest. */
static struct span tcb_signer(const struct bundle *f)
{
    const struct bundle_item *best = NULL;
    for (size_t i = 0; i < f->count; i++) {
        const struct bundle_item *item = &f->items[i];
        struct x509 cert;
        if (item->kind == BUNDLE_CERT && x509_decode(&cert, item->bytes) == OK &&
            span_eq(cert.common_name, span_str("Intel SGX TCB Signing")) &&
            (best == NULL || item->to > best->to))
            best = item;
    }
    return best == NULL ? (struct span){ NULL, 0 } : best->bytes;
}

static bool is_ark(const struct attest_roots *roots, struct span name)
{
    for (int i = 0; i < SNP_PRODUCTS; i++) {
        struct x509 ark;
        if (x509_decode(&ark, roots->amd[i]) == OK && span_eq(ark.subject, name))
            return true;
    }
    return false;
}

static bool post_of_crl(struct collateral_post *out, const struct bundle *f,
                        const struct attest_roots *roots)
{
    struct x509_crl crl;
    struct x509 root;
    if (x509_crl_decode(&crl, out->document) != OK)
        return false;
    if (x509_decode(&root, roots->intel) == OK && span_eq(root.subject, crl.issuer)) {
        out->kind = COLLATERAL_ROOT_CRL;
        return true;
    }
    if (is_ark(roots, crl.issuer)) {
        out->kind = COLLATERAL_AMD_CRL;
        return true;
    }
    out->kind = COLLATERAL_PCK_CRL;
    out->issuer = signer_of(f, crl.issuer, &crl.seal);
    return out->issuer.n != 0;
}

bool bundle_post(struct collateral_post *out, const struct bundle *f, size_t i,
                 const struct attest_roots *roots)
{
    const struct bundle_item *item = &f->items[i];
    struct x509 cert;
    *out = (struct collateral_post){ .document = item->bytes };
    switch (item->kind) {
    case BUNDLE_TCB_INFO:
    case BUNDLE_QE_IDENTITY:
        out->kind = item->kind == BUNDLE_TCB_INFO ? COLLATERAL_TCB_INFO : COLLATERAL_QE_IDENTITY;
        out->issuer = tcb_signer(f);
        return out->issuer.n != 0;
    case BUNDLE_CRL:
        return post_of_crl(out, f, roots);
    case BUNDLE_CERT:
        out->kind = COLLATERAL_AMD_CA;
        return x509_decode(&cert, item->bytes) == OK && is_ark(roots, cert.issuer) &&
               !span_eq(cert.issuer, cert.subject);
    }
    return false;
}

/* The root CRL of the bundle that was issued last. */
static struct span root_crl_of(const struct bundle *f, const struct attest_roots *roots,
                               struct span kept)
{
    struct collateral_post post;
    uint64_t newest = 0;
    for (size_t i = 0; i < f->count; i++) {
        if (bundle_post(&post, f, i, roots) && post.kind == COLLATERAL_ROOT_CRL &&
            f->items[i].from >= newest) {
            newest = f->items[i].from;
            kept = post.document;
        }
    }
    return kept;
}

/* Of two posts for one id the better one; kinds in the order in which they can be verified. */
static void keep_post(struct bundle_plan *plan, const struct bundle_step *step)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct bundle_step *other = &plan->steps[i];
        if (other->entry.kind != step->entry.kind ||
            memcmp(other->entry.id, step->entry.id, COLLATERAL_ID_SIZE) != 0)
            continue;
        if (collateral_is_newer(&step->entry, &other->entry))
            *other = *step;
        return;
    }
    if (plan->count == BUNDLE_MAX)
        return;
    bool first = step->entry.kind == COLLATERAL_ROOT_CRL;
    size_t at = first ? 0 : plan->count;
    memmove(plan->steps + at + 1, plan->steps + at, (plan->count - at) * sizeof(*step));
    plan->steps[at] = *step;
    plan->count++;
}

static const struct collateral_entry *kept_of(const struct collateral_entry *kept, size_t count,
                                              const struct collateral_entry *e)
{
    for (size_t i = 0; i < count; i++) {
        if (kept[i].kind == e->kind && memcmp(kept[i].id, e->id, COLLATERAL_ID_SIZE) == 0)
            return &kept[i];
    }
    return NULL;
}

void bundle_plan(struct bundle_plan *out, const struct bundle *f, const struct bundle_kept *kept,
                 const struct attest_roots *roots, uint64_t time)
{
    struct span root_crl = root_crl_of(f, roots, kept->root_crl);
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < f->count; i++) {
        struct bundle_step step = { 0 };
        if (!bundle_post(&step.post, f, i, roots))
            continue;
        if (collateral_check(&step.entry, NULL, &step.post, roots, root_crl, time) != OK) {
            out->bad++;
            continue;
        }
        const struct collateral_entry *have = kept_of(kept->entries, kept->count, &step.entry);
        if (have == NULL || collateral_is_newer(&step.entry, have))
            keep_post(out, &step);
        else
            out->old++;
    }
}
