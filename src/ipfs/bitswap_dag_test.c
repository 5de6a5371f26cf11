/* Readers, the DAGs they read and a client, with a network that delivers when a test says so. */
#include "ipfs/bitswap_dag.h"

#include "base/prng.h"
#include "codec/dagpb.h"
#include "crypto/sha256.h"
#include "ipfs/blockmem_test.h"
#include "ipfs/dag_walk.h"

enum { ENTRIES = 4096, WANTS = 1024, PARTS = 96, QUEUE = 4096 };

struct world {
    struct bitswap_dags d;
    struct bitswap_dag_entry entries[ENTRIES];
    uint32_t buckets[2][256], part_next[PARTS];
    uint8_t *parts;
    struct bitswap_client c;
    struct bitswap_client_want wants[WANTS];
    struct bitswap_client_peer peers[1];
    struct blockmem *all;
    struct prng g;
    uint64_t now;
    struct block_key queue[QUEUE]; /* asked of the peer and not delivered */
    size_t queued, most_queued;
    uint64_t asked, sent, bytes;
    uint32_t delay; /* turns before the next block comes */
    struct block_source source;
    uint8_t lacking[32]; /* the peer says DONT_HAVE for it */
};

static struct world *world_new(uint64_t seed)
{
    struct world *w = calloc(1, sizeof(*w));
    CHECK(w != NULL);
    w->parts = malloc((size_t)PARTS * BITSWAP_DAG_PART);
    w->all = calloc(1, sizeof(*w->all));
    const struct bitswap_dag_memory m = { w->entries, ENTRIES,      w->buckets[0], 256,
                                          w->parts,   w->part_next, PARTS };
    const struct bitswap_client_memory cm = { w->wants, WANTS, w->peers, 1, w->buckets[1], 256 };
    bitswap_dag_init(&w->d, &m, seed);
    bitswap_client_init(&w->c, &cm, seed);
    bitswap_client_join(&w->c, 0, BITSWAP_NORMAL);
    prng_init(&w->g, seed);
    return w;
}

static size_t free_entries(const struct world *w)
{
    size_t n = 0;
    for (uint32_t i = w->d.entry_free; i != BITSWAP_DAG_NONE; i = w->entries[i].next)
        n++;
    return n;
}

static void ask(struct world *w)
{
    static uint8_t buffer[BITSWAP_CLIENT_BUFFER];
    struct bitswap_reader r;
    struct bitswap_item it;
    struct cid cid;
    struct span frame;
    size_t taken;
    bitswap_client_compose(&w->c, 0, (struct mspan){ buffer, sizeof(buffer) }, &frame, w->now);
    bitswap_reader_init(&r);
    while (frame.n > 0) {
        CHECK_OK(bitswap_read(&r, frame, &taken, &it));
        frame = span_sub(frame, taken, frame.n);
        if (it.what != BITSWAP_ENTRY)
            continue;
        CHECK_OK(cid_decode(&cid, it.entry.cid));
        if (it.entry.cancel) {
            for (size_t i = 0; i < w->queued; i++)
                if (memcmp(w->queue[i].digest, cid.digest, 32) == 0)
                    w->queue[i] = w->queue[--w->queued];
            continue;
        }
        w->asked++;
        if (memcmp(w->lacking, cid.digest, 32) == 0) {
            bitswap_client_presence(&w->c, 0, it.entry.cid, false, w->now);
            continue;
        }
        CHECK(w->queued < QUEUE);
        CHECK_OK(dag_block_key(&w->queue[w->queued++], &cid));
    }
    w->most_queued = w->queued > w->most_queued ? w->queued : w->most_queued;
}

static void deliver(struct world *w)
{
    if (w->queued == 0)
        return;
    size_t at = (size_t)prng_below(&w->g, w->queued), i;
    const struct block_key key = w->queue[at];
    w->queue[at] = w->queue[--w->queued];
    i = blockmem_find(w->all, key.digest);
    CHECK(i < w->all->count);
    struct span data = span_of(w->all->blocks[i].data, w->all->blocks[i].size);
    struct cid cid = {
        .version = 1, .codec = key.codec, .hash = CID_HASH_SHA2_256, .digest_size = 32
    };
    memcpy(cid.digest, key.digest, 32);
    w->sent++;
    w->bytes += data.n;
    if (bitswap_client_wants(&w->c, key.digest))
        bitswap_dag_came(&w->d, &key, data, w->now);
    (void)bitswap_client_block(&w->c, 0, &cid, data.n, w->now);
}

static void turn(struct world *w)
{
    uint32_t session;
    struct cid cid;
    w->now++;
    bitswap_client_step(&w->c, w->now);
    while (bitswap_client_search(&w->c, &session, &cid))
        bitswap_dag_fail(&w->d, &w->c, session, &cid);
    while (bitswap_dag_open(&w->d, &w->c, &session)) {
        CHECK(bitswap_dag_owns(&w->d, session));
        CHECK_OK(bitswap_client_provider(&w->c, session, 0));
    }
    bitswap_dag_step(&w->d, &w->c, w->now);
    ask(w);
    if (w->now % (w->delay + 1) == 0)
        deliver(w);
}

/* A reader's get: turns until the block is here. */
static enum err get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    struct world *w = ctx;
    uint8_t digest[32];
    uint32_t entry;
    enum err e = bitswap_dag_look(&w->d, &entry, key, w->now);
    *size = 0;
    if (e == ERR_LIMIT)
        return e;
    if (e == ERR_BUSY) {
        const struct bitswap_dag_entry *x = &w->entries[entry];
        while (x->waiting > 0) {
            turn(w);
            if (x->waiting > 0 && x->failed) {
                bitswap_dag_leave(&w->d, entry);
                return ERR_NOT_FOUND;
            }
        }
        /* The host has given it to who waits, from what has come. */
        return blockmem_get(w->all, size, buf, key);
    }
    *size = bitswap_dag_size(&w->d, entry);
    CHECK(*size <= buf.n);
    bitswap_dag_copy(&w->d, entry, buf);
    bitswap_dag_done(&w->d, entry, w->now);
    sha256(digest, span_of(buf.p, *size));
    CHECK(memcmp(digest, key->digest, 32) == 0);
    return OK;
}

/* Nothing is left of anything once nobody has read for a while. */
static void world_free(struct world *w)
{
    for (int i = 0; i < 50; i++)
        turn(w);
    w->now += BITSWAP_DAG_IDLE_MS + 1;
    for (int i = 0; i < 50; i++)
        turn(w);
    CHECK(free_entries(w) == ENTRIES && w->d.parts_left == PARTS && w->c.wants_used == 0);
    for (size_t i = 0; i < BITSWAP_DAG_COUNT; i++)
        CHECK(!w->d.list[i].used);
    for (size_t i = 0; i < BITSWAP_CLIENT_SESSIONS; i++)
        CHECK(!w->c.sessions[i].used);
    blockmem_free(w->all);
    free(w->parts);
    free(w);
}

/* ---- contents -------------------------------------------------------------------------------- */

static struct cid add(struct world *w, uint64_t codec, struct span data)
{
    struct cid c = { .version = 1, .codec = codec, .hash = CID_HASH_SHA2_256, .digest_size = 32 };
    struct block_key key = { .codec = codec };
    sha256(c.digest, data);
    memcpy(key.digest, c.digest, 32);
    CHECK_OK(blockmem_put(w->all, &key, data));
    return c;
}

static struct cid leaf(struct world *w, size_t size)
{
    static uint8_t data[BLOCK_SIZE_MAX];
    prng_fill(&w->g, data, size);
    return add(w, CID_CODEC_RAW, span_of(data, size));
}

static struct cid node(struct world *w, const struct cid *links, size_t count)
{
    static uint8_t data[65536];
    struct writer out = writer_of(data, sizeof(data));
    for (size_t i = 0; i < count; i++) {
        uint8_t bin[CID_SIZE_MAX];
        struct writer b = writer_of(bin, sizeof(bin));
        cid_write(&b, &links[i]);
        dagpb_write_link(&out, writer_span(&b), span_str(""), 1);
    }
    CHECK_OK(out.err);
    return add(w, CID_CODEC_DAG_PB, writer_span(&out));
}

/* wide nodes of deep leaves each. */
static struct cid tree(struct world *w, size_t wide, size_t deep, size_t size)
{
    struct cid inner[64], leaves[64];
    CHECK(wide <= 64 && deep <= 64);
    for (size_t i = 0; i < wide; i++) {
        for (size_t k = 0; k < deep; k++)
            leaves[k] = leaf(w, 1 + size / 2 + (size_t)prng_below(&w->g, size / 2));
        inner[i] = node(w, leaves, deep);
    }
    return node(w, inner, wide);
}

static uint64_t walk(struct world *w, const struct cid *root)
{
    static uint8_t block[BLOCK_SIZE_MAX], stack[65536];
    struct block_source source = { .ctx = w, .get = get };
    struct dag_walk_item item = { 0 };
    struct dag_walk d;
    uint64_t blocks = 0;
    dag_walk_init(&d, &source, (struct mspan){ block, sizeof(block) },
                  (struct mspan){ stack, sizeof(stack) }, NULL);
    CHECK_OK(dag_walk_add(&d, root));
    for (;;) {
        CHECK_OK(dag_walk_next(&d, &item));
        if (item.end)
            return blocks;
        blocks++;
    }
}

static enum err read_one(struct world *w, const struct cid *cid)
{
    static uint8_t block[BLOCK_SIZE_MAX];
    struct block_key key;
    size_t size;
    CHECK_OK(dag_block_key(&key, cid));
    return get(w, &size, (struct mspan){ block, sizeof(block) }, &key);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void a_walk_is_read_ahead_and_each_block_sent_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = world_new(seed);
        struct cid root = tree(w, 20, 20, 4000);
        w->delay = (uint32_t)(seed % 3);
        CHECK(walk(w, &root) == 421 && w->sent == 421);
        CHECK(w->most_queued >= 8 && w->most_queued <= BITSWAP_DAG_AHEAD);
        CHECK(w->d.wasted == 0 && w->d.hits + w->d.misses == 421);
        world_free(w);
    }
}

/* Large blocks: what is asked for and here stays within the memory. */
static void memory_bounds_the_window(void **state)
{
    (void)state;
    struct world *w = world_new(2);
    struct cid root = tree(w, 4, 12, 400000);
    CHECK(walk(w, &root) == 53);
    CHECK(w->most_queued >= 4 && w->most_queued <= 20);
    CHECK(w->sent <= 53 + 12); /* one for which there was no room comes again */
    world_free(w);
}

/* Who goes down a path does not get what stands beside it. */
static void a_path_asks_for_nothing_else(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    struct cid files[40], top;
    for (size_t i = 0; i < 40; i++)
        files[i] = tree(w, 2, 10, 3000);
    top = node(w, files, 40);
    CHECK_OK(read_one(w, &top));
    CHECK(walk(w, &files[30]) == 23);
    CHECK(w->sent <= 1 + 23 + 2);
    for (int i = 0; i < 200; i++)
        turn(w);
    CHECK(w->sent <= 1 + 23 + 2 * BITSWAP_DAG_AHEAD);
    world_free(w);
}

/* The same block again and again, and twice below each other. */
static void repeats_are_sent_once(void **state)
{
    (void)state;
    struct world *w = world_new(4);
    struct cid same[60], zeros = leaf(w, 5000);
    for (size_t i = 0; i < 60; i++)
        same[i] = zeros;
    struct cid root = node(w, same, 60);
    CHECK(walk(w, &root) == 61 && w->sent == 2);
    world_free(w);
}

/* Two readers of one content, one behind the other. */
static void two_readers(void **state)
{
    (void)state;
    struct world *w = world_new(5);
    struct cid leaves[60];
    for (size_t i = 0; i < 60; i++)
        leaves[i] = leaf(w, 2000);
    struct cid root = node(w, leaves, 60);
    CHECK_OK(read_one(w, &root));
    for (size_t i = 0; i < 20; i++)
        CHECK_OK(read_one(w, &leaves[i]));
    CHECK_OK(read_one(w, &root));
    for (size_t i = 0; i < 60; i++) {
        CHECK_OK(read_one(w, &leaves[i]));
        if (i + 20 < 60)
            CHECK_OK(read_one(w, &leaves[i + 20]));
    }
    CHECK(w->sent <= 2 * 60 + 4);
    world_free(w);
}

/* Whoever reads nodes before what is below them, and comes back for it late, reads one DAG still.
 */
static void neighbours_first(void **state)
{
    (void)state;
    struct world *w = world_new(6);
    struct cid inner[6], leaves[6][20];
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < 20; k++)
            leaves[i][k] = leaf(w, 3000);
        inner[i] = node(w, leaves[i], 20);
    }
    struct cid root = node(w, inner, 6);
    CHECK_OK(read_one(w, &root));
    for (size_t i = 0; i < 6; i++)
        CHECK_OK(read_one(w, &inner[i]));
    for (size_t i = 0; i < 6; i++) {
        w->now += BITSWAP_DAG_PASSED_MS + 1;
        turn(w);
        for (size_t k = 0; k < 20; k++)
            CHECK_OK(read_one(w, &leaves[i][k]));
    }
    CHECK(w->d.list[0].used);
    for (size_t i = 1; i < BITSWAP_DAG_COUNT; i++)
        CHECK(!w->d.list[i].used);
    CHECK(w->sent <= 127 + 20); /* what was read ahead too early comes again */
    world_free(w);
}

static void what_nobody_has(void **state)
{
    (void)state;
    struct world *w = world_new(6);
    struct cid leaves[40];
    for (size_t i = 0; i < 40; i++)
        leaves[i] = leaf(w, 2000);
    struct cid root = node(w, leaves, 40);
    memcpy(w->lacking, leaves[25].digest, 32);
    CHECK_OK(read_one(w, &root));
    for (size_t i = 0; i < 40; i++)
        CHECK(read_one(w, &leaves[i]) == (i == 25 ? ERR_NOT_FOUND : OK));
    CHECK_ERR(read_one(w, &leaves[25]), ERR_NOT_FOUND);
    memset(w->lacking, 0, 32);
    w->now += BITSWAP_DAG_IDLE_MS;
    CHECK_OK(read_one(w, &leaves[25]));
    world_free(w);
}

/* Who has a block from elsewhere withdraws the want; who only leaves does not, for a while. */
static void what_is_had_elsewhere_is_not_sent(void **state)
{
    (void)state;
    struct world *w = world_new(16);
    struct cid cid = leaf(w, 2000);
    struct block_key key;
    uint32_t entry, other;
    w->delay = 100000;
    w->now = 150000;
    CHECK_OK(dag_block_key(&key, &cid));
    for (int cancels = 0; cancels < 2; cancels++) {
        CHECK_ERR(bitswap_dag_look(&w->d, &entry, &key, w->now), ERR_BUSY);
        CHECK_ERR(bitswap_dag_look(&w->d, &other, &key, w->now), ERR_BUSY);
        for (int i = 0; i < 5; i++)
            turn(w);
        CHECK(w->queued == 1);
        bitswap_dag_cancel(&w->d, entry);
        for (int i = 0; i < 5; i++)
            turn(w);
        CHECK(w->queued == 1); /* the other reader still waits */
        if (cancels != 0)
            bitswap_dag_cancel(&w->d, other);
        else
            bitswap_dag_leave(&w->d, other);
        for (int i = 0; i < 5; i++)
            turn(w);
        CHECK(w->queued == (cancels != 0 ? 0 : 1));
    }
    w->delay = 0;
    CHECK_OK(read_one(w, &cid)); /* and it can be had again */
    CHECK(w->sent == 1);
    world_free(w);
}

/* More DAGs than there are places: the oldest give way, and those that are waited for do not. */
static void many_dags(void **state)
{
    (void)state;
    struct world *w = world_new(7);
    struct cid roots[3 * BITSWAP_DAG_COUNT];
    uint32_t entry[BITSWAP_DAG_COUNT], more;
    struct block_key key;
    for (size_t i = 0; i < 3 * BITSWAP_DAG_COUNT; i++)
        roots[i] = tree(w, 2, 2, 1000);
    for (size_t i = 0; i < 3 * BITSWAP_DAG_COUNT; i++) {
        enum err e = read_one(w, &roots[i]);
        if (e == ERR_LIMIT) {
            turn(w);
            e = read_one(w, &roots[i]);
        }
        CHECK_OK(e);
    }
    w->now += BITSWAP_DAG_IDLE_MS + 1;
    turn(w);
    for (size_t i = 0; i < BITSWAP_DAG_COUNT; i++) {
        CHECK_OK(dag_block_key(&key, &roots[i]));
        CHECK_ERR(bitswap_dag_look(&w->d, &entry[i], &key, w->now), ERR_BUSY);
    }
    CHECK_OK(dag_block_key(&key, &roots[20]));
    CHECK_ERR(bitswap_dag_look(&w->d, &more, &key, w->now), ERR_LIMIT);
    for (size_t i = 0; i < BITSWAP_DAG_COUNT; i++)
        bitswap_dag_leave(&w->d, entry[i]);
    world_free(w);
}

/* Readers that read anything in any order, give up, and come back. Everybody gets what he wants. */
static void any_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= (check_soak() ? 400 : 40); seed++) {
        struct world *w = world_new(seed);
        for (size_t i = 0; i < 3; i++)
            (void)tree(w, 1 + (size_t)prng_below(&w->g, 20), 1 + (size_t)prng_below(&w->g, 20),
                       2 + (size_t)prng_below(&w->g, 60000));
        for (size_t i = 0; i < 300; i++) {
            const struct block_key key = w->all->blocks[prng_below(&w->g, w->all->count)].key;
            struct cid cid = {
                .version = 1, .codec = key.codec, .hash = CID_HASH_SHA2_256, .digest_size = 32
            };
            memcpy(cid.digest, key.digest, 32);
            uint32_t entry;
            if (prng_below(&w->g, 4) == 0) {
                enum err e = bitswap_dag_look(&w->d, &entry, &key, w->now);
                if (e == ERR_BUSY)
                    bitswap_dag_leave(&w->d, entry);
                if (e == OK)
                    bitswap_dag_done(&w->d, entry, w->now);
            } else {
                enum err e = read_one(w, &cid);
                CHECK(e == OK || e == ERR_LIMIT);
            }
            if (prng_below(&w->g, 3) == 0)
                turn(w);
            w->now += prng_below(&w->g, 10) == 0 ? prng_below(&w->g, 8000) : 0;
        }
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_is_read_ahead_and_each_block_sent_once),
        cmocka_unit_test(memory_bounds_the_window),
        cmocka_unit_test(a_path_asks_for_nothing_else),
        cmocka_unit_test(repeats_are_sent_once),
        cmocka_unit_test(two_readers),
        cmocka_unit_test(neighbours_first),
        cmocka_unit_test(what_nobody_has),
        cmocka_unit_test(what_is_had_elsewhere_is_not_sent),
        cmocka_unit_test(many_dags),
        cmocka_unit_test(any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
