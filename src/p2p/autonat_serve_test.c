/* Both machines: who asks and who is asked, joined or one against the test. */
#include "p2p/autonat_serve.h"

#include "base/check.h"
#include "codec/varint_frame.h"
#include "p2p/autonat_ask.h"

static const uint8_t here[4] = { 45, 33, 7, 11 }, there[4] = { 80, 67, 9, 22 };
static struct autonat_limits limits;
static uint8_t up_bytes[AUTONAT_SERVE_IN], down_bytes[AUTONAT_SERVE_OUT];
static struct ring up, down;

/* 10.0.0.0/8 is nowhere to be dialled. */
static bool may(void *ctx, const struct multiaddr_tcp *t)
{
    (void)ctx;
    return t->ip[0] != 10;
}

static const struct autonat_policy policy = { &limits, may, NULL };

static void begin(void)
{
    memset(&limits, 0, sizeof(limits));
    up = ring_of(up_bytes, sizeof(up_bytes));
    down = ring_of(down_bytes, sizeof(down_bytes));
}

static void put(struct ring *to, const struct autonat_message *m)
{
    uint8_t buf[VARINT_FRAME_HEAD_MAX + AUTONAT_MESSAGE_MAX];
    struct writer w = writer_of(buf + VARINT_FRAME_HEAD_MAX, sizeof(buf) - VARINT_FRAME_HEAD_MAX);
    autonat_write(&w, m);
    CHECK_OK(w.err);
    CHECK(ring_write(to, varint_frame_close(buf, w.len)));
}

static struct autonat_message take(struct ring *from)
{
    static uint8_t kept[AUTONAT_MESSAGE_MAX];
    struct autonat_message m;
    struct span body;
    size_t taken;
    CHECK_OK(varint_frame_take(&body, &taken, ring_peek(from), AUTONAT_MESSAGE_MAX));
    memcpy(kept, body.p, body.n);
    CHECK_OK(autonat_decode(&m, span_of(kept, body.n)));
    ring_drop(from, taken);
    return m;
}

/* Asks for one address from here; the server's state afterwards. */
static enum autonat_serve_state ask_for(struct autonat_serve *s, const uint8_t ip[4], uint64_t now)
{
    struct multiaddr a = multiaddr_of_ip(span_of(ip, 4), 4001);
    const struct autonat_message m = {
        .kind = AUTONAT_REQUEST, .nonce = 7, .addr_count = 1, .addrs = { multiaddr_span(&a) }
    };
    autonat_serve_init(s, span_of(here, 4), 0x00050000, now);
    put(&up, &m);
    CHECK_OK(autonat_serve_step(s, &policy, &up, &down, now));
    return s->state;
}

static void our_own_address_is_dialled_at_once(void **state)
{
    (void)state;
    struct autonat_serve s;
    begin();
    CHECK(ask_for(&s, here, 1000) == AUTONAT_SERVE_DIAL);
    CHECK(s.nonce == 7 && ring_used(&down) == 0);
    CHECK_OK(autonat_serve_dialled(&s, &down, AUTONAT_UNREACHED));
    struct autonat_message m = take(&down);
    CHECK(m.kind == AUTONAT_RESPONSE && m.status == AUTONAT_DONE && m.dial == AUTONAT_UNREACHED);
    CHECK(s.state == AUTONAT_SERVE_SAID);
}

static void another_address_costs_data(void **state)
{
    (void)state;
    struct autonat_serve s;
    static uint8_t bytes[AUTONAT_DATA_MAX];
    begin();
    CHECK(ask_for(&s, there, 1000) == AUTONAT_SERVE_PAYING);
    struct autonat_message m = take(&down);
    CHECK(m.kind == AUTONAT_DATA_REQUEST && m.addr_index == 0);
    CHECK(m.bytes >= AUTONAT_SERVE_PAY_MIN && m.bytes <= AUTONAT_SERVE_PAY_MAX);
    uint64_t sent = 0;
    while (s.state == AUTONAT_SERVE_PAYING) {
        const struct autonat_message d = { .kind = AUTONAT_DATA,
                                           .data = span_of(bytes, sizeof(bytes)) };
        put(&up, &d);
        CHECK_OK(autonat_serve_step(&s, &policy, &up, &down, 2000));
        sent += sizeof(bytes);
        CHECK((sent >= m.bytes) == (s.state != AUTONAT_SERVE_PAYING));
    }
    CHECK(s.state == AUTONAT_SERVE_PAUSING);
    CHECK_OK(autonat_serve_step(&s, &policy, &up, &down, 2004));
    CHECK(s.state == AUTONAT_SERVE_PAUSING);
    CHECK_OK(autonat_serve_step(&s, &policy, &up, &down, 2005));
    CHECK(s.state == AUTONAT_SERVE_DIAL);
}

static void crumbs_are_not_data(void **state)
{
    (void)state;
    struct autonat_serve s;
    static uint8_t bytes[AUTONAT_SERVE_DATA_MIN];
    begin();
    CHECK(ask_for(&s, there, 1000) == AUTONAT_SERVE_PAYING);
    const struct autonat_message enough = { .kind = AUTONAT_DATA,
                                            .data = span_of(bytes, sizeof(bytes)) };
    put(&up, &enough);
    CHECK_OK(autonat_serve_step(&s, &policy, &up, &down, 1000));
    const struct autonat_message crumb = { .kind = AUTONAT_DATA,
                                           .data = span_of(bytes, sizeof(bytes) - 1) };
    put(&up, &crumb);
    CHECK_ERR(autonat_serve_step(&s, &policy, &up, &down, 1000), ERR_FORMAT);
}

static void the_first_address_that_may_be_is_dialled(void **state)
{
    (void)state;
    struct autonat_serve s;
    struct multiaddr list[4], quic;
    const uint8_t inner[4] = { 10, 0, 0, 1 };
    begin();
    CHECK_OK(multiaddr_parse(&quic, span_str("/ip4/45.33.7.11/udp/4001/quic-v1")));
    CHECK_OK(multiaddr_parse(&list[3], span_str("/dns4/a.example/tcp/4001")));
    list[0] = quic;
    list[1] = multiaddr_of_ip(span_of(inner, 4), 4001);
    list[2] = multiaddr_of_ip(span_of(here, 4), 4001);
    struct autonat_message m = { .kind = AUTONAT_REQUEST, .addr_count = 4 };
    m.addrs[0] = multiaddr_span(&list[3]);
    for (size_t i = 0; i < 3; i++)
        m.addrs[i + 1] = multiaddr_span(&list[i]);
    autonat_serve_init(&s, span_of(here, 4), 0, 0);
    put(&up, &m);
    CHECK_OK(autonat_serve_step(&s, &policy, &up, &down, 0));
    CHECK(s.state == AUTONAT_SERVE_DIAL && s.index == 3);
    CHECK(multiaddr_eq(&s.address, &list[2]));
    CHECK_OK(autonat_serve_dialled(&s, &down, AUTONAT_REACHED));
    CHECK(take(&down).addr_index == 3);
    m.addr_count = 3;
    autonat_serve_init(&s, span_of(here, 4), 0, 0);
    put(&up, &m);
    CHECK_OK(autonat_serve_step(&s, &policy, &up, &down, 0));
    CHECK(s.state == AUTONAT_SERVE_SAID && take(&down).status == AUTONAT_REFUSED);
}

static void requests_are_limited(void **state)
{
    (void)state;
    struct autonat_serve s;
    begin();
    for (int i = 0; i < AUTONAT_SERVE_EACH; i++)
        CHECK(ask_for(&s, here, 1000) == AUTONAT_SERVE_DIAL);
    CHECK(ask_for(&s, here, 60999) == AUTONAT_SERVE_SAID);
    CHECK(take(&down).status == AUTONAT_REJECTED);
    CHECK(ask_for(&s, here, 61000) == AUTONAT_SERVE_DIAL);
    /* Those that need data have a limit of their own, and all have one together. */
    begin();
    const struct autonat_message none = { .kind = AUTONAT_REQUEST };
    for (uint8_t i = 0; i < AUTONAT_SERVE_MINUTE; i++) {
        const uint8_t from[4] = { 62, 1, 1, i };
        struct multiaddr a = multiaddr_of_ip(span_of(there, 4), 4001);
        struct autonat_message paid = none;
        paid.addr_count = 1;
        paid.addrs[0] = multiaddr_span(&a);
        autonat_serve_init(&s, span_of(from, 4), 0, 0);
        put(&up, i < AUTONAT_SERVE_PAID + 1 ? &paid : &none);
        CHECK_OK(autonat_serve_step(&s, &policy, &up, &down, 0));
        uint32_t want = i == AUTONAT_SERVE_PAID ? AUTONAT_REJECTED : AUTONAT_REFUSED;
        struct autonat_message m = take(&down);
        CHECK(i < AUTONAT_SERVE_PAID ? m.kind == AUTONAT_DATA_REQUEST : m.status == want);
    }
    const uint8_t last[4] = { 62, 1, 2, 1 };
    autonat_serve_init(&s, span_of(last, 4), 0, 0);
    put(&up, &none);
    CHECK_OK(autonat_serve_step(&s, &policy, &up, &down, 0));
    CHECK(take(&down).status == AUTONAT_REJECTED);
}

static void who_is_slow_or_says_something_else_is_given_up(void **state)
{
    (void)state;
    struct autonat_serve s;
    begin();
    autonat_serve_init(&s, span_of(here, 4), 0, 0);
    CHECK_OK(autonat_serve_step(&s, &policy, &up, &down, AUTONAT_SERVE_MS - 1));
    CHECK_ERR(autonat_serve_step(&s, &policy, &up, &down, AUTONAT_SERVE_MS), ERR_TIMEOUT);
    const struct autonat_message wrong = { .kind = AUTONAT_RESPONSE };
    autonat_serve_init(&s, span_of(here, 4), 0, 0);
    put(&up, &wrong);
    CHECK_ERR(autonat_serve_step(&s, &policy, &up, &down, 0), ERR_FORMAT);
    const uint8_t big[] = { 0x81, 0x40 };
    begin();
    autonat_serve_init(&s, span_of(here, 4), 0, 0);
    CHECK(ring_write(&up, span_of(big, sizeof(big))));
    CHECK_ERR(autonat_serve_step(&s, &policy, &up, &down, 0), ERR_LIMIT);
}

/* ---- the asker ------------------------------------------------------------------------------- */

static uint8_t in_bytes[AUTONAT_ASK_IN + 8], out_bytes[AUTONAT_ASK_OUT];

static struct autonat_ask asked(struct ring *in, struct ring *out)
{
    struct autonat_ask a;
    struct multiaddr m = multiaddr_of_ip(span_of(there, 4), 4001);
    *in = ring_of(in_bytes, sizeof(in_bytes));
    *out = ring_of(out_bytes, sizeof(out_bytes));
    autonat_ask_init(&a, &m, 99, 0);
    CHECK_OK(autonat_ask_step(&a, in, out, 0));
    CHECK(take(out).nonce == 99);
    return a;
}

static void a_payment_reaches_the_server(void **state)
{
    (void)state;
    struct autonat_serve s;
    struct ring in, out;
    begin();
    struct autonat_ask a = asked(&in, &out);
    CHECK(ask_for(&s, there, 0) == AUTONAT_SERVE_PAYING);
    uint64_t now = 0;
    while (s.state != AUTONAT_SERVE_DIAL) {
        ring_move(&in, &down, SIZE_MAX);
        CHECK_OK(autonat_ask_step(&a, &in, &out, now));
        ring_move(&up, &out, 1000); /* cut anywhere */
        CHECK_OK(autonat_serve_step(&s, &policy, &up, &down, now++));
        CHECK(now < 1000);
    }
    CHECK(a.owed == 0 && autonat_ask_outcome(&a, false, now) == AUTONAT_ASK_OPEN);
    CHECK(autonat_ask_back(&a, 98, true) == false && autonat_ask_back(&a, 99, false) == false);
    CHECK(autonat_ask_back(&a, 99, true));
    CHECK_OK(autonat_serve_dialled(&s, &down, AUTONAT_REACHED));
    ring_move(&in, &down, SIZE_MAX);
    CHECK_OK(autonat_ask_step(&a, &in, &out, now));
    CHECK(a.answered && autonat_ask_outcome(&a, true, now) == AUTONAT_ASK_YES);
}

static void the_nonce_decides(void **state)
{
    (void)state;
    static const struct {
        uint32_t status, dial;
        bool back;
        enum autonat_outcome at_once, later;
    } rows[] = {
        { AUTONAT_DONE, AUTONAT_REACHED, true, AUTONAT_ASK_YES, AUTONAT_ASK_YES },
        { AUTONAT_DONE, AUTONAT_REACHED, false, AUTONAT_ASK_OPEN, AUTONAT_ASK_NOTHING },
        { AUTONAT_DONE, AUTONAT_BACK_FAILED, true, AUTONAT_ASK_YES, AUTONAT_ASK_YES },
        { AUTONAT_DONE, AUTONAT_BACK_FAILED, false, AUTONAT_ASK_OPEN, AUTONAT_ASK_NOTHING },
        { AUTONAT_DONE, AUTONAT_UNREACHED, false, AUTONAT_ASK_NO, AUTONAT_ASK_NO },
        { AUTONAT_DONE, AUTONAT_UNREACHED, true, AUTONAT_ASK_NOTHING, AUTONAT_ASK_NOTHING },
        { AUTONAT_DONE, AUTONAT_UNUSED, false, AUTONAT_ASK_NOTHING, AUTONAT_ASK_NOTHING },
        { AUTONAT_DONE, 300, false, AUTONAT_ASK_NOTHING, AUTONAT_ASK_NOTHING },
        { AUTONAT_REJECTED, AUTONAT_REACHED, true, AUTONAT_ASK_NOTHING, AUTONAT_ASK_NOTHING },
        { AUTONAT_REFUSED, AUTONAT_UNREACHED, false, AUTONAT_ASK_NOTHING, AUTONAT_ASK_NOTHING },
        { AUTONAT_INTERNAL, AUTONAT_UNREACHED, false, AUTONAT_ASK_NOTHING, AUTONAT_ASK_NOTHING },
        { 201, AUTONAT_UNREACHED, false, AUTONAT_ASK_NOTHING, AUTONAT_ASK_NOTHING },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ring in, out;
        struct autonat_ask a = asked(&in, &out);
        const struct autonat_message m = { .kind = AUTONAT_RESPONSE,
                                           .status = rows[i].status,
                                           .dial = rows[i].dial };
        if (rows[i].back)
            CHECK(autonat_ask_back(&a, 99, true));
        CHECK(autonat_ask_outcome(&a, false, 10) == AUTONAT_ASK_OPEN);
        put(&in, &m);
        CHECK_OK(autonat_ask_step(&a, &in, &out, 10));
        CHECK(autonat_ask_outcome(&a, true, 10 + AUTONAT_ASK_BACK_MS - 1) == rows[i].at_once);
        CHECK(autonat_ask_outcome(&a, true, 10 + AUTONAT_ASK_BACK_MS) == rows[i].later);
    }
}

static void an_answer_that_breaks_the_rules_tells_nothing(void **state)
{
    (void)state;
    const struct autonat_message rows[] = {
        { .kind = AUTONAT_DATA_REQUEST, .bytes = AUTONAT_ASK_PAY_MAX + 1 },
        { .kind = AUTONAT_DATA_REQUEST, .bytes = 30000, .addr_index = 1 },
        { .kind = AUTONAT_RESPONSE, .status = AUTONAT_DONE, .addr_index = 1 },
        { .kind = AUTONAT_REQUEST },
        { .kind = AUTONAT_DATA },
    };
    struct ring in, out;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct autonat_ask a = asked(&in, &out);
        put(&in, &rows[i]);
        CHECK_ERR(autonat_ask_step(&a, &in, &out, 0), ERR_FORMAT);
        CHECK(autonat_ask_outcome(&a, false, 0) == AUTONAT_ASK_NOTHING);
    }
    struct autonat_ask a = asked(&in, &out);
    const struct autonat_message pay = { .kind = AUTONAT_DATA_REQUEST, .bytes = 5000 };
    put(&in, &pay);
    put(&in, &pay);
    CHECK_ERR(autonat_ask_step(&a, &in, &out, 0), ERR_FORMAT);
    a = asked(&in, &out);
    CHECK_OK(autonat_ask_step(&a, &in, &out, AUTONAT_ASK_MS - 1));
    CHECK(autonat_ask_outcome(&a, true, 0) == AUTONAT_ASK_NOTHING);
    CHECK_ERR(autonat_ask_step(&a, &in, &out, AUTONAT_ASK_MS), ERR_TIMEOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_address_is_dialled_at_once),
        cmocka_unit_test(another_address_costs_data),
        cmocka_unit_test(crumbs_are_not_data),
        cmocka_unit_test(the_first_address_that_may_be_is_dialled),
        cmocka_unit_test(requests_are_limited),
        cmocka_unit_test(who_is_slow_or_says_something_else_is_given_up),
        cmocka_unit_test(a_payment_reaches_the_server),
        cmocka_unit_test(the_nonce_decides),
        cmocka_unit_test(an_answer_that_breaks_the_rules_tells_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
