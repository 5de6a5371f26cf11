#include "engine/mempool.h"

#include "base/check.h"
#include "base/prng.h"

#include <stdio.h>

static struct mempool_entry entry_of(uint8_t who, uint64_t nonce, uint64_t fee, uint64_t sequence,
                                     const char *text)
{
    struct mempool_entry e = { .bytes = span_str(text), .sequence = sequence };
    e.check.code = RESULT_OK;
    e.check.fee = AMOUNT_OF(fee);
    e.check.nonce = nonce;
    memset(e.check.signer, who, 64);
    store_le64(e.check.id, sequence * 1000003);
    e.check.id[31] = who;
    return e;
}

static void order_of_arrival_is_kept(void **state)
{
    (void)state;
    struct mempool *pool = mempool_new(&(struct mempool_limits){ 0 }, 1);
    uint64_t replaced;
    for (uint64_t i = 1; i <= 5; i++) {
        struct mempool_entry e = entry_of((uint8_t)i, 0, 10, i, "bytes");
        CHECK(mempool_add(pool, &replaced, &e) == MEMPOOL_ADDED && replaced == 0);
        CHECK(mempool_add(pool, &replaced, &e) == MEMPOOL_KNOWN);
    }
    struct mempool_entry e = entry_of(3, 0, 10, 3, "bytes");
    uint64_t sequence;
    CHECK(mempool_remove(pool, &sequence, e.check.id) && sequence == 3);
    CHECK(!mempool_remove(pool, &sequence, e.check.id));
    struct mempool_cursor cursor = { 0 };
    static const uint64_t want[] = { 1, 2, 4, 5 };
    for (size_t i = 0; i < 4; i++) {
        CHECK(mempool_next(pool, &e, &cursor) && e.sequence == want[i]);
        /* The entry just given may be removed. */
        CHECK(mempool_remove(pool, &sequence, e.check.id));
    }
    CHECK(!mempool_next(pool, &e, &cursor));
    uint64_t txs, bytes;
    mempool_size(pool, &txs, &bytes);
    CHECK(txs == 0 && bytes == 0);
    mempool_free(pool);
}

static void a_number_is_replaced_only_by_one_that_pays_more(void **state)
{
    (void)state;
    struct mempool *pool = mempool_new(&(struct mempool_limits){ 0 }, 1);
    uint64_t replaced;
    uint32_t code;
    struct mempool_entry first = entry_of(1, 7, 1000, 1, "first");
    struct mempool_entry same = entry_of(1, 7, 1099, 2, "second");
    struct mempool_entry more = entry_of(1, 7, 1100, 3, "third");
    CHECK(mempool_add(pool, &replaced, &first) == MEMPOOL_ADDED);
    CHECK(mempool_add(pool, &replaced, &same) == MEMPOOL_CONFLICT);
    CHECK(mempool_add(pool, &replaced, &more) == MEMPOOL_ADDED && replaced == 1);
    CHECK(mempool_look(pool, &code, first.check.id) == MEMPOOL_DROPPED_FOR);
    CHECK(code == RESULT_BAD_NONCE);
    CHECK(mempool_next_nonce(pool, first.check.signer, 7) == 8);
    CHECK(mempool_next_nonce(pool, first.check.signer, 5) == 5);
    mempool_free(pool);
}

static void a_transaction_counts_as_known_once_it_is_durable(void **state)
{
    (void)state;
    struct mempool *pool = mempool_new(&(struct mempool_limits){ 0 }, 1);
    uint64_t replaced;
    uint32_t code;
    struct mempool_entry e = entry_of(1, 0, 1, 1, "x");
    CHECK(mempool_add(pool, &replaced, &e) == MEMPOOL_ADDED);
    CHECK(mempool_look(pool, &code, e.check.id) == MEMPOOL_ABSENT);
    mempool_set_durable(pool, e.check.id);
    CHECK(mempool_look(pool, &code, e.check.id) == MEMPOOL_PENDING);
    mempool_drop(pool, e.check.id, RESULT_EXPIRED);
    CHECK(mempool_look(pool, &code, e.check.id) == MEMPOOL_DROPPED_FOR && code == RESULT_EXPIRED);
    mempool_free(pool);
}

static void ordinary_ones_leave_room_for_reports(void **state)
{
    (void)state;
    struct mempool *pool = mempool_new(&(struct mempool_limits){ .txs_max = 8 }, 1);
    uint64_t replaced;
    for (uint64_t i = 1; i <= 9; i++) {
        struct mempool_entry e = entry_of((uint8_t)i, 0, 1, i, "x");
        CHECK(mempool_add(pool, &replaced, &e) == (i <= 6 ? MEMPOOL_ADDED : MEMPOOL_FULL));
    }
    for (uint64_t i = 11; i <= 13; i++) {
        struct mempool_entry e = entry_of((uint8_t)i, 0, 1, i, "x");
        e.check.priority = 2;
        CHECK(mempool_add(pool, &replaced, &e) == (i <= 12 ? MEMPOOL_ADDED : MEMPOOL_FULL));
    }
    mempool_free(pool);
    pool = mempool_new(&(struct mempool_limits){ .bytes_max = 100 }, 1);
    struct mempool_entry e = entry_of(1, 0, 1, 1, "x");
    uint8_t big[101] = { 0 };
    e.bytes = span_of(big, 76);
    CHECK(mempool_add(pool, &replaced, &e) == MEMPOOL_FULL);
    e.bytes = span_of(big, 75);
    CHECK(mempool_add(pool, &replaced, &e) == MEMPOOL_ADDED);
    e = entry_of(2, 0, 1, 2, "y");
    e.check.priority = 3;
    e.bytes = span_of(big, 26);
    CHECK(mempool_add(pool, &replaced, &e) == MEMPOOL_FULL);
    mempool_free(pool);
}

/* Random steps against a model: which of 40 (signer, number) pairs wait. */
static void the_pool_behaves_like_its_model(void **state)
{
    (void)state;
    struct mempool *pool = mempool_new(&(struct mempool_limits){ .txs_max = 200 }, 99);
    struct mempool_entry model[5][8] = { 0 };
    struct prng g;
    prng_init(&g, 3);
    uint64_t sequence = 0, replaced;
    for (int step = 0; step < 20000; step++) {
        size_t who = (size_t)prng_below(&g, 5), n = (size_t)prng_below(&g, 8);
        struct mempool_entry *m = &model[who][n];
        if (prng_below(&g, 3) == 0) {
            uint64_t was;
            CHECK(mempool_remove(pool, &was, m->check.id) == (m->sequence != 0));
            CHECK(was == m->sequence);
            *m = (struct mempool_entry){ 0 };
            continue;
        }
        uint64_t fee = prng_below(&g, 1000) + 100;
        struct mempool_entry e = entry_of((uint8_t)(who + 1), n, fee, ++sequence, "tx");
        enum mempool_verdict v = mempool_add(pool, &replaced, &e);
        bool better = m->sequence == 0 ||
                      fee >= (uint64_t)m->check.fee.units + (uint64_t)m->check.fee.units / 100 * 10;
        CHECK(v == (better ? MEMPOOL_ADDED : MEMPOOL_CONFLICT));
        CHECK(replaced == (better ? m->sequence : 0));
        if (better)
            *m = e;
    }
    size_t waiting = 0;
    for (size_t i = 0; i < 40; i++)
        waiting += model[i / 8][i % 8].sequence != 0;
    uint64_t txs, bytes;
    mempool_size(pool, &txs, &bytes);
    CHECK(txs == waiting && bytes == 2 * waiting);
    mempool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_of_arrival_is_kept),
        cmocka_unit_test(a_number_is_replaced_only_by_one_that_pays_more),
        cmocka_unit_test(a_transaction_counts_as_known_once_it_is_durable),
        cmocka_unit_test(ordinary_ones_leave_room_for_reports),
        cmocka_unit_test(the_pool_behaves_like_its_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
