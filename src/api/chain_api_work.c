/* Workers, what they owe, and their reports. */
#include "api/chain_api_call.h"
#include "attest/attest.h"
#include "attest/status.h"
#include "chain/work.h"

static void volume_members(struct json_out *j, const struct work_worker *w,
                           const struct work_state *s, unsigned v)
{
    const struct work_disk *d = &w->disks[v];
    json_out_object(j);
    json_out_member_u64(j, "volume", v);
    json_out_member_u64(j, "generation", s->volumes[v].generation);
    json_out_member_u64(j, "incarnation", d->incarnation);
    json_out_member_bool(j, "suspended", (w->suspended >> v & 1) != 0);
    json_out_member_u64_text(j, "file_bytes", s->volumes[v].files.root.sum);
    json_out_member_u64(j, "files", s->volumes[v].files.count);
    json_out_member_u64_text(j, "srd_bytes", s->volumes[v].srd.root.sum);
    json_out_member_u64(j, "extents", s->volumes[v].srd.count);
    json_out_member_u64(j, "answered", d->answered);
    json_out_member_u64(j, "proven", d->proven);
    json_out_member_u64_text(j, "power", d->power);
    json_out_object_end(j);
}

static bool volume_used(const struct work_worker *w, const struct work_state *s, unsigned v)
{
    return s->volumes[v].generation != 0 || s->volumes[v].files.count != 0 ||
           s->volumes[v].srd.count != 0 || w->disks[v].answered != 0;
}

static u128 volumes_sum(const struct work_state *s, bool srd)
{
    u128 sum = 0;
    for (unsigned v = 0; v < WORK_VOLUMES; v++)
        sum += srd ? s->volumes[v].srd.root.sum : s->volumes[v].files.root.sum;
    return sum;
}

/* What it stands on, and what its power counts for by that. Times are seconds; 0: never. */
static void standing_members(struct json_out *j, const struct params *p,
                             const struct work_worker *w)
{
    const struct work_standing *s = &w->standing;
    enum work_class class = work_class_of(p, w);
    json_out_member_str(j, "class", work_class_name(class));
    json_out_member_u64(j, "weight", work_class_weight(p, class));
    json_out_member_str(j, "status", status_text(s->status));
    json_out_member_bool(j, "lapsed", s->lapsed);
    json_out_member_u64(j, "attested_at", s->attested_at);
    json_out_member_u64(j, "evidence_block", s->evidence_block);
    json_out_member_u64(j, "expires_at", s->expires_at);
    json_out_member_u64(j, "evaluation", s->evaluation);
    chain_api_member_hash(j, "device", w->platform);
    json_out_member_hex(j, "measurement",
                        span_of(s->measurement, w->kind == ATTEST_SOFTWARE ? 0
                                                : w->kind == ATTEST_SGX    ? 32
                                                                           : 48));
}

static void worker_members(struct json_out *j, const struct params *p, const struct work_worker *w,
                           const struct work_state *s)
{
    uint8_t hash[32];
    work_state_hash(hash, s);
    chain_api_member_hash(j, "worker", w->worker);
    chain_api_member_hash(j, "lineage", w->lineage);
    chain_api_member_account(j, "account", w->account);
    json_out_member_str(j, "provider", attest_kind_name((enum attest_kind)w->kind));
    chain_api_member_hash(j, "release", w->release);
    standing_members(j, p, w);
    json_out_member_bool(j, "faulted", w->faulted);
    json_out_member_bool(j, "absent", w->absent);
    json_out_member_u64(j, "suspended", w->suspended);
    json_out_member_amount(j, "deposit", w->deposit);
    json_out_member_amount(j, "debt", w->debt);
    json_out_member_amount(j, "rate", w->rate);
    chain_api_member_hash(j, "state", hash);
    json_out_member_u64(j, "seq", s->seq);
    json_out_member_u64(j, "registered_at", w->registered_at);
    json_out_member_u64(j, "report_slot", w->report_slot);
    json_out_member_u64(j, "next_slot", w->next_slot);
    json_out_member_u64_text(j, "power", w->power);
    json_out_member_amount(j, "file_bytes", AMOUNT_OF(volumes_sum(s, false)));
    json_out_member_amount(j, "srd_bytes", AMOUNT_OF(volumes_sum(s, true)));
}

/* The worker of a path, with its state. */
static bool worker_find(struct chain_api_call *call, struct work_worker *w, struct work_state *s)
{
    uint8_t key[32];
    if (!chain_api_hash(call, key, "key", call->segments[0]))
        return false;
    if (work_get(&call->chain.ledger, w, key) && work_get_state(&call->chain.ledger, s, w->lineage))
        return true;
    chain_api_refuse(call, 404, "key", "no such worker", "register it first");
    return false;
}

static void worker_one(struct chain_api_call *call)
{
    struct work_worker w;
    struct work_state s;
    if (!worker_find(call, &w, &s))
        return;
    json_out_object(&call->j);
    worker_members(&call->j, &call->chain.params, &w, &s);
    json_out_key(&call->j, "volumes");
    json_out_array(&call->j);
    for (unsigned v = 0; v < WORK_VOLUMES; v++)
        if (volume_used(&w, &s, v))
            volume_members(&call->j, &w, &s, v);
    json_out_array_end(&call->j);
    json_out_object_end(&call->j);
}

static void worker_item(struct chain_api_call *call, const struct work_worker *w)
{
    struct work_state s;
    if (!work_get_state(&call->chain.ledger, &s, w->lineage))
        return;
    json_out_object(&call->j);
    worker_members(&call->j, &call->chain.params, w, &s);
    json_out_object_end(&call->j);
}

/* All workers, by lineage. */
static void workers_all(struct chain_api_call *call, uint32_t limit)
{
    struct chain_index_key none = { 0 }, at;
    struct work_worker w;
    uint8_t after[32] = { 0 };
    uint32_t count = 0;
    if (!chain_api_cursor(call, &at, &none))
        return;
    memcpy(after, at.b, at.n < 32 ? at.n : 32);
    chain_api_page_begin(call);
    bool more = work_next(&call->chain.ledger, &w, after);
    for (; more && count < limit; count++) {
        worker_item(call, &w);
        memcpy(after, w.lineage, 32);
        more = work_next(&call->chain.ledger, &w, after);
    }
    chain_api_page_end(call, span_of(after, more ? 32 : 0));
}

/* The workers that an account has registered. */
static void workers_of(struct chain_api_call *call, const uint8_t account[32], uint32_t limit)
{
    const struct chain_index_key prefix = chain_index_account_workers(account);
    struct chain_api_walk w;
    if (!chain_api_walk_begin(call, &w, &prefix, (const size_t[]){ prefix.n + 32, 0 }, limit))
        return;
    while (chain_api_walk_next(call, &w)) {
        struct work_worker worker;
        const uint8_t *key = w.at.b + prefix.n;
        /* A key whose place another has taken stands for the same worker: listed once. */
        if (work_get(&call->chain.ledger, &worker, key) && memcmp(worker.worker, key, 32) == 0) {
            worker_item(call, &worker);
            w.count++;
        }
    }
    chain_api_walk_end(call, &w);
}

static void workers(struct chain_api_call *call)
{
    const char *account = chain_api_param(call, "account");
    uint32_t limit = chain_api_param_limit(call);
    uint8_t id[32];
    if (call->failed || (account != NULL && !chain_api_account(call, id, "account", account)))
        return;
    if (account != NULL)
        workers_of(call, id, limit);
    else
        workers_all(call, limit);
}

/* ---- /v1/workers/{key}/work
 * --------------------------------------------------------------------------- */

static void due_value(struct json_out *j, const struct work_due_entry *due, int volume)
{
    json_out_object(j);
    if (volume >= 0)
        json_out_member_u64(j, "volume", (uint64_t)volume);
    json_out_member_u64(j, "slot", due->slot);
    chain_api_member_hash(j, "beacon", due->beacon.value);
    json_out_member_bool(j, "weak", due->beacon.weak);
    json_out_key(j, "draws");
    json_out_array(j);
    for (uint32_t i = 0; i < due->draws.count; i++) {
        const struct draw *d = &due->draws.draws[i];
        json_out_object(j);
        json_out_member_u64(j, "kind", (uint64_t)d->kind);
        json_out_member_u64(j, "j", d->j);
        json_out_member_u64(j, "volume", d->place.volume);
        json_out_member_bool(j, "srd", d->place.srd);
        json_out_member_u64_text(j, "offset", d->place.offset);
        json_out_object_end(j);
    }
    json_out_array_end(j);
    json_out_object_end(j);
}

static void duty_members(struct chain_api_call *call, struct ledger *l, const struct work_worker *w)
{
    struct json_out *j = &call->j;
    struct work_duty duty;
    struct work_due_entry entry;
    work_get_duty(l, &duty, w);
    json_out_member_bool(j, "first_report", duty.first);
    json_out_member_u64(j, "returning", duty.returning);
    json_out_key(j, "due");
    json_out_array(j);
    for (uint32_t i = 0; i < duty.count; i++)
        due_value(j, &duty.due[i], -1);
    json_out_array_end(j);
    json_out_key(j, "returns");
    json_out_array(j);
    for (int v = 0; v < WORK_VOLUMES; v++)
        if ((duty.return_ready >> v & 1) != 0 && work_get_return(l, &entry, w, (uint8_t)v))
            due_value(j, &entry, v);
    json_out_array_end(j);
}

static void work(struct chain_api_call *call)
{
    struct json_out *j = &call->j;
    struct work_worker w;
    struct work_state s;
    uint8_t hash[32], encoded[WORK_STATE_SIZE];
    struct ledger *l = &call->chain.ledger; /* of the next block */
    struct beacon_value beacon;
    if (!worker_find(call, &w, &s))
        return;
    if (chain_api_param_u64(call, "slot", l->slot) != l->slot)
        chain_api_refuse(call, 400, "slot", "not the slot of the next block",
                         "leave it out, or see /v1/status");
    if (call->failed)
        return;
    if (!beacon_at(l, &beacon, l->slot))
        beacon = (struct beacon_value){ .weak = true };
    work_state_hash(hash, &s);
    work_state_encode(encoded, &s);
    json_out_object(j);
    json_out_member_u64(j, "height", call->src->height);
    json_out_member_u64(j, "slot", l->slot);
    json_out_member_u64(j, "slot_offset", l->offset);
    chain_api_member_hash(j, "beacon", beacon.value);
    json_out_member_bool(j, "beacon_weak", beacon.weak);
    json_out_member_bool(j, "window_open", ledger_in_report_part(l));
    json_out_member_u64(j, "reports", w.report_slot == l->slot ? w.reports : 0);
    chain_api_member_hash(j, "worker", w.worker);
    chain_api_member_hash(j, "lineage", w.lineage);
    chain_api_member_account(j, "account", w.account);
    chain_api_member_hash(j, "state", hash);
    json_out_member_u64(j, "seq", s.seq);
    json_out_member_hex(j, "volumes", span_of(encoded, sizeof(encoded)));
    json_out_member_u64(j, "suspended", w.suspended);
    duty_members(call, l, &w);
    json_out_object_end(j);
}

/* ---- /v1/reports
 * ---------------------------------------------------------------------------------------- */

static void report_item(struct json_out *j, const uint8_t *worker, uint64_t slot, struct span place,
                        struct span id)
{
    json_out_object(j);
    chain_api_member_hash(j, "worker", worker);
    json_out_member_u64(j, "slot", slot);
    json_out_member_u64(j, "height", load_be64(place.p));
    json_out_member_u64(j, "index", load_be32(place.p + 8));
    json_out_member_hex(j, "tx", id);
    json_out_object_end(j);
}

/* Walks the list under prefix. worker NULL: the list of one slot. */
static void reports_list(struct chain_api_call *call, const struct chain_index_key *prefix,
                         const uint8_t *worker, uint32_t limit)
{
    const size_t one[] = { 1 + 32 + 8 + 12, 32 }, slot[] = { 1 + 8 + 12, 64 };
    struct chain_api_walk w;
    if (!chain_api_walk_begin(call, &w, prefix, worker == NULL ? slot : one, limit))
        return;
    while (chain_api_walk_next(call, &w)) {
        const uint8_t *at = w.at.b + (worker == NULL ? 1 : 33);
        report_item(&call->j, worker == NULL ? w.value.p : worker, load_be64(at),
                    span_of(at + 8, 12), span_sub(w.value, w.value.n - 32, 32));
        w.count++;
    }
    chain_api_walk_end(call, &w);
}

static void reports(struct chain_api_call *call)
{
    const char *key = chain_api_param(call, "worker");
    bool has_slot = chain_api_param(call, "slot") != NULL;
    uint64_t slot = chain_api_param_u64(call, "slot", 0);
    uint32_t limit = chain_api_param_limit(call);
    uint8_t worker[32];
    if (key == NULL && !has_slot)
        chain_api_refuse(call, 400, "worker", "missing", "name a worker, a slot, or both");
    if (call->failed || (key != NULL && !chain_api_hash(call, worker, "worker", key)))
        return;
    struct chain_index_key prefix =
        key == NULL ? chain_index_slot_reports(slot) : chain_index_worker_reports(worker);
    if (key != NULL && has_slot)
        chain_index_add_u64(&prefix, slot);
    reports_list(call, &prefix, key == NULL ? NULL : worker, limit);
}

const struct chain_api_handler chain_api_handlers_work[] = {
    { "GET /v1/workers", { "account", "after", "limit", NULL }, workers },
    { "GET /v1/workers/{key}", { NULL }, worker_one },
    { "GET /v1/workers/{key}/work", { "slot", NULL }, work },
    { "GET /v1/reports", { "worker", "slot", "after", "limit", NULL }, reports },
    { NULL, { NULL }, NULL },
};
