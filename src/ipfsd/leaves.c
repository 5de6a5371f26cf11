#include "ipfsd/leaves.h"

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/crc32c.h"

#include <stdio.h>

static void encode(uint8_t out[LEAVES_ROW_SIZE], const struct leaves_row *row)
{
    memset(out, 0, LEAVES_ROW_SIZE);
    store_le64(out, row->version);
    store_le64(out + 8, row->tree);
    store_le32(out + 16, row->index);
    store_le16(out + 20, (uint16_t)row->data_size);
    out[22] = row->removed;
    memcpy(out + 24, row->data, row->data_size);
    store_le32(out + LEAVES_ROW_SIZE - 4, crc32c(0, span_of(out, LEAVES_ROW_SIZE - 4)));
}

static enum err decode(struct leaves_row *row, const uint8_t in[LEAVES_ROW_SIZE])
{
    *row = (struct leaves_row){ 0 };
    if (load_le32(in + LEAVES_ROW_SIZE - 4) != crc32c(0, span_of(in, LEAVES_ROW_SIZE - 4)) ||
        load_le16(in + 20) > LEAVES_DATA_MAX)
        return ERR_CORRUPT;
    row->version = load_le64(in);
    row->tree = load_le64(in + 8);
    row->index = load_le32(in + 16);
    row->data_size = load_le16(in + 20);
    row->removed = in[22] != 0;
    memcpy(row->data, in + 24, LEAVES_DATA_MAX);
    return OK;
}

static enum err read_one(const struct leaves *l, struct leaves_row *row, uint64_t at)
{
    size_t got;
    TRY(leaves_read(l, row, &got, 1, at));
    return got == 1 ? OK : ERR_SHORT;
}

/* What stands behind count goes: it must not be found again when other rows follow. */
static enum err cut_off(struct leaves *l)
{
    const struct files *f = l->files;
    int handle;
    TRY(f->open(f->ctx, &handle, l->path, FILE_WRITE));
    enum err e = f->truncate(f->ctx, handle, l->count * LEAVES_ROW_SIZE);
    if (e == OK)
        e = f->sync(f->ctx, handle);
    f->close(f->ctx, handle);
    return e;
}

enum err leaves_open(struct leaves *l, const struct files *f, const char *dir, uint64_t newest)
{
    int handle;
    uint64_t size;
    struct leaves_row row;
    *l = (struct leaves){ .files = f, .behind = true };
    TRY(file_path(l->path, dir, "leaves"));
    enum err e = f->open(f->ctx, &handle, l->path, FILE_READ);
    if (e == ERR_NOT_FOUND) {
        l->behind = false;
        return OK;
    }
    TRY(e);
    e = f->size(f->ctx, &size, handle);
    f->close(f->ctx, handle);
    TRY(e);
    /* A crash tears the last row only: each is synced before the next. */
    for (l->count = size / LEAVES_ROW_SIZE; l->count > 0; l->count--) {
        e = read_one(l, &row, l->count - 1);
        if (e == OK && row.version <= newest)
            break;
        if (e != OK && (e != ERR_CORRUPT || l->count < size / LEAVES_ROW_SIZE))
            return e;
    }
    if (l->count * LEAVES_ROW_SIZE != size)
        TRY(cut_off(l));
    l->behind = false;
    return OK;
}

static enum err write_row(const struct leaves *l, const uint8_t bytes[LEAVES_ROW_SIZE])
{
    const struct files *f = l->files;
    char dir[FILE_PATH_MAX];
    int handle;
    TRY(f->open(f->ctx, &handle, l->path, FILE_WRITE | FILE_CREATE));
    enum err e = file_write(f, handle, span_of(bytes, LEAVES_ROW_SIZE), l->count * LEAVES_ROW_SIZE);
    if (e == OK)
        e = f->sync(f->ctx, handle);
    f->close(f->ctx, handle);
    TRY(e);
    if (l->count > 0)
        return OK;
    TRY(file_parent(dir, l->path));
    return f->sync_dir(f->ctx, dir);
}

enum err leaves_add(struct leaves *l, const struct leaves_row *row)
{
    uint8_t bytes[LEAVES_ROW_SIZE];
    ASSERT(row->data_size <= LEAVES_DATA_MAX);
    if (l->behind || l->files == NULL)
        return ERR_STATE;
    encode(bytes, row);
    enum err e = write_row(l, bytes);
    if (e != OK)
        l->behind = true;
    else
        l->count++;
    return e;
}

void leaves_undo(struct leaves *l)
{
    if (l->behind || l->count == 0)
        return;
    l->count--;
    if (cut_off(l) != OK)
        l->behind = true;
}

enum err leaves_read(const struct leaves *l, struct leaves_row *rows, size_t *got, size_t max,
                     uint64_t at)
{
    const struct files *f = l->files;
    uint8_t bytes[LEAVES_ROW_SIZE];
    int handle;
    *got = 0;
    if (at >= l->count)
        return OK;
    TRY(f->open(f->ctx, &handle, l->path, FILE_READ));
    enum err e = OK;
    while (e == OK && *got < max && at + *got < l->count) {
        const struct mspan room = { bytes, sizeof(bytes) };
        e = file_read_exact(f, handle, room, (at + *got) * LEAVES_ROW_SIZE);
        if (e == OK)
            e = decode(&rows[*got], bytes);
        *got += e == OK;
    }
    f->close(f->ctx, handle);
    return e;
}

/* ---- anew ---- */

enum err leaves_begin(struct leaves_writer *w, struct leaves *l)
{
    const struct files *f = l->files;
    w->leaves = l;
    w->handle = -1;
    w->count = w->waiting = 0;
    if (snprintf(w->path, sizeof(w->path), "%s.new", l->path) >= (int)sizeof(w->path))
        return ERR_LIMIT;
    return f->open(f->ctx, &w->handle, w->path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE);
}

static enum err flush(struct leaves_writer *w)
{
    enum err e =
        file_write(w->leaves->files, w->handle, span_of(w->buf, w->waiting * LEAVES_ROW_SIZE),
                   w->count * LEAVES_ROW_SIZE);
    w->count += w->waiting;
    w->waiting = 0;
    return e;
}

enum err leaves_put(struct leaves_writer *w, const struct leaves_row *row)
{
    ASSERT(row->data_size <= LEAVES_DATA_MAX);
    encode(w->buf + w->waiting++ * LEAVES_ROW_SIZE, row);
    return w->waiting == LEAVES_BATCH ? flush(w) : OK;
}

enum err leaves_finish(struct leaves_writer *w)
{
    const struct files *f = w->leaves->files;
    char dir[FILE_PATH_MAX];
    enum err e = flush(w);
    if (e == OK)
        e = f->sync(f->ctx, w->handle);
    file_close(f, &w->handle);
    if (e == OK)
        e = f->rename(f->ctx, w->path, w->leaves->path);
    if (e == OK)
        e = file_parent(dir, w->leaves->path);
    if (e == OK)
        e = f->sync_dir(f->ctx, dir);
    if (e == OK) {
        w->leaves->count = w->count;
        w->leaves->behind = false;
    }
    return e;
}

void leaves_abort(struct leaves_writer *w)
{
    const struct files *f = w->leaves->files;
    file_close(f, &w->handle);
    (void)!f->unlink(f->ctx, w->path);
}
