#include "codec/unixfs.h"

#include "base/check.h"
#include "base/hex.h"
#include "codec/murmur3.h"

static void check_form(const struct unixfs_fields *f, const char *hex)
{
    uint8_t want[128], buf[128];
    size_t n = strlen(hex) / 2;
    CHECK_OK(hex_parse(want, n, hex));
    struct writer w = writer_of(buf, sizeof(buf));
    unixfs_write(&w, f);
    CHECK_OK(w.err);
    CHECK(w.len == unixfs_size(f));
    CHECK_SPAN(writer_span(&w), span_of(want, n));
}

/* The byte-exact forms that Kubo writes. */
static void messages_are_written_as_other_importers_do(void **state)
{
    (void)state;
    check_form(&(struct unixfs_fields){ .type = UNIXFS_DIRECTORY }, "0801");
    check_form(&(struct unixfs_fields){ .type = UNIXFS_FILE, .has_size = true }, "08021800");
    check_form(&(struct unixfs_fields){ .type = UNIXFS_FILE,
                                        .has_data = true,
                                        .data = span_str("hello world"),
                                        .has_size = true,
                                        .size = 11 },
               "0802120b68656c6c6f20776f726c64180b");
    check_form(&(struct unixfs_fields){ .type = UNIXFS_SYMLINK,
                                        .has_data = true,
                                        .data = span_str("foo") },
               "08041203666f6f");
    static const uint64_t blocks[] = { 256, 300 };
    check_form(&(struct unixfs_fields){ .type = UNIXFS_FILE,
                                        .has_size = true,
                                        .size = 556,
                                        .blocks = blocks,
                                        .block_count = 2 },
               "080218ac0420800220ac02");
    struct unixfs_meta meta = { .has_mode = true,
                                .mode = 0100764,
                                .has_mtime = true,
                                .mtime_s = 1603539720,
                                .mtime_ns = 54321 };
    check_form(&(struct unixfs_fields){ .type = UNIXFS_FILE, .has_size = true, .meta = &meta },
               "08021800"
               "38f403"
               "420b0888a6d0fc051531d40000");
    meta = (struct unixfs_meta){ .has_mtime = true, .mtime_s = -1 };
    check_form(&(struct unixfs_fields){ .type = UNIXFS_DIRECTORY, .meta = &meta },
               "0801"
               "420b08ffffffffffffffffff01");
}

static enum err decode_hex(struct unixfs *u, const char *hex)
{
    static uint8_t bytes[128];
    size_t n = strlen(hex) / 2;
    CHECK_OK(hex_parse(bytes, n, hex));
    return unixfs_decode(u, span_of(bytes, n));
}

static void rules_of_reading(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        const char *hex;
        enum err want;
    } rows[] = {
        { "no type", "1800", ERR_FORMAT },
        { "nothing", "", ERR_FORMAT },
        { "type 6", "0806", ERR_FORMAT },
        { "any order", "18000802", OK },
        { "unknown field", "08024801", OK },
        { "type as bytes", "0a0102", ERR_FORMAT },
        { "HAMT without hash", "0805308002", ERR_FORMAT },
        { "HAMT",
          "0805"
          "2822"
          "308002",
          OK },
        { "HAMT of fanout 2048",
          "0805"
          "2822"
          "308010",
          ERR_FORMAT },
        { "HAMT of fanout 4",
          "0805"
          "2822"
          "3004",
          ERR_FORMAT },
        { "HAMT of fanout 24",
          "0805"
          "2822"
          "3018",
          ERR_FORMAT },
        { "HAMT with a long bitfield",
          "0805"
          "12020101"
          "2822"
          "3008",
          ERR_FORMAT },
        { "HAMT with sha2",
          "0805"
          "2812"
          "308002",
          ERR_FORMAT },
        { "mtime without seconds",
          "0802"
          "42051500000000",
          ERR_FORMAT },
        { "a second of nanoseconds",
          "0802"
          "420708011500ca9a3b",
          ERR_FORMAT },
        { "cut", "080220", ERR_SHORT },
        { "sum overflows",
          "0802"
          "20ffffffffffffffffff01"
          "2001",
          ERR_RANGE },
    };
    struct unixfs u;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum err e = decode_hex(&u, rows[i].hex);
        if (e != rows[i].want)
            fail_msg("%s: %s", rows[i].rule, err_name(e));
    }
}

static void packed_and_single_blocksizes_are_one_list(void **state)
{
    (void)state;
    struct unixfs u;
    uint64_t size;
    /* 1, packed [2, 300], packed [], 4 */
    CHECK_OK(decode_hex(&u, "0802"
                            "2001"
                            "220302ac02"
                            "2200"
                            "2004"));
    CHECK(u.block_count == 4 && u.block_sum == 307);
    struct unixfs_iter it = unixfs_blocks(&u);
    static const uint64_t want[] = { 1, 2, 300, 4 };
    for (size_t i = 0; i < 4; i++)
        CHECK(unixfs_next_block(&it, &size) && size == want[i]);
    CHECK(!unixfs_next_block(&it, &size));
}

/* Every prefix and every flip of a full message decodes to something or is refused, with the
 * iterator agreeing with the counts; the exact allocation shows a read beyond the end. */
static void damage_is_bounded(void **state)
{
    (void)state;
    static const uint64_t sizes[] = { 256, 300, 1 };
    struct unixfs_meta meta = {
        .has_mode = true, .mode = 0644, .has_mtime = true, .mtime_s = 5, .mtime_ns = 6
    };
    struct unixfs_fields f = { .type = UNIXFS_FILE,
                               .has_data = true,
                               .data = span_str("xyz"),
                               .has_size = true,
                               .size = 560,
                               .blocks = sizes,
                               .block_count = 3,
                               .meta = &meta };
    uint8_t buf[128];
    struct writer w = writer_of(buf, sizeof(buf));
    struct unixfs u;
    unixfs_write(&w, &f);
    CHECK_OK(unixfs_decode(&u, writer_span(&w)));
    CHECK(u.block_sum == 557 && u.size == 560 && u.meta.mtime_ns == 6 && u.meta.mode == 0644);
    for (size_t i = 0; i < 9 * w.len; i++) {
        size_t n = i < w.len ? i : w.len;
        uint8_t *exact = check_dup(buf, n);
        if (i >= w.len)
            exact[(i - w.len) / 8] ^= (uint8_t)(1 << (i - w.len) % 8);
        if (unixfs_decode(&u, span_of(exact, n)) == OK) {
            struct unixfs_iter it = unixfs_blocks(&u);
            uint64_t size, sum = 0;
            size_t count = 0;
            for (; unixfs_next_block(&it, &size); count++)
                sum += size;
            CHECK(count == u.block_count && sum == u.block_sum);
        } else {
            CHECK(u.block_count == 0 && u.message.p == NULL); /* zeroed */
        }
        free(exact);
    }
}

static void murmur3_gives_the_known_numbers(void **state)
{
    (void)state;
    /* The name that the HAMT rule was worked out with, and lengths around the 16-byte block
     * (values of the reference implementation). */
    CHECK(murmur3_x64_64(span_str("470.txt")) == UINT64_C(0x006e88df5847e67c));
    CHECK(murmur3_x64_64(span_str("")) == 0);
    CHECK(murmur3_x64_64(span_str("hello")) == UINT64_C(0xcbd8a7b341bd9b02));
    CHECK(murmur3_x64_64(span_str("hello, world")) == UINT64_C(0x342fac623a5ebc8e));
    CHECK(murmur3_x64_64(span_str("19 Jan 2038 at 3:14:07 AM")) == UINT64_C(0xb89e5988b737affc));
    CHECK(murmur3_x64_64(span_str("The quick brown fox jumps over the lazy dog.")) ==
          UINT64_C(0xcd99481f9ee902c9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_written_as_other_importers_do),
        cmocka_unit_test(rules_of_reading),
        cmocka_unit_test(packed_and_single_blocksizes_are_one_list),
        cmocka_unit_test(damage_is_bounded),
        cmocka_unit_test(murmur3_gives_the_known_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
