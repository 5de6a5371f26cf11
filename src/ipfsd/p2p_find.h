/* p2p_find: how this node finds others: routing and its sources, the DHT, the peers that it begins
 * with, and the search for those who have what bitswap lacks. A part of p2p_node, on the loop's
 * thread. */
#ifndef CRUST_IPFSD_P2P_FIND_H
#define CRUST_IPFSD_P2P_FIND_H

#include "ipfsd/dht_names.h"
#include "ipfsd/dht_provide.h"
#include "ipfsd/exchange.h"
#include "ipfsd/resolve.h"
#include "ipfsd/seek.h"

struct json_out;
struct p2p_find;

/* s is kept. ERR_MEMORY, ERR_LIMIT, ERR_IO. */
NODISCARD enum err p2p_find_open(struct p2p_find **out, struct loop *l, const struct settings *s,
                                 const struct peer_id *self);

/* Adds its protocols to the options; afterwards the swarm that was opened with them. */
void p2p_find_protocols(struct p2p_find *f, struct swarm_options *o);
void p2p_find_attach(struct p2p_find *f, struct swarm *s, struct exchange *x);

/* Dials the peers to begin with, from now on whenever few nodes are known. r is kept until
 * p2p_find_stop. */
void p2p_find_begin(struct p2p_find *f, struct resolver *r);

/* Tells the DHT what b holds, as the settings say. Once, after p2p_find_attach. */
NODISCARD enum err p2p_find_provide(struct p2p_find *f, const struct blocks *b);

struct routing *p2p_find_routing(struct p2p_find *f);

/* Names in the node's DHT. Kept by f until p2p_find_close. */
struct dht_names *p2p_find_names(struct p2p_find *f);

/* Writes the members of an object: both nets, what is under way, what has been told. */
void p2p_find_write(void *find, struct json_out *j);

/* Members of an object: how a peer stands in the ledger, connected or not. */
void p2p_find_write_standing(void *find, struct json_out *j, const struct peer_id *peer);

/* The member "chain": the peers that the chain names for a content, as far as it has been asked. */
void p2p_find_write_chain(void *find, struct json_out *j, const struct cid *cid);

/* From the swarm's callbacks. */
void p2p_find_peer(struct p2p_find *f, uint32_t connection, const struct peer_id *peer,
                   bool inbound);
void p2p_find_identity(struct p2p_find *f, uint32_t connection, const struct identify *id);
/* Whether the world can reach this node: dht_reach. */
void p2p_find_reach(struct p2p_find *f, enum reach_verdict all);
void p2p_find_gone(struct p2p_find *f, uint32_t connection, enum err why);

/* p2p_find_stop while the swarm is there; p2p_find_close afterwards, when all other sources of
 * routing are gone. NULL is fine. */
void p2p_find_stop(struct p2p_find *f);
void p2p_find_close(struct p2p_find *f);

#endif
