/* A state taken apart and put together, and what no chunk may get away with. */
#include "chain/snapshot.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/memkv.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOTES = 512, PAIRS = 400, META_ROOM = 256 * 1024, CHUNK_ROOM = 64 * 1024 };

struct world {
    uint8_t bytes[4 * 1024 * 1024];
    _Alignas(16) uint8_t notes[256 * 1024];
    struct memkv mem;
    struct kv kv;
    struct state st;
    uint8_t app[32];
};

static struct world from, to;

static void fresh(struct world *w)
{
    CHECK(state_memory_size(NOTES) <= sizeof(w->notes));
    memkv_init(&w->mem, w->bytes, sizeof(w->bytes));
    w->kv = memkv_kv(&w->mem);
    state_init(&w->st, &w->kv, w->notes, NOTES);
}

static int fill(void **state)
{
    (void)state;
    fresh(&from);
    for (uint64_t i = 0; i < PAIRS; i++) {
        uint8_t k[8], value[200];
        store_be64(k, i);
        memset(value, (int)i, sizeof(value));
        state_put(&from.st, i % 3 == 0 ? STATE_ACCOUNTS : STATE_ORDERS, span_of(k, 8),
                  span_of(value, i % 200));
        state_put(&from.st, STATE_INDEX, span_of(k, 1 + i % 8), span_of(value, i % 7));
    }
    state_put(&from.st, STATE_PARAMS, span_str("one"), span_str("record"));
    state_commit(&from.st, from.app);
    CHECK_OK(from.st.err);
    return 0;
}

/* The whole of a snapshot in memory. */
struct taken {
    uint8_t meta[META_ROOM];
    struct span meta_span;
    size_t count;
    uint8_t *chunk[512];
    size_t size[512];
    struct snapshot s;
};

static struct taken taken;

/* Borrowed from the store, which does not change. */
static size_t pairs_of(struct snapshot_pair *out, const struct snapshot_place *place)
{
    const struct state_range range = { .store = place->store };
    struct span key = { NULL, 0 }, value;
    size_t count = 0;
    for (bool after = false; state_next(&from.st, &key, &value, range, key, after); after = true) {
        if (snapshot_part(key, place->bits) != place->part)
            continue;
        out[count] = (struct snapshot_pair){ .key = key, .value = value };
        sha256(out[count++].key_hash, key);
    }
    snapshot_sort(out, count);
    return count;
}

static void take(uint8_t bits)
{
    static struct snapshot_pair pairs[PAIRS];
    static struct smt_write leaves[PAIRS];
    static uint8_t commits[SNAPSHOT_STORES_MAX][64 * LTHASH_SIZE];
    enum state_store stores[SNAPSHOT_STORES_MAX];
    struct snapshot s = { .height = 77 };
    memcpy(s.app_hash, from.app, 32);
    s.store_count = (uint32_t)snapshot_stores(stores);
    for (size_t i = 0; i < taken.count; i++)
        free(taken.chunk[i]);
    taken.count = 0;
    for (size_t i = 0; i < s.store_count; i++) {
        struct snapshot_place place = { stores[i], stores[i] == STATE_PARAMS ? 0 : bits, 0 };
        size_t unit = snapshot_commit_size(place.store);
        for (; place.part < 1u << place.bits; place.part++) {
            uint8_t room[CHUNK_ROOM];
            struct writer w = writer_of(room, sizeof(room));
            snapshot_chunk_encode(&w, &place, pairs, pairs_of(pairs, &place));
            CHECK_OK(w.err);
            CHECK_OK(snapshot_chunk_commit(commits[i] + place.part * unit, &place, writer_span(&w),
                                           leaves, PAIRS));
            taken.size[taken.count] = w.len;
            taken.chunk[taken.count++] = check_dup(room, w.len);
        }
        s.stores[i] = (struct snapshot_store){ .store = place.store,
                                               .bits = place.bits,
                                               .commits = span_of(commits[i], unit << place.bits) };
    }
    struct writer w = writer_of(taken.meta, sizeof(taken.meta));
    snapshot_encode(&w, &s);
    CHECK_OK(w.err);
    taken.meta_span = writer_span(&w);
    CHECK_OK(snapshot_decode(&taken.s, taken.meta_span));
    CHECK(taken.s.chunk_count == taken.count && taken.s.height == 77);
}

static enum err check_chunk(uint32_t index, struct span chunk)
{
    static struct smt_write leaves[PAIRS];
    return snapshot_chunk_check(&taken.s, index, chunk, leaves, PAIRS);
}

static void a_state_is_put_together_from_its_chunks_in_any_order(void **state)
{
    (void)state;
    for (uint8_t bits = 0; bits <= 5; bits++) {
        take(bits);
        fresh(&to);
        for (size_t n = 0; n < taken.count; n++) {
            size_t i = (n * 7 + 3) % taken.count;
            if (taken.count % 7 == 0)
                i = taken.count - 1 - n;
            struct span chunk = span_of(taken.chunk[i], taken.size[i]), key, value;
            CHECK_OK(check_chunk((uint32_t)i, chunk));
            struct snapshot_walk walk;
            snapshot_chunk_begin(&walk, chunk);
            size_t pairs = 0;
            for (; snapshot_chunk_next(&walk, &key, &value); pairs++)
                state_put(&to.st, walk.store, key, value);
            CHECK(pairs == snapshot_chunk_count(chunk));
        }
        state_commit(&to.st, to.app);
        CHECK_OK(to.st.err);
        CHECK(memcmp(from.app, to.app, 32) == 0);
    }
}

static void a_chunk_is_good_for_its_own_place_only(void **state)
{
    (void)state;
    take(3);
    for (uint32_t i = 0; i < taken.count; i++)
        for (uint32_t j = 0; j < taken.count; j++)
            CHECK((check_chunk(i, span_of(taken.chunk[j], taken.size[j])) == OK) == (i == j));
    CHECK_ERR(check_chunk((uint32_t)taken.count, span_of(taken.chunk[0], taken.size[0])),
              ERR_RANGE);
}

static void no_changed_chunk_is_taken(void **state)
{
    (void)state;
    take(4);
    for (uint32_t i = 0; i < taken.count; i += 5) {
        uint8_t *chunk = taken.chunk[i];
        size_t size = taken.size[i];
        for (size_t b = 0; b < size * 8; b += 3) {
            chunk[b / 8] ^= (uint8_t)(1u << b % 8);
            CHECK(check_chunk(i, span_of(chunk, size)) != OK);
            chunk[b / 8] ^= (uint8_t)(1u << b % 8);
        }
        for (size_t n = 0; n < size; n++)
            CHECK(check_chunk(i, span_of(chunk, n)) != OK);
        CHECK_OK(check_chunk(i, span_of(chunk, size)));
    }
}

static void no_changed_metadata_is_taken(void **state)
{
    (void)state;
    static struct snapshot s;
    take(3);
    for (size_t b = 0; b < taken.meta_span.n * 8; b++) {
        taken.meta[b / 8] ^= (uint8_t)(1u << b % 8);
        enum err e = snapshot_decode(&s, taken.meta_span);
        /* The height is the one thing that the hash does not cover: the header names it. */
        CHECK(e != OK || (s.height != 77 && b / 8 < 8));
        taken.meta[b / 8] ^= (uint8_t)(1u << b % 8);
    }
    for (size_t n = 0; n < taken.meta_span.n; n++)
        CHECK(snapshot_decode(&s, span_of(taken.meta, n)) != OK);
    CHECK(s.chunk_count == 0);
}

/* Sound metadata of another height are no use for chunks of this one. */
static void pairs_out_of_order_or_twice_are_refused(void **state)
{
    (void)state;
    static struct snapshot_pair pairs[PAIRS];
    static struct smt_write leaves[PAIRS];
    const struct snapshot_place place = { STATE_ORDERS, 2, 1 };
    size_t count = pairs_of(pairs, &place);
    uint8_t room[CHUNK_ROOM], commit[SNAPSHOT_COMMIT_MAX];
    CHECK(count > 3);
    struct snapshot_pair swap = pairs[1];
    pairs[1] = pairs[2];
    pairs[2] = swap;
    struct writer w = writer_of(room, sizeof(room));
    snapshot_chunk_encode(&w, &place, pairs, count);
    CHECK_ERR(snapshot_chunk_commit(commit, &place, writer_span(&w), leaves, PAIRS), ERR_FORMAT);
    pairs[1] = pairs[2] = pairs[0];
    w = writer_of(room, sizeof(room));
    snapshot_chunk_encode(&w, &place, pairs, count);
    CHECK_ERR(snapshot_chunk_commit(commit, &place, writer_span(&w), leaves, PAIRS), ERR_FORMAT);
    CHECK_ERR(snapshot_chunk_commit(commit, &place, writer_span(&w), leaves, 1), ERR_LIMIT);
}

static void parts_are_of_a_good_size(void **state)
{
    (void)state;
    CHECK(snapshot_bits(STATE_ACCOUNTS, 0) == 0);
    CHECK(snapshot_bits(STATE_ACCOUNTS, SNAPSHOT_PART_BYTES) == 0);
    CHECK(snapshot_bits(STATE_ACCOUNTS, 100u << 20) == 5);
    CHECK(snapshot_bits(STATE_ACCOUNTS, UINT64_MAX) == SNAPSHOT_BITS_MAX);
    CHECK(snapshot_bits(STATE_INDEX, UINT64_MAX) == 10);
    /* Eight trees cut as far as they can be and the index fit the engine's message. */
    CHECK(8 * ((size_t)SNAPSHOT_NODE_SIZE << SNAPSHOT_BITS_MAX) + ((size_t)LTHASH_SIZE << 10) +
              1000 <=
          SNAPSHOT_META_MAX);
}

/* The vector of docs/spec/snapshot.md 2.4. */
static void the_empty_state_has_the_metadata_of_the_specification(void **state)
{
    (void)state;
    static const uint8_t zeros[LTHASH_SIZE];
    static uint8_t meta[8192];
    static struct snapshot s, read;
    enum state_store stores[SNAPSHOT_STORES_MAX];
    uint8_t want[32], got[32];
    fresh(&to);
    state_commit(&to.st, to.app);
    s = (struct snapshot){ .height = 1, .store_count = (uint32_t)snapshot_stores(stores) };
    memcpy(s.app_hash, to.app, 32);
    for (size_t i = 0; i < s.store_count; i++)
        s.stores[i] = (struct snapshot_store){
            .store = stores[i],
            .commits = span_of(zeros, snapshot_commit_size(stores[i])),
        };
    struct writer w = writer_of(meta, sizeof(meta));
    snapshot_encode(&w, &s);
    CHECK_OK(w.err);
    CHECK_OK(snapshot_decode(&read, writer_span(&w)));
    CHECK_OK(
        hex_parse(want, 32, "59a433f4a359c64607055fcb9832eab14b95400200a288f1412235127e253499"));
    CHECK(memcmp(to.app, want, 32) == 0);
    sha256(got, writer_span(&w));
    CHECK_OK(
        hex_parse(want, 32, "9718f0144d53fb219e34a5baf33049731085296d4b71a9ea4e51e775478ff6ee"));
    CHECK(memcmp(got, want, 32) == 0);
}

/* Seeds of the fuzz target: CRUST_SEEDS names a folder. */
static void seeds_are_written_on_demand(void **state)
{
    (void)state;
    const char *dir = getenv("CRUST_SEEDS");
    for (size_t i = 0; dir != NULL && i < taken.count; i += 7) {
        char path[256];
        snprintf(path, sizeof(path), "%s/chunk%zu", dir, i);
        FILE *f = fopen(path, "w");
        CHECK(f != NULL && fwrite(taken.chunk[i], taken.size[i], 1, f) == 1 && fclose(f) == 0);
    }
    if (dir != NULL) {
        char path[256];
        take(0);
        snprintf(path, sizeof(path), "%s/meta", dir);
        FILE *f = fopen(path, "w");
        CHECK(f != NULL && fwrite(taken.meta, taken.meta_span.n, 1, f) == 1 && fclose(f) == 0);
    }
    for (size_t i = 0; i < taken.count; i++)
        free(taken.chunk[i]);
    taken.count = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_is_put_together_from_its_chunks_in_any_order),
        cmocka_unit_test(a_chunk_is_good_for_its_own_place_only),
        cmocka_unit_test(no_changed_chunk_is_taken),
        cmocka_unit_test(no_changed_metadata_is_taken),
        cmocka_unit_test(pairs_out_of_order_or_twice_are_refused),
        cmocka_unit_test(the_empty_state_has_the_metadata_of_the_specification),
        cmocka_unit_test(parts_are_of_a_good_size),
        cmocka_unit_test(seeds_are_written_on_demand),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
