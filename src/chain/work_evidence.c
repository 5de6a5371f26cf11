#include "chain/work_evidence.h"

#include "attest/attest.h"
#include "chain/accounts.h"
#include "chain/memo.h"
#include "chain/releases.h"
#include "chain/work_store.h"
#include "crypto/sha256.h"

/* SPEC work 2.8: "One block lets at most 64 workers lapse" */
enum { LAPSE_MAX = 64, JUDGE_COST = 5 /* records that one judgement counts as */ };

static uint64_t now(const struct ledger *l)
{
    return l->time_ms / 1000;
}

/* ---- verifying ------------------------------------------------------------------------------- */

/* What hardware evidence is judged by; false: it needs none, or does not say what. */
static bool load_inputs(struct ledger *l, struct registry_inputs *in, struct needs *needs,
                        struct span evidence)
{
    enum attest_kind kind;
    struct span data;
    if (attest_open(&kind, &data, evidence) != OK || kind == ATTEST_SOFTWARE ||
        needs_of(needs, data) != OK)
        return false;
    registry_inputs(l, in, needs);
    return true;
}

/* The end of an attestation: of what it rests on, and of the time that the network gives. */
static uint64_t end_of(const struct ledger *l, const struct attest_verdict *v, uint64_t most)
{
    const struct params *p = l->params;
    uint64_t end = v->lapses < most ? v->lapses : most;
    bool for_good = v->kind == ATTEST_SNP || (p->attest_statuses >> v->status & 1) != 0;
    uint64_t grace = v->intel.superseded + p->attest_grace_s;
    return !for_good && grace < end ? grace : end;
}

static enum tx_result judge_found(struct ledger *l, const struct work_found *found, bool admitted)
{
    struct releases_policy room;
    const struct attest_situation situation = { .height = l->height,
                                                .time = now(l),
                                                .admitted = admitted };
    releases_policy(l, &room, &found->verdict, found->release);
    return attest_policy_refusals(&room.policy, &found->verdict, &situation) == 0
               ? RESULT_OK
               : RESULT_EVIDENCE_POLICY;
}

enum tx_result work_evidence_check(struct ledger *l, struct work_found *out,
                                   const struct work_ask *ask)
{
    uint8_t block_hash[32];
    struct needs needs = { .intel = false };
    struct registry_inputs in;
    *out = (struct work_found){ .release = ask->release,
                                .evidence = ask->evidence,
                                .block = ask->block };
    /* SPEC work 2.2: "The block MUST be known and at most evidence_max_age_blocks old." */
    if (ask->block >= l->height || l->height - ask->block > l->params->evidence_max_age_blocks ||
        !ledger_block_hash(l, block_hash, ask->block))
        return RESULT_EVIDENCE_OLD;
    struct attest_context context = {
        .binding = { .worker = ask->worker,
                     .account = ask->account,
                     .chain = l->chain_hash,
                     .release_id = ask->release,
                     .block_hash = block_hash,
                     .predecessor = ask->predecessor,
                     .exchange = ask->exchange },
        .allow_software = l->params->allow_software,
    };
    if (load_inputs(l, &in, &needs, ask->evidence))
        context.inputs = &in.inputs;
    enum err e = memo_verify(l->memo, &out->verdict, ask->evidence, &context);
    if (e == ERR_DENIED || e == ERR_UNSUPPORTED)
        return RESULT_EVIDENCE_POLICY;
    if (e != OK)
        return RESULT_EVIDENCE_BAD;
    memcpy(out->pck, needs.pck, sizeof(out->pck));
    if (out->verdict.kind != ATTEST_SOFTWARE)
        out->expires_at = end_of(l, &out->verdict, now(l) + l->params->attest_valid_s);
    return judge_found(l, out, ask->admitted);
}

/* ---- records and rows ------------------------------------------------------------------------ */

void work_evidence_program(uint8_t out[32], enum attest_kind kind,
                           const uint8_t measurement[ATTEST_MEASUREMENT_MAX])
{
    const uint8_t number = (uint8_t)kind;
    const struct span parts[] = { span_of(&number, 1),
                                  span_of(measurement, ATTEST_MEASUREMENT_MAX) };
    sha256_tagged(out, "crust/program/1", parts, 2);
}

static struct work_key tag_key(enum work_tag tag, const uint8_t of[32])
{
    const uint8_t letter = (uint8_t)tag;
    struct work_key k = work_key_of(WORK_INDEX_TAG);
    work_key_add(&k, &letter, 1);
    work_key_add(&k, of, 32);
    return k;
}

static void number_of(uint8_t out[32], uint8_t number)
{
    memset(out, 0, 32);
    out[0] = number;
}

static void tag_set(struct ledger *l, const uint8_t lineage[32], struct work_key k, bool there)
{
    work_key_add(&k, lineage, 32);
    if (there)
        state_put(l->st, STATE_INDEX, work_key_span(&k), span_of(NULL, 0));
    else
        state_del(l->st, STATE_INDEX, work_key_span(&k));
}

/* All rows by which the worker is found. */
static void tags_set(struct ledger *l, const struct work_worker *w, bool there)
{
    uint8_t of[32];
    number_of(of, w->kind);
    tag_set(l, w->lineage, tag_key(WORK_TAG_KIND, of), there);
    tag_set(l, w->lineage, tag_key(WORK_TAG_DEVICE, w->platform), there);
    if (w->kind == ATTEST_SOFTWARE)
        return;
    work_evidence_program(of, (enum attest_kind)w->kind, w->standing.measurement);
    tag_set(l, w->lineage, tag_key(WORK_TAG_MEASUREMENT, of), there);
    if (w->kind == ATTEST_SNP) {
        number_of(of, w->standing.product);
        tag_set(l, w->lineage, tag_key(WORK_TAG_PRODUCT, of), there);
        return;
    }
    collateral_id_tcb_info(of, w->kind == ATTEST_TDX, w->standing.fmspc);
    tag_set(l, w->lineage, tag_key(WORK_TAG_PLATFORM, of), there);
    tag_set(l, w->lineage, tag_key(WORK_TAG_PCK, w->standing.pck), there);
}

static void expiry_set(struct ledger *l, const struct work_worker *w, bool there)
{
    struct work_key k = work_key_of(WORK_INDEX_EXPIRY);
    if (w->standing.expires_at == 0)
        return;
    work_key_u64(&k, w->standing.expires_at);
    work_key_add(&k, w->lineage, 32);
    if (there)
        state_put(l->st, STATE_INDEX, work_key_span(&k), span_of(NULL, 0));
    else
        state_del(l->st, STATE_INDEX, work_key_span(&k));
}

static struct work_key evidence_key(const uint8_t lineage[32])
{
    struct work_key k = work_key_of(WORK_KEY_EVIDENCE);
    work_key_add(&k, lineage, 32);
    return k;
}

bool work_evidence_get(struct ledger *l, struct span *out, const uint8_t lineage[32])
{
    struct work_key k = evidence_key(lineage);
    return state_get(l->st, out, STATE_WORK, work_key_span(&k));
}

static void rows_remove(struct ledger *l, const struct work_worker *w)
{
    if (w->standing.attested_at == 0)
        return;
    tags_set(l, w, false);
    expiry_set(l, w, false);
}

void work_evidence_keep(struct ledger *l, struct work_worker *w, const struct work_found *found)
{
    const struct attest_verdict *v = &found->verdict;
    struct work_key k = evidence_key(w->lineage);
    rows_remove(l, w);
    w->kind = (uint8_t)v->kind;
    memcpy(w->platform, v->platform_id, 32);
    memcpy(w->release, found->release, 32);
    w->standing = (struct work_standing){ .status = v->status,
                                          .evaluation = v->intel.evaluation,
                                          .attested_at = l->height,
                                          .evidence_block = found->block,
                                          .expires_at = found->expires_at };
    if (v->kind == ATTEST_SNP)
        w->standing.product = (uint8_t)v->u.snp.product;
    memcpy(w->standing.measurement, v->measurement, sizeof(w->standing.measurement));
    memcpy(w->standing.fmspc, v->intel.fmspc, sizeof(w->standing.fmspc));
    memcpy(w->standing.pck, found->pck, sizeof(w->standing.pck));
    tags_set(l, w, true);
    expiry_set(l, w, true);
    /* What signs for itself alone proves nothing later: only hardware's is kept. */
    if (v->kind != ATTEST_SOFTWARE)
        state_put(l->st, STATE_WORK, work_key_span(&k), found->evidence);
    work_mark_power(l, w->lineage);
}

void work_evidence_forget(struct ledger *l, struct work_worker *w)
{
    struct work_key k = evidence_key(w->lineage);
    rows_remove(l, w);
    if (w->kind != ATTEST_SOFTWARE)
        state_del(l->st, STATE_WORK, work_key_span(&k));
    w->standing.attested_at = 0;
    w->standing.expires_at = 0;
    w->standing.lapsed = true;
    work_mark_power(l, w->lineage);
}

/* ---- worker.attest --------------------------------------------------------------------------- */

static enum tx_result check_renewal(struct ledger *l, struct work_found *found,
                                    struct work_worker *w, const struct ledger_call *call)
{
    const struct tx_worker_register *r = &call->tx->call.worker_register;
    const struct work_ask ask = { .account = call->from,
                                  .worker = r->worker,
                                  .release = r->release,
                                  .block = r->block,
                                  .evidence = r->evidence,
                                  .admitted = true };
    if (!work_get(l, w, r->worker) || memcmp(w->worker, r->worker, 32) != 0)
        return RESULT_WORKER_UNKNOWN;
    if (memcmp(w->account, call->from, 32) != 0)
        return RESULT_WORKER_NOT_YOURS;
    /* SPEC work 2.7: "The block MUST be a later one than that of the attestation before" */
    if (r->block <= w->standing.evidence_block)
        return RESULT_EVIDENCE_OLD;
    enum tx_result e = work_evidence_check(l, found, &ask);
    if (e != RESULT_OK)
        return e;
    bool same = found->verdict.kind == (enum attest_kind)w->kind &&
                memcmp(found->verdict.platform_id, w->platform, 32) == 0 &&
                memcmp(found->verdict.measurement, w->standing.measurement,
                       sizeof(w->standing.measurement)) == 0;
    return same ? RESULT_OK : RESULT_EVIDENCE_DEVICE;
}

enum tx_result work_check_attest(struct ledger *l, const struct ledger_call *call)
{
    struct work_found found;
    struct work_worker w;
    return check_renewal(l, &found, &w, call);
}

void work_apply_attest(struct ledger *l, const struct ledger_call *call)
{
    struct work_found found;
    struct work_worker w;
    if (check_renewal(l, &found, &w, call) != RESULT_OK)
        return; /* only when the state cannot be read: the block is lost then */
    work_evidence_keep(l, &w, &found);
    work_put(l, &w);

    struct ledger_event ev;
    ledger_event_begin(&ev, "worker.attested");
    ledger_event_hex(&ev, "worker", span_of(w.worker, 32));
    ledger_event_account(&ev, "account", w.account);
    ledger_event_text(&ev, "class", span_str(work_class_name(work_class_of(l->params, &w))));
    ledger_event_uint(&ev, "expires", w.standing.expires_at);
    ledger_event_end(l, &ev);
}

/* ---- judging anew ---------------------------------------------------------------------------- */

void work_evidence_sweep_at(struct ledger *l, uint64_t height, enum work_tag tag,
                            const uint8_t of[32])
{
    static const uint8_t none[32];
    const uint8_t letter = (uint8_t)tag;
    struct work_key k = work_key_of(WORK_DUE_JUDGE);
    work_key_add(&k, &letter, 1);
    work_key_add(&k, of, 32);
    work_key_add(&k, none, 32);
    ledger_queue_put(l, height, LEDGER_DUE_WORK, work_key_span(&k));
}

void work_evidence_sweep(struct ledger *l, enum work_tag tag, const uint8_t of[32])
{
    struct work_key k = tag_key(tag, of);
    const struct state_range range = { .store = STATE_INDEX, .prefix = work_key_span(&k) };
    struct span key, value;
    if (state_next(l->st, &key, &value, range, range.prefix, false))
        work_evidence_sweep_at(l, l->height + 1, tag, of);
}

void work_evidence_sweep_number(struct ledger *l, enum work_tag tag, uint8_t number)
{
    uint8_t of[32];
    number_of(of, number);
    work_evidence_sweep(l, tag, of);
}

void work_evidence_sweep_all(struct ledger *l)
{
    for (uint8_t kind = ATTEST_SOFTWARE; kind <= ATTEST_SNP; kind++)
        work_evidence_sweep_number(l, WORK_TAG_KIND, kind);
}

/* What the evidence of a worker says now. */
static enum tx_result look_again(struct ledger *l, struct work_found *found,
                                 const struct work_worker *w)
{
    struct registry_inputs in;
    struct needs needs;
    enum attest_kind kind;
    struct span data;
    *found = (struct work_found){ .release = w->release };
    if (w->kind == ATTEST_SOFTWARE) {
        found->verdict.status = STATUS_NONE;
        memcpy(found->verdict.platform_id, w->platform, 32);
        return judge_found(l, found, true);
    }
    if (!work_evidence_get(l, &found->evidence, w->lineage) ||
        attest_open(&kind, &data, found->evidence) != OK ||
        !load_inputs(l, &in, &needs, found->evidence) ||
        attest_verify_bare(&found->verdict, data, &in.inputs) != OK)
        return RESULT_EVIDENCE_BAD;
    return judge_found(l, found, true);
}

/* SPEC work 2.9: "it ends at once, so that its weight goes with the next slot" */
static void refuse(struct ledger *l, struct work_worker *w, enum tx_result why)
{
    struct ledger_event ev;
    expiry_set(l, w, false);
    w->standing.expires_at = now(l) - 1;
    expiry_set(l, w, true);
    ledger_event_begin(&ev, "worker.refused");
    ledger_event_hex(&ev, "worker", span_of(w->worker, 32));
    ledger_event_account(&ev, "account", w->account);
    ledger_event_text(&ev, "why", span_str(result_name(why)));
    ledger_event_end(l, &ev);
}

static void judge(struct ledger *l, const uint8_t lineage[32])
{
    struct work_worker w;
    struct work_found found;
    if (!work_get_lineage(l, &w, lineage))
        return;
    /* A weight may have become another, whatever the evidence says. */
    work_mark_power(l, lineage);
    if (w.standing.lapsed)
        return;
    l->judged++;
    enum tx_result e = look_again(l, &found, &w);
    if (e != RESULT_OK) {
        refuse(l, &w, e);
    } else if (w.kind != ATTEST_SOFTWARE) {
        expiry_set(l, &w, false);
        w.standing.expires_at = end_of(l, &found.verdict, w.standing.expires_at);
        w.standing.status = found.verdict.status;
        w.standing.evaluation = found.verdict.intel.evaluation;
        expiry_set(l, &w, true);
    }
    work_put(l, &w);
}

static uint32_t judge_next(struct ledger *l, struct span entry)
{
    uint8_t of[32], lineage[32];
    ASSERT(entry.n == 1 + 1 + 32 + 32);
    enum work_tag tag = (enum work_tag)entry.p[1];
    memcpy(of, entry.p + 2, 32);
    memcpy(lineage, entry.p + 34, 32);
    struct work_key prefix = tag_key(tag, of);
    const struct state_range range = { .store = STATE_INDEX, .prefix = work_key_span(&prefix) };
    uint32_t looked = 1;
    for (;; looked += JUDGE_COST) {
        struct work_key from = prefix;
        struct span key, value;
        work_key_add(&from, lineage, 32);
        if (!state_next(l->st, &key, &value, range, work_key_span(&from), true))
            return looked;
        if (l->judged >= l->params->attest_sweep_per_block || looked >= l->params->queue_per_block)
            break;
        memcpy(lineage, key.p + prefix.n, 32);
        judge(l, lineage);
    }
    struct work_key k = work_key_of(WORK_DUE_JUDGE);
    work_key_add(&k, entry.p + 1, 33);
    work_key_add(&k, lineage, 32);
    ledger_queue_put(l, l->height + 1, LEDGER_DUE_WORK, work_key_span(&k));
    return looked;
}

/* ---- lapsing --------------------------------------------------------------------------------- */

static void lapse(struct ledger *l, const uint8_t lineage[32])
{
    struct work_worker w;
    struct ledger_event ev;
    if (!work_get_lineage(l, &w, lineage))
        return;
    w.standing.lapsed = true;
    work_put(l, &w);
    work_mark_power(l, lineage);
    ledger_event_begin(&ev, "worker.lapsed");
    ledger_event_hex(&ev, "worker", span_of(w.worker, 32));
    ledger_event_account(&ev, "account", w.account);
    ledger_event_uint(&ev, "expired", w.standing.expires_at);
    ledger_event_end(l, &ev);
}

/* All that ended before a moment, a part in each block. */
static uint32_t lapse_before(struct ledger *l, uint64_t moment)
{
    const uint8_t prefix[1] = { WORK_INDEX_EXPIRY };
    const struct state_range range = { .store = STATE_INDEX, .prefix = { prefix, 1 } };
    struct span key, value;
    for (uint32_t i = 0; i < LAPSE_MAX; i++) {
        if (!state_next(l->st, &key, &value, range, range.prefix, false))
            return i + 1;
        ASSERT(key.n == 1 + 8 + 32);
        if (load_be64(key.p + 1) >= moment)
            return i + 1;
        struct work_key row = work_key_of(WORK_INDEX_EXPIRY);
        work_key_add(&row, key.p + 1, 40);
        state_del(l->st, STATE_INDEX, work_key_span(&row));
        lapse(l, row.bytes + 9);
    }
    struct work_key k = work_key_of(WORK_DUE_LAPSE);
    work_key_u64(&k, moment);
    ledger_queue_put(l, l->height + 1, LEDGER_DUE_WORK, work_key_span(&k));
    return LAPSE_MAX;
}

void work_evidence_slot(struct ledger *l)
{
    lapse_before(l, now(l));
}

uint32_t work_evidence_due(struct ledger *l, struct span key)
{
    if (key.p[0] == WORK_DUE_JUDGE)
        return judge_next(l, key);
    ASSERT(key.n == 9);
    return lapse_before(l, load_be64(key.p + 1));
}

/* ---- audit ----------------------------------------------------------------------------------- */

static bool is_tagged(struct ledger *l, const struct work_worker *w, struct work_key k)
{
    work_key_add(&k, w->lineage, 32);
    return state_has(l->st, STATE_INDEX, work_key_span(&k));
}

static const char *audit_one(struct ledger *l, const struct work_worker *w)
{
    const struct work_standing *s = &w->standing;
    struct span evidence;
    uint8_t of[32];
    struct work_key k = work_key_of(WORK_INDEX_EXPIRY);
    work_key_u64(&k, s->expires_at);
    bool expires = is_tagged(l, w, k);
    if (expires != (s->expires_at != 0 && !s->lapsed))
        return "a worker's attestation does not end when its record says";
    number_of(of, w->kind);
    bool stands = s->attested_at != 0;
    if (is_tagged(l, w, tag_key(WORK_TAG_KIND, of)) != stands ||
        is_tagged(l, w, tag_key(WORK_TAG_DEVICE, w->platform)) != stands)
        return "a worker is not found by its kind and machine";
    if (work_evidence_get(l, &evidence, w->lineage) != (stands && w->kind != ATTEST_SOFTWARE))
        return "a worker's evidence is not kept as its record says";
    return NULL;
}

void work_evidence_audit(struct ledger *l, const char **what)
{
    struct work_worker w;
    uint8_t after[32] = { 0 };
    while (*what == NULL && work_next(l, &w, after)) {
        memcpy(after, w.lineage, 32);
        *what = audit_one(l, &w);
    }
}
