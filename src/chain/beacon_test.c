/* The beacon among many contributors: docs/spec/beacon.md 3 to 8. */
#include "base/check.h"
#include "base/hex.h"
#include "base/prng.h"
#include "chain/testera.h"
#include "crypto/vrf.h"

static struct world w;

static const char key_proof[] =
    "361b16b5fb6d7a379ff58e418e666c3d59b7ed09c292618aacfb02a15b1c4436d427c5d4130ab823"
    "e1f96377ee66ad50d1fcf6541a03a52f9079382631b39bf26dfca0fcac0f0db7d2fed0448d0f5503";

enum { FIRST = 20 }; /* the first stash; those of validator i are FIRST + i */

static void beacon_key_of(struct ed25519_key *key, size_t i)
{
    world_seed(key, 'R', i);
}

static enum tx_result register_with(size_t stash, size_t i, size_t proven_for)
{
    struct tx_call call = { .kind = TX_STAKE_BEACON };
    struct ed25519_key key;
    uint8_t alpha[32];
    beacon_key_of(&key, i);
    beacon_key_alpha(alpha, w.chain_hash, ts_id(proven_for));
    CHECK_OK(vrf_prove(call.stake.vrf, &key, span_of(alpha, 32)));
    memcpy(call.stake.key, key.public_key, 32);
    return ts_call(&w, stash, &call);
}

static enum tx_result register_key(size_t stash, size_t i)
{
    return register_with(stash, i, stash);
}

/* A network with validators of these stakes, all elected in era 1; era 1 has begun. */
static void validators(const char *more, const u128 *stakes, size_t count)
{
    ts_start(&w, more, "1000000");
    for (size_t i = 0; i < count; i++) {
        ts_candidate(&w, FIRST + i, stakes[i]);
        ts_workload(&w, FIRST + i, 0, (uint64_t)1 << 30);
    }
    ts_to_era(&w, 1);
    struct staking_elected e;
    staking_get_elected(&w.chain.ledger, &e);
    CHECK(e.count == count);
}

static void to_offset(uint64_t offset)
{
    while ((w.chain.height + 1) % w.chain.params.slot_blocks != offset)
        ts_block(&w, NULL);
}

static uint64_t slot_now(void)
{
    return (w.chain.height + 1) / w.chain.params.slot_blocks;
}

/* Up to the first block of an era at least this. */
static void to_slot_of_era(uint32_t era)
{
    ts_to_era(&w, era);
    to_offset(0);
}

static struct beacon_committee committee(void)
{
    struct beacon_committee k;
    beacon_committee_get(&w.chain.ledger, &k);
    return k;
}

static bool is_member(size_t i)
{
    struct ed25519_key key;
    struct beacon_member m;
    beacon_key_of(&key, i);
    return beacon_member(&w.chain.ledger, &m, key.public_key) &&
           memcmp(m.id, ts_id(FIRST + i), 32) == 0;
}

/* One block with these transactions. */
static void block_of(const struct span *txs, size_t count, struct chain_tx_result *results)
{
    struct chain_block block = { .height = w.chain.height + 1,
                                 .time_ms = w.chain.time_ms + 1000,
                                 .txs = txs,
                                 .tx_count = count };
    block.hash[0] = (uint8_t)block.height;
    CHECK_OK(chain_finalize(&w.chain, &ts_out, results, &block, NULL));
}

static struct span contribution_of(size_t i, uint8_t room[512])
{
    struct ed25519_key key;
    struct span tx;
    beacon_key_of(&key, i);
    CHECK_OK(chain_contribution(&w.chain, &tx, (struct mspan){ room, 512 }, &key));
    return tx;
}

/* The rest of a slot, in which the validators of mask contribute in the window's first block. */
static void slot_with(uint32_t mask)
{
    uint8_t room[32][512];
    struct span txs[32];
    struct chain_tx_result results[32];
    size_t n = 0;
    to_offset(w.chain.params.report_blocks);
    for (size_t i = 0; i < 32; i++)
        if ((mask >> i & 1) != 0) {
            txs[n] = contribution_of(i, room[n]);
            n++;
        }
    block_of(txs, n, results);
    for (size_t i = 0; i < n; i++)
        CHECK(results[i].code == RESULT_OK);
    to_offset(0);
}

static struct beacon_value value_now(void)
{
    struct beacon_value v;
    CHECK(beacon_at(&w.chain.ledger, &v, slot_now()));
    return v;
}

/* ---- keys ---- */

static void a_key_is_active_two_eras_later(void **state)
{
    (void)state;
    const u128 stakes[] = { 400, 300 };
    validators("beacon_misses_max=64 beacon_miss_slots=64", stakes, 2);
    CHECK(register_key(FIRST, 0) == RESULT_OK);
    struct beacon_keys keys;
    for (uint32_t era = 1; era < 5; era++) {
        CHECK(beacon_keys_get(&w.chain.ledger, &keys, ts_id(FIRST), era));
        CHECK(keys.active == (era >= 3) && keys.next == (era < 3));
        CHECK(keys.next_era == (era < 3 ? 3 : 0));
    }
    /* The committee follows from era 3's first slot on, and is genesis's until then. */
    uint32_t era;
    for (era = ts_now(&w).era; era < 3; era = ts_now(&w).era) {
        CHECK(!committee().elected && committee().count == 1 && !is_member(0));
        ts_block(&w, NULL);
    }
    CHECK(committee().elected && committee().count == 1 && committee().power == 400);
    CHECK(is_member(0) && !is_member(1));
    /* Another key: the same delay, and fixed until then. */
    CHECK(register_key(FIRST, 7) == RESULT_OK);
    for (; ts_now(&w).era < 5; ts_block(&w, NULL))
        CHECK(is_member(0));
    CHECK(!is_member(0) && committee().count == 1);
    struct ed25519_key key;
    struct beacon_member m;
    beacon_key_of(&key, 7);
    CHECK(beacon_member(&w.chain.ledger, &m, key.public_key));
    ts_sound(&w);
}

static void a_key_registers_once(void **state)
{
    (void)state;
    const u128 stakes[] = { 400, 300 };
    validators("", stakes, 2);
    CHECK(register_key(3, 0) == RESULT_NOT_CONTROLLER);
    CHECK(register_with(FIRST, 0, FIRST + 1) == RESULT_BEACON_KEY_PROOF);
    struct tx_call call = { .kind = TX_STAKE_BEACON };
    CHECK(ts_call(&w, FIRST, &call) == RESULT_BEACON_KEY_PROOF);
    CHECK(register_key(FIRST, 0) == RESULT_OK);
    CHECK(register_key(FIRST, 0) == RESULT_BEACON_KEY_USED);
    CHECK(register_key(FIRST + 1, 0) == RESULT_BEACON_KEY_USED);
    /* A key that waits gives way to a newer one, which waits as long. */
    CHECK(register_key(FIRST, 1) == RESULT_OK);
    struct beacon_keys keys;
    struct ed25519_key key;
    beacon_key_of(&key, 1);
    CHECK(beacon_keys_get(&w.chain.ledger, &keys, ts_id(FIRST), 1));
    CHECK(!keys.active && keys.next && memcmp(keys.next_key, key.public_key, 32) == 0);
    CHECK(register_key(FIRST, 0) == RESULT_BEACON_KEY_USED); /* and does not come back */
}

/* SPEC beacon 3.2: "proof" of a key, the vector of section 10. */
static void the_proof_of_a_key_is_the_vector(void **state)
{
    (void)state;
    struct ed25519_key key;
    uint8_t chain[32], alpha[32], proof[VRF_PROOF_SIZE];
    char text[2 * VRF_PROOF_SIZE + 1];
    beacon_key_of(&key, 0);
    sha256(chain, span_str("crust-test"));
    beacon_key_alpha(alpha, chain, ts_id(FIRST));
    CHECK_OK(vrf_prove(proof, &key, span_of(alpha, 32)));
    hex_format(text, span_of(proof, sizeof(proof)));
    CHECK(strcmp(text, key_proof) == 0);
}

/* ---- the committee ---- */

static void the_committee_is_the_most_powerful(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        u128 stakes[8];
        uint32_t with_key; /* bits */
        uint32_t count;
        uint64_t power;
    } rows[] = {
        { "beacon_members_min=2", { 500, 300, 100, 60, 40 }, 31, 2, 800 },
        { "beacon_members_min=3", { 500, 300, 100, 60, 40 }, 31, 3, 900 },
        { "beacon_members_min=1", { 500, 300, 100, 60, 40 }, 31, 2, 800 },
        { "beacon_members_min=1", { 700, 100, 100, 60, 40 }, 31, 1, 700 },
        { "beacon_members_min=1", { 200, 199, 198, 197, 196, 195 }, 63, 4, 794 },
        { "beacon_members_min=21", { 500, 300, 100, 60, 40 }, 31, 5, 1000 },
        { "beacon_members_min=2", { 500, 300, 100, 60, 40 }, 29, 4, 700 }, /* no key: not it */
        { "beacon_members_min=2", { 500, 300, 100, 60, 40 }, 16, 1, 40 },
        { "beacon_members_min=21 report_blocks=8", { 500, 300, 100, 60, 40 }, 31, 4, 960 },
    };
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        size_t n = 0;
        while (n < 8 && rows[r].stakes[n] != 0)
            n++;
        validators(rows[r].more, rows[r].stakes, n);
        for (size_t i = 0; i < n; i++)
            if ((rows[r].with_key >> i & 1) != 0)
                CHECK(register_key(FIRST + i, i) == RESULT_OK);
        to_slot_of_era(3);
        CHECK(committee().elected && committee().count == rows[r].count);
        CHECK(committee().power == rows[r].power);
        uint8_t key[32] = { 0 };
        struct beacon_member m;
        uint64_t sum = 0;
        uint32_t count = 0;
        for (; beacon_committee_next(&w.chain.ledger, key, &m); count++)
            sum += m.power;
        CHECK(sum == rows[r].power && count == rows[r].count);
    }
}

static void strength_is_counted_by_power(void **state)
{
    (void)state;
    const u128 stakes[] = { 500, 300, 200 };
    static const struct {
        uint32_t mask;
        bool weak;
    } rows[] = { { 7, false }, { 1, true }, { 2, true }, { 3, false },
                 { 5, false }, { 6, true }, { 0, true } };
    validators("beacon_misses_max=24", stakes, 3);
    for (size_t i = 0; i < 3; i++)
        CHECK(register_key(FIRST + i, i) == RESULT_OK);
    to_slot_of_era(3);
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        slot_with(rows[r].mask);
        struct beacon_value v = value_now();
        CHECK(v.weak == rows[r].weak && v.committee == 3);
        CHECK(v.contributions == (uint32_t)__builtin_popcount(rows[r].mask));
    }
    ts_sound(&w);
}

/* ---- values ---- */

/* B_slot from these validators' betas, by hand. */
static void value_by_hand(uint8_t out[32], uint64_t slot, const uint8_t previous[32], uint32_t mask)
{
    struct sha256 h;
    uint8_t alpha[32], number[8], proof[VRF_PROOF_SIZE], beta[VRF_OUTPUT_SIZE];
    const uint8_t *last = NULL;
    beacon_alpha(alpha, w.chain_hash, slot, previous);
    store_le64(number, slot);
    sha256_init(&h);
    sha256_update(&h, span_str("crust/beacon/1"));
    sha256_update(&h, span_of(previous, 32));
    sha256_update(&h, span_of(number, 8));
    for (;;) {
        size_t best = 32;
        for (size_t i = 0; i < 32; i++)
            if ((mask >> i & 1) != 0 && (last == NULL || memcmp(ts_id(FIRST + i), last, 32) > 0) &&
                (best == 32 || memcmp(ts_id(FIRST + i), ts_id(FIRST + best), 32) < 0))
                best = i;
        if (best == 32)
            break;
        struct ed25519_key key;
        beacon_key_of(&key, best);
        CHECK_OK(vrf_prove(proof, &key, span_of(alpha, 32)));
        CHECK_OK(vrf_proof_to_hash(beta, proof));
        last = ts_id(FIRST + best);
        sha256_update(&h, span_of(last, 32));
        sha256_update(&h, span_of(beta, 64));
    }
    sha256_final(&h, out);
}

/* Random subsets, each in random order and in random blocks of the window. */
static void the_value_is_that_of_the_set(void **state)
{
    (void)state;
    const u128 stakes[] = { 120, 115, 110, 105, 100, 95 };
    validators("beacon_misses_max=64 beacon_miss_slots=64", stakes, 6);
    for (size_t i = 0; i < 6; i++)
        CHECK(register_key(FIRST + i, i) == RESULT_OK);
    to_slot_of_era(3);
    CHECK(committee().count == 6);
    struct prng rng;
    prng_init(&rng, 20261122);
    for (int round = 0; round < 24; round++) {
        struct beacon_value before = value_now();
        uint64_t slot = slot_now() + 1;
        uint32_t mask = (uint32_t)prng_below(&rng, 64), sent = 0;
        to_offset(7);
        for (int b = 0; b < 3; b++) {
            uint8_t room[6][512];
            struct span txs[6];
            struct chain_tx_result results[6];
            size_t n = 0;
            while ((mask & ~sent) != 0 && (b == 2 || prng_below(&rng, 3) != 0)) {
                size_t i = prng_below(&rng, 6);
                if (((mask & ~sent) >> i & 1) == 0)
                    continue;
                txs[n] = contribution_of(i, room[n]);
                sent |= 1u << i;
                n++;
            }
            block_of(txs, n, results);
            for (size_t i = 0; i < n; i++)
                CHECK(results[i].code == RESULT_OK && amount_is_zero(results[i].fee));
        }
        uint8_t want[32];
        struct beacon_value v = value_now();
        value_by_hand(want, slot, before.value, mask);
        CHECK(slot == slot_now() && memcmp(want, v.value, 32) == 0);
        CHECK(v.contributions == (uint32_t)__builtin_popcount(mask));
    }
    ts_sound(&w);
}

static void wrong_contributions_are_refused(void **state)
{
    (void)state;
    const u128 stakes[] = { 500, 300, 200 };
    uint8_t room[5][512];
    struct span txs[5];
    struct chain_tx_result r[5];
    struct chain_check check;
    struct tx tx;
    validators("", stakes, 3);
    CHECK(register_key(FIRST, 0) == RESULT_OK && register_key(FIRST + 1, 1) == RESULT_OK);
    to_slot_of_era(3);
    /* Genesis's contributor is none any more; outside the window nobody is asked. */
    struct mspan into = { room[0], sizeof(room[0]) };
    struct ed25519_key key;
    beacon_key_of(&key, 0);
    CHECK_ERR(chain_contribution(&w.chain, &txs[0], into, &key), ERR_NOT_FOUND);
    to_offset(7);
    CHECK_ERR(chain_contribution(&w.chain, &txs[0], into, &w.beacon_key), ERR_NOT_FOUND);
    /* Twice in a block; another's proof under this key; a key outside the committee. */
    txs[0] = contribution_of(0, room[0]);
    txs[1] = txs[0];
    CHECK_OK(tx_decode(&tx, contribution_of(1, room[2])));
    memcpy(tx.call.beacon.key, key.public_key, 32);
    struct writer out = writer_of(room[2], sizeof(room[2]));
    tx_encode(&out, &tx);
    txs[2] = writer_span(&out);
    chain_check_tx(&w.chain, &check, txs[2], false);
    CHECK(check.code == RESULT_BEACON_BAD_PROOF);
    beacon_key_of(&key, 2);
    memcpy(tx.call.beacon.key, key.public_key, 32);
    out = writer_of(room[3], sizeof(room[3]));
    tx_encode(&out, &tx);
    txs[3] = writer_span(&out);
    block_of(txs, 4, r);
    CHECK(r[0].code == RESULT_OK && r[1].code == RESULT_BEACON_REPEATED);
    CHECK(r[2].code == RESULT_BEACON_REPEATED && r[3].code == RESULT_BEACON_UNKNOWN_KEY);
    chain_check_tx(&w.chain, &check, txs[0], false);
    CHECK(check.code == RESULT_BEACON_REPEATED);
    /* Late: the window is over. Replayed in the next one: the slot, or the proof, is wrong. */
    txs[1] = contribution_of(1, room[1]);
    to_offset(0);
    block_of(&txs[1], 1, r);
    CHECK(r[0].code == RESULT_BEACON_WRONG_SLOT);
    to_offset(7);
    CHECK_OK(tx_decode(&tx, txs[1]));
    tx.call.beacon.slot++;
    out = writer_of(room[4], sizeof(room[4]));
    tx_encode(&out, &tx);
    txs[2] = writer_span(&out);
    block_of(&txs[1], 2, r);
    CHECK(r[0].code == RESULT_BEACON_WRONG_SLOT && r[1].code == RESULT_BEACON_BAD_PROOF);
    CHECK(value_now().contributions == 1);
    ts_sound(&w);
}

/* ---- what withholding costs ---- */

static void withholding_forfeits_its_part_of_the_era(void **state)
{
    (void)state;
    const u128 stakes[] = { 400, 400 };
    validators("reward_first_year=1000000000000000", stakes, 2);
    for (size_t i = 0; i < 2; i++)
        CHECK(register_key(FIRST + i, i) == RESULT_OK);
    to_slot_of_era(3);
    uint32_t era = ts_now(&w).era, asked, missed;
    /* Each authors one block: equal points. The second misses one slot of the era's three. */
    for (size_t i = 0; i < 2; i++) {
        struct chain_block says = { .author = ts_id(FIRST + i) };
        ts_block(&w, &says);
    }
    slot_with(3);
    slot_with(1);
    beacon_counts(&w.chain.ledger, ts_id(FIRST), &asked, &missed);
    CHECK(asked == 2 && missed == 0);
    beacon_counts(&w.chain.ledger, ts_id(FIRST + 1), &asked, &missed);
    CHECK(asked == 2 && missed == 1);
    slot_with(3);
    CHECK(ts_now(&w).era == era + 1);
    struct staking_era e;
    CHECK(staking_get_era(&w.chain.ledger, &e, era));
    CHECK(e.points == 40);
    CHECK(staking_get_points(&w.chain.ledger, era, ts_id(FIRST)) == 20);
    CHECK(staking_get_points(&w.chain.ledger, era, ts_id(FIRST + 1)) == 13);
    u128 honest = staking_reward(&w.chain.ledger, era, ts_id(FIRST)).units;
    u128 silent = staking_reward(&w.chain.ledger, era, ts_id(FIRST + 1)).units;
    /* Nobody gains what is forfeited: the honest one has half of everything, as without it. */
    u128 half = ratio_mul(500000000, PERBILL, e.authoring.units) +
                ratio_mul(500000000, PERBILL, e.staking.units);
    CHECK(honest == half);
    CHECK(honest - silent == ratio_mul(500000000, PERBILL, e.authoring.units) -
                                 ratio_mul(325000000, PERBILL, e.authoring.units));
    beacon_counts(&w.chain.ledger, ts_id(FIRST + 1), &asked, &missed);
    CHECK(asked == 0 && missed == 0); /* anew in the next era */
    ts_sound(&w);
}

static void three_misses_are_jail(void **state)
{
    (void)state;
    const u128 stakes[] = { 400, 300, 300 };
    validators("beacon_miss_slots=8", stakes, 3);
    for (size_t i = 0; i < 3; i++)
        CHECK(register_key(FIRST + i, i) == RESULT_OK);
    to_slot_of_era(3);
    /* Two misses, and the third when the first is too long ago: no jail. */
    static const uint32_t masks[] = { 3, 3, 7, 7, 7, 7, 7, 7, 3 };
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        slot_with(masks[i]);
        CHECK(ts_ledger(&w, FIRST + 2).validates);
    }
    CHECK(!beacon_is_jailed(&w.chain.ledger, ts_id(FIRST + 2)));
    slot_with(3); /* the second is eight slots ago: two count */
    CHECK(ts_ledger(&w, FIRST + 2).validates);
    slot_with(3);
    uint64_t jailed = slot_now();
    CHECK(!ts_ledger(&w, FIRST + 2).validates);
    CHECK(beacon_is_jailed(&w.chain.ledger, ts_id(FIRST + 2)));
    for (; slot_now() < jailed + 8; slot_with(3))
        CHECK(ts_validate(&w, FIRST + 2, 0) == RESULT_BEACON_JAILED);
    struct staking_elected e;
    staking_get_elected(&w.chain.ledger, &e);
    for (uint32_t i = 0; i < e.count; i++)
        CHECK(memcmp(e.rows[i].stash, ts_id(FIRST + 2), 32) != 0);
    CHECK(ts_validate(&w, FIRST + 2, 0) == RESULT_OK);
    ts_sound(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_active_two_eras_later),
        cmocka_unit_test(a_key_registers_once),
        cmocka_unit_test(the_proof_of_a_key_is_the_vector),
        cmocka_unit_test(the_committee_is_the_most_powerful),
        cmocka_unit_test(strength_is_counted_by_power),
        cmocka_unit_test(the_value_is_that_of_the_set),
        cmocka_unit_test(wrong_contributions_are_refused),
        cmocka_unit_test(withholding_forfeits_its_part_of_the_era),
        cmocka_unit_test(three_misses_are_jail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
