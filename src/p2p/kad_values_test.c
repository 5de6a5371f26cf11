#include "p2p/kad_values.h"

#include "base/check.h"

#include <stdio.h>

enum { ENTRIES = 64, CHUNKS = 320, NOW = 1795000000, DAY = 86400 };

static struct kad_value entries[ENTRIES];
static struct kad_values_network networks[ENTRIES];
static struct kad_values_chunk chunks[CHUNKS];
static struct kad_values values;
static uint8_t value_bytes[IPNS_RECORD_MAX];

static void begin(void)
{
    const struct kad_values_memory memory = { entries, networks, ENTRIES, chunks, CHUNKS };
    memset(entries, 0, sizeof(entries));
    memset(networks, 0, sizeof(networks));
    kad_values_init(&values, &memory);
}

/* A name, its key in the DHT, and a record of it. */
struct made {
    struct ed25519_key pair;
    uint8_t key[KAD_VALUES_KEY], record[IPNS_RECORD_MAX];
    struct writer k, r;
};

#define FAR "2030-01-01T00:00:00Z"

static void make(struct made *m, uint16_t name, uint64_t sequence, size_t size, const char *until)
{
    uint8_t seed[ED25519_SEED_SIZE] = { (uint8_t)name, (uint8_t)(name >> 8), 7 };
    ed25519_keypair(&m->pair, seed);
    struct peer_key public = peer_key_of(&m->pair);
    struct peer_id id = peer_id_of(&public);
    m->k = writer_of(m->key, sizeof(m->key));
    m->r = writer_of(m->record, sizeof(m->record));
    write_span(&m->k, span_str("/ipns/"));
    write_span(&m->k, peer_id_span(&id));
    const struct ipns_record r = { .value = span_of(value_bytes, size),
                                   .sequence = sequence,
                                   .ttl_ns = 300000000000,
                                   .validity = span_str(until) };
    CHECK_OK(ipns_encode(&m->r, &r, &m->pair));
    CHECK_OK(m->k.err);
}

static enum err put(const struct made *m, uint64_t group, int64_t now)
{
    return kad_values_put(&values, writer_span(&m->k), writer_span(&m->r), group, now);
}

static bool keeps(const struct made *m, int64_t now)
{
    uint8_t out[IPNS_RECORD_MAX];
    size_t size;
    const struct mspan buf = { out, sizeof(out) };
    enum err e = kad_values_get(&values, &size, buf, writer_span(&m->k), now);
    return e == OK && span_eq(span_of(out, size), writer_span(&m->r));
}

static void the_best_record_is_kept(void **state)
{
    (void)state;
    struct made old, new, later, same;
    begin();
    make(&old, 1, 5, 40, FAR);
    make(&new, 1, 6, 1500, FAR);
    make(&later, 1, 6, 1500, "2031-01-01T00:00:00Z");
    make(&same, 1, 6, 1499, "2031-01-01T00:00:00Z");
    CHECK_OK(put(&old, 1, NOW));
    CHECK_OK(put(&new, 1, NOW));
    CHECK(keeps(&new, NOW) && values.used == 1);
    CHECK_ERR(put(&old, 1, NOW), ERR_EXISTS);
    CHECK_OK(put(&later, 1, NOW));
    CHECK_ERR(put(&new, 1, NOW), ERR_EXISTS);
    CHECK(keeps(&later, NOW));
    /* Of two that say the same and are not the same, one always wins. */
    bool wins = span_cmp(writer_span(&same.r), writer_span(&later.r)) > 0;
    CHECK_ERR(put(&same, 1, NOW), wins ? OK : ERR_EXISTS);
    CHECK_ERR(put(&later, 1, NOW), wins ? ERR_EXISTS : OK);
    CHECK(values.used == 1 && values.chunks_used <= 4);
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    struct made m, other, ended;
    uint8_t bad[IPNS_RECORD_MAX + 1] = { 0 };
    begin();
    make(&m, 1, 1, 40, FAR);
    make(&other, 2, 1, 40, FAR);
    make(&ended, 3, 1, 40, "2020-01-01T00:00:00Z");
    const struct span key = writer_span(&m.k), record = writer_span(&m.r);
    CHECK_ERR(put(&ended, 1, NOW), ERR_TIMEOUT);
    CHECK_ERR(kad_values_put(&values, writer_span(&other.k), record, 1, NOW), ERR_SIGNATURE);
    CHECK_ERR(kad_values_put(&values, span_str("/pk/x"), record, 1, NOW), ERR_UNSUPPORTED);
    CHECK_ERR(kad_values_put(&values, span_str("/ipns/"), record, 1, NOW), ERR_UNSUPPORTED);
    CHECK_ERR(kad_values_put(&values, span_sub(key, 0, key.n - 1), record, 1, NOW),
              ERR_UNSUPPORTED);
    CHECK_ERR(kad_values_put(&values, key, span_of(bad, sizeof(bad)), 1, NOW), ERR_LIMIT);
    for (size_t n = 0; n < record.n; n++)
        CHECK(kad_values_put(&values, key, span_sub(record, 0, n), 1, NOW) != OK);
    for (size_t i = 0; i < record.n; i++) {
        memcpy(bad, record.p, record.n);
        bad[i] ^= 1;
        CHECK(kad_values_put(&values, key, span_of(bad, record.n), 1, NOW) != OK);
    }
    CHECK(values.used == 0 && values.chunks_used == 0);
    CHECK_OK(put(&m, 1, NOW));
    CHECK(keeps(&m, NOW));
}

static void records_end(void **state)
{
    (void)state;
    struct made m, brief;
    size_t size, at = 0;
    uint8_t out[8];
    begin();
    make(&m, 1, 1, 40, FAR);
    make(&brief, 2, 1, 40, "2026-11-18T15:13:20Z"); /* 14,800 s after NOW */
    CHECK_OK(put(&m, 1, NOW));
    CHECK_OK(put(&brief, 1, NOW));
    CHECK_ERR(kad_values_get(&values, &size, (struct mspan){ out, 8 }, writer_span(&m.k), NOW),
              ERR_LIMIT);
    CHECK(keeps(&brief, NOW + 10000) && !keeps(&brief, NOW + DAY));
    CHECK(keeps(&m, NOW + 2 * DAY - 1) && !keeps(&m, NOW + 2 * DAY));
    CHECK_OK(put(&m, 1, NOW + DAY)); /* told again, the same one */
    CHECK(keeps(&m, NOW + 2 * DAY) && !keeps(&m, NOW + 3 * DAY));
    kad_values_expire(&values, ENTRIES, NOW + DAY);
    CHECK(values.used == 1);
    CHECK(kad_values_next(&values, &at) != NULL && kad_values_next(&values, &at) == NULL);
    /* Of an earlier life: never longer than 48 hours from now, never past its end. */
    CHECK_ERR(kad_values_load(&values, writer_span(&m.k), writer_span(&m.r), 1, NOW - 1, NOW),
              ERR_TIMEOUT);
    begin();
    CHECK_OK(kad_values_load(&values, writer_span(&m.k), writer_span(&m.r), 1, INT64_MAX, NOW));
    CHECK(!keeps(&m, NOW + 2 * DAY));
}

/* One network brings all it can; those that others brought stay. */
static void no_network_pushes_out_others(void **state)
{
    (void)state;
    struct made m, first;
    begin();
    make(&first, 1000, 1, 40, FAR);
    CHECK_OK(put(&first, 77, NOW));
    for (uint16_t i = 0; i < 3 * ENTRIES; i++) {
        make(&m, i, 1, 40, FAR);
        CHECK_OK(put(&m, 1, NOW + i));
        CHECK(keeps(&m, NOW + i));
    }
    CHECK(values.used == 1 + ENTRIES / KAD_VALUES_SHARE);
    CHECK(keeps(&first, NOW));
    for (uint16_t i = 0; i < ENTRIES; i++) { /* large ones: their share of the bytes */
        make(&m, i, 2, 9000, FAR);
        CHECK_OK(put(&m, 2, NOW + i));
    }
    CHECK(values.chunks_used <= 2 * CHUNKS / KAD_VALUES_SHARE + 1);
    CHECK(keeps(&first, NOW));
    /* Many networks: all places are taken, and those with little keep it. */
    for (uint16_t i = 0; i < 5 * ENTRIES; i++) {
        make(&m, (uint16_t)(200 + i), 1, 600, FAR);
        CHECK_OK(put(&m, 10 + i % 20, NOW + i));
    }
    CHECK(values.used <= ENTRIES && values.used > ENTRIES / 2);
    CHECK(keeps(&first, NOW));
}

/* Whoever plays back a newer record of another does not take over what it counts for. */
static void the_first_network_stays(void **state)
{
    (void)state;
    struct made m, other;
    size_t at = 0;
    begin();
    make(&m, 1, 1, 40, FAR);
    CHECK_OK(put(&m, 5, NOW));
    make(&m, 1, 2, 40, FAR);
    CHECK_OK(put(&m, 6, NOW));
    const struct kad_value *e = kad_values_next(&values, &at);
    CHECK(e != NULL && kad_values_group(&values, e) == 5);
    for (uint16_t i = 10; i < 10 + ENTRIES; i++) {
        make(&other, i, 1, 40, FAR);
        CHECK_OK(put(&other, 6, NOW + 10));
    }
    CHECK(keeps(&m, NOW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_record_is_kept),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(records_end),
        cmocka_unit_test(no_network_pushes_out_others),
        cmocka_unit_test(the_first_network_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
