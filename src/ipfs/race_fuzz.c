/* Any bytes as what happens in a race of several blocks: no block is asked of more than may be,
 * what is asked is counted right, and a step never changes what it is not told. */
#include "ipfs/race.h"

enum { WANTS = 4, ASKS_MAX = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t running(const struct race_want *w, uint32_t source)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < RACE_LEGS; i++)
        n += w->legs[i].on && (source == RACE_SOURCES || w->legs[i].source == source);
    return n;
}

static void check(const struct race *r, const struct race_want wants[WANTS])
{
    for (uint32_t s = 0; s < r->count; s++) {
        uint32_t active = 0;
        for (uint32_t i = 0; i < WANTS; i++) {
            ASSERT(running(&wants[i], s) <= 1); /* never twice of one */
            active += running(&wants[i], s);
        }
        ASSERT(active == r->sources[s].active);
        ASSERT(r->sources[s].window >= 1 && r->sources[s].window <= RACE_WINDOW_MAX);
        ASSERT(!r->sources[s].banned || !r->sources[s].proven);
    }
}

/* Does what a step says, until it waits or fails. */
static void settle(struct race *r, struct race_want *w, uint64_t now, bool urgent)
{
    for (uint32_t asks = 0;; asks++) {
        const struct race_effect e = race_step(r, w, now, urgent);
        ASSERT(asks < ASKS_MAX);
        if (e.what == RACE_ASK) {
            ASSERT(e.source < r->count && !r->sources[e.source].banned);
            ASSERT(running(w, RACE_SOURCES) + w->beside < RACE_LEGS ||
                   running(w, RACE_SOURCES) == 0);
            (void)race_asked(r, w, e.source, now);
        } else if (e.what == RACE_DROP) {
            race_lost(r, w, e.leg, RACE_STALLED, now);
        } else {
            ASSERT(e.what == RACE_FAIL || e.wait_ms > 0);
            ASSERT(e.what == RACE_WAIT || running(w, RACE_SOURCES) == 0);
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct race r;
    struct race_want wants[WANTS] = { 0 };
    uint64_t now = 1000000;
    uint32_t number;
    race_init(&r);
    for (uint32_t i = 0; size > 0 && i < 1u + data[0] % 6; i++)
        (void)!race_add(&r, &number, i, (data[0] >> 6) == i);
    for (size_t at = 1; at + 1 < size; at += 2) {
        struct race_want *w = &wants[data[at] % WANTS];
        uint32_t leg = data[at] >> 2 & 1;
        uint32_t what = data[at] >> 3 & 7;
        now += data[at + 1] * 8u;
        w->beside = data[at] >> 6 & 1;
        if (w->legs[leg].on && what < 5)
            race_lost(&r, w, leg, (enum race_loss)what, now);
        else if (w->legs[leg].on && what == 5)
            race_came(&r, w, leg, now);
        else if (w->legs[leg].on && what == 6)
            race_heard(w, leg, now);
        settle(&r, w, now, data[at] >> 7 != 0);
        check(&r, wants);
    }
    return 0;
}
