/* Look-ups: the machine of p2p/kad_query, fed by requests. And the two sources of routing. */
#include "ipfsd/dht_impl.h"

#include <stdio.h>

/* ---- one look-up ----------------------------------------------------------------------------- */

static bool ask_write(void *ctx, struct dht_ask *a, struct writer *w)
{
    struct dht_look *l = ctx;
    if (a->out_size != 0)
        return false; /* one message */
    kad_query_request(&l->q, w);
    return true;
}

static void ask_began(void *ctx, struct dht_ask *a)
{
    struct dht_look *l = ctx;
    kad_query_began(&l->q, kad_contact_id(&a->who), dht_now(l->dht));
}

/* Whether the fault is the node's, not that of our own limits. */
static bool theirs(enum err e)
{
    return e != ERR_BUSY && e != ERR_MEMORY && e != ERR_STATE;
}

static void ask_ended(void *ctx, struct dht_ask *a, enum err result, struct span answer)
{
    struct dht_look *l = ctx;
    struct dht *d = l->dht;
    struct span id = kad_contact_id(&a->who), value = { NULL, 0 };
    if (result == OK && a->silent)
        kad_query_sent(&l->q, id);
    else if (result == OK)
        result = kad_query_answer(&l->q, id, answer, &value);
    else
        kad_query_failed(&l->q, id);
    if (result == OK)
        dht_good(d, l->net, &a->who);
    else if (theirs(result))
        dht_bad(d, l->net, &a->who);
    if (l->looker->answered != NULL)
        l->looker->answered(l->ctx, l, a, result, value);
    dht_wake(d);
}

static const struct dht_asker asker = { ask_write, ask_began, ask_ended };

enum err dht_look_begin(struct dht_look **out, struct dht *d, size_t net,
                        struct kad_query_start *start, const struct dht_looker *looker, void *ctx)
{
    struct dht_look *l = NULL;
    struct kad_contact self;
    const struct kad_contact *closest[KAD_K];
    *out = NULL;
    for (size_t i = 0; i < DHT_LOOKS && l == NULL; i++)
        if (!d->looks[i].used)
            l = &d->looks[i];
    if (d->stopped || l == NULL)
        return ERR_BUSY;
    if (d->nets[net].table.count == 0)
        return ERR_NOT_FOUND;
    dht_self(d, net, &self);
    start->self = &self;
    start->filter = d->nets[net].filter;
    TRY(kad_query_init(&l->q, start, dht_now(d)));
    l->used = true;
    l->net = (uint8_t)net;
    l->dht = d;
    l->looker = looker;
    l->ctx = ctx;
    memset(l->told, 0, sizeof(l->told));
    size_t n = kad_table_closest(&d->nets[net].table, l->q.target, closest, KAD_K);
    for (size_t i = 0; i < n; i++)
        kad_query_seed(&l->q, closest[i]);
    d->figures.looked++;
    *out = l;
    dht_wake(d);
    return OK;
}

void dht_look_abort(struct dht_look *l)
{
    for (size_t i = 0; i < DHT_ASKS; i++)
        if (l->dht->asks[i].asker == &asker && l->dht->asks[i].ctx == l)
            dht_ask_abort(&l->dht->asks[i]);
    l->used = false;
}

static void look_turn(struct dht_look *l)
{
    struct dht *d = l->dht;
    const struct kad_contact *who;
    bool room = true;
    kad_query_step(&l->q, dht_now(d));
    while (room && l->q.phase != KAD_QUERY_DONE) {
        room = false;
        for (size_t i = 0; i < DHT_ASKS && !room; i++)
            room = d->asks[i].state == DHT_ASK_FREE;
        if (!room || !kad_query_next(&l->q, &who, dht_now(d)))
            break;
        struct dht_ask *a = dht_ask_begin(d, l->net, who, &asker, l);
        a->silent = l->q.phase == KAD_QUERY_STORING && l->q.goal == KAD_PROVIDE;
    }
    if (l->q.phase != KAD_QUERY_DONE)
        return;
    dht_look_abort(l);
    l->looker->done(l->ctx, l);
}

/* ---- for routing ----------------------------------------------------------------------------- */

/* Writes a contact as routing wants it. */
static void provider_of(struct routing_provider *out, const struct kad_contact *c)
{
    struct kad_peer p;
    *out = (struct routing_provider){ .addr_count = 0 };
    kad_contact_peer(&p, c);
    if (peer_id_decode(&out->peer, p.id) != OK)
        out->peer.size = 0;
    for (uint32_t i = 0; i < p.addr_count; i++)
        out->addr_count += multiaddr_decode(&out->addrs[out->addr_count], p.addrs[i]) == OK;
}

static void found(struct dht_look *l, const struct kad_contact *c)
{
    struct routing_provider p;
    provider_of(&p, c);
    if (p.peer.size > 0)
        routing_found(l->dht->o.routing, l->dht->nets[l->net].source, l->tag, &p);
}

static void tell_new(struct dht_look *l)
{
    uint32_t question = l->tag;
    for (uint32_t i = 0; i < l->q.provider_count; i++) {
        uint8_t known = l->q.providers[i].addrs_size > 0 ? 2 : 1;
        if (l->told[i] >= known)
            continue;
        l->told[i] = known;
        found(l, &l->q.providers[i]);
        if (!l->used || l->tag != question)
            return; /* whoever asked has enough */
    }
    if (l->q.found && l->told[0] == 0 && l->q.goal == KAD_FIND_PEER) {
        l->told[0] = 1;
        found(l, &l->q.known[0].contact);
    }
}

static uint32_t count_peers(struct span answer, enum kad_list list)
{
    struct kad_message m;
    struct kad_peer p;
    uint32_t n = 0;
    if (kad_decode(&m, answer) != OK)
        return 0;
    for (struct kad_iter it = kad_peers(&m, list); n < 1000 && kad_next(&it, &p);)
        n++;
    return n;
}

static void on_answered(void *ctx, struct dht_look *l, const struct dht_ask *a, enum err result,
                        struct span value)
{
    const struct dht_net *n = ctx;
    struct peer_id peer;
    struct routing_note note = { .result = result };
    uint32_t question = l->tag;
    (void)value;
    if (peer_id_decode(&peer, kad_contact_id(&a->who)) == OK) {
        char text[PEER_ID_TEXT_MAX];
        peer_id_format(text, &peer);
        (void)snprintf(note.who, sizeof(note.who), "%s", text);
    }
    dht_ask_where(a, note.where, sizeof(note.where));
    note.took_ms = (uint32_t)(dht_now(l->dht) - a->begun_ms);
    if (result == OK) {
        struct span answer = span_of(a->in.bytes, a->in.got);
        note.providers = count_peers(answer, KAD_PROVIDERS);
        note.closer = count_peers(answer, KAD_CLOSER);
    }
    routing_note(n->dht->o.routing, n->source, question, &note);
    if (l->used && l->tag == question)
        tell_new(l);
}

/* Nodes that have answered. The place of the look-up may be taken by what a callback begins. */
static void tell_closest(const struct dht_net *n, const struct dht_look *l)
{
    const struct kad_contact *closest[KAD_K];
    struct kad_contact copies[KAD_K];
    uint32_t question = l->tag;
    size_t count = kad_query_closest(&l->q, closest, KAD_K);
    for (size_t i = 0; i < count; i++)
        copies[i] = *closest[i];
    for (size_t i = 0; i < count; i++) {
        struct routing_provider p;
        provider_of(&p, &copies[i]);
        if (p.peer.size > 0)
            routing_found(n->dht->o.routing, n->source, question, &p);
    }
}

static void on_done(void *ctx, struct dht_look *l)
{
    const struct dht_net *n = ctx;
    uint32_t question = l->tag;
    if (l->q.goal == KAD_FIND_CLOSEST)
        tell_closest(n, l);
    routing_done(n->dht->o.routing, n->source, question);
}

static const struct dht_looker for_routing = { on_answered, on_done };

/* What this node keeps for others is an answer too. */
static void own_records(struct dht_look *l)
{
    struct dht_net *n = &l->dht->nets[l->net];
    struct kad_contact c[KAD_SERVER_PROVIDERS];
    size_t count =
        kad_server_providers(&n->server, c, span_of(l->q.key, l->q.key_size), dht_now(l->dht));
    for (size_t i = 0; i < count; i++)
        if (!span_eq(kad_contact_id(&c[i]), kad_contact_id(&n->table.self)))
            kad_query_provider(&l->q, &c[i]);
}

static enum err source_begin(void *ctx, uint32_t question, const struct routing_question *q)
{
    struct dht_net *n = ctx;
    struct dht_look *l;
    uint8_t key[CID_SIZE_MAX];
    struct writer w = writer_of(key, sizeof(key));
    struct kad_query_start start = { .goal = KAD_FIND_PROVIDERS };
    if (q->kind == ROUTING_PEER) {
        start.goal = KAD_FIND_PEER;
        start.key = peer_id_span(&q->peer);
    } else {
        write_uvarint(&w, q->cid.hash);
        write_uvarint(&w, q->cid.digest_size);
        write_bytes(&w, q->cid.digest, q->cid.digest_size);
        start.key = writer_span(&w);
        start.goal = q->kind == ROUTING_CLOSEST ? KAD_FIND_CLOSEST : KAD_FIND_PROVIDERS;
    }
    TRY(dht_look_begin(&l, n->dht, (size_t)(n - n->dht->nets), &start, &for_routing, n));
    l->tag = question;
    if (start.goal == KAD_FIND_PROVIDERS && n->records != NULL)
        own_records(l);
    return OK;
}

static void source_cancel(void *ctx, uint32_t question)
{
    struct dht_net *n = ctx;
    for (size_t i = 0; i < DHT_LOOKS; i++) {
        struct dht_look *l = &n->dht->looks[i];
        if (l->used && l->looker == &for_routing && l->ctx == n && l->tag == question)
            dht_look_abort(l);
    }
}

enum err dht_look_sources(struct dht *d)
{
    for (size_t i = 0; i < DHT_NETS; i++) {
        struct dht_net *n = &d->nets[i];
        const struct routing_source s = {
            .name = n->name, .ctx = n, .begin = source_begin, .cancel = source_cancel
        };
        if (n->on)
            TRY(routing_add(d->o.routing, &s, &n->source));
    }
    return OK;
}

/* ---- a turn ---------------------------------------------------------------------------------- */

void dht_look_turn(struct dht *d)
{
    for (size_t i = 0; i < DHT_LOOKS; i++) {
        struct dht_look *l = &d->looks[i];
        if (l->used && l->looker == &for_routing)
            tell_new(l);
        if (l->used)
            look_turn(l);
    }
}
