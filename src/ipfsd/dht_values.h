/* dht_values: records of names that this node keeps for others, and those between lives.
 * docs/spec/kad.md 8. A part of the DHT's host. */
#ifndef CRUST_IPFSD_DHT_VALUES_H
#define CRUST_IPFSD_DHT_VALUES_H

#include "ipfsd/dht_impl.h"
#include "rt/clock.h"

/* The network that records of our own names count for. */
#define DHT_VALUES_OWN UINT64_MAX

/* Unix seconds, for records. */
static inline int64_t dht_wall_s(void)
{
    return (int64_t)(clock_wall_ms() / 1000);
}

NODISCARD enum err dht_values_begin(struct dht_net *n); /* its memory. ERR_MEMORY */
void dht_values_end(struct dht_net *n);
void dht_values_load(struct dht *d);
void dht_values_save(struct dht *d);

#endif
