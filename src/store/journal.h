/* journal: an append-only log of opaque records (the enclave's MACed state), mirrored in several
 * directories. Format and recovery: docs/spec/store.md section 9. One thread.
 *
 * At open the newest valid copy wins and is written to the mirrors that are behind. A torn tail is
 * cut off. The caller checks what records mean: crc32c finds torn writes, not forgery. */
#ifndef CRUST_STORE_JOURNAL_H
#define CRUST_STORE_JOURNAL_H

#include "store/file.h"

enum {
    JOURNAL_MIRRORS_MAX = 17,           /* 16 volumes and enclave/ itself */
    JOURNAL_RECORD_MAX = 64 * 1024,     /* bytes of one record */
    JOURNAL_SNAPSHOT_MAX = 1024 * 1024, /* bytes of a snapshot */
    JOURNAL_BATCH_MAX = 1024 * 1024,    /* bytes between two commits */
};

struct journal; /* opaque; given by journal_open, destroyed by journal_close */

enum journal_kind {
    JOURNAL_SNAPSHOT = 1, /* state that all earlier records led to */
    JOURNAL_RECORD = 2,
};

/* Replays at open: at most one snapshot, first, then records in order. Anything but OK ends it. */
typedef enum err (*journal_replay)(void *ctx, enum journal_kind kind, struct span data);

struct journal_config {
    const struct files *files;             /* kept until close */
    const char *dirs[JOURNAL_MIRRORS_MAX]; /* made when missing; copied */
    size_t dir_count;                      /* at least 1 */
    journal_replay replay;                 /* may be NULL */
    void *replay_ctx;
};

/* journal_open: OK when at least one mirror works. ERR_CORRUPT when mirrors hold valid logs of the
 * same generation that contradict each other, ERR_IO when none works. */
NODISCARD enum err journal_open(struct journal **out, const struct journal_config *config);
void journal_close(struct journal *j);

/* journal_append buffers one record. ERR_LIMIT (too long, or the batch is full: commit first). */
NODISCARD enum err journal_append(struct journal *j, struct span record);

/* journal_commit: everything appended is synced on every working mirror. A mirror that fails is
 * left out from then on (journal_mirrors); ERR_IO when none is left, and then the batch is lost. */
NODISCARD enum err journal_commit(struct journal *j);

/* journal_snapshot commits, then starts a new log that begins with this state; the one before stays
 * as second generation. */
NODISCARD enum err journal_snapshot(struct journal *j, struct span state);

/* Bytes of the present log: the caller snapshots when it is long. */
uint64_t journal_size(const struct journal *j);

/* How many mirrors work, of how many. */
size_t journal_mirrors(const struct journal *j, size_t *configured);

/* journal_mirror_add brings a directory in (a disk that came back or is new), with the whole
 * present log; commits first. */
NODISCARD enum err journal_mirror_add(struct journal *j, const char *dir);

/* journal_mirror_drop commits, then leaves a directory out and closes its file: the disk is to be
 * unmounted or emptied. ERR_NOT_FOUND: it is none of the mirrors; ERR_STATE: it is the last one. */
NODISCARD enum err journal_mirror_drop(struct journal *j, const char *dir);

#endif
