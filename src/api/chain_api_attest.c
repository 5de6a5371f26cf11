/* What evidence is judged by: documents, releases, lists, and the evidence that a worker stands on.
 * docs/guide/chain-api.md. */
#include "api/chain_api_call.h"
#include "attest/attest.h"
#include "attest/tcbinfo.h"
#include "chain/registry.h"
#include "chain/releases.h"
#include "chain/work_evidence.h"
#include "chain/work_store.h"

/* Which platform a TCB info is about, and which enclave an identity. */
static void about(struct json_out *j, const struct registry_entry *e)
{
    struct tcbinfo_signed s;
    struct tcbinfo info;
    struct tcbinfo_qe qe;
    if (e->entry.kind == COLLATERAL_TCB_INFO && tcbinfo_open(&s, e->document, "tcbInfo") == OK &&
        tcbinfo_decode(&info, s.body) == OK) {
        json_out_member_str(j, "tee", info.tdx ? "tdx" : "sgx");
        json_out_member_hex(j, "fmspc", span_of(info.fmspc, sizeof(info.fmspc)));
    }
    if (e->entry.kind == COLLATERAL_QE_IDENTITY &&
        tcbinfo_open(&s, e->document, "enclaveIdentity") == OK &&
        tcbinfo_qe_decode(&qe, s.body) == OK)
        json_out_member_str(j, "tee", qe.tdx ? "tdx" : "sgx");
}

/* The product of AMD's, whose id says it, and the CA of a PCK CRL. */
static void about_issuer(struct json_out *j, const struct registry_entry *e)
{
    struct x509 ca;
    if (e->entry.kind == COLLATERAL_PCK_CRL && x509_decode(&ca, e->issuer) == OK) {
        json_out_key(j, "ca");
        json_out_text(j, ca.common_name);
    }
    for (int i = 0; i < SNP_PRODUCTS; i++) {
        uint8_t crl[32], ask[32], asvk[32];
        collateral_id_amd_crl(crl, (enum snp_product)i);
        collateral_id_amd_ca(ask, (enum snp_product)i, false);
        collateral_id_amd_ca(asvk, (enum snp_product)i, true);
        if (memcmp(e->entry.id, crl, 32) == 0 || memcmp(e->entry.id, ask, 32) == 0 ||
            memcmp(e->entry.id, asvk, 32) == 0)
            json_out_member_str(j, "product", snp_product_name((enum snp_product)i));
    }
}

static void entry_members(struct chain_api_call *call, const struct registry_entry *e)
{
    struct json_out *j = &call->j;
    uint8_t key[REGISTRY_KEY_SIZE];
    registry_key(key, e->entry.kind, e->entry.id);
    json_out_member_str(j, "kind", registry_kind_name(e->entry.kind));
    chain_api_member_hash(j, "id", e->entry.id);
    json_out_member_u64(j, "issued", e->entry.issued);
    json_out_member_u64(j, "lapses", e->entry.lapses);
    json_out_member_bool(j, "lapsed", e->entry.lapses < call->chain.time_ms / 1000);
    json_out_member_u64(j, "evaluation", e->entry.evaluation);
    json_out_member_u64(j, "height", e->height);
    chain_api_member_account(j, "account", e->account);
    json_out_member_u64(j, "size", e->document.n);
    json_out_member_hex(j, "key", span_of(key, sizeof(key)));
    about(j, e);
    about_issuer(j, e);
}

static void collateral_list(struct chain_api_call *call)
{
    struct chain_index_key none = { 0 }, at;
    struct registry_place place = { .kind = COLLATERAL_TCB_INFO };
    struct registry_entry e;
    uint8_t cursor[33];
    uint32_t limit = chain_api_param_limit(call), count = 0;
    if (call->failed || !chain_api_cursor(call, &at, &none))
        return;
    bool goes_on = at.n == sizeof(cursor) && at.b[0] < COLLATERAL_KINDS;
    if (goes_on) {
        place.kind = (enum collateral_kind)at.b[0];
        memcpy(place.id, at.b + 1, sizeof(place.id));
    }
    chain_api_page_begin(call);
    bool more = registry_next(&call->chain.ledger, &e, goes_on ? &place : NULL);
    for (; more && count < limit; count++) {
        json_out_object(&call->j);
        entry_members(call, &e);
        json_out_object_end(&call->j);
        place.kind = e.entry.kind;
        memcpy(place.id, e.entry.id, sizeof(place.id));
        more = registry_next(&call->chain.ledger, &e, &place);
    }
    cursor[0] = (uint8_t)place.kind;
    memcpy(cursor + 1, place.id, sizeof(place.id));
    chain_api_page_end(call, span_of(cursor, more ? sizeof(cursor) : 0));
}

/* An id is of one kind: it is a hash over the kind as well. */
static void collateral_one(struct chain_api_call *call)
{
    struct registry_entry e;
    uint8_t id[32];
    bool found = false;
    if (!chain_api_hash(call, id, "id", call->segments[0]))
        return;
    for (int k = 0; k < COLLATERAL_KINDS && !found; k++)
        found = registry_get(&call->chain.ledger, &e, (enum collateral_kind)k, id);
    if (!found) {
        chain_api_refuse(call, 404, "id", "no document is kept under this id",
                         "GET /v1/collateral lists them; crust attest collateral post adds one");
        return;
    }
    json_out_object(&call->j);
    entry_members(call, &e);
    json_out_member_hex(&call->j, "issuer", e.issuer);
    json_out_member_hex(&call->j, "document", e.document);
    json_out_object_end(&call->j);
}

/* The lists of governance, as the texts that make them. */
static void list_of(struct chain_api_call *call, const char *member, const char *want)
{
    struct releases_place place = { .size = 0 };
    char text[RELEASES_TEXT_MAX + 1];
    const char *name;
    json_out_key(&call->j, member);
    json_out_array(&call->j);
    while (releases_next(&call->chain.ledger, &place, &name, text))
        if (strcmp(name, want) == 0)
            json_out_str(&call->j, text);
    json_out_array_end(&call->j);
}

static void lists(struct chain_api_call *call)
{
    struct json_out *j = &call->j;
    const struct params *p = &call->chain.params;
    json_out_object(j);
    json_out_member_bool(j, "own_roots", registry_has_roots(&call->chain.ledger));
    json_out_member_bool(j, "allow_software", p->allow_software);
    list_of(call, "releases", "attest_release");
    list_of(call, "deny", "attest_deny");
    list_of(call, "advisories", "attest_advisory");
    list_of(call, "td_config", "attest_td_config");
    json_out_key(j, "weights");
    json_out_object(j);
    for (int c = 0; c < WORK_CLASS_COUNT; c++)
        json_out_member_u64(j, work_class_name((enum work_class)c),
                            work_class_weight(p, (enum work_class)c));
    json_out_object_end(j);
    json_out_object_end(j);
}

/* The roots that evidence and documents have to lead to, for whoever verifies them himself. */
static void roots(struct chain_api_call *call)
{
    static const char *const names[] = { "milan", "genoa", "turin" };
    struct attest_roots r;
    struct json_out *j = &call->j;
    registry_roots(&call->chain.ledger, &r);
    json_out_object(j);
    json_out_member_bool(j, "own", registry_has_roots(&call->chain.ledger));
    json_out_member_hex(j, "intel", r.intel);
    for (int i = 0; i < SNP_PRODUCTS; i++)
        json_out_member_hex(j, names[i], r.amd[i]);
    json_out_object_end(j);
}

static void worker_evidence(struct chain_api_call *call)
{
    struct work_worker w;
    struct span evidence;
    uint8_t key[32], record[33] = { WORK_KEY_EVIDENCE };
    if (!chain_api_hash(call, key, "key", call->segments[0]))
        return;
    if (!work_get(&call->chain.ledger, &w, key)) {
        chain_api_refuse(call, 404, "key", "no such worker", "register it first");
        return;
    }
    if (!work_evidence_get(&call->chain.ledger, &evidence, w.lineage)) {
        chain_api_refuse(call, 404, "key", "no hardware vouches for this worker", "");
        return;
    }
    memcpy(record + 1, w.lineage, 32);
    json_out_object(&call->j);
    chain_api_member_hash(&call->j, "worker", w.worker);
    chain_api_member_account(&call->j, "account", w.account);
    chain_api_member_hash(&call->j, "release", w.release);
    json_out_member_u64(&call->j, "block", w.standing.evidence_block);
    json_out_member_hex(&call->j, "key", span_of(record, sizeof(record)));
    json_out_member_hex(&call->j, "evidence", evidence);
    json_out_object_end(&call->j);
}

const struct chain_api_handler chain_api_handlers_attest[] = {
    { "GET /v1/collateral", { "after", "limit", NULL }, collateral_list },
    { "GET /v1/collateral/{id}", { NULL }, collateral_one },
    { "GET /v1/attest", { NULL }, lists },
    { "GET /v1/attest/roots", { NULL }, roots },
    { "GET /v1/workers/{key}/evidence", { NULL }, worker_evidence },
    { NULL, { NULL }, NULL },
};
