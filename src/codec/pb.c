#include "codec/pb.h"

uint64_t pb_read_varint(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b = read_u8(r);
        if (shift == 63)
            reader_require(r, b <= 1, ERR_FORMAT);
        if (r->err != OK)
            return 0;
        v |= (uint64_t)(b & 0x7f) << shift;
        if ((b & 0x80) == 0)
            return v;
    }
    reader_fail(r, ERR_FORMAT);
    return 0;
}

static void read_value(struct reader *r, struct pb_field *out)
{
    uint64_t size;
    switch (out->wire) {
    case PB_VARINT:
        out->value = pb_read_varint(r);
        return;
    case PB_FIXED64:
        out->value = read_le64(r);
        return;
    case PB_BYTES:
        size = pb_read_varint(r);
        reader_require(r, size <= r->n, ERR_SHORT);
        out->bytes = read_span(r, r->err == OK ? (size_t)size : 0);
        return;
    case PB_FIXED32:
        out->value = read_le32(r);
        return;
    }
    reader_fail(r, ERR_FORMAT);
}

bool pb_next(struct reader *r, struct pb_field *out)
{
    *out = (struct pb_field){ 0 };
    if (r->n == 0 || r->err != OK)
        return false;
    uint64_t key = pb_read_varint(r);
    reader_require(r, key >> 3 >= 1 && key >> 3 <= PB_FIELD_MAX, ERR_FORMAT);
    if (r->err == OK) {
        out->number = (uint32_t)(key >> 3);
        out->wire = (enum pb_wire)(key & 7);
        read_value(r, out);
    }
    if (r->err != OK)
        *out = (struct pb_field){ 0 };
    return r->err == OK;
}

void pb_expect(struct reader *r, const struct pb_field *f, enum pb_wire wire)
{
    reader_require(r, f->wire == wire, ERR_FORMAT);
}

void pb_write_varint(struct writer *w, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        write_u8(w, (uint8_t)(v | 0x80));
    write_u8(w, (uint8_t)v);
}

static void write_key(struct writer *w, uint32_t number, enum pb_wire wire)
{
    ASSERT(number >= 1 && number <= PB_FIELD_MAX);
    pb_write_varint(w, (uint64_t)number << 3 | wire);
}

void pb_write_uint(struct writer *w, uint32_t number, uint64_t v)
{
    write_key(w, number, PB_VARINT);
    pb_write_varint(w, v);
}

void pb_write_fixed32(struct writer *w, uint32_t number, uint32_t v)
{
    write_key(w, number, PB_FIXED32);
    write_le32(w, v);
}

void pb_write_fixed64(struct writer *w, uint32_t number, uint64_t v)
{
    write_key(w, number, PB_FIXED64);
    write_le64(w, v);
}

void pb_write_message(struct writer *w, uint32_t number, size_t n)
{
    write_key(w, number, PB_BYTES);
    pb_write_varint(w, n);
}

void pb_write_bytes(struct writer *w, uint32_t number, struct span s)
{
    pb_write_message(w, number, s.n);
    write_span(w, s);
}

size_t pb_varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

size_t pb_uint_size(uint32_t number, uint64_t v)
{
    return pb_varint_size((uint64_t)number << 3) + pb_varint_size(v);
}

size_t pb_bytes_size(uint32_t number, size_t n)
{
    return pb_varint_size((uint64_t)number << 3) + pb_varint_size(n) + n;
}
