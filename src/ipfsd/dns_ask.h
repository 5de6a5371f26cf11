/* dns_ask: one question to the DNS, by the system's resolver. It blocks for some seconds at most;
 * any thread but the loop's. */
#ifndef CRUST_IPFSD_DNS_ASK_H
#define CRUST_IPFSD_DNS_ASK_H

#include "codec/dns.h"

enum { DNS_ASK_MAX = 16 << 10 }; /* of an answer */

/* Where to ask; port 0: the system's resolvers. */
struct dns_server {
    uint8_t ip[4];
    uint16_t port;
};

/* dns_ask asks for the records of a type that NAME has.
 * Out:     *answer, not looked into: given, free(3) its p.
 * Returns: OK; ERR_NOT_FOUND (no such name, or no such record); ERR_TIMEOUT (nobody has answered,
 * or with a failure); ERR_LIMIT (the name is too long); ERR_FORMAT; ERR_IO; ERR_MEMORY. */
NODISCARD enum err dns_ask(struct mspan *answer, const char *name, uint16_t type,
                           const struct dns_server *server);

#endif
