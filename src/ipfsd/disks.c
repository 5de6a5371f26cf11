#include "ipfsd/disks.h"

#include "base/hex.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIST_MAX = DISKS_MAX * (SETTINGS_PATH_MAX + 64) };

/* One line of the list: "3 0011..ff /mnt/a". */
static enum err take_line(struct disks *d, char *line)
{
    char *end;
    unsigned long number = strtoul(line, &end, 10);
    if (end == line || *end != ' ' || number >= DISKS_MAX)
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

static enum err save_list(const struct disks *d)
{
    char text[LIST_MAX];
    size_t n = 0;
    for (uint32_t i = 0; i < DISKS_MAX; i++) {
        const struct disk *disk = &d->disks[i];
        char id[2 * VOLUME_ID_SIZE + 1];
        if (disk->path[0] == '\0')
            continue;
        hex_format(id, span_of(disk->id, VOLUME_ID_SIZE));
        int got = snprintf(text + n, sizeof(text) - n, "%u %s %s\n", i, id, disk->path);
        if (got < 0 || (size_t)got >= sizeof(text) - n)
            return ERR_LIMIT;
        n += (size_t)got;
    }
    return path_write_file(d->list, span_of(text, n), 0600);
}

static struct disk *place_of(struct disks *d, const char *path, bool *known)
{
    struct disk *free_one = NULL;
    *known = true;
    for (uint32_t i = 0; i < DISKS_MAX; i++) {
        struct disk *disk = &d->disks[i];
        if (strcmp(disk->path, path) == 0)
            return disk;
        if (disk->path[0] == '\0' && free_one == NULL)
            free_one = disk;
    }
    *known = false;
    return free_one;
}

static enum err open_one(struct disks *d, const struct settings *s, const struct settings_disk *at)
{
    bool known;
    struct disk *disk = place_of(d, at->path, &known);
    if (disk == NULL)
        return ERR_LIMIT;
    if (!known)
        TRY(path_make_dirs(at->path, 0700));
    struct volume_config config = { .files = file_system(),
                                    .path = at->path,
                                    .capacity_bytes = at->capacity,
                                    .reserve_bytes = s->disk_reserve,
                                    .create = !known };
    if (known)
        memcpy(config.id, disk->id, sizeof(config.id));
    TRY(volume_open(&disk->volume, &config));
    if (known)
        return OK;
    memcpy(disk->id, volume_id(disk->volume), sizeof(disk->id));
    memcpy(disk->path, at->path, strlen(at->path) + 1);
    return save_list(d);
}

enum err disks_open(struct disks *d, const struct settings *s)
{
    memset(d, 0, sizeof(*d));
    (void)snprintf(d->list, sizeof(d->list), "%s/disks", s->enclave);
    for (uint32_t i = 0; i < DISKS_MAX; i++) {
        if (pthread_mutex_init(&d->disks[i].lock, NULL) != 0)
            return ERR_MEMORY;
    }
    enum err e = load_list(d);
    if (e != OK)
        log_error("disk-list-damaged", "path=\"%s\" reason=\"%s\"", d->list, err_text(e));
    for (uint32_t i = 0; e == OK && i < s->disk_count; i++) {
        e = open_one(d, s, &s->disks[i]);
        if (e != OK)
            log_error("disk-not-opened", "path=\"%s\" reason=\"%s\"", s->disks[i].path,
                      e == ERR_EXISTS ? "it holds files that are not Crust's" : err_text(e));
    }
    return e;
}

void disks_close(struct disks *d)
{
    for (uint32_t i = 0; i < DISKS_MAX; i++) {
        volume_close(d->disks[i].volume);
        d->disks[i].volume = NULL;
        pthread_mutex_destroy(&d->disks[i].lock);
    }
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
    return s == VOLUME_OK || s == VOLUME_SUSPECT || s == VOLUME_RETURNING;
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

uint16_t disks_probe(struct disks *d)
{
    uint16_t returning = 0;
    for (uint32_t i = 0; i < DISKS_MAX; i++) {
        struct disk *disk = &d->disks[i];
        if (disk->volume == NULL)
            continue;
        enum volume_state before = volume_state(disk->volume);
        disks_lock(d, i);
        enum volume_state now = volume_probe(disk->volume);
        disks_unlock(d, i);
        if (now != before)
            log_warn("disk-state", "volume=%u path=\"%s\" was=\"%s\" now=\"%s\"", i, disk->path,
                     volume_state_text(before), volume_state_text(now));
        if (now == VOLUME_RETURNING)
            returning |= (uint16_t)(1u << i);
    }
    return returning;
}
