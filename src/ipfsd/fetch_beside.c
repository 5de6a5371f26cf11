/* What others give beside a stream. The stream comes from the front; when it takes longer than a
 * moment the others are asked for the root, since who has that has the rest, and those who give it
 * for what the caller has foretold: the end of the content, so that both meet somewhere. */
#include "ipfsd/fetch_impl.h"
#include "rt/clock.h"

static uint32_t stream_bit(const struct fetch *f)
{
    return (uint32_t)1 << f->stream.source;
}

static bool has_others(const struct fetch *f)
{
    for (uint32_t i = 0; i < f->source_count; i++)
        if (i != f->stream.source && !f->sources[i].banned)
            return true;
    return false;
}

bool fetch_shares(const struct fetch *f)
{
    return f->stream.leg != NULL && f->beside == BESIDE_ON;
}

void fetch_beside_taken(struct fetch *f)
{
    if (f->shown != NULL)
        fetch_ask_free(f, f->shown);
    f->shown = NULL;
}

/* Gives a block out, unless the stream has brought it meanwhile. */
static void give(struct fetch *f, struct fetch_ask *a, bool *taken, struct fetch_block *out)
{
    if (fetch_set_look(&f->set, &a->key) == FETCH_COME) {
        fetch_ask_free(f, a);
        return;
    }
    *out = (struct fetch_block){ .key = a->key, .data = fetch_ask_data(f, a), .beside = true };
    f->shown = a;
    *taken = fetch_account(f, &out->key, out->data) == OK; /* else the fetch is over */
}

static void begin(struct fetch *f)
{
    f->probe = has_others(f) ? fetch_ask_start(f, &f->root, stream_bit(f)) : NULL;
    f->beside = f->probe == NULL ? BESIDE_OFF : BESIDE_PROBE;
    if (f->probe != NULL)
        f->probe->urgent = f->stream.delivered == 0;
}

static void look_at_probe(struct fetch *f, bool *taken, struct fetch_block *out)
{
    struct fetch_ask *a = f->probe;
    if (a->state == ASK_RUNNING)
        return;
    f->probe = NULL;
    f->beside = a->state == ASK_HAVE ? BESIDE_ON : BESIDE_OFF;
    if (a->state == ASK_HAVE)
        give(f, a, taken, out);
    else
        fetch_ask_free(f, a);
}

uint64_t fetch_beside_step(struct fetch *f, bool *taken, struct fetch_block *out)
{
    uint64_t now = clock_mono_ms(), due = f->stream.begun_ms + f->race.stagger_ms;
    if (f->beside == BESIDE_NOT_YET && now >= due)
        begin(f);
    uint64_t wait = fetch_asks_step(f);
    if (f->beside == BESIDE_NOT_YET)
        return due - now < wait ? due - now : wait;
    if (f->beside == BESIDE_PROBE)
        look_at_probe(f, taken, out);
    if (f->beside != BESIDE_ON)
        return wait;
    for (uint32_t i = 0; i < FETCH_ASKS && !*taken; i++)
        if (f->asks[i].state == ASK_HAVE)
            give(f, &f->asks[i], taken, out);
        else if (f->asks[i].state == ASK_FAILED)
            fetch_ask_free(f, &f->asks[i]); /* the stream will bring it */
    fetch_ahead_start(f, stream_bit(f));
    return wait;
}
