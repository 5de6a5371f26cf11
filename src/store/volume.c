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

static void set_state(struct volume *v, enum volume_state s, enum volume_cause cause)
{
    lock(v);
    if (v->state != VOLUME_DEAD) {
        v->state = s;
        v->cause = cause;
    }
    v->good_probes = 0;
    unlock(v);
}

/* From one of some states (bit s each) to another; false when it is in none of them. */
static bool move_state(struct volume *v, unsigned from, enum volume_state to,
                       enum volume_cause cause)
{
    lock(v);
    bool moves = (from >> v->state & 1) != 0;
    if (moves) {
        v->state = to;
        v->cause = cause;
        v->good_probes = 0;
    }
    unlock(v);
    return moves;
}

static const char *offline_text(enum volume_cause cause)
{
    switch (cause) {
    case VOLUME_BECAUSE_OTHER_DISK:
        return "offline: another disk is mounted there";
    case VOLUME_BECAUSE_BAD_MARKER:
        return "offline: its marker file is damaged";
    case VOLUME_BECAUSE_IO:
        return "offline: its marker cannot be read";
    case VOLUME_BECAUSE_NOTHING:
        return "offline: being looked at";
    case VOLUME_BECAUSE_NO_MARKER:
    case VOLUME_BECAUSE_READ_ONLY:
    case VOLUME_BECAUSE_DOUBT:
        break;
    }
    return "offline: not mounted";
}

const char *volume_text(const struct volume *v)
{
    lock(v);
    enum volume_state s = v->state;
    enum volume_cause cause = v->cause;
    unlock(v);
    switch (s) {
    case VOLUME_OK:
        return "ok";
    case VOLUME_SUSPECT:
        return cause == VOLUME_BECAUSE_READ_ONLY ? "suspect: it is mounted read-only"
                                                 : "suspect: it gave an input/output error";
    case VOLUME_OFFLINE:
        return offline_text(cause);
    case VOLUME_RETURNING:
        return cause == VOLUME_BECAUSE_DOUBT ? "returning: bytes were wrong, it is being checked"
                                             : "returning: its bytes are being checked";
    case VOLUME_DEAD:
        return "dropped: its data goes when the chain has accepted that";
    case VOLUME_FAILED:
        return "failed: bytes on it are missing or wrong";
    case VOLUME_STOPPING:
        return "stopping: wait until the chain knows";
    case VOLUME_STOPPED:
        return "stopped: it may be unmounted";
    }
    return "unknown";
}

enum err volume_readable(struct volume *v)
{
    enum volume_state s = volume_state(v);
    return s == VOLUME_OFFLINE || s == VOLUME_DEAD || s == VOLUME_STOPPED ? ERR_STATE : OK;
}

enum err volume_writable(struct volume *v)
{
    return volume_state(v) == VOLUME_OK ? OK : ERR_STATE;
}

enum err volume_note(struct volume *v, enum err e)
{
    if (e == ERR_IO)
        (void)move_state(v, 1u << VOLUME_OK, VOLUME_SUSPECT, VOLUME_BECAUSE_IO);
    return e;
}

const struct files *volume_files(const struct volume *v)
{
    return &v->files;
}

const char *volume_path(const struct volume *v)
{
    return v->path;
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

/* VOLUME_BECAUSE_NOTHING: the marker is there and this volume's. */
static enum volume_cause look_at_marker(struct volume *v)
{
    uint8_t id[VOLUME_ID_SIZE];
    enum err e = read_marker(v, id);
    if (e == OK)
        return memcmp(id, v->id, sizeof(id)) == 0 ? VOLUME_BECAUSE_NOTHING
                                                  : VOLUME_BECAUSE_OTHER_DISK;
    if (e == ERR_NOT_FOUND)
        return VOLUME_BECAUSE_NO_MARKER;
    return e == ERR_IO ? VOLUME_BECAUSE_IO : VOLUME_BECAUSE_BAD_MARKER;
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

static void after_good_probe(struct volume *v)
{
    lock(v);
    if (v->state == VOLUME_SUSPECT && ++v->good_probes >= VOLUME_SUSPECT_ERRORS) {
        v->state = VOLUME_RETURNING;
        v->cause = VOLUME_BECAUSE_NOTHING;
    }
    unlock(v);
}

enum volume_state volume_probe(struct volume *v)
{
    enum { WRITES = 1u << VOLUME_OK | 1u << VOLUME_SUSPECT | 1u << VOLUME_RETURNING };
    enum volume_state s = volume_state(v);
    if (s == VOLUME_DEAD || s == VOLUME_STOPPED)
        return s;
    enum volume_cause cause = look_at_marker(v);
    if (cause != VOLUME_BECAUSE_NOTHING) {
        /* What was to rest is gone already. */
        set_state(v, s == VOLUME_STOPPING ? VOLUME_STOPPED : VOLUME_OFFLINE, cause);
        return volume_state(v);
    }
    if (s == VOLUME_OFFLINE) {
        enum err e = volume_survey(v);
        set_state(v, e == OK ? VOLUME_RETURNING : VOLUME_OFFLINE,
                  e == OK ? VOLUME_BECAUSE_NOTHING : VOLUME_BECAUSE_IO);
        return volume_state(v);
    }
    if ((WRITES >> s & 1u) == 0)
        return s;
    enum err e = probe_file(v);
    if (e == OK || e == ERR_FULL) /* a full disk is a good disk */
        after_good_probe(v);
    else
        (void)move_state(v, WRITES, VOLUME_SUSPECT,
                         e == ERR_DENIED ? VOLUME_BECAUSE_READ_ONLY : VOLUME_BECAUSE_IO);
    return volume_state(v);
}

enum err volume_accept(struct volume *v, enum err result)
{
    const enum volume_state to = result == OK       ? VOLUME_OK
                                 : result == ERR_IO ? VOLUME_SUSPECT
                                                    : VOLUME_FAILED;
    const enum volume_cause cause = result == ERR_IO ? VOLUME_BECAUSE_IO : VOLUME_BECAUSE_NOTHING;
    return move_state(v, 1u << VOLUME_RETURNING, to, cause) ? OK : ERR_STATE;
}

void volume_doubt(struct volume *v)
{
    (void)move_state(v, 1u << VOLUME_OK, VOLUME_RETURNING, VOLUME_BECAUSE_DOUBT);
}

void volume_fail(struct volume *v)
{
    (void)move_state(v, 1u << VOLUME_OK | 1u << VOLUME_SUSPECT | 1u << VOLUME_RETURNING,
                     VOLUME_FAILED, VOLUME_BECAUSE_NOTHING);
}

enum err volume_stop(struct volume *v, bool at_once)
{
    const unsigned reads = 1u << VOLUME_OK | 1u << VOLUME_SUSPECT | 1u << VOLUME_RETURNING |
                           1u << VOLUME_FAILED | 1u << VOLUME_STOPPING;
    if (!at_once && move_state(v, reads, VOLUME_STOPPING, VOLUME_BECAUSE_NOTHING))
        return OK;
    bool moves =
        move_state(v, reads | 1u << VOLUME_OFFLINE, VOLUME_STOPPED, VOLUME_BECAUSE_NOTHING);
    return moves || volume_state(v) == VOLUME_STOPPED ? OK : ERR_STATE;
}

enum err volume_resume(struct volume *v)
{
    const unsigned from =
        1u << VOLUME_STOPPED | 1u << VOLUME_STOPPING | 1u << VOLUME_FAILED | 1u << VOLUME_SUSPECT;
    return move_state(v, from, VOLUME_OFFLINE, VOLUME_BECAUSE_NOTHING) ? OK : ERR_STATE;
}

void volume_give_up(struct volume *v)
{
    set_state(v, VOLUME_DEAD, VOLUME_BECAUSE_NOTHING);
}

enum err volume_wipe(struct volume *v)
{
    char path[FILE_PATH_MAX];
    if (volume_state(v) != VOLUME_DEAD || look_at_marker(v) != VOLUME_BECAUSE_NOTHING)
        return ERR_STATE;
    TRY(volume_clear(v));
    TRY(file_path(path, v->path, MARKER));
    TRY(v->files.unlink(v->files.ctx, path));
    return v->files.sync_dir(v->files.ctx, v->path);
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
        v->cause = look_at_marker(v);
        return OK;
    }
    TRY(e);
    e = volume_survey(v);
    if (e != OK && e != ERR_MEMORY &&
        known) { /* one bad disk must not keep the others from their work */
        v->state = VOLUME_OFFLINE;
        v->cause = VOLUME_BECAUSE_IO;
        return OK;
    }
    return e;
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
    if (e != OK) {
        volume_close(v);
        return e;
    }
    /* Seen once now: whoever asks from memory must not find a full disk. */
    struct volume_space space;
    if (v->state == VOLUME_OK)
        (void)!volume_space(v, &space);
    *out = v;
    return OK;
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

void volume_space_known(const struct volume *v, struct volume_space *space)
{
    lock(v);
    const struct file_space disk = v->disk;
    *space = (struct volume_space){ .capacity = v->capacity == 0 ? disk.total : v->capacity,
                                    .replicas = v->replicas,
                                    .extents = v->extents,
                                    .objects = v->objects,
                                    .reserve = v->reserve };
    unlock(v);
    uint64_t used = space->replicas + space->extents + space->objects;
    uint64_t ours = space->capacity > used ? space->capacity - used : 0;
    uint64_t theirs = disk.free > v->reserve ? disk.free - v->reserve : 0;
    space->free = ours < theirs ? ours : theirs;
}

enum err volume_space(const struct volume *v, struct volume_space *space)
{
    struct file_space disk;
    *space = (struct volume_space){ 0 };
    TRY(v->files.space(v->files.ctx, &disk, v->path));
    lock(v);
    /* What was seen last is the other member that a reading call changes. */
    ((struct volume *)(uintptr_t)v)->disk = disk;
    unlock(v);
    volume_space_known(v, space);
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
