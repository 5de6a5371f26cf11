#include "base/ring.h"

#include "base/check.h"
#include "base/prng.h"

/* A ring beside a plain queue, by random operations: same bytes, never more than its size. */
static void test_ring_is_a_queue(void **state)
{
    (void)state;
    struct prng g;
    prng_init(&g, 7);
    for (size_t size = 0; size <= 40; size++) {
        uint8_t memory[40], model[40];
        size_t n = 0;
        uint8_t next = 0;
        struct ring r = ring_of(memory, size);
        for (int step = 0; step < 2000; step++) {
            uint8_t buf[48];
            size_t k = (size_t)prng_below(&g, sizeof(buf));
            if (prng_below(&g, 2) == 0) {
                for (size_t i = 0; i < k; i++)
                    buf[i] = (uint8_t)(next + i);
                size_t put = ring_put(&r, span_of(buf, k));
                CHECK(put == (k < size - n ? k : size - n));
                memcpy(model + n, buf, put);
                n += put;
                next = (uint8_t)(next + put);
            } else {
                size_t got = ring_get(&r, buf, k);
                CHECK(got == (k < n ? k : n));
                CHECK(got == 0 || memcmp(buf, model, got) == 0);
                n -= got;
                memmove(model, model + got, n);
            }
            CHECK(ring_used(&r) == n && ring_room(&r) == size - n);
            CHECK_SPAN(ring_peek(&r), span_of(model, n));
        }
    }
}

static void test_ring_space_is_what_was_asked_for(void **state)
{
    (void)state;
    uint8_t memory[16];
    struct ring r = ring_of(memory, sizeof(memory));
    CHECK(ring_space(&r, 0).n == 16);
    CHECK(ring_write(&r, span_str("0123456789")));
    CHECK(!ring_write(&r, span_str("abcdefg")));
    CHECK(ring_used(&r) == 10);
    ring_drop(&r, 3);
    /* 6 behind, 3 in front: not worth a move, unless asked for. */
    CHECK(ring_space(&r, 0).n == 6 && r.head == 3);
    CHECK(ring_space(&r, 7).n == 9 && r.head == 0);
    CHECK_SPAN(ring_peek(&r), span_str("3456789"));
    CHECK(ring_space(&r, 10).n == 9);
    ring_drop(&r, 6);
    CHECK(ring_space(&r, 0).n == 9 && r.head == 6);
    CHECK(ring_write(&r, span_str("abcdefghijkl")));
    CHECK_SPAN(ring_peek(&r), span_str("9abcdefghijkl"));
}

/* A reader that takes what it is given sees each byte moved a bounded number of times. */
static void test_ring_moves_little(void **state)
{
    (void)state;
    uint8_t memory[1024];
    struct ring r = ring_of(memory, sizeof(memory));
    size_t moved = 0, through = 0;
    for (int i = 0; i < 4000; i++) {
        const uint8_t *before = ring_peek(&r).p;
        size_t queued = ring_used(&r);
        struct mspan space = ring_space(&r, 0);
        if (queued != 0 && ring_peek(&r).p != before)
            moved += queued;
        memset(space.p, 1, space.n);
        ring_commit(&r, space.n);
        through += space.n;
        size_t whole = ring_used(&r) / 100 * 100; /* frames of 100 bytes */
        ring_drop(&r, whole);
    }
    CHECK(through > 2000000);
    CHECK(moved < through);
}

static void test_ring_memory_comes_and_goes(void **state)
{
    (void)state;
    uint8_t memory[8], other[4];
    struct ring r = { 0 }, to = ring_of(other, sizeof(other));
    CHECK(ring_room(&r) == 0 && ring_peek(&r).n == 0 && ring_space(&r, 1).n == 0);
    CHECK(!ring_write(&r, span_str("a")) && ring_write(&r, span_str("")));
    ring_attach(&r, memory, sizeof(memory));
    CHECK(ring_write(&r, span_str("abcdef")));
    struct mspan e = ring_edit(&r);
    e.p[0] = 'A';
    CHECK(ring_move(&to, &r, 3) == 3 && ring_move(&to, &r, 3) == 1);
    CHECK_SPAN(ring_peek(&to), span_str("Abcd"));
    CHECK_SPAN(ring_peek(&r), span_str("ef"));
    ring_drop(&r, 2);
    CHECK(ring_detach(&r) == memory && r.size == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_is_a_queue),
        cmocka_unit_test(test_ring_space_is_what_was_asked_for),
        cmocka_unit_test(test_ring_moves_little),
        cmocka_unit_test(test_ring_memory_comes_and_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
