/* record: what stands in a segment file: a file header, then records, each with a header of 64
 * bytes in front of its bytes. Format: docs/spec/store.md sections 2 and 3. Pure. */
#ifndef CRUST_STORE_RECORD_H
#define CRUST_STORE_RECORD_H

#include "base/err.h"
#include "base/span.h"

enum {
    RECORD_ALIGN = 64, /* records begin at multiples of this */
    RECORD_HEADER_SIZE = 64,
    RECORD_STORE_ID_SIZE = 16,
    RECORD_DIGEST_SIZE = 32,
};

enum record_kind {
    RECORD_BLOCK = 1, /* digest: sha2-256 of the bytes */
    RECORD_GAP = 2,   /* total bytes from here on hold nothing; no bytes, digest zero */
    RECORD_PIN = 3,   /* bytes: an encoded pin; digest: their sha2-256 */
};

struct record {
    enum record_kind kind;
    uint32_t length; /* of the bytes behind the header */
    uint32_t crc32c; /* of these bytes */
    uint64_t total;  /* from this header to the next, a multiple of RECORD_ALIGN */
    uint8_t digest[RECORD_DIGEST_SIZE];
};

/* The bytes that a record with length bytes takes, header and padding included. */
static inline uint64_t record_total(uint32_t length)
{
    return ((uint64_t)length + RECORD_HEADER_SIZE + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
}

/* Writes the header. Its checksum covers the store's id, so that bytes inside a block cannot pass
 * for a record of this store. */
void record_encode(uint8_t out[RECORD_HEADER_SIZE], const struct record *r,
                   const uint8_t store_id[RECORD_STORE_ID_SIZE]);

/* ERR_NOT_FOUND when the place is all zeros (nothing written yet), ERR_CORRUPT when it is not a
 * header of this store, ERR_UNSUPPORTED for a later version. *r zeroed on failure. */
NODISCARD enum err record_decode(struct record *r, const uint8_t in[RECORD_HEADER_SIZE],
                                 const uint8_t store_id[RECORD_STORE_ID_SIZE]);

/* The header of a segment file, as long as a record header, so that records start behind it. */
void record_file_encode(uint8_t out[RECORD_HEADER_SIZE], uint32_t segment,
                        const uint8_t store_id[RECORD_STORE_ID_SIZE]);
NODISCARD enum err record_file_decode(uint32_t *segment, uint8_t store_id[RECORD_STORE_ID_SIZE],
                                      const uint8_t in[RECORD_HEADER_SIZE]);

#endif
