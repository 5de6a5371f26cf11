#include "agentd/plan_collateral.h"

#include "chain/result.h"

enum plan_collateral_do plan_collateral_next(struct plan_collateral *p, uint64_t now_ms)
{
    if (p->busy)
        return PLAN_COLLATERAL_NOTHING;
    enum plan_collateral_do what = PLAN_COLLATERAL_NOTHING;
    if (p->step < p->count) {
        what = PLAN_COLLATERAL_POST;
    } else if (!p->known || now_ms >= p->look_ms) {
        what = PLAN_COLLATERAL_LOOK;
    } else if (p->fresh || now_ms >= p->round_ms) {
        p->fresh = false; /* what changes from now on is seen by a later look */
        what = PLAN_COLLATERAL_COMPARE;
    }
    p->busy = what != PLAN_COLLATERAL_NOTHING;
    return what;
}

void plan_collateral_looked(struct plan_collateral *p, const uint8_t mark[32], uint64_t now_ms)
{
    p->busy = false;
    p->fresh = p->fresh || !p->known || memcmp(p->mark, mark, sizeof(p->mark)) != 0;
    p->known = true;
    memcpy(p->mark, mark, sizeof(p->mark));
    p->look_ms = now_ms + PLAN_COLLATERAL_LOOK_MS;
}

void plan_collateral_compared(struct plan_collateral *p, enum err e, size_t count, uint64_t now_ms)
{
    p->busy = false;
    p->step = 0;
    p->count = e == OK ? count : 0;
    p->round_ms = now_ms + (e == OK ? PLAN_COLLATERAL_ROUND_MS : PLAN_COLLATERAL_RETRY_MS);
}

bool plan_collateral_sent(struct plan_collateral *p, enum err e, uint32_t result, uint64_t now_ms)
{
    bool taken = e == OK && result == RESULT_OK;
    p->busy = false;
    p->posted += taken;
    p->refused += !taken && e == OK && result != RESULT_COLLATERAL_OLD;
    p->step++;
    if (e != OK) { /* what else is there is compared anew: this one may be in a block after all */
        p->count = p->step;
        p->round_ms = now_ms + PLAN_COLLATERAL_RETRY_MS;
    }
    return taken;
}

/* ---- what lapses ----------------------------------------------------------------------------- */

static bool is_of(const struct collateral_entry *e, enum collateral_kind kind,
                  const uint8_t id[COLLATERAL_ID_SIZE])
{
    return e->kind == kind && memcmp(e->id, id, COLLATERAL_ID_SIZE) == 0;
}

/* Until when the chain has one; 0: it has none. A post takes the place of what is kept. */
static uint64_t lapse_of(enum collateral_kind kind, const uint8_t id[COLLATERAL_ID_SIZE],
                         const struct bundle_kept *kept, const struct bundle_plan *posts)
{
    for (size_t i = 0; i < posts->count; i++) {
        if (is_of(&posts->steps[i].entry, kind, id))
            return posts->steps[i].entry.lapses;
    }
    for (size_t i = 0; i < kept->count; i++) {
        if (is_of(&kept->entries[i], kind, id))
            return kept->entries[i].lapses;
    }
    return 0;
}

uint32_t plan_collateral_lapsing(struct plan_collateral_lapse out[NEEDS_MAX],
                                 const struct needs *needs, const struct bundle_kept *kept,
                                 const struct bundle_plan *posts, uint64_t time)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < needs->count; i++) {
        enum collateral_kind kind = needs->items[i].kind;
        uint64_t lapses = lapse_of(kind, needs->items[i].id, kept, posts);
        if (lapses <= time + PLAN_COLLATERAL_SOON)
            out[count++] = (struct plan_collateral_lapse){ .kind = kind, .lapses = lapses };
    }
    return count;
}

bool plan_collateral_tells(struct plan_collateral *p, const struct plan_collateral_lapse *lapsing,
                           uint32_t count, uint64_t now_ms)
{
    uint64_t what = 0;
    for (uint32_t i = 0; i < count; i++)
        what = what * 31 + lapsing[i].lapses * COLLATERAL_KINDS + (uint64_t)lapsing[i].kind + 1;
    bool tells = count != 0 && (what != p->told || now_ms >= p->tell_ms);
    if (tells)
        p->tell_ms = now_ms + PLAN_COLLATERAL_TELL_MS;
    p->told = what;
    return tells;
}
