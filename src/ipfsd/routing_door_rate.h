/* routing_door_rate: how much one network may ask of the routing door. Pure. */
#ifndef CRUST_IPFSD_ROUTING_DOOR_RATE_H
#define CRUST_IPFSD_ROUTING_DOOR_RATE_H

#include "ipfsd/routing_door.h"

struct routing_door_network {
    uint64_t id;      /* 0: free */
    uint32_t open;    /* requests under way */
    uint64_t full_ms; /* when its burst is whole again */
};

struct routing_door_rate {
    struct routing_door_network list[ROUTING_DOOR_NETWORKS];
};

/* The network of a client: an IPv4 address, a /56 of IPv6; 0: this machine itself, which is not
 * limited. behind: the X-Forwarded-For of a proxy here, whose last address counts; NULL: none. */
uint64_t routing_door_network(const struct sockaddr *peer, const char *behind);

/* routing_door_enter: OK, one more request is under way, and *place names its network for
 * routing_door_leave; ERR_BUSY (too many, *wait_ms: when to come again). */
NODISCARD enum err routing_door_enter(struct routing_door_rate *r, uint32_t *place,
                                      uint64_t *wait_ms, uint64_t id, uint64_t now_ms);
void routing_door_leave(struct routing_door_rate *r, uint32_t place);

#endif
