#include "store/repo.h"

struct places {
    char lock[FILE_PATH_MAX];
    char index[FILE_PATH_MAX];
    char blocks[FILE_PATH_MAX];
    struct blockstore_config config;
};

static enum err places_of(struct places *p, const char *dir,
                          const struct blockstore_config *options)
{
    p->config = options == NULL ? (struct blockstore_config){ 0 } : *options;
    if (p->config.dir_count >= BLOCKSTORE_DIRS_MAX)
        return ERR_RANGE;
    TRY(file_path(p->lock, dir, "LOCK"));
    TRY(file_path(p->index, dir, "index.mdb"));
    TRY(file_path(p->blocks, dir, "blocks"));
    p->config.files = file_system();
    p->config.index_path = p->index;
    p->config.dirs[p->config.dir_count++] = p->blocks;
    return file_make_dirs(file_system(), dir);
}

enum err repo_open(struct repo *out, struct lockfile_holder *holder, const char *dir,
                   const char *program, const struct blockstore_config *options)
{
    struct places p;
    *out = (struct repo){ .lock = { .fd = -1 } };
    TRY(places_of(&p, dir, options));
    TRY(lockfile_take(&out->lock, holder, p.lock, program));
    enum err e = blockstore_open(&out->store, &p.config);
    if (e != OK)
        lockfile_release(&out->lock);
    return e;
}

enum err repo_rebuild(struct blockstore_progress *result, struct lockfile_holder *holder,
                      const char *dir, const char *program, const struct blockstore_config *options)
{
    struct places p;
    struct lockfile lock;
    *result = (struct blockstore_progress){ 0 };
    TRY(places_of(&p, dir, options));
    TRY(lockfile_take(&lock, holder, p.lock, program));
    enum err e = blockstore_rebuild(&p.config, result);
    lockfile_release(&lock);
    return e;
}

void repo_close(struct repo *r)
{
    if (r->store == NULL)
        return;
    blockstore_close(r->store);
    r->store = NULL;
    lockfile_release(&r->lock);
}
