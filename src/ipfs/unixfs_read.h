/* unixfs_read: files, directories and symlinks out of a block_source, in bounded memory and without
 * recursion. Spec: specs.ipfs.tech/unixfs; limits: docs/spec/content.md 8.
 *
 * A failure of the source (ERR_NOT_FOUND, ERR_TIMEOUT, ...) changes nothing: the same call may be
 * made again once the block is there. */
#ifndef CRUST_IPFS_UNIXFS_READ_H
#define CRUST_IPFS_UNIXFS_READ_H

#include "codec/cid.h"
#include "codec/dagpb.h"
#include "codec/unixfs.h"
#include "ipfs/blockio.h"

enum {
    UNIXFS_READ_DEPTH = 32,                  /* nodes from root to leaf, of a file or a HAMT */
    UNIXFS_READ_MEMORY = 2 * BLOCK_SIZE_MAX, /* enough for every DAG that importers write */
};

enum unixfs_read_kind {
    UNIXFS_READ_FILE,
    UNIXFS_READ_DIRECTORY,
    UNIXFS_READ_SYMLINK,
    UNIXFS_READ_OTHER, /* a block that is no UnixFS: dag-cbor, or dag-pb with other data */
};

struct unixfs_read_stat {
    enum unixfs_read_kind kind;
    bool sharded;   /* a directory that is a HAMT */
    uint64_t size;  /* bytes of a file or of a symlink's target */
    uint64_t tsize; /* the block and all below it, as its links say */
    size_t link_count;
    struct unixfs_meta meta;
    struct span target; /* of a symlink; borrowed from the block */
};

/* unixfs_read_stat describes the node whose block this is.
 * OK; ERR_FORMAT, ERR_SHORT for malformed dag-pb, and for a file whose sizes do not add up. */
NODISCARD enum err unixfs_read_stat(struct unixfs_read_stat *out, const struct cid *cid,
                                    struct span block);

/* An open node: its block lies in the memory at start. */
struct unixfs_read_frame {
    struct cid cid;
    size_t start, size;
    struct dagpb_iter links;
    struct unixfs_iter sizes; /* of a file */
    uint64_t at;              /* file offset of the next child; hash bits of a shard */
    uint64_t prefix;          /* of a shard: the hash bits that lead to it */
    uint32_t width;
    uint64_t fanout;
};

struct unixfs_read_walk {
    const struct block_source *source;
    struct mspan memory;
    size_t used;
    uint32_t depth;
    struct cid next; /* pending is set: the block to open now */
    bool pending;
    uint64_t next_size; /* what its parent says about a file part; UINT64_MAX for the root */
    uint64_t at, from, to;
    struct cid last; /* what was read last: many links in a row to one block read it once */
    struct span last_block;
    size_t last_used; /* of memory, before it */
    struct unixfs_read_frame frames[UNIXFS_READ_DEPTH];
};

/* ---- files ----------------------------------------------------------------------------------- */

/* One block of a file, in depth-first order. */
struct unixfs_read_part {
    struct cid cid;
    struct span block;
    struct span data; /* the wanted bytes in it; empty for most inner nodes */
    bool inner;       /* it has links */
    bool whole;       /* all bytes below it are wanted */
    bool end;         /* nothing is left; the other fields are empty */
};

/* Begins reading the bytes [from, to) of the file below cid; to may lie beyond its end. memory is
 * kept: it holds the nodes on the way down and one leaf; a DAG that needs more gives ERR_LIMIT. */
void unixfs_read_file_init(struct unixfs_read_walk *w, const struct block_source *source,
                           struct mspan memory, const struct cid *cid);
void unixfs_read_file_range(struct unixfs_read_walk *w, uint64_t from, uint64_t to);

/* unixfs_read_file_part opens the next block that holds wanted bytes, or leads to them.
 *
 * Out:     *out, borrowed until the next call.
 * Returns: OK; ERR_FORMAT (no file, or its sizes contradict each other); ERR_LIMIT (too deep,
 * memory); ERR_UNSUPPORTED; the source's errors. */
NODISCARD enum err unixfs_read_file_part(struct unixfs_read_walk *w, struct unixfs_read_part *out);

/* After an inner part: what is below it is left out. */
void unixfs_read_file_skip(struct unixfs_read_walk *w);

/* The same, but only parts with bytes: *data is empty at the end. */
NODISCARD enum err unixfs_read_file_next(struct unixfs_read_walk *w, struct span *data);

/* ---- directories ----------------------------------------------------------------------------- */

enum unixfs_read_event {
    UNIXFS_READ_BLOCK, /* a block of the directory itself has been opened */
    UNIXFS_READ_ENTRY,
    UNIXFS_READ_END,
};

struct unixfs_read_item {
    enum unixfs_read_event event;
    struct cid cid;    /* of the block or of the entry */
    struct span block; /* UNIXFS_READ_BLOCK */
    struct span name;  /* UNIXFS_READ_ENTRY: any bytes, not only text */
    uint64_t tsize;
};

/* Begins listing the directory below cid: in block order, for a HAMT in the order of the hashes. */
void unixfs_read_dir_init(struct unixfs_read_walk *w, const struct block_source *source,
                          struct mspan memory, const struct cid *cid);

/* unixfs_read_dir_next gives the next block or entry, borrowed until the next call. ERR_FORMAT for
 * what is no directory and for a HAMT whose names lie in wrong places (so that a shard linked from
 * many places cannot make an endless listing); else as unixfs_read_file_part. */
NODISCARD enum err unixfs_read_dir_next(struct unixfs_read_walk *w, struct unixfs_read_item *out);

#endif
