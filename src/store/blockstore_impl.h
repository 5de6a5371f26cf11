/* blockstore_impl: what the files blockstore*.c share. Not for use outside them.
 *
 * Locks, in the order in which they are taken: write (every change), pend (the uncommitted blocks),
 * read (reader slots, the segment list, open files, the published numbers). */
#ifndef CRUST_STORE_BLOCKSTORE_IMPL_H
#define CRUST_STORE_BLOCKSTORE_IMPL_H

#include "store/blockstore.h"
#include "store/blockstore_rows.h"
#include "store/db.h"
#include "store/record.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    BLOCKSTORE_BUFFER = 4 * 1024 * 1024, /* small records gather here */
    BLOCKSTORE_DIRECT = 128 * 1024, /* from this length on a block is written from where it is */
    BLOCKSTORE_PENDING = 32768,     /* uncommitted blocks; more: a commit in between */
    BLOCKSTORE_BUCKETS = 65536,     /* power of two, at least twice that */
    BLOCKSTORE_PINS = 64,           /* uncommitted pin changes */
    BLOCKSTORE_OPEN_FILES = 256,    /* segment files open at one time, unless readers hold more */
    BLOCKSTORE_SESSIONS = 64,
    BLOCKSTORE_SEGMENTS = 1 << 20,
    BLOCKSTORE_WRITEBACK = 8 * 1024 * 1024, /* written bytes between two hints to the system */
};

struct blockstore_segment {
    uint32_t number;
    uint32_t refs; /* readers that hold the file open */
    int handle;    /* -1: closed */
    size_t dir;
    bool missing; /* the file is not there */
    bool damaged; /* its records cannot be walked through: compaction leaves it */
    bool fresh;   /* made since the last commit */
    bool gone;    /* its row is being removed */
    uint64_t allocated;
    uint64_t used_tick;
    struct blockstore_row row;
    struct blockstore_row committed;
};

struct blockstore_pending {
    uint8_t digest[BLOCK_DIGEST_SIZE];
    struct blockstore_entry entry;
    bool confirm; /* the block was there already; only its birth changes */
    bool moved;   /* the block was there already, elsewhere (compaction) */
};

struct blockstore_pin_change {
    uint8_t cid[PIN_CID_MAX];
    size_t cid_size;
    bool remove;
    struct blockstore_entry entry;
    uint8_t bytes[BLOCKSTORE_PIN_BYTES]; /* encoded */
    size_t size;
};

struct blockstore_slot {
    MDB_txn *txn;
    uint64_t pin; /* the commit that this reader may see; UINT64_MAX: free */
    uint32_t next_free;
};

struct blockstore {
    struct files files;
    struct blockstore_config config;
    char index_path[FILE_PATH_MAX];
    char dirs[BLOCKSTORE_DIRS_MAX][FILE_PATH_MAX];
    uint8_t id[RECORD_STORE_ID_SIZE];
    MDB_env *env;
    MDB_dbi meta, blocks, segments, dead, gaps, pins;

    pthread_mutex_t write_mutex;
    pthread_mutex_t pend_mutex;
    pthread_mutex_t read_mutex;

    /* under read */
    struct blockstore_slot *slots;
    uint32_t free_slot;
    struct blockstore_segment **segs; /* ascending by number */
    size_t seg_count, seg_cap;
    size_t open_files;
    uint64_t tick;
    struct blockstore_stat published;

    /* under pend */
    struct blockstore_pending *pend;
    uint32_t *buckets; /* index into pend, plus 1 */
    uint8_t *buffer;
    size_t buffer_used;
    uint32_t buffer_segment; /* the active one, 0: none */
    uint64_t buffer_offset;  /* in it */

    /* under write */
    struct blockstore_segment *active;
    uint32_t *order;
    struct blockstore_pin_change *pin_changes;
    size_t pin_count;
    uint64_t room; /* what the active disk may still take */
    uint32_t next_segment;
    uint64_t unhinted; /* bytes written since the last hint */
    uint64_t disk_bytes, block_bytes, block_count;
    uint64_t committed_block_bytes, committed_block_count;
    uint64_t sessions[BLOCKSTORE_SESSIONS]; /* first protected commit; 0: free */
    uint64_t gc_floor;                      /* 0: no run */
    uint32_t compact_at;                    /* the segment whose compaction is under way, 0: none */
    uint64_t compact_offset;
    bool failed;
    bool dirty;   /* a segment row must be written although nothing is pending */
    bool resync;  /* rebuilding: step over damaged records */
    uint64_t bad; /* records that recovery left out */

    _Atomic uint64_t seq; /* the last commit */
    _Atomic uint32_t pend_count;
};

/* ---- segments (blockstore_segment.c) ------------------------------------------------------------
 */

/* Caller holds read. NULL when there is none. */
struct blockstore_segment *blockstore_segment_find(struct blockstore *s, uint32_t number);
/* Takes read itself. ERR_EXISTS. */
NODISCARD enum err blockstore_segment_insert(struct blockstore *s, struct blockstore_segment **out,
                                             uint32_t number, size_t dir);
/* Takes read itself; closes the file and frees the object. */
void blockstore_segment_remove(struct blockstore *s, struct blockstore_segment *seg);
/* Opens the file when it is closed and counts a reference. Takes read itself. ERR_NOT_FOUND. */
NODISCARD enum err blockstore_segment_acquire(struct blockstore *s, int *handle, uint32_t number);
void blockstore_segment_unref(struct blockstore *s, uint32_t number);
NODISCARD enum err blockstore_segment_path(const struct blockstore *s, char out[FILE_PATH_MAX],
                                           size_t dir, uint32_t number);
/* Makes the file of a new segment with its header in the buffer; pend is not held. */
NODISCARD enum err blockstore_segment_create(struct blockstore *s, struct blockstore_segment **out,
                                             size_t dir);
/* Finds all segment files in all directories. */
NODISCARD enum err blockstore_segment_discover(struct blockstore *s);
/* Reads and decodes the record header at offset. */
NODISCARD enum err blockstore_segment_header(struct blockstore *s, struct record *r, int handle,
                                             uint64_t offset);

/* ---- writing (blockstore_write.c); caller holds write
 * -------------------------------------------- */

NODISCARD enum err blockstore_commit_locked(struct blockstore *s);
void blockstore_rollback_locked(struct blockstore *s);
/* Appends one record; on failure the batch is lost, except for ERR_FULL before any write. */
NODISCARD enum err blockstore_append(struct blockstore *s, struct blockstore_entry *entry,
                                     struct record *r, struct span data);
void blockstore_pend(struct blockstore *s, const struct blockstore_pending *p);
/* Takes pend itself. */
bool blockstore_pend_find(struct blockstore *s, struct blockstore_pending *out,
                          const uint8_t digest[BLOCK_DIGEST_SIZE]);
/* Writes the buffer out and syncs the active file. */
NODISCARD enum err blockstore_sync_data(struct blockstore *s);
/* Cuts reserved space behind the last record off. */
void blockstore_trim(struct blockstore *s, const struct blockstore_segment *seg);
/* The pin record of a scan. */
void blockstore_pend_pin(struct blockstore *s, struct span cid, const uint8_t *bytes, size_t size,
                         const struct blockstore_entry *entry);
/* What a transaction of that number wrote is now the truth. */
void blockstore_committed(struct blockstore *s, uint64_t seq);
/* Commits what is pending, then removes entries in one transaction. */
NODISCARD enum err blockstore_remove_locked(struct blockstore *s, const struct block_key *keys,
                                            size_t count, size_t *removed);
void blockstore_publish(struct blockstore *s);
/* What all segments take, from their rows. */
uint64_t blockstore_disk_bytes(const struct blockstore *s);
NODISCARD enum err blockstore_put_segment_row(struct blockstore *s, MDB_txn *txn,
                                              const struct blockstore_segment *seg);
NODISCARD enum err blockstore_put_meta(struct blockstore *s, MDB_txn *txn, uint64_t seq);
/* Marks the record of entry dead within txn and in its segment's numbers. */
NODISCARD enum err blockstore_bury(struct blockstore *s, MDB_txn *txn,
                                   const struct blockstore_entry *e, uint64_t seq);

/* ---- reading (blockstore_read.c)
 * ----------------------------------------------------------------- */

/* One reader's transaction, pinned so that nothing it can see is punched. ERR_BUSY. */
NODISCARD enum err blockstore_slot_take(struct blockstore *s, uint32_t *slot);
void blockstore_slot_free(struct blockstore *s, uint32_t slot);
/* The oldest commit that a reader may still see; UINT64_MAX without readers. */
uint64_t blockstore_oldest_reader(struct blockstore *s);
/* Looks a committed block up. */
NODISCARD enum err blockstore_find(struct blockstore *s, struct blockstore_entry *e,
                                   const uint8_t digest[BLOCK_DIGEST_SIZE]);

/* ---- opening (blockstore.c, blockstore_recover.c)
 * ------------------------------------------------- */

/* Everything of blockstore_open but the recovery. */
NODISCARD enum err blockstore_new(struct blockstore **out, const struct blockstore_config *config);
/* Takes in what stands behind the last commit and chooses the active segment. */
NODISCARD enum err blockstore_recover(struct blockstore *s);

void blockstore_lock(pthread_mutex_t *m);
void blockstore_unlock(pthread_mutex_t *m);

#endif
