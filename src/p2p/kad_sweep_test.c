#include "p2p/kad_sweep.h"

#include "base/check.h"
#include "base/prng.h"

enum { MANY = 100000, NODES = 1000, HOUR = 3600, INTERVAL = KAD_SWEEP_INTERVAL_S };

static struct kad_sweep_key memory[2][MANY];
static struct kad_contact network[NODES];

static void fresh(struct kad_sweep *s, size_t max)
{
    kad_sweep_init(s, memory[0], memory[1], max, INTERVAL);
}

static void list(struct kad_sweep *s, uint32_t from, uint32_t count)
{
    kad_sweep_list_begin(s);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t digest[32] = { 1 };
        store_be32(digest + 4, from + i);
        kad_sweep_list_add(s, digest);
    }
    kad_sweep_list_sort(s);
    kad_sweep_list_end(s);
}

static void the_list_is_sorted_and_has_each_once(void **state)
{
    (void)state;
    struct kad_sweep s;
    fresh(&s, 100);
    kad_sweep_list_begin(&s);
    for (uint32_t i = 0; i < 60; i++) {
        const uint8_t digest[32] = { (uint8_t)(i % 20) };
        kad_sweep_list_add(&s, digest);
    }
    kad_sweep_list_sort(&s);
    kad_sweep_list_end(&s);
    CHECK(s.count == 20 && s.left_out == 0);
    for (size_t i = 1; i < s.count; i++)
        CHECK(memcmp(s.keys[i - 1].place, s.keys[i].place, KAD_PLACE) < 0);
    /* The place is that of the multihash. */
    uint8_t key[KAD_SWEEP_KEY], place[KAD_PLACE];
    kad_sweep_multihash(key, &s.keys[3]);
    kad_contact_place(place, span_of(key, sizeof(key)));
    CHECK(memcmp(place, s.keys[3].place, KAD_PLACE) == 0 && key[0] == 0x12 && key[1] == 0x20);
    fresh(&s, 10);
    list(&s, 0, 25);
    CHECK(s.count == 10 && s.left_out == 15);
}

static void what_was_told_stays_told_when_the_list_changes(void **state)
{
    (void)state;
    struct kad_sweep s;
    size_t at;
    const uint32_t now = 2000000000;
    fresh(&s, 100);
    list(&s, 0, 50);
    CHECK(kad_sweep_told(&s, 0, now) == 0);
    for (size_t i = 0; i < s.count; i++)
        kad_sweep_done(&s, 0, i, now);
    CHECK(kad_sweep_told(&s, 0, now) == 50 && kad_sweep_told(&s, 1, now) == 0);
    CHECK(!kad_sweep_next(&s, 0, now, &at) && kad_sweep_next(&s, 1, now, &at));
    list(&s, 40, 20); /* 40 to 59: ten of before, ten new */
    CHECK(s.count == 20 && kad_sweep_told(&s, 0, now) == 10);
    size_t found = 0;
    while (kad_sweep_next(&s, 0, now, &at)) {
        CHECK(s.keys[at].done_s[0] == 0);
        kad_sweep_done(&s, 0, at, now);
        found++;
    }
    CHECK(found == 10);
}

/* Walks some days in steps of a minute; all are told again within 48 hours, a few at a time. */
static void each_key_is_told_again_in_its_time(void **state)
{
    (void)state;
    struct kad_sweep s;
    static uint32_t last[2000];
    uint32_t most = 0;
    fresh(&s, 2000);
    list(&s, 0, 2000);
    const uint32_t start = 1900000000;
    for (size_t i = 0; i < s.count; i++) {
        kad_sweep_done(&s, 0, i, start);
        last[i] = start;
    }
    for (uint32_t now = start; now < start + 5 * 24 * HOUR; now += 60) {
        size_t at;
        uint32_t here = 0;
        for (; kad_sweep_next(&s, 0, now, &at); here++) {
            CHECK(now - last[at] < 34 * HOUR && now - last[at] >= 10 * HOUR);
            kad_sweep_done(&s, 0, at, now);
            last[at] = now;
        }
        most = here > most ? here : most;
    }
    CHECK(most < 15); /* 2,000 in 1,320 minutes are 1.5 */
    /* A clock that was far ahead when it was told is not believed. */
    size_t at;
    bool due = false;
    kad_sweep_done(&s, 0, 7, UINT32_MAX);
    for (uint32_t n = 0; n < 20 && kad_sweep_next(&s, 0, start + 5 * 24 * HOUR, &at); n++) {
        due |= at == 7;
        kad_sweep_done(&s, 0, at, start + 5 * 24 * HOUR);
    }
    CHECK(due);
}

static void what_was_told_outlives_us(void **state)
{
    (void)state;
    struct kad_sweep s;
    static uint8_t saved[50 * KAD_SWEEP_SAVED];
    const uint32_t now = 2000000000;
    struct writer w = writer_of(saved, sizeof(saved));
    size_t at;
    fresh(&s, 100);
    list(&s, 0, 60);
    for (size_t i = 0; i < 50; i++)
        kad_sweep_done(&s, i % 2, i, now);
    kad_sweep_save(&s, &w);
    CHECK(w.err == OK && w.len == sizeof(saved));
    struct kad_sweep again;
    fresh(&again, 100);
    for (size_t n = 1; n < KAD_SWEEP_SAVED; n++)
        CHECK_ERR(kad_sweep_load(&again, span_of(saved, sizeof(saved) - n)), ERR_SHORT);
    CHECK_OK(kad_sweep_load(&again, span_of(saved, sizeof(saved))));
    CHECK(!kad_sweep_next(&again, 0, now, &at)); /* not before the list is known */
    list(&again, 0, 60);
    CHECK(again.count == 60 && kad_sweep_told(&again, 0, now) == 25);
    CHECK(kad_sweep_told(&again, 1, now) == 25);
    saved[0] ^= 0xff; /* not in order */
    CHECK_ERR(kad_sweep_load(&again, span_of(saved, sizeof(saved))), ERR_FORMAT);
    fresh(&again, 49);
    saved[0] ^= 0xff;
    CHECK_ERR(kad_sweep_load(&again, span_of(saved, sizeof(saved))), ERR_LIMIT);
}

/* ---- a network of 1,000 nodes ---------------------------------------------------------------- */

static void closest(struct kad_contact *out, size_t *count, const uint8_t target[KAD_PLACE])
{
    size_t n = 0;
    for (size_t i = 0; i < NODES; i++) {
        size_t at = n;
        while (at > 0 && kad_contact_cmp(target, network[i].place, out[at - 1].place) < 0)
            at--;
        if (at == KAD_K)
            continue;
        n += n < KAD_K;
        memmove(&out[at + 1], &out[at], (n - 1 - at) * sizeof(out[0]));
        out[at] = network[i];
    }
    *count = n;
}

static size_t merge(struct kad_contact *to, size_t n, const struct kad_contact *from, size_t m)
{
    for (size_t i = 0; i < m; i++) {
        bool there = false;
        for (size_t k = 0; k < n; k++)
            there |= memcmp(to[k].place, from[i].place, KAD_PLACE) == 0;
        if (!there)
            to[n++] = from[i];
    }
    return n;
}

static void a_hundred_thousand_cost_few_connections(void **state)
{
    (void)state;
    struct kad_sweep s;
    struct prng g;
    const uint32_t now = 2000000000;
    uint32_t lookups = 0, connections = 0, regions = 0;
    uint64_t told = 0, right = 0, sampled = 0;
    prng_init(&g, 5);
    for (size_t i = 0; i < NODES; i++) {
        network[i] = (struct kad_contact){ .id_size = 34, .id = { 0x12, 32 } };
        prng_fill(&g, network[i].id + 2, 32);
        kad_contact_place(network[i].place, kad_contact_id(&network[i]));
    }
    fresh(&s, MANY);
    list(&s, 0, MANY);
    size_t at;
    while (kad_sweep_next(&s, 0, now, &at)) {
        struct kad_contact nodes[KAD_SWEEP_NODES], more[KAD_K + 1], first20[KAD_K + 1];
        size_t n, m, first, count;
        closest(first20, &n, s.keys[at].place);
        memcpy(nodes, first20, n * sizeof(nodes[0]));
        kad_sweep_region(&s, at, nodes, n, &first, &count);
        CHECK(first <= at && at < first + count && count <= KAD_SWEEP_REGION);
        closest(more, &m, s.keys[at == first ? first + count - 1 : first].place);
        n = merge(nodes, n, more, m);
        lookups += 2;
        regions++;
        connections += (uint32_t)n;
        for (size_t i = 0; i < count; i++) {
            bool look = prng_below(&g, 100) == 0;
            size_t t = 0;
            if (look)
                closest(more, &m, s.keys[first + i].place);
            for (size_t k = 0; k < n && look; k++) {
                if (!kad_sweep_assigned(s.keys[first + i].place, nodes, n, k))
                    continue;
                t++;
                for (size_t j = 0; j < m; j++)
                    right += memcmp(more[j].place, nodes[k].place, KAD_PLACE) == 0;
            }
            CHECK(!look || t == KAD_K);
            sampled += look;
            kad_sweep_done(&s, 0, first + i, now);
        }
        told += count;
    }
    CHECK(kad_sweep_told(&s, 0, now) == MANY && told >= MANY);
    /* One by one it would be 100,000 look-ups and 2,000,000 connections to store. */
    CHECK(lookups < 600 && connections < 10000);
    /* Nearly all of the records stand where they are looked for. */
    CHECK(right > sampled * KAD_K * 9 / 10);
    print_message("%u regions, %u look-ups, %u connections, %llu of 1000 in the right place\n",
                  regions, lookups, connections,
                  (unsigned long long)(right * 1000 / (sampled * KAD_K)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_is_sorted_and_has_each_once),
        cmocka_unit_test(what_was_told_stays_told_when_the_list_changes),
        cmocka_unit_test(each_key_is_told_again_in_its_time),
        cmocka_unit_test(what_was_told_outlives_us),
        cmocka_unit_test(a_hundred_thousand_cost_few_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
