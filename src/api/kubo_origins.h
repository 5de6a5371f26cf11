/* kubo_origins: web pages that may use Kubo's RPC: a list of exact origins, and what a browser must
 * be told so that it lets them. Format: docs/spec/kubo-rpc.md 5. Pure; total on any text. */
#ifndef CRUST_API_KUBO_ORIGINS_H
#define CRUST_API_KUBO_ORIGINS_H

#include "base/err.h"
#include "base/span.h"

enum {
    KUBO_ORIGINS_MAX = 16,
    KUBO_ORIGINS_SIZE = 256, /* of one, with its NUL: a scheme, a name of 253 bytes, a port fit */
};

struct kubo_origins {
    size_t count;
    char list[KUBO_ORIGINS_MAX][KUBO_ORIGINS_SIZE];
};

/* kubo_origins_parse reads origins with commas and blanks between them; none is fine.
 * Out:     *out, zeroed on failure.
 * Returns: OK; ERR_FORMAT (one that no browser sends: not SCHEME://HOST[:PORT], with a path, "*",
 *          "null", capitals); ERR_LIMIT. */
NODISCARD enum err kubo_origins_parse(struct kubo_origins *out, struct span text);

/* Whether an Origin header is one of them, byte for byte. o and origin may be NULL. */
bool kubo_origins_allow(const struct kubo_origins *o, const char *origin);

/* kubo_origins_of_referer: the one of them whose page a Referer header names, or NULL. */
const char *kubo_origins_of_referer(const struct kubo_origins *o, const char *referer);

#endif
