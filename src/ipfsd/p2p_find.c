#include "ipfsd/p2p_find.h"

#include "base/hex.h"
#include "codec/json_out.h"
#include "crypto/sha256.h"
#include "ipfsd/chain_peers.h"
#include "rt/log.h"
#include "rt/netaddr.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BEGIN_MS = 1000,          /* the gate spaces the dials */
    RESOLVE_AGAIN_MS = 60000, /* a name that nobody was found under */
    ENOUGH_NODES = 4,         /* of both tables together: nobody is dialled to begin with */
};

struct p2p_find {
    struct loop *loop;
    const struct settings *settings;
    struct resolver *resolver;             /* NULL: not yet, or no longer */
    uint64_t resolve_ms[SETTINGS_P2P_MAX]; /* when a name is asked for again */
    struct swarm *swarm;
    struct exchange *exchange;
    struct routing *routing;
    struct dht *dht;
    struct dht_provide *provide; /* NULL: nothing is told */
    struct dht_names *names;
    struct seek *seek;
    struct chain_peers *chain; /* NULL: no chain is configured */
    struct loop_timer *begin;
    size_t protocols[DHT_NETS];
    char file[SETTINGS_PATH_MAX + 32], values[SETTINGS_PATH_MAX + 32];
    char provided[SETTINGS_PATH_MAX + 32];
};

/* ---- peers to begin with --------------------------------------------------------------------- */

static void dial(struct p2p_find *f, const struct multiaddr *a)
{
    uint32_t connection;
    uint64_t retry;
    /* Whoever does not answer is tried less and less often: the gate says ERR_BUSY. */
    (void)!swarm_dial(f->swarm, a, &connection, &retry);
}

static void on_resolved(void *ctx, const struct resolved *found)
{
    struct p2p_find *f = ctx;
    for (size_t i = 0; i < found->count && f->resolver != NULL; i++)
        dial(f, &found->list[i]);
}

static void on_begin(void *ctx)
{
    struct p2p_find *f = ctx;
    const struct settings_p2p *p = &f->settings->p2p;
    uint64_t now = loop_now_ms(f->loop);
    struct multiaddr_tcp t;
    struct dht_figures dht;
    dht_figures(f->dht, &dht);
    if (dht.nets[DHT_LAN].nodes + dht.nets[DHT_WAN].nodes >= ENOUGH_NODES)
        return;
    for (size_t i = 0; i < p->bootstrap_count; i++) {
        const struct multiaddr *a = &p->bootstrap[i];
        bool number =
            multiaddr_tcp_of(&t, a) == OK && (t.host == MULTIADDR_IP4 || t.host == MULTIADDR_IP6);
        if (number)
            dial(f, a);
        else if (now >= f->resolve_ms[i] && resolve_start(f->resolver, a, on_resolved, f) == OK)
            f->resolve_ms[i] = now + RESOLVE_AGAIN_MS;
    }
}

void p2p_find_begin(struct p2p_find *f, struct resolver *r)
{
    f->resolver = r;
    seek_resolver(f->seek, r);
    if (f->settings->p2p.dht != DHT_OFF && f->settings->p2p.bootstrap_count > 0)
        loop_timer_start(f->begin, 0, BEGIN_MS);
}

/* ---- what bitswap lacks ---------------------------------------------------------------------- */

static void on_sought(void *ctx, const struct cid *cid)
{
    const struct p2p_find *f = ctx;
    if (f->exchange != NULL)
        exchange_sought(f->exchange, cid);
}

static bool on_lacking(void *ctx, const struct cid *cid)
{
    const struct p2p_find *f = ctx;
    return seek_begin(f->seek, cid) == OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Whether the operator listens at an address of this machine alone: a network of tests. */
static bool listens_within(const struct settings_p2p *p)
{
    for (size_t i = 0; i < p->listen_count; i++) {
        struct multiaddr_tcp t;
        if (multiaddr_tcp_of(&t, &p->listen[i]) != OK)
            continue;
        enum netaddr_class c =
            t.host == MULTIADDR_IP4 ? netaddr_class_v4(t.ip) : netaddr_class_v6(t.ip);
        if (c == NETADDR_LOOPBACK)
            return true;
    }
    return false;
}

static enum err begin(struct p2p_find *f, struct loop *l, const struct peer_id *self)
{
    const struct settings *s = f->settings;
    TRY(routing_open(&f->routing, l));
    (void)snprintf(f->file, sizeof(f->file), "%s/dht-table", s->p2p.folder);
    (void)snprintf(f->values, sizeof(f->values), "%s/dht-values", s->p2p.folder);
    TRY(path_make_dirs(s->p2p.folder, 0700));
    const struct dht_options d = { .loop = l,
                                   .routing = f->routing,
                                   .self = *self,
                                   .mode = s->p2p.dht,
                                   .lan = s->allow_private_origins,
                                   .wan = true,
                                   .loopback = listens_within(&s->p2p),
                                   .file = f->file,
                                   .values = f->values,
                                   .connections = s->p2p.connections };
    TRY(dht_open(&f->dht, &d));
    TRY(dht_names_open(&f->names, l, f->dht));
    const struct seek_options k = { .loop = l, .routing = f->routing, .ctx = f, .over = on_sought };
    TRY(seek_open(&f->seek, &k));
    const struct chain_peers_options w = {
        .loop = l, .routing = f->routing, .chains = &s->chains, .self = *self
    };
    if (s->chains.count > 0)
        TRY(chain_peers_open(&f->chain, &w));
    f->begin = loop_timer_new(l, on_begin, f);
    if (f->begin == NULL)
        return ERR_MEMORY;
    return OK;
}

enum err p2p_find_open(struct p2p_find **out, struct loop *l, const struct settings *s,
                       const struct peer_id *self)
{
    struct p2p_find *f = calloc(1, sizeof(*f));
    *out = NULL;
    if (f == NULL)
        return ERR_MEMORY;
    f->settings = s;
    f->loop = l;
    enum err e = begin(f, l, self);
    if (e == OK)
        *out = f;
    else
        p2p_find_close(f);
    return e;
}

void p2p_find_protocols(struct p2p_find *f, struct swarm_options *o)
{
    for (size_t i = 0; i < DHT_NETS && f->settings->p2p.dht != DHT_OFF; i++) {
        f->protocols[i] = o->protocol_count;
        o->protocols[o->protocol_count++] = dht_protocol(f->dht, i);
    }
}

void p2p_find_attach(struct p2p_find *f, struct swarm *s, struct exchange *x)
{
    f->swarm = s;
    f->exchange = x;
    exchange_seek(x, on_lacking, f);
    seek_attach(f->seek, s);
    if (f->chain != NULL)
        chain_peers_attach(f->chain, x, f->seek, s);
    if (f->settings->p2p.dht != DHT_OFF)
        dht_attach(f->dht, s, f->protocols);
}

enum err p2p_find_provide(struct p2p_find *f, const struct blocks *b)
{
    const struct settings *s = f->settings;
    if (s->p2p.dht == DHT_OFF || s->p2p.provide == SETTINGS_PROVIDE_OFF)
        return OK;
    (void)snprintf(f->provided, sizeof(f->provided), "%s/provided", s->p2p.folder);
    const struct dht_provide_options o = { .loop = f->loop,
                                           .dht = f->dht,
                                           .blocks = b,
                                           .all = s->p2p.provide == SETTINGS_PROVIDE_ALL,
                                           .file = f->provided };
    return dht_provide_open(&f->provide, &o);
}

struct routing *p2p_find_routing(struct p2p_find *f)
{
    return f->routing;
}

struct dht_names *p2p_find_names(struct p2p_find *f)
{
    return f->names;
}

static void write_net(struct json_out *j, const struct dht_figures *d,
                      const struct dht_provide_figures *p, size_t net)
{
    json_out_object(j);
    json_out_member_str(j, "net", net == DHT_LAN ? "local" : "global");
    json_out_member_bool(j, "serves", d->nets[net].serving);
    json_out_member_u64(j, "nodes", d->nets[net].nodes);
    json_out_member_u64(j, "records", d->nets[net].records);
    json_out_member_u64(j, "names", d->nets[net].values);
    json_out_member_u64(j, "told", p->nets[net].told);
    json_out_member_u64(j, "regions", p->nets[net].regions);
    json_out_member_u64(j, "regions_failed", p->nets[net].failed);
    json_out_member_u64(j, "records_stored", p->nets[net].stored);
    json_out_object_end(j);
}

void p2p_find_write(void *find, struct json_out *j)
{
    const struct p2p_find *f = find;
    struct dht_figures d;
    struct dht_provide_figures p = { .count = 0 };
    dht_figures(f->dht, &d);
    if (f->provide != NULL)
        dht_provide_figures(f->provide, &p);
    json_out_key(j, "nets");
    json_out_array(j);
    for (size_t i = 0; i < DHT_NETS; i++)
        if (d.nets[i].on)
            write_net(j, &d, &p, i);
    json_out_array_end(j);
    json_out_member_str(j, "mode",
                        d.mode == DHT_AUTO     ? "auto"
                        : d.mode == DHT_SERVER ? "server"
                        : d.mode == DHT_CLIENT ? "client"
                                               : "off");
    json_out_member_str(j, "reachable",
                        d.reach == REACH_YES  ? "yes"
                        : d.reach == REACH_NO ? "no"
                                              : "unknown");
    json_out_member_bool(j, "provides", f->provide != NULL);
    json_out_member_u64(j, "contents", p.count);
    json_out_member_u64(j, "contents_left_out", p.left_out);
    json_out_member_u64(j, "looking_up", d.looks);
    json_out_member_u64(j, "looked_up", d.looked);
    json_out_member_u64(j, "asked", d.asked);
    json_out_member_u64(j, "asked_in_vain", d.failed);
    json_out_member_u64(j, "answered", d.served);
    json_out_member_u64(j, "refused", d.refused);
}

void p2p_find_write_standing(void *find, struct json_out *j, const struct peer_id *peer)
{
    const struct p2p_find *f = find;
    struct exchange_standing s;
    uint8_t id[32];
    sha256(id, peer_id_span(peer));
    exchange_standing(f->exchange, &s, id);
    json_out_member_str(j, "rank",
                        s.last         ? "last"
                        : s.doubted    ? "doubted"
                        : s.proven > 0 ? "first"
                                       : "normal");
    json_out_member_u64(j, "proven", s.proven);
    json_out_member_u64(j, "kept", s.kept);
    json_out_member_u64(j, "broken", s.broken);
    json_out_member_u64(j, "sent", s.sent);
    json_out_member_u64(j, "received", s.received);
}

void p2p_find_write_chain(void *find, struct json_out *j, const struct cid *cid)
{
    const struct p2p_find *f = find;
    struct chain_peer list[CHAIN_PEERS_EACH];
    struct content_key key;
    char id[PEER_ID_TEXT_MAX], lineage[65];
    size_t count = 0;
    if (f->chain != NULL && cid_key(&key, cid) == OK)
        count = chain_peers_known(f->chain, list, CHAIN_PEERS_EACH, &key);
    json_out_key(j, "chain");
    json_out_array(j);
    for (size_t i = 0; i < count; i++) {
        peer_id_format(id, &list[i].peer);
        hex_format(lineage, span_of(list[i].lineage, 32));
        json_out_object(j);
        json_out_member_str(j, "peer", id);
        json_out_member_str(j, "lineage", lineage);
        json_out_member_bool(j, "verified", list[i].verified);
        json_out_member_bool(j, "connected", swarm_find(f->swarm, &list[i].peer) != GATE_NONE);
        p2p_find_write_standing(find, j, &list[i].peer);
        json_out_object_end(j);
    }
    json_out_array_end(j);
}

void p2p_find_peer(struct p2p_find *f, uint32_t connection, const struct peer_id *peer,
                   bool inbound)
{
    dht_peer(f->dht, connection, peer, inbound);
    seek_peer(f->seek, connection);
}

void p2p_find_identity(struct p2p_find *f, uint32_t connection, const struct identify *id)
{
    dht_identity(f->dht, connection, id);
}

void p2p_find_gone(struct p2p_find *f, uint32_t connection, enum err why)
{
    dht_gone(f->dht, connection, why);
    seek_gone(f->seek, connection);
}

void p2p_find_reach(struct p2p_find *f, enum reach_verdict all)
{
    dht_reach(f->dht, all);
}

void p2p_find_stop(struct p2p_find *f)
{
    if (f == NULL)
        return;
    loop_timer_free(f->begin);
    f->begin = NULL;
    f->resolver = NULL;
    chain_peers_stop(f->chain);
    seek_stop(f->seek);
    dht_provide_stop(f->provide);
    dht_names_stop(f->names);
    dht_stop(f->dht);
}

void p2p_find_close(struct p2p_find *f)
{
    if (f == NULL)
        return;
    p2p_find_stop(f);
    seek_close(f->seek);
    dht_provide_close(f->provide);
    dht_names_close(f->names);
    chain_peers_close(f->chain);
    dht_close(f->dht);
    routing_close(f->routing);
    free(f);
}
