/* pb: the protobuf wire format, one reader and one writer for dag-pb, UnixFS, libp2p, IPNS and
 * ABCI. Spec: protobuf.dev/programming-guides/encoding. Groups are refused. No allocation. Pure.
 *
 * Reading is a loop: while (pb_next(&r, &f)) switch (f.number) ...; then reader_finish(&r). */
#ifndef CRUST_CODEC_PB_H
#define CRUST_CODEC_PB_H

#include "base/reader.h"
#include "base/writer.h"

enum pb_wire {
    PB_VARINT = 0,
    PB_FIXED64 = 1,
    PB_BYTES = 2, /* strings, bytes, messages, packed numbers */
    PB_FIXED32 = 5,
};

enum { PB_FIELD_MAX = 536870911 }; /* 2^29 - 1 */

struct pb_field {
    uint32_t number; /* 1 to PB_FIELD_MAX */
    enum pb_wire wire;
    uint64_t value;    /* of PB_VARINT, PB_FIXED32, PB_FIXED64 */
    struct span bytes; /* of PB_BYTES; borrowed from the input */
};

/* pb_next takes the next field; false at the end or after a failure (ERR_SHORT; ERR_FORMAT for a
 * bad key, a group or a number over 64 bits), which reader_finish tells. *out is zeroed then. */
bool pb_next(struct reader *r, struct pb_field *out);

/* pb_expect fails r with ERR_FORMAT unless the field has this wire type. */
void pb_expect(struct reader *r, const struct pb_field *f, enum pb_wire wire);

/* A number of up to 10 bytes as protobuf writes it; padding is legal there. */
uint64_t pb_read_varint(struct reader *r);

/* Writers: a whole field, key and value. */
void pb_write_uint(struct writer *w, uint32_t number, uint64_t v);
void pb_write_fixed32(struct writer *w, uint32_t number, uint32_t v);
void pb_write_fixed64(struct writer *w, uint32_t number, uint64_t v);
void pb_write_bytes(struct writer *w, uint32_t number, struct span s);

/* The key and length of a message of n bytes, which the caller writes next. */
void pb_write_message(struct writer *w, uint32_t number, size_t n);

/* A bare number without key, up to 64 bits, shortest form. */
void pb_write_varint(struct writer *w, uint64_t v);

/* Sizes of what the writers write. */
size_t pb_varint_size(uint64_t v);
size_t pb_uint_size(uint32_t number, uint64_t v);
size_t pb_bytes_size(uint32_t number, size_t n);

#endif
