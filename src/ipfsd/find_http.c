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
    uint64_t begun_ms;
    uint64_t first_ms; /* when the first one was found; 0: none yet */
    struct find_http_urls found;
};

struct find_http {
    struct loop *loop;
    struct routing *routing; /* of its own: only the routers */
    struct routing_http *routers;
    pthread_mutex_t lock;
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
    pthread_mutex_unlock(&a->of->lock);
}

static void on_over(void *ctx)
{
    struct ask *a = ctx;
    pthread_mutex_lock(&a->of->lock);
    a->state = a->state == LEFT ? FREE : OVER;
    pthread_mutex_unlock(&a->of->lock);
}

static void begin(struct ask *a)
{
    struct routing_question q = { .kind = ROUTING_PROVIDERS,
                                  .cid = cid_of_key(&a->key),
                                  .ctx = a,
                                  .found = on_found,
                                  .over = on_over };
    a->state = routing_begin(a->of->routing, &a->question, &q) == OK ? OPEN : OVER;
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
    struct find_http *f = calloc(1, sizeof(*f));
    *out = NULL;
    if (f == NULL)
        return ERR_MEMORY;
    f->loop = l;
    f->event = (struct loop_event){ .fn = on_event, .ctx = f };
    pthread_mutex_init(&f->lock, NULL);
    enum err e = routing_open(&f->routing, l);
    if (e == OK)
        e = routing_http_open(&f->routers, l, f->routing, routers);
    if (e == OK)
        *out = f;
    else
        find_http_close(f);
    return e;
}

enum err find_http_begin(struct find_http *f, uint32_t *ticket, const struct content_key *key)
{
    enum err e = ERR_BUSY;
    pthread_mutex_lock(&f->lock);
    for (uint32_t i = 0; i < FIND_HTTP_ASKS && e != OK; i++) {
        struct ask *a = &f->asks[i];
        if (a->state != FREE)
            continue;
        *a = (struct ask){ .of = f, .state = ASKED, .key = *key, .begun_ms = clock_mono_ms() };
        *ticket = i;
        e = OK;
    }
    if (f->stopped) {
        if (e == OK)
            f->asks[*ticket].state = FREE;
        e = ERR_CLOSED;
    }
    if (e == OK)
        loop_post_event(f->loop, &f->event);
    pthread_mutex_unlock(&f->lock);
    return e;
}

bool find_http_look(struct find_http *f, struct find_http_urls *out, uint32_t ticket)
{
    pthread_mutex_lock(&f->lock);
    const struct ask *a = &f->asks[ticket];
    uint64_t now = clock_mono_ms();
    *out = a->found;
    bool over = f->stopped || a->state == OVER || a->found.count == FIND_HTTP_MAX ||
                now >= a->begun_ms + FIND_HTTP_WAIT_MS ||
                (a->first_ms != 0 && now >= a->first_ms + FIND_HTTP_MORE_MS);
    pthread_mutex_unlock(&f->lock);
    return over;
}

void find_http_end(struct find_http *f, uint32_t ticket)
{
    pthread_mutex_lock(&f->lock);
    struct ask *a = &f->asks[ticket];
    bool begun = a->state == OPEN && !f->stopped;
    a->state = begun ? LEFT : FREE;
    if (begun)
        loop_post_event(f->loop, &f->event);
    pthread_mutex_unlock(&f->lock);
}

void find_http_stop(struct find_http *f)
{
    if (f == NULL)
        return;
    pthread_mutex_lock(&f->lock);
    f->stopped = true;
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
    pthread_mutex_destroy(&f->lock);
    free(f);
}
