/* What the routing door's loop does: whom it asks, what of it becomes part of an answer. */
#include "ipfsd/routing_door_impl.h"
#include "rt/clock.h"
#include "rt/netaddr.h"

#include <stdlib.h>

void routing_door_clear(struct routing_door_slot *s)
{
    struct routing_door *d = s->of;
    struct loop_event event = s->event;
    uint8_t *out = s->out;
    size_t room = s->room;
    memset(s, 0, sizeof(*s));
    *s = (struct routing_door_slot){ .of = d, .event = event, .out = out, .room = room };
    s->job.run = routing_door_work;
}

uint64_t routing_door_patience(const struct routing_door_slot *s)
{
    if (s->put)
        return ROUTING_DOOR_PUT_MS;
    bool longer = s->q.ndjson || s->q.what == ROUTING_SERVE_IPNS;
    return longer ? ROUTING_DOOR_LINES_MS : ROUTING_DOOR_JSON_MS;
}

bool routing_door_tells(const struct routing_door *d, const struct multiaddr *a)
{
    struct reader r = reader_of(multiaddr_span(a));
    struct multiaddr_part part;
    if (d->o.allow_private || !multiaddr_next(&r, &part))
        return d->o.allow_private;
    if (part.code == MULTIADDR_IP4)
        return netaddr_class_v4(part.value.p) == NETADDR_GLOBAL;
    if (part.code == MULTIADDR_IP6)
        return netaddr_class_v6(part.value.p) == NETADDR_GLOBAL;
    return !span_eq(part.value, span_str("localhost"));
}

/* ---- records ------------------------------------------------------------------------------------
 */

static bool is_in(const struct peer_id *list, size_t count, const struct peer_id *id)
{
    for (size_t i = 0; i < count; i++)
        if (peer_id_eq(&list[i], id))
            return true;
    return false;
}

/* Room for n bytes more; under the lock. */
static bool make_room(struct routing_door_slot *s, size_t n)
{
    size_t room = s->room == 0 ? 4096 : s->room;
    if (n > ROUTING_DOOR_OUT_MAX - s->size)
        return false;
    while (room - s->size < n)
        room *= 2;
    uint8_t *grown = room == s->room ? s->out : realloc(s->out, room);
    if (grown == NULL)
        return false;
    s->out = grown;
    s->room = room;
    return true;
}

static bool put_bytes(struct routing_door_slot *s, struct span bytes)
{
    pthread_mutex_lock(&s->of->lock);
    bool good = make_room(s, bytes.n);
    if (good && bytes.n > 0) {
        memcpy(s->out + s->size, bytes.p, bytes.n);
        s->size += bytes.n;
    }
    pthread_mutex_unlock(&s->of->lock);
    return good;
}

/* The head of the list before its first record, a comma before the others. */
static void put_between(struct writer *w, const struct routing_door_slot *s)
{
    if (s->q.ndjson)
        return;
    if (s->count > 0)
        write_u8(w, ',');
    else
        write_span(w, span_str(s->q.what == ROUTING_SERVE_PROVIDERS ? "{\"Providers\":["
                                                                    : "{\"Peers\":["));
}

/* Adds a record that the client wants, once for each peer. */
static void add(struct routing_door_slot *s, struct routing_v1_peer *p)
{
    static uint8_t text[ROUTING_V1_LINE_MAX]; /* the loop's only */
    struct writer w = writer_of(text, sizeof(text));
    struct json_out j = json_out_to(&w);
    if (s->count == ROUTING_DOOR_RECORDS || is_in(s->seen, s->seen_count, &p->id))
        return;
    if (!routing_filter_apply(p, &s->q.addrs, &s->q.protocols))
        return;
    put_between(&w, s);
    routing_v1_write(&j, p);
    if (s->q.ndjson)
        write_u8(&w, '\n');
    if (w.err != OK || !put_bytes(s, writer_span(&w)))
        return;
    s->seen[s->seen_count++] = p->id;
    s->count++;
    if (s->q.ndjson && !s->responded)
        routing_door_stream(s);
    else if (s->responded)
        routing_door_news(s);
}

void routing_door_pending(struct routing_door_slot *s)
{
    for (size_t i = 0; i < s->name_count; i++) {
        struct routing_v1_peer p = { .id = s->names[i] };
        add(s, &p);
    }
    s->name_count = 0;
    if (s->q.ndjson || s->q.what == ROUTING_SERVE_IPNS || s->responded)
        return;
    struct writer w;
    uint8_t head[32];
    w = writer_of(head, sizeof(head));
    if (s->count == 0)
        put_between(&w, s);
    write_span(&w, span_str("]}"));
    (void)put_bytes(s, writer_span(&w));
}

struct multiaddr routing_door_bare(const struct multiaddr *a, const struct peer_id *id)
{
    struct reader r = reader_of(multiaddr_span(a));
    struct multiaddr_part part;
    struct multiaddr out = *a;
    size_t before = 0, at = 0;
    bool own = false;
    while (multiaddr_next(&r, &part)) {
        before = at;
        at = a->size - r.n;
        own = part.code == MULTIADDR_P2P && span_eq(part.value, peer_id_span(id));
    }
    if (own && before > 0) {
        memset(out.bytes + before, 0, out.size - before);
        out.size = (uint16_t)before;
    }
    return out;
}

static void on_found(void *ctx, const struct routing_provider *found)
{
    struct routing_door_slot *s = ctx;
    struct routing_v1_peer p = { .id = found->peer };
    if (peer_id_eq(&found->peer, &s->of->self))
        return; /* we know that better */
    if (s->q.what == ROUTING_SERVE_PROVIDERS && strcmp(found->source, "chain") == 0)
        return; /* the job tells all that the chain says of it */
    if (s->q.what == ROUTING_SERVE_PEERS && !peer_id_eq(&found->peer, &s->q.peer))
        return;
    for (size_t i = 0; i < found->addr_count && p.addr_count < ROUTING_V1_ADDRS_MAX; i++) {
        struct multiaddr a = routing_door_bare(&found->addrs[i], &found->peer);
        if (routing_door_tells(s->of, &a))
            p.addrs[p.addr_count++] = a;
    }
    if (p.addr_count > 0)
        add(s, &p);
    else if (s->name_count < ROUTING_DOOR_RECORDS && !is_in(s->names, s->name_count, &p.id))
        s->names[s->name_count++] = p.id;
}

static void on_over(void *ctx)
{
    struct routing_door_slot *s = ctx;
    s->asking = false;
    loop_post_event(s->of->o.loop, &s->event);
}

/* ---- ourselves ----------------------------------------------------------------------------------
 */

static struct routing_v1_peer own_record(const struct routing_door *d)
{
    struct multiaddr gateway;
    struct routing_v1_peer p = { .id = d->self };
    p.addr_count = (uint32_t)d->o.addresses(d->o.ctx, p.addrs, ROUTING_V1_ADDRS_MAX - 1);
    p.bitswap = true;
    if (d->o.gateway[0] != '\0' && multiaddr_of_url(&gateway, d->o.gateway) == OK &&
        routing_door_tells(d, &gateway)) {
        p.addrs[p.addr_count++] = gateway;
        p.http = true;
    }
    return p;
}

/* A holder that names us, or whose gateway is ours, is ourselves. */
static bool is_own(const struct routing_door *d, const struct routing_v1_peer *p)
{
    struct multiaddr gateway;
    if (peer_id_eq(&p->id, &d->self))
        return true;
    if (multiaddr_of_url(&gateway, d->o.gateway) != OK)
        return false;
    for (uint32_t i = 0; i < p->addr_count; i++)
        if (multiaddr_eq(&p->addrs[i], &gateway))
            return true;
    return false;
}

static void take_job(struct routing_door_slot *s)
{
    struct routing_v1_peer self = own_record(s->of);
    if (s->own)
        add(s, &self);
    for (size_t i = 0; i < s->chain_count; i++)
        if ((s->chain[i].addr_count > 0 || s->chain[i].bitswap) &&
            !(s->own && is_own(s->of, &s->chain[i])))
            add(s, &s->chain[i]);
}

/* ---- turns --------------------------------------------------------------------------------------
 */

static void begin(struct routing_door_slot *s)
{
    static const enum routing_kind kinds[] = {
        [ROUTING_SERVE_PROVIDERS] = ROUTING_PROVIDERS,
        [ROUTING_SERVE_PEERS] = ROUTING_PEER,
        [ROUTING_SERVE_CLOSEST] = ROUTING_CLOSEST,
        [ROUTING_SERVE_IPNS] = ROUTING_PEER,
    };
    struct routing_door *d = s->of;
    bool name = s->q.what == ROUTING_SERVE_IPNS;
    s->begun = true;
    loop_timer_start(d->tick, ROUTING_DOOR_TICK_MS, 0);
    s->working = name || s->q.what == ROUTING_SERVE_PROVIDERS;
    if (s->working)
        jobs_add(&d->jobs, &s->job);
    bool self = s->q.what == ROUTING_SERVE_PEERS && peer_id_eq(&s->q.peer, &d->self);
    if (self) {
        struct routing_v1_peer p = own_record(d);
        add(s, &p);
    }
    if (name || self || d->o.mode != SETTINGS_SERVE_ALL || d->o.routing == NULL)
        return;
    const struct routing_question q = { .kind = kinds[s->q.what],
                                        .direct = true,
                                        .cid = s->q.cid,
                                        .peer = s->q.peer,
                                        .ctx = s,
                                        .found = on_found,
                                        .over = on_over };
    s->asking = routing_begin(d->o.routing, &s->question, &q) == OK;
}

static void give_back(struct routing_door_slot *s)
{
    struct routing_door *d = s->of;
    pthread_mutex_lock(&d->lock);
    routing_door_leave(&d->rate, s->place);
    s->used = s->ready = false;
    pthread_mutex_unlock(&d->lock);
}

static void turn(void *ctx)
{
    struct routing_door_slot *s = ctx;
    struct routing_door *d = s->of;
    pthread_mutex_lock(&d->lock);
    bool ready = s->ready, over = s->job_over, complete = s->complete;
    bool left = s->responded && !s->bound; /* nobody reads it any more */
    s->job_over = false;
    pthread_mutex_unlock(&d->lock);
    if (!ready)
        return;
    if (!s->begun && !d->stopped)
        begin(s);
    if (over) {
        s->working = false;
        if (!complete)
            take_job(s);
    }
    bool late = clock_mono_ms() >= s->deadline_ms || d->stopped || left;
    if (!complete && (late || (!s->asking && !s->working)))
        routing_door_finish(s);
    pthread_mutex_lock(&d->lock);
    bool through = s->complete && s->responded && !s->bound && !s->working;
    pthread_mutex_unlock(&d->lock);
    if (through)
        give_back(s);
}

static void on_tick(void *ctx)
{
    struct routing_door *d = ctx;
    bool any = false;
    for (size_t i = 0; i < ROUTING_DOOR_SLOTS; i++) {
        pthread_mutex_lock(&d->lock);
        bool used = d->slots[i].ready;
        pthread_mutex_unlock(&d->lock);
        if (used)
            turn(&d->slots[i]);
        any = any || used;
    }
    if (any)
        loop_timer_start(d->tick, ROUTING_DOOR_TICK_MS, 0);
}

/* ---- life ---------------------------------------------------------------------------------------
 */

enum err routing_door_open(struct routing_door **out, const struct routing_door_options *o)
{
    struct routing_door *d = calloc(1, sizeof(*d));
    *out = NULL;
    if (d == NULL)
        return ERR_MEMORY;
    d->o = *o;
    d->self = *o->self;
    pthread_mutex_init(&d->lock, NULL);
    for (size_t i = 0; i < ROUTING_DOOR_SLOTS; i++) {
        d->slots[i].of = d;
        d->slots[i].event = (struct loop_event){ .fn = turn, .ctx = &d->slots[i] };
    }
    d->tick = loop_timer_new(o->loop, on_tick, d);
    enum err e = d->tick == NULL ? ERR_MEMORY : jobs_start(&d->jobs, ROUTING_DOOR_THREADS);
    if (e == OK)
        *out = d;
    else
        routing_door_close(d);
    return e;
}

void routing_door_stop(struct routing_door *d)
{
    if (d == NULL)
        return;
    pthread_mutex_lock(&d->lock);
    d->stopped = true;
    pthread_mutex_unlock(&d->lock);
    for (size_t i = 0; i < ROUTING_DOOR_SLOTS; i++)
        turn(&d->slots[i]);
}

static bool any_used(struct routing_door *d)
{
    bool any = false;
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < ROUTING_DOOR_SLOTS; i++)
        any = any || d->slots[i].used || d->slots[i].event.queued;
    pthread_mutex_unlock(&d->lock);
    return any;
}

void routing_door_close(struct routing_door *d)
{
    if (d == NULL)
        return;
    routing_door_stop(d);
    jobs_stop(&d->jobs);
    while (any_used(d)) /* what the server was told last */
        loop_run_once(d->o.loop, 20);
    loop_timer_free(d->tick);
    for (size_t i = 0; i < ROUTING_DOOR_SLOTS; i++)
        free(d->slots[i].out);
    pthread_mutex_destroy(&d->lock);
    free(d);
}
