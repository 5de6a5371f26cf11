#include "ipfsd/exchange.h"

#include "crypto/random.h"
#include "crypto/sha256.h"
#include "ipfs/bitswap_node.h"
#include "ipfsd/exchange_read.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    SERVER_BUCKETS = 16384,
    CLIENT_WANTS = 1024,
    CLIENT_BUCKETS = 1024,
    CREDITS = 1024,
    STREAM_IN = 4096,
    PEER_OUT = 16384,
    ROUNDS = 16, /* messages to each peer in a turn of the loop */
};

/* An inbound stream. */
struct inbound {
    bool used;
    bool stalled; /* not everything was taken */
    uint32_t connection, stream;
    struct bitswap_node_stream s;
    struct ring in;
    uint8_t memory[STREAM_IN];
};

/* By number of the connection. */
struct peer {
    bool joined;
    uint32_t stream; /* our outbound one, or YAMUX_NONE */
    uint32_t losses; /* in a row */
    uint32_t inbound;
    struct ring out;
    uint8_t memory[PEER_OUT];
};

/* A thread that waits for a block, on its stack; in the list until it is over. */
struct ask {
    struct ask *next;
    struct content_key key;
    struct mspan buf;
    size_t size;
    bool begun, got, over; /* over: under the lock */
    uint32_t session;
    uint64_t deadline_ms;
    enum err result;
};

struct exchange {
    struct exchange_options o;
    struct swarm *swarm;
    size_t protocol;
    bool stopped;
    struct loop_event wake;
    struct loop_timer *tick;
    struct exchange_read *reads;
    struct block_source source;
    struct block_sink sink;
    struct bitswap_node_memory m;
    struct bitswap_node node;
    struct peer *peers;
    struct inbound *streams;
    size_t stream_count;
    struct exchange_figures figures;
    pthread_mutex_t lock; /* of the list, its count, and closed */
    pthread_cond_t over;
    struct ask *asks;
    uint32_t ask_count;
    bool closed;
};

static void wake(struct exchange *x)
{
    loop_post_event(x->o.loop, &x->wake);
}

static uint64_t now_of(const struct exchange *x)
{
    return loop_now_ms(x->o.loop);
}

/* ---- inbound streams ---------------------------------------------------------------------------
 */

static void in_end(struct exchange *x, struct inbound *v, bool good)
{
    bitswap_node_stream_fini(&x->node, &v->s);
    v->used = false;
    x->peers[v->connection].inbound--;
    x->figures.streams--;
    swarm_end(x->swarm, v->connection, v->stream, good);
}

static void in_open(struct exchange *x, uint32_t connection, uint32_t stream)
{
    struct inbound *v = NULL;
    struct peer *p = &x->peers[connection];
    for (size_t i = 0; i < x->stream_count && v == NULL; i++)
        if (!x->streams[i].used)
            v = &x->streams[i];
    if (v == NULL || !p->joined || p->inbound == EXCHANGE_STREAMS_EACH) {
        swarm_end(x->swarm, connection, stream, false);
        return;
    }
    v->used = true;
    v->stalled = false;
    v->connection = connection;
    v->stream = stream;
    v->in = ring_of(v->memory, sizeof(v->memory));
    bitswap_node_stream_init(&v->s, connection);
    p->inbound++;
    x->figures.streams++;
}

static void in_pump(struct exchange *x, struct inbound *v)
{
    struct conn *c = swarm_conn(x->swarm, v->connection);
    bool moved = false;
    if (c == NULL)
        return; /* on its way out: we are told */
    for (;;) {
        size_t before = ring_used(&v->in);
        size_t put = ring_put(&v->in, conn_peek(c, v->stream));
        conn_drop(c, v->stream, put);
        moved |= put > 0;
        enum err e = bitswap_node_in(&x->node, &v->s, &v->in, now_of(x));
        if (e != OK) {
            in_end(x, v, false);
            return;
        }
        if (put == 0 && ring_used(&v->in) == before)
            break;
    }
    v->stalled = ring_used(&v->in) > 0;
    if (moved)
        swarm_kick(x->swarm, v->connection);
    if (conn_at_end(c, v->stream) && v->s.reader.state != BITSWAP_AT_MEMORY)
        in_end(x, v, true);
}

/* ---- outbound ----------------------------------------------------------------------------------
 */

static void leave(struct exchange *x, uint32_t connection)
{
    struct peer *p = &x->peers[connection];
    if (!p->joined)
        return;
    for (size_t i = 0; i < x->stream_count; i++)
        if (x->streams[i].used && x->streams[i].connection == connection)
            in_end(x, &x->streams[i], false);
    bitswap_node_leave(&x->node, connection, now_of(x));
    p->joined = false;
    x->figures.peers--;
}

static void out_lost(struct exchange *x, uint32_t connection)
{
    struct peer *p = &x->peers[connection];
    p->stream = YAMUX_NONE;
    ring_drop(&p->out, ring_used(&p->out));
    bitswap_node_out_lost(&x->node, connection);
    if (++p->losses >= EXCHANGE_LOSSES)
        leave(x, connection);
}

/* Moves what there is to say. True: a message has gone, and another may follow. */
static bool out_pump(struct exchange *x, uint32_t connection)
{
    struct peer *p = &x->peers[connection];
    bool wanted = bitswap_node_wants_out(&x->node, connection);
    if (p->stream == YAMUX_NONE) {
        enum err e = wanted ? swarm_stream(x->swarm, connection, x->protocol, &p->stream) : OK;
        if (!wanted || e != OK) {
            p->stream = YAMUX_NONE; /* tried again at the next tick */
            return false;
        }
    }
    for (size_t taken = 1; taken > 0;) {
        if (bitswap_node_out(&x->node, connection, &p->out, now_of(x)) != OK) {
            swarm_drop(x->swarm, connection, ERR_TIMEOUT);
            return false;
        }
        if (ring_used(&p->out) == 0)
            break;
        if (swarm_write(x->swarm, connection, p->stream, ring_peek(&p->out), &taken) != OK) {
            swarm_end(x->swarm, connection, p->stream, false);
            out_lost(x, connection);
            return false;
        }
        ring_drop(&p->out, taken);
    }
    bool gone = wanted && !bitswap_node_wants_out(&x->node, connection);
    if (gone)
        p->losses = 0;
    return gone;
}

/* ---- the swarm's events ------------------------------------------------------------------------
 */

static struct inbound *in_find(struct exchange *x, uint32_t connection, uint32_t stream)
{
    for (size_t i = 0; i < x->stream_count; i++) {
        struct inbound *v = &x->streams[i];
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
    struct peer *p = &x->peers[connection];
    bool ours = p->joined && ev->stream == p->stream;
    struct inbound *v = ours ? NULL : in_find(x, connection, ev->stream);
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
        struct inbound *v = in_find(x, connection, ev->stream);
        if (v != NULL)
            in_pump(x, v);
    } else if (ev->kind == CONN_REFUSED) {
        leave(x, connection); /* it does not speak bitswap */
    } else if (ev->kind == CONN_STREAM) {
        on_stream_event(x, connection, ev);
    }
    wake(x);
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

static void ask_peer(struct exchange *x, const struct ask *a, uint32_t peer)
{
    /* ERR_LIMIT: sixteen others are asked already. */
    (void)!bitswap_client_provider(&x->node.client, a->session, peer);
}

void exchange_peer(struct exchange *x, uint32_t connection, const struct peer_id *peer)
{
    struct peer *p = &x->peers[connection];
    uint8_t id[BITSWAP_CREDIT_ID];
    sha256(id, peer_id_span(peer));
    if (x->stopped || p->joined || bitswap_node_join(&x->node, connection, id, now_of(x)) != OK)
        return;
    p->joined = true;
    p->stream = YAMUX_NONE;
    p->losses = p->inbound = 0;
    p->out = ring_of(p->memory, sizeof(p->memory));
    x->figures.peers++;
    pthread_mutex_lock(&x->lock);
    for (struct ask *a = x->asks; a != NULL; a = a->next)
        if (a->begun && !a->got)
            ask_peer(x, a, connection);
    pthread_mutex_unlock(&x->lock);
}

void exchange_gone(struct exchange *x, uint32_t connection)
{
    leave(x, connection);
}

/* ---- blocks for others of this process ---------------------------------------------------------
 */

/* A wanted block has come; its digest has been computed from it. */
static enum err sink_put(void *ctx, const struct block_key *key, struct span data)
{
    struct exchange *x = ctx;
    x->figures.blocks_received++;
    x->figures.bytes_received += data.n;
    pthread_mutex_lock(&x->lock);
    for (struct ask *a = x->asks; a != NULL; a = a->next) {
        if (!a->begun || a->got || memcmp(a->key.digest, key->digest, sizeof(key->digest)) != 0)
            continue;
        a->got = true;
        a->size = data.n;
        a->result = data.n > a->buf.n ? ERR_LIMIT : OK;
        if (a->result == OK && data.n > 0)
            memcpy(a->buf.p, data.p, data.n);
    }
    pthread_mutex_unlock(&x->lock);
    return OK;
}

static enum err ask_begin(struct exchange *x, struct ask *a)
{
    const struct cid cid = cid_of_key(&a->key);
    if (x->figures.peers == 0)
        return ERR_NOT_FOUND;
    if (bitswap_client_open(&x->node.client, &a->session) != OK)
        return ERR_BUSY;
    a->begun = true;
    a->deadline_ms = now_of(x) + x->o.wait_ms;
    for (uint32_t i = 0; i < x->o.connections; i++)
        if (x->peers[i].joined)
            ask_peer(x, a, i);
    return bitswap_client_want(&x->node.client, a->session, &cid, now_of(x));
}

/* Ends asks that are done with; under the lock. */
static void asks_sweep(struct exchange *x)
{
    for (struct ask **at = &x->asks; *at != NULL;) {
        struct ask *a = *at;
        if (a->result == OK && !a->got && !a->begun)
            a->result = ask_begin(x, a);
        if (a->result == OK && !a->got && now_of(x) >= a->deadline_ms)
            a->result = ERR_TIMEOUT;
        if (a->result == OK && !a->got && x->stopped)
            a->result = ERR_CLOSED;
        if (a->result == OK && !a->got) {
            at = &a->next;
            continue;
        }
        if (a->begun)
            bitswap_client_close(&x->node.client, a->session);
        *at = a->next;
        x->ask_count--;
        a->over = true;
        pthread_cond_broadcast(&x->over);
    }
}

static void asks_turn(struct exchange *x)
{
    uint32_t session;
    struct cid cid;
    pthread_mutex_lock(&x->lock);
    while (bitswap_client_search(&x->node.client, &session, &cid))
        for (struct ask *a = x->asks; a != NULL; a = a->next)
            if (a->begun && a->session == session && !a->got)
                a->result = ERR_NOT_FOUND; /* all who could be asked have said so */
    asks_sweep(x);
    pthread_mutex_unlock(&x->lock);
    x->node.arrived = 0;
}

static enum err source_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    struct exchange *x = ctx;
    struct ask a = { .key = { .codec = (uint32_t)key->codec }, .buf = buf };
    *size = 0;
    if (key->codec > UINT32_MAX)
        return ERR_NOT_FOUND;
    memcpy(a.key.digest, key->digest, sizeof(a.key.digest));
    pthread_mutex_lock(&x->lock);
    enum err e = x->closed ? ERR_CLOSED : x->ask_count == EXCHANGE_ASKS ? ERR_BUSY : OK;
    if (e == OK) {
        a.next = x->asks;
        x->asks = &a;
        x->ask_count++;
        wake(x);
        while (!a.over)
            pthread_cond_wait(&x->over, &x->lock);
        e = a.result;
        *size = a.got ? a.size : 0;
    }
    pthread_mutex_unlock(&x->lock);
    return e;
}

static enum err source_has(void *ctx, const struct block_key *key)
{
    (void)ctx;
    (void)key;
    return ERR_NOT_FOUND;
}

struct block_source exchange_source(struct exchange *x)
{
    return (struct block_source){ .ctx = x, .get = source_get, .has = source_has };
}

/* ---- a turn ------------------------------------------------------------------------------------
 */

static void turn(void *ctx)
{
    struct exchange *x = ctx;
    bool more = true;
    if (x->stopped || x->swarm == NULL)
        return;
    for (int i = 0; i < ROUNDS && more; i++) {
        asks_turn(x);
        for (size_t k = 0; k < x->stream_count; k++)
            if (x->streams[k].used && x->streams[k].stalled)
                in_pump(x, &x->streams[k]);
        bitswap_node_step(&x->node, now_of(x));
        more = false;
        for (uint32_t k = 0; k < x->o.connections; k++)
            if (x->peers[k].joined && out_pump(x, k))
                more = true;
    }
    asks_turn(x);
    if (more)
        wake(x); /* others on the loop first */
}

void exchange_figures(const struct exchange *x, struct exchange_figures *out)
{
    *out = x->figures;
    out->blocks_sent = x->node.server.blocks_sent;
    out->bytes_sent = x->node.server.bytes_sent;
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
    x->stream_count = 2 * peers;
    x->peers = calloc(peers, sizeof(*x->peers));
    x->streams = calloc(x->stream_count, sizeof(*x->streams));
    m->server.wants = calloc(m->server.want_count = EXCHANGE_WANTS, sizeof(*m->server.wants));
    m->server.peers = calloc(m->server.peer_count = peers, sizeof(*m->server.peers));
    m->server.buckets = calloc(m->server.bucket_count = SERVER_BUCKETS, sizeof(*m->server.buckets));
    m->client.wants = calloc(m->client.want_count = CLIENT_WANTS, sizeof(*m->client.wants));
    m->client.peers = calloc(m->client.peer_count = peers, sizeof(*m->client.peers));
    m->client.buckets = calloc(m->client.bucket_count = CLIENT_BUCKETS, sizeof(*m->client.buckets));
    m->peers = calloc(peers, sizeof(*m->peers));
    m->credit = calloc(m->credit_count = CREDITS, sizeof(*m->credit));
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
    x->sink = (struct block_sink){ .ctx = x, .put = sink_put };
    random_bytes(&seed, sizeof(seed));
    bitswap_node_init(&x->node, &x->m, &x->source, &x->sink, seed);
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
    pthread_mutex_lock(&x->lock);
    x->closed = true;
    for (struct ask *a = x->asks; a != NULL; a = a->next)
        if (!a->got)
            a->result = ERR_CLOSED;
    asks_sweep(x);
    pthread_mutex_unlock(&x->lock);
    exchange_read_stop(x->reads);
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
    exchange_read_close(x->reads);
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
    pthread_mutex_destroy(&x->lock);
    pthread_cond_destroy(&x->over);
    free(x);
}
