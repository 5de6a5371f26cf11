/* gateway_http: serves api/gateway over rt/http_server.
 *
 * A request is answered on its HTTP thread as long as every block comes from the block store:
 * single raw blocks by sendfile, everything else made piece by piece. When a block is elsewhere
 * (sealed on a disk, or on another node), the request moves to a few worker threads, which may wait
 * for it. Contexts, workers and queue are fixed at start; when none is free the client gets 503. */
#ifndef CRUST_IPFSD_GATEWAY_HTTP_H
#define CRUST_IPFSD_GATEWAY_HTTP_H

#include "ipfsd/names.h"
#include "rt/http_server.h"
#include "store/blockstore.h"

struct gateway_http;
struct remote;

struct gateway_http_options {
    struct blockstore *store;          /* kept */
    const struct block_source *source; /* kept: everything that can be reached; it may block, and
                                          is called by all workers at once. NULL: the store alone */
    struct remote *remote;             /* kept: what is behind source, for reading ahead; NULL: one
                                          block after the other */
    const struct block_source *local;  /* kept: the same for requests with Cache-Control:
                                          only-if-cached, without the network. NULL: the store */
    struct names *names;               /* kept. NULL: /ipns/ is refused */
    const char *gateway_hosts;         /* kept: hosts whose subdomains are served; NULL: none */
    const char *host;                  /* NULL: 127.0.0.1 */
    uint16_t port, port_tries;
    uint32_t threads;         /* HTTP threads; 0: one per core */
    uint32_t workers;         /* 0: 16 */
    uint32_t contexts;        /* requests whose body is being made; 0: 32 */
    uint32_t open_timeout_ms; /* for the first byte of what must be fetched; 0: 30 s */
    /* Requests for other paths, on the HTTP thread; must answer. NULL: 404. */
    void (*other)(void *ctx, struct http_request *rq);
    void (*other_begin)(void *ctx, struct http_request *rq);
    void *ctx;
};

/* gateway_http_open starts to serve. ERR_MEMORY, or as http_server_open. */
NODISCARD enum err gateway_http_open(struct gateway_http **out,
                                     const struct gateway_http_options *o);
uint16_t gateway_http_port(const struct gateway_http *g);

struct gateway_http_counters {
    uint64_t requests, blocks_sent, fetched, refused; /* since start */
};
void gateway_http_counters(const struct gateway_http *g, struct gateway_http_counters *out);

/* gateway_http_close stops and waits for the workers; the source must fail soon when it is told to
 * stop. NULL is fine. */
void gateway_http_close(struct gateway_http *g);

#endif
