#include "ipfsd/disks.h"

#include "base/hex.h"
#include "ipfsd/leaves.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIST_MAX = DISKS_MAX * (SETTINGS_PATH_MAX + 64) };

static const char marks[] = { [DISK_USED] = ' ', [DISK_STOPPED] = '~', [DISK_DROPPED] = '!' };

/* One line of the list: "3 0011..ff /mnt/a", with a mark after the number of one not in use. */
static enum err take_line(struct disks *d, char *line)
{
    char *end;
    unsigned long number = strtoul(line, &end, 10);
    if (end == line || number >= DISKS_MAX)
        return ERR_FORMAT;
    enum disk_want want = *end == '~' ? DISK_STOPPED : *end == '!' ? DISK_DROPPED : DISK_USED;
    end += want != DISK_USED;
    if (*end != ' ')
        return ERR_FORMAT;
    char *id = end + 1, *path = strchr(id, ' ');
    if (path == NULL || path - id != (ptrdiff_t)2 * VOLUME_ID_SIZE)
        return ERR_FORMAT;
    struct disk *disk = &d->disks[number];
    *path = '\0';
    TRY(hex_parse(disk->id, VOLUME_ID_SIZE, id));
    size_t n = strlen(path + 1);
    if (n == 0 || n >= sizeof(disk->path))
        return ERR_FORMAT;
    memcpy(disk->path, path + 1, n + 1);
    atomic_store(&disk->want, want);
    return OK;
}

static enum err load_list(struct disks *d)
{
    struct mspan text;
    enum err e = path_read_file(&text, d->list, LIST_MAX);
    if (e == ERR_NOT_FOUND)
        return OK;
    TRY(e);
    char *line = (char *)text.p;
    while (e == OK && *line != '\0') {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end = '\0';
        e = take_line(d, line);
        line = end == NULL ? line + strlen(line) : end + 1;
    }
    free(text.p);
    return e;
}

static void list_at(struct disks *d, const struct settings *s)
{
    (void)snprintf(d->list, sizeof(d->list), "%s/disks", s->enclave);
}

void disks_listed(char paths[DISKS_MAX][SETTINGS_PATH_MAX], const struct settings *s)
{
    static struct disks d; /* large for a stack; at start only */
    memset(paths, 0, (size_t)DISKS_MAX * SETTINGS_PATH_MAX);
    memset(&d, 0, sizeof(d));
    list_at(&d, s);
    if (load_list(&d) != OK)
        return;
    for (uint32_t i = 0; i < DISKS_MAX; i++)
        (void)snprintf(paths[i], SETTINGS_PATH_MAX, "%s", d.disks[i].path);
}

static enum err save_list(const struct disks *d)
{
    char text[LIST_MAX];
    size_t n = 0;
    for (uint32_t i = 0; i < DISKS_MAX; i++) {
        const struct disk *disk = &d->disks[i];
        char id[2 * VOLUME_ID_SIZE + 1], number[16];
        const enum disk_want want = atomic_load(&disk->want);
        if (disk->path[0] == '\0' || want == DISK_GONE)
            continue;
        hex_format(id, span_of(disk->id, VOLUME_ID_SIZE));
        (void)snprintf(number, sizeof(number), "%u%c", i, marks[want]);
        if (want == DISK_USED)
            number[strlen(number) - 1] = '\0';
        int got = snprintf(text + n, sizeof(text) - n, "%s %s %s\n", number, id, disk->path);
        if (got < 0 || (size_t)got >= sizeof(text) - n)
            return ERR_LIMIT;
        n += (size_t)got;
    }
    return path_write_file(d->list, span_of(text, n), 0600);
}

static struct disk *known_at(struct disks *d, const char *path)
{
    for (uint32_t i = 0; i < DISKS_MAX; i++) {
        if (strcmp(d->disks[i].path, path) == 0)
            return &d->disks[i];
    }
    return NULL;
}

/* The number of the volume whose leaves a folder lists; DISKS_MAX: it lists none. */
static uint32_t listed_number(const char *path)
{
    struct leaves l;
    struct leaves_row row;
    size_t got = 0;
    if (leaves_open(&l, file_system(), path, UINT64_MAX) != OK || l.count == 0 ||
        leaves_read(&l, &row, &got, 1, l.count - 1) != OK || got == 0)
        return DISKS_MAX;
    uint64_t number = row.tree >> 40;
    return number < DISKS_MAX ? (uint32_t)number : DISKS_MAX;
}

/* A place for a disk that the list does not have. With no list at all, a disk that lists leaves is
 * ours and gets its number again; with one, it is another node's, or was dropped while it was
 * away. ERR_EXISTS, ERR_LIMIT. */
static enum err new_place(struct disks *d, struct disk **out, const char *path, bool list_lost)
{
    uint32_t number = listed_number(path);
    if (number < DISKS_MAX && !list_lost)
        return ERR_EXISTS;
    for (uint32_t i = 0; number == DISKS_MAX && i < DISKS_MAX; i++) {
        if (d->disks[i].path[0] == '\0')
            number = i;
    }
    if (number == DISKS_MAX || d->disks[number].path[0] != '\0')
        return ERR_LIMIT;
    *out = &d->disks[number];
    return OK;
}

/* As the operator left it. */
static void take_up(struct disk *disk)
{
    const enum disk_want want = atomic_load(&disk->want);
    if (want != DISK_USED)
        (void)!volume_stop(disk->volume, want == DISK_STOPPED);
    if (volume_state(disk->volume) != VOLUME_OK)
        log_warn("disk-not-ready", "path=\"%s\" state=\"%s\"", disk->path,
                 volume_text(disk->volume));
}

static enum err open_at(struct disks *d, struct disk *disk, const struct settings *s,
                        const struct settings_disk *at)
{
    bool known = disk->path[0] != '\0';
    struct volume_config config = { .files = file_system(),
                                    .path = at->path,
                                    .capacity_bytes = at->capacity,
                                    .reserve_bytes = s->disk_reserve,
                                    .create = !known };
    if (known)
        memcpy(config.id, disk->id, sizeof(config.id));
    else
        TRY(path_make_dirs(at->path, 0700));
    TRY(volume_open(&disk->volume, &config));
    if (!known) {
        memcpy(disk->id, volume_id(disk->volume), sizeof(disk->id));
        memcpy(disk->path, at->path, strlen(at->path) + 1);
        TRY(save_list(d));
    }
    take_up(disk);
    return OK;
}

static enum err open_one(struct disks *d, const struct settings *s, const struct settings_disk *at,
                         bool list_lost)
{
    struct disk *disk = known_at(d, at->path);
    if (disk == NULL)
        TRY(new_place(d, &disk, at->path, list_lost));
    return open_at(d, disk, s, at);
}

/* One disk that cannot be used must not keep the others from their work. */
static enum err open_all(struct disks *d, const struct settings *s, bool list_lost)
{
    enum err worst = OK;
    uint32_t opened = 0;
    for (uint32_t i = 0; i < s->disk_count; i++) {
        enum err e = open_one(d, s, &s->disks[i], list_lost);
        opened += e == OK;
        if (e == OK)
            continue;
        worst = e;
        log_error("disk-not-opened", "path=\"%s\" reason=\"%s\"", s->disks[i].path,
                  e == ERR_EXISTS
                      ? "it holds files that are not this node's: empty it, or take it out"
                      : err_text(e));
    }
    return opened > 0 ? OK : worst;
}

/* Those of the list that the settings do not have; want DISK_USED: all of them. */
static enum err open_rest(struct disks *d, const struct settings *s, enum disk_want want)
{
    for (uint32_t i = 0; i < DISKS_MAX; i++) {
        struct disk *disk = &d->disks[i];
        struct settings_disk at = { .capacity = 0 };
        if (disk->path[0] == '\0' || disk->volume != NULL ||
            (want != DISK_USED && atomic_load(&disk->want) != want))
            continue;
        memcpy(at.path, disk->path, sizeof(at.path));
        TRY(open_at(d, disk, s, &at));
    }
    return OK;
}

static enum err begin(struct disks *d, const struct settings *s, bool *list_lost)
{
    memset(d, 0, sizeof(*d));
    list_at(d, s);
    bool good = pthread_mutex_init(&d->list_lock, NULL) == 0;
    for (uint32_t i = 0; i < DISKS_MAX; i++)
        good = good && pthread_mutex_init(&d->disks[i].lock, NULL) == 0;
    if (!good)
        return ERR_MEMORY;
    enum err e = load_list(d);
    if (e == ERR_FORMAT) {
        log_error("disk-list-damaged", "path=\"%s\" next=\"it is made anew\"", d->list);
        for (uint32_t i = 0; i < DISKS_MAX; i++)
            d->disks[i].path[0] = '\0';
        e = OK;
    }
    *list_lost = true;
    for (uint32_t i = 0; i < DISKS_MAX; i++)
        *list_lost = *list_lost && d->disks[i].path[0] == '\0';
    return e;
}

enum err disks_open(struct disks *d, const struct settings *s)
{
    bool list_lost;
    TRY(begin(d, s, &list_lost));
    TRY(open_all(d, s, list_lost));
    return open_rest(d, s, DISK_DROPPED); /* they are still to be emptied */
}

enum err disks_open_known(struct disks *d, const struct settings *s)
{
    bool list_lost;
    TRY(begin(d, s, &list_lost));
    TRY(open_all(d, s, list_lost));
    return open_rest(d, s, DISK_USED);
}

void disks_close(struct disks *d)
{
    for (uint32_t i = 0; i < DISKS_MAX; i++) {
        volume_close(d->disks[i].volume);
        d->disks[i].volume = NULL;
        pthread_mutex_destroy(&d->disks[i].lock);
    }
    pthread_mutex_destroy(&d->list_lock);
}

enum err disks_say(struct disks *d, uint32_t number, enum disk_want want)
{
    if (number >= DISKS_MAX || d->disks[number].volume == NULL)
        return ERR_NOT_FOUND;
    pthread_mutex_lock(&d->list_lock);
    atomic_store(&d->disks[number].want, want);
    enum err e = save_list(d);
    pthread_mutex_unlock(&d->list_lock);
    return e;
}

void disks_text(const struct disks *d, uint32_t number, char out[DISKS_TEXT_MAX])
{
    const struct disk *disk = &d->disks[number];
    const enum disk_want want = atomic_load(&disk->want);
    const unsigned permille = atomic_load(&disk->permille);
    if (want == DISK_DROPPED || want == DISK_GONE)
        (void)snprintf(out, DISKS_TEXT_MAX, "%s",
                       want == DISK_GONE
                           ? "dropped: it is empty and can be added again"
                           : "dropped: its data goes when the chain has accepted that");
    else if (permille != 0 && volume_state(disk->volume) == VOLUME_RETURNING)
        (void)snprintf(out, DISKS_TEXT_MAX, "%s, %u %% done", volume_text(disk->volume),
                       permille / 10);
    else
        (void)snprintf(out, DISKS_TEXT_MAX, "%s", volume_text(disk->volume));
}

struct volume *disks_volume(const struct disks *d, uint32_t number)
{
    return number < DISKS_MAX ? d->disks[number].volume : NULL;
}

bool disks_readable(const struct disks *d, uint32_t number)
{
    const struct volume *v = disks_volume(d, number);
    if (v == NULL)
        return false;
    enum volume_state s = volume_state(v);
    return s != VOLUME_OFFLINE && s != VOLUME_DEAD && s != VOLUME_STOPPED;
}

enum err disks_choose(const struct disks *d, uint32_t *number, uint64_t bytes)
{
    uint64_t best = 0;
    enum err e = ERR_FULL;
    for (uint32_t i = 0; i < DISKS_MAX; i++) {
        const struct volume *v = d->disks[i].volume;
        struct volume_space space;
        if (v == NULL || volume_state(v) != VOLUME_OK || volume_space(v, &space) != OK)
            continue;
        if (space.free >= bytes && (e != OK || space.free > best)) {
            best = space.free;
            *number = i;
            e = OK;
        }
    }
    return e;
}

void disks_lock(struct disks *d, uint32_t number)
{
    ASSERT(number < DISKS_MAX);
    pthread_mutex_lock(&d->disks[number].lock);
}

void disks_unlock(struct disks *d, uint32_t number)
{
    pthread_mutex_unlock(&d->disks[number].lock);
}

void disks_probe(struct disks *d)
{
    for (uint32_t i = 0; i < DISKS_MAX; i++) {
        struct disk *disk = &d->disks[i];
        struct volume_space space;
        char before[DISKS_TEXT_MAX], now[DISKS_TEXT_MAX];
        if (disk->volume == NULL)
            continue;
        enum volume_state was = volume_state(disk->volume);
        disks_text(d, i, before);
        disks_lock(d, i);
        enum volume_state is = volume_probe(disk->volume);
        disks_unlock(d, i);
        if (is == VOLUME_OK)
            (void)!volume_space(disk->volume, &space); /* what others have written there */
        disks_text(d, i, now);
        if (is != was)
            log_warn("disk-state", "volume=%u path=\"%s\" was=\"%s\" now=\"%s\"", i, disk->path,
                     before, now);
    }
}

uint16_t disks_in(const struct disks *d, enum volume_state state)
{
    uint16_t out = 0;
    for (uint32_t i = 0; i < DISKS_MAX; i++) {
        const struct volume *v = d->disks[i].volume;
        if (v != NULL && volume_state(v) == state)
            out |= (uint16_t)(1u << i);
    }
    return out;
}
