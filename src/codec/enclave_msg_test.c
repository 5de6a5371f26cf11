#include "codec/enclave_msg.h"

#include "base/check.h"
#include "base/prng.h"
#include "codec/enclave_reply.h"

static uint8_t bytes[ENCLAVE_BODY_MAX];

static struct span some(size_t n)
{
    return span_of(bytes, n);
}

/* A request of the type with every field in range and none of them zero. */
static struct enclave_request request_of(uint16_t type)
{
    struct enclave_request m;
    memset(&m, 1, sizeof(m));
    m.type = type;
    struct span *optional = &m.u.report_begin.base;
    switch (type) {
    case ENCLAVE_PROVISION:
    case ENCLAVE_LOAD:
    case ENCLAVE_SEAL_RESUME:
        m.u.blob.blob = some(100);
        break;
    case ENCLAVE_EVIDENCE:
        m.u.evidence.predecessor = some(32);
        break;
    case ENCLAVE_HAND_OVER:
        m.u.hand_over.evidence = some(3000);
        m.u.hand_over.certificate = some(300);
        break;
    case ENCLAVE_ADD_FILES:
    case ENCLAVE_ADD_EXTENTS:
        m.u.add.volume = 15;
        m.u.add.tickets = some(3 * (type == ENCLAVE_ADD_FILES ? 148 : 80));
        m.u.add.path = some(44);
        break;
    case ENCLAVE_REMOVE_FILE:
        m.u.remove_file.volume = 3;
        m.u.remove_file.path = some(4);
        break;
    case ENCLAVE_REMOVE_EXTENT:
        m.u.remove_extent.volume = 0;
        m.u.remove_extent.path = some(84);
        break;
    case ENCLAVE_DROP_VOLUME:
        m.u.volume.volume = 9;
        break;
    case ENCLAVE_REPORT_BEGIN:
        m.u.report_begin.draws_files = m.u.report_begin.draws_srd = 2;
        m.u.report_begin.draws_return = 20;
        m.u.report_begin.suspend = (struct enclave_optional_volume){ true, 4 };
        m.u.report_begin.return_ = (struct enclave_optional_volume){ 0 };
        *optional = some(ENCLAVE_CUT_SIZE);
        m.u.report_begin.step = some(300);
        m.u.report_begin.step_mac = some(32);
        m.u.report_begin.entries = some(2 * ENCLAVE_ENTRY_SIZE);
        break;
    case ENCLAVE_REPORT_DRAWS:
        m.u.report_draws.count = ENCLAVE_DRAWS_MAX;
        break;
    case ENCLAVE_UNSEAL:
        m.u.unseal.length = ENCLAVE_SEGMENT_MAX;
        break;
    case ENCLAVE_REPORT_FILE:
        m.u.report_file.path = some(124);
        m.u.report_file.record_path = some(80);
        m.u.report_file.seal_path = some(64);
        break;
    case ENCLAVE_REPORT_EXTENT:
        m.u.report_extent.path = some(4);
        m.u.report_extent.chunk_path = some(320);
        break;
    default:
        break;
    }
    return m;
}

static struct enclave_reply reply_of(uint16_t type)
{
    struct enclave_reply m;
    memset(&m, 1, sizeof(m));
    m.type = type;
    switch (type) {
    case ENCLAVE_HELLO:
        m.u.hello.provider = span_str("software");
        m.u.hello.release = span_str("0.1.0");
        m.u.hello.measurement = some(48);
        m.u.hello.is_volatile = 1;
        break;
    case ENCLAVE_PROVISION:
        m.u.provision.sealed = some(120);
        break;
    case ENCLAVE_EVIDENCE:
        m.u.evidence.evidence = some(80);
        break;
    case ENCLAVE_HAND_OVER:
        m.u.hand_over.record = some(3000);
        break;
    case ENCLAVE_TAKE_OVER:
        m.u.take_over.sealed = some(173);
        break;
    case ENCLAVE_LOAD:
    case ENCLAVE_STATUS:
        m.u.status.pending_bytes = 700;
        m.u.status.volumes = some(ENCLAVE_VOLUMES * ENCLAVE_VOLUME_SIZE);
        m.u.status.numbers = some(5 * ENCLAVE_NUMBER_SIZE);
        m.u.status.record = some(9);
        break;
    case ENCLAVE_SEAL_BEGIN:
    case ENCLAVE_FILL_BEGIN:
        m.u.begin.record = some(3000);
        break;
    case ENCLAVE_SEAL_CLOSE:
        m.u.seal_close.checkpoint = some(1234);
        break;
    case ENCLAVE_CUT:
        m.u.cut.step = some(2000);
        m.u.cut.record = some(3000);
        break;
    case ENCLAVE_REPORT_DRAWS:
        m.u.report_draws.draws = some(7 * ENCLAVE_DRAW_SIZE);
        break;
    case ENCLAVE_REPORT_END:
        m.u.report_end.failed = 0x8001;
        break;
    case ENCLAVE_ABORT:
    case ENCLAVE_ADD_FILES:
    case ENCLAVE_REMOVE_FILE:
    case ENCLAVE_ADD_EXTENTS:
    case ENCLAVE_REMOVE_EXTENT:
    case ENCLAVE_DROP_VOLUME:
        m.u.record.record = some(2000);
        break;
    default:
        break;
    }
    if (type == ENCLAVE_SEAL_BLOCK)
        m.u.seal_block.offset = ENCLAVE_SEGMENT_MAX;
    return m;
}

static size_t encode(uint8_t *out, uint16_t type, bool reply)
{
    struct writer w = writer_of(out, ENCLAVE_BODY_MAX);
    if (reply) {
        struct enclave_reply m = reply_of(type);
        enclave_reply_encode(&w, &m);
    } else {
        struct enclave_request m = request_of(type);
        enclave_msg_encode(&w, &m);
    }
    CHECK_OK(w.err);
    return w.len;
}

/* Decodes, and when that succeeds encodes again and compares. */
static enum err decode(uint16_t type, bool reply, struct span body)
{
    static uint8_t again[ENCLAVE_BODY_MAX];
    struct writer w = writer_of(again, sizeof(again));
    enum err e;
    if (reply) {
        struct enclave_reply m;
        e = enclave_reply_decode(&m, type, body);
        if (e == OK)
            enclave_reply_encode(&w, &m);
    } else {
        struct enclave_request m;
        e = enclave_msg_decode(&m, type, body);
        if (e == OK)
            enclave_msg_encode(&w, &m);
    }
    if (e == OK)
        CHECK_SPAN(writer_span(&w), body);
    return e;
}

static void test_round_trip_prefixes_and_flips(void **state)
{
    (void)state;
    static uint8_t full[ENCLAVE_BODY_MAX + 1];
    for (unsigned i = 0; i < 2 * ENCLAVE_TYPE_END; i++) {
        uint16_t type = (uint16_t)(i / 2);
        bool reply = i % 2 == 1;
        if (type < ENCLAVE_HELLO)
            continue;
        size_t n = encode(full, type, reply);
        CHECK_OK(decode(type, reply, span_of(full, n)));
        for (size_t k = 0; k < n; k += k < 200 ? 1 : 97) {
            uint8_t *exact = check_dup(full, k);
            CHECK(decode(type, reply, span_of(exact, k)) != OK);
            free(exact);
        }
        full[n] = 0;
        CHECK_ERR(decode(type, reply, span_of(full, n + 1)), ERR_TRAILING);
        for (size_t bit = 0; bit < n * 8; bit += bit < 2000 ? 1 : 333) {
            uint8_t *exact = check_dup(full, n);
            exact[bit / 8] ^= (uint8_t)(1u << bit % 8);
            (void)!decode(type, reply, span_of(exact, n)); /* checks the canonical form */
            free(exact);
        }
    }
}

static void test_null_stands_for_nothing(void **state)
{
    (void)state;
    uint8_t out[16];
    struct writer w = writer_of(out, sizeof(out));
    struct enclave_request m = { .type = ENCLAVE_PROVISION };
    enclave_msg_encode(&w, &m);
    static const uint8_t expected[] = { 0x81, 0xf6 };
    CHECK_SPAN(writer_span(&w), span_of(expected, sizeof(expected)));
    CHECK_OK(enclave_msg_decode(&m, ENCLAVE_PROVISION, writer_span(&w)));
    CHECK(m.u.blob.blob.p == NULL);
    static const uint8_t empty[] = { 0x81, 0x40 }; /* bytes of length 0 are not another null */
    CHECK_ERR(enclave_msg_decode(&m, ENCLAVE_PROVISION, span_of(empty, 2)), ERR_FORMAT);
    /* A checkpoint has no null. */
    CHECK_ERR(enclave_msg_decode(&m, ENCLAVE_SEAL_RESUME, writer_span(&w)), ERR_FORMAT);
}

static void test_limits_are_checked(void **state)
{
    (void)state;
    static uint8_t out[ENCLAVE_BODY_MAX];
    struct enclave_request m;
    static const struct {
        uint16_t type;
        size_t size;
        enum err want;
    } rows[] = {
        { ENCLAVE_ADD_FILES, 147, ERR_FORMAT },
        { ENCLAVE_ADD_FILES, 0, ERR_FORMAT },
        { ENCLAVE_ADD_FILES, (size_t)148 * 129, ERR_LIMIT },
        { ENCLAVE_ADD_EXTENTS, (size_t)80 * 129, ERR_LIMIT },
        { ENCLAVE_ADD_EXTENTS, (size_t)80 * 128, OK },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        m = request_of(rows[i].type);
        m.u.add.tickets = some(rows[i].size);
        struct writer w = writer_of(out, sizeof(out));
        enclave_msg_encode(&w, &m);
        CHECK_OK(w.err);
        CHECK_ERR(enclave_msg_decode(&m, rows[i].type, writer_span(&w)), rows[i].want);
    }
    m = request_of(ENCLAVE_REPORT_BEGIN);
    m.u.report_begin.step_mac = (struct span){ NULL, 0 };
    struct writer w = writer_of(out, sizeof(out));
    enclave_msg_encode(&w, &m);
    CHECK_ERR(enclave_msg_decode(&m, ENCLAVE_REPORT_BEGIN, writer_span(&w)), ERR_FORMAT);
    m = request_of(ENCLAVE_DROP_VOLUME);
    m.u.volume.volume = 16;
    w = writer_of(out, sizeof(out));
    enclave_msg_encode(&w, &m);
    CHECK_ERR(enclave_msg_decode(&m, ENCLAVE_DROP_VOLUME, writer_span(&w)), ERR_RANGE);
    CHECK_ERR(enclave_msg_decode(&m, 0, span_of(out, 1)), ERR_UNSUPPORTED);
    CHECK_ERR(enclave_msg_decode(&m, ENCLAVE_TYPE_END, span_of(out, 1)), ERR_UNSUPPORTED);
}

static void test_error_replies(void **state)
{
    (void)state;
    for (int code = OK + 1; code < ERR_COUNT; code++) {
        uint8_t out[128];
        struct writer w = writer_of(out, sizeof(out));
        enclave_reply_encode_error(&w, (enum err)code);
        enum err got;
        CHECK_OK(enclave_reply_decode_error(&got, writer_span(&w)));
        CHECK((int)got == code);
        out[1] = 0;
        CHECK(enclave_reply_decode_error(&got, writer_span(&w)) != OK);
    }
}

static void test_every_type_has_a_name(void **state)
{
    (void)state;
    for (uint16_t t = ENCLAVE_HELLO; t < ENCLAVE_TYPE_END; t++)
        CHECK(enclave_msg_name(t)[0] != '?');
    CHECK(enclave_msg_name(0)[0] == '?' && enclave_msg_name(ENCLAVE_TYPE_END)[0] == '?');
}

int main(void)
{
    struct prng g;
    prng_init(&g, 1);
    prng_fill(&g, bytes, sizeof(bytes));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_prefixes_and_flips),
        cmocka_unit_test(test_null_stands_for_nothing),
        cmocka_unit_test(test_limits_are_checked),
        cmocka_unit_test(test_error_replies),
        cmocka_unit_test(test_every_type_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
