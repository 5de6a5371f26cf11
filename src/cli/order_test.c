#include "base/check.h"
#include "cli/order.h"

static void durations_are_short(void **state)
{
    (void)state;
    static const struct {
        uint64_t s;
        const char *text;
    } rows[] = { { 0, "0 s" },          { 119, "119 s" },         { 120, "2 min" },
                 { 7199, "119 min" },   { 7200, "2 h 0 min" },    { 172799, "47 h 59 min" },
                 { 172800, "2 d 0 h" }, { 15552000, "180 d 0 h" } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[32];
        order_duration(text, rows[i].s * 1000 + 999);
        CHECK(strcmp(text, rows[i].text) == 0);
    }
}

static void heights_become_times(void **state)
{
    (void)state;
    char text[ORDER_WHEN_MAX];
    const struct chain_client_status now = { .height = 100, .block_ms = 6000 };
    order_when(text, &now, 110);
    CHECK(strcmp(text, "block 110, in about 60 s") == 0);
    order_when(text, &now, 100);
    CHECK(strcmp(text, "block 100, about 0 s ago") == 0);
    order_when(text, &now, 0);
    CHECK(strcmp(text, "block 0, about 10 min ago") == 0);
}

/* Slots of 10 blocks, reports in the first 7: the chain's own rule is slot = height / 10. */
static void the_next_report_is_in_a_slot_that_is_not_answered(void **state)
{
    (void)state;
    for (uint64_t height = 19; height < 60; height++) {
        const struct chain_client_status now = { .height = height,
                                                 .slot = (height + 1) / 10,
                                                 .slot_offset = (uint32_t)((height + 1) % 10),
                                                 .slot_blocks = 10,
                                                 .report_blocks = 7 };
        for (uint64_t next = 0; next < 9; next++) {
            struct order_window w = order_next_report(&now, next);
            CHECK(w.from == w.slot * 10 && w.to == w.from + 6);
            CHECK(w.slot >= next && w.slot >= now.slot);
            CHECK(w.to > height); /* the next block at the earliest */
            bool open = now.slot_offset < 7;
            CHECK(w.slot == (next > now.slot ? next : now.slot + !open));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_short),
        cmocka_unit_test(heights_become_times),
        cmocka_unit_test(the_next_report_is_in_a_slot_that_is_not_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
