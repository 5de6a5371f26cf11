/* Single blocks: each asked from one source, from a second when the first is slow, and then from
 * all others in turn; some at a time, the rest as the caller foretold. */
#include "crypto/sha256.h"
#include "ipfsd/fetch_impl.h"
#include "rt/clock.h"

static uint32_t bit(uint32_t i)
{
    return (uint32_t)1 << i;
}

/* ---- legs ----------------------------------------------------------------------------------- */

static void close_leg(struct fetch *f, struct fetch_ask *a, uint32_t i)
{
    if (a->legs[i] == NULL)
        return;
    fetch_leg_close(a->legs[i]);
    a->legs[i] = NULL;
    f->sources[a->sources[i]].active--;
}

static void ask_free(struct fetch *f, struct fetch_ask *a)
{
    for (uint32_t i = 0; i < FETCH_LEGS; i++)
        close_leg(f, a, i);
    *a = (struct fetch_ask){ .state = ASK_FREE };
}

void fetch_asks_close(struct fetch *f)
{
    for (uint32_t i = 0; i < FETCH_ASKS; i++)
        ask_free(f, &f->asks[i]);
}

/* The best source that has not been tried in this round: idle ones before busy ones, those who
 * fail or lack blocks later. FETCH_SOURCES_MAX: none. */
static uint32_t pick_source(const struct fetch *f, const struct fetch_ask *a)
{
    uint32_t best = FETCH_SOURCES_MAX, best_score = UINT32_MAX;
    for (uint32_t i = 0; i < f->source_count; i++) {
        const struct fetch_source *s = &f->sources[i];
        if (s->banned || ((a->tried | a->gone) & bit(i)) != 0)
            continue;
        uint32_t missing = s->missing > 64 ? 64 : s->missing;
        uint32_t failures = s->failures > 64 ? 64 : s->failures;
        uint32_t score = s->active + missing * 2 + failures * 8;
        if (score < best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

/* ERR_NOT_FOUND: nobody is left in this round. */
static enum err start_leg(struct fetch *f, struct fetch_ask *a, uint32_t slot)
{
    uint32_t i = pick_source(f, a);
    if (i == FETCH_SOURCES_MAX)
        return ERR_NOT_FOUND;
    char url[FETCH_LEG_URL_MAX];
    fetch_source_url(url, &f->sources[i], &a->key, "raw");
    struct fetch_leg_options o = fetch_leg_base(f, url);
    o.accept = "application/vnd.ipld.raw";
    o.total_ms = FETCH_BLOCK_MS;
    TRY(fetch_leg_open(&a->legs[slot], f->hub, &o));
    a->sources[slot] = i;
    a->tried |= bit(i);
    a->begun_ms = clock_mono_ms();
    f->sources[i].active++;
    return OK;
}

/* ---- one ask -------------------------------------------------------------------------------- */

static void leg_ended(struct fetch *f, struct fetch_ask *a, uint32_t slot,
                      const struct fetch_leg_state *s)
{
    uint8_t digest[32];
    struct fetch_source *from = &f->sources[a->sources[slot]];
    if (s->err == OK) {
        sha256(digest, s->data);
        if (memcmp(digest, a->key.digest, sizeof(digest)) == 0) {
            fetch_source_good(from, f->ranks, s->data.n);
            a->state = ASK_HAVE;
            a->winner = slot;
            a->size = s->data.n;
            return;
        }
        fetch_source_fail(from, f->ranks, FETCH_FAULT_DIGEST, s);
    } else {
        fetch_source_fail(from, f->ranks, FETCH_FAULT_HTTP, s);
        if (!fetch_source_passing(from))
            a->gone |= bit(a->sources[slot]);
    }
    close_leg(f, a, slot);
}

/* Looks at the legs; returns how many are under way. */
static uint32_t look_at_legs(struct fetch *f, struct fetch_ask *a)
{
    uint32_t running = 0;
    for (uint32_t i = 0; i < FETCH_LEGS && a->state == ASK_RUNNING; i++) {
        struct fetch_leg_state s;
        if (a->legs[i] == NULL)
            continue;
        fetch_hub_lock(f->hub);
        fetch_leg_look(a->legs[i], &s);
        fetch_hub_unlock(f->hub);
        if (s.ended)
            leg_ended(f, a, i, &s);
        if (a->legs[i] != NULL)
            running++;
    }
    if (a->state == ASK_HAVE) {
        for (uint32_t i = 0; i < FETCH_LEGS; i++) {
            if (i != a->winner)
                close_leg(f, a, i);
        }
    }
    return running;
}

static void fail(struct fetch_ask *a, enum err e)
{
    a->state = ASK_FAILED;
    a->err = e;
}

/* Everybody has been tried: again after a pause, if for some the trouble may pass. */
static void next_round(struct fetch *f, struct fetch_ask *a, uint64_t now)
{
    bool hope = false;
    for (uint32_t i = 0; i < f->source_count; i++)
        hope = hope || ((a->gone & bit(i)) == 0 && !f->sources[i].banned);
    if (!hope || ++a->round >= FETCH_ROUNDS) {
        fail(a, hope ? ERR_TIMEOUT : ERR_NOT_FOUND);
        return;
    }
    a->tried = 0;
    a->again_ms = now + ((uint64_t)f->backoff_ms << a->round);
}

/* Moves an ask on; returns in how many milliseconds it wants to be looked at again. */
static uint64_t ask_step(struct fetch *f, struct fetch_ask *a)
{
    uint64_t now = clock_mono_ms();
    if (a->state != ASK_RUNNING)
        return UINT64_MAX;
    if (now < a->again_ms)
        return a->again_ms - now;
    a->again_ms = 0;
    uint32_t running = look_at_legs(f, a);
    if (a->state != ASK_RUNNING)
        return 0;
    uint64_t waited = now - a->begun_ms;
    if (running == 1 && waited < f->hedge_ms)
        return f->hedge_ms - waited;
    if (running == FETCH_LEGS)
        return UINT64_MAX;
    enum err e = start_leg(f, a, a->legs[0] == NULL ? 0 : 1);
    if (e == OK)
        return f->hedge_ms;
    if (running > 0)
        return UINT64_MAX; /* nobody else to ask: it may yet come */
    if (e == ERR_NOT_FOUND)
        next_round(f, a, now);
    else
        fail(a, e);
    return 0;
}

/* ---- all asks ------------------------------------------------------------------------------- */

static struct fetch_ask *ask_of(struct fetch *f, const struct content_key *key)
{
    for (uint32_t i = 0; i < FETCH_ASKS; i++) {
        if (f->asks[i].state != ASK_FREE && cid_key_cmp(&f->asks[i].key, key) == 0)
            return &f->asks[i];
    }
    return NULL;
}

/* A free place, leaving `keep` of them free; NULL: none. */
static struct fetch_ask *ask_place(struct fetch *f, uint32_t keep)
{
    struct fetch_ask *found = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < FETCH_ASKS; i++) {
        if (f->asks[i].state == ASK_FREE) {
            found = &f->asks[i];
            count++;
        }
    }
    return count > keep ? found : NULL;
}

/* What was foretold and never asked for gives way. */
static struct fetch_ask *ask_evict(struct fetch *f)
{
    struct fetch_ask *oldest = &f->asks[0];
    for (uint32_t i = 1; i < FETCH_ASKS; i++) {
        if (f->asks[i].number < oldest->number)
            oldest = &f->asks[i];
    }
    ask_free(f, oldest);
    return oldest;
}

static void ask_begin(struct fetch *f, struct fetch_ask *a, const struct content_key *key)
{
    *a = (struct fetch_ask){ .state = ASK_RUNNING, .key = *key, .number = ++f->ask_count };
    (void)ask_step(f, a);
}

static void start_ahead(struct fetch *f)
{
    while (f->ahead_at < f->ahead_count) {
        const struct content_key *key = &f->ahead[f->ahead_at];
        bool needless = ask_of(f, key) != NULL || fetch_set_look(&f->set, key) == FETCH_COME;
        struct fetch_ask *a = needless ? NULL : ask_place(f, 1);
        if (!needless && a == NULL)
            return;
        if (a != NULL)
            ask_begin(f, a, key);
        f->ahead_at++;
    }
}

void fetch_prefetch(struct fetch *f, const struct content_key *keys, size_t count)
{
    f->ahead_at = 0;
    f->ahead_count = count < FETCH_PREFETCH_MAX ? count : FETCH_PREFETCH_MAX;
    if (f->ahead_count > 0)
        memcpy(f->ahead, keys, f->ahead_count * sizeof(*keys));
    if (fetch_alive(f) == OK)
        start_ahead(f);
}

static enum err deliver(struct fetch *f, size_t *size, struct mspan buf, struct fetch_ask *a)
{
    struct fetch_leg_state s;
    *size = a->size;
    if (a->size > buf.n)
        return ERR_LIMIT; /* it stays: the next call with more room gets it */
    fetch_hub_lock(f->hub);
    fetch_leg_look(a->legs[a->winner], &s);
    fetch_hub_unlock(f->hub);
    ASSERT(s.data.n == a->size);
    struct content_key key = a->key;
    if (a->size > 0)
        memcpy(buf.p, s.data.p, a->size);
    ask_free(f, a);
    enum err e = fetch_account(f, &key, span_of(buf.p, *size));
    if (e != OK)
        *size = 0;
    return e;
}

enum err fetch_get(struct fetch *f, size_t *size, struct mspan buf, const struct content_key *key)
{
    *size = 0;
    TRY(fetch_alive(f));
    uint64_t until = clock_mono_ms() + f->get_ms;
    struct fetch_ask *a = ask_of(f, key);
    if (a == NULL) {
        a = ask_place(f, 0);
        if (a == NULL)
            a = ask_evict(f);
        ask_begin(f, a, key);
    }
    start_ahead(f);
    for (;;) {
        uint64_t seen = fetch_hub_count(f->hub);
        uint64_t wait = 1000;
        TRY(fetch_alive(f));
        for (uint32_t i = 0; i < FETCH_ASKS; i++) {
            uint64_t w = ask_step(f, &f->asks[i]);
            wait = w < wait && f->asks[i].state == ASK_RUNNING ? w : wait;
        }
        if (a->state == ASK_HAVE) {
            TRY(deliver(f, size, buf, a));
            start_ahead(f);
            return OK;
        }
        enum err e = a->state == ASK_FAILED ? a->err : ERR_TIMEOUT;
        if (a->state == ASK_FAILED || clock_mono_ms() >= until) {
            ask_free(f, a);
            return e;
        }
        if (wait > 0)
            fetch_hub_wait_since(f->hub, seen, wait);
    }
}
