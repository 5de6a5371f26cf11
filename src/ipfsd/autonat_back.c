/* Others are dialled back: their requests, and the connections made for them. docs/spec/autonat.md
 * 3. What the swarm tells is only noted; it is acted upon in autonat_back_turn. */
#include "codec/varint_frame.h"
#include "crypto/random.h"
#include "ipfsd/autonat_impl.h"
#include "rt/log.h"
#include "rt/netaddr.h"
#include "rt/netif.h"

static uint64_t now_of(const struct autonat_node *n)
{
    return loop_now_ms(n->o.loop);
}

/* ---- which addresses ------------------------------------------------------------------------- */

/* SPEC autonat 3.3: "of a version of IP that this machine has" */
static bool speaks_six(void)
{
    struct netif ifs[NETIF_MAX];
    size_t n = netif_list(ifs, NETIF_MAX);
    for (size_t i = 0; i < n; i++)
        if (ifs[i].size == 16 && netaddr_class_v6(ifs[i].ip) == NETADDR_GLOBAL)
            return true;
    return false;
}

static bool may(void *ctx, const struct multiaddr_tcp *t)
{
    const struct autonat_node *n = ctx;
    if (n->o.allow_private)
        return true;
    if (t->host == MULTIADDR_IP4)
        return netaddr_class_v4(t->ip) == NETADDR_GLOBAL;
    return netaddr_class_v6(t->ip) == NETADDR_GLOBAL && speaks_six();
}

/* ---- the dial -------------------------------------------------------------------------------- */

static void know(struct autonat_request *r, enum autonat_dial how)
{
    if (r->how == AUTONAT_UNUSED)
        r->how = how;
}

/* Begins it; false: it is not made, and the answer is in out. */
static bool dial(struct autonat_node *n, struct autonat_request *r)
{
    enum err e = swarm_dial_back(n->swarm, &r->serve.address, &r->peer, &r->back);
    r->back_by_ms = now_of(n) + AUTONAT_NODE_DIAL_MS;
    if (e == ERR_IO) /* no way there */
        know(r, AUTONAT_UNREACHED);
    if (e == OK || e == ERR_IO)
        return true;
    return autonat_serve_reject(&r->serve, &r->out) != OK;
}

/* Connected: the nonce. */
static void hand_over(struct autonat_node *n, struct autonat_request *r)
{
    uint8_t buf[VARINT_FRAME_HEAD_MAX + 16];
    struct writer w = writer_of(buf + VARINT_FRAME_HEAD_MAX, 16);
    if (r->back_stream == YAMUX_NONE) {
        enum err e =
            swarm_stream(n->swarm, r->back, n->protocols[AUTONAT_IMPL_BACK], &r->back_stream);
        if (e == ERR_BUSY)
            return;
        if (e != OK) {
            know(r, AUTONAT_BACK_FAILED);
            return;
        }
        r->back_by_ms = now_of(n) + AUTONAT_NODE_BACK_MS;
    }
    autonat_back_write(&w, r->serve.nonce);
    struct span frame = varint_frame_close(buf, w.len), rest;
    size_t taken = 0;
    rest = span_of(frame.p + r->back_sent, frame.n - r->back_sent);
    if (rest.n != 0 && swarm_write(n->swarm, r->back, r->back_stream, rest, &taken) != OK)
        know(r, AUTONAT_BACK_FAILED);
    r->back_sent += taken;
}

/* The answer of who is dialled back: anything at all. */
static void listen_for(struct autonat_node *n, struct autonat_request *r)
{
    struct conn *c = swarm_conn(n->swarm, r->back);
    if (c == NULL || !r->back_said)
        return;
    if (conn_peek(c, r->back_stream).n != 0 || conn_at_end(c, r->back_stream))
        know(r, AUTONAT_REACHED);
}

static void hang_up(struct autonat_node *n, struct autonat_request *r)
{
    if (r->back == GATE_NONE)
        return;
    swarm_drop(n->swarm, r->back, ERR_CLOSED);
    r->back = GATE_NONE;
}

static void dial_step(struct autonat_node *n, struct autonat_request *r)
{
    if (r->back == GATE_NONE && r->how == AUTONAT_UNUSED && !dial(n, r))
        return;
    if (r->back_ready && r->how == AUTONAT_UNUSED)
        hand_over(n, r);
    listen_for(n, r);
    if (now_of(n) >= r->back_by_ms)
        know(r, r->back_ready ? AUTONAT_BACK_FAILED : AUTONAT_UNREACHED);
    if (r->how == AUTONAT_UNUSED)
        return;
    char text[MULTIADDR_TEXT_MAX];
    multiaddr_format(text, &r->serve.address);
    log_debug("dialled-back", "address=%s dial=%u", text, (unsigned)r->how);
    hang_up(n, r);
    if (autonat_serve_dialled(&r->serve, &r->out, r->how) != OK)
        r->serve.state = AUTONAT_SERVE_SAID; /* cannot be: out is empty */
}

/* ---- requests -------------------------------------------------------------------------------- */

static void over(struct autonat_node *n, struct autonat_request *r, bool good)
{
    hang_up(n, r);
    if (r->stream != YAMUX_NONE)
        swarm_end(n->swarm, r->connection, r->stream, good);
    r->used = false;
}

static void step(struct autonat_node *n, struct autonat_request *r)
{
    const struct autonat_policy policy = { &n->limits, may, n };
    for (size_t moved = 1; moved > 0 && r->used;) {
        moved = 0;
        if (r->serve.state != AUTONAT_SERVE_SAID && r->serve.state != AUTONAT_SERVE_DIAL) {
            moved = autonat_node_take(n, r->connection, r->stream, &r->in);
            if (autonat_serve_step(&r->serve, &policy, &r->in, &r->out, now_of(n)) != OK) {
                over(n, r, false);
                return;
            }
        }
        if (r->serve.state == AUTONAT_SERVE_DIAL)
            dial_step(n, r);
        moved += autonat_node_give(n, r->connection, r->stream, &r->out);
    }
    if (r->serve.state == AUTONAT_SERVE_SAID && ring_used(&r->out) == 0)
        over(n, r, true);
}

void autonat_back_turn(struct autonat_node *n)
{
    for (size_t i = 0; i < AUTONAT_NODE_SERVES; i++)
        if (n->serves[i].used)
            step(n, &n->serves[i]);
}

/* ---- from the swarm -------------------------------------------------------------------------- */

void autonat_back_opened(struct autonat_node *n, uint32_t connection, uint32_t stream)
{
    struct autonat_request *r = NULL;
    const struct peer_id *peer = &n->servers[connection].peer;
    struct multiaddr from;
    struct multiaddr_tcp t;
    bool refused = peer->size == 0 || swarm_remote(n->swarm, connection, &from) != OK ||
                   multiaddr_tcp_of(&t, &from) != OK;
    /* SPEC autonat 3.1: "one at a time of each peer, 8 of all" */
    for (size_t i = 0; i < AUTONAT_NODE_SERVES; i++) {
        if (!n->serves[i].used)
            r = &n->serves[i];
        else
            refused = refused || peer_id_eq(&n->serves[i].peer, peer);
    }
    if (r == NULL || refused) {
        swarm_end(n->swarm, connection, stream, false);
        return;
    }
    uint32_t random;
    random_bytes(&random, sizeof(random));
    memset(r, 0, offsetof(struct autonat_request, in_bytes));
    r->used = true;
    r->connection = connection;
    r->stream = stream;
    r->peer = *peer;
    r->back = GATE_NONE;
    r->back_stream = YAMUX_NONE;
    r->in = ring_of(r->in_bytes, sizeof(r->in_bytes));
    r->out = ring_of(r->out_bytes, sizeof(r->out_bytes));
    autonat_serve_init(&r->serve, span_of(t.ip, t.host == MULTIADDR_IP4 ? 4 : 16), random,
                       now_of(n));
}

static void back_event(struct autonat_request *r, const struct conn_event *ev)
{
    bool reset = ev->kind == CONN_STREAM && (ev->what & YAMUX_RESET) != 0;
    if (ev->kind == CONN_AGREED)
        r->back_said = true;
    /* Who resets the stream behind its answer has had the nonce, and says so to us itself. */
    if (reset)
        know(r, r->back_said ? AUTONAT_REACHED : AUTONAT_BACK_FAILED);
    if (ev->kind == CONN_REFUSED)
        know(r, AUTONAT_BACK_FAILED);
}

void autonat_back_event(struct autonat_node *n, uint32_t connection, const struct conn_event *ev)
{
    for (size_t i = 0; i < AUTONAT_NODE_SERVES; i++) {
        struct autonat_request *r = &n->serves[i];
        if (!r->used)
            continue;
        if (r->back == connection && r->back_stream == ev->stream)
            back_event(r, ev);
        if (r->connection == connection && r->stream == ev->stream && ev->kind == CONN_STREAM &&
            (ev->what & YAMUX_RESET) != 0) {
            r->stream = YAMUX_NONE;
            over(n, r, false);
        }
    }
}

void autonat_node_back(struct autonat_node *n, uint32_t connection, enum err why)
{
    if (n == NULL || n->stopped)
        return;
    for (size_t i = 0; i < AUTONAT_NODE_SERVES; i++) {
        struct autonat_request *r = &n->serves[i];
        if (!r->used || r->back != connection)
            continue;
        if (why == OK) {
            r->back_ready = true;
        } else {
            know(r, r->back_ready ? AUTONAT_BACK_FAILED : AUTONAT_UNREACHED);
            r->back = GATE_NONE;
        }
        autonat_node_wake(n);
        return;
    }
    if (why == OK)
        swarm_drop(n->swarm, connection, ERR_CLOSED); /* nobody wants it any more */
}

void autonat_back_gone(struct autonat_node *n, uint32_t connection)
{
    for (size_t i = 0; i < AUTONAT_NODE_SERVES; i++)
        if (n->serves[i].used && n->serves[i].connection == connection) {
            n->serves[i].stream = YAMUX_NONE;
            over(n, &n->serves[i], false);
        }
}

void autonat_back_stop(struct autonat_node *n)
{
    for (size_t i = 0; i < AUTONAT_NODE_SERVES; i++)
        if (n->serves[i].used)
            over(n, &n->serves[i], false);
}
