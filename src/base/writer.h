/* writer: the mirror image of reader. Writes into a caller's buffer of fixed size.
 *
 * Sticky: when the buffer is full err becomes ERR_LIMIT and later writes do nothing; check err
 * once at the end. Pure. */
#ifndef CRUST_BASE_WRITER_H
#define CRUST_BASE_WRITER_H

#include "base/err.h"
#include "base/span.h"

struct writer {
    uint8_t *p;   /* the buffer */
    size_t n;     /* its size */
    size_t len;   /* bytes written */
    enum err err; /* first failure */
};

static inline struct writer writer_of(uint8_t *p, size_t n)
{
    return (struct writer){ .p = p, .n = n, .len = 0, .err = OK };
}

/* The bytes written so far; borrowed from the buffer. */
static inline struct span writer_span(const struct writer *w)
{
    return (struct span){ w->p, w->len };
}

void writer_fail(struct writer *w, enum err e);

/* writer_reserve takes the next n bytes and returns their place, or NULL when they do not fit.
 * The caller fills them, at once or later (a length that is known at the end). */
uint8_t *writer_reserve(struct writer *w, size_t n);

/* Bytes that stand at the place where they go already are not copied. */
void write_bytes(struct writer *w, const void *p, size_t n);
void write_span(struct writer *w, struct span s);
void write_u8(struct writer *w, uint8_t v);
void write_be16(struct writer *w, uint16_t v);
void write_be32(struct writer *w, uint32_t v);
void write_be64(struct writer *w, uint64_t v);
void write_le32(struct writer *w, uint32_t v);
void write_le64(struct writer *w, uint64_t v);

/* write_uvarint writes unsigned LEB128, minimal; v must be below 2^63. */
void write_uvarint(struct writer *w, uint64_t v);

/* The number of bytes write_uvarint writes for v. */
size_t uvarint_size(uint64_t v);

#endif
