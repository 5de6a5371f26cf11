/* keep: peers that the operator wants this node to stay connected with. They are dialled again when
 * they go; the gate of the swarm spaces the dials. Names are resolved, again and again, since what
 * they stand for may change. On the loop's thread. */
#ifndef CRUST_IPFSD_KEEP_H
#define CRUST_IPFSD_KEEP_H

#include "ipfsd/resolve.h"
#include "ipfsd/swarm.h"

enum {
    KEEP_MAX = 8,
    KEEP_REDIAL_MS = 1000,
    KEEP_RESOLVE_MS = 60000, /* before a name is asked for again while its peer is away */
};

struct keep;

/* The peers of an address: the /p2p/ID that it ends with; size 0 when there is none. */
struct peer_id keep_peer_of(const struct multiaddr *a);

/* keep_open begins to dial. The addresses are copied, swarm and resolver are kept; each address is
 * one for resolve_address that names a peer (asserted), at most KEEP_MAX. ERR_MEMORY. */
NODISCARD enum err keep_open(struct keep **out, struct loop *l, struct swarm *s, struct resolver *r,
                             const struct multiaddr *peers, size_t count);

/* From the swarm's on_peer: a connection with one of them is not trimmed. */
void keep_peer(struct keep *k, uint32_t connection, const struct peer_id *peer);

/* Before the swarm is closed and after the resolver has been. NULL is fine. */
void keep_close(struct keep *k);

#endif
