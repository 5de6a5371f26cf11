/* p2p_ask: what people ask about the node's connections over the local protocol: who is connected,
 * connect with, ping, and why a content is not found. docs/spec/node-ipc.md 8. An answer is JSON
 * text in the reply's bulk. On the loop's thread. */
#ifndef CRUST_IPFSD_P2P_ASK_H
#define CRUST_IPFSD_P2P_ASK_H

#include "ipfsd/call.h"
#include "ipfsd/resolve.h"
#include "ipfsd/routing.h"
#include "ipfsd/swarm.h"

enum {
    P2P_ASK_TALKS = 8,      /* questions under way; more are told ERR_BUSY */
    P2P_ASK_TARGETS = 24,   /* addresses that one question dials */
    P2P_ASK_NOTES = 96,     /* of who was asked; the rest is counted */
    P2P_ASK_PROVIDERS = 16, /* that an explanation names */
    P2P_ASK_TICK_MS = 100,
    P2P_ASK_CONNECT_MS = 20000,
    P2P_ASK_PING_MS = 10000,
    P2P_ASK_EXPLAIN_MS = 45000,
    P2P_ASK_AGENT_MAX = 65, /* with its NUL */
};

struct fetch_tales;
struct json_out;
struct p2p_ask;

struct p2p_ask_options {
    struct loop *loop; /* kept, as all here */
    struct swarm *swarm;
    struct resolver *resolver;
    struct routing *routing; /* NULL: nobody is asked */
    /* Writes members of an object: how it stands with the DHT. */
    void (*write_dht)(void *ctx, struct json_out *j);
    /* The same: how a peer stands; and the member "chain", for an explanation. */
    void (*write_standing)(void *ctx, struct json_out *j, const struct peer_id *peer);
    void (*write_chain)(void *ctx, struct json_out *j, const struct cid *cid);
    void *ctx;
    const struct autonat_node *autonat; /* NULL: off */
    struct peer_id self;
    uint32_t connections; /* of the swarm */
    const char *agent;
};

/* ERR_MEMORY. */
NODISCARD enum err p2p_ask_open(struct p2p_ask **out, const struct p2p_ask_options *o);

/* p2p_ask_tales: how contents were fetched; kept until p2p_ask_stop; may be NULL. */
void p2p_ask_tales(struct p2p_ask *a, struct fetch_tales *t);

/* From the swarm's callbacks; a may be NULL. */
void p2p_ask_peer(struct p2p_ask *a, uint32_t connection, const struct peer_id *peer, bool inbound);
void p2p_ask_identity(struct p2p_ask *a, uint32_t connection, const struct identify *id);
void p2p_ask_gone(struct p2p_ask *a, uint32_t connection);
void p2p_ask_pong(struct p2p_ask *a, uint32_t connection, uint32_t took_us);

/* What a peer says of itself is text of a stranger: printable characters only. */
void p2p_ask_agent(char out[P2P_ASK_AGENT_MAX], struct span text);

/* p2p_ask_start answers a call of one of the kinds NODE_P2P_*, at once or later, by call_finish. */
void p2p_ask_start(struct p2p_ask *a, struct call *c);

/* p2p_ask_stop: open questions are answered with ERR_CLOSED. NULL is fine. */
void p2p_ask_stop(struct p2p_ask *a);

/* After p2p_ask_stop, when the resolver and the swarm have been closed. NULL is fine. */
void p2p_ask_close(struct p2p_ask *a);

#endif
