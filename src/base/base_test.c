#include "base/amount.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/hex.h"
#include "base/prng.h"
#include "base/reader.h"
#include "base/writer.h"

static void uvarint_round_trips_and_refuses_padding(void **state)
{
    (void)state;
    static const uint64_t values[] = { 0, 1, 127, 128, 300, 16384, (1ull << 62), (1ull << 63) - 1 };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        uint8_t buf[16];
        struct writer w = writer_of(buf, sizeof(buf));
        write_uvarint(&w, values[i]);
        CHECK_OK(w.err);
        CHECK(w.len == uvarint_size(values[i]));
        struct reader r = reader_of(writer_span(&w));
        CHECK(read_uvarint(&r) == values[i]);
        CHECK_OK(reader_finish(&r));
    }
    struct reader padded = reader_of(span_of("\x81\x00", 2));
    CHECK(read_uvarint(&padded) == 0);
    CHECK_ERR(reader_finish(&padded), ERR_FORMAT);
    struct reader ten = reader_of(span_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10));
    CHECK(read_uvarint(&ten) == 0);
    CHECK_ERR(reader_finish(&ten), ERR_FORMAT);
}

static void a_failed_reader_stays_failed_and_gives_zeros(void **state)
{
    (void)state;
    struct reader r = reader_of(span_of("\x01\x02", 2));
    CHECK(read_u8(&r) == 1);
    CHECK(read_be32(&r) == 0);
    CHECK(read_u8(&r) == 0);
    CHECK_ERR(reader_finish(&r), ERR_SHORT);
}

static void a_child_cannot_leave_its_frame(void **state)
{
    (void)state;
    struct reader r = reader_of(span_of("\x01\x02\x03", 3));
    struct reader child = reader_sub(&r, 2);
    CHECK(read_be32(&child) == 0);
    reader_join(&r, &child);
    CHECK_ERR(reader_finish(&r), ERR_SHORT);
}

static void writer_refuses_what_does_not_fit(void **state)
{
    (void)state;
    uint8_t buf[3];
    struct writer w = writer_of(buf, sizeof(buf));
    write_be16(&w, 0x1234);
    write_be16(&w, 0x5678);
    CHECK_ERR(w.err, ERR_LIMIT);
    CHECK(w.len == 2);
}

static void arena_gives_aligned_zeroed_memory_until_full(void **state)
{
    (void)state;
    uint8_t buf[128];
    memset(buf, 0xff, sizeof(buf));
    struct arena a = arena_of(buf, sizeof(buf));
    uint8_t *p = arena_alloc(&a, 10);
    CHECK(p != NULL && (uintptr_t)p % 16 == 0 && p[0] == 0 && p[9] == 0);
    CHECK(arena_alloc(&a, 200) == NULL);
    CHECK(arena_array(&a, SIZE_MAX, 16) == NULL);
    arena_reset(&a);
    CHECK(arena_alloc(&a, 100) != NULL);
}

/* economics vector V01. */
static void ratios_round_as_the_reference_network_does(void **state)
{
    (void)state;
    static const struct {
        uint32_t part;
        uint64_t x, want;
    } mul[] = {
        { 50000000, 950, 47 },     { 50000000, 997, 50 },  { 50000000, 1047, 52 },
        { 10000000, 990, 10 },     { 10000000, 40, 0 },    { 833333333, 1000, 833 },
        { 833333333, 2000, 1667 }, { 138888888, 180, 25 }, { 150000000, 250, 37 },
    };
    for (size_t i = 0; i < sizeof(mul) / sizeof(mul[0]); i++)
        CHECK(ratio_mul(mul[i].part, PERBILL, mul[i].x) == mul[i].want);
    CHECK(ratio_of(2500, 3000, PERBILL) == 833333333);
    CHECK(ratio_of(1000, 2001, PERBILL) == 499750124);
    CHECK(ratio_of(1, 60, PERBILL) == 16666666);
    CHECK(ratio_of(7, 0, PERBILL) == 1000000000);
    CHECK(ratio_of(9, 3, PERBILL) == 1000000000);
    CHECK(ratio_of(20200000012748, 101000000063738, PERMILL) == 199999);
    CHECK(ratio_of(10100000006374, 101000000063738, PERMILL) == 99999);
}

static void amounts_are_checked_and_print_exactly(void **state)
{
    (void)state;
    struct amount a, b;
    char text[AMOUNT_TEXT_MAX];
    CHECK_OK(amount_parse(&a, "1.5"));
    CHECK(a.units == 1500000000000u);
    amount_format(text, a);
    CHECK(strcmp(text, "1.5") == 0);
    CHECK_OK(amount_parse(&a, "0.000000000001"));
    amount_format(text, a);
    CHECK(strcmp(text, "0.000000000001") == 0);
    CHECK_ERR(amount_parse(&a, "0.0000000000001"), ERR_RANGE);
    CHECK_ERR(amount_parse(&a, "."), ERR_FORMAT);
    CHECK_ERR(amount_parse(&a, "1.2.3"), ERR_FORMAT);
    CHECK_ERR(amount_parse(&a, "-1"), ERR_FORMAT);
    CHECK_ERR(amount_parse_units(&a, "340282366920938463463374607431768211456"), ERR_RANGE);
    CHECK_OK(amount_parse_units(&a, "340282366920938463463374607431768211455"));
    CHECK_ERR(amount_add(&b, a, AMOUNT_OF(1)), ERR_RANGE);
    CHECK(b.units == 0);
    CHECK_ERR(amount_sub(&b, AMOUNT_OF(1), AMOUNT_OF(2)), ERR_RANGE);
    CHECK_ERR(amount_mul(&b, a, 2), ERR_RANGE);
    uint8_t bytes[AMOUNT_BYTES_MAX];
    CHECK(amount_bytes(bytes, AMOUNT_OF(0)) == 0);
    CHECK(amount_bytes(bytes, AMOUNT_OF(0x1234)) == 2);
    CHECK_OK(amount_of_bytes(&b, span_of(bytes, 2)));
    CHECK(b.units == 0x1234);
    CHECK_ERR(amount_of_bytes(&b, span_of("\0\1", 2)), ERR_FORMAT);
}

static void prng_is_bounded_and_repeatable(void **state)
{
    (void)state;
    struct prng a, b;
    prng_init(&a, 7);
    prng_init(&b, 7);
    for (int i = 0; i < 1000; i++) {
        uint64_t v = prng_below(&a, 10);
        CHECK(v < 10 && v == prng_below(&b, 10));
    }
}

static void hex_refuses_odd_and_foreign_digits(void **state)
{
    (void)state;
    uint8_t out[2];
    char text[5];
    CHECK_OK(hex_parse(out, 2, "0aFf"));
    hex_format(text, span_of(out, 2));
    CHECK(strcmp(text, "0aff") == 0);
    CHECK_ERR(hex_parse(out, 2, "0aF"), ERR_FORMAT);
    CHECK_ERR(hex_parse(out, 2, "0aFg"), ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uvarint_round_trips_and_refuses_padding),
        cmocka_unit_test(a_failed_reader_stays_failed_and_gives_zeros),
        cmocka_unit_test(a_child_cannot_leave_its_frame),
        cmocka_unit_test(writer_refuses_what_does_not_fit),
        cmocka_unit_test(arena_gives_aligned_zeroed_memory_until_full),
        cmocka_unit_test(ratios_round_as_the_reference_network_does),
        cmocka_unit_test(amounts_are_checked_and_print_exactly),
        cmocka_unit_test(prng_is_bounded_and_repeatable),
        cmocka_unit_test(hex_refuses_odd_and_foreign_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
