/* remote: blocks that this node has not got, from those who hold them: the origins of an order that
 * the chain knows for the content, gateways that the operator named, gateways that delegated
 * routers know, and the peers of the swarm, raced against each other (ipfsd/fetch). Each block is
 * verified. Behind what is local, for a user's gateway, pins and Kubo's RPC.
 * Design: docs/design/fetching.md.
 *
 * A block below a root is asked of those who gave the root; what nobody had a moment ago is not
 * asked again. Others are asked for what they themselves have only, so that two gateways never
 * send each other in circles. Calls block; any thread but the loop's. */
#ifndef CRUST_IPFSD_REMOTE_H
#define CRUST_IPFSD_REMOTE_H

#include "ipfs/blockio.h"
#include "ipfsd/chain_read.h"
#include "ipfsd/fetch.h"
#include "ipfsd/find_http.h"

enum {
    REMOTE_PEERS_MAX = 8,
    REMOTE_CALLS_MAX = 16,    /* at a time; more are told ERR_BUSY */
    REMOTE_READERS_MAX = 16,  /* that read ahead; more get one block after the other */
    REMOTE_ABSENT_MS = 20000, /* how long a miss is remembered */
    REMOTE_GET_MS = 20000,    /* for one block */
    REMOTE_GROUPS = 32,       /* contents whose sources are remembered */
    REMOTE_HINTS = 1 << 15,   /* blocks whose content is remembered */
    REMOTE_GROUP_MS = 60000,  /* after which the chain is asked again */
};

struct fetch_tales;
struct remote;

struct remote_options {
    struct loop *loop;                /* kept */
    struct http_client *http;         /* kept */
    struct fetch_ranks *ranks;        /* kept; may be NULL */
    struct fetch_tales *tales;        /* kept; may be NULL */
    const struct block_source *local; /* kept: asked first; NULL: nothing */
    const struct chain_read *chain;   /* kept; NULL: the chain is not asked */
    struct find_http *find;           /* kept: routers, asked for the gateways of a root that nobody
                                         gives; NULL: none */
    struct fetch_peers swarm;         /* kept: its peers */
    uint32_t peer_count;
    const char *peers[REMOTE_PEERS_MAX]; /* gateway URLs; copied */
    const char *self; /* this gateway's own URL, never asked; NULL: not known. Copied */
    uint32_t get_ms;  /* 0: REMOTE_GET_MS */
};

/* ERR_MEMORY, ERR_LIMIT, ERR_FORMAT (a peer's URL). */
NODISCARD enum err remote_open(struct remote **out, const struct remote_options *o);

/* remote_stop makes all calls, present and later, return ERR_CLOSED. Any thread. */
void remote_stop(struct remote *r);
void remote_close(struct remote *r); /* no call is under way; NULL is fine */

/* Valid while r is. One block after the other. */
struct block_source remote_source(struct remote *r);

/* A reader of one content, which reads ahead: sources then have several blocks under way. For one
 * thread at a time, until remote_reader_close. ERR_MEMORY. */
struct remote_reader;
struct remote_reader_options {
    /* Asked now and then while it waits, on the same thread: true makes its calls return
     * ERR_CLOSED. NULL: never. */
    bool (*gone)(void *ctx);
    void *ctx;    /* kept */
    bool insists; /* what nobody had a moment ago is asked for again all the same */
};
NODISCARD enum err remote_reader_open(struct remote_reader **out, struct remote *r,
                                      const struct remote_reader_options *o);
void remote_reader_close(struct remote_reader *rd); /* NULL is fine */

/* Valid while rd is. */
struct block_source remote_reader_source(struct remote_reader *rd);

/* remote_reader_saw: the reader has had a block from elsewhere. rd may be NULL. */
void remote_reader_saw(struct remote_reader *rd, const struct block_key *key, struct span block);

/* What became of the sources of what was asked last; "" when nobody was. */
void remote_reader_why(const struct remote_reader *rd, char out[FETCH_WHY_MAX]);

#endif
