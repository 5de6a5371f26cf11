/* A race on a fake clock: sources that are good, slow, silent, lying, dying, or have nothing. */
#include "ipfs/race.h"

#include "base/check.h"
#include "base/prng.h"

enum { WANTS = 400, AHEAD = 24, TICK_MS = 5, SOURCES_MAX = 8 };

struct source {
    uint32_t latency_ms, each_ms; /* each_ms: of the line, for a block */
    bool silent, lies, empty, breaks;
    uint64_t dies_ms; /* 0: never */
    uint64_t free_ms; /* when its line is free */
    uint32_t asked, won;
};

struct block {
    struct race_want want;
    enum { TO_COME, RUNNING, HERE, FAILED } state;
    uint64_t due_ms[RACE_LEGS], asked_ms, here_ms;
    uint32_t legs_most;
    enum err err;
};

struct world {
    struct race race;
    struct source sources[SOURCES_MAX];
    struct block blocks[WANTS];
    size_t count, asks; /* blocks; questions in all */
    uint64_t now;
};

static struct world *world_new(const struct source *sources, uint32_t n, size_t blocks)
{
    struct world *w = calloc(1, sizeof(*w));
    CHECK(w != NULL);
    race_init(&w->race);
    w->count = blocks;
    w->now = 100000;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t number;
        w->sources[i] = sources[i];
        CHECK_OK(race_add(&w->race, &number, i, false));
        CHECK(number == i);
    }
    return w;
}

static void ask(struct world *w, struct block *b, uint32_t source)
{
    struct source *s = &w->sources[source];
    uint32_t leg = race_asked(&w->race, &b->want, source, w->now), running = 0;
    bool dead = s->silent || (s->dies_ms != 0 && w->now >= s->dies_ms);
    s->asked++;
    w->asks++;
    s->free_ms = (s->free_ms > w->now ? s->free_ms : w->now) + s->each_ms;
    b->due_ms[leg] = dead ? UINT64_MAX : s->free_ms + s->latency_ms;
    for (uint32_t i = 0; i < RACE_LEGS; i++)
        running += b->want.legs[i].on;
    b->legs_most = running > b->legs_most ? running : b->legs_most;
}

static void arrive(struct world *w, struct block *b, uint32_t leg)
{
    struct source *s = &w->sources[b->want.legs[leg].source];
    enum race_loss how = s->lies ? RACE_LIED : s->empty ? RACE_MISSING : RACE_BROKE;
    if (s->lies || s->empty || s->breaks) {
        race_lost(&w->race, &b->want, leg, how, w->now);
        return;
    }
    race_came(&w->race, &b->want, leg, w->now);
    s->won++;
    b->state = HERE;
    b->here_ms = w->now;
    for (uint32_t i = 0; i < RACE_LEGS; i++)
        if (b->want.legs[i].on)
            race_lost(&w->race, &b->want, i, RACE_CANCELLED, w->now);
}

static void step(struct world *w, struct block *b, bool urgent)
{
    for (uint32_t i = 0; i < RACE_LEGS && b->state == RUNNING; i++)
        if (b->want.legs[i].on && w->now >= b->due_ms[i] &&
            (w->sources[b->want.legs[i].source].dies_ms == 0 ||
             w->now < w->sources[b->want.legs[i].source].dies_ms))
            arrive(w, b, i);
    while (b->state == RUNNING) {
        const struct race_effect e = race_step(&w->race, &b->want, w->now, urgent);
        if (e.what == RACE_WAIT) {
            CHECK(e.wait_ms > 0);
            return;
        }
        if (e.what == RACE_ASK)
            ask(w, b, e.source);
        if (e.what == RACE_DROP)
            race_lost(&w->race, &b->want, e.leg, RACE_STALLED, w->now);
        if (e.what == RACE_FAIL) {
            b->state = FAILED;
            b->err = e.err;
        }
    }
}

/* A reader takes the blocks one after the other, with some asked for ahead. Returns the time. */
static uint64_t run(struct world *w)
{
    uint64_t began = w->now;
    for (size_t at = 0; at < w->count;) {
        for (size_t i = at; i < w->count && i < at + AHEAD; i++) {
            struct block *b = &w->blocks[i];
            if (b->state == TO_COME) {
                b->state = RUNNING;
                b->asked_ms = w->now;
            }
            step(w, b, i == at);
        }
        if (w->blocks[at].state == HERE || w->blocks[at].state == FAILED) {
            at++;
            continue;
        }
        w->now += TICK_MS;
        CHECK(w->now - began < 600000);
    }
    for (size_t i = 0; i < w->count; i++)
        CHECK(w->blocks[i].legs_most <= RACE_LEGS);
    for (uint32_t i = 0; i < w->race.count; i++)
        CHECK(w->race.sources[i].active == 0);
    return w->now - began;
}

static const struct source good = { .latency_ms = 50, .each_ms = 1 };
static const struct source silent = { .silent = true };

static void the_best_alone_when_it_is_quick(void **state)
{
    (void)state;
    const struct source list[] = { good, good, good };
    struct world *w = world_new(list, 3, 1);
    CHECK(run(w) < RACE_STAGGER_MS);
    CHECK(w->sources[0].won == 1 && w->asks == 1);
    free(w);
}

static void the_next_soon_when_it_is_silent(void **state)
{
    (void)state;
    const struct source list[] = { silent, good };
    struct world *w = world_new(list, 2, 1);
    uint64_t took = run(w);
    CHECK(took >= RACE_STAGGER_MS && took <= RACE_STAGGER_MS + 100);
    free(w);
    const struct source four[] = { silent, silent, silent, good };
    w = world_new(four, 4, 1);
    took = run(w); /* two stall before the fourth can be asked */
    CHECK(took <= RACE_STALL_MS + 2 * RACE_STAGGER_MS + 500);
    free(w);
}

static void at_once_when_it_fails(void **state)
{
    (void)state;
    const struct source list[] = { { .breaks = true, .latency_ms = 10 },
                                   { .empty = true, .latency_ms = 10 },
                                   { .lies = true, .latency_ms = 10 },
                                   good };
    struct world *w = world_new(list, 4, 1);
    CHECK(run(w) <= 150);
    CHECK(w->sources[3].won == 1 && w->race.sources[2].banned);
    free(w);
}

static void many_blocks_take_windows_not_round_trips(void **state)
{
    (void)state;
    struct world *w = world_new(&good, 1, WANTS);
    uint64_t took = run(w);
    CHECK(took < WANTS * 50 / 8);
    CHECK(w->asks == WANTS); /* nothing twice */
    free(w);
}

/* Shares are as the lines are: one of four times the speed brings more, neither brings nothing. */
static void speed_decides_the_shares(void **state)
{
    (void)state;
    const struct source list[] = { { .latency_ms = 20, .each_ms = 40 },
                                   { .latency_ms = 20, .each_ms = 10 } };
    struct world *w = world_new(list, 2, WANTS);
    uint64_t took = run(w);
    CHECK(w->sources[1].won > 2 * w->sources[0].won && w->sources[0].won > WANTS / 20);
    CHECK(took < WANTS * 40 / 2);        /* much quicker than the first alone */
    CHECK(w->asks < WANTS + WANTS / 10); /* and hardly anything asked of both */
    free(w);
}

static void one_that_stalls_is_passed_over(void **state)
{
    (void)state;
    const struct source list[] = { silent, good, silent };
    struct world *w = world_new(list, 3, WANTS);
    CHECK(run(w) < 20000);
    CHECK(w->sources[1].won == WANTS);
    CHECK(w->sources[0].asked < 20 && w->sources[2].asked < 20);
    free(w);
}

static void one_that_dies_midway_costs_seconds(void **state)
{
    (void)state;
    struct source dying = good;
    dying.dies_ms = 100000 + 400;
    const struct source list[] = { dying, { .latency_ms = 50, .each_ms = 5 } };
    struct world *w = world_new(list, 2, WANTS);
    uint64_t took = run(w);
    CHECK(w->sources[0].won > 0 && w->sources[0].won + w->sources[1].won == WANTS);
    CHECK(took < 6000);
    free(w);
}

static void liars_are_asked_once(void **state)
{
    (void)state;
    const struct source list[] = { { .lies = true, .latency_ms = 5 }, good };
    struct world *w = world_new(list, 2, WANTS);
    run(w);
    CHECK(w->sources[0].asked == 1 && w->sources[1].won == WANTS);
    free(w);
}

static void nobody_has_it_or_nobody_gives_it(void **state)
{
    (void)state;
    const struct source empty[] = { { .empty = true }, { .empty = true } };
    struct world *w = world_new(empty, 2, 1);
    CHECK(run(w) < 100);
    CHECK(w->blocks[0].state == FAILED && w->blocks[0].err == ERR_NOT_FOUND && w->asks == 2);
    free(w);
    const struct source broken[] = { { .breaks = true } };
    w = world_new(broken, 1, 1);
    CHECK(run(w) > 2 * RACE_BACKOFF_MS);
    CHECK(w->blocks[0].state == FAILED && w->blocks[0].err == ERR_TIMEOUT);
    CHECK(w->asks == RACE_ROUNDS);
    free(w);
    /* Nobody is known, and others are being looked for: it waits. */
    w = world_new(empty, 0, 1);
    w->race.searching = true;
    struct race_effect e = race_step(&w->race, &w->blocks[0].want, w->now, true);
    CHECK(e.what == RACE_WAIT && e.wait_ms == UINT64_MAX);
    w->race.searching = false;
    e = race_step(&w->race, &w->blocks[0].want, w->now, true);
    CHECK(e.what == RACE_FAIL && e.err == ERR_NOT_FOUND);
    free(w);
}

/* A leg that brings bytes is waited for, one that crawls is not waited for alone. */
static void bytes_that_come_buy_time(void **state)
{
    (void)state;
    const struct source list[] = { good, good };
    struct world *w = world_new(list, 2, 1);
    struct race_want *want = &w->blocks[0].want;
    CHECK(race_asked(&w->race, want, 0, w->now) == 0);
    uint64_t end = w->now + RACE_CRAWL_MS;
    for (; w->now < end; w->now += 100) {
        race_heard(want, 0, w->now);
        CHECK(race_step(&w->race, want, w->now, true).what == RACE_WAIT);
    }
    const struct race_effect e = race_step(&w->race, want, w->now, true);
    CHECK(e.what == RACE_ASK && e.source == 1);
    free(w);
}

/* Beside a stream only one more is asked at a time, and one that stalls makes place. */
static void a_stream_counts_as_one(void **state)
{
    (void)state;
    const struct source list[] = { silent, silent, good };
    struct world *w = world_new(list, 3, 1);
    struct race_want *want = &w->blocks[0].want;
    want->beside = 1;
    w->race.sources[0].searches = true; /* nor may it search for longer */
    uint64_t took = run(w);
    CHECK(w->blocks[0].state == HERE && w->blocks[0].legs_most == 1);
    CHECK(took >= 2 * RACE_STALL_MS && took < 2 * RACE_STALL_MS + 500);
    free(w);
}

/* Any mixture: it ends, and what a good one has comes. */
static void any_mixture_ends(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct prng p;
        struct source list[SOURCES_MAX];
        prng_init(&p, seed);
        uint32_t n = 1 + (uint32_t)prng_below(&p, SOURCES_MAX);
        uint32_t one = (uint32_t)prng_below(&p, n);
        for (uint32_t i = 0; i < n; i++) {
            list[i] = (struct source){ .latency_ms = (uint32_t)prng_below(&p, 400),
                                       .each_ms = (uint32_t)prng_below(&p, 30) };
            switch (i == one ? 9 : prng_below(&p, 7)) {
            case 0:
                list[i].silent = true;
                break;
            case 1:
                list[i].lies = true;
                break;
            case 2:
                list[i].empty = true;
                break;
            case 3:
                list[i].breaks = true;
                break;
            case 4:
                list[i].dies_ms = 100000 + prng_below(&p, 5000);
                break;
            default:
                break;
            }
        }
        struct world *w = world_new(list, n, 60);
        uint64_t took = run(w);
        for (size_t i = 0; i < w->count; i++)
            if (w->blocks[i].state != HERE)
                fail_msg("seed %u: block %zu: %s", (unsigned)seed, i, err_name(w->blocks[i].err));
        if (took > 60000)
            fail_msg("seed %u: %u ms", (unsigned)seed, (unsigned)took);
        free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_alone_when_it_is_quick),
        cmocka_unit_test(the_next_soon_when_it_is_silent),
        cmocka_unit_test(at_once_when_it_fails),
        cmocka_unit_test(many_blocks_take_windows_not_round_trips),
        cmocka_unit_test(speed_decides_the_shares),
        cmocka_unit_test(one_that_stalls_is_passed_over),
        cmocka_unit_test(one_that_dies_midway_costs_seconds),
        cmocka_unit_test(liars_are_asked_once),
        cmocka_unit_test(nobody_has_it_or_nobody_gives_it),
        cmocka_unit_test(bytes_that_come_buy_time),
        cmocka_unit_test(a_stream_counts_as_one),
        cmocka_unit_test(any_mixture_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
