#include "chain/state.h"

#include "base/check.h"
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
        state_put(&b.st, STATE_INDEX, key_at(k, i), span_str("not proved"));
    }
    state_commit(&b.st, hb);
    CHECK(a.st.err == OK && b.st.err == OK);
    CHECK(memcmp(ha, hb, 32) == 0);
    state_put(&b.st, STATE_ACCOUNTS, key_at(k, 0), span_str("changed"));
    state_commit(&b.st, hb);
    CHECK(memcmp(ha, hb, 32) != 0);
}

/* docs/spec/state.md 4, by hand, for the empty state. */
static void the_empty_state_has_the_hash_of_the_specification(void **state)
{
    (void)state;
    fresh(&a, NOTES);
    uint8_t got[32], want[32], leaves[6][32], zero[32] = { 0 }, value[32];
    state_commit(&a.st, got);
    static const char *const names[] = { "accounts", "beacon", "meta", "orders", "params", "work" };
    sha256(value, span_of(zero, 32));
    for (size_t i = 0; i < 6; i++) {
        uint8_t leaf[64];
        int n = snprintf((char *)leaf, sizeof(leaf), "%c%s%c", (int)strlen(names[i]), names[i], 32);
        memcpy(leaf + n, value, 32);
        merkle_leaf(leaves[i], &merkle_rfc6962, span_of(leaf, (size_t)n + 32));
    }
    merkle_root_of(want, &merkle_rfc6962, (const uint8_t(*)[32])leaves, 6);
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
        cmocka_unit_test(iteration_stays_in_its_prefix),
        cmocka_unit_test(a_failure_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
