#include "ipfsd/body_slot.h"

#include <string.h>

bool body_slot_alive(const struct body_slot *s)
{
    return s->bound && !s->gone && !s->stop;
}

void body_slot_wake(struct body_slot *s)
{
    /* While the lock is held a bound request is not over. */
    if (s->asleep && s->bound)
        http_request_wake(s->rq);
    s->asleep = false;
}

/* ---- the thread of the slot ----------------------------------------------------------------- */

enum err body_slot_read(struct body_slot *s, struct span *out)
{
    pthread_mutex_lock(&s->lock);
    while (s->head == s->end && !s->ended && body_slot_alive(s))
        pthread_cond_wait(&s->news, &s->lock);
    size_t at = (size_t)(s->head % BODY_SLOT_RING), have = (size_t)(s->end - s->head);
    *out = span_of(s->ring + at, have < BODY_SLOT_RING - at ? have : BODY_SLOT_RING - at);
    enum err e = body_slot_alive(s) ? OK : ERR_CLOSED;
    pthread_mutex_unlock(&s->lock);
    return e;
}

void body_slot_taken(struct body_slot *s, size_t n)
{
    pthread_mutex_lock(&s->lock);
    s->head += n;
    if (s->end - s->head <= BODY_SLOT_RING / 2)
        body_slot_wake(s);
    pthread_mutex_unlock(&s->lock);
}

/* The lock is held before and after. */
static void work(struct body_slot *s)
{
    pthread_mutex_unlock(&s->lock);
    s->work.run(s->work.ctx);
    pthread_mutex_lock(&s->lock);
    s->complete = true;
    bool answer = s->waits;
    s->waits = false;
    body_slot_wake(s);
    if (answer) {
        /* A suspended request is not over before it is answered. */
        pthread_mutex_unlock(&s->lock);
        s->work.answer(s->work.ctx, s->rq);
        pthread_mutex_lock(&s->lock);
    }
    s->state = s->bound ? BODY_SLOT_DONE : BODY_SLOT_FREE;
}

static void *slot_main(void *ctx)
{
    struct body_slot *s = ctx;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        if (s->state == BODY_SLOT_WORKING)
            work(s);
        else
            pthread_cond_wait(&s->news, &s->lock);
    }
    bool answer = s->waits;
    s->waits = false;
    pthread_mutex_unlock(&s->lock);
    if (answer)
        (void)http_request_respond_text(s->rq, 503, "Closing.\n");
    return NULL;
}

/* ---- on the HTTP thread --------------------------------------------------------------------- */

static enum err sink(void *ctx, struct span chunk)
{
    struct body_slot *s = ctx;
    enum err e = OK;
    if (chunk.n > BODY_SLOT_RING)
        return ERR_LIMIT;
    pthread_mutex_lock(&s->lock);
    if (s->complete) {
        s->discarded += chunk.n;
        e = s->discarded > BODY_SLOT_DISCARD_MAX ? ERR_DENIED : OK;
    } else {
        /* A chunk is taken whole or not at all. */
        if (chunk.n <= BODY_SLOT_RING - (size_t)(s->end - s->head)) {
            size_t at = (size_t)(s->end % BODY_SLOT_RING);
            size_t n = chunk.n < BODY_SLOT_RING - at ? chunk.n : BODY_SLOT_RING - at;
            memcpy(s->ring + at, chunk.p, n);
            memcpy(s->ring, chunk.p + n, chunk.n - n);
            s->end += chunk.n;
            chunk.n = 0;
        }
        s->asleep = chunk.n > 0;
        e = s->asleep ? ERR_BUSY : OK;
        pthread_cond_signal(&s->news);
    }
    pthread_mutex_unlock(&s->lock);
    return e;
}

/* The client is gone; the request will be over. */
static void on_gone(void *ctx)
{
    struct body_slot *s = ctx;
    pthread_mutex_lock(&s->lock);
    s->gone = true;
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
}

/* The request is over. */
static void unbind(void *ctx)
{
    struct body_slot *s = ctx;
    pthread_mutex_lock(&s->lock);
    s->bound = s->asleep = false; /* waits stays: a suspended request wants its answer */
    if (s->state != BODY_SLOT_WORKING)
        s->state = BODY_SLOT_FREE;
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
}

bool body_slot_take(struct body_slot *s, struct http_request *rq)
{
    pthread_mutex_lock(&s->lock);
    bool mine = s->state == BODY_SLOT_FREE && !s->bound && !s->stop;
    if (mine) {
        s->state = BODY_SLOT_TAKEN;
        s->bound = true;
        s->gone = s->ended = s->waits = s->asleep = s->complete = false;
        s->rq = rq;
        s->discarded = s->head = s->end = 0;
    }
    pthread_mutex_unlock(&s->lock);
    if (mine) {
        http_request_set_data(rq, s, unbind);
        http_request_watch(rq, on_gone, s);
    }
    return mine;
}

void body_slot_start(struct body_slot *s)
{
    http_request_stream_body(s->rq, sink, s, UINT64_MAX);
    pthread_mutex_lock(&s->lock);
    s->state = BODY_SLOT_WORKING;
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
}

void body_slot_end(struct body_slot *s, uint64_t timeout_ms)
{
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    struct http_request *rq = s->rq;
    bool done = s->complete, stop = s->stop;
    if (!done && !stop) {
        s->waits = true;
        http_request_suspend(rq, timeout_ms);
        s->state = BODY_SLOT_WORKING;
    }
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
    if (done)
        s->work.answer(s->work.ctx, rq);
    else if (stop)
        (void)http_request_respond_text(rq, 503, "Closing.\n");
}

/* ---- life ----------------------------------------------------------------------------------- */

enum err body_slot_open(struct body_slot *s, const struct body_slot_work *work)
{
    s->work = *work;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->news, NULL);
    s->started = pthread_create(&s->thread, NULL, slot_main, s) == 0;
    return s->started ? OK : ERR_IO;
}

void body_slot_stop(struct body_slot *s)
{
    if (!s->started)
        return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_broadcast(&s->news);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    s->started = false;
}

void body_slot_close(struct body_slot *s)
{
    body_slot_stop(s);
    if (s->work.run == NULL)
        return; /* never opened */
    pthread_cond_destroy(&s->news);
    pthread_mutex_destroy(&s->lock);
    s->work = (struct body_slot_work){ 0 };
}
