#include "store/blockstore_rows.h"

#include "base/reader.h"
#include "base/writer.h"
#include "store/record.h"

void blockstore_entry_encode(uint8_t out[BLOCKSTORE_ENTRY_SIZE], const struct blockstore_entry *e)
{
    ASSERT(e->offset % RECORD_ALIGN == 0 && e->offset / RECORD_ALIGN <= UINT32_MAX);
    store_le32(out, e->segment);
    store_le32(out + 4, (uint32_t)(e->offset / RECORD_ALIGN));
    store_le32(out + 8, e->length);
    store_le32(out + 12, e->crc32c);
    store_le64(out + 16, e->birth);
}

enum err blockstore_entry_decode(struct blockstore_entry *e, struct span in)
{
    struct reader r = reader_of(in);
    e->segment = read_le32(&r);
    e->offset = (uint64_t)read_le32(&r) * RECORD_ALIGN;
    e->length = read_le32(&r);
    e->crc32c = read_le32(&r);
    e->birth = read_le64(&r);
    reader_require(&r, e->length <= BLOCK_SIZE_MAX, ERR_FORMAT);
    return reader_finish(&r) == OK ? OK : ERR_CORRUPT;
}

void blockstore_row_encode(uint8_t out[BLOCKSTORE_ROW_SIZE], const struct blockstore_row *r)
{
    out[0] = r->sealed ? 1 : 0;
    store_le64(out + 1, r->tail);
    store_le64(out + 9, r->live_bytes);
    store_le64(out + 17, r->live_count);
    store_le64(out + 25, r->freed);
    store_le64(out + 33, r->last_dead);
}

enum err blockstore_row_decode(struct blockstore_row *row, struct span in)
{
    struct reader r = reader_of(in);
    uint8_t sealed = read_u8(&r);
    reader_require(&r, sealed <= 1, ERR_FORMAT);
    row->sealed = sealed == 1;
    row->tail = read_le64(&r);
    row->live_bytes = read_le64(&r);
    row->live_count = read_le64(&r);
    row->freed = read_le64(&r);
    row->last_dead = read_le64(&r);
    return reader_finish(&r) == OK ? OK : ERR_CORRUPT;
}

void blockstore_dead_key(uint8_t out[BLOCKSTORE_DEAD_KEY], uint64_t seq, uint32_t segment,
                         uint64_t offset)
{
    store_be64(out, seq);
    blockstore_gap_key(out + 8, segment, offset);
}

void blockstore_gap_key(uint8_t out[BLOCKSTORE_GAP_KEY], uint32_t segment, uint64_t offset)
{
    store_be32(out, segment);
    store_be32(out + 4, (uint32_t)(offset / RECORD_ALIGN));
}

enum err blockstore_pin_encode(uint8_t out[BLOCKSTORE_PIN_BYTES], size_t *size,
                               const struct pin *pin)
{
    *size = 0;
    if (pin->cid.n == 0 || pin->cid.n > PIN_CID_MAX || pin->profile.n > PIN_PROFILE_MAX ||
        pin->name.n > PIN_NAME_MAX)
        return ERR_LIMIT;
    if (pin->mode != PIN_RECURSIVE && pin->mode != PIN_DIRECT)
        return ERR_FORMAT;
    struct writer w = writer_of(out, BLOCKSTORE_PIN_BYTES);
    write_u8(&w, (uint8_t)pin->mode);
    write_le64(&w, pin->time_unix_s);
    write_u8(&w, (uint8_t)pin->cid.n);
    write_span(&w, pin->cid);
    write_u8(&w, (uint8_t)pin->profile.n);
    write_span(&w, pin->profile);
    write_u8(&w, (uint8_t)pin->name.n);
    write_span(&w, pin->name);
    ASSERT(w.err == OK);
    *size = w.len;
    return OK;
}

/* Copies the next length-prefixed text into out->bytes. */
static struct span take(struct blockstore_pin *out, size_t *used, struct reader *r, size_t max)
{
    size_t n = read_u8(r);
    reader_require(r, n <= max, ERR_FORMAT);
    struct span in = read_span(r, r->err == OK ? n : 0);
    uint8_t *at = out->bytes + *used;
    if (in.n > 0)
        memcpy(at, in.p, in.n);
    *used += in.n;
    return span_of(at, in.n);
}

enum err blockstore_pin_decode(struct blockstore_pin *out, struct span in)
{
    struct reader r = reader_of(in);
    size_t used = 0;
    *out = (struct blockstore_pin){ 0 };
    uint8_t mode = read_u8(&r);
    reader_require(&r, mode == PIN_RECURSIVE || mode == PIN_DIRECT, ERR_FORMAT);
    out->pin.mode = (enum pin_mode)mode;
    out->pin.time_unix_s = read_le64(&r);
    out->pin.cid = take(out, &used, &r, PIN_CID_MAX);
    reader_require(&r, out->pin.cid.n > 0, ERR_FORMAT);
    out->pin.profile = take(out, &used, &r, PIN_PROFILE_MAX);
    out->pin.name = take(out, &used, &r, PIN_NAME_MAX);
    if (reader_finish(&r) == OK)
        return OK;
    *out = (struct blockstore_pin){ 0 };
    return ERR_CORRUPT;
}
