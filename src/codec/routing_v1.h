/* routing_v1: answers of Delegated Routing V1 over HTTP, as a client reads them and a server writes
 * them, and the paths that a client asks for. Format: specs.ipfs.tech/routing/http-routing-v1; what
 * we take: docs/spec/kad.md 5. JSON is read through codec/json; otherwise pure. */
#ifndef CRUST_CODEC_ROUTING_V1_H
#define CRUST_CODEC_ROUTING_V1_H

#include "codec/cid.h"
#include "codec/json_out.h"
#include "codec/multiaddr.h"

enum {
    ROUTING_V1_BODY_MAX = 1 << 20, /* of an answer; 100 records are some 60 KiB */
    ROUTING_V1_LINE_MAX = 1 << 16, /* of one record in NDJSON */
    ROUTING_V1_RECORDS_MAX = 100,  /* more of one answer are left out */
    ROUTING_V1_ADDRS_MAX = 8,      /* of a peer; more are left out */
    ROUTING_V1_PATH_MAX = 512,
};

struct routing_v1_peer {
    struct peer_id id;
    bool bitswap, http; /* protocols it names; neither: it names none that we know */
    uint32_t addr_count;
    struct multiaddr addrs[ROUTING_V1_ADDRS_MAX];
};

/* Where an answer is read to. */
struct routing_v1_list {
    struct routing_v1_peer *list; /* the caller's */
    size_t max;                   /* of them; at most ROUTING_V1_RECORDS_MAX are used */
    size_t count, skipped;
};

/* routing_v1_decode reads an answer to /routing/v1/providers or /peers, application/json or
 * application/x-ndjson, into list. Records of another schema, without a peer id or malformed are
 * left out and counted, likewise addresses that we cannot read.
 *
 * Out:     out->count records in out->list; out->skipped. list and max are given.
 * Returns: OK; ERR_LIMIT (the body is too long); ERR_FORMAT (it is no JSON object, or has neither
 *          Providers nor Peers; never for NDJSON, where a bad line is a skipped record). */
NODISCARD enum err routing_v1_decode(struct routing_v1_list *out, struct span body, bool ndjson);

/* routing_v1_write writes a record of the schema "peer". routing_v1_decode gives it back. */
void routing_v1_write(struct json_out *j, const struct routing_v1_peer *p);

/* The path and query to ask for, with a NUL: providers of content, addresses of a peer. Answers
 * that we could not use are filtered out by routers that can (IPIP-484). */
void routing_v1_providers_path(char out[ROUTING_V1_PATH_MAX], const struct cid *cid);
void routing_v1_peers_path(char out[ROUTING_V1_PATH_MAX], const struct peer_id *id);

#endif
