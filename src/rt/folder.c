#include "rt/folder.h"

#include "crypto/sha256.h"
#include "rt/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_ROOM = 4096 };

static enum err take(const char *path, size_t file_max, folder_fn fn, void *ctx)
{
    struct mspan content;
    if (path_read_file(&content, path, file_max) != OK)
        return OK;
    enum err e = fn(ctx, span_of(content.p, content.n));
    free(content.p);
    return e;
}

enum err folder_each(const char *folder, size_t file_max, folder_fn fn, void *ctx)
{
    char path[PATH_ROOM];
    DIR *d = opendir(folder);
    if (d == NULL)
        return ERR_NOT_FOUND;
    enum err e = OK;
    for (const struct dirent *i = readdir(d); i != NULL && e == OK; i = readdir(d)) {
        if (i->d_name[0] != '.' && path_join(path, sizeof(path), folder, i->d_name) == OK)
            e = take(path, file_max, fn, ctx);
    }
    (void)closedir(d);
    return e;
}

/* Summed, as the order of names is the file system's own affair. */
static void add(uint8_t out[32], const char *name, const struct stat *s)
{
    uint8_t one[32];
    const uint64_t numbers[4] = { (uint64_t)s->st_size, (uint64_t)s->st_mtim.tv_sec,
                                  (uint64_t)s->st_mtim.tv_nsec, (uint64_t)s->st_ino };
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, span_of(numbers, sizeof(numbers)));
    sha256_update(&h, span_str(name));
    sha256_final(&h, one);
    for (size_t i = 0; i < sizeof(one); i++)
        out[i] ^= one[i];
}

enum err folder_mark(uint8_t out[32], const char *folder)
{
    struct stat s;
    memset(out, 0, 32);
    DIR *d = opendir(folder);
    if (d == NULL)
        return ERR_NOT_FOUND;
    for (const struct dirent *i = readdir(d); i != NULL; i = readdir(d)) {
        if (i->d_name[0] != '.' && fstatat(dirfd(d), i->d_name, &s, 0) == 0)
            add(out, i->d_name, &s);
    }
    (void)closedir(d);
    return OK;
}
