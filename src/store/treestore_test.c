/* treestore against a model: a sorted array of leaves and a root computed from nothing. */
#include "store/treestore.h"

#include "base/check.h"
#include "base/prng.h"
#include "crypto/sha256.h"

#include <stdio.h>
#include <unistd.h>

enum { LEAVES = 64, VERSIONS = 40 };

static enum err node_hash(struct treestore_node *out, const struct treestore_node *l,
                          const struct treestore_node *r)
{
    uint8_t sums[16];
    store_le64(sums, l->sum);
    store_le64(sums + 8, r->sum);
    const struct span parts[] = { span_of(l->hash, 32), span_of(sums, 8), span_of(r->hash, 32),
                                  span_of(sums + 8, 8) };
    sha256_tagged(out->hash, "test/node", parts, 4);
    if (__builtin_add_overflow(l->sum, r->sum, &out->sum)) {
        *out = (struct treestore_node){ 0 };
        return ERR_RANGE;
    }
    return OK;
}

/* One version: leaf i lives at place[i]. */
struct model {
    struct treestore_node leaf[LEAVES];
};

static const uint32_t place[LEAVES / 8] = { 0, 1, 7, 8, 1000, 0x7fffffff, 0x80000000, 0xffffffff };

/* Slots 0..55 are contiguous indexes from 16, the last eight are the odd places above. */
static uint32_t index_of(size_t i)
{
    return i < LEAVES - 8 ? (uint32_t)i + 16 : place[i - (LEAVES - 8)];
}

static bool zero(const struct treestore_node *n)
{
    static const uint8_t zeros[32] = { 0 };
    return memcmp(n->hash, zeros, 32) == 0;
}

/* The node at (level, index), from the leaves alone. */
static struct treestore_node model_node(const struct model *m, unsigned level, uint32_t index)
{
    struct treestore_node out = { 0 };
    bool any = false;
    for (size_t i = 0; i < LEAVES; i++) {
        uint32_t up = level == 32 ? 0 : index_of(i) >> level;
        any = any || (!zero(&m->leaf[i]) && up == index);
        if (level == 0 && index_of(i) == index)
            out = m->leaf[i];
    }
    if (level == 0 || !any)
        return out;
    struct treestore_node l = model_node(m, level - 1, index << 1);
    struct treestore_node r = model_node(m, level - 1, index << 1 | 1);
    if (!zero(&l) || !zero(&r))
        CHECK_OK(node_hash(&out, &l, &r));
    return out;
}

static struct treestore_node some_leaf(struct prng *g)
{
    struct treestore_node n = { .sum = prng_below(g, 1000) };
    prng_fill(g, n.hash, sizeof(n.hash));
    return n;
}

struct world {
    char dir[64];
    char path[80];
    struct treestore *t;
};

static void world_open(struct world *w)
{
    const struct treestore_config c = { .path = w->path,
                                        .map_bytes = 256 << 20,
                                        .hash = node_hash };
    CHECK_OK(treestore_open(&w->t, &c));
}

static void world_begin(struct world *w)
{
    *w = (struct world){ .dir = "/tmp/crust-tree-XXXXXX" };
    CHECK(mkdtemp(w->dir) != NULL);
    (void)snprintf(w->path, sizeof(w->path), "%s/t.mdb", w->dir);
    world_open(w);
}

static void world_end(struct world *w)
{
    char lock[96];
    treestore_close(w->t);
    (void)snprintf(lock, sizeof(lock), "%s-lock", w->path);
    CHECK(unlink(w->path) == 0 && unlink(lock) == 0 && rmdir(w->dir) == 0);
}

static int by_index(const void *a, const void *b)
{
    const struct treestore_set *l = a;
    const struct treestore_set *r = b;
    return l->index < r->index ? -1 : l->index > r->index;
}

/* Changes a few leaves of the model and of the tree alike. */
static void step(struct world *w, struct prng *g, struct model *m, uint64_t want)
{
    struct treestore_set sets[LEAVES];
    size_t count = 0;
    for (size_t i = 0; i < LEAVES; i++) {
        if (prng_below(g, 8) != 0)
            continue;
        m->leaf[i] = prng_below(g, 3) == 0 ? (struct treestore_node){ 0 } : some_leaf(g);
        sets[count++] = (struct treestore_set){
            .tree = 5, .index = index_of(i), .leaf = m->leaf[i], .data = span_of(m->leaf[i].hash, 8)
        };
    }
    qsort(sets, count, sizeof(sets[0]), by_index);
    uint64_t version;
    CHECK_OK(treestore_apply(w->t, &version, sets, count));
    CHECK(version == want);
}

static void check_path(struct world *w, const struct model *m, uint64_t version, uint32_t index)
{
    uint8_t path[TREESTORE_PATH_MAX];
    size_t size;
    const struct treestore_place at = { 5, version, index };
    CHECK_OK(treestore_path(w->t, path, &size, &at));
    struct treestore_node n = model_node(m, 0, index);
    size_t used = 4;
    for (unsigned level = 0; level < 32; level++) {
        struct treestore_node sibling = { 0 };
        if ((load_le32(path) >> level & 1) != 0) {
            memcpy(sibling.hash, path + used, 32);
            sibling.sum = load_le64(path + used + 32);
            used += 40;
            CHECK(!zero(&sibling));
        }
        bool right = (index >> level & 1) != 0;
        if (!zero(&n) || !zero(&sibling))
            CHECK_OK(node_hash(&n, right ? &sibling : &n, right ? &n : &sibling));
    }
    struct treestore_node root;
    CHECK_OK(treestore_root(w->t, &root, 5, version));
    CHECK(used == size && memcmp(&root, &n, sizeof(n)) == 0);
}

/* Everything a reader can ask about one version. */
static void check_version(struct world *w, const struct model *m, uint64_t version)
{
    struct treestore_node root, want = model_node(m, 32, 0);
    CHECK_OK(treestore_root(w->t, &root, 5, version));
    CHECK(memcmp(&root, &want, sizeof(root)) == 0);
    check_path(w, m, version, 7);
    check_path(w, m, version, 20);
    check_path(w, m, version, 0xffffffff);
    /* Walk with next; the running sum must agree with find. */
    uint64_t sum = 0;
    uint32_t from = 0, append = 0;
    bool full = false;
    struct treestore_leaf leaf, found;
    size_t count = 0;
    while (treestore_next(w->t, &leaf, 5, version, from) == OK) {
        struct treestore_node n = model_node(m, 0, leaf.index);
        CHECK(memcmp(&n, &leaf.node, sizeof(n)) == 0 && leaf.index >= from);
        CHECK(leaf.data_size == 8 && memcmp(leaf.data, n.hash, 8) == 0);
        if (n.sum > 0) {
            uint64_t rest;
            CHECK_OK(treestore_find(w->t, &found, &rest, 5, version, sum + n.sum - 1));
            CHECK(found.index == leaf.index && rest == n.sum - 1);
        }
        sum += n.sum;
        count++;
        append = leaf.index + 1;
        full = leaf.index == UINT32_MAX;
        if (full)
            break;
        from = leaf.index + 1;
    }
    CHECK(sum == root.sum);
    size_t live = 0;
    for (size_t i = 0; i < LEAVES; i++)
        live += !zero(&m->leaf[i]);
    CHECK(live == count);
    uint64_t rest;
    CHECK_ERR(treestore_find(w->t, &found, &rest, 5, version, sum), ERR_RANGE);
    CHECK_ERR(treestore_append_index(w->t, &from, 5, version), full ? ERR_FULL : OK);
    if (!full)
        CHECK(from == append);
}

static void test_against_model(void **state)
{
    (void)state;
    struct world w;
    struct prng g;
    static struct model models[VERSIONS + 1];
    prng_init(&g, 7);
    world_begin(&w);
    for (uint64_t v = 1; v <= VERSIONS; v++) {
        models[v] = models[v - 1];
        step(&w, &g, &models[v], v);
        if (v % 10 == 0) {
            treestore_close(w.t);
            world_open(&w);
        }
    }
    for (uint64_t v = 0; v <= VERSIONS; v += 4)
        check_version(&w, &models[v], v);
    /* Take ten versions back and go on differently. */
    CHECK_OK(treestore_rollback(w.t, 30));
    struct treestore_node root;
    CHECK_ERR(treestore_root(w.t, &root, 5, 31), ERR_RANGE);
    check_version(&w, &models[30], 30);
    models[31] = models[30];
    step(&w, &g, &models[31], 31);
    check_version(&w, &models[31], 31);
    /* Forget the past in small steps. */
    bool more = true;
    while (more)
        CHECK_OK(treestore_release(w.t, 29, 50, &more));
    CHECK_ERR(treestore_root(w.t, &root, 5, 28), ERR_RANGE);
    CHECK_ERR(treestore_rollback(w.t, 28), ERR_RANGE);
    for (uint64_t v = 29; v <= 31; v++)
        check_version(&w, &models[v], v);
    world_end(&w);
}

static void test_refusals(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w);
    struct treestore_set two[2] = { { .tree = 1, .index = 5, .leaf = { { 1 }, 1 } },
                                    { .tree = 1, .index = 5, .leaf = { { 2 }, 1 } } };
    uint64_t version, oldest, newest;
    CHECK_ERR(treestore_apply(w.t, &version, two, 2), ERR_FORMAT);
    two[1].index = 4;
    CHECK_ERR(treestore_apply(w.t, &version, two, 2), ERR_FORMAT);
    two[1].index = 6;
    two[1].leaf = (struct treestore_node){ .sum = 1 };
    CHECK_ERR(treestore_apply(w.t, &version, two, 2), ERR_FORMAT);
    two[1].leaf = (struct treestore_node){ { 2 }, UINT64_MAX };
    CHECK_ERR(treestore_apply(w.t, &version, two, 2), ERR_RANGE);
    CHECK_OK(treestore_versions(w.t, &oldest, &newest));
    CHECK(oldest == 0 && newest == 0);
    struct treestore_node root;
    CHECK_OK(treestore_root(w.t, &root, 1, 0));
    CHECK(zero(&root));
    bool more;
    CHECK_ERR(treestore_release(w.t, 1, 10, &more), ERR_RANGE);
    world_end(&w);
}

/* Nothing is left of a tree whose leaves are removed and whose past is released. */
static void test_purge_and_empty(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w);
    struct treestore_set sets[2] = { { .tree = 1, .index = 5, .leaf = { { 1 }, 1 } },
                                     { .tree = 2, .index = 5, .leaf = { { 2 }, 4 } } };
    uint64_t version;
    bool more;
    struct treestore_node root, other;
    CHECK_OK(treestore_apply(w.t, &version, sets, 2));
    CHECK_OK(treestore_root(w.t, &other, 2, 1));
    sets[0].leaf = (struct treestore_node){ 0 };
    CHECK_OK(treestore_apply(w.t, &version, sets, 1));
    CHECK_OK(treestore_root(w.t, &root, 1, 2));
    CHECK(zero(&root) && root.sum == 0);
    CHECK_OK(treestore_release(w.t, 2, 1000, &more));
    CHECK(!more);
    CHECK_OK(treestore_purge(w.t, 2, 10, &more));
    CHECK(more);
    while (more)
        CHECK_OK(treestore_purge(w.t, 2, 10, &more));
    CHECK_OK(treestore_root(w.t, &root, 2, 2));
    CHECK(zero(&root));
    world_end(&w);
}

/* A store that is filled anew says the same as one that grew, and goes on from there. */
static void test_filled_anew(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    struct world grown, anew;
    uint64_t version, tree, oldest, newest;
    uint32_t index;
    struct treestore_node want, got;
    static uint8_t data[COUNT];
    world_begin(&grown);
    struct treestore_set sets[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        data[i] = (uint8_t)i;
        sets[i] = (struct treestore_set){ 7, i * 3, { { (uint8_t)(i + 1) }, i }, { &data[i], 1 } };
        CHECK_OK(treestore_apply(grown.t, &version, &sets[i], 1));
        CHECK_OK(treestore_changed(grown.t, &tree, &index, version));
        CHECK(tree == 7 && index == i * 3);
    }
    CHECK_OK(treestore_root(grown.t, &want, 7, version));
    world_end(&grown);
    world_begin(&anew);
    CHECK_OK(treestore_apply(anew.t, &version, sets, 5)); /* goes with the rest */
    CHECK_OK(treestore_reset(anew.t, 1000));
    CHECK_OK(treestore_root(anew.t, &got, 7, 1000));
    CHECK(zero(&got));
    struct treestore_set other = { 7, 1, { { 99 }, 5 }, { NULL, 0 } };
    CHECK_OK(treestore_amend(anew.t, &other, 1));
    for (size_t at = 0; at < COUNT; at += 8)
        CHECK_OK(treestore_amend(anew.t, sets + at, 8));
    other.leaf = (struct treestore_node){ 0 };
    CHECK_OK(treestore_amend(anew.t, &other, 1)); /* set and gone: as if it never was */
    CHECK_OK(treestore_versions(anew.t, &oldest, &newest));
    CHECK(oldest == 1000 && newest == 1000);
    CHECK_OK(treestore_root(anew.t, &got, 7, 1000));
    CHECK(memcmp(&got, &want, sizeof(got)) == 0);
    CHECK_ERR(treestore_changed(anew.t, &tree, &index, 1000), ERR_NOT_FOUND);
    /* A version without a change, one with: then nothing can be amended. */
    CHECK_OK(treestore_apply(anew.t, &version, NULL, 0));
    CHECK(version == 1001);
    CHECK_ERR(treestore_changed(anew.t, &tree, &index, 1001), ERR_NOT_FOUND);
    sets[0].leaf = (struct treestore_node){ 0 };
    CHECK_OK(treestore_apply(anew.t, &version, sets, 1));
    CHECK_ERR(treestore_amend(anew.t, sets, 1), ERR_STATE);
    CHECK_OK(treestore_root(anew.t, &got, 7, 1001));
    CHECK(memcmp(&got, &want, sizeof(got)) == 0);
    CHECK_OK(treestore_root(anew.t, &got, 7, 1002));
    CHECK(memcmp(&got, &want, sizeof(got)) != 0);
    CHECK_OK(treestore_rollback(anew.t, 1001));
    CHECK_OK(treestore_root(anew.t, &got, 7, 1001));
    CHECK(memcmp(&got, &want, sizeof(got)) == 0);
    world_end(&anew);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_purge_and_empty),
        cmocka_unit_test(test_filled_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
