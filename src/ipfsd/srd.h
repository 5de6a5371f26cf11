/* srd: fills free space with extents of sealed random data, and gives them up.
 * Design: docs/design/host.md 5. Runs on a sealing thread. */
#ifndef CRUST_IPFSD_SRD_H
#define CRUST_IPFSD_SRD_H

#include "ipfsd/call.h"

/* srd_fill makes extents of the settings' size, about bytes in all, as long as disks have room;
 * *made says how much there is now. Each extent counts as soon as it is made. ERR_CLOSED (cancelled
 * or the enclave is gone), ERR_FULL (steps wait for the chain), ERR_IO. */
NODISCARD enum err srd_fill(struct call *c, uint64_t bytes, uint64_t *made);

/* srd_release gives up extents until about bytes are free, once the chain has accepted that. */
NODISCARD enum err srd_release(struct call *c, uint64_t bytes, uint64_t *released);

#endif
