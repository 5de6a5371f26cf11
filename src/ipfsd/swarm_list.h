/* swarm_list: what the swarm is connected with and what it speaks, for people who ask. On the
 * loop's thread. */
#ifndef CRUST_IPFSD_SWARM_LIST_H
#define CRUST_IPFSD_SWARM_LIST_H

#include "ipfsd/swarm.h"

struct swarm_list_peer {
    struct peer_id peer;
    struct multiaddr address; /* the other end of the TCP connection, without /p2p */
    bool inbound;
};

/* Our own name; borrowed. */
const struct peer_id *swarm_list_self(const struct swarm *s);

/* Connections have numbers below this. */
uint32_t swarm_list_size(const struct swarm *s);

/* False: connection i is not ready. */
bool swarm_list_peer(const struct swarm *s, uint32_t i, struct swarm_list_peer *out);

/* The ids of what peers are told that we serve; returns their number, at most max. */
size_t swarm_list_protocols(const struct swarm *s, const char **out, size_t max);

#endif
