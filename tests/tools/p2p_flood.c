/* A hostile libp2p peer, for tests of what a node does with one:
 *
 *   p2p_flood MULTIADDR identify BYTES   pushes identify messages that never end
 *   p2p_flood MULTIADDR garbage BYTES    random bytes to each protocol that a node may speak
 *   p2p_flood MULTIADDR streams COUNT    opens streams and leaves them
 *
 * It goes on until the count is reached, the peer has thrown it out, or five seconds are over,
 * comes back when it was thrown out (at most TRIES times), and prints what it got rid of as one
 * line of JSON. */
#include "codec/bitswap.h"
#include "crypto/random.h"
#include "ipfsd/swarm.h"

#include <stdio.h>
#include <stdlib.h>

enum { TRIES = 200, LIMIT_MS = 5000, MESSAGE = 128 * 1024 };

enum mode { IDENTIFY, GARBAGE, STREAMS, MODES };
static const char *const modes[MODES] = { "identify", "garbage", "streams" };
static const char *const protocols[] = {
    BITSWAP_ID,         "/ipfs/id/push/1.0.0", "/ipfs/kad/1.0.0", "/ipfs/lan/kad/1.0.0",
    "/ipfs/ping/1.0.0", "/ipfs/id/1.0.0",
};
enum { PROTOCOLS = sizeof(protocols) / sizeof(protocols[0]) };

static struct {
    struct swarm *swarm;
    struct loop *loop;
    enum mode mode;
    uint64_t wanted, sent; /* bytes or streams, as the mode says */
    uint64_t thrown_out, refused, answered;
    uint32_t connection, stream;
    bool connected, asked, open; /* asked: for a stream, not agreed yet */
    size_t at, size;             /* of message: what is to be sent next, and its end */
    uint64_t entries;            /* in it */
    uint8_t message[MESSAGE];
} f;

/* ---- what is sent ---- */

static void fill(void)
{
    f.at = 0;
    random_bytes(f.message, MESSAGE);
    f.size = f.entries = MESSAGE;
    if (f.mode != IDENTIFY)
        return;
    /* Chunks of 2,000 bytes, each of which may be part of a longer message. */
    for (size_t i = 0; i + 2002 <= MESSAGE; i += 2002)
        memcpy(f.message + i, "\xd0\x0f", 2);
}

static void pump(void)
{
    while (f.open && f.sent < f.wanted) {
        size_t taken = 0;
        const struct span rest = span_of(f.message + f.at, f.size - f.at);
        if (swarm_write(f.swarm, f.connection, f.stream, rest, &taken) != OK || taken == 0)
            return;
        f.at += taken;
        if (f.at < f.size)
            continue;
        f.sent += f.entries;
        fill();
    }
}

/* ---- what happens ---- */

static void open_stream(void)
{
    uint32_t i = 0;
    if (f.mode == IDENTIFY)
        i = 1;
    if (f.mode == GARBAGE || f.mode == STREAMS) {
        uint8_t r;
        random_bytes(&r, 1);
        i = r % PROTOCOLS;
    }
    f.asked = swarm_stream(f.swarm, f.connection, i, &f.stream) == OK;
    f.refused += !f.asked;
}

static void on_stream(void *ctx, uint32_t connection, const struct conn_event *ev)
{
    struct conn *c = swarm_conn(f.swarm, connection);
    (void)ctx;
    if (c == NULL || connection != f.connection)
        return;
    if (ev->kind == CONN_OPENED) { /* it asks us: it gets nothing */
        swarm_end(f.swarm, connection, ev->stream, false);
        return;
    }
    for (struct span in = conn_peek(c, ev->stream); in.n > 0; in = conn_peek(c, ev->stream)) {
        f.answered += in.n;
        conn_drop(c, ev->stream, in.n);
    }
    if (ev->kind == CONN_AGREED) {
        f.open = ev->stream == f.stream && f.mode != STREAMS;
        f.asked = false;
        f.sent += f.mode == STREAMS;
    } else if (ev->kind == CONN_REFUSED || conn_at_end(c, ev->stream)) {
        f.refused++;
        if (ev->kind != CONN_REFUSED)
            swarm_end(f.swarm, connection, ev->stream, false);
        if (ev->stream == f.stream)
            f.open = f.asked = false;
    }
    pump();
}

static void on_peer(void *ctx, uint32_t connection, const struct peer_id *peer, bool inbound)
{
    (void)ctx;
    (void)peer;
    (void)inbound;
    f.connection = connection;
    f.connected = true;
    fill();
}

static void on_gone(void *ctx, uint32_t connection, enum err why)
{
    (void)ctx;
    (void)connection;
    (void)why;
    f.connected = f.asked = f.open = false;
    f.thrown_out++;
}

static enum err start(struct ed25519_key *identity)
{
    uint8_t seed[32];
    random_bytes(seed, sizeof(seed));
    ed25519_keypair(identity, seed);
    struct swarm_options o = { .identity = identity,
                               .limits = gate_defaults(),
                               .noise = true,
                               .tls = true,
                               .early_muxer = true,
                               .allow_private = true,
                               .agent = "flood",
                               .on_peer = on_peer,
                               .on_gone = on_gone };
    o.limits.dial_burst = 1000;
    o.limits.dial_every_ms = 1;
    /* The last ones are the swarm's own; by name they can be opened all the same. */
    for (size_t i = 0; i < PROTOCOLS; i++)
        o.protocols[i] = (struct swarm_protocol){ protocols[i], on_stream, NULL };
    o.protocol_count = PROTOCOLS;
    TRY(loop_new(&f.loop, 0));
    return swarm_open(&f.swarm, f.loop, &o);
}

int main(int argc, char **argv)
{
    struct multiaddr target;
    struct ed25519_key identity;
    uint64_t retry;
    if (argc != 4 || random_init() != OK || multiaddr_parse(&target, span_str(argv[1])) != OK)
        return 2;
    while (f.mode < MODES && strcmp(modes[f.mode], argv[2]) != 0)
        f.mode++;
    f.wanted = strtoull(argv[3], NULL, 10);
    if (f.mode == MODES || f.wanted == 0 || start(&identity) != OK)
        return 2;
    uint64_t end = loop_now_ms(f.loop) + LIMIT_MS;
    for (uint32_t tries = 0; f.sent < f.wanted && loop_now_ms(f.loop) < end;) {
        uint32_t c;
        enum err e = f.connected ? OK : swarm_dial(f.swarm, &target, &c, &retry);
        if (!f.connected && e == OK && ++tries == TRIES)
            break;
        if (f.connected && !f.open && !f.asked)
            open_stream();
        loop_run_once(f.loop, 5);
        pump();
    }
    printf("{\"sent\":%llu,\"answered\":%llu,\"thrown_out\":%llu,\"refused\":%llu}\n",
           (unsigned long long)f.sent, (unsigned long long)f.answered,
           (unsigned long long)f.thrown_out, (unsigned long long)f.refused);
    swarm_close(f.swarm);
    loop_free(f.loop);
    return 0;
}
