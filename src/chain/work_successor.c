#include "chain/work_successor.h"

#include "attest/attest.h"
#include "chain/work_evidence.h"
#include "chain/work_store.h"
#include "codec/succession.h"
#include "crypto/ed25519.h"

static enum tx_result find(struct ledger *l, struct work_found *out, const struct ledger_call *call)
{
    const struct tx_worker_succeed *s = &call->tx->call.worker_succeed;
    const struct work_ask ask = { .account = call->from,
                                  .worker = s->worker,
                                  .release = s->release,
                                  .predecessor = s->predecessor,
                                  .exchange = s->exchange,
                                  .block = s->block,
                                  .evidence = s->evidence,
                                  .admitted = true };
    return work_evidence_check(l, out, &ask);
}

/* SPEC work 11.3: "both workers MUST have signed the succession for this account and chain" */
static bool both_signed(const struct ledger *l, const struct ledger_call *call)
{
    const struct tx_worker_succeed *s = &call->tx->call.worker_succeed;
    const struct succession of = { l->chain_hash, call->from, s->predecessor, s->worker };
    uint8_t hash[32];
    succession_given(hash, &of);
    if (ed25519_verify(s->given, span_of(hash, 32), s->predecessor) != OK)
        return false;
    succession_taken(hash, &of);
    return ed25519_verify(s->taken, span_of(hash, 32), s->worker) == OK;
}

static enum tx_result check_parties(struct ledger *l, struct work_worker *w,
                                    const struct ledger_call *call)
{
    const struct tx_worker_succeed *s = &call->tx->call.worker_succeed;
    struct work_worker other;
    /* SPEC work 11.2: "A key that was ever registered MUST NOT succeed" */
    if (work_get(l, &other, s->worker))
        return RESULT_WORKER_EXISTS;
    if (!work_get(l, w, s->predecessor))
        return RESULT_WORKER_UNKNOWN;
    if (memcmp(w->account, call->from, 32) != 0)
        return RESULT_WORKER_NOT_YOURS;
    /* SPEC work 11.2: "the predecessor MUST be the present key of its lineage" */
    if (memcmp(w->worker, s->predecessor, 32) != 0)
        return RESULT_WORKER_CLOSED;
    if (w->faulted)
        return RESULT_WORKER_FAULTED;
    return both_signed(l, call) ? RESULT_OK : RESULT_SUCCESSION_SIGNATURE;
}

enum tx_result work_check_successor(struct ledger *l, const struct ledger_call *call)
{
    struct work_worker w;
    struct work_found found;
    struct work_platform platform;
    enum tx_result e = check_parties(l, &w, call);
    if (e == RESULT_OK)
        e = find(l, &found, call);
    if (e != RESULT_OK)
        return e;
    work_get_platform(l, &platform, found.verdict.platform_id);
    bool stays = memcmp(w.platform, found.verdict.platform_id, 32) == 0;
    return stays || platform.workers < l->params->workers_per_platform ? RESULT_OK
                                                                       : RESULT_PLATFORM_FULL;
}

/* Takes the worker and its bytes out of its platform, or puts them in. */
static void platform_count(struct ledger *l, const struct work_worker *w, bool in)
{
    struct work_platform p;
    work_get_platform(l, &p, w->platform);
    ASSERT(in || (p.workers > 0 && p.bytes >= w->bytes));
    p.workers = in ? p.workers + 1 : p.workers - 1;
    p.bytes = in ? p.bytes + w->bytes : p.bytes - w->bytes;
    work_put_platform(l, w->platform, &p);
}

void work_apply_successor(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_worker_succeed *s = &call->tx->call.worker_succeed;
    struct work_worker w;
    struct work_found found;
    if (find(l, &found, call) != RESULT_OK || !work_get(l, &w, s->predecessor))
        return; /* only when the state cannot be read: the block is lost then */
    platform_count(l, &w, false);
    work_evidence_keep(l, &w, &found);
    platform_count(l, &w, true);
    memcpy(w.worker, s->worker, 32);
    work_put(l, &w);
    work_put_name(l, w.worker, w.lineage);
    work_mark_power(l, w.lineage);

    struct ledger_event ev;
    ledger_event_begin(&ev, "worker.succeeded");
    ledger_event_hex(&ev, "worker", span_of(w.worker, 32));
    ledger_event_hex(&ev, "predecessor", span_of(s->predecessor, 32));
    ledger_event_hex(&ev, "lineage", span_of(w.lineage, 32));
    ledger_event_account(&ev, "account", w.account);
    ledger_event_text(&ev, "kind", span_str(attest_kind_name(found.verdict.kind)));
    ledger_event_text(&ev, "class", span_str(work_class_name(work_class_of(l->params, &w))));
    ledger_event_end(l, &ev);
}
