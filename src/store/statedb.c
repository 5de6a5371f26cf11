#include "store/statedb.h"

#include "base/reader.h"
#include "store/db.h"
#include "store/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    MAP_DEFAULT = 1 << 30,
    OVERLAY_DEFAULT = 128 << 20,
    HEAD_SIZE = 8 + STATEDB_HASH_SIZE,
    PATH_SIZE = 4096,
};

#define MAP_MAX_DEFAULT ((uint64_t)1 << 40)

static const char *const table_names[STATEDB_TABLES] = { "state", "blocks", "results", "txs",
                                                         "pool",  "index",  "meta" };
static const char head_key[] = "head";
static const char restoring_key[] = "restoring"; /* there while a restore is under way */

/* One table in one transaction. */
struct view {
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_cursor *cursor; /* opened by the first next */
};

struct statedb {
    MDB_env *env;
    MDB_dbi dbis[STATEDB_TABLES];
    MDB_dbi undo;
    MDB_txn *read; /* the loop's view of the last commit */
    struct view views[STATEDB_TABLES];
    pthread_rwlock_t map_lock; /* read: a snapshot is open; write: the map moves */
    struct overlay *overlay;
    struct statedb_head head;
    uint64_t map_bytes, map_bytes_max;
    uint32_t undo_heights;
    int lock_fd;
};

struct statedb_snapshot {
    struct statedb *db;
    MDB_txn *txn;
    struct view views[STATEDB_TABLES];
    struct statedb_head head;
};

/* ---- LMDB in our words ----------------------------------------------------------------------- */

static struct span of_val(MDB_val v)
{
    return span_of(v.mv_data, v.mv_size);
}

static enum err view_get(void *ctx, struct span *value, struct span key)
{
    struct view *view = ctx;
    MDB_val k = db_val(key), v = { 0 };
    *value = (struct span){ NULL, 0 };
    if (key.n == 0 || key.n > KV_KEY_MAX)
        return ERR_NOT_FOUND;
    TRY(db_err(mdb_get(view->txn, view->dbi, &k, &v)));
    *value = of_val(v);
    return OK;
}

static enum err view_next(void *ctx, struct span *key, struct span *value, struct span from,
                          bool after)
{
    struct view *view = ctx;
    MDB_val k = db_val(from), v = { 0 };
    *key = *value = (struct span){ NULL, 0 };
    if (from.n > KV_KEY_MAX)
        return ERR_RANGE;
    if (view->cursor == NULL)
        TRY(db_err(mdb_cursor_open(view->txn, view->dbi, &view->cursor)));
    TRY(db_err(mdb_cursor_get(view->cursor, &k, &v, from.n == 0 ? MDB_FIRST : MDB_SET_RANGE)));
    if (after && from.n != 0 && span_eq(of_val(k), from))
        TRY(db_err(mdb_cursor_get(view->cursor, &k, &v, MDB_NEXT)));
    *key = of_val(k);
    *value = of_val(v);
    return OK;
}

static enum err refuse_put(void *ctx, struct span key, struct span value)
{
    (void)ctx, (void)key, (void)value;
    return ERR_DENIED;
}

static enum err refuse_del(void *ctx, struct span key)
{
    (void)ctx, (void)key;
    return ERR_DENIED;
}

static struct kv view_kv(struct view *view)
{
    return (struct kv){
        .ctx = view, .get = view_get, .put = refuse_put, .del = refuse_del, .next = view_next
    };
}

static void views_open(struct view views[STATEDB_TABLES], const struct statedb *db, MDB_txn *txn)
{
    for (int i = 0; i < STATEDB_TABLES; i++)
        views[i] = (struct view){ .txn = txn, .dbi = db->dbis[i] };
}

/* Cursors of read transactions outlive them and are closed by their owner. */
static void views_close(struct view views[STATEDB_TABLES])
{
    for (int i = 0; i < STATEDB_TABLES; i++) {
        if (views[i].cursor != NULL)
            mdb_cursor_close(views[i].cursor);
        views[i] = (struct view){ 0 };
    }
}

/* Lets go of the loop's view, so that the map can move and old pages can be used again. */
static void read_end(struct statedb *db)
{
    views_close(db->views);
    if (db->read != NULL)
        mdb_txn_reset(db->read);
}

static enum err read_begin(struct statedb *db)
{
    if (db->read == NULL)
        TRY(db_err(mdb_txn_begin(db->env, NULL, MDB_RDONLY, &db->read)));
    else
        TRY(db_err(mdb_txn_renew(db->read)));
    views_open(db->views, db, db->read);
    return OK;
}

static enum err head_read(struct statedb_head *out, struct view *meta)
{
    struct span v;
    *out = (struct statedb_head){ .fresh = true };
    enum err e = view_get(meta, &v, span_of(head_key, sizeof(head_key) - 1));
    if (e == ERR_NOT_FOUND)
        return OK;
    TRY(e);
    if (v.n != HEAD_SIZE)
        return ERR_CORRUPT;
    out->fresh = false;
    out->height = load_le64(v.p);
    memcpy(out->app_hash, v.p + 8, STATEDB_HASH_SIZE);
    return OK;
}

static enum err head_write(struct statedb *db, MDB_txn *txn, const struct statedb_head *head)
{
    uint8_t bytes[HEAD_SIZE];
    store_le64(bytes, head->height);
    memcpy(bytes + 8, head->app_hash, STATEDB_HASH_SIZE);
    MDB_val k = { sizeof(head_key) - 1, (void *)(uintptr_t)head_key };
    MDB_val v = { sizeof(bytes), bytes };
    return db_err(mdb_put(txn, db->dbis[STATEDB_META], &k, &v, 0));
}

/* ---- the undo record --------------------------------------------------------------------------
 */

/* height le64 | app hash of the commit before | { table u8 | key size le16 | key | present u8 |
 * if present: value size le32 | value }*: what each changed row was before the commit. */
struct undo {
    uint8_t *p;
    size_t n;
    size_t room;
};

static void undo_free(struct undo *u)
{
    free(u->p);
    u->p = NULL;
}

static uint8_t *undo_take(struct undo *u, size_t n)
{
    if (n > u->room - u->n) {
        size_t room = u->room * 2 > u->n + n ? u->room * 2 : u->n + n + 4096;
        uint8_t *p = realloc(u->p, room);
        if (p == NULL)
            return NULL;
        u->p = p;
        u->room = room;
    }
    uint8_t *at = u->p + u->n;
    u->n += n;
    return at;
}

static enum err undo_add(struct undo *u, enum statedb_table table, struct span key,
                         const struct span *old)
{
    if (old != NULL && old->n > UINT32_MAX)
        return ERR_LIMIT;
    uint8_t *at = undo_take(u, 1 + 2 + key.n + 1 + (old == NULL ? 0 : 4 + old->n));
    if (at == NULL)
        return ERR_MEMORY;
    at[0] = (uint8_t)table;
    store_le16(at + 1, (uint16_t)key.n);
    memcpy(at + 3, key.p, key.n);
    at += 3 + key.n;
    at[0] = old != NULL;
    if (old != NULL) {
        store_le32(at + 1, (uint32_t)old->n);
        if (old->n != 0)
            memcpy(at + 5, old->p, old->n);
    }
    return OK;
}

static enum err undo_begin(struct undo *u, const struct statedb_head *head)
{
    uint8_t *at = undo_take(u, HEAD_SIZE);
    if (at == NULL)
        return ERR_MEMORY;
    store_le64(at, head->height);
    memcpy(at + 8, head->app_hash, STATEDB_HASH_SIZE);
    return OK;
}

/* Puts one row back as it was. */
static enum err undo_apply_row(struct statedb *db, MDB_txn *txn, struct reader *r)
{
    uint8_t table = read_u8(r);
    struct span key = read_span(r, read_le16(r));
    uint8_t present = read_u8(r);
    struct span old = present == 1 ? read_span(r, read_le32(r)) : (struct span){ NULL, 0 };
    if (r->err != OK || table >= STATEDB_TABLES || present > 1)
        return ERR_CORRUPT;
    MDB_val k = db_val(key), v = db_val(old);
    if (present == 1)
        return db_err(mdb_put(txn, db->dbis[table], &k, &v, 0));
    enum err e = db_err(mdb_del(txn, db->dbis[table], &k, NULL));
    return e == ERR_NOT_FOUND ? OK : e;
}

static void be64_key(uint8_t out[8], uint64_t v)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (56 - 8 * i));
}

/* Deletes the undo records that are too old to be kept. */
static enum err undo_prune(struct statedb *db, MDB_txn *txn, uint64_t height)
{
    MDB_cursor *c;
    TRY(db_err(mdb_cursor_open(txn, db->undo, &c)));
    MDB_val k, v;
    int rc;
    while ((rc = mdb_cursor_get(c, &k, &v, MDB_FIRST)) == 0 && k.mv_size == 8 &&
           load_be64(k.mv_data) + db->undo_heights <= height)
        if ((rc = mdb_cursor_del(c, 0)) != 0)
            break;
    mdb_cursor_close(c);
    return rc == MDB_NOTFOUND ? OK : db_err(rc);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

/* Writes one row unless it is there already, and notes in undo (when not NULL) what it was. */
static enum err write_row(struct statedb *db, MDB_txn *txn, struct undo *undo,
                          const struct statedb_row *row)
{
    if (row->key.n == 0 || row->key.n > KV_KEY_MAX || row->table >= STATEDB_TABLES)
        return ERR_RANGE;
    struct span old;
    /* The loop's own view is the state before this transaction; there is no other writer. */
    enum err e = view_get(&db->views[row->table], &old, row->key);
    if (e != OK && e != ERR_NOT_FOUND)
        return e;
    bool was = e == OK;
    if (undo != NULL && (row->del ? !was : was && span_eq(old, row->value)))
        return OK;
    if (undo != NULL)
        TRY(undo_add(undo, row->table, row->key, was ? &old : NULL));
    MDB_val k = db_val(row->key), v = db_val(row->value);
    if (!row->del)
        return db_err(mdb_put(txn, db->dbis[row->table], &k, &v, 0));
    e = db_err(mdb_del(txn, db->dbis[row->table], &k, NULL));
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err write_rows(struct statedb *db, MDB_txn *txn, struct undo *undo,
                           const struct statedb_row *rows, size_t row_count)
{
    for (size_t i = 0; i < row_count; i++)
        TRY(write_row(db, txn, undo, &rows[i]));
    return OK;
}

static enum err write_overlay(struct statedb *db, MDB_txn *txn, struct undo *undo)
{
    struct overlay_change change;
    struct span after = { NULL, 0 };
    while (overlay_next_change(db->overlay, &change, after)) {
        const struct statedb_row row = {
            .table = STATEDB_STATE, .key = change.key, .value = change.value, .del = change.deleted
        };
        TRY(write_row(db, txn, undo, &row));
        after = change.key;
    }
    return OK;
}

/* What one write transaction does. */
struct job {
    const struct statedb_head *head; /* NULL: rows only */
    const struct statedb_row *rows;
    size_t row_count;
    enum { JOB_WRITE, JOB_ROLLBACK, JOB_EMPTY, JOB_FILL } kind; /* without a head */
};

static enum err restoring_set(struct statedb *db, MDB_txn *txn, bool on)
{
    MDB_val k = { sizeof(restoring_key) - 1, (void *)(uintptr_t)restoring_key }, v = { 0 };
    if (on)
        return db_err(mdb_put(txn, db->dbis[STATEDB_META], &k, &v, 0));
    enum err e = db_err(mdb_del(txn, db->dbis[STATEDB_META], &k, NULL));
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err empty_in(struct statedb *db, MDB_txn *txn, bool restoring)
{
    for (int i = 0; i < STATEDB_TABLES; i++)
        TRY(db_err(mdb_drop(txn, db->dbis[i], 0)));
    TRY(db_err(mdb_drop(txn, db->undo, 0)));
    return restoring ? restoring_set(db, txn, true) : OK;
}

static enum err commit_in(struct statedb *db, MDB_txn *txn, const struct job *job)
{
    AUTO(undo_free) struct undo undo = { 0 };
    /* The first commit (genesis) cannot be taken back: there is nothing before it. */
    struct undo *u = db->head.fresh ? NULL : &undo;
    if (u != NULL)
        TRY(undo_begin(u, &db->head));
    TRY(write_overlay(db, txn, u));
    TRY(write_rows(db, txn, u, job->rows, job->row_count));
    TRY(head_write(db, txn, job->head));
    if (u == NULL)
        return restoring_set(db, txn, false);
    uint8_t key[8];
    be64_key(key, job->head->height);
    MDB_val k = { sizeof(key), key }, v = { undo.n, undo.p };
    TRY(db_err(mdb_put(txn, db->undo, &k, &v, 0)));
    return undo_prune(db, txn, job->head->height);
}

static enum err rollback_in(struct statedb *db, MDB_txn *txn)
{
    uint8_t key[8];
    be64_key(key, db->head.height);
    MDB_val k = { sizeof(key), key }, v;
    /* Read through the loop's view: its pages stay as they are while txn writes. */
    TRY(db_err(mdb_get(db->read, db->undo, &k, &v)));
    struct reader r = reader_of(of_val(v));
    struct statedb_head before = { .height = read_le64(&r) };
    read_into(&r, before.app_hash, sizeof(before.app_hash));
    while (r.err == OK && r.n != 0)
        TRY(undo_apply_row(db, txn, &r));
    if (r.err != OK)
        return ERR_CORRUPT;
    TRY(db_err(mdb_del(txn, db->undo, &k, NULL)));
    return head_write(db, txn, &before);
}

/* Less free than any transaction of ours could need. */
static bool disk_is_full(const struct statedb *db)
{
    struct statvfs fs;
    return fstatvfs(db->lock_fd, &fs) == 0 &&
           (uint64_t)fs.f_bavail * fs.f_frsize < overlay_bytes(db->overlay) * 4 + (1 << 20);
}

static enum err run_once(struct statedb *db, const struct job *job)
{
    MDB_txn *txn;
    TRY(db_err(mdb_txn_begin(db->env, NULL, 0, &txn)));
    enum err e;
    if (job->head != NULL)
        e = commit_in(db, txn, job);
    else if (job->kind == JOB_ROLLBACK)
        e = rollback_in(db, txn);
    else if (job->kind == JOB_EMPTY)
        e = empty_in(db, txn, true);
    else if (job->kind == JOB_FILL)
        e = write_overlay(db, txn, NULL);
    else
        e = write_rows(db, txn, NULL, job->rows, job->row_count);
    if (e != OK) {
        mdb_txn_abort(txn);
        return e;
    }
    e = db_err(mdb_txn_commit(txn));
    /* LMDB reports a write that the full disk cut short as an input/output error. */
    return e == ERR_IO && disk_is_full(db) ? ERR_FULL : e;
}

/* Doubles the map. Waits until the open snapshots are closed. */
static enum err map_grow(struct statedb *db)
{
    if (db->map_bytes > db->map_bytes_max / 2)
        return ERR_FULL;
    read_end(db);
    if (pthread_rwlock_wrlock(&db->map_lock) != 0)
        return ERR_IO;
    enum err e = db_err(mdb_env_set_mapsize(db->env, db->map_bytes * 2));
    pthread_rwlock_unlock(&db->map_lock);
    if (e == OK)
        db->map_bytes *= 2;
    enum err again = read_begin(db);
    return e != OK ? e : again;
}

/* True when the file has reached the map's end, so that ERR_FULL can be cured by growing. A full
 * disk cannot. */
static bool map_is_full(struct statedb *db)
{
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(db->env, &info) != 0 || mdb_env_stat(db->env, &stat) != 0)
        return false;
    uint64_t used = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
    /* The failed transaction is gone; what it needed may be as large as an overlay and its undo. */
    return used + 4 * (overlay_bytes(db->overlay) + (64 << 20)) > db->map_bytes;
}

static enum err run(struct statedb *db, const struct job *job)
{
    enum err e = run_once(db, job);
    while (e == ERR_FULL && map_is_full(db)) {
        TRY(map_grow(db));
        e = run_once(db, job);
    }
    TRY(e);
    /* It is durable from here on; only our own view can still fail, and then nothing is readable.
     */
    read_end(db);
    TRY(read_begin(db));
    return head_read(&db->head, &db->views[STATEDB_META]);
}

enum err statedb_commit(struct statedb *db, uint64_t height,
                        const uint8_t app_hash[STATEDB_HASH_SIZE], const struct statedb_row *rows,
                        size_t row_count)
{
    ASSERT(db->head.fresh || height == db->head.height + 1);
    struct statedb_head head = { .height = height };
    memcpy(head.app_hash, app_hash, sizeof(head.app_hash));
    TRY(run(db, &(struct job){ .head = &head, .rows = rows, .row_count = row_count }));
    overlay_clear(db->overlay);
    return OK;
}

enum err statedb_write(struct statedb *db, const struct statedb_row *rows, size_t row_count)
{
    for (size_t i = 0; i < row_count; i++)
        ASSERT(rows[i].table != STATEDB_STATE);
    return run(db, &(struct job){ .rows = rows, .row_count = row_count });
}

enum err statedb_rollback(struct statedb *db)
{
    ASSERT(overlay_count(db->overlay) == 0);
    return run(db, &(struct job){ .kind = JOB_ROLLBACK });
}

enum err statedb_restore_begin(struct statedb *db)
{
    overlay_clear(db->overlay);
    return run(db, &(struct job){ .kind = JOB_EMPTY });
}

enum err statedb_restore_flush(struct statedb *db)
{
    ASSERT(db->head.fresh);
    TRY(run(db, &(struct job){ .kind = JOB_FILL }));
    overlay_clear(db->overlay);
    return OK;
}

/* ---- opening -----------------------------------------------------------------------------------
 */

static enum err lock_take(struct statedb *db, const char *dir)
{
    char path[PATH_SIZE];
    int n = snprintf(path, sizeof(path), "%s/LOCK", dir);
    if (n < 0 || (size_t)n >= sizeof(path))
        return ERR_LIMIT;
    db->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (db->lock_fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : db_err(errno);
    if (flock(db->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO;
    return OK;
}

static enum err tables_open(struct statedb *db)
{
    MDB_txn *txn;
    TRY(db_err(mdb_txn_begin(db->env, NULL, 0, &txn)));
    int rc = mdb_dbi_open(txn, "undo", MDB_CREATE, &db->undo);
    for (int i = 0; rc == 0 && i < STATEDB_TABLES; i++)
        rc = mdb_dbi_open(txn, table_names[i], MDB_CREATE, &db->dbis[i]);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return db_err(rc);
    }
    return db_err(mdb_txn_commit(txn));
}

/* LMDB does not sync the folder that holds its file. */
static enum err dir_sync(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    int rc = fsync(fd);
    close(fd);
    return rc == 0 ? OK : ERR_IO;
}

static enum err env_open(struct statedb *db, const char *dir)
{
    TRY(db_err(mdb_env_create(&db->env)));
    TRY(db_err(mdb_env_set_maxdbs(db->env, STATEDB_TABLES + 1)));
    TRY(db_err(mdb_env_set_maxreaders(db->env, STATEDB_READERS)));
    TRY(db_err(mdb_env_set_mapsize(db->env, db->map_bytes)));
    TRY(db_err(mdb_env_open(db->env, dir, MDB_NOTLS, 0600)));
    MDB_envinfo info;
    TRY(db_err(mdb_env_info(db->env, &info)));
    /* An environment that grew before comes back with its own, larger size. */
    db->map_bytes = info.me_mapsize;
    TRY(tables_open(db));
    return dir_sync(dir);
}

/* What a restore that did not come to its end has left is thrown away. */
static enum err restore_forget(struct statedb *db)
{
    struct span v;
    MDB_txn *txn;
    enum err e =
        view_get(&db->views[STATEDB_META], &v, span_of(restoring_key, sizeof(restoring_key) - 1));
    if (e != OK)
        return e == ERR_NOT_FOUND ? OK : e;
    read_end(db);
    TRY(db_err(mdb_txn_begin(db->env, NULL, 0, &txn)));
    e = empty_in(db, txn, false);
    if (e != OK) {
        mdb_txn_abort(txn);
        return e;
    }
    TRY(db_err(mdb_txn_commit(txn)));
    return read_begin(db);
}

static enum err open_in(struct statedb *db, const struct statedb_config *config)
{
    TRY(lock_take(db, config->dir));
    TRY(env_open(db, config->dir));
    TRY(read_begin(db));
    TRY(restore_forget(db));
    TRY(head_read(&db->head, &db->views[STATEDB_META]));
    const struct kv base = view_kv(&db->views[STATEDB_STATE]);
    db->overlay = overlay_new(&base, config->overlay_bytes_max != 0 ? config->overlay_bytes_max
                                                                    : OVERLAY_DEFAULT);
    return db->overlay == NULL ? ERR_MEMORY : OK;
}

enum err statedb_open(struct statedb **out, const struct statedb_config *config)
{
    *out = NULL;
    struct statedb *db = calloc(1, sizeof(*db));
    if (db == NULL)
        return ERR_MEMORY;
    db->lock_fd = -1;
    db->map_bytes = config->map_bytes != 0 ? config->map_bytes : MAP_DEFAULT;
    db->map_bytes_max = config->map_bytes_max != 0 ? config->map_bytes_max : MAP_MAX_DEFAULT;
    db->undo_heights = config->undo_heights != 0 ? config->undo_heights : STATEDB_UNDO_DEFAULT;
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    /* Or busy readers could keep the map from growing for ever. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&db->map_lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    enum err e = open_in(db, config);
    if (e != OK) {
        statedb_close(db);
        return e;
    }
    *out = db;
    return OK;
}

void statedb_close(struct statedb *db)
{
    if (db == NULL)
        return;
    overlay_free(db->overlay);
    views_close(db->views);
    if (db->read != NULL)
        mdb_txn_abort(db->read);
    if (db->env != NULL)
        mdb_env_close(db->env);
    if (db->lock_fd >= 0)
        close(db->lock_fd);
    pthread_rwlock_destroy(&db->map_lock);
    free(db);
}

struct statedb_head statedb_head(const struct statedb *db)
{
    return db->head;
}

struct kv statedb_state(struct statedb *db)
{
    return overlay_kv(db->overlay);
}

struct kv statedb_committed(struct statedb *db, enum statedb_table table)
{
    return view_kv(&db->views[table]);
}

size_t statedb_dirty(const struct statedb *db)
{
    return overlay_count(db->overlay);
}

void statedb_discard(struct statedb *db)
{
    overlay_clear(db->overlay);
}

enum err statedb_size(struct statedb *db, uint64_t *used, uint64_t *map)
{
    MDB_envinfo info;
    MDB_stat stat;
    *used = *map = 0;
    TRY(db_err(mdb_env_info(db->env, &info)));
    TRY(db_err(mdb_env_stat(db->env, &stat)));
    *used = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
    *map = info.me_mapsize;
    return OK;
}

/* ---- snapshots ---------------------------------------------------------------------------------
 */

enum err statedb_snapshot_open(struct statedb_snapshot **out, struct statedb *db)
{
    *out = NULL;
    struct statedb_snapshot *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_MEMORY;
    if (pthread_rwlock_rdlock(&db->map_lock) != 0) {
        free(s);
        return ERR_BUSY;
    }
    s->db = db;
    enum err e = db_err(mdb_txn_begin(db->env, NULL, MDB_RDONLY, &s->txn));
    if (e == OK) {
        views_open(s->views, db, s->txn);
        e = head_read(&s->head, &s->views[STATEDB_META]);
    }
    if (e != OK) {
        statedb_snapshot_close(s);
        return e;
    }
    *out = s;
    return OK;
}

void statedb_snapshot_close(struct statedb_snapshot *s)
{
    if (s == NULL)
        return;
    views_close(s->views);
    if (s->txn != NULL)
        mdb_txn_abort(s->txn);
    pthread_rwlock_unlock(&s->db->map_lock);
    free(s);
}

struct statedb_head statedb_snapshot_head(const struct statedb_snapshot *s)
{
    return s->head;
}

struct kv statedb_snapshot_kv(struct statedb_snapshot *s, enum statedb_table table)
{
    return view_kv(&s->views[table]);
}
