/* volume: one disk of a storage node: sealed replicas, extents of sealed random data, and small
 * files, all under one directory with a marker. Layout: docs/spec/store.md section 8.
 *
 * Threads: one thread changes a volume; reads, space and state may run beside it in any thread. */
#ifndef CRUST_STORE_VOLUME_H
#define CRUST_STORE_VOLUME_H

#include "store/file.h"

enum {
    VOLUME_ID_SIZE = 16,
    VOLUME_REPLICA_SIZE = 16,
    VOLUME_SEGMENT_MAX = 64 * 1024 * 1024, /* sealed bytes in one segment file */
    VOLUME_ROW_SIZE = 32,                  /* one Merkle node for each MiB of an extent */
    VOLUME_ROW_SPAN = 1024 * 1024,
    VOLUME_OBJECT_NAME_MAX = 48, /* letters, digits, '-', '_', '.', not first; with its NUL */
    VOLUME_SUSPECT_ERRORS = 3,   /* good probes in a row that make a suspect disk usable again */
};

/* mpow 9.11. Writing needs OK; reading needs OK, SUSPECT, RETURNING, FAILED or STOPPING.
 *
 *   OK --error--> SUSPECT --good probes--> RETURNING --accept--> OK or FAILED
 *   any --marker gone--> OFFLINE --marker back--> RETURNING
 *   OK --doubt--> RETURNING      FAILED, STOPPED --resume--> OFFLINE */
enum volume_state {
    VOLUME_OK = 0,
    VOLUME_SUSPECT = 1,   /* gave an error, or is read-only: no writes, probed again and again */
    VOLUME_OFFLINE = 2,   /* the marker is gone or another disk's: not mounted */
    VOLUME_RETURNING = 3, /* back, or in doubt: the owner checks bytes, then volume_accept */
    VOLUME_DEAD = 4,      /* given up by the operator or after the limit: contents do not count */
    VOLUME_FAILED = 5,    /* bytes are missing or wrong: until volume_resume or volume_give_up */
    VOLUME_STOPPING = 6,  /* the operator wants it to rest; still read */
    VOLUME_STOPPED = 7,   /* at rest: not touched at all, it may be unmounted */
};

/* Names a replica on this volume; the owner draws it at random. */
struct volume_replica {
    uint8_t bytes[VOLUME_REPLICA_SIZE];
};

struct volume; /* opaque; given by volume_open, destroyed by volume_close */

struct volume_config {
    const struct files *files;  /* kept until close */
    const char *path;           /* the disk's directory; copied */
    uint64_t capacity_bytes;    /* what Crust may use; 0: all of the file system */
    uint64_t reserve_bytes;     /* kept free on the file system */
    bool create;                /* write a marker when the directory has none */
    uint8_t id[VOLUME_ID_SIZE]; /* the id the owner remembers; zeros: any */
};

/* volume_open opens a directory. It succeeds with state VOLUME_OFFLINE when the marker is missing
 * or another's and create is false; then id must be given. Removes what a crash left half-written.
 * ERR_NOT_FOUND (no id known and no marker), ERR_EXISTS (create, but files without a marker are
 * there), ERR_IO, ERR_MEMORY. */
NODISCARD enum err volume_open(struct volume **out, const struct volume_config *config);
void volume_close(struct volume *v);

/* Where it is, for files of the owner beside what is kept here; borrowed until close. */
const struct files *volume_files(const struct volume *v);
const char *volume_path(const struct volume *v);
const uint8_t *volume_id(const struct volume *v); /* VOLUME_ID_SIZE bytes, borrowed until close */
enum volume_state volume_state(const struct volume *v);

/* The state and its cause in words, like "offline: another disk is mounted there". What stands
 * before the colon names the state. Static storage. */
const char *volume_text(const struct volume *v);

/* volume_probe looks at the marker, writes and reads back a small file, and moves the state:
 * any -> OFFLINE, OFFLINE -> RETURNING, SUSPECT -> RETURNING after VOLUME_SUSPECT_ERRORS good
 * probes, OK or RETURNING -> SUSPECT on an error. It leaves DEAD and STOPPED alone. Call it on a
 * timer. Returns the new state. */
enum volume_state volume_probe(struct volume *v);

/* volume_accept ends RETURNING by what the check of its bytes gave: OK to OK, ERR_IO to SUSPECT,
 * anything else to FAILED. ERR_STATE in another state. */
NODISCARD enum err volume_accept(struct volume *v, enum err result);

/* volume_doubt: something read was not what was written. OK -> RETURNING. */
void volume_doubt(struct volume *v);
/* volume_fail makes FAILED of a volume that can be read. */
void volume_fail(struct volume *v);
/* volume_stop: STOPPING, or STOPPED at once; volume_resume: from these, FAILED and SUSPECT to
 * OFFLINE, so that the next probe looks at it afresh. ERR_STATE from another state. */
NODISCARD enum err volume_stop(struct volume *v, bool at_once);
NODISCARD enum err volume_resume(struct volume *v);

/* volume_give_up makes the volume DEAD in any state. For good. */
void volume_give_up(struct volume *v);

/* volume_wipe removes all that Crust keeps there, the marker last: of a DEAD volume whose marker is
 * its own, else ERR_STATE. Nothing else in the directory is touched. */
NODISCARD enum err volume_wipe(struct volume *v);

struct volume_space {
    uint64_t capacity; /* what Crust may use at most */
    uint64_t replicas; /* bytes of sealed segments */
    uint64_t extents;  /* bytes of extents with their rows */
    uint64_t objects;  /* bytes of small files */
    uint64_t reserve;
    uint64_t free; /* what may still be written */
};

NODISCARD enum err volume_space(const struct volume *v, struct volume_space *space);

/* The same without asking the disk: its file system is as the last volume_space has seen it. */
void volume_space_known(const struct volume *v, struct volume_space *space);

/* --- sealed segments ------------------------------------------------------------------------
 * A segment is invisible until volume_segment_finish has made it durable; a crash before throws it
 * away. Writing calls: ERR_STATE unless VOLUME_OK, ERR_FULL, ERR_IO (the state becomes SUSPECT). */

struct volume_segment {
    struct volume *volume;
    struct volume_replica replica;
    uint32_t number;
    int handle;
    uint64_t length;
};

NODISCARD enum err volume_segment_begin(struct volume_segment *out, struct volume *v,
                                        const struct volume_replica *replica, uint32_t number);
/* ERR_LIMIT over VOLUME_SEGMENT_MAX. */
NODISCARD enum err volume_segment_append(struct volume_segment *s, struct span data);
/* Ends s in any case; on failure the segment is not there. */
NODISCARD enum err volume_segment_finish(struct volume_segment *s);
void volume_segment_abort(struct volume_segment *s);
/* Removes a finished segment; OK when it is not there. */
NODISCARD enum err volume_segment_delete(struct volume *v, const struct volume_replica *replica,
                                         uint32_t number);

/* Fills buf from offset; ERR_NOT_FOUND, ERR_SHORT, ERR_STATE, ERR_IO. */
NODISCARD enum err volume_segment_read(struct volume *v, struct mspan buf,
                                       const struct volume_replica *replica, uint32_t number,
                                       uint64_t offset);
NODISCARD enum err volume_segment_size(struct volume *v, uint64_t *size,
                                       const struct volume_replica *replica, uint32_t number);

/* volume_replica_delete removes all segments and objects of a replica; OK when there are none. */
NODISCARD enum err volume_replica_delete(struct volume *v, const struct volume_replica *replica);

typedef enum err (*volume_replica_visit)(void *ctx, const struct volume_replica *replica);
NODISCARD enum err volume_replica_list(struct volume *v, volume_replica_visit visit, void *ctx);

/* --- extents --------------------------------------------------------------------------------
 * Bytes plus one row node for each MiB, invisible until volume_extent_finish. */

struct volume_extent {
    struct volume *volume;
    uint32_t number;
    int handle;
    uint64_t size;    /* a multiple of VOLUME_ROW_SPAN */
    uint64_t written; /* bytes so far */
    uint64_t rows;    /* row nodes so far */
};

NODISCARD enum err volume_extent_begin(struct volume_extent *out, struct volume *v, uint32_t number,
                                       uint64_t size);
/* Appends bytes; whole MiBs, except that any split is fine as long as rows keep up. */
NODISCARD enum err volume_extent_append(struct volume_extent *e, struct span data);
/* The node of the next MiB, in order. */
NODISCARD enum err volume_extent_row(struct volume_extent *e, const uint8_t node[VOLUME_ROW_SIZE]);
/* Ends e in any case; ERR_STATE when bytes or rows are missing. */
NODISCARD enum err volume_extent_finish(struct volume_extent *e);
void volume_extent_abort(struct volume_extent *e);

NODISCARD enum err volume_extent_read(struct volume *v, struct mspan buf, uint32_t number,
                                      uint64_t offset);
/* Row nodes first to first + count - 1. */
NODISCARD enum err volume_extent_read_rows(struct volume *v, uint8_t (*nodes)[VOLUME_ROW_SIZE],
                                           size_t count, uint32_t number, uint32_t first);
NODISCARD enum err volume_extent_delete(struct volume *v, uint32_t number);

typedef enum err (*volume_extent_visit)(void *ctx, uint32_t number, uint64_t size);
NODISCARD enum err volume_extent_list(struct volume *v, volume_extent_visit visit, void *ctx);

/* --- small files ----------------------------------------------------------------------------
 * Of a replica (checkpoint, wrapped keys, records), or of the volume where replica is NULL. */

/* Replaces the whole object, atomically and durably. ERR_FORMAT for a bad name. */
NODISCARD enum err volume_object_put(struct volume *v, const struct volume_replica *replica,
                                     const char *name, struct span data);
NODISCARD enum err volume_object_size(struct volume *v, uint64_t *size,
                                      const struct volume_replica *replica, const char *name);
NODISCARD enum err volume_object_read(struct volume *v, struct mspan buf,
                                      const struct volume_replica *replica, const char *name,
                                      uint64_t offset);
NODISCARD enum err volume_object_delete(struct volume *v, const struct volume_replica *replica,
                                        const char *name);

/* volume_object_list visits the names of all objects, which the visitor may delete. Anything but OK
 * ends the walk and is returned. */
typedef enum err (*volume_object_visit)(void *ctx, const char *name);
NODISCARD enum err volume_object_list(struct volume *v, const struct volume_replica *replica,
                                      volume_object_visit visit, void *ctx);

#endif
