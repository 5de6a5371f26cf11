#include "chain/state.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/memkv.h"
#include "base/prng.h"
#include "crypto/merkle.h"

#include <stdio.h>

enum { NOTES = 64 };

struct fixture {
    uint8_t bytes[4 * 1024 * 1024];
    _Alignas(16) uint8_t notes[65536];
    struct memkv mem;
    struct kv kv;
    struct state st;
};

static struct fixture a, b;

static void fresh(struct fixture *f, size_t notes)
{
    CHECK(state_memory_size(notes) <= sizeof(f->notes));
    memkv_init(&f->mem, f->bytes, sizeof(f->bytes));
    f->kv = memkv_kv(&f->mem);
    state_init(&f->st, &f->kv, f->notes, notes);
}

static struct span key_at(uint8_t out[8], uint64_t i)
{
    store_be64(out, i);
    return span_of(out, 8);
}

/* The same records by another way: other order, other batches, writes that are taken back. */
static void the_hash_depends_on_the_records_alone(void **state)
{
    (void)state;
    fresh(&a, NOTES);
    fresh(&b, 3); /* the trees are brought up to date all the time */
    uint8_t k[8], ha[32], hb[32];
    for (uint64_t i = 0; i < 200; i++)
        state_put(&a.st, i % 2 == 0 ? STATE_ACCOUNTS : STATE_ORDERS, key_at(k, i),
                  span_of(k, i % 9));
    for (uint64_t i = 0; i < 200; i++)
        state_put(&a.st, STATE_INDEX, key_at(k, i), span_of(k, i % 5));
    state_commit(&a.st, ha);
    struct prng g;
    prng_init(&g, 3);
    for (uint64_t i = 200; i-- > 0;) {
        state_put(&b.st, STATE_WORK, key_at(k, i), span_str("gone soon"));
        if (prng_below(&g, 4) == 0)
            state_commit(&b.st, hb);
        enum state_store s = i % 2 == 0 ? STATE_ACCOUNTS : STATE_ORDERS;
        state_put(&b.st, s, key_at(k, i), span_str("first"));
        state_put(&b.st, s, key_at(k, i), span_of(k, i % 9));
        state_del(&b.st, STATE_WORK, key_at(k, i));
        state_put(&b.st, STATE_INDEX, key_at(k, i), span_str("first"));
        state_put(&b.st, STATE_INDEX, key_at(k, i + 1000), span_str("gone soon"));
        if (prng_below(&g, 4) == 0)
            state_commit(&b.st, hb);
        state_put(&b.st, STATE_INDEX, key_at(k, i), span_of(k, i % 5));
        state_del(&b.st, STATE_INDEX, key_at(k, i + 1000));
    }
    state_commit(&b.st, hb);
    CHECK(a.st.err == OK && b.st.err == OK);
    CHECK(memcmp(ha, hb, 32) == 0);
    state_put(&b.st, STATE_ACCOUNTS, key_at(k, 0), span_str("changed"));
    state_commit(&b.st, hb);
    CHECK(memcmp(ha, hb, 32) != 0);
}

/* A row of the index that differs, is missing or is one too many shows; a tree's root does not
 * move.
 */
static void the_index_is_under_the_hash(void **state)
{
    (void)state;
    uint8_t k[8], before[32], after[32], root[2][32];
    fresh(&a, NOTES);
    for (uint64_t i = 0; i < 20; i++)
        state_put(&a.st, STATE_INDEX, key_at(k, i), span_str("row"));
    state_commit(&a.st, before);
    state_root(&a.st, root[0], STATE_WORK);
    for (int change = 0; change < 4; change++) {
        if (change == 0)
            state_put(&a.st, STATE_INDEX, key_at(k, 3), span_str("sow"));
        else if (change == 1)
            state_put(&a.st, STATE_INDEX, key_at(k, 20), span_str("row"));
        else if (change == 2)
            state_del(&a.st, STATE_INDEX, key_at(k, 7));
        else
            state_put(&a.st, STATE_INDEX, key_at(k, 3), span_str(""));
        state_commit(&a.st, after);
        state_root(&a.st, root[1], STATE_WORK);
        CHECK(memcmp(before, after, 32) != 0 && memcmp(root[0], root[1], 32) == 0);
        state_put(&a.st, STATE_INDEX, key_at(k, 3), span_str("row"));
        state_put(&a.st, STATE_INDEX, key_at(k, 7), span_str("row"));
        state_del(&a.st, STATE_INDEX, key_at(k, 20));
        state_commit(&a.st, after);
        CHECK(memcmp(before, after, 32) == 0);
    }
    /* The split between key and value counts. */
    state_put(&a.st, STATE_INDEX, span_str("ab"), span_str("c"));
    state_commit(&a.st, before);
    state_del(&a.st, STATE_INDEX, span_str("ab"));
    state_put(&a.st, STATE_INDEX, span_str("a"), span_str("bc"));
    state_commit(&a.st, after);
    CHECK(memcmp(before, after, 32) != 0);
    CHECK_ERR(a.st.err, OK);
}

/* The vector of docs/spec/state.md 6. */
static void the_sum_of_the_index_is_that_of_the_specification(void **state)
{
    (void)state;
    uint8_t app[32], root[32], want[32];
    fresh(&a, NOTES);
    state_put(&a.st, STATE_INDEX, span_str("b"), span_str(""));
    state_put(&a.st, STATE_INDEX, span_str("a"), span_str("1"));
    state_commit(&a.st, app);
    state_root(&a.st, root, STATE_INDEX);
    CHECK_OK(
        hex_parse(want, 32, "f75e7c6e68b64724787a8fd34315e42d291a35fb90056f0198553af3b3371335"));
    CHECK(memcmp(root, want, 32) == 0);
}

/* A record in one store moves the root of its own tree alone. */
static void every_store_has_a_tree_of_its_own(void **state)
{
    (void)state;
    uint8_t app[32], before[STATE_STORE_COUNT][32], after[32];
    fresh(&a, NOTES);
    for (int s = STATE_ACCOUNTS; s < STATE_STORE_COUNT; s++)
        if (s != STATE_TREE)
            state_put(&a.st, (enum state_store)s, span_str("one"), span_str("record"));
    state_commit(&a.st, app);
    for (int s = STATE_ACCOUNTS; s < STATE_STORE_COUNT; s++)
        if (s != STATE_TREE)
            state_root(&a.st, before[s], (enum state_store)s);
    for (int changed = STATE_ACCOUNTS; changed < STATE_STORE_COUNT; changed++) {
        if (changed == STATE_TREE)
            continue;
        state_put(&a.st, (enum state_store)changed, span_str("another"), span_str("record"));
        state_commit(&a.st, app);
        for (int s = STATE_ACCOUNTS; s < STATE_STORE_COUNT; s++) {
            if (s == STATE_TREE)
                continue;
            state_root(&a.st, after, (enum state_store)s);
            CHECK((memcmp(before[s], after, 32) != 0) == (s == changed));
        }
        state_del(&a.st, (enum state_store)changed, span_str("another"));
    }
    CHECK_OK(a.st.err);
}

/* Presence and absence, up to the app hash. */
static void records_are_proved(void **state)
{
    (void)state;
    uint8_t k[8], app[32], key_hash[32], value_hash[32];
    fresh(&a, NOTES);
    for (uint64_t i = 0; i < 100; i++)
        state_put(&a.st, i % 3 == 0 ? STATE_ORDERS : STATE_WORK, key_at(k, i), span_of(k, i % 9));
    state_commit(&a.st, app);
    for (uint64_t i = 0; i < 110; i++) {
        static struct state_proof p;
        sha256(key_hash, key_at(k, i));
        sha256(value_hash, span_of(k, i % 9));
        CHECK(state_prove(&a.st, &p, STATE_ORDERS, key_hash));
        bool there = i < 100 && i % 3 == 0;
        CHECK_ERR(smt_verify(p.root, key_hash, there ? value_hash : NULL, &p.smt), OK);
        const struct merkle_proof up = {
            .index = p.index,
            .count = p.count,
            .path = (const uint8_t(*)[MERKLE_HASH_SIZE])p.path,
            .path_count = p.path_count,
        };
        CHECK_ERR(merkle_verify(app, &merkle_rfc6962, p.leaf, &up), OK);
    }
    struct state_proof none;
    CHECK(!state_prove(&a.st, &none, STATE_INDEX, key_hash));
    CHECK(!state_prove(&a.st, &none, STATE_TREE, key_hash));
    CHECK_ERR(a.st.err, OK);
}

/* docs/spec/state.md 4, by hand, for the empty state. */
static void the_empty_state_has_the_hash_of_the_specification(void **state)
{
    (void)state;
    fresh(&a, NOTES);
    uint8_t got[32], want[32], leaves[10][32], zero[32] = { 0 }, value[32];
    state_commit(&a.st, got);
    static const char *const names[] = { "accounts", "attest", "beacon", "gov",     "index",
                                         "meta",     "orders", "params", "staking", "work" };
    uint8_t sum[2048] = { 0 }, index_root[32];
    sha256(index_root, span_of(sum, sizeof(sum)));
    for (size_t i = 0; i < 10; i++) {
        sha256(value, span_of(i == 4 ? index_root : zero, 32));
        uint8_t leaf[64];
        int n = snprintf((char *)leaf, sizeof(leaf), "%c%s%c", (int)strlen(names[i]), names[i], 32);
        memcpy(leaf + n, value, 32);
        merkle_leaf(leaves[i], &merkle_rfc6962, span_of(leaf, (size_t)n + 32));
    }
    merkle_root_of(want, &merkle_rfc6962, (const uint8_t(*)[32])leaves, 10);
    CHECK(memcmp(got, want, 32) == 0);
}

static void iteration_stays_in_its_prefix(void **state)
{
    (void)state;
    fresh(&a, NOTES);
    state_put(&a.st, STATE_ACCOUNTS, span_str("a1"), span_str("1"));
    state_put(&a.st, STATE_ACCOUNTS, span_str("b1"), span_str("2"));
    state_put(&a.st, STATE_ACCOUNTS, span_str("b2"), span_str("3"));
    state_put(&a.st, STATE_ACCOUNTS, span_str("c"), span_str("4"));
    state_put(&a.st, STATE_ORDERS, span_str("b3"), span_str("5"));
    struct state_range range = { .store = STATE_ACCOUNTS, .prefix = span_str("b") };
    struct span key, value;
    CHECK(state_next(&a.st, &key, &value, range, (struct span){ NULL, 0 }, false));
    CHECK_SPAN(key, span_str("b1"));
    CHECK(state_next(&a.st, &key, &value, range, span_str("b1"), true));
    CHECK_SPAN(key, span_str("b2"));
    CHECK_SPAN(value, span_str("3"));
    CHECK(!state_next(&a.st, &key, &value, range, span_str("b2"), true));
    CHECK(!state_next(&a.st, &key, &value, range, span_str("c"), false));
    range = (struct state_range){ .store = STATE_ORDERS };
    CHECK(state_next(&a.st, &key, &value, range, (struct span){ NULL, 0 }, false));
    CHECK_SPAN(key, span_str("b3"));
}

static enum err failing_get(void *ctx, struct span *value, struct span key)
{
    (void)ctx;
    (void)key;
    *value = (struct span){ NULL, 0 };
    return ERR_IO;
}

static void a_failure_sticks(void **state)
{
    (void)state;
    fresh(&a, NOTES);
    state_put(&a.st, STATE_ACCOUNTS, span_str("k"), span_str("v"));
    a.kv.get = failing_get;
    struct span value;
    CHECK(!state_get(&a.st, &value, STATE_ACCOUNTS, span_str("k")));
    CHECK_ERR(a.st.err, ERR_IO);
    a.kv = memkv_kv(&a.mem);
    CHECK(!state_get(&a.st, &value, STATE_ACCOUNTS, span_str("k")));
    size_t count = a.mem.count;
    state_put(&a.st, STATE_ACCOUNTS, span_str("l"), span_str("v"));
    CHECK(a.mem.count == count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_depends_on_the_records_alone),
        cmocka_unit_test(the_empty_state_has_the_hash_of_the_specification),
        cmocka_unit_test(the_index_is_under_the_hash),
        cmocka_unit_test(the_sum_of_the_index_is_that_of_the_specification),
        cmocka_unit_test(every_store_has_a_tree_of_its_own),
        cmocka_unit_test(records_are_proved),
        cmocka_unit_test(iteration_stays_in_its_prefix),
        cmocka_unit_test(a_failure_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
