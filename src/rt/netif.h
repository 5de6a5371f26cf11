/* netif: the addresses of this machine's network interfaces. */
#ifndef CRUST_RT_NETIF_H
#define CRUST_RT_NETIF_H

#include "base/span.h"

enum { NETIF_MAX = 64 };

struct netif {
    uint32_t index; /* of the interface */
    uint8_t ip[16];
    uint8_t size; /* of ip: 4 or 16 */
    bool loopback, multicast;
};

/* netif_list gives the addresses of interfaces that are up, in the system's order; those after the
 * first max are left out. Returns their number; 0 also when the system does not tell. */
size_t netif_list(struct netif *out, size_t max);

#endif
