/* embedded: agreement on one machine. A timer makes blocks out of the mempool and drives the
 * ledger through engine/engine.h. Why and how: docs/design/embedded-engine.md.
 *
 * Durability: a transaction is on disk before it is acknowledged; a block is on disk before it is
 * executed; what it changes is committed in one transaction with its results. After a kill at any
 * moment embedded_open executes again what was decided and not committed, and finds every
 * acknowledged transaction in the chain or in the mempool.
 *
 * All calls on the loop's thread, but the mempool's functions marked "any thread". No clock: time
 * is passed in. */
#ifndef CRUST_ENGINE_EMBEDDED_H
#define CRUST_ENGINE_EMBEDDED_H

#include "engine/engine.h"
#include "engine/intake.h"

struct embedded;

struct embedded_config {
    uint8_t proposer[32]; /* account that gets the author's part of fees; zeros: none */
    struct mempool_limits mempool;
    uint64_t seed;          /* random, for the mempool's hashing */
    size_t block_bytes_max; /* 0: BLOCK_BYTES_MAX; the chain's own parameter bounds further */
    /* Gives the beacon contribution that is due now, inside room; ERR_NOT_FOUND: none. NULL: this
     * engine does not contribute. */
    enum err (*contribution)(void *ctx, struct span *out, struct mspan room);
    void *contribution_ctx;
    /* Told after each commit. May be NULL. */
    void (*committed)(void *ctx, uint64_t height, size_t tx_count);
    void *committed_ctx;
};

/* embedded_open takes up where the database stands: replays decided blocks, reloads the mempool.
 * db, app and sigs are kept until embedded_close; app is past init_chain. *out: given.
 * Returns: OK; ERR_CORRUPT (a stored block does not follow from the one before it, or the state
 * from the blocks); ERR_MEMORY; or as the database and the app fail. */
NODISCARD enum err embedded_open(struct embedded **out, const struct embedded_config *config,
                                 const struct engine_app *app, struct statedb *db,
                                 struct sigpool *sigs);
void embedded_close(struct embedded *e);

/* embedded_make_block makes the next block at wall time now_ms, or finishes one that could not be
 * committed before. The caller has flushed the intake. Returns: OK; ERR_FULL, ERR_MEMORY or
 * ERR_BUSY (call again later); ERR_IO, ERR_CORRUPT, ERR_STATE (stop the process: the ledger cannot
 * go on). */
NODISCARD enum err embedded_make_block(struct embedded *e, uint64_t now_ms);

/* True while a decided block waits for the disk. */
bool embedded_is_stuck(const struct embedded *e);

/* Where transactions come in. Borrowed until embedded_close. */
struct intake *embedded_intake(struct embedded *e);
struct engine_info embedded_info(const struct embedded *e);

/* How many blocks embedded_open executed again. */
uint64_t embedded_replayed(const struct embedded *e);

#endif
