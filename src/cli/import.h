/* import: a file or folder of this machine becomes a UnixFS DAG in a block_sink, hashed on all
 * cores. Symlinks are kept as links; sockets, pipes and devices are refused. */
#ifndef CRUST_CLI_IMPORT_H
#define CRUST_CLI_IMPORT_H

#include "ipfs/unixfs_add.h"
#include "proof/content.h"

enum { IMPORT_PATH_MAX = 4096 };

struct import_options {
    struct unixfs_add_params params;
    const struct block_sink *sink; /* kept; a sink that drops blocks only hashes */
    bool recursive;                /* a folder may be added */
    bool hidden;                   /* with names that begin with a dot; the root always counts */
    bool preserve_mode, preserve_mtime;
    bool commitment; /* compute data_root too */
    /* Progress, on the calling thread; may be NULL. */
    void (*progress)(void *ctx, uint64_t bytes, uint64_t files);
    void *progress_ctx;
};

struct import_result {
    struct cid root;
    uint64_t files, bytes; /* what was read */
    uint64_t tsize;
    struct content_commitment commitment;   /* when asked for */
    char error_path[IMPORT_PATH_MAX + 260]; /* what could not be added, on failure */
};

/* import_path adds one path.
 * Returns: OK; ERR_NOT_FOUND; ERR_DENIED; ERR_UNSUPPORTED (a special file, or a folder without
 *          recursive); ERR_STATE (a file changed while it was read); the sink's errors; ERR_MEMORY.
 */
NODISCARD enum err import_path(struct import_result *out, const struct import_options *o,
                               const char *path);

/* import_stream adds the bytes of a descriptor up to its end (standard input). */
NODISCARD enum err import_stream(struct import_result *out, const struct import_options *o, int fd);

#endif
