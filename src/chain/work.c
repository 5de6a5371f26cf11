/* Workers: registration, deposits, power, what the market asks, and the hooks of a block. */
#include "chain/work.h"

#include "attest/attest.h"
#include "chain/accounts.h"
#include "chain/group.h"
#include "chain/work_claim.h"
#include "chain/work_evidence.h"
#include "chain/work_store.h"

/* SPEC work 1.2: "Their records are removed later, at most 32 per due entry of the queue." */
enum { SWEEP_MAX = 32 }; /* leaves a due entry gives back at once: bounds a block's work */

/* ---- registration ------------------------------------------------------------------------- */

static enum tx_result find(struct ledger *l, struct work_found *out, const struct ledger_call *call)
{
    const struct tx_worker_register *r = &call->tx->call.worker_register;
    const struct work_ask ask = { .account = call->from,
                                  .worker = r->worker,
                                  .release = r->release,
                                  .block = r->block,
                                  .evidence = r->evidence };
    return work_evidence_check(l, out, &ask);
}

enum tx_result work_check_register(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_worker_register *r = &call->tx->call.worker_register;
    struct work_worker w;
    struct work_platform platform;
    struct work_found found;
    /* SPEC work 2.1: "A key MUST NOT register twice." */
    if (work_get(l, &w, r->worker))
        return RESULT_WORKER_EXISTS;
    if (amount_cmp(accounts_usable(l, call->from), l->params->worker_deposit) < 0)
        return RESULT_INSUFFICIENT_BALANCE;
    enum tx_result e = group_check_worker(l, call->from);
    if (e == RESULT_OK)
        e = find(l, &found, call);
    if (e != RESULT_OK)
        return e;
    work_get_platform(l, &platform, found.verdict.platform_id);
    /* SPEC work 2.5: "At most workers_per_platform workers are registered per platform id." */
    return platform.workers < l->params->workers_per_platform ? RESULT_OK : RESULT_PLATFORM_FULL;
}

static void schedule_absence(struct ledger *l, const struct work_worker *w)
{
    struct work_key k = work_key_of(WORK_DUE_ABSENCE);
    work_key_add(&k, w->lineage, 32);
    uint64_t slot = w->next_slot + l->params->absence_slots;
    ledger_queue_put(l, slot * l->params->slot_blocks, LEDGER_DUE_WORK, work_key_span(&k));
}

void work_apply_register(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_worker_register *r = &call->tx->call.worker_register;
    struct work_found found;
    struct work_platform platform;
    struct work_totals totals;
    struct work_state s;
    struct work_worker w = {
        .registered_at = l->height,
        .next_slot = l->slot,
        .deposit = l->params->worker_deposit,
    };
    if (find(l, &found, call) != RESULT_OK)
        return; /* only when the state cannot be read: the block is lost then */
    memcpy(w.lineage, r->worker, 32);
    memcpy(w.worker, r->worker, 32);
    memcpy(w.account, call->from, 32);
    accounts_hold(l, call->from, HOLD_WORKER, w.deposit);
    work_state_init(&s, w.lineage);
    work_put_state(l, &s);
    work_evidence_keep(l, &w, &found);
    work_put(l, &w);
    work_put_name(l, w.worker, w.lineage);
    schedule_absence(l, &w);
    group_add_worker(l, w.account);
    work_get_platform(l, &platform, w.platform);
    platform.workers++;
    work_put_platform(l, w.platform, &platform);
    work_get_totals(l, &totals);
    totals.workers++;
    work_put_totals(l, &totals);

    struct ledger_event ev;
    ledger_event_begin(&ev, "worker.registered");
    ledger_event_hex(&ev, "worker", span_of(w.worker, 32));
    ledger_event_account(&ev, "account", w.account);
    ledger_event_text(&ev, "kind", span_str(attest_kind_name(found.verdict.kind)));
    ledger_event_text(&ev, "class", span_str(work_class_name(work_class_of(l->params, &w))));
    ledger_event_uint(&ev, "expires", w.standing.expires_at);
    ledger_event_end(l, &ev);
}

/* ---- deposits ----------------------------------------------------------------------------- */

/* Nothing is at stake: no byte is held, or what was held has ended. */
static bool is_idle(struct ledger *l, const struct work_worker *w)
{
    struct work_state s;
    if (w->faulted || w->absent)
        return true;
    work_get_state(l, &s, w->lineage);
    for (int v = 0; v < WORK_VOLUMES; v++)
        if (s.volumes[v].files.count != 0 || s.volumes[v].srd.count != 0)
            return false;
    return true;
}

enum tx_result work_check_funds(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_funds *f = &call->tx->call.funds;
    struct work_worker w;
    struct amount left;
    if (!work_get(l, &w, f->worker))
        return RESULT_WORKER_UNKNOWN;
    if (amount_is_zero(f->amount))
        return RESULT_ZERO_AMOUNT;
    if (memcmp(w.account, call->from, 32) != 0)
        return RESULT_WORKER_NOT_YOURS;
    if (call->tx->call.kind == TX_WORKER_DEPOSIT) {
        if (amount_cmp(accounts_usable(l, call->from), f->amount) < 0)
            return RESULT_INSUFFICIENT_BALANCE;
        return RESULT_OK;
    }
    if (amount_sub(&left, w.deposit, f->amount) != OK)
        return RESULT_NOT_HELD;
    /* SPEC work 2.11: "A worker that holds bytes MUST keep worker_deposit." */
    if (amount_cmp(left, l->params->worker_deposit) < 0 &&
        (!is_idle(l, &w) || !amount_is_zero(w.debt)))
        return RESULT_WORKER_BUSY;
    return RESULT_OK;
}

void work_apply_funds(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_funds *f = &call->tx->call.funds;
    struct work_worker w;
    if (!work_get(l, &w, f->worker))
        return;
    if (call->tx->call.kind == TX_WORKER_DEPOSIT) {
        accounts_hold(l, call->from, HOLD_WORKER, f->amount);
        w.deposit = amount_sat_add(w.deposit, f->amount);
        /* A debt is paid at once, so that it cannot be outwaited. */
        struct amount debt = w.debt;
        w.debt = AMOUNT_ZERO;
        work_charge(l, &w, accounts_pot(POT_TREASURY), debt, true);
    } else {
        accounts_release(l, call->from, HOLD_WORKER, f->amount);
        w.deposit = amount_sat_sub(w.deposit, f->amount);
    }
    bool full = amount_cmp(w.deposit, l->params->worker_deposit) >= 0;
    /* A charge may leave less than the full deposit, and retires nobody. */
    if (call->tx->call.kind == TX_WORKER_WITHDRAW || full)
        w.retired = !full;
    work_put(l, &w);
    work_mark_power(l, w.lineage);
}

struct amount work_charge(struct ledger *l, struct work_worker *w, const uint8_t to[32],
                          struct amount v, bool owe)
{
    struct amount taken = amount_min(v, w->deposit);
    accounts_take_held(l, w->account, HOLD_WORKER, to, taken);
    w->deposit = amount_sat_sub(w->deposit, taken);
    if (owe)
        w->debt = amount_sat_add(w->debt, amount_sat_sub(v, taken));
    return taken;
}

/* ---- what the market asks ----------------------------------------------------------------- */

bool work_market_counters(struct ledger *l, struct market_counters *out, const uint8_t *lineage,
                          const struct market_replica *r)
{
    struct work_worker w;
    *out = (struct market_counters){ 0 };
    ASSERT(r->volume < WORK_VOLUMES);
    if (!work_get_lineage(l, &w, lineage) || w.disks[r->volume].incarnation != r->generation)
        return false;
    memcpy(out->account, w.account, 32);
    out->answered = w.disks[r->volume].answered;
    out->proven = w.disks[r->volume].proven;
    return true;
}

void work_market_power(struct ledger *l, const uint8_t *lineage, const struct market_replica *r,
                       uint64_t before, uint64_t after)
{
    struct work_worker w;
    if (before == after || !work_get_lineage(l, &w, lineage))
        return;
    struct work_disk *d = &w.disks[r->volume];
    if (d->incarnation != r->generation)
        return; /* void: its power went when the volume did */
    ASSERT(d->power >= before);
    d->power = d->power - before + after;
    work_put(l, &w);
    work_mark_power(l, lineage);
}

void work_market_rate(struct ledger *l, const uint8_t *lineage, const struct market_replica *r,
                      struct amount before, struct amount after)
{
    struct work_worker w;
    (void)r;
    if (amount_cmp(before, after) == 0 || !work_get_lineage(l, &w, lineage))
        return;
    w.rate = amount_sat_add(amount_sat_sub(w.rate, before), after);
    work_put(l, &w);
}

struct amount work_market_refill(struct ledger *l, const uint8_t *lineage, struct amount v)
{
    struct work_worker w;
    if (!work_get_lineage(l, &w, lineage))
        return v;
    const uint8_t *pot = accounts_pot(POT_STORAGE);
    /* SPEC work 1.3: "Income pays the debt first, then fills the deposit up to worker_deposit, and
     * only then reaches the merchant." */
    struct amount debt = amount_min(v, w.debt);
    struct amount left = amount_sat_sub(v, debt);
    struct amount gap = amount_sat_sub(l->params->worker_deposit, w.deposit);
    struct amount fill = w.faulted ? AMOUNT_ZERO : amount_min(left, gap);
    if (amount_is_zero(debt) && amount_is_zero(fill))
        return v;
    accounts_move(l, pot, accounts_pot(POT_TREASURY), debt);
    accounts_give_held(l, pot, w.account, HOLD_WORKER, fill);
    w.debt = amount_sat_sub(w.debt, debt);
    w.deposit = amount_sat_add(w.deposit, fill);
    work_put(l, &w);
    return amount_sat_sub(left, fill);
}

/* ---- power -------------------------------------------------------------------------------- */

static uint64_t sat_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* SPEC work 7.2: "SRD counts for at most srd_power_max_percent of a worker's power" */
static uint64_t srd_part(struct ledger *l, const struct work_worker *w, uint64_t files,
                         uint64_t srd)
{
    uint32_t percent = l->params->srd_power_max_percent;
    struct work_platform platform;
    /* SPEC work 7.2: "Of class none it counts for nothing" */
    if (work_class_of(l->params, w) == WORK_CLASS_NONE)
        return 0;
    work_get_platform(l, &platform, w->platform);
    /* SPEC work 7.2: "for nothing while its platform holds more than platform_bytes_max" */
    if (platform.bytes > l->params->platform_bytes_max)
        return 0;
    if (percent >= 100)
        return srd;
    u128 cap = (u128)files * percent / (100 - percent);
    return cap < srd ? (uint64_t)cap : srd;
}

static uint64_t power_of(struct ledger *l, const struct work_worker *w)
{
    uint64_t files = 0;
    uint64_t srd = 0;
    if (w->faulted || w->absent || w->retired)
        return 0;
    for (int v = 0; v < WORK_VOLUMES; v++) {
        if ((w->suspended >> v & 1) != 0)
            continue;
        files = sat_add(files, w->disks[v].power);
        srd = sat_add(srd, w->disks[v].srd_proven);
    }
    /* SPEC work 7.3: "Both count for so many thousandths as the parameter of the worker's class
     * says" */
    uint32_t weight = work_class_weight(l->params, work_class_of(l->params, w));
    files = (uint64_t)((u128)files * weight / 1000);
    srd = (uint64_t)((u128)srd * weight / 1000);
    return sat_add(files, srd_part(l, w, files, srd));
}

bool work_drain_power(struct ledger *l, uint32_t max)
{
    const uint8_t prefix[1] = { WORK_INDEX_POWER };
    const struct state_range range = { .store = STATE_INDEX, .prefix = { prefix, 1 } };
    struct work_totals totals;
    bool changed = false;
    bool more = true;
    work_get_totals(l, &totals);
    for (uint32_t i = 0; i < max && more; i++) {
        struct span key;
        struct span value;
        struct work_key k = work_key_of(WORK_INDEX_POWER);
        struct work_worker w;
        more = state_next(l->st, &key, &value, range, range.prefix, false);
        if (!more)
            break;
        ASSERT(key.n == 33);
        work_key_add(&k, key.p + 1, 32);
        state_del(l->st, STATE_INDEX, work_key_span(&k));
        if (!work_get_lineage(l, &w, k.bytes + 1))
            continue;
        uint64_t power = power_of(l, &w);
        if (power == w.power)
            continue;
        totals.power = sat_add(totals.power - w.power, power);
        group_power(l, w.account, w.power, power);
        w.power = power;
        work_put(l, &w);
        changed = true;
    }
    if (changed)
        work_put_totals(l, &totals);
    return !more;
}

/* ---- hooks -------------------------------------------------------------------------------- */

void work_block_begin(struct ledger *l)
{
    work_drain_power(l, l->params->queue_per_block);
    l->judged = 0;
    if (l->offset != 0)
        return;
    work_evidence_slot(l);
    struct work_totals totals;
    struct market_price price;
    work_get_totals(l, &totals);
    market_price(l, &price);
    if (price.free_bytes == totals.srd_bytes)
        return;
    price.free_bytes = totals.srd_bytes;
    market_price_put(l, &price);
}

static void schedule_sweep(struct ledger *l, const uint8_t lineage[32], uint8_t volume,
                           uint32_t incarnation)
{
    struct work_key k = work_key_of(WORK_DUE_SWEEP);
    work_key_add(&k, lineage, 32);
    work_key_add(&k, &volume, 1);
    work_key_u32(&k, incarnation);
    ledger_queue_put(l, l->height + 1, LEDGER_DUE_WORK, work_key_span(&k));
}

void work_end_return(struct work_disk *d)
{
    d->return_from = 0;
    d->return_slot = 0;
    memset(d->return_value, 0, sizeof(d->return_value));
}

void work_void_disk(struct ledger *l, struct work_worker *w, uint8_t volume)
{
    struct work_disk *d = &w->disks[volume];
    struct content_key key;
    if (work_first_leaf(l, &key, w->lineage, volume, d->incarnation))
        schedule_sweep(l, w->lineage, volume, d->incarnation);
    /* SPEC work 1.2: "The *incarnation* of a volume goes up when everything on it becomes void at
     * once" */
    d->incarnation++;
    d->power = 0;
    d->srd_proven = 0;
    work_end_return(d);
    work_mark_power(l, w->lineage);
}

static uint32_t sweep(struct ledger *l, struct span key)
{
    uint8_t lineage[32];
    struct content_key content;
    struct work_leaf leaf;
    ASSERT(key.n == 1 + 32 + 1 + 4);
    memcpy(lineage, key.p + 1, 32);
    uint8_t volume = key.p[33];
    uint32_t incarnation = load_be32(key.p + 34);
    for (uint32_t i = 0; i < SWEEP_MAX; i++) {
        if (!work_first_leaf(l, &content, lineage, volume, incarnation))
            return i + 1;
        bool there = work_get_leaf(l, &leaf, lineage, &content);
        ASSERT(there || l->st->err != OK);
        work_leaf_void(l, lineage, &leaf);
        work_del_leaf(l, lineage, &content, &leaf);
    }
    schedule_sweep(l, lineage, volume, incarnation);
    return SWEEP_MAX;
}

/* SPEC work 6.4: "After absence_slots slots without an answer all its replicas end." */
static void end_absence(struct ledger *l, const uint8_t lineage[32])
{
    struct work_worker w;
    if (!work_get_lineage(l, &w, lineage) || w.faulted || w.absent)
        return;
    if (w.next_slot + l->params->absence_slots > l->slot) {
        schedule_absence(l, &w);
        return;
    }
    for (unsigned v = 0; v < WORK_VOLUMES; v++)
        work_void_disk(l, &w, (uint8_t)v);
    w.absent = true;
    work_put(l, &w);
    struct ledger_event ev;
    ledger_event_begin(&ev, "worker.absent");
    ledger_event_hex(&ev, "worker", span_of(w.worker, 32));
    ledger_event_end(l, &ev);
}

void work_resume(struct ledger *l, struct work_worker *w)
{
    w->absent = false;
    schedule_absence(l, w);
}

uint32_t work_due(struct ledger *l, struct span key)
{
    uint8_t copy[STATE_KEY_MAX];
    ASSERT(key.n >= 1 && key.n <= sizeof(copy));
    memcpy(copy, key.p, key.n);
    switch (copy[0]) {
    case WORK_DUE_ABSENCE:
        ASSERT(key.n == 33);
        end_absence(l, copy + 1);
        return WORK_VOLUMES;
    case WORK_DUE_SWEEP:
        return sweep(l, span_of(copy, key.n));
    case WORK_DUE_JUDGE:
    case WORK_DUE_LAPSE:
        return work_evidence_due(l, span_of(copy, key.n));
    case WORK_DUE_CHALLENGE:
        ASSERT(key.n == 65);
        return work_claim_due(l, copy + 1, copy + 33);
    default:
        ASSERT(false);
        return 1;
    }
}
