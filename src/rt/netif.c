#include "rt/netif.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

static bool take(struct netif *out, const struct ifaddrs *a)
{
    *out = (struct netif){ 0 };
    if (a->ifa_addr == NULL || (a->ifa_flags & IFF_UP) == 0)
        return false;
    if (a->ifa_addr->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)a->ifa_addr;
        out->size = 4;
        memcpy(out->ip, &in->sin_addr, 4);
    } else if (a->ifa_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)a->ifa_addr;
        out->size = 16;
        memcpy(out->ip, &in6->sin6_addr, 16);
    } else {
        return false;
    }
    out->index = if_nametoindex(a->ifa_name);
    out->loopback = (a->ifa_flags & IFF_LOOPBACK) != 0;
    out->multicast = (a->ifa_flags & IFF_MULTICAST) != 0;
    return true;
}

size_t netif_list(struct netif *out, size_t max)
{
    struct ifaddrs *list = NULL;
    size_t n = 0;
    if (getifaddrs(&list) != 0)
        return 0;
    for (const struct ifaddrs *a = list; a != NULL && n < max; a = a->ifa_next)
        if (take(&out[n], a))
            n++;
    freeifaddrs(list);
    return n;
}
