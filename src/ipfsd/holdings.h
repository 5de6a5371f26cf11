/* holdings: what this node has to offer to others, as multihashes: the roots of pins and of sealed
 * replicas, or these and every block of the block store. Any thread but the loop's. */
#ifndef CRUST_IPFSD_HOLDINGS_H
#define CRUST_IPFSD_HOLDINGS_H

#include "ipfsd/blocks.h"

/* Called for each sha2-256 digest, some twice; false: enough. */
typedef bool (*holdings_fn)(void *ctx, const uint8_t digest[32]);

/* holdings_each lists them. all: blocks too. Returns OK, or what reading the index failed with. */
NODISCARD enum err holdings_each(const struct blocks *b, bool all, holdings_fn fn, void *ctx);

#endif
