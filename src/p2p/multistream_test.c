#include "p2p/multistream.h"

#include "p2p/testlink.h"

#define HEADER "\x13/multistream/1.0.0\n"
#define NOISE  "\x07/noise\n"
#define TLS    "\x0b/tls/1.0.0\n"
#define NA     "\x03na\n"

static const char *const both[] = { "/noise", "/tls/1.0.0" };
static const char *const tls_only[] = { "/tls/1.0.0" };
static const char *const yamux_only[] = { "/yamux/1.0.0" };

struct pair {
    struct testlink link;
    struct multistream m[2];
};

static enum err run(struct pair *p)
{
    do {
        for (int i = 0; i < 2; i++)
            TRY(multistream_step(&p->m[i], &p->link.in[i], &p->link.out[i]));
    } while (testlink_move(&p->link));
    return OK;
}

/* Any pair of lists, any size of the pieces: both ends agree, and what follows is left alone. */
static void test_dialer_meets_listener(void **state)
{
    (void)state;
    static const struct {
        const char *const *dial;
        size_t dial_count;
        const char *const *listen;
        size_t listen_count;
        size_t want; /* index in dial; 9: none */
    } rows[] = {
        { both, 1, both, 2, 0 }, { both, 2, tls_only, 1, 1 },   { tls_only, 1, both, 2, 0 },
        { both, 2, both, 2, 0 }, { both, 2, yamux_only, 1, 9 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t piece = 0; piece < 4; piece++) {
            struct pair p;
            testlink_init(&p.link, MULTISTREAM_FRAME_MAX, piece);
            multistream_dial(&p.m[0], rows[i].dial, rows[i].dial_count, false);
            multistream_listen(&p.m[1], rows[i].listen, rows[i].listen_count);
            enum err e = run(&p);
            if (rows[i].want == 9) {
                CHECK_ERR(e, ERR_UNSUPPORTED);
                CHECK_ERR(multistream_step(&p.m[0], &p.link.in[0], &p.link.out[0]),
                          ERR_UNSUPPORTED);
                CHECK(!multistream_done(&p.m[0]) && !multistream_done(&p.m[1]));
            } else {
                CHECK_OK(e);
                CHECK(multistream_done(&p.m[0]) && multistream_done(&p.m[1]));
                CHECK(multistream_chosen(&p.m[0]) == rows[i].want);
                CHECK(strcmp(rows[i].listen[multistream_chosen(&p.m[1])],
                             rows[i].dial[rows[i].want]) == 0);
                CHECK(ring_used(&p.link.in[0]) == 0 && ring_used(&p.link.in[1]) == 0);
            }
        }
}

struct script {
    const char *name;
    bool dialer;
    const char *in, *out; /* what the peer sends, what we must answer */
    enum err want;
    const char *left; /* bytes that must stay in the ring */
};

#define LINE_16 "0123456789abcdef"
#define LINE_64 LINE_16 LINE_16 LINE_16 LINE_16

static const struct script scripts[] = {
    { "a whole dialogue and the next protocol", false, HEADER NOISE "next", HEADER NOISE, OK,
      "next" },
    { "declined, then agreed", false, HEADER "\x04/xy\n" TLS, HEADER NA TLS, OK, "" },
    { "ls is one more thing we do not have", false, HEADER "\x03ls\n" TLS, HEADER NA TLS, OK, "" },
    { "another header", false, "\x13/multistream/2.0.0\n", "", ERR_FORMAT, NULL },
    { "no header", false, NOISE, "", ERR_FORMAT, NULL },
    { "the header twice is an offer we decline", false, HEADER HEADER TLS, HEADER NA TLS, OK, "" },
    { "no newline", false, HEADER "\x06/noise", HEADER, ERR_FORMAT, NULL },
    { "an empty line", false, HEADER "\x01\n" TLS, HEADER NA TLS, OK, "" },
    { "length over the limit", false, "\x81\x08", "", ERR_LIMIT, NULL },
    { "length of three bytes", false, "\x80\x80\x01", "", ERR_LIMIT, NULL },
    { "a long line is waited for", false, "\x93\x01/m", "", OK, "\x93\x01/m" },
    { "HTTP", false, "GET / HTTP/1.1\r\nHost: x\r\n\r\n" LINE_64, "", ERR_FORMAT, NULL },
    { "dialer agrees", true, HEADER NOISE "rest", HEADER NOISE, OK, "rest" },
    { "dialer is declined once", true, HEADER NA TLS "rest", HEADER NOISE TLS, OK, "rest" },
    { "dialer is declined twice", true, HEADER NA NA, HEADER NOISE TLS, ERR_UNSUPPORTED, NULL },
    { "another answer than the offer", true, HEADER TLS, HEADER NOISE, ERR_FORMAT, NULL },
    { "no header before the answer", true, NOISE, HEADER NOISE, ERR_FORMAT, NULL },
};

static void run_script(const struct script *s, size_t piece)
{
    struct testlink l;
    struct multistream m;
    struct span in = span_str(s->in);
    testlink_init(&l, 2048, 0);
    if (s->dialer)
        multistream_dial(&m, both, 2, false);
    else
        multistream_listen(&m, both, 2);
    enum err e = multistream_step(&m, &l.in[0], &l.out[0]);
    for (size_t at = 0; at < in.n && e == OK; at += piece) {
        CHECK(ring_write(&l.in[0], span_sub(in, at, piece)));
        e = multistream_step(&m, &l.in[0], &l.out[0]);
    }
    if (e != s->want)
        fail_msg("%s: %s", s->name, err_name(e));
    CHECK_SPAN(ring_peek(&l.out[0]), span_str(s->out));
    if (s->left != NULL)
        CHECK_SPAN(ring_peek(&l.in[0]), span_str(s->left));
}

static void test_scripts_in_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
        for (size_t piece = 1; piece <= 64; piece += piece < 8 ? 1 : 28)
            run_script(&scripts[i], piece);
}

static void test_length_zero_is_refused(void **state)
{
    (void)state;
    struct testlink l;
    struct multistream m;
    testlink_init(&l, 64, 0);
    multistream_listen(&m, both, 2);
    CHECK(ring_write(&l.in[0], span_of("\0", 1)));
    CHECK_ERR(multistream_step(&m, &l.in[0], &l.out[0]), ERR_FORMAT);
    ring_drop(&l.in[0], ring_used(&l.in[0]));
    multistream_listen(&m, both, 2);
    CHECK(ring_write(&l.in[0], span_of("\x93\0", 2))); /* padded */
    CHECK_ERR(multistream_step(&m, &l.in[0], &l.out[0]), ERR_FORMAT);
}

static void test_limit_of_declined_offers(void **state)
{
    (void)state;
    struct testlink l;
    struct multistream m;
    testlink_init(&l, 4096, 0);
    multistream_listen(&m, both, 2);
    CHECK(ring_write(&l.in[0], span_str(HEADER)));
    for (int i = 0; i < MULTISTREAM_TRIES_MAX; i++)
        CHECK(ring_write(&l.in[0], span_str("\x03/x\n")));
    CHECK_OK(multistream_step(&m, &l.in[0], &l.out[0]));
    CHECK(ring_used(&l.in[0]) == 0);
    CHECK(ring_write(&l.in[0], span_str("\x03/x\n")));
    CHECK_ERR(multistream_step(&m, &l.in[0], &l.out[0]), ERR_LIMIT);
}

/* The longest line there is, each way. */
static void test_longest_line(void **state)
{
    (void)state;
    static char name[MULTISTREAM_LINE_MAX];
    memset(name, 'a', sizeof(name) - 1);
    const char *const ids[] = { name };
    for (size_t piece = 0; piece < 2; piece++) {
        struct pair p;
        testlink_init(&p.link, MULTISTREAM_FRAME_MAX + 20, piece);
        multistream_dial(&p.m[0], ids, 1, false);
        multistream_listen(&p.m[1], ids, 1);
        CHECK_OK(run(&p));
        CHECK(multistream_done(&p.m[0]) && multistream_done(&p.m[1]));
    }
}

/* A lazy dialer sends its bytes behind the offer, before any answer. */
static void test_lazy(void **state)
{
    (void)state;
    struct pair p;
    testlink_init(&p.link, 2048, 0);
    multistream_dial(&p.m[0], both, 1, true);
    multistream_listen(&p.m[1], both, 2);
    CHECK(!multistream_may_send(&p.m[0]));
    CHECK_OK(multistream_step(&p.m[0], &p.link.in[0], &p.link.out[0]));
    CHECK(multistream_may_send(&p.m[0]) && !multistream_done(&p.m[0]));
    CHECK(multistream_chosen(&p.m[0]) == 0);
    CHECK(ring_write(&p.link.out[0], span_str("early")));
    CHECK_OK(run(&p));
    CHECK(multistream_done(&p.m[0]) && multistream_done(&p.m[1]));
    CHECK_SPAN(ring_peek(&p.link.in[1]), span_str("early"));
}

/* A full ring stops the machine without losing anything. */
static void test_no_room_to_answer(void **state)
{
    (void)state;
    uint8_t small[8], memory[256];
    struct ring in = ring_of(memory, sizeof(memory)), out = ring_of(small, sizeof(small));
    struct multistream m;
    multistream_listen(&m, both, 2);
    CHECK(ring_write(&in, span_str(HEADER NOISE)));
    CHECK_OK(multistream_step(&m, &in, &out));
    CHECK(ring_used(&in) == strlen(HEADER NOISE) && ring_used(&out) == 0);
    uint8_t large[256];
    out = ring_of(large, strlen(HEADER) + 3);
    CHECK_OK(multistream_step(&m, &in, &out));
    CHECK(ring_used(&in) == strlen(NOISE) && !multistream_done(&m));
    ring_drop(&out, strlen(HEADER));
    CHECK_OK(multistream_step(&m, &in, &out));
    CHECK(multistream_done(&m));
    CHECK_SPAN(ring_peek(&out), span_str(NOISE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialer_meets_listener),
        cmocka_unit_test(test_scripts_in_any_pieces),
        cmocka_unit_test(test_length_zero_is_refused),
        cmocka_unit_test(test_limit_of_declined_offers),
        cmocka_unit_test(test_longest_line),
        cmocka_unit_test(test_lazy),
        cmocka_unit_test(test_no_room_to_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
