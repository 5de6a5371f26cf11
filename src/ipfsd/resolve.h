/* resolve: names in addresses (/dns4, /dns6, /dns, /dnsaddr) into numbers that can be dialled.
 * docs/spec/peer.md 5. What comes out is a hint of strangers: swarm_dial looks at each number again
 * and refuses what is not global. */
#ifndef CRUST_IPFSD_RESOLVE_H
#define CRUST_IPFSD_RESOLVE_H

#include "codec/multiaddr.h"
#include "ipfsd/dns_ask.h"
#include "rt/loop.h"

enum {
    RESOLVE_MAX = 16,       /* addresses that one name gives */
    RESOLVE_DEPTH = 4,      /* /dnsaddr that lead to /dnsaddr; bootstrap.libp2p.io needs 2 */
    RESOLVE_QUESTIONS = 24, /* to the DNS, for one address */
    RESOLVE_MS = 20000,     /* after which nothing more is asked */
    RESOLVE_JOBS = 4,       /* under way at a time */
};

struct resolved {
    enum err err; /* of the question that failed, when there is no address */
    size_t count;
    struct multiaddr list[RESOLVE_MAX]; /* IP/tcp/PORT, and /p2p/ID when it is known */
};

/* resolve_address: blocks; any thread but the loop's. An address of numbers gives itself; what
 * is not over TCP, or names another peer than a, is left out. stop (may be NULL): set to true by
 * any thread, it asks nothing more. */
void resolve_address(struct resolved *out, const struct multiaddr *a,
                     const struct dns_server *server, const _Atomic bool *stop);

/* The same for the loop: workers ask meanwhile. */
struct resolver;

typedef void (*resolver_fn)(void *ctx, const struct resolved *found);

/* server: port 0 for the system's. ERR_MEMORY. */
NODISCARD enum err resolve_open(struct resolver **out, struct loop *l,
                                const struct dns_server *server);

/* resolve_start calls fn(ctx, found) later, on the loop; found is borrowed. Of an address of
 * numbers, too. ERR_BUSY: RESOLVE_JOBS are under way. */
NODISCARD enum err resolve_start(struct resolver *r, const struct multiaddr *a, resolver_fn fn,
                                 void *ctx);

/* resolve_close waits for what is under way, some seconds at most; no fn is called any more. NULL
 * is fine. */
void resolve_close(struct resolver *r);

#endif
