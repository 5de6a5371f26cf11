#include "base/check.h"
#include "base/hex.h"
#include "codec/cbor.h"

#include "base/amount.h"
#include <stdio.h>

/* Rows of tests/vectors/codec-fixtures: "name cid hex". The test runs in the root of the tree. */
static size_t next_fixture(FILE *f, char name[128], uint8_t *out, size_t n)
{
    static char line[16384], hex[16384], cid[256];
    if (fgets(line, sizeof(line), f) == NULL)
        return SIZE_MAX;
    char *save = NULL;
    char *parts[3] = { strtok_r(line, " \n", &save), strtok_r(NULL, " \n", &save),
                       strtok_r(NULL, " \n", &save) };
    CHECK(parts[2] != NULL);
    snprintf(name, 128, "%s", parts[0]);
    snprintf(cid, sizeof(cid), "%s", parts[1]);
    snprintf(hex, sizeof(hex), "%s", parts[2]);
    size_t size = hex[0] == '-' ? 0 : strlen(hex) / 2;
    CHECK(size <= n);
    CHECK_OK(hex_parse(out, size, hex[0] == '-' ? "" : hex));
    return size;
}

static void the_public_fixtures_are_canonical(void **state)
{
    (void)state;
    FILE *f = fopen("tests/vectors/codec-fixtures/dag-cbor.txt", "r");
    CHECK(f != NULL);
    char name[128];
    static uint8_t block[8192];
    size_t count = 0, n;
    while ((n = next_fixture(f, name, block, sizeof(block))) != SIZE_MAX) {
        uint8_t *exact = check_dup(block, n);
        /* Every strict prefix ends too early, one byte more trails. */
        CHECK_OK(cbor_validate(span_of(exact, n), CBOR_STRICT));
        CHECK_OK(cbor_validate(span_of(exact, n), CBOR_LENIENT));
        for (size_t cut = 0; cut < n && cut < 600; cut++)
            CHECK_ERR(cbor_validate(span_of(exact, cut), CBOR_STRICT), ERR_SHORT);
        free(exact);
        block[n] = 0;
        CHECK_ERR(cbor_validate(span_of(block, n + 1), CBOR_STRICT), ERR_TRAILING);
        count++;
    }
    fclose(f);
    CHECK(count == 128);
    f = fopen("tests/vectors/codec-fixtures/dag-cbor-negative.txt", "r");
    CHECK(f != NULL);
    for (count = 0; (n = next_fixture(f, name, block, sizeof(block))) != SIZE_MAX; count++)
        CHECK_ERR(cbor_validate(span_of(block, n), CBOR_LENIENT), ERR_FORMAT);
    fclose(f);
    CHECK(count == 1);
}

/* What a rule forbids, and what each mode says. */
static void every_rule_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        const char *hex;
        enum err strict, lenient;
    } rows[] = {
        { "padded number, 1 byte", "1817", ERR_FORMAT, OK },
        { "padded number, 2 bytes", "1900ff", ERR_FORMAT, OK },
        { "padded number, 4 bytes", "1a0000ffff", ERR_FORMAT, OK },
        { "padded number, 8 bytes", "1b00000000ffffffff", ERR_FORMAT, OK },
        { "padded length", "580161", ERR_FORMAT, OK },
        { "padded count", "980101", ERR_FORMAT, OK },
        { "padded tag", "d9002a450001550000", ERR_FORMAT, OK },
        { "reserved 28", "1c", ERR_FORMAT, ERR_FORMAT },
        { "indefinite array", "9fff", ERR_FORMAT, ERR_FORMAT },
        { "indefinite bytes", "5f4161ff", ERR_FORMAT, ERR_FORMAT },
        { "keys out of order", "a2616201616102", ERR_FORMAT, OK },
        { "longer key first", "a262616101616202", ERR_FORMAT, OK },
        { "the same key twice", "a2616101616102", ERR_FORMAT, ERR_FORMAT },
        { "key is a number", "a10102", ERR_FORMAT, ERR_FORMAT },
        { "key is bytes", "a1416102", ERR_FORMAT, ERR_FORMAT },
        { "float16", "f93c00", ERR_FORMAT, OK },
        { "float32", "fa3f800000", ERR_FORMAT, OK },
        { "NaN", "fb7ff8000000000000", ERR_FORMAT, ERR_FORMAT },
        { "infinity", "fb7ff0000000000000", ERR_FORMAT, ERR_FORMAT },
        { "minus infinity", "fbfff0000000000000", ERR_FORMAT, ERR_FORMAT },
        { "half NaN", "f97e00", ERR_FORMAT, ERR_FORMAT },
        { "undefined", "f7", ERR_FORMAT, ERR_FORMAT },
        { "simple 0", "e0", ERR_FORMAT, ERR_FORMAT },
        { "simple 255", "f8ff", ERR_FORMAT, ERR_FORMAT },
        { "true in two bytes", "f815", ERR_FORMAT, ERR_FORMAT },
        { "tag 0", "c06161", ERR_FORMAT, ERR_FORMAT },
        { "tag 43", "d82b4100", ERR_FORMAT, ERR_FORMAT },
        { "link without prefix", "d82a4401550000", ERR_FORMAT, ERR_FORMAT },
        { "link of prefix only", "d82a4100", ERR_FORMAT, ERR_FORMAT },
        { "link is text", "d82a6100", ERR_FORMAT, ERR_FORMAT },
        { "link with a broken CID", "d82a450001550001", ERR_FORMAT, ERR_FORMAT },
        { "link", "d82a450001550000", OK, OK },
        { "text is not UTF-8", "61ff", ERR_FORMAT, OK },
        { "overlong UTF-8", "62c0af", ERR_FORMAT, OK },
        { "surrogate", "63eda080", ERR_FORMAT, OK },
        { "beyond U+10FFFF", "64f4908080", ERR_FORMAT, OK },
        { "the last character", "64f48fbfbf", OK, OK },
        { "count beyond the input", "9bffffffffffffffff", ERR_SHORT, ERR_SHORT },
        { "pairs beyond the input", "bb8000000000000000", ERR_SHORT, ERR_SHORT },
        { "length beyond the input", "5bffffffffffffffff", ERR_SHORT, ERR_SHORT },
        { "smallest integer", "3bffffffffffffffff", OK, OK },
        { "nothing", "", ERR_SHORT, ERR_SHORT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[64];
        size_t n = strlen(rows[i].hex) / 2;
        CHECK_OK(hex_parse(bytes, n, rows[i].hex));
        uint8_t *exact = check_dup(bytes, n);
        enum err strict = cbor_validate(span_of(exact, n), CBOR_STRICT);
        enum err lenient = cbor_validate(span_of(exact, n), CBOR_LENIENT);
        if (strict != rows[i].strict || lenient != rows[i].lenient)
            fail_msg("%s: %s, %s", rows[i].rule, err_name(strict), err_name(lenient));
        free(exact);
    }
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    uint8_t deep[CBOR_DEPTH_MAX + 2];
    memset(deep, 0x81, sizeof(deep));
    deep[CBOR_DEPTH_MAX] = 0x00;
    CHECK_OK(cbor_validate(span_of(deep, CBOR_DEPTH_MAX + 1), CBOR_STRICT));
    deep[CBOR_DEPTH_MAX] = 0x80; /* an empty array opens no level */
    CHECK_OK(cbor_validate(span_of(deep, CBOR_DEPTH_MAX + 1), CBOR_STRICT));
    deep[CBOR_DEPTH_MAX] = 0x81;
    deep[CBOR_DEPTH_MAX + 1] = 0x00;
    CHECK_ERR(cbor_validate(span_of(deep, CBOR_DEPTH_MAX + 2), CBOR_STRICT), ERR_LIMIT);
}

static const uint8_t cid_bytes[] = { 1,  0x55, 0x12, 0x20, 1,  2,  3,  4,  5,  6,  7,  8,
                                     9,  10,   11,   12,   13, 14, 15, 16, 17, 18, 19, 20,
                                     21, 22,   23,   24,   25, 26, 27, 28, 29, 30, 31, 32 };

static void write_sample(struct writer *w)
{
    struct cid cid;
    CHECK_OK(cid_decode(&cid, span_of(cid_bytes, sizeof(cid_bytes))));
    cbor_write_map(w, 8);
    cbor_write_str(w, "a");
    cbor_write_uint(w, UINT64_MAX);
    cbor_write_str(w, "b");
    cbor_write_int(w, INT64_MIN);
    cbor_write_str(w, "c");
    cbor_write_bytes(w, span_str("xyz"));
    cbor_write_str(w, "d");
    cbor_write_array(w, 2);
    cbor_write_bool(w, true);
    cbor_write_null(w);
    cbor_write_str(w, "e");
    cbor_write_link(w, &cid);
    cbor_write_str(w, "f");
    cbor_write_float(w, -0.5);
    cbor_write_str(w, "h");
    cbor_write_amount(w, AMOUNT_OF(1000));
    cbor_write_str(w, "name");
    cbor_write_str(w, "value");
}

static void read_sample(struct cbor_reader *c)
{
    struct cid cid;
    uint8_t xyz[3];
    cbor_read_map_of(c, 8);
    cbor_read_key(c, "a");
    CHECK(cbor_read_uint(c) == UINT64_MAX);
    cbor_read_key(c, "b");
    CHECK(cbor_read_int(c) == INT64_MIN);
    cbor_read_key(c, "c");
    cbor_read_bytes_of(c, xyz, 3);
    CHECK(memcmp(xyz, "xyz", 3) == 0);
    cbor_read_key(c, "d");
    cbor_read_array_of(c, 2);
    CHECK(!cbor_try_null(c));
    CHECK(cbor_read_bool(c));
    CHECK(cbor_try_null(c));
    cbor_read_key(c, "e");
    CHECK(cbor_peek(c) == CBOR_LINK);
    cbor_read_link(c, &cid);
    CHECK(cid.codec == CID_CODEC_RAW && cid.digest[31] == 32);
    cbor_read_key(c, "f");
    CHECK(cbor_read_float(c) == -0.5);
    CHECK(!cbor_try_key(c, "g"));
    CHECK(cbor_try_key(c, "h"));
    CHECK(amount_cmp(cbor_read_amount(c), AMOUNT_OF(1000)) == 0);
    struct cbor_reader copy = *c;
    CHECK(cbor_read_item(&copy).n == 5);
    cbor_read_key(c, "name");
    CHECK_SPAN(cbor_read_text(c), span_str("value"));
}

static void a_schema_reads_what_was_written(void **state)
{
    (void)state;
    uint8_t buf[256];
    struct writer w = writer_of(buf, sizeof(buf));
    write_sample(&w);
    CHECK_OK(w.err);
    CHECK_OK(cbor_validate(writer_span(&w), CBOR_STRICT));
    struct cbor_reader c = cbor_reader_of(writer_span(&w), CBOR_STRICT);
    read_sample(&c);
    CHECK_OK(cbor_finish(&c));
}

static void a_wrong_type_fails_and_stays_failed(void **state)
{
    (void)state;
    struct cbor_reader c = cbor_reader_of(span_of("\x01\x02", 2), CBOR_STRICT);
    CHECK(cbor_read_text(&c).n == 0);
    CHECK(cbor_read_uint(&c) == 0);
    CHECK(cbor_peek(&c) == CBOR_NONE);
    CHECK_ERR(cbor_finish(&c), ERR_FORMAT);
    c = cbor_reader_of(span_of("\x1b\x80\x00\x00\x00\x00\x00\x00\x00", 9), CBOR_STRICT);
    CHECK(cbor_read_int(&c) == 0);
    CHECK_ERR(cbor_finish(&c), ERR_RANGE);
    c = cbor_reader_of(span_of("\x05", 1), CBOR_STRICT);
    CHECK(cbor_read_uint_max(&c, 4) == 0);
    CHECK_ERR(cbor_finish(&c), ERR_RANGE);
}

static void short_floats_have_their_value(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        double want;
    } rows[] = { { "\xf9\x3c\x00", 3, 1.0 },
                 { "\xf9\xc4\x00", 3, -4.0 },
                 { "\xf9\x00\x01", 3, 0x1p-24 },
                 { "\xf9\x7b\xff", 3, 65504.0 },
                 { "\xfa\x47\xc3\x50\x00", 5, 1e5 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cbor_reader c = cbor_reader_of(span_of(rows[i].bytes, rows[i].n), CBOR_LENIENT);
        CHECK(cbor_read_float(&c) == rows[i].want);
        CHECK_OK(cbor_finish(&c));
    }
}

/* Exhaustive: of all byte strings of up to three bytes, each accepted integer has one encoding. */
static void all_short_strings_are_canonical(void **state)
{
    (void)state;
    for (uint32_t v = 0; v < 1u << 24; v++) {
        uint8_t in[3] = { (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v }, out[9];
        for (size_t n = 1; n <= 3; n++) {
            if (n < 3 && (v & ((1u << 8 * (3 - n)) - 1)) != 0)
                continue;
            struct cbor_reader c = cbor_reader_of(span_of(in, n), CBOR_STRICT);
            if (in[0] >> 5 > 1)
                break;
            int64_t got = cbor_read_int(&c);
            if (cbor_finish(&c) != OK)
                continue;
            struct writer w = writer_of(out, sizeof(out));
            cbor_write_int(&w, got);
            CHECK_SPAN(writer_span(&w), span_of(in, n));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_public_fixtures_are_canonical),
        cmocka_unit_test(every_rule_refuses),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_schema_reads_what_was_written),
        cmocka_unit_test(a_wrong_type_fails_and_stays_failed),
        cmocka_unit_test(short_floats_have_their_value),
        cmocka_unit_test(all_short_strings_are_canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
