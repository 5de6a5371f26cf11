#include "agentd/plan_room.h"

static struct plan_room_effect start(struct plan_room *p, enum plan_room_do what, uint64_t bytes)
{
    p->busy = true;
    p->doing = what;
    return (struct plan_room_effect){ .what = what, .bytes = bytes };
}

struct plan_room_effect plan_room_next(struct plan_room *p, const struct view *v,
                                       const struct plan_room_rules *rules, uint64_t need,
                                       uint64_t now_ms)
{
    const struct plan_room_effect nothing = { .what = PLAN_ROOM_NOTHING };
    if (p->busy || now_ms < p->retry_ms || !view_can_report(v))
        return nothing;
    uint64_t extent = v->params.srd_extent_size;
    uint64_t free = view_free(v), srd = v->node.extent_bytes;
    uint64_t wanted = rules->slack + need;
    if (p->released && v->work.volumes.seq > p->released_at_seq)
        p->released = false;
    if (need > 0 && free < wanted) {
        /* What was given up is free only once the chain has accepted it: no second time before. */
        if (srd == 0 || p->released)
            return nothing;
        uint64_t missing = wanted - free;
        uint64_t bytes = (missing + extent - 1) / extent * extent;
        return start(p, PLAN_ROOM_RELEASE, bytes < srd ? bytes : srd);
    }
    if (free <= wanted || p->released)
        return nothing;
    u128 target = (u128)(free - wanted + srd) * rules->srd_percent / 100;
    if (target < (u128)srd + extent || free - wanted < extent)
        return nothing;
    uint64_t room = (uint64_t)(target - srd);
    if (room > free - wanted)
        room = free - wanted;
    uint64_t count = room / extent;
    if (count > PLAN_ROOM_BATCH)
        count = PLAN_ROOM_BATCH;
    return start(p, PLAN_ROOM_FILL, count * extent);
}

void plan_room_done(struct plan_room *p, const struct view *v, enum err e, uint64_t bytes,
                    uint64_t now_ms)
{
    p->busy = false;
    if (e != OK || bytes == 0) {
        p->retry_ms = now_ms + PLAN_ROOM_RETRY_MS;
        return;
    }
    if (p->doing == PLAN_ROOM_RELEASE) {
        p->released = true;
        p->released_at_seq = v->work.volumes.seq;
    }
}
