/* netaddr: what kind of place an IP address is, so that strangers cannot make us dial into our own
 * network. Ranges: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its
 * successors). Pure. */
#ifndef CRUST_RT_NETADDR_H
#define CRUST_RT_NETADDR_H

#include "base/err.h"
#include "base/span.h"

#include <sys/socket.h>

enum netaddr_class {
    NETADDR_GLOBAL,
    NETADDR_UNSPECIFIED,  /* 0.0.0.0/8, :: */
    NETADDR_LOOPBACK,     /* 127/8, ::1 */
    NETADDR_PRIVATE,      /* 10/8, 172.16/12, 192.168/16 */
    NETADDR_SHARED,       /* 100.64/10: carrier NAT */
    NETADDR_LINK_LOCAL,   /* 169.254/16 (cloud metadata lives there), fe80::/10 */
    NETADDR_UNIQUE_LOCAL, /* fc00::/7 */
    NETADDR_MULTICAST,    /* 224/4, ff00::/8 */
    NETADDR_RESERVED,     /* everything else that is not routed: documentation, benchmarks, 240/4 */
};

/* "global", "loopback" and so on. */
const char *netaddr_class_name(enum netaddr_class c);

/* IPv6 forms that carry an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo) have its class
 * when that is not global. */
enum netaddr_class netaddr_class_v4(const uint8_t ip[4]);
enum netaddr_class netaddr_class_v6(const uint8_t ip[16]);

/* Families other than IPv4 and IPv6 are NETADDR_RESERVED. */
enum netaddr_class netaddr_classify(const struct sockaddr *sa, socklen_t n);

enum { NETADDR_TEXT_MAX = 64 };

/* netaddr_parse reads "1.2.3.4:80", "[::1]:80" (no names). ERR_FORMAT. */
NODISCARD enum err netaddr_parse(struct sockaddr_storage *out, socklen_t *n, const char *text);

/* netaddr_format writes what netaddr_parse reads; "?" for other families. */
void netaddr_format(char out[NETADDR_TEXT_MAX], const struct sockaddr *sa);

#endif
