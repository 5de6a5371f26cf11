/* p2p_self: what this node says of itself as a storage node: whose worker it hosts, to its peers,
 * and where it is, for its account to put on chain (docs/spec/bitswap.md 4.6, market.md 5.6). A
 * part of p2p_node, on the loop's thread but where said. */
#ifndef CRUST_IPFSD_P2P_SELF_H
#define CRUST_IPFSD_P2P_SELF_H

#include "codec/holder_url.h"
#include "codec/node_msg.h"
#include "ipfsd/settings.h"
#include "ipfsd/swarm.h"

enum { P2P_SELF_TICK_MS = 1000, P2P_SELF_TEXTS = NODE_PEERS_MAX };

struct host;
struct p2p_self;

struct p2p_self_texts {
    size_t count;
    char texts[P2P_SELF_TEXTS][HOLDER_URL_MAX + 1];
};

/* s and swarm are kept; host too, and may be NULL. ERR_MEMORY. */
NODISCARD enum err p2p_self_open(struct p2p_self **out, struct loop *l, const struct settings *s,
                                 const struct peer_id *id, struct swarm *swarm);
void p2p_self_host(struct p2p_self *p, struct host *host);

/* What was found last; none in the first second. Any thread. */
void p2p_self_get(struct p2p_self *p, struct p2p_self_texts *out);

/* p2p_self_choose: which texts name a node best. addresses: what it announces, best first; url: of
 * its gateway, whose host is taken when there is no address, with the port of listen; else its name
 * alone. Pure. */
void p2p_self_choose(struct p2p_self_texts *out, const struct peer_id *id,
                     const struct multiaddr *addresses, size_t count, const char *url,
                     const struct multiaddr *listen);

/* NULL is fine. */
void p2p_self_close(struct p2p_self *p);

#endif
