#include "store/volume_impl.h"

static const char DATA[] = ".srd";
static const char DATA_PART[] = ".srd.part";
static const char ROWS[] = ".rows";

/* ---- writing: bytes to NAME.srd.part, rows to NAME.rows; the rename makes it an extent
 * ------------------- */

/* The rows are written as they come, into their own file. */
static enum err open_rows(const struct volume_extent *e, int *handle, unsigned flags)
{
    char path[FILE_PATH_MAX];
    TRY(volume_extent_path(e->volume, path, e->number, ROWS));
    return e->volume->files.open(e->volume->files.ctx, handle, path, flags);
}

enum err volume_extent_begin(struct volume_extent *out, struct volume *v, uint32_t number,
                             uint64_t size)
{
    char path[FILE_PATH_MAX];
    uint64_t there;
    int rows = -1;
    *out = (struct volume_extent){ .volume = v, .number = number, .handle = -1, .size = size };
    if (size == 0 || size % VOLUME_ROW_SPAN != 0)
        return ERR_RANGE;
    TRY(volume_writable(v));
    TRY(volume_extent_path(v, path, number, DATA));
    if (volume_file_size(v, &there, path) == OK)
        return ERR_EXISTS;
    TRY(volume_room(v, size + size / VOLUME_ROW_SPAN * VOLUME_ROW_SIZE));
    TRY(volume_note(v, open_rows(out, &rows, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE)));
    v->files.close(v->files.ctx, rows);
    TRY(volume_extent_path(v, path, number, DATA_PART));
    TRY(volume_note(v, v->files.open(v->files.ctx, &out->handle, path,
                                     FILE_WRITE | FILE_CREATE | FILE_TRUNCATE)));
    enum err e = volume_note(v, v->files.allocate(v->files.ctx, out->handle, 0, size));
    if (e != OK)
        volume_extent_abort(out);
    return e;
}

enum err volume_extent_append(struct volume_extent *e, struct span data)
{
    struct volume *v = e->volume;
    if (data.n > e->size - e->written)
        return ERR_LIMIT;
    TRY(volume_writable(v));
    TRY(volume_note(v, file_write(&v->files, e->handle, data, e->written)));
    v->files.writeback(v->files.ctx, e->handle, e->written, data.n);
    e->written += data.n;
    return OK;
}

enum err volume_extent_row(struct volume_extent *e, const uint8_t node[VOLUME_ROW_SIZE])
{
    struct volume *v = e->volume;
    int rows = -1;
    if (e->rows == e->size / VOLUME_ROW_SPAN)
        return ERR_LIMIT;
    TRY(volume_writable(v));
    TRY(volume_note(v, open_rows(e, &rows, FILE_WRITE)));
    enum err result =
        file_write(&v->files, rows, span_of(node, VOLUME_ROW_SIZE), e->rows * VOLUME_ROW_SIZE);
    v->files.close(v->files.ctx, rows);
    TRY(volume_note(v, result));
    e->rows++;
    return OK;
}

static enum err sync_rows(const struct volume_extent *e)
{
    int rows = -1;
    TRY(open_rows(e, &rows, FILE_WRITE));
    enum err result = e->volume->files.sync(e->volume->files.ctx, rows);
    e->volume->files.close(e->volume->files.ctx, rows);
    return result;
}

static enum err publish_extent(struct volume_extent *e)
{
    struct volume *v = e->volume;
    char part[FILE_PATH_MAX];
    char path[FILE_PATH_MAX];
    char dir[FILE_PATH_MAX];
    TRY(volume_writable(v));
    TRY(volume_extent_path(v, part, e->number, DATA_PART));
    TRY(volume_extent_path(v, path, e->number, DATA));
    TRY(file_parent(dir, path));
    TRY(sync_rows(e));
    TRY(v->files.sync(v->files.ctx, e->handle));
    TRY(v->files.rename(v->files.ctx, part, path));
    return v->files.sync_dir(v->files.ctx, dir);
}

enum err volume_extent_finish(struct volume_extent *e)
{
    struct volume *v = e->volume;
    bool whole = e->handle >= 0 && e->written == e->size && e->rows * VOLUME_ROW_SPAN == e->size;
    enum err result = whole ? volume_note(v, publish_extent(e)) : ERR_STATE;
    if (result != OK) {
        volume_extent_abort(e);
        return result;
    }
    file_close(&v->files, &e->handle);
    volume_count(v, VOLUME_EXTENTS, e->size + e->rows * VOLUME_ROW_SIZE, 0);
    return OK;
}

static void remove_file(struct volume *v, uint32_t number, const char *suffix)
{
    char path[FILE_PATH_MAX];
    if (volume_extent_path(v, path, number, suffix) == OK)
        (void)v->files.unlink(v->files.ctx, path);
}

void volume_extent_abort(struct volume_extent *e)
{
    if (e->handle < 0)
        return;
    file_close(&e->volume->files, &e->handle);
    remove_file(e->volume, e->number, DATA_PART);
    remove_file(e->volume, e->number, DATA);
    remove_file(e->volume, e->number, ROWS);
}

/* ---- reading
 * ------------------------------------------------------------------------------------------------
 */

enum err volume_extent_read(struct volume *v, struct mspan buf, uint32_t number, uint64_t offset)
{
    char path[FILE_PATH_MAX];
    TRY(volume_extent_path(v, path, number, DATA));
    return volume_file_read(v, buf, path, offset);
}

enum err volume_extent_read_rows(struct volume *v, uint8_t (*nodes)[VOLUME_ROW_SIZE], size_t count,
                                 uint32_t number, uint32_t first)
{
    char path[FILE_PATH_MAX];
    TRY(volume_extent_path(v, path, number, ROWS));
    return volume_file_read(v, (struct mspan){ nodes[0], count * VOLUME_ROW_SIZE }, path,
                            (uint64_t)first * VOLUME_ROW_SIZE);
}

/* The bytes first, so that no extent is ever listed whose rows are gone. */
enum err volume_extent_delete(struct volume *v, uint32_t number)
{
    char path[FILE_PATH_MAX];
    char dir[FILE_PATH_MAX];
    uint64_t size;
    TRY(volume_writable(v));
    TRY(volume_extent_path(v, path, number, DATA));
    TRY(volume_file_size(v, &size, path));
    TRY(volume_note(v, v->files.unlink(v->files.ctx, path)));
    volume_count(v, VOLUME_EXTENTS, 0, size + size / VOLUME_ROW_SPAN * VOLUME_ROW_SIZE);
    TRY(file_parent(dir, path));
    TRY(volume_note(v, v->files.sync_dir(v->files.ctx, dir)));
    remove_file(v, number, ROWS);
    return OK;
}

struct lister {
    struct volume *v;
    volume_extent_visit visit;
    void *ctx;
};

bool volume_extent_number(uint32_t *number, const char *name, const char *suffix)
{
    return file_name_number(number, name, "ext-", suffix);
}

static enum err list_extent(void *ctx, const char *name)
{
    const struct lister *l = ctx;
    char path[FILE_PATH_MAX];
    uint32_t number;
    uint64_t size;
    if (!volume_extent_number(&number, name, DATA))
        return OK;
    TRY(volume_extent_path(l->v, path, number, DATA));
    TRY(volume_file_size(l->v, &size, path));
    return l->visit(l->ctx, number, size);
}

enum err volume_extent_list(struct volume *v, volume_extent_visit visit, void *ctx)
{
    char dir[FILE_PATH_MAX];
    struct lister l = { v, visit, ctx };
    TRY(file_path(dir, v->path, "extents"));
    enum err e = v->files.list(v->files.ctx, dir, list_extent, &l);
    return e == ERR_NOT_FOUND ? OK : e;
}
