#include "p2p/yamux.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/prng.h"

#include <stdio.h>

enum { CHUNKS = 2048, STREAMS = 700, RING = 1 << 18 };

/* Two sides, four rings, one pool each. */
struct side {
    struct yamux_pool pool;
    struct yamux_chunk *chunks;
    struct yamux_stream *streams;
    struct yamux y;
    struct ring in, out;
};

struct pair {
    struct side s[2];
    uint64_t now;
};

static void side_init(struct side *s, const struct yamux_config *c, uint32_t chunks, uint64_t now)
{
    s->chunks = calloc(chunks, sizeof(s->chunks[0]));
    s->streams = calloc(STREAMS, sizeof(s->streams[0]));
    CHECK(s->chunks != NULL && s->streams != NULL);
    yamux_pool_init(&s->pool, s->chunks, chunks, s->streams, STREAMS, 64u << 20);
    s->in = ring_of(malloc(RING), RING);
    s->out = ring_of(malloc(RING), RING);
    CHECK_OK(yamux_init(&s->y, &s->pool, c, now));
}

static void side_fini(struct side *s)
{
    uint32_t chunks = s->pool.chunk_count;
    yamux_fini(&s->y);
    CHECK(s->pool.chunks_free == chunks && s->pool.streams_free == STREAMS);
    CHECK(s->pool.chunks_reserved == 0 && s->pool.window_used == 0);
    free(s->chunks);
    free(s->streams);
    free(s->in.p);
    free(s->out.p);
}

static struct yamux_config quiet(bool client)
{
    struct yamux_config c = yamux_defaults(client);
    c.keepalive_ms = 0;
    return c;
}

static struct pair *pair_new(void)
{
    struct pair *p = calloc(1, sizeof(*p));
    CHECK(p != NULL);
    struct yamux_config a = quiet(true), b = quiet(false);
    p->now = 1000;
    side_init(&p->s[0], &a, CHUNKS, p->now);
    side_init(&p->s[1], &b, CHUNKS, p->now);
    return p;
}

static void pair_free(struct pair *p)
{
    side_fini(&p->s[0]);
    side_fini(&p->s[1]);
    free(p);
}

static void step(struct pair *p, int i)
{
    CHECK_OK(yamux_step(&p->s[i].y, &p->s[i].in, &p->s[i].out, p->now));
}

/* Carries up to n bytes from side i to the other. */
static size_t carry(struct pair *p, int i, size_t n)
{
    return ring_move(&p->s[1 - i].in, &p->s[i].out, n);
}

static void run(struct pair *p)
{
    for (bool moved = true; moved;) {
        step(p, 0);
        step(p, 1);
        moved = carry(p, 0, SIZE_MAX) + carry(p, 1, SIZE_MAX) > 0;
    }
}

static struct yamux_event next(struct pair *p, int i)
{
    struct yamux_event ev;
    CHECK(yamux_event(&p->s[i].y, &ev));
    return ev;
}

static bool silent(struct pair *p, int i)
{
    struct yamux_event ev;
    return !yamux_event(&p->s[i].y, &ev);
}

static void check_out(struct side *s, const char *hex)
{
    uint8_t want[256];
    size_t n = strlen(hex) / 2;
    CHECK_OK(hex_parse(want, n, hex));
    CHECK_SPAN(ring_peek(&s->out), span_of(want, n));
    ring_drop(&s->out, n);
}

static void feed(struct side *s, const char *hex)
{
    uint8_t bytes[256];
    size_t n = strlen(hex) / 2;
    CHECK_OK(hex_parse(bytes, n, hex));
    CHECK(ring_write(&s->in, span_of(bytes, n)));
}

/* The vectors of docs/spec/yamux.md 6. */
static void frames_have_these_bytes(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    uint32_t id;
    size_t taken;
    CHECK_OK(yamux_open(&p->s[0].y, &id));
    CHECK(id == 1);
    CHECK_OK(yamux_write(&p->s[0].y, &p->s[0].out, id, span_str("hello"), &taken));
    CHECK(taken == 5);
    check_out(&p->s[0], "000100010000000100000000"
                        "00000000000000010000000568656c6c6f");
    yamux_finish(&p->s[0].y, id);
    step(p, 0);
    check_out(&p->s[0], "000100040000000100000000");
    feed(&p->s[0], "000200010000000000000007"); /* ping */
    step(p, 0);
    check_out(&p->s[0], "000200020000000000000007");
    yamux_reset(&p->s[0].y, id, 5);
    step(p, 0);
    check_out(&p->s[0], "000100080000000100000005");
    yamux_go_away(&p->s[0].y, YAMUX_CODE_NORMAL);
    step(p, 0);
    check_out(&p->s[0], "000300000000000000000000");
    feed(&p->s[1], "000100010000000100000000");
    step(p, 1);
    CHECK(ring_used(&p->s[1].out) == 0); /* acknowledged when it is accepted */
    CHECK(next(p, 1).what == YAMUX_OPENED);
    step(p, 1);
    check_out(&p->s[1], "000100020000000100000000");
    pair_free(p);
}

static void halves_close_by_themselves(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    struct yamux *a = &p->s[0].y, *b = &p->s[1].y;
    uint32_t id;
    size_t taken;
    CHECK_OK(yamux_open(a, &id));
    yamux_finish(a, id); /* at once, as Helia does with streams it reads from */
    run(p);
    struct yamux_event ev = next(p, 1);
    CHECK(ev.id == id && ev.what == (YAMUX_OPENED | YAMUX_FINISHED));
    CHECK(yamux_at_end(b, id));
    CHECK_OK(yamux_write(b, &p->s[1].out, id, span_str("still open"), &taken));
    CHECK(taken == 10);
    yamux_close(b, id);
    run(p);
    ev = next(p, 0);
    CHECK(ev.what == (YAMUX_READABLE | YAMUX_FINISHED) && !yamux_at_end(a, id));
    CHECK_SPAN(yamux_peek(a, id), span_str("still open"));
    CHECK_ERR(yamux_write(a, &p->s[0].out, id, span_str("x"), &taken), ERR_CLOSED);
    yamux_drop(a, id, 10);
    CHECK(yamux_at_end(a, id));
    CHECK(p->s[1].pool.streams_free == STREAMS); /* both had finished: gone */
    CHECK(p->s[0].pool.streams_free == STREAMS - 1);
    yamux_close(a, id);
    CHECK(p->s[0].pool.streams_free == STREAMS);
    CHECK(silent(p, 0) && silent(p, 1));
    pair_free(p);
}

static void a_closed_stream_does_not_wait_for_ever(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    uint32_t id;
    CHECK_OK(yamux_open(&p->s[0].y, &id));
    run(p);
    CHECK(next(p, 1).what == YAMUX_OPENED);
    yamux_close(&p->s[0].y, id);
    run(p);
    CHECK(next(p, 1).what == YAMUX_FINISHED);
    p->now += YAMUX_LINGER_MS - 1;
    run(p);
    CHECK(silent(p, 1));
    p->now += 5000;
    run(p);
    CHECK(next(p, 1).what == YAMUX_RESET);
    CHECK(p->s[0].pool.streams_free == STREAMS);
    yamux_close(&p->s[1].y, id);
    CHECK(p->s[1].pool.streams_free == STREAMS);
    pair_free(p);
}

static void a_reset_drops_what_is_unread(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    struct yamux *a = &p->s[0].y, *b = &p->s[1].y;
    static uint8_t data[100000];
    uint32_t id;
    size_t taken;
    CHECK_OK(yamux_open(a, &id));
    CHECK_OK(yamux_write(a, &p->s[0].out, id, span_of(data, sizeof(data)), &taken));
    CHECK(taken == sizeof(data));
    run(p);
    CHECK(p->s[1].pool.chunks_free < CHUNKS - 20);
    yamux_reset(a, id, 9);
    run(p);
    CHECK(p->s[1].pool.chunks_free == CHUNKS);
    struct yamux_event ev = next(p, 1);
    CHECK((ev.what & YAMUX_RESET) != 0 && ev.reset_code == 9);
    CHECK(yamux_peek(b, id).n == 0);
    CHECK_ERR(yamux_write(b, &p->s[1].out, id, span_str("x"), &taken), ERR_CLOSED);
    yamux_close(b, id);
    CHECK_ERR(yamux_write(b, &p->s[1].out, id, span_str("x"), &taken), ERR_NOT_FOUND);
    pair_free(p);
}

/* Data on its way while we reset is dropped; without such a stream it ends the session. */
static void data_for_streams_that_are_gone(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    static uint8_t data[200000];
    uint32_t id;
    size_t taken;
    for (int i = 0; i < 20; i++) {
        CHECK_OK(yamux_open(&p->s[0].y, &id));
        CHECK_OK(yamux_write(&p->s[0].y, &p->s[0].out, id, span_of(data, 1), &taken));
        run(p);
        CHECK(next(p, 1).id == id);
        yamux_reset(&p->s[1].y, id, 0);
        CHECK_OK(yamux_write(&p->s[0].y, &p->s[0].out, id, span_of(data, sizeof(data)), &taken));
        CHECK(taken == sizeof(data));
        yamux_finish(&p->s[0].y, id);
        run(p);
        CHECK(next(p, 0).what == YAMUX_RESET);
        yamux_close(&p->s[0].y, id);
    }
    CHECK(p->s[1].y.dropped == 20 * sizeof(data));
    CHECK(p->s[1].pool.streams_free == STREAMS);
    feed(&p->s[1], "0000000000000fff01000000"); /* 16 MiB for a stream that never was */
    CHECK_ERR(yamux_step(&p->s[1].y, &p->s[1].in, &p->s[1].out, p->now), ERR_LIMIT);
    pair_free(p);
}

static void breaches_end_the_session(void **state)
{
    (void)state;
    /* The session is the listener's; stream 1 is open and 3 has finished. */
    static const struct {
        const char *rule, *hex;
        enum err want;
    } rows[] = {
        { "version", "010000000000000100000000", ERR_FORMAT },
        { "type", "000400000000000000000000", ERR_FORMAT },
        { "flags", "000100100000000100000000", ERR_FORMAT },
        { "data for the session", "000000000000000000000000", ERR_FORMAT },
        { "ping for a stream", "000200010000000100000000", ERR_FORMAT },
        { "opened twice", "000100010000000100000000", ERR_FORMAT },
        { "our parity", "000100010000000200000000", ERR_FORMAT },
        { "data beyond the window", "000000000000000100040001", ERR_LIMIT },
        { "data after FIN", "000000000000000300000001", ERR_FORMAT },
        { "window over 2^32", "0001000000000001fffc0000", ERR_FORMAT },
        { "a full window", "000000000000000100040000", OK },
        { "the largest window", "0001000000000001fffbffff", OK },
        { "nothing after FIN", "000000000000000300000000", OK },
        { "window after FIN", "000100000000000300000001", OK },
        { "window of a stream that is gone", "000100000000000500000001", OK },
        { "pong that nobody asked for", "000200020000000000000001", OK },
        { "go away", "000300000000000000000001", OK },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pair *p = pair_new();
        feed(&p->s[1], "000100010000000100000000"
                       "000100010000000300000000"
                       "000100040000000300000000");
        step(p, 1);
        feed(&p->s[1], rows[i].hex);
        enum err e = yamux_step(&p->s[1].y, &p->s[1].in, &p->s[1].out, p->now);
        if (e != rows[i].want)
            fail_msg("%s: %s", rows[i].rule, err_name(e));
        if (e != OK) {
            check_out(&p->s[1], "000300000000000000000001");
            ring_drop(&p->s[1].in, ring_used(&p->s[1].in));
            CHECK_ERR(yamux_step(&p->s[1].y, &p->s[1].in, &p->s[1].out, p->now), e);
        }
        pair_free(p);
    }
}

static void floods_of_frames_end_the_session(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    enum err e = OK;
    int frames = 0;
    for (; e == OK && frames < 10000; frames++) {
        feed(&p->s[1], "000100000000010100000001");
        e = yamux_step(&p->s[1].y, &p->s[1].in, &p->s[1].out, p->now);
    }
    CHECK(e == ERR_LIMIT && frames == YAMUX_STRAYS + 1);
    pair_free(p);
}

/* A peer that pings but does not read makes us stop reading, nothing else. */
static void answers_that_find_no_room_stop_the_reading(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    uint8_t small[20];
    struct ring out = ring_of(small, sizeof(small));
    for (int i = 0; i < 100; i++)
        feed(&p->s[1], "000200010000000000000007");
    CHECK_OK(yamux_step(&p->s[1].y, &p->s[1].in, &out, p->now));
    CHECK(ring_used(&out) == 12 && ring_used(&p->s[1].in) == 12 * (100 - 1 - YAMUX_PONGS));
    CHECK_OK(yamux_step(&p->s[1].y, &p->s[1].in, &out, p->now));
    CHECK(ring_used(&out) == 12 && ring_used(&p->s[1].in) == 12 * (100 - 1 - YAMUX_PONGS));
    int pongs = 0;
    while (ring_used(&out) > 0) {
        ring_drop(&out, ring_used(&out));
        pongs++;
        CHECK_OK(yamux_step(&p->s[1].y, &p->s[1].in, &out, p->now));
    }
    CHECK(pongs == 100);
    pair_free(p);
}

static void streams_are_limited(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    uint32_t id, ids[YAMUX_BACKLOG];
    for (int i = 0; i < YAMUX_BACKLOG; i++)
        CHECK_OK(yamux_open(&p->s[0].y, &ids[i]));
    CHECK_ERR(yamux_open(&p->s[0].y, &id), ERR_BUSY);
    run(p);
    CHECK_ERR(yamux_open(&p->s[0].y, &id), ERR_BUSY); /* taken by nobody yet */
    for (int i = 0; i < YAMUX_BACKLOG; i++)
        CHECK(next(p, 1).what == YAMUX_OPENED);
    run(p);
    CHECK_ERR(yamux_open(&p->s[0].y, &id), ERR_LIMIT);
    /* One more than the listener takes: refused by RST. */
    feed(&p->s[1], "000100010000100100000000");
    step(p, 1);
    check_out(&p->s[1], "000100080000100100000000");
    yamux_go_away(&p->s[1].y, YAMUX_CODE_NORMAL);
    run(p);
    yamux_reset(&p->s[0].y, ids[0], 0);
    CHECK_ERR(yamux_open(&p->s[0].y, &id), ERR_CLOSED);
    pair_free(p);
}

/* Sends total bytes over one stream with a round trip of rtt_ms; returns the time it takes. */
static uint64_t transfer(uint32_t window_max, uint64_t rtt_ms, size_t total)
{
    struct pair *p = calloc(1, sizeof(*p));
    struct yamux_config a = yamux_defaults(true), b = yamux_defaults(false);
    static uint8_t data[1 << 16];
    b.window_max = window_max;
    side_init(&p->s[0], &a, 64, 0);
    side_init(&p->s[1], &b, 8192, 0);
    uint32_t id;
    size_t sent = 0, got = 0, taken;
    CHECK_OK(yamux_open(&p->s[0].y, &id));
    while (got < total) {
        /* All that one side says in a turn arrives half a round trip later. */
        for (int rounds = 0; rounds < 200; rounds++) {
            size_t want = total - sent < sizeof(data) ? total - sent : sizeof(data);
            CHECK_OK(yamux_write(&p->s[0].y, &p->s[0].out, id, span_of(data, want), &taken));
            sent += taken;
            step(p, 0);
            if (carry(p, 0, SIZE_MAX) == 0)
                break;
            step(p, 1);
            for (struct span s; (s = yamux_peek(&p->s[1].y, id)).n > 0; got += s.n)
                yamux_drop(&p->s[1].y, id, s.n);
            struct yamux_event ev;
            while (yamux_event(&p->s[1].y, &ev))
                ;
        }
        step(p, 1);
        p->now += rtt_ms;
        while (carry(p, 1, SIZE_MAX) > 0)
            step(p, 0);
    }
    uint64_t took = p->now;
    side_fini(&p->s[0]);
    side_fini(&p->s[1]);
    free(p);
    return took;
}

static void windows_grow_with_the_line(void **state)
{
    (void)state;
    uint64_t fixed = transfer(YAMUX_WINDOW, 100, 16 << 20);
    uint64_t tuned = transfer(16 << 20, 100, 16 << 20);
    CHECK(fixed >= 6400); /* 256 KiB per round trip */
    CHECK(tuned < 1500);
}

/* The budget of all sessions bounds what windows grow to. */
static void windows_share_a_budget(void **state)
{
    (void)state;
    struct pair *p = calloc(1, sizeof(*p));
    struct yamux_config a = yamux_defaults(true), b = yamux_defaults(false);
    static uint8_t data[1 << 16];
    side_init(&p->s[0], &a, 64, 0);
    side_init(&p->s[1], &b, 4096, 0);
    p->s[1].pool.window_max = 1 << 20;
    uint32_t ids[8];
    size_t taken;
    for (int i = 0; i < 8; i++)
        CHECK_OK(yamux_open(&p->s[0].y, &ids[i]));
    for (int turn = 0; turn < 2000; turn++) {
        for (int i = 0; i < 8; i++)
            CHECK_OK(
                yamux_write(&p->s[0].y, &p->s[0].out, ids[i], span_of(data, sizeof(data)), &taken));
        p->now++;
        run(p);
        for (int i = 0; i < 8; i++)
            for (struct span s; (s = yamux_peek(&p->s[1].y, ids[i])).n > 0;)
                yamux_drop(&p->s[1].y, ids[i], s.n);
        CHECK(p->s[1].pool.window_used <= 1 << 20);
    }
    CHECK(p->s[1].pool.window_used > 1 << 19);
    for (int i = 0; i < 8; i++)
        yamux_reset(&p->s[0].y, ids[i], 0);
    run(p);
    struct yamux_event ev;
    while (yamux_event(&p->s[1].y, &ev))
        yamux_close(&p->s[1].y, ev.id);
    CHECK(p->s[1].pool.window_used == 0);
    side_fini(&p->s[0]);
    side_fini(&p->s[1]);
    free(p);
}

/* A session that does not read stops itself; another one goes on with its share. */
static void memory_is_short_for_the_greedy_only(void **state)
{
    (void)state;
    struct pair *p = calloc(1, sizeof(*p));
    struct yamux_config a = quiet(true), b = quiet(false);
    static uint8_t data[YAMUX_WINDOW];
    struct yamux other;
    side_init(&p->s[0], &a, 64, 0);
    side_init(&p->s[1], &b, 20, 0);
    CHECK_OK(yamux_init(&other, &p->s[1].pool, &b, 0));
    struct yamux third;
    b.share_chunks = 13;
    CHECK_ERR(yamux_init(&third, &p->s[1].pool, &b, 0), ERR_LIMIT);
    uint32_t id;
    size_t taken;
    CHECK_OK(yamux_open(&p->s[0].y, &id));
    CHECK_OK(yamux_write(&p->s[0].y, &p->s[0].out, id, span_of(data, 200000), &taken));
    p->now = 5;
    run(p);
    CHECK(p->s[1].pool.chunks_free == 4 && ring_used(&p->s[1].in) > 0);
    static uint8_t small[4096];
    struct ring in = ring_of(small, sizeof(small)), out = ring_of(data, sizeof(data));
    struct side o = { .in = in };
    feed(&o, "000100010000000100000000"
             "0000000000000001000000050102030405");
    CHECK_OK(yamux_step(&other, &o.in, &out, 5));
    CHECK(yamux_peek(&other, 1).n == 5);
    /* It starves for too long: its fattest stream pays. */
    p->now += YAMUX_STARVE_MS + 1;
    CHECK(yamux_deadline(&p->s[1].y) <= p->now);
    run(p);
    CHECK(p->s[1].pool.chunks_free == 19 && ring_used(&p->s[1].in) == 0);
    struct yamux_event ev = next(p, 0);
    CHECK(ev.what == YAMUX_RESET && ev.reset_code == YAMUX_CODE_INTERNAL);
    yamux_fini(&other);
    side_fini(&p->s[0]);
    side_fini(&p->s[1]);
    free(p);
}

static void silence_is_noticed(void **state)
{
    (void)state;
    struct pair *p = calloc(1, sizeof(*p));
    struct yamux_config a = yamux_defaults(true), b = yamux_defaults(false);
    side_init(&p->s[0], &a, 64, 0);
    side_init(&p->s[1], &b, 64, 0);
    for (p->now = 0; p->now < 300000; p->now += 1000)
        run(p);
    CHECK(p->s[0].y.rtt_ms == 1);
    enum err e = OK;
    uint64_t from = p->now;
    while (e == OK) {
        p->now = yamux_deadline(&p->s[0].y);
        e = yamux_step(&p->s[0].y, &p->s[0].in, &p->s[0].out, p->now);
    }
    CHECK(e == ERR_TIMEOUT && p->now >= from + 30000 && p->now <= from + 62000);
    side_fini(&p->s[0]);
    side_fini(&p->s[1]);
    free(p);
}

/* ---- model ----------------------------------------------------------------------------------- */

/* What a simple reference would say of each stream and direction: bytes are those of a counter, and
 * they come in order, whole unless somebody resets. */
struct flow {
    uint64_t sent, got;
    bool finished, ended, reset;
};

struct model {
    struct pair *p;
    struct prng g;
    struct flow flows[4096][2]; /* by id, by writing side */
    bool held[4096][2], opened[4096];
    uint64_t bytes, resets, ends;
};

static uint8_t byte_at(uint32_t id, int side, uint64_t at)
{
    return (uint8_t)(at * 7 + at / 251 + id * 13 + (uint32_t)side * 101);
}

static void model_write(struct model *m, int side, uint32_t id)
{
    struct side *s = &m->p->s[side];
    struct flow *f = &m->flows[id][side];
    static uint8_t data[150000];
    size_t n = (size_t)prng_below(&m->g, prng_below(&m->g, 8) == 0 ? sizeof(data) : 3000), taken;
    for (size_t i = 0; i < n; i++)
        data[i] = byte_at(id, side, f->sent + i);
    enum err e = yamux_write(&s->y, &s->out, id, span_of(data, n), &taken);
    CHECK(e == OK || (e == ERR_CLOSED && (f->finished || m->flows[id][0].reset)));
    f->sent += taken;
}

static void model_read(struct model *m, int side, uint32_t id)
{
    struct yamux *y = &m->p->s[side].y;
    struct flow *f = &m->flows[id][1 - side];
    struct span s = yamux_peek(y, id);
    size_t n = s.n == 0 ? 0 : 1 + (size_t)prng_below(&m->g, s.n);
    for (size_t i = 0; i < n; i++)
        CHECK(s.p[i] == byte_at(id, 1 - side, f->got + i));
    f->got += n;
    m->bytes += n;
    CHECK(f->got <= f->sent);
    yamux_drop(y, id, n);
    if (yamux_at_end(y, id) && !m->flows[id][0].reset) {
        CHECK(f->finished && f->got == f->sent);
        m->ends += !f->ended;
        f->ended = true;
    }
}

static void model_events(struct model *m, int side)
{
    struct yamux_event ev;
    while (yamux_event(&m->p->s[side].y, &ev)) {
        CHECK(ev.id < 4096);
        if ((ev.what & YAMUX_OPENED) != 0)
            m->held[ev.id][side] = m->opened[ev.id] = true;
        CHECK(m->held[ev.id][side]);
        if ((ev.what & YAMUX_RESET) != 0) {
            /* By a model_op, or one that was refused because too many are open. */
            CHECK(m->flows[ev.id][0].reset || !m->opened[ev.id]);
            m->flows[ev.id][0].reset = true;
            yamux_close(&m->p->s[side].y, ev.id);
            m->held[ev.id][side] = false;
        }
    }
}

static void model_op(struct model *m, int side)
{
    struct yamux *y = &m->p->s[side].y;
    uint32_t id = (uint32_t)prng_below(&m->g, y->next_id + 1u < 4000 ? y->next_id + 1 : 4000);
    if (prng_below(&m->g, 20) == 0 && y->next_id < 4000 && yamux_open(y, &id) == OK)
        m->held[id][side] = true;
    if (!m->held[id][side])
        return;
    switch (prng_below(&m->g, 60)) {
    case 0:
        yamux_finish(y, id);
        m->flows[id][side].finished = true;
        break;
    case 1:
        if (prng_below(&m->g, 4) != 0)
            break;
        yamux_reset(y, id, 1);
        m->flows[id][0].reset = true;
        m->held[id][side] = false;
        m->resets++;
        break;
    case 2:
        if (yamux_at_end(y, id)) {
            yamux_close(y, id);
            m->flows[id][side].finished = true;
            m->held[id][side] = false;
        }
        break;
    default:
        if (prng_below(&m->g, 2) == 0)
            model_write(m, side, id);
        else
            model_read(m, side, id);
    }
}

static void model_drain(struct model *m)
{
    for (int turn = 0; turn < 300; turn++) {
        run(m->p);
        for (int side = 0; side < 2; side++) {
            model_events(m, side);
            for (uint32_t id = 1; id < 4000; id++) {
                if (!m->held[id][side])
                    continue;
                yamux_finish(&m->p->s[side].y, id);
                m->flows[id][side].finished = true;
                for (int i = 0; i < 10; i++)
                    model_read(m, side, id);
                if (yamux_at_end(&m->p->s[side].y, id) || m->flows[id][0].reset) {
                    yamux_close(&m->p->s[side].y, id);
                    m->held[id][side] = false;
                }
            }
        }
    }
    for (uint32_t id = 1; id < 4000; id++)
        for (int side = 0; side < 2; side++)
            if (!m->flows[id][0].reset)
                CHECK(m->flows[id][side].got == m->flows[id][side].sent);
}

static void random_operations_keep_every_byte(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= (check_soak() ? 200 : 2); seed++) {
        struct model *m = calloc(1, sizeof(*m));
        CHECK(m != NULL);
        m->p = pair_new();
        prng_init(&m->g, seed);
        for (int turn = 0; turn < 40000; turn++) {
            int side = (int)prng_below(&m->g, 2);
            model_op(m, side);
            (void)carry(m->p, side, (size_t)prng_below(&m->g, prng_below(&m->g, 3) ? 40 : 90000));
            step(m->p, 1 - side);
            model_events(m, 1 - side);
            m->p->now += prng_below(&m->g, 100) == 0;
        }
        model_drain(m);
        CHECK(m->bytes > 1000000 && m->resets > 10 && m->ends > 100);
        CHECK(m->p->s[0].pool.streams_free == STREAMS && m->p->s[1].pool.streams_free == STREAMS);
        pair_free(m->p);
        free(m);
    }
}

/* One byte at a time, the other side sees the same. */
static void bytes_come_one_by_one(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    uint32_t id;
    size_t taken;
    uint8_t data[3000];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = byte_at(1, 0, i);
    CHECK_OK(yamux_open(&p->s[0].y, &id));
    CHECK_OK(yamux_write(&p->s[0].y, &p->s[0].out, id, span_of(data, sizeof(data)), &taken));
    yamux_finish(&p->s[0].y, id);
    step(p, 0);
    size_t got = 0;
    while (carry(p, 0, 1) == 1) {
        step(p, 1);
        struct span s = yamux_peek(&p->s[1].y, id);
        for (size_t i = 0; i < s.n; i++)
            CHECK(s.p[i] == data[got + i]);
        got += s.n;
        yamux_drop(&p->s[1].y, id, s.n);
    }
    CHECK(got == sizeof(data) && yamux_at_end(&p->s[1].y, id));
    pair_free(p);
}

/* What go-yamux writes, tests/vectors/yamux, in pieces of several sizes. */
static void a_go_yamux_client_is_understood(void **state)
{
    (void)state;
    static uint8_t bytes[8192];
    char line[256];
    size_t n = 0;
    FILE *f = fopen("tests/vectors/yamux/go-yamux-client.txt", "r");
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        CHECK_OK(hex_parse(bytes + n, strlen(line) / 2, line));
        n += strlen(line) / 2;
    }
    fclose(f);
    for (size_t piece = 1; piece < 2 * n; piece *= 3) {
        struct pair *p = pair_new();
        size_t got[2] = { 0 };
        for (size_t at = 0; at < n; at += piece) {
            CHECK(ring_write(&p->s[1].in, span_sub(span_of(bytes, n), at, piece)));
            step(p, 1);
            struct yamux_event ev;
            while (yamux_event(&p->s[1].y, &ev))
                CHECK((ev.what & YAMUX_RESET) == 0);
            for (uint32_t i = 0; i < 2; i++)
                for (struct span s; (s = yamux_peek(&p->s[1].y, 2 * i + 1)).n > 0; got[i] += s.n) {
                    for (size_t k = 0; k < s.n; k++)
                        CHECK(s.p[k] == (uint8_t)((got[i] + k) * 7 + i));
                    yamux_drop(&p->s[1].y, 2 * i + 1, s.n);
                }
        }
        CHECK(got[0] == 3000 && got[1] == 1500);
        CHECK(yamux_at_end(&p->s[1].y, 1) && yamux_at_end(&p->s[1].y, 3));
        step(p, 1);
        struct span out = ring_peek(&p->s[1].out);
        CHECK(out.n == 4 * 12); /* two streams taken, two pings answered */
        pair_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_have_these_bytes),
        cmocka_unit_test(halves_close_by_themselves),
        cmocka_unit_test(a_closed_stream_does_not_wait_for_ever),
        cmocka_unit_test(a_reset_drops_what_is_unread),
        cmocka_unit_test(data_for_streams_that_are_gone),
        cmocka_unit_test(breaches_end_the_session),
        cmocka_unit_test(floods_of_frames_end_the_session),
        cmocka_unit_test(answers_that_find_no_room_stop_the_reading),
        cmocka_unit_test(streams_are_limited),
        cmocka_unit_test(windows_grow_with_the_line),
        cmocka_unit_test(windows_share_a_budget),
        cmocka_unit_test(memory_is_short_for_the_greedy_only),
        cmocka_unit_test(silence_is_noticed),
        cmocka_unit_test(random_operations_keep_every_byte),
        cmocka_unit_test(bytes_come_one_by_one),
        cmocka_unit_test(a_go_yamux_client_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
