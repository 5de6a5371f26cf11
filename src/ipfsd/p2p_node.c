#include "ipfsd/p2p_node.h"

#include "base/release.h"
#include "codec/worker_label.h"
#include "ipfsd/autonat_node.h"
#include "ipfsd/exchange.h"
#include "ipfsd/keep.h"
#include "ipfsd/lan.h"
#include "ipfsd/p2p_ask.h"
#include "ipfsd/p2p_find.h"
#include "ipfsd/p2p_self.h"
#include "ipfsd/routing_http.h"
#include "ipfsd/swarm.h"
#include "rt/log.h"
#include "rt/seed_file.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

struct p2p_node {
    const struct settings *settings;
    struct ed25519_key key;
    struct swarm *swarm;
    struct exchange *exchange;
    char credit_file[SETTINGS_PATH_MAX + 32];
    struct p2p_find *find;
    struct block_source source;
    struct resolver *resolver;
    struct keep *keep;
    struct lan *lan; /* NULL: off */
    struct p2p_ask *ask;
    struct autonat_node *autonat; /* NULL: off */
    struct routing_http *routers; /* NULL: none */
    struct p2p_self *self;
};

static void id_text(char out[PEER_ID_TEXT_MAX], const struct peer_id *id)
{
    peer_id_format(out, id);
}

static void on_peer(void *ctx, uint32_t connection, const struct peer_id *peer, bool inbound)
{
    struct p2p_node *n = ctx;
    char text[PEER_ID_TEXT_MAX];
    id_text(text, peer);
    exchange_peer(n->exchange, connection, peer);
    autonat_node_peer(n->autonat, connection, peer);
    p2p_find_peer(n->find, connection, peer, inbound);
    log_debug("peer-connected", "peer=%s way=%s", text, inbound ? "in" : "out");
    keep_peer(n->keep, connection, peer);
    p2p_ask_peer(n->ask, connection, peer, inbound);
}

static void on_identity(void *ctx, uint32_t connection, const struct identify *id)
{
    const struct p2p_node *n = ctx;
    p2p_find_identity(n->find, connection, id);
    uint8_t lineage[32];
    bool works = worker_label_of(lineage, id) == OK;
    exchange_worker(n->exchange, connection, works ? lineage : NULL);
    autonat_node_identity(n->autonat, connection, id);
    char agent[P2P_ASK_AGENT_MAX];
    p2p_ask_agent(agent, id->agent_version);
    p2p_ask_identity(n->ask, connection, id);
    log_info("peer-identified", "connection=%u agent=\"%s\" protocols=%u", connection, agent,
             id->protocol_count);
}

static void on_gone(void *ctx, uint32_t connection, enum err why)
{
    const struct p2p_node *n = ctx;
    exchange_gone(n->exchange, connection);
    p2p_find_gone(n->find, connection, why);
    autonat_node_gone(n->autonat, connection);
    p2p_ask_gone(n->ask, connection);
    log_debug("peer-gone", "connection=%u reason=\"%s\"", connection, err_text(why));
}

static void on_pong(void *ctx, uint32_t connection, uint32_t took_us)
{
    const struct p2p_node *n = ctx;
    p2p_ask_pong(n->ask, connection, took_us);
}

static void on_back(void *ctx, uint32_t connection, enum err why)
{
    const struct p2p_node *n = ctx;
    autonat_node_back(n->autonat, connection, why);
}

static bool may_tell(void *ctx, const struct multiaddr *a)
{
    const struct p2p_node *n = ctx;
    return autonat_node_may_tell(n->autonat, a);
}

static void on_reach(void *ctx, enum reach_verdict all)
{
    const struct p2p_node *n = ctx;
    p2p_find_reach(n->find, all);
}

static enum err open_autonat(struct p2p_node *n, struct loop *l)
{
    const struct autonat_node_options o = { .loop = l,
                                            .connections = n->settings->p2p.connections,
                                            .allow_private = n->settings->allow_private_origins,
                                            .changed = on_reach,
                                            .ctx = n };
    return n->settings->p2p.autonat ? autonat_node_open(&n->autonat, &o) : OK;
}

/* "10.0.0.0/8", "fd00::/8", "1.2.3.4". */
static enum err deny_network(struct gate *g, char *item)
{
    uint8_t ip[16];
    uint64_t bits = 128;
    char *slash = strchr(item, '/');
    if (slash != NULL) {
        *slash = 0;
        TRY(config_number(&bits, CONFIG_U64, slash + 1));
    }
    bool four = inet_pton(AF_INET, item, ip) == 1;
    if (!four && inet_pton(AF_INET6, item, ip) != 1)
        return ERR_FORMAT;
    size_t size = four ? 4 : 16;
    if (slash == NULL)
        bits = size * 8;
    return bits > size * 8 ? ERR_RANGE : gate_rule_ip(g, false, span_of(ip, size), (uint32_t)bits);
}

static enum err deny(struct gate *g, const char *list)
{
    char item[CONFIG_VALUE_MAX];
    struct peer_id peer;
    while (config_list_next(item, sizeof(item), &list)) {
        if (peer_id_parse(&peer, span_str(item)) == OK)
            TRY(gate_rule_peer(g, false, &peer));
        else
            TRY(deny_network(g, item));
    }
    return OK;
}

static enum err open_swarm(struct p2p_node *n, struct loop *l)
{
    const struct settings_p2p *p = &n->settings->p2p;
    struct swarm_options o = { .identity = &n->key,
                               .listen_count = p->listen_count,
                               .limits = gate_defaults(),
                               .down_per_s = p->down_per_s,
                               .up_per_s = p->up_per_s,
                               .noise = true,
                               .tls = true,
                               .prefer_tls = false,
                               .early_muxer = true,
                               .allow_private = n->settings->allow_private_origins,
                               .agent = "crust/" RELEASE,
                               .protocols = { exchange_protocol(n->exchange) },
                               .protocol_count = 1,
                               .on_peer = on_peer,
                               .on_identity = on_identity,
                               .on_gone = on_gone,
                               .on_pong = on_pong,
                               .ctx = n };
    for (size_t i = 0; i < p->listen_count; i++)
        o.listen[i] = p->listen[i];
    o.announce_count = p->announce_count;
    memcpy(o.announce, p->announce, sizeof(o.announce));
    o.limits.connections = p->connections;
    o.limits.inbound = p->connections - p->connections / 4;
    if (o.limits.water > o.limits.inbound)
        o.limits.water = o.limits.inbound;
    p2p_find_protocols(n->find, &o);
    size_t protocols[AUTONAT_NODE_PROTOCOLS];
    for (size_t i = 0; i < AUTONAT_NODE_PROTOCOLS && n->autonat != NULL; i++) {
        protocols[i] = o.protocol_count;
        o.protocols[o.protocol_count++] = autonat_node_protocol(n->autonat, i);
    }
    if (n->autonat != NULL) {
        o.on_back = on_back;
        o.may_tell = may_tell;
    }
    TRY(swarm_open(&n->swarm, l, &o));
    exchange_attach(n->exchange, n->swarm, 0);
    if (n->autonat != NULL)
        autonat_node_attach(n->autonat, n->swarm, protocols);
    p2p_find_attach(n->find, n->swarm, n->exchange);
    return OK;
}

/* A node without it works as well. */
static void open_lan(struct p2p_node *n, struct loop *l)
{
    struct peer_key key = peer_key_of(&n->key);
    struct peer_id self = peer_id_of(&key);
    enum err e = n->settings->p2p.mdns ? lan_open(&n->lan, l, n->swarm, &self) : OK;
    if (e != OK)
        log_warn("mdns-off", "reason=\"%s\" next=\"another program holds UDP port 5353 alone\"",
                 err_text(e));
}

static enum err open_ask(struct p2p_node *n, struct loop *l)
{
    struct peer_key key = peer_key_of(&n->key);
    const struct p2p_ask_options o = { .loop = l,
                                       .swarm = n->swarm,
                                       .resolver = n->resolver,
                                       .routing = p2p_find_routing(n->find),
                                       .write_dht = p2p_find_write,
                                       .write_standing = p2p_find_write_standing,
                                       .write_chain = p2p_find_write_chain,
                                       .ctx = n->find,
                                       .autonat = n->autonat,
                                       .self = peer_id_of(&key),
                                       .connections = n->settings->p2p.connections,
                                       .agent = "crust/" RELEASE };
    return p2p_ask_open(&n->ask, &o);
}

void p2p_node_tales(struct p2p_node *n, struct fetch_tales *t)
{
    p2p_ask_tales(n->ask, t);
}

static enum err begin(struct p2p_node *n, struct loop *l, const struct block_source *local)
{
    const struct settings_p2p *p = &n->settings->p2p;
    enum err e = seed_file_read(&n->key, p->key);
    if (e == ERR_NOT_FOUND)
        e = seed_file_make(&n->key, p->key);
    if (e != OK) {
        log_error("identity-not-read", "path=\"%s\" reason=\"%s\"", p->key, err_text(e));
        return e;
    }
    (void)snprintf(n->credit_file, sizeof(n->credit_file), "%s/p2p/credit", n->settings->home);
    const struct exchange_options x = {
        .loop = l, .source = local, .connections = p->connections, .credit_file = n->credit_file
    };
    TRY(exchange_open(&n->exchange, &x));
    n->source = exchange_source(n->exchange);
    const struct peer_key public_key = peer_key_of(&n->key);
    const struct peer_id self = peer_id_of(&public_key);
    e = p2p_find_open(&n->find, l, n->settings, &self);
    if (e != OK) {
        log_error("p2p-not-opened", "path=\"%s\" reason=\"%s\"", p->folder, err_text(e));
        return e;
    }
    TRY(open_autonat(n, l));
    e = open_swarm(n, l);
    if (e != OK) {
        log_error("p2p-not-listening", "reason=\"%s\" next=\"see p2p-listen\"", err_text(e));
        return e;
    }
    e = deny(swarm_gate(n->swarm), p->deny);
    if (e != OK) {
        log_error("p2p-deny-not-read",
                  "reason=\"%s\" next=\"peer ids, and networks like "
                  "10.0.0.0/8\"",
                  err_text(e));
        return e;
    }
    TRY(resolve_open(&n->resolver, l, &(struct dns_server){ 0 }));
    if (n->settings->routers.count != 0)
        TRY(routing_http_open(&n->routers, l, p2p_find_routing(n->find), &n->settings->routers));
    TRY(open_ask(n, l));
    TRY(p2p_self_open(&n->self, l, n->settings, &self, n->swarm));
    open_lan(n, l);
    p2p_find_begin(n->find, n->resolver);
    TRY(keep_open(&n->keep, l, n->swarm, n->resolver, p->peers, p->peer_count));
    struct multiaddr a;
    char text[MULTIADDR_TEXT_MAX];
    for (size_t i = 0; swarm_address(n->swarm, i, &a) == OK; i++) {
        multiaddr_format(text, &a);
        log_info("p2p-listening", "address=%s", text);
    }
    return OK;
}

enum err p2p_node_open(struct p2p_node **out, struct loop *l, const struct settings *s,
                       const struct block_source *local)
{
    *out = NULL;
    struct p2p_node *n = calloc(1, sizeof(*n));
    if (n == NULL)
        return ERR_MEMORY;
    n->settings = s;
    enum err e = begin(n, l, local);
    if (e == OK)
        *out = n;
    else
        p2p_node_close(n);
    return e;
}

const struct block_source *p2p_node_source(const struct p2p_node *n)
{
    return &n->source;
}

static enum err peers_ask(void *ctx, uint64_t *id, const struct block_key *key,
                          exchange_over_fn over, void *over_ctx)
{
    return exchange_want(ctx, id, key, over, over_ctx);
}

static bool peers_cancel(void *ctx, uint64_t id)
{
    return exchange_unwant(ctx, id);
}

struct fetch_peers p2p_node_peers(const struct p2p_node *n)
{
    if (n == NULL)
        return (struct fetch_peers){ .ask = NULL };
    return (struct fetch_peers){ .ctx = n->exchange, .ask = peers_ask, .cancel = peers_cancel };
}

struct swarm *p2p_node_swarm(const struct p2p_node *n)
{
    return n->swarm;
}

void p2p_node_host(struct p2p_node *n, struct host *host)
{
    p2p_self_host(n->self, host);
}

struct p2p_self *p2p_node_self(const struct p2p_node *n)
{
    return n->self;
}

enum err p2p_node_provide(struct p2p_node *n, const struct blocks *b)
{
    return p2p_find_provide(n->find, b);
}

struct dht_names *p2p_node_names(const struct p2p_node *n)
{
    return p2p_find_names(n->find);
}

struct routing *p2p_node_routing(const struct p2p_node *n)
{
    return p2p_find_routing(n->find);
}

const struct ed25519_key *p2p_node_key(const struct p2p_node *n)
{
    return &n->key;
}

void p2p_node_ask(struct p2p_node *n, struct call *c)
{
    p2p_ask_start(n->ask, c);
}

size_t p2p_node_addresses(const struct p2p_node *n, struct multiaddr *out, size_t max)
{
    const struct peer_key key = peer_key_of(&n->key);
    const struct peer_id self = peer_id_of(&key);
    size_t kept = 0, count = swarm_addresses(n->swarm, out, max, false);
    for (size_t i = 0; i < count; i++) {
        out[kept] = out[i];
        if (multiaddr_add(&out[kept], MULTIADDR_P2P, peer_id_span(&self)) == OK)
            kept++;
    }
    return kept;
}

bool p2p_node_dial(struct p2p_node *n, const struct multiaddr *a)
{
    uint32_t connection;
    uint64_t retry_ms;
    struct peer_id peer = keep_peer_of(a);
    if (peer.size != 0 && swarm_find(n->swarm, &peer) != GATE_NONE)
        return true;
    enum err e = swarm_dial(n->swarm, a, &connection, &retry_ms);
    if (e != OK && e != ERR_EXISTS && e != ERR_BUSY)
        log_debug("origin-not-dialled", "reason=\"%s\"", err_text(e));
    return false;
}

void p2p_node_came(struct p2p_node *n, const uint8_t *digest)
{
    if (n != NULL)
        exchange_came(n->exchange, digest);
}

void p2p_node_stop(struct p2p_node *n)
{
    if (n == NULL)
        return;
    p2p_ask_stop(n->ask);
    p2p_find_stop(n->find);
    autonat_node_stop(n->autonat);
    if (n->exchange != NULL)
        exchange_stop(n->exchange);
}

void p2p_node_close(struct p2p_node *n)
{
    if (n == NULL)
        return;
    p2p_node_stop(n);
    p2p_self_close(n->self);
    n->self = NULL;
    lan_close(n->lan);
    resolve_close(n->resolver);
    keep_close(n->keep);
    n->keep = NULL;
    swarm_close(n->swarm);
    p2p_ask_close(n->ask);
    autonat_node_close(n->autonat);
    n->autonat = NULL;
    exchange_close(n->exchange);
    routing_http_close(n->routers);
    p2p_find_close(n->find);
    ed25519_wipe(&n->key);
    free(n);
}
