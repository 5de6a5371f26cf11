/* autonat_node: whether the world can reach this node, and the same for others (AutoNAT v2), over
 * the swarm: the machines are p2p/autonat_ask, p2p/autonat_serve, p2p/reach. docs/spec/autonat.md.
 *
 * On the loop's thread; all memory is taken when it is opened. */
#ifndef CRUST_IPFSD_AUTONAT_NODE_H
#define CRUST_IPFSD_AUTONAT_NODE_H

#include "ipfsd/swarm.h"
#include "p2p/reach.h"

enum {
    AUTONAT_NODE_PROTOCOLS = 2,
    AUTONAT_NODE_ASKS = 3,        /* questions of ours under way */
    AUTONAT_NODE_SERVES = 8,      /* requests of others */
    AUTONAT_NODE_BACKS = 8,       /* streams of those who dial us back */
    AUTONAT_NODE_DIAL_MS = 10000, /* as go-libp2p */
    AUTONAT_NODE_BACK_MS = 5000,
    AUTONAT_NODE_AGAIN_MS = 10000,      /* before a server is asked again */
    AUTONAT_NODE_FRUITLESS_MS = 120000, /* when its answer told nothing */
    AUTONAT_NODE_TICK_MS = 250,
};

struct autonat_node;
struct json_out;

struct autonat_node_options {
    struct loop *loop;    /* kept */
    uint32_t connections; /* of the swarm: numbers are below */
    bool allow_private;   /* others are dialled back, and asked, at any address */
    /* The addresses to ask for; NULL: swarm_reach_addresses. */
    size_t (*addresses)(void *ctx, struct multiaddr *out, size_t max);
    void (*changed)(void *ctx, enum reach_verdict all); /* the verdict on all addresses together */
    void *ctx;
};

/* ERR_MEMORY. */
NODISCARD enum err autonat_node_open(struct autonat_node **out,
                                     const struct autonat_node_options *o);

/* What the swarm is to be opened with, i below AUTONAT_NODE_PROTOCOLS; then the swarm, and where
 * these stand in its options. */
struct swarm_protocol autonat_node_protocol(struct autonat_node *n, size_t i);
void autonat_node_attach(struct autonat_node *n, struct swarm *s,
                         const size_t protocols[AUTONAT_NODE_PROTOCOLS]);

/* From the swarm's callbacks. n may be NULL. */
void autonat_node_peer(struct autonat_node *n, uint32_t connection, const struct peer_id *peer);
void autonat_node_identity(struct autonat_node *n, uint32_t connection, const struct identify *id);
void autonat_node_gone(struct autonat_node *n, uint32_t connection);
void autonat_node_back(struct autonat_node *n, uint32_t connection, enum err why);
bool autonat_node_may_tell(const struct autonat_node *n, const struct multiaddr *a);

/* Adds what is known to an object: "reachable" and "reach", docs/spec/node-ipc.md 8. */
void autonat_node_write(const struct autonat_node *n, struct json_out *j);

/* autonat_node_stop: nothing more is asked or answered; before the swarm closes. NULL is fine. */
void autonat_node_stop(struct autonat_node *n);
void autonat_node_close(struct autonat_node *n);

#endif
