#include "rt/ipc_frame.h"

#include "base/check.h"
#include "base/hex.h"

/* The vectors of docs/spec/ipc.md section 6. */
static const struct {
    const char *hex;
    struct ipc_msg m;
    bool ring;
    uint64_t position;
} vectors[] = {
    { "0d000000"
      "0100"
      "0000"
      "0200000000000000"
      "a0",
      { .type = 1, .id = 2, .body = { (const uint8_t *)"\xa0", 1 } },
      false,
      0 },
    { "14000000"
      "0100"
      "0b00"
      "0200000000000000"
      "03000000"
      "a0"
      "616263",
      { .type = 1,
        .flags = IPC_REPLY | IPC_MORE,
        .id = 2,
        .body = { (const uint8_t *)"\xa0", 1 },
        .bulk = { (const uint8_t *)"abc", 3 } },
      false,
      0 },
    { "19000000"
      "0100"
      "1900"
      "0200000000000000"
      "03000000"
      "0010000000000000"
      "a0",
      { .type = 1,
        .flags = IPC_REPLY,
        .id = 2,
        .body = { (const uint8_t *)"\xa0", 1 },
        .bulk = { (const uint8_t *)"abc", 3 } },
      true,
      4096 },
};
enum { VECTORS = sizeof(vectors) / sizeof(vectors[0]) };

static size_t vector_bytes(uint8_t *out, size_t i)
{
    size_t n = strlen(vectors[i].hex) / 2;
    CHECK_OK(hex_parse(out, n, vectors[i].hex));
    return n;
}

static size_t encode(uint8_t *out, const struct ipc_msg *m, const struct ipc_ring_ref *ring)
{
    size_t n = ipc_frame_prefix(out, m, ring);
    memcpy(out + n, m->body.p, m->body.n);
    n += m->body.n;
    if (ring == NULL && m->bulk.n > 0) {
        memcpy(out + n, m->bulk.p, m->bulk.n);
        n += m->bulk.n;
    }
    return n;
}

static void vectors_encode_and_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        uint8_t want[64], got[64];
        size_t n = vector_bytes(want, i);
        struct ipc_ring_ref ref = { vectors[i].position, (uint32_t)vectors[i].m.bulk.n };
        CHECK_SPAN(span_of(got, encode(got, &vectors[i].m, vectors[i].ring ? &ref : NULL)),
                   span_of(want, n));
        struct ipc_msg m;
        CHECK_OK(ipc_frame_decode(&m, &ref, span_of(want, n)));
        CHECK(m.type == vectors[i].m.type && m.id == vectors[i].m.id);
        CHECK((m.flags & 7) == vectors[i].m.flags);
        CHECK_SPAN(m.body, vectors[i].m.body);
        if (vectors[i].ring)
            CHECK(ref.position == vectors[i].position && ref.length == 3);
        else
            CHECK_SPAN(m.bulk, vectors[i].m.bulk);
    }
}

static void every_prefix_is_short_and_more_is_trailing(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        uint8_t full[64] = { 0 };
        size_t n = vector_bytes(full, i);
        for (size_t k = 0; k <= n + 1; k++) {
            uint8_t *exact = check_dup(full, k);
            struct ipc_msg m;
            struct ipc_ring_ref ref;
            enum err want = k < n ? ERR_SHORT : k == n ? OK : ERR_TRAILING;
            CHECK_ERR(ipc_frame_decode(&m, &ref, span_of(exact, k)), want);
            if (want != OK)
                CHECK(m.body.p == NULL && m.id == 0);
            free(exact);
        }
    }
}

static void each_rule_of_the_format_is_kept(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        size_t vector, offset;
        uint8_t value;
        enum err want;
    } rows[] = {
        { "1.2 length below a header", 0, 0, 11, ERR_FORMAT },
        { "1.2 length above the limit", 0, 3, 1, ERR_LIMIT },
        { "1.4 unknown flag", 0, 6, 32, ERR_FORMAT },
        { "1.4 unknown flag, high byte", 0, 7, 1, ERR_FORMAT },
        { "1.4 MORE without REPLY", 0, 6, IPC_MORE, ERR_FORMAT },
        { "1.4 ERROR without REPLY", 0, 6, IPC_ERROR, ERR_FORMAT },
        { "1.4 MORE and ERROR", 0, 6, IPC_REPLY | IPC_MORE | IPC_ERROR, ERR_FORMAT },
        { "1.4 RING without BULK", 0, 6, IPC_RING, ERR_FORMAT },
        { "1.5 BULK without its length", 0, 6, IPC_BULK, ERR_FORMAT },
        { "1.5 bulk of 0 bytes", 1, 16, 0, ERR_FORMAT },
        { "1.5 bulk longer than the frame", 1, 16, 5, ERR_FORMAT },
        { "1.6 ring bulk above the limit", 2, 19, 1, ERR_LIMIT },
        { "1.6 ring bulk of 0 bytes", 2, 16, 0, ERR_FORMAT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[64];
        size_t n = vector_bytes(bytes, rows[i].vector);
        bytes[rows[i].offset] = rows[i].value;
        struct ipc_msg m;
        struct ipc_ring_ref ref;
        enum err e = ipc_frame_decode(&m, &ref, span_of(bytes, n));
        if (e != rows[i].want)
            print_error("%s: %s\n", rows[i].rule, err_name(e));
        CHECK(e == rows[i].want);
    }
}

static void messages_that_may_not_be_sent_are_refused(void **state)
{
    (void)state;
    static const uint8_t byte;
    struct ipc_msg m = { .type = 1, .body = { &byte, IPC_PAYLOAD_MAX } };
    CHECK_OK(ipc_frame_check(&m));
    m.bulk = span_of(&byte, 1);
    CHECK_ERR(ipc_frame_check(&m), ERR_LIMIT);
    m.body.n = SIZE_MAX;
    CHECK_ERR(ipc_frame_check(&m), ERR_LIMIT);
    m = (struct ipc_msg){ .type = 1, .flags = IPC_MORE };
    CHECK_ERR(ipc_frame_check(&m), ERR_FORMAT);
    m.flags = IPC_REPLY | IPC_BULK;
    CHECK_ERR(ipc_frame_check(&m), ERR_FORMAT);
}

/* Feeds a stream of frames in pieces of every size through a small buffer. */
static void frames_come_whole_out_of_any_pieces(void **state)
{
    (void)state;
    uint8_t stream[512];
    size_t total = 0;
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < VECTORS; i++)
            total += vector_bytes(stream + total, i);
    }
    for (size_t piece = 1; piece < 70; piece++) {
        uint8_t buffer[64];
        struct ipc_input in = { .p = buffer, .n = sizeof(buffer) };
        size_t at = 0, seen = 0;
        while (at < total || in.from < in.to) {
            struct ipc_msg m;
            struct ipc_ring_ref ref;
            enum err e = ipc_frame_next(&m, &ref, &in);
            if (e == OK) {
                CHECK(m.id == 2 && m.body.n == 1 && m.body.p[0] == 0xa0);
                seen++;
                continue;
            }
            CHECK_ERR(e, ERR_SHORT);
            struct mspan room = ipc_frame_room(&in);
            CHECK(room.n > 0);
            size_t n = room.n < piece ? room.n : piece;
            n = n < total - at ? n : total - at;
            memcpy(room.p, stream + at, n);
            ipc_frame_received(&in, n);
            at += n;
        }
        CHECK(seen == 4 * VECTORS);
    }
}

static void a_frame_longer_than_the_buffer_is_refused(void **state)
{
    (void)state;
    uint8_t buffer[16] = { 13 };
    struct ipc_input in = { .p = buffer, .n = sizeof(buffer), .to = 4 };
    struct ipc_msg m;
    struct ipc_ring_ref ref;
    CHECK_ERR(ipc_frame_next(&m, &ref, &in), ERR_LIMIT);
    buffer[0] = 12;
    CHECK_ERR(ipc_frame_next(&m, &ref, &in), ERR_SHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_encode_and_decode),
        cmocka_unit_test(every_prefix_is_short_and_more_is_trailing),
        cmocka_unit_test(each_rule_of_the_format_is_kept),
        cmocka_unit_test(messages_that_may_not_be_sent_are_refused),
        cmocka_unit_test(frames_come_whole_out_of_any_pieces),
        cmocka_unit_test(a_frame_longer_than_the_buffer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
