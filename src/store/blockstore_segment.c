#include "store/blockstore_impl.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_LENGTH = 17 }; /* "seg-" 8 hex digits ".pack" */

enum err blockstore_segment_path(const struct blockstore *s, char out[FILE_PATH_MAX], size_t dir,
                                 uint32_t number)
{
    char name[NAME_LENGTH + 1];
    (void)snprintf(name, sizeof(name), "seg-%08x.pack", number);
    return file_path(out, s->dirs[dir], name);
}

/* The place of number in the list, or where it would go. */
static size_t position(const struct blockstore *s, uint32_t number)
{
    size_t low = 0;
    size_t high = s->seg_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (s->segs[mid]->number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct blockstore_segment *blockstore_segment_find(struct blockstore *s, uint32_t number)
{
    size_t at = position(s, number);
    return at < s->seg_count && s->segs[at]->number == number ? s->segs[at] : NULL;
}

static enum err insert(struct blockstore *s, struct blockstore_segment *seg)
{
    size_t at = position(s, seg->number);
    if (at < s->seg_count && s->segs[at]->number == seg->number)
        return ERR_EXISTS;
    if (s->seg_count == BLOCKSTORE_SEGMENTS)
        return ERR_LIMIT;
    if (s->seg_count == s->seg_cap) {
        size_t cap = s->seg_cap * 2 + 64;
        struct blockstore_segment **more =
            realloc(s->segs, cap * sizeof(struct blockstore_segment *));
        if (more == NULL)
            return ERR_MEMORY;
        s->segs = more;
        s->seg_cap = cap;
    }
    memmove(s->segs + at + 1, s->segs + at,
            (s->seg_count - at) * sizeof(struct blockstore_segment *));
    s->segs[at] = seg;
    s->seg_count++;
    return OK;
}

enum err blockstore_segment_insert(struct blockstore *s, struct blockstore_segment **out,
                                   uint32_t number, size_t dir)
{
    struct blockstore_segment *seg = calloc(1, sizeof(*seg));
    *out = NULL;
    if (seg == NULL)
        return ERR_MEMORY;
    seg->number = number;
    seg->dir = dir;
    seg->handle = -1;
    blockstore_lock(&s->read_mutex);
    enum err e = insert(s, seg);
    blockstore_unlock(&s->read_mutex);
    if (e != OK)
        free(seg);
    else
        *out = seg;
    return e;
}

static void close_file(struct blockstore *s, struct blockstore_segment *seg)
{
    if (seg->handle < 0)
        return;
    s->files.close(s->files.ctx, seg->handle);
    seg->handle = -1;
    s->open_files--;
}

void blockstore_segment_remove(struct blockstore *s, struct blockstore_segment *seg)
{
    blockstore_lock(&s->read_mutex);
    size_t at = position(s, seg->number);
    ASSERT(at < s->seg_count && s->segs[at] == seg && seg->refs == 0);
    close_file(s, seg);
    memmove(s->segs + at, s->segs + at + 1,
            (s->seg_count - at - 1) * sizeof(struct blockstore_segment *));
    s->seg_count--;
    blockstore_unlock(&s->read_mutex);
    free(seg);
}

/* Closes the file that was not used for longest, unless all are in use. */
static void close_oldest(struct blockstore *s)
{
    struct blockstore_segment *oldest = NULL;
    for (size_t i = 0; i < s->seg_count; i++) {
        struct blockstore_segment *seg = s->segs[i];
        if (seg->handle >= 0 && seg->refs == 0 &&
            (oldest == NULL || seg->used_tick < oldest->used_tick))
            oldest = seg;
    }
    if (oldest != NULL)
        close_file(s, oldest);
}

static enum err acquire(struct blockstore *s, int *handle, uint32_t number)
{
    struct blockstore_segment *seg = blockstore_segment_find(s, number);
    if (seg == NULL)
        return ERR_NOT_FOUND;
    if (seg->handle < 0) {
        char path[FILE_PATH_MAX];
        if (s->open_files >= BLOCKSTORE_OPEN_FILES)
            close_oldest(s);
        TRY(blockstore_segment_path(s, path, seg->dir, number));
        TRY(s->files.open(s->files.ctx, &seg->handle, path, FILE_WRITE));
        s->open_files++;
    }
    seg->refs++;
    seg->used_tick = ++s->tick;
    *handle = seg->handle;
    return OK;
}

enum err blockstore_segment_acquire(struct blockstore *s, int *handle, uint32_t number)
{
    *handle = -1;
    blockstore_lock(&s->read_mutex);
    enum err e = acquire(s, handle, number);
    blockstore_unlock(&s->read_mutex);
    return e;
}

void blockstore_segment_unref(struct blockstore *s, uint32_t number)
{
    blockstore_lock(&s->read_mutex);
    struct blockstore_segment *seg = blockstore_segment_find(s, number);
    ASSERT(seg != NULL && seg->refs > 0);
    seg->refs--;
    blockstore_unlock(&s->read_mutex);
}

/* Numbers are never used twice, because rows of the table "dead" may outlive a segment. */
static uint32_t next_number(struct blockstore *s)
{
    blockstore_lock(&s->read_mutex);
    uint32_t above = s->seg_count == 0 ? 1 : s->segs[s->seg_count - 1]->number + 1;
    blockstore_unlock(&s->read_mutex);
    return above > s->next_segment ? above : s->next_segment;
}

enum err blockstore_segment_create(struct blockstore *s, struct blockstore_segment **out,
                                   size_t dir)
{
    char path[FILE_PATH_MAX];
    uint8_t header[RECORD_HEADER_SIZE];
    uint32_t number = next_number(s);
    int handle;
    *out = NULL;
    TRY(blockstore_segment_path(s, path, dir, number));
    record_file_encode(header, number, s->id);
    TRY(s->files.open(s->files.ctx, &handle, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE));
    enum err e = file_write(&s->files, handle, span_of(header, sizeof(header)), 0);
    s->files.close(s->files.ctx, handle);
    if (e == OK)
        e = s->files.sync_dir(s->files.ctx, s->dirs[dir]);
    if (e == OK)
        e = blockstore_segment_insert(s, out, number, dir);
    if (e != OK) {
        (void)s->files.unlink(s->files.ctx, path);
        return e;
    }
    s->next_segment = number + 1;
    (*out)->fresh = true;
    (*out)->row.tail = RECORD_HEADER_SIZE;
    (*out)->allocated = RECORD_HEADER_SIZE;
    return OK;
}

struct discovery {
    struct blockstore *s;
    size_t dir;
};

static enum err visit(void *ctx, const char *name)
{
    struct discovery *d = ctx;
    uint32_t number;
    struct blockstore_segment *seg;
    if (!file_name_number(&number, name, "seg-", ".pack"))
        return OK;
    return blockstore_segment_insert(d->s, &seg, number, d->dir);
}

enum err blockstore_segment_discover(struct blockstore *s)
{
    for (size_t i = 0; i < s->config.dir_count; i++) {
        struct discovery d = { s, i };
        enum err e = s->files.list(s->files.ctx, s->dirs[i], visit, &d);
        /* Two files of one number: somebody has mixed the folders of two stores. */
        if (e != OK)
            return e == ERR_EXISTS ? ERR_FORMAT : e;
    }
    return OK;
}

enum err blockstore_segment_header(struct blockstore *s, struct record *r, int handle,
                                   uint64_t offset)
{
    uint8_t header[RECORD_HEADER_SIZE];
    *r = (struct record){ 0 };
    TRY(file_read_exact(&s->files, handle, (struct mspan){ header, sizeof(header) }, offset));
    return record_decode(r, header, s->id);
}
