#include "ipfsd/swarm.h"

#include "crypto/random.h"
#include "ipfsd/swarm_impl.h"
#include "p2p/ping.h"
#include "rt/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    STREAMS_DEFAULT = 2048,
    CHUNKS_DEFAULT = 4096, /* 16 MiB */
    WRITE_ROOM = 4096,     /* below this a writer waits */
};

/* ---- buffers -----------------------------------------------------------------------------------
 */

static void post(struct swarm *s)
{
    loop_post_event(s->loop, &s->event);
}

/* Who has kept a buffer longest without anything moving gives it up for the others. */
static void sacrifice(struct swarm *s, uint64_t now)
{
    struct swarm_peer *worst = NULL;
    for (uint32_t i = 0; i < s->o.limits.connections; i++) {
        struct swarm_peer *p = &s->peers[i];
        bool holds = p->used && (ring_used(&p->net_in) != 0 || ring_used(&p->net_out) != 0);
        if (holds && p->drop == OK && (worst == NULL || p->moved_ms < worst->moved_ms))
            worst = p;
    }
    if (worst == NULL || worst->moved_ms + 2000 > now)
        return;
    worst->drop = ERR_LIMIT;
    post(s);
}

static bool lease(struct swarm_peer *p)
{
    struct swarm *s = p->swarm;
    struct ring *rings[4] = { &p->net_in, &p->net_out, &p->conn.app_in, &p->conn.app_out };
    uint32_t missing = 0;
    for (size_t i = 0; i < 4; i++)
        missing += rings[i]->size == 0;
    if (missing > s->free_count) {
        p->starved = s->anyone_starved = true;
        sacrifice(s, loop_now_ms(s->loop));
        return false;
    }
    p->starved = false;
    for (size_t i = 0; i < 4; i++)
        if (rings[i]->size == 0)
            ring_attach(rings[i], s->free[--s->free_count], UPGRADE_NET_SIZE);
    return true;
}

/* Gives back the buffers that hold nothing. */
static void release(struct swarm_peer *p, bool all)
{
    struct swarm *s = p->swarm;
    struct ring *rings[4] = { &p->net_in, &p->net_out, &p->conn.app_in, &p->conn.app_out };
    for (size_t i = 0; i < 4; i++) {
        if (all)
            ring_drop(rings[i], ring_used(rings[i]));
        if (rings[i]->size != 0 && ring_used(rings[i]) == 0)
            s->free[s->free_count++] = ring_detach(rings[i]);
    }
    if (s->anyone_starved && s->free_count >= 4)
        post(s);
}

/* ---- one connection
 * ------------------------------------------------------------------------------ */

static void peer_close(struct swarm_peer *p, enum err why)
{
    struct swarm *s = p->swarm;
    uint32_t i = swarm_peer_index(p);
    bool ready = p->begun && conn_ready(&p->conn);
    if (!ready) {
        s->figures.upgrades_failed += !p->connecting;
        if (!p->inbound && !p->back) {
            s->figures.dials_failed++;
            swarm_dial_over(p, why);
            gate_dial_result(&s->gate, &p->target, false, loop_now_ms(s->loop));
        }
    }
    swarm_serve_forget(s, i);
    loop_fd_free(p->watch);
    close(p->fd);
    if (p->begun)
        conn_fini(&p->conn);
    release(p, true);
    gate_closed(&s->gate, i);
    bool tell = ready || !p->inbound, back = p->back;
    memset(p, 0, offsetof(struct swarm_peer, conn));
    p->swarm = s;
    p->fd = -1;
    if (back && s->o.on_back != NULL)
        s->o.on_back(s->o.ctx, i, why);
    else if (tell && !back && s->o.on_gone != NULL)
        s->o.on_gone(s->o.ctx, i, why);
}

static void link_set(struct swarm_peer *p, uint32_t stream, uint32_t protocol)
{
    for (size_t i = 0; i < SWARM_LINKS; i++)
        if (p->links[i].stream == 0) {
            p->links[i] = (struct swarm_link){ .stream = stream, .protocol = protocol };
            return;
        }
    conn_reset(&p->conn, stream); /* cannot be: yamux allows no more streams than there are links */
}

static enum err on_ready(struct swarm_peer *p)
{
    struct swarm *s = p->swarm;
    uint32_t i = swarm_peer_index(p), stream;
    uint64_t now = loop_now_ms(s->loop);
    const struct peer_id *peer = upgrade_peer(&p->conn.upgrade);
    if (peer_id_eq(peer, &s->self))
        return ERR_EXISTS; /* ourselves */
    if (p->back) {
        if (s->o.on_back != NULL)
            s->o.on_back(s->o.ctx, i, OK);
        return OK;
    }
    TRY(gate_ready(&s->gate, i, peer, now));
    if (!p->inbound) {
        swarm_dial_over(p, OK);
        gate_dial_result(&s->gate, &p->target, true, now);
    }
    if (s->o.on_peer != NULL)
        s->o.on_peer(s->o.ctx, i, peer, p->inbound);
    if (p->drop == OK && conn_open(&p->conn, s->ids[SWARM_IDENTIFY], &stream) == OK)
        (void)swarm_serve_begin(s, i, stream, SWARM_IDENTIFY, true);
    return OK;
}

/* An event of a stream of the owner's protocols. */
static void owner_event(struct swarm_peer *p, const struct conn_event *ev)
{
    struct swarm *s = p->swarm;
    for (size_t k = 0; k < SWARM_LINKS; k++) {
        struct swarm_link l = p->links[k];
        if (l.stream != ev->stream)
            continue;
        if (ev->kind == CONN_REFUSED || (ev->kind == CONN_STREAM && (ev->what & YAMUX_RESET) != 0))
            p->links[k].stream = 0;
        const struct swarm_protocol *proto = &s->o.protocols[l.protocol];
        proto->fn(proto->ctx, swarm_peer_index(p), ev);
        if (ev->kind == CONN_STREAM && (ev->what & YAMUX_RESET) != 0)
            conn_close(&p->conn, ev->stream);
        return;
    }
}

static enum err on_event(struct swarm_peer *p, const struct conn_event *ev)
{
    struct swarm *s = p->swarm;
    if (ev->kind == CONN_READY)
        return on_ready(p);
    if (swarm_serve_event(s, swarm_peer_index(p), ev))
        return OK;
    if (ev->kind == CONN_OPENED && ev->protocol < SWARM_OWN) {
        (void)swarm_serve_begin(s, swarm_peer_index(p), ev->stream, ev->protocol, false);
        return OK;
    }
    if (ev->kind == CONN_OPENED)
        link_set(p, ev->stream, (uint32_t)(ev->protocol - SWARM_OWN));
    owner_event(p, ev);
    return OK;
}

static enum err flush(struct swarm_peer *p)
{
    struct swarm *s = p->swarm;
    while (ring_used(&p->net_out) != 0) {
        struct span out =
            span_sub(ring_peek(&p->net_out), 0, rate_room(&s->up, loop_now_ms(s->loop)));
        p->throttled |= out.n == 0;
        if (out.n == 0)
            return OK;
        ssize_t n = send(p->fd, out.p, out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN ? OK : ERR_CLOSED;
        rate_take(&s->up, (size_t)n);
        s->figures.bytes_out += (uint64_t)n;
        ring_drop(&p->net_out, (size_t)n);
        p->moved_ms = loop_now_ms(s->loop);
    }
    return OK;
}

static enum err fill(struct swarm_peer *p)
{
    struct swarm *s = p->swarm;
    struct mspan space = ring_space(&p->net_in, 0);
    size_t allowed = rate_room(&s->down, loop_now_ms(s->loop));
    p->throttled |= allowed == 0;
    if (space.n > allowed)
        space.n = allowed;
    if (space.n == 0)
        return OK;
    ssize_t n = recv(p->fd, space.p, space.n, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN ? OK : ERR_CLOSED;
    rate_take(&s->down, (size_t)n);
    s->figures.bytes_in += (uint64_t)n;
    ring_commit(&p->net_in, (size_t)n);
    return n == 0 ? ERR_CLOSED : OK;
}

/* Tells those who had more to write that there is room again. */
static void tell_writers(struct swarm_peer *p)
{
    for (size_t k = 0; k < SWARM_LINKS && ring_room(&p->conn.app_out) >= WRITE_ROOM; k++) {
        const struct conn_event ev = { .kind = CONN_STREAM,
                                       .stream = p->links[k].stream,
                                       .what = YAMUX_WRITABLE };
        if (p->links[k].stream == 0 || !p->links[k].wants)
            continue;
        p->links[k].wants = false;
        owner_event(p, &ev);
    }
}

/* Whether there is something to do although nothing will come from the socket. */
static bool unfinished(const struct swarm_peer *p)
{
    if (ring_used(&p->net_out) != 0 || p->throttled)
        return false; /* the socket or the clock will call */
    bool wants = ring_used(&p->conn.app_out) != 0;
    for (size_t k = 0; k < SWARM_LINKS; k++)
        wants |= p->links[k].stream != 0 && p->links[k].wants;
    return wants;
}

/* Everything that can be done with the bytes that are here. */
static enum err work(struct swarm_peer *p)
{
    struct swarm *s = p->swarm;
    struct conn_event ev;
    uint64_t now = loop_now_ms(s->loop);
    for (int i = 0; i < 4; i++) {
        size_t before = ring_used(&p->net_in);
        TRY(conn_step(&p->conn, &p->net_in, &p->net_out, now));
        while (p->drop == OK && conn_event(&p->conn, &ev)) {
            if (ev.kind != CONN_READY && conn_ready(&p->conn))
                gate_touch(&s->gate, swarm_peer_index(p), now);
            TRY(on_event(p, &ev));
        }
        tell_writers(p);
        TRY(p->drop);
        swarm_serve_turn(s, swarm_peer_index(p));
        TRY(conn_step(&p->conn, &p->net_in, &p->net_out, now));
        TRY(flush(p));
        if (ring_used(&p->net_in) < before || ring_used(&p->net_in) == 0)
            p->moved_ms = now;
        if (ring_used(&p->net_in) == 0 && ring_used(&p->conn.app_out) == 0)
            break;
    }
    return OK;
}

void swarm_peer_watch(struct swarm_peer *p)
{
    int want = 0;
    if (p->connecting)
        want = LOOP_WRITE;
    else if (!p->starved && !p->throttled)
        want = (p->net_in.size == 0 || ring_room(&p->net_in) != 0 ? LOOP_READ : 0) |
               (ring_used(&p->net_out) != 0 ? LOOP_WRITE : 0);
    if (want != p->interest)
        loop_fd_set(p->watch, want);
    p->interest = want;
}

static void peer_turn(struct swarm_peer *p, bool readable)
{
    enum err e = OK;
    p->kicked = false;
    if (p->connecting)
        return;
    if (lease(p)) {
        p->throttled = false;
        enum err end = readable ? fill(p) : OK;
        e = work(p); /* what came before the end counts */
        if (e == OK)
            e = end;
        if (e == OK && unfinished(p))
            swarm_kick(p->swarm, swarm_peer_index(p));
        release(p, false);
    }
    if (e != OK) {
        if (p->net_out.size != 0)
            (void)!flush(p); /* an alert or go-away that says why */
        peer_close(p, e);
        return;
    }
    swarm_peer_watch(p);
}

void swarm_peer_begin(struct swarm_peer *p)
{
    struct swarm *s = p->swarm;
    uint8_t random[UPGRADE_RANDOM_SIZE];
    uint64_t now = loop_now_ms(s->loop);
    struct conn_config c = { .upgrade = { .dialer = !p->inbound,
                                          .noise = s->o.noise,
                                          .tls = s->o.tls,
                                          .prefer_tls = s->o.prefer_tls,
                                          .early_muxer = s->o.early_muxer,
                                          .expected = p->target.peer,
                                          .identity = p->back ? &s->back_key : s->o.identity,
                                          .tls_identity = p->back ? &s->back_tls : &s->tls,
                                          .unix_s = (int64_t)(clock_wall_ms() / 1000),
                                          .deadline_ms = now + UPGRADE_TIMEOUT_MS },
                             .yamux = yamux_defaults(!p->inbound),
                             .pool = &s->pool,
                             .served = s->ids,
                             .served_count =
                                 p->back ? SWARM_PING + 1 : SWARM_OWN + s->o.protocol_count };
    c.yamux.incoming_max = c.yamux.outgoing_max = SWARM_LINKS / 2;
    p->connecting = false;
    p->begun = true;
    p->moved_ms = now;
    random_bytes(random, sizeof(random));
    conn_init(&p->conn, &c, random);
    peer_turn(p, true);
}

static void on_fd(void *ctx, int events)
{
    struct swarm_peer *p = ctx;
    if (p->connecting) {
        socklen_t n = sizeof(p->os_error);
        if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &p->os_error, &n) != 0 || p->os_error != 0)
            peer_close(p, ERR_CLOSED);
        else
            swarm_peer_begin(p);
        return;
    }
    peer_turn(p, (events & LOOP_READ) != 0);
}

struct swarm_peer *swarm_peer_take(struct swarm *s, uint32_t i, int fd, bool inbound)
{
    struct swarm_peer *p = &s->peers[i];
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    p->used = true;
    p->inbound = inbound;
    p->fd = fd;
    p->interest = -1;
    p->watch = loop_fd_new(s->loop, fd, on_fd, p);
    if (p->watch != NULL)
        return p;
    close(fd);
    gate_closed(&s->gate, i);
    p->used = false;
    return NULL;
}

/* ---- what happens by itself
 * ------------------------------------------------------------------------ */

static void on_event_posted(void *ctx)
{
    struct swarm *s = ctx;
    s->anyone_starved = false;
    for (uint32_t i = 0; i < s->o.limits.connections; i++) {
        struct swarm_peer *p = &s->peers[i];
        if (!p->used)
            continue;
        if (p->drop != OK)
            peer_close(p, p->drop);
        else if (p->kicked || (p->starved && s->free_count >= 4))
            peer_turn(p, true);
        s->anyone_starved |= p->used && p->starved;
    }
}

static void peer_tick(struct swarm_peer *p, uint64_t now)
{
    if (p->connecting) {
        if (now >= p->deadline_ms)
            peer_close(p, ERR_TIMEOUT);
        return;
    }
    bool holds = ring_used(&p->net_in) != 0 || ring_used(&p->net_out) != 0;
    if (holds && !p->throttled && now >= p->moved_ms + SWARM_STALL_MS) {
        peer_close(p, ERR_TIMEOUT);
        return;
    }
    uint64_t at = conn_deadline(&p->conn);
    if (p->throttled || p->starved || (at != 0 && now >= at) ||
        swarm_serve_due(p->swarm, swarm_peer_index(p)))
        peer_turn(p, true);
}

static void on_tick(void *ctx)
{
    struct swarm *s = ctx;
    uint64_t now = loop_now_ms(s->loop);
    for (uint32_t i = 0; i < s->o.limits.connections; i++)
        if (s->peers[i].used)
            peer_tick(&s->peers[i], now);
    swarm_self_tick(s);
    uint32_t i;
    while ((i = gate_trim(&s->gate, now)) != GATE_NONE) {
        struct swarm_peer *p = &s->peers[i];
        s->figures.trimmed++;
        if (lease(p)) {
            conn_leave(&p->conn, &p->net_in, &p->net_out);
            (void)!flush(p);
        }
        peer_close(p, ERR_BUSY);
    }
}

/* ---- opening and closing
 * --------------------------------------------------------------------------- */

static enum err take_memory(struct swarm *s)
{
    struct swarm_options *o = &s->o;
    o->buffers = o->buffers == 0 ? SWARM_BUFFERS_DEFAULT : o->buffers;
    o->streams = o->streams == 0 ? STREAMS_DEFAULT : o->streams;
    o->chunks = o->chunks == 0 ? CHUNKS_DEFAULT : o->chunks;
    s->peers = calloc(o->limits.connections, sizeof(*s->peers));
    s->services = calloc(SWARM_SERVICES, sizeof(*s->services));
    s->chunks = calloc(o->chunks, sizeof(*s->chunks));
    s->streams = calloc(o->streams, sizeof(*s->streams));
    s->memory = calloc(o->buffers, UPGRADE_NET_SIZE);
    s->free = calloc(o->buffers, sizeof(*s->free));
    if (s->peers == NULL || s->services == NULL || s->chunks == NULL || s->streams == NULL ||
        s->memory == NULL || s->free == NULL)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < o->limits.connections; i++) {
        s->peers[i].swarm = s;
        s->peers[i].fd = -1;
    }
    for (uint32_t i = 0; i < o->buffers; i++)
        s->free[s->free_count++] = s->memory + (size_t)i * UPGRADE_NET_SIZE;
    yamux_pool_init(&s->pool, s->chunks, o->chunks, s->streams, o->streams,
                    (uint64_t)o->chunks * YAMUX_CHUNK_SIZE);
    return OK;
}

static enum err begin(struct swarm *s)
{
    uint64_t seed, now = loop_now_ms(s->loop);
    const struct swarm_options *o = &s->o;
    TRY(take_memory(s));
    int64_t unix_s = (int64_t)(clock_wall_ms() / 1000);
    uint8_t back[32];
    TRY(tls_identity_init(&s->tls, o->identity, unix_s));
    random_bytes(back, sizeof(back));
    ed25519_keypair(&s->back_key, back);
    TRY(tls_identity_init(&s->back_tls, &s->back_key, unix_s));
    random_bytes(&seed, sizeof(seed));
    gate_init(&s->gate, &o->limits, seed);
    uint64_t down = o->down_per_s / 2, up = o->up_per_s / 2;
    rate_init(&s->down, o->down_per_s, down < UPGRADE_NET_SIZE ? UPGRADE_NET_SIZE : down, now);
    rate_init(&s->up, o->up_per_s, up < UPGRADE_NET_SIZE ? UPGRADE_NET_SIZE : up, now);
    s->ids[SWARM_PING] = PING_ID;
    s->ids[SWARM_IDENTIFY] = IDENTIFY_ID;
    s->ids[SWARM_PUSH] = IDENTIFY_PUSH_ID;
    for (size_t i = 0; i < o->protocol_count; i++)
        s->ids[SWARM_OWN + i] = o->protocols[i].id;
    for (size_t i = 0; i < o->listen_count; i++)
        TRY(swarm_listen_at(s, &s->listeners[i], &o->listen[i]));
    swarm_self_tick(s);
    s->tick = loop_timer_new(s->loop, on_tick, s);
    if (s->tick == NULL)
        return ERR_MEMORY;
    loop_timer_start(s->tick, SWARM_TICK_MS, SWARM_TICK_MS);
    return OK;
}

enum err swarm_open(struct swarm **out, struct loop *l, const struct swarm_options *o)
{
    *out = NULL;
    ASSERT(o->listen_count <= SWARM_LISTEN_MAX && o->protocol_count <= SWARM_PROTOCOLS_MAX);
    struct swarm *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_MEMORY;
    s->loop = l;
    s->o = *o;
    s->event = (struct loop_event){ .fn = on_event_posted, .ctx = s };
    struct peer_key key = peer_key_of(o->identity);
    s->self = peer_id_of(&key);
    for (size_t i = 0; i < SWARM_LISTEN_MAX; i++)
        s->listeners[i].fd = -1;
    enum err e = begin(s);
    if (e == OK)
        *out = s;
    else
        swarm_close(s);
    return e;
}

void swarm_close(struct swarm *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < SWARM_LISTEN_MAX; i++) {
        loop_fd_free(s->listeners[i].watch);
        if (s->listeners[i].fd >= 0)
            close(s->listeners[i].fd);
    }
    loop_timer_free(s->tick);
    s->o.on_gone = s->o.on_back = NULL;
    for (uint32_t i = 0; s->peers != NULL && i < s->o.limits.connections; i++) {
        struct swarm_peer *p = &s->peers[i];
        if (!p->used)
            continue;
        if (p->begun && lease(p)) {
            conn_leave(&p->conn, &p->net_in, &p->net_out);
            (void)!flush(p);
        }
        peer_close(p, ERR_CLOSED);
    }
    /* A posted event would find nothing: let it run while we are still here. */
    while (s->event.queued)
        loop_run_once(s->loop, 0);
    tls_identity_fini(&s->tls);
    tls_identity_fini(&s->back_tls);
    ed25519_wipe(&s->back_key);
    free(s->peers);
    free(s->services);
    free(s->chunks);
    free(s->streams);
    free(s->memory);
    free(s->free);
    free(s);
}

/* ---- for the owner
 * ------------------------------------------------------------------------------------ */

struct gate *swarm_gate(struct swarm *s)
{
    return &s->gate;
}

enum err swarm_address(const struct swarm *s, size_t i, struct multiaddr *out)
{
    *out = (struct multiaddr){ 0 };
    if (i >= s->o.listen_count)
        return ERR_NOT_FOUND;
    *out = s->listeners[i].address;
    return multiaddr_add(out, MULTIADDR_P2P, peer_id_span(&s->self));
}

enum err swarm_ping(struct swarm *s, uint32_t connection)
{
    if (swarm_conn(s, connection) == NULL)
        return ERR_STATE;
    return swarm_peer_ask(&s->peers[connection], SWARM_PING) ? OK : ERR_BUSY;
}

uint32_t swarm_find(const struct swarm *s, const struct peer_id *peer)
{
    return gate_find(&s->gate, peer);
}

struct conn *swarm_conn(struct swarm *s, uint32_t connection)
{
    if (connection >= s->o.limits.connections)
        return NULL;
    struct swarm_peer *p = &s->peers[connection];
    return p->used && p->begun && p->drop == OK && conn_ready(&p->conn) ? &p->conn : NULL;
}

enum err swarm_remote(const struct swarm *s, uint32_t connection, struct multiaddr *out)
{
    *out = (struct multiaddr){ 0 };
    if (connection >= s->o.limits.connections || !s->peers[connection].used)
        return ERR_NOT_FOUND;
    const struct gate_target *t = &s->peers[connection].target;
    *out = multiaddr_of_ip(t->ip, t->port);
    return OK;
}

enum err swarm_stream(struct swarm *s, uint32_t connection, size_t i, uint32_t *stream)
{
    struct conn *c = swarm_conn(s, connection);
    *stream = YAMUX_NONE;
    ASSERT(i < s->o.protocol_count);
    if (c == NULL)
        return ERR_STATE;
    struct swarm_peer *p = &s->peers[connection];
    if (!lease(p))
        return ERR_BUSY;
    enum err e = conn_open(c, s->o.protocols[i].id, stream);
    if (e == OK)
        link_set(p, *stream, (uint32_t)i);
    swarm_kick(s, connection);
    return e;
}

bool swarm_peer_ask(struct swarm_peer *p, size_t protocol)
{
    struct swarm *s = p->swarm;
    uint32_t i = swarm_peer_index(p), stream;
    if (!lease(p) || conn_open(&p->conn, s->ids[protocol], &stream) != OK)
        return false;
    swarm_kick(s, i);
    return swarm_serve_begin(s, i, stream, protocol, true);
}

enum err swarm_write(struct swarm *s, uint32_t connection, uint32_t stream, struct span data,
                     size_t *taken)
{
    struct conn *c = swarm_conn(s, connection);
    *taken = 0;
    if (c == NULL)
        return ERR_STATE;
    struct swarm_peer *p = &s->peers[connection];
    bool leased = lease(p);
    if (leased)
        TRY(conn_write(c, stream, data, taken));
    /* When it is the window that is used up, yamux says so itself. */
    bool wants = *taken < data.n && (!leased || ring_room(&c->app_out) < WRITE_ROOM);
    for (size_t k = 0; k < SWARM_LINKS && wants; k++)
        if (p->links[k].stream == stream)
            p->links[k].wants = true;
    swarm_kick(s, connection);
    return OK;
}

void swarm_end(struct swarm *s, uint32_t connection, uint32_t stream, bool good)
{
    struct conn *c = swarm_conn(s, connection);
    if (c == NULL)
        return;
    for (size_t k = 0; k < SWARM_LINKS; k++) {
        struct swarm_link *l = &s->peers[connection].links[k];
        if (l->stream != stream)
            continue;
        *l = (struct swarm_link){ 0 };
        if (good)
            conn_close(c, stream);
        else
            conn_reset(c, stream);
        swarm_kick(s, connection);
        return;
    }
}

void swarm_kick(struct swarm *s, uint32_t connection)
{
    s->peers[connection].kicked = true;
    post(s);
}

void swarm_drop(struct swarm *s, uint32_t connection, enum err why)
{
    ASSERT(why != OK);
    if (s->peers[connection].used && s->peers[connection].drop == OK)
        s->peers[connection].drop = why;
    post(s);
}

void swarm_figures(const struct swarm *s, struct swarm_figures *out)
{
    *out = s->figures;
    out->connections = s->gate.used;
    out->ready = s->gate.ready;
    out->inbound = s->gate.inbound;
    out->buffers_free = s->free_count;
}
