/* dns_link: the DNSLink of a domain (dnslink.dev), from the TXT records of _dnslink.DOMAIN. */
#ifndef CRUST_IPFSD_DNS_LINK_H
#define CRUST_IPFSD_DNS_LINK_H

#include "api/gateway_names.h"

enum { DNS_LINK_MESSAGE_MAX = 16 << 10 };

/* dns_link_parse reads an answer as DNS has it (RFC 1035 4). Of several links the first in the
 * order of their bytes counts, so that all gateways choose the same. Pure. Out:     *out, zeroed on
 * failure; ttl_s at least 1. Returns: OK, ERR_NOT_FOUND (no link in it, or no such name),
 * ERR_SHORT, ERR_FORMAT. */
NODISCARD enum err dns_link_parse(struct gateway_dnslink *out, struct span message);

/* Where to ask; port 0: the system's resolvers. */
struct dns_link_server {
    uint8_t ip[4];
    uint16_t port;
};

/* dns_link_query asks; it blocks for some seconds at most.
 * Returns: as dns_link_parse, or ERR_TIMEOUT, ERR_LIMIT (the name is too long), ERR_IO. */
NODISCARD enum err dns_link_query(struct gateway_dnslink *out, const char *domain,
                                  const struct dns_link_server *server);

#endif
