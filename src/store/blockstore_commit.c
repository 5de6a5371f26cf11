#include "store/blockstore_impl.h"

#include <stdlib.h>

/* ---- rows within a transaction
 * ---------------------------------------------------------------------- */

enum err blockstore_put_segment_row(struct blockstore *s, MDB_txn *txn,
                                    const struct blockstore_segment *seg)
{
    uint8_t key[4];
    uint8_t row[BLOCKSTORE_ROW_SIZE];
    store_be32(key, seg->number);
    blockstore_row_encode(row, &seg->row);
    return db_put(txn, s->segments, span_of(key, sizeof(key)), span_of(row, sizeof(row)));
}

enum err blockstore_put_meta(struct blockstore *s, MDB_txn *txn, uint64_t seq)
{
    uint8_t row[20];
    store_le64(row, seq);
    store_le64(row + 8, s->block_bytes);
    store_le32(row + 16, s->next_segment);
    return db_put(txn, s->meta, span_str("state"), span_of(row, sizeof(row)));
}

enum err blockstore_bury(struct blockstore *s, MDB_txn *txn, const struct blockstore_entry *e,
                         uint64_t seq)
{
    uint8_t key[BLOCKSTORE_DEAD_KEY];
    uint8_t value[4];
    uint64_t total = record_total(e->length);
    blockstore_lock(&s->read_mutex);
    struct blockstore_segment *seg = blockstore_segment_find(s, e->segment);
    blockstore_unlock(&s->read_mutex);
    if (seg == NULL)
        return ERR_CORRUPT;
    seg->row.live_bytes -= total;
    seg->row.live_count--;
    seg->row.last_dead = seq;
    blockstore_dead_key(key, seq, e->segment, e->offset);
    store_le32(value, (uint32_t)(total / RECORD_ALIGN));
    TRY(db_put(txn, s->dead, span_of(key, sizeof(key)), span_of(value, sizeof(value))));
    return blockstore_put_segment_row(s, txn, seg);
}

/* ---- commit
 * ------------------------------------------------------------------------------------------ */

static int by_digest(const void *a, const void *b, void *ctx)
{
    const struct blockstore *s = ctx;
    const uint32_t *left = a;
    const uint32_t *right = b;
    return memcmp(s->pend[*left].digest, s->pend[*right].digest, BLOCK_DIGEST_SIZE);
}

static enum err write_block(struct blockstore *s, MDB_txn *txn, const struct blockstore_pending *p,
                            uint64_t seq)
{
    uint8_t row[BLOCKSTORE_ENTRY_SIZE];
    struct span key = span_of(p->digest, BLOCK_DIGEST_SIZE);
    struct blockstore_entry entry = p->entry;
    if (p->moved) {
        struct span value;
        struct blockstore_entry old;
        TRY(db_get(txn, s->blocks, &value, key));
        TRY(blockstore_entry_decode(&old, value));
        entry.birth = old.birth;
        TRY(blockstore_bury(s, txn, &old, seq));
    } else {
        entry.birth = seq;
    }
    blockstore_entry_encode(row, &entry);
    return db_put(txn, s->blocks, key, span_of(row, sizeof(row)));
}

/* Sorted by key, so that neighbours share pages of the index. */
static enum err write_blocks(struct blockstore *s, MDB_txn *txn, uint64_t seq)
{
    uint32_t count = atomic_load(&s->pend_count);
    for (uint32_t i = 0; i < count; i++)
        s->order[i] = i;
    qsort_r(s->order, count, sizeof(*s->order), by_digest, s);
    for (uint32_t i = 0; i < count; i++)
        TRY(write_block(s, txn, &s->pend[s->order[i]], seq));
    return OK;
}

static enum err write_pin(struct blockstore *s, MDB_txn *txn, struct blockstore_pin_change *c,
                          uint64_t seq)
{
    uint8_t row[BLOCKSTORE_ENTRY_SIZE + BLOCKSTORE_PIN_BYTES];
    struct span key = span_of(c->cid, c->cid_size);
    struct span old;
    enum err e = db_get(txn, s->pins, &old, key);
    if (e == OK) {
        struct blockstore_entry entry;
        TRY(blockstore_entry_decode(&entry, span_sub(old, 0, BLOCKSTORE_ENTRY_SIZE)));
        TRY(blockstore_bury(s, txn, &entry, seq));
    } else if (e != ERR_NOT_FOUND) {
        return e;
    }
    if (c->remove)
        return db_del(txn, s->pins, key);
    c->entry.birth = seq;
    blockstore_entry_encode(row, &c->entry);
    memcpy(row + BLOCKSTORE_ENTRY_SIZE, c->bytes, c->size);
    return db_put(txn, s->pins, key, span_of(row, BLOCKSTORE_ENTRY_SIZE + c->size));
}

static bool row_changed(const struct blockstore_segment *seg)
{
    const struct blockstore_row *a = &seg->row;
    const struct blockstore_row *b = &seg->committed;
    return seg->fresh || a->sealed != b->sealed || a->tail != b->tail ||
           a->live_bytes != b->live_bytes || a->live_count != b->live_count ||
           a->freed != b->freed || a->last_dead != b->last_dead;
}

static enum err write_rows(struct blockstore *s, MDB_txn *txn, uint64_t seq)
{
    TRY(write_blocks(s, txn, seq));
    for (size_t i = 0; i < s->pin_count; i++)
        TRY(write_pin(s, txn, &s->pin_changes[i], seq));
    for (size_t i = 0; i < s->seg_count; i++)
        if (row_changed(s->segs[i]))
            TRY(blockstore_put_segment_row(s, txn, s->segs[i]));
    return blockstore_put_meta(s, txn, seq);
}

static void clear_pending(struct blockstore *s)
{
    blockstore_lock(&s->pend_mutex);
    if (atomic_load(&s->pend_count) > 0)
        memset(s->buckets, 0, BLOCKSTORE_BUCKETS * sizeof(*s->buckets));
    atomic_store(&s->pend_count, 0);
    blockstore_unlock(&s->pend_mutex);
    s->pin_count = 0;
}

void blockstore_committed(struct blockstore *s, uint64_t seq)
{
    for (size_t i = 0; i < s->seg_count; i++) {
        s->segs[i]->committed = s->segs[i]->row;
        s->segs[i]->fresh = false;
    }
    s->committed_block_bytes = s->block_bytes;
    s->committed_block_count = s->block_count;
    s->dirty = false;
    atomic_store(&s->seq, seq);
    clear_pending(s);
    blockstore_publish(s);
}

static enum err commit_index(struct blockstore *s)
{
    MDB_txn *txn;
    uint64_t seq = atomic_load(&s->seq) + 1;
    TRY(db_err(mdb_txn_begin(s->env, NULL, 0, &txn)));
    enum err e = write_rows(s, txn, seq);
    if (e != OK) {
        mdb_txn_abort(txn);
        return e;
    }
    TRY(db_commit(txn, &s->files));
    blockstore_committed(s, seq);
    return OK;
}

enum err blockstore_commit_locked(struct blockstore *s)
{
    if (s->failed)
        return ERR_STATE;
    if (atomic_load(&s->pend_count) == 0 && s->pin_count == 0 && !s->dirty)
        return OK;
    enum err e = blockstore_sync_data(s);
    if (e == OK)
        e = commit_index(s);
    if (e != OK)
        s->failed = true;
    return e;
}

enum err blockstore_commit(struct blockstore *s)
{
    blockstore_lock(&s->write_mutex);
    enum err e = blockstore_commit_locked(s);
    blockstore_unlock(&s->write_mutex);
    return e;
}

/* ---- rollback
 * ------------------------------------------------------------------------------------------ */

/* Takes every segment back to what the index says; files made since then go. */
static void roll_segments(struct blockstore *s)
{
    for (size_t i = s->seg_count; i > 0; i--) {
        struct blockstore_segment *seg = s->segs[i - 1];
        if (seg->fresh) {
            char path[FILE_PATH_MAX];
            if (blockstore_segment_path(s, path, seg->dir, seg->number) == OK)
                (void)s->files.unlink(s->files.ctx, path);
            if (seg == s->active)
                s->active = NULL;
            blockstore_segment_remove(s, seg);
            continue;
        }
        seg->row = seg->committed;
    }
}

/* Cuts off what stands behind the committed tail, so that no later recovery takes it in. After a
 * failed write or sync the file is not written to again. */
static void cut_segments(struct blockstore *s)
{
    for (size_t i = 0; i < s->seg_count; i++) {
        struct blockstore_segment *seg = s->segs[i];
        if (seg->row.sealed)
            continue;
        seg->allocated = UINT64_MAX;
        blockstore_trim(s, seg);
        seg->allocated = seg->row.tail;
        if (s->failed || seg != s->active)
            seg->row.sealed = true;
    }
    if (s->failed)
        s->active = NULL;
}

void blockstore_rollback_locked(struct blockstore *s)
{
    bool pending = atomic_load(&s->pend_count) > 0 || s->pin_count > 0;
    if (!pending && !s->failed)
        return;
    clear_pending(s);
    roll_segments(s);
    cut_segments(s);
    blockstore_lock(&s->pend_mutex);
    s->buffer_used = 0;
    s->buffer_segment = s->active == NULL ? 0 : s->active->number;
    s->buffer_offset = s->active == NULL ? 0 : s->active->row.tail;
    blockstore_unlock(&s->pend_mutex);
    s->block_bytes = s->committed_block_bytes;
    s->block_count = s->committed_block_count;
    s->room = 0;
    s->disk_bytes = blockstore_disk_bytes(s);
    s->failed = false;
    blockstore_publish(s);
}

void blockstore_rollback(struct blockstore *s)
{
    blockstore_lock(&s->write_mutex);
    blockstore_rollback_locked(s);
    blockstore_unlock(&s->write_mutex);
}

/* ---- delete
 * -------------------------------------------------------------------------------------------- */

static enum err remove_one(struct blockstore *s, MDB_txn *txn, const uint8_t *digest, uint64_t seq)
{
    struct span value;
    struct blockstore_entry entry;
    struct span key = span_of(digest, BLOCK_DIGEST_SIZE);
    TRY(db_get(txn, s->blocks, &value, key));
    TRY(blockstore_entry_decode(&entry, value));
    TRY(db_del(txn, s->blocks, key));
    TRY(blockstore_bury(s, txn, &entry, seq));
    s->block_bytes -= entry.length;
    s->block_count--;
    return OK;
}

static enum err remove_all(struct blockstore *s, MDB_txn *txn, const struct block_key *keys,
                           size_t count, size_t *removed)
{
    uint64_t seq = atomic_load(&s->seq) + 1;
    for (size_t i = 0; i < count; i++) {
        enum err e = remove_one(s, txn, keys[i].digest, seq);
        if (e != OK && e != ERR_NOT_FOUND)
            return e;
        *removed += e == OK;
    }
    return blockstore_put_meta(s, txn, seq);
}

/* The batch under way is committed first, so that segment rows never say more than is durable. */
enum err blockstore_remove_locked(struct blockstore *s, const struct block_key *keys, size_t count,
                                  size_t *removed)
{
    MDB_txn *txn;
    size_t done = 0;
    TRY(blockstore_commit_locked(s));
    TRY(db_err(mdb_txn_begin(s->env, NULL, 0, &txn)));
    enum err e = remove_all(s, txn, keys, count, &done);
    if (e == OK)
        e = db_commit(txn, &s->files);
    else
        mdb_txn_abort(txn);
    if (e != OK) {
        s->failed = true;
        blockstore_rollback_locked(s);
        return e;
    }
    blockstore_committed(s, atomic_load(&s->seq) + 1);
    if (removed != NULL)
        *removed = done;
    return OK;
}

enum err blockstore_delete(struct blockstore *s, const struct block_key *keys, size_t count,
                           size_t *removed)
{
    if (removed != NULL)
        *removed = 0;
    blockstore_lock(&s->write_mutex);
    enum err e = blockstore_remove_locked(s, keys, count, removed);
    blockstore_unlock(&s->write_mutex);
    return e;
}
