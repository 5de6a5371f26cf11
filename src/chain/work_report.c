/* Reports: every check of docs/spec/work.md 4, in order, and what an accepted one changes. */
#include "chain/work.h"

#include "chain/accounts.h"
#include "chain/work_store.h"
#include "codec/report.h"
#include "crypto/ed25519.h"
#include "proof/opening.h"

/* Slots looked back beyond an absence for the beacon of a return: as the beacon's history has. */
enum { RETURN_SPARE_SLOTS = 8 };

/* ---- duty --------------------------------------------------------------------------------- */

static struct draw_seed seed_of(const struct ledger *l, const struct work_worker *w,
                                const struct work_due_entry *e)
{
    return (struct draw_seed){ l->chain_hash, e->beacon.value, w->lineage, e->slot };
}

static bool due_slot(struct ledger *l, struct work_due_entry *out, const struct work_worker *w,
                     const struct work_state *s, uint64_t slot)
{
    *out = (struct work_due_entry){ .slot = slot };
    if (!beacon_at(l, &out->beacon, slot))
        return false;
    struct draw_seed seed = seed_of(l, w, out);
    const struct draw_counts counts = { l->params->draws_files, l->params->draws_srd };
    draw_slot(&out->draws, &seed, s, w->suspended, counts);
    return true;
}

/* SPEC work 5.2: "under the first beacon that is not weak from B_{s+1} on"
 * Each accepted report puts what is found into the record (keep_return): a worker that is not
 * absent reports before a beacon leaves the history, and cannot wait for another one. */
static bool return_beacon(struct ledger *l, uint64_t *slot, struct beacon_value *beacon,
                          const struct work_worker *w, uint8_t volume)
{
    const struct work_disk *d = &w->disks[volume];
    *beacon = (struct beacon_value){ 0 };
    *slot = d->return_slot;
    if (d->return_from == 0)
        return false;
    if (d->return_slot != 0) {
        memcpy(beacon->value, d->return_value, 32);
        return true;
    }
    /* Older ones were found by an earlier report, or were weak. */
    uint64_t span = (uint64_t)l->params->absence_slots + RETURN_SPARE_SLOTS;
    *slot = l->slot > span && l->slot - span > d->return_from ? l->slot - span : d->return_from;
    for (; *slot <= l->slot; (*slot)++)
        if (beacon_at(l, beacon, *slot) && !beacon->weak)
            return true;
    return false;
}

static bool due_return(struct ledger *l, struct work_due_entry *out, const struct work_worker *w,
                       const struct work_state *s, uint8_t volume)
{
    *out = (struct work_due_entry){ 0 };
    if (volume >= WORK_VOLUMES || !return_beacon(l, &out->slot, &out->beacon, w, volume))
        return false;
    struct draw_seed seed = seed_of(l, w, out);
    draw_return(&out->draws, &seed, s, volume, l->params->return_draws);
    return true;
}

static void duty_of(struct ledger *l, struct work_duty *out, const struct work_worker *w,
                    const struct work_state *s)
{
    *out = (struct work_duty){ .first = w->next_slot <= l->slot };
    if (out->first) {
        /* SPEC work 4.6: "first the earliest slot without an answer, if it is not this one" */
        bool owed = w->next_slot < l->slot && !w->absent;
        if (owed && due_slot(l, &out->due[0], w, s, w->next_slot))
            out->count = 1;
        if (due_slot(l, &out->due[out->count], w, s, l->slot))
            out->count++;
    }
    for (unsigned v = 0; v < WORK_VOLUMES; v++) {
        uint64_t slot;
        struct beacon_value beacon;
        if (w->disks[v].return_from == 0)
            continue;
        out->returning |= (uint16_t)(1u << v);
        if (return_beacon(l, &slot, &beacon, w, (uint8_t)v))
            out->return_ready |= (uint16_t)(1u << v);
    }
}

void work_get_duty(struct ledger *l, struct work_duty *out, const struct work_worker *w)
{
    struct work_state s;
    work_get_state(l, &s, w->lineage);
    duty_of(l, out, w, &s);
}

bool work_get_return(struct ledger *l, struct work_due_entry *out, const struct work_worker *w,
                     uint8_t volume)
{
    struct work_state s;
    work_get_state(l, &s, w->lineage);
    return due_return(l, out, w, &s, volume);
}

/* ---- checks ------------------------------------------------------------------------------- */

/* Who says it, and to whom. */
static enum tx_result check_identity(struct ledger *l, struct work_verdict *v,
                                     const struct ledger_call *call)
{
    const struct report_attempt *a = &v->report.attempt;
    uint8_t input[REPORT_SIGNING_SIZE];
    if (!work_get(l, &v->worker, a->worker))
        return RESULT_WORKER_UNKNOWN;
    /* SPEC work 11.4: "Reports of the predecessor's key are refused from then on" */
    if (memcmp(v->worker.worker, a->worker, 32) != 0)
        return RESULT_WORKER_CLOSED;
    /* SPEC work 4.2: "The account MUST be the worker's, and the one that sends the report." */
    if (memcmp(a->account, v->worker.account, 32) != 0 || memcmp(a->account, call->from, 32) != 0 ||
        memcmp(a->chain, l->chain_hash, 32) != 0)
        return RESULT_REPORT_WRONG_ACCOUNT;
    if (v->worker.faulted)
        return RESULT_REPORT_SUSPENDED;
    report_signing_input(input, v->report.step_bytes, v->report.attempt_bytes);
    if (ed25519_verify(v->report.signature, span_of(input, sizeof(input)), v->worker.worker) != OK)
        return RESULT_REPORT_SIGNATURE;
    return RESULT_OK;
}

static enum tx_result check_time(struct ledger *l, const struct work_verdict *v)
{
    const struct report_attempt *a = &v->report.attempt;
    struct beacon_value beacon;
    /* SPEC work 4.4: "No report is accepted in the beacon window." */
    if (!ledger_in_report_part(l))
        return RESULT_REPORT_WINDOW;
    if (a->slot != l->slot)
        return RESULT_REPORT_WRONG_SLOT;
    if (!beacon_at(l, &beacon, l->slot) || memcmp(a->beacon, beacon.value, 32) != 0)
        return RESULT_REPORT_WRONG_BEACON;
    return RESULT_OK;
}

static enum tx_result check_step(struct ledger *l, struct work_verdict *v)
{
    uint8_t stored[32];
    if (!work_get_state(l, &v->state, v->worker.lineage))
        return RESULT_WORKER_UNKNOWN;
    /* SPEC work 4.5: "The state of the attempt MUST be the stored S" */
    work_state_hash(stored, &v->state);
    if (memcmp(v->report.attempt.state, stored, 32) != 0)
        return RESULT_REPORT_WRONG_STATE;
    v->next = v->state;
    if (!v->report.has_step)
        return RESULT_OK;
    enum err e = work_state_step(&v->next, &v->report.step);
    if (e == ERR_STATE)
        return RESULT_REPORT_WRONG_STATE;
    return e == OK ? RESULT_OK : RESULT_REPORT_WRONG_ROOTS;
}

static bool entry_matches(const struct work_due_entry *due, const struct report_entry *entry)
{
    return entry->slot == due->slot && memcmp(entry->beacon, due->beacon.value, 32) == 0 &&
           opening_matches(&due->draws, entry);
}

/* Which draws the report must answer: fills v->duty.due and count; refuses another set. */
static enum tx_result check_draws(struct ledger *l, struct work_verdict *v)
{
    const struct report_attempt *a = &v->report.attempt;
    duty_of(l, &v->duty, &v->worker, &v->state);
    if (!v->duty.first && a->return_volume != REPORT_NO_VOLUME &&
        due_return(l, &v->duty.due[0], &v->worker, &v->state, a->return_volume)) {
        v->answers_return = true;
        v->duty.count = 1;
    }
    if (a->entry_count != v->duty.count)
        return RESULT_REPORT_WRONG_DRAWS;
    for (uint32_t i = 0; i < v->duty.count; i++)
        if (!entry_matches(&v->duty.due[i], &a->entries[i]))
            return RESULT_REPORT_WRONG_DRAWS;
    return RESULT_OK;
}

/* SPEC work 4.8: "A false opening is a fault." */
static enum tx_result check_openings(struct ledger *l, struct work_verdict *v)
{
    const struct report_attempt *a = &v->report.attempt;
    struct beacon_value now;
    for (uint32_t i = 0; i < v->duty.count; i++) {
        const struct work_due_entry *due = &v->duty.due[i];
        for (uint32_t k = 0; k < due->draws.count; k++) {
            const struct report_answer *answer = &a->entries[i].answers[k];
            uint16_t bit = (uint16_t)(1u << due->draws.draws[k].place.volume);
            if (answer->miss) {
                v->missed |= bit;
                v->charged |= due->beacon.weak ? 0 : bit;
            } else if (opening_check(&v->state, &due->draws.draws[k], answer) != OK) {
                return RESULT_FAULT;
            }
        }
    }
    bool weak = !beacon_at(l, &now, l->slot) || now.weak;
    v->charged |= weak ? 0 : a->failed;
    return RESULT_OK;
}

static enum tx_result verify(struct ledger *l, struct work_verdict *v,
                             const struct ledger_call *call)
{
    l->reports_verified++;
    enum err e = report_decode(&v->report, call->tx->call.report);
    if (e != OK)
        return e == ERR_LIMIT ? RESULT_REPORT_OVER_LIMIT : RESULT_REPORT_MALFORMED;
    enum tx_result r = check_identity(l, v, call);
    r = r != RESULT_OK ? r : check_time(l, v);
    r = r != RESULT_OK ? r : check_step(l, v);
    r = r != RESULT_OK ? r : check_draws(l, v);
    return r != RESULT_OK ? r : check_openings(l, v);
}

/* Writes to what a verdict is drawn from. Charging the fee touches accounts alone, which no report
 * depends on. */
static uint64_t changes(const struct ledger *l)
{
    const uint64_t *c = l->st->changes;
    return c[STATE_WORK] + c[STATE_BEACON] + c[STATE_PARAMS];
}

static struct work_verdict *verdict_of(struct ledger *l, const struct ledger_call *call)
{
    struct work_verdict *v = call->verdict;
    ASSERT(v != NULL);
    if (v->known && v->height == l->height && v->changes == changes(l))
        return v;
    memset(v, 0, sizeof(*v));
    v->result = verify(l, v, call);
    v->height = l->height;
    v->changes = changes(l);
    v->known = true;
    return v;
}

enum tx_result work_check_report(struct ledger *l, const struct ledger_call *call)
{
    return verdict_of(l, call)->result;
}

/* ---- effects ------------------------------------------------------------------------------ */

static void say(struct ledger *l, const char *type, const struct work_worker *w, int volume)
{
    struct ledger_event ev;
    ledger_event_begin(&ev, type);
    ledger_event_hex(&ev, "worker", span_of(w->worker, 32));
    ledger_event_uint(&ev, "slot", l->slot);
    if (volume >= 0)
        ledger_event_uint(&ev, "volume", (uint64_t)volume);
    ledger_event_end(l, &ev);
}

static void count_report(struct ledger *l, struct work_worker *w)
{
    if (w->report_slot != l->slot)
        w->reports = 0;
    w->report_slot = l->slot;
    w->reports++;
}

/* SPEC work 4.8: "The worker is suspended for good, all it holds becomes void, and it forfeits its
 * deposit." */
static void apply_fault(struct ledger *l, struct work_worker *w)
{
    count_report(l, w);
    for (unsigned v = 0; v < WORK_VOLUMES; v++)
        work_void_disk(l, w, (uint8_t)v);
    w->faulted = true;
    work_charge(l, w, accounts_pot(POT_TREASURY), w->deposit, false);
    work_put(l, w);
    say(l, "worker.fault", w, -1);
}

/* SPEC work 5.1: "charged miss_penalty_slots slots of the worker's whole income" */
static void charge_miss(struct ledger *l, struct work_worker *w, uint8_t volume)
{
    struct amount v;
    if (amount_mul(&v, w->rate, l->params->miss_penalty_slots) != OK)
        v = w->deposit;
    work_charge(l, w, accounts_pot(POT_TREASURY), v, true);
    say(l, "worker.charged", w, volume);
}

/* Misses and failures suspend; each volume is charged once. */
static void apply_misses(struct ledger *l, const struct work_verdict *v, struct work_worker *w)
{
    uint16_t bad = v->missed | v->report.attempt.failed;
    for (unsigned i = 0; i < WORK_VOLUMES; i++) {
        uint16_t bit = (uint16_t)(1u << i);
        /* A volume on its return is suspended already, and a miss of its draws is charged. */
        bool returning = v->answers_return && (v->missed & bit) != 0;
        bool fresh = (bad & bit) != 0 && (w->suspended & bit) == 0;
        if (!fresh && !returning)
            continue;
        if ((v->charged & bit) != 0)
            charge_miss(l, w, (uint8_t)i);
        w->suspended |= bit;
        say(l, "volume.suspended", w, (int)i);
    }
}

/* SPEC work 6.1: "the first report of a slot adds 1 to answered, and to proven unless the beacon is
 * weak, of every volume that was not suspended and has no miss" */
static void apply_answered(struct ledger *l, const struct work_verdict *v, struct work_worker *w)
{
    struct beacon_value now;
    if (!v->duty.first)
        return;
    uint16_t out = v->worker.suspended | v->missed | v->report.attempt.failed;
    bool weak = !beacon_at(l, &now, l->slot) || now.weak;
    for (int i = 0; i < WORK_VOLUMES; i++) {
        struct work_disk *d = &w->disks[i];
        if ((out >> i & 1) != 0)
            continue;
        d->answered++;
        if (weak)
            continue;
        d->proven++;
        d->srd_proven = v->state.volumes[i].srd.root.sum;
    }
    w->next_slot = l->slot + 1;
    if (w->absent)
        work_resume(l, w);
}

/* Requests and answers of return, and volumes taken out before the cut. */
static void apply_suspension(struct ledger *l, const struct work_verdict *v, struct work_worker *w)
{
    const struct report_attempt *a = &v->report.attempt;
    if (a->suspend_volume != REPORT_NO_VOLUME) {
        /* A request of return stays: suspending again is no way out of draws that are known. */
        w->suspended |= (uint16_t)(1u << a->suspend_volume);
        say(l, "volume.suspended", w, a->suspend_volume);
    }
    if (a->return_volume == REPORT_NO_VOLUME)
        return;
    struct work_disk *d = &w->disks[a->return_volume];
    uint16_t bit = (uint16_t)(1u << a->return_volume);
    if (v->answers_return) {
        work_end_return(d);
        if ((v->missed & bit) == 0 && a->suspend_volume != a->return_volume) {
            w->suspended &= (uint16_t)~bit;
            say(l, "volume.returned", w, a->return_volume);
        }
    } else if ((w->suspended & bit) != 0 && d->return_from == 0) {
        d->return_from = l->slot + 1;
        say(l, "volume.returning", w, a->return_volume);
    }
}

/* Notes the beacons of returns that have come since the last report. */
static void keep_returns(struct ledger *l, struct work_worker *w)
{
    for (unsigned i = 0; i < WORK_VOLUMES; i++) {
        struct work_disk *d = &w->disks[i];
        struct beacon_value beacon;
        uint64_t slot;
        if (d->return_slot != 0 || !return_beacon(l, &slot, &beacon, w, (uint8_t)i))
            continue;
        d->return_slot = slot;
        memcpy(d->return_value, beacon.value, 32);
    }
}

static bool same_tree(const struct work_tree *a, const struct work_tree *b)
{
    return a->count == b->count && merkle_sum_eq(&a->root, &b->root);
}

static bool same_volume(const struct work_volume *a, const struct work_volume *b)
{
    return a->generation == b->generation && same_tree(&a->files, &b->files) &&
           same_tree(&a->srd, &b->srd);
}

/* SPEC work 5.3: "A step that touches a volume whose return draws are known and unanswered counts
 * as a miss of them" */
static void apply_touched(struct ledger *l, const struct work_verdict *v, struct work_worker *w)
{
    for (unsigned i = 0; i < WORK_VOLUMES; i++) {
        if ((v->duty.return_ready >> i & 1) == 0 || w->disks[i].return_from == 0)
            continue;
        if (same_volume(&v->state.volumes[i], &v->next.volumes[i]))
            continue;
        work_end_return(&w->disks[i]);
        charge_miss(l, w, (uint8_t)i);
    }
}

/* Bytes of SRD: what is counted, in the sums and for the platform. */
static void apply_srd(struct ledger *l, const struct work_verdict *v, struct work_worker *w)
{
    struct work_platform platform;
    struct work_totals totals;
    uint64_t before = 0;
    uint64_t after = 0;
    for (int i = 0; i < WORK_VOLUMES; i++) {
        uint64_t sum = v->next.volumes[i].srd.root.sum;
        before += v->state.volumes[i].srd.root.sum;
        after += sum;
        if (w->disks[i].srd_proven > sum)
            w->disks[i].srd_proven = sum;
    }
    if (before == after)
        return;
    work_get_platform(l, &platform, w->platform);
    platform.bytes += after - before;
    w->bytes += after - before;
    work_put_platform(l, w->platform, &platform);
    work_get_totals(l, &totals);
    totals.srd_bytes += after - before;
    work_put_totals(l, &totals);
}

/* The operations, as far as they concern others than the worker. The record is stored, for the
 * market changes it. */
static void apply_ops(struct ledger *l, const struct work_verdict *v)
{
    const uint8_t *lineage = v->state.lineage;
    struct span ops = v->report.step.ops;
    struct report_op op;
    struct report_file file;
    struct work_worker w;
    while (report_op_next(&op, &ops)) {
        uint32_t index = op.index;
        switch (op.kind) {
        case REPORT_OP_ADD_FILES:
            for (struct span leaves = op.leaves; report_op_file(&file, &leaves); index++)
                work_leaf_add(l, lineage, op.volume, index, &file);
            break;
        case REPORT_OP_REMOVE_FILE:
            for (struct span leaves = op.leaves; report_op_file(&file, &leaves);)
                work_leaf_remove(l, lineage, op.volume, index, &file.key);
            break;
        case REPORT_OP_DROP_VOLUME:
            if (work_get_lineage(l, &w, lineage)) {
                work_void_disk(l, &w, op.volume);
                work_put(l, &w);
            }
            break;
        case REPORT_OP_ADD_EXTENTS:
        case REPORT_OP_REMOVE_EXTENT:
            break; /* only bytes count: apply_srd */
        }
    }
}

enum tx_result work_apply_report(struct ledger *l, const struct ledger_call *call)
{
    const struct work_verdict *v = verdict_of(l, call);
    enum tx_result r = v->result;
    if (l->st->err != OK)
        return r; /* the block is lost */
    ASSERT(r == RESULT_OK || r == RESULT_FAULT);
    struct work_worker w = v->worker;
    if (r == RESULT_FAULT) {
        apply_fault(l, &w);
        return r;
    }
    count_report(l, &w);
    apply_misses(l, v, &w);
    apply_answered(l, v, &w);
    keep_returns(l, &w);
    apply_suspension(l, v, &w);
    if (v->report.has_step) {
        apply_touched(l, v, &w);
        apply_srd(l, v, &w);
        work_put_state(l, &v->next);
    }
    work_put(l, &w);
    work_mark_power(l, w.lineage);
    if (v->report.has_step)
        apply_ops(l, v);
    say(l, "worker.report", &w, -1);
    return r;
}

/* ---- admission ---------------------------------------------------------------------------- */

bool work_report_free(struct ledger *l, const struct ledger_call *call)
{
    const struct work_verdict *v = verdict_of(l, call);
    uint32_t reports = v->worker.report_slot == l->slot ? v->worker.reports : 0;
    return (v->result == RESULT_OK || v->result == RESULT_FAULT) &&
           reports < l->params->free_reports;
}

bool work_report_first(struct ledger *l, const struct ledger_call *call)
{
    const struct work_verdict *v = verdict_of(l, call);
    return (v->result == RESULT_OK || v->result == RESULT_FAULT) && v->duty.first;
}
