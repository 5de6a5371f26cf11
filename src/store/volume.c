#include "store/volume.h"

#include "base/hex.h"
#include "store/volume_impl.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MARKER_SIZE = 13 + 2 * VOLUME_ID_SIZE + 1,
    PROBE_SIZE = 4096,
};

static const char MARKER[] = "crust-disk";
static const char MARKER_HEAD[] = "crust-disk 1 ";
static const char PROBE[] = "crust-probe";

const char *volume_state_text(enum volume_state s)
{
    switch (s) {
    case VOLUME_OK:
        return "ok";
    case VOLUME_SUSPECT:
        return "suspect: it gave an input/output error";
    case VOLUME_OFFLINE:
        return "offline: not mounted";
    case VOLUME_RETURNING:
        return "returning: being verified";
    case VOLUME_DEAD:
        return "given up";
    }
    return "unknown";
}

/* ---- state
 * ------------------------------------------------------------------------------------------- */

static void lock(const struct volume *v)
{
    /* The mutex is the one member that a reading call changes. */
    int rc = pthread_mutex_lock((pthread_mutex_t *)(uintptr_t)&v->mutex);
    ASSERT(rc == 0);
}

static void unlock(const struct volume *v)
{
    int rc = pthread_mutex_unlock((pthread_mutex_t *)(uintptr_t)&v->mutex);
    ASSERT(rc == 0);
}

enum volume_state volume_state(const struct volume *v)
{
    lock(v);
    enum volume_state s = v->state;
    unlock(v);
    return s;
}

static void set_state(struct volume *v, enum volume_state s)
{
    lock(v);
    if (v->state != VOLUME_DEAD)
        v->state = s;
    v->good_probes = 0;
    unlock(v);
}

enum err volume_readable(struct volume *v)
{
    enum volume_state s = volume_state(v);
    return s == VOLUME_OK || s == VOLUME_SUSPECT || s == VOLUME_RETURNING ? OK : ERR_STATE;
}

enum err volume_writable(struct volume *v)
{
    return volume_state(v) == VOLUME_OK ? OK : ERR_STATE;
}

enum err volume_note(struct volume *v, enum err e)
{
    if (e == ERR_IO && volume_state(v) == VOLUME_OK)
        set_state(v, VOLUME_SUSPECT);
    return e;
}

const uint8_t *volume_id(const struct volume *v)
{
    return v->id;
}

/* ---- marker
 * ------------------------------------------------------------------------------------------- */

static enum err read_marker(struct volume *v, uint8_t id[VOLUME_ID_SIZE])
{
    char path[FILE_PATH_MAX];
    char text[MARKER_SIZE + 1] = { 0 };
    size_t size;
    TRY(file_path(path, v->path, MARKER));
    TRY(file_load(&v->files, &size, (struct mspan){ (uint8_t *)text, MARKER_SIZE }, path));
    size_t head = sizeof(MARKER_HEAD) - 1;
    if (size != MARKER_SIZE || memcmp(text, MARKER_HEAD, head) != 0 || text[size - 1] != '\n')
        return ERR_FORMAT;
    text[size - 1] = 0;
    return hex_parse(id, VOLUME_ID_SIZE, text + head);
}

static enum err write_marker(struct volume *v)
{
    char path[FILE_PATH_MAX];
    char hex[2 * VOLUME_ID_SIZE + 1];
    char text[MARKER_SIZE + 1];
    hex_format(hex, span_of(v->id, VOLUME_ID_SIZE));
    (void)snprintf(text, sizeof(text), "%s%s\n", MARKER_HEAD, hex);
    TRY(file_path(path, v->path, MARKER));
    return file_replace(&v->files, path, span_of(text, MARKER_SIZE));
}

static bool marker_right(struct volume *v)
{
    uint8_t id[VOLUME_ID_SIZE];
    return read_marker(v, id) == OK && memcmp(id, v->id, sizeof(id)) == 0;
}

/* Writes, syncs, reads back and removes a small file. */
static enum err probe_file(struct volume *v)
{
    char path[FILE_PATH_MAX];
    uint8_t out[PROBE_SIZE];
    uint8_t in[PROBE_SIZE];
    int handle;
    v->files.entropy(v->files.ctx, (struct mspan){ out, sizeof(out) });
    TRY(file_path(path, v->path, PROBE));
    TRY(v->files.open(v->files.ctx, &handle, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE));
    enum err e = file_write(&v->files, handle, span_of(out, sizeof(out)), 0);
    if (e == OK)
        e = v->files.sync(v->files.ctx, handle);
    if (e == OK)
        e = file_read_exact(&v->files, handle, (struct mspan){ in, sizeof(in) }, 0);
    v->files.close(v->files.ctx, handle);
    if (e == OK && memcmp(in, out, sizeof(in)) != 0)
        e = ERR_IO;
    enum err removed = v->files.unlink(v->files.ctx, path);
    return e == OK ? removed : e;
}

static enum volume_state after_good_probe(struct volume *v)
{
    lock(v);
    if (v->state == VOLUME_SUSPECT && ++v->good_probes >= VOLUME_SUSPECT_ERRORS)
        v->state = VOLUME_OK;
    enum volume_state s = v->state;
    unlock(v);
    return s;
}

enum volume_state volume_probe(struct volume *v)
{
    enum volume_state s = volume_state(v);
    if (s == VOLUME_DEAD)
        return s;
    if (!marker_right(v)) {
        set_state(v, VOLUME_OFFLINE);
        return VOLUME_OFFLINE;
    }
    if (s == VOLUME_OFFLINE) {
        if (volume_survey(v) != OK)
            return s;
        set_state(v, VOLUME_RETURNING);
        return VOLUME_RETURNING;
    }
    enum err e = probe_file(v);
    if (e == OK || e == ERR_FULL) /* a full disk is a good disk */
        return after_good_probe(v);
    if (s != VOLUME_RETURNING)
        set_state(v, VOLUME_SUSPECT);
    return volume_state(v);
}

enum err volume_accept(struct volume *v, bool good)
{
    if (volume_state(v) != VOLUME_RETURNING)
        return ERR_STATE;
    set_state(v, good ? VOLUME_OK : VOLUME_SUSPECT);
    return OK;
}

void volume_give_up(struct volume *v)
{
    set_state(v, VOLUME_DEAD);
}

/* ---- open
 * ------------------------------------------------------------------------------------------------
 */

/* Refuses a directory in which somebody else keeps something. */
static enum err only_ours(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "lost+found") == 0 || strncmp(name, MARKER, sizeof(MARKER) - 1) == 0
               ? OK
               : ERR_EXISTS;
}

static enum err create(struct volume *v)
{
    static const char *const dirs[] = { "replicas", "extents", "objects" };
    char path[FILE_PATH_MAX];
    TRY(file_make_dirs(&v->files, v->path));
    TRY(v->files.list(v->files.ctx, v->path, only_ours, NULL));
    v->files.entropy(v->files.ctx, (struct mspan){ v->id, VOLUME_ID_SIZE });
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        TRY(file_path(path, v->path, dirs[i]));
        TRY(v->files.make_dir(v->files.ctx, path));
    }
    TRY(v->files.sync_dir(v->files.ctx, v->path));
    return write_marker(v); /* last: a marker means that all is there */
}

static bool is_zero(const uint8_t id[VOLUME_ID_SIZE])
{
    static const uint8_t zeros[VOLUME_ID_SIZE] = { 0 };
    return memcmp(id, zeros, VOLUME_ID_SIZE) == 0;
}

static enum err open_or_create(struct volume *v, const struct volume_config *config)
{
    enum err e = read_marker(v, v->id);
    bool known = !is_zero(config->id);
    bool other = e == OK && known && memcmp(v->id, config->id, VOLUME_ID_SIZE) != 0;
    if (e == ERR_NOT_FOUND && config->create)
        return create(v);
    if (known && (e != OK || other)) {
        memcpy(v->id, config->id, VOLUME_ID_SIZE);
        v->state = VOLUME_OFFLINE;
        return OK;
    }
    TRY(e);
    return volume_survey(v);
}

enum err volume_open(struct volume **out, const struct volume_config *config)
{
    *out = NULL;
    if (strlen(config->path) >= FILE_PATH_MAX / 2)
        return ERR_LIMIT;
    struct volume *v = calloc(1, sizeof(*v));
    if (v == NULL)
        return ERR_MEMORY;
    v->files = *config->files;
    memcpy(v->path, config->path, strlen(config->path) + 1);
    v->capacity = config->capacity_bytes;
    v->reserve = config->reserve_bytes;
    if (pthread_mutex_init(&v->mutex, NULL) != 0) {
        free(v);
        return ERR_MEMORY;
    }
    enum err e = open_or_create(v, config);
    if (e != OK)
        volume_close(v);
    else
        *out = v;
    return e;
}

void volume_close(struct volume *v)
{
    if (v == NULL)
        return;
    (void)pthread_mutex_destroy(&v->mutex);
    free(v);
}

/* ---- space
 * -------------------------------------------------------------------------------------------------
 */

void volume_count(struct volume *v, enum volume_sum sum, uint64_t added, uint64_t taken)
{
    lock(v);
    uint64_t *n = sum == VOLUME_REPLICAS  ? &v->replicas
                  : sum == VOLUME_EXTENTS ? &v->extents
                                          : &v->objects;
    *n += added;
    *n -= taken < *n ? taken : *n;
    unlock(v);
}

enum err volume_space(const struct volume *v, struct volume_space *space)
{
    struct file_space disk;
    *space = (struct volume_space){ 0 };
    TRY(v->files.space(v->files.ctx, &disk, v->path));
    lock(v);
    space->capacity = v->capacity == 0 ? disk.total : v->capacity;
    space->replicas = v->replicas;
    space->extents = v->extents;
    space->objects = v->objects;
    space->reserve = v->reserve;
    unlock(v);
    uint64_t used = space->replicas + space->extents + space->objects;
    uint64_t ours = space->capacity > used ? space->capacity - used : 0;
    uint64_t theirs = disk.free > v->reserve ? disk.free - v->reserve : 0;
    space->free = ours < theirs ? ours : theirs;
    return OK;
}

enum err volume_room(struct volume *v, uint64_t need)
{
    struct volume_space space;
    TRY(volume_note(v, volume_space(v, &space)));
    return space.free >= need ? OK : ERR_FULL;
}

/* ---- files
 * ----------------------------------------------------------------------------------------------------
 */

enum err volume_replica_dir(const struct volume *v, char out[FILE_PATH_MAX],
                            const struct volume_replica *replica)
{
    char hex[2 * VOLUME_REPLICA_SIZE + 1];
    char name[16 + sizeof(hex)];
    if (replica == NULL)
        return file_path(out, v->path, "objects");
    hex_format(hex, span_of(replica->bytes, VOLUME_REPLICA_SIZE));
    (void)snprintf(name, sizeof(name), "replicas/%.2s/%s", hex, hex);
    return file_path(out, v->path, name);
}

enum err volume_segment_path(const struct volume *v, char out[FILE_PATH_MAX],
                             const struct volume_replica *replica, uint32_t number,
                             const char *suffix)
{
    char dir[FILE_PATH_MAX];
    char name[48];
    TRY(volume_replica_dir(v, dir, replica));
    (void)snprintf(name, sizeof(name), "seg-%05u%s", number, suffix);
    return file_path(out, dir, name);
}

enum err volume_extent_path(const struct volume *v, char out[FILE_PATH_MAX], uint32_t number,
                            const char *suffix)
{
    char name[48];
    (void)snprintf(name, sizeof(name), "extents/ext-%08x%s", number, suffix);
    return file_path(out, v->path, name);
}

enum err volume_file_size(struct volume *v, uint64_t *size, const char *path)
{
    int handle;
    *size = 0;
    TRY(volume_note(v, v->files.open(v->files.ctx, &handle, path, FILE_READ)));
    enum err e = v->files.size(v->files.ctx, size, handle);
    v->files.close(v->files.ctx, handle);
    return volume_note(v, e);
}

enum err volume_file_read(struct volume *v, struct mspan buf, const char *path, uint64_t offset)
{
    int handle;
    TRY(volume_readable(v));
    TRY(volume_note(v, v->files.open(v->files.ctx, &handle, path, FILE_READ)));
    enum err e = file_read_exact(&v->files, handle, buf, offset);
    v->files.close(v->files.ctx, handle);
    return volume_note(v, e);
}

bool volume_ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name);
    size_t m = strlen(suffix);
    return n >= m && memcmp(name + n - m, suffix, m) == 0;
}
