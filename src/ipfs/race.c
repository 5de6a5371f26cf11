#include "ipfs/race.h"

static uint32_t bit(uint32_t i)
{
    return (uint32_t)1 << i;
}

void race_init(struct race *r)
{
    *r = (struct race){ .stagger_ms = RACE_STAGGER_MS,
                        .stall_ms = RACE_STALL_MS,
                        .backoff_ms = RACE_BACKOFF_MS };
}

enum err race_add(struct race *r, uint32_t *source, uint32_t order, bool searches)
{
    *source = r->count;
    if (r->count == RACE_SOURCES)
        return ERR_LIMIT;
    r->sources[r->count++] =
        (struct race_source){ .order = order, .searches = searches, .window = 1 };
    return OK;
}

bool race_proven(const struct race *r, uint32_t without)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (r->sources[i].proven && (without & bit(i)) == 0)
            return true;
    return false;
}

/* ---- choosing -------------------------------------------------------------------------------- */

enum { NOBODY = RACE_SOURCES };

static bool is_left(const struct race *r, const struct race_want *w, uint32_t i)
{
    return !r->sources[i].banned && ((w->tried | w->gone) & bit(i)) == 0;
}

static bool is_free(const struct race_source *s, uint64_t now)
{
    return s->active < s->window && now >= s->away_until_ms;
}

/* a before b: by when the block would be here, then by rank. Who has not delivered comes last. */
static bool is_before(const struct race_source *a, const struct race_source *b)
{
    uint64_t soon_a = (a->active + 1) * a->pace_us, soon_b = (b->active + 1) * b->pace_us;
    if (a->proven != b->proven)
        return a->proven;
    if (a->proven && soon_a != soon_b)
        return soon_a < soon_b;
    return a->failures != b->failures ? a->failures < b->failures : a->order < b->order;
}

static uint32_t pick_free(const struct race *r, const struct race_want *w, uint64_t now)
{
    uint32_t best = NOBODY;
    for (uint32_t i = 0; i < r->count; i++)
        if (is_left(r, w, i) && is_free(&r->sources[i], now) &&
            (best == NOBODY || is_before(&r->sources[i], &r->sources[best])))
            best = i;
    return best;
}

/* One that has not delivered, and is due to be tried beside those who have. */
static uint32_t pick_trial(const struct race *r, const struct race_want *w, uint64_t now)
{
    uint32_t best = NOBODY;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct race_source *s = &r->sources[i];
        if (!s->proven && s->active == 0 && is_left(r, w, i) && is_free(s, now) &&
            now >= s->trial_ms + RACE_TRIAL_MS &&
            (best == NOBODY || is_before(s, &r->sources[best])))
            best = i;
    }
    return best;
}

/* When all are busy or left alone: who will be so for the shortest time. */
static uint32_t pick_any(const struct race *r, const struct race_want *w)
{
    uint32_t best = NOBODY;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct race_source *s = &r->sources[i];
        if (!is_left(r, w, i))
            continue;
        const struct race_source *b = best == NOBODY ? NULL : &r->sources[best];
        if (b == NULL || s->away_until_ms < b->away_until_ms ||
            (s->away_until_ms == b->away_until_ms && s->active < b->active))
            best = i;
    }
    return best;
}

static bool anybody_left(const struct race *r, const struct race_want *w)
{
    return pick_any(r, w) != NOBODY;
}

/* ---- effects --------------------------------------------------------------------------------- */

static struct race_effect wait_for(uint64_t ms)
{
    return (struct race_effect){ .what = RACE_WAIT, .wait_ms = ms };
}

static struct race_effect ask(uint32_t source)
{
    return (struct race_effect){ .what = RACE_ASK, .source = source };
}

/* When a leg has been silent, or slow, for too long for others to wait for it. */
static uint64_t overdue_at(const struct race *r, const struct race_leg *l)
{
    const struct race_source *s = &r->sources[l->source];
    uint64_t patience = r->stagger_ms;
    if (s->proven && 4 * s->block_ms > patience)
        patience = 4 * s->block_ms < RACE_SLOW_MS ? 4 * s->block_ms : RACE_SLOW_MS;
    if (!l->heard)
        return l->begun_ms + patience;
    uint64_t silent = l->heard_ms + r->stall_ms, crawl = l->begun_ms + RACE_CRAWL_MS;
    return silent < crawl ? silent : crawl;
}

/* beside: it is in the way of others, which cannot be asked before it is passed over. */
static uint64_t stalled_at(const struct race *r, const struct race_leg *l, bool beside)
{
    bool searches = r->sources[l->source].searches && !beside;
    uint64_t since = l->heard ? l->heard_ms : l->begun_ms;
    return since + (searches ? RACE_SEARCH_MS : r->stall_ms);
}

/* Nobody is being asked. */
static struct race_effect step_idle(const struct race *r, struct race_want *w, uint64_t now,
                                    bool urgent)
{
    uint32_t i = urgent || !race_proven(r, 0) ? NOBODY : pick_trial(r, w, now);
    if (i == NOBODY)
        i = pick_free(r, w, now);
    /* A block that is only foretold does not go to who has not delivered while others do. */
    if (i != NOBODY && !urgent && !r->sources[i].proven && race_proven(r, w->gone) &&
        now < r->sources[i].trial_ms + RACE_TRIAL_MS)
        i = NOBODY;
    if (i == NOBODY && urgent)
        i = pick_any(r, w);
    if (i != NOBODY)
        return ask(i);
    if (anybody_left(r, w))
        return wait_for(r->stagger_ms);
    bool hope = false;
    for (uint32_t k = 0; k < r->count; k++)
        hope |= !r->sources[k].banned && (w->gone & bit(k)) == 0;
    if (!hope && r->searching)
        return wait_for(UINT64_MAX);
    if (!hope || ++w->round >= RACE_ROUNDS)
        return (struct race_effect){ .what = RACE_FAIL, .err = hope ? ERR_TIMEOUT : ERR_NOT_FOUND };
    w->tried = 0;
    w->again_ms = now + ((uint64_t)r->backoff_ms << w->round);
    return wait_for(w->again_ms - now);
}

/* One is being asked: another too, when that one keeps us waiting. */
static struct race_effect step_one(const struct race *r, const struct race_want *w,
                                   const struct race_leg *l, uint64_t now, bool urgent)
{
    uint64_t due = overdue_at(r, l);
    if (!anybody_left(r, w))
        return wait_for(UINT64_MAX);
    if (now < due)
        return wait_for(due - now);
    uint32_t i = pick_free(r, w, now);
    if (i == NOBODY && urgent && now >= stalled_at(r, l, false))
        i = pick_any(r, w);
    return i == NOBODY ? wait_for(r->stagger_ms) : ask(i);
}

/* As many are being asked as may be: one that stalls makes place when somebody else is left. */
static struct race_effect step_full(const struct race *r, const struct race_want *w, uint64_t now)
{
    uint64_t soonest = UINT64_MAX;
    if (!anybody_left(r, w))
        return wait_for(UINT64_MAX);
    for (uint32_t i = 0; i < RACE_LEGS; i++) {
        if (!w->legs[i].on)
            continue;
        uint64_t at = stalled_at(r, &w->legs[i], w->beside > 0);
        if (now >= at)
            return (struct race_effect){ .what = RACE_DROP, .leg = i };
        soonest = at - now < soonest ? at - now : soonest;
    }
    return wait_for(soonest);
}

struct race_effect race_step(const struct race *r, struct race_want *w, uint64_t now_ms,
                             bool urgent)
{
    const struct race_leg *one = NULL;
    uint32_t running = 0;
    for (uint32_t i = 0; i < RACE_LEGS; i++) {
        if (!w->legs[i].on)
            continue;
        one = &w->legs[i];
        running++;
    }
    if (now_ms < w->again_ms)
        return wait_for(w->again_ms - now_ms);
    if (running == 0)
        return step_idle(r, w, now_ms, urgent);
    if (running + w->beside < RACE_LEGS)
        return step_one(r, w, one, now_ms, urgent);
    return step_full(r, w, now_ms);
}

/* ---- what happened --------------------------------------------------------------------------- */

uint32_t race_asked(struct race *r, struct race_want *w, uint32_t source, uint64_t now_ms)
{
    struct race_source *s = &r->sources[source];
    uint32_t i = 0;
    while (i + 1 < RACE_LEGS && w->legs[i].on)
        i++;
    ASSERT(source < r->count && !w->legs[i].on);
    s->active++;
    s->trial_ms = now_ms;
    w->legs[i] = (struct race_leg){
        .on = true, .source = source, .beside = s->active, .begun_ms = now_ms, .heard_ms = now_ms
    };
    w->tried |= bit(source);
    return i;
}

void race_heard(struct race_want *w, uint32_t leg, uint64_t now_ms)
{
    w->legs[leg].heard = true;
    w->legs[leg].heard_ms = now_ms;
}

static uint64_t smooth(uint64_t old, uint64_t value)
{
    return old == 0 ? value : old - old / 4 + value / 4;
}

void race_came(struct race *r, struct race_want *w, uint32_t leg, uint64_t now_ms)
{
    struct race_leg *l = &w->legs[leg];
    struct race_source *s = &r->sources[l->source];
    ASSERT(l->on && s->active > 0);
    uint64_t took_ms = now_ms - l->begun_ms;
    l->on = false;
    s->active--;
    s->won++;
    s->block_ms = smooth(s->block_ms, took_ms + 1);
    s->pace_us = smooth(s->pace_us, (took_ms * 1000 + 1000) / l->beside);
    if (!s->proven)
        s->window = RACE_WINDOW_FIRST;
    else if (s->window < RACE_WINDOW_MAX)
        s->window++;
    s->proven = !s->banned;
    s->failures = s->misses = s->late = 0;
    s->away_until_ms = 0;
}

static void fail(struct race_source *s, uint64_t now)
{
    uint32_t doublings = s->failures < RACE_AWAY_DOUBLINGS ? s->failures : RACE_AWAY_DOUBLINGS;
    s->failures++;
    s->lost++;
    s->proven = false;
    s->window = 1;
    s->late = 0;
    s->away_until_ms = now + ((uint64_t)RACE_AWAY_MS << doublings);
}

void race_lost(struct race *r, struct race_want *w, uint32_t leg, enum race_loss how,
               uint64_t now_ms)
{
    struct race_leg *l = &w->legs[leg];
    struct race_source *s = &r->sources[l->source];
    ASSERT(l->on && s->active > 0);
    l->on = false;
    s->active--;
    switch (how) {
    case RACE_CANCELLED:
        w->tried &= ~bit(l->source);
        if (!l->heard && now_ms >= overdue_at(r, l) && ++s->late >= RACE_LATE)
            fail(s, now_ms);
        break;
    case RACE_MISSING:
        w->gone |= bit(l->source);
        if (++s->misses >= RACE_MISSES)
            fail(s, now_ms);
        break;
    case RACE_BROKE:
    case RACE_STALLED:
        fail(s, now_ms);
        break;
    case RACE_LIED:
        s->banned = true;
        s->proven = false;
        s->lost++;
        break;
    }
}
