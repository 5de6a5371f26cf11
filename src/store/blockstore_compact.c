#include "store/blockstore_maint.h"

#include "crypto/crc32c.h"
#include "store/blockstore_impl.h"

#include <stdlib.h>

/* One segment on its way out. */
struct move {
    struct blockstore *s;
    struct blockstore_segment *seg;
    int handle;
    uint8_t *data; /* BLOCK_SIZE_MAX bytes */
    uint64_t moved;
};

static bool sparse(const struct blockstore_segment *seg, unsigned percent)
{
    return seg->row.sealed && !seg->missing && !seg->damaged && seg->row.live_count > 0 &&
           seg->row.live_bytes / percent < seg->row.tail / 100;
}

static struct blockstore_segment *choose(struct blockstore *s, unsigned percent)
{
    for (size_t i = 0; i < s->seg_count; i++)
        if (sparse(s->segs[i], percent))
            return s->segs[i];
    return NULL;
}

static enum err read_bytes(struct move *m, const struct record *r, uint64_t at)
{
    struct mspan to = { m->data, r->length };
    if (r->length > BLOCK_SIZE_MAX)
        return ERR_CORRUPT;
    TRY(file_read_exact(&m->s->files, m->handle, to, at + RECORD_HEADER_SIZE));
    return crc32c(0, span_of(to.p, to.n)) == r->crc32c ? OK : ERR_CORRUPT;
}

static enum err move_block(struct move *m, struct record *r, uint64_t at)
{
    struct blockstore_entry there;
    struct blockstore_pending p = { .moved = true };
    enum err e = blockstore_find(m->s, &there, r->digest);
    if (e == ERR_NOT_FOUND)
        return OK;
    TRY(e);
    if (there.segment != m->seg->number || there.offset != at)
        return OK;
    TRY(read_bytes(m, r, at));
    memcpy(p.digest, r->digest, sizeof(p.digest));
    TRY(blockstore_append(m->s, &p.entry, r, span_of(m->data, there.length)));
    blockstore_pend(m->s, &p);
    m->moved += r->total;
    return OK;
}

/* Is this the record of the pin that stands? */
static bool pin_lives(struct move *m, struct span cid, uint64_t at)
{
    uint32_t slot;
    struct span value;
    struct blockstore_entry entry = { 0 };
    if (blockstore_slot_take(m->s, &slot) != OK)
        return true;
    enum err e = db_get(m->s->slots[slot].txn, m->s->pins, &value, cid);
    if (e == OK)
        e = blockstore_entry_decode(&entry, span_sub(value, 0, BLOCKSTORE_ENTRY_SIZE));
    blockstore_slot_free(m->s, slot);
    return e == OK && entry.segment == m->seg->number && entry.offset == at;
}

static enum err move_pin(struct move *m, struct record *r, uint64_t at)
{
    struct blockstore_pin pin;
    struct blockstore_entry entry;
    TRY(read_bytes(m, r, at));
    TRY(blockstore_pin_decode(&pin, span_of(m->data, r->length)));
    if (!pin_lives(m, pin.pin.cid, at))
        return OK;
    TRY(blockstore_append(m->s, &entry, r, span_of(m->data, r->length)));
    blockstore_pend_pin(m->s, pin.pin.cid, m->data, r->length, &entry);
    m->moved += r->total;
    return OK;
}

static enum err move_record(struct move *m, struct record *r, uint64_t at)
{
    struct blockstore *s = m->s;
    if (atomic_load(&s->pend_count) == BLOCKSTORE_PENDING || s->pin_count == BLOCKSTORE_PINS)
        TRY(blockstore_commit_locked(s));
    switch (r->kind) {
    case RECORD_BLOCK:
        return move_block(m, r, at);
    case RECORD_PIN:
        return move_pin(m, r, at);
    case RECORD_GAP:
        return OK;
    }
    return OK;
}

/* Walks on from where the last call stopped. */
static enum err move_some(struct move *m, uint64_t budget)
{
    struct blockstore *s = m->s;
    while (s->compact_offset < m->seg->row.tail && m->moved < budget) {
        struct record r;
        TRY(blockstore_segment_header(s, &r, m->handle, s->compact_offset));
        uint64_t total = r.total;
        TRY(move_record(m, &r, s->compact_offset));
        s->compact_offset += total;
    }
    return OK;
}

static enum err compact_segment(struct blockstore *s, struct blockstore_segment *seg,
                                uint64_t budget, uint8_t *data)
{
    struct move m = { .s = s, .seg = seg, .data = data };
    if (s->compact_at != seg->number) {
        s->compact_at = seg->number;
        s->compact_offset = RECORD_HEADER_SIZE;
    }
    TRY(blockstore_segment_acquire(s, &m.handle, seg->number));
    enum err e = move_some(&m, budget);
    blockstore_segment_unref(s, seg->number);
    /* A record that cannot be read stays where it is, and its segment with it: verify reports it.
     */
    if (e == ERR_CORRUPT || e == ERR_NOT_FOUND || e == ERR_SHORT) {
        seg->damaged = true;
        e = OK;
    }
    if (e == OK)
        e = blockstore_commit_locked(s);
    if (e != OK) {
        s->compact_at = 0;
        return e;
    }
    if (s->compact_offset >= seg->row.tail) {
        seg->damaged = seg->damaged || seg->row.live_count > 0;
        s->compact_at = 0;
    }
    return OK;
}

enum err blockstore_compact(struct blockstore *s, unsigned live_percent, uint64_t budget,
                            bool *more)
{
    *more = false;
    if (live_percent == 0 || live_percent > 100)
        return ERR_RANGE;
    uint8_t *data = malloc(BLOCK_SIZE_MAX);
    if (data == NULL)
        return ERR_MEMORY;
    blockstore_lock(&s->write_mutex);
    uint64_t quota = s->config.quota_bytes;
    enum err e = blockstore_commit_locked(s);
    struct blockstore_segment *seg = e == OK ? choose(s, live_percent) : NULL;
    if (seg != NULL) {
        /* It needs room for a moment to give more back. */
        s->config.quota_bytes = 0;
        e = compact_segment(s, seg, budget, data);
        s->config.quota_bytes = quota;
    }
    *more = e == OK && choose(s, live_percent) != NULL;
    blockstore_unlock(&s->write_mutex);
    free(data);
    return e;
}
