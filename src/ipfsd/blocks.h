/* blocks: any block that this node can give: out of the block store, else out of a sealed replica,
 * unsealed by the enclave on the way and checked. Any thread but the loop's; calls may block for a
 * read and, for sealed blocks, for the enclave. */
#ifndef CRUST_IPFSD_BLOCKS_H
#define CRUST_IPFSD_BLOCKS_H

#include "ipfs/blockio.h"
#include "store/blockstore.h"

enum {
    BLOCKS_UNSEALS_MAX = 16, /* threads inside unsealing at a time; more are told ERR_BUSY */
};

struct host; /* ipfsd/host.h */

/* One object for the process; filled before threads start. */
struct blocks {
    struct blockstore *store; /* kept */
    struct host *host;        /* kept; NULL: no sealed replicas */
};

/* blocks_get copies a block; *size is set. ERR_NOT_FOUND, ERR_LIMIT (buf too small, *size says what
 * is needed), ERR_BUSY (try later: HTTP says 503), ERR_CORRUPT, ERR_CLOSED (enclave not there),
 * ERR_IO. */
NODISCARD enum err blocks_get(struct blocks *b, size_t *size, struct mspan buf,
                              const struct block_key *key);

/* blocks_size: the length of a block that is here, sealed or not; OK or ERR_NOT_FOUND. size may be
 * NULL. */
NODISCARD enum err blocks_size(struct blocks *b, size_t *size, const struct block_key *key);

/* blocks_source gives both as the interface of pure code; valid while b is. */
struct block_source blocks_source(struct blocks *b);

/* For pread and sendfile, a block in the store: blockstore_locate(b->store, ...). A sealed one has
 * no such place. */

#endif
