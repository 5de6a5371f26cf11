/* scrub: checks the bytes of a volume against what was sealed: every block of a replica must come
 * out of the enclave with its digest, every MiB of an extent must have the hash that its root is
 * made of. Whole, or by samples drawn over the bytes. Design: docs/design/host.md 9. Any thread. */
#ifndef CRUST_IPFSD_SCRUB_H
#define CRUST_IPFSD_SCRUB_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SCRUB_SAMPLES = 1024,     /* of files, and of extents: 1 % of the bytes gone is seen for sure */
    SCRUB_WHOLE = 256 << 20,  /* a volume with less is checked whole */
    SCRUB_BLOCK_MAX = 2 << 20 /* of a content, or a row of an extent */
};

struct host;

struct scrub {
    struct host *host;
    uint32_t volume;
    uint64_t rate;                                      /* bytes a second; 0: as fast as it goes */
    bool (*progress)(void *ctx, const struct scrub *s); /* false: stop */
    void *ctx;
    uint64_t checked, bad; /* blocks and rows so far */
    uint64_t done, total;  /* bytes, or samples */
};

/* scrub_volume checks all, or samples; what is bad is logged. OK; ERR_CORRUPT (something is bad);
 * ERR_IO (the disk gave errors); ERR_STATE (it went away, or its trees are not known), ERR_CLOSED
 * (stopped, or the enclave is gone): nothing is known then. */
NODISCARD enum err scrub_volume(struct scrub *s, bool all);

#endif
