/* gateway_redirects: the _redirects file of a site.
 * Spec: specs.ipfs.tech/http-gateways/web-redirects-file; ours: docs/spec/gateway.md 6. Pure. */
#ifndef CRUST_API_GATEWAY_REDIRECTS_H
#define CRUST_API_GATEWAY_REDIRECTS_H

#include "base/err.h"
#include "base/span.h"

enum {
    GATEWAY_REDIRECTS_MAX = 64 << 10, /* bytes of a file */
    GATEWAY_REDIRECTS_TO_MAX = 4096,  /* of an address that a rule leads to, filled in */
    GATEWAY_REDIRECTS_SEGMENTS = 64,  /* of a path that is matched */
    GATEWAY_REDIRECTS_WHY_MAX = 80,
};

struct gateway_redirect {
    uint16_t status; /* 0: no rule matches. 200, 301, 302, 303, 307, 308, 404, 410, 451 */
    char to[GATEWAY_REDIRECTS_TO_MAX];
};

/* gateway_redirects_match finds the first rule of the file that matches path ("/a/b", as sent). The
 * whole file is checked.
 *
 * Out:     *out. why: what is wrong with the file, for its author.
 * Returns: OK; ERR_LIMIT (the file is too large, or what is filled in is); ERR_FORMAT. */
NODISCARD enum err gateway_redirects_match(struct gateway_redirect *out,
                                           char why[GATEWAY_REDIRECTS_WHY_MAX], struct span file,
                                           struct span path);

#endif
