#include "agentd/plan_report.h"

#include "chain/result.h"

#include <stdio.h>

static bool disk_is(const struct view_disk *d, const char *state)
{
    return strcmp(d->state, state) == 0;
}

/* A volume whose disk is in trouble and that still counts on chain. */
static uint32_t volume_to_suspend(const struct view *v)
{
    for (uint32_t i = 0; i < v->node.disk_count; i++) {
        const struct view_disk *d = &v->node.disks[i];
        /* Not "dropped": that is answered for until its step is on chain. */
        bool out = disk_is(d, "suspect") || disk_is(d, "offline") || disk_is(d, "returning") ||
                   disk_is(d, "failed") || disk_is(d, "stopping") || disk_is(d, "stopped");
        if (out && d->volume < WORK_VOLUMES && (v->work.suspended >> d->volume & 1) == 0)
            return d->volume;
    }
    return NODE_VOLUME_NONE;
}

/* A volume that is well again and has not asked to return. */
static uint32_t volume_to_return(const struct view *v)
{
    for (uint32_t i = 0; i < v->node.disk_count; i++) {
        const struct view_disk *d = &v->node.disks[i];
        if (disk_is(d, "ok") && d->volume < WORK_VOLUMES &&
            (v->work.suspended >> d->volume & 1) == 1 && (v->work.returning >> d->volume & 1) == 0)
            return d->volume;
    }
    return NODE_VOLUME_NONE;
}

static bool step_waits(const struct view *v)
{
    return v->node.pending > 0 || v->node.seq != v->work.volumes.seq;
}

/* A return can be answered when its disk is well. */
static const struct chain_client_due *return_to_answer(const struct view *v)
{
    for (uint32_t i = 0; i < v->work.return_count; i++)
        for (uint32_t d = 0; d < v->node.disk_count; d++)
            if (v->node.disks[d].volume == v->work.returns[i].volume &&
                disk_is(&v->node.disks[d], "ok"))
                return &v->work.returns[i];
    return NULL;
}

/* Blocks of the slot before the next one. */
static uint64_t blocks_into_slot(const struct view *v)
{
    return (v->work.height + 1) % v->params.slot_blocks;
}

enum plan_report_wait plan_report_due(const struct plan_report *r, const struct view *v,
                                      uint64_t now_ms)
{
    if (!view_can_report(v))
        return PLAN_REPORT_NOT_READY;
    if (v->work.height < r->after || !v->node_fresh)
        return PLAN_REPORT_BEHIND;
    if (!v->work.window_open)
        return PLAN_REPORT_CLOSED;
    bool again = r->tries > 0 && r->slot == v->work.slot;
    if (again && now_ms < r->retry_ms)
        return PLAN_REPORT_PAUSED;
    if (v->work.first_report) {
        uint64_t at = draw_send_offset(v->work.lineage, v->work.slot, v->params.report_blocks);
        return blocks_into_slot(v) >= at ? PLAN_REPORT_DUE_FIRST : PLAN_REPORT_TOO_EARLY;
    }
    if (!step_waits(v) && return_to_answer(v) == NULL && volume_to_suspend(v) == NODE_VOLUME_NONE &&
        volume_to_return(v) == NODE_VOLUME_NONE)
        return PLAN_REPORT_NOTHING;
    return v->work.reports < v->params.free_reports ? PLAN_REPORT_DUE_LATER : PLAN_REPORT_SPENT;
}

const char *plan_report_wait_text(enum plan_report_wait w)
{
    switch (w) {
    case PLAN_REPORT_DUE_FIRST:
        return "due: the first report of the slot";
    case PLAN_REPORT_DUE_LATER:
        return "due: a step or a volume waits";
    case PLAN_REPORT_NOT_READY:
        return "not ready: not registered, or a partner does not answer";
    case PLAN_REPORT_BEHIND:
        return "waiting until the chain shows the last report";
    case PLAN_REPORT_CLOSED:
        return "waiting for the next slot: its beacon is being made";
    case PLAN_REPORT_TOO_EARLY:
        return "waiting for this worker's send time in the slot";
    case PLAN_REPORT_NOTHING:
        return "the slot is answered and nothing new is there";
    case PLAN_REPORT_PAUSED:
        return "pausing after a failure";
    case PLAN_REPORT_SPENT:
        return "this slot has had all its free reports";
    }
    return "?";
}

/* Answers that the report must hold: owed slots in a first report, a return in a later one. */
static void fill_answers(struct node_report *out, const struct view *v)
{
    if (v->work.first_report) {
        for (uint32_t i = 0; i < v->work.due_count; i++) {
            const struct chain_client_due *d = &v->work.due[i];
            if (d->slot == v->work.slot || out->owed_count == NODE_OWED_MAX)
                continue;
            struct node_owed *o = &out->owed[out->owed_count++];
            o->slot = d->slot;
            o->suspended = v->work.suspended; /* work.md 4.6: those suspended now */
            memcpy(o->beacon, d->beacon, 32);
        }
        return;
    }
    const struct chain_client_due *d = return_to_answer(v);
    if (d == NULL)
        return;
    out->return_volume = d->volume;
    out->has_return_beacon = true;
    out->returned.slot = d->slot;
    out->returned.suspended = v->work.suspended;
    memcpy(out->returned.beacon, d->beacon, 32);
}

bool plan_report_next(struct plan_report *r, struct node_report *out,
                      uint8_t state[WORK_STATE_SIZE], const struct view *v, uint64_t now_ms)
{
    if (r->state != PLAN_REPORT_IDLE)
        return false;
    enum plan_report_wait w = plan_report_due(r, v, now_ms);
    if (w != PLAN_REPORT_DUE_FIRST && w != PLAN_REPORT_DUE_LATER)
        return false;
    *out = (struct node_report){ .slot = v->work.slot,
                                 .suspended = v->work.suspended,
                                 .draws_files = v->params.draws_files,
                                 .draws_srd = v->params.draws_srd,
                                 .draws_return = v->params.return_draws,
                                 .first = v->work.first_report,
                                 .step = step_waits(v),
                                 .suspend_volume = NODE_VOLUME_NONE,
                                 .return_volume = NODE_VOLUME_NONE };
    memcpy(out->account, v->account, 32);
    memcpy(out->chain, v->chain.chain, 32);
    memcpy(out->beacon, v->work.beacon, 32);
    work_state_encode(state, &v->work.volumes);
    out->state = span_of(state, WORK_STATE_SIZE);
    fill_answers(out, v);
    out->suspend_volume = volume_to_suspend(v);
    if (!out->has_return_beacon)
        out->return_volume = volume_to_return(v);
    /* A step that touches a volume whose return draws wait would count as a miss (work.md 5.3). */
    if (return_to_answer(v) != NULL)
        out->step = false;
    if (r->slot != v->work.slot)
        r->tries = 0;
    r->slot = v->work.slot;
    r->first = out->first;
    r->state = PLAN_REPORT_MAKING;
    return true;
}

static void failed(struct plan_report *r, const char *why, uint64_t now_ms)
{
    uint64_t pause = PLAN_REPORT_PAUSE_MS;
    for (uint32_t i = 0; i < r->tries && pause < PLAN_REPORT_PAUSE_MAX_MS; i++)
        pause *= 2;
    r->tries++;
    r->retry_ms = now_ms + (pause < PLAN_REPORT_PAUSE_MAX_MS ? pause : PLAN_REPORT_PAUSE_MAX_MS);
    r->state = PLAN_REPORT_IDLE;
    (void)snprintf(r->last_error, sizeof(r->last_error), "%s", why);
}

void plan_report_made(struct plan_report *r, enum err e, const char *why, uint64_t now_ms)
{
    ASSERT(r->state == PLAN_REPORT_MAKING);
    if (e == OK)
        r->state = PLAN_REPORT_SENDING;
    else
        failed(r, why, now_ms);
}

void plan_report_sent(struct plan_report *r, enum err e, uint32_t result, uint64_t height,
                      uint64_t now_ms)
{
    ASSERT(r->state == PLAN_REPORT_SENDING);
    r->last_code = e == OK ? result : 0;
    if (e != OK) {
        failed(r, e == ERR_TIMEOUT ? "the report did not get into a block in time" : err_text(e),
               now_ms);
        return;
    }
    if (result != RESULT_OK && result != RESULT_FAULT) {
        r->refused++;
        failed(r, result_text(result), now_ms);
        return;
    }
    /* Also a fault: nothing that we send again would change it. */
    r->state = PLAN_REPORT_IDLE;
    r->tries = 0;
    r->after = height;
    r->last_error[0] = '\0';
    if (result == RESULT_FAULT) {
        (void)snprintf(r->last_error, sizeof(r->last_error), "%s", result_text(result));
        return;
    }
    r->accepted++;
    if (r->first)
        r->accepted_slot = r->slot;
}

uint64_t plan_report_last_height(const struct view *v)
{
    return v->work.slot * v->params.slot_blocks + v->params.report_blocks - 1;
}

bool plan_report_tell(struct plan_report *r, struct node_accepted *out, const struct view *v,
                      uint64_t now_ms)
{
    if (r->telling || !v->node_known || !v->node.storage || !v->work_known || now_ms < r->tell_ms)
        return false;
    if (r->told && r->told_session == v->node_session && r->told_seq == v->work.volumes.seq &&
        memcmp(r->told_s, v->work.state, 32) == 0)
        return false;
    r->telling = true;
    r->told = false;
    r->told_session = v->node_session;
    r->told_seq = out->seq = v->work.volumes.seq;
    memcpy(out->s, v->work.state, 32);
    memcpy(r->told_s, v->work.state, 32);
    return true;
}

void plan_report_told(struct plan_report *r, enum err e, uint64_t now_ms)
{
    r->telling = false;
    r->told = e == OK;
    if (e != OK)
        r->tell_ms = now_ms + PLAN_REPORT_TELL_MS;
}
