/* Proofs of records up to the app hash. */
#include "chain/prove.h"

#include "base/check.h"
#include "base/memkv.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOTES = 256, RECORDS = 120 };

static uint8_t memory[4 * 1024 * 1024];
static _Alignas(16) uint8_t notes[65536 * 2];
static struct memkv mem;
static struct kv kv;
static struct state st;
static uint8_t app[32];

static struct span key_at(uint8_t out[8], uint64_t i)
{
    store_be64(out, i);
    return span_of(out, 8);
}

static int fill(void **state)
{
    (void)state;
    CHECK(state_memory_size(NOTES) <= sizeof(notes));
    memkv_init(&mem, memory, sizeof(memory));
    kv = memkv_kv(&mem);
    state_init(&st, &kv, notes, NOTES);
    uint8_t k[8];
    for (uint64_t i = 0; i < RECORDS; i++) {
        state_put(&st, STATE_ACCOUNTS, key_at(k, i), span_of(k, i % 9));
        state_put(&st, STATE_INDEX, key_at(k, i), span_str("row"));
    }
    state_put(&st, STATE_PARAMS, span_str("only"), span_str("one"));
    state_commit(&st, app);
    CHECK_OK(st.err);
    return 0;
}

static struct span prove(uint8_t *room, struct span *value, enum state_store s, struct span key)
{
    struct writer w = writer_of(room, PROVE_OPS_MAX);
    CHECK_OK(prove_record(&st, &w, value, s, key));
    return writer_span(&w);
}

static void records_and_gaps_are_shown(void **state)
{
    (void)state;
    static uint8_t room[PROVE_OPS_MAX];
    uint8_t k[8];
    for (uint64_t i = 0; i < RECORDS + 40; i++) {
        struct span key = key_at(k, i), value;
        struct span ops = prove(room, &value, STATE_ACCOUNTS, key);
        CHECK((value.p != NULL) == (i < RECORDS));
        struct prove_claim claim = { "accounts", key, i < RECORDS ? &value : NULL };
        CHECK_OK(prove_check(app, &claim, ops));
        /* The opposite, another value, another store, another key, another hash. */
        struct span other = span_str("another value");
        claim.value = i < RECORDS ? NULL : &other;
        CHECK(prove_check(app, &claim, ops) != OK);
        claim.value = i < RECORDS ? &value : NULL;
        claim.store = "orders";
        CHECK(prove_check(app, &claim, ops) != OK);
        claim.store = "accounts";
        claim.key = span_str("another key");
        CHECK(prove_check(app, &claim, ops) != OK);
        claim.key = key;
        app[5] ^= 1;
        CHECK_ERR(prove_check(app, &claim, ops), ERR_CORRUPT);
        app[5] ^= 1;
    }
}

static void a_tree_of_one_and_of_none(void **state)
{
    (void)state;
    static uint8_t room[PROVE_OPS_MAX];
    struct span value, ops = prove(room, &value, STATE_PARAMS, span_str("only"));
    struct prove_claim claim = { "params", span_str("only"), &value };
    CHECK_OK(prove_check(app, &claim, ops));
    ops = prove(room, &value, STATE_PARAMS, span_str("other"));
    CHECK(value.p == NULL);
    claim = (struct prove_claim){ "params", span_str("other"), NULL };
    CHECK_OK(prove_check(app, &claim, ops));
    ops = prove(room, &value, STATE_WORK, span_str("x"));
    CHECK(value.p == NULL);
    claim = (struct prove_claim){ "work", span_str("x"), NULL };
    CHECK_OK(prove_check(app, &claim, ops));
    claim.store = "accounts"; /* the proof of an empty tree is no proof for another */
    CHECK(prove_check(app, &claim, ops) != OK);
}

static void what_has_no_proofs_says_so(void **state)
{
    (void)state;
    static uint8_t room[PROVE_OPS_MAX], key[STATE_KEY_MAX + 1];
    struct writer w = writer_of(room, sizeof(room));
    struct span value;
    CHECK_ERR(prove_record(&st, &w, &value, STATE_INDEX, span_str("a")), ERR_UNSUPPORTED);
    CHECK_ERR(prove_record(&st, &w, &value, STATE_TREE, span_str("a")), ERR_UNSUPPORTED);
    CHECK_ERR(prove_record(&st, &w, &value, STATE_ACCOUNTS, span_of(key, sizeof(key))), ERR_LIMIT);
    w = writer_of(room, 100);
    CHECK_ERR(prove_record(&st, &w, &value, STATE_ACCOUNTS, span_str("a")), ERR_LIMIT);
}

/* But for two: other numbers of stores that give the path of the first one the same length. */
static void no_flipped_bit_or_cut_is_believed(void **state)
{
    (void)state;
    static uint8_t room[PROVE_OPS_MAX];
    uint8_t k[8];
    for (uint64_t i = RECORDS - 1; i <= RECORDS; i++) {
        struct span key = key_at(k, i), value;
        struct span ops = prove(room, &value, STATE_ACCOUNTS, key);
        struct prove_claim claim = { "accounts", key, i < RECORDS ? &value : NULL };
        size_t survived = 0;
        for (size_t b = 0; b < ops.n * 8; b++) {
            room[b / 8] ^= (uint8_t)(1u << b % 8);
            survived += prove_check(app, &claim, ops) == OK;
            room[b / 8] ^= (uint8_t)(1u << b % 8);
        }
        CHECK(survived <= 2);
        for (size_t n = 0; n < ops.n; n++)
            CHECK(prove_check(app, &claim, span_of(room, n)) != OK);
    }
}

/* Seeds of the fuzz target: CRUST_SEEDS names a folder. */
static void seeds_are_written_on_demand(void **state)
{
    (void)state;
    const char *dir = getenv("CRUST_SEEDS");
    if (dir == NULL)
        return;
    static uint8_t room[PROVE_OPS_MAX];
    for (uint64_t i = RECORDS - 2; i < RECORDS + 2; i++) {
        uint8_t k[8];
        char path[256];
        struct span value, ops = prove(room, &value, STATE_ACCOUNTS, key_at(k, i));
        snprintf(path, sizeof(path), "%s/account%u", dir, (unsigned)i);
        FILE *f = fopen(path, "w");
        CHECK(f != NULL && fwrite(app, 32, 1, f) == 1 && fwrite(k, 8, 1, f) == 1 &&
              fwrite(ops.p, ops.n, 1, f) == 1 && fclose(f) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_gaps_are_shown),
        cmocka_unit_test(a_tree_of_one_and_of_none),
        cmocka_unit_test(what_has_no_proofs_says_so),
        cmocka_unit_test(no_flipped_bit_or_cut_is_believed),
        cmocka_unit_test(seeds_are_written_on_demand),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
