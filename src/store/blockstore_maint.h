/* blockstore_maint: looking after a block store: verify, rebuild, garbage collection. Format and
 * order of writes: docs/spec/store.md section 6. Beside readers and writers unless said. */
#ifndef CRUST_STORE_BLOCKSTORE_MAINT_H
#define CRUST_STORE_BLOCKSTORE_MAINT_H

#include "store/blockstore.h"

struct blockstore_progress {
    uint64_t blocks;       /* done so far */
    uint64_t bytes;        /* done so far */
    uint64_t blocks_total; /* when it began */
    uint64_t bad;          /* found so far */
};

/* What verify says about a block. */
enum blockstore_fault {
    BLOCKSTORE_BAD_BYTES = 1,  /* the bytes do not match the digest */
    BLOCKSTORE_BAD_HEADER = 2, /* the record's header is damaged; the bytes may be good */
    BLOCKSTORE_UNREADABLE = 3, /* the file is missing or gives errors */
};

struct blockstore_verify_events {
    void *ctx;
    /* Once per bad block. May be NULL. */
    void (*bad)(void *ctx, const uint8_t digest[BLOCK_DIGEST_SIZE], enum blockstore_fault fault);
    /* Every few thousand blocks; false stops the run with ERR_CLOSED. May be NULL. */
    bool (*progress)(void *ctx, const struct blockstore_progress *progress);
};

/* blockstore_verify hashes every committed block again. OK when it went through, whatever it found:
 * the counts are in *result. */
NODISCARD enum err blockstore_verify(struct blockstore *s, struct blockstore_progress *result,
                                     const struct blockstore_verify_events *events);

/* blockstore_rebuild makes the index and the pins anew from the segments alone, beside the old one,
 * and puts it in place with a rename. The store must not be open. *result counts what was found;
 * damaged records are left out and counted as bad. */
NODISCARD enum err blockstore_rebuild(const struct blockstore_config *config,
                                      struct blockstore_progress *result);

/* --- garbage collection ------------------------------------------------------------------- */

/* One run: begin, mark every live digest, then sweep until done. What was put after begin, or in a
 * session still open, is never swept. Memory is flat: marks go to a scratch file. */
struct blockstore_gc;

struct blockstore_gc_result {
    uint64_t kept;
    uint64_t removed;
    uint64_t removed_bytes;
};

/* scratch_path names a file that may be overwritten and is removed at the end. ERR_BUSY when a run
 * is under way. */
NODISCARD enum err blockstore_gc_begin(struct blockstore_gc **out, struct blockstore *s,
                                       const char *scratch_path);

/* blockstore_gc_mark: this block stays. *known (may be NULL): it was marked before, so that a walk
 * need not descend again. */
NODISCARD enum err blockstore_gc_mark(struct blockstore_gc *gc,
                                      const uint8_t digest[BLOCK_DIGEST_SIZE], bool *known);

/* blockstore_gc_sweep looks at up to budget blocks and deletes the unmarked ones; the write lock is
 * free between calls. */
NODISCARD enum err blockstore_gc_sweep(struct blockstore_gc *gc, size_t budget, bool *done);

/* blockstore_gc_end frees gc, swept or not. NULL is fine. *result may be NULL. */
void blockstore_gc_end(struct blockstore_gc *gc, struct blockstore_gc_result *result);

/* blockstore_compact moves the live blocks of one sparse segment (less than live_percent of it
 * alive) to the end of the store, at most budget bytes in this call, so that its file can go.
 * *more: there is another one or this one is not done. */
NODISCARD enum err blockstore_compact(struct blockstore *s, unsigned live_percent, uint64_t budget,
                                      bool *more);

#endif
