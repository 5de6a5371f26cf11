#include "ipfsd/dht_names.h"

#include "codec/ipns.h"
#include "ipfsd/dht_impl.h"
#include "rt/clock.h"

#include <pthread.h>
#include <stdlib.h>

#define PREFIX "/ipns/"

/* A thread that waits, on its stack; in the list until it is over. */
struct wait {
    struct wait *next;
    struct dht_names *owner;
    struct peer_id name;
    bool begun, over;
    uint32_t looks; /* under way */
    uint64_t deadline_ms;
    enum err result;
    size_t size; /* of the best record so far; 0: none */
    uint8_t best[IPNS_RECORD_MAX];
};

struct dht_names {
    struct loop *loop;
    struct dht *dht;
    bool stopped;
    struct loop_event event;
    struct loop_timer *tick;
    pthread_mutex_t lock; /* of the list, count and over */
    pthread_cond_t done;
    struct wait *waits;
    uint32_t count;
};

/* SPEC kad 3.5: "each is judged by the owner (IPNS: signature, then the highest sequence)" */
static void on_answered(void *ctx, struct dht_look *l, const struct dht_ask *a, enum err result,
                        struct span value)
{
    struct wait *w = ctx;
    struct ipns_record found, best;
    (void)a;
    if (result != OK || value.n == 0 || value.n > sizeof(w->best) ||
        ipns_decode(&found, value) != OK ||
        ipns_verify(&found, &w->name, (int64_t)(clock_wall_ms() / 1000)) != OK)
        return;
    kad_query_good(&l->q);
    if (w->size > 0 && ipns_decode(&best, span_of(w->best, w->size)) == OK &&
        ipns_compare(&found, &best) <= 0)
        return;
    memcpy(w->best, value.p, value.n);
    w->size = value.n;
}

static void on_done(void *ctx, struct dht_look *l)
{
    struct wait *w = ctx;
    (void)l;
    w->looks--;
    loop_post_event(w->owner->loop, &w->owner->event);
}

static const struct dht_looker looker = { on_answered, on_done };

static void begin(struct dht_names *n, struct wait *w)
{
    uint8_t key[sizeof(PREFIX) + PEER_ID_SIZE_MAX];
    struct writer k = writer_of(key, sizeof(key));
    w->begun = true;
    write_span(&k, span_str(PREFIX));
    write_span(&k, peer_id_span(&w->name));
    for (size_t i = 0; i < DHT_NETS; i++) {
        struct kad_query_start start = { .goal = KAD_FIND_VALUE, .key = writer_span(&k) };
        struct dht_look *l;
        if (n->dht->nets[i].on && dht_look_begin(&l, n->dht, i, &start, &looker, w) == OK)
            w->looks++;
    }
}

static void give_up(struct dht_names *n, const struct wait *w)
{
    for (size_t i = 0; i < DHT_LOOKS && w->looks > 0; i++) {
        struct dht_look *l = &n->dht->looks[i];
        if (l->used && l->looker == &looker && l->ctx == w)
            dht_look_abort(l);
    }
}

static void turn(void *ctx)
{
    struct dht_names *n = ctx;
    pthread_mutex_lock(&n->lock);
    for (struct wait **at = &n->waits; *at != NULL;) {
        struct wait *w = *at;
        if (!n->stopped && !w->begun)
            begin(n, w);
        bool late = loop_now_ms(n->loop) >= w->deadline_ms;
        if (!n->stopped && w->looks > 0 && !late) {
            at = &w->next;
            continue;
        }
        give_up(n, w);
        w->result = n->stopped ? ERR_CLOSED : w->size > 0 ? OK : ERR_NOT_FOUND;
        *at = w->next;
        n->count--;
        w->over = true;
        pthread_cond_broadcast(&n->done);
    }
    pthread_mutex_unlock(&n->lock);
}

enum err dht_names_get(struct dht_names *n, size_t *size, struct mspan buf,
                       const struct peer_id *name)
{
    struct wait w;
    memset(&w, 0, offsetof(struct wait, best));
    w.owner = n;
    w.name = *name;
    w.deadline_ms = clock_mono_ms() + DHT_NAMES_MS;
    *size = 0;
    pthread_mutex_lock(&n->lock);
    enum err e = n->stopped ? ERR_CLOSED : n->count == DHT_NAMES_MAX ? ERR_BUSY : OK;
    if (e == OK) {
        w.next = n->waits;
        n->waits = &w;
        n->count++;
        loop_post_event(n->loop, &n->event);
        while (!w.over)
            pthread_cond_wait(&n->done, &n->lock);
        e = w.result;
    }
    pthread_mutex_unlock(&n->lock);
    if (e == OK && w.size > buf.n)
        return ERR_LIMIT;
    if (e == OK) {
        memcpy(buf.p, w.best, w.size);
        *size = w.size;
    }
    return e;
}

enum err dht_names_open(struct dht_names **out, struct loop *l, struct dht *d)
{
    struct dht_names *n = calloc(1, sizeof(*n));
    *out = NULL;
    if (n == NULL)
        return ERR_MEMORY;
    n->loop = l;
    n->dht = d;
    n->event = (struct loop_event){ .fn = turn, .ctx = n };
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->done, NULL);
    n->tick = loop_timer_new(l, turn, n);
    if (n->tick == NULL) {
        dht_names_close(n);
        return ERR_MEMORY;
    }
    loop_timer_start(n->tick, DHT_NAMES_TICK_MS, DHT_NAMES_TICK_MS);
    *out = n;
    return OK;
}

void dht_names_stop(struct dht_names *n)
{
    if (n == NULL)
        return;
    pthread_mutex_lock(&n->lock);
    n->stopped = true;
    pthread_mutex_unlock(&n->lock);
    turn(n);
    loop_timer_free(n->tick);
    n->tick = NULL;
}

void dht_names_close(struct dht_names *n)
{
    if (n == NULL)
        return;
    dht_names_stop(n);
    /* A posted event finds nothing to do: it runs while we are still here. */
    while (n->event.queued)
        loop_run_once(n->loop, 0);
    pthread_mutex_destroy(&n->lock);
    pthread_cond_destroy(&n->done);
    free(n);
}
