/* p2p_node: the libp2p side of crust-ipfsd: its identity, the swarm, and the peers that the
 * operator wants it to stay connected with. Guide: docs/guide/p2p.md. On the loop's thread. */
#ifndef CRUST_IPFSD_P2P_NODE_H
#define CRUST_IPFSD_P2P_NODE_H

#include "ipfsd/settings.h"
#include "rt/loop.h"

struct p2p_node;

/* p2p_node_open makes the identity when there is none, and listens. s is kept. What fails is
 * logged. Returns: as swarm_open and seed_file_read; ERR_FORMAT (p2p-deny). */
NODISCARD enum err p2p_node_open(struct p2p_node **out, struct loop *l, const struct settings *s);

/* NULL is fine. */
void p2p_node_close(struct p2p_node *n);

#endif
