#include "codec/identify.h"

#include "base/check.h"
#include "codec/pb.h"
#include "codec/varint_frame.h"

static const uint8_t key[36] = { 0x08, 0x01, 0x12, 0x20, 7, 7, 7 };
static const uint8_t addr[8] = { 0x04, 127, 0, 0, 1, 0x06, 0x0f, 0xa1 };

static struct identify sample(void)
{
    struct identify id = { .public_key = span_of(key, sizeof(key)),
                           .observed_addr = span_of(addr, sizeof(addr)),
                           .protocol_version = span_str("ipfs/0.1.0"),
                           .agent_version = span_str("crust/1"),
                           .addr_count = 2,
                           .protocol_count = 2 };
    id.addrs[0] = id.addrs[1] = span_of(addr, sizeof(addr));
    id.protocols[0] = span_str("/ipfs/ping/1.0.0");
    id.protocols[1] = span_str(IDENTIFY_ID);
    return id;
}

static size_t sample_bytes(uint8_t *out, size_t n)
{
    struct writer w = writer_of(out, n);
    struct identify id = sample();
    identify_write(&w, &id);
    CHECK_OK(w.err);
    return w.len;
}

static void the_bytes_are_those_of_the_proto_file(void **state)
{
    (void)state;
    uint8_t buf[512], want[512];
    struct writer w = writer_of(want, sizeof(want));
    struct span a = span_of(addr, sizeof(addr));
    write_u8(&w, 0x0a); /* 1, publicKey */
    write_u8(&w, 36);
    write_bytes(&w, key, sizeof(key));
    for (int i = 0; i < 2; i++) { /* 2, listenAddrs */
        write_u8(&w, 0x12);
        write_u8(&w, 8);
        write_span(&w, a);
    }
    write_bytes(&w, "\x1a\x10/ipfs/ping/1.0.0", 18); /* 3, protocols */
    write_bytes(&w, "\x1a\x0e/ipfs/id/1.0.0", 16);
    write_bytes(&w, "\x22\x08", 2); /* 4, observedAddr */
    write_span(&w, a);
    write_bytes(&w, "\x2a\x0aipfs/0.1.0", 12); /* 5, protocolVersion */
    write_bytes(&w,
                "\x32\x07"
                "crust/1",
                9); /* 6, agentVersion */
    CHECK_SPAN(span_of(buf, sample_bytes(buf, sizeof(buf))), writer_span(&w));
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    uint8_t buf[512];
    size_t n = sample_bytes(buf, sizeof(buf));
    struct identify id = { 0 }, want = sample();
    CHECK_OK(identify_merge(&id, span_of(buf, n)));
    CHECK_SPAN(id.public_key, want.public_key);
    CHECK(id.addr_count == 2 && id.protocol_count == 2);
    CHECK_SPAN(id.addrs[1], want.addrs[1]);
    CHECK(identify_speaks(&id, span_str(IDENTIFY_ID)));
    CHECK(!identify_speaks(&id, span_str(IDENTIFY_PUSH_ID)));
    CHECK_SPAN(id.agent_version, span_str("crust/1"));
    CHECK_SPAN(id.observed_addr, want.observed_addr);
}

/* A cut inside a field is refused; one between two fields leaves a shorter message. */
static void no_prefix_reads_beyond_its_end(void **state)
{
    (void)state;
    uint8_t buf[512];
    size_t n = sample_bytes(buf, sizeof(buf)), whole = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t *exact = check_dup(buf, i);
        struct identify id = { 0 };
        enum err e = identify_merge(&id, span_of(exact, i));
        CHECK(e == OK || e == ERR_SHORT);
        CHECK(e == OK || id.addr_count == 0);
        whole += e == OK;
        free(exact);
    }
    CHECK(whole == 8); /* the eight fields begin here */
}

static void messages_are_merged(void **state)
{
    (void)state;
    uint8_t buf[512];
    size_t n = sample_bytes(buf, sizeof(buf));
    static const uint8_t record[] = { 0x42, 3, 1, 2, 3 };
    struct identify id = { 0 };
    CHECK_OK(identify_merge(&id, span_of(buf, n)));
    CHECK_OK(identify_merge(&id, span_of(record, sizeof(record))));
    CHECK_SPAN(id.signed_record, span_of(record + 2, 3));
    CHECK(id.protocol_count == 2 && id.public_key.n == 36);
}

static void lists_are_cut_not_refused(void **state)
{
    (void)state;
    static uint8_t buf[IDENTIFY_MESSAGE_MAX + 1];
    struct writer w = writer_of(buf, sizeof(buf));
    for (int i = 0; i < 100; i++) {
        pb_write_bytes(&w, 2, span_of(addr, sizeof(addr)));
        pb_write_bytes(&w, 3, span_str("/x/1"));
    }
    pb_write_bytes(&w, 2, (struct span){ NULL, 0 });
    static uint8_t longer[600];
    pb_write_bytes(&w, 6, span_of(longer, sizeof(longer)));
    pb_write_bytes(&w, 4, span_of(longer, sizeof(longer)));
    CHECK_OK(w.err);
    struct identify id = { 0 };
    CHECK_OK(identify_merge(&id, writer_span(&w)));
    CHECK(id.addr_count == IDENTIFY_ADDRS_MAX && id.protocol_count == IDENTIFY_PROTOCOLS_MAX);
    CHECK(id.agent_version.n == 0 && id.observed_addr.n == 0);
    CHECK_ERR(identify_merge(&id, span_of(buf, IDENTIFY_MESSAGE_MAX + 1)), ERR_LIMIT);
    CHECK(id.addr_count == 0);
    CHECK_ERR(identify_merge(&id, span_of("\x10\x01", 2)), ERR_FORMAT);
    CHECK_OK(identify_merge(&id, span_of("\x78\x01", 2))); /* field 15 is of the future */
}

static void frames_come_in_pieces(void **state)
{
    (void)state;
    static uint8_t buf[302] = { 0xac, 0x02 }; /* 300 */
    struct span body;
    size_t taken, size, head;
    for (size_t n = 0; n < sizeof(buf); n++) {
        uint8_t *exact = check_dup(buf, n);
        CHECK_ERR(varint_frame_take(&body, &taken, span_of(exact, n), 300), ERR_SHORT);
        free(exact);
    }
    CHECK_OK(varint_frame_take(&body, &taken, span_of(buf, sizeof(buf)), 300));
    CHECK(taken == 302 && body.n == 300 && body.p == buf + 2);
    CHECK_ERR(varint_frame_head(&size, &head, span_of(buf, 2), 299), ERR_LIMIT);
    CHECK_ERR(varint_frame_head(&size, &head, span_of("\x80\x00", 2), 299), ERR_FORMAT);
    CHECK_ERR(varint_frame_head(&size, &head, span_of("\xff\xff\xff\xff\xff\x01", 6), SIZE_MAX),
              ERR_FORMAT);
    CHECK_OK(varint_frame_take(&body, &taken, span_of("\x00", 1), 299));
    CHECK(taken == 1 && body.n == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_those_of_the_proto_file),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(no_prefix_reads_beyond_its_end),
        cmocka_unit_test(messages_are_merged),
        cmocka_unit_test(lists_are_cut_not_refused),
        cmocka_unit_test(frames_come_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
