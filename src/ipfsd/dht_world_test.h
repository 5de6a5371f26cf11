/* Nodes of the DHT on one loop, over loopback: swarm, routing, DHT each; and one that answers what
 * the test wants. */
#ifndef CRUST_IPFSD_DHT_WORLD_TEST_H
#define CRUST_IPFSD_DHT_WORLD_TEST_H

#include "base/check.h"
#include "ipfsd/dht_impl.h"
#include "rt/clock.h"

#include <stdio.h>

enum { WORLD_MAX = 8, WORLD_LIES = 16, WORLD_PATIENCE_MS = 60000 };

struct world_node {
    struct ed25519_key identity;
    struct peer_id id;
    struct swarm *swarm;
    struct routing *routing;
    struct dht *dht; /* NULL: one that lies */
    struct multiaddr address;
    struct peer_id last;
    /* One that lies: what it answers to each message, the length with it, and whether it then ends.
     */
    const uint8_t *lie;
    size_t lie_size;
    struct {
        uint32_t stream;
        size_t at;
    } lies[WORLD_LIES]; /* how far it is told on each stream */
    bool lie_ends;
    uint32_t asked;
    const char *file, *values;
    enum dht_mode mode;
};

static struct loop *world_loop;
static struct world_node world[WORLD_MAX];

static void world_on_peer(void *ctx, uint32_t connection, const struct peer_id *peer, bool inbound)
{
    struct world_node *n = ctx;
    n->last = *peer;
    if (n->dht != NULL)
        dht_peer(n->dht, connection, peer, inbound);
}

static void world_on_identity(void *ctx, uint32_t connection, const struct identify *id)
{
    struct world_node *n = ctx;
    if (n->dht != NULL)
        dht_identity(n->dht, connection, id);
}

static void world_on_gone(void *ctx, uint32_t connection, enum err why)
{
    struct world_node *n = ctx;
    if (n->dht != NULL)
        dht_gone(n->dht, connection, why);
}

/* A liar reads what comes and says what it was told to. */
static void world_lie(void *ctx, uint32_t connection, const struct conn_event *ev)
{
    struct world_node *n = ctx;
    struct conn *c = swarm_conn(n->swarm, connection);
    if (c == NULL || ev->kind == CONN_REFUSED || (ev->what & YAMUX_RESET) != 0)
        return;
    size_t came = 0, taken;
    for (size_t k = 1; k > 0; conn_drop(c, ev->stream, k))
        came += k = conn_peek(c, ev->stream).n;
    size_t i = 0;
    while (i < WORLD_LIES - 1 && n->lies[i].stream != ev->stream && n->lies[i].stream != 0)
        i++;
    size_t *at = &n->lies[i].at;
    if (came != 0) {
        n->asked++;
        n->lies[i].stream = ev->stream;
        *at = 0;
    }
    if (n->lies[i].stream != ev->stream)
        return;
    for (taken = 1; *at < n->lie_size && taken > 0; *at += taken)
        if (swarm_write(n->swarm, connection, ev->stream, span_of(n->lie + *at, n->lie_size - *at),
                        &taken) != OK)
            break;
    if (n->lie_ends && *at == n->lie_size)
        swarm_end(n->swarm, connection, ev->stream, false);
}

static void world_start(size_t i, bool liar)
{
    struct world_node *n = &world[i];
    uint8_t seed[32] = { (uint8_t)(i + 1), 55 }, ip[4] = { 127, 0, 0, 1 };
    ed25519_keypair(&n->identity, seed);
    struct peer_key key = peer_key_of(&n->identity);
    n->id = peer_id_of(&key);
    struct swarm_options o = { .identity = &n->identity,
                               .listen = { multiaddr_of_ip(span_of(ip, 4), 0) },
                               .listen_count = 1,
                               .limits = gate_defaults(),
                               .buffers = 16,
                               .chunks = 512,
                               .streams = 256,
                               .noise = true,
                               .early_muxer = true,
                               .allow_private = true,
                               .agent = "crust-test",
                               .on_peer = world_on_peer,
                               .on_identity = world_on_identity,
                               .on_gone = world_on_gone,
                               .ctx = n };
    o.limits.per_host = o.limits.network_burst = o.limits.dial_burst = 1000;
    const struct swarm_protocol lie = { KAD_LAN_ID, world_lie, n };
    if (!liar) {
        CHECK_OK(routing_open(&n->routing, world_loop));
        const struct dht_options d = { .loop = world_loop,
                                       .routing = n->routing,
                                       .self = n->id,
                                       .mode = n->mode == DHT_OFF ? DHT_AUTO : n->mode,
                                       .lan = true,
                                       .loopback = true,
                                       .file = n->file,
                                       .values = n->values,
                                       .connections = o.limits.connections };
        CHECK_OK(dht_open(&n->dht, &d));
    }
    o.protocols[0] = liar ? lie : dht_protocol(n->dht, DHT_LAN);
    o.protocol_count = 1;
    CHECK_OK(swarm_open(&n->swarm, world_loop, &o));
    const size_t protocols[DHT_NETS] = { 0, 0 };
    if (!liar)
        dht_attach(n->dht, n->swarm, protocols);
    CHECK_OK(swarm_address(n->swarm, 0, &n->address));
}

static void world_end(size_t i)
{
    struct world_node *n = &world[i];
    dht_stop(n->dht);
    swarm_close(n->swarm);
    dht_close(n->dht);
    routing_close(n->routing);
    memset(n, 0, sizeof(*n));
}

static void world_open(size_t honest)
{
    memset(world, 0, sizeof(world));
    CHECK_OK(loop_new(&world_loop, 0));
    for (size_t i = 0; i < honest; i++)
        world_start(i, false);
}

static void world_close(void)
{
    for (size_t i = 0; i < WORLD_MAX; i++)
        world_end(i);
    loop_free(world_loop);
    world_loop = NULL;
}

static void world_connect(size_t from, size_t to)
{
    uint32_t connection;
    uint64_t retry;
    CHECK_OK(swarm_dial(world[from].swarm, &world[to].address, &connection, &retry));
}

static uint32_t world_nodes(size_t i)
{
    return world[i].dht->nets[DHT_LAN].table.count;
}

/* Turns until the condition holds. */
#define WORLD_UNTIL(cond)                                                                          \
    do {                                                                                           \
        uint64_t world_end_ = clock_mono_ms() + WORLD_PATIENCE_MS;                                 \
        while (!(cond)) {                                                                          \
            CHECK(clock_mono_ms() < world_end_);                                                   \
            loop_run_once(world_loop, 20);                                                         \
        }                                                                                          \
    } while (0)

#endif
