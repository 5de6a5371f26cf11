#include "ipfsd/find_http.h"

#include "rt/clock.h"

#include <pthread.h>
#include <stdlib.h>

/* A place is taken by the thread that waits, begun and ended by the loop, and freed by the loop. */
enum state { FREE, ASKED, OPEN, OVER, LEFT };

struct ask {
    struct find_http *of;
    enum state state;
    struct content_key key;
    uint32_t question;
    uint64_t first_ms; /* when the first one was found; 0: none yet */
    struct find_http_urls found;
};

struct find_http {
    struct loop *loop;
    struct routing *routing; /* of its own: only the routers */
    struct routing_http *routers;
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool stopped;
    struct loop_event event;
    struct ask asks[FIND_HTTP_ASKS];
};

static void add_url(struct ask *a, const char *url)
{
    struct find_http_urls *f = &a->found;
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->urls[i], url) == 0)
            return;
    if (f->count == FIND_HTTP_MAX)
        return;
    memcpy(f->urls[f->count++], url, strlen(url) + 1);
    if (a->first_ms == 0)
        a->first_ms = clock_mono_ms();
}

static void on_found(void *ctx, const struct routing_provider *p)
{
    struct ask *a = ctx;
    char url[MULTIADDR_URL_MAX];
    pthread_mutex_lock(&a->of->lock);
    for (size_t i = 0; i < p->addr_count; i++)
        if (multiaddr_url(url, &p->addrs[i]) == OK)
            add_url(a, url);
    pthread_cond_broadcast(&a->of->change);
    pthread_mutex_unlock(&a->of->lock);
}

static void on_over(void *ctx)
{
    struct ask *a = ctx;
    pthread_mutex_lock(&a->of->lock);
    a->state = a->state == LEFT ? FREE : OVER;
    pthread_cond_broadcast(&a->of->change);
    pthread_mutex_unlock(&a->of->lock);
}

static void begin(struct ask *a)
{
    struct routing_question q = { .kind = ROUTING_PROVIDERS,
                                  .cid = cid_of_key(&a->key),
                                  .ctx = a,
                                  .found = on_found,
                                  .over = on_over };
    bool begun = routing_begin(a->of->routing, &a->question, &q) == OK;
    a->state = begun ? OPEN : OVER;
    if (!begun)
        pthread_cond_broadcast(&a->of->change);
}

/* Begins what was asked, ends what nobody waits for. No callback comes from within these calls. */
static void on_event(void *ctx)
{
    struct find_http *f = ctx;
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < FIND_HTTP_ASKS; i++) {
        struct ask *a = &f->asks[i];
        if (a->state == ASKED)
            begin(a);
        if (a->state == LEFT) {
            routing_end(f->routing, a->question);
            a->state = FREE;
        }
    }
    pthread_mutex_unlock(&f->lock);
}

enum err find_http_open(struct find_http **out, struct loop *l, const struct config_urls *routers)
{
    pthread_condattr_t attr;
    struct find_http *f = calloc(1, sizeof(*f));
    *out = NULL;
    if (f == NULL)
        return ERR_MEMORY;
    f->loop = l;
    f->event = (struct loop_event){ .fn = on_event, .ctx = f };
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&f->change, &attr);
    pthread_condattr_destroy(&attr);
    enum err e = routing_open(&f->routing, l);
    if (e == OK)
        e = routing_http_open(&f->routers, l, f->routing, routers);
    if (e == OK)
        *out = f;
    else
        find_http_close(f);
    return e;
}

/* Waits on the condition until then at the latest. With the lock held. */
static void wait_until(struct find_http *f, uint64_t at_ms)
{
    struct timespec t = { .tv_sec = (time_t)(at_ms / 1000),
                          .tv_nsec = (long)(at_ms % 1000) * 1000000 };
    (void)pthread_cond_timedwait(&f->change, &f->lock, &t);
}

static void wait_for(struct find_http *f, struct ask *a)
{
    uint64_t end = clock_mono_ms() + FIND_HTTP_WAIT_MS;
    while (!f->stopped && a->state != OVER && a->found.count < FIND_HTTP_MAX) {
        uint64_t at = a->first_ms == 0 ? end : a->first_ms + FIND_HTTP_MORE_MS;
        at = at < end ? at : end;
        if (clock_mono_ms() >= at)
            return;
        wait_until(f, at);
    }
}

enum err find_http_get(struct find_http *f, struct find_http_urls *out,
                       const struct content_key *key)
{
    struct ask *a = NULL;
    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < FIND_HTTP_ASKS && a == NULL; i++)
        if (f->asks[i].state == FREE)
            a = &f->asks[i];
    enum err e = f->stopped ? ERR_CLOSED : a == NULL ? ERR_BUSY : OK;
    if (e == OK) {
        *a = (struct ask){ .of = f, .state = ASKED, .key = *key };
        loop_post_event(f->loop, &f->event);
        wait_for(f, a);
        *out = a->found;
        e = f->stopped ? ERR_CLOSED : out->count > 0 ? OK : ERR_NOT_FOUND;
        bool begun = a->state == OPEN;
        a->state = begun ? LEFT : FREE;
        if (begun)
            loop_post_event(f->loop, &f->event);
    }
    pthread_mutex_unlock(&f->lock);
    return e;
}

void find_http_stop(struct find_http *f)
{
    if (f == NULL)
        return;
    pthread_mutex_lock(&f->lock);
    f->stopped = true;
    pthread_cond_broadcast(&f->change);
    pthread_mutex_unlock(&f->lock);
}

void find_http_close(struct find_http *f)
{
    if (f == NULL)
        return;
    while (f->event.queued)
        loop_run_once(f->loop, 0);
    routing_close(f->routing);
    routing_http_close(f->routers);
    pthread_cond_destroy(&f->change);
    pthread_mutex_destroy(&f->lock);
    free(f);
}
