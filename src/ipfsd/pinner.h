/* pinner: works on the requests of the pinning API until each is pinned or has failed, and keeps
 * what is pinned paid for. Some threads bring content here, one speaks with the chain. What it has
 * to know after a crash is in pin_store. Spec: docs/spec/pinning.md 6. */
#ifndef CRUST_IPFSD_PINNER_H
#define CRUST_IPFSD_PINNER_H

#include "ipfsd/pin_order.h"

struct ipfsd;
struct pinner;

enum {
    PINNER_FETCHERS = 2,         /* contents brought at a time; each takes up to 30 MiB */
    PINNER_TICK_MS = 200,        /* between two looks at what is due */
    PINNER_RETRY_MS = 2000,      /* after nobody had a block; doubles */
    PINNER_RETRY_MAX_MS = 60000, /* up to this */
    PINNER_CHAIN_MS = 1000,      /* between two looks at an order that is under way */
    PINNER_WATCH_MS = 60000,     /* before a renewal that failed is tried again */
};

/* Starts to work on what is in the store. The gateway and libp2p are open. ERR_MEMORY, ERR_IO,
 * ERR_FORMAT (the key file), ERR_DENIED. */
NODISCARD enum err pinner_open(struct pinner **out, struct ipfsd *n, struct pin_store *store);

/* pinner_stop ends the work; threads may still be waiting for the loop until pinner_idle. */
void pinner_stop(struct pinner *p); /* NULL is fine, as below */
bool pinner_idle(struct pinner *p);
void pinner_close(struct pinner *p);

/* A request was added, or removed by its owner: any thread. */
void pinner_added(struct pinner *p, const struct pin_key *key);
void pinner_removed(struct pinner *p, const struct pin_key *key);

/* The tokens as the file has them now; copied. False: it cannot be read. Any thread. */
bool pinner_tokens(struct pinner *p, struct pin_tokens *out);

/* What the door signs with, as an address. */
const char *pinner_address(const struct pinner *p);

#endif
