#include "store/blockstore.h"

#include "base/hex.h"
#include "store/blockstore_impl.h"

#include <stdlib.h>

enum {
    FORMAT = 1,
    TABLES = 6,
    READERS_DEFAULT = 512,
    SEGMENT_MIN = 4 * 1024 * 1024,
    CLOSE_RECLAIM = 1024, /* records whose space comes back at close */
};

#define SEGMENT_DEFAULT ((uint64_t)1 << 30)
#define SEGMENT_MAX     ((uint64_t)RECORD_ALIGN * UINT32_MAX)
#define MAP_DEFAULT     ((uint64_t)1 << 36)

static const char MARKER[] = "STORE";

/* ---- memory
 * ------------------------------------------------------------------------------------------ */

static enum err allocate(struct blockstore *s)
{
    s->slots = calloc(s->config.readers_max, sizeof(*s->slots));
    s->pend = calloc(BLOCKSTORE_PENDING, sizeof(*s->pend));
    s->order = calloc(BLOCKSTORE_PENDING, sizeof(*s->order));
    s->buckets = calloc(BLOCKSTORE_BUCKETS, sizeof(*s->buckets));
    s->buffer = malloc(BLOCKSTORE_BUFFER);
    s->pin_changes = calloc(BLOCKSTORE_PINS, sizeof(*s->pin_changes));
    if (s->slots == NULL || s->pend == NULL || s->order == NULL || s->buckets == NULL ||
        s->buffer == NULL || s->pin_changes == NULL)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < s->config.readers_max; i++) {
        s->slots[i].pin = UINT64_MAX;
        s->slots[i].next_free = i + 1 < s->config.readers_max ? i + 1 : UINT32_MAX;
    }
    return OK;
}

static void destroy(struct blockstore *s)
{
    while (s->seg_count > 0) {
        s->segs[s->seg_count - 1]->refs = 0;
        blockstore_segment_remove(s, s->segs[s->seg_count - 1]);
    }
    for (uint32_t i = 0; s->slots != NULL && i < s->config.readers_max; i++)
        if (s->slots[i].txn != NULL)
            mdb_txn_abort(s->slots[i].txn);
    if (s->env != NULL)
        mdb_env_close(s->env);
    free(s->slots);
    free(s->pend);
    free(s->order);
    free(s->buckets);
    free(s->buffer);
    free(s->pin_changes);
    free(s->segs);
    (void)pthread_mutex_destroy(&s->write_mutex);
    (void)pthread_mutex_destroy(&s->pend_mutex);
    (void)pthread_mutex_destroy(&s->read_mutex);
    free(s);
}

/* ---- the index
 * ----------------------------------------------------------------------------------------- */

static enum err open_tables(struct blockstore *s, MDB_txn *txn)
{
    const struct {
        const char *name;
        MDB_dbi *dbi;
    } tables[TABLES] = {
        { "meta", &s->meta }, { "blocks", &s->blocks }, { "segments", &s->segments },
        { "dead", &s->dead }, { "gaps", &s->gaps },     { "pins", &s->pins },
    };
    for (size_t i = 0; i < TABLES; i++)
        TRY(db_err(mdb_dbi_open(txn, tables[i].name, MDB_CREATE, tables[i].dbi)));
    return OK;
}

/* Reads or writes what the index says of itself. *known: it had an id already. */
static enum err open_meta(struct blockstore *s, MDB_txn *txn, bool *known)
{
    struct span v;
    uint8_t format[4];
    enum err e = db_get(txn, s->meta, &v, span_str("format"));
    *known = e == OK;
    if (e == ERR_NOT_FOUND) {
        store_le32(format, FORMAT);
        return db_put(txn, s->meta, span_str("format"), span_of(format, sizeof(format)));
    }
    TRY(e);
    if (v.n != 4 || load_le32(v.p) != FORMAT)
        return ERR_FORMAT;
    TRY(db_get(txn, s->meta, &v, span_str("id")));
    if (v.n != RECORD_STORE_ID_SIZE)
        return ERR_FORMAT;
    memcpy(s->id, v.p, v.n);
    e = db_get(txn, s->meta, &v, span_str("state"));
    if (e == ERR_NOT_FOUND)
        return OK;
    if (e == OK && v.n == 20) {
        atomic_store(&s->seq, load_le64(v.p));
        s->block_bytes = load_le64(v.p + 8);
        s->next_segment = load_le32(v.p + 16);
    }
    return e == OK && v.n != 20 ? ERR_FORMAT : e;
}

/* ---- the store's id
 * -------------------------------------------------------------------------------------- */

static enum err read_marker(struct blockstore *s, size_t dir, uint8_t id[RECORD_STORE_ID_SIZE])
{
    char path[FILE_PATH_MAX];
    char text[2 * RECORD_STORE_ID_SIZE + 2] = { 0 };
    size_t size;
    TRY(file_path(path, s->dirs[dir], MARKER));
    TRY(file_load(&s->files, &size, (struct mspan){ (uint8_t *)text, sizeof(text) - 1 }, path));
    if (size != sizeof(text) - 1 || text[size - 1] != '\n')
        return ERR_FORMAT;
    text[size - 1] = 0;
    return hex_parse(id, RECORD_STORE_ID_SIZE, text);
}

static enum err write_marker(struct blockstore *s, size_t dir)
{
    char path[FILE_PATH_MAX];
    char text[2 * RECORD_STORE_ID_SIZE + 2];
    hex_format(text, span_of(s->id, sizeof(s->id)));
    text[sizeof(text) - 2] = '\n';
    TRY(file_path(path, s->dirs[dir], MARKER));
    return file_replace(&s->files, path, span_of(text, sizeof(text) - 1));
}

/* All directories and the index carry one id; where it is missing it is written. */
static enum err agree_on_id(struct blockstore *s, bool known)
{
    bool marked[BLOCKSTORE_DIRS_MAX] = { false };
    for (size_t i = 0; i < s->config.dir_count; i++) {
        uint8_t id[RECORD_STORE_ID_SIZE];
        enum err e = read_marker(s, i, id);
        if (e == ERR_NOT_FOUND)
            continue;
        TRY(e);
        /* SPEC store 1.4: "All MUST agree." */
        if (known && memcmp(id, s->id, sizeof(id)) != 0)
            return ERR_FORMAT;
        memcpy(s->id, id, sizeof(id));
        known = true;
        marked[i] = true;
    }
    if (!known)
        s->files.entropy(s->files.ctx, (struct mspan){ s->id, sizeof(s->id) });
    for (size_t i = 0; i < s->config.dir_count; i++)
        if (!marked[i])
            TRY(write_marker(s, i));
    return OK;
}

/* ---- open and close
 * ---------------------------------------------------------------------------------------- */

static enum err copy_config(struct blockstore *s, const struct blockstore_config *config)
{
    if (config->dir_count == 0 || config->dir_count > BLOCKSTORE_DIRS_MAX)
        return ERR_RANGE;
    s->files = *config->files;
    s->config = *config;
    if (s->config.segment_bytes == 0)
        s->config.segment_bytes = SEGMENT_DEFAULT;
    if (s->config.segment_bytes < SEGMENT_MIN || s->config.segment_bytes > SEGMENT_MAX)
        return ERR_RANGE;
    if (s->config.map_bytes == 0)
        s->config.map_bytes = MAP_DEFAULT;
    if (s->config.readers_max == 0)
        s->config.readers_max = READERS_DEFAULT;
    if (s->config.readers_max > BLOCKSTORE_READERS_MAX)
        return ERR_RANGE;
    if (strlen(config->index_path) >= FILE_PATH_MAX)
        return ERR_LIMIT;
    memcpy(s->index_path, config->index_path, strlen(config->index_path) + 1);
    for (size_t i = 0; i < config->dir_count; i++) {
        if (strlen(config->dirs[i]) >= FILE_PATH_MAX)
            return ERR_LIMIT;
        memcpy(s->dirs[i], config->dirs[i], strlen(config->dirs[i]) + 1);
        s->config.dirs[i] = s->dirs[i];
        TRY(file_make_dirs(&s->files, s->dirs[i]));
    }
    return OK;
}

static enum err open_index(struct blockstore *s)
{
    MDB_txn *txn;
    bool known;
    const struct db_config config = { .path = s->index_path,
                                      .map_bytes = s->config.map_bytes,
                                      .tables = TABLES,
                                      .readers = s->config.readers_max + 8 };
    TRY(db_open(&s->env, &config));
    TRY(db_err(mdb_txn_begin(s->env, NULL, 0, &txn)));
    enum err e = open_tables(s, txn);
    if (e == OK)
        e = open_meta(s, txn, &known);
    if (e == OK)
        e = agree_on_id(s, known);
    if (e == OK)
        e = db_put(txn, s->meta, span_str("id"), span_of(s->id, sizeof(s->id)));
    if (e != OK) {
        mdb_txn_abort(txn);
        return e;
    }
    return db_commit(txn, &s->files);
}

static enum err prepare(struct blockstore *s, const struct blockstore_config *config)
{
    TRY(copy_config(s, config));
    TRY(allocate(s));
    return open_index(s);
}

enum err blockstore_new(struct blockstore **out, const struct blockstore_config *config)
{
    *out = NULL;
    struct blockstore *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_MEMORY;
    if (pthread_mutex_init(&s->write_mutex, NULL) != 0 ||
        pthread_mutex_init(&s->pend_mutex, NULL) != 0 ||
        pthread_mutex_init(&s->read_mutex, NULL) != 0) {
        free(s);
        return ERR_MEMORY;
    }
    enum err e = prepare(s, config);
    if (e != OK)
        destroy(s);
    else
        *out = s;
    return e;
}

enum err blockstore_open(struct blockstore **out, const struct blockstore_config *config)
{
    struct blockstore *s;
    *out = NULL;
    TRY(blockstore_new(&s, config));
    enum err e = blockstore_recover(s);
    if (e != OK)
        destroy(s);
    else
        *out = s;
    return e;
}

void blockstore_close(struct blockstore *s)
{
    bool more;
    if (s == NULL)
        return;
    blockstore_rollback(s);
    /* Failing here only leaves the space for the next time. */
    enum err e = blockstore_reclaim(s, CLOSE_RECLAIM, &more);
    (void)e;
    if (s->active != NULL)
        blockstore_trim(s, s->active);
    destroy(s);
}

/* ---- numbers
 * -----------------------------------------------------------------------------------------------
 */

uint64_t blockstore_disk_bytes(const struct blockstore *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->seg_count; i++)
        sum += s->segs[i]->row.tail - s->segs[i]->row.freed;
    return sum;
}

void blockstore_publish(struct blockstore *s)
{
    struct blockstore_stat stat = { .blocks = s->block_count,
                                    .block_bytes = s->block_bytes,
                                    .quota_bytes = s->config.quota_bytes,
                                    .segments = (uint32_t)s->seg_count };
    for (size_t i = 0; i < s->seg_count; i++) {
        const struct blockstore_row *r = &s->segs[i]->row;
        stat.disk_bytes += r->tail - r->freed;
        stat.reclaim_bytes += r->tail - RECORD_HEADER_SIZE - r->live_bytes - r->freed;
        stat.segments_missing += s->segs[i]->missing;
    }
    blockstore_lock(&s->read_mutex);
    s->published = stat;
    blockstore_unlock(&s->read_mutex);
}

static enum err count_pins(struct blockstore *s, uint64_t *pins)
{
    uint32_t slot;
    MDB_stat st;
    TRY(blockstore_slot_take(s, &slot));
    enum err e = db_err(mdb_stat(s->slots[slot].txn, s->pins, &st));
    blockstore_slot_free(s, slot);
    *pins = e == OK ? st.ms_entries : 0;
    return e;
}

enum err blockstore_stat(struct blockstore *s, struct blockstore_stat *stat)
{
    blockstore_lock(&s->read_mutex);
    *stat = s->published;
    blockstore_unlock(&s->read_mutex);
    for (size_t i = 0; i < s->config.dir_count; i++) {
        struct file_space space;
        if (s->files.space(s->files.ctx, &space, s->dirs[i]) == OK &&
            space.free > s->config.reserve_bytes)
            stat->free_bytes += space.free - s->config.reserve_bytes;
    }
    if (stat->quota_bytes > 0) {
        uint64_t left =
            stat->quota_bytes > stat->disk_bytes ? stat->quota_bytes - stat->disk_bytes : 0;
        stat->free_bytes = left < stat->free_bytes ? left : stat->free_bytes;
    }
    return count_pins(s, &stat->pins);
}
