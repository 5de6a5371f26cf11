#include "chain/registry.h"

#include "attest/attest.h"
#include "chain/memo.h"
#include "chain/work_evidence.h"
#include "codec/cbor.h"

enum { KEY_ENTRY = 'c', KEY_ROOT = 'o', RECORD_MAX = STATE_VALUE_MAX };

_Static_assert(TX_DOCUMENT_MAX + TX_ISSUER_MAX + 128 <= RECORD_MAX, "an entry fits a record");

void registry_key(uint8_t out[REGISTRY_KEY_SIZE], enum collateral_kind kind,
                  const uint8_t id[COLLATERAL_ID_SIZE])
{
    out[0] = KEY_ENTRY;
    out[1] = (uint8_t)kind;
    memcpy(out + 2, id, COLLATERAL_ID_SIZE);
}

const char *registry_kind_name(enum collateral_kind kind)
{
    static const char *const names[COLLATERAL_KINDS] = { "tcb-info", "qe-identity", "root-crl",
                                                         "pck-crl",  "amd-crl",     "amd-ca" };
    return (unsigned)kind < COLLATERAL_KINDS ? names[kind] : "?";
}

/* ---- entries --------------------------------------------------------------------------------- */

static void entry_read(struct registry_entry *out, struct span key, struct span value)
{
    ASSERT(key.n == REGISTRY_KEY_SIZE);
    out->entry.kind = (enum collateral_kind)key.p[1];
    memcpy(out->entry.id, key.p + 2, COLLATERAL_ID_SIZE);
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 7);
    out->entry.issued = cbor_read_uint(&c);
    out->entry.lapses = cbor_read_uint(&c);
    out->entry.evaluation = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    out->height = cbor_read_uint(&c);
    cbor_read_bytes_of(&c, out->account, 32);
    out->issuer = cbor_read_bytes(&c);
    out->document = cbor_read_bytes(&c);
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
}

bool registry_get(struct ledger *l, struct registry_entry *out, enum collateral_kind kind,
                  const uint8_t id[COLLATERAL_ID_SIZE])
{
    uint8_t key[REGISTRY_KEY_SIZE];
    struct span value;
    *out = (struct registry_entry){ 0 };
    registry_key(key, kind, id);
    if (!state_get(l->st, &value, STATE_ATTEST, span_of(key, sizeof(key))))
        return false;
    entry_read(out, span_of(key, sizeof(key)), value);
    return true;
}

bool registry_next(struct ledger *l, struct registry_entry *out, const struct registry_place *after)
{
    const uint8_t prefix[1] = { KEY_ENTRY };
    const struct state_range range = { .store = STATE_ATTEST, .prefix = span_of(prefix, 1) };
    uint8_t from[REGISTRY_KEY_SIZE] = { KEY_ENTRY };
    struct span key, value;
    if (after != NULL)
        registry_key(from, after->kind, after->id);
    *out = (struct registry_entry){ 0 };
    if (!state_next(l->st, &key, &value, range, span_of(from, sizeof(from)), after != NULL))
        return false;
    entry_read(out, key, value);
    return true;
}

static void entry_put(struct ledger *l, const struct registry_entry *e)
{
    uint8_t key[REGISTRY_KEY_SIZE], buf[RECORD_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 7);
    cbor_write_uint(&w, e->entry.issued);
    cbor_write_uint(&w, e->entry.lapses);
    cbor_write_uint(&w, e->entry.evaluation);
    cbor_write_uint(&w, e->height);
    cbor_write_bytes(&w, span_of(e->account, 32));
    cbor_write_bytes(&w, e->issuer);
    cbor_write_bytes(&w, e->document);
    ASSERT(w.err == OK);
    registry_key(key, e->entry.kind, e->entry.id);
    state_put(l->st, STATE_ATTEST, span_of(key, sizeof(key)), writer_span(&w));
}

/* ---- roots ----------------------------------------------------------------------------------- */

static bool own_root(struct ledger *l, struct span *out, uint32_t which)
{
    const uint8_t key[2] = { KEY_ROOT, (uint8_t)which };
    return state_get(l->st, out, STATE_ATTEST, span_of(key, sizeof(key)));
}

bool registry_has_roots(struct ledger *l)
{
    struct span unused;
    for (uint32_t i = 0; i < REGISTRY_ROOTS; i++)
        if (own_root(l, &unused, i))
            return true;
    return false;
}

void registry_roots(struct ledger *l, struct attest_roots *out)
{
    struct span der;
    *out = *attest_vendor_roots();
    if (own_root(l, &der, 0))
        out->intel = der;
    for (uint32_t i = 0; i < SNP_PRODUCTS; i++)
        if (own_root(l, &der, 1 + i))
            out->amd[i] = der;
}

enum err registry_set_root(struct ledger *l, uint32_t which, struct span der)
{
    struct x509 cert;
    ASSERT(which < REGISTRY_ROOTS);
    if (x509_decode(&cert, der) != OK || !cert.ca || !cert.signs_crl)
        return ERR_FORMAT;
    const uint8_t key[2] = { KEY_ROOT, (uint8_t)which };
    state_put(l->st, STATE_ATTEST, span_of(key, sizeof(key)), der);
    return OK;
}

/* ---- what a verification is judged by -------------------------------------------------------- */

/* The QE identity may be signed by another certificate than the TCB info, of which the verification
 * looks at one alone. */
static bool signer_stands(const struct registry_inputs *in, struct span issuer)
{
    struct x509 cert;
    struct x509_crl crl;
    return x509_decode(&cert, issuer) == OK && in->inputs.time >= cert.not_before &&
           in->inputs.time <= cert.not_after &&
           x509_crl_decode(&crl, in->collateral.root_crl) == OK &&
           !x509_crl_lists(&crl, cert.serial);
}

static void take(struct registry_inputs *out, struct registry_entry *qe,
                 const struct registry_entry *e)
{
    struct attest_collateral *c = &out->collateral;
    switch (e->entry.kind) {
    case COLLATERAL_TCB_INFO:
        c->tcb_info = e->document;
        c->tcb_signer = e->issuer;
        break;
    case COLLATERAL_QE_IDENTITY:
        *qe = *e;
        c->qe_identity = e->document;
        break;
    case COLLATERAL_ROOT_CRL:
        c->root_crl = e->document;
        break;
    case COLLATERAL_PCK_CRL:
        c->pck_crl = e->document;
        c->pck_ca = e->issuer;
        break;
    case COLLATERAL_AMD_CRL:
        c->snp_crl = e->document;
        break;
    case COLLATERAL_AMD_CA:
        c->snp_ca = e->document;
        break;
    case COLLATERAL_KINDS:
        break;
    }
}

void registry_inputs(struct ledger *l, struct registry_inputs *out, const struct needs *needs)
{
    struct registry_entry e, qe = { 0 };
    *out = (struct registry_inputs){ .collateral.verified = needs->intel };
    registry_roots(l, &out->roots);
    out->inputs = (struct attest_inputs){ .roots = &out->roots,
                                          .collateral = &out->collateral,
                                          .time = l->time_ms / 1000 };
    for (uint32_t i = 0; i < needs->count; i++)
        if (registry_get(l, &e, needs->items[i].kind, needs->items[i].id))
            take(out, &qe, &e);
    if (!span_eq(qe.issuer, out->collateral.tcb_signer) && !signer_stands(out, qe.issuer))
        out->collateral.qe_identity = (struct span){ NULL, 0 };
}

/* ---- posts ----------------------------------------------------------------------------------- */

static enum tx_result verify_post(struct ledger *l, struct collateral_entry *out,
                                  const struct tx_collateral *p)
{
    const struct collateral_post post = { .kind = (enum collateral_kind)p->kind,
                                          .document = p->document,
                                          .issuer = p->issuer };
    struct attest_roots roots;
    struct registry_entry crl, kept;
    uint8_t id[COLLATERAL_ID_SIZE];
    *out = (struct collateral_entry){ 0 };
    if (p->kind >= COLLATERAL_KINDS)
        return RESULT_COLLATERAL_BAD;
    registry_roots(l, &roots);
    collateral_id_root_crl(id);
    (void)registry_get(l, &crl, COLLATERAL_ROOT_CRL, id); /* without one it is empty */
    if (memo_check_post(l->memo, out, &post, &roots, crl.document, l->time_ms / 1000) != OK)
        return RESULT_COLLATERAL_BAD;
    /* SPEC attest 11.3: "A post replaces the entry only if it was issued later and its
     * tcbEvaluationDataNumber is not lower" */
    if (registry_get(l, &kept, out->kind, out->id) && !collateral_is_newer(out, &kept.entry))
        return RESULT_COLLATERAL_OLD;
    return RESULT_OK;
}

enum tx_result registry_check_post(struct ledger *l, const struct ledger_call *call)
{
    struct collateral_entry entry;
    return verify_post(l, &entry, &call->tx->call.collateral);
}

bool registry_is_useful(struct ledger *l, const struct ledger_call *call)
{
    struct collateral_entry entry;
    struct registry_entry kept;
    if (verify_post(l, &entry, &call->tx->call.collateral) != RESULT_OK)
        return false;
    /* SPEC attest 11.5: "it is the first of its id, of a higher evaluation number, or issued
     * collateral_fresh_s later than the one before" */
    return !registry_get(l, &kept, entry.kind, entry.id) ||
           entry.evaluation > kept.entry.evaluation ||
           entry.issued - kept.entry.issued >= l->params->collateral_fresh_s;
}

/* Every serial number that is listed now and was not before. */
static bool lists_new(struct span before, struct span now)
{
    struct x509_crl old = { 0 }, crl;
    struct span serial;
    size_t place = 0;
    if (x509_crl_decode(&crl, now) != OK)
        return false;
    (void)!x509_crl_decode(&old, before); /* none before: all are new */
    while (x509_crl_next(&crl, &serial, &place))
        if (!x509_crl_lists(&old, serial))
            return true;
    return false;
}

/* Those whose own certificate has been revoked, by its name. */
static void sweep_revoked(struct ledger *l, struct span before, const struct tx_collateral *p)
{
    struct x509_crl old = { 0 }, crl;
    struct x509 ca;
    struct span serial;
    size_t place = 0;
    if (x509_decode(&ca, p->issuer) != OK || x509_crl_decode(&crl, p->document) != OK)
        return;
    (void)!x509_crl_decode(&old, before);
    while (x509_crl_next(&crl, &serial, &place)) {
        uint8_t pck[32];
        if (x509_crl_lists(&old, serial))
            continue;
        needs_pck(pck, &ca.key, serial);
        work_evidence_sweep(l, WORK_TAG_PCK, pck);
    }
}

static void sweep_product(struct ledger *l, const uint8_t *id)
{
    for (uint8_t i = 0; i < SNP_PRODUCTS; i++) {
        uint8_t of[COLLATERAL_ID_SIZE];
        collateral_id_amd_crl(of, (enum snp_product)i);
        if (memcmp(of, id, sizeof(of)) == 0)
            work_evidence_sweep_number(l, WORK_TAG_PRODUCT, i);
    }
}

static void sweep_intel(struct ledger *l, bool sgx, bool tdx)
{
    if (sgx)
        work_evidence_sweep_number(l, WORK_TAG_KIND, ATTEST_SGX);
    if (tdx)
        work_evidence_sweep_number(l, WORK_TAG_KIND, ATTEST_TDX);
}

/* SPEC attest 11.6: "What a new entry changes reaches the workers that are there" */
static void sweep(struct ledger *l, const struct collateral_entry *now,
                  const struct registry_entry *kept, const struct tx_collateral *p)
{
    uint8_t sgx[COLLATERAL_ID_SIZE];
    bool raised = now->evaluation > kept->entry.evaluation;
    switch (now->kind) {
    case COLLATERAL_TCB_INFO:
        if (raised)
            work_evidence_sweep(l, WORK_TAG_PLATFORM, now->id);
        break;
    case COLLATERAL_QE_IDENTITY:
        collateral_id_qe_identity(sgx, false);
        bool of_sgx = memcmp(sgx, now->id, sizeof(sgx)) == 0;
        if (raised)
            sweep_intel(l, of_sgx, !of_sgx);
        break;
    case COLLATERAL_ROOT_CRL:
        if (lists_new(kept->document, p->document))
            sweep_intel(l, true, true);
        break;
    case COLLATERAL_PCK_CRL:
        sweep_revoked(l, kept->document, p);
        break;
    case COLLATERAL_AMD_CRL:
        if (lists_new(kept->document, p->document))
            sweep_product(l, now->id);
        break;
    case COLLATERAL_AMD_CA:
    case COLLATERAL_KINDS:
        break;
    }
}

void registry_apply_post(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_collateral *p = &call->tx->call.collateral;
    struct registry_entry kept, next = { .height = l->height };
    uint8_t before[TX_DOCUMENT_MAX];
    if (verify_post(l, &next.entry, p) != RESULT_OK)
        return; /* only when the state cannot be read: the block is lost then */
    (void)registry_get(l, &kept, next.entry.kind, next.entry.id);
    ASSERT(kept.document.n <= sizeof(before));
    if (kept.document.n > 0)
        memcpy(before, kept.document.p, kept.document.n);
    kept.document.p = before;
    next.issuer = p->issuer;
    next.document = p->document;
    memcpy(next.account, call->from, 32);
    entry_put(l, &next);
    sweep(l, &next.entry, &kept, p);

    struct ledger_event ev;
    ledger_event_begin(&ev, "collateral.posted");
    ledger_event_text(&ev, "kind", span_str(registry_kind_name(next.entry.kind)));
    ledger_event_hex(&ev, "id", span_of(next.entry.id, 32));
    ledger_event_uint(&ev, "issued", next.entry.issued);
    ledger_event_uint(&ev, "lapses", next.entry.lapses);
    ledger_event_uint(&ev, "evaluation", next.entry.evaluation);
    ledger_event_account(&ev, "account", call->from);
    ledger_event_end(l, &ev);
}
