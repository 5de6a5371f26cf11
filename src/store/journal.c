#include "store/journal.h"

#include "crypto/crc32c.h"

#include <stdlib.h>

#define JOURNAL_MAGIC 0x314c4e524a545343U /* "CSTJRNL1" */

enum {
    HEADER_SIZE = 32,
    HEAD_SIZE = 16,  /* kind, length, number in front of the bytes */
    FRAME_SIZE = 20, /* and the crc32c behind them */
    COPY_SIZE = 64 * 1024,
    BUFFER_SIZE = JOURNAL_BATCH_MAX + JOURNAL_SNAPSHOT_MAX + 2 * FRAME_SIZE,
};

static const char NOW[] = "state.journal";
static const char BEFORE[] = "state.journal.1";
static const char NEW[] = "state.journal.new";

struct mirror {
    char dir[FILE_PATH_MAX];
    bool working;
    int handle; /* of NOW, for writing; -1 */
    /* What open found. */
    const char *name; /* NOW or BEFORE; NULL: nothing valid */
    uint64_t generation;
    uint64_t valid; /* bytes */
    uint64_t count; /* records */
};

struct journal {
    struct files files;
    struct mirror mirrors[JOURNAL_MIRRORS_MAX];
    size_t mirror_count;
    uint64_t generation;
    uint64_t size;
    uint64_t count;   /* records in the log */
    uint64_t pending; /* records in the buffer */
    size_t used;
    uint8_t *buffer;
};

/* ---- frames
 * -------------------------------------------------------------------------------------------- */

static void header_encode(uint8_t out[HEADER_SIZE], uint64_t generation)
{
    memset(out, 0, HEADER_SIZE);
    store_le64(out, JOURNAL_MAGIC);
    store_le64(out + 8, generation);
    store_le32(out + 28, crc32c(0, span_of(out, 28)));
}

static enum err header_decode(uint64_t *generation, const uint8_t in[HEADER_SIZE])
{
    *generation = load_le64(in + 8);
    bool right = load_le64(in) == JOURNAL_MAGIC && load_le32(in + 28) == crc32c(0, span_of(in, 28));
    return right ? OK : ERR_CORRUPT;
}

static void frame_encode(uint8_t *out, enum journal_kind kind, struct span data, uint64_t number)
{
    store_le32(out, (uint32_t)kind);
    store_le32(out + 4, (uint32_t)data.n);
    store_le64(out + 8, number);
    if (data.n > 0)
        memcpy(out + HEAD_SIZE, data.p, data.n);
    store_le32(out + HEAD_SIZE + data.n, crc32c(0, span_of(out, HEAD_SIZE + data.n)));
}

/* Reads the record at offset into buf. ERR_NOT_FOUND: no valid record number `number` is there. */
static enum err frame_read(const struct files *f, int handle, uint8_t *buf, uint64_t offset,
                           uint64_t number)
{
    size_t got;
    TRY(f->read(f->ctx, &got, handle, (struct mspan){ buf, HEAD_SIZE }, offset));
    uint32_t kind = load_le32(buf);
    uint32_t length = load_le32(buf + 4);
    bool right = got == HEAD_SIZE && load_le64(buf + 8) == number &&
                 ((kind == JOURNAL_RECORD && length <= JOURNAL_RECORD_MAX) ||
                  (kind == JOURNAL_SNAPSHOT && length <= JOURNAL_SNAPSHOT_MAX && number == 0));
    if (!right)
        return ERR_NOT_FOUND;
    TRY(f->read(f->ctx, &got, handle, (struct mspan){ buf + HEAD_SIZE, length + 4U },
                offset + HEAD_SIZE));
    if (got != length + 4U ||
        load_le32(buf + HEAD_SIZE + length) != crc32c(0, span_of(buf, HEAD_SIZE + length)))
        return ERR_NOT_FOUND;
    return OK;
}

/* ---- finding the newest
 * ----------------------------------------------------------------------------------- */

static enum err open_file(const struct journal *j, const struct mirror *m, const char *name,
                          int *handle, unsigned flags)
{
    char path[FILE_PATH_MAX];
    TRY(file_path(path, m->dir, name));
    return j->files.open(j->files.ctx, handle, path, flags);
}

/* Measures the valid part of a log, and replays it where replay is not NULL. */
static enum err walk(struct journal *j, struct mirror *m, int handle,
                     const struct journal_config *replay)
{
    uint8_t header[HEADER_SIZE];
    uint64_t at = HEADER_SIZE;
    TRY(file_read_exact(&j->files, handle, (struct mspan){ header, sizeof(header) }, 0));
    TRY(header_decode(&m->generation, header));
    m->count = 0;
    for (;;) {
        enum err e = frame_read(&j->files, handle, j->buffer, at, m->count);
        if (e == ERR_NOT_FOUND)
            break;
        TRY(e);
        uint32_t length = load_le32(j->buffer + 4);
        if (replay != NULL && replay->replay != NULL)
            TRY(replay->replay(replay->replay_ctx, (enum journal_kind)load_le32(j->buffer),
                               span_of(j->buffer + HEAD_SIZE, length)));
        at += FRAME_SIZE + length;
        m->count++;
    }
    m->valid = at;
    return OK;
}

static enum err examine(struct journal *j, struct mirror *m, const char *name)
{
    int handle;
    TRY(open_file(j, m, name, &handle, FILE_READ));
    enum err e = walk(j, m, handle, NULL);
    j->files.close(j->files.ctx, handle);
    m->name = e == OK ? name : NULL;
    return e;
}

/* A mirror without a valid log is empty, not broken; one that gives errors is broken. */
static void examine_mirror(struct journal *j, struct mirror *m)
{
    m->handle = -1;
    enum err e = file_make_dirs(&j->files, m->dir);
    if (e == OK)
        e = examine(j, m, NOW);
    if (e == ERR_NOT_FOUND || e == ERR_CORRUPT || e == ERR_SHORT)
        e = examine(j, m, BEFORE);
    m->working = e == OK || e == ERR_NOT_FOUND || e == ERR_CORRUPT || e == ERR_SHORT;
}

static bool newer(const struct mirror *a, const struct mirror *b)
{
    if (b == NULL)
        return true;
    if (a->generation != b->generation)
        return a->generation > b->generation;
    return a->valid > b->valid;
}

static struct mirror *newest(struct journal *j)
{
    struct mirror *best = NULL;
    for (size_t i = 0; i < j->mirror_count; i++) {
        struct mirror *m = &j->mirrors[i];
        if (m->working && m->name != NULL && newer(m, best))
            best = m;
    }
    return best;
}

static enum err same_bytes(struct journal *j, int a, int b, uint64_t length)
{
    uint8_t *left = j->buffer;
    uint8_t *right = j->buffer + COPY_SIZE;
    for (uint64_t at = 0; at < length; at += COPY_SIZE) {
        size_t n = length - at < COPY_SIZE ? (size_t)(length - at) : COPY_SIZE;
        TRY(file_read_exact(&j->files, a, (struct mspan){ left, n }, at));
        TRY(file_read_exact(&j->files, b, (struct mspan){ right, n }, at));
        if (memcmp(left, right, n) != 0)
            return ERR_CORRUPT;
    }
    return OK;
}

/* Logs of one generation must agree as far as the shorter goes. */
static enum err agree(struct journal *j, const struct mirror *best)
{
    int a, b;
    TRY(open_file(j, best, best->name, &a, FILE_READ));
    enum err e = OK;
    for (size_t i = 0; i < j->mirror_count && e == OK; i++) {
        struct mirror *m = &j->mirrors[i];
        if (m == best || !m->working || m->name == NULL || m->generation != best->generation)
            continue;
        e = open_file(j, m, m->name, &b, FILE_READ);
        if (e != OK)
            break;
        e = same_bytes(j, a, b, m->valid);
        j->files.close(j->files.ctx, b);
    }
    j->files.close(j->files.ctx, a);
    return e;
}

/* ---- writing whole logs
 * --------------------------------------------------------------------------------------- */

/* Where the bytes of a new log come from: a file, or a snapshot in a frame. */
struct content {
    int handle;    /* -1: frame */
    uint64_t size; /* with header */
    struct span frame;
    uint64_t generation;
};

static enum err copy_log(struct journal *j, int to, const struct content *c)
{
    uint8_t header[HEADER_SIZE];
    uint8_t part[4096];
    header_encode(header, c->generation);
    TRY(file_write(&j->files, to, span_of(header, sizeof(header)), 0));
    if (c->handle < 0)
        return file_write(&j->files, to, c->frame, HEADER_SIZE);
    for (uint64_t at = HEADER_SIZE; at < c->size; at += sizeof(part)) {
        size_t n = c->size - at < sizeof(part) ? (size_t)(c->size - at) : sizeof(part);
        TRY(file_read_exact(&j->files, c->handle, (struct mspan){ part, n }, at));
        TRY(file_write(&j->files, to, span_of(part, n), at));
    }
    return OK;
}

/* NEW is written and synced, then NOW becomes BEFORE and NEW becomes NOW. */
static enum err install(struct journal *j, struct mirror *m, const struct content *c)
{
    char now[FILE_PATH_MAX];
    char before[FILE_PATH_MAX];
    char new[FILE_PATH_MAX];
    int to;
    TRY(file_path(now, m->dir, NOW));
    TRY(file_path(before, m->dir, BEFORE));
    TRY(file_path(new, m->dir, NEW));
    TRY(j->files.open(j->files.ctx, &to, new, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE));
    enum err e = copy_log(j, to, c);
    if (e == OK)
        e = j->files.sync(j->files.ctx, to);
    if (e == OK)
        e = j->files.rename(j->files.ctx, now, before);
    if (e == OK || e == ERR_NOT_FOUND)
        e = j->files.rename(j->files.ctx, new, now);
    if (e == OK)
        e = j->files.sync_dir(j->files.ctx, m->dir);
    if (e != OK) {
        j->files.close(j->files.ctx, to);
        return e;
    }
    file_close(&j->files, &m->handle);
    m->handle = to;
    return OK;
}

static void give_up(struct journal *j, struct mirror *m)
{
    file_close(&j->files, &m->handle);
    m->working = false;
}

static enum err any_working(const struct journal *j)
{
    size_t configured;
    return journal_mirrors(j, &configured) > 0 ? OK : ERR_IO;
}

/* Puts one content on all working mirrors. */
static enum err install_all(struct journal *j, const struct content *c)
{
    for (size_t i = 0; i < j->mirror_count; i++)
        if (j->mirrors[i].working && install(j, &j->mirrors[i], c) != OK)
            give_up(j, &j->mirrors[i]);
    TRY(any_working(j));
    j->generation = c->generation;
    return OK;
}

/* Copies the present log, under the next generation, to all working mirrors: so a mirror that was
 * left out, and may hold records that were never acknowledged, is older than the others for good.
 */
static enum err renew(struct journal *j, const struct mirror *from, const char *name)
{
    struct content c = { .size = j->size, .generation = j->generation + 1 };
    TRY(open_file(j, from, name, &c.handle, FILE_READ));
    enum err e = install_all(j, &c);
    j->files.close(j->files.ctx, c.handle);
    return e;
}

/* ---- open and close
 * ---------------------------------------------------------------------------------------------- */

static enum err replay_best(struct journal *j, struct mirror *best,
                            const struct journal_config *config)
{
    int handle;
    TRY(open_file(j, best, best->name, &handle, FILE_READ));
    enum err e = walk(j, best, handle, config);
    j->files.close(j->files.ctx, handle);
    return e;
}

static enum err start(struct journal *j, const struct journal_config *config)
{
    for (size_t i = 0; i < config->dir_count; i++) {
        if (strlen(config->dirs[i]) >= FILE_PATH_MAX - sizeof(NEW))
            return ERR_LIMIT;
        memcpy(j->mirrors[i].dir, config->dirs[i], strlen(config->dirs[i]) + 1);
        examine_mirror(j, &j->mirrors[i]);
    }
    struct mirror *best = newest(j);
    if (best == NULL) {
        const struct content empty = { .handle = -1, .size = HEADER_SIZE, .generation = 1 };
        TRY(any_working(j));
        j->size = HEADER_SIZE;
        return install_all(j, &empty);
    }
    TRY(agree(j, best));
    TRY(replay_best(j, best, config));
    j->generation = best->generation;
    j->size = best->valid;
    j->count = best->count;
    return renew(j, best, best->name);
}

enum err journal_open(struct journal **out, const struct journal_config *config)
{
    *out = NULL;
    if (config->dir_count == 0 || config->dir_count > JOURNAL_MIRRORS_MAX)
        return ERR_RANGE;
    struct journal *j = calloc(1, sizeof(*j));
    if (j == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < JOURNAL_MIRRORS_MAX; i++)
        j->mirrors[i].handle = -1;
    j->files = *config->files;
    j->mirror_count = config->dir_count;
    j->buffer = malloc(BUFFER_SIZE);
    enum err e = j->buffer == NULL ? ERR_MEMORY : start(j, config);
    if (e != OK)
        journal_close(j);
    else
        *out = j;
    return e;
}

void journal_close(struct journal *j)
{
    if (j == NULL)
        return;
    for (size_t i = 0; i < j->mirror_count; i++)
        file_close(&j->files, &j->mirrors[i].handle);
    free(j->buffer);
    free(j);
}

/* ---- appending
 * ------------------------------------------------------------------------------------------------------
 */

enum err journal_append(struct journal *j, struct span record)
{
    if (record.n > JOURNAL_RECORD_MAX || j->used + record.n + FRAME_SIZE > JOURNAL_BATCH_MAX)
        return ERR_LIMIT;
    frame_encode(j->buffer + j->used, JOURNAL_RECORD, record, j->count + j->pending);
    j->used += record.n + FRAME_SIZE;
    j->pending++;
    return OK;
}

static enum err write_mirror(struct journal *j, struct mirror *m)
{
    TRY(file_write(&j->files, m->handle, span_of(j->buffer, j->used), j->size));
    return j->files.sync(j->files.ctx, m->handle);
}

static const struct mirror *first_working(const struct journal *j)
{
    for (size_t i = 0; i < j->mirror_count; i++)
        if (j->mirrors[i].working)
            return &j->mirrors[i];
    return NULL;
}

enum err journal_commit(struct journal *j)
{
    bool dropped = false;
    TRY(any_working(j));
    if (j->used == 0)
        return OK;
    for (size_t i = 0; i < j->mirror_count; i++) {
        struct mirror *m = &j->mirrors[i];
        if (m->working && write_mirror(j, m) != OK) {
            give_up(j, m);
            dropped = true;
        }
    }
    const struct mirror *left = first_working(j);
    size_t used = j->used;
    uint64_t pending = j->pending;
    j->used = 0;
    j->pending = 0;
    if (left == NULL)
        return ERR_IO;
    j->size += used;
    j->count += pending;
    return dropped ? renew(j, left, NOW) : OK;
}

enum err journal_snapshot(struct journal *j, struct span state)
{
    if (state.n > JOURNAL_SNAPSHOT_MAX)
        return ERR_LIMIT;
    TRY(journal_commit(j));
    frame_encode(j->buffer, JOURNAL_SNAPSHOT, state, 0);
    const struct content c = { .handle = -1,
                               .size = HEADER_SIZE + state.n + FRAME_SIZE,
                               .frame = span_of(j->buffer, state.n + FRAME_SIZE),
                               .generation = j->generation + 1 };
    TRY(install_all(j, &c));
    j->size = c.size;
    j->count = 1;
    return OK;
}

uint64_t journal_size(const struct journal *j)
{
    return j->size;
}

size_t journal_mirrors(const struct journal *j, size_t *configured)
{
    size_t working = 0;
    for (size_t i = 0; i < j->mirror_count; i++)
        working += j->mirrors[i].working;
    *configured = j->mirror_count;
    return working;
}

enum err journal_mirror_add(struct journal *j, const char *dir)
{
    if (strlen(dir) >= FILE_PATH_MAX - sizeof(NEW))
        return ERR_LIMIT;
    TRY(journal_commit(j));
    const struct mirror *from = first_working(j);
    struct mirror *m = NULL;
    for (size_t i = 0; i < j->mirror_count && m == NULL; i++)
        if (strcmp(j->mirrors[i].dir, dir) == 0)
            m = &j->mirrors[i];
    if (m == NULL && j->mirror_count == JOURNAL_MIRRORS_MAX)
        return ERR_LIMIT;
    if (m == NULL)
        m = &j->mirrors[j->mirror_count++];
    if (m->working)
        return ERR_EXISTS;
    ASSERT(from != NULL);
    *m = (struct mirror){ .handle = -1 };
    memcpy(m->dir, dir, strlen(dir) + 1);
    TRY(file_make_dirs(&j->files, m->dir));
    struct content c = { .size = j->size, .generation = j->generation };
    TRY(open_file(j, from, NOW, &c.handle, FILE_READ));
    enum err e = install(j, m, &c);
    j->files.close(j->files.ctx, c.handle);
    m->working = e == OK;
    return e;
}

enum err journal_mirror_drop(struct journal *j, const char *dir)
{
    size_t configured;
    TRY(journal_commit(j));
    for (size_t i = 0; i < j->mirror_count; i++) {
        struct mirror *m = &j->mirrors[i];
        if (strcmp(m->dir, dir) != 0)
            continue;
        if (m->working && journal_mirrors(j, &configured) == 1)
            return ERR_STATE;
        give_up(j, m);
        /* The others go on under another generation, so that this copy is known to be old. */
        return renew(j, first_working(j), NOW);
    }
    return ERR_NOT_FOUND;
}
