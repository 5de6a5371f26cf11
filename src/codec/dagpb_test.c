#include "base/check.h"
#include "base/hex.h"
#include "codec/links.h"
#include "codec/pb.h"

#include <stdio.h>

/* Rows of tests/vectors/codec-fixtures: "name cid hex". */
static size_t next_fixture(FILE *f, uint8_t *out, size_t n)
{
    static char line[4096];
    if (fgets(line, sizeof(line), f) == NULL)
        return SIZE_MAX;
    char *hex = strrchr(line, ' ');
    CHECK(hex != NULL);
    hex++;
    hex[strcspn(hex, "\n")] = '\0';
    size_t size = hex[0] == '-' ? 0 : strlen(hex) / 2;
    CHECK(size <= n);
    CHECK_OK(hex_parse(out, size, hex[0] == '-' ? "" : hex));
    return size;
}

/* As the writer writes it, or ERR_FORMAT. */
static enum err decode_canonical(struct dagpb *out, struct span block)
{
    TRY(dagpb_decode(out, block));
    return dagpb_canonical(out) ? OK : ERR_FORMAT;
}

static void the_public_fixtures_decode(void **state)
{
    (void)state;
    uint8_t block[1024];
    struct dagpb node;
    size_t n, count = 0;
    FILE *f = fopen("tests/vectors/codec-fixtures/dag-pb.txt", "r");
    CHECK(f != NULL);
    for (; (n = next_fixture(f, block, sizeof(block))) != SIZE_MAX; count++) {
        uint8_t *exact = check_dup(block, n);
        CHECK_OK(decode_canonical(&node, span_of(exact, n)));
        CHECK_OK(dagpb_decode(&node, span_of(exact, n)));
        struct dagpb_iter it = dagpb_links(&node);
        struct dagpb_link link;
        size_t links = 0;
        for (; dagpb_next(&it, &link); links++)
            CHECK(cid_size(&link.cid) <= n);
        CHECK(links == node.link_count);
        free(exact);
    }
    fclose(f);
    CHECK(count == 17);
    f = fopen("tests/vectors/codec-fixtures/dag-pb-negative.txt", "r");
    CHECK(f != NULL);
    for (count = 0; (n = next_fixture(f, block, sizeof(block))) != SIZE_MAX; count++)
        CHECK_ERR(dagpb_decode(&node, span_of(block, n)), ERR_FORMAT);
    fclose(f);
    CHECK(count == 9);
}

/* Identity CIDs keep the rows short: 01 55 00 00 is an empty raw block. */
static void tolerated_and_refused_forms(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        const char *hex;
        enum err strict, tolerant;
    } rows[] = {
        { "nothing", "", OK, OK },
        { "empty data", "0a00", OK, OK },
        { "link", "120a0a0401550000120018 00", OK, OK },
        { "link without name and size", "12060a0401550000", OK, OK },
        { "data before links",
          "0a00"
          "12060a0401550000",
          ERR_FORMAT, OK },
        { "data twice", "0a000a00", ERR_FORMAT, ERR_FORMAT },
        { "unknown field", "1a00", ERR_FORMAT, ERR_FORMAT },
        { "data as a number", "0800", ERR_FORMAT, ERR_FORMAT },
        { "padded length", "0a8000", ERR_FORMAT, OK },
        { "name before hash", "120812000a0401550000", ERR_FORMAT, ERR_FORMAT },
        { "hash twice", "120c0a04015500000a0401550000", ERR_FORMAT, ERR_FORMAT },
        { "unknown field in a link", "12080a04015500002000", ERR_FORMAT, ERR_FORMAT },
        { "broken CID", "12060a0402550000", ERR_FORMAT, ERR_FORMAT },
        { "names descend",
          "12090a0401550000120162"
          "12090a0401550000120161",
          ERR_FORMAT, OK },
        { "same name twice",
          "12090a0401550000120161"
          "12090a0401550000120161",
          OK, OK },
        { "group", "0b0c", ERR_FORMAT, ERR_FORMAT },
        { "field 0", "0200", ERR_FORMAT, ERR_FORMAT },
        { "number of 11 bytes", "12120a040155000018ffffffffffffffffffff01", ERR_FORMAT,
          ERR_FORMAT },
        { "number of 65 bits", "12110a040155000018ffffffffffffffffff02", ERR_FORMAT, ERR_FORMAT },
        { "number of 64 bits", "12110a040155000018ffffffffffffffffff01", OK, OK },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[64];
        char hex[128];
        size_t n = 0;
        for (const char *p = rows[i].hex; *p != '\0'; p++)
            if (*p != ' ')
                hex[n++] = *p;
        hex[n] = '\0';
        CHECK_OK(hex_parse(bytes, n / 2, hex));
        uint8_t *exact = check_dup(bytes, n / 2);
        struct dagpb node;
        enum err strict = decode_canonical(&node, span_of(exact, n / 2));
        enum err tolerant = dagpb_decode(&node, span_of(exact, n / 2));
        if (strict != rows[i].strict || tolerant != rows[i].tolerant)
            fail_msg("%s: %s, %s", rows[i].rule, err_name(strict), err_name(tolerant));
        free(exact);
    }
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    uint8_t buf[256];
    struct writer w = writer_of(buf, sizeof(buf));
    struct dagpb node;
    struct dagpb_link link;
    dagpb_write_link(&w, span_of("\x01\x55\x00\x01x", 5), span_str("a"), 1);
    CHECK(w.len == dagpb_link_size(5, 1, 1));
    dagpb_write_link(&w, span_of("\x01\x55\x00\x01y", 5), span_str(""), 300);
    dagpb_write_data(&w, span_str("data"));
    CHECK_OK(dagpb_decode(&node, writer_span(&w)));
    CHECK_ERR(decode_canonical(&node, writer_span(&w)), ERR_FORMAT); /* "" after "a" */
    CHECK_OK(dagpb_decode(&node, writer_span(&w)));
    CHECK(node.link_count == 2 && node.has_data);
    CHECK_SPAN(node.data, span_str("data"));
    struct dagpb_iter it = dagpb_links(&node);
    CHECK(dagpb_next(&it, &link));
    CHECK(link.cid.digest[0] == 'x' && link.tsize == 1);
    CHECK_SPAN(link.name, span_str("a"));
    CHECK(dagpb_next(&it, &link));
    CHECK(link.cid.digest[0] == 'y' && link.tsize == 300 && link.has_name && link.name.n == 0);
    CHECK(!dagpb_next(&it, &link));
    /* No strict prefix that ends inside a field passes. */
    size_t first = dagpb_link_size(5, 1, 1), second = first + dagpb_link_size(5, 0, 300);
    for (size_t n = 0; n < w.len; n++) {
        uint8_t *exact = check_dup(buf, n);
        bool whole = n == 0 || n == first || n == second;
        CHECK_ERR(dagpb_decode(&node, span_of(exact, n)), whole ? OK : ERR_SHORT);
        free(exact);
    }
}

/* A strict block whose links have all three fields is what our writer writes: so no two of the
 * blocks that a flipped bit makes can stand for one node. */
static void every_flip_is_refused_or_canonical(void **state)
{
    (void)state;
    uint8_t buf[256], again[512];
    struct writer w = writer_of(buf, sizeof(buf));
    dagpb_write_link(&w, span_of("\x01\x55\x00\x01x", 5), span_str("a"), 1);
    dagpb_write_link(&w, span_of("\x01\x55\x00\x01y", 5), span_str("b"), 300);
    dagpb_write_data(&w, span_str("data"));
    size_t accepted = 0;
    for (size_t bit = 0; bit < 8 * w.len; bit++) {
        struct dagpb node;
        struct dagpb_link link;
        struct writer out = writer_of(again, sizeof(again));
        bool full = true;
        buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (decode_canonical(&node, writer_span(&w)) == OK) {
            struct dagpb_iter it = dagpb_links(&node);
            while (dagpb_next(&it, &link)) {
                uint8_t bin[CID_SIZE_MAX];
                struct writer c = writer_of(bin, sizeof(bin));
                cid_write(&c, &link.cid);
                dagpb_write_link(&out, writer_span(&c), link.name, link.tsize);
                full = full && link.has_name && link.has_tsize;
            }
            if (node.has_data)
                dagpb_write_data(&out, node.data);
            if (full)
                CHECK_SPAN(writer_span(&out), writer_span(&w));
            accepted++;
        }
        buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CHECK(accepted > 0 && accepted < 8 * w.len);
}

static void links_are_the_same_call_for_every_codec(void **state)
{
    (void)state;
    struct links l;
    struct cid cid;
    CHECK_OK(links_init(&l, CID_CODEC_RAW, span_str("anything")));
    CHECK(!links_next(&l, &cid));
    CHECK_ERR(links_init(&l, CID_CODEC_DAG_JSON, span_str("{}")), ERR_UNSUPPORTED);
    CHECK_OK(links_init(&l, CID_CODEC_DAG_PB, span_of("\x12\x06\x0a\x04\x01\x55\x00\x00", 8)));
    CHECK(links_next(&l, &cid) && cid.codec == CID_CODEC_RAW);
    CHECK(!links_next(&l, &cid));
    /* {"a": [link, {"b": link}], "c": 1} */
    static const uint8_t cbor[] = { 0xa2, 0x61, 'a',  0x82, 0xd8, 0x2a, 0x45, 0,    1,
                                    0x55, 0,    0,    0xa1, 0x61, 'b',  0xd8, 0x2a, 0x45,
                                    0,    1,    0x70, 0,    0,    0x61, 'c',  0x01 };
    CHECK_OK(links_init(&l, CID_CODEC_DAG_CBOR, span_of(cbor, sizeof(cbor))));
    CHECK(links_next(&l, &cid) && cid.codec == CID_CODEC_RAW);
    CHECK(links_next(&l, &cid) && cid.codec == CID_CODEC_DAG_PB);
    CHECK(!links_next(&l, &cid));
    for (size_t n = 0; n < sizeof(cbor); n++) {
        uint8_t *exact = check_dup(cbor, n);
        CHECK_ERR(links_init(&l, CID_CODEC_DAG_CBOR, span_of(exact, n)), ERR_SHORT);
        free(exact);
    }
}

static void protobuf_numbers_take_all_64_bits(void **state)
{
    (void)state;
    static const uint64_t values[] = { 0, 127, 128, UINT32_MAX, UINT64_MAX, UINT64_C(1) << 63 };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        uint8_t buf[64];
        struct writer w = writer_of(buf, sizeof(buf));
        struct pb_field f;
        pb_write_uint(&w, 15, values[i]);
        CHECK(w.len == pb_uint_size(15, values[i]));
        pb_write_fixed64(&w, 16, values[i]);
        pb_write_fixed32(&w, PB_FIELD_MAX, 7);
        struct reader r = reader_of(writer_span(&w));
        CHECK(pb_next(&r, &f) && f.number == 15 && f.value == values[i]);
        CHECK(pb_next(&r, &f) && f.wire == PB_FIXED64 && f.value == values[i]);
        CHECK(pb_next(&r, &f) && f.number == PB_FIELD_MAX && f.value == 7);
        CHECK(!pb_next(&r, &f));
        CHECK_OK(reader_finish(&r));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_public_fixtures_decode),
        cmocka_unit_test(tolerated_and_refused_forms),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(every_flip_is_refused_or_canonical),
        cmocka_unit_test(links_are_the_same_call_for_every_codec),
        cmocka_unit_test(protobuf_numbers_take_all_64_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
