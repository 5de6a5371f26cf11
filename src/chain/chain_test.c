#include "base/check.h"
#include "base/prng.h"
#include "chain/testworld.h"
#include "crypto/vrf.h"

static uint8_t state_bytes[32 * 1024 * 1024];
static _Alignas(16) uint8_t memory_bytes[8 * 1024 * 1024];

static const char rich[] = "1000000000000000"; /* 1,000 CRU */

static void start(struct world *w, const char *params)
{
    CHECK(chain_memory_size() <= sizeof(memory_bytes));
    CHECK_OK(world_init(w, (struct mspan){ state_bytes, sizeof(state_bytes) }, memory_bytes, params,
                        rich));
}

static void sound(struct world *w)
{
    const char *what;
    enum err e = chain_check_invariants(&w->chain, &what);
    if (e != OK)
        fprintf(stderr, "invariant: %s\n", what == NULL ? "kv" : what);
    CHECK_OK(e);
}

static struct tx_call transfer_to(const uint8_t to[32], u128 units)
{
    struct tx_call call = { .kind = TX_TRANSFER };
    memcpy(call.transfer.to, to, 32);
    call.transfer.amount = AMOUNT_OF(units);
    return call;
}

static void a_transfer_moves_money_and_pays_its_fee(void **state)
{
    (void)state;
    static struct world w;
    start(&w, "");
    struct tx_call call = transfer_to(w.keys[1].public_key, 5000000000);
    struct amount before = world_free(&w, w.keys[0].public_key);
    CHECK(world_do(&w, 0, &call) == RESULT_OK);
    struct amount after = world_free(&w, w.keys[0].public_key);
    struct amount treasury = world_free(&w, accounts_pot(POT_TREASURY));
    CHECK(before.units - after.units == 5000000000 + treasury.units);
    CHECK(treasury.units > w.chain.params.fee_base.units);
    CHECK(world_free(&w, w.keys[1].public_key).units == before.units + 5000000000);
    sound(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_moves_money_and_pays_its_fee),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
