#include "store/blockstore_impl.h"

#include "crypto/crc32c.h"
#include "crypto/sha256.h"

#include <stdlib.h>

/* ---- the end of the store
 * ------------------------------------------------------------------------ */

/* An error while writing: the batch is lost until blockstore_rollback. */
static enum err lost(struct blockstore *s, enum err e)
{
    if (e != OK)
        s->failed = true;
    return e;
}

/* Reserves space ahead, so that writing and syncing need not change the file's size each time. Only
 * an optimisation: where there is no room for a whole step the write itself decides. */
static void reserve(struct blockstore *s, int handle, uint64_t end)
{
    struct blockstore_segment *seg = s->active;
    if (end <= seg->allocated)
        return;
    uint64_t step = s->config.segment_bytes / 16;
    uint64_t to = end + step < s->config.segment_bytes ? end + step : s->config.segment_bytes;
    if (to < end)
        to = end;
    if (s->files.allocate(s->files.ctx, handle, seg->allocated, to - seg->allocated) == OK)
        seg->allocated = to;
}

static enum err write_parts(struct blockstore *s, const struct span *parts, size_t count,
                            uint64_t offset)
{
    int handle;
    uint64_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].n;
    TRY(blockstore_segment_acquire(s, &handle, s->active->number));
    reserve(s, handle, offset + length);
    enum err e = s->files.write(s->files.ctx, handle, parts, count, offset);
    s->unhinted += length;
    if (e == OK && s->unhinted >= BLOCKSTORE_WRITEBACK) {
        s->files.writeback(s->files.ctx, handle, offset + length - s->unhinted, s->unhinted);
        s->unhinted = 0;
    }
    blockstore_segment_unref(s, s->active->number);
    return e;
}

static enum err flush(struct blockstore *s)
{
    if (s->active == NULL || s->buffer_used == 0)
        return OK;
    struct span all = span_of(s->buffer, s->buffer_used);
    TRY(write_parts(s, &all, 1, s->buffer_offset));
    blockstore_lock(&s->pend_mutex);
    s->buffer_offset += s->buffer_used;
    s->buffer_used = 0;
    blockstore_unlock(&s->pend_mutex);
    return OK;
}

static enum err sync_active(struct blockstore *s)
{
    int handle;
    if (s->active == NULL)
        return OK;
    TRY(blockstore_segment_acquire(s, &handle, s->active->number));
    enum err e = s->files.sync(s->files.ctx, handle);
    blockstore_segment_unref(s, s->active->number);
    return e;
}

/* Cuts the reserved space behind the last record off. */
void blockstore_trim(struct blockstore *s, const struct blockstore_segment *seg)
{
    int handle;
    if (seg->allocated <= seg->row.tail ||
        blockstore_segment_acquire(s, &handle, seg->number) != OK)
        return;
    (void)s->files.truncate(s->files.ctx, handle, seg->row.tail);
    blockstore_segment_unref(s, seg->number);
}

static enum err seal_active(struct blockstore *s)
{
    TRY(flush(s));
    TRY(sync_active(s));
    blockstore_trim(s, s->active);
    s->active->row.sealed = true;
    s->active = NULL;
    return OK;
}

/* What a directory's disk may still take. */
static uint64_t dir_room(struct blockstore *s, size_t dir)
{
    struct file_space space;
    if (s->files.space(s->files.ctx, &space, s->dirs[dir]) != OK)
        return 0;
    return space.free > s->config.reserve_bytes ? space.free - s->config.reserve_bytes : 0;
}

/* Looks again how much the active segment's disk may take: what is reserved counts as free. */
static void measure(struct blockstore *s)
{
    const struct blockstore_segment *seg = s->active;
    uint64_t ahead = seg->allocated > seg->row.tail ? seg->allocated - seg->row.tail : 0;
    s->room = dir_room(s, seg->dir) + ahead;
}

/* Makes sure that the active segment takes need more bytes. */
static enum err make_room(struct blockstore *s, uint64_t need)
{
    bool fits = s->active != NULL && s->active->row.tail + need <= s->config.segment_bytes;
    if (fits && s->room < need)
        measure(s);
    if (fits && s->room >= need)
        return OK;
    size_t best = 0;
    uint64_t best_room = 0;
    for (size_t i = 0; i < s->config.dir_count; i++) {
        uint64_t room = dir_room(s, i);
        if (room > best_room) {
            best = i;
            best_room = room;
        }
    }
    if (best_room < need + RECORD_HEADER_SIZE)
        return ERR_FULL;
    if (s->active != NULL)
        TRY(lost(s, seal_active(s)));
    struct blockstore_segment *seg;
    TRY(lost(s, blockstore_segment_create(s, &seg, best)));
    s->active = seg;
    s->room = best_room - RECORD_HEADER_SIZE;
    s->unhinted = 0;
    s->disk_bytes += RECORD_HEADER_SIZE;
    blockstore_lock(&s->pend_mutex);
    s->buffer_segment = seg->number;
    s->buffer_offset = seg->row.tail;
    s->buffer_used = 0;
    blockstore_unlock(&s->pend_mutex);
    return OK;
}

/* Small records gather in the buffer. */
static void buffer_record(struct blockstore *s, const uint8_t *header, struct span data,
                          uint64_t total)
{
    blockstore_lock(&s->pend_mutex);
    uint8_t *at = s->buffer + s->buffer_used;
    memcpy(at, header, RECORD_HEADER_SIZE);
    if (data.n > 0)
        memcpy(at + RECORD_HEADER_SIZE, data.p, data.n);
    memset(at + RECORD_HEADER_SIZE + data.n, 0, (size_t)total - RECORD_HEADER_SIZE - data.n);
    s->buffer_used += (size_t)total;
    blockstore_unlock(&s->pend_mutex);
}

/* A large record goes out at once, from where it is. */
static enum err direct_record(struct blockstore *s, const uint8_t *header, struct span data,
                              uint64_t total)
{
    static const uint8_t zeros[RECORD_ALIGN] = { 0 };
    TRY(flush(s));
    const struct span parts[] = { span_of(header, RECORD_HEADER_SIZE), data,
                                  span_of(zeros, (size_t)total - RECORD_HEADER_SIZE - data.n) };
    TRY(write_parts(s, parts, 3, s->buffer_offset));
    blockstore_lock(&s->pend_mutex);
    s->buffer_offset += total;
    blockstore_unlock(&s->pend_mutex);
    return OK;
}

enum err blockstore_append(struct blockstore *s, struct blockstore_entry *entry, struct record *r,
                           struct span data)
{
    uint8_t header[RECORD_HEADER_SIZE];
    r->length = (uint32_t)data.n;
    r->crc32c = crc32c(0, data);
    r->total = record_total(r->length);
    if (s->config.quota_bytes > 0 && s->disk_bytes + r->total > s->config.quota_bytes)
        return ERR_FULL;
    TRY(make_room(s, r->total));
    record_encode(header, r, s->id);
    if (data.n >= BLOCKSTORE_DIRECT) {
        TRY(lost(s, direct_record(s, header, data, r->total)));
    } else {
        if (s->buffer_used + r->total > BLOCKSTORE_BUFFER)
            TRY(lost(s, flush(s)));
        buffer_record(s, header, data, r->total);
    }
    *entry = (struct blockstore_entry){ .segment = s->active->number,
                                        .offset = s->active->row.tail,
                                        .length = r->length,
                                        .crc32c = r->crc32c };
    s->active->row.tail += r->total;
    s->active->row.live_bytes += r->total;
    s->active->row.live_count++;
    s->disk_bytes += r->total;
    s->room -= r->total;
    return OK;
}

/* ---- put
 * ------------------------------------------------------------------------------------------- */

/* The first commit that garbage collection must not touch: the youngest floor in force. 0: none. */
static uint64_t youngest_floor(const struct blockstore *s)
{
    uint64_t floor = s->gc_floor;
    for (int i = 0; i < BLOCKSTORE_SESSIONS; i++)
        if (s->sessions[i] > floor)
            floor = s->sessions[i];
    return floor;
}

/* The block is here. Under a session its age is renewed, so that it counts as put now. */
static void confirm(struct blockstore *s, const uint8_t *digest,
                    const struct blockstore_entry *entry)
{
    if (entry->birth >= youngest_floor(s))
        return;
    struct blockstore_pending p = { .entry = *entry, .confirm = true };
    memcpy(p.digest, digest, BLOCK_DIGEST_SIZE);
    blockstore_pend(s, &p);
}

static enum err put_locked(struct blockstore *s, const uint8_t *digest, struct span data)
{
    struct blockstore_pending p = { 0 };
    struct blockstore_entry there;
    if (s->failed)
        return ERR_STATE;
    if (blockstore_pend_find(s, NULL, digest))
        return OK;
    if (atomic_load(&s->pend_count) == BLOCKSTORE_PENDING)
        TRY(blockstore_commit_locked(s));
    enum err e = blockstore_find(s, &there, digest);
    if (e == OK) {
        confirm(s, digest, &there);
        return OK;
    }
    if (e != ERR_NOT_FOUND)
        return e;
    struct record r = { .kind = RECORD_BLOCK };
    memcpy(r.digest, digest, BLOCK_DIGEST_SIZE);
    memcpy(p.digest, digest, BLOCK_DIGEST_SIZE);
    TRY(blockstore_append(s, &p.entry, &r, data));
    s->block_count++;
    s->block_bytes += data.n;
    blockstore_pend(s, &p);
    return OK;
}

enum err blockstore_put(struct blockstore *s, const uint8_t digest[BLOCK_DIGEST_SIZE],
                        struct span data, enum blockstore_trust trust)
{
    if (data.n > BLOCK_SIZE_MAX)
        return ERR_LIMIT;
    if (trust == BLOCKSTORE_VERIFY) {
        uint8_t own[SHA256_SIZE];
        sha256(own, data);
        if (memcmp(own, digest, sizeof(own)) != 0)
            return ERR_CORRUPT;
    }
    blockstore_lock(&s->write_mutex);
    enum err e = put_locked(s, digest, data);
    blockstore_unlock(&s->write_mutex);
    return e;
}

/* ---- pins
 * ------------------------------------------------------------------------------------------ */

static struct blockstore_pin_change *pin_change(struct blockstore *s, struct span cid)
{
    for (size_t i = 0; i < s->pin_count; i++)
        if (span_eq(span_of(s->pin_changes[i].cid, s->pin_changes[i].cid_size), cid))
            return &s->pin_changes[i];
    if (s->pin_count == BLOCKSTORE_PINS)
        return NULL;
    struct blockstore_pin_change *c = &s->pin_changes[s->pin_count++];
    *c = (struct blockstore_pin_change){ .cid_size = cid.n };
    memcpy(c->cid, cid.p, cid.n);
    return c;
}

/* An uncommitted pin record that a second change replaces stays in the segment as garbage. */
static void drop_pending_pin(struct blockstore *s, const struct blockstore_pin_change *c)
{
    if (c->size == 0 || c->remove)
        return;
    blockstore_lock(&s->read_mutex);
    struct blockstore_segment *seg = blockstore_segment_find(s, c->entry.segment);
    blockstore_unlock(&s->read_mutex);
    seg->row.live_bytes -= record_total(c->entry.length);
    seg->row.live_count--;
}

void blockstore_pend_pin(struct blockstore *s, struct span cid, const uint8_t *bytes, size_t size,
                         const struct blockstore_entry *entry)
{
    struct blockstore_pin_change *c = pin_change(s, cid);
    ASSERT(c != NULL);
    drop_pending_pin(s, c);
    c->remove = size == 0;
    c->entry = *entry;
    c->size = size;
    if (size > 0)
        memcpy(c->bytes, bytes, size);
}

static enum err pin_locked(struct blockstore *s, struct span cid, const uint8_t *bytes, size_t size)
{
    struct record r = { .kind = RECORD_PIN };
    struct blockstore_entry entry = { 0 };
    if (s->failed)
        return ERR_STATE;
    if (s->pin_count == BLOCKSTORE_PINS)
        TRY(blockstore_commit_locked(s));
    if (size > 0) {
        sha256(r.digest, span_of(bytes, size));
        TRY(blockstore_append(s, &entry, &r, span_of(bytes, size)));
    }
    blockstore_pend_pin(s, cid, bytes, size, &entry);
    return OK;
}

enum err blockstore_pin(struct blockstore *s, const struct pin *pin)
{
    uint8_t bytes[BLOCKSTORE_PIN_BYTES];
    size_t size;
    TRY(blockstore_pin_encode(bytes, &size, pin));
    blockstore_lock(&s->write_mutex);
    enum err e = pin_locked(s, pin->cid, bytes, size);
    blockstore_unlock(&s->write_mutex);
    return e;
}

enum err blockstore_unpin(struct blockstore *s, struct span cid)
{
    struct blockstore_pin there;
    if (cid.n == 0 || cid.n > PIN_CID_MAX)
        return ERR_NOT_FOUND;
    blockstore_lock(&s->write_mutex);
    enum err e = blockstore_pin_get(s, &there, cid);
    for (size_t i = 0; i < s->pin_count; i++)
        if (span_eq(span_of(s->pin_changes[i].cid, s->pin_changes[i].cid_size), cid))
            e = s->pin_changes[i].remove ? ERR_NOT_FOUND : OK;
    if (e == OK)
        e = pin_locked(s, cid, NULL, 0);
    blockstore_unlock(&s->write_mutex);
    return e;
}

/* ---- sessions
 * -------------------------------------------------------------------------------------- */

enum err blockstore_session_begin(struct blockstore *s, uint32_t *session)
{
    enum err e = ERR_BUSY;
    *session = BLOCKSTORE_SESSIONS;
    blockstore_lock(&s->write_mutex);
    for (uint32_t i = 0; i < BLOCKSTORE_SESSIONS && e != OK; i++) {
        if (s->sessions[i] == 0) {
            s->sessions[i] = atomic_load(&s->seq) + 1;
            *session = i;
            e = OK;
        }
    }
    blockstore_unlock(&s->write_mutex);
    return e;
}

void blockstore_session_end(struct blockstore *s, uint32_t session)
{
    blockstore_lock(&s->write_mutex);
    if (session < BLOCKSTORE_SESSIONS)
        s->sessions[session] = 0;
    blockstore_unlock(&s->write_mutex);
}

/* ---- for blockstore_commit.c
 * ------------------------------------------------------------------------ */

enum err blockstore_sync_data(struct blockstore *s)
{
    TRY(flush(s));
    return sync_active(s);
}
