#include "ipfs/bitswap_server.h"

#include "base/check.h"
#include "base/prng.h"
#include "codec/varint_frame.h"
#include "crypto/sha256.h"
#include "ipfs/blockmem_test.h"

enum { PEERS = 8, WANTS = 4096 };

struct rig {
    struct bitswap_server s;
    struct bitswap_server_want wants[WANTS];
    struct bitswap_server_peer peers[PEERS];
    uint32_t buckets[1024];
    struct blockmem *store;
    struct block_source source;
    uint8_t buffer[BITSWAP_SERVER_BUFFER];
    bool busy;
};

static enum err source_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    struct rig *r = ctx;
    return r->busy ? ERR_BUSY : blockmem_get(r->store, size, buf, key);
}

static enum err source_size(void *ctx, size_t *size, const struct block_key *key)
{
    struct rig *r = ctx;
    size_t i = blockmem_find(r->store, key->digest);
    if (r->busy)
        return ERR_BUSY;
    if (i == r->store->count)
        return ERR_NOT_FOUND;
    *size = r->store->blocks[i].size;
    return OK;
}

static struct rig *rig_new(void)
{
    struct rig *r = calloc(1, sizeof(*r));
    CHECK(r != NULL);
    r->store = calloc(1, sizeof(*r->store));
    r->source = (struct block_source){ .ctx = r, .get = source_get, .size = source_size };
    const struct bitswap_server_memory m = { r->wants, WANTS, r->peers, PEERS, r->buckets, 1024 };
    bitswap_server_init(&r->s, &m, &r->source, 42);
    return r;
}

static void rig_free(struct rig *r)
{
    blockmem_free(r->store);
    free(r);
}

static struct cid cid_of(uint64_t n, size_t size)
{
    static uint8_t data[BITSWAP_BLOCK_MAX];
    memset(data, (int)(n % 251), size);
    if (size >= 8)
        store_le64(data, n);
    struct cid c = {
        .version = 1, .codec = CID_CODEC_RAW, .hash = CID_HASH_SHA2_256, .digest_size = 32
    };
    sha256(c.digest, span_of(data, size));
    return c;
}

static struct cid put(struct rig *r, uint64_t n, size_t size)
{
    static uint8_t data[BITSWAP_BLOCK_MAX];
    struct cid c = cid_of(n, size);
    struct block_key key = { .codec = c.codec };
    memset(data, (int)(n % 251), size);
    if (size >= 8)
        store_le64(data, n);
    memcpy(key.digest, c.digest, 32);
    CHECK_OK(blockmem_put(r->store, &key, span_of(data, size)));
    return c;
}

static void want(struct rig *r, uint32_t peer, const struct cid *c, struct bitswap_entry e)
{
    uint8_t bin[CID_SIZE_MAX];
    struct writer w = writer_of(bin, sizeof(bin));
    cid_write(&w, c);
    e.cid = writer_span(&w);
    bitswap_server_want(&r->s, peer, &e);
}

static uint32_t join(struct rig *r)
{
    uint32_t p;
    CHECK_OK(bitswap_server_join(&r->s, &p, BITSWAP_NORMAL));
    return p;
}

struct got {
    int haves, donts, blocks;
    size_t bytes, frame;
    struct cid first, last; /* of what the message says */
};

/* Composes for a peer and reads the message with our own reader. */
static struct got take(struct rig *r, uint32_t peer)
{
    static uint8_t memory[BITSWAP_BLOCK_MAX];
    struct span frame;
    size_t blocks, taken, sum = 0;
    struct got g = { 0 };
    struct bitswap_reader rd;
    struct bitswap_item it;
    enum err e = bitswap_server_compose(&r->s, peer, (struct mspan){ r->buffer, sizeof(r->buffer) },
                                        &frame, &blocks);
    CHECK(e == OK || (e == ERR_BUSY && r->busy));
    bitswap_server_sent(&r->s, peer, frame.n);
    g.frame = frame.n;
    bitswap_reader_init(&rd);
    while (frame.n > 0) {
        CHECK_OK(bitswap_read(&rd, frame, &taken, &it));
        frame = span_sub(frame, taken, frame.n);
        struct cid c = { 0 };
        if (it.what == BITSWAP_MEMORY)
            bitswap_reader_memory(&rd, memory);
        if (it.what == BITSWAP_BLOCK) {
            g.blocks++;
            g.bytes += it.block.n;
            CHECK_OK(bitswap_block_cid(&c, it.prefix, it.block));
        }
        if (it.what == BITSWAP_PRESENCE) {
            g.haves += it.have;
            g.donts += !it.have;
            CHECK_OK(cid_decode(&c, it.cid));
        }
        if (c.digest_size != 0) {
            g.first = sum++ == 0 ? c : g.first;
            g.last = c;
        }
    }
    CHECK(g.bytes == blocks);
    return g;
}

static bool idle(struct rig *r)
{
    uint32_t p;
    return !bitswap_server_next(&r->s, &p);
}

static void wants_are_answered(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    uint32_t p = join(r), next;
    struct cid small = put(r, 1, 100), large = put(r, 2, 100000), gone = cid_of(3, 50);
    CHECK(idle(r));
    want(r, p, &small, (struct bitswap_entry){ .have = true });
    CHECK(bitswap_server_next(&r->s, &next) && next == p);
    struct got g = take(r, p);
    CHECK(g.blocks == 1 && cid_eq(&g.last, &small)); /* so small that it comes at once */
    want(r, p, &large, (struct bitswap_entry){ .have = true });
    g = take(r, p);
    CHECK(g.haves == 1 && g.blocks == 0);
    want(r, p, &large, (struct bitswap_entry){ 0 });
    g = take(r, p);
    CHECK(g.blocks == 1 && g.bytes == 100000);
    want(r, p, &gone, (struct bitswap_entry){ 0 });
    g = take(r, p);
    CHECK(g.frame == 0 && idle(r)); /* not asked to say no */
    want(r, p, &gone, (struct bitswap_entry){ .send_dont_have = true });
    g = take(r, p);
    CHECK(g.donts == 1 && cid_eq(&g.last, &gone) && idle(r));
    /* It comes, and goes out without being asked for again. */
    put(r, 3, 50);
    bitswap_server_came(&r->s, gone.digest);
    g = take(r, p);
    CHECK(g.blocks == 1 && cid_eq(&g.last, &gone) && idle(r));
    bitswap_server_came(&r->s, gone.digest);
    CHECK(idle(r));
    CHECK(r->s.blocks_sent == 3 && r->s.bytes_sent == 100150);
    rig_free(r);
}

static void known_blocks_are_always_here(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    uint32_t p = join(r);
    struct cid empty = cid_of(0, 0);
    want(r, p, &empty, (struct bitswap_entry){ .have = true });
    struct got g = take(r, p);
    CHECK(g.blocks == 1 && g.bytes == 0 && cid_eq(&g.last, &empty));
    want(r, p, &empty, (struct bitswap_entry){ 0 });
    CHECK(take(r, p).blocks == 1);
    /* The same bytes under version 0 and another codec. */
    struct cid c = put(r, 9, 2000);
    c.version = 0;
    c.codec = CID_CODEC_DAG_PB;
    want(r, p, &c, (struct bitswap_entry){ 0 });
    g = take(r, p);
    CHECK(g.blocks == 1 && cid_eq(&g.last, &c));
    rig_free(r);
}

static void cids_we_do_not_keep(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    uint32_t p = join(r);
    static const uint8_t digest[64] = { 1 };
    struct cid id = cid_identity(CID_CODEC_RAW, span_of(digest, 20));
    struct cid sha512 = {
        .version = 1, .codec = CID_CODEC_RAW, .hash = CID_HASH_SHA2_512, .digest_size = 64
    };
    want(r, p, &id, (struct bitswap_entry){ .send_dont_have = true });
    bitswap_server_want(
        &r->s, p, &(struct bitswap_entry){ .cid = span_str("nonsense"), .send_dont_have = true });
    CHECK(idle(r));
    want(r, p, &sha512, (struct bitswap_entry){ .send_dont_have = true });
    CHECK(take(r, p).donts == 1);
    rig_free(r);
}

static void later_wants_change_earlier_ones(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    uint32_t p = join(r);
    struct cid a = put(r, 1, 5000), b = put(r, 2, 5000), c = put(r, 3, 5000);
    want(r, p, &a, (struct bitswap_entry){ .priority = 1 });
    want(r, p, &a, (struct bitswap_entry){ .priority = 5, .have = true });
    want(r, p, &b, (struct bitswap_entry){ .priority = 3 });
    want(r, p, &c, (struct bitswap_entry){ .priority = 9 });
    want(r, p, &c, (struct bitswap_entry){ .cancel = true });
    want(r, p, &c, (struct bitswap_entry){ .cancel = true });
    struct got g = take(r, p);
    CHECK(g.blocks == 2 && g.haves == 0); /* a stays a want-block */
    CHECK(cid_eq(&g.first, &a) && cid_eq(&g.last, &b));
    /* full: only what this message says is wanted. */
    want(r, p, &a, (struct bitswap_entry){ 0 });
    want(r, p, &b, (struct bitswap_entry){ 0 });
    bitswap_server_message(&r->s, p);
    want(r, p, &b, (struct bitswap_entry){ 0 });
    bitswap_server_full(&r->s, p);
    bitswap_server_message(&r->s, p);
    g = take(r, p);
    CHECK(g.blocks == 1 && cid_eq(&g.last, &b) && idle(r));
    rig_free(r);
}

static void messages_have_a_size(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    uint32_t p = join(r);
    struct cid c;
    for (uint64_t i = 0; i < 20; i++) {
        c = put(r, i, 6000);
        want(r, p, &c, (struct bitswap_entry){ .priority = (int32_t)i });
    }
    struct got g = take(r, p);
    CHECK(g.blocks == 2 && cid_eq(&g.first, &c));
    c = put(r, 99, BITSWAP_BLOCK_MAX);
    want(r, p, &c, (struct bitswap_entry){ .priority = 100 });
    g = take(r, p);
    CHECK(g.blocks == 1 && g.bytes == BITSWAP_BLOCK_MAX && g.frame < BITSWAP_MESSAGE_MAX);
    /* Until it has left, nothing more is handed out for this peer. */
    want(r, p, &c, (struct bitswap_entry){ .priority = 100 });
    struct span frame;
    size_t blocks;
    CHECK_OK(bitswap_server_compose(&r->s, p, (struct mspan){ r->buffer, sizeof(r->buffer) },
                                    &frame, &blocks));
    CHECK(idle(r));
    bitswap_server_sent(&r->s, p, frame.n);
    CHECK(!idle(r));
    r->busy = true; /* the source wants to be asked again later */
    g = take(r, p);
    CHECK(g.frame == 0 && !idle(r));
    r->busy = false;
    CHECK(take(r, p).blocks == 2);
    /* So it is when only presence is asked for: nothing is denied in the meantime. */
    p = join(r);
    want(r, p, &c, (struct bitswap_entry){ .have = true, .send_dont_have = true });
    r->busy = true;
    CHECK(take(r, p).frame == 0);
    r->busy = false;
    g = take(r, p);
    CHECK(g.haves == 1 && g.donts == 0 && g.blocks == 0);
    rig_free(r);
}

/* Each of the waiting peers gets the same number of bytes, whatever it asks for. */
static void the_line_is_shared(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    uint32_t p[3], next;
    size_t got[3] = { 0 };
    struct cid cids[3][10];
    static const size_t sizes[3] = { 300, 60000, 1000000 };
    for (int k = 0; k < 3; k++)
        p[k] = join(r);
    for (int k = 0; k < 3; k++)
        for (uint64_t i = 0; i < 10; i++)
            cids[k][i] = put(r, 1000 * (uint64_t)k + i, sizes[k]);
    uint32_t last;
    CHECK_OK(bitswap_server_join(&r->s, &last, BITSWAP_LAST));
    struct cid c = cid_of(0, sizes[0]);
    want(r, last, &c, (struct bitswap_entry){ 0 });
    for (int turn = 0; turn < 6000; turn++) {
        for (int k = 0; k < 3; k++)
            for (int i = 0; i < 10; i++)
                want(r, p[k], &cids[k][i], (struct bitswap_entry){ 0 });
        CHECK(bitswap_server_next(&r->s, &next) && next != last);
        got[next] += take(r, next).bytes;
        if (got[0] + got[1] + got[2] > 9000000)
            break;
    }
    CHECK(got[0] > 1900000 && got[1] > 1900000 && got[2] > 1900000);
    for (int k = 0; k < 3; k++)
        bitswap_server_leave(&r->s, p[k]);
    CHECK(bitswap_server_next(&r->s, &next) && next == last);
    CHECK(take(r, last).blocks == 1);
    rig_free(r);
}

/* A million wants fit in the memory that was there before, and those of an honest peer are met. */
static void floods_take_no_memory(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct prng g;
    uint32_t bad[3], good = join(r), more, next;
    struct cid c = put(r, 7, 4000);
    prng_init(&g, 1);
    for (int k = 0; k < 3; k++)
        bad[k] = join(r);
    for (int i = 0; i < 1000000; i++) {
        uint8_t bin[36] = { 0x01, 0x55, 0x12, 0x20 };
        prng_fill(&g, bin + 4, 32);
        struct bitswap_entry e = { .cid = span_of(bin, sizeof(bin)),
                                   .priority = (int32_t)prng_u64(&g),
                                   .have = i % 2 == 0,
                                   .send_dont_have = i % 3 == 0 };
        bitswap_server_want(&r->s, bad[i % 3], &e);
    }
    for (int k = 0; k < 3; k++)
        CHECK(r->peers[bad[k]].count == BITSWAP_SERVER_WANTS);
    want(r, good, &c, (struct bitswap_entry){ 0 });
    size_t got = 0;
    for (int turn = 0; turn < 8 && bitswap_server_next(&r->s, &next); turn++)
        got += next == good ? take(r, next).bytes : take(r, next).bytes * 0;
    CHECK(got == 4000);
    for (int k = 0; k < 3; k++)
        bitswap_server_leave(&r->s, bad[k]);
    CHECK(r->peers[good].count == 0);
    for (int k = 0; k < PEERS - 1; k++)
        (void)join(r);
    CHECK_ERR(bitswap_server_join(&r->s, &more, BITSWAP_NORMAL), ERR_LIMIT);
    size_t free_wants = 0;
    for (uint32_t i = r->s.want_free; i != BITSWAP_SERVER_NONE; i = r->wants[i].next)
        free_wants++;
    CHECK(free_wants == WANTS);
    rig_free(r);
}

static struct bitswap_entry stranger(uint8_t bin[36], struct prng *g, int32_t priority)
{
    static const uint8_t head[4] = { 0x01, 0x55, 0x12, 0x20 };
    memcpy(bin, head, sizeof(head));
    prng_fill(g, bin + 4, 32);
    return (struct bitswap_entry){ .cid = span_of(bin, 36), .priority = priority };
}

/* What a peer has asked for in vain long ago does not stand in the way of what it asks for now,
 * although its numbers are lower, as Kubo's become with time. */
static void what_is_not_here_makes_place(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct prng g;
    uint8_t bin[36];
    uint32_t p = join(r);
    struct cid here[40];
    prng_init(&g, 3);
    for (uint64_t i = 0; i < 40; i++)
        here[i] = put(r, i, 5000);
    for (int i = 0; i < 3 * BITSWAP_SERVER_WANTS; i++) {
        struct bitswap_entry e = stranger(bin, &g, 1000000 - i);
        bitswap_server_want(&r->s, p, &e);
        CHECK(take(r, p).frame == 0);
    }
    CHECK(r->peers[p].count == BITSWAP_SERVER_WANTS);
    for (int i = 0; i < 40; i++)
        want(r, p, &here[i], (struct bitswap_entry){ .priority = -i });
    int got = 0;
    for (int i = 0; i < 40; i++)
        got += take(r, p).blocks;
    CHECK(got == 40 && r->s.refused == 0);
    rig_free(r);
}

/* What is still to be looked at gives way to what is more urgent only. */
static void urgent_wants_take_places_of_others(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct prng g;
    uint8_t bin[36];
    uint32_t p = join(r);
    struct cid urgent = put(r, 1, 5000), late = put(r, 2, 5000);
    prng_init(&g, 4);
    for (int i = 0; i < BITSWAP_SERVER_WANTS; i++) {
        struct bitswap_entry e = stranger(bin, &g, 10);
        bitswap_server_want(&r->s, p, &e);
    }
    want(r, p, &late, (struct bitswap_entry){ .priority = 10 });
    CHECK(r->s.refused == 1);
    want(r, p, &urgent, (struct bitswap_entry){ .priority = 11 });
    CHECK(r->s.refused == 1 && r->peers[p].count == BITSWAP_SERVER_WANTS);
    struct got got = take(r, p);
    CHECK(got.blocks == 1 && cid_eq(&got.last, &urgent));
    rig_free(r);
}

/* Peers that fill the table keep no other from its equal part of it. */
static void a_full_table_is_shared(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct prng g;
    uint8_t bin[36];
    uint32_t bad[6], good;
    struct cid here[WANTS / PEERS];
    prng_init(&g, 9);
    for (int k = 0; k < 6; k++)
        bad[k] = join(r);
    for (int i = 0; i < 60000; i++) {
        struct bitswap_entry e = stranger(bin, &g, INT32_MAX);
        bitswap_server_want(&r->s, bad[i % 6], &e);
        (void)take(r, bad[(i / 7) % 6]);
    }
    CHECK(r->s.want_free == BITSWAP_SERVER_NONE);
    good = join(r);
    for (uint64_t i = 0; i < WANTS / PEERS; i++) {
        here[i] = put(r, i, 20);
        want(r, good, &here[i], (struct bitswap_entry){ .priority = -1 });
        struct bitswap_entry e = stranger(bin, &g, INT32_MAX);
        bitswap_server_want(&r->s, bad[i % 6], &e);
    }
    CHECK(r->peers[good].count == WANTS / PEERS);
    int got = 0;
    for (int n = 1; n > 0; got += n)
        n = take(r, good).blocks;
    CHECK(got == WANTS / PEERS);
    /* Nobody else has less than its part either. */
    for (int k = 0; k < 6; k++)
        CHECK(r->peers[bad[k]].count >= WANTS / 8);
    rig_free(r);
}

/* Against a list that is searched from end to end. */
static void random_wants_as_a_simple_model_has_them(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct prng g;
    uint32_t p = join(r);
    struct {
        bool on;
        int32_t priority;
        uint32_t order;
    } model[64] = { 0 };
    struct cid cids[64];
    uint32_t order = 0;
    prng_init(&g, 5);
    for (uint64_t i = 0; i < 64; i++)
        cids[i] = put(r, i, 9000);
    for (int turn = 0; turn < 20000; turn++) {
        size_t i = (size_t)prng_below(&g, 64);
        uint64_t op = prng_below(&g, 10);
        if (op < 6) {
            int32_t priority = (int32_t)prng_below(&g, 8) - 4;
            want(r, p, &cids[i], (struct bitswap_entry){ .priority = priority });
            model[i].order = model[i].on ? model[i].order : order++;
            model[i].on = true;
            model[i].priority = priority;
        } else if (op < 8) {
            want(r, p, &cids[i], (struct bitswap_entry){ .cancel = true });
            model[i].on = false;
        } else {
            size_t best = 64;
            for (size_t k = 0; k < 64; k++)
                if (model[k].on && (best == 64 || model[k].priority > model[best].priority ||
                                    (model[k].priority == model[best].priority &&
                                     model[k].order < model[best].order)))
                    best = k;
            struct got got = take(r, p);
            CHECK((best == 64) == (got.blocks == 0));
            if (best < 64) {
                CHECK(got.blocks == 1 && cid_eq(&got.first, &cids[best]));
                model[best].on = false;
            }
        }
    }
    rig_free(r);
}

static void credit_is_kept_and_fades(void **state)
{
    (void)state;
    struct bitswap_credit list[16], *c, back;
    struct bitswap_ledger l;
    uint8_t id[32] = { 1 }, bytes[BITSWAP_CREDIT_SIZE];
    bitswap_credit_init(&l, list, 16);
    c = bitswap_credit_of(&l, id, 100);
    CHECK(bitswap_credit_rank(c, false) == BITSWAP_NORMAL);
    CHECK(bitswap_credit_rank(c, true) == BITSWAP_FIRST);
    c->broken = 4;
    c->kept = 12;
    CHECK(bitswap_credit_rank(c, true) == BITSWAP_FIRST);
    c->kept = 11;
    CHECK(bitswap_credit_rank(c, true) == BITSWAP_LAST);
    c->sent = 1000;
    bitswap_credit_encode(bytes, c);
    CHECK_OK(bitswap_credit_decode(&back, span_of(bytes, sizeof(bytes))));
    CHECK(memcmp(&back, c, sizeof(back)) == 0);
    for (size_t n = 0; n < sizeof(bytes); n++)
        CHECK_ERR(bitswap_credit_decode(&back, span_of(bytes, n)), ERR_SHORT);
    /* Strangers do not push out who has broken promises. */
    for (uint8_t i = 0; i < 200; i++) {
        uint8_t other[32] = { i, 7, i };
        bitswap_credit_of(&l, other, 100)->kept = 3;
    }
    CHECK(bitswap_credit_of(&l, id, 100)->broken == 4);
    c = bitswap_credit_of(&l, id, 101);
    CHECK(c->broken == 2 && c->kept == 5 && c->sent == 500);
    CHECK(bitswap_credit_rank(c, false) == BITSWAP_NORMAL);
    CHECK(bitswap_credit_of(&l, id, 500)->sent == 0);
}

/* What is said against a holder is forgotten, and what it does afterwards counts. */
static void a_holder_falls_and_rises(void **state)
{
    (void)state;
    struct bitswap_credit list[16], *c, found;
    struct bitswap_ledger l;
    uint8_t id[32] = { 9 }, nobody[32] = { 8 };
    bitswap_credit_init(&l, list, 16);
    CHECK(!bitswap_credit_find(&l, &found, nobody, 100) && found.broken == 0);
    c = bitswap_credit_of(&l, id, 100);
    c->kept = 1;
    CHECK(!bitswap_credit_doubted(c));
    c->broken = 1;
    CHECK(bitswap_credit_doubted(c) && bitswap_credit_rank(c, true) == BITSWAP_FIRST);
    c->broken = 5;
    CHECK(bitswap_credit_rank(c, true) == BITSWAP_LAST);
    CHECK(bitswap_credit_rank(c, false) == BITSWAP_LAST);
    CHECK(bitswap_credit_find(&l, &found, id, 100) && found.broken == 5);
    CHECK(bitswap_credit_find(&l, &found, id, 101) && found.broken == 2 && found.kept == 0);
    CHECK(bitswap_credit_rank(&found, true) == BITSWAP_FIRST && bitswap_credit_doubted(&found));
    c = bitswap_credit_of(&l, id, 101);
    c->kept += 6; /* it serves */
    CHECK(!bitswap_credit_doubted(c));
    c = bitswap_credit_of(&l, id, 104);
    CHECK(c->kept == 0 && c->broken == 0 && !bitswap_credit_doubted(c));
    CHECK(bitswap_credit_rank(c, false) == BITSWAP_NORMAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wants_are_answered),
        cmocka_unit_test(known_blocks_are_always_here),
        cmocka_unit_test(cids_we_do_not_keep),
        cmocka_unit_test(later_wants_change_earlier_ones),
        cmocka_unit_test(messages_have_a_size),
        cmocka_unit_test(the_line_is_shared),
        cmocka_unit_test(floods_take_no_memory),
        cmocka_unit_test(what_is_not_here_makes_place),
        cmocka_unit_test(urgent_wants_take_places_of_others),
        cmocka_unit_test(a_full_table_is_shared),
        cmocka_unit_test(random_wants_as_a_simple_model_has_them),
        cmocka_unit_test(credit_is_kept_and_fades),
        cmocka_unit_test(a_holder_falls_and_rises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
