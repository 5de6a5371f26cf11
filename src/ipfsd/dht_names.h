/* dht_names: IPNS records of the DHT, for threads that wait for them. docs/spec/kad.md 3.5. */
#ifndef CRUST_IPFSD_DHT_NAMES_H
#define CRUST_IPFSD_DHT_NAMES_H

#include "ipfsd/dht.h"

enum {
    DHT_NAMES_MAX = 16,   /* asked for at a time; more are told ERR_BUSY */
    DHT_NAMES_MS = 15000, /* for one */
    DHT_NAMES_TICK_MS = 250,
};

struct dht_names;

/* l and d are kept. ERR_MEMORY. The loop's thread, as all but dht_names_get. */
NODISCARD enum err dht_names_open(struct dht_names **out, struct loop *l, struct dht *d);

/* dht_names_get looks for the newest valid record of a name, and waits for it; any thread but the
 * loop's. ERR_NOT_FOUND, ERR_LIMIT (buf), ERR_BUSY, ERR_CLOSED (stopping). */
NODISCARD enum err dht_names_get(struct dht_names *n, size_t *size, struct mspan buf,
                                 const struct peer_id *name);

/* Whoever waits is told ERR_CLOSED, and so is who comes later. Before dht_stop. NULL is fine. */
void dht_names_stop(struct dht_names *n);

/* When nobody calls dht_names_get any more. NULL is fine. */
void dht_names_close(struct dht_names *n);

#endif
