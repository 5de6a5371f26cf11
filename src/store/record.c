#include "store/record.h"

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/crc32c.h"

#define RECORD_MAGIC 0x31425243U         /* "CRB1" */
#define FILE_MAGIC   0x3147455354535243U /* "CRSTSEG1" */

enum {
    VERSION = 1,
    SUM_AT = RECORD_HEADER_SIZE - 4,
};

static uint32_t header_sum(const uint8_t *header, const uint8_t *store_id)
{
    uint32_t crc = crc32c(0, span_of(store_id, RECORD_STORE_ID_SIZE));
    return crc32c(crc, span_of(header, SUM_AT));
}

void record_encode(uint8_t out[RECORD_HEADER_SIZE], const struct record *r,
                   const uint8_t store_id[RECORD_STORE_ID_SIZE])
{
    struct writer w = writer_of(out, RECORD_HEADER_SIZE);
    write_le32(&w, RECORD_MAGIC);
    write_u8(&w, VERSION);
    write_u8(&w, (uint8_t)r->kind);
    write_u8(&w, 0);
    write_u8(&w, 0);
    write_le32(&w, r->length);
    write_le32(&w, r->crc32c);
    write_bytes(&w, r->digest, sizeof(r->digest));
    write_le64(&w, r->total);
    write_le32(&w, 0);
    ASSERT(w.err == OK && w.len == SUM_AT);
    write_le32(&w, header_sum(out, store_id));
}

static bool all_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

/* SPEC store 3.4: "total MUST be a multiple of 64; of a block or a pin it MUST be the smallest one
 * that holds header and bytes." */
static bool total_right(const struct record *r)
{
    if (r->kind == RECORD_GAP)
        return r->length == 0 && r->total % RECORD_ALIGN == 0 && r->total > 0 &&
               all_zero(r->digest, sizeof(r->digest)) && r->crc32c == 0;
    return r->total == record_total(r->length);
}

enum err record_decode(struct record *r, const uint8_t in[RECORD_HEADER_SIZE],
                       const uint8_t store_id[RECORD_STORE_ID_SIZE])
{
    struct reader in_r = reader_of(span_of(in, RECORD_HEADER_SIZE));
    *r = (struct record){ 0 };
    if (all_zero(in, RECORD_HEADER_SIZE))
        return ERR_NOT_FOUND;
    if (read_le32(&in_r) != RECORD_MAGIC || load_le32(in + SUM_AT) != header_sum(in, store_id))
        return ERR_CORRUPT;
    if (read_u8(&in_r) != VERSION)
        return ERR_UNSUPPORTED;
    uint8_t kind = read_u8(&in_r);
    uint16_t flags = read_le16(&in_r);
    r->kind = (enum record_kind)kind;
    r->length = read_le32(&in_r);
    r->crc32c = read_le32(&in_r);
    read_into(&in_r, r->digest, sizeof(r->digest));
    r->total = read_le64(&in_r);
    bool known = kind == RECORD_BLOCK || kind == RECORD_GAP || kind == RECORD_PIN;
    if (known && flags == 0 && read_le32(&in_r) == 0 && total_right(r))
        return OK;
    *r = (struct record){ 0 };
    return ERR_CORRUPT;
}

void record_file_encode(uint8_t out[RECORD_HEADER_SIZE], uint32_t segment,
                        const uint8_t store_id[RECORD_STORE_ID_SIZE])
{
    static const uint8_t zeros[24] = { 0 };
    struct writer w = writer_of(out, RECORD_HEADER_SIZE);
    write_le64(&w, FILE_MAGIC);
    write_le32(&w, VERSION);
    write_le32(&w, segment);
    write_bytes(&w, store_id, RECORD_STORE_ID_SIZE);
    write_bytes(&w, zeros, sizeof(zeros));
    write_le32(&w, 0);
    ASSERT(w.err == OK && w.len == SUM_AT);
    write_le32(&w, crc32c(0, span_of(out, SUM_AT)));
}

enum err record_file_decode(uint32_t *segment, uint8_t store_id[RECORD_STORE_ID_SIZE],
                            const uint8_t in[RECORD_HEADER_SIZE])
{
    *segment = 0;
    memset(store_id, 0, RECORD_STORE_ID_SIZE);
    if (load_le64(in) != FILE_MAGIC || load_le32(in + SUM_AT) != crc32c(0, span_of(in, SUM_AT)))
        return ERR_CORRUPT;
    if (load_le32(in + 8) != VERSION)
        return ERR_UNSUPPORTED;
    if (!all_zero(in + 32, 28))
        return ERR_CORRUPT;
    *segment = load_le32(in + 12);
    memcpy(store_id, in + 16, RECORD_STORE_ID_SIZE);
    return OK;
}
