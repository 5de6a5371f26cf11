#include "p2p/conn.h"

#include "base/prng.h"
#include "p2p/testends.h"
#include "p2p/testlink.h"

enum { CHUNKS = 256, STREAMS = 64 };

static const char *const served[] = { "/echo/1", "/sink/1" };

struct pair {
    struct testlink link;
    struct conn c[2];
    struct yamux_pool pool[2];
    struct yamux_chunk chunks[2][CHUNKS];
    struct yamux_stream streams[2][STREAMS];
    uint8_t app[2][2][UPGRADE_APP_SIZE];
    uint64_t now;
    uint32_t opened[2], refused[2], agreed[2], ready[2], resets[2];
    uint32_t last[2]; /* the last stream that was opened or agreed on */
};

static struct pair *pair_init(size_t piece, bool tls)
{
    static struct pair p;
    memset(&p, 0, sizeof(p));
    testlink_init(&p.link, UPGRADE_NET_SIZE, piece);
    p.now = 1000;
    for (int i = 0; i < 2; i++) {
        uint8_t random[UPGRADE_RANDOM_SIZE] = { (uint8_t)(i + 1), 9 };
        random[40] = (uint8_t)(i + 3);
        yamux_pool_init(&p.pool[i], p.chunks[i], CHUNKS, p.streams[i], STREAMS, 1 << 20);
        struct conn_config config = { .upgrade = { .dialer = i == 0,
                                                   .noise = !tls,
                                                   .tls = tls,
                                                   .early_muxer = true,
                                                   .identity = &identity[i],
                                                   .tls_identity = &shared[i],
                                                   .unix_s = NOW,
                                                   .deadline_ms = 1000 + UPGRADE_TIMEOUT_MS },
                                      .yamux = yamux_defaults(i == 0),
                                      .pool = &p.pool[i],
                                      .served = served,
                                      .served_count = 2 };
        conn_init(&p.c[i], &config, random);
        p.c[i].app_in = ring_of(p.app[i][0], UPGRADE_APP_SIZE);
        p.c[i].app_out = ring_of(p.app[i][1], UPGRADE_APP_SIZE);
    }
    return &p;
}

static void pair_fini(struct pair *p)
{
    conn_fini(&p->c[0]);
    conn_fini(&p->c[1]);
    for (int i = 0; i < 2; i++)
        CHECK(p->pool[i].streams_free == STREAMS && p->pool[i].chunks_free == CHUNKS);
}

/* The listener's side of the two protocols. */
static void serve(struct conn *c, uint32_t stream)
{
    struct span s = conn_peek(c, stream);
    while (s.n != 0) {
        size_t taken = s.n;
        if (conn_write(c, stream, s, &taken) != OK || taken == 0)
            return;
        conn_drop(c, stream, taken);
        s = conn_peek(c, stream);
    }
    if (conn_at_end(c, stream))
        conn_close(c, stream);
}

static void events(struct pair *p, int i)
{
    struct conn_event ev;
    while (conn_event(&p->c[i], &ev)) {
        p->ready[i] += ev.kind == CONN_READY;
        p->opened[i] += ev.kind == CONN_OPENED;
        p->agreed[i] += ev.kind == CONN_AGREED;
        p->refused[i] += ev.kind == CONN_REFUSED;
        if (ev.kind == CONN_OPENED || ev.kind == CONN_AGREED)
            p->last[i] = ev.stream;
        if (ev.kind == CONN_OPENED)
            CHECK(ev.protocol == 0);
        if (ev.kind == CONN_STREAM && (ev.what & YAMUX_RESET) != 0) {
            p->resets[i]++;
            conn_close(&p->c[i], ev.stream);
        } else if (i == 1 && ev.kind != CONN_READY) {
            serve(&p->c[1], ev.stream);
        }
    }
}

static void run(struct pair *p)
{
    int quiet = 0;
    while (quiet < 3) {
        for (int i = 0; i < 2; i++) {
            CHECK_OK(conn_step(&p->c[i], &p->link.in[i], &p->link.out[i], p->now));
            events(p, i);
            CHECK_OK(conn_step(&p->c[i], &p->link.in[i], &p->link.out[i], p->now));
        }
        quiet = testlink_move(&p->link) ? 0 : quiet + 1;
    }
}

static void test_echo_in_any_pieces(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 4; k++) {
        struct pair *p = pair_init(k & 1, (k & 2) != 0);
        uint32_t stream, early;
        size_t taken;
        CHECK_ERR(conn_open(&p->c[0], "/echo/1", &stream), ERR_STATE);
        run(p);
        CHECK(p->ready[0] == 1 && p->ready[1] == 1 && conn_ready(&p->c[0]));
        /* Bytes behind the offer, before the peer has agreed. */
        CHECK_OK(conn_open(&p->c[0], "/echo/1", &stream));
        CHECK_OK(conn_write(&p->c[0], stream, span_str("hello"), &taken));
        CHECK(taken == 5);
        CHECK_OK(conn_open(&p->c[0], "/echo/1", &early));
        run(p);
        CHECK(p->agreed[0] == 2 && p->opened[1] == 2 && p->refused[0] == 0);
        CHECK_SPAN(conn_peek(&p->c[0], stream), span_str("hello"));
        conn_drop(&p->c[0], stream, 5);
        CHECK(conn_peek(&p->c[0], early).n == 0);
        conn_finish(&p->c[0], stream);
        run(p);
        CHECK(conn_at_end(&p->c[0], stream) && !conn_at_end(&p->c[0], early));
        conn_close(&p->c[0], stream);
        conn_reset(&p->c[0], early);
        run(p);
        CHECK(p->resets[1] == 1);
        conn_leave(&p->c[0], &p->link.in[0], &p->link.out[0]);
        while (testlink_move(&p->link)) {
        }
        enum err e = conn_step(&p->c[1], &p->link.in[1], &p->link.out[1], p->now);
        CHECK_ERR(e, (k & 2) != 0 ? ERR_CLOSED : OK); /* only TLS says when it ends */
        pair_fini(p);
    }
}

static void test_protocol_that_nobody_speaks(void **state)
{
    (void)state;
    struct pair *p = pair_init(0, false);
    uint32_t stream;
    run(p);
    for (int i = 0; i < 20; i++) {
        CHECK_OK(conn_open(&p->c[0], "/nobody/1", &stream));
        run(p);
        CHECK(p->refused[0] == (uint32_t)i + 1 && p->opened[1] == 0);
    }
    CHECK(p->pool[0].streams_free == STREAMS);
    pair_fini(p);
}

/* A peer that opens streams and says nothing holds no more than CONN_TALKS of them, for a while. */
static void test_silent_streams(void **state)
{
    (void)state;
    struct pair *p = pair_init(0, false);
    uint32_t ids[CONN_TALKS + 4];
    run(p);
    for (size_t i = 0; i < CONN_TALKS + 4; i++)
        CHECK_OK(yamux_open(&p->c[0].yamux, &ids[i]));
    run(p);
    CHECK(p->resets[0] == 4); /* those over the limit */
    CHECK(conn_deadline(&p->c[1]) <= p->now + CONN_TALK_MS);
    p->now += CONN_TALK_MS - 1;
    run(p);
    CHECK(p->resets[0] == 4);
    p->now += 1;
    run(p);
    CHECK(p->resets[0] == CONN_TALKS + 4 && p->opened[1] == 0);
    /* And afterwards it is served as before. */
    CHECK_OK(conn_open(&p->c[0], "/echo/1", &ids[0]));
    run(p);
    CHECK(p->agreed[0] == 1);
    pair_fini(p);
}

/* Our own: too many under way are refused to us, and given up in time. */
static void test_own_agreements_are_bounded(void **state)
{
    (void)state;
    struct pair *p = pair_init(0, false);
    uint32_t ids[CONN_TALKS], one;
    run(p);
    for (size_t i = 0; i < CONN_TALKS; i++)
        CHECK_OK(conn_open(&p->c[0], "/echo/1", &ids[i]));
    CHECK_ERR(conn_open(&p->c[0], "/echo/1", &one), ERR_BUSY);
    CHECK(one == YAMUX_NONE);
    conn_close(&p->c[0], ids[0]);
    CHECK_OK(conn_open(&p->c[0], "/echo/1", &ids[0]));
    /* Nothing moves between the two: all are given up. */
    p->now += CONN_TALK_MS;
    CHECK_OK(conn_step(&p->c[0], &p->link.in[0], &p->link.out[0], p->now));
    events(p, 0);
    CHECK(p->refused[0] == CONN_TALKS && p->agreed[0] == 0);
    pair_fini(p);
}

static void test_garbage_instead_of_an_offer(void **state)
{
    (void)state;
    struct pair *p = pair_init(0, false);
    uint32_t id;
    size_t taken;
    run(p);
    CHECK_OK(yamux_open(&p->c[0].yamux, &id));
    CHECK_OK(conn_write(&p->c[0], id,
                        span_str("GET / HTTP/1.1\r\n\r\n aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                 "aaaaaaaaaaaaaaaaaaaaaaa"),
                        &taken));
    run(p);
    CHECK(p->resets[0] == 1 && p->opened[1] == 0);
    pair_fini(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_in_any_pieces),
        cmocka_unit_test(test_protocol_that_nobody_speaks),
        cmocka_unit_test(test_silent_streams),
        cmocka_unit_test(test_own_agreements_are_bounded),
        cmocka_unit_test(test_garbage_instead_of_an_offer),
    };
    return cmocka_run_group_tests(tests, testends_setup, testends_teardown);
}
