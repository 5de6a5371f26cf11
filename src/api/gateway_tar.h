/* gateway_tar: a UnixFS file or folder as a TAR archive (POSIX.1-2017 pax), piece by piece, in
 * bounded memory and without recursion. Names in it are below the first one, which is the CID:
 * entries that would leave it, and names that no archive may hold, are refused. Pure but for the
 * source. */
#ifndef CRUST_API_GATEWAY_TAR_H
#define CRUST_API_GATEWAY_TAR_H

#include "ipfs/unixfs_read.h"

enum {
    GATEWAY_TAR_DEPTH = 64,       /* folders in each other */
    GATEWAY_TAR_NAME_MAX = 4096,  /* of a path in the archive, and of a symlink's target */
    GATEWAY_TAR_HEAD_MAX = 10240, /* an extended header and the header itself */
};

enum gateway_tar_state {
    GATEWAY_TAR_ENTRY, /* cid and name are set: what is it? */
    GATEWAY_TAR_NEXT,  /* the next entry of the innermost folder */
    GATEWAY_TAR_FILE,
    GATEWAY_TAR_END,
};

struct gateway_tar {
    const struct block_source *source;
    struct mspan memory; /* blocks of the open folders, then of the file */
    bool bare; /* the caller's: names of folders without a slash at the end, as Kubo's RPC has them
                */
    enum gateway_tar_state state;
    enum err failed; /* for good: the folder has gone on */
    uint32_t depth;
    struct cid cid;
    char name[GATEWAY_TAR_NAME_MAX];
    size_t name_size, root_size;
    uint64_t left, padding; /* of the file: bytes to come, zeros after them */
    struct span part;       /* of the file: being copied out */
    uint8_t head[GATEWAY_TAR_HEAD_MAX];
    size_t head_size, head_at;
    uint64_t zeros;                       /* to write next */
    size_t name_sizes[GATEWAY_TAR_DEPTH]; /* of the open folders */
    size_t bases[GATEWAY_TAR_DEPTH + 1];  /* where the blocks of each begin in memory */
    struct unixfs_read_walk file;
    struct unixfs_read_walk walks[GATEWAY_TAR_DEPTH];
};

/* Begins an archive of what is below cid, which stands in it as name. All is kept;
 * UNIXFS_READ_MEMORY bytes of memory take what importers write. */
void gateway_tar_init(struct gateway_tar *t, const struct block_source *source, struct mspan memory,
                      const struct cid *cid, const char *name);

/* gateway_tar_next writes the next bytes. Out: *size, 0 only at the end (out.n > 0).
 * Returns: OK; ERR_DENIED (an entry whose name leaves the archive), ERR_UNSUPPORTED (something
 * that is no file, folder or symlink), ERR_LIMIT, ERR_FORMAT; the source's errors, after which the
 * call may be made again. */
NODISCARD enum err gateway_tar_next(struct gateway_tar *t, size_t *size, struct mspan out);

/* gateway_tar_join makes the name of an entry: base, a slash, and entry, in which "." and ".."
 * count as in a path, but never lead out of the first root bytes of base.
 * Out:     out[0..*size), no NUL.
 * Returns: OK, ERR_DENIED (it leaves the root, is the root, or holds a NUL), ERR_LIMIT. */
NODISCARD enum err gateway_tar_join(char out[GATEWAY_TAR_NAME_MAX], size_t *size, struct span base,
                                    size_t root, struct span entry);

#endif
