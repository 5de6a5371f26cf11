#include "cli/import.h"
#include "cli/hashpool.h"
#include "cli/records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    DEPTH_MAX = 256, /* nested folders: one descriptor each */
    ARENA_SIZE = 4 << 20,
    CID_ROOM = 40, /* a sha2-256 CID; more is reserved only when blocks may be inlined */
};

/* One import under way. */
struct import {
    const struct import_options *o;
    struct import_result *out;
    struct unixfs_add add;
    struct block_sink sink; /* records what passes, then o->sink */
    struct records records;
    const struct content_record *ready; /* of the leaf that is being put */
    struct hashpool *pool;
    struct arena arena; /* of the one file that is being built */
    char path[IMPORT_PATH_MAX];
    size_t path_n;
};

/* An entry of a folder; name and CID share one allocation. */
struct child {
    char *name;
    uint8_t *cid;
    size_t cid_n;
    struct stat st;
    uint64_t tsize;
    bool done;
};

struct folder {
    int fd;
    struct child *list;
    size_t count, capacity;
};

/* A file of more than one piece, or of none. */
struct big_file {
    struct unixfs_add_file file;
    uint64_t taken; /* pieces */
};

/* ---- the sink that records ---------------------------------------------------------------- */

static enum err sink_put(void *ctx, const struct block_key *key, struct span data)
{
    struct import *im = ctx;
    if (im->o->commitment) {
        struct content_key content = { .codec = (uint32_t)key->codec };
        memcpy(content.digest, key->digest, 32);
        struct content_record record;
        if (im->ready != NULL && cid_key_cmp(&im->ready->key, &content) == 0)
            record = *im->ready;
        else
            content_record_of(&record, &content, data);
        TRY(records_add(&im->records, &record));
    }
    return block_sink_put(im->o->sink, key, data);
}

/* ---- paths, for messages ------------------------------------------------------------------- */

static enum err path_push(struct import *im, const char *name)
{
    size_t n = strlen(name);
    if (im->path_n + n + 2 > sizeof(im->path))
        return ERR_LIMIT;
    if (im->path_n > 0 && im->path[im->path_n - 1] != '/')
        im->path[im->path_n++] = '/';
    memcpy(im->path + im->path_n, name, n + 1);
    im->path_n += n;
    return OK;
}

static void path_cut(struct import *im, size_t n)
{
    im->path_n = n;
    im->path[n] = '\0';
}

/* Keeps the first path that failed. */
static enum err blame(struct import *im, enum err e, const char *name)
{
    if (e != OK && im->out->error_path[0] == '\0')
        (void)snprintf(im->out->error_path, sizeof(im->out->error_path), "%s%s%.255s", im->path,
                       name == NULL ? "" : "/", name == NULL ? "" : name);
    return e;
}

static enum err err_of_errno(void)
{
    switch (errno) {
    case ENOENT:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case ELOOP:
        return ERR_STATE;
    case EMFILE:
    case ENFILE:
        return ERR_LIMIT;
    default:
        return ERR_IO;
    }
}

/* ---- files --------------------------------------------------------------------------------- */

static struct unixfs_meta meta_of(const struct import_options *o, const struct stat *st)
{
    return (struct unixfs_meta){ .has_mode = o->preserve_mode,
                                 .has_mtime = o->preserve_mtime,
                                 .mode = o->preserve_mode ? (uint32_t)st->st_mode & 07777 : 0,
                                 .mtime_s = o->preserve_mtime ? st->st_mtim.tv_sec : 0,
                                 .mtime_ns =
                                     o->preserve_mtime ? (uint32_t)st->st_mtim.tv_nsec : 0 };
}

static void report(struct import *im)
{
    if (im->o->progress != NULL)
        im->o->progress(im->o->progress_ctx, im->out->bytes, im->out->files);
}

static enum err take_leaf(struct import *im, struct unixfs_add_file *file,
                          const struct hashpool_result *r)
{
    TRY(r->err);
    im->ready = im->o->commitment ? &r->record : NULL;
    enum err e = unixfs_add_file_leaf(file, &r->node, r->block);
    im->ready = NULL;
    im->out->bytes += r->job.size;
    return e;
}

static enum err child_finish(struct import *im, struct child *c, const struct unixfs_add_node *node)
{
    struct writer w = writer_of(c->cid, im->o->params.inline_max > 0 ? CID_SIZE_MAX : CID_ROOM);
    cid_write(&w, &node->cid);
    TRY(w.err);
    c->cid_n = w.len;
    c->tsize = node->tsize;
    c->done = true;
    return OK;
}

/* A whole small file came back from the pool. */
static enum err take_small(struct import *im, struct child *c, const struct hashpool_result *r)
{
    static struct unixfs_add_file file; /* 2 KiB of levels, used by one thread */
    struct unixfs_meta meta = meta_of(im->o, &c->st);
    arena_reset(&im->arena);
    unixfs_add_file_init(&file, &im->add, &im->arena, &meta);
    TRY(take_leaf(im, &file, r));
    struct unixfs_add_node node = { 0 };
    TRY(unixfs_add_file_finish(&file, &node));
    im->out->files++;
    return child_finish(im, c, &node);
}

/* Takes the oldest result to where it belongs. */
static enum err consume(struct import *im)
{
    const struct hashpool_result *r = hashpool_take(im->pool);
    enum err e;
    if (r->job.dir >= 0) {
        struct child *c = r->job.owner;
        e = blame(im, take_small(im, c, r), c->name);
    } else {
        struct big_file *b = r->job.owner;
        e = take_leaf(im, &b->file, r);
        b->taken++;
    }
    hashpool_release(im->pool);
    report(im);
    return e;
}

/* Empties the pool without looking. */
static void discard(struct import *im)
{
    while (hashpool_pending(im->pool) > 0) {
        (void)hashpool_take(im->pool);
        hashpool_release(im->pool);
    }
}

static enum err drain(struct import *im)
{
    enum err e = OK;
    while (e == OK && hashpool_pending(im->pool) > 0)
        e = consume(im);
    discard(im);
    return e;
}

static enum err room(struct import *im, size_t size)
{
    enum err e = OK;
    while (e == OK && !hashpool_room(im->pool, size))
        e = consume(im);
    return e;
}

static enum err add_pieces(struct import *im, struct big_file *b, int fd, const struct stat *st)
{
    size_t chunk = im->o->params.chunk_size;
    uint64_t size = (uint64_t)st->st_size;
    struct hashpool_job job = { .dir = -1, .fd = fd, .owner = b, .only = size <= chunk };
    job.meta = meta_of(im->o, st);
    job.keep_meta = job.meta.has_mode || job.meta.has_mtime;
    for (job.offset = 0; job.offset < size; job.offset += chunk) {
        job.size = size - job.offset < chunk ? (size_t)(size - job.offset) : chunk;
        TRY(room(im, job.size));
        hashpool_submit(im->pool, &job);
    }
    return drain(im);
}

/* A file of any size through one descriptor. Everything submitted before has been taken. */
static enum err add_file(struct import *im, struct unixfs_add_node *node, int fd,
                         const struct stat *st)
{
    ASSERT(hashpool_pending(im->pool) == 0);
    struct big_file *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return ERR_MEMORY;
    struct unixfs_meta meta = meta_of(im->o, st);
    arena_reset(&im->arena);
    unixfs_add_file_init(&b->file, &im->add, &im->arena, &meta);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    enum err e = add_pieces(im, b, fd, st);
    discard(im);
    uint8_t more;
    if (e == OK && pread(fd, &more, 1, st->st_size) != 0)
        e = ERR_STATE; /* it grew meanwhile */
    if (e == OK)
        e = unixfs_add_file_finish(&b->file, node);
    free(b);
    im->out->files++;
    report(im);
    return e;
}

static enum err add_file_at(struct import *im, struct unixfs_add_node *node, int dir,
                            const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return err_of_errno();
    struct stat st;
    enum err e = fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ? ERR_STATE : OK;
    if (e == OK)
        e = add_file(im, node, fd, &st);
    close(fd);
    return e;
}

static enum err add_symlink_at(struct import *im, struct unixfs_add_node *node, int dir,
                               const char *name, const struct stat *st)
{
    char target[IMPORT_PATH_MAX];
    ssize_t n = readlinkat(dir, name, target, sizeof(target));
    if (n < 0)
        return err_of_errno();
    if ((size_t)n == sizeof(target))
        return ERR_LIMIT;
    /* A link has no permissions of its own. */
    struct unixfs_meta meta = meta_of(im->o, st);
    meta.has_mode = false;
    meta.mode = 0;
    return unixfs_add_symlink(&im->add, node, span_of(target, (size_t)n), &meta);
}

/* ---- folders ------------------------------------------------------------------------------- */

static enum err folder_push(struct folder *f, const struct import_options *o, const char *name)
{
    if (f->count == f->capacity) {
        size_t capacity = f->capacity == 0 ? 64 : f->capacity * 2;
        struct child *list = realloc(f->list, capacity * sizeof(*list));
        if (list == NULL)
            return ERR_MEMORY;
        f->list = list;
        f->capacity = capacity;
    }
    size_t n = strlen(name) + 1;
    char *both = malloc(n + (o->params.inline_max > 0 ? CID_SIZE_MAX : CID_ROOM));
    if (both == NULL)
        return ERR_MEMORY;
    memcpy(both, name, n);
    f->list[f->count++] = (struct child){ .name = both, .cid = (uint8_t *)both + n };
    return OK;
}

static void folder_fini(struct folder *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->list[i].name);
    free(f->list);
    *f = (struct folder){ .fd = -1 };
}

static enum err folder_list(struct import *im, struct folder *f)
{
    int fd = dup(f->fd);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (d == NULL) {
        if (fd >= 0)
            close(fd);
        return err_of_errno();
    }
    enum err e = OK;
    for (;;) {
        errno = 0;
        const struct dirent *ent = readdir(d); /* one thread reads this stream */
        if (ent == NULL) {
            e = errno == 0 ? OK : ERR_IO;
            break;
        }
        const char *name = ent->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (name[0] == '.' && !im->o->hidden)
            continue;
        e = folder_push(f, im->o, name);
        if (e != OK)
            break;
        struct child *c = &f->list[f->count - 1];
        if (fstatat(f->fd, name, &c->st, AT_SYMLINK_NOFOLLOW) != 0) {
            e = blame(im, err_of_errno(), name);
            break;
        }
    }
    closedir(d);
    return e;
}

static enum err add_folder(struct import *im, struct unixfs_add_node *node, int fd,
                           const struct stat *st, unsigned depth);

static enum err add_subfolder(struct import *im, const struct folder *f, struct child *c,
                              unsigned depth)
{
    if (depth >= DEPTH_MAX)
        return ERR_LIMIT;
    int fd = openat(f->fd, c->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return err_of_errno();
    size_t mark = im->path_n;
    struct unixfs_add_node node = { 0 };
    enum err e = path_push(im, c->name);
    if (e == OK)
        e = add_folder(im, &node, fd, &c->st, depth + 1);
    close(fd);
    if (e != OK)
        return e;
    path_cut(im, mark);
    return child_finish(im, c, &node);
}

/* Folders first: nothing of ours may be in the pool while they are built. */
static enum err add_children(struct import *im, struct folder *f, unsigned depth)
{
    for (size_t i = 0; i < f->count; i++) {
        if (S_ISDIR(f->list[i].st.st_mode))
            TRY(blame(im, add_subfolder(im, f, &f->list[i], depth), f->list[i].name));
    }
    uint64_t chunk = im->o->params.chunk_size;
    for (size_t i = 0; i < f->count; i++) {
        struct child *c = &f->list[i];
        uint64_t size = (uint64_t)c->st.st_size;
        if (!S_ISREG(c->st.st_mode) || size == 0 || size > chunk)
            continue;
        struct hashpool_job job = { .dir = f->fd,
                                    .name = c->name,
                                    .fd = -1,
                                    .size = (size_t)size,
                                    .only = true,
                                    .meta = meta_of(im->o, &c->st),
                                    .owner = c };
        job.keep_meta = job.meta.has_mode || job.meta.has_mtime;
        TRY(room(im, job.size));
        hashpool_submit(im->pool, &job);
    }
    TRY(drain(im));
    for (size_t i = 0; i < f->count; i++) {
        struct child *c = &f->list[i];
        if (c->done)
            continue;
        struct unixfs_add_node node = { 0 };
        enum err e = ERR_UNSUPPORTED;
        if (S_ISREG(c->st.st_mode))
            e = add_file_at(im, &node, f->fd, c->name);
        else if (S_ISLNK(c->st.st_mode))
            e = add_symlink_at(im, &node, f->fd, c->name, &c->st);
        if (e == OK)
            e = child_finish(im, c, &node);
        TRY(blame(im, e, c->name));
    }
    return OK;
}

static enum err build_folder(struct import *im, struct unixfs_add_node *node,
                             const struct folder *f, const struct stat *st)
{
    struct unixfs_add_entry *list = calloc(f->count == 0 ? 1 : f->count, sizeof(*list));
    if (list == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < f->count; i++) {
        const struct child *c = &f->list[i];
        list[i] = (struct unixfs_add_entry){ .name = span_str(c->name),
                                             .cid = span_of(c->cid, c->cid_n),
                                             .tsize = c->tsize };
    }
    struct unixfs_meta meta = meta_of(im->o, st);
    enum err e =
        unixfs_add_dir(&im->add, node, (struct unixfs_add_entries){ list, f->count }, &meta);
    free(list);
    return e;
}

static enum err add_folder(struct import *im, struct unixfs_add_node *node, int fd,
                           const struct stat *st, unsigned depth)
{
    struct folder f = { .fd = fd };
    enum err e = folder_list(im, &f);
    if (e == OK)
        e = add_children(im, &f, depth);
    discard(im);
    if (e == OK)
        e = build_folder(im, node, &f, st);
    folder_fini(&f);
    return blame(im, e, NULL);
}

/* ---- roots --------------------------------------------------------------------------------- */

static enum err import_begin(struct import *im, struct import_result *out,
                             const struct import_options *o)
{
    memset(out, 0, sizeof(*out));
    *im = (struct import){ .o = o, .out = out };
    TRY(unixfs_add_check(&o->params));
    im->sink = (struct block_sink){ .ctx = im, .put = sink_put };
    void *arena = malloc(ARENA_SIZE);
    void *scratch = malloc(UNIXFS_ADD_SCRATCH);
    im->arena = arena_of(arena, ARENA_SIZE);
    im->add = (struct unixfs_add){ .params = o->params,
                                   .sink = &im->sink,
                                   .scratch = { scratch, UNIXFS_ADD_SCRATCH } };
    if (arena == NULL || scratch == NULL)
        return ERR_MEMORY;
    return hashpool_new(&im->pool, &o->params, o->commitment);
}

static enum err import_end(struct import *im, enum err e, const struct unixfs_add_node *node)
{
    if (im->pool != NULL)
        discard(im);
    hashpool_free(im->pool);
    free(im->arena.p);
    free(im->add.scratch.p);
    if (e == OK && im->o->commitment)
        e = records_finish(&im->records, &im->out->commitment);
    records_fini(&im->records);
    if (e == OK) {
        im->out->root = node->cid;
        im->out->tsize = node->tsize;
    }
    return e;
}

static enum err add_root(struct import *im, struct unixfs_add_node *node, const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return err_of_errno();
    if (S_ISLNK(st.st_mode))
        return add_symlink_at(im, node, AT_FDCWD, path, &st);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return ERR_UNSUPPORTED;
    if (S_ISDIR(st.st_mode) && !im->o->recursive)
        return ERR_UNSUPPORTED;
    int fd = open(path, O_RDONLY | O_CLOEXEC | (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0));
    if (fd < 0)
        return err_of_errno();
    enum err e =
        S_ISDIR(st.st_mode) ? add_folder(im, node, fd, &st, 0) : add_file(im, node, fd, &st);
    close(fd);
    return e;
}

enum err import_path(struct import_result *out, const struct import_options *o, const char *path)
{
    struct import im;
    struct unixfs_add_node node = { 0 };
    enum err e = import_begin(&im, out, o);
    if (e == OK)
        e = path_push(&im, path);
    if (e == OK)
        e = blame(&im, add_root(&im, &node, path), NULL);
    return import_end(&im, e, &node);
}

static enum err add_stream(struct import *im, struct unixfs_add_node *node, int fd)
{
    enum { PIECE = 256 * 1024 };
    size_t chunk = im->o->params.chunk_size;
    struct unixfs_add_stream *s = calloc(1, sizeof(*s));
    uint8_t *memory = malloc(chunk + PIECE);
    enum err e = s == NULL || memory == NULL ? ERR_MEMORY : OK;
    if (e == OK)
        unixfs_add_stream_init(s, &im->add, &im->arena, (struct mspan){ memory, chunk }, NULL);
    while (e == OK) {
        ssize_t n = read(fd, memory + chunk, PIECE);
        if (n == 0)
            break;
        if (n < 0) {
            e = errno == EINTR ? OK : ERR_IO;
            continue;
        }
        e = unixfs_add_stream_write(s, span_of(memory + chunk, (size_t)n));
        im->out->bytes += (uint64_t)n;
        report(im);
    }
    if (e == OK)
        e = unixfs_add_stream_finish(s, node);
    free(memory);
    free(s);
    im->out->files++;
    return e;
}

enum err import_stream(struct import_result *out, const struct import_options *o, int fd)
{
    struct import im;
    struct unixfs_add_node node = { 0 };
    enum err e = import_begin(&im, out, o);
    if (e == OK)
        e = add_stream(&im, &node, fd);
    return import_end(&im, e, &node);
}
