/* repo: the block store of a folder as programs open it: the lock, the index and the segments under
 * one directory (CRUST_HOME/store). Layout: docs/spec/store.md section 1. */
#ifndef CRUST_STORE_REPO_H
#define CRUST_STORE_REPO_H

#include "rt/lockfile.h"
#include "store/blockstore_maint.h"

struct repo {
    struct blockstore *store; /* borrowed until repo_close */
    struct lockfile lock;
};

/* repo_open makes dir when it is missing, takes dir/LOCK and opens the store in it. options gives
 * quota and the like, or is NULL; its dirs are further folders for segments beside dir/blocks, its
 * index_path and files are not looked at. ERR_BUSY: holder (may be NULL) says who has it. */
NODISCARD enum err repo_open(struct repo *out, struct lockfile_holder *holder, const char *dir,
                             const char *program, const struct blockstore_config *options);

/* repo_rebuild takes the lock and makes the index anew (blockstore_rebuild). */
NODISCARD enum err repo_rebuild(struct blockstore_progress *result, struct lockfile_holder *holder,
                                const char *dir, const char *program,
                                const struct blockstore_config *options);

/* repo_close; a zeroed repo is fine. */
void repo_close(struct repo *r);

#endif
