/* reader: the only thing in the tree that moves a cursor over bytes from outside.
 *
 * Sticky: after the first failure err is set, every later read gives zeros and moves nothing, so
 * counts are zero and loops end; look at the result once, in reader_finish. Pure. */
#ifndef CRUST_BASE_READER_H
#define CRUST_BASE_READER_H

#include "base/err.h"
#include "base/span.h"

struct reader {
    const uint8_t *p; /* next byte */
    size_t n;         /* bytes left */
    enum err err;     /* first failure */
};

static inline struct reader reader_of(struct span in)
{
    return (struct reader){ .p = in.p, .n = in.n, .err = OK };
}

/* reader_fail records e unless a failure is recorded already, and empties the reader. */
void reader_fail(struct reader *r, enum err e);

/* reader_require fails with e unless cond holds. */
static inline void reader_require(struct reader *r, bool cond, enum err e)
{
    if (!cond)
        reader_fail(r, e);
}

/* read_span borrows the next n bytes from the input. Fewer left: ERR_SHORT, and {NULL, 0}. */
struct span read_span(struct reader *r, size_t n);

/* read_into copies the next n bytes to out; zeros on failure. */
void read_into(struct reader *r, uint8_t *out, size_t n);

uint8_t read_u8(struct reader *r);
uint16_t read_be16(struct reader *r);
uint32_t read_be32(struct reader *r);
uint64_t read_be64(struct reader *r);
uint16_t read_le16(struct reader *r);
uint32_t read_le32(struct reader *r);
uint64_t read_le64(struct reader *r);

/* read_uvarint reads an unsigned LEB128 number, minimal, at most 9 bytes (2^63 - 1), as the
 * multiformats unsigned-varint spec says. Longer or padded: ERR_FORMAT. */
uint64_t read_uvarint(struct reader *r);

/* reader_sub gives a child over the next n bytes and skips them here. The child starts failed
 * when n bytes are not left. A child's failure is not seen by the parent: call reader_join. */
struct reader reader_sub(struct reader *r, size_t n);

/* reader_join requires that the child was read to its end without failure. */
void reader_join(struct reader *r, struct reader *child);

/* reader_finish: OK, the first failure, or ERR_TRAILING when bytes are left. */
NODISCARD enum err reader_finish(struct reader *r);

#endif
