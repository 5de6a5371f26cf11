/* find_http: gateways that delegated routers know for a content: providers with an address of an
 * HTTP server (transport-ipfs-gateway-http), as URLs for ipfsd/fetch. For
 * threads that have other things to do meanwhile; it needs no libp2p. */
#ifndef CRUST_IPFSD_FIND_HTTP_H
#define CRUST_IPFSD_FIND_HTTP_H

#include "ipfsd/routing_http.h"

enum {
    FIND_HTTP_ASKS = 16, /* at a time; more are told ERR_BUSY */
    FIND_HTTP_MAX = 4,   /* gateways of one content */
    FIND_HTTP_WAIT_MS = 5000,
    FIND_HTTP_MORE_MS = 300, /* after the first one */
};

struct find_http;

struct find_http_urls {
    size_t count;
    char urls[FIND_HTTP_MAX][MULTIADDR_URL_MAX];
};

/* As routing_http_open. */
NODISCARD enum err find_http_open(struct find_http **out, struct loop *l,
                                  const struct config_urls *routers);

/* find_http_begin asks, and does not wait. Any thread but the loop's. OK; ERR_BUSY
 * (FIND_HTTP_ASKS), ERR_CLOSED (stopping). With OK find_http_end must follow. */
NODISCARD enum err find_http_begin(struct find_http *f, uint32_t *ticket,
                                   const struct content_key *key);

/* What has been found so far. True: it is all, after FIND_HTTP_WAIT_MS at the latest. */
bool find_http_look(struct find_http *f, struct find_http_urls *out, uint32_t ticket);
void find_http_end(struct find_http *f, uint32_t ticket);

/* find_http_stop: nothing more is asked, and all is over. On the loop. NULL is fine. */
void find_http_stop(struct find_http *f);

/* After stop, when no thread calls any more. NULL is fine. */
void find_http_close(struct find_http *f);

#endif
