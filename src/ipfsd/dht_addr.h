/* dht_addr: which addresses belong to which net of the DHT, and to which network. docs/spec/kad.md
 * 1.6, 2.3. */
#ifndef CRUST_IPFSD_DHT_ADDR_H
#define CRUST_IPFSD_DHT_ADDR_H

#include "ipfsd/dht_impl.h"

struct kad_filter dht_addr_filter(struct dht_net *n);
struct kad_filter dht_addr_keep(struct dht_net *n);
bool dht_addr_inside(const struct dht_net *n, const struct multiaddr *a);
/* The network of a global IP address; 0: it is none. */
uint64_t dht_addr_group(const struct multiaddr *a);
/* Of whom it counts what is brought from there: the network; of other addresses an IPv4 address, or
 * an IPv6 /64, each for itself. */
uint64_t dht_addr_sender(const struct multiaddr *a);
/* That of the first global address of a contact; 0: it has none. */
uint64_t dht_addr_group_of(const struct kad_contact *c);

#endif
