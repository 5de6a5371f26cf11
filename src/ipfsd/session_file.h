/* session_file: what a volume keeps of a sealing under way, so that it can go on after a crash: the
 * enclave's newest checkpoint with the closed segments, and the records of the blocks in them.
 * Format: docs/spec/node-host.md 6. Writing is one thread per volume (disks_lock). */
#ifndef CRUST_IPFSD_SESSION_FILE_H
#define CRUST_IPFSD_SESSION_FILE_H

#include "ipfsd/replica.h"

enum {
    SESSION_FILE_ROW_SIZE = 84, /* length u32 | wrapped key | parts u32 */
    SESSION_FILE_HEAD_SIZE = 4 + 36 + 8 + 4 + 4,
    SESSION_FILE_DIGEST = 32,
    SESSION_FILE_SIZE_MAX = SESSION_FILE_HEAD_SIZE + ENCLAVE_CHECKPOINT_MAX +
                            REPLICA_SEGMENTS_MAX * SESSION_FILE_ROW_SIZE + SESSION_FILE_DIGEST,
    SESSION_FILE_PART_RECORDS = 4096, /* records in one part */
    SESSION_FILE_PARTS_MAX = 1 << 16, /* of one segment */
};

/* A closed segment. */
struct session_file_row {
    uint32_t length;
    uint8_t wrapped[ENCLAVE_WRAPPED_SIZE];
    uint32_t parts; /* files with the records of its blocks */
};

struct session_file {
    struct content_key key; /* of the content */
    uint64_t number;        /* of the enclave's session */
    size_t checkpoint_size;
    uint8_t checkpoint[ENCLAVE_CHECKPOINT_MAX];
    uint32_t row_count, row_room;
    struct session_file_row *rows; /* ours */
};

/* session_file_fini frees the rows; a zeroed object is an empty one. */
void session_file_fini(struct session_file *f);

/* ERR_LIMIT, ERR_MEMORY. */
NODISCARD enum err session_file_add(struct session_file *f, const struct session_file_row *row);

/* The bytes of f, and f of the bytes (*out is given: session_file_fini). ERR_CORRUPT: these are not
 * bytes that encode gave; ERR_MEMORY. Canonical: what decodes encodes to the same bytes. */
size_t session_file_size(const struct session_file *f);
void session_file_encode(struct writer *w, const struct session_file *f);
NODISCARD enum err session_file_decode(struct session_file *out, struct span in);

/* The file of a replica on its volume; put replaces it durably. Of get: ERR_NOT_FOUND, ERR_CORRUPT,
 * or a disk's error. */
NODISCARD enum err session_file_put(const struct replica_at *at, const struct session_file *f);
NODISCARD enum err session_file_get(struct session_file *out, const struct replica_at *at);
NODISCARD enum err session_file_delete(const struct replica_at *at);

/* session_file_list visits every replica of a volume that has such a file. */
NODISCARD enum err session_file_list(struct volume *v, volume_replica_visit visit, void *ctx);

/* The records of the blocks of one segment, CONTENT_RECORD_SIZE bytes each, in the order in which
 * the blocks stand there: up to SESSION_FILE_PART_RECORDS in a part. Of get: *count is set;
 * ERR_CORRUPT, ERR_NOT_FOUND. */
struct session_file_part {
    uint32_t segment, part;
};
NODISCARD enum err session_file_part_put(const struct replica_at *at,
                                         const struct session_file_part *p, struct span records);
NODISCARD enum err
session_file_part_get(uint8_t out[SESSION_FILE_PART_RECORDS * CONTENT_RECORD_SIZE], uint32_t *count,
                      const struct replica_at *at, const struct session_file_part *p);

/* The bytes of a part: records and what binds them to their place. Out: *records borrows from in.
 * ERR_CORRUPT. */
NODISCARD enum err session_file_part_check(struct span *records, const struct volume_replica *id,
                                           const struct session_file_part *p, struct span in);

/* Removes the parts of all segments from this one on. */
NODISCARD enum err session_file_parts_delete(const struct replica_at *at, uint32_t from);

#endif
