/* routing_http: delegated routers (Delegated Routing V1 over HTTP) as a source of ipfsd/routing.
 * docs/spec/kad.md 5. A question goes to all routers at once; answers are read as they come and
 * remembered for a while. On the loop's thread. */
#ifndef CRUST_IPFSD_ROUTING_HTTP_H
#define CRUST_IPFSD_ROUTING_HTTP_H

#include "ipfsd/routing.h"
#include "rt/config.h"

enum {
    ROUTING_HTTP_ROUTERS = 4,
    ROUTING_HTTP_QUESTIONS = 16,  /* at a time; for more it answers ERR_BUSY */
    ROUTING_HTTP_MS = 20000,      /* for a whole answer */
    ROUTING_HTTP_IDLE_MS = 10000, /* without a byte */
    ROUTING_HTTP_CACHE = 16,      /* answers that are remembered */
    ROUTING_HTTP_KEPT = 8,        /* providers of each */
    ROUTING_HTTP_CACHE_MS = 300000,
    ROUTING_HTTP_NONE_MS = 15000, /* how long it is remembered that nobody is known */
};

struct routing_http;

/* routing_http_open registers with r, which is kept. The routers' URLs were chosen by the operator
 * and may be at any address, but an answer may not lead elsewhere. ERR_LIMIT (too many),
 * ERR_MEMORY. */
NODISCARD enum err routing_http_open(struct routing_http **out, struct loop *l, struct routing *r,
                                     const struct config_urls *routers);

/* When no question is open any more (routing_close). NULL is fine. */
void routing_http_close(struct routing_http *h);

#endif
