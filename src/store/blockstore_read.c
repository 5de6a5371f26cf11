#include "store/blockstore_impl.h"

#include "crypto/crc32c.h"

#define NO_SLOT UINT32_MAX

void blockstore_lock(pthread_mutex_t *m)
{
    int rc = pthread_mutex_lock(m);
    ASSERT(rc == 0);
}

void blockstore_unlock(pthread_mutex_t *m)
{
    int rc = pthread_mutex_unlock(m);
    ASSERT(rc == 0);
}

/* ---- readers -----------------------------------------------------------------------------------
 */

static enum err slot_begin(struct blockstore *s, struct blockstore_slot *slot)
{
    if (slot->txn != NULL)
        return db_err(mdb_txn_renew(slot->txn));
    return db_err(mdb_txn_begin(s->env, NULL, MDB_RDONLY, &slot->txn));
}

enum err blockstore_slot_take(struct blockstore *s, uint32_t *slot)
{
    blockstore_lock(&s->read_mutex);
    uint32_t at = s->free_slot;
    if (at == NO_SLOT) {
        blockstore_unlock(&s->read_mutex);
        return ERR_BUSY;
    }
    s->free_slot = s->slots[at].next_free;
    /* The pin stands before the transaction begins: what a later commit removes, and this
     * transaction may still see, is not punched while the pin stands. */
    s->slots[at].pin = atomic_load(&s->seq);
    blockstore_unlock(&s->read_mutex);
    enum err e = slot_begin(s, &s->slots[at]);
    if (e != OK) {
        blockstore_lock(&s->read_mutex);
        s->slots[at].pin = UINT64_MAX;
        s->slots[at].next_free = s->free_slot;
        s->free_slot = at;
        blockstore_unlock(&s->read_mutex);
        return e;
    }
    *slot = at;
    return OK;
}

void blockstore_slot_free(struct blockstore *s, uint32_t slot)
{
    mdb_txn_reset(s->slots[slot].txn);
    blockstore_lock(&s->read_mutex);
    ASSERT(s->slots[slot].pin != UINT64_MAX);
    s->slots[slot].pin = UINT64_MAX;
    s->slots[slot].next_free = s->free_slot;
    s->free_slot = slot;
    blockstore_unlock(&s->read_mutex);
}

uint64_t blockstore_oldest_reader(struct blockstore *s)
{
    uint64_t oldest = UINT64_MAX;
    blockstore_lock(&s->read_mutex);
    for (uint32_t i = 0; i < s->config.readers_max; i++)
        if (s->slots[i].pin < oldest)
            oldest = s->slots[i].pin;
    blockstore_unlock(&s->read_mutex);
    return oldest;
}

static enum err lookup(struct blockstore *s, struct blockstore_entry *e, uint32_t slot,
                       const uint8_t *digest)
{
    struct span value;
    TRY(db_get(s->slots[slot].txn, s->blocks, &value, span_of(digest, BLOCK_DIGEST_SIZE)));
    return blockstore_entry_decode(e, value);
}

enum err blockstore_find(struct blockstore *s, struct blockstore_entry *e,
                         const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    uint32_t slot;
    TRY(blockstore_slot_take(s, &slot));
    enum err result = lookup(s, e, slot, digest);
    blockstore_slot_free(s, slot);
    return result;
}

/* ---- located ranges
 * ------------------------------------------------------------------------------ */

static enum err locate(struct blockstore *s, struct blockstore_range *range, uint32_t slot,
                       const uint8_t *digest)
{
    struct blockstore_entry e;
    TRY(lookup(s, &e, slot, digest));
    int handle;
    enum err opened = blockstore_segment_acquire(s, &handle, e.segment);
    /* The index has it and the file is gone: a disk that is not mounted. */
    if (opened != OK)
        return opened == ERR_NOT_FOUND ? ERR_IO : opened;
    *range = (struct blockstore_range){
        .fd = handle,
        .offset = e.offset + RECORD_HEADER_SIZE,
        .length = e.length,
        .crc32c = e.crc32c,
        .slot = slot,
        .segment = e.segment,
    };
    return OK;
}

enum err blockstore_locate(struct blockstore *s, struct blockstore_range *range,
                           const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    uint32_t slot;
    *range = (struct blockstore_range){ .fd = -1 };
    TRY(blockstore_slot_take(s, &slot));
    enum err e = locate(s, range, slot, digest);
    if (e != OK)
        blockstore_slot_free(s, slot);
    return e;
}

void blockstore_release(struct blockstore *s, const struct blockstore_range *range)
{
    blockstore_segment_unref(s, range->segment);
    blockstore_slot_free(s, range->slot);
}

/* ---- copies
 * -------------------------------------------------------------------------------------- */

static enum err read_range(struct blockstore *s, struct mspan buf,
                           const struct blockstore_range *range)
{
    struct mspan to = { buf.p, range->length };
    enum err e = file_read_exact(&s->files, range->fd, to, range->offset);
    if (e == ERR_SHORT)
        return ERR_CORRUPT;
    if (e == OK && crc32c(0, span_of(buf.p, range->length)) != range->crc32c)
        return ERR_CORRUPT;
    return e;
}

static enum err get_committed(struct blockstore *s, size_t *size, struct mspan buf,
                              const uint8_t *digest)
{
    struct blockstore_range range;
    TRY(blockstore_locate(s, &range, digest));
    *size = range.length;
    enum err e = range.length <= buf.n ? read_range(s, buf, &range) : ERR_LIMIT;
    blockstore_release(s, &range);
    return e;
}

/* Copies an uncommitted block out of the buffer or, when it has been flushed, its file. The pend
 * lock stays, so that no rollback cuts the file meanwhile. */
static enum err get_pending_locked(struct blockstore *s, size_t *size, struct mspan buf,
                                   const struct blockstore_pending *p)
{
    uint64_t at = p->entry.offset + RECORD_HEADER_SIZE;
    *size = p->entry.length;
    if (p->entry.length > buf.n)
        return ERR_LIMIT;
    if (s->buffer_segment == p->entry.segment && at >= s->buffer_offset) {
        memcpy(buf.p, s->buffer + (at - s->buffer_offset), p->entry.length);
        return OK;
    }
    int handle;
    TRY(blockstore_segment_acquire(s, &handle, p->entry.segment));
    const struct blockstore_range range = {
        .fd = handle, .offset = at, .length = p->entry.length, .crc32c = p->entry.crc32c
    };
    enum err e = read_range(s, buf, &range);
    blockstore_segment_unref(s, p->entry.segment);
    return e;
}

static uint32_t bucket_of(const uint8_t *digest)
{
    return load_le32(digest) & (BLOCKSTORE_BUCKETS - 1);
}

static const struct blockstore_pending *find_pending(const struct blockstore *s,
                                                     const uint8_t *digest)
{
    for (uint32_t b = bucket_of(digest); s->buckets[b] != 0; b = (b + 1) % BLOCKSTORE_BUCKETS) {
        const struct blockstore_pending *p = &s->pend[s->buckets[b] - 1];
        if (memcmp(p->digest, digest, BLOCK_DIGEST_SIZE) == 0)
            return p;
    }
    return NULL;
}

bool blockstore_pend_find(struct blockstore *s, struct blockstore_pending *out,
                          const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    if (atomic_load(&s->pend_count) == 0)
        return false;
    blockstore_lock(&s->pend_mutex);
    const struct blockstore_pending *p = find_pending(s, digest);
    if (p != NULL && out != NULL)
        *out = *p;
    blockstore_unlock(&s->pend_mutex);
    return p != NULL;
}

void blockstore_pend(struct blockstore *s, const struct blockstore_pending *p)
{
    uint32_t count = atomic_load(&s->pend_count);
    ASSERT(count < BLOCKSTORE_PENDING);
    blockstore_lock(&s->pend_mutex);
    uint32_t b = bucket_of(p->digest);
    while (s->buckets[b] != 0)
        b = (b + 1) % BLOCKSTORE_BUCKETS;
    s->pend[count] = *p;
    s->buckets[b] = count + 1;
    atomic_store(&s->pend_count, count + 1);
    blockstore_unlock(&s->pend_mutex);
}

static enum err get_pending(struct blockstore *s, size_t *size, struct mspan buf,
                            const uint8_t *digest)
{
    blockstore_lock(&s->pend_mutex);
    const struct blockstore_pending *p = find_pending(s, digest);
    enum err e = p == NULL ? ERR_NOT_FOUND : get_pending_locked(s, size, buf, p);
    blockstore_unlock(&s->pend_mutex);
    return e;
}

enum err blockstore_get(struct blockstore *s, size_t *size, struct mspan buf,
                        const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    *size = 0;
    uint64_t seq = atomic_load(&s->seq);
    enum err e = get_committed(s, size, buf, digest);
    if (e != ERR_NOT_FOUND)
        return e;
    if (atomic_load(&s->pend_count) > 0) {
        e = get_pending(s, size, buf, digest);
        if (e != ERR_NOT_FOUND)
            return e;
    }
    /* It may have been committed between the two looks. */
    return seq == atomic_load(&s->seq) ? ERR_NOT_FOUND : get_committed(s, size, buf, digest);
}

enum err blockstore_has(struct blockstore *s, size_t *size, const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    struct blockstore_entry entry;
    struct blockstore_pending pending;
    uint64_t seq = atomic_load(&s->seq);
    enum err e = blockstore_find(s, &entry, digest);
    if (e == ERR_NOT_FOUND && blockstore_pend_find(s, &pending, digest)) {
        entry = pending.entry;
        e = OK;
    }
    if (e == ERR_NOT_FOUND && seq != atomic_load(&s->seq))
        e = blockstore_find(s, &entry, digest);
    if (size != NULL)
        *size = e == OK ? entry.length : 0;
    return e;
}

/* ---- lists
 * ----------------------------------------------------------------------------------------- */

static enum err list_from(struct blockstore *s, MDB_cursor *c, struct blockstore_item *items,
                          size_t *count, size_t max, const uint8_t *after)
{
    struct span key = after == NULL ? (struct span){ 0 } : span_of(after, BLOCK_DIGEST_SIZE);
    struct span value;
    enum err e = db_seek(c, &key, &value, after == NULL ? MDB_FIRST : MDB_SET_RANGE);
    if (e == OK && after != NULL && span_eq(key, span_of(after, BLOCK_DIGEST_SIZE)))
        e = db_seek(c, &key, &value, MDB_NEXT);
    for (; e == OK && *count < max; e = db_seek(c, &key, &value, MDB_NEXT)) {
        struct blockstore_entry entry;
        if (key.n != BLOCK_DIGEST_SIZE)
            return ERR_CORRUPT;
        TRY(blockstore_entry_decode(&entry, value));
        memcpy(items[*count].digest, key.p, BLOCK_DIGEST_SIZE);
        items[(*count)++].length = entry.length;
    }
    (void)s;
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err blockstore_list(struct blockstore *s, struct blockstore_item *items, size_t *count,
                         size_t max, const uint8_t *after)
{
    uint32_t slot;
    MDB_cursor *c;
    *count = 0;
    TRY(blockstore_slot_take(s, &slot));
    enum err e = db_err(mdb_cursor_open(s->slots[slot].txn, s->blocks, &c));
    if (e == OK) {
        e = list_from(s, c, items, count, max, after);
        mdb_cursor_close(c);
    }
    blockstore_slot_free(s, slot);
    return e;
}

/* A row of "pins": the entry of its record, then the encoded pin. */
static enum err pin_of(struct blockstore_pin *out, struct span value)
{
    if (value.n < BLOCKSTORE_ENTRY_SIZE)
        return ERR_CORRUPT;
    return blockstore_pin_decode(out, span_sub(value, BLOCKSTORE_ENTRY_SIZE, value.n));
}

enum err blockstore_pin_get(struct blockstore *s, struct blockstore_pin *out, struct span cid)
{
    uint32_t slot;
    struct span value;
    *out = (struct blockstore_pin){ 0 };
    if (cid.n == 0 || cid.n > PIN_CID_MAX)
        return ERR_NOT_FOUND;
    TRY(blockstore_slot_take(s, &slot));
    enum err e = db_get(s->slots[slot].txn, s->pins, &value, cid);
    if (e == OK)
        e = pin_of(out, value);
    blockstore_slot_free(s, slot);
    return e;
}

static enum err pin_after(struct blockstore *s, MDB_cursor *c, struct blockstore_pin *out,
                          struct span after)
{
    struct span key = after;
    struct span value;
    TRY(db_seek(c, &key, &value, after.n == 0 ? MDB_FIRST : MDB_SET_RANGE));
    if (after.n > 0 && span_eq(key, after))
        TRY(db_seek(c, &key, &value, MDB_NEXT));
    (void)s;
    return pin_of(out, value);
}

enum err blockstore_pin_next(struct blockstore *s, struct blockstore_pin *out, struct span after)
{
    uint32_t slot;
    MDB_cursor *c;
    *out = (struct blockstore_pin){ 0 };
    if (after.n > PIN_CID_MAX)
        return ERR_LIMIT;
    TRY(blockstore_slot_take(s, &slot));
    enum err e = db_err(mdb_cursor_open(s->slots[slot].txn, s->pins, &c));
    if (e == OK) {
        e = pin_after(s, c, out, after);
        mdb_cursor_close(c);
    }
    blockstore_slot_free(s, slot);
    return e;
}
