#include "engine/sigpool.h"

#include "base/check.h"
#include "codec/tx.h"
#include "crypto/random.h"

enum { TXS = 203, ROOM = 320 };

static uint8_t bytes[TXS][ROOM];
static struct span txs[TXS];

static int setup(void **state)
{
    (void)state;
    struct ed25519_key key;
    const uint8_t seed[32] = { 1 };
    if (random_init() != OK)
        return -1;
    ed25519_keypair(&key, seed);
    for (size_t i = 0; i < TXS; i++) {
        struct tx tx = { .nonce = i, .expiry = 9, .call = { .kind = TX_TRANSFER } };
        memcpy(tx.from, key.public_key, 32);
        if (tx_sign(&txs[i], &tx, (struct mspan){ bytes[i], ROOM }, &key) != OK)
            return -1;
    }
    return 0;
}

static void good_and_bad_ones_are_told_apart(void **state)
{
    (void)state;
    static uint8_t broken[TXS][ROOM];
    struct span list[TXS];
    for (uint32_t threads = 1; threads <= 4; threads++) {
        struct sigpool *pool;
        CHECK_OK(sigpool_open(&pool, threads));
        for (size_t count = 0; count <= TXS; count += 29) {
            bool ok[TXS] = { false };
            for (size_t i = 0; i < count; i++) {
                memcpy(broken[i], txs[i].p, txs[i].n);
                list[i] = span_of(broken[i], txs[i].n);
                /* The signature stands near the front; any bit of it counts. */
                if (i % 3 == 0)
                    broken[i][50 + i % 20] ^= 1;
            }
            sigpool_check(pool, ok, list, count);
            for (size_t i = 0; i < TXS; i++)
                CHECK(ok[i] == (i < count && i % 3 != 0));
        }
        sigpool_close(pool);
    }
}

static void what_was_checked_before_is_left_alone(void **state)
{
    (void)state;
    struct sigpool *pool;
    CHECK_OK(sigpool_open(&pool, 2));
    const struct span junk[2] = { span_str("junk"), span_str("") };
    bool ok[2] = { true, false };
    sigpool_check(pool, ok, junk, 2);
    CHECK(ok[0] && !ok[1]);
    sigpool_close(pool);
    sigpool_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_and_bad_ones_are_told_apart),
        cmocka_unit_test(what_was_checked_before_is_left_alone),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
