/* replica: the files of one sealed replica beside its segments: what a report and a reader need.
 * Format: docs/spec/node-host.md. Records stand in groups of 1024 in ascending order, and one node
 * of the record tree is kept for each group: the tree's shape lets it be cut there (RFC 6962 2.1).
 * Any thread. */
#ifndef CRUST_IPFSD_REPLICA_H
#define CRUST_IPFSD_REPLICA_H

#include "codec/enclave_types.h"
#include "proof/content.h"
#include "store/volume.h"

enum {
    REPLICA_GROUP = 1024,         /* records in one group */
    REPLICA_PLACED_SIZE = 80,     /* record72 | segment u32 | offset u32 */
    REPLICA_SEGMENTS_MAX = 16384, /* 1 TiB */
    REPLICA_SEGMENT_SIZE = 80,    /* length u32 | wrapped key */
    REPLICA_HEAD_SIZE = 124,
};

struct replica_record {
    struct content_record record;
    uint32_t segment;
    uint32_t offset;
};

/* What is known of a replica as a whole. */
struct replica_head {
    uint8_t leaf[ENCLAVE_LEAF_SIZE]; /* as the tree has it */
    uint64_t record_count;
    uint32_t segment_count;
};

/* Where a replica is. */
struct replica_at {
    struct volume *volume;
    struct volume_replica id;
};

/* ---- writing, in this order: groups, then the head ---- */

struct replica_writer {
    struct replica_at at;
    uint64_t count;  /* records so far */
    uint32_t filled; /* of the group under way */
    uint8_t *group;  /* given by init */
    uint8_t *nodes;  /* 40 bytes for each group */
    size_t node_room;
    struct merkle_sum_tree tree; /* of the group */
};

NODISCARD enum err replica_writer_init(struct replica_writer *w, const struct replica_at *at);
void replica_writer_fini(struct replica_writer *w);
NODISCARD enum err replica_writer_add(struct replica_writer *w, const struct replica_record *r);
NODISCARD enum err replica_writer_finish(struct replica_writer *w);

/* segments: REPLICA_SEGMENT_SIZE bytes each. */
NODISCARD enum err replica_head_put(const struct replica_at *at, const struct replica_head *h,
                                    struct span segments);

/* ---- reading: ERR_NOT_FOUND, ERR_CORRUPT (not what we wrote), ERR_IO, ERR_STATE (disk) ---- */

NODISCARD enum err replica_head_get(struct replica_head *h, const struct replica_at *at);
NODISCARD enum err replica_segment_get(uint32_t *length, uint8_t wrapped[ENCLAVE_WRAPPED_SIZE],
                                       const struct replica_at *at, uint32_t segment);

/* The segment and its path to seal_root, as REPORT_FILE wants them. */
struct replica_seal {
    uint32_t length;
    uint8_t wrapped[ENCLAVE_WRAPPED_SIZE];
    size_t steps;
    uint8_t path[32][32];
};
NODISCARD enum err replica_seal_path(struct replica_seal *out, const struct replica_at *at,
                                     const struct replica_head *h, uint32_t segment);

/* The record that holds byte offset of the content, with its path to the record tree's root. */
struct replica_place {
    struct replica_record record;
    uint64_t index;
    size_t path_size;
    uint8_t path[ENCLAVE_RECORD_PATH_MAX];
};
NODISCARD enum err replica_find(struct replica_place *out, const struct replica_at *at,
                                const struct replica_head *h, uint64_t offset);

/* All records of a group, REPLICA_GROUP or fewer. */
NODISCARD enum err replica_group_get(struct replica_record *out, const struct replica_at *at,
                                     const struct replica_head *h, uint64_t group);

/* One record. */
NODISCARD enum err replica_record_get(struct replica_record *out, const struct replica_at *at,
                                      const struct replica_head *h, uint64_t index);

#endif
