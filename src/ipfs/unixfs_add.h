/* unixfs_add: turns files, symlinks and directories into a UnixFS DAG, with the CIDs that other
 * importers give. Spec: IPIP-499 and specs.ipfs.tech/unixfs; docs/spec/content.md 7.
 *
 * It is fed bytes and gives blocks to a block_sink: children before parents, equal blocks each time
 * they occur. Memory is the caller's: a scratch block, an arena that grows with the depth of a file
 * (not its length), and the entries of the one directory that is being built. Pure.
 *
 * Parallel hashing: read chunks of params.chunk_size in order; run unixfs_add_leaf for each on any
 * thread (it touches nothing but its arguments); then, on the one thread that owns the sink and in
 * order, unixfs_add_file_leaf. Or use struct unixfs_add_stream and one thread. */
#ifndef CRUST_IPFS_UNIXFS_ADD_H
#define CRUST_IPFS_UNIXFS_ADD_H

#include "base/arena.h"
#include "codec/cid.h"
#include "codec/unixfs.h"
#include "ipfs/blockio.h"

enum {
    UNIXFS_ADD_CHUNK_MAX = BLOCK_SIZE_MAX - 256, /* leaves room for the message around it */
    UNIXFS_ADD_LINKS_MAX = 8192,                 /* links of a file node */
    UNIXFS_ADD_SCRATCH = BLOCK_SIZE_MAX,         /* what the scratch spans must hold */
    UNIXFS_ADD_LEVELS = 24,                      /* depth of a file DAG */
    UNIXFS_ADD_NAME_MAX = 255,                   /* bytes of a name, as file systems have it */
    UNIXFS_ADD_HEAD_MAX = 32,                    /* bytes of a leaf before its data */
};

/* How the size of a directory is estimated before it becomes a HAMT. */
enum unixfs_add_estimate {
    UNIXFS_ADD_LINK_BYTES,  /* names and CIDs */
    UNIXFS_ADD_BLOCK_BYTES, /* the directory block */
};

#define UNIXFS_ADD_HAMT_NEVER UINT64_MAX

struct unixfs_add_params {
    uint8_t cid_version; /* of dag-pb nodes; raw leaves are always version 1 */
    bool raw_leaves;
    bool trickle;         /* else balanced */
    uint32_t chunk_size;  /* 1 to UNIXFS_ADD_CHUNK_MAX */
    uint32_t file_links;  /* 2 to UNIXFS_ADD_LINKS_MAX */
    uint32_t hamt_fanout; /* a power of two, UNIXFS_FANOUT_MIN to UNIXFS_FANOUT_MAX */
    enum unixfs_add_estimate estimate;
    uint64_t hamt_above; /* a directory whose estimate is larger becomes a HAMT */
    uint32_t inline_max; /* blocks up to this size become identity CIDs; at most 128, 0 = none */
};

/* The parameters of "unixfs-v1-2025" or "unixfs-v0-2015"; ERR_NOT_FOUND for another name. */
NODISCARD enum err unixfs_add_profile(struct unixfs_add_params *out, const char *name);

/* OK when every number is in its range, else ERR_RANGE. */
NODISCARD enum err unixfs_add_check(const struct unixfs_add_params *p);

/* A finished node: what a parent needs to link to it. */
struct unixfs_add_node {
    struct cid cid;
    uint64_t tsize; /* bytes of the block and all below it, repeats counted */
    uint64_t size;  /* bytes of the file */
};

/* Where the work happens; kept by the builders. params have passed unixfs_add_check. */
struct unixfs_add {
    struct unixfs_add_params params;
    const struct block_sink *sink;
    struct mspan scratch; /* UNIXFS_ADD_SCRATCH bytes */
};

/* ---- files ----------------------------------------------------------------------------------- */

/* unixfs_add_leaf encodes and hashes one chunk; nothing is put. only: the chunk is the whole file,
 * so meta (may be NULL) goes into it, which turns a raw leaf into a dag-pb one.
 *
 * Out: *out, and *block, which borrows data or scratch (of at least data.n + 256 bytes). data may
 * lie in scratch, unixfs_add_leaf_head bytes behind its start: then it is not copied. */
struct unixfs_add_chunk {
    struct span data;
    bool only;
    const struct unixfs_meta *meta;
};
void unixfs_add_leaf(struct unixfs_add_node *out, struct span *block,
                     const struct unixfs_add_params *p, const struct unixfs_add_chunk *chunk,
                     struct mspan scratch);

/* Two leaves at once, each of the arrays of two; faster when their chunks have one length. */
void unixfs_add_leaf_pair(struct unixfs_add_node *out, struct span *block,
                          const struct unixfs_add_params *p, const struct unixfs_add_chunk *chunk,
                          const struct mspan *scratch);

/* unixfs_add_leaf_head gives the bytes of a leaf's block before its data, at most
 * UNIXFS_ADD_HEAD_MAX, from the chunk's length and meta. */
size_t unixfs_add_leaf_head(const struct unixfs_add_params *p,
                            const struct unixfs_add_chunk *chunk);

/* A node that still takes links. */
struct unixfs_add_level {
    uint8_t *links;
    size_t links_n, links_len;
    uint64_t *sizes;
    uint32_t count;
    uint64_t size, tsize;
    uint32_t limit, depth, repeat, leaves; /* trickle only */
};

struct unixfs_add_file {
    struct unixfs_add *add;
    struct arena *arena;
    struct unixfs_meta meta;
    struct unixfs_add_node first; /* the root when it stays the only one */
    uint64_t leaf_count;
    uint32_t level_count;
    struct unixfs_add_level levels[UNIXFS_ADD_LEVELS];
};

/* Begins a file. add and arena are kept until finish; meta is copied (NULL: none). The arena needs
 * about 70 bytes x (file_links + 100) per level; 2 MiB hold any file of the two profiles. */
void unixfs_add_file_init(struct unixfs_add_file *f, struct unixfs_add *add, struct arena *arena,
                          const struct unixfs_meta *meta);

/* Takes the next leaf, puts its block, and puts nodes that are full. ERR_LIMIT when the arena is
 * full; ERR_RANGE when the size overflows; what the sink returns. */
NODISCARD enum err unixfs_add_file_leaf(struct unixfs_add_file *f,
                                        const struct unixfs_add_node *leaf, struct span block);

/* Puts what is open and gives the root. Without any leaf: the empty file. */
NODISCARD enum err unixfs_add_file_finish(struct unixfs_add_file *f, struct unixfs_add_node *out);

/* A file as bytes in any pieces, hashed on the calling thread. */
struct unixfs_add_stream {
    struct unixfs_add_file file;
    struct mspan chunk; /* kept: params.chunk_size bytes */
    size_t have;
};
void unixfs_add_stream_init(struct unixfs_add_stream *s, struct unixfs_add *add,
                            struct arena *arena, struct mspan chunk,
                            const struct unixfs_meta *meta);
NODISCARD enum err unixfs_add_stream_write(struct unixfs_add_stream *s, struct span bytes);
NODISCARD enum err unixfs_add_stream_finish(struct unixfs_add_stream *s,
                                            struct unixfs_add_node *out);

/* ---- symlinks and directories ---------------------------------------------------------------- */

NODISCARD enum err unixfs_add_symlink(struct unixfs_add *add, struct unixfs_add_node *out,
                                      struct span target, const struct unixfs_meta *meta);

/* An entry of a directory: some 64 bytes, and what the spans point to. */
struct unixfs_add_entry {
    struct span name; /* not empty, no '/', not "." or ".." */
    struct span cid;  /* binary */
    uint64_t tsize;
    uint64_t hash; /* set by unixfs_add_dir */
};

struct unixfs_add_entries {
    struct unixfs_add_entry *list; /* reordered in place */
    size_t count;
};

/* Builds a directory, flat or as a HAMT, and puts its blocks.
 *
 * Returns: OK; ERR_FORMAT (a name), ERR_EXISTS (a name twice), ERR_LIMIT (a flat directory larger
 *          than a block, names whose hashes cannot be told apart), ERR_RANGE, the sink's error. */
NODISCARD enum err unixfs_add_dir(struct unixfs_add *add, struct unixfs_add_node *out,
                                  struct unixfs_add_entries entries,
                                  const struct unixfs_meta *meta);

/* Puts a finished dag-pb block and describes it; below is the sum of its links' tsize. */
NODISCARD enum err unixfs_add_put(struct unixfs_add *add, struct unixfs_add_node *out,
                                  struct span block, uint64_t below);

#endif
