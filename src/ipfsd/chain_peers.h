/* chain_peers: the peers that the chain names for a content: those whose accounts hold it and say
 * in their texts where their node is (docs/spec/market.md 5.6). A source of ipfsd/routing, "chain";
 * and for the exchange, when blocks of a content are about to be asked for, who has proven to hold
 * it (docs/spec/bitswap.md 4.5), and the connections that lack. Design: docs/design/bitswap.md.
 *
 * On the loop's thread. Answers are remembered for a while; memory is fixed but for the answers
 * that are being read. */
#ifndef CRUST_IPFSD_CHAIN_PEERS_H
#define CRUST_IPFSD_CHAIN_PEERS_H

#include "ipfsd/exchange.h"
#include "ipfsd/seek.h"
#include "rt/config.h"

enum {
    CHAIN_PEERS_ASKS = 8, /* contents that are asked about at a time; others are not */
    CHAIN_PEERS_WAITS = 16,
    CHAIN_PEERS_CACHE = 32,
    CHAIN_PEERS_EACH = 16, /* peers of a content; those that have proven it first */
    CHAIN_PEERS_DIALS = 4, /* of them that are connected with before anybody lacks them */
    CHAIN_PEERS_TEXTS = 2, /* addresses of each */
    CHAIN_PEERS_MS = 5000, /* for an answer */
    CHAIN_PEERS_FRESH_MS = 60000,
    CHAIN_PEERS_SILENT_MS = 10000, /* for which a chain that did not answer is left alone */
    CHAIN_PEERS_BODY = 1 << 20,
};

struct chain_peers;

struct chain_peers_options {
    struct loop *loop;                /* kept */
    struct routing *routing;          /* kept */
    const struct config_urls *chains; /* copied; the operator's own, so at any address */
    struct peer_id self;
};

/* ERR_MEMORY, ERR_LIMIT. */
NODISCARD enum err chain_peers_open(struct chain_peers **out, const struct chain_peers_options *o);

/* Who is told what the chain says, and who connects; all kept until chain_peers_stop. */
void chain_peers_attach(struct chain_peers *c, struct exchange *x, struct seek *seek,
                        const struct swarm *swarm);

/* One whom the chain names for a content. */
struct chain_peer {
    struct peer_id peer;
    uint8_t lineage[32]; /* of the worker whose replica it is */
    bool verified;       /* the chain has seen it proven */
    size_t text_count;   /* addresses; 0: only its name is known */
    char texts[CHAIN_PEERS_TEXTS][129];
};

/* chain_peers_of gives those of a page of the chain's orders that hold content, those that have
 * proven it first; returns their number, at most max. Pure. */
struct chain_client_order;
size_t chain_peers_of(struct chain_peer *out, size_t max, const struct chain_client_order *orders,
                      size_t count);

/* What is known now of a content, for who asked routing before; 0: nothing. */
size_t chain_peers_known(const struct chain_peers *c, struct chain_peer *out, size_t max,
                         const struct content_key *key);

/* chain_peers_stop: nothing more is asked, nobody told. NULL is fine. */
void chain_peers_stop(struct chain_peers *c);

/* When no question of routing is open any more. NULL is fine. */
void chain_peers_close(struct chain_peers *c);

#endif
