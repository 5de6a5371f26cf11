#include "ipfsd/dht_names.h"

#include "codec/ipns.h"
#include "ipfsd/dht_values.h"

#include <pthread.h>
#include <stdlib.h>

#define PREFIX "/ipns/"

struct dht_names {
    struct loop *loop;
    struct dht *dht;
    bool stopped;
    struct loop_event event;
    struct loop_timer *tick;
    pthread_mutex_t lock; /* of the list, count and over */
    pthread_cond_t done;
    struct dht_names_ask *waits;
    uint32_t count;
};

/* SPEC kad 3.5: "each is judged by the owner (IPNS: signature, then the highest sequence)" */
static bool consider(struct dht_names_ask *w, struct span value)
{
    struct ipns_record found, best;
    if (value.n == 0 || value.n > sizeof(w->best) || ipns_decode(&found, value) != OK ||
        ipns_verify(&found, &w->name, dht_wall_s()) != OK)
        return false;
    if (w->size > 0 && ipns_decode(&best, span_of(w->best, w->size)) == OK &&
        ipns_compare(&found, &best) <= 0)
        return true;
    memcpy(w->best, value.p, value.n);
    w->size = value.n;
    return true;
}

static void on_answered(void *ctx, struct dht_look *l, const struct dht_ask *a, enum err result,
                        struct span value)
{
    (void)a;
    if (result == OK && l->q.goal == KAD_FIND_VALUE && consider(ctx, value))
        kad_query_good(&l->q);
}

static void on_done(void *ctx, struct dht_look *l)
{
    struct dht_names_ask *w = ctx;
    w->looks--;
    w->nodes += l->q.stored;
    loop_post_event(w->owner->loop, &w->owner->event);
}

static const struct dht_looker looker = { on_answered, on_done };

/* SPEC kad 8.7: "A node asks itself too, and keeps what it publishes" */
static void own(struct dht_names_ask *w, struct dht_net *net, struct span key)
{
    uint8_t bytes[IPNS_RECORD_MAX];
    size_t size;
    if (w->record.n > 0)
        (void)!kad_values_put(&net->values, key, w->record, DHT_VALUES_OWN, dht_wall_s());
    else if (kad_values_get(&net->values, &size, (struct mspan){ bytes, sizeof(bytes) }, key,
                            dht_wall_s()) == OK)
        (void)consider(w, span_of(bytes, size));
}

static void begin(struct dht_names *n, struct dht_names_ask *w)
{
    uint8_t key[sizeof(PREFIX) + PEER_ID_SIZE_MAX];
    struct writer k = writer_of(key, sizeof(key));
    bool put = w->record.n > 0;
    w->begun = true;
    write_span(&k, span_str(PREFIX));
    write_span(&k, peer_id_span(&w->name));
    for (size_t i = 0; i < DHT_NETS; i++) {
        struct dht_net *net = &n->dht->nets[i];
        struct kad_query_start start = { .goal = put ? KAD_PUT : KAD_FIND_VALUE,
                                         .key = writer_span(&k),
                                         .value = w->record };
        struct dht_look *l;
        if (net->on)
            own(w, net, start.key);
        if (net->on && dht_look_begin(&l, n->dht, i, &start, &looker, w) == OK)
            w->looks++;
    }
}

static void give_up(struct dht_names *n, const struct dht_names_ask *w)
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
    for (struct dht_names_ask **at = &n->waits; *at != NULL;) {
        struct dht_names_ask *w = *at;
        if (!n->stopped && !w->begun)
            begin(n, w);
        bool late = loop_now_ms(n->loop) >= w->deadline_ms;
        if (!n->stopped && w->looks > 0 && !late) {
            at = &w->next;
            continue;
        }
        give_up(n, w);
        w->result = n->stopped ? ERR_CLOSED : w->size > 0 || w->nodes > 0 ? OK : ERR_NOT_FOUND;
        *at = w->next;
        n->count--;
        w->over = true;
        pthread_cond_broadcast(&n->done);
    }
    pthread_mutex_unlock(&n->lock);
}

enum err dht_names_begin(struct dht_names *n, struct dht_names_ask *w, const struct peer_id *name,
                         struct span record)
{
    memset(w, 0, offsetof(struct dht_names_ask, best));
    w->owner = n;
    w->name = *name;
    w->record = record;
    w->deadline_ms = clock_mono_ms() + (record.n > 0 ? DHT_NAMES_PUT_MS : DHT_NAMES_MS);
    pthread_mutex_lock(&n->lock);
    enum err e = n->stopped ? ERR_CLOSED : n->count == DHT_NAMES_MAX ? ERR_BUSY : OK;
    if (e == OK) {
        w->next = n->waits;
        n->waits = w;
        n->count++;
        loop_post_event(n->loop, &n->event);
    }
    pthread_mutex_unlock(&n->lock);
    return e;
}

enum err dht_names_end(struct dht_names *n, struct dht_names_ask *w, uint64_t wait_ms)
{
    uint64_t until = clock_mono_ms() + wait_ms;
    pthread_mutex_lock(&n->lock);
    if (until < w->deadline_ms)
        w->deadline_ms = until;
    while (!w->over)
        pthread_cond_wait(&n->done, &n->lock);
    pthread_mutex_unlock(&n->lock);
    return w->result;
}

enum err dht_names_over(struct dht_names *n, const struct dht_names_ask *w)
{
    pthread_mutex_lock(&n->lock);
    enum err e = w->over ? w->result : ERR_BUSY;
    pthread_mutex_unlock(&n->lock);
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
