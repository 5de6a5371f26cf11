#include "base/reader.h"

void reader_fail(struct reader *r, enum err e)
{
    ASSERT(e != OK);
    if (r->err == OK)
        r->err = e;
    r->n = 0;
}

struct span read_span(struct reader *r, size_t n)
{
    if (n > r->n) {
        reader_fail(r, ERR_SHORT);
        return (struct span){ NULL, 0 };
    }
    if (n == 0)
        return (struct span){ r->p, 0 };
    struct span s = { r->p, n };
    r->p += n;
    r->n -= n;
    return s;
}

void read_into(struct reader *r, uint8_t *out, size_t n)
{
    struct span s = read_span(r, n);
    if (s.n == n && n != 0)
        memcpy(out, s.p, n);
    else if (n != 0)
        memset(out, 0, n);
}

uint8_t read_u8(struct reader *r)
{
    struct span s = read_span(r, 1);
    return s.n == 1 ? s.p[0] : 0;
}

uint16_t read_be16(struct reader *r)
{
    struct span s = read_span(r, 2);
    return s.n == 2 ? (uint16_t)(s.p[0] << 8 | s.p[1]) : 0;
}

uint32_t read_be32(struct reader *r)
{
    struct span s = read_span(r, 4);
    return s.n == 4 ? load_be32(s.p) : 0;
}

uint64_t read_be64(struct reader *r)
{
    struct span s = read_span(r, 8);
    return s.n == 8 ? load_be64(s.p) : 0;
}

uint16_t read_le16(struct reader *r)
{
    struct span s = read_span(r, 2);
    return s.n == 2 ? load_le16(s.p) : 0;
}

uint32_t read_le32(struct reader *r)
{
    struct span s = read_span(r, 4);
    return s.n == 4 ? load_le32(s.p) : 0;
}

uint64_t read_le64(struct reader *r)
{
    struct span s = read_span(r, 8);
    return s.n == 8 ? load_le64(s.p) : 0;
}

uint64_t read_uvarint(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        uint8_t b = read_u8(r);
        if (r->err != OK)
            return 0;
        v |= (uint64_t)(b & 0x7f) << shift;
        if ((b & 0x80) == 0) {
            if (b == 0 && shift != 0)
                break; /* padded: the last byte adds nothing */
            return v;
        }
    }
    reader_fail(r, ERR_FORMAT);
    return 0;
}

struct reader reader_sub(struct reader *r, size_t n)
{
    struct span s = read_span(r, n);
    struct reader child = reader_of(s);
    child.err = r->err;
    return child;
}

void reader_join(struct reader *r, struct reader *child)
{
    enum err e = reader_finish(child);
    if (e != OK)
        reader_fail(r, e);
}

enum err reader_finish(struct reader *r)
{
    if (r->err == OK && r->n != 0)
        reader_fail(r, ERR_TRAILING);
    return r->err;
}
