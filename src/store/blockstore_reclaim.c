#include "store/blockstore_impl.h"

#include <stdlib.h>

enum { ROWS_MAX = 4096 }; /* dead records in one transaction */

/* A run of dead records and gaps in one segment. */
struct run {
    uint64_t seq; /* of the row that it came from */
    uint32_t segment;
    uint64_t offset;
    uint64_t length;
};

struct job {
    struct blockstore *s;
    struct run *rows; /* as in the table "dead" */
    size_t row_count;
    struct run *runs; /* merged, ascending by segment and offset */
    size_t run_count;
};

/* ---- what is dead
 * --------------------------------------------------------------------------------------- */

static enum err read_row(struct run *r, struct span key, struct span value)
{
    if (key.n != BLOCKSTORE_DEAD_KEY || value.n != 4)
        return ERR_CORRUPT;
    r->seq = load_be64(key.p);
    r->segment = load_be32(key.p + 8);
    r->offset = (uint64_t)load_be32(key.p + 12) * RECORD_ALIGN;
    r->length = (uint64_t)load_le32(value.p) * RECORD_ALIGN;
    return OK;
}

/* Rows of commits that no reader can look behind any more, oldest first. */
static enum err collect(struct job *j, MDB_txn *txn, size_t budget, bool *more)
{
    MDB_cursor *c;
    struct span key = { 0 };
    struct span value;
    uint64_t oldest = blockstore_oldest_reader(j->s);
    TRY(db_err(mdb_cursor_open(txn, j->s->dead, &c)));
    enum err e = db_seek(c, &key, &value, MDB_FIRST);
    while (e == OK) {
        struct run r;
        e = read_row(&r, key, value);
        if (e != OK || r.seq > oldest)
            break;
        if (j->row_count == budget) {
            *more = true;
            break;
        }
        j->rows[j->row_count++] = r;
        e = db_seek(c, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(c);
    return e == ERR_NOT_FOUND ? OK : e;
}

static int by_place(const void *a, const void *b)
{
    const struct run *left = a;
    const struct run *right = b;
    if (left->segment != right->segment)
        return left->segment < right->segment ? -1 : 1;
    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

/* The segment, when its space is to be given back by punching. Files that are gone or about to go
 * need none. */
static struct blockstore_segment *usable(struct blockstore *s, uint32_t number)
{
    blockstore_lock(&s->read_mutex);
    struct blockstore_segment *seg = blockstore_segment_find(s, number);
    blockstore_unlock(&s->read_mutex);
    return seg == NULL || seg->missing ? NULL : seg;
}

static void merge_rows(struct job *j)
{
    memcpy(j->runs, j->rows, j->row_count * sizeof(*j->runs));
    qsort(j->runs, j->row_count, sizeof(*j->runs), by_place);
    for (size_t i = 0; i < j->row_count; i++) {
        struct run *last = j->run_count == 0 ? NULL : &j->runs[j->run_count - 1];
        if (usable(j->s, j->runs[i].segment) == NULL)
            continue;
        if (last != NULL && last->segment == j->runs[i].segment &&
            last->offset + last->length == j->runs[i].offset)
            last->length += j->runs[i].length;
        else
            j->runs[j->run_count++] = j->runs[i];
    }
}

/* ---- gaps that are there already
 * --------------------------------------------------------------------------- */

static enum err gap_at(struct span key, struct span value, struct run *gap)
{
    if (key.n != BLOCKSTORE_GAP_KEY || value.n != 8)
        return ERR_CORRUPT;
    gap->segment = load_be32(key.p);
    gap->offset = (uint64_t)load_be32(key.p + 4) * RECORD_ALIGN;
    gap->length = load_le64(value.p);
    return OK;
}

/* Joins a run with the gaps that touch it, whose rows go, and writes the row of the whole. */
static enum err join_gaps(struct blockstore *s, MDB_txn *txn, MDB_cursor *c, struct run *r)
{
    uint8_t at[BLOCKSTORE_GAP_KEY];
    uint8_t size[8];
    struct run gap;
    struct span value;
    blockstore_gap_key(at, r->segment, r->offset);
    struct span key = span_of(at, sizeof(at));
    enum err e = db_seek(c, &key, &value, MDB_SET_RANGE);
    if (e == OK) {
        TRY(gap_at(key, value, &gap));
        if (gap.segment == r->segment && gap.offset == r->offset + r->length) {
            r->length += gap.length;
            TRY(db_err(mdb_cursor_del(c, 0)));
        }
        key = span_of(at, sizeof(at));
        e = db_seek(c, &key, &value, MDB_SET_RANGE);
    }
    /* The one before: behind the last row when nothing follows. */
    e = db_seek(c, &key, &value, e == OK ? MDB_PREV : MDB_LAST);
    if (e == OK) {
        TRY(gap_at(key, value, &gap));
        if (gap.segment == r->segment && gap.offset + gap.length == r->offset) {
            r->offset = gap.offset;
            r->length += gap.length;
            TRY(db_err(mdb_cursor_del(c, 0)));
        }
    } else if (e != ERR_NOT_FOUND) {
        return e;
    }
    blockstore_gap_key(at, r->segment, r->offset);
    store_le64(size, r->length);
    return db_put(txn, s->gaps, span_of(at, sizeof(at)), span_of(size, sizeof(size)));
}

static enum err drop_gaps(struct blockstore *s, MDB_txn *txn, uint32_t segment)
{
    uint8_t at[BLOCKSTORE_GAP_KEY];
    MDB_cursor *c;
    struct span value;
    blockstore_gap_key(at, segment, 0);
    struct span key = span_of(at, sizeof(at));
    TRY(db_err(mdb_cursor_open(txn, s->gaps, &c)));
    enum err e = db_seek(c, &key, &value, MDB_SET_RANGE);
    while (e == OK && key.n == BLOCKSTORE_GAP_KEY && load_be32(key.p) == segment) {
        e = db_err(mdb_cursor_del(c, 0));
        key = span_of(at, sizeof(at));
        if (e == OK)
            e = db_seek(c, &key, &value, MDB_SET_RANGE);
    }
    mdb_cursor_close(c);
    return e == ERR_NOT_FOUND ? OK : e;
}

/* ---- the files
 * -----------------------------------------------------------------------------------------------
 */

static enum err write_gap(struct blockstore *s, int handle, const struct run *r)
{
    uint8_t header[RECORD_HEADER_SIZE];
    const struct record gap = { .kind = RECORD_GAP, .total = r->length };
    record_encode(header, &gap, s->id);
    return file_write(&s->files, handle, span_of(header, sizeof(header)), r->offset);
}

/* All gap headers of one segment, then one sync, then the holes: a walk over the records never
 * meets a hole that no header spans. */
static enum err punch_segment(struct blockstore *s, const struct run *runs, size_t count)
{
    int handle;
    TRY(blockstore_segment_acquire(s, &handle, runs[0].segment));
    enum err e = OK;
    for (size_t i = 0; i < count && e == OK; i++)
        e = write_gap(s, handle, &runs[i]);
    if (e == OK)
        e = s->files.sync(s->files.ctx, handle);
    for (size_t i = 0; i < count && e == OK; i++)
        e = s->files.punch(s->files.ctx, handle, runs[i].offset + RECORD_HEADER_SIZE,
                           runs[i].length - RECORD_HEADER_SIZE);
    blockstore_segment_unref(s, runs[0].segment);
    return e;
}

static enum err punch_all(struct job *j)
{
    for (size_t i = 0; i < j->run_count;) {
        size_t n = 1;
        while (i + n < j->run_count && j->runs[i + n].segment == j->runs[i].segment)
            n++;
        TRY(punch_segment(j->s, j->runs + i, n));
        i += n;
    }
    return OK;
}

/* ---- the transaction
 * ------------------------------------------------------------------------------------------- */

static enum err count_freed(struct job *j, MDB_txn *txn)
{
    for (size_t i = 0; i < j->row_count; i++) {
        uint8_t key[BLOCKSTORE_DEAD_KEY];
        const struct run *r = &j->rows[i];
        blockstore_dead_key(key, r->seq, r->segment, r->offset);
        TRY(db_del(txn, j->s->dead, span_of(key, sizeof(key))));
        struct blockstore_segment *seg = usable(j->s, r->segment);
        if (seg == NULL)
            continue;
        seg->row.freed += r->length;
        TRY(blockstore_put_segment_row(j->s, txn, seg));
    }
    return OK;
}

/* One transaction: the gaps' rows first, because they widen the runs that are then punched. It is
 * committed only after the punching. */
static enum err reclaim_rows(struct job *j, MDB_txn *txn)
{
    MDB_cursor *c;
    merge_rows(j);
    TRY(db_err(mdb_cursor_open(txn, j->s->gaps, &c)));
    enum err e = OK;
    for (size_t i = 0; i < j->run_count && e == OK; i++)
        e = join_gaps(j->s, txn, c, &j->runs[i]);
    mdb_cursor_close(c);
    TRY(e);
    TRY(punch_all(j));
    return count_freed(j, txn);
}

/* A closed segment in which nothing lives goes as a whole, once no reader can look into it. */
static bool empty(const struct blockstore_segment *seg, uint64_t oldest)
{
    return seg->row.sealed && !seg->damaged && seg->row.live_count == 0 &&
           seg->row.last_dead <= oldest && seg->refs == 0 && !seg->fresh;
}

static enum err remove_segment(struct blockstore *s, MDB_txn *txn,
                               const struct blockstore_segment *seg)
{
    char path[FILE_PATH_MAX];
    uint8_t key[4];
    store_be32(key, seg->number);
    TRY(db_del(txn, s->segments, span_of(key, sizeof(key))));
    TRY(drop_gaps(s, txn, seg->number));
    if (seg->missing)
        return OK;
    TRY(blockstore_segment_path(s, path, seg->dir, seg->number));
    enum err e = s->files.unlink(s->files.ctx, path);
    return e == ERR_NOT_FOUND ? OK : e;
}

static bool any_empty(const struct blockstore *s, uint64_t oldest)
{
    for (size_t i = 0; i < s->seg_count; i++)
        if (empty(s->segs[i], oldest))
            return true;
    return false;
}

static enum err remove_rows(struct blockstore *s, MDB_txn *txn, uint64_t oldest)
{
    for (size_t i = 0; i < s->seg_count; i++) {
        if (!empty(s->segs[i], oldest))
            continue;
        TRY(remove_segment(s, txn, s->segs[i]));
        s->segs[i]->gone = true;
    }
    return OK;
}

/* Removes the objects of segments whose rows are gone, or, after a failure, keeps them all. */
static void forget(struct blockstore *s, bool done)
{
    for (size_t i = s->seg_count; i > 0; i--) {
        struct blockstore_segment *seg = s->segs[i - 1];
        if (seg->gone && done)
            blockstore_segment_remove(s, seg);
        else
            seg->gone = false;
    }
}

static enum err end(struct blockstore *s, MDB_txn *txn, enum err e)
{
    if (e == OK)
        e = db_commit(txn, &s->files);
    else
        mdb_txn_abort(txn);
    return e;
}

static enum err remove_empty(struct blockstore *s)
{
    MDB_txn *txn;
    uint64_t oldest = blockstore_oldest_reader(s);
    if (!any_empty(s, oldest))
        return OK;
    TRY(blockstore_commit_locked(s));
    TRY(db_err(mdb_txn_begin(s->env, NULL, 0, &txn)));
    enum err e = end(s, txn, remove_rows(s, txn, oldest));
    forget(s, e == OK);
    if (e == OK)
        blockstore_committed(s, atomic_load(&s->seq));
    return e;
}

static enum err collect_rows(struct job *j, size_t budget, bool *more)
{
    uint32_t slot;
    TRY(blockstore_slot_take(j->s, &slot));
    enum err e = collect(j, j->s->slots[slot].txn, budget, more);
    blockstore_slot_free(j->s, slot);
    return e;
}

static enum err punch(struct job *j, size_t budget, bool *more)
{
    MDB_txn *txn;
    struct blockstore *s = j->s;
    TRY(collect_rows(j, budget, more));
    if (j->row_count == 0)
        return OK;
    TRY(blockstore_commit_locked(s));
    TRY(db_err(mdb_txn_begin(s->env, NULL, 0, &txn)));
    enum err e = end(s, txn, reclaim_rows(j, txn));
    if (e == OK)
        blockstore_committed(s, atomic_load(&s->seq));
    else
        for (size_t i = 0; i < s->seg_count; i++)
            s->segs[i]->row = s->segs[i]->committed;
    return e;
}

enum err blockstore_reclaim(struct blockstore *s, size_t budget, bool *more)
{
    struct job j = { .s = s };
    *more = false;
    budget = budget > ROWS_MAX ? ROWS_MAX : budget;
    j.rows = calloc(2 * budget, sizeof(*j.rows));
    if (j.rows == NULL)
        return ERR_MEMORY;
    j.runs = j.rows + budget;
    blockstore_lock(&s->write_mutex);
    enum err e = remove_empty(s);
    if (e == OK)
        e = punch(&j, budget, more);
    s->disk_bytes = blockstore_disk_bytes(s);
    blockstore_unlock(&s->write_mutex);
    free(j.rows);
    return e;
}
