/* seek: connects with whoever is said to have a content. It asks routing, dials the providers that
 * are found, a few at a time, address by address, and says when nobody more will come. Addresses of
 * names (/dns4, /dns6, /dns, /dnsaddr) are resolved when those of numbers did not lead to it. What
 * a connection is good for is not its business: the swarm's on_peer tells the others.
 *
 * On the loop's thread. Memory is fixed when it is opened. */
#ifndef CRUST_IPFSD_SEEK_H
#define CRUST_IPFSD_SEEK_H

#include "ipfsd/resolve.h"
#include "ipfsd/routing.h"
#include "ipfsd/swarm.h"

enum {
    SEEK_MAX = 32,         /* contents that are sought at a time */
    SEEK_PROVIDERS = 12,   /* of each */
    SEEK_DIALS = 3,        /* of each, at a time */
    SEEK_NAMES = 2,        /* of each provider; more are passed over */
    SEEK_MS = 60000,       /* for all of it */
    SEEK_LINGER_MS = 5000, /* how long those that were connected have to be of use */
    SEEK_TICK_MS = 250,
};

struct seek;

struct seek_options {
    struct loop *loop;       /* kept */
    struct routing *routing; /* kept */
    void *ctx;
    /* Nobody more will be connected for this content. */
    void (*over)(void *ctx, const struct cid *cid);
};

/* ERR_MEMORY. */
NODISCARD enum err seek_open(struct seek **out, const struct seek_options *o);
void seek_attach(struct seek *s, struct swarm *swarm);

/* seek_resolver: who resolves names; kept until seek_stop, and what is under way is waited for by
 * resolve_close before seek_close. Without it names are passed over. */
void seek_resolver(struct seek *s, struct resolver *r);

/* seek_begin looks for a content; one that is sought already is not sought twice.
 * Returns: OK: over will be called; ERR_LIMIT (SEEK_MAX). */
NODISCARD enum err seek_begin(struct seek *s, const struct cid *cid);

/* seek_offer connects with one that is said to have a content, whether that is sought or not; of
 * what is not sought, over is not called. ERR_LIMIT. */
NODISCARD enum err seek_offer(struct seek *s, const struct cid *cid,
                              const struct routing_provider *provider);

/* From the swarm's callbacks. */
void seek_peer(struct seek *s, uint32_t connection);
void seek_gone(struct seek *s, uint32_t connection);

/* seek_stop: nothing more is asked or dialled, and over is called no more. NULL is fine. */
void seek_stop(struct seek *s);
void seek_close(struct seek *s);

#endif
