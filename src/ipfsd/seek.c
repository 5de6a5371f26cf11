#include "ipfsd/seek.h"

#include <stdlib.h>

enum { PACED_MS = 5000, RETRY_MS = 500 };

struct place;

/* One who is said to have it. */
struct provider {
    enum {
        PROVIDER_NONE,
        PROVIDER_NAMED,
        PROVIDER_WAITING,
        PROVIDER_DIALLING,
        PROVIDER_THROUGH
    } state;
    struct seek *seek;
    struct place *place;
    struct peer_id peer;
    uint32_t connection, question; /* who looks for its addresses; 0: nobody */
    uint64_t at_ms;
    size_t addr_count, tried;
    struct multiaddr addrs[ROUTING_ADDRS_MAX];
    size_t name_count, named; /* named: names that have been asked about */
    bool resolving;
    struct multiaddr names[SEEK_NAMES];
};

/* A name under way. It outlives the content that it was asked for: answers cannot be taken back. */
struct name_look {
    bool used;
    struct seek *seek;
    struct provider *provider;
    uint32_t serial; /* of the place then */
    struct peer_id peer;
};

struct place {
    bool used, asked; /* asked: routing is through */
    bool sought;      /* by seek_begin */
    uint32_t serial;  /* counts the contents that stood here */
    struct seek *seek;
    struct cid cid;
    uint32_t question, connected;
    uint64_t deadline_ms, linger_ms;
    struct provider providers[SEEK_PROVIDERS];
};

struct seek {
    struct seek_options o;
    struct swarm *swarm;
    struct resolver *resolver; /* NULL: names are passed over */
    struct name_look name_looks[RESOLVE_JOBS];
    bool stopped;
    struct loop_timer *tick;
    struct loop_event event;
    struct place places[SEEK_MAX];
};

static uint64_t now_of(const struct seek *s)
{
    return loop_now_ms(s->o.loop);
}

static void wake(struct seek *s)
{
    loop_post_event(s->o.loop, &s->event);
}

/* ---- providers ------------------------------------------------------------------------------- */

static void add_once(struct multiaddr *list, size_t *count, size_t max, const struct multiaddr *a)
{
    for (size_t k = 0; k < *count; k++)
        if (multiaddr_eq(&list[k], a))
            return;
    if (*count < max)
        list[(*count)++] = *a;
}

static bool is_dnsaddr(const struct multiaddr *a)
{
    struct reader r = reader_of(multiaddr_span(a));
    struct multiaddr_part p;
    return multiaddr_next(&r, &p) && p.code == MULTIADDR_DNSADDR;
}

static void add_address(struct provider *v, const struct multiaddr *address)
{
    struct multiaddr_tcp t;
    struct multiaddr a = *address;
    if (multiaddr_tcp_of(&t, &a) != OK) {
        if (is_dnsaddr(&a)) /* which peers are under it is seen when it is resolved */
            add_once(v->names, &v->name_count, SEEK_NAMES, &a);
        return; /* what the swarm cannot dial */
    }
    if (t.peer.size == 0 && multiaddr_add(&a, MULTIADDR_P2P, peer_id_span(&v->peer)) != OK)
        return;
    if (t.peer.size != 0 && !peer_id_eq(&t.peer, &v->peer))
        return;
    if (t.host == MULTIADDR_IP4 || t.host == MULTIADDR_IP6)
        add_once(v->addrs, &v->addr_count, ROUTING_ADDRS_MAX, &a);
    else
        add_once(v->names, &v->name_count, SEEK_NAMES, &a);
}

static void add_addresses(struct provider *v, const struct multiaddr *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_address(v, &list[i]);
    if (v->state == PROVIDER_NAMED && v->addr_count > 0)
        v->state = PROVIDER_WAITING;
}

static struct provider *provider_of(struct place *p, const struct peer_id *peer)
{
    for (size_t i = 0; i < SEEK_PROVIDERS; i++) {
        struct provider *v = &p->providers[i];
        if (v->state != PROVIDER_NONE && peer_id_eq(&v->peer, peer))
            return v;
        if (v->state == PROVIDER_NONE) {
            *v = (struct provider){ .state = PROVIDER_NAMED,
                                    .seek = p->seek,
                                    .place = p,
                                    .peer = *peer,
                                    .connection = GATE_NONE };
            return v;
        }
    }
    return NULL;
}

static void on_found(void *ctx, const struct routing_provider *p)
{
    struct place *place = ctx;
    struct provider *v = provider_of(place, &p->peer);
    if (v == NULL)
        return;
    add_addresses(v, p->addrs, p->addr_count);
    wake(place->seek);
}

static void on_over(void *ctx)
{
    struct place *p = ctx;
    p->asked = true;
    p->question = 0;
    wake(p->seek);
}

static void on_addresses(void *ctx, const struct routing_provider *p)
{
    struct provider *v = ctx;
    if (peer_id_eq(&p->peer, &v->peer))
        add_addresses(v, p->addrs, p->addr_count);
    wake(v->seek);
}

static void on_no_more(void *ctx)
{
    struct provider *v = ctx;
    v->question = 0;
    if (v->state == PROVIDER_NAMED)
        v->state = PROVIDER_THROUGH;
    wake(v->seek);
}

static void on_resolved(void *ctx, const struct resolved *found)
{
    struct name_look *l = ctx;
    struct provider *v = l->provider;
    l->used = false;
    if (l->seek->stopped || v->place == NULL || !v->place->used || v->place->serial != l->serial ||
        !peer_id_eq(&v->peer, &l->peer))
        return;
    v->resolving = false;
    if (v->state != PROVIDER_NONE && v->state != PROVIDER_THROUGH)
        add_addresses(v, found->list, found->count);
    wake(l->seek);
}

/* True while a name of the provider's is being looked up, or will be. */
static bool resolve_names(struct seek *s, struct provider *v)
{
    struct name_look *l = NULL;
    if (s->resolver == NULL || v->resolving || v->named == v->name_count)
        return v->resolving;
    for (size_t i = 0; i < RESOLVE_JOBS && l == NULL; i++)
        if (!s->name_looks[i].used)
            l = &s->name_looks[i];
    if (l == NULL)
        return true;
    *l =
        (struct name_look){ .seek = s, .provider = v, .serial = v->place->serial, .peer = v->peer };
    enum err e = resolve_start(s->resolver, &v->names[v->named], on_resolved, l);
    l->used = v->resolving = e == OK;
    v->named += e == OK || e != ERR_BUSY;
    return true; /* busy, or over: at the next turn */
}

/* Only its name is known. */
static void ask_where(struct seek *s, struct provider *v)
{
    const struct routing_question q = {
        .kind = ROUTING_PEER, .peer = v->peer, .ctx = v, .found = on_addresses, .over = on_no_more
    };
    if (v->question == 0 && routing_begin(s->o.routing, &v->question, &q) != OK)
        v->state = PROVIDER_THROUGH;
}

/* Its addresses are used up; others may come of its names. */
static void dialled(struct seek *s, struct provider *v)
{
    v->state = resolve_names(s, v) ? PROVIDER_WAITING : PROVIDER_THROUGH;
}

static void dial(struct seek *s, struct provider *v)
{
    while (v->tried < v->addr_count) {
        uint64_t retry = 0, now = now_of(s);
        enum err e = swarm_dial(s->swarm, &v->addrs[v->tried], &v->connection, &retry);
        if (e == OK || e == ERR_EXISTS) {
            v->tried += e == OK;
            v->state = PROVIDER_DIALLING;
            return;
        }
        if (e == ERR_LIMIT || (e == ERR_BUSY && retry < now + PACED_MS)) {
            v->at_ms = e == ERR_LIMIT ? now + RETRY_MS : retry;
            return;
        }
        v->tried++;
    }
    dialled(s, v);
}

static void provider_turn(struct place *p, struct provider *v, uint32_t *dials)
{
    struct seek *s = p->seek;
    if (v->state == PROVIDER_NONE || v->state == PROVIDER_THROUGH)
        return;
    if (swarm_find(s->swarm, &v->peer) != GATE_NONE) {
        v->state = PROVIDER_THROUGH;
        p->connected++;
        p->linger_ms = now_of(s) + SEEK_LINGER_MS;
    } else if (v->state == PROVIDER_NAMED) {
        if (!resolve_names(s, v))
            ask_where(s, v);
    } else if (v->state == PROVIDER_WAITING && now_of(s) >= v->at_ms && *dials < SEEK_DIALS) {
        dial(s, v);
    }
    *dials += v->state == PROVIDER_DIALLING;
}

/* ---- contents -------------------------------------------------------------------------------- */

static void let_go(struct place *p)
{
    struct seek *s = p->seek;
    routing_end(s->o.routing, p->question);
    for (size_t i = 0; i < SEEK_PROVIDERS; i++)
        routing_end(s->o.routing, p->providers[i].question);
    p->used = false;
}

static void place_turn(struct place *p)
{
    struct seek *s = p->seek;
    uint64_t now = now_of(s);
    uint32_t dials = 0;
    bool more = !p->asked;
    for (size_t i = 0; i < SEEK_PROVIDERS; i++)
        dials += p->providers[i].state == PROVIDER_DIALLING;
    for (size_t i = 0; i < SEEK_PROVIDERS; i++) {
        struct provider *v = &p->providers[i];
        dials -= v->state == PROVIDER_DIALLING;
        provider_turn(p, v, &dials);
        more |= v->state != PROVIDER_NONE && v->state != PROVIDER_THROUGH;
    }
    if (now < p->deadline_ms && (more || (p->connected > 0 && now < p->linger_ms)))
        return;
    const struct cid cid = p->cid;
    const bool sought = p->sought;
    let_go(p);
    if (sought)
        s->o.over(s->o.ctx, &cid);
}

static void turn(void *ctx)
{
    struct seek *s = ctx;
    for (size_t i = 0; i < SEEK_MAX && !s->stopped && s->swarm != NULL; i++)
        if (s->places[i].used)
            place_turn(&s->places[i]);
}

/* The place of a content: its own, or a free one. */
static struct place *place_for(struct seek *s, const struct cid *cid)
{
    struct place *p = NULL;
    for (size_t i = 0; i < SEEK_MAX; i++) {
        if (s->places[i].used && cid_eq(&s->places[i].cid, cid))
            return &s->places[i];
        if (!s->places[i].used && p == NULL)
            p = &s->places[i];
    }
    if (p == NULL || s->stopped)
        return NULL;
    *p = (struct place){ .seek = s,
                         .asked = true,
                         .cid = *cid,
                         .serial = p->serial + 1,
                         .deadline_ms = now_of(s) + SEEK_MS };
    return p;
}

enum err seek_begin(struct seek *s, const struct cid *cid)
{
    struct place *p = place_for(s, cid);
    if (p == NULL)
        return ERR_LIMIT;
    if (p->sought)
        return OK;
    const struct routing_question q = {
        .kind = ROUTING_PROVIDERS, .cid = *cid, .ctx = p, .found = on_found, .over = on_over
    };
    TRY(routing_begin(s->o.routing, &p->question, &q));
    p->deadline_ms = now_of(s) + SEEK_MS;
    p->used = p->sought = true;
    p->asked = false;
    return OK;
}

enum err seek_offer(struct seek *s, const struct cid *cid, const struct routing_provider *provider)
{
    struct place *p = place_for(s, cid);
    if (p == NULL)
        return ERR_LIMIT;
    p->used = true;
    on_found(p, provider);
    return OK;
}

void seek_resolver(struct seek *s, struct resolver *r)
{
    s->resolver = r;
}

void seek_peer(struct seek *s, uint32_t connection)
{
    (void)connection;
    if (!s->stopped)
        wake(s);
}

void seek_gone(struct seek *s, uint32_t connection)
{
    for (size_t i = 0; i < SEEK_MAX && !s->stopped; i++)
        for (size_t k = 0; s->places[i].used && k < SEEK_PROVIDERS; k++) {
            struct provider *v = &s->places[i].providers[k];
            if (v->state != PROVIDER_DIALLING || v->connection != connection)
                continue;
            v->state = PROVIDER_WAITING; /* its next address */
            v->connection = GATE_NONE;
            wake(s);
        }
}

/* ---- life ------------------------------------------------------------------------------------ */

enum err seek_open(struct seek **out, const struct seek_options *o)
{
    struct seek *s = calloc(1, sizeof(*s));
    *out = NULL;
    if (s == NULL)
        return ERR_MEMORY;
    s->o = *o;
    s->event = (struct loop_event){ .fn = turn, .ctx = s };
    s->tick = loop_timer_new(o->loop, turn, s);
    if (s->tick == NULL) {
        free(s);
        return ERR_MEMORY;
    }
    loop_timer_start(s->tick, SEEK_TICK_MS, SEEK_TICK_MS);
    *out = s;
    return OK;
}

void seek_attach(struct seek *s, struct swarm *swarm)
{
    s->swarm = swarm;
}

void seek_stop(struct seek *s)
{
    if (s == NULL || s->stopped)
        return;
    s->stopped = true;
    loop_timer_free(s->tick);
    s->tick = NULL;
    for (size_t i = 0; i < SEEK_MAX; i++)
        if (s->places[i].used)
            let_go(&s->places[i]);
}

void seek_close(struct seek *s)
{
    if (s == NULL)
        return;
    seek_stop(s);
    /* A posted event finds nothing to do: it runs while we are still here. */
    while (s->event.queued)
        loop_run_once(s->o.loop, 0);
    free(s);
}
