#include "ipfsd/door.h"

#include "ipfsd/dht_names.h"
#include "ipfsd/gateway_http.h"
#include "ipfsd/host.h"
#include "ipfsd/ipni_publish.h"
#include "ipfsd/p2p_node.h"
#include "ipfsd/push.h"
#include "ipfsd/remote.h"
#include "ipfsd/routing_door.h"
#include "ipfsd/swarm.h"
#include "rt/log.h"
#include "rt/program.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { METRICS_MAX = 16 << 10 };

struct text {
    size_t n;
    char p[METRICS_MAX];
};

__attribute__((format(printf, 2, 3))) static void line(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int got = vsnprintf(t->p + t->n, sizeof(t->p) - t->n, format, args);
    va_end(args);
    if (got > 0 && (size_t)got < sizeof(t->p) - t->n)
        t->n += (size_t)got;
}

static void number(struct text *t, const char *name, const char *type, uint64_t value)
{
    line(t, "# TYPE crust_ipfsd_%s %s\ncrust_ipfsd_%s %llu\n", name, type, name,
         (unsigned long long)value);
}

static void store_metrics(struct text *t, struct ipfsd *n)
{
    struct blockstore_stat s;
    struct gateway_http_counters g;
    if (blockstore_stat(n->repo.store, &s) == OK) {
        number(t, "store_blocks", "gauge", s.blocks);
        number(t, "store_bytes", "gauge", s.block_bytes);
        number(t, "store_disk_bytes", "gauge", s.disk_bytes);
        number(t, "store_free_bytes", "gauge", s.free_bytes);
        number(t, "store_pins", "gauge", s.pins);
    }
    gateway_http_counters(n->gateway, &g);
    number(t, "gateway_requests_total", "counter", g.requests);
    number(t, "gateway_blocks_sent_total", "counter", g.blocks_sent);
    number(t, "gateway_fetched_total", "counter", g.fetched);
    number(t, "gateway_refused_total", "counter", g.refused);
    number(t, "sealing_waiting", "gauge", jobs_waiting(&n->sealing));
}

/* The word before the colon: what comes after it changes while a disk is checked. */
static size_t state_size(const struct node_disk *d)
{
    size_t n = 0;
    while (n < d->state.n && d->state.p[n] != ':')
        n++;
    return n;
}

static void storage_metrics(struct text *t, struct host *h)
{
    struct host_view view;
    host_status(h, &view);
    const struct node_status s = view.status;
    number(t, "enclave_up", "gauge", atomic_load(&h->link.up));
    number(t, "worker_seq", "counter", s.seq);
    number(t, "worker_pending", "gauge", s.pending);
    number(t, "replicas", "gauge", s.files);
    number(t, "replica_bytes", "gauge", s.file_bytes);
    number(t, "segments_sealed_total", "counter", atomic_load(&h->segments_sealed));
    number(t, "segments_resumed_total", "counter", atomic_load(&h->segments_resumed));
    number(t, "extents", "gauge", s.extents);
    number(t, "extent_bytes", "gauge", s.extent_bytes);
    line(t, "# TYPE crust_ipfsd_disk_free_bytes gauge\n");
    for (uint32_t i = 0; i < s.disk_count; i++) {
        const struct node_disk *d = &s.disks[i];
        line(t, "crust_ipfsd_disk_free_bytes{volume=\"%u\",state=\"%.*s\"} %llu\n", d->volume,
             (int)state_size(d), (const char *)d->state.p, (unsigned long long)d->free);
    }
    line(t, "# TYPE crust_ipfsd_disk_checked_permille gauge\n");
    for (uint32_t i = 0; i < s.disk_count; i++) {
        const struct node_disk *d = &s.disks[i];
        line(t, "crust_ipfsd_disk_checked_permille{volume=\"%u\"} %u\n", d->volume,
             atomic_load(&h->disks.disks[d->volume].permille));
    }
}

static void on_other(void *ctx, struct http_request *rq)
{
    struct ipfsd *n = ctx;
    if (push_handle(n->push, rq) || ipni_publish_serve(atomic_load(&n->ipni), rq) ||
        routing_door_serve(n->routing_door, rq))
        return;
    if (strcmp(http_request_path(rq), "/metrics") != 0) {
        (void)!http_request_respond_text(rq, 404, "not found: /ipfs/CID or /metrics\n");
        return;
    }
    if (http_request_method(rq) != HTTP_GET && http_request_method(rq) != HTTP_HEAD) {
        (void)!http_request_respond_text(rq, 405, "GET only\n");
        return;
    }
    struct text t = { 0 };
    store_metrics(&t, n);
    if (n->host != NULL)
        storage_metrics(&t, n->host);
    struct http_response r = { .status = 200, .kind = HTTP_BODY_BUFFER, .body = span_of(t.p, t.n) };
    (void)http_response_add(&r, "Content-Type", "text/plain; version=0.0.4");
    (void)!http_request_respond(rq, &r);
}

static void on_other_begin(void *ctx, struct http_request *rq)
{
    struct ipfsd *n = ctx;
    (void)push_begin(n->push, rq);
}

static size_t peer_addresses(void *ctx, struct multiaddr *out, size_t max)
{
    const struct ipfsd *n = ctx;
    return swarm_addresses(p2p_node_swarm(n->p2p), out, max, !n->settings.allow_private_origins);
}

/* To the DHT alone: routers that tell each other what they were told would never end. */
static enum err publish_name(void *ctx, const struct peer_id *name, struct span record)
{
    const struct ipfsd *n = ctx;
    struct dht_names_ask *ask = calloc(1, sizeof(*ask));
    if (ask == NULL)
        return ERR_MEMORY;
    struct dht_names *names = p2p_node_names(n->p2p);
    enum err e = dht_names_begin(names, ask, name, record);
    if (e == OK)
        e = dht_names_end(names, ask, ROUTING_DOOR_PUT_MS);
    free(ask);
    return e;
}

/* A node without an identity cannot say who has what it has. */
static enum err open_routing(struct ipfsd *n)
{
    const struct settings *s = &n->settings;
    if (s->serve == SETTINGS_SERVE_OFF || n->p2p == NULL)
        return OK;
    const struct peer_key key = peer_key_of(p2p_node_key(n->p2p));
    const struct peer_id self = peer_id_of(&key);
    const struct routing_door_options o = { .loop = n->loop,
                                            .mode = s->serve,
                                            .self = &self,
                                            .local = &n->local,
                                            .routing = p2p_node_routing(n->p2p),
                                            .chain = s->chains.count == 0 ? NULL : &n->chain,
                                            .names = n->names,
                                            .gateway = s->url,
                                            .allow_private = s->allow_private_origins,
                                            .addresses = peer_addresses,
                                            .publish = publish_name,
                                            .ctx = n };
    return routing_door_open(&n->routing_door, &o);
}

/* What stands behind the gateway: content that owners push. */
static enum err open_behind(struct ipfsd *n)
{
    const struct push_options push = { .storer = &n->storer,
                                       .ask = push_ask_chain,
                                       .ctx = &n->chain };
    TRY(push_open(&n->push, &push));
    return open_routing(n);
}

/* Others that have what this node has not: of all kinds for a gateway that fetches; else the peers
 * of the swarm, for pins and Kubo's RPC. */
static enum err open_remote(struct ipfsd *n)
{
    const struct settings *s = &n->settings;
    bool all = s->gateway && s->gateway_remote;
    n->source = n->local;
    if (!all && n->p2p == NULL)
        return OK;
    struct remote_options o = { .loop = n->loop,
                                .http = n->http,
                                .ranks = n->ranks,
                                .tales = n->tales,
                                .local = &n->local,
                                .chain = all ? &n->chain : NULL,
                                .find = all ? n->find_http : NULL,
                                .swarm = p2p_node_peers(n->p2p),
                                .self = s->url[0] == '\0' ? NULL : s->url };
    for (; all && o.peer_count < s->peers.count; o.peer_count++)
        o.peers[o.peer_count] = s->peers.urls[o.peer_count];
    TRY(remote_open(&n->remote, &o));
    if (all)
        n->source = remote_source(n->remote);
    return OK;
}

static enum err publish(struct ipfsd *n)
{
    struct settings *s = &n->settings;
    if (s->url[0] == '\0')
        program_url(s->url, s->gateway_host, gateway_http_port(n->gateway));
    return program_publish(s->url_file, s->url);
}

enum err door_open(struct ipfsd *n)
{
    n->chain.nodes = n->settings.chains;
    TRY(open_remote(n));
    if (!n->settings.gateway)
        return OK;
    TRY(open_behind(n));
    const struct gateway_http_options o = { .store = n->repo.store,
                                            .source = &n->source,
                                            .remote = n->settings.gateway_remote ? n->remote : NULL,
                                            .local = &n->local,
                                            .names = n->names,
                                            .gateway_hosts = n->settings.gateway_hosts,
                                            .host = n->settings.gateway_host,
                                            .port = n->settings.gateway_port.port,
                                            .port_tries = n->settings.gateway_port.tries,
                                            .contexts = n->settings.gateway_requests,
                                            .open_timeout_ms =
                                                (uint32_t)n->settings.gateway_timeout_ms,
                                            .other = on_other,
                                            .other_begin = on_other_begin,
                                            .ctx = n };
    enum err e = gateway_http_open(&n->gateway, &o);
    if (e == OK)
        e = publish(n);
    if (e != OK)
        log_error("gateway-not-serving", "host=\"%s\" port=%u reason=\"%s\"",
                  n->settings.gateway_host, n->settings.gateway_port.port,
                  e == ERR_EXISTS ? "the port is in use" : err_text(e));
    else
        log_info("gateway", "url=\"%s\"", n->settings.url);
    return e;
}

void door_close(struct ipfsd *n)
{
    if (n->remote != NULL)
        remote_stop(n->remote);
    gateway_http_close(n->gateway);
    routing_door_close(n->routing_door);
    push_close(n->push);
    remote_close(n->remote);
    n->routing_door = NULL;
    n->gateway = NULL;
    n->push = NULL;
    n->remote = NULL;
}
