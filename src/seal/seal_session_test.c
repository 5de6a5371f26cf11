#include "seal/seal_session.h"

#include "base/check.h"
#include "base/hex.h"
#include "crypto/random.h"

#include <jansson.h>

/* The roots that the independent implementation gives (tests/oracle). */
static void test_seal_root_agrees_with_the_oracle(void **state)
{
    (void)state;
    json_error_t error;
    json_t *misc = json_load_file("tests/vectors/oracle/misc.json", 0, &error);
    CHECK(misc != NULL);
    size_t cases = 0, i, k;
    json_t *at, *segment;
    json_array_foreach(json_object_get(misc, "segments"), i, at)
    {
        struct merkle tree;
        uint8_t root[32], expected[32];
        merkle_init(&tree, &seal_session_tags);
        json_array_foreach(json_object_get(at, "segments"), k, segment)
        {
            uint8_t wrapped[ENCLAVE_WRAPPED_SIZE], leaf[32];
            CHECK_OK(
                hex_parse(wrapped, sizeof(wrapped), json_string_value(json_array_get(segment, 1))));
            seal_session_segment_leaf(leaf, (uint32_t)k,
                                      (uint32_t)json_integer_value(json_array_get(segment, 0)),
                                      wrapped);
            merkle_add(&tree, leaf);
        }
        merkle_root(root, &tree);
        CHECK_OK(hex_parse(expected, 32, json_string_value(json_object_get(at, "seal_root"))));
        CHECK(memcmp(root, expected, 32) == 0);
        cases++;
    }
    json_decref(misc);
    CHECK(cases >= 2);
}

static void make_keys(struct seal_keys *k)
{
    struct secret nmk;
    random_bytes(nmk.b, sizeof(nmk.b));
    static const uint8_t pin[32] = { 3 };
    seal_keys_make(k, &nmk, pin);
}

static void test_sealed_keys_open_under_the_same_key_and_chain_only(void **state)
{
    (void)state;
    struct seal_keys k, back;
    struct secret sealing = { { 1 } };
    uint8_t blob[SEAL_KEYS_BLOB], chain[32] = { 2 }, nonce[24];
    random_bytes(nonce, sizeof(nonce));
    make_keys(&k);
    seal_keys_seal(blob, &k, &sealing, chain, nonce);
    CHECK_OK(seal_keys_open(&back, span_of(blob, sizeof(blob)), &sealing, chain));
    CHECK(memcmp(&k, &back, sizeof(k)) == 0);
    for (size_t n = 0; n < sizeof(blob); n++)
        CHECK(seal_keys_open(&back, span_of(blob, n), &sealing, chain) != OK);
    for (size_t bit = 0; bit < sizeof(blob) * 8; bit++) {
        blob[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(seal_keys_open(&back, span_of(blob, sizeof(blob)), &sealing, chain) != OK);
        blob[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    chain[0]++;
    CHECK_ERR(seal_keys_open(&back, span_of(blob, sizeof(blob)), &sealing, chain), ERR_SIGNATURE);
    chain[0]--;
    sealing.b[31]++;
    CHECK_ERR(seal_keys_open(&back, span_of(blob, sizeof(blob)), &sealing, chain), ERR_SIGNATURE);
    static const struct seal_keys zero;
    CHECK(memcmp(&back, &zero, sizeof(zero)) == 0);
}

/* A segment filled to the last byte, then one block that has no room, at odd offsets. */
static void test_segment_is_full_at_64_mebibytes(void **state)
{
    (void)state;
    static struct seal_session s;
    struct seal_keys keys;
    struct secret f = { { 9 } };
    struct enclave_seal_block_reply placed;
    struct enclave_seal_close_reply closed;
    uint8_t checkpoint[SEAL_SESSION_CHECKPOINT];
    const size_t max = CONTENT_BLOCK_MAX;
    uint8_t *memory = calloc(1, SEAL_SESSION_HEADROOM + max);
    CHECK(memory != NULL);
    uint8_t *block = memory + SEAL_SESSION_HEADROOM;
    make_keys(&keys);
    CHECK_OK(aes_ctr_init(&s.aes));
    struct content_key key = { .codec = CID_CODEC_RAW };
    CHECK_OK(seal_session_begin(&s, 1, &key, &f));
    uint32_t at = 0;
    for (unsigned i = 0; at < ENCLAVE_SEGMENT_MAX; i++) {
        size_t n = i == 0 ? 5 : i == 1 ? max - 5 : max;
        memset(block, (int)i + 1, n);
        sha256(key.digest, span_of(block, n));
        CHECK_OK(seal_session_block(&s, &placed, &key, (struct mspan){ block, n }, random_bytes));
        CHECK(placed.segment == 0 && placed.offset == at);
        at += (uint32_t)n;
    }
    block[0] = 7;
    sha256(key.digest, span_of(block, 1));
    CHECK_ERR(seal_session_block(&s, &placed, &key, (struct mspan){ block, 1 }, random_bytes),
              ERR_FULL);
    CHECK(block[0] == 7); /* nothing was done to it */
    CHECK_OK(seal_session_close(&s, &closed, checkpoint, &keys, random_bytes));
    CHECK(closed.length == ENCLAVE_SEGMENT_MAX && closed.segment == 0);
    CHECK_ERR(seal_session_close(&s, &closed, checkpoint, &keys, random_bytes), ERR_STATE);
    CHECK_OK(seal_session_block(&s, &placed, &key, (struct mspan){ block, 1 }, random_bytes));
    CHECK(placed.segment == 1 && placed.offset == 0);
    seal_session_wipe(&s);
    aes_ctr_fini(&s.aes);
    free(memory);
}

static void test_wiped_session_holds_no_key(void **state)
{
    (void)state;
    static struct seal_session s;
    struct secret f;
    memset(f.b, 0xa5, sizeof(f.b));
    struct content_key key = { .codec = CID_CODEC_RAW };
    CHECK_OK(aes_ctr_init(&s.aes));
    CHECK_OK(seal_session_begin(&s, 1, &key, &f));
    seal_session_wipe(&s);
    const uint8_t *p = (const uint8_t *)&s;
    for (size_t i = 0; i + 8 <= sizeof(s); i++)
        CHECK(memcmp(p + i, f.b, 8) != 0);
    CHECK(!s.used);
    aes_ctr_fini(&s.aes);
}

int main(void)
{
    if (random_init() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seal_root_agrees_with_the_oracle),
        cmocka_unit_test(test_sealed_keys_open_under_the_same_key_and_chain_only),
        cmocka_unit_test(test_segment_is_full_at_64_mebibytes),
        cmocka_unit_test(test_wiped_session_holds_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
