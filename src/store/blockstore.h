/* blockstore: blocks by sha2-256 digest, in append-only segment files with an LMDB index.
 * Formats: docs/spec/store.md. Why it is so: docs/design/block-store.md.
 *
 * Durability: what was put or pinned before blockstore_commit returned OK survives any crash.
 * Threads: reading calls (get, locate, has, size, stat, list, pin_get, pins) may run in any number
 * of threads up to readers_max; writing calls take one lock among themselves and may run beside
 * readers. One process at a time: store/repo.h takes the lock. */
#ifndef CRUST_STORE_BLOCKSTORE_H
#define CRUST_STORE_BLOCKSTORE_H

#include "ipfs/blockio.h"
#include "store/file.h"

enum {
    BLOCKSTORE_DIRS_MAX = 16,
    BLOCKSTORE_READERS_MAX = 1024,
};

struct blockstore; /* opaque; given by blockstore_open, destroyed by blockstore_close */

struct blockstore_config {
    const struct files *files;             /* kept until close */
    const char *index_path;                /* the LMDB file; "-lock" beside it */
    const char *dirs[BLOCKSTORE_DIRS_MAX]; /* where segments live; made when missing */
    size_t dir_count;                      /* at least 1 */
    uint64_t quota_bytes;                  /* on disk, all directories together; 0: none */
    uint64_t reserve_bytes;                /* kept free on each disk */
    uint64_t segment_bytes;                /* 0: 1 GiB; at least 4 MiB */
    uint64_t map_bytes;                    /* address space of the index; 0: 64 GiB */
    uint32_t readers_max;                  /* guards and reads at one time; 0: 512 */
};

/* blockstore_open opens or makes a store, and recovers: complete records behind the last commit are
 * kept, a torn tail is cut off. ERR_FORMAT (not a store, newer version), ERR_IO, ERR_MEMORY. */
NODISCARD enum err blockstore_open(struct blockstore **out, const struct blockstore_config *config);

/* blockstore_close discards what was not committed. NULL is fine. No guard may be held. */
void blockstore_close(struct blockstore *s);

/* --- writing ------------------------------------------------------------------------------ */

enum blockstore_trust {
    BLOCKSTORE_VERIFY = 0,   /* hash data and compare: for bytes from outside */
    BLOCKSTORE_VERIFIED = 1, /* the caller has just computed the digest from these bytes */
};

/* blockstore_put takes one block. Bytes that are here already are not written again.
 * ERR_CORRUPT (digest wrong), ERR_LIMIT (over BLOCK_SIZE_MAX), ERR_FULL (quota, or reserve of every
 * disk: nothing is lost, other puts of this batch stand), ERR_STATE (an earlier write failed:
 * blockstore_rollback first), ERR_IO. */
NODISCARD enum err blockstore_put(struct blockstore *s, const uint8_t digest[BLOCK_DIGEST_SIZE],
                                  struct span data, enum blockstore_trust trust);

/* blockstore_commit: data to disk, then the index. On failure ERR_FULL, ERR_IO or ERR_STATE:
 * nothing since the last commit may be relied upon; call blockstore_rollback, then go on. */
NODISCARD enum err blockstore_commit(struct blockstore *s);

/* blockstore_rollback forgets what was not committed. */
void blockstore_rollback(struct blockstore *s);

/* blockstore_delete removes blocks from the index in one transaction, missing ones are skipped;
 * commits what is pending first. Their space comes back once no reader can see them any more
 * (blockstore_reclaim). The caller has looked at the pins. *removed may be NULL. */
NODISCARD enum err blockstore_delete(struct blockstore *s, const struct block_key *keys,
                                     size_t count, size_t *removed);

/* blockstore_reclaim gives the space of deleted blocks back, at most budget records in this call;
 * *more says whether there is work left that no reader holds up. */
NODISCARD enum err blockstore_reclaim(struct blockstore *s, size_t budget, bool *more);

/* A session protects every block put since it began from garbage collection, also across commits,
 * until its end; a writer opens one for the time between its first put and its pin. */
NODISCARD enum err blockstore_session_begin(struct blockstore *s, uint32_t *session);
void blockstore_session_end(struct blockstore *s, uint32_t session);

/* --- reading ------------------------------------------------------------------------------ */

/* blockstore_get copies a block, committed or not. The record's crc32c is checked.
 * ERR_NOT_FOUND, ERR_LIMIT (buf too small, *size says what is needed), ERR_CORRUPT, ERR_IO,
 * ERR_BUSY (readers_max reads at once). */
NODISCARD enum err blockstore_get(struct blockstore *s, size_t *size, struct mspan buf,
                                  const uint8_t digest[BLOCK_DIGEST_SIZE]);

/* A committed block's place, for pread or sendfile; the range keeps its bytes until
 * blockstore_release. The fd is borrowed: never close it. */
struct blockstore_range {
    int fd;
    uint64_t offset;
    uint32_t length;
    uint32_t crc32c;  /* of the bytes */
    uint32_t slot;    /* for blockstore_release */
    uint32_t segment; /* for blockstore_release */
};

NODISCARD enum err blockstore_locate(struct blockstore *s, struct blockstore_range *range,
                                     const uint8_t digest[BLOCK_DIGEST_SIZE]);
void blockstore_release(struct blockstore *s, const struct blockstore_range *range);

/* OK or ERR_NOT_FOUND; also the length where size is not NULL. */
NODISCARD enum err blockstore_has(struct blockstore *s, size_t *size,
                                  const uint8_t digest[BLOCK_DIGEST_SIZE]);

struct blockstore_item {
    uint8_t digest[BLOCK_DIGEST_SIZE];
    uint32_t length;
};

/* blockstore_list copies up to max committed items with digests > after (NULL: from the start),
 * ascending. *count 0 means the end. */
NODISCARD enum err blockstore_list(struct blockstore *s, struct blockstore_item *items,
                                   size_t *count, size_t max, const uint8_t *after);

struct blockstore_stat {
    uint64_t blocks;        /* committed */
    uint64_t block_bytes;   /* their bytes */
    uint64_t disk_bytes;    /* what the segments take */
    uint64_t reclaim_bytes; /* deleted, not yet given back */
    uint64_t quota_bytes;   /* 0: none */
    uint64_t free_bytes;    /* what may still be put: quota and disks, reserve taken off */
    uint64_t pins;
    uint32_t segments;
    uint32_t segments_missing; /* files that the index knows and that are not there */
};

NODISCARD enum err blockstore_stat(struct blockstore *s, struct blockstore_stat *stat);

/* --- pins --------------------------------------------------------------------------------- */

/* blockstore_pin adds or replaces a pin, durable with the next commit. */
NODISCARD enum err blockstore_pin(struct blockstore *s, const struct pin *pin);

/* blockstore_unpin removes a pin, durable with the next commit; ERR_NOT_FOUND. */
NODISCARD enum err blockstore_unpin(struct blockstore *s, struct span cid);

/* A pin in memory of its own. */
struct blockstore_pin {
    struct pin pin; /* its spans point into bytes */
    uint8_t bytes[PIN_CID_MAX + PIN_NAME_MAX + PIN_PROFILE_MAX];
};

NODISCARD enum err blockstore_pin_get(struct blockstore *s, struct blockstore_pin *out,
                                      struct span cid);

/* blockstore_pin_next gives the first committed pin whose cid is > after (empty span: the first);
 * ERR_NOT_FOUND at the end. */
NODISCARD enum err blockstore_pin_next(struct blockstore *s, struct blockstore_pin *out,
                                       struct span after);

#endif
