/* dht_names: IPNS records of the DHT, for threads that wait: read, and told to others.
 * docs/spec/kad.md 3.5, 3.6, 8.7. */
#ifndef CRUST_IPFSD_DHT_NAMES_H
#define CRUST_IPFSD_DHT_NAMES_H

#include "codec/ipns.h"
#include "ipfsd/dht.h"

enum {
    DHT_NAMES_MAX = 16,       /* under way at a time; more are told ERR_BUSY */
    DHT_NAMES_MS = 15000,     /* to find one */
    DHT_NAMES_PUT_MS = 70000, /* to tell one: a look-up ends after 60 s */
    DHT_NAMES_TICK_MS = 250,
};

struct dht_names;

/* What a thread waits for; its own, kept until dht_names_end has returned. */
struct dht_names_ask {
    struct dht_names_ask *next; /* private, like all but the last three */
    struct dht_names *owner;
    struct peer_id name;
    struct span record; /* to be told; empty: one is looked for */
    bool begun, over;
    uint32_t looks; /* under way */
    uint64_t deadline_ms;
    enum err result;
    uint32_t nodes; /* that have taken it */
    size_t size;    /* of the best record so far; 0: none */
    uint8_t best[IPNS_RECORD_MAX];
};

/* l and d are kept. ERR_MEMORY. The loop's thread, as all but dht_names_begin and _end. */
NODISCARD enum err dht_names_open(struct dht_names **out, struct loop *l, struct dht *d);

/* dht_names_begin begins to look for the newest valid record of a name, or to tell a record, which
 * is kept until dht_names_end, to the nodes closest to it. Any thread but the loop's.
 * ERR_BUSY, ERR_CLOSED (stopping): then it is over. */
NODISCARD enum err dht_names_begin(struct dht_names *n, struct dht_names_ask *a,
                                   const struct peer_id *name, struct span record);

/* dht_names_end waits for what was begun, not longer than wait_ms from now on. OK: a->best, or
 * a->nodes; ERR_NOT_FOUND (nobody has one, nobody took it), ERR_CLOSED (stopping). */
NODISCARD enum err dht_names_end(struct dht_names *n, struct dht_names_ask *a, uint64_t wait_ms);

/* How it went, as dht_names_end says it; ERR_BUSY: it is under way. */
NODISCARD enum err dht_names_over(struct dht_names *n, const struct dht_names_ask *a);

/* Whoever waits is told ERR_CLOSED, and so is who comes later. Before dht_stop. NULL is fine. */
void dht_names_stop(struct dht_names *n);

/* When nobody calls dht_names_begin any more. NULL is fine. */
void dht_names_close(struct dht_names *n);

#endif
