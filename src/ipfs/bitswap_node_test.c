#include "ipfs/bitswap_node.h"

#include "base/prng.h"
#include "codec/dagpb.h"
#include "codec/varint_frame.h"
#include "crypto/sha256.h"
#include "ipfs/bitswap_reads_test.h"
#include "ipfs/blockmem_test.h"

enum { PEERS = 6, WANTS = 4096, BUFFERS = 3, RING = 16384 };

struct side {
    struct bitswap_node n;
    struct bitswap_server_want sw[WANTS];
    struct bitswap_server_peer sp[PEERS];
    struct bitswap_client_want cw[WANTS];
    struct bitswap_client_peer cp[PEERS];
    struct bitswap_node_peer peers[PEERS];
    struct bitswap_credit credit[64];
    uint32_t buckets[2][256], stacks[2][BUFFERS];
    uint8_t in[BUFFERS][BITSWAP_BLOCK_MAX], out[BUFFERS][BITSWAP_SERVER_BUFFER];
    struct blockmem *store;
    struct block_source source;
    struct block_sink sink;
    struct reads *reads; /* NULL: fetches nothing */
    uint32_t from;       /* the peer that it fetches from */
};

/* One stream: what the writer has put, on its way to the reader. */
struct pipe {
    struct side *from, *to;
    uint32_t from_peer, to_peer; /* the other side's number at each side */
    struct ring ring, arrived;
    uint8_t a[RING], b[RING];
    struct bitswap_node_stream stream;
    bool stuck;
};

static enum err take(void *ctx, const struct block_key *key, struct span data)
{
    struct side *s = ctx;
    TRY(blockmem_put(s->store, key, data));
    if (s->reads != NULL)
        reads_came(s->reads, key, data);
    return OK;
}

static struct side *side_new(void)
{
    struct side *s = calloc(1, sizeof(*s));
    CHECK(s != NULL);
    s->store = calloc(1, sizeof(*s->store));
    s->source = blockmem_source(s->store);
    s->sink = (struct block_sink){ .ctx = s, .put = take };
    const struct bitswap_node_memory m = {
        .server = { s->sw, WANTS, s->sp, PEERS, s->buckets[0], 256 },
        .client = { s->cw, WANTS, s->cp, PEERS, s->buckets[1], 256 },
        .peers = s->peers,
        .in = { s->in[0], BITSWAP_BLOCK_MAX, s->stacks[0], BUFFERS, 0 },
        .out = { s->out[0], BITSWAP_SERVER_BUFFER, s->stacks[1], BUFFERS, 0 },
        .credit = s->credit,
        .credit_count = 64,
    };
    bitswap_node_init(&s->n, &m, &s->source, &s->sink, 9);
    return s;
}

static void side_free(struct side *s)
{
    CHECK(s->n.in.free_count == BUFFERS && s->n.out.free_count == BUFFERS);
    blockmem_free(s->store);
    if (s->reads != NULL)
        reads_free(s->reads);
    free(s);
}

static void join(struct side *s, uint32_t peer, uint8_t id)
{
    uint8_t bytes[32] = { id };
    CHECK_OK(bitswap_node_join(&s->n, peer, bytes, 0));
}

static struct pipe *pipe_new(struct side *from, uint32_t to_peer, struct side *to,
                             uint32_t from_peer)
{
    struct pipe *p = calloc(1, sizeof(*p));
    p->from = from;
    p->to = to;
    p->from_peer = from_peer;
    p->to_peer = to_peer;
    p->ring = ring_of(p->a, sizeof(p->a));
    p->arrived = ring_of(p->b, sizeof(p->b));
    bitswap_node_stream_init(&p->stream, from_peer);
    return p;
}

static void pipe_free(struct pipe *p)
{
    bitswap_node_stream_fini(&p->to->n, &p->stream);
    free(p);
}

static enum err pipe_turn(struct pipe *p, struct prng *g, uint64_t now)
{
    TRY(bitswap_node_out(&p->from->n, p->to_peer, &p->ring, now));
    if (!p->stuck)
        (void)ring_move(&p->arrived, &p->ring, 1 + (size_t)prng_below(g, RING));
    return bitswap_node_in(&p->to->n, &p->stream, &p->arrived, now);
}

static struct cid put(struct side *s, uint64_t codec, struct span data)
{
    struct cid c = { .version = 1, .codec = codec, .hash = CID_HASH_SHA2_256, .digest_size = 32 };
    struct block_key key = { .codec = codec };
    sha256(c.digest, data);
    memcpy(key.digest, c.digest, 32);
    CHECK_OK(blockmem_put(s->store, &key, data));
    return c;
}

/* A root of blocks of these sizes. */
static struct cid build(struct side *s, struct prng *g, const size_t *sizes, size_t count)
{
    static uint8_t block[BITSWAP_BLOCK_MAX], root[65536];
    struct writer w = writer_of(root, sizeof(root));
    for (size_t i = 0; i < count; i++) {
        uint8_t bin[CID_SIZE_MAX];
        struct writer b = writer_of(bin, sizeof(bin));
        prng_fill(g, block, sizes[i]);
        struct cid c = put(s, CID_CODEC_RAW, span_of(block, sizes[i]));
        cid_write(&b, &c);
        dagpb_write_link(&w, writer_span(&b), span_str(""), sizes[i]);
    }
    CHECK_OK(w.err);
    return put(s, CID_CODEC_DAG_PB, writer_span(&w));
}

static void on_opened(void *ctx, uint32_t session)
{
    struct side *s = ctx;
    CHECK_OK(bitswap_client_provider(&s->n.client, session, s->from));
}

static void fetch(struct side *s, const struct cid *root, uint32_t from)
{
    s->from = from;
    s->reads = reads_new(&s->n.client, on_opened, s, root);
}

/* One has everything; the other fetches, and gives it on to a third at the same time. */
static void blocks_go_through_a_chain_of_nodes(void **state)
{
    (void)state;
    struct side *s[3] = { side_new(), side_new(), side_new() };
    struct pipe *p[4];
    struct prng g;
    size_t sizes[60];
    prng_init(&g, 3);
    for (size_t i = 0; i < 60; i++)
        sizes[i] =
            i % 20 == 5 ? BITSWAP_BLOCK_MAX : 1 + (size_t)prng_below(&g, i % 3 == 0 ? 200 : 40000);
    struct cid root = build(s[0], &g, sizes, 60);
    for (uint32_t i = 0; i < 2; i++) {
        join(s[i], 0, (uint8_t)(i + 1));
        join(s[i + 1], 1, (uint8_t)i);
        p[2 * i] = pipe_new(s[i], 0, s[i + 1], 1);
        p[2 * i + 1] = pipe_new(s[i + 1], 1, s[i], 0);
    }
    fetch(s[1], &root, 1);
    fetch(s[2], &root, 1);
    uint64_t now = 0;
    for (; (!s[1]->reads->done || !s[2]->reads->done) && now < 100000; now++) {
        for (int i = 0; i < 3; i++)
            bitswap_node_step(&s[i]->n, now);
        for (int i = 0; i < 4; i++)
            CHECK_OK(pipe_turn(p[i], &g, now));
        reads_turn(s[1]->reads, now);
        reads_turn(s[2]->reads, now);
    }
    CHECK(s[1]->reads->blocks == 61 && s[2]->reads->blocks == 61);
    CHECK(s[1]->store->count == s[0]->store->count && s[2]->store->count == s[0]->store->count);
    CHECK((s[1]->n.arrived >> s[1]->reads->session & 1) == 1);
    CHECK(s[1]->n.client.duplicates == 0 && s[1]->n.client.unwanted == 0);
    bitswap_node_step(&s[1]->n, now + 5000);
    uint8_t id[32] = { 0 };
    CHECK(bitswap_credit_of(&s[1]->n.ledger, id, 0)->received > 6000000);
    id[0] = 2;
    CHECK(bitswap_credit_of(&s[1]->n.ledger, id, 0)->sent > 6000000);
    for (int i = 0; i < 4; i++)
        pipe_free(p[i]);
    for (int i = 0; i < 3; i++)
        side_free(s[i]);
}

/* Somebody asks for large blocks and does not take them: dropped in the end, others served. */
static void a_peer_that_does_not_read_is_dropped(void **state)
{
    (void)state;
    struct side *s = side_new();
    struct pipe out = { .from = s };
    struct prng g;
    size_t sizes[4] = { BITSWAP_BLOCK_MAX, BITSWAP_BLOCK_MAX, BITSWAP_BLOCK_MAX, 100 };
    prng_init(&g, 4);
    (void)build(s, &g, sizes, 4);
    for (uint32_t i = 0; i < 3; i++) {
        join(s, i, (uint8_t)i);
        for (size_t k = 0; k < s->store->count; k++) {
            uint8_t bin[CID_SIZE_MAX];
            struct writer w = writer_of(bin, sizeof(bin));
            struct cid c = { .version = 1,
                             .codec = s->store->blocks[k].key.codec,
                             .hash = CID_HASH_SHA2_256,
                             .digest_size = 32 };
            memcpy(c.digest, s->store->blocks[k].key.digest, 32);
            cid_write(&w, &c);
            bitswap_server_want(&s->n.server, s->peers[i].server,
                                &(struct bitswap_entry){ .cid = writer_span(&w) });
        }
    }
    out.ring = ring_of(out.a, sizeof(out.a));
    struct ring idle[3];
    static uint8_t bytes[3][4096];
    for (int i = 0; i < 3; i++)
        idle[i] = ring_of(bytes[i], sizeof(bytes[i]));
    bitswap_node_step(&s->n, 0);
    CHECK(s->n.out.free_count == 0);
    size_t got = 0;
    uint64_t now = 0;
    /* 2 takes everything, 0 and 1 nothing. */
    for (; now < BITSWAP_NODE_STALL_MS; now++) {
        bitswap_node_step(&s->n, now);
        CHECK_OK(bitswap_node_out(&s->n, 0, &idle[0], now));
        CHECK_OK(bitswap_node_out(&s->n, 1, &idle[1], now));
        CHECK_OK(bitswap_node_out(&s->n, 2, &idle[2], now));
        got += ring_used(&idle[2]);
        ring_drop(&idle[2], ring_used(&idle[2]));
    }
    CHECK(got > 3 * (size_t)BITSWAP_BLOCK_MAX);
    CHECK_ERR(bitswap_node_out(&s->n, 0, &idle[0], now + 1), ERR_TIMEOUT);
    /* One that trickles is dropped, too. */
    enum err e = OK;
    bitswap_node_out_lost(&s->n, 1);
    for (uint64_t from = now; e == OK && now < from + 1000000; now += 1000) {
        bitswap_node_step(&s->n, now);
        e = bitswap_node_out(&s->n, 1, &idle[1], now);
        ring_drop(&idle[1], ring_used(&idle[1]) < 100 ? ring_used(&idle[1]) : 100);
    }
    CHECK(e == ERR_TIMEOUT && now < 300000);
    for (uint32_t i = 0; i < 3; i++)
        bitswap_node_leave(&s->n, i, now);
    side_free(s);
}

/* What was under way on a stream that is lost goes out again whole; to a peer that leaves it does
 * not. */
static void a_lost_message_goes_again(void **state)
{
    (void)state;
    struct side *s = side_new();
    struct prng g;
    size_t sizes[1] = { 1000 };
    uint8_t bin[CID_SIZE_MAX];
    struct writer w = writer_of(bin, sizeof(bin));
    prng_init(&g, 5);
    (void)build(s, &g, sizes, 1);
    struct cid c = { .version = 1,
                     .codec = s->store->blocks[0].key.codec,
                     .hash = CID_HASH_SHA2_256,
                     .digest_size = 32 };
    memcpy(c.digest, s->store->blocks[0].key.digest, 32);
    cid_write(&w, &c);
    join(s, 0, 0);
    bitswap_server_want(&s->n.server, s->peers[0].server,
                        &(struct bitswap_entry){ .cid = writer_span(&w) });
    bitswap_node_step(&s->n, 0);
    struct span whole = bitswap_node_front(&s->n, 0);
    CHECK(whole.n > 1000);
    uint64_t under_way = s->n.server.m.peers[s->peers[0].server].under_way;
    CHECK(under_way > 0);
    for (size_t taken = 0; taken < 100; taken += 33) {
        CHECK_OK(bitswap_node_took(&s->n, 0, taken, 1));
        CHECK(bitswap_node_front(&s->n, 0).n == whole.n - taken);
        bitswap_node_out_lost(&s->n, 0);
        struct span again = bitswap_node_front(&s->n, 0);
        CHECK(again.p == whole.p && again.n == whole.n);
        CHECK(s->n.server.m.peers[s->peers[0].server].under_way == under_way);
    }
    /* The time that it may take counts from the first time. */
    CHECK_OK(bitswap_node_took(&s->n, 0, 1, BITSWAP_NODE_STALL_MS - 1));
    bitswap_node_out_lost(&s->n, 0);
    CHECK_ERR(bitswap_node_took(&s->n, 0, 1, 2 * BITSWAP_NODE_STALL_MS), ERR_TIMEOUT);
    CHECK_OK(bitswap_node_took(&s->n, 0, whole.n - 1, 2 * BITSWAP_NODE_STALL_MS));
    CHECK(!bitswap_node_wants_out(&s->n, 0));
    bitswap_node_out_lost(&s->n, 0); /* nothing was under way */
    CHECK(!bitswap_node_wants_out(&s->n, 0));
    size_t buffers = s->n.out.free_count;
    bitswap_server_want(&s->n.server, s->peers[0].server,
                        &(struct bitswap_entry){ .cid = writer_span(&w) });
    bitswap_node_step(&s->n, 2 * BITSWAP_NODE_STALL_MS);
    CHECK(bitswap_node_wants_out(&s->n, 0) && s->n.out.free_count == buffers - 1);
    bitswap_node_leave(&s->n, 0, 2 * BITSWAP_NODE_STALL_MS);
    CHECK(s->n.out.free_count == buffers);
    side_free(s);
}

/* A stream that breaks off or breaks the rules leaves nothing behind; the next one goes on. */
static void streams_end_anywhere(void **state)
{
    (void)state;
    struct side *a = side_new(), *b = side_new();
    struct prng g;
    size_t sizes[3] = { 300000, 300000, 300000 };
    prng_init(&g, 5);
    struct cid root = build(a, &g, sizes, 3);
    join(a, 0, 1);
    join(b, 0, 2);
    fetch(b, &root, 0);
    struct pipe *ask = pipe_new(b, 0, a, 0), *answer = pipe_new(a, 0, b, 0);
    uint64_t now = 0;
    int lost = 0;
    for (; !b->reads->done && now < 200000; now += 10) {
        bitswap_node_step(&a->n, now);
        bitswap_node_step(&b->n, now);
        CHECK_OK(pipe_turn(ask, &g, now));
        CHECK_OK(pipe_turn(answer, &g, now));
        reads_turn(b->reads, now);
        if (answer->stream.buffer != BITSWAP_NODE_NONE && lost < 3 && prng_below(&g, 10) == 0) {
            bitswap_node_out_lost(&a->n, 0);
            pipe_free(answer);
            answer = pipe_new(a, 0, b, 0);
            CHECK(b->n.in.free_count == BUFFERS);
            lost++;
        }
    }
    CHECK(b->reads->done && lost == 3);
    CHECK(ring_write(&ask->arrived, span_str("\xff\xff\xff\xff\xff\xff")));
    CHECK_ERR(bitswap_node_in(&a->n, &ask->stream, &ask->arrived, now), ERR_FORMAT);
    pipe_free(ask);
    pipe_free(answer);
    bitswap_node_leave(&a->n, 0, now);
    bitswap_node_leave(&b->n, 0, now);
    side_free(a);
    side_free(b);
}

/* Blocks that are hashed elsewhere, in the order in which they were given away. */
struct aside {
    struct bitswap_node_check checks[BUFFERS];
    uint32_t buffers[BUFFERS];
    struct span prefix[BUFFERS], block[BUFFERS];
    size_t count, most, given;
};

static void put_aside(void *ctx, uint32_t buffer, struct span prefix, struct span block)
{
    struct aside *a = ctx;
    CHECK(a->count < BUFFERS && block.n >= BITSWAP_NODE_ASIDE);
    a->buffers[a->count] = buffer;
    a->prefix[a->count] = prefix;
    a->block[a->count++] = block;
    a->given++;
    a->most = a->count > a->most ? a->count : a->most;
}

/* The one that was given away last comes first. */
static void give_back(struct side *s, struct aside *a, bool fail, uint64_t now)
{
    struct cid cid;
    CHECK(a->count > 0);
    size_t i = --a->count;
    CHECK_OK(bitswap_block_cid(&cid, a->prefix[i], a->block[i]));
    bitswap_node_checked(&s->n, a->buffers[i], fail ? NULL : &cid, now);
}

/* A stream goes on while its blocks are hashed; one that cannot be verified is asked for again. */
static void blocks_are_hashed_aside(void **state)
{
    (void)state;
    struct side *a = side_new(), *b = side_new();
    struct aside aside = { .count = 0 };
    struct prng g;
    size_t sizes[40];
    prng_init(&g, 6);
    for (size_t i = 0; i < 40; i++)
        sizes[i] = i % 4 == 0 ? 1 + (size_t)prng_below(&g, BITSWAP_NODE_ASIDE - 1)
                              : BITSWAP_NODE_ASIDE + (size_t)prng_below(&g, 100000);
    struct cid root = build(a, &g, sizes, 40);
    bitswap_node_checker(&b->n, aside.checks, put_aside, &aside);
    join(a, 0, 1);
    join(b, 0, 2);
    fetch(b, &root, 0);
    struct pipe *ask = pipe_new(b, 0, a, 0), *answer = pipe_new(a, 0, b, 0);
    size_t failed = 0;
    uint64_t now = 0;
    for (; !b->reads->done && now < 200000; now++) {
        bitswap_node_step(&a->n, now);
        bitswap_node_step(&b->n, now);
        CHECK_OK(pipe_turn(ask, &g, now));
        CHECK_OK(pipe_turn(answer, &g, now));
        if (aside.count > 0 && prng_below(&g, 12) == 0) {
            bool fail = failed < 2 && prng_below(&g, 4) == 0;
            failed += fail;
            give_back(b, &aside, fail, now);
        }
        reads_turn(b->reads, now);
    }
    CHECK(b->reads->done && b->reads->blocks == 41 && failed == 2 && aside.given == 32);
    CHECK(aside.most > 1 && aside.count == 0);
    CHECK(b->store->count == a->store->count);
    pipe_free(ask);
    pipe_free(answer);
    bitswap_node_leave(&a->n, 0, now);
    bitswap_node_leave(&b->n, 0, now);
    side_free(a);
    side_free(b);
}

/* The peer has left, and another has its number, when its block has been hashed: it counts for
 * nobody, and its memory is free again. */
static void a_peer_leaves_before_its_block_is_hashed(void **state)
{
    (void)state;
    struct side *s = side_new();
    struct aside aside = { .count = 0 };
    static uint8_t data[2 * BITSWAP_NODE_ASIDE], message[sizeof(data) + 200];
    struct writer w =
        writer_of(message + VARINT_FRAME_HEAD_MAX, sizeof(message) - VARINT_FRAME_HEAD_MAX);
    struct cid c = {
        .version = 1, .codec = CID_CODEC_RAW, .hash = CID_HASH_SHA2_256, .digest_size = 32
    };
    struct bitswap_node_stream st;
    uint32_t session;
    size_t taken;
    bitswap_node_checker(&s->n, aside.checks, put_aside, &aside);
    sha256(c.digest, span_of(data, sizeof(data)));
    bitswap_write_block_head(&w, &c, sizeof(data));
    write_bytes(&w, data, sizeof(data));
    struct span frame = varint_frame_close(message, w.len);
    CHECK_OK(bitswap_client_open(&s->n.client, &session));
    CHECK_OK(bitswap_client_want(&s->n.client, session, &c, 0));
    for (int round = 0; round < 2; round++) {
        join(s, 0, (uint8_t)round);
        bitswap_node_stream_init(&st, 0);
        CHECK_OK(bitswap_node_read(&s->n, &st, &taken, frame, 0));
        CHECK(taken == frame.n && st.buffer == BITSWAP_NODE_NONE && aside.count == 1);
        CHECK(s->n.in.free_count == BUFFERS - 1 && s->peers[0].held == 1);
        bitswap_node_stream_fini(&s->n, &st);
        if (round == 0) {
            bitswap_node_leave(&s->n, 0, 0);
            join(s, 0, 9);
        }
        give_back(s, &aside, false, 0);
        CHECK(s->n.in.free_count == BUFFERS && s->peers[0].held == 0);
        CHECK(s->store->count == (size_t)round && (s->n.arrived != 0) == (round == 1));
        bitswap_node_leave(&s->n, 0, 0);
    }
    side_free(s);
}

/* Blocks that nobody asked for take no memory and no time. */
static void unasked_blocks_are_passed_over(void **state)
{
    (void)state;
    struct side *s = side_new();
    static uint8_t data[BITSWAP_BLOCK_MAX], message[BITSWAP_BLOCK_MAX + 200], bytes[RING];
    struct ring in = ring_of(bytes, sizeof(bytes));
    struct writer w =
        writer_of(message + VARINT_FRAME_HEAD_MAX, sizeof(message) - VARINT_FRAME_HEAD_MAX);
    struct cid c = {
        .version = 1, .codec = CID_CODEC_RAW, .hash = CID_HASH_SHA2_256, .digest_size = 32
    };
    struct bitswap_node_stream st;
    join(s, 0, 1);
    bitswap_write_block_head(&w, &c, sizeof(data));
    write_bytes(&w, data, sizeof(data));
    CHECK_OK(w.err);
    bitswap_node_stream_init(&st, 0);
    for (struct span rest = varint_frame_close(message, w.len); rest.n > 0;) {
        size_t n = ring_put(&in, rest);
        rest = span_sub(rest, n, rest.n);
        CHECK_OK(bitswap_node_in(&s->n, &st, &in, 0));
        CHECK(s->n.in.free_count == BUFFERS);
    }
    CHECK(s->store->puts == 0 && ring_used(&in) == 0);
    /* While something is wanted, a block of no session is verified and dropped. */
    uint32_t session;
    CHECK_OK(bitswap_client_open(&s->n.client, &session));
    CHECK_OK(bitswap_client_want(&s->n.client, session, &c, 0));
    for (struct span rest = varint_frame_close(message, w.len); rest.n > 0;) {
        size_t n = ring_put(&in, rest);
        rest = span_sub(rest, n, rest.n);
        CHECK_OK(bitswap_node_in(&s->n, &st, &in, 0));
    }
    CHECK(s->store->puts == 0 && s->n.client.unwanted == 1 && s->n.arrived == 0);
    bitswap_node_stream_fini(&s->n, &st);
    bitswap_node_leave(&s->n, 0, 0);
    side_free(s);
}

static enum err get_but_one(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    struct side *s = ctx;
    *size = 0;
    if (memcmp(key->digest, s->store->blocks[0].key.digest, 32) == 0)
        return ERR_BUSY;
    return blockmem_get(s->store, size, buf, key);
}

/* What one peer wants cannot be read yet: the others are served, and it is when it can. */
static void a_slow_block_keeps_nobody_else(void **state)
{
    (void)state;
    struct side *s = side_new();
    struct prng g;
    size_t sizes[3] = { 5000, 6000, 7000 };
    prng_init(&g, 5);
    (void)build(s, &g, sizes, 3);
    struct block_source whole = s->source;
    s->source = (struct block_source){ .ctx = s, .get = get_but_one };
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t bin[CID_SIZE_MAX];
        struct writer w = writer_of(bin, sizeof(bin));
        struct content_key key = { .codec = CID_CODEC_RAW };
        memcpy(key.digest, s->store->blocks[i].key.digest, 32);
        const struct cid c = cid_of_key(&key);
        join(s, i, (uint8_t)i);
        cid_write(&w, &c);
        bitswap_server_want(&s->n.server, s->peers[i].server,
                            &(struct bitswap_entry){ .cid = writer_span(&w) });
    }
    for (uint64_t now = 1; now < 4; now++) {
        bitswap_node_step(&s->n, now);
        CHECK(!bitswap_node_wants_out(&s->n, 0));
        CHECK(bitswap_node_wants_out(&s->n, 1) && bitswap_node_wants_out(&s->n, 2));
    }
    s->source = whole;
    bitswap_node_step(&s->n, 5);
    CHECK(bitswap_node_wants_out(&s->n, 0));
    for (uint32_t i = 0; i < 3; i++)
        bitswap_node_leave(&s->n, i, 6);
    side_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_go_through_a_chain_of_nodes),
        cmocka_unit_test(a_peer_that_does_not_read_is_dropped),
        cmocka_unit_test(a_lost_message_goes_again),
        cmocka_unit_test(streams_end_anywhere),
        cmocka_unit_test(blocks_are_hashed_aside),
        cmocka_unit_test(a_peer_leaves_before_its_block_is_hashed),
        cmocka_unit_test(unasked_blocks_are_passed_over),
        cmocka_unit_test(a_slow_block_keeps_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
