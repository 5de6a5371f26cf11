#include "ipfsd/dht_impl.h"
#include "ipfsd/save.h"

#include "crypto/random.h"
#include "ipfsd/dht_addr.h"
#include "ipfsd/dht_values.h"
#include "rt/log.h"

#include <stdlib.h>

/* ---- ourselves ------------------------------------------------------------------------------- */

void dht_wake(struct dht *d)
{
    loop_post_event(d->o.loop, &d->event);
}

void dht_self(const struct dht *d, size_t net, struct kad_contact *out)
{
    struct multiaddr own[SWARM_LISTEN_MAX * 2];
    struct kad_peer p = { .id = peer_id_span(&d->o.self) };
    size_t count = swarm_addresses(d->swarm, own, SWARM_LISTEN_MAX * 2, false);
    for (size_t i = 0; i < count && p.addr_count < KAD_ADDRS_MAX; i++)
        p.addrs[p.addr_count++] = multiaddr_span(&own[i]);
    kad_contact_of(out, &p, &d->nets[net].keep);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

void dht_good(struct dht *d, size_t net, const struct kad_contact *c)
{
    struct dht_net *n = &d->nets[net];
    uint32_t before = n->table.count;
    bool few = before < DHT_FEW;
    if (c->addrs_size == 0)
        return;
    enum err e = kad_table_add(&n->table, c, dht_addr_group_of(c), dht_now(d));
    if (n->table.count > before)
        log_debug("dht-node-added", "net=%s nodes=%u", n->name, n->table.count);
    if (e == OK && few && n->table.refresh_ms > dht_now(d) + 1000)
        n->table.refresh_ms = dht_now(d) + 1000; /* those that it knows */
}

void dht_bad(struct dht *d, size_t net, const struct kad_contact *c)
{
    kad_table_failed(&d->nets[net].table, kad_contact_id(c));
}

/* SPEC kad 2.5: "Only nodes that serve the protocol are added, after they have answered" */
static bool check_write(void *ctx, struct dht_ask *a, struct writer *w)
{
    (void)ctx;
    if (a->out_size != 0)
        return false;
    kad_write(w, KAD_FIND_NODE, kad_contact_id(&a->who));
    return true;
}

static void check_ended(void *ctx, struct dht_ask *a, enum err result, struct span answer)
{
    struct dht *d = ctx;
    struct kad_message m;
    d->checks--;
    if (result == OK && kad_decode(&m, answer) == OK && m.type == KAD_FIND_NODE)
        dht_good(d, a->net, &a->who);
    else
        dht_bad(d, a->net, &a->who);
}

static const struct dht_asker checker = { check_write, NULL, check_ended };

static bool checking(const struct dht *d, size_t net, struct span id)
{
    for (size_t i = 0; i < DHT_ASKS; i++) {
        const struct dht_ask *a = &d->asks[i];
        if (a->state != DHT_ASK_FREE && a->asker == &checker && a->net == net &&
            span_eq(kad_contact_id(&a->who), id))
            return true;
    }
    return false;
}

static void check(struct dht *d, size_t net, const struct kad_contact *c)
{
    struct dht_net *n = &d->nets[net];
    if (c->addrs_size == 0 || kad_table_find(&n->table, kad_contact_id(c)) != NULL ||
        checking(d, net, kad_contact_id(c)))
        return;
    if (d->checks < DHT_CHECKS && dht_ask_begin(d, net, c, &checker, d) != NULL)
        d->checks++;
    else if (n->seed_count < DHT_SEEDS)
        n->seeds[n->seed_count++] = *c; /* later */
}

static void check_seeds(struct dht *d, size_t net)
{
    struct dht_net *n = &d->nets[net];
    while (d->checks < DHT_CHECKS && n->seed_count > 0) {
        const struct kad_contact c = n->seeds[--n->seed_count];
        uint32_t before = d->checks;
        check(d, net, &c);
        if (d->checks == before && n->seed_count > 0 && n->seeds[n->seed_count - 1].id_size != 0 &&
            span_eq(kad_contact_id(&n->seeds[n->seed_count - 1]), kad_contact_id(&c)))
            return; /* no place: it was put back */
    }
}

/* ---- peers of the swarm ---------------------------------------------------------------------- */

void dht_peer(struct dht *d, uint32_t connection, const struct peer_id *peer, bool inbound)
{
    d->conns[connection] = (struct dht_conn){ .peer = *peer, .inbound = inbound };
    if (!d->stopped)
        dht_ask_ready(d, connection);
}

/* SPEC kad 4.1: "Only a node that is reachable at a global address serves" */
static void reached(struct dht *d, uint64_t group)
{
    for (size_t i = 0; i < DHT_REACHED && group != 0; i++) {
        if (d->reached[i] == group)
            return;
        if (d->reached[i] == 0) {
            d->reached[i] = group;
            return;
        }
    }
}

static void serve(struct dht *d, size_t net, bool on)
{
    struct dht_net *n = &d->nets[net];
    if (!n->on || n->serving == on)
        return;
    n->serving = on;
    swarm_serve(d->swarm, n->protocol, on);
    log_info("dht-mode", "net=%s serving=%s", n->name, on ? "yes" : "no");
}

static void decide(struct dht *d)
{
    struct kad_contact self;
    /* SPEC autonat 4.5: "While nothing is known" */
    bool strangers = d->reached[DHT_REACHED - 1] != 0;
    bool outside = d->reach == REACH_YES || (d->reach == REACH_UNKNOWN && strangers);
    dht_self(d, DHT_WAN, &self);
    serve(d, DHT_LAN, d->o.mode == DHT_SERVER || d->o.mode == DHT_AUTO);
    serve(d, DHT_WAN,
          d->o.mode == DHT_SERVER || (d->o.mode == DHT_AUTO && outside && self.addrs_size > 0));
}

void dht_reach(struct dht *d, enum reach_verdict all)
{
    if (d->reach == all)
        return;
    d->reach = all;
    if (all == REACH_NO && d->o.mode == DHT_AUTO && d->nets[DHT_WAN].on)
        log_info("dht-client",
                 "reason=\"nobody outside can connect with this node\" "
                 "next=\"forward a port and set p2p-announce; see crust swarm addrs\"");
}

void dht_identity(struct dht *d, uint32_t connection, const struct identify *id)
{
    struct dht_conn *k = &d->conns[connection];
    struct kad_peer p = { .id = peer_id_span(&k->peer) };
    struct multiaddr from;
    if (d->stopped || d->swarm == NULL || k->peer.size == 0)
        return;
    bool known = swarm_remote(d->swarm, connection, &from) == OK;
    if (known && !k->inbound)
        p.addrs[p.addr_count++] = multiaddr_span(&from); /* that one works */
    for (uint32_t i = 0; i < id->addr_count && p.addr_count < KAD_ADDRS_MAX; i++)
        p.addrs[p.addr_count++] = id->addrs[i];
    for (size_t i = 0; i < DHT_NETS; i++) {
        struct dht_net *n = &d->nets[i];
        struct kad_contact c;
        if (!n->on)
            continue;
        /* Where it came from says which net it belongs to, not what it says of itself. */
        const char *protocol = i == DHT_LAN ? KAD_LAN_ID : KAD_ID;
        bool here = known && dht_addr_inside(n, &from);
        if (here && k->inbound && i == DHT_WAN)
            reached(d, dht_addr_group(&from));
        kad_contact_of(&c, &p, &n->filter);
        if (here && identify_speaks(id, span_str(protocol)))
            check(d, i, &c);
        else
            kad_table_remove(&n->table, p.id);
    }
}

void dht_gone(struct dht *d, uint32_t connection, enum err why)
{
    if (!d->stopped) {
        dht_serve_gone(d, connection);
        dht_ask_gone(d, connection, why);
    }
    d->conns[connection] = (struct dht_conn){ .inbound = false };
}

static void on_stream(struct dht_net *n, uint32_t connection, const struct conn_event *ev)
{
    struct dht *d = n->dht;
    if (d->stopped)
        return;
    dht_ask_event(d, connection, ev);
    dht_serve_event(d, (size_t)(n - d->nets), connection, ev);
    dht_wake(d);
}

static void on_stream_event(void *ctx, uint32_t connection, const struct conn_event *ev)
{
    on_stream(ctx, connection, ev);
}

/* ---- refreshing ------------------------------------------------------------------------------ */

static void refresh_done(void *ctx, struct dht_look *l)
{
    (void)ctx;
    (void)l;
}

static const struct dht_looker refresher = { NULL, refresh_done };

static void refresh_look(struct dht *d, size_t net, struct span key)
{
    struct kad_query_start start = { .goal = KAD_FIND_CLOSEST, .key = key };
    struct dht_look *l;
    /* ERR_BUSY: the next time will do. */
    (void)!dht_look_begin(&l, d, net, &start, &refresher, d);
}

/* SPEC kad 2.6: "by look-ups of ourselves and of 3 random ids" */
static void refresh(struct dht *d, size_t net)
{
    struct dht_net *n = &d->nets[net];
    if (n->table.count == 0 || !kad_table_refresh(&n->table, dht_now(d)))
        return;
    refresh_look(d, net, peer_id_span(&d->o.self));
    for (int i = 0; i < KAD_TABLE_RANDOM; i++) {
        uint8_t id[34] = { 0x12, 32 };
        random_bytes(id + 2, 32);
        refresh_look(d, net, span_of(id, sizeof(id)));
    }
}

static void turn(void *ctx)
{
    struct dht *d = ctx;
    if (d->stopped || d->swarm == NULL)
        return;
    for (size_t i = 0; i < DHT_NETS; i++) {
        check_seeds(d, i);
        refresh(d, i);
    }
    dht_ask_turn(d); /* what has timed out is told before the look-up gives it up */
    dht_look_turn(d);
    dht_serve_turn(d);
}

static void on_tick(void *ctx)
{
    struct dht *d = ctx;
    uint64_t now = dht_now(d);
    if (d->stopped || d->swarm == NULL)
        return;
    for (size_t i = 0; i < DHT_NETS; i++)
        if (d->nets[i].on) {
            kad_server_expire(&d->nets[i].server, 16, now);
            kad_values_expire(&d->nets[i].values, 16, dht_wall_s());
        }
    if (now >= d->save_ms) {
        d->save_ms = now + DHT_SAVE_MS;
        dht_file_save(d);
        dht_values_save(d);
    }
    decide(d);
    turn(d);
}

/* ---- life ------------------------------------------------------------------------------------ */

static enum err net_begin(struct dht *d, size_t net)
{
    struct dht_net *n = &d->nets[net];
    uint64_t seed;
    n->dht = d;
    n->name = net == DHT_LAN ? "dht-lan" : "dht";
    n->on = d->o.mode != DHT_OFF && (net == DHT_LAN ? d->o.lan : d->o.wan);
    n->filter = dht_addr_filter(n);
    n->keep = dht_addr_keep(n);
    kad_table_init(&n->table, peer_id_span(&d->o.self), dht_now(d));
    if (!n->on)
        return OK;
    n->records = calloc(DHT_RECORDS, sizeof(*n->records));
    if (n->records == NULL)
        return ERR_MEMORY;
    random_bytes(&seed, sizeof(seed));
    const struct kad_server_memory memory = { n->records, DHT_RECORDS };
    kad_server_init(&n->server, &n->table, &memory, n->keep, seed);
    return dht_values_begin(n);
}

static enum err begin(struct dht *d)
{
    d->conns = calloc(d->o.connections, sizeof(*d->conns));
    if (d->conns == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < DHT_NETS; i++)
        TRY(net_begin(d, i));
    TRY(dht_look_sources(d));
    dht_file_load(d);
    dht_values_load(d);
    if (d->o.file != NULL)
        TRY(save_open(&d->save, d->o.loop, d->o.file, "dht-table-not-written"));
    if (d->o.values != NULL)
        TRY(save_open(&d->values_save, d->o.loop, d->o.values, "dht-values-not-written"));
    d->save_ms = dht_now(d) + DHT_SAVE_MS;
    d->tick = loop_timer_new(d->o.loop, on_tick, d);
    if (d->tick == NULL)
        return ERR_MEMORY;
    loop_timer_start(d->tick, DHT_TICK_MS, DHT_TICK_MS);
    return OK;
}

enum err dht_open(struct dht **out, const struct dht_options *o)
{
    struct dht *d = calloc(1, sizeof(*d));
    *out = NULL;
    if (d == NULL)
        return ERR_MEMORY;
    d->o = *o;
    d->event = (struct loop_event){ .fn = turn, .ctx = d };
    enum err e = begin(d);
    if (e == OK)
        *out = d;
    else
        dht_close(d);
    return e;
}

struct swarm_protocol dht_protocol(struct dht *d, size_t net)
{
    return (struct swarm_protocol){ .id = net == DHT_LAN ? KAD_LAN_ID : KAD_ID,
                                    .fn = on_stream_event,
                                    .ctx = &d->nets[net] };
}

void dht_attach(struct dht *d, struct swarm *s, const size_t protocols[DHT_NETS])
{
    d->swarm = s;
    for (size_t i = 0; i < DHT_NETS; i++) {
        d->nets[i].protocol = protocols[i];
        if (d->nets[i].on)
            swarm_serve(s, protocols[i], false);
    }
    decide(d);
}

void dht_figures(const struct dht *d, struct dht_figures *out)
{
    *out = d->figures;
    out->reach = d->reach;
    out->mode = d->o.mode;
    for (size_t i = 0; i < DHT_NETS; i++) {
        out->nets[i].on = d->nets[i].on;
        out->nets[i].serving = d->nets[i].serving;
        out->nets[i].nodes = d->nets[i].table.count;
        out->nets[i].records = (uint32_t)d->nets[i].server.used;
        out->nets[i].values = (uint32_t)d->nets[i].values.used;
    }
    for (size_t i = 0; i < DHT_LOOKS; i++)
        out->looks += d->looks[i].used;
    for (size_t i = 0; i < DHT_ASKS; i++)
        out->asks += d->asks[i].state != DHT_ASK_FREE;
}

void dht_stop(struct dht *d)
{
    if (d == NULL || d->stopped)
        return;
    for (size_t i = 0; i < DHT_LOOKS; i++)
        if (d->looks[i].used)
            dht_look_abort(&d->looks[i]);
    for (size_t i = 0; i < DHT_ASKS; i++)
        dht_ask_abort(&d->asks[i]);
    for (uint32_t i = 0; i < d->o.connections; i++)
        dht_serve_gone(d, i);
    if (d->swarm != NULL) {
        dht_file_save(d);
        dht_values_save(d);
    }
    save_close(d->save);
    save_close(d->values_save);
    d->save = d->values_save = NULL;
    d->stopped = true;
    loop_timer_free(d->tick);
    d->tick = NULL;
}

void dht_close(struct dht *d)
{
    if (d == NULL)
        return;
    if (d->conns != NULL)
        dht_stop(d);
    loop_timer_free(d->tick);
    /* A posted event finds nothing to do: it runs while we are still here. */
    while (d->event.queued)
        loop_run_once(d->o.loop, 0);
    for (size_t i = 0; i < DHT_NETS; i++) {
        free(d->nets[i].records);
        dht_values_end(&d->nets[i]);
    }
    free(d->conns);
    free(d);
}
