#include "cli/attest_files.h"

#include "rt/folder.h"

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

static enum err take(void *ctx, struct span content)
{
    return bundle_take(ctx, content);
}

enum err attest_files_add(struct bundle *f, const char *folder)
{
    return folder_each(folder, ATTEST_FILES_FILE_MAX, take, f);
}
