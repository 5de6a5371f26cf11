#include "ipfsd/fetch_leg.h"

#include "ipfsd/fetch.h"
#include "rt/clock.h"
#include "rt/http_client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum {
    BLOCK_BUFFER_FIRST = 64 << 10,
    REDIRECTS = 3,
};

struct fetch_hub {
    pthread_mutex_t lock;
    pthread_cond_t news;
    uint64_t count;
    atomic_uint refs;
};

/* References: the owner's; one while libcurl has the transfer; one while the event is posted; one
 * while peers are asked. */
struct fetch_leg {
    struct fetch_hub *hub;
    struct fetch_peers peers; /* ask NULL: a transfer */
    uint64_t want;            /* of the peers */
    struct fetch_leg_options o;
    char url[FETCH_LEG_URL_MAX];
    struct loop_event event;
    atomic_uint refs;
    /* All under the hub's lock. */
    bool posted, started, closed, paused, resume;
    struct http_fetch *transfer; /* the loop's */
    struct fetch_leg_state state;
    uint8_t *buf;
    size_t size;        /* of buf */
    uint64_t head, end; /* ring: bytes taken and put since the start */
};

/* ---- the hub -------------------------------------------------------------------------------- */

struct fetch_hub *fetch_hub_new(void)
{
    struct fetch_hub *h = calloc(1, sizeof(*h));
    pthread_condattr_t attr;
    if (h == NULL)
        return NULL;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->news, &attr);
    pthread_condattr_destroy(&attr);
    atomic_init(&h->refs, 1);
    return h;
}

void fetch_hub_free(struct fetch_hub *h)
{
    if (h == NULL || atomic_fetch_sub(&h->refs, 1) != 1)
        return;
    pthread_cond_destroy(&h->news);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

void fetch_hub_lock(struct fetch_hub *h)
{
    pthread_mutex_lock(&h->lock);
}

void fetch_hub_unlock(struct fetch_hub *h)
{
    pthread_mutex_unlock(&h->lock);
}

void fetch_hub_wait(struct fetch_hub *h, uint64_t wait_ms)
{
    uint64_t until = clock_mono_ms() + wait_ms;
    struct timespec at = { .tv_sec = (time_t)(until / 1000),
                           .tv_nsec = (long)(until % 1000) * 1000000 };
    pthread_cond_timedwait(&h->news, &h->lock, &at);
}

/* Under the lock. */
static void tell(struct fetch_hub *h)
{
    h->count++;
    pthread_cond_broadcast(&h->news);
}

void fetch_hub_signal(struct fetch_hub *h)
{
    pthread_mutex_lock(&h->lock);
    tell(h);
    pthread_mutex_unlock(&h->lock);
}

uint64_t fetch_hub_count(struct fetch_hub *h)
{
    pthread_mutex_lock(&h->lock);
    uint64_t count = h->count;
    pthread_mutex_unlock(&h->lock);
    return count;
}

void fetch_hub_wait_since(struct fetch_hub *h, uint64_t seen, uint64_t wait_ms)
{
    pthread_mutex_lock(&h->lock);
    if (h->count == seen)
        fetch_hub_wait(h, wait_ms);
    pthread_mutex_unlock(&h->lock);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void unref(struct fetch_leg *l)
{
    if (atomic_fetch_sub(&l->refs, 1) != 1)
        return;
    fetch_hub_free(l->hub);
    free(l->buf);
    free(l);
}

/* Under the lock. */
static void post(struct fetch_leg *l)
{
    if (l->posted)
        return;
    l->posted = true;
    atomic_fetch_add(&l->refs, 1);
    loop_post_event(l->o.loop, &l->event);
}

/* ---- on the loop ---------------------------------------------------------------------------- */

static enum err status_error(uint16_t status)
{
    if (status == 200)
        return OK;
    if (status == 429 || status == 503 || status == 502 || status == 504)
        return ERR_BUSY;
    return status >= 500 ? ERR_IO : ERR_NOT_FOUND;
}

static enum err on_reply(void *ctx, const struct http_reply *reply)
{
    struct fetch_leg *l = ctx;
    const char *want = l->o.want_type;
    enum err e = status_error(reply->status);
    if (e == OK && want != NULL && strncmp(reply->content_type, want, strlen(want)) != 0)
        e = ERR_UNSUPPORTED;
    if (e == OK && !l->o.stream && reply->length != HTTP_SIZE_UNKNOWN &&
        reply->length > BLOCK_SIZE_MAX)
        e = ERR_LIMIT;
    pthread_mutex_lock(&l->hub->lock);
    l->state.replied = true;
    l->state.status = reply->status;
    tell(l->hub);
    pthread_mutex_unlock(&l->hub->lock);
    return e;
}

/* Under the lock. */
static enum err put_ring(struct fetch_leg *l, struct span chunk)
{
    if (chunk.n > l->size)
        return ERR_LIMIT;
    if (chunk.n > l->size - (size_t)(l->end - l->head)) {
        l->paused = true;
        return ERR_BUSY;
    }
    size_t at = (size_t)(l->end % l->size);
    size_t first = chunk.n < l->size - at ? chunk.n : l->size - at;
    memcpy(l->buf + at, chunk.p, first);
    if (chunk.n > first)
        memcpy(l->buf, chunk.p + first, chunk.n - first);
    l->end += chunk.n;
    return OK;
}

/* Under the lock. */
static enum err put_buffer(struct fetch_leg *l, struct span chunk)
{
    size_t have = (size_t)l->end;
    if (chunk.n > BLOCK_SIZE_MAX - have)
        return ERR_LIMIT;
    size_t size = l->size;
    while (size < have + chunk.n)
        size *= 2;
    if (size != l->size) {
        uint8_t *more = realloc(l->buf, size);
        if (more == NULL)
            return ERR_MEMORY;
        l->buf = more;
        l->size = size;
    }
    memcpy(l->buf + have, chunk.p, chunk.n);
    l->end += chunk.n;
    return OK;
}

static enum err on_body(void *ctx, struct span chunk)
{
    struct fetch_leg *l = ctx;
    if (chunk.n == 0)
        return OK;
    pthread_mutex_lock(&l->hub->lock);
    enum err e = l->o.stream ? put_ring(l, chunk) : put_buffer(l, chunk);
    if (e == OK)
        l->state.bytes += chunk.n;
    if (l->o.stream) /* a block is looked at when it is whole */
        tell(l->hub);
    pthread_mutex_unlock(&l->hub->lock);
    return e;
}

static void end(struct fetch_leg *l, enum err e, uint16_t status)
{
    pthread_mutex_lock(&l->hub->lock);
    l->transfer = NULL;
    l->state.ended = true;
    l->state.err = e;
    l->state.status = status;
    tell(l->hub);
    pthread_mutex_unlock(&l->hub->lock);
}

static void on_done(void *ctx, enum err e, uint16_t status)
{
    struct fetch_leg *l = ctx;
    end(l, e, status);
    unref(l);
}

static void start(struct fetch_leg *l)
{
    const struct http_header headers[] = { { "Accept", l->o.accept },
                                           { "Cache-Control", "only-if-cached" } };
    const struct http_fetch_options o = {
        .method = HTTP_GET,
        .url = l->url,
        .headers = headers,
        .header_count = l->o.only_cached ? 2 : 1,
        .connect_timeout_ms = l->o.connect_ms,
        .idle_timeout_ms = l->o.idle_ms,
        .total_timeout_ms = l->o.total_ms,
        .size_max = l->o.stream ? UINT64_MAX : BLOCK_SIZE_MAX,
        .redirects_max = REDIRECTS,
        .on_reply = on_reply,
        .on_body = on_body,
        .on_done = on_done,
        .ctx = l,
    };
    struct http_fetch *transfer;
    atomic_fetch_add(&l->refs, 1);
    enum err e = http_client_fetch(l->o.http, &transfer, &o);
    if (e != OK) {
        end(l, e, 0);
        unref(l);
        return;
    }
    pthread_mutex_lock(&l->hub->lock);
    l->transfer = transfer;
    pthread_mutex_unlock(&l->hub->lock);
}

/* Does what the owner has asked for since the last time. */
static void on_event(void *ctx)
{
    struct fetch_leg *l = ctx;
    pthread_mutex_lock(&l->hub->lock);
    struct http_fetch *transfer = l->transfer;
    bool closed = l->closed;
    bool fresh = !l->started && !closed;
    bool resume = l->resume && transfer != NULL;
    l->posted = l->resume = false;
    l->started = true;
    if (closed)
        l->transfer = NULL;
    pthread_mutex_unlock(&l->hub->lock);
    if (closed && transfer != NULL) {
        http_fetch_cancel(transfer);
        unref(l);
    } else if (fresh) {
        start(l);
    } else if (resume && !closed) {
        http_fetch_resume(transfer);
    }
    /* Two references are held here: the transfer's and the posted event's.
     * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    unref(l);
}

/* ---- for the owner -------------------------------------------------------------------------- */

enum err fetch_leg_open(struct fetch_leg **out, struct fetch_hub *h,
                        const struct fetch_leg_options *o)
{
    *out = NULL;
    size_t n = strlen(o->url);
    if (n >= FETCH_LEG_URL_MAX)
        return ERR_LIMIT;
    struct fetch_leg *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return ERR_MEMORY;
    l->size = o->stream ? FETCH_LEG_RING : BLOCK_BUFFER_FIRST;
    l->buf = malloc(l->size);
    if (l->buf == NULL) {
        free(l);
        return ERR_MEMORY;
    }
    l->o = *o;
    memcpy(l->url, o->url, n + 1);
    l->o.url = l->url;
    l->event = (struct loop_event){ .fn = on_event, .ctx = l };
    l->hub = h;
    atomic_fetch_add(&h->refs, 1);
    atomic_init(&l->refs, 1);
    pthread_mutex_lock(&h->lock);
    post(l);
    pthread_mutex_unlock(&h->lock);
    *out = l;
    return OK;
}

/* On a thread of the peers. */
static void on_peers(void *ctx, enum err result, struct mspan data)
{
    struct fetch_leg *l = ctx;
    pthread_mutex_lock(&l->hub->lock);
    l->buf = data.p;
    l->size = data.n;
    l->end = data.n;
    l->state.bytes = data.n;
    pthread_mutex_unlock(&l->hub->lock);
    end(l, result, 0);
    unref(l);
}

enum err fetch_leg_peers(struct fetch_leg **out, struct fetch_hub *h,
                         const struct fetch_peers *peers, const struct content_key *key)
{
    struct block_key k = { .codec = key->codec };
    struct fetch_leg *l = calloc(1, sizeof(*l));
    *out = NULL;
    if (l == NULL)
        return ERR_MEMORY;
    memcpy(k.digest, key->digest, sizeof(k.digest));
    l->peers = *peers;
    l->hub = h;
    atomic_fetch_add(&h->refs, 1);
    atomic_init(&l->refs, 2);
    enum err e = peers->ask(peers->ctx, &l->want, &k, on_peers, l);
    if (e != OK) {
        unref(l);
        unref(l);
        return e;
    }
    *out = l;
    return OK;
}

void fetch_leg_close(struct fetch_leg *l)
{
    if (l == NULL)
        return;
    if (l->peers.ask != NULL) {
        if (l->peers.cancel(l->peers.ctx, l->want))
            unref(l);
        unref(l);
        return;
    }
    pthread_mutex_lock(&l->hub->lock);
    l->closed = true;
    if (!l->state.ended)
        post(l);
    pthread_mutex_unlock(&l->hub->lock);
    unref(l);
}

void fetch_leg_look(struct fetch_leg *l, struct fetch_leg_state *out)
{
    *out = l->state;
    if (!l->o.stream) {
        out->data = span_of(l->buf, (size_t)l->end);
        return;
    }
    size_t at = (size_t)(l->head % l->size);
    size_t have = (size_t)(l->end - l->head);
    out->data = span_of(l->buf + at, have < l->size - at ? have : l->size - at);
}

void fetch_leg_take(struct fetch_leg *l, size_t n)
{
    pthread_mutex_lock(&l->hub->lock);
    ASSERT(n <= l->end - l->head);
    l->head += n;
    /* With half of the ring free it is worth waking the sender. */
    if (l->paused && l->end - l->head <= l->size / 2) {
        l->paused = false;
        l->resume = true;
        post(l);
    }
    pthread_mutex_unlock(&l->hub->lock);
}
