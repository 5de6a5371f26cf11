/* Which addresses belong to which of the two nets. SPEC: docs/spec/kad.md 1.6. */
#include "ipfsd/dht_addr.h"

#include "rt/netaddr.h"

static enum netaddr_class class_of(uint32_t host, const uint8_t *ip)
{
    return host == MULTIADDR_IP4 ? netaddr_class_v4(ip) : netaddr_class_v6(ip);
}

static bool belongs(const struct dht_net *n, enum netaddr_class c)
{
    bool lan = n == &n->dht->nets[DHT_LAN];
    switch (c) {
    case NETADDR_GLOBAL:
        return !lan;
    case NETADDR_LOOPBACK:
        return lan && n->dht->o.loopback;
    case NETADDR_PRIVATE:
    case NETADDR_SHARED:
    case NETADDR_UNIQUE_LOCAL:
        return lan;
    case NETADDR_LINK_LOCAL: /* needs a zone, or is a cloud's metadata */
    case NETADDR_UNSPECIFIED:
    case NETADDR_MULTICAST:
    case NETADDR_RESERVED:
        return false;
    }
    return false;
}

/* That can be dialled: an IP address and a TCP port. */
static bool usable(void *ctx, struct span addr)
{
    struct multiaddr a;
    struct multiaddr_tcp t;
    if (multiaddr_decode(&a, addr) != OK || multiaddr_tcp_of(&t, &a) != OK || t.port == 0 ||
        (t.host != MULTIADDR_IP4 && t.host != MULTIADDR_IP6))
        return false;
    return belongs(ctx, class_of(t.host, t.ip));
}

/* That others may be told: any transport at an IP address, no relay. */
static bool keepable(void *ctx, struct span addr)
{
    struct reader r = reader_of(addr);
    struct multiaddr_part first, part;
    if (!multiaddr_next(&r, &first) || (first.code != MULTIADDR_IP4 && first.code != MULTIADDR_IP6))
        return false;
    while (multiaddr_next(&r, &part))
        if (part.code == MULTIADDR_P2P_CIRCUIT)
            return false;
    return r.err == OK && belongs(ctx, class_of(first.code, first.value.p));
}

struct kad_filter dht_addr_filter(struct dht_net *n)
{
    return (struct kad_filter){ .ctx = n, .usable = usable };
}

struct kad_filter dht_addr_keep(struct dht_net *n)
{
    return (struct kad_filter){ .ctx = n, .usable = keepable };
}

bool dht_addr_inside(const struct dht_net *n, const struct multiaddr *a)
{
    struct reader r = reader_of(multiaddr_span(a));
    struct multiaddr_part part;
    return multiaddr_next(&r, &part) &&
           (part.code == MULTIADDR_IP4 || part.code == MULTIADDR_IP6) &&
           belongs(n, class_of(part.code, part.value.p));
}

static uint64_t group(struct span addr)
{
    struct reader r = reader_of(addr);
    struct multiaddr_part part;
    if (!multiaddr_next(&r, &part) || (part.code != MULTIADDR_IP4 && part.code != MULTIADDR_IP6) ||
        class_of(part.code, part.value.p) != NETADDR_GLOBAL)
        return 0;
    /* SPEC kad 2.3: "an IPv4 /16, an IPv6 /32" */
    return part.code == MULTIADDR_IP4 ? UINT64_C(4) << 32 | load_be32(part.value.p) >> 16
                                      : UINT64_C(6) << 32 | load_be32(part.value.p);
}

uint64_t dht_addr_group(const struct multiaddr *a)
{
    return group(multiaddr_span(a));
}

uint64_t dht_addr_sender(const struct multiaddr *a)
{
    struct reader r = reader_of(multiaddr_span(a));
    struct multiaddr_part part;
    uint64_t g = dht_addr_group(a);
    if (g != 0 || !multiaddr_next(&r, &part))
        return g;
    if (part.code == MULTIADDR_IP4)
        return UINT64_C(8) << 32 | load_be32(part.value.p);
    return part.code == MULTIADDR_IP6 ? UINT64_C(1) << 63 | load_be64(part.value.p) >> 1 : 0;
}

uint64_t dht_addr_group_of(const struct kad_contact *c)
{
    struct kad_peer p;
    uint64_t g = 0;
    kad_contact_peer(&p, c);
    for (uint32_t i = 0; i < p.addr_count && g == 0; i++)
        g = group(p.addrs[i]);
    return g;
}
