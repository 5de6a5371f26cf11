#include "store/volume_impl.h"

#include "base/hex.h"

static const char SEALED[] = ".sealed";
static const char PART[] = ".part";

/* ---- segments
 * ------------------------------------------------------------------------------------------ */

/* Makes a replica's directory, durably, when it is not there. */
static enum err make_replica_dir(struct volume *v, const struct volume_replica *replica)
{
    char dir[FILE_PATH_MAX];
    TRY(volume_replica_dir(v, dir, replica));
    return file_make_dirs(&v->files, dir);
}

enum err volume_segment_begin(struct volume_segment *out, struct volume *v,
                              const struct volume_replica *replica, uint32_t number)
{
    char path[FILE_PATH_MAX];
    uint64_t size;
    *out =
        (struct volume_segment){ .volume = v, .replica = *replica, .number = number, .handle = -1 };
    TRY(volume_writable(v));
    TRY(volume_segment_path(v, path, replica, number, SEALED));
    if (volume_file_size(v, &size, path) == OK)
        return ERR_EXISTS;
    TRY(volume_note(v, make_replica_dir(v, replica)));
    TRY(volume_segment_path(v, path, replica, number, PART));
    return volume_note(v, v->files.open(v->files.ctx, &out->handle, path,
                                        FILE_WRITE | FILE_CREATE | FILE_TRUNCATE));
}

enum err volume_segment_append(struct volume_segment *s, struct span data)
{
    struct volume *v = s->volume;
    if (data.n > VOLUME_SEGMENT_MAX - s->length)
        return ERR_LIMIT;
    TRY(volume_writable(v));
    TRY(volume_room(v, data.n));
    TRY(volume_note(v, file_write(&v->files, s->handle, data, s->length)));
    v->files.writeback(v->files.ctx, s->handle, s->length, data.n);
    s->length += data.n;
    return OK;
}

static enum err publish_segment(struct volume_segment *s)
{
    struct volume *v = s->volume;
    char part[FILE_PATH_MAX];
    char path[FILE_PATH_MAX];
    char dir[FILE_PATH_MAX];
    TRY(volume_writable(v));
    TRY(volume_segment_path(v, part, &s->replica, s->number, PART));
    TRY(volume_segment_path(v, path, &s->replica, s->number, SEALED));
    TRY(volume_replica_dir(v, dir, &s->replica));
    TRY(v->files.sync(v->files.ctx, s->handle));
    TRY(v->files.rename(v->files.ctx, part, path));
    return v->files.sync_dir(v->files.ctx, dir);
}

enum err volume_segment_finish(struct volume_segment *s)
{
    struct volume *v = s->volume;
    enum err e = s->handle < 0 ? ERR_STATE : volume_note(v, publish_segment(s));
    if (e == OK)
        volume_count(v, VOLUME_REPLICAS, s->length, 0);
    if (e == OK)
        file_close(&v->files, &s->handle);
    else
        volume_segment_abort(s);
    return e;
}

void volume_segment_abort(struct volume_segment *s)
{
    char path[FILE_PATH_MAX];
    if (s->handle < 0)
        return;
    file_close(&s->volume->files, &s->handle);
    /* Under either name: the rename may have come before the failure. */
    if (volume_segment_path(s->volume, path, &s->replica, s->number, PART) == OK)
        (void)s->volume->files.unlink(s->volume->files.ctx, path);
    if (volume_segment_path(s->volume, path, &s->replica, s->number, SEALED) == OK)
        (void)s->volume->files.unlink(s->volume->files.ctx, path);
}

enum err volume_segment_delete(struct volume *v, const struct volume_replica *replica,
                               uint32_t number)
{
    char path[FILE_PATH_MAX];
    char dir[FILE_PATH_MAX];
    uint64_t size;
    TRY(volume_writable(v));
    TRY(volume_segment_path(v, path, replica, number, SEALED));
    TRY(volume_replica_dir(v, dir, replica));
    enum err e = volume_file_size(v, &size, path);
    if (e == ERR_NOT_FOUND)
        return OK;
    TRY(e);
    TRY(volume_note(v, v->files.unlink(v->files.ctx, path)));
    volume_count(v, VOLUME_REPLICAS, 0, size);
    return volume_note(v, v->files.sync_dir(v->files.ctx, dir));
}

enum err volume_segment_read(struct volume *v, struct mspan buf,
                             const struct volume_replica *replica, uint32_t number, uint64_t offset)
{
    char path[FILE_PATH_MAX];
    TRY(volume_segment_path(v, path, replica, number, SEALED));
    return volume_file_read(v, buf, path, offset);
}

enum err volume_segment_size(struct volume *v, uint64_t *size, const struct volume_replica *replica,
                             uint32_t number)
{
    char path[FILE_PATH_MAX];
    *size = 0;
    TRY(volume_readable(v));
    TRY(volume_segment_path(v, path, replica, number, SEALED));
    return volume_file_size(v, size, path);
}

/* ---- walks over a disk
 * ---------------------------------------------------------------------------------- */

struct walk {
    struct volume *v;
    const char *dir;
    bool remove;  /* everything, else only what is half-written */
    bool replica; /* in a replica's directory */
    uint64_t sealed, objects, extents;
};

/* Rows whose extent was never finished, or is deleted. */
static bool orphan(struct walk *w, const char *name)
{
    char path[FILE_PATH_MAX];
    uint32_t number;
    uint64_t size;
    if (!volume_ends_with(name, ".rows") || !volume_extent_number(&number, name, ".rows"))
        return false;
    return volume_extent_path(w->v, path, number, ".srd") == OK &&
           volume_file_size(w->v, &size, path) == ERR_NOT_FOUND;
}

/* One file of a replica, of extents/ or of objects/. */
static enum err walk_file(void *ctx, const char *name)
{
    struct walk *w = ctx;
    char path[FILE_PATH_MAX];
    uint64_t size;
    TRY(file_path(path, w->dir, name));
    enum err e = volume_file_size(w->v, &size, path);
    if (e != OK)
        return e == ERR_NOT_FOUND ? OK : e;
    bool half = volume_ends_with(name, PART) || volume_ends_with(name, ".new") ||
                (!w->replica && orphan(w, name));
    if (!half && w->replica && volume_ends_with(name, SEALED))
        w->sealed += size;
    else if (!half && (volume_ends_with(name, ".srd") || volume_ends_with(name, ".rows")))
        w->extents += size;
    else if (!half)
        w->objects += size;
    if (!half && !w->remove)
        return OK;
    e = w->v->files.unlink(w->v->files.ctx, path);
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err walk_dir(struct walk *w, const char *dir, bool replica)
{
    w->dir = dir;
    w->replica = replica;
    enum err e = w->v->files.list(w->v->files.ctx, dir, walk_file, w);
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err volume_replica_delete(struct volume *v, const struct volume_replica *replica)
{
    char dir[FILE_PATH_MAX];
    char parent[FILE_PATH_MAX];
    struct walk w = { .v = v, .remove = true };
    TRY(volume_writable(v));
    TRY(volume_replica_dir(v, dir, replica));
    TRY(volume_note(v, walk_dir(&w, dir, true)));
    volume_count(v, VOLUME_REPLICAS, 0, w.sealed);
    volume_count(v, VOLUME_OBJECTS, 0, w.objects);
    enum err e = v->files.remove_dir(v->files.ctx, dir);
    if (e == ERR_NOT_FOUND)
        return OK;
    TRY(volume_note(v, e));
    TRY(file_parent(parent, dir));
    return volume_note(v, v->files.sync_dir(v->files.ctx, parent));
}

struct lister {
    struct volume *v;
    const char *dir; /* replicas/ */
    volume_replica_visit visit;
    void *ctx;
};

static enum err list_replica(void *ctx, const char *name)
{
    const struct lister *l = ctx;
    struct volume_replica replica;
    if (strlen(name) != (size_t)2 * VOLUME_REPLICA_SIZE ||
        hex_parse(replica.bytes, VOLUME_REPLICA_SIZE, name) != OK)
        return OK;
    return l->visit(l->ctx, &replica);
}

static enum err list_fan(void *ctx, const char *name)
{
    const struct lister *l = ctx;
    char path[FILE_PATH_MAX];
    if (strlen(name) != 2)
        return OK;
    TRY(file_path(path, l->dir, name));
    return l->v->files.list(l->v->files.ctx, path, list_replica, ctx);
}

enum err volume_replica_list(struct volume *v, volume_replica_visit visit, void *ctx)
{
    char dir[FILE_PATH_MAX];
    struct lister l = { v, dir, visit, ctx };
    TRY(file_path(dir, v->path, "replicas"));
    enum err e = v->files.list(v->files.ctx, dir, list_fan, &l);
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err survey_replica(void *ctx, const struct volume_replica *replica)
{
    struct walk *w = ctx;
    char dir[FILE_PATH_MAX];
    TRY(volume_replica_dir(w->v, dir, replica));
    return walk_dir(w, dir, true);
}

enum err volume_survey(struct volume *v)
{
    struct walk w = { .v = v };
    char dir[FILE_PATH_MAX];
    TRY(volume_replica_list(v, survey_replica, &w));
    TRY(file_path(dir, v->path, "extents"));
    TRY(walk_dir(&w, dir, false));
    TRY(file_path(dir, v->path, "objects"));
    TRY(walk_dir(&w, dir, false));
    volume_count(v, VOLUME_REPLICAS, w.sealed, v->replicas);
    volume_count(v, VOLUME_EXTENTS, w.extents, v->extents);
    volume_count(v, VOLUME_OBJECTS, w.objects, v->objects);
    return OK;
}

/* ---- the end of a volume
 * ----------------------------------------------------------------------------------------------
 */

struct clearing {
    struct volume *v;
    const char *dir;
};

static enum err clear_path(void *ctx, const char *name)
{
    const struct clearing *c = ctx;
    struct volume *v = c->v;
    char path[FILE_PATH_MAX];
    TRY(file_path(path, c->dir, name));
    if (v->files.unlink(v->files.ctx, path) == OK)
        return OK;
    struct clearing below = { v, path };
    enum err e = v->files.list(v->files.ctx, path, clear_path, &below);
    if (e == OK)
        e = v->files.remove_dir(v->files.ctx, path);
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err volume_clear(struct volume *v)
{
    /* The last ones are the owner's: its mirrored journal and its list of leaves. */
    static const char *const names[] = { "replicas", "extents", "objects",
                                         "journal",  "leaves",  "leaves.new" };
    struct clearing c = { v, v->path };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        TRY(clear_path(&c, names[i]));
    volume_count(v, VOLUME_REPLICAS, 0, UINT64_MAX);
    volume_count(v, VOLUME_EXTENTS, 0, UINT64_MAX);
    volume_count(v, VOLUME_OBJECTS, 0, UINT64_MAX);
    return v->files.sync_dir(v->files.ctx, v->path);
}

/* ---- small files
 * -------------------------------------------------------------------------------------------- */

/* Letters, digits, '-', '_' and '.' inside; no name that the store itself gives. */
static bool name_right(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n >= VOLUME_OBJECT_NAME_MAX || name[0] == '.')
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_' || c == '.';
        if (!good)
            return false;
    }
    return !volume_ends_with(name, SEALED) && !volume_ends_with(name, PART) &&
           !volume_ends_with(name, ".new");
}

static enum err object_path(struct volume *v, char out[FILE_PATH_MAX],
                            const struct volume_replica *replica, const char *name)
{
    char dir[FILE_PATH_MAX];
    if (!name_right(name))
        return ERR_FORMAT;
    TRY(volume_replica_dir(v, dir, replica));
    return file_path(out, dir, name);
}

enum err volume_object_put(struct volume *v, const struct volume_replica *replica, const char *name,
                           struct span data)
{
    char path[FILE_PATH_MAX];
    uint64_t old = 0;
    TRY(object_path(v, path, replica, name));
    TRY(volume_writable(v));
    TRY(volume_room(v, data.n));
    enum err e = volume_file_size(v, &old, path);
    if (e != OK && e != ERR_NOT_FOUND)
        return e;
    if (replica != NULL)
        TRY(volume_note(v, make_replica_dir(v, replica)));
    TRY(volume_note(v, file_replace(&v->files, path, data)));
    volume_count(v, VOLUME_OBJECTS, data.n, 0);
    volume_count(v, VOLUME_OBJECTS, 0, old);
    return OK;
}

enum err volume_object_size(struct volume *v, uint64_t *size, const struct volume_replica *replica,
                            const char *name)
{
    char path[FILE_PATH_MAX];
    *size = 0;
    TRY(object_path(v, path, replica, name));
    TRY(volume_readable(v));
    return volume_file_size(v, size, path);
}

enum err volume_object_read(struct volume *v, struct mspan buf,
                            const struct volume_replica *replica, const char *name, uint64_t offset)
{
    char path[FILE_PATH_MAX];
    TRY(object_path(v, path, replica, name));
    return volume_file_read(v, buf, path, offset);
}

enum err volume_object_delete(struct volume *v, const struct volume_replica *replica,
                              const char *name)
{
    char path[FILE_PATH_MAX];
    char dir[FILE_PATH_MAX];
    uint64_t size;
    TRY(object_path(v, path, replica, name));
    TRY(volume_writable(v));
    enum err e = volume_file_size(v, &size, path);
    if (e == ERR_NOT_FOUND)
        return OK;
    TRY(e);
    TRY(volume_note(v, v->files.unlink(v->files.ctx, path)));
    volume_count(v, VOLUME_OBJECTS, 0, size);
    TRY(file_parent(dir, path));
    return volume_note(v, v->files.sync_dir(v->files.ctx, dir));
}

struct object_lister {
    volume_object_visit visit;
    void *ctx;
};

/* Segments and what is half-written are no objects. */
static enum err list_object(void *ctx, const char *name)
{
    const struct object_lister *l = ctx;
    return name_right(name) ? l->visit(l->ctx, name) : OK;
}

enum err volume_object_list(struct volume *v, const struct volume_replica *replica,
                            volume_object_visit visit, void *ctx)
{
    char dir[FILE_PATH_MAX];
    struct object_lister l = { visit, ctx };
    TRY(volume_readable(v));
    TRY(volume_replica_dir(v, dir, replica));
    enum err e = v->files.list(v->files.ctx, dir, list_object, &l);
    return e == ERR_NOT_FOUND ? OK : e;
}
