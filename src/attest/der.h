/* der: a strict reader for DER (X.690), over base/reader. Definite, minimal lengths up to 64 KiB,
 * one-byte tags. Failures stick in the reader, as everywhere. Pure. */
#ifndef CRUST_ATTEST_DER_H
#define CRUST_ATTEST_DER_H

#include "base/reader.h"

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_UTF8 = 0x0c,
    DER_PRINTABLE = 0x13,
    DER_IA5 = 0x16,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT_0 = 0xa0,
    DER_CONTEXT_3 = 0xa3,
};

/* Whether the next element has this tag; reads nothing. */
bool der_is(const struct reader *r, enum der_tag tag);

/* der_read reads one element with this tag and gives its contents (borrowed). ERR_FORMAT for
 * another tag or a length that is not minimal. */
struct span der_read(struct reader *r, enum der_tag tag);

/* der_read_whole gives the element with its header: what a signature covers, or a name. */
struct span der_read_whole(struct reader *r, enum der_tag tag);

/* der_enter reads one constructed element and gives a reader over its contents; a failure of r is
 * one of the child too. End it with reader_join. */
struct reader der_enter(struct reader *r, enum der_tag tag);

/* der_read_uint reads an INTEGER or ENUMERATED of at most max; ERR_FORMAT when negative or padded,
 * ERR_RANGE above max. */
uint64_t der_read_uint(struct reader *r, enum der_tag tag, uint64_t max);

/* der_read_serial gives the contents of a positive or zero INTEGER, as they stand. */
struct span der_read_serial(struct reader *r);

/* der_read_bits gives the bytes of a BIT STRING whose bits fill them. */
struct span der_read_bits(struct reader *r);

/* der_read_time reads a UTCTime or GeneralizedTime of RFC 5280 4.1.2.5, in whole seconds, "Z":
 * seconds since 1970. Years 1970 to 9999. */
uint64_t der_read_time(struct reader *r);

/* der_seconds reads "YYYYMMDDhhmmss" and gives seconds since 1970; ERR_FORMAT for anything that is
 * no such moment. */
NODISCARD enum err der_seconds(uint64_t *out, const char digits[14]);

#endif
