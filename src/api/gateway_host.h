/* gateway_host: which content the host and the path of a request name. */
#ifndef CRUST_API_GATEWAY_HOST_H
#define CRUST_API_GATEWAY_HOST_H

#include "api/gateway.h"

enum { GATEWAY_HOST_LABEL_MAX = 63 }; /* RFC 1035 2.3.4 */

/* gateway_host_route reads host and path. q->request and q->format are set before.
 * Out:     of *q mount, host, the root or name, raw_path; or *a, a redirect or a refusal.
 * Returns: true when *q is to be served. */
bool gateway_host_route(struct gateway_query *q, struct gateway_answer *a);

/* gateway_host_inline makes one label of a domain ("en.wiki-a.org" -> "en-wiki--a-org"), and
 * gateway_host_outline undoes it. ERR_LIMIT when out is too small. */
NODISCARD enum err gateway_host_inline(char *out, size_t size, const char *domain);
NODISCARD enum err gateway_host_outline(char *out, size_t size, const char *label);

#endif
