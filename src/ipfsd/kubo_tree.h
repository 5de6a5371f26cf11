/* kubo_tree: the folders of an upload: files come with paths, in any order; when all have come the
 * folders are built, the deepest first. One thread. */
#ifndef CRUST_IPFSD_KUBO_TREE_H
#define CRUST_IPFSD_KUBO_TREE_H

#include "ipfs/unixfs_add.h"

enum {
    KUBO_TREE_ENTRIES_MAX = 100000, /* of one upload; about 40 MB */
    KUBO_TREE_TEXT_MAX = 32 << 20,  /* of their paths */
    KUBO_TREE_DEPTH_MAX = 64,
};

struct kubo_tree_entry {
    size_t path; /* its place in the text */
    bool is_folder;
    struct cid cid;
    uint64_t tsize;
};

/* What an open folder, or the top, holds. */
struct kubo_tree_child {
    struct span name;
    struct cid cid;
    uint64_t tsize;
};

struct kubo_tree_level {
    size_t path_size;   /* of the folder's path */
    size_t first_child; /* its children are the last ones */
};

/* A zeroed one is empty. */
struct kubo_tree {
    struct kubo_tree_entry *entries;
    size_t count, entry_room;
    char *text;
    size_t text_size, text_room;
    struct kubo_tree_child *children;
    size_t child_count, child_room;
    size_t depth;
    const char *path; /* of the innermost open folder, and on */
    struct kubo_tree_level levels[KUBO_TREE_DEPTH_MAX];
};

struct kubo_tree_events {
    void *ctx;
    /* A folder has been built; "" is the one around everything. */
    enum err (*made)(void *ctx, const char *path, const struct unixfs_add_node *node);
    /* What stands at the top: the folder around everything, or each file and folder. */
    enum err (*root)(void *ctx, const struct unixfs_add_node *node);
};

/* kubo_tree_add takes a file or symlink, or (node NULL) a folder. path: relative, no empty, "." or
 * ".." segments. ERR_LIMIT, ERR_MEMORY. */
NODISCARD enum err kubo_tree_add(struct kubo_tree *t, const char *path,
                                 const struct unixfs_add_node *node);

/* kubo_tree_build builds the folders through add, once. ERR_EXISTS (a path twice), ERR_LIMIT,
 * ERR_MEMORY, the errors of unixfs_add_dir and of the events. */
NODISCARD enum err kubo_tree_build(struct kubo_tree *t, struct unixfs_add *add, bool wrap,
                                   const struct kubo_tree_events *events);

void kubo_tree_fini(struct kubo_tree *t);

#endif
