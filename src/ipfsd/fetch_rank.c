#include "ipfsd/fetch_rank.h"

#include "rt/clock.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    HOST_MAX = 128,
    HALF_LIFE_MS = 10 * 60 * 1000,
    COST_MAX = 1 << 20,
};

struct host {
    char name[HOST_MAX];
    size_t n; /* 0: free */
    uint64_t bytes;
    uint32_t cost;     /* at faded_ms */
    uint64_t faded_ms; /* whole half-lives are taken off as they pass */
    uint64_t met_ms;
};

struct fetch_ranks {
    pthread_mutex_t lock;
    struct host hosts[FETCH_RANK_HOSTS];
};

struct fetch_ranks *fetch_ranks_new(void)
{
    struct fetch_ranks *r = calloc(1, sizeof(*r));
    if (r != NULL)
        pthread_mutex_init(&r->lock, NULL);
    return r;
}

void fetch_ranks_free(struct fetch_ranks *r)
{
    if (r == NULL)
        return;
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static void fade(struct host *h, uint64_t now)
{
    uint64_t halves = (now - h->faded_ms) / HALF_LIFE_MS;
    h->cost = halves > 31 ? 0 : h->cost >> halves;
    h->faded_ms += halves * HALF_LIFE_MS;
}

static struct host *find(struct fetch_ranks *r, struct span name)
{
    for (size_t i = 0; i < FETCH_RANK_HOSTS; i++) {
        struct host *h = &r->hosts[i];
        if (h->n != 0 && span_eq(span_of(h->name, h->n), name))
            return h;
    }
    return NULL;
}

/* The place of a host; the one met longest ago gives way. */
static struct host *meet(struct fetch_ranks *r, struct span name, uint64_t now)
{
    struct host *h = find(r, name);
    if (h == NULL) {
        h = &r->hosts[0];
        for (size_t i = 0; i < FETCH_RANK_HOSTS && h->n != 0; i++) {
            if (r->hosts[i].n == 0 || r->hosts[i].met_ms < h->met_ms)
                h = &r->hosts[i];
        }
        *h = (struct host){ .n = name.n, .faded_ms = now };
        memcpy(h->name, name.p, name.n);
    }
    h->met_ms = now;
    fade(h, now);
    return h;
}

void fetch_rank_served(struct fetch_ranks *r, struct span host, uint64_t bytes)
{
    if (r == NULL || host.n == 0 || host.n > HOST_MAX)
        return;
    pthread_mutex_lock(&r->lock);
    struct host *h = meet(r, host, clock_mono_ms());
    h->bytes += bytes;
    pthread_mutex_unlock(&r->lock);
}

void fetch_rank_failed(struct fetch_ranks *r, struct span host, uint32_t cost)
{
    if (r == NULL || host.n == 0 || host.n > HOST_MAX)
        return;
    pthread_mutex_lock(&r->lock);
    struct host *h = meet(r, host, clock_mono_ms());
    h->cost = h->cost > COST_MAX - cost ? COST_MAX : h->cost + cost;
    pthread_mutex_unlock(&r->lock);
}

struct fetch_rank fetch_rank_look(struct fetch_ranks *r, struct span host)
{
    struct fetch_rank out = { 0 };
    if (r == NULL)
        return out;
    pthread_mutex_lock(&r->lock);
    struct host *h = find(r, host);
    if (h != NULL) {
        fade(h, clock_mono_ms());
        out = (struct fetch_rank){ .bytes = h->bytes, .cost = h->cost };
    }
    pthread_mutex_unlock(&r->lock);
    return out;
}

uint32_t fetch_rank_of(struct fetch_ranks *r, struct span host)
{
    struct fetch_rank k = fetch_rank_look(r, host);
    if (k.cost < FETCH_RANK_BROKEN) /* having missed a block or two is no disgrace */
        return k.bytes > 0 ? 0 : 1;
    return 1 + k.cost;
}
