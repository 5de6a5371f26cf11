/* dht_provide: keeps telling the DHTs what this node has, a region of the keyspace at a time.
 * docs/spec/kad.md 7; the machine is p2p/kad_sweep. On the loop's thread; the list of what it has
 * is made by another. */
#ifndef CRUST_IPFSD_DHT_PROVIDE_H
#define CRUST_IPFSD_DHT_PROVIDE_H

#include "ipfsd/dht.h"
#include "ipfsd/holdings.h"

enum {
    DHT_PROVIDE_MAX = 131072, /* contents; 19 MiB when there are so many */
    DHT_PROVIDE_ASKS = 8,     /* nodes that are told at a time, of each net */
    DHT_PROVIDE_TICK_MS = 500,
    DHT_PROVIDE_LIST_MS = 5000,  /* between two lists, and at least 100 times what one takes */
    DHT_PROVIDE_WAIT_MS = 60000, /* after a region that could not be told */
    DHT_PROVIDE_SAVE_MS = 300000,
};

struct dht_provide;

struct dht_provide_options {
    struct loop *loop;           /* kept */
    struct dht *dht;             /* kept */
    const struct blocks *blocks; /* kept; threads read it */
    bool all;
    const char *file; /* kept: what has been told, between two lives */
};

/* ERR_MEMORY; ERR_LIMIT (the path of the file is too long). */
NODISCARD enum err dht_provide_open(struct dht_provide **out, const struct dht_provide_options *o);

struct dht_provide_figures {
    size_t count, left_out; /* contents; those that there was no room for */
    struct {
        size_t told;
        uint64_t regions, failed, stored; /* since the start; records */
    } nets[DHT_NETS];
};
void dht_provide_figures(const struct dht_provide *p, struct dht_provide_figures *out);

/* dht_provide_stop before dht_stop; waits for the list that is being made. NULL is fine. */
void dht_provide_stop(struct dht_provide *p);
void dht_provide_close(struct dht_provide *p);

#endif
