#include "base/sort.h"

#include "base/check.h"
#include "base/prng.h"

static int by_byte(const void *a, const void *b)
{
    const uint8_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* All arrays of up to 6 items over 4 letters: sorted, and the same letters as before. */
static void every_small_array_is_sorted(void **state)
{
    (void)state;
    for (size_t count = 0; count <= 6; count++)
        for (size_t all = 0; all < (size_t)1 << 2 * count; all++) {
            uint8_t items[6];
            int letters[4] = { 0, 0, 0, 0 };
            for (size_t i = 0; i < count; i++) {
                items[i] = (uint8_t)(all >> 2 * i & 3);
                letters[items[i]]++;
            }
            sort_items(items, count, 1, by_byte);
            for (size_t i = 0; i < count; i++) {
                CHECK(i == 0 || items[i - 1] <= items[i]);
                letters[items[i]]--;
            }
            for (size_t i = 0; i < 4; i++)
                CHECK(letters[i] == 0);
        }
}

struct large {
    uint64_t key;
    uint8_t rest[SORT_ITEM_MAX - sizeof(uint64_t)];
};

static int by_key(const void *a, const void *b)
{
    const struct large *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* Large items go whole; sorted, reversed and equal input as well as random. */
static void large_items_move_whole(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    static struct large items[COUNT];
    struct prng g;
    prng_init(&g, 7);
    for (int round = 0; round < 8; round++) {
        uint64_t sum = 0, after = 0;
        for (size_t i = 0; i < COUNT; i++) {
            items[i].key = round == 0   ? i
                           : round == 1 ? COUNT - i
                           : round == 2 ? 5
                                        : prng_below(&g, 1 + COUNT / (uint64_t)round);
            memset(items[i].rest, (int)(items[i].key % 251), sizeof(items[i].rest));
            sum += items[i].key;
        }
        sort_items(items, COUNT, sizeof(items[0]), by_key);
        for (size_t i = 0; i < COUNT; i++) {
            CHECK(i == 0 || items[i - 1].key <= items[i].key);
            CHECK(items[i].rest[0] == items[i].key % 251);
            CHECK(memcmp(items[i].rest, items[i].rest + 1, sizeof(items[i].rest) - 1) == 0);
            after += items[i].key;
        }
        CHECK(after == sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_small_array_is_sorted),
        cmocka_unit_test(large_items_move_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
