#include "base/writer.h"

void writer_fail(struct writer *w, enum err e)
{
    ASSERT(e != OK);
    if (w->err == OK)
        w->err = e;
}

uint8_t *writer_reserve(struct writer *w, size_t n)
{
    if (w->err != OK)
        return NULL;
    if (n > w->n - w->len) {
        w->err = ERR_LIMIT;
        return NULL;
    }
    uint8_t *at = w->p + w->len;
    w->len += n;
    return at;
}

void write_bytes(struct writer *w, const void *p, size_t n)
{
    if (n == 0)
        return;
    uint8_t *at = writer_reserve(w, n);
    if (at != NULL && at != p)
        memcpy(at, p, n);
}

void write_span(struct writer *w, struct span s)
{
    write_bytes(w, s.p, s.n);
}

void write_u8(struct writer *w, uint8_t v)
{
    write_bytes(w, &v, 1);
}

void write_be16(struct writer *w, uint16_t v)
{
    uint8_t *at = writer_reserve(w, 2);
    if (at != NULL)
        store_be16(at, v);
}

void write_be32(struct writer *w, uint32_t v)
{
    uint8_t *at = writer_reserve(w, 4);
    if (at != NULL)
        store_be32(at, v);
}

void write_be64(struct writer *w, uint64_t v)
{
    uint8_t *at = writer_reserve(w, 8);
    if (at != NULL)
        store_be64(at, v);
}

void write_le32(struct writer *w, uint32_t v)
{
    uint8_t *at = writer_reserve(w, 4);
    if (at != NULL)
        store_le32(at, v);
}

void write_le64(struct writer *w, uint64_t v)
{
    uint8_t *at = writer_reserve(w, 8);
    if (at != NULL)
        store_le64(at, v);
}

void write_uvarint(struct writer *w, uint64_t v)
{
    ASSERT(v >> 63 == 0);
    while (v >= 0x80) {
        write_u8(w, (uint8_t)(v | 0x80));
        v >>= 7;
    }
    write_u8(w, (uint8_t)v);
}

size_t uvarint_size(uint64_t v)
{
    size_t n = 1;
    while (v >= 0x80) {
        v >>= 7;
        n++;
    }
    return n;
}
