#include "ipfsd/exchange.h"

#include "crypto/random.h"
#include "crypto/sha256.h"
#include "ipfsd/exchange_impl.h"

#include <stdlib.h>

enum {
    SERVER_BUCKETS = 16384,
    CLIENT_WANTS = 4096,
    CLIENT_BUCKETS = 4096,
    ROUNDS = 16, /* messages to each peer in a turn of the loop */
};

void exchange_wake(struct exchange *x)
{
    loop_post_event(x->o.loop, &x->wake);
}

/* ---- inbound streams ---------------------------------------------------------------------------
 */

static void in_end(struct exchange *x, struct exchange_inbound *v, bool good)
{
    bitswap_node_stream_fini(&x->node, &v->s);
    v->used = false;
    while (x->stream_top > 0 && !x->streams[x->stream_top - 1].used)
        x->stream_top--;
    x->peers[v->connection].inbound--;
    x->figures.streams--;
    swarm_end(x->swarm, v->connection, v->stream, good);
}

static void in_open(struct exchange *x, uint32_t connection, uint32_t stream)
{
    struct exchange_inbound *v = NULL;
    struct exchange_peer *p = &x->peers[connection];
    for (size_t i = 0; i < x->stream_count && v == NULL; i++)
        if (!x->streams[i].used)
            v = &x->streams[i];
    if (v == NULL || !p->joined || p->inbound == EXCHANGE_STREAMS_EACH) {
        swarm_end(x->swarm, connection, stream, false);
        return;
    }
    size_t i = (size_t)(v - x->streams);
    x->stream_top = i >= x->stream_top ? i + 1 : x->stream_top;
    v->used = true;
    v->stalled = false;
    v->connection = connection;
    v->stream = stream;
    v->in = ring_of(v->memory, sizeof(v->memory));
    bitswap_node_stream_init(&v->s, connection);
    p->inbound++;
    x->figures.streams++;
}

/* Straight out of the connection while items are whole there; what is cut goes through the ring. */
static enum err in_take(struct exchange *x, struct exchange_inbound *v, struct conn *c, bool *moved)
{
    size_t taken;
    struct span in = conn_peek(c, v->stream);
    if (ring_used(&v->in) == 0 && in.n > 0) {
        TRY(bitswap_node_read(&x->node, &v->s, &taken, in, exchange_now(x)));
        conn_drop(c, v->stream, taken);
        *moved |= taken > 0;
        if (taken == in.n || v->s.reader.state == BITSWAP_AT_MEMORY)
            return OK;
        in = conn_peek(c, v->stream);
    }
    /* In small pieces: as soon as the item is whole the rest is taken straight again. */
    taken = ring_put(&v->in, span_sub(in, 0, EXCHANGE_STREAM_PIECE));
    conn_drop(c, v->stream, taken);
    *moved |= taken > 0;
    return bitswap_node_in(&x->node, &v->s, &v->in, exchange_now(x));
}

static void in_pump(struct exchange *x, struct exchange_inbound *v)
{
    struct conn *c = swarm_conn(x->swarm, v->connection);
    bool moved = false;
    if (c == NULL)
        return; /* on its way out: we are told */
    for (bool more = true; more; moved |= more) {
        size_t before = ring_used(&v->in);
        more = false;
        if (in_take(x, v, c, &more) != OK) {
            in_end(x, v, false);
            return;
        }
        more |= ring_used(&v->in) != before;
    }
    v->stalled = ring_used(&v->in) > 0 || v->s.reader.state == BITSWAP_AT_MEMORY;
    if (moved)
        swarm_kick(x->swarm, v->connection);
    if (conn_at_end(c, v->stream) && v->s.reader.state != BITSWAP_AT_MEMORY)
        in_end(x, v, true);
}

/* ---- outbound ----------------------------------------------------------------------------------
 */

static void leave(struct exchange *x, uint32_t connection)
{
    struct exchange_peer *p = &x->peers[connection];
    if (!p->joined)
        return;
    for (size_t i = 0; i < x->stream_top; i++)
        if (x->streams[i].used && x->streams[i].connection == connection)
            in_end(x, &x->streams[i], false);
    bitswap_node_leave(&x->node, connection, exchange_now(x));
    p->joined = false;
    x->figures.peers--;
}

static void out_lost(struct exchange *x, uint32_t connection)
{
    struct exchange_peer *p = &x->peers[connection];
    p->stream = YAMUX_NONE;
    bitswap_node_out_lost(&x->node, connection);
    if (++p->losses >= EXCHANGE_LOSSES)
        leave(x, connection);
}

/* Moves what there is to say. True: a message has gone, and another may follow. */
static bool out_pump(struct exchange *x, uint32_t connection)
{
    struct exchange_peer *p = &x->peers[connection];
    bool wanted = bitswap_node_wants_out(&x->node, connection);
    if (p->stream == YAMUX_NONE) {
        enum err e = wanted ? swarm_stream(x->swarm, connection, x->protocol, &p->stream) : OK;
        if (!wanted || e != OK) {
            p->stream = YAMUX_NONE; /* tried again at the next tick */
            return false;
        }
    }
    for (size_t taken = 1; taken > 0 && bitswap_node_wants_out(&x->node, connection);) {
        struct span out = bitswap_node_front(&x->node, connection);
        if (swarm_write(x->swarm, connection, p->stream, out, &taken) != OK) {
            swarm_end(x->swarm, connection, p->stream, false);
            out_lost(x, connection);
            return false;
        }
        if (bitswap_node_took(&x->node, connection, taken, exchange_now(x)) != OK) {
            swarm_drop(x->swarm, connection, ERR_TIMEOUT);
            return false;
        }
    }
    bool gone = wanted && !bitswap_node_wants_out(&x->node, connection);
    if (gone)
        p->losses = 0;
    return gone;
}

/* ---- the swarm's events ------------------------------------------------------------------------
 */

static struct exchange_inbound *in_find(struct exchange *x, uint32_t connection, uint32_t stream)
{
    for (size_t i = 0; i < x->stream_top; i++) {
        struct exchange_inbound *v = &x->streams[i];
        if (v->used && v->connection == connection && v->stream == stream)
            return v;
    }
    return NULL;
}

/* Nobody answers on our stream: what comes there is not for us. */
static void drain(struct exchange *x, uint32_t connection, uint32_t stream)
{
    struct conn *c = swarm_conn(x->swarm, connection);
    for (size_t n = 1; c != NULL && n > 0; conn_drop(c, stream, n))
        n = conn_peek(c, stream).n;
}

static void on_stream_event(struct exchange *x, uint32_t connection, const struct conn_event *ev)
{
    struct exchange_peer *p = &x->peers[connection];
    bool ours = p->joined && ev->stream == p->stream;
    struct exchange_inbound *v = ours ? NULL : in_find(x, connection, ev->stream);
    bool reset = (ev->what & YAMUX_RESET) != 0;
    if (ours && reset)
        out_lost(x, connection);
    else if (ours)
        drain(x, connection, ev->stream);
    else if (v != NULL && reset)
        in_end(x, v, false);
    else if (v != NULL)
        in_pump(x, v);
}

static void on_event(void *ctx, uint32_t connection, const struct conn_event *ev)
{
    struct exchange *x = ctx;
    if (x->stopped)
        return;
    if (ev->kind == CONN_OPENED) {
        in_open(x, connection, ev->stream);
        struct exchange_inbound *v = in_find(x, connection, ev->stream);
        if (v != NULL)
            in_pump(x, v);
    } else if (ev->kind == CONN_REFUSED) {
        leave(x, connection); /* it does not speak bitswap */
    } else if (ev->kind == CONN_STREAM) {
        on_stream_event(x, connection, ev);
    }
    exchange_wake(x);
}

struct swarm_protocol exchange_protocol(struct exchange *x)
{
    return (struct swarm_protocol){ .id = BITSWAP_ID, .fn = on_event, .ctx = x };
}

void exchange_attach(struct exchange *x, struct swarm *s, size_t protocol)
{
    x->swarm = s;
    x->protocol = protocol;
}

void exchange_peer(struct exchange *x, uint32_t connection, const struct peer_id *peer)
{
    struct exchange_peer *p = &x->peers[connection];
    uint8_t id[BITSWAP_CREDIT_ID];
    sha256(id, peer_id_span(peer));
    if (x->stopped || p->joined ||
        bitswap_node_join(&x->node, connection, id, exchange_now(x)) != OK)
        return;
    p->joined = true;
    p->stream = YAMUX_NONE;
    p->losses = p->inbound = 0;
    p->works = false; /* it has not said yet */
    x->figures.peers++;
    exchange_ask_peer(x, connection);
}

void exchange_gone(struct exchange *x, uint32_t connection)
{
    leave(x, connection);
}

/* ---- what has come elsewhere --------------------------------------------------------------------
 */

void exchange_came(struct exchange *x, const uint8_t *digest)
{
    pthread_mutex_lock(&x->lock);
    bool first = x->came_count == 0 && !x->closed;
    if (digest == NULL || x->came_count >= EXCHANGE_CAME)
        x->came_count = EXCHANGE_CAME + 1;
    else
        memcpy(x->came[x->came_count++], digest, BLOCK_DIGEST_SIZE);
    pthread_mutex_unlock(&x->lock);
    if (first)
        exchange_wake(x);
}

static void came_turn(struct exchange *x)
{
    pthread_mutex_lock(&x->lock);
    if (x->came_count > EXCHANGE_CAME) {
        exchange_read_came(x->reads, NULL);
        bitswap_server_came_any(&x->node.server);
        x->came_count = 0;
    }
    while (x->came_count > 0) {
        const uint8_t *digest = x->came[--x->came_count];
        exchange_read_came(x->reads, digest);
        bitswap_server_came(&x->node.server, digest);
    }
    pthread_mutex_unlock(&x->lock);
}

/* ---- a turn ------------------------------------------------------------------------------------
 */

static void turn(void *ctx)
{
    struct exchange *x = ctx;
    bool more = true;
    if (x->stopped || x->swarm == NULL)
        return;
    exchange_check_turn(x->checks, exchange_now(x));
    came_turn(x);
    exchange_credit_turn(x);
    for (int i = 0; i < ROUNDS && more; i++) {
        exchange_ask_turn(x);
        for (size_t k = 0; k < x->stream_top; k++)
            if (x->streams[k].used && x->streams[k].stalled)
                in_pump(x, &x->streams[k]);
        bitswap_node_step(&x->node, exchange_now(x));
        more = false;
        for (uint32_t k = 0; k < x->o.connections; k++)
            if (x->peers[k].joined && out_pump(x, k))
                more = true;
    }
    exchange_ask_turn(x);
    if (more)
        exchange_wake(x); /* others on the loop first */
}

void exchange_figures(const struct exchange *x, struct exchange_figures *out)
{
    *out = x->figures;
    out->blocks_sent = x->node.server.blocks_sent;
    out->bytes_sent = x->node.server.bytes_sent;
    out->duplicates = x->node.client.duplicates;
    out->unwanted = x->node.client.unwanted;
}

/* ---- life --------------------------------------------------------------------------------------
 */

static bool pool_memory(struct bitswap_node_pool *p, size_t size, uint32_t count)
{
    /* malloc, not calloc: pages that are never used cost nothing. */
    p->size = size;
    p->count = count;
    p->bytes = malloc(size * count);
    p->stack = calloc(count, sizeof(*p->stack));
    return p->bytes != NULL && p->stack != NULL;
}

static enum err take_memory(struct exchange *x)
{
    struct bitswap_node_memory *m = &x->m;
    size_t peers = x->o.connections;
    x->stream_count = 2 * (peers + EXCHANGE_STREAMS_EACH);
    x->peers = calloc(peers, sizeof(*x->peers));
    x->streams = calloc(x->stream_count, sizeof(*x->streams));
    m->server.wants = calloc(m->server.want_count = EXCHANGE_WANTS, sizeof(*m->server.wants));
    m->server.peers = calloc(m->server.peer_count = peers, sizeof(*m->server.peers));
    m->server.buckets = calloc(m->server.bucket_count = SERVER_BUCKETS, sizeof(*m->server.buckets));
    m->client.wants = calloc(m->client.want_count = CLIENT_WANTS, sizeof(*m->client.wants));
    m->client.peers = calloc(m->client.peer_count = peers, sizeof(*m->client.peers));
    m->client.buckets = calloc(m->client.bucket_count = CLIENT_BUCKETS, sizeof(*m->client.buckets));
    m->peers = calloc(peers, sizeof(*m->peers));
    m->credit = calloc(m->credit_count = EXCHANGE_CREDITS, sizeof(*m->credit));
    bool pools = pool_memory(&m->in, BITSWAP_BLOCK_MAX, EXCHANGE_IN_BLOCKS);
    pools = pool_memory(&m->out, BITSWAP_SERVER_BUFFER, EXCHANGE_OUT_BLOCKS) && pools;
    return pools && x->peers != NULL && x->streams != NULL && m->server.wants != NULL &&
                   m->server.peers != NULL && m->server.buckets != NULL &&
                   m->client.wants != NULL && m->client.peers != NULL &&
                   m->client.buckets != NULL && m->peers != NULL && m->credit != NULL
               ? OK
               : ERR_MEMORY;
}

static enum err begin(struct exchange *x)
{
    uint64_t seed;
    TRY(take_memory(x));
    TRY(exchange_read_open(&x->reads, x->o.loop, x->o.source, &x->wake));
    x->source = exchange_read_source(x->reads);
    x->sink = (struct block_sink){ .ctx = x, .put = exchange_ask_put };
    random_bytes(&seed, sizeof(seed));
    bitswap_node_init(&x->node, &x->m, &x->source, &x->sink, seed);
    TRY(exchange_check_open(&x->checks, x->o.loop, &x->node, &x->wake));
    x->node.hours = exchange_credit_hours();
    TRY(exchange_credit_load(x));
    TRY(exchange_word_open(x));
    TRY(exchange_ask_open(x));
    x->tick = loop_timer_new(x->o.loop, turn, x);
    if (x->tick == NULL)
        return ERR_MEMORY;
    loop_timer_start(x->tick, EXCHANGE_TICK_MS, EXCHANGE_TICK_MS);
    return OK;
}

enum err exchange_open(struct exchange **out, const struct exchange_options *o)
{
    *out = NULL;
    struct exchange *x = calloc(1, sizeof(*x));
    if (x == NULL)
        return ERR_MEMORY;
    x->o = *o;
    if (x->o.wait_ms == 0)
        x->o.wait_ms = EXCHANGE_GET_MS;
    x->wake = (struct loop_event){ .fn = turn, .ctx = x };
    pthread_mutex_init(&x->lock, NULL);
    pthread_cond_init(&x->over, NULL);
    enum err e = begin(x);
    if (e == OK)
        *out = x;
    else
        exchange_close(x);
    return e;
}

void exchange_stop(struct exchange *x)
{
    if (x->stopped)
        return;
    x->stopped = true;
    loop_timer_free(x->tick);
    x->tick = NULL;
    exchange_ask_stop(x);
    exchange_read_stop(x->reads);
    exchange_check_stop(x->checks);
}

void exchange_close(struct exchange *x)
{
    if (x == NULL)
        return;
    if (x->reads != NULL)
        exchange_stop(x);
    loop_timer_free(x->tick);
    /* A posted event would find nothing: it runs while we are still here. */
    while (x->wake.queued)
        loop_run_once(x->o.loop, 0);
    if (x->reads != NULL)
        exchange_credit_end(x);
    exchange_read_close(x->reads);
    exchange_check_close(x->checks);
    free(x->peers);
    free(x->streams);
    free(x->m.server.wants);
    free(x->m.server.peers);
    free(x->m.server.buckets);
    free(x->m.client.wants);
    free(x->m.client.peers);
    free(x->m.client.buckets);
    free(x->m.peers);
    free(x->m.credit);
    free(x->m.in.bytes);
    free(x->m.in.stack);
    free(x->m.out.bytes);
    free(x->m.out.stack);
    exchange_ask_close(x);
    exchange_word_close(x);
    pthread_mutex_destroy(&x->lock);
    pthread_cond_destroy(&x->over);
    free(x);
}
