/* Headers of records and files, byte by byte as docs/spec/store.md has them, and their rows. */
#include "store/record.h"

#include "base/check.h"
#include "base/hex.h"
#include "store/blockstore_rows.h"

static const uint8_t id[RECORD_STORE_ID_SIZE] = { 0, 1, 2,  3,  4,  5,  6,  7,
                                                  8, 9, 10, 11, 12, 13, 14, 15 };

static struct record sample(void)
{
    struct record r = { .kind = RECORD_BLOCK,
                        .length = 5,
                        .crc32c = 0x9a71bb4cU, /* crc32c of "hello" */
                        .total = 128 };
    CHECK_OK(hex_parse(r.digest, sizeof(r.digest),
                       "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"));
    return r;
}

static void test_vector(void **state)
{
    (void)state;
    struct record r = sample(), back;
    uint8_t out[RECORD_HEADER_SIZE];
    char text[2 * RECORD_HEADER_SIZE + 1];
    record_encode(out, &r, id);
    hex_format(text, span_of(out, sizeof(out)));
    CHECK(strncmp(text, "435242310101000005000000", 24) == 0);
    CHECK(strncmp(text + 24, "4cbb719a2cf24dba", 16) == 0);
    CHECK(strncmp(text + 96, "800000000000000000000000", 24) == 0);
    CHECK_OK(record_decode(&back, out, id));
    CHECK(memcmp(&back, &r, sizeof(r)) == 0);
}

static void test_every_flip_is_refused(void **state)
{
    (void)state;
    struct record r = sample(), back;
    uint8_t out[RECORD_HEADER_SIZE], store[RECORD_STORE_ID_SIZE];
    uint32_t number;
    record_encode(out, &r, id);
    for (size_t bit = 0; bit < 8 * sizeof(out); bit++) {
        out[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_ERR(record_decode(&back, out, id), ERR_CORRUPT);
        out[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    const uint8_t other[RECORD_STORE_ID_SIZE] = { 1 };
    CHECK_ERR(record_decode(&back, out, other), ERR_CORRUPT); /* another store's record */
    memset(out, 0, sizeof(out));
    CHECK_ERR(record_decode(&back, out, id), ERR_NOT_FOUND);
    record_file_encode(out, 77, id);
    CHECK_OK(record_file_decode(&number, store, out));
    CHECK(number == 77 && memcmp(store, id, sizeof(id)) == 0);
    for (size_t bit = 0; bit < 8 * sizeof(out); bit++) {
        out[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK(record_file_decode(&number, store, out) != OK);
        out[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

/* Good checksums over fields that break a rule. */
static void test_rules(void **state)
{
    (void)state;
    uint8_t out[RECORD_HEADER_SIZE];
    struct record back;
    struct record r = sample();
    r.total = 192;
    record_encode(out, &r, id);
    CHECK_ERR(record_decode(&back, out, id), ERR_CORRUPT);
    r = sample();
    r.kind = (enum record_kind)4;
    record_encode(out, &r, id);
    CHECK_ERR(record_decode(&back, out, id), ERR_CORRUPT);
    r = (struct record){ .kind = RECORD_GAP, .total = 4096 };
    record_encode(out, &r, id);
    CHECK_OK(record_decode(&back, out, id));
    r.total = 100;
    record_encode(out, &r, id);
    CHECK_ERR(record_decode(&back, out, id), ERR_CORRUPT);
    r.total = 0;
    record_encode(out, &r, id);
    CHECK_ERR(record_decode(&back, out, id), ERR_CORRUPT);
}

static void test_pin_bytes(void **state)
{
    (void)state;
    const struct pin pin = { .cid = span_str("cid"),
                             .mode = PIN_DIRECT,
                             .profile = span_str("pr"),
                             .name = span_str("n"),
                             .time_unix_s = 258 };
    static const uint8_t want[] = {
        2, 2, 1, 0, 0, 0, 0, 0, 0, 3, 'c', 'i', 'd', 2, 'p', 'r', 1, 'n'
    };
    uint8_t out[BLOCKSTORE_PIN_BYTES];
    size_t n;
    struct blockstore_pin back;
    CHECK_OK(blockstore_pin_encode(out, &n, &pin));
    CHECK_SPAN(span_of(out, n), span_of(want, sizeof(want)));
    for (size_t i = 0; i < n; i++) {
        uint8_t *exact = check_dup(out, i);
        CHECK_ERR(blockstore_pin_decode(&back, span_of(exact, i)), ERR_CORRUPT);
        free(exact);
    }
    CHECK_OK(blockstore_pin_decode(&back, span_of(out, n)));
    CHECK_SPAN(back.pin.name, pin.name);
    CHECK_SPAN(back.pin.profile, pin.profile);
    out[n] = 0;
    CHECK_ERR(blockstore_pin_decode(&back, span_of(out, n + 1)), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_every_flip_is_refused),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_pin_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
