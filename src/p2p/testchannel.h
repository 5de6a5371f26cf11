/* testchannel: what every secure channel owes its users, for tests: how muxers are agreed on in the
 * handshake, and that afterwards all bytes arrive, in order, in whatever pieces the net brings
 * them. */
#ifndef CRUST_P2P_TESTCHANNEL_H
#define CRUST_P2P_TESTCHANNEL_H

#include "base/prng.h"
#include "p2p/testlink.h"

enum { TESTCHANNEL_BYTES = 300000, TESTCHANNEL_ROOM = 70000, TESTCHANNEL_TURN = 100000 };

/* Both ends of a channel over link, connected. out_size: of the ring that it seals from; in_size
 * says of which that it opens into. */
struct testchannel {
    struct testlink *link;
    void *ends[2];
    void (*seal)(void *end, struct ring *app_out, struct ring *net_out);
    enum err (*open)(void *end, struct ring *net_in, struct ring *app_in);
    size_t out_size, in_size;
};

/* Carries limit bytes both ways at once, written and read in random amounts. */
static inline void testchannel_carries(const struct testchannel *c, struct prng *g, size_t limit)
{
    static uint8_t sent[TESTCHANNEL_BYTES], got[TESTCHANNEL_TURN];
    static uint8_t memory[2][2][TESTCHANNEL_ROOM];
    struct ring app_out[2], app_in[2];
    size_t put[2] = { 0 }, taken[2] = { 0 };
    CHECK(limit <= sizeof(sent));
    prng_fill(g, sent, limit);
    for (int i = 0; i < 2; i++) {
        app_out[i] = ring_of(memory[i][0], c->out_size);
        app_in[i] = ring_of(memory[i][1], c->in_size);
    }
    do {
        for (int i = 0; i < 2; i++) {
            size_t n = (size_t)prng_below(g, TESTCHANNEL_TURN), left = limit - put[i];
            put[i] += ring_put(&app_out[i], span_of(sent + put[i], n < left ? n : left));
            c->seal(c->ends[i], &app_out[i], &c->link->out[i]);
            CHECK_OK(c->open(c->ends[i], &c->link->in[i], &app_in[i]));
            size_t k = ring_get(&app_in[i], got, (size_t)prng_below(g, TESTCHANNEL_TURN));
            CHECK(k <= limit - taken[i] && memcmp(got, sent + taken[i], k) == 0);
            taken[i] += k;
        }
        testlink_move(c->link);
    } while (taken[0] < limit || taken[1] < limit);
    CHECK(ring_used(&app_in[0]) == 0 && ring_used(&app_in[1]) == 0);
}

/* The sizes of the net's pieces that a channel is tried with (0: all at once), by rising k, and how
 * much is sent in them. */
static inline bool testchannel_pieces(size_t k, size_t *piece, size_t *limit)
{
    static const size_t pieces[] = { 0, 1, 53, 2809 };
    if (k >= sizeof(pieces) / sizeof(pieces[0]))
        return false;
    *piece = pieces[k];
    *limit = *piece == 1 ? 5000 : TESTCHANNEL_BYTES;
    return true;
}

/* What both ends offer in a handshake; the first of the dialer's list that the listener has, wins,
 * whatever the listener prefers. */
struct testchannel_muxers {
    const char *const *lists[2];
    size_t counts[2];
    const char *want; /* NULL: none agreed, as an end offers none; "": they have none in common */
};

/* The k-th row; NULL after the last. */
static inline const struct testchannel_muxers *testchannel_muxers(size_t k)
{
    static const char *const yamux[] = { "/yamux/1.0.0" };
    static const char *const mplex_yamux[] = { "/mplex/6.7.0", "/yamux/1.0.0" };
    static const char *const yamux_mplex[] = { "/yamux/1.0.0", "/mplex/6.7.0" };
    static const char *const mplex[] = { "/mplex/6.7.0" };
    static const struct testchannel_muxers rows[] = {
        { { yamux, yamux }, { 1, 1 }, "/yamux/1.0.0" },
        { { mplex_yamux, yamux_mplex }, { 2, 2 }, "/mplex/6.7.0" },
        { { yamux_mplex, mplex_yamux }, { 2, 2 }, "/yamux/1.0.0" },
        { { mplex_yamux, yamux }, { 2, 1 }, "/yamux/1.0.0" },
        { { yamux, yamux }, { 1, 0 }, NULL },
        { { yamux, yamux }, { 0, 1 }, NULL },
        { { yamux, mplex }, { 1, 1 }, "" },
    };
    return k < sizeof(rows) / sizeof(rows[0]) ? &rows[k] : NULL;
}

#endif
