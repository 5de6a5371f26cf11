/* pin_fetch: brings the whole content of a pin request into the block store, from its origins by
 * bitswap or from wherever the gateway would have it, pins it there, and finds out its size and
 * data_root. Blocks; a thread of its own. */
#ifndef CRUST_IPFSD_PIN_FETCH_H
#define CRUST_IPFSD_PIN_FETCH_H

#include "api/pinning.h"
#include "ipfsd/ipfsd.h"
#include "proof/content.h"

#define PIN_FETCH_NAME "pinning" /* of its pins in the block store */

struct pin_fetch {
    struct ipfsd *node;
    uint64_t client; /* towards the storer */
    uint64_t size_max;
    const atomic_bool *stop;
    /* Whether somebody still wants it; asked between blocks. */
    bool (*wanted)(void *ctx);
    void *ctx;
    char *why; /* of a failure, for people */
    size_t why_size;
};

/* pin_fetch_run. OK: the content is in the store, pinned and durable. ERR_NOT_FOUND, ERR_TIMEOUT,
 * ERR_BUSY (nobody gave a block: try again), ERR_CLOSED (stopping, or not wanted), ERR_FULL,
 * ERR_LIMIT (larger than size_max, or too many blocks), ERR_FORMAT, ERR_UNSUPPORTED and the like
 * (it can never be stored), ERR_IO. */
NODISCARD enum err pin_fetch_run(const struct pin_fetch *f, struct content_commitment *out,
                                 const struct pinning_request *rq);

/* pin_fetch_release gives up the pin of such a content, unless it is somebody else's. */
NODISCARD enum err pin_fetch_release(struct ipfsd *n, const struct content_key *key);

#endif
