/* name_net: IPNS records of others, and records told to others: by the DHT and by delegated routers
 * at the same time. docs/spec/kad.md 5.7, 8.7. For threads that wait. */
#ifndef CRUST_IPFSD_NAME_NET_H
#define CRUST_IPFSD_NAME_NET_H

#include "ipfsd/dht_names.h"
#include "rt/config.h"

enum {
    NAME_NET_ASKS = 16,      /* that speak with routers at a time; more go without */
    NAME_NET_GET_MS = 8000,  /* for the answer of a router */
    NAME_NET_PUT_MS = 20000, /* and until it has taken a record */
    NAME_NET_MORE_MS = 2000, /* for those who are slower than the one that had a record */
    NAME_NET_ROUTERS = 4,
};

struct name_net;

/* dht, kept: NULL is none. What routers say is verified, so they may be at any address. ERR_LIMIT,
 * ERR_MEMORY. */
NODISCARD enum err name_net_open(struct name_net **out, struct dht_names *dht,
                                 const struct config_urls *routers);

/* The newest valid record of a name: a names_find_fn of a name_net. Not the loop's thread.
 * ERR_NOT_FOUND, ERR_LIMIT (buf), ERR_CLOSED. */
NODISCARD enum err name_net_get(void *net, size_t *size, struct mspan buf,
                                const struct peer_id *name);

/* Who has taken a record. */
struct name_net_told {
    uint32_t nodes; /* of the DHT */
    uint32_t routers;
};

/* name_net_put tells a record, as far as somebody can be reached; that nobody took it is no error.
 * Not the loop's thread; up to DHT_NAMES_PUT_MS. ERR_CLOSED. */
NODISCARD enum err name_net_put(struct name_net *n, struct name_net_told *out,
                                const struct peer_id *name, struct span record);

/* Whoever waits for a router is told ERR_CLOSED. Before the DHT stops; any thread. NULL is fine. */
void name_net_stop(struct name_net *n);

/* When nobody waits any more. NULL is fine. */
void name_net_close(struct name_net *n);

#endif
