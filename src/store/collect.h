/* collect: garbage collection of a block store from its pins: marks every block below a pin, sweeps
 * the rest, gives the space back. Writers and readers go on meanwhile. Memory is flat. */
#ifndef CRUST_STORE_COLLECT_H
#define CRUST_STORE_COLLECT_H

#include "codec/cid.h"
#include "store/blockstore_maint.h"

struct collect {
    struct blockstore *store;
    const char *scratch_path; /* as blockstore_gc_begin */
    /* Called now and then with "mark" or "sweep"; false stops the run. May be NULL. */
    bool (*progress)(void *ctx, const char *phase, uint64_t done);
    void *ctx;
    /* Out: */
    struct blockstore_gc_result result;
    struct cid broken; /* ERR_NOT_FOUND and other failures of a pin: which; digest_size 0: none */
};

/* collect_run: OK; ERR_CLOSED (stopped by progress); ERR_NOT_FOUND, ERR_CORRUPT ... (the pin in
 * `broken` is not whole: nothing was removed); ERR_BUSY, ERR_MEMORY, ERR_IO. */
NODISCARD enum err collect_run(struct collect *c);

#endif
