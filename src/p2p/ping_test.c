#include "p2p/ping.h"

#include "base/check.h"
#include "p2p/identify_read.h"

static uint8_t in_bytes[40000], out_bytes[100];

static struct ring ring_in(void)
{
    return ring_of(in_bytes, sizeof(in_bytes));
}

static void pings_come_back(void **state)
{
    (void)state;
    struct ring in = ring_in(), out = ring_of(out_bytes, sizeof(out_bytes));
    uint8_t bytes[200];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        CHECK(ring_put(&in, span_of(bytes + i, 1)) == 1);
        ping_answer(&in, &out);
        size_t whole = (i + 1) / 32 * 32;
        CHECK(ring_used(&out) == (whole < 96 ? whole : 96)); /* three fit */
    }
    CHECK_SPAN(ring_peek(&out), span_of(bytes, 96));
    ring_drop(&out, 96);
    ping_answer(&in, &out);
    CHECK_SPAN(ring_peek(&out), span_of(bytes + 96, 96));
    CHECK(ring_used(&in) == 8); /* a cut group is not answered */
}

static void the_dialer_wants_its_own_bytes(void **state)
{
    (void)state;
    struct ring in = ring_in(), out = ring_of(out_bytes, 40);
    struct ping p;
    uint8_t value[PING_SIZE] = { 1, 2, 3 };
    ping_init(&p);
    CHECK_OK(ping_ask(&p, &out, value, 100));
    CHECK_ERR(ping_ask(&p, &out, value, 100), ERR_BUSY);
    for (int i = 0; i < PING_SIZE; i++) {
        CHECK_OK(ping_step(&p, &in, 120));
        CHECK(p.count == 0 && ring_put(&in, span_of(value + i, 1)) == 1);
    }
    CHECK_OK(ping_step(&p, &in, 130));
    CHECK(p.count == 1 && p.rtt_ms == 30);
    CHECK_ERR(ping_ask(&p, &out, value, 200), ERR_FULL);
    ring_drop(&out, ring_used(&out));
    CHECK_OK(ping_ask(&p, &out, value, 200));
    CHECK_OK(ping_step(&p, &in, 200 + PING_TIMEOUT_MS - 1));
    CHECK_ERR(ping_step(&p, &in, 200 + PING_TIMEOUT_MS), ERR_TIMEOUT);
    value[31] ^= 1;
    CHECK(ring_write(&in, span_of(value, PING_SIZE)));
    CHECK_ERR(ping_step(&p, &in, 201), ERR_FORMAT);
    ping_init(&p);
    CHECK_ERR(ping_step(&p, &in, 201), ERR_FORMAT); /* nobody asked */
}

/* Two messages as go-libp2p sends them, byte by byte. */
static void identify_is_read_to_the_end(void **state)
{
    (void)state;
    static const uint8_t stream[] = {
        8, 0x32, 6, 'c', 'r', 'u', 's', 't', '1', 5, 0x42, 3, 1, 2, 3
    };
    static uint8_t memory[IDENTIFY_READ_MEMORY];
    struct ring in = ring_in();
    struct identify_read r;
    for (size_t cut = 0; cut <= sizeof(stream); cut++) {
        identify_read_init(&r, (struct mspan){ memory, sizeof(memory) }, 0);
        ring_drop(&in, ring_used(&in));
        for (size_t i = 0; i < cut; i++) {
            CHECK(ring_put(&in, span_of(stream + i, 1)) == 1);
            CHECK_OK(identify_read_step(&r, &in, false, 5));
            CHECK(!r.done);
        }
        bool whole = cut == 9 || cut == sizeof(stream);
        CHECK_ERR(identify_read_step(&r, &in, true, 6), whole ? OK : ERR_SHORT);
        CHECK(r.done == whole);
    }
    CHECK_SPAN(r.id.agent_version, span_str("crust1"));
    CHECK(r.id.signed_record.n == 3);
}

static void endless_identify_is_cut_short(void **state)
{
    (void)state;
    static uint8_t memory[IDENTIFY_READ_MEMORY], message[8002] = { 0xc0, 0x3e, 0x7a, 0xbd, 0x3e };
    struct ring in = ring_in();
    struct identify_read r;
    identify_read_init(&r, (struct mspan){ memory, sizeof(memory) }, 0);
    int count = 0;
    enum err e = OK;
    for (; e == OK && count < 20; count++) {
        CHECK(ring_write(&in, span_of(message, sizeof(message))));
        e = identify_read_step(&r, &in, false, 0);
    }
    CHECK(e == ERR_LIMIT && count == 3);
    ring_drop(&in, ring_used(&in));
    CHECK_ERR(identify_read_step(&r, &in, true, 0), ERR_LIMIT); /* sticks */
    identify_read_init(&r, (struct mspan){ memory, sizeof(memory) }, 0);
    for (e = OK, count = 0; e == OK && count < 20; count++) {
        CHECK(ring_write(&in, span_of("\x02\x7a\x00", 3)));
        e = identify_read_step(&r, &in, false, 0);
    }
    CHECK(e == ERR_LIMIT && count == IDENTIFY_MESSAGES_MAX + 1);
    identify_read_init(&r, (struct mspan){ memory, sizeof(memory) }, 0);
    ring_drop(&in, ring_used(&in));
    CHECK_OK(identify_read_step(&r, &in, false, IDENTIFY_READ_MS - 1));
    CHECK_ERR(identify_read_step(&r, &in, false, IDENTIFY_READ_MS), ERR_TIMEOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pings_come_back),
        cmocka_unit_test(the_dialer_wants_its_own_bytes),
        cmocka_unit_test(identify_is_read_to_the_end),
        cmocka_unit_test(endless_identify_is_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
