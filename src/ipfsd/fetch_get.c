/* Single blocks: of whom each is asked, and when, is ipfs/race; here are its legs and its places.
 * Some are asked for at a time: what is waited for, and what the caller foretold. */
#include "crypto/sha256.h"
#include "ipfsd/fetch_impl.h"
#include "ipfsd/find_http.h"
#include "rt/clock.h"

/* ---- legs ----------------------------------------------------------------------------------- */

static void close_leg(struct fetch *f, struct fetch_ask *a, uint32_t i, enum race_loss how)
{
    fetch_leg_close(a->legs[i]);
    a->legs[i] = NULL;
    race_lost(&f->race, &a->want, i, how, clock_mono_ms());
}

void fetch_ask_free(struct fetch *f, struct fetch_ask *a)
{
    for (uint32_t i = 0; i < RACE_LEGS; i++) {
        if (a->want.legs[i].on)
            close_leg(f, a, i, RACE_CANCELLED);
        fetch_leg_close(a->legs[i]); /* of the winner */
    }
    *a = (struct fetch_ask){ .state = ASK_FREE };
}

void fetch_asks_close(struct fetch *f)
{
    for (uint32_t i = 0; i < FETCH_ASKS; i++)
        fetch_ask_free(f, &f->asks[i]);
}

static enum err open_leg(struct fetch *f, struct fetch_leg **out, struct fetch_source *s,
                         const struct content_key *key)
{
    char url[FETCH_LEG_URL_MAX];
    if (s->peers)
        return fetch_leg_peers(out, f->hub, &f->peers, key);
    fetch_source_url(url, s, key, "raw");
    struct fetch_leg_options o = fetch_leg_base(f, url);
    o.accept = "application/vnd.ipld.raw";
    o.total_ms = FETCH_BLOCK_MS;
    return fetch_leg_open(out, f->hub, &o);
}

static void fail(struct fetch_ask *a, enum err e)
{
    a->state = ASK_FAILED;
    a->err = e;
}

static void start_leg(struct fetch *f, struct fetch_ask *a, uint32_t source, uint64_t now)
{
    struct fetch_source *s = &f->sources[source];
    uint32_t i = race_asked(&f->race, &a->want, source, now);
    enum err e = open_leg(f, &a->legs[i], s, &a->key);
    s->asked = true;
    a->heard[i] = 0;
    if (e == OK)
        return;
    const struct fetch_leg_state state = { .ended = true, .err = e };
    fetch_source_fail(s, NULL, FETCH_FAULT_HTTP, &state);
    close_leg(f, a, i, RACE_BROKE);
    if (e == ERR_MEMORY)
        fail(a, e);
}

/* ---- one ask -------------------------------------------------------------------------------- */

static void leg_ended(struct fetch *f, struct fetch_ask *a, uint32_t i,
                      const struct fetch_leg_state *s, uint64_t now)
{
    uint8_t digest[32];
    uint32_t source = a->want.legs[i].source;
    struct fetch_source *from = &f->sources[source];
    struct fetch_ranks *ranks = from->peers ? NULL : f->ranks;
    if (s->err == OK) {
        if (!from->peers) /* the exchange has looked */
            sha256(digest, s->data);
        if (from->peers || memcmp(digest, a->key.digest, sizeof(digest)) == 0) {
            fetch_served(f, source, s->data.n);
            race_came(&f->race, &a->want, i, now);
            a->state = ASK_HAVE;
            a->winner = i;
            a->size = s->data.n;
            return;
        }
        fetch_source_fail(from, ranks, FETCH_FAULT_DIGEST, s);
        close_leg(f, a, i, RACE_LIED);
        return;
    }
    fetch_source_fail(from, ranks, FETCH_FAULT_HTTP, s);
    /* Peers are many, come and go, and one that was busy says that it has nothing: once more. */
    bool again = fetch_source_passing(from) || (from->peers && a->want.round == 0);
    close_leg(f, a, i, again ? RACE_BROKE : RACE_MISSING);
}

static void look_at_legs(struct fetch *f, struct fetch_ask *a, uint64_t now)
{
    for (uint32_t i = 0; i < RACE_LEGS && a->state == ASK_RUNNING; i++) {
        struct fetch_leg_state s;
        if (a->legs[i] == NULL)
            continue;
        fetch_hub_lock(f->hub);
        fetch_leg_look(a->legs[i], &s);
        fetch_hub_unlock(f->hub);
        if (s.ended) {
            leg_ended(f, a, i, &s, now);
        } else if (s.bytes > a->heard[i]) {
            a->heard[i] = s.bytes;
            race_heard(&a->want, i, now);
        }
    }
    for (uint32_t i = 0; i < RACE_LEGS && a->state == ASK_HAVE; i++)
        if (a->want.legs[i].on)
            close_leg(f, a, i, RACE_CANCELLED);
}

static void drop_leg(struct fetch *f, struct fetch_ask *a, uint32_t i)
{
    struct fetch_source *s = &f->sources[a->want.legs[i].source];
    fetch_source_fail(s, s->peers ? NULL : f->ranks, FETCH_FAULT_SILENT, NULL);
    close_leg(f, a, i, RACE_STALLED);
}

/* Moves an ask on; returns in how many milliseconds it wants to be looked at again. */
static uint64_t ask_step(struct fetch *f, struct fetch_ask *a)
{
    if (a->state != ASK_RUNNING)
        return UINT64_MAX;
    while (a->state == ASK_RUNNING) {
        uint64_t now = clock_mono_ms();
        look_at_legs(f, a, now);
        if (a->state != ASK_RUNNING)
            return 0;
        const struct race_effect e = race_step(&f->race, &a->want, now, a->urgent);
        switch (e.what) {
        case RACE_WAIT:
            return e.wait_ms;
        case RACE_ASK:
            start_leg(f, a, e.source, now);
            break;
        case RACE_DROP:
            drop_leg(f, a, e.leg);
            break;
        case RACE_FAIL:
            fail(a, e.err);
            break;
        }
    }
    return 0;
}

/* ---- gateways that routers know ---------------------------------------------------------------
 */

static void take_found(struct fetch *f)
{
    struct find_http_urls found;
    if (!find_http_look(f->find, &found, f->find_ticket))
        return;
    find_http_end(f->find, f->find_ticket);
    f->find_state = FIND_OVER;
    f->race.searching = false;
    for (size_t i = 0; i < found.count; i++)
        (void)!fetch_add(f, span_str(found.urls[i])); /* a router's word: some are none */
}

/* Nobody is asked for it any more, or all have been silent for a while. */
static bool lacks(const struct fetch *f, const struct fetch_ask *a, uint64_t now)
{
    if (a->state != ASK_RUNNING || !a->urgent)
        return false;
    for (uint32_t i = 0; i < RACE_LEGS; i++)
        if (a->legs[i] != NULL)
            return !race_proven(&f->race, 0) && now >= a->begun_ms + FETCH_FIND_AFTER_MS;
    return true;
}

static void find_step(struct fetch *f)
{
    if (f->find_state == FIND_ASKED)
        take_found(f);
    for (uint32_t i = 0; i < FETCH_ASKS && f->race.searching && f->find_state == FIND_NOT_YET;
         i++) {
        if (!lacks(f, &f->asks[i], clock_mono_ms()))
            continue;
        bool begun = find_http_begin(f->find, &f->find_ticket, &f->root) == OK;
        f->find_state = begun ? FIND_ASKED : FIND_OVER;
        f->race.searching = begun;
    }
}

/* ---- all asks ------------------------------------------------------------------------------- */

uint64_t fetch_asks_step(struct fetch *f)
{
    uint64_t wait = 1000;
    for (uint32_t i = 0; i < f->source_count; i++)
        f->race.sources[i].banned |= f->sources[i].banned; /* the stream finds liars, too */
    find_step(f);
    for (uint32_t i = 0; i < FETCH_ASKS; i++) {
        f->asks[i].want.beside = f->stream.leg != NULL;
        uint64_t w = ask_step(f, &f->asks[i]);
        wait = w < wait ? w : wait;
    }
    if ((f->gone != NULL || f->race.searching) && wait > FETCH_LOOK_MS)
        wait = FETCH_LOOK_MS;
    return wait;
}

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
    fetch_ask_free(f, oldest);
    return oldest;
}

static void ask_begin(struct fetch *f, struct fetch_ask *a, const struct content_key *key,
                      bool urgent)
{
    *a = (struct fetch_ask){ .state = ASK_RUNNING,
                             .key = *key,
                             .urgent = urgent,
                             .begun_ms = clock_mono_ms(),
                             .number = ++f->ask_count };
}

struct fetch_ask *fetch_ask_start(struct fetch *f, const struct content_key *key, uint32_t without)
{
    struct fetch_ask *a = ask_place(f, 0);
    if (a == NULL)
        return NULL;
    ask_begin(f, a, key, false);
    a->want.gone = without;
    a->want.beside = without != 0;
    (void)ask_step(f, a);
    return a;
}

/* Places for what is foretold: as many as fit the memory, by the size of blocks so far. */
static uint32_t places(const struct fetch *f)
{
    uint64_t fit = f->usual == 0 ? FETCH_ASKS_FEW : FETCH_AHEAD_BYTES / f->usual;
    fit = fit < FETCH_ASKS_FEW ? FETCH_ASKS_FEW : fit;
    return fit < FETCH_ASKS ? (uint32_t)fit : FETCH_ASKS;
}

void fetch_ahead_start(struct fetch *f, uint32_t without)
{
    uint32_t keep = FETCH_ASKS - places(f) + 1; /* one stays free for what is asked for now */
    while (f->ahead_at < f->ahead_count) {
        const struct content_key *key = &f->ahead[f->ahead_at];
        bool come = !f->loose && fetch_set_look(&f->set, key) == FETCH_COME;
        if (!come && ask_of(f, key) == NULL) {
            struct fetch_ask *a = ask_place(f, keep);
            if (a == NULL)
                return;
            ask_begin(f, a, key, false);
            a->want.gone = without;
            a->want.beside = without != 0;
            (void)ask_step(f, a);
            if (a->state == ASK_RUNNING && a->legs[0] == NULL) {
                fetch_ask_free(f, a); /* nobody has room: later */
                return;
            }
        }
        f->ahead_at++;
    }
}

void fetch_prefetch(struct fetch *f, const struct content_key *keys, size_t count)
{
    f->ahead_at = 0;
    f->ahead_count = count < FETCH_PREFETCH_MAX ? count : FETCH_PREFETCH_MAX;
    if (f->ahead_count > 0)
        memcpy(f->ahead, keys, f->ahead_count * sizeof(*keys));
    if (fetch_alive(f) == OK && f->stream.leg == NULL)
        fetch_ahead_start(f, 0);
}

struct span fetch_ask_data(struct fetch *f, const struct fetch_ask *a)
{
    struct fetch_leg_state s;
    fetch_hub_lock(f->hub);
    fetch_leg_look(a->legs[a->winner], &s);
    fetch_hub_unlock(f->hub);
    ASSERT(s.data.n == a->size);
    return s.data;
}

static enum err deliver(struct fetch *f, size_t *size, struct mspan buf, struct fetch_ask *a)
{
    *size = a->size;
    if (a->size > buf.n)
        return ERR_LIMIT; /* it stays: the next call with more room gets it */
    struct span data = fetch_ask_data(f, a);
    struct content_key key = a->key;
    if (a->size > 0)
        memcpy(buf.p, data.p, a->size);
    fetch_ask_free(f, a);
    enum err e = fetch_account(f, &key, span_of(buf.p, *size));
    if (e != OK)
        *size = 0;
    return e;
}

/* The ask for a key that is waited for. One that failed when it was only foretold is begun anew. */
static struct fetch_ask *ask_now(struct fetch *f, const struct content_key *key)
{
    struct fetch_ask *a = ask_of(f, key);
    if (a != NULL && a->state == ASK_FAILED && !a->urgent) {
        fetch_ask_free(f, a);
        a = NULL;
    }
    if (a == NULL) {
        a = ask_place(f, 0);
        if (a == NULL)
            a = ask_evict(f);
        ask_begin(f, a, key, true);
    }
    a->urgent = true;
    return a;
}

enum err fetch_get(struct fetch *f, size_t *size, struct mspan buf, const struct content_key *key)
{
    *size = 0;
    fetch_beside_taken(f);
    TRY(fetch_alive(f));
    uint64_t until = clock_mono_ms() + f->get_ms;
    struct fetch_ask *a = ask_now(f, key);
    (void)ask_step(f, a);
    fetch_ahead_start(f, 0);
    for (;;) {
        uint64_t seen = fetch_hub_count(f->hub);
        TRY(fetch_alive(f));
        uint64_t wait = fetch_asks_step(f);
        if (a->state == ASK_HAVE) {
            TRY(deliver(f, size, buf, a));
            fetch_ahead_start(f, 0);
            return OK;
        }
        enum err e = a->state == ASK_FAILED ? a->err : ERR_TIMEOUT;
        if (a->state == ASK_FAILED || clock_mono_ms() >= until) {
            fetch_ask_free(f, a);
            return e;
        }
        fetch_ahead_start(f, 0);
        if (wait > 0)
            fetch_hub_wait_since(f->hub, seen, wait);
    }
}
