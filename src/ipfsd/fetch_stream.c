/* The stream of a whole DAG: one CAR after the other until one has come through. */
#include "crypto/sha256.h"
#include "ipfsd/fetch_impl.h"
#include "rt/clock.h"

#include <stdlib.h>

static const char stream_format[] = "car&dag-scope=all&car-order=dfs&car-dups=n";
static const char stream_accept[] = "application/vnd.ipld.car; version=1; order=dfs; dups=n";

void fetch_stream_close(struct fetch *f)
{
    struct fetch_stream *st = &f->stream;
    fetch_leg_close(st->leg);
    free(st->memory);
    st->leg = NULL;
    st->memory = NULL;
    st->done = true;
}

/* ---- choosing a source ---------------------------------------------------------------------- */

static enum err open_leg(struct fetch *f, uint32_t i)
{
    struct fetch_stream *st = &f->stream;
    char url[FETCH_LEG_URL_MAX];
    fetch_source_url(url, &f->sources[i], &f->root, stream_format);
    struct fetch_leg_options o = fetch_leg_base(f, url);
    o.stream = true;
    o.accept = stream_accept;
    o.want_type = "application/vnd.ipld.car";
    if (st->memory == NULL)
        st->memory = malloc(CAR_SECTION_MAX);
    if (st->memory == NULL)
        return ERR_MEMORY;
    TRY(fetch_leg_open(&st->leg, f->hub, &o));
    car_parser_init(&st->parser, (struct mspan){ st->memory, CAR_SECTION_MAX });
    f->sources[i].streamed = f->sources[i].asked = true;
    st->source = i;
    st->begun_ms = clock_mono_ms();
    st->met = 0;
    if (f->beside == BESIDE_OFF)
        f->beside = BESIDE_NOT_YET; /* there are others now */
    st->held = 0;
    st->strange = st->repeats = 0;
    st->silent_ms = st->silent_mark = st->waited_ms = st->pace_mark = 0;
    return OK;
}

/* Waits before the next round; gives up when no source can have become better. */
static enum err next_round(struct fetch *f)
{
    struct fetch_stream *st = &f->stream;
    bool hope = false;
    for (uint32_t i = 0; i < f->source_count; i++) {
        if (fetch_source_passing(&f->sources[i])) {
            f->sources[i].streamed = false;
            hope = true;
        }
    }
    /* Where peers can be asked nobody waits: block by block all are raced. */
    if (!hope || f->peers.ask != NULL || st->delivered > 0 || ++st->round >= FETCH_ROUNDS) {
        fetch_stream_close(f);
        return OK;
    }
    uint64_t until = clock_mono_ms() + ((uint64_t)f->race.backoff_ms << st->round);
    for (uint64_t now; (now = clock_mono_ms()) < until && fetch_alive(f) == OK;)
        fetch_hub_wait_since(f->hub, fetch_hub_count(f->hub), until - now);
    return OK;
}

static enum err next_source(struct fetch *f)
{
    if (f->stream.delivered > FETCH_AGAIN_MAX || f->beside == BESIDE_ON) {
        fetch_stream_close(f);
        return OK;
    }
    for (uint32_t i = 0; i < f->source_count; i++) {
        if (!f->sources[i].banned && !f->sources[i].streamed && !f->sources[i].peers)
            return open_leg(f, i);
    }
    return next_round(f);
}

static void leave_source(struct fetch *f, enum fetch_fault fault,
                         const struct fetch_leg_state *state)
{
    struct fetch_stream *st = &f->stream;
    if (fault != FETCH_FAULT_NONE)
        fetch_source_fail(&f->sources[st->source], f->ranks, fault, state);
    fetch_leg_close(st->leg);
    st->leg = NULL;
}

/* ---- reading -------------------------------------------------------------------------------- */

static uint64_t min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t left_of(uint64_t max, uint64_t used)
{
    return used >= max ? 0 : max - used;
}

/* How long the reader may still wait for bytes; 0: no longer, and *fault says why. A sender that
 * only drips is given up in the end, too. Time in which we did not read does not count. */
static uint64_t patience(const struct fetch *f, struct fetch_stream *st,
                         const struct fetch_leg_state *s, enum fetch_fault *fault)
{
    if (s->bytes != st->silent_mark)
        st->silent_ms = 0;
    st->silent_mark = s->bytes;
    if (s->bytes - st->pace_mark >= FETCH_PACE_BYTES) {
        st->pace_mark = s->bytes;
        st->waited_ms = 0;
    }
    uint64_t silence = s->replied ? f->idle_ms : f->first_ms;
    if (f->beside == BESIDE_ON) /* others give what this one does not */
        silence = min64(silence, f->race.stall_ms);
    silence = left_of(silence, st->silent_ms);
    uint64_t pace = left_of((uint64_t)f->idle_ms * 3, st->waited_ms);
    *fault = silence == 0 ? FETCH_FAULT_SILENT : FETCH_FAULT_SLOW;
    return min64(silence, pace);
}

static void look(struct fetch *f, struct fetch_leg_state *s)
{
    fetch_hub_lock(f->hub);
    fetch_leg_look(f->stream.leg, s);
    fetch_hub_unlock(f->hub);
}

/* Waits until something has happened since the signal `seen`; false: patience is over. */
static bool wait_for_bytes(struct fetch *f, struct fetch_leg_state *s, enum fetch_fault *fault,
                           uint64_t seen, uint64_t wait_ms)
{
    struct fetch_stream *st = &f->stream;
    look(f, s);
    uint64_t left = patience(f, st, s, fault);
    if (s->data.n == 0 && !s->ended && left > 0) {
        uint64_t before = clock_mono_ms();
        fetch_hub_wait_since(f->hub, seen, min64(left, wait_ms));
        uint64_t waited = clock_mono_ms() - before;
        st->waited_ms += waited;
        st->silent_ms += waited;
        look(f, s);
        left = patience(f, st, s, fault);
    }
    return left > 0 || s->data.n > 0 || s->ended;
}

static void stream_ended(struct fetch *f, const struct fetch_leg_state *s)
{
    bool whole = f->set.come == f->set.used;
    if (s->err != OK)
        leave_source(f, FETCH_FAULT_HTTP, s);
    else if (car_parser_finish(&f->stream.parser) != OK)
        leave_source(f, FETCH_FAULT_CUT, s);
    else
        leave_source(f, whole ? FETCH_FAULT_NONE : FETCH_FAULT_INCOMPLETE, s);
    if (whole)
        fetch_stream_close(f);
}

/* Counts what nobody wanted and gives a wasteful source up. */
static void count_waste(struct fetch *f, uint64_t *counter, size_t size, enum fetch_fault fault)
{
    *counter += size < FETCH_WASTE_EACH ? FETCH_WASTE_EACH : size;
    if (*counter > FETCH_WASTE_MAX + f->size_max / 8)
        leave_source(f, fault, NULL);
}

/* *taken: out is to be delivered. */
static enum err take_block(struct fetch *f, bool *taken, struct fetch_block *out,
                           const struct car_item *item)
{
    struct fetch_stream *st = &f->stream;
    uint8_t digest[32];
    *taken = false;
    enum fetch_mark mark = FETCH_UNKNOWN;
    if (cid_key(&out->key, &item->cid) == OK)
        mark = fetch_set_look(&f->set, &out->key);
    if (mark == FETCH_UNKNOWN) {
        count_waste(f, &st->strange, item->data.n, FETCH_FAULT_STRANGE);
        return OK;
    }
    if (mark == FETCH_COME && f->beside == BESIDE_ON) {
        if (++st->met >= FETCH_MET) { /* what follows is here, or asked for */
            leave_source(f, FETCH_FAULT_NONE, NULL);
            fetch_stream_close(f);
        }
        return OK;
    }
    if (mark == FETCH_COME) {
        count_waste(f, &st->repeats, item->data.n, FETCH_FAULT_REPEATS);
        return OK;
    }
    sha256(digest, item->data);
    if (memcmp(digest, out->key.digest, sizeof(digest)) != 0) {
        leave_source(f, FETCH_FAULT_DIGEST, NULL);
        return OK;
    }
    TRY(fetch_account(f, &out->key, item->data));
    fetch_served(f, st->source, item->data.n);
    st->delivered += item->data.n;
    st->met = 0;
    out->data = item->data;
    *taken = true;
    return OK;
}

/* One step of the stream that is under way. */
static enum err step(struct fetch *f, bool *taken, struct fetch_block *out, uint64_t seen,
                     uint64_t wait_ms)
{
    struct fetch_stream *st = &f->stream;
    struct fetch_leg_state s;
    struct car_item item;
    enum fetch_fault fault;
    if (st->held > 0)
        fetch_leg_take(st->leg, st->held);
    st->held = 0;
    bool patient = wait_for_bytes(f, &s, &fault, seen, wait_ms);
    TRY(fetch_alive(f));
    if (!patient) {
        leave_source(f, fault, NULL);
        return OK;
    }
    if (s.data.n == 0) {
        if (s.ended)
            stream_ended(f, &s);
        return OK;
    }
    struct span in = s.data;
    if (car_parser_next(&st->parser, &item, &in) != OK) {
        leave_source(f, FETCH_FAULT_NO_CAR, NULL);
        return OK;
    }
    st->held = s.data.n - in.n;
    return item.event == CAR_BLOCK ? take_block(f, taken, out, &item) : OK;
}

enum err fetch_next(struct fetch *f, struct fetch_block *out)
{
    bool taken = false;
    *out = (struct fetch_block){ 0 };
    fetch_beside_taken(f);
    while (!taken) {
        uint64_t seen = fetch_hub_count(f->hub);
        TRY(fetch_alive(f));
        if (f->stream.done)
            return ERR_NOT_FOUND;
        if (f->stream.leg == NULL) {
            TRY(next_source(f));
            continue;
        }
        uint64_t wait = fetch_beside_step(f, &taken, out);
        TRY(fetch_alive(f));
        if (!taken)
            TRY(step(f, &taken, out, seen, wait));
    }
    return OK;
}
