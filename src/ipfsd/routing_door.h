/* routing_door: Delegated Routing V1 as a server, behind the gateway: who has a content, where a
 * peer is, what a name stands for. docs/spec/routing-v1.md; design: docs/design/dht.md.
 *
 * A request is suspended, answered on the loop out of what the node holds, what the chain names and
 * what the DHT says, and streamed where the client takes lines. All of it is bounded: places,
 * requests of one network, time, bytes. */
#ifndef CRUST_IPFSD_ROUTING_DOOR_H
#define CRUST_IPFSD_ROUTING_DOOR_H

#include "ipfsd/chain_read.h"
#include "ipfsd/names.h"
#include "ipfsd/routing.h"
#include "ipfsd/settings.h"
#include "rt/http_server.h"

struct block_source;

enum {
    ROUTING_DOOR_SLOTS = 32,       /* requests at a time; more are told 503 */
    ROUTING_DOOR_EACH = 8,         /* of one network; more are told 429 */
    ROUTING_DOOR_BURST = 60,       /* requests of one network at once, */
    ROUTING_DOOR_AGAIN_MS = 200,   /* then one in so long */
    ROUTING_DOOR_NETWORKS = 256,   /* that are told apart */
    ROUTING_DOOR_RECORDS = 100,    /* of an answer */
    ROUTING_DOOR_JSON_MS = 8000,   /* until an answer that is sent whole */
    ROUTING_DOOR_PUT_MS = 65000,   /* until a record has been told: a look-up ends after 60 s */
    ROUTING_DOOR_LINES_MS = 20000, /* until the end of one that is streamed */
    ROUTING_DOOR_THREADS = 4,      /* that ask the chain, and wait for names */
};

struct routing_door;

struct routing_door_options {
    struct loop *loop;                /* kept */
    enum settings_serve mode;         /* not SETTINGS_SERVE_OFF */
    const struct peer_id *self;       /* copied */
    const struct block_source *local; /* kept: what is here */
    struct routing *routing;          /* kept; NULL: nobody is asked */
    const struct chain_read *chain;   /* kept; NULL: the chain is not asked */
    struct names *names;              /* kept */
    const char *gateway;              /* kept: our own URL; it may come later, from the loop */
    bool allow_private;               /* private addresses are told */
    /* Gives the addresses for peers now, without /p2p; returns their number. On the loop. */
    size_t (*addresses)(void *ctx, struct multiaddr *out, size_t max);
    /* Tells a record, which is good, to the DHT; may block. OK: somebody has taken it. NULL: nobody
     * is told. Any thread. */
    enum err (*publish)(void *ctx, const struct peer_id *name, struct span record);
    void *ctx;
};

/* ERR_MEMORY, ERR_IO, ERR_LIMIT. */
NODISCARD enum err routing_door_open(struct routing_door **out,
                                     const struct routing_door_options *o);

/* routing_door_serve answers a request below /routing/v1/; false: it is for another path. Threads
 * of the server. d may be NULL: such requests are told that this is not served. */
bool routing_door_serve(struct routing_door *d, struct http_request *rq);

/* routing_door_stop: questions end, who waits is told 503, and who comes later. On the loop, while
 * routing is there. NULL is fine. */
void routing_door_stop(struct routing_door *d);

/* When the server is closed. NULL is fine. */
void routing_door_close(struct routing_door *d);

#endif
