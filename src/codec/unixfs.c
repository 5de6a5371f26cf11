#include "codec/unixfs.h"

#include "codec/pb.h"

enum {
    FIELD_TYPE = 1,
    FIELD_DATA = 2,
    FIELD_SIZE = 3,
    FIELD_BLOCKS = 4,
    FIELD_HASH = 5,
    FIELD_FANOUT = 6,
    FIELD_MODE = 7,
    FIELD_MTIME = 8,
};
enum { MTIME_SECONDS = 1, MTIME_NANOS = 2 };
enum { NANOS_PER_S = 1000000000 };

static void add_block(struct unixfs *out, struct reader *r, uint64_t size)
{
    reader_require(r, size <= UINT64_MAX - out->block_sum, ERR_RANGE);
    if (r->err != OK)
        return;
    out->block_sum += size;
    out->block_count++;
}

static void read_blocks(struct unixfs *out, struct reader *r, const struct pb_field *f)
{
    if (f->wire != PB_BYTES) {
        pb_expect(r, f, PB_VARINT);
        add_block(out, r, f->value);
        return;
    }
    struct reader packed = reader_of(f->bytes);
    while (packed.n > 0 && packed.err == OK)
        add_block(out, &packed, pb_read_varint(&packed));
    reader_join(r, &packed);
}

static void read_mtime(struct unixfs_meta *out, struct reader *parent, struct span in)
{
    struct reader r = reader_of(in);
    struct pb_field f;
    bool seconds = false;
    out->has_mtime = true;
    out->mtime_s = 0;
    out->mtime_ns = 0;
    while (pb_next(&r, &f)) {
        if (f.number == MTIME_SECONDS) {
            pb_expect(&r, &f, PB_VARINT);
            out->mtime_s = (int64_t)f.value;
            seconds = true;
        } else if (f.number == MTIME_NANOS) {
            pb_expect(&r, &f, PB_FIXED32);
            reader_require(&r, f.value < NANOS_PER_S, ERR_FORMAT);
            out->mtime_ns = (uint32_t)f.value;
        }
    }
    reader_require(&r, seconds, ERR_FORMAT); /* "required" in the schema */
    reader_join(parent, &r);
}

static void read_field(struct unixfs *out, struct reader *r, const struct pb_field *f)
{
    switch (f->number) {
    case FIELD_DATA:
        pb_expect(r, f, PB_BYTES);
        out->data = f->bytes;
        out->has_data = true;
        return;
    case FIELD_BLOCKS:
        read_blocks(out, r, f);
        return;
    case FIELD_MTIME:
        pb_expect(r, f, PB_BYTES);
        read_mtime(&out->meta, r, f->bytes);
        return;
    case FIELD_TYPE:
        pb_expect(r, f, PB_VARINT);
        reader_require(r, f->value <= UNIXFS_HAMT, ERR_FORMAT);
        out->type = r->err == OK ? (enum unixfs_type)f->value : UNIXFS_RAW;
        return;
    case FIELD_SIZE:
        pb_expect(r, f, PB_VARINT);
        out->size = f->value;
        out->has_size = true;
        return;
    case FIELD_HASH:
        pb_expect(r, f, PB_VARINT);
        out->hash_type = f->value;
        return;
    case FIELD_FANOUT:
        pb_expect(r, f, PB_VARINT);
        out->fanout = f->value;
        return;
    case FIELD_MODE:
        pb_expect(r, f, PB_VARINT);
        out->meta.mode = (uint32_t)f->value & UNIXFS_MODE_MASK;
        out->meta.has_mode = true;
        return;
    default:
        return; /* a field of a later version */
    }
}

static bool hamt_valid(const struct unixfs *u)
{
    return u->hash_type == UNIXFS_HASH_MURMUR3 && u->fanout >= UNIXFS_FANOUT_MIN &&
           u->fanout <= UNIXFS_FANOUT_MAX && (u->fanout & (u->fanout - 1)) == 0 &&
           u->data.n <= u->fanout / 8;
}

enum err unixfs_decode(struct unixfs *out, struct span in)
{
    struct reader r = reader_of(in);
    struct pb_field f;
    bool typed = false;
    *out = (struct unixfs){ .message = in };
    while (pb_next(&r, &f)) {
        typed = typed || f.number == FIELD_TYPE;
        read_field(out, &r, &f);
    }
    reader_require(&r, typed, ERR_FORMAT);
    reader_require(&r, out->type != UNIXFS_HAMT || hamt_valid(out), ERR_FORMAT);
    if (reader_finish(&r) != OK)
        *out = (struct unixfs){ 0 };
    return r.err;
}

bool unixfs_next_block(struct unixfs_iter *it, uint64_t *size)
{
    struct pb_field f;
    *size = 0;
    if (it->packed.n > 0) {
        struct reader packed = reader_of(it->packed);
        *size = pb_read_varint(&packed);
        it->packed = span_of(packed.p, packed.n);
        return packed.err == OK;
    }
    struct reader r = reader_of(it->rest);
    while (pb_next(&r, &f)) {
        if (f.number != FIELD_BLOCKS || (f.wire == PB_BYTES && f.bytes.n == 0))
            continue;
        it->rest = span_of(r.p, r.n);
        if (f.wire == PB_BYTES) {
            it->packed = f.bytes;
            return unixfs_next_block(it, size); /* once: packed is not empty now */
        }
        *size = f.value;
        return true;
    }
    it->rest = span_of(NULL, 0);
    return false;
}

static size_t mtime_size(const struct unixfs_meta *m)
{
    return pb_uint_size(MTIME_SECONDS, (uint64_t)m->mtime_s) + (m->mtime_ns != 0 ? 1 + 4 : 0);
}

size_t unixfs_size(const struct unixfs_fields *f)
{
    size_t n = pb_uint_size(FIELD_TYPE, f->type);
    n += f->has_data ? pb_bytes_size(FIELD_DATA, f->data.n) : 0;
    n += f->has_size ? pb_uint_size(FIELD_SIZE, f->size) : 0;
    for (size_t i = 0; i < f->block_count; i++)
        n += pb_uint_size(FIELD_BLOCKS, f->blocks[i]);
    if (f->fanout != 0)
        n += pb_uint_size(FIELD_HASH, UNIXFS_HASH_MURMUR3) + pb_uint_size(FIELD_FANOUT, f->fanout);
    if (f->meta != NULL && f->meta->has_mode)
        n += pb_uint_size(FIELD_MODE, f->meta->mode & UNIXFS_MODE_MASK);
    if (f->meta != NULL && f->meta->has_mtime)
        n += pb_bytes_size(FIELD_MTIME, mtime_size(f->meta));
    return n;
}

void unixfs_write(struct writer *w, const struct unixfs_fields *f)
{
    pb_write_uint(w, FIELD_TYPE, f->type);
    if (f->has_data)
        pb_write_bytes(w, FIELD_DATA, f->data);
    if (f->has_size)
        pb_write_uint(w, FIELD_SIZE, f->size);
    for (size_t i = 0; i < f->block_count; i++)
        pb_write_uint(w, FIELD_BLOCKS, f->blocks[i]);
    if (f->fanout != 0) {
        pb_write_uint(w, FIELD_HASH, UNIXFS_HASH_MURMUR3);
        pb_write_uint(w, FIELD_FANOUT, f->fanout);
    }
    if (f->meta != NULL && f->meta->has_mode)
        pb_write_uint(w, FIELD_MODE, f->meta->mode & UNIXFS_MODE_MASK);
    if (f->meta != NULL && f->meta->has_mtime) {
        pb_write_message(w, FIELD_MTIME, mtime_size(f->meta));
        pb_write_uint(w, MTIME_SECONDS, (uint64_t)f->meta->mtime_s);
        /* SPEC unixfs 1.5: fractional nanoseconds of zero are left out. */
        if (f->meta->mtime_ns != 0)
            pb_write_fixed32(w, MTIME_NANOS, f->meta->mtime_ns);
    }
}
