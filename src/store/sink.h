/* sink: block_sink and block_source (ipfs/blockio.h) over the block store. */
#ifndef CRUST_STORE_SINK_H
#define CRUST_STORE_SINK_H

#include "store/blockstore.h"

/* One writer's view of the store; its blocks are safe from garbage collection until sink_close. */
struct sink {
    struct blockstore *store; /* kept until sink_close */
    enum blockstore_trust trust;
    uint32_t session;
};

/* sink_open: trust says whether put hashes again (BLOCKSTORE_VERIFY for bytes from outside). */
NODISCARD enum err sink_open(struct sink *out, struct blockstore *store,
                             enum blockstore_trust trust);
void sink_close(struct sink *s);

/* The interface; valid while s is open and does not move. */
struct block_sink sink_interface(struct sink *s);

/* The reading side; valid while store is open. Any thread. */
struct block_source sink_source(struct blockstore *store);

#endif
