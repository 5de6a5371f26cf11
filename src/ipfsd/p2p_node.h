/* p2p_node: the libp2p side of crust-ipfsd: its identity, the swarm, bitswap, and the peers that
 * the operator wants it to stay connected with. Guide: docs/guide/p2p.md. On the loop's thread. */
#ifndef CRUST_IPFSD_P2P_NODE_H
#define CRUST_IPFSD_P2P_NODE_H

#include "ipfs/blockio.h"
#include "ipfsd/fetch.h"
#include "ipfsd/settings.h"
#include "rt/loop.h"

struct call;
struct fetch_tales;
struct dht_names;
struct host;
struct p2p_node;
struct p2p_self;
struct swarm;
struct blocks;
struct peer_id;
struct routing;

/* p2p_node_open makes the identity when there is none, and listens. s is kept, and so is local,
 * with size: the blocks that peers are given; it may block, and threads call it. What fails is
 * logged. Returns: as swarm_open and seed_file_read; ERR_FORMAT (p2p-deny). */
NODISCARD enum err p2p_node_open(struct p2p_node **out, struct loop *l, const struct settings *s,
                                 const struct block_source *local);

/* Blocks that connected peers have: exchange_source. Kept by n until p2p_node_close. */
const struct block_source *p2p_node_source(const struct p2p_node *n);

/* The same for a fetch. n may be NULL: no peers. */
struct fetch_peers p2p_node_peers(const struct p2p_node *n);

/* Its connections. Kept by n until p2p_node_close. */
struct swarm *p2p_node_swarm(const struct p2p_node *n);
/* Peers are told whose worker h hosts; h is kept, and may be NULL. */
void p2p_node_host(struct p2p_node *n, struct host *h);
/* What it says of itself, for p2p_self_get. Kept by n until p2p_node_close. */
struct p2p_self *p2p_node_self(const struct p2p_node *n);

/* Tells others what b holds, as the settings say; b is kept. Once. ERR_MEMORY. */
NODISCARD enum err p2p_node_provide(struct p2p_node *n, const struct blocks *b);

/* Names in its DHT. Kept by n until p2p_node_close. */
struct dht_names *p2p_node_names(const struct p2p_node *n);

/* Whom to ask where something is. Kept by n until p2p_node_close. */
struct routing *p2p_node_routing(const struct p2p_node *n);

/* Its identity, kept by n. */
const struct ed25519_key *p2p_node_key(const struct p2p_node *n);

/* p2p_node_tales: how contents were fetched, for those who ask about one. Kept until
 * p2p_node_stop; may be NULL. */
void p2p_node_tales(struct p2p_node *n, struct fetch_tales *t);

/* p2p_node_ask answers a call of a kind NODE_P2P_* by call_finish, now or later. */
void p2p_node_ask(struct p2p_node *n, struct call *c);

/* p2p_node_addresses gives what peers are told to dial, /p2p/ID at the end of each; returns their
 * number, at most max. */
size_t p2p_node_addresses(const struct p2p_node *n, struct multiaddr *out, size_t max);

/* p2p_node_dial begins to connect to IP/tcp/PORT/p2p/ID. True when that peer is connected. */
bool p2p_node_dial(struct p2p_node *n, const struct multiaddr *a);

/* p2p_node_came: exchange_came. Any thread, until p2p_node_stop. n may be NULL. */
void p2p_node_came(struct p2p_node *n, const uint8_t *digest);

/* p2p_node_stop: nothing more is given to peers, and whoever waits for a block of theirs is told
 * ERR_CLOSED. NULL is fine. */
void p2p_node_stop(struct p2p_node *n);

/* When nobody uses its source any more. NULL is fine. */
void p2p_node_close(struct p2p_node *n);

#endif
