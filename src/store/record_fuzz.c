/* Any bytes as a record header, a file header, index rows or a pin: what decodes encodes back to
 * the same bytes. The store's id is fixed, and the checksum of a header is repaired before the
 * second try, so that the fields behind it are reached. */
#include "store/blockstore_rows.h"
#include "store/record.h"

#include "crypto/crc32c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t id[RECORD_STORE_ID_SIZE] = { 7 };

static void check_header(const uint8_t in[RECORD_HEADER_SIZE])
{
    struct record r;
    uint8_t out[RECORD_HEADER_SIZE];
    if (record_decode(&r, in, id) != OK)
        return;
    record_encode(out, &r, id);
    ASSERT(memcmp(in, out, sizeof(out)) == 0);
}

static void check_file_header(const uint8_t in[RECORD_HEADER_SIZE])
{
    uint8_t out[RECORD_HEADER_SIZE];
    uint8_t store[RECORD_STORE_ID_SIZE];
    uint32_t segment;
    if (record_file_decode(&segment, store, in) != OK)
        return;
    record_file_encode(out, segment, store);
    ASSERT(memcmp(in, out, sizeof(out)) == 0);
}

static void check_headers(const uint8_t *data)
{
    uint8_t in[RECORD_HEADER_SIZE];
    memcpy(in, data, sizeof(in));
    check_header(in);
    check_file_header(in);
    store_le32(in + 60, crc32c(crc32c(0, span_of(id, sizeof(id))), span_of(in, 60)));
    check_header(in);
    store_le32(in + 60, crc32c(0, span_of(in, 60)));
    check_file_header(in);
}

static void check_rows(struct span in)
{
    struct blockstore_entry e;
    struct blockstore_row row;
    struct blockstore_pin pin;
    uint8_t out[BLOCKSTORE_PIN_BYTES];
    size_t n;
    if (blockstore_entry_decode(&e, in) == OK) {
        blockstore_entry_encode(out, &e);
        ASSERT(in.n == BLOCKSTORE_ENTRY_SIZE && memcmp(in.p, out, in.n) == 0);
    }
    if (blockstore_row_decode(&row, in) == OK) {
        blockstore_row_encode(out, &row);
        ASSERT(in.n == BLOCKSTORE_ROW_SIZE && memcmp(in.p, out, in.n) == 0);
    }
    if (blockstore_pin_decode(&pin, in) == OK) {
        enum err encoded = blockstore_pin_encode(out, &n, &pin.pin);
        ASSERT(encoded == OK);
        ASSERT(in.n == n && memcmp(in.p, out, n) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= RECORD_HEADER_SIZE)
        check_headers(data);
    check_rows(span_of(data, size));
    return 0;
}
