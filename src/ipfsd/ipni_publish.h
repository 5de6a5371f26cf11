/* ipni_publish: tells the indexers of IPNI which contents are sealed here: a chain of signed
 * advertisements, kept in a folder, served under /ipni/v1/ad/ of the gateway and announced to
 * indexers when it grows. docs/spec/ipni.md.
 *
 * Contents that are found sealed at once are told in groups. When one of a group goes the group is
 * taken back, and the others are told again. On the loop's thread, but for the answers over HTTP.
 */
#ifndef CRUST_IPFSD_IPNI_PUBLISH_H
#define CRUST_IPFSD_IPNI_PUBLISH_H

#include "codec/ipni.h"
#include "ipfsd/host.h"
#include "rt/config.h"
#include "rt/http_server.h"

enum {
    IPNI_PUBLISH_FIRST_MS = 500,
    IPNI_PUBLISH_LOOK_MS = 2000,    /* between two looks at whether more is sealed, or less */
    IPNI_PUBLISH_BATCH = 64,        /* advertisements that are made in one look */
    IPNI_PUBLISH_AGAIN_MS = 30000,  /* before an indexer that failed is told again; doubles */
    IPNI_PUBLISH_LAST_MS = 3600000, /* up to this */
    IPNI_PUBLISH_INDEXERS = 4,
    IPNI_PUBLISH_ADDRESSES_MS = 600000, /* between two advertisements of addresses alone */
};

struct ipni_publish;

struct ipni_publish_options {
    struct loop *loop;                  /* kept */
    struct host *host;                  /* kept: what is sealed */
    const struct ed25519_key *key;      /* kept: the node's identity */
    const char *folder;                 /* copied; made when it is missing */
    const char *gateway;                /* its URL as others reach it; copied */
    const struct config_urls *indexers; /* copied; a URL without a path gets /announce */
    uint64_t settle_ms; /* how long addresses stay the same before a change of them is told */
    bool bitswap;       /* peers reach us at: */
    /* Gives our addresses for peers now; returns their number, at most max. */
    size_t (*addresses)(void *ctx, struct multiaddr *out, size_t max);
    void *ctx;
};

/* ERR_LIMIT, ERR_MEMORY, ERR_FORMAT (a gateway URL that is no address, or a state that does not
 * read), ERR_IO. */
NODISCARD enum err ipni_publish_open(struct ipni_publish **out,
                                     const struct ipni_publish_options *o);

/* ipni_publish_serve answers a request below /ipni/v1/ad/; false: it is for another path. Threads
 * of the server. p may be NULL. */
bool ipni_publish_serve(struct ipni_publish *p, struct http_request *rq);

/* ipni_publish_close waits for what is being written. NULL is fine. */
void ipni_publish_close(struct ipni_publish *p);

#endif
