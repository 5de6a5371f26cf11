#include "ipfsd/autonat_node.h"

#include "codec/json_out.h"
#include "codec/varint_frame.h"
#include "crypto/random.h"
#include "ipfsd/autonat_impl.h"
#include "p2p/observed.h"
#include "rt/log.h"
#include "rt/netaddr.h"

#include <stdlib.h>

static uint64_t now_of(const struct autonat_node *n)
{
    return loop_now_ms(n->o.loop);
}

void autonat_node_wake(struct autonat_node *n)
{
    loop_post_event(n->o.loop, &n->event);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

size_t autonat_node_take(struct autonat_node *n, uint32_t connection, uint32_t stream,
                         struct ring *in)
{
    struct conn *c = swarm_conn(n->swarm, connection);
    size_t took = c == NULL ? 0 : ring_put(in, conn_peek(c, stream));
    if (took != 0) {
        conn_drop(c, stream, took);
        swarm_kick(n->swarm, connection); /* windows */
    }
    return took;
}

size_t autonat_node_give(struct autonat_node *n, uint32_t connection, uint32_t stream,
                         struct ring *out)
{
    size_t taken = 0;
    if (ring_used(out) == 0 ||
        swarm_write(n->swarm, connection, stream, ring_peek(out), &taken) != OK)
        return 0;
    ring_drop(out, taken);
    return taken;
}

static bool at_end(struct autonat_node *n, uint32_t connection, uint32_t stream)
{
    struct conn *c = swarm_conn(n->swarm, connection);
    return c == NULL || conn_at_end(c, stream);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static const char *word(enum reach_verdict v)
{
    return v == REACH_YES ? "yes" : v == REACH_NO ? "no" : "unknown";
}

/* SPEC autonat 4.5: "when one is known not to be and none is known to be" */
static enum reach_verdict of_all(const struct autonat_node *n)
{
    enum reach_verdict all = REACH_UNKNOWN;
    for (uint32_t i = 0; i < n->reach.count; i++) {
        enum reach_verdict v = reach_verdict(&n->reach, i, now_of(n));
        if (v == REACH_YES)
            return REACH_YES;
        if (v == REACH_NO)
            all = REACH_NO;
    }
    return all;
}

static void judge(struct autonat_node *n)
{
    for (uint32_t i = 0; i < n->reach.count; i++) {
        char text[MULTIADDR_TEXT_MAX];
        enum reach_verdict v = reach_verdict(&n->reach, i, now_of(n));
        if (v == n->told[i])
            continue;
        n->told[i] = v;
        multiaddr_format(text, &n->reach.list[i].address);
        log_info("address-reach", "address=%s reachable=%s", text, word(v));
    }
    enum reach_verdict all = of_all(n);
    if (all == n->all)
        return;
    n->all = all;
    if (n->o.changed != NULL)
        n->o.changed(n->o.ctx, all);
}

static void look_at_addresses(struct autonat_node *n)
{
    struct multiaddr list[REACH_ADDRESSES];
    size_t count = n->o.addresses != NULL ? n->o.addresses(n->o.ctx, list, REACH_ADDRESSES)
                                          : swarm_reach_addresses(n->swarm, list, REACH_ADDRESSES);
    if (!reach_set(&n->reach, list, count))
        return;
    for (uint32_t i = 0; i < n->reach.count; i++)
        n->told[i] = reach_verdict(&n->reach, i, now_of(n));
}

bool autonat_node_may_tell(const struct autonat_node *n, const struct multiaddr *a)
{
    uint32_t i = reach_find(&n->reach, a);
    return i != REACH_NONE && reach_verdict(&n->reach, i, now_of(n)) == REACH_YES;
}

/* ---- questions of ours ----------------------------------------------------------------------- */

static void leave(struct autonat_node *n, struct autonat_question *q, bool good)
{
    if (q->stream != YAMUX_NONE)
        swarm_end(n->swarm, q->connection, q->stream, good);
    q->stream = YAMUX_NONE;
    q->ended = true;
}

static void pump(struct autonat_node *n, struct autonat_question *q)
{
    for (size_t moved = 1; moved > 0 && q->stream != YAMUX_NONE;) {
        moved = q->agreed ? autonat_node_take(n, q->connection, q->stream, &q->in) : 0;
        enum err e = autonat_ask_step(&q->ask, &q->in, &q->out, now_of(n));
        moved += autonat_node_give(n, q->connection, q->stream, &q->out);
        if (e != OK || q->ask.answered)
            leave(n, q, e == OK);
        else if (moved == 0 && q->agreed && at_end(n, q->connection, q->stream))
            leave(n, q, false);
    }
}

static void begin(struct autonat_node *n, struct autonat_question *q, uint32_t connection,
                  uint32_t address)
{
    const struct autonat_server *server = &n->servers[connection];
    uint64_t nonce;
    uint32_t stream;
    random_bytes(&nonce, sizeof(nonce));
    if (swarm_stream(n->swarm, connection, n->protocols[AUTONAT_IMPL_REQUEST], &stream) != OK)
        return; /* at the next tick */
    q->used = true;
    q->agreed = q->ended = false;
    q->connection = connection;
    q->stream = stream;
    q->network = server->network;
    q->peer = server->peer;
    q->in = ring_of(q->in_bytes, sizeof(q->in_bytes));
    q->out = ring_of(q->out_bytes, sizeof(q->out_bytes));
    autonat_ask_init(&q->ask, &n->reach.list[address].address, nonce | 1, now_of(n));
    reach_begin(&n->reach, address);
    pump(n, q);
}

static void finish(struct autonat_node *n, struct autonat_question *q, enum autonat_outcome how)
{
    char peer[PEER_ID_TEXT_MAX], text[MULTIADDR_TEXT_MAX];
    bool fruit = how == AUTONAT_ASK_YES || how == AUTONAT_ASK_NO;
    const struct reach_outcome o = {
        .network = q->network, .who = q->peer, .at_ms = now_of(n), .good = how == AUTONAT_ASK_YES
    };
    leave(n, q, true);
    q->used = false;
    reach_over(&n->reach, &q->ask.address);
    if (fruit)
        reach_note(&n->reach, &q->ask.address, &o);
    if (peer_id_eq(&n->servers[q->connection].peer, &q->peer))
        n->servers[q->connection].next_ms =
            o.at_ms + (fruit ? AUTONAT_NODE_AGAIN_MS : AUTONAT_NODE_FRUITLESS_MS);
    peer_id_format(peer, &q->peer);
    multiaddr_format(text, &q->ask.address);
    log_debug("reach-asked", "address=%s peer=%s result=%s status=%u dial=%u", text, peer,
              how == AUTONAT_ASK_YES  ? "yes"
              : how == AUTONAT_ASK_NO ? "no"
                                      : "nothing",
              q->ask.status, q->ask.dial);
    judge(n);
}

static bool busy(const struct autonat_node *n, uint32_t connection)
{
    for (size_t i = 0; i < AUTONAT_NODE_ASKS; i++)
        if (n->asks[i].used && n->asks[i].connection == connection)
            return true;
    return false;
}

/* SPEC autonat 2.7: "At most 3 questions are under way, one with each server" */
static void ask_on(struct autonat_node *n)
{
    uint64_t now = now_of(n);
    uint32_t connection = 0;
    for (size_t k = 0; k < AUTONAT_NODE_ASKS && n->reach.count != 0; k++) {
        struct autonat_question *q = &n->asks[k];
        for (; !q->used && connection < n->o.connections; connection++) {
            const struct autonat_server *s = &n->servers[connection];
            if (s->network == 0 || s->next_ms > now || busy(n, connection))
                continue;
            uint32_t address = reach_next(&n->reach, s->network, now);
            if (address != REACH_NONE)
                begin(n, q, connection, address);
        }
    }
}

static void questions_turn(struct autonat_node *n)
{
    for (size_t i = 0; i < AUTONAT_NODE_ASKS; i++) {
        struct autonat_question *q = &n->asks[i];
        if (!q->used)
            continue;
        pump(n, q);
        enum autonat_outcome how = autonat_ask_outcome(&q->ask, q->ended, now_of(n));
        if (how != AUTONAT_ASK_OPEN)
            finish(n, q, how);
    }
}

/* True when it is a stream of a question. */
static bool question_event(struct autonat_node *n, uint32_t connection, const struct conn_event *ev)
{
    for (size_t i = 0; i < AUTONAT_NODE_ASKS; i++) {
        struct autonat_question *q = &n->asks[i];
        if (!q->used || q->connection != connection || q->stream != ev->stream)
            continue;
        bool reset = ev->kind == CONN_STREAM && (ev->what & YAMUX_RESET) != 0;
        if (ev->kind == CONN_REFUSED || reset) {
            q->stream = YAMUX_NONE; /* the swarm lets go of it */
            q->ended = true;
        }
        q->agreed = q->agreed || ev->kind == CONN_AGREED;
        return true;
    }
    return false;
}

/* ---- those who bring a nonce ----------------------------------------------------------------- */

static void bring(struct autonat_node *n, struct autonat_bringer *b, uint64_t nonce)
{
    struct multiaddr from;
    struct multiaddr_tcp t;
    const uint8_t empty = 0; /* a message without fields */
    size_t taken;
    bool good = swarm_remote(n->swarm, b->connection, &from) == OK &&
                multiaddr_tcp_of(&t, &from) == OK,
         ours = false;
    for (size_t i = 0; i < AUTONAT_NODE_ASKS && good; i++)
        ours = ours || (n->asks[i].used &&
                        autonat_ask_back(&n->asks[i].ask, nonce, t.host == MULTIADDR_IP4));
    if (ours && swarm_write(n->swarm, b->connection, b->stream, span_of(&empty, 1), &taken) != OK)
        ours = false;
    swarm_end(n->swarm, b->connection, b->stream, ours);
    b->used = false;
}

static void bringers_turn(struct autonat_node *n)
{
    for (size_t i = 0; i < AUTONAT_NODE_BACKS; i++) {
        struct autonat_bringer *b = &n->backs[i];
        struct span body;
        size_t taken;
        uint64_t nonce;
        if (!b->used)
            continue;
        (void)autonat_node_take(n, b->connection, b->stream, &b->in);
        enum err e = varint_frame_take(&body, &taken, ring_peek(&b->in), AUTONAT_BACK_MAX);
        if (e == OK)
            e = autonat_back_decode(&nonce, body) == OK ? OK : ERR_FORMAT;
        if (e == OK) {
            bring(n, b, nonce);
        } else if (e != ERR_SHORT || now_of(n) >= b->by_ms) {
            swarm_end(n->swarm, b->connection, b->stream, false);
            b->used = false;
        }
    }
}

static void bringer_opened(struct autonat_node *n, uint32_t connection, uint32_t stream)
{
    for (size_t i = 0; i < AUTONAT_NODE_BACKS; i++) {
        struct autonat_bringer *b = &n->backs[i];
        if (b->used)
            continue;
        b->used = true;
        b->connection = connection;
        b->stream = stream;
        b->by_ms = now_of(n) + AUTONAT_NODE_BACK_MS;
        b->in = ring_of(b->in_bytes, sizeof(b->in_bytes));
        return;
    }
    swarm_end(n->swarm, connection, stream, false);
}

static void bringer_event(struct autonat_node *n, uint32_t connection, const struct conn_event *ev)
{
    for (size_t i = 0; i < AUTONAT_NODE_BACKS; i++) {
        struct autonat_bringer *b = &n->backs[i];
        if (b->used && b->connection == connection && b->stream == ev->stream &&
            (ev->what & YAMUX_RESET) != 0)
            b->used = false;
    }
}

/* ---- from the swarm: only noted, acted upon in our own turn -----------------------------------
 */

static void on_request(void *ctx, uint32_t connection, const struct conn_event *ev)
{
    struct autonat_node *n = ctx;
    if (n->stopped)
        return;
    if (ev->kind == CONN_OPENED)
        autonat_back_opened(n, connection, ev->stream);
    else if (!question_event(n, connection, ev))
        autonat_back_event(n, connection, ev);
    autonat_node_wake(n);
}

static void on_back(void *ctx, uint32_t connection, const struct conn_event *ev)
{
    struct autonat_node *n = ctx;
    if (n->stopped)
        return;
    if (ev->kind == CONN_OPENED)
        bringer_opened(n, connection, ev->stream);
    bringer_event(n, connection, ev);
    autonat_back_event(n, connection, ev);
    autonat_node_wake(n);
}

void autonat_node_peer(struct autonat_node *n, uint32_t connection, const struct peer_id *peer)
{
    if (n != NULL)
        n->servers[connection] = (struct autonat_server){ .peer = *peer };
}

static bool is_global(struct span ip)
{
    return (ip.n == 4 ? netaddr_class_v4(ip.p) : netaddr_class_v6(ip.p)) == NETADDR_GLOBAL;
}

void autonat_node_identity(struct autonat_node *n, uint32_t connection, const struct identify *id)
{
    struct multiaddr from;
    struct multiaddr_tcp t;
    if (n == NULL || n->stopped || n->servers[connection].peer.size == 0)
        return;
    struct autonat_server *s = &n->servers[connection];
    bool known =
        swarm_remote(n->swarm, connection, &from) == OK && multiaddr_tcp_of(&t, &from) == OK;
    size_t size = known && t.host == MULTIADDR_IP4 ? 4 : 16;
    /* SPEC autonat 2.1: "A connected peer at a global address that lists the request protocol" */
    bool asked = known && identify_speaks(id, span_str(AUTONAT_REQUEST_ID)) &&
                 (n->o.allow_private || is_global(span_of(t.ip, size)));
    s->network = asked ? observed_network(span_of(t.ip, size)) : 0;
}

void autonat_node_gone(struct autonat_node *n, uint32_t connection)
{
    if (n == NULL)
        return;
    n->servers[connection] = (struct autonat_server){ .network = 0 };
    for (size_t i = 0; i < AUTONAT_NODE_ASKS; i++)
        if (n->asks[i].used && n->asks[i].connection == connection) {
            n->asks[i].stream = YAMUX_NONE;
            n->asks[i].ended = true;
        }
    for (size_t i = 0; i < AUTONAT_NODE_BACKS; i++)
        if (n->backs[i].connection == connection)
            n->backs[i].used = false;
    autonat_back_gone(n, connection);
}

static void turn(void *ctx)
{
    struct autonat_node *n = ctx;
    if (n->stopped || n->swarm == NULL)
        return;
    bringers_turn(n);
    questions_turn(n);
    autonat_back_turn(n);
}

static void on_tick(void *ctx)
{
    struct autonat_node *n = ctx;
    if (n->stopped || n->swarm == NULL)
        return;
    look_at_addresses(n);
    judge(n); /* what is known grows old */
    ask_on(n);
    turn(n);
}

/* ---- life ------------------------------------------------------------------------------------ */

enum err autonat_node_open(struct autonat_node **out, const struct autonat_node_options *o)
{
    struct autonat_node *n = calloc(1, sizeof(*n));
    *out = NULL;
    if (n == NULL)
        return ERR_MEMORY;
    n->o = *o;
    n->event = (struct loop_event){ .fn = turn, .ctx = n };
    n->servers = calloc(o->connections, sizeof(*n->servers));
    n->tick = loop_timer_new(o->loop, on_tick, n);
    if (n->servers == NULL || n->tick == NULL) {
        autonat_node_close(n);
        return ERR_MEMORY;
    }
    loop_timer_start(n->tick, AUTONAT_NODE_TICK_MS, AUTONAT_NODE_TICK_MS);
    *out = n;
    return OK;
}

struct swarm_protocol autonat_node_protocol(struct autonat_node *n, size_t i)
{
    bool request = i == AUTONAT_IMPL_REQUEST;
    return (struct swarm_protocol){ .id = request ? AUTONAT_REQUEST_ID : AUTONAT_BACK_ID,
                                    .fn = request ? on_request : on_back,
                                    .ctx = n };
}

void autonat_node_attach(struct autonat_node *n, struct swarm *s,
                         const size_t protocols[AUTONAT_NODE_PROTOCOLS])
{
    n->swarm = s;
    memcpy(n->protocols, protocols, sizeof(n->protocols));
}

static void write_address(const struct autonat_node *n, struct json_out *j, uint32_t i)
{
    const struct reach_address *a = &n->reach.list[i];
    char text[MULTIADDR_TEXT_MAX], peer[PEER_ID_TEXT_MAX];
    multiaddr_format(text, &a->address);
    json_out_object(j);
    json_out_member_str(j, "address", text);
    json_out_member_str(j, "reachable", word(reach_verdict(&n->reach, i, now_of(n))));
    json_out_key(j, "asked");
    json_out_array(j);
    for (uint32_t k = 0; k < a->count; k++) {
        const struct reach_outcome *o = &a->outcomes[k];
        peer_id_format(peer, &o->who);
        json_out_object(j);
        json_out_member_str(j, "peer", peer);
        json_out_member_bool(j, "reached", o->good);
        json_out_member_u64(j, "seconds", (now_of(n) - o->at_ms) / 1000);
        json_out_object_end(j);
    }
    json_out_array_end(j);
    json_out_object_end(j);
}

void autonat_node_write(const struct autonat_node *n, struct json_out *j)
{
    uint32_t servers = 0;
    for (uint32_t i = 0; i < n->o.connections; i++)
        servers += n->servers[i].network != 0;
    json_out_member_str(j, "reachable", word(n->all));
    json_out_member_u64(j, "reach_servers", servers);
    json_out_key(j, "reach");
    json_out_array(j);
    for (uint32_t i = 0; i < n->reach.count; i++)
        write_address(n, j, i);
    json_out_array_end(j);
}

void autonat_node_stop(struct autonat_node *n)
{
    if (n == NULL || n->stopped)
        return;
    if (n->swarm != NULL)
        autonat_back_stop(n);
    n->stopped = true;
    loop_timer_free(n->tick);
    n->tick = NULL;
}

void autonat_node_close(struct autonat_node *n)
{
    if (n == NULL)
        return;
    n->stopped = true;
    loop_timer_free(n->tick);
    /* A posted event finds nothing to do: it runs while we are still here. */
    while (n->event.queued)
        loop_run_once(n->o.loop, 0);
    free(n->servers);
    free(n);
}
