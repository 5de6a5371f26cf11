/* content_pair against content: both give the record of any block. */
#include "proof/content_pair.h"

#include "base/check.h"
#include "base/prng.h"

static uint8_t block[CONTENT_BLOCK_MAX];
static const struct content_key key = { .codec = CID_CODEC_RAW, .digest = { 7 } };

/* The block is an allocation of its own size, so that a read past its end is seen. */
static void check_size(size_t n)
{
    struct content_record one, pair;
    uint8_t *exact = check_dup(block, n);
    content_record_of(&one, &key, span_of(exact, n));
    content_pair_record_of(&pair, &key, span_of(exact, n));
    CHECK(pair.length == n && pair.length == one.length);
    CHECK(cid_key_cmp(&pair.key, &key) == 0);
    CHECK(memcmp(pair.chunk_root, one.chunk_root, 32) == 0);
    free(exact);
}

static void test_every_number_of_chunks_gives_the_same_record(void **state)
{
    (void)state;
    struct prng g;
    prng_init(&g, 1);
    prng_fill(&g, block, sizeof(block));
    check_size(0);
    /* Batches are of 16 chunks: several of them, with every rest, and lengths around each border.
     */
    for (size_t chunks = 1; chunks <= 67; chunks++) {
        check_size(chunks * CHUNK_SIZE - 1);
        check_size(chunks * CHUNK_SIZE);
        check_size(chunks * CHUNK_SIZE + 1);
    }
    check_size(CONTENT_BLOCK_MAX - 1);
    check_size(CONTENT_BLOCK_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_number_of_chunks_gives_the_same_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
