#include "cli/attest_files.h"

#include "attest/pck.h"
#include "attest/pem.h"
#include "attest/quote.h"
#include "attest/tcbinfo.h"
#include "rt/path.h"

#include <dirent.h>
#include <stdlib.h>

enum err attest_files_init(struct attest_files *f)
{
    f->count = f->used = 0;
    f->room = malloc(ATTEST_FILES_BYTES);
    return f->room == NULL ? ERR_MEMORY : OK;
}

void attest_files_fini(struct attest_files *f)
{
    free(f->room);
    f->room = NULL;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static enum err keep(struct attest_files *f, struct attest_files_item item)
{
    if (f->count == ATTEST_FILES_MAX || item.bytes.n > ATTEST_FILES_BYTES - f->used)
        return ERR_LIMIT;
    memcpy(f->room + f->used, item.bytes.p, item.bytes.n);
    item.bytes.p = f->room + f->used;
    f->used += item.bytes.n;
    f->items[f->count++] = item;
    return OK;
}

static enum err take_der(struct attest_files *f, struct span der)
{
    struct x509 cert;
    struct x509_crl crl;
    if (x509_decode(&cert, der) == OK)
        return keep(f, (struct attest_files_item){ .kind = ATTEST_FILES_CERT,
                                                   .bytes = der,
                                                   .from = cert.not_before,
                                                   .to = cert.not_after });
    if (x509_crl_decode(&crl, der) == OK)
        return keep(f, (struct attest_files_item){ .kind = ATTEST_FILES_CRL,
                                                   .bytes = der,
                                                   .from = crl.this_update,
                                                   .to = crl.next_update });
    return OK;
}

static enum err take_json(struct attest_files *f, struct span text)
{
    static struct tcbinfo info;
    static struct tcbinfo_qe qe;
    struct tcbinfo_signed s;
    if (tcbinfo_open(&s, text, "tcbInfo") == OK && tcbinfo_decode(&info, s.body) == OK)
        return keep(f, (struct attest_files_item){ .kind = ATTEST_FILES_TCB_INFO,
                                                   .bytes = text,
                                                   .from = info.issued,
                                                   .to = info.next_update,
                                                   .evaluation = info.evaluation });
    if (tcbinfo_open(&s, text, "enclaveIdentity") == OK && tcbinfo_qe_decode(&qe, s.body) == OK)
        return keep(f, (struct attest_files_item){ .kind = ATTEST_FILES_QE_IDENTITY,
                                                   .bytes = text,
                                                   .from = qe.issued,
                                                   .to = qe.next_update,
                                                   .evaluation = qe.evaluation });
    return OK;
}

static enum err take(struct attest_files *f, struct span content)
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

static enum err take_file(struct attest_files *f, const char *folder, const char *name)
{
    char path[4096];
    struct mspan content;
    TRY(path_join(path, sizeof(path), folder, name));
    enum err e = path_read_file(&content, path, ATTEST_FILES_FILE_MAX);
    if (e != OK)
        return OK; /* a folder, a large file: not what is looked for */
    e = take(f, span_of(content.p, content.n));
    free(content.p);
    return e;
}

enum err attest_files_add(struct attest_files *f, const char *folder)
{
    DIR *d = opendir(folder);
    if (d == NULL)
        return ERR_NOT_FOUND;
    enum err e = OK;
    for (const struct dirent *entry = readdir(d); entry != NULL && e == OK; entry = readdir(d)) {
        if (entry->d_name[0] != '.')
            e = take_file(f, folder, entry->d_name);
    }
    (void)closedir(d);
    return e;
}

/* ---- choosing -----------------------------------------------------------------------------------
 */

struct search {
    const struct attest_files *files;
    uint64_t time;
    bool tdx;
    struct pck pck;
    struct x509 leaf;   /* the PCK, or the VCEK or VLEK */
    struct span issuer; /* a name that is looked for */
    struct snp_report report;
    const char *common_name;
};

/* Of two items that fit, whether a is the better one. */
static bool better(const struct search *s, const struct attest_files_item *a,
                   const struct attest_files_item *b)
{
    bool a_valid = a->from <= s->time && s->time <= a->to;
    bool b_valid = b->from <= s->time && s->time <= b->to;
    if (a_valid != b_valid)
        return a_valid;
    if (a->evaluation != b->evaluation)
        return a->evaluation > b->evaluation;
    return a->from != b->from ? a->from > b->from : span_cmp(a->bytes, b->bytes) < 0;
}

static struct span find(const struct search *s, enum attest_files_kind kind,
                        bool (*fits)(const struct search *s, struct span bytes))
{
    const struct attest_files_item *best = NULL;
    for (size_t i = 0; i < s->files->count; i++) {
        const struct attest_files_item *item = &s->files->items[i];
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
    out->tcb_info = find(s, ATTEST_FILES_TCB_INFO, tcb_info_fits);
    out->qe_identity = find(s, ATTEST_FILES_QE_IDENTITY, qe_identity_fits);
    s->common_name = "Intel SGX TCB Signing";
    out->tcb_signer = find(s, ATTEST_FILES_CERT, is_named);
    s->issuer = root.subject;
    out->root_crl = find(s, ATTEST_FILES_CRL, crl_fits);
    s->issuer = s->leaf.issuer;
    out->pck_crl = find(s, ATTEST_FILES_CRL, crl_fits);
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
    out->snp_leaf = own.n != 0 ? own : find(s, ATTEST_FILES_CERT, fits_report);
    if (x509_decode(&s->leaf, out->snp_leaf) != OK || snp_leaf_decode(&leaf, &s->leaf) != OK)
        return;
    out->snp_ca = find(s, ATTEST_FILES_CERT, signs_leaf);
    if (x509_decode(&ark, roots->amd[leaf.product]) != OK)
        return;
    s->issuer = ark.subject;
    out->snp_crl = find(s, ATTEST_FILES_CRL, crl_fits);
}

void attest_files_choose(struct attest_collateral *out, const struct attest_files *f,
                         struct span evidence, const struct attest_roots *roots, uint64_t time)
{
    struct search s = { .files = f, .time = time };
    *out = (struct attest_collateral){ 0 };
    if (attest_is_quote(evidence))
        choose_dcap(out, &s, evidence, roots);
    else
        choose_snp(out, &s, evidence, roots);
}
