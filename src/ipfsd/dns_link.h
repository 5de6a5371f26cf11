/* dns_link: the DNSLink of a domain (dnslink.dev), from the TXT records of _dnslink.DOMAIN. */
#ifndef CRUST_IPFSD_DNS_LINK_H
#define CRUST_IPFSD_DNS_LINK_H

#include "api/gateway_names.h"
#include "ipfsd/dns_ask.h"

/* dns_link_parse reads an answer as DNS has it (codec/dns). Of several links the first in the
 * order of their bytes counts, so that all gateways choose the same. Pure. Out:     *out, zeroed on
 * failure; ttl_s at least 1. Returns: OK, ERR_NOT_FOUND (no link in it, or no such name),
 * ERR_SHORT, ERR_FORMAT. */
NODISCARD enum err dns_link_parse(struct gateway_dnslink *out, struct span message);

/* dns_link_query asks; it blocks for some seconds at most.
 * Returns: as dns_link_parse and dns_ask. */
NODISCARD enum err dns_link_query(struct gateway_dnslink *out, const char *domain,
                                  const struct dns_server *server);

#endif
