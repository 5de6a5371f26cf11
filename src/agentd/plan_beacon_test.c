/* Contributions to the beacon beside a validator. */
#include "agentd/plan_beacon.h"

#include "base/check.h"
#include "chain/beacon.h"
#include "codec/tx.h"
#include "crypto/vrf.h"

static struct view v;
static struct plan_beacon p;
static struct ed25519_key key;
static uint8_t room[PLAN_BEACON_TX_MAX];
static struct span tx;

/* Slot 12 of 10 blocks, the window's first block comes next. */
static int setup(void **unused)
{
    (void)unused;
    const uint8_t seed[32] = { 9 };
    memset(&v, 0, sizeof(v));
    memset(&p, 0, sizeof(p));
    ed25519_keypair(&key, seed);
    v.chain_known = true;
    v.chain.slot = 12;
    v.chain.slot_offset = 7;
    v.chain.slot_blocks = 10;
    v.chain.report_blocks = 7;
    v.chain.block_ms = 1500;
    memset(v.chain.chain, 0x11, 32);
    memset(v.chain.beacon, 0x22, 32);
    return 0;
}

static bool next(uint64_t now)
{
    return plan_beacon_next(&p, &tx, room, &v, &key, now);
}

/* Whether a block is known to hold it then. */
static bool sent(enum err e, uint32_t result, uint64_t now)
{
    uint64_t before = p.given;
    plan_beacon_sent(&p, &v, e, result, now);
    return p.given > before;
}

static void a_window_gets_a_valid_contribution(void **unused)
{
    (void)unused;
    struct tx t;
    uint8_t alpha[32], beta[VRF_OUTPUT_SIZE];
    for (v.chain.slot_offset = 0; v.chain.slot_offset < 7; v.chain.slot_offset++)
        CHECK(!next(0) && tx.n == 0);
    v.chain_known = false;
    CHECK(!next(0));
    v.chain_known = true;
    CHECK(next(0));
    CHECK_OK(tx_decode(&t, tx));
    CHECK(t.call.kind == TX_BEACON && t.call.beacon.slot == 13);
    CHECK(memcmp(t.call.beacon.key, key.public_key, 32) == 0);
    beacon_alpha(alpha, v.chain.chain, 13, v.chain.beacon);
    CHECK_OK(vrf_verify(beta, t.call.beacon.key, t.call.beacon.proof, span_of(alpha, 32)));
    CHECK(!next(0)); /* one at a time */
}

static void it_is_sent_until_a_block_holds_it(void **unused)
{
    (void)unused;
    CHECK(next(0) && !sent(ERR_TIMEOUT, 0, 10));
    CHECK(!next(10 + PLAN_BEACON_RETRY_MS - 1));
    CHECK(next(10 + PLAN_BEACON_RETRY_MS) && !sent(OK, RESULT_BEACON_WRONG_SLOT, 2000));
    CHECK(next(3000) && !sent(OK, RESULT_OK, 3000)); /* waits for a block */
    CHECK(!next(5999) && next(6000));
    CHECK(sent(OK, RESULT_BEACON_REPEATED, 6000) && p.given == 1);
    CHECK(!next(100000));
    v.chain.slot++; /* the next window */
    CHECK(next(100000));
}

static void who_is_not_asked_asks_once_a_window(void **unused)
{
    (void)unused;
    CHECK(next(0) && !sent(OK, RESULT_BEACON_UNKNOWN_KEY, 0));
    CHECK(!next(100000) && p.given == 0 && p.refused == 1);
    v.chain.slot++;
    CHECK(next(100000));
}

static void the_wait_has_a_bound(void **unused)
{
    (void)unused;
    v.chain.block_ms = 3600000;
    CHECK(next(0) && !sent(OK, RESULT_OK, 0));
    CHECK(!next(PLAN_BEACON_RETRY_MAX_MS - 1) && next(PLAN_BEACON_RETRY_MAX_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_window_gets_a_valid_contribution, setup),
        cmocka_unit_test_setup(it_is_sent_until_a_block_holds_it, setup),
        cmocka_unit_test_setup(who_is_not_asked_asks_once_a_window, setup),
        cmocka_unit_test_setup(the_wait_has_a_bound, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
