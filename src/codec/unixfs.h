/* unixfs: the UnixFS message in the Data field of a dag-pb block.
 * Spec: specs.ipfs.tech/unixfs; what we accept: docs/spec/content.md 4. No allocation. Pure. */
#ifndef CRUST_CODEC_UNIXFS_H
#define CRUST_CODEC_UNIXFS_H

#include "base/reader.h"
#include "base/writer.h"

enum unixfs_type {
    UNIXFS_RAW = 0, /* a leaf of a trickle file */
    UNIXFS_DIRECTORY = 1,
    UNIXFS_FILE = 2,
    UNIXFS_METADATA = 3, /* never used by anybody */
    UNIXFS_SYMLINK = 4,
    UNIXFS_HAMT = 5, /* one shard of a large directory */
};

enum {
    UNIXFS_HASH_MURMUR3 = 0x22,
    UNIXFS_FANOUT_MIN = 8,
    UNIXFS_FANOUT_MAX = 1024, /* larger ones were a memory attack: CVE-2023-23625 */
    UNIXFS_MODE_MASK = 07777,
    UNIXFS_BITFIELD_MAX = UNIXFS_FANOUT_MAX / 8,
};

/* Optional metadata of a file, directory or symlink. */
struct unixfs_meta {
    bool has_mode;
    bool has_mtime;
    uint32_t mode; /* permission bits only, UNIXFS_MODE_MASK */
    int64_t mtime_s;
    uint32_t mtime_ns; /* below 10^9 */
};

struct unixfs {
    enum unixfs_type type;
    bool has_data;
    struct span data; /* file bytes, symlink target, HAMT bitfield */
    bool has_size;
    uint64_t size;      /* filesize; 0 when absent */
    uint64_t block_sum; /* of all blocksizes */
    size_t block_count;
    uint64_t hash_type;
    uint64_t fanout;
    struct unixfs_meta meta;
    struct span message; /* for unixfs_blocks */
};

/* A position in the blocksizes. */
struct unixfs_iter {
    struct span rest;
    struct span packed;
};

/* unixfs_decode reads the message. Unknown fields are skipped, the last of a repeated single field
 * counts, blocksizes may be packed, as protobuf says; the order of fields is free.
 *
 * Out:     *out, which borrows from in; zeroed on failure.
 * Returns: OK, ERR_SHORT, ERR_FORMAT (no type or an unknown one, a wire type, nanoseconds over
 * 10^9, a HAMT whose hash is not murmur3 or whose fanout is not a power of two in range or whose
 *          bitfield is longer than the fanout), ERR_RANGE (the sum of blocksizes overflows). */
NODISCARD enum err unixfs_decode(struct unixfs *out, struct span in);

static inline struct unixfs_iter unixfs_blocks(const struct unixfs *u)
{
    return (struct unixfs_iter){ .rest = u->message };
}

/* The next blocksize; false at the end. */
bool unixfs_next_block(struct unixfs_iter *it, uint64_t *size);

/* What unixfs_write puts down, in the field order every importer uses. */
struct unixfs_fields {
    enum unixfs_type type;
    bool has_data;
    struct span data;
    bool has_size;
    uint64_t size;
    const uint64_t *blocks; /* block_count numbers; may be NULL when there are none */
    size_t block_count;
    uint64_t fanout;                /* 0 unless a HAMT; then hashType is murmur3 */
    const struct unixfs_meta *meta; /* NULL: none */
};

void unixfs_write(struct writer *w, const struct unixfs_fields *f);

/* The exact size of what unixfs_write writes. */
size_t unixfs_size(const struct unixfs_fields *f);

#endif
