#include "proof/content.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/prng.h"
#include "proof/srd.h"

#include <jansson.h>

static uint8_t data[CONTENT_BLOCK_MAX];

static void fill(uint64_t seed)
{
    struct prng g;
    prng_init(&g, seed);
    prng_fill(&g, data, sizeof(data));
}

/* The tree by its definition, leaf by leaf. */
static void plain_root(uint8_t out[32], const struct merkle_tags *tags, struct span in)
{
    struct merkle m;
    uint8_t leaf[32];
    merkle_init(&m, tags);
    for (uint64_t i = 0; i < chunk_tree_count(in.n); i++) {
        merkle_leaf(leaf, tags, span_sub(in, (size_t)i * CHUNK_SIZE, CHUNK_SIZE));
        merkle_add(&m, leaf);
    }
    merkle_root(out, &m);
}

/* Every chunk opens, and with any other index, length, chunk or path it does not. */
static void check_block(struct span block)
{
    uint8_t root[32];
    uint8_t want[32];
    uint8_t path[CONTENT_CHUNK_DEPTH_MAX + 1][32];
    content_chunk_root(root, block);
    plain_root(want, &chunk_tree_content, block);
    CHECK(memcmp(root, want, 32) == 0);
    uint64_t count = chunk_tree_count(block.n);
    uint64_t step = count > 64 ? count / 16 + 1 : 1;
    for (uint64_t i = 0; i < count; i += step) {
        struct span chunk = span_sub(block, (size_t)i * CHUNK_SIZE, CHUNK_SIZE);
        size_t n = chunk_tree_path(path, &chunk_tree_content, block, i) * 32;
        struct span p = span_of(path, n);
        const struct merkle_tags *t = &chunk_tree_content;
        CHECK_OK(chunk_tree_verify(root, t, block.n, i, chunk, p));
        CHECK(chunk_tree_verify(root, &chunk_tree_srd, block.n, i, chunk, p) != OK);
        CHECK_ERR(chunk_tree_verify(root, t, block.n, count, chunk, p), ERR_RANGE);
        CHECK_ERR(chunk_tree_verify(root, t, block.n, i, chunk, span_of(path, n + 32)), ERR_FORMAT);
        if (n != 0)
            CHECK_ERR(chunk_tree_verify(root, t, block.n, i, chunk, span_of(path, n - 32)),
                      ERR_FORMAT);
        if (count > 1)
            CHECK(chunk_tree_verify(root, t, block.n, (i + 1) % count, chunk, p) != OK);
        if (chunk.n != 0)
            CHECK_ERR(chunk_tree_verify(root, t, block.n, i, span_sub(chunk, 0, chunk.n - 1), p),
                      ERR_FORMAT);
        if (n != 0) {
            path[0][0] ^= 1;
            CHECK_ERR(chunk_tree_verify(root, t, block.n, i, chunk, p), ERR_CORRUPT);
            path[0][0] ^= 1;
        }
    }
}

static void chunk_trees_of_all_lengths_around_chunk_boundaries(void **state)
{
    (void)state;
    fill(2);
    for (size_t chunks = 0; chunks <= 40; chunks++)
        for (size_t d = 0; d < 3; d++)
            if (chunks + d > 0)
                check_block(span_of(data, chunks * CHUNK_SIZE + d - 1));
    static const size_t big[] = { 1023 * 1024 + 1, 1024 * 1024,     1025 * 1024,
                                  2047 * 1024,     2048 * 1024 - 1, 2048 * 1024 };
    for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++)
        check_block(span_of(data, big[i]));
}

/* The bytes that tests/vectors/oracle/content.json describes. */
static struct span oracle_block(unsigned long length, unsigned long index)
{
    char text[64];
    uint8_t digest[32];
    int n = snprintf(text, sizeof(text), "%lu %lu", length, index);
    sha256(digest, span_of(text, (size_t)n));
    size_t at = 0;
    for (; at + 32 <= length; at += 32)
        memcpy(data + at, digest, 32);
    memset(data + at, 'x', length - at);
    return span_of(data, length);
}

static json_t *load(const char *path)
{
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    CHECK(json != NULL);
    return json;
}

static void get_hex(uint8_t *out, size_t n, const json_t *object, const char *key)
{
    CHECK_OK(hex_parse(out, n, json_string_value(json_object_get(object, key))));
}

static void check_case(const json_t *c)
{
    const json_t *blocks = json_object_get(c, "blocks");
    const json_t *records = json_object_get(c, "records");
    struct content_record made[512];
    size_t n = json_array_size(blocks);
    CHECK(n <= 512 && json_array_size(records) == n);
    for (size_t i = 0; i < n; i++) {
        const json_t *b = json_array_get(blocks, i);
        struct content_key key = { .codec =
                                       (uint32_t)json_integer_value(json_object_get(b, "codec")) };
        struct span block =
            oracle_block((unsigned long)json_integer_value(json_object_get(b, "length")),
                         (unsigned long)json_integer_value(json_object_get(b, "index")));
        uint8_t want[32];
        sha256(key.digest, block);
        get_hex(want, 32, b, "sha256");
        CHECK(memcmp(want, key.digest, 32) == 0);
        content_record_of(&made[i], &key, block);
        get_hex(want, 32, b, "chunk_root");
        CHECK(memcmp(want, made[i].chunk_root, 32) == 0);
    }
    struct content_data d;
    struct content_commitment got;
    content_data_init(&d);
    CHECK_ERR(content_data_finish(&got, &d), ERR_FORMAT);
    for (size_t i = 0; i < n; i++) {
        uint8_t bytes[CONTENT_RECORD_SIZE];
        uint8_t again[CONTENT_RECORD_SIZE];
        struct content_record record;
        CHECK_OK(hex_parse(bytes, sizeof(bytes), json_string_value(json_array_get(records, i))));
        CHECK_OK(content_record_decode(&record, bytes));
        content_record_encode(again, &record);
        CHECK(memcmp(bytes, again, sizeof(bytes)) == 0);
        size_t same = 0;
        for (size_t k = 0; k < n; k++)
            same += cid_key_cmp(&made[k].key, &record.key) == 0 &&
                    made[k].length == record.length &&
                    memcmp(made[k].chunk_root, record.chunk_root, 32) == 0;
        CHECK(same == 1);
        CHECK_OK(content_data_add(&d, &record));
        CHECK_ERR(content_data_add(&d, &record), ERR_FORMAT); /* not above the one before */
    }
    uint8_t want[32];
    CHECK_OK(content_data_finish(&got, &d));
    get_hex(want, 32, c, "data_root");
    CHECK(memcmp(want, got.data_root, 32) == 0);
    CHECK(got.size == (uint64_t)json_integer_value(json_object_get(c, "size")));
    CHECK(got.record_count == n);
}

static void oracle_content(void **state)
{
    (void)state;
    json_t *json = load("tests/vectors/oracle/content.json");
    const json_t *cases = json_object_get(json, "cases");
    CHECK(json_array_size(cases) >= 8);
    for (size_t i = 0; i < json_array_size(cases); i++)
        check_case(json_array_get(cases, i));
    json_decref(json);
}

enum { RECORDS = 70 };

/* For all counts: each record opens at its index with its start, and not otherwise. */
static void record_paths_of_all_counts(void **state)
{
    (void)state;
    struct prng g;
    struct content_record records[RECORDS];
    struct merkle_sum leaves[RECORDS];
    prng_init(&g, 3);
    for (uint32_t i = 0; i < RECORDS; i++) {
        prng_fill(&g, (uint8_t *)&records[i], sizeof(records[i]));
        records[i].key.codec = CID_CODEC_RAW;
        records[i].key.digest[0] = (uint8_t)i;
        records[i].length = (uint32_t)prng_below(&g, 3000);
        content_record_leaf(&leaves[i], &records[i]);
    }
    for (uint32_t n = 1; n <= RECORDS; n++) {
        struct content_data d;
        struct content_commitment c;
        content_data_init(&d);
        for (uint32_t i = 0; i < n; i++)
            CHECK_OK(content_data_add(&d, &records[i]));
        CHECK_OK(content_data_finish(&c, &d));
        uint64_t before = 0;
        for (uint32_t i = 0; i < n; i++) {
            uint8_t path[CONTENT_RECORD_DEPTH_MAX * CONTENT_NODE_SIZE];
            struct writer w = writer_of(path, sizeof(path));
            content_record_path(&w, leaves, n, i);
            CHECK_OK(w.err);
            struct content_claim claim = { c.size, c.data_root, n, i, writer_span(&w) };
            uint64_t start;
            CHECK_OK(content_record_verify(&start, &records[i], &claim));
            CHECK(start == before);
            before += records[i].length;

            struct content_claim bad = claim;
            bad.size++;
            CHECK_ERR(content_record_verify(&start, &records[i], &bad), ERR_CORRUPT);
            bad = claim;
            bad.index = n;
            CHECK_ERR(content_record_verify(&start, &records[i], &bad), ERR_RANGE);
            bad = claim;
            bad.record_count++;
            CHECK(content_record_verify(&start, &records[i], &bad) != OK);
            if (n > 1) {
                bad = claim;
                bad.index = (i + 1) % n;
                CHECK(content_record_verify(&start, &records[i], &bad) != OK);
                bad = claim;
                bad.path.n -= CONTENT_NODE_SIZE;
                CHECK_ERR(content_record_verify(&start, &records[i], &bad), ERR_FORMAT);
                path[39 - 7] ^= 1; /* the first sibling's sum */
                CHECK(content_record_verify(&start, &records[i], &claim) != OK);
                path[39 - 7] ^= 1;
                memset(path + 32, 0xff, 8);
                CHECK_ERR(content_record_verify(&start, &records[i], &claim),
                          records[i].length == 0 ? ERR_CORRUPT : ERR_RANGE);
            }
        }
        CHECK(before == c.size);
    }
}

static void a_record_out_of_bounds_is_refused(void **state)
{
    (void)state;
    struct content_record r = { .key.codec = CID_CODEC_DAG_PB, .length = CONTENT_BLOCK_MAX };
    struct content_record got;
    struct content_data d;
    uint8_t bytes[CONTENT_RECORD_SIZE];
    content_record_encode(bytes, &r);
    CHECK_OK(content_record_decode(&got, bytes));
    r.length++;
    content_record_encode(bytes, &r);
    CHECK_ERR(content_record_decode(&got, bytes), ERR_RANGE);
    content_data_init(&d);
    CHECK_ERR(content_data_add(&d, &r), ERR_RANGE);
    r = (struct content_record){ .key.codec = CID_CODEC_DAG_JSON };
    content_record_encode(bytes, &r);
    CHECK_ERR(content_record_decode(&got, bytes), ERR_UNSUPPORTED);
    CHECK_ERR(content_data_add(&d, &r), ERR_UNSUPPORTED);
    r.key.codec = CID_CODEC_RAW;
    r.length = 5;
    d.tree.sum = CONTENT_SIZE_MAX - 4;
    CHECK_ERR(content_data_add(&d, &r), ERR_RANGE);
    d.tree.sum = 0;
    d.tree.count = CONTENT_RECORDS_MAX;
    CHECK_ERR(content_data_add(&d, &r), ERR_LIMIT);
}

static void extents_are_their_rows(void **state)
{
    (void)state;
    static uint8_t extent[4 * SRD_ROW_SIZE];
    struct prng g;
    prng_init(&g, 4);
    prng_fill(&g, extent, sizeof(extent));
    uint8_t rows[4][32];
    uint8_t root[32];
    uint8_t want[32];
    struct srd_extent e;
    srd_extent_init(&e);
    CHECK_ERR(srd_extent_root(root, &e), ERR_FORMAT);
    for (size_t i = 0; i < 4; i++) {
        srd_row_root(rows[i], extent + i * SRD_ROW_SIZE);
        srd_extent_add(&e, rows[i]);
        if (i == 2)
            CHECK_ERR(srd_extent_root(root, &e), ERR_FORMAT);
    }
    CHECK_OK(srd_extent_root(root, &e));
    plain_root(want, &chunk_tree_srd, span_of(extent, sizeof(extent)));
    CHECK(memcmp(root, want, 32) == 0);
    for (uint64_t chunk = 0; chunk < 4096; chunk += 373) {
        uint8_t path[SRD_DEPTH_MAX][32];
        struct span c = span_of(extent + chunk * CHUNK_SIZE, CHUNK_SIZE);
        size_t n = srd_path(path, extent + chunk / 1024 * SRD_ROW_SIZE, (const uint8_t(*)[32])rows,
                            4, chunk);
        CHECK(n == 12);
        CHECK_OK(srd_verify(root, sizeof(extent), chunk, c, span_of(path, n * 32)));
        CHECK(srd_verify(root, sizeof(extent), chunk ^ 1, c, span_of(path, n * 32)) != OK);
        CHECK(srd_verify(root, sizeof(extent) / 2, chunk, c, span_of(path, n * 32)) != OK);
        CHECK_ERR(srd_verify(root, sizeof(extent) + 1024, chunk, c, span_of(path, n * 32)),
                  ERR_RANGE);
    }
    CHECK(srd_size_valid(1 << 10) && srd_size_valid((uint64_t)1 << 62));
    CHECK(!srd_size_valid(1 << 9) && !srd_size_valid(3 << 20) &&
          !srd_size_valid((uint64_t)1 << 63));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunk_trees_of_all_lengths_around_chunk_boundaries),
        cmocka_unit_test(oracle_content),
        cmocka_unit_test(record_paths_of_all_counts),
        cmocka_unit_test(a_record_out_of_bounds_is_refused),
        cmocka_unit_test(extents_are_their_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
