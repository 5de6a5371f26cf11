/* The order in which workers take content: its logarithm, and the chances it gives. */
#include "api/rendezvous.h"
#include "base/check.h"

static void weights_decide_in_proportion(void **unused)
{
    (void)unused;
    CHECK(rendezvous_neg_log2(UINT64_MAX) == 0);
    CHECK(rendezvous_neg_log2(0) == (uint64_t)64 << 32);
    CHECK(rendezvous_neg_log2(((uint64_t)1 << 63) - 1) == (uint64_t)1 << 32);
    CHECK(rendezvous_neg_log2(((uint64_t)1 << 62) - 1) == (uint64_t)2 << 32);
    uint64_t before = UINT64_MAX;
    for (uint64_t x = 0; x < (uint64_t)1 << 63; x = x * 3 + 1) {
        CHECK(rendezvous_neg_log2(x) < before);
        before = rendezvous_neg_log2(x);
    }
    uint8_t epoch[32] = { 1 }, a[32] = { 2 }, b[32] = { 3 };
    uint32_t wins = 0;
    struct content_key key = { .codec = CID_CODEC_RAW };
    for (uint32_t i = 0; i < 4000; i++) {
        store_le32(key.digest, i);
        struct rendezvous_score one = rendezvous_score(epoch, &key, a, 3);
        struct rendezvous_score two = rendezvous_score(epoch, &key, b, 1);
        CHECK(!rendezvous_before(&one, &one));
        CHECK(rendezvous_before(&one, &two) != rendezvous_before(&two, &one));
        wins += rendezvous_before(&one, &two);
    }
    CHECK(wins > 2900 && wins < 3100); /* three quarters, within four deviations */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_decide_in_proportion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
