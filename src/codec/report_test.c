#include "codec/report.h"

#include "base/check.h"
#include "base/hex.h"
#include "codec/report_canonical.h"

#include <jansson.h>

static const uint8_t h1[32] = { 1 };
static const uint8_t h2[64] = { 2 };

static uint8_t *vector(struct span *out, const char *name, size_t index)
{
    json_error_t error;
    json_t *life = json_load_file("tests/vectors/oracle/life.json", 0, &error);
    CHECK(life != NULL);
    const json_t *text = json_object_get(life, name);
    if (json_is_array(text))
        text = json_array_get(text, index);
    size_t n = json_string_length(text) / 2;
    uint8_t *p = malloc(n + 1);
    CHECK(p != NULL);
    CHECK_OK(hex_parse(p, n, json_string_value(text)));
    p[n] = 0;
    *out = span_of(p, n);
    json_decref(life);
    return p;
}

static enum err decode_report(struct span in)
{
    static struct report r;
    enum err e = report_decode(&r, in);
    static const struct report zero;
    CHECK(e == OK || memcmp(&r, &zero, sizeof(r)) == 0);
    return e;
}

static enum err decode_step(struct span in)
{
    struct report_step s;
    return report_step_decode(&s, in);
}

static void every_length(struct span in, enum err (*decode)(struct span))
{
    CHECK_OK(decode(in));
    for (size_t n = 0; n < in.n; n++) {
        uint8_t *exact = check_dup(in.p, n);
        CHECK_ERR(decode(span_of(exact, n)), ERR_SHORT);
        free(exact);
    }
    uint8_t *longer = check_dup(in.p, in.n + 1); /* the vector has one byte to spare */
    CHECK_ERR(decode(span_of(longer, in.n + 1)), ERR_TRAILING);
    free(longer);
}

static void every_prefix_is_short_and_every_addition_trails(void **state)
{
    (void)state;
    struct span in;
    uint8_t *p = vector(&in, "report_with_step", 0);
    every_length(in, decode_report);
    free(p);
    for (size_t i = 0; i < 3; i++) {
        p = vector(&in, "steps", i);
        every_length(in, decode_step);
        free(p);
    }
}

static void any_changed_bit_is_refused_or_canonical(void **state)
{
    (void)state;
    struct span in;
    uint8_t *p = vector(&in, "report_with_step", 0);
    canonical_report(in);
    for (size_t bit = 0; bit < in.n * 8; bit++) {
        p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        canonical_report(in);
        p[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(p);
}

/* One operation as the whole of a step. */
static enum err step_of(struct span op)
{
    uint8_t bytes[2048];
    struct writer w = writer_of(bytes, sizeof(bytes));
    struct report_step s = {
        .state = h1,
        .prev = h1,
        .lineage = h1,
        .seq = 1,
        .op_count = 1,
        .ops = op,
    };
    report_step_encode(&w, &s);
    CHECK_OK(w.err);
    return decode_step(writer_span(&w));
}

static void file_op(struct writer *w, uint64_t volume, uint64_t index, uint64_t count,
                    uint64_t size)
{
    cbor_write_array(w, 5);
    cbor_write_uint(w, REPORT_OP_ADD_FILES);
    cbor_write_uint(w, volume);
    cbor_write_uint(w, index);
    cbor_write_array(w, count);
    const struct report_file file = {
        .key.codec = 0x55,
        .size = size,
        .data_root = h1,
        .seal_root = h1,
    };
    for (uint64_t i = 0; i < count; i++)
        report_file_encode(w, &file);
    cbor_write_bytes(w, span_of(h1, 4));
}

static void each_rule_of_an_operation(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        uint64_t volume;
        uint64_t index;
        uint64_t count;
        uint64_t size;
        enum err want;
    } rows[] = {
        { "3.2 sound", 15, 0, 1, 5, OK },
        { "3.2 volume", 16, 0, 1, 5, ERR_RANGE },
        { "3.2 index", 0, (uint64_t)1 << 32, 1, 5, ERR_RANGE },
        { "3.2 last index", 0, UINT32_MAX, 1, 5, OK },
        { "3.2 beyond the last index", 0, UINT32_MAX, 2, 5, ERR_RANGE },
        { "3.2 no leaf", 0, 0, 0, 5, ERR_FORMAT },
        { "3.3 largest size", 0, 0, 1, INT64_MAX, OK },
        { "3.3 size", 0, 0, 1, (uint64_t)INT64_MAX + 1, ERR_RANGE },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t op[1024];
        struct writer w = writer_of(op, sizeof(op));
        file_op(&w, rows[i].volume, rows[i].index, rows[i].count, rows[i].size);
        CHECK_OK(w.err);
        if (step_of(writer_span(&w)) != rows[i].want)
            fail_msg("rule %s", rows[i].rule);
    }
}

static void each_rule_of_an_extent(void **state)
{
    (void)state;
    static const struct {
        uint64_t size;
        enum err want;
    } rows[] = {
        { 1 << 20, OK },
        { 1 << 10, OK },
        { 1 << 9, ERR_RANGE },
        { (1 << 20) + 1, ERR_RANGE },
        { 0, ERR_RANGE },
        { (uint64_t)1 << 62, OK },
        { (uint64_t)1 << 63, ERR_RANGE },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t op[256];
        uint8_t leaf[64];
        struct writer l = writer_of(leaf, sizeof(leaf));
        struct writer w = writer_of(op, sizeof(op));
        const struct report_extent extent = { .root = h1, .size = rows[i].size };
        report_extent_encode(&l, &extent);
        const struct report_op o = {
            .kind = REPORT_OP_REMOVE_EXTENT,
            .volume = 1,
            .count = 1,
            .leaves = writer_span(&l),
            .path = span_of(h1, 4),
        };
        report_op_encode(&w, &o);
        CHECK_ERR(step_of(writer_span(&w)), rows[i].want);
    }
}

/* SPEC report 3.5: "A step MUST hold at most 512 leaves, a drop counting as one." */
static void a_step_has_at_most_512_leaves(void **state)
{
    (void)state;
    for (uint32_t drops = 511; drops <= 513; drops++) {
        uint8_t ops[2048];
        uint8_t bytes[4096];
        struct writer o = writer_of(ops, sizeof(ops));
        for (uint32_t i = 0; i < drops; i++) {
            const struct report_op op = { .kind = REPORT_OP_DROP_VOLUME, .volume = 3 };
            report_op_encode(&o, &op);
        }
        struct report_step s = { .state = h1,
                                 .prev = h1,
                                 .lineage = h1,
                                 .seq = 1,
                                 .op_count = drops,
                                 .ops = writer_span(&o) };
        struct writer w = writer_of(bytes, sizeof(bytes));
        report_step_encode(&w, &s);
        CHECK_ERR(decode_step(writer_span(&w)), drops <= 512 ? OK : ERR_LIMIT);
        struct report_ops found;
        CHECK_ERR(report_ops_check(&found, s.ops), drops <= 512 ? OK : ERR_LIMIT);
        CHECK(drops > 512 || (found.count == drops && found.last == s.ops.n - 3));
    }
    CHECK_ERR(step_of(span_of("\x80", 1)), ERR_FORMAT); /* an operation without elements */
    CHECK_ERR(step_of(span_of("\x82\x05\x00", 3)), ERR_RANGE);
    CHECK_ERR(step_of(span_of("\x83\x04\x00\x00", 4)), ERR_FORMAT);
    CHECK_OK(step_of(span_of("\x82\x04\x00", 3)));
    uint8_t none[256];
    struct writer w = writer_of(none, sizeof(none));
    struct report_step s = { .state = h1, .prev = h1, .lineage = h1, .seq = 1 };
    report_step_encode(&w, &s);
    CHECK_ERR(decode_step(writer_span(&w)), ERR_FORMAT); /* no operation */
    w.len = 0;
    s = (struct report_step){ .state = h1,
                              .prev = h1,
                              .lineage = h1,
                              .seq = 0,
                              .op_count = 1,
                              .ops = span_of("\x82\x04\x00", 3) };
    report_step_encode(&w, &s);
    CHECK_ERR(decode_step(writer_span(&w)), ERR_RANGE); /* seq 0 */
}

static struct report_attempt attempt;

static void fresh_attempt(void)
{
    memset(&attempt, 0, sizeof(attempt));
    attempt.chain = attempt.state = attempt.beacon = attempt.account = attempt.worker = h1;
    attempt.return_volume = attempt.suspend_volume = REPORT_NO_VOLUME;
}

static enum err attempt_round_trip(struct report_attempt *got)
{
    static uint8_t bytes[4096]; /* what is decoded points into it */
    struct writer w = writer_of(bytes, sizeof(bytes));
    report_attempt_encode(&w, &attempt);
    CHECK_OK(w.err);
    canonical_attempt(writer_span(&w));
    return report_attempt_decode(got, writer_span(&w));
}

static void an_attempt_keeps_its_fields(void **state)
{
    (void)state;
    static struct report_attempt got;
    fresh_attempt();
    attempt.slot = 77;
    attempt.state = h2;
    attempt.failed = 0x8005;
    attempt.return_volume = 15;
    attempt.suspend_volume = 0;
    attempt.entry_count = 2;
    attempt.entries[0] = (struct report_entry){ .slot = 76, .beacon = h2, .count = 2 };
    attempt.entries[0].answers[0] = (struct report_answer){ .kind = 1, .j = 9, .miss = true };
    attempt.entries[0].answers[1] = (struct report_answer){ .kind = 0, .miss = true };
    attempt.entries[1] = (struct report_entry){ .slot = 77, .beacon = h1 };
    CHECK_OK(attempt_round_trip(&got));
    CHECK(memcmp(got.state, h2, 32) == 0 && memcmp(got.chain, h1, 32) == 0);
    CHECK(got.slot == 77 && got.failed == 0x8005);
    CHECK(got.return_volume == 15 && got.suspend_volume == 0 && got.entry_count == 2);
    CHECK(got.entries[0].slot == 76 && got.entries[0].count == 2);
    CHECK(got.entries[0].answers[0].kind == 1 && got.entries[0].answers[0].j == 9);
    CHECK(got.entries[0].answers[0].miss && got.entries[1].count == 0);
}

/* Bytes put in place of the two bytes of "failed": [volumes]. */
static enum err with_failed(const char *list, size_t n)
{
    static struct report_attempt got;
    uint8_t bytes[1024];
    uint8_t changed[1024];
    struct writer w = writer_of(bytes, sizeof(bytes));
    struct writer c = writer_of(changed, sizeof(changed));
    fresh_attempt();
    report_attempt_encode(&w, &attempt);
    const uint8_t *at = memmem(bytes, w.len, "failed\x80", 7);
    CHECK(at != NULL);
    size_t before = (size_t)(at - bytes) + 6;
    write_bytes(&c, bytes, before);
    write_bytes(&c, list, n);
    write_bytes(&c, bytes + before + 1, w.len - before - 1);
    return report_attempt_decode(&got, writer_span(&c));
}

static void failed_volumes_ascend(void **state)
{
    (void)state;
    CHECK_OK(with_failed("\x80", 1));
    CHECK_OK(with_failed("\x82\x01\x0f", 3));
    CHECK_ERR(with_failed("\x82\x01\x01", 3), ERR_FORMAT);
    CHECK_ERR(with_failed("\x82\x02\x01", 3), ERR_FORMAT);
    CHECK_ERR(with_failed("\x81\x10", 2), ERR_RANGE);
    CHECK_ERR(with_failed("\xf6", 1), ERR_FORMAT);
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    uint8_t *big = calloc(1, REPORT_RETURN_SIZE_MAX + 1);
    CHECK(big != NULL);
    CHECK_ERR(decode_report(span_of(big, REPORT_RETURN_SIZE_MAX + 1)), ERR_LIMIT);
    CHECK_ERR(decode_step(span_of(big, REPORT_STEP_SIZE_MAX + 1)), ERR_LIMIT);
    free(big);
}

/* The largest opening that there can be: every number as wide and every tree as deep as may be. */
static void widest_answer(struct report_answer *a, enum report_answer_kind kind, uint32_t j)
{
    static const uint8_t zeros[2048];
    *a = (struct report_answer){ .kind = kind, .j = j };
    if (kind == REPORT_ANSWER_SRD || kind == REPORT_ANSWER_RETURN_SRD) {
        a->u.srd = (struct report_srd_opening){
            .index = UINT32_MAX,
            .leaf = { .root = zeros, .size = (uint64_t)1 << 62 },
            .tree_path = { zeros, REPORT_TREE_PATH_MAX },
            .chunk = { zeros, REPORT_CHUNK_MAX },
            .chunk_path = { zeros, REPORT_SRD_CHUNK_PATH_MAX },
        };
        return;
    }
    a->u.file = (struct report_file_opening){
        .index = UINT32_MAX,
        .leaf = { .key.codec = UINT32_MAX,
                  .size = INT64_MAX,
                  .data_root = zeros,
                  .seal_root = zeros },
        .tree_path = { zeros, REPORT_TREE_PATH_MAX },
        .record_count = UINT32_MAX,
        .record_index = UINT32_MAX - 1,
        .record = zeros,
        .record_path = { zeros, REPORT_RECORD_PATH_MAX },
        .chunk = { zeros, REPORT_CHUNK_MAX },
        .chunk_path = { zeros, REPORT_CHUNK_PATH_MAX },
    };
}

/* A report without a step whose entries hold so many of the largest openings of a kind. */
static size_t widest_report(uint8_t *out, size_t room, enum report_answer_kind kind,
                            uint32_t entries, uint32_t answers)
{
    static uint8_t bytes[2 * REPORT_RETURN_SIZE_MAX];
    struct writer a = writer_of(bytes, sizeof(bytes));
    struct writer w = writer_of(out, room);
    fresh_attempt();
    attempt.slot = UINT64_MAX;
    attempt.failed = UINT16_MAX;
    attempt.return_volume = 15;
    attempt.suspend_volume = 15;
    attempt.entry_count = entries;
    for (uint32_t i = 0; i < entries; i++) {
        attempt.entries[i] =
            (struct report_entry){ .slot = UINT64_MAX, .beacon = h1, .count = answers };
        for (uint32_t k = 0; k < answers; k++)
            widest_answer(&attempt.entries[i].answers[k], kind, k);
    }
    report_attempt_encode(&a, &attempt);
    report_encode(&w, span_of(NULL, 0), writer_span(&a), h2);
    CHECK_OK(a.err);
    CHECK_OK(w.err);
    return w.len;
}

/* SPEC report 6: whatever a volume holds, its return can be answered, and so can two slots. */
static void the_largest_openings_fit(void **state)
{
    (void)state;
    size_t room = 2 * REPORT_RETURN_SIZE_MAX;
    uint8_t *out = malloc(room);
    CHECK(out != NULL);
    size_t n = widest_report(out, room, REPORT_ANSWER_RETURN_FILE, 1, 20);
    CHECK(n == 83639 && n <= REPORT_RETURN_SIZE_MAX);
    CHECK_OK(decode_report(span_of(out, n)));
    n = widest_report(out, room, REPORT_ANSWER_RETURN_SRD, 1, 20);
    CHECK(n < 83639 && n > REPORT_SIZE_MAX);
    CHECK_OK(decode_report(span_of(out, n)));
    n = widest_report(out, room, REPORT_ANSWER_RETURN_FILE, 1, 22);
    CHECK_ERR(decode_report(span_of(out, n)), ERR_LIMIT);
    /* As many bytes in answers to other draws are too many. */
    n = widest_report(out, room, REPORT_ANSWER_FILE, 1, 20);
    CHECK_ERR(decode_report(span_of(out, n)), ERR_LIMIT);
    n = widest_report(out, room, REPORT_ANSWER_FILE, 2, 7);
    CHECK(n == 58712 && n <= REPORT_SIZE_MAX);
    CHECK_OK(decode_report(span_of(out, n)));
    n = widest_report(out, room, REPORT_ANSWER_FILE, 2, 4);
    CHECK(n == 33740 && n + REPORT_STEP_SIZE_MAX <= REPORT_SIZE_MAX);
    free(out);
}

static void no_step_is_signed_as_null(void **state)
{
    (void)state;
    uint8_t a[REPORT_SIGNING_SIZE];
    uint8_t b[REPORT_SIGNING_SIZE];
    report_signing_input(a, span_of(NULL, 0), span_of("x", 1));
    report_signing_input(b, span_of("\xf6", 1), span_of("x", 1));
    CHECK(memcmp(a, b, sizeof(a)) == 0 && memcmp(a, "crust/report/1", 14) == 0);
    report_signing_input(b, span_of("\xf5", 1), span_of("x", 1));
    CHECK(memcmp(a, b, sizeof(a)) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix_is_short_and_every_addition_trails),
        cmocka_unit_test(any_changed_bit_is_refused_or_canonical),
        cmocka_unit_test(each_rule_of_an_operation),
        cmocka_unit_test(each_rule_of_an_extent),
        cmocka_unit_test(a_step_has_at_most_512_leaves),
        cmocka_unit_test(an_attempt_keeps_its_fields),
        cmocka_unit_test(failed_volumes_ascend),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(the_largest_openings_fit),
        cmocka_unit_test(no_step_is_signed_as_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
