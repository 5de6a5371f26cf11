/* Exchanges over swarms on one loop, over loopback; who waits does so on threads of their own. */
#include "ipfsd/exchange.h"

#include "codec/bitswap.h"
#include "codec/cid.h"
#include "crypto/random.h"
#include "crypto/sha256.h"
#include "ipfs/bitswap_credit.h"
#include "ipfs/blockmem_test.h"
#include "ipfsd/exchange_read.h"
#include "rt/clock.h"
#include "rt/path.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000, SIDES = 2, CONNECTIONS = 32 };

/* What a node holds, with what can go wrong when it is read. */
struct shelf {
    pthread_mutex_t lock;
    struct blockmem *blocks;
    uint32_t busy; /* so many calls of get are answered ERR_BUSY first */
    uint32_t gets;
    bool stuck; /* get waits until this is over */
    pthread_cond_t moved;
};

struct side {
    struct swarm *swarm;
    struct exchange *exchange;
    struct ed25519_key identity;
    struct multiaddr address;
    struct shelf shelf;
    struct block_source source;
    uint32_t peers, gone, resets, raw; /* raw: the stream on which a test talks by itself */
    struct span say;
};

static struct loop *loop;
static const char *credit_file; /* of the second side */
static struct side sides[SIDES];

#define UNTIL(cond)                                                                                \
    do {                                                                                           \
        uint64_t until_end_ = clock_mono_ms() + PATIENCE_MS;                                       \
        while (!(cond) && clock_mono_ms() < until_end_)                                            \
            loop_run_once(loop, 20);                                                               \
        CHECK(cond);                                                                               \
    } while (0)

/* ---- a shelf ----------------------------------------------------------------------------------
 */

static enum err shelf_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    struct shelf *s = ctx;
    enum err e = ERR_BUSY;
    *size = 0;
    pthread_mutex_lock(&s->lock);
    s->gets++;
    while (s->stuck)
        pthread_cond_wait(&s->moved, &s->lock);
    if (s->busy > 0)
        s->busy--;
    else
        e = blockmem_get(s->blocks, size, buf, key);
    pthread_mutex_unlock(&s->lock);
    return e;
}

static enum err shelf_size(void *ctx, size_t *size, const struct block_key *key)
{
    struct shelf *s = ctx;
    pthread_mutex_lock(&s->lock);
    size_t i = blockmem_find(s->blocks, key->digest);
    bool here = i < s->blocks->count;
    if (here && size != NULL)
        *size = s->blocks->blocks[i].size;
    pthread_mutex_unlock(&s->lock);
    return here ? OK : ERR_NOT_FOUND;
}

static struct block_source shelf_source(struct shelf *s)
{
    s->blocks = calloc(1, sizeof(*s->blocks));
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->moved, NULL);
    return (struct block_source){ .ctx = s, .get = shelf_get, .size = shelf_size };
}

static void shelf_free(struct shelf *s)
{
    blockmem_free(s->blocks);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->moved);
}

static void shelf_stick(struct shelf *s, bool stuck)
{
    pthread_mutex_lock(&s->lock);
    s->stuck = stuck;
    pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
}

/* A raw block that begins with number n. */
static struct block_key block_of(uint8_t *data, size_t size, uint32_t n)
{
    struct block_key key = { .codec = CID_CODEC_RAW };
    memset(data, 7, size);
    memcpy(data, &n, size < 4 ? size : 4);
    sha256(key.digest, span_of(data, size));
    return key;
}

static struct block_key shelf_add(struct shelf *s, size_t size, uint32_t n)
{
    static uint8_t data[BLOCK_SIZE_MAX];
    struct block_key key = block_of(data, size, n);
    CHECK_OK(blockmem_put(s->blocks, &key, span_of(data, size)));
    return key;
}

/* ---- sides ------------------------------------------------------------------------------------
 */

static void on_peer(void *ctx, uint32_t connection, const struct peer_id *peer, bool inbound)
{
    struct side *s = ctx;
    (void)inbound;
    s->peers++;
    if (s->exchange != NULL)
        exchange_peer(s->exchange, connection, peer);
}

static void on_gone(void *ctx, uint32_t connection, enum err why)
{
    struct side *s = ctx;
    (void)why;
    s->gone++;
    if (s->exchange != NULL)
        exchange_gone(s->exchange, connection);
}

/* A peer that is no exchange: it takes streams and answers nothing, or says what a test wants. */
static void on_raw(void *ctx, uint32_t connection, const struct conn_event *ev)
{
    struct side *s = ctx;
    size_t taken;
    if (ev->kind == CONN_AGREED)
        CHECK(swarm_write(s->swarm, connection, ev->stream, s->say, &taken) == OK &&
              taken == s->say.n);
    s->resets += ev->kind == CONN_REFUSED; /* it was reset before its protocol was agreed on */
    s->resets += ev->kind == CONN_STREAM && (ev->what & YAMUX_RESET) != 0;
}

enum kind { EXCHANGE, RAW, OTHER };

static void side_start(size_t i, enum kind kind, uint32_t wait_ms)
{
    struct side *s = &sides[i];
    uint8_t seed[32] = { (uint8_t)(i + 1), 78 }, ip[4] = { 127, 0, 0, 1 };
    struct swarm_options o = { .identity = &s->identity, .agent = "crust-test" };
    memset(s, 0, sizeof(*s));
    ed25519_keypair(&s->identity, seed);
    s->source = shelf_source(&s->shelf);
    o.listen[0] = multiaddr_of_ip(span_of(ip, 4), 0);
    o.listen_count = 1;
    o.limits = gate_defaults();
    o.limits.connections = CONNECTIONS;
    o.limits.inbound = o.limits.water = CONNECTIONS / 2;
    o.noise = o.early_muxer = o.allow_private = true;
    o.on_peer = on_peer;
    o.on_gone = on_gone;
    o.ctx = s;
    o.protocol_count = 1;
    if (kind == EXCHANGE) {
        const struct exchange_options x = { .loop = loop,
                                            .source = &s->source,
                                            .connections = CONNECTIONS,
                                            .wait_ms = wait_ms,
                                            .credit_file = i == 1 ? credit_file : NULL };
        CHECK_OK(exchange_open(&s->exchange, &x));
        o.protocols[0] = exchange_protocol(s->exchange);
    } else {
        o.protocols[0] =
            (struct swarm_protocol){ kind == RAW ? BITSWAP_ID : "/other/1", on_raw, s };
    }
    CHECK_OK(swarm_open(&s->swarm, loop, &o));
    CHECK_OK(swarm_address(s->swarm, 0, &s->address));
    if (s->exchange != NULL)
        exchange_attach(s->exchange, s->swarm, 0);
}

static void meet(void)
{
    uint32_t c;
    uint64_t retry;
    CHECK_OK(swarm_dial(sides[1].swarm, &sides[0].address, &c, &retry));
    UNTIL(sides[0].peers == 1 && sides[1].peers == 1);
}

static void stop(void)
{
    for (size_t i = 0; i < SIDES; i++) {
        struct side *s = &sides[i];
        if (s->exchange != NULL)
            exchange_stop(s->exchange);
        swarm_close(s->swarm);
        exchange_close(s->exchange);
        shelf_free(&s->shelf);
    }
    loop_free(loop);
}

/* ---- a waiter ---------------------------------------------------------------------------------
 */

struct waiter {
    struct block_source from;
    struct block_key key;
    uint8_t data[BLOCK_SIZE_MAX];
    size_t size;
    enum err err;
    atomic_bool done;
    pthread_t thread;
};

static void *waiter_run(void *arg)
{
    struct waiter *r = arg;
    struct mspan room = { r->data, sizeof(r->data) };
    r->err = block_source_get(&r->from, &r->size, room, &r->key);
    atomic_store(&r->done, true);
    return NULL;
}

static struct waiter *waiter_new(size_t side, const struct block_key *key)
{
    struct waiter *r = calloc(1, sizeof(*r));
    r->from = exchange_source(sides[side].exchange);
    r->key = *key;
    CHECK(pthread_create(&r->thread, NULL, waiter_run, r) == 0);
    return r;
}

/* How it ended; when it is OK the bytes are those of the key. */
static enum err waiter_end(struct waiter *r)
{
    uint8_t digest[32];
    UNTIL(atomic_load(&r->done));
    pthread_join(r->thread, NULL);
    enum err e = r->err;
    sha256(digest, span_of(r->data, r->size));
    CHECK(e != OK || memcmp(digest, r->key.digest, sizeof(digest)) == 0);
    CHECK(e == OK || r->size == 0);
    free(r);
    return e;
}

static enum err read_one(size_t side, const struct block_key *key)
{
    return waiter_end(waiter_new(side, key));
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void blocks_go_both_ways(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 5, 1024, 1025, 16384, 300000, BLOCK_SIZE_MAX };
    enum { N = sizeof(sizes) / sizeof(*sizes) };
    uint8_t none[8];
    struct exchange_figures f;
    CHECK_OK(loop_new(&loop, 0));
    side_start(0, EXCHANGE, 0);
    side_start(1, EXCHANGE, 0);
    struct block_key absent = block_of(none, sizeof(none), 99);
    CHECK_ERR(read_one(1, &absent), ERR_NOT_FOUND); /* nobody to ask */
    meet();
    for (size_t k = 0; k < N; k++)
        for (size_t i = 0; i < SIDES; i++) {
            struct block_key key = shelf_add(&sides[i].shelf, sizes[k], (uint32_t)(10 * k + i));
            CHECK_OK(read_one(1 - i, &key));
        }
    CHECK_ERR(read_one(1, &absent), ERR_NOT_FOUND);
    struct block_source from = exchange_source(sides[1].exchange);
    CHECK_ERR(block_source_has(&from, &absent), ERR_NOT_FOUND);
    exchange_figures(sides[0].exchange, &f);
    CHECK(f.peers == 1 && f.blocks_sent == N && f.blocks_received == N);
    CHECK(f.bytes_sent == f.bytes_received && f.bytes_sent > 2400000);
    stop();
}

/* Many at once, more than are read, held or sent at a time. */
static void many_waiters(void **state)
{
    (void)state;
    enum { N = 24 };
    struct waiter *r[N];
    struct exchange_figures f;
    CHECK_OK(loop_new(&loop, 0));
    side_start(0, EXCHANGE, 0);
    side_start(1, EXCHANGE, 0);
    meet();
    for (uint32_t i = 0; i < N; i++) {
        struct block_key key = shelf_add(&sides[0].shelf, 200000 + 40000 * (i % 12), i);
        r[i] = waiter_new(1, &key);
    }
    for (uint32_t i = 0; i < N; i++)
        CHECK_OK(waiter_end(r[i]));
    exchange_figures(sides[1].exchange, &f);
    CHECK(f.blocks_received == N);
    stop();
}

/* ---- without waiting ---- */

struct wish {
    uint64_t id;
    uint32_t calls;
    enum err err;
    struct mspan data;
};

static void on_over(void *ctx, enum err result, struct mspan data)
{
    struct wish *w = ctx;
    w->calls++;
    w->err = result;
    w->data = data;
}

static void blocks_come_without_waiting(void **state)
{
    (void)state;
    static struct wish many[EXCHANGE_ASKS + 1];
    struct wish w = { 0 };
    uint8_t digest[32];
    CHECK_OK(loop_new(&loop, 0));
    side_start(0, EXCHANGE, 0);
    side_start(1, EXCHANGE, 0);
    meet();
    struct exchange *x = sides[1].exchange;
    struct block_key key = shelf_add(&sides[0].shelf, 300000, 1), absent = key;
    CHECK_OK(exchange_want(x, &w.id, &key, on_over, &w));
    UNTIL(w.calls == 1);
    CHECK(w.err == OK && w.data.n == 300000);
    sha256(digest, span_of(w.data.p, w.data.n));
    CHECK(memcmp(digest, key.digest, 32) == 0);
    free(w.data.p);
    CHECK(!exchange_unwant(x, w.id)); /* it has been told */
    absent.digest[0] ^= 1;
    w = (struct wish){ 0 };
    CHECK_OK(exchange_want(x, &w.id, &absent, on_over, &w));
    UNTIL(w.calls == 1);
    CHECK(w.err == ERR_NOT_FOUND && w.data.p == NULL);
    /* Taken back, it is never told; others who want the same are. */
    shelf_stick(&sides[0].shelf, true);
    key = shelf_add(&sides[0].shelf, 1000, 2);
    struct wish back = { 0 };
    w = (struct wish){ 0 };
    CHECK_OK(exchange_want(x, &back.id, &key, on_over, &back));
    CHECK_OK(exchange_want(x, &w.id, &key, on_over, &w));
    for (int i = 0; i < 5; i++)
        loop_run_once(loop, 10);
    CHECK(exchange_unwant(x, back.id) && !exchange_unwant(x, back.id));
    shelf_stick(&sides[0].shelf, false);
    UNTIL(w.calls == 1);
    CHECK(w.err == OK && back.calls == 0);
    free(w.data.p);
    /* As many as there are places; at the end all are told. */
    shelf_stick(&sides[0].shelf, true);
    for (uint32_t i = 0; i < EXCHANGE_ASKS; i++) {
        key = shelf_add(&sides[0].shelf, 100, 100 + i);
        CHECK_OK(exchange_want(x, &many[i].id, &key, on_over, &many[i]));
    }
    CHECK_ERR(exchange_want(x, &w.id, &key, on_over, &w), ERR_BUSY);
    exchange_stop(x);
    for (uint32_t i = 0; i < EXCHANGE_ASKS; i++)
        CHECK(many[i].calls == 1 && many[i].err == ERR_CLOSED);
    CHECK_ERR(exchange_want(x, &w.id, &key, on_over, &w), ERR_CLOSED);
    shelf_stick(&sides[0].shelf, false);
    stop();
}

/* A source that cannot read just now is asked again, and the block comes. */
static void a_busy_source_is_asked_again(void **state)
{
    (void)state;
    CHECK_OK(loop_new(&loop, 0));
    side_start(0, EXCHANGE, 0);
    side_start(1, EXCHANGE, 0);
    meet();
    struct block_key key = shelf_add(&sides[0].shelf, 50000, 1);
    sides[0].shelf.busy = 3;
    CHECK_OK(read_one(1, &key));
    CHECK(sides[0].shelf.gets == 4);
    stop();
}

/* A block that takes for ever does not keep the loop; who waits is let go in time, or when all
 * ends. */
static void waiting_ends(void **state)
{
    (void)state;
    CHECK_OK(loop_new(&loop, 0));
    side_start(0, EXCHANGE, 0);
    side_start(1, EXCHANGE, 300);
    meet();
    struct block_key key = shelf_add(&sides[0].shelf, 50000, 1);
    shelf_stick(&sides[0].shelf, true);
    CHECK_ERR(read_one(1, &key), ERR_TIMEOUT);
    exchange_stop(sides[1].exchange);
    CHECK_ERR(read_one(1, &key), ERR_CLOSED);
    shelf_stick(&sides[0].shelf, false);
    stop();
    CHECK_OK(loop_new(&loop, 0));
    side_start(0, RAW, 0);
    side_start(1, EXCHANGE, 0);
    meet();
    struct waiter *r = waiter_new(1, &key);
    struct exchange_figures f;
    uint64_t until = clock_mono_ms() + 100;
    UNTIL(clock_mono_ms() >= until);
    exchange_figures(sides[1].exchange, &f);
    CHECK(f.peers == 1 && !atomic_load(&r->done));
    exchange_stop(sides[1].exchange);
    CHECK_ERR(waiter_end(r), ERR_CLOSED);
    stop();
}

/* Who does not speak it is asked nothing more. */
static void a_peer_without_bitswap(void **state)
{
    (void)state;
    uint8_t none[8];
    struct exchange_figures f;
    struct block_key key = block_of(none, sizeof(none), 5);
    CHECK_OK(loop_new(&loop, 0));
    side_start(0, OTHER, 0);
    side_start(1, EXCHANGE, 500);
    meet();
    CHECK(read_one(1, &key) != OK);
    exchange_figures(sides[1].exchange, &f);
    CHECK(f.peers == 0);
    CHECK_ERR(read_one(1, &key), ERR_NOT_FOUND);
    stop();
}

/* Garbage ends its stream, no more streams are taken than are allowed, and the node lives on. */
static void strange_streams(void **state)
{
    (void)state;
    static const uint8_t garbage[] = { 5, 0xff, 0xff, 0xff, 0xff, 0xff, 1 };
    uint32_t stream;
    struct exchange_figures f;
    CHECK_OK(loop_new(&loop, 0));
    side_start(0, EXCHANGE, 0);
    side_start(1, RAW, 0);
    meet();
    sides[1].say = span_of(garbage, sizeof(garbage));
    CHECK_OK(swarm_stream(sides[1].swarm, 0, 0, &stream));
    UNTIL(sides[1].resets == 1);
    exchange_figures(sides[0].exchange, &f);
    CHECK(f.streams == 0 && f.peers == 1);
    sides[1].say = span_of(garbage, 1); /* the head of a message, and no more */
    for (uint32_t i = 0; i < EXCHANGE_STREAMS_EACH + 2; i++) {
        CHECK_OK(swarm_stream(sides[1].swarm, 0, 0, &stream));
        UNTIL((exchange_figures(sides[0].exchange, &f), f.streams > i) ||
              i >= EXCHANGE_STREAMS_EACH);
    }
    UNTIL(sides[1].resets == 3);
    exchange_figures(sides[0].exchange, &f);
    CHECK(f.streams == EXCHANGE_STREAMS_EACH);
    swarm_drop(sides[1].swarm, 0, ERR_DENIED);
    UNTIL(sides[0].gone == 1);
    exchange_figures(sides[0].exchange, &f);
    CHECK(f.streams == 0 && f.peers == 0);
    stop();
}

static uint32_t sought;

static bool on_seek(void *ctx, const struct cid *cid)
{
    (void)ctx;
    (void)cid;
    sought++;
    return true;
}

/* A want that could not be met is answered when the block comes by another way; a reader who waits
 * because others are looked for gets it, or is told when that is over. */
static void what_comes_later(void **state)
{
    (void)state;
    static uint8_t data[70000];
    CHECK_OK(loop_new(&loop, 0));
    side_start(0, EXCHANGE, 0);
    side_start(1, EXCHANGE, 0);
    exchange_seek(sides[1].exchange, on_seek, NULL);
    meet();
    for (uint32_t n = 1; n <= 3; n++) {
        sought = 0;
        struct block_key key = block_of(data, sizeof(data), n);
        struct cid cid = {
            .version = 1, .codec = CID_CODEC_RAW, .hash = CID_HASH_SHA2_256, .digest_size = 32
        };
        memcpy(cid.digest, key.digest, 32);
        struct waiter *r = waiter_new(1, &key);
        UNTIL(sought == 1);
        CHECK(!atomic_load(&r->done));
        if (n < 3) {
            (void)shelf_add(&sides[0].shelf, sizeof(data), n);
            exchange_came(sides[0].exchange, n == 1 ? key.digest : NULL);
        } else {
            exchange_sought(sides[1].exchange, &cid);
        }
        enum err e = waiter_end(r);
        CHECK(e == (n < 3 ? OK : ERR_NOT_FOUND));
    }
    stop();
}

/* What is remembered of a peer is in the file when the node ends, and is read when it begins. */
static void credit_outlives_the_node(void **state)
{
    (void)state;
    char dir[] = "/tmp/crust-exchange-XXXXXX", path[64];
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof(path), "%s/credit", dir);
    credit_file = path;
    for (int run = 0; run < 3; run++) {
        struct mspan file;
        struct bitswap_credit c;
        uint8_t id[32];
        CHECK_OK(loop_new(&loop, 0));
        side_start(0, EXCHANGE, 0);
        side_start(1, EXCHANGE, 0);
        struct block_key key = shelf_add(&sides[0].shelf, 50000, 1);
        if (run == 0) {
            meet();
            CHECK_OK(read_one(1, &key));
        }
        const struct peer_key public_key = peer_key_of(&sides[0].identity);
        const struct peer_id peer = peer_id_of(&public_key);
        stop();
        CHECK_OK(path_read_file(&file, path, 65536));
        CHECK(file.n == BITSWAP_CREDIT_SIZE);
        CHECK_OK(bitswap_credit_decode(&c, span_of(file.p, file.n)));
        sha256(id, peer_id_span(&peer));
        CHECK(memcmp(c.peer, id, sizeof(id)) == 0 && c.received >= 50000 / 2 / 2);
        /* Of another hour than can be, and a cut record: passed over. */
        c.peer[0] ^= 1;
        c.hour = UINT64_MAX;
        uint8_t more[3 * BITSWAP_CREDIT_SIZE - 1] = { 0 };
        memcpy(more, file.p, file.n);
        bitswap_credit_encode(more + BITSWAP_CREDIT_SIZE, &c);
        CHECK_OK(path_write_file(path, span_of(more, sizeof(more)), 0600));
        free(file.p);
    }
    credit_file = NULL;
    unlink(path);
    CHECK(rmdir(dir) == 0);
}

static uint32_t wakes;

/* A chain that speaks at once, or not at all. */
struct word {
    enum { SPEAKS, SILENT, NOT_ASKED } how;
    struct exchange_holder holder;
    uint32_t asked, sought;
    struct block_key last;
};

static bool on_sought_in_vain(void *ctx, const struct cid *cid)
{
    (void)cid;
    ++*(uint32_t *)ctx;
    return false;
}

static bool on_begins(void *ctx, const struct block_key *root)
{
    struct word *w = ctx;
    w->asked++;
    w->last = *root;
    if (w->how == SPEAKS)
        exchange_word(sides[1].exchange, root->digest, &w->holder, 1);
    return w->how != NOT_ASKED;
}

static struct exchange_standing standing(const struct word *w)
{
    struct exchange_standing s;
    exchange_standing(sides[1].exchange, &s, w->holder.peer);
    return s;
}

/* A peer is held to what the chain says of its worker when it says that it is that worker's node,
 * for the content in question. */
static void the_chains_word_binds_who_says_the_same(void **state)
{
    (void)state;
    struct word w = { .how = SPEAKS, .holder.lineage = { 5 } };
    const uint8_t mine[32] = { 5 }, other[32] = { 6 };
    uint8_t none[8];
    CHECK_OK(loop_new(&loop, 0));
    side_start(0, EXCHANGE, 0);
    side_start(1, EXCHANGE, 0);
    const struct peer_key key = peer_key_of(&sides[0].identity);
    const struct peer_id id = peer_id_of(&key);
    sha256(w.holder.peer, peer_id_span(&id));
    exchange_begins(sides[1].exchange, on_begins, &w);
    CHECK(!standing(&w).known);
    meet();
    const uint32_t c = swarm_find(sides[1].swarm, &id);
    struct block_key there = shelf_add(&sides[0].shelf, 50000, 1);
    struct block_key absent = block_of(none, sizeof(none), 80);
    /* It has said nothing, then that it is another one's. */
    CHECK_ERR(read_one(1, &absent), ERR_NOT_FOUND);
    CHECK(w.asked == 1 && memcmp(&w.last, &absent, sizeof(absent)) == 0);
    exchange_worker(sides[1].exchange, c, other);
    absent = block_of(none, sizeof(none), 81);
    CHECK_ERR(read_one(1, &absent), ERR_NOT_FOUND);
    CHECK(standing(&w).broken == 0 && standing(&w).proven == 0 && w.asked == 2);
    exchange_worker(sides[1].exchange, c, mine);
    CHECK(standing(&w).proven == 2);
    CHECK_OK(read_one(1, &there));
    CHECK(standing(&w).kept == 1 && standing(&w).broken == 0 && standing(&w).proven == 3);
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(!standing(&w).last);
        absent = block_of(none, sizeof(none), 90 + i);
        CHECK_ERR(read_one(1, &absent), ERR_NOT_FOUND);
        CHECK(standing(&w).broken == i + 1);
    }
    CHECK(standing(&w).last && standing(&w).doubted && standing(&w).received == 50000);
    /* Who is last is asked all the same when nobody else is there; a chain that is silent, or was
     * not asked, costs a moment at most. */
    w.how = SILENT;
    there = shelf_add(&sides[0].shelf, 50000, 2);
    CHECK_OK(read_one(1, &there));
    exchange_seek(sides[1].exchange, on_sought_in_vain,
                  &w.sought); /* what waits is not sought before */
    there = shelf_add(&sides[0].shelf, 50000, 4);
    CHECK_OK(read_one(1, &there));
    CHECK(w.sought == 0);
    absent = block_of(none, sizeof(none), 95);
    CHECK_ERR(read_one(1, &absent), ERR_NOT_FOUND);
    CHECK(w.sought == 1);
    w.how = NOT_ASKED;
    there = shelf_add(&sides[0].shelf, 50000, 3);
    CHECK_OK(read_one(1, &there));
    CHECK(standing(&w).broken == 4);
    /* The chain takes its word back. */
    exchange_word(sides[1].exchange, w.last.digest, NULL, 0);
    exchange_worker(sides[1].exchange, c, NULL);
    CHECK(standing(&w).proven == 0);
    stop();
}

static void on_wake(void *ctx)
{
    (void)ctx;
    wakes++;
}

static enum err read_wait(const struct block_source *s, size_t *size, struct mspan buf,
                          const struct block_key *key)
{
    enum err e;
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    while ((e = block_source_get(s, size, buf, key)) == ERR_BUSY && clock_mono_ms() < end)
        loop_run_once(loop, 20);
    return e;
}

/* The reads alone. */
static void reads_by_threads(void **state)
{
    (void)state;
    struct shelf shelf = { 0 };
    static uint8_t buf[BLOCK_SIZE_MAX];
    struct mspan room = { buf, sizeof(buf) };
    struct loop_event wake = { .fn = on_wake };
    struct exchange_read *r;
    struct block_key keys[EXCHANGE_READ_BLOCKS + 1];
    size_t size = 0;
    CHECK_OK(loop_new(&loop, 0));
    struct block_source from = shelf_source(&shelf);
    CHECK_OK(exchange_read_open(&r, loop, &from, &wake));
    struct block_source s = exchange_read_source(r);
    for (uint32_t i = 0; i < EXCHANGE_READ_BLOCKS; i++)
        keys[i] = shelf_add(&shelf, 100 + i, i);
    keys[EXCHANGE_READ_BLOCKS] = block_of(buf, 50, 77);
    wakes = 0;
    CHECK_ERR(s.size(s.ctx, &size, &keys[0]), ERR_BUSY);
    UNTIL(wakes == 1);
    CHECK_OK(s.size(s.ctx, &size, &keys[0]));
    CHECK(size == 100);
    /* All slots are being read: another one has to wait. */
    shelf_stick(&shelf, true);
    for (uint32_t i = 0; i < EXCHANGE_READ_BLOCKS; i++)
        CHECK_ERR(block_source_get(&s, &size, room, &keys[i]), ERR_BUSY);
    CHECK_ERR(block_source_get(&s, &size, room, &keys[EXCHANGE_READ_BLOCKS]), ERR_BUSY);
    shelf_stick(&shelf, false);
    for (uint32_t i = 0; i < EXCHANGE_READ_BLOCKS; i++) {
        CHECK_OK(read_wait(&s, &size, room, &keys[i]));
        CHECK(size == 100 + i);
    }
    CHECK(shelf.gets == EXCHANGE_READ_BLOCKS);
    /* What has been read stays for a while; its length is known without another call. */
    CHECK_OK(block_source_get(&s, &size, room, &keys[1]));
    CHECK_OK(s.size(s.ctx, &size, &keys[1]));
    CHECK_ERR(block_source_get(&s, &size, (struct mspan){ buf, 10 }, &keys[1]), ERR_LIMIT);
    CHECK(size == 101 && shelf.gets == EXCHANGE_READ_BLOCKS);
    /* What is not there is not remembered. */
    for (uint32_t i = 0; i < 2; i++)
        CHECK_ERR(read_wait(&s, &size, room, &keys[EXCHANGE_READ_BLOCKS]), ERR_NOT_FOUND);
    CHECK(shelf.gets == EXCHANGE_READ_BLOCKS + 2);
    keys[0] = shelf_add(&shelf, 50, 77);
    CHECK_OK(read_wait(&s, &size, room, &keys[0]));
    exchange_read_stop(r);
    CHECK_ERR(block_source_get(&s, &size, room, &keys[0]), ERR_BUSY);
    while (wake.queued)
        loop_run_once(loop, 0);
    exchange_read_close(r);
    shelf_free(&shelf);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_go_both_ways),
        cmocka_unit_test(many_waiters),
        cmocka_unit_test(blocks_come_without_waiting),
        cmocka_unit_test(a_busy_source_is_asked_again),
        cmocka_unit_test(waiting_ends),
        cmocka_unit_test(a_peer_without_bitswap),
        cmocka_unit_test(strange_streams),
        cmocka_unit_test(what_comes_later),
        cmocka_unit_test(credit_outlives_the_node),
        cmocka_unit_test(the_chains_word_binds_who_says_the_same),
        cmocka_unit_test(reads_by_threads),
    };
    CHECK_OK(random_init());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
