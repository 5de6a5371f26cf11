/* statedb: the ledger's tables in one LMDB environment, written one block at a time.
 * Why it is built so: docs/design/state-storage.md.
 *
 * The loop thread owns the database: it executes a block into the overlay (statedb_state) and
 * makes it durable with statedb_commit, one transaction for everything. Other threads read
 * committed data through snapshots. A kill at any point leaves the last commit.
 * System calls: LMDB, one lock file. Errors of all calls besides those named: ERR_IO, ERR_CORRUPT,
 * ERR_MEMORY, ERR_BUSY (no free reader slot). */
#ifndef CRUST_STORE_STATEDB_H
#define CRUST_STORE_STATEDB_H

#include "base/err.h"
#include "base/kv.h"
#include "base/span.h"

struct statedb;
struct statedb_snapshot;

enum statedb_table {
    STATEDB_STATE,   /* what the state machine sees; changed only through the overlay */
    STATEDB_BLOCKS,  /* height be64 -> block record, durable before the block is executed */
    STATEDB_RESULTS, /* height be64 -> result record */
    STATEDB_TXS,     /* tx hash -> height be64, index be32 */
    STATEDB_POOL,    /* sequence be64 -> transaction that was acknowledged and is in no block yet */
    STATEDB_INDEX,   /* lists for queries, derived from results: docs/spec/block.md 5 */
    STATEDB_META,    /* names -> values of the engine, such as the genesis hash */
    STATEDB_TABLES
};

enum {
    STATEDB_UNDO_DEFAULT = 64, /* heights that can be taken back */
    STATEDB_READERS = 256,     /* snapshots open at the same time */
    STATEDB_HASH_SIZE = 32,
};

struct statedb_config {
    const char *dir;          /* exists; holds data.mdb, lock.mdb and LOCK */
    uint64_t map_bytes;       /* address space at first, 0 = 1 GiB; doubled when it is full */
    uint64_t map_bytes_max;   /* 0 = 1 TiB */
    size_t overlay_bytes_max; /* 0 = 128 MiB: memory that one block's changes may take */
    uint32_t undo_heights;    /* 0 = STATEDB_UNDO_DEFAULT */
};

/* Height 0 is the genesis state. fresh: nothing was ever committed. */
struct statedb_head {
    uint64_t height;
    uint8_t app_hash[STATEDB_HASH_SIZE];
    bool fresh;
};

/* A change outside the state table. */
struct statedb_row {
    enum statedb_table table;
    struct span key;
    struct span value;
    bool del;
};

/* statedb_open opens or creates the environment. *out: given, closed with statedb_close.
 * Returns also ERR_BUSY when another process has it open. */
NODISCARD enum err statedb_open(struct statedb **out, const struct statedb_config *config);
void statedb_close(struct statedb *db);

/* The last commit. Loop thread. */
struct statedb_head statedb_head(const struct statedb *db);

/* The kv of the block under execution: the overlay over the last commit. Loop thread; valid until
 * statedb_close. */
struct kv statedb_state(struct statedb *db);

/* The committed rows of a table, without the overlay, read-only (put and del: ERR_DENIED). Spans
 * are borrowed until the next statedb_commit, statedb_write or statedb_rollback. Loop thread. */
struct kv statedb_committed(struct statedb *db, enum statedb_table table);

/* Number of keys that the overlay has changed. */
size_t statedb_dirty(const struct statedb *db);

/* statedb_discard throws the overlay away. */
void statedb_discard(struct statedb *db);

/* statedb_commit writes the overlay, rows and the new head in one durable transaction, with the
 * undo record that statedb_rollback needs, and empties the overlay. height: the head's plus one, or
 * any for a fresh database. Returns also ERR_FULL (disk or map). On any failure nothing is
 * changed, the overlay stays, and the call may be repeated. */
NODISCARD enum err statedb_commit(struct statedb *db, uint64_t height,
                                  const uint8_t app_hash[STATEDB_HASH_SIZE],
                                  const struct statedb_row *rows, size_t row_count);

/* statedb_write makes rows durable in one transaction of their own (no undo). Not for
 * STATEDB_STATE. Returns also ERR_FULL: nothing is changed. */
NODISCARD enum err statedb_write(struct statedb *db, const struct statedb_row *rows,
                                 size_t row_count);

/* statedb_rollback takes the last commit back: state and rows become what they were before it.
 * The overlay must be empty. ERR_NOT_FOUND: no undo record is left. Repeatable down to the oldest
 * record. What statedb_write wrote stays. */
NODISCARD enum err statedb_rollback(struct statedb *db);

/* Filling the database from a snapshot of another node's state. statedb_restore_begin empties it:
 * all tables, in one transaction; the head is fresh then. statedb_restore_flush makes what is in
 * the overlay durable, without undo, and empties the overlay. statedb_commit ends it. A database
 * that is opened before that has forgotten everything: it is fresh. Returns also ERR_FULL. */
NODISCARD enum err statedb_restore_begin(struct statedb *db);
NODISCARD enum err statedb_restore_flush(struct statedb *db);

/* statedb_size gives the bytes used in the file and the size of the map. */
NODISCARD enum err statedb_size(struct statedb *db, uint64_t *used, uint64_t *map);

/* ---- snapshots: any thread ------------------------------------------------------------------ */

/* statedb_snapshot_open fixes the last commit for reading. *out: given, closed with
 * statedb_snapshot_close before statedb_close. Hold it for one request only: while it is open the
 * map cannot grow and old pages are kept. */
NODISCARD enum err statedb_snapshot_open(struct statedb_snapshot **out, struct statedb *db);
void statedb_snapshot_close(struct statedb_snapshot *s);

struct statedb_head statedb_snapshot_head(const struct statedb_snapshot *s);

/* A table of the snapshot, read-only. Spans are borrowed until statedb_snapshot_close. A snapshot
 * and its kvs belong to one thread at a time. */
struct kv statedb_snapshot_kv(struct statedb_snapshot *s, enum statedb_table table);

#endif
