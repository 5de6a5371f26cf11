#include "ipfs/bitswap_node.h"

#define NONE BITSWAP_NODE_NONE

/* ---- buffers --------------------------------------------------------------------------------- */

static void pool_init(struct bitswap_node_pool *p, const struct bitswap_node_pool *from)
{
    *p = *from;
    p->free_count = p->count;
    for (uint32_t i = 0; i < p->count; i++)
        p->stack[i] = i;
}

static uint32_t pool_take(struct bitswap_node_pool *p)
{
    return p->free_count == 0 ? NONE : p->stack[--p->free_count];
}

static void pool_give(struct bitswap_node_pool *p, uint32_t *buffer)
{
    if (*buffer != NONE)
        p->stack[p->free_count++] = *buffer;
    *buffer = NONE;
}

static uint8_t *pool_at(const struct bitswap_node_pool *p, uint32_t buffer)
{
    return p->bytes + (size_t)buffer * p->size;
}

/* ---- peers ----------------------------------------------------------------------------------- */

void bitswap_node_init(struct bitswap_node *n, const struct bitswap_node_memory *memory,
                       const struct block_source *source, const struct block_sink *sink,
                       uint64_t seed)
{
    ASSERT(memory->in.size >= BITSWAP_BLOCK_MAX && memory->out.size >= BITSWAP_SERVER_BUFFER);
    memset(n, 0, sizeof(*n));
    bitswap_server_init(&n->server, &memory->server, source, seed);
    bitswap_client_init(&n->client, &memory->client, seed + 1);
    bitswap_credit_init(&n->ledger, memory->credit, memory->credit_count);
    pool_init(&n->in, &memory->in);
    pool_init(&n->out, &memory->out);
    n->peers = memory->peers;
    n->peer_count = memory->client.peer_count;
    n->sink = sink;
    for (size_t i = 0; i < n->peer_count; i++)
        n->peers[i].used = false;
}

static struct bitswap_node_peer *peer_at(const struct bitswap_node *n, uint32_t peer)
{
    ASSERT(peer < n->peer_count && n->peers[peer].used);
    return &n->peers[peer];
}

static struct bitswap_credit *credit_of(struct bitswap_node *n, const struct bitswap_node_peer *p,
                                        uint64_t now_ms)
{
    return bitswap_credit_of(&n->ledger, p->id, n->hours + now_ms / 3600000);
}

/* What the client has seen of a peer goes into its account, and its rank follows. */
static void settle(struct bitswap_node *n, uint32_t peer, uint64_t now_ms)
{
    struct bitswap_node_peer *p = peer_at(n, peer);
    struct bitswap_client_peer *seen = &n->client.m.peers[peer];
    struct bitswap_credit *c = credit_of(n, p, now_ms);
    c->kept += seen->kept;
    c->broken += seen->broken;
    c->received += seen->received;
    seen->kept = seen->broken = 0;
    seen->received = 0;
    enum bitswap_rank rank = bitswap_credit_rank(c, false);
    bitswap_client_rank(&n->client, peer, rank, bitswap_credit_doubted(c));
    bitswap_server_rank(&n->server, p->server, rank);
}

void bitswap_node_settle(struct bitswap_node *n, uint64_t now_ms)
{
    for (uint32_t i = 0; i < n->peer_count; i++)
        if (n->peers[i].used)
            settle(n, i, now_ms);
}

enum err bitswap_node_join(struct bitswap_node *n, uint32_t peer,
                           const uint8_t id[BITSWAP_CREDIT_ID], uint64_t now_ms)
{
    ASSERT(peer < n->peer_count && !n->peers[peer].used);
    struct bitswap_node_peer *p = &n->peers[peer];
    p->server = NONE;
    TRY(bitswap_server_join(&n->server, &p->server, BITSWAP_NORMAL));
    bitswap_client_join(&n->client, peer, BITSWAP_NORMAL);
    memcpy(p->id, id, BITSWAP_CREDIT_ID);
    p->used = true;
    p->later = false;
    p->held = 0;
    p->out_buffer = NONE;
    p->out = (struct span){ NULL, 0 };
    settle(n, peer, now_ms);
    return OK;
}

static void detach(struct bitswap_node *n, struct bitswap_node_peer *p)
{
    if (p->out_buffer != NONE)
        bitswap_server_sent(&n->server, p->server, p->out_size);
    pool_give(&n->out, &p->out_buffer);
    p->out = (struct span){ NULL, 0 };
    bitswap_server_hold(&n->server, p->server, false);
}

void bitswap_node_leave(struct bitswap_node *n, uint32_t peer, uint64_t now_ms)
{
    struct bitswap_node_peer *p = peer_at(n, peer);
    for (uint32_t i = 0; n->check != NULL && i < n->in.count; i++) {
        struct bitswap_node_check *c = &n->checks[i];
        if (!c->under_way || c->dropped || c->peer != peer)
            continue;
        c->dropped = true;
        p->held--;
    }
    ASSERT(p->held == 0);
    settle(n, peer, now_ms);
    if (p->out.n > 0)
        detach(n, p);
    bitswap_server_leave(&n->server, p->server);
    bitswap_client_leave(&n->client, peer);
    p->used = false;
}

struct bitswap_credit bitswap_node_credit(struct bitswap_node *n, uint32_t peer, uint64_t now_ms)
{
    settle(n, peer, now_ms);
    return *credit_of(n, peer_at(n, peer), now_ms);
}

bool bitswap_node_find(const struct bitswap_node *n, struct bitswap_credit *out,
                       const uint8_t id[BITSWAP_CREDIT_ID], uint64_t now_ms)
{
    return bitswap_credit_find(&n->ledger, out, id, n->hours + now_ms / 3600000);
}

/* ---- in -------------------------------------------------------------------------------------- */

void bitswap_node_stream_init(struct bitswap_node_stream *s, uint32_t peer)
{
    s->peer = peer;
    s->buffer = NONE;
    bitswap_reader_init(&s->reader);
}

static void free_block(struct bitswap_node *n, struct bitswap_node_stream *s)
{
    if (s->buffer != NONE)
        peer_at(n, s->peer)->held--;
    pool_give(&n->in, &s->buffer);
}

void bitswap_node_stream_fini(struct bitswap_node *n, struct bitswap_node_stream *s)
{
    free_block(n, s);
}

/* Memory for a block; false: none is free now. SPEC bitswap 6.2: "Memory for a block is taken only
 * while something is wanted" */
static bool take_memory(struct bitswap_node *n, struct bitswap_node_stream *s)
{
    struct bitswap_node_peer *p = peer_at(n, s->peer);
    if (n->client.wants_used == 0) {
        bitswap_reader_memory(&s->reader, NULL);
        return true;
    }
    if (p->held >= BITSWAP_NODE_HELD || n->in.free_count == 0)
        return false;
    s->buffer = pool_take(&n->in);
    p->held++;
    bitswap_reader_memory(&s->reader, pool_at(&n->in, s->buffer));
    return true;
}

/* A block that is what its CID says. It is kept before anybody is told that it is here. */
static enum err on_verified(struct bitswap_node *n, uint32_t peer, const struct cid *cid,
                            struct span block, uint64_t now_ms)
{
    if (bitswap_client_wants(&n->client, cid->digest)) {
        struct block_key key = { .codec = cid->codec };
        memcpy(key.digest, cid->digest, BLOCK_DIGEST_SIZE);
        TRY(block_sink_put(n->sink, &key, block));
    }
    uint64_t sessions = bitswap_client_block(&n->client, peer, cid, block.n, now_ms);
    n->arrived |= sessions;
    if (sessions != 0)
        bitswap_server_came(&n->server, cid->digest);
    return OK;
}

/* Lets the stream go on while somebody else hashes its block. */
static void check_aside(struct bitswap_node *n, struct bitswap_node_stream *s,
                        const struct bitswap_item *it)
{
    uint32_t buffer = s->buffer;
    struct bitswap_node_check *c = &n->checks[buffer];
    ASSERT(!c->under_way && it->prefix.n <= sizeof(c->prefix));
    *c = (struct bitswap_node_check){
        .under_way = true, .peer = s->peer, .size = it->block.n, .prefix_size = it->prefix.n
    };
    if (it->prefix.n > 0)
        memcpy(c->prefix, it->prefix.p, it->prefix.n);
    s->buffer = NONE;
    n->check(n->check_ctx, buffer, span_of(c->prefix, c->prefix_size),
             span_of(pool_at(&n->in, buffer), c->size));
}

void bitswap_node_checker(struct bitswap_node *n, struct bitswap_node_check *checks,
                          bitswap_node_check_fn fn, void *ctx)
{
    memset(checks, 0, n->in.count * sizeof(*checks));
    n->checks = checks;
    n->check = fn;
    n->check_ctx = ctx;
}

void bitswap_node_checked(struct bitswap_node *n, uint32_t buffer, const struct cid *cid,
                          uint64_t now_ms)
{
    ASSERT(buffer < n->in.count && n->checks[buffer].under_way);
    struct bitswap_node_check *c = &n->checks[buffer];
    if (!c->dropped && cid != NULL) {
        struct span block = span_of(pool_at(&n->in, buffer), c->size);
        (void)!on_verified(n, c->peer, cid, block, now_ms);
    }
    if (!c->dropped)
        peer_at(n, c->peer)->held--;
    c->under_way = false;
    pool_give(&n->in, &buffer);
}

static enum err on_block(struct bitswap_node *n, struct bitswap_node_stream *s,
                         const struct bitswap_item *it, uint64_t now_ms)
{
    struct cid cid;
    if (it->refused)
        return OK;
    if (n->check != NULL && s->buffer != NONE && it->block.n >= BITSWAP_NODE_ASIDE) {
        check_aside(n, s, it);
        return OK;
    }
    if (bitswap_block_cid(&cid, it->prefix, it->block) != OK)
        return OK;
    return on_verified(n, s->peer, &cid, it->block, now_ms);
}

static enum err on_item(struct bitswap_node *n, struct bitswap_node_stream *s,
                        const struct bitswap_item *it, uint64_t now_ms)
{
    uint32_t server = peer_at(n, s->peer)->server;
    enum err e = OK;
    switch (it->what) {
    case BITSWAP_ENTRY:
        bitswap_server_want(&n->server, server, &it->entry);
        break;
    case BITSWAP_FULL:
        bitswap_server_full(&n->server, server);
        break;
    case BITSWAP_END:
        bitswap_server_message(&n->server, server);
        break;
    case BITSWAP_PRESENCE:
        bitswap_client_presence(&n->client, s->peer, it->cid, it->have, now_ms);
        break;
    case BITSWAP_BLOCK:
        e = on_block(n, s, it, now_ms);
        free_block(n, s);
        break;
    case BITSWAP_MORE:
    case BITSWAP_MEMORY:
        break;
    }
    return e;
}

enum err bitswap_node_read(struct bitswap_node *n, struct bitswap_node_stream *s, size_t *taken,
                           struct span in, uint64_t now_ms)
{
    struct bitswap_item it;
    size_t used;
    *taken = 0;
    for (;;) {
        TRY(bitswap_read(&s->reader, span_sub(in, *taken, in.n), &used, &it));
        *taken += used;
        TRY(on_item(n, s, &it, now_ms));
        if (used > 0 && s->buffer != NONE)
            bitswap_client_alive(&n->client, s->peer, now_ms);
        if (it.what == BITSWAP_MORE || (it.what == BITSWAP_MEMORY && !take_memory(n, s)))
            return OK;
    }
}

enum err bitswap_node_in(struct bitswap_node *n, struct bitswap_node_stream *s, struct ring *in,
                         uint64_t now_ms)
{
    size_t taken;
    enum err e = bitswap_node_read(n, s, &taken, ring_peek(in), now_ms);
    ring_drop(in, taken);
    return e;
}

/* ---- out ------------------------------------------------------------------------------------- */

static void attach(struct bitswap_node *n, struct bitswap_node_peer *p, struct span frame,
                   uint64_t now_ms)
{
    p->out = frame;
    p->out_size = frame.n;
    p->out_ms = p->out_from_ms = now_ms;
    bitswap_server_hold(&n->server, p->server, true);
}

/* Our own questions are small and go before answers. */
static void compose_asks(struct bitswap_node *n, uint64_t now_ms)
{
    for (uint32_t i = 0; i < n->peer_count; i++) {
        struct bitswap_node_peer *p = &n->peers[i];
        struct span frame;
        if (!p->used || p->out.n > 0 || n->client.m.peers[i].pending == 0)
            continue;
        bitswap_client_compose(&n->client, i, (struct mspan){ p->asks, sizeof(p->asks) }, &frame,
                               now_ms);
        if (frame.n > 0)
            attach(n, p, frame, now_ms);
    }
}

static struct bitswap_node_peer *peer_of_server(struct bitswap_node *n, uint32_t server)
{
    for (size_t i = 0; i < n->peer_count; i++)
        if (n->peers[i].used && n->peers[i].server == server)
            return &n->peers[i];
    return NULL;
}

static void compose_answers(struct bitswap_node *n, uint64_t now_ms)
{
    uint32_t server;
    while (n->out.free_count > 0 && bitswap_server_next(&n->server, &server)) {
        struct bitswap_node_peer *p = peer_of_server(n, server);
        ASSERT(p != NULL && p->out.n == 0);
        uint32_t buffer = pool_take(&n->out);
        struct mspan room = { pool_at(&n->out, buffer), n->out.size };
        struct span frame;
        size_t blocks;
        enum err e = bitswap_server_compose(&n->server, server, room, &frame, &blocks);
        if (frame.n == 0) {
            pool_give(&n->out, &buffer);
        } else {
            p->out_buffer = buffer;
            attach(n, p, frame, now_ms);
            credit_of(n, p, now_ms)->sent += blocks;
        }
        /* The source is busy with what this peer wants: at the next step. Others go on. */
        if (e != OK && frame.n == 0) {
            p->later = true;
            bitswap_server_hold(&n->server, server, true);
        }
    }
    for (size_t i = 0; i < n->peer_count; i++) {
        struct bitswap_node_peer *p = &n->peers[i];
        if (p->used && p->later)
            bitswap_server_hold(&n->server, p->server, p->out.n > 0);
        p->later = false;
    }
}

void bitswap_node_step(struct bitswap_node *n, uint64_t now_ms)
{
    bitswap_client_step(&n->client, now_ms);
    if (now_ms >= n->credit_ms) {
        n->credit_ms = now_ms + BITSWAP_NODE_CREDIT_MS;
        bitswap_node_settle(n, now_ms);
    }
    compose_asks(n, now_ms);
    compose_answers(n, now_ms);
}

bool bitswap_node_wants_out(const struct bitswap_node *n, uint32_t peer)
{
    return peer_at(n, peer)->out.n > 0;
}

struct span bitswap_node_front(const struct bitswap_node *n, uint32_t peer)
{
    return peer_at(n, peer)->out;
}

enum err bitswap_node_took(struct bitswap_node *n, uint32_t peer, size_t size, uint64_t now_ms)
{
    struct bitswap_node_peer *p = peer_at(n, peer);
    if (p->out.n == 0)
        return OK;
    p->out = span_sub(p->out, size, p->out.n);
    if (size > 0)
        p->out_ms = now_ms;
    if (p->out.n == 0)
        detach(n, p);
    /* SPEC bitswap 6.3: "A peer that takes nothing of a message for 30 s, or not the whole of it in
     * 30 s and at 16 KB/s, is dropped" */
    uint64_t end = p->out_from_ms + BITSWAP_NODE_STALL_MS + p->out_size / BITSWAP_NODE_SLOWEST;
    bool late = now_ms >= p->out_ms + BITSWAP_NODE_STALL_MS || now_ms >= end;
    return p->out.n > 0 && late ? ERR_TIMEOUT : OK;
}

enum err bitswap_node_out(struct bitswap_node *n, uint32_t peer, struct ring *out, uint64_t now_ms)
{
    return bitswap_node_took(n, peer, ring_put(out, bitswap_node_front(n, peer)), now_ms);
}

void bitswap_node_out_lost(struct bitswap_node *n, uint32_t peer)
{
    struct bitswap_node_peer *p = peer_at(n, peer);
    /* SPEC bitswap 6.5: "the message goes out again, from its beginning, on the next one" */
    if (p->out.n > 0)
        p->out = span_of(p->out.p + p->out.n - p->out_size, p->out_size);
}
