#include "agentd/plan_worker.h"

#include "agentd/plan_urls.h"
#include "chain/result.h"

#include <stdio.h>

/* Room for the fees of what follows a registration. */
enum { FEES_AHEAD = 4 };

/* A renewal is not repeated before this part of half of an attestation's time is over. */
enum { RENEW_REST = 12 };

static struct amount spendable(const struct view *v, const struct plan_worker_rules *rules)
{
    struct amount fee = AMOUNT_ZERO;
    if (amount_mul(&fee, v->params.fee_base, FEES_AHEAD) != OK)
        return AMOUNT_ZERO;
    return amount_sat_sub(amount_sat_sub(v->money.usable, rules->reserve), fee);
}

static void pause(struct plan_worker *p, const char *why, uint64_t now_ms)
{
    uint64_t ms = PLAN_WORKER_PAUSE_MS;
    for (uint32_t i = 0; i < p->tries && ms < PLAN_WORKER_PAUSE_MAX_MS; i++)
        ms *= 2;
    p->tries++;
    p->retry_ms = now_ms + (ms < PLAN_WORKER_PAUSE_MAX_MS ? ms : PLAN_WORKER_PAUSE_MAX_MS);
    (void)snprintf(p->last_error, sizeof(p->last_error), "%s", why);
}

static bool is_zero(const uint8_t key[32])
{
    static const uint8_t zero[32];
    return memcmp(key, zero, 32) == 0;
}

bool plan_worker_renews(const struct view *v)
{
    const struct chain_client_worker *w = &v->worker;
    const uint64_t now_s = v->chain.time_ms / 1000, half_s = v->params.attest_valid_s / 2;
    if (w->expires_at == 0 || w->faulted || v->chain.height <= w->evidence_block)
        return false;
    if (w->lapsed)
        return true;
    /* Documents that lapse soon make a fresh attestation short: then not with every block. */
    uint64_t age_s = (v->chain.height - w->evidence_block) * v->chain.block_ms / 1000;
    return w->expires_at <= now_s + half_s && age_s >= half_s / RENEW_REST;
}

/* Evidence that is still good, or the effect that gets it; READY in the end. */
static bool have_evidence(struct plan_worker *p, const struct view *v,
                          struct plan_worker_effect *out)
{
    if (p->state == PLAN_WORKER_READY &&
        (v->chain.height >= p->evidence_height + v->params.evidence_max_age_blocks / 2 ||
         v->chain.height < p->evidence_height || p->session != v->node_session))
        p->state = PLAN_WORKER_IDLE; /* stale, or of a chain that forked back */
    if (p->state == PLAN_WORKER_IDLE && v->chain.height > 0) { /* it names a block */
        p->state = PLAN_WORKER_EVIDENCE;
        p->evidence_height = v->chain.height;
        p->session = v->node_session;
        out->what = PLAN_WORKER_ASK_EVIDENCE;
    }
    return p->state == PLAN_WORKER_READY && v->account_known;
}

static struct plan_worker_effect registration(struct plan_worker *p, const struct view *v,
                                              const struct plan_worker_rules *rules,
                                              uint64_t now_ms)
{
    struct plan_worker_effect nothing = { .what = PLAN_WORKER_NOTHING };
    if (!have_evidence(p, v, &nothing))
        return nothing;
    /* A successor pays no deposit: its predecessor's moves along. */
    if (is_zero(v->node.predecessor) &&
        amount_cmp(spendable(v, rules), v->params.worker_deposit) < 0) {
        char need[AMOUNT_TEXT_MAX], have[AMOUNT_TEXT_MAX], why[PLAN_TEXT_MAX];
        amount_format(need, v->params.worker_deposit);
        amount_format(have, v->money.usable);
        (void)snprintf(why, sizeof(why),
                       "the account has %s CRU; the worker's deposit is %s CRU, beside fees and "
                       "what is reserved",
                       have, need);
        p->tries = 0;
        pause(p, why, now_ms);
        return nothing;
    }
    p->state = PLAN_WORKER_SENDING;
    return (struct plan_worker_effect){ .what = PLAN_WORKER_REGISTER };
}

static struct plan_worker_effect renewal(struct plan_worker *p, const struct view *v)
{
    struct plan_worker_effect out = { .what = PLAN_WORKER_NOTHING };
    if (have_evidence(p, v, &out)) {
        p->state = PLAN_WORKER_SENDING;
        out.what = PLAN_WORKER_ATTEST;
    }
    return out;
}

/* Deposits first, then what others are told. */
static struct plan_worker_effect deposits(struct plan_worker *p, const struct view *v,
                                          const struct plan_worker_rules *rules)
{
    struct plan_worker_effect out = { .what = PLAN_WORKER_NOTHING };
    if (!v->account_known)
        return out;
    struct amount have = spendable(v, rules);
    struct amount missing = amount_sat_sub(v->params.worker_deposit, v->worker.deposit);
    missing = amount_sat_add(missing, v->worker.debt);
    if (rules->top_up && !v->worker.faulted && !amount_is_zero(missing)) {
        out.amount = amount_min(missing, have);
        out.what = PLAN_WORKER_DEPOSIT;
    } else {
        missing = amount_sat_sub(rules->collateral, v->money.held_merchant);
        out.amount = amount_cmp(have, missing) < 0 ? AMOUNT_ZERO : missing;
        out.what = PLAN_WORKER_COLLATERAL;
    }
    struct tx_urls urls;
    if (amount_is_zero(out.amount)) {
        bool tell = plan_urls_make(&urls, v) && amount_cmp(v->money.usable, v->params.fee_base) > 0;
        out.what = tell ? PLAN_WORKER_URLS : PLAN_WORKER_NOTHING;
        if (!tell)
            return out;
    }
    p->state = PLAN_WORKER_SENDING;
    return out;
}

struct plan_worker_effect plan_worker_next(struct plan_worker *p, const struct view *v,
                                           const struct plan_worker_rules *rules, uint64_t now_ms)
{
    const struct plan_worker_effect nothing = { .what = PLAN_WORKER_NOTHING };
    if (p->state == PLAN_WORKER_EVIDENCE || p->state == PLAN_WORKER_SENDING)
        return nothing;
    if (!v->chain_known || !v->node_known || !v->node.storage || now_ms < p->retry_ms ||
        v->chain.height < p->after)
        return nothing;
    if (v->worker_known) {
        const bool ours = memcmp(v->worker.account, v->account, 32) == 0 && !view_is_closed(v) &&
                          !view_is_fork(v);
        const bool renews = ours && plan_worker_renews(v);
        struct plan_worker_effect out = nothing;
        /* After a failure the other one has its turn, so that neither starves. */
        if (renews && p->tries % 2 == 0)
            return renewal(p, v);
        if (!renews)
            p->state = PLAN_WORKER_IDLE;
        if (ours)
            out = deposits(p, v, rules);
        return renews && out.what == PLAN_WORKER_NOTHING ? renewal(p, v) : out;
    }
    /* Without a key yet there is nothing to ask the chain about: the enclave makes it now. */
    if (!v->worker_asked && !is_zero(v->node.worker))
        return nothing;
    return registration(p, v, rules, now_ms);
}

void plan_worker_evidence(struct plan_worker *p, const uint8_t worker[32], enum err e,
                          const char *why, uint64_t now_ms)
{
    ASSERT(p->state == PLAN_WORKER_EVIDENCE);
    if (e != OK) {
        p->state = PLAN_WORKER_IDLE;
        pause(p, why, now_ms);
        return;
    }
    memcpy(p->worker, worker, 32);
    p->state = PLAN_WORKER_READY;
}

void plan_worker_sent(struct plan_worker *p, enum err e, uint32_t result, uint64_t height,
                      uint64_t now_ms)
{
    ASSERT(p->state == PLAN_WORKER_SENDING);
    p->state = PLAN_WORKER_IDLE;
    if (e == OK && (result == RESULT_OK || result == RESULT_WORKER_EXISTS)) {
        p->tries = 0;
        p->after = height;
        p->last_error[0] = '\0';
        return;
    }
    pause(p, e != OK ? err_text(e) : result_text(result), now_ms);
}

const char *plan_worker_trouble(const struct plan_worker *p, const struct view *v)
{
    if (!v->chain_known)
        return "no chain node answers: see the setting chain";
    if (!v->node_known)
        return "crust-ipfsd does not answer: start it, see the setting ipfsd";
    if (!v->node.storage)
        return "crust-ipfsd offers no storage: set storage and disks in its section";
    if (v->worker_known && memcmp(v->worker.account, v->account, 32) != 0)
        return "the worker is registered for another account: use that account's key";
    if (view_is_closed(v))
        return "another enclave has taken this worker's place: an old copy of this node's folder "
               "was "
               "put back; put back the newest one";
    if (v->worker_known && v->worker.faulted)
        return "the worker has faulted: it forfeited its deposit and a new one is needed";
    if (view_is_fork(v))
        return "the enclave is not in the state that the chain has of it: an old copy of its "
               "folder "
               "was put back, or another copy reports; put back the newest one";
    if (v->worker_known && v->worker.absent)
        return "the worker was absent for too long: its replicas have ended";
    if (!v->worker_known)
        return p->last_error[0] != '\0' ? p->last_error : "the worker is being registered";
    if (v->worker.lapsed && p->last_error[0] == '\0')
        return "the worker's attestation has lapsed, so it counts for nothing: it is being renewed";
    return p->last_error;
}
