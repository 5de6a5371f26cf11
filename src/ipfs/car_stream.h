/* car_stream: a DAG as a CAR stream that is made piece by piece (GET ?format=car), and a CAR stream
 * into a block_sink. Spec: specs.ipfs.tech/http-gateways/trustless-gateway; docs/spec/content.md 9.
 * Pure but for source and sink. */
#ifndef CRUST_IPFS_CAR_STREAM_H
#define CRUST_IPFS_CAR_STREAM_H

#include "codec/car.h"
#include "ipfs/dag_walk.h"
#include "ipfs/unixfs_path.h"
#include "ipfs/unixfs_read.h"

/* ---- export ---------------------------------------------------------------------------------- */

enum {
    CAR_STREAM_PARTS = 2 * UNIXFS_READ_DEPTH, /* at each level one where a range begins or ends */
};

enum car_stream_scope {
    CAR_STREAM_BLOCK,  /* the block at the end of the path */
    CAR_STREAM_ENTITY, /* the file, the directory without what its entries hold, or the block */
    CAR_STREAM_ALL,    /* everything below it */
};

/* Inclusive ends; negative numbers count from the end of the file. */
struct car_stream_bytes {
    int64_t from;
    int64_t to;
    bool to_end; /* "*" */
};

struct car_stream_params {
    struct cid root;
    struct span path; /* kept until the export ends */
    enum car_stream_scope scope;
    bool has_bytes; /* of an entity that is a file; else ignored */
    struct car_stream_bytes bytes;
    const struct dag_walk_seen *seen; /* kept; NULL: dups=y, else dups=n and an empty set */
};

enum car_stream_state {
    CAR_STREAM_RESOLVE,
    CAR_STREAM_PATH,
    CAR_STREAM_BEGIN,
    CAR_STREAM_FILE,
    CAR_STREAM_DIR,
    CAR_STREAM_DAG,
    CAR_STREAM_END,
};

struct car_stream {
    const struct block_source *source;
    struct mspan memory;
    struct car_stream_params params;
    enum car_stream_state state;
    struct unixfs_path path;
    struct cid target; /* where the path leads; the root that the header names */
    /* Nodes of which only a part was wanted when they came. */
    struct cid parts[CAR_STREAM_PARTS];
    size_t part_count;
    union {
        struct unixfs_read_walk read;
        struct dag_walk dag;
    } walk;
    uint8_t head[256];
    size_t head_size, head_at;
    struct span block; /* being copied out */
    size_t block_at;
    enum err late; /* an error that the next call tells */
};

/* Begins an export. source and memory are kept; memory of UNIXFS_READ_MEMORY bytes takes every DAG
 * that importers write, and CAR_STREAM_ALL keeps the links still to visit in one half of it. */
void car_stream_init(struct car_stream *s, const struct block_source *source, struct mspan memory,
                     const struct car_stream_params *params);

/* car_stream_next writes the next bytes, as many as fit.
 *
 * Out:     *size, 0 only at the end (out.n > 0).
 * Returns: OK; ERR_NOT_FOUND and the other errors of unixfs_path_step before the first byte; the
 *          source's errors, after which the call may be repeated; ERR_FORMAT, ERR_LIMIT,
 *          ERR_UNSUPPORTED for a DAG that cannot be exported. What has been written before is
 * valid, but the archive is incomplete: break the connection off. */
NODISCARD enum err car_stream_next(struct car_stream *s, size_t *size, struct mspan out);

/* ---- import ---------------------------------------------------------------------------------- */

enum { CAR_STREAM_ROOTS = 16 };

struct car_stream_import {
    struct car_parser parser;
    const struct block_sink *sink;
    bool started;
    size_t root_count; /* in the header; the first CAR_STREAM_ROOTS are kept */
    struct cid roots[CAR_STREAM_ROOTS];
    uint64_t block_count; /* put, repeats counted; identity sections are not */
    uint64_t block_bytes;
    uint64_t skipped_count; /* blocks under another hash than sha2-256, which no store keeps */
};

/* Begins an import. sink and buf (CAR_SECTION_MAX bytes) are kept. To verify on several threads use
 * codec/car and dag_block_verify instead. */
void car_stream_import_init(struct car_stream_import *im, const struct block_sink *sink,
                            struct mspan buf);

/* Takes the next bytes; each whole block is verified and put.
 * OK; ERR_CORRUPT (a block is not what its CID says), ERR_LIMIT (a block over 2 MiB), ERR_FORMAT,
 * ERR_UNSUPPORTED (another version); the sink's errors. */
NODISCARD enum err car_stream_import_feed(struct car_stream_import *im, struct span in);

/* OK when the archive was whole, ERR_SHORT when it was cut: the blocks before are in the sink. */
NODISCARD enum err car_stream_import_finish(const struct car_stream_import *im);

#endif
