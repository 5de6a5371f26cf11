#include "proof/sumtree.h"

#include "base/check.h"
#include "base/prng.h"
#include "proof/model_tree.h"

static const struct merkle_sum empty;

static struct merkle_sum random_leaf(struct prng *g)
{
    struct merkle_sum leaf;
    prng_fill(g, leaf.hash, 32);
    leaf.sum = prng_below(g, 1000);
    return leaf;
}

/* Random sets, removals and runs on a root alone and on the whole tree: always the same root. */
static void roots_follow_the_model(void **state)
{
    (void)state;
    static struct model_tree t;
    struct merkle_sum root = empty;
    struct prng g;
    prng_init(&g, 5);
    t.count = 0;
    for (int i = 0; i < 150; i++) {
        struct sumtree_path path;
        struct merkle_sum want;
        uint32_t index = (uint32_t)prng_below(&g, 40);
        if (prng_below(&g, 8) == 0)
            index = (uint32_t)prng_u64(&g);
        uint32_t at = model_lower_bound(&t, index);
        bool taken = at < t.count && t.leaves[at].index == index;
        struct merkle_sum old = taken ? t.leaves[at].node : empty;
        struct merkle_sum leaf = prng_below(&g, 3) == 0 ? empty : random_leaf(&g);
        model_path(&path, &t, index);
        CHECK_OK(sumtree_set(&root, index, &old, &leaf, &path));
        if (taken)
            model_remove(&t, index);
        if (!sumtree_empty(&leaf))
            model_insert(&t, index, &leaf, 0);
        model_root(&want, &t);
        CHECK(merkle_sum_eq(&root, &want));
    }
}

static void a_run_is_its_leaves_one_by_one(void **state)
{
    (void)state;
    static struct model_tree t;
    struct prng g;
    prng_init(&g, 6);
    static const uint32_t starts[] = { 0, 1, 7, 8, 31, 0x7ffffffd, 0xfffffff0 };
    for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
        t.count = 0;
        for (uint32_t i = 0; i < 3; i++) {
            struct merkle_sum leaf = random_leaf(&g);
            if (starts[s] > 2 * i)
                model_insert(&t, starts[s] / 4 * i / 2 + i, &leaf, 0);
        }
        for (uint32_t count = 1; count <= 16; count++) {
            struct merkle_sum root;
            struct merkle_sum want;
            struct sumtree_path path;
            struct sumtree_run run;
            struct model_tree *copy = malloc(sizeof(*copy));
            CHECK(copy != NULL);
            *copy = t;
            model_root(&root, &t);
            model_path(&path, &t, starts[s]);
            CHECK_OK(sumtree_run_begin(&run, &root, starts[s], count, &path));
            for (uint32_t i = 0; i < count; i++) {
                struct merkle_sum leaf = random_leaf(&g);
                CHECK_OK(sumtree_run_add(&run, &leaf));
                model_insert(copy, starts[s] + i, &leaf, 0);
            }
            model_root(&want, copy);
            CHECK_OK(sumtree_run_root(&root, &run));
            CHECK(merkle_sum_eq(&root, &want));
            free(copy);
        }
    }
}

static void runs_refuse_what_is_not_free(void **state)
{
    (void)state;
    static struct model_tree t;
    struct prng g;
    prng_init(&g, 7);
    struct merkle_sum leaf = random_leaf(&g);
    struct merkle_sum root;
    struct sumtree_path path;
    struct sumtree_run run;
    t.count = 0;
    model_insert(&t, 5, &leaf, 0);
    model_root(&root, &t);
    model_path(&path, &t, 3);
    CHECK_OK(sumtree_run_begin(&run, &root, 3, 1, &path)); /* one may fill a hole */
    CHECK_ERR(sumtree_run_begin(&run, &root, 3, 2, &path), ERR_FORMAT);
    CHECK_ERR(sumtree_run_begin(&run, &root, 4, 1, &path), ERR_CORRUPT);
    model_path(&path, &t, 5);
    CHECK_ERR(sumtree_run_begin(&run, &root, 5, 1, &path), ERR_CORRUPT);
    model_path(&path, &t, UINT32_MAX);
    CHECK_OK(sumtree_run_begin(&run, &root, UINT32_MAX, 1, &path));
    CHECK_ERR(sumtree_run_add(&run, &empty), ERR_FORMAT);
    CHECK_OK(sumtree_run_add(&run, &leaf));
    CHECK_ERR(sumtree_run_begin(&run, &root, UINT32_MAX, 2, &path), ERR_RANGE);
    /* Sums that overflow. */
    struct merkle_sum big = leaf;
    big.sum = UINT64_MAX;
    model_path(&path, &t, 6);
    CHECK_ERR(sumtree_set(&root, 6, &empty, &big, &path), leaf.sum == 0 ? OK : ERR_RANGE);
}

static void paths_are_canonical(void **state)
{
    (void)state;
    static struct model_tree t;
    struct prng g;
    uint8_t bytes[SUMTREE_PATH_SIZE_MAX];
    prng_init(&g, 8);
    t.count = 0;
    for (uint32_t i = 0; i < 20; i++) {
        struct merkle_sum leaf = random_leaf(&g);
        model_insert(&t, i * 3, &leaf, 0);
    }
    struct merkle_sum root;
    model_root(&root, &t);
    for (uint32_t i = 0; i < 20; i++) {
        struct sumtree_path path;
        uint64_t start;
        struct span s = model_path_bytes(bytes, &t, i * 3);
        CHECK_OK(sumtree_path_decode(&path, s));
        CHECK_OK(sumtree_verify(&start, &root, i * 3, &t.leaves[i].node, &path));
        uint64_t want = 0;
        for (uint32_t k = 0; k < i; k++)
            want += t.leaves[k].node.sum;
        CHECK(start == want);
        CHECK_ERR(sumtree_verify(&start, &root, i * 3 + 1, &t.leaves[i].node, &path), ERR_CORRUPT);
        for (size_t n = 0; n < s.n; n++) {
            uint8_t *exact = check_dup(s.p, n);
            CHECK_ERR(sumtree_path_decode(&path, span_of(exact, n)), ERR_SHORT);
            free(exact);
        }
        CHECK_ERR(sumtree_path_decode(&path, span_of(bytes, s.n + 1)), ERR_TRAILING);
        for (size_t bit = 0; bit < s.n * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (sumtree_path_decode(&path, s) == OK)
                CHECK(sumtree_verify(&start, &root, i * 3, &t.leaves[i].node, &path) != OK);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        memset(bytes + 4, 0, 32); /* the first sibling, listed though empty */
        CHECK_ERR(sumtree_path_decode(&path, s), ERR_FORMAT);
    }
}

static void a_file_of_size_zero_is_not_empty(void **state)
{
    (void)state;
    const uint8_t root[32] = { 1 };
    const struct report_file file = { .key.codec = 0x55, .data_root = root, .seal_root = root };
    struct merkle_sum leaf;
    sumtree_file_leaf(&leaf, &file);
    CHECK(leaf.sum == 0 && !sumtree_empty(&leaf));
    struct merkle_sum tree = empty;
    struct sumtree_path path = { 0 };
    CHECK_OK(sumtree_set(&tree, 9, &empty, &leaf, &path));
    CHECK(!sumtree_empty(&tree) && tree.sum == 0);
    CHECK_ERR(sumtree_set(&tree, 9, &empty, &leaf, &path), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_follow_the_model),
        cmocka_unit_test(a_run_is_its_leaves_one_by_one),
        cmocka_unit_test(runs_refuse_what_is_not_free),
        cmocka_unit_test(paths_are_canonical),
        cmocka_unit_test(a_file_of_size_zero_is_not_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
