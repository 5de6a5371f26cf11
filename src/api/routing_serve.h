/* routing_serve: Delegated Routing V1 as a server: what a request asks for, and the headers of its
 * answer. Rules and vectors: docs/spec/routing-v1.md. Pure; total on any text. */
#ifndef CRUST_API_ROUTING_SERVE_H
#define CRUST_API_ROUTING_SERVE_H

#include "codec/routing_filter.h"

#define ROUTING_SERVE_PREFIX    "/routing/v1/"
#define ROUTING_SERVE_IPNS_TYPE "application/vnd.ipfs.ipns-record"

enum {
    ROUTING_SERVE_CACHE_MAX = 128, /* of Cache-Control with its NUL */
    ROUTING_SERVE_SOME_S = 300,    /* how long an answer with records may be kept */
    ROUTING_SERVE_NONE_S = 15,     /* one without */
    ROUTING_SERVE_STALE_S = 172800,
    ROUTING_SERVE_IPNS_S = 60, /* a name without a TTL, or without a record */
};

enum routing_serve_what {
    ROUTING_SERVE_PROVIDERS,
    ROUTING_SERVE_PEERS,
    ROUTING_SERVE_CLOSEST,
    ROUTING_SERVE_IPNS,
};

struct routing_serve_request {
    enum routing_serve_what what;
    bool ndjson;         /* else JSON; of ROUTING_SERVE_IPNS false */
    struct cid cid;      /* PROVIDERS; of CLOSEST its multihash is the key */
    struct peer_id peer; /* PEERS, IPNS */
    struct routing_filter addrs, protocols;
};

/* routing_serve_parse reads a request for a path below ROUTING_SERVE_PREFIX; path and query as
 * sent. accept: the header, or NULL.
 *
 * Out:     *out, zeroed on failure; *why: in words, static.
 * Returns: 200, or the status to answer: 400 (no such path), 406 (nothing that accept names), 414,
 *          422 (no CID, no peer id, a filter that cannot be read). */
uint16_t routing_serve_parse(struct routing_serve_request *out, const char **why, const char *path,
                             const char *query, const char *accept);

/* routing_serve_cache writes a Cache-Control that lets an answer be kept so long, in seconds. */
void routing_serve_cache(char out[ROUTING_SERVE_CACHE_MAX], uint64_t max_age, uint64_t stale);

#endif
