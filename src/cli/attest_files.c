#include "cli/attest_files.h"

#include "rt/path.h"

#include <dirent.h>
#include <stdlib.h>

enum err attest_files_init(struct bundle *f)
{
    memset(f, 0, sizeof(*f));
    f->room.p = malloc(ATTEST_FILES_BYTES);
    f->room.n = f->room.p == NULL ? 0 : ATTEST_FILES_BYTES;
    return f->room.p == NULL ? ERR_MEMORY : OK;
}

void attest_files_fini(struct bundle *f)
{
    free(f->room.p);
    f->room = (struct mspan){ NULL, 0 };
}

static enum err take_file(struct bundle *f, const char *folder, const char *name)
{
    char path[4096];
    struct mspan content;
    TRY(path_join(path, sizeof(path), folder, name));
    enum err e = path_read_file(&content, path, ATTEST_FILES_FILE_MAX);
    if (e != OK)
        return OK; /* a folder, a large file: not what is looked for */
    e = bundle_take(f, span_of(content.p, content.n));
    free(content.p);
    return e;
}

enum err attest_files_add(struct bundle *f, const char *folder)
{
    DIR *d = opendir(folder);
    if (d == NULL)
        return ERR_NOT_FOUND;
    enum err e = OK;
    for (const struct dirent *entry = readdir(d); entry != NULL && e == OK; entry = readdir(d)) {
        if (entry->d_name[0] != '.')
            e = take_file(f, folder, entry->d_name);
    }
    (void)closedir(d);
    return e;
}
