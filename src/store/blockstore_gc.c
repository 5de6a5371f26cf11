#include "store/blockstore_maint.h"

#include "crypto/crc32c.h"
#include "store/blockstore_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    MARKS_PER_COMMIT = 16384, /* keeps the scratch transaction's memory flat */
    SWEEP_MAX = 4096,         /* blocks under one hold of the write lock */
};

#define SCRATCH_MAP ((uint64_t)1 << 36)

struct blockstore_gc {
    struct blockstore *s;
    char path[FILE_PATH_MAX];
    MDB_env *env;
    MDB_dbi marks;
    MDB_txn *txn;
    size_t uncommitted;
    uint64_t floor;
    bool swept_any;
    uint8_t at[BLOCK_DIGEST_SIZE]; /* the last block looked at */
    struct block_key *victims;
    struct blockstore_gc_result result;
};

/* ---- marks
 * ------------------------------------------------------------------------------------------------
 */

static void remove_scratch(const char *path)
{
    char lock[FILE_PATH_MAX + 8];
    (void)unlink(path);
    (void)snprintf(lock, sizeof(lock), "%s-lock", path);
    (void)unlink(lock);
}

static enum err open_marks(struct blockstore_gc *gc)
{
    const struct db_config config = {
        .path = gc->path, .map_bytes = SCRATCH_MAP, .tables = 1, .readers = 2, .scratch = true
    };
    remove_scratch(gc->path);
    TRY(db_open(&gc->env, &config));
    TRY(db_err(mdb_txn_begin(gc->env, NULL, 0, &gc->txn)));
    return db_err(mdb_dbi_open(gc->txn, "marks", MDB_CREATE, &gc->marks));
}

enum err blockstore_gc_begin(struct blockstore_gc **out, struct blockstore *s,
                             const char *scratch_path)
{
    *out = NULL;
    if (strlen(scratch_path) >= FILE_PATH_MAX)
        return ERR_LIMIT;
    struct blockstore_gc *gc = calloc(1, sizeof(*gc));
    if (gc == NULL)
        return ERR_MEMORY;
    memcpy(gc->path, scratch_path, strlen(scratch_path) + 1);
    blockstore_lock(&s->write_mutex);
    bool busy = s->gc_floor != 0;
    if (!busy) {
        gc->s = s;
        gc->floor = s->gc_floor = atomic_load(&s->seq) + 1;
    }
    blockstore_unlock(&s->write_mutex);
    if (busy) {
        free(gc);
        return ERR_BUSY;
    }
    gc->victims = calloc(SWEEP_MAX, sizeof(*gc->victims));
    enum err e = gc->victims == NULL ? ERR_MEMORY : open_marks(gc);
    if (e != OK)
        blockstore_gc_end(gc, NULL);
    else
        *out = gc;
    return e;
}

static enum err renew_marks(struct blockstore_gc *gc)
{
    MDB_txn *txn = gc->txn;
    gc->txn = NULL;
    gc->uncommitted = 0;
    TRY(db_err(mdb_txn_commit(txn)));
    return db_err(mdb_txn_begin(gc->env, NULL, 0, &gc->txn));
}

enum err blockstore_gc_mark(struct blockstore_gc *gc, const uint8_t digest[BLOCK_DIGEST_SIZE],
                            bool *known)
{
    struct span there;
    struct span key = span_of(digest, BLOCK_DIGEST_SIZE);
    if (gc->txn == NULL)
        return ERR_STATE;
    enum err e = db_get(gc->txn, gc->marks, &there, key);
    if (known != NULL)
        *known = e == OK;
    if (e != ERR_NOT_FOUND)
        return e;
    TRY(db_put(gc->txn, gc->marks, key, (struct span){ 0 }));
    return ++gc->uncommitted < MARKS_PER_COMMIT ? OK : renew_marks(gc);
}

void blockstore_gc_end(struct blockstore_gc *gc, struct blockstore_gc_result *result)
{
    if (result != NULL)
        *result = gc == NULL ? (struct blockstore_gc_result){ 0 } : gc->result;
    if (gc == NULL)
        return;
    if (gc->txn != NULL)
        mdb_txn_abort(gc->txn);
    if (gc->env != NULL)
        mdb_env_close(gc->env);
    remove_scratch(gc->path);
    blockstore_lock(&gc->s->write_mutex);
    gc->s->gc_floor = 0;
    blockstore_unlock(&gc->s->write_mutex);
    free(gc->victims);
    free(gc);
}

/* ---- sweep
 * --------------------------------------------------------------------------------------------------
 */

static bool marked(const struct blockstore_gc *gc, struct span digest)
{
    struct span there;
    /* A scratch file that cannot be read keeps everything. */
    return db_get(gc->txn, gc->marks, &there, digest) != ERR_NOT_FOUND;
}

/* The first commit that this run leaves alone. */
static uint64_t floor_now(const struct blockstore_gc *gc)
{
    uint64_t floor = gc->floor;
    for (int i = 0; i < BLOCKSTORE_SESSIONS; i++)
        if (gc->s->sessions[i] != 0 && gc->s->sessions[i] < floor)
            floor = gc->s->sessions[i];
    return floor;
}

/* Looks at up to budget blocks behind gc->at and lists those that go. */
static enum err choose(struct blockstore_gc *gc, MDB_cursor *c, size_t budget, size_t *count)
{
    uint64_t floor = floor_now(gc);
    struct span key = span_of(gc->at, gc->swept_any ? sizeof(gc->at) : 0);
    struct span value;
    enum err e = db_seek(c, &key, &value, gc->swept_any ? MDB_SET_RANGE : MDB_FIRST);
    if (e == OK && gc->swept_any && span_eq(key, span_of(gc->at, sizeof(gc->at))))
        e = db_seek(c, &key, &value, MDB_NEXT);
    for (size_t i = 0; e == OK && i < budget; i++) {
        struct blockstore_entry entry;
        if (key.n != BLOCK_DIGEST_SIZE)
            return ERR_CORRUPT;
        TRY(blockstore_entry_decode(&entry, value));
        memcpy(gc->at, key.p, sizeof(gc->at));
        gc->swept_any = true;
        if (entry.birth >= floor || marked(gc, key)) {
            gc->result.kept++;
        } else {
            memcpy(gc->victims[(*count)++].digest, key.p, BLOCK_DIGEST_SIZE);
            gc->result.removed_bytes += entry.length;
        }
        e = db_seek(c, &key, &value, MDB_NEXT);
    }
    return e;
}

static enum err choose_batch(struct blockstore_gc *gc, size_t budget, size_t *count)
{
    uint32_t slot;
    MDB_cursor *c;
    struct blockstore *s = gc->s;
    TRY(blockstore_slot_take(s, &slot));
    enum err e = db_err(mdb_cursor_open(s->slots[slot].txn, s->blocks, &c));
    if (e == OK) {
        e = choose(gc, c, budget, count);
        mdb_cursor_close(c);
    }
    blockstore_slot_free(s, slot);
    return e;
}

/* Under the write lock from the look at the births to the removal: a put in between cannot be told
 * "it is here" about a block that then goes. */
static enum err sweep(struct blockstore_gc *gc, size_t budget, bool *done)
{
    size_t count = 0;
    size_t removed = 0;
    TRY(blockstore_commit_locked(gc->s));
    enum err e = choose_batch(gc, budget, &count);
    *done = e == ERR_NOT_FOUND;
    if (e != OK && e != ERR_NOT_FOUND)
        return e;
    if (count > 0)
        TRY(blockstore_remove_locked(gc->s, gc->victims, count, &removed));
    gc->result.removed += removed;
    return OK;
}

enum err blockstore_gc_sweep(struct blockstore_gc *gc, size_t budget, bool *done)
{
    *done = false;
    if (gc->txn == NULL)
        return ERR_STATE;
    blockstore_lock(&gc->s->write_mutex);
    enum err e = sweep(gc, budget > SWEEP_MAX ? SWEEP_MAX : budget, done);
    blockstore_unlock(&gc->s->write_mutex);
    return e;
}
