#include "engine/verified.h"

#include "base/check.h"

static void id_of(uint8_t id[TX_ID_SIZE], uint16_t set, uint8_t last)
{
    memset(id, 0x55, TX_ID_SIZE);
    id[0] = (uint8_t)(set >> 8);
    id[1] = (uint8_t)set;
    id[TX_ID_SIZE - 1] = last;
}

static void every_byte_of_the_id_counts(void **state)
{
    (void)state;
    struct verified *v = verified_new();
    uint8_t id[TX_ID_SIZE];
    CHECK(v != NULL);
    id_of(id, 0x1234, 1);
    CHECK(!verified_has(v, id));
    verified_add(v, id);
    CHECK(verified_has(v, id));
    for (size_t bit = 0; bit < 8 * TX_ID_SIZE; bit++) {
        id[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(!verified_has(v, id));
        id[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    verified_free(v);
    verified_free(NULL);
}

static void the_oldest_of_a_set_makes_room(void **state)
{
    (void)state;
    struct verified *v = verified_new();
    uint8_t id[TX_ID_SIZE];
    CHECK(v != NULL);
    for (uint8_t i = 1; i <= VERIFIED_WAYS + 1; i++) {
        id_of(id, 7, i);
        verified_add(v, id);
        verified_add(v, id); /* takes no second place */
    }
    for (uint8_t i = 1; i <= VERIFIED_WAYS + 1; i++) {
        id_of(id, 7, i);
        CHECK(verified_has(v, id) == (i > 1));
    }
    id_of(id, 8, 2);
    CHECK(!verified_has(v, id));
    verified_free(v);
}

static void the_last_set_is_inside(void **state)
{
    (void)state;
    struct verified *v = verified_new();
    uint8_t id[TX_ID_SIZE];
    CHECK(v != NULL);
    id_of(id, 0xffff, 9);
    for (int i = 0; i < 4; i++) {
        id[5]++;
        verified_add(v, id);
        CHECK(verified_has(v, id));
    }
    verified_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_of_the_id_counts),
        cmocka_unit_test(the_oldest_of_a_set_makes_room),
        cmocka_unit_test(the_last_set_is_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
