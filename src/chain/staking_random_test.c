/* Random histories: money, the engine's rules, genesis. */
#include "chain/staking.h"

#include "base/prng.h"
#include "chain/testera.h"

enum { STASHES = 40, FIRST = 20, ORACLE_MAX = 512 };

static struct world w;
static struct prng rng;

/* ---- the engine's rules, written from its documentation: what would stop it for ever ---- */

static struct {
    uint32_t count;
    struct {
        uint8_t key[32];
        uint64_t power;
    } rows[ORACLE_MAX];
} engine;

static uint32_t engine_find(const uint8_t key[32])
{
    uint32_t i = 0;
    while (i < engine.count && memcmp(engine.rows[i].key, key, 32) != 0)
        i++;
    return i;
}

static uint64_t engine_total(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < engine.count; i++)
        sum += engine.rows[i].power;
    return sum;
}

/* Applies the updates of a block. Returns all power that changed, the largest change apart (which
 * counts twice when it is a change of keys). */
static uint64_t engine_take(const struct chain_output *out)
{
    uint64_t moved = 0;
    uint64_t largest = 0;
    CHECK(out->update_count <= CHAIN_VALIDATORS_MAX);
    for (uint32_t i = 0; i < out->update_count; i++) {
        const struct chain_validator_update *u = &out->updates[i];
        for (uint32_t j = 0; j < i; j++)
            CHECK(memcmp(out->updates[j].key, u->key, 32) != 0); /* no duplicates */
        CHECK(u->power <= INT64_MAX);                            /* not negative */
        uint32_t at = engine_find(u->key);
        CHECK(u->power > 0 || at < engine.count); /* no removal of a stranger */
        if (at == engine.count) {
            CHECK(engine.count < ORACLE_MAX);
            memcpy(engine.rows[engine.count].key, u->key, 32);
            engine.rows[engine.count++].power = 0;
        }
        uint64_t had = engine.rows[at].power;
        uint64_t d = u->power > had ? u->power - had : had - u->power;
        moved += d;
        largest = d > largest ? d : largest;
        engine.rows[at].power = u->power;
        if (u->power == 0)
            engine.rows[at] = engine.rows[--engine.count];
    }
    CHECK(engine_total() <= ((uint64_t)1 << 60) - 1);
    return moved > 2 * largest ? moved - 2 * largest : 0;
}

/* The chain's own copy of the set is the engine's. */
static void engine_agrees(void)
{
    uint8_t key[32] = { 0 }, stash[32];
    uint64_t power;
    uint32_t count = 0;
    while (staking_next_row(&w.chain.ledger, key, stash, &power)) {
        uint32_t at = engine_find(key);
        CHECK(at < engine.count && engine.rows[at].power == power);
        count++;
    }
    CHECK(count == engine.count);
}

/* ---- histories ---- */

static size_t any(void)
{
    return FIRST + prng_below(&rng, STASHES);
}

static void random_call(void)
{
    static const enum tx_kind kinds[] = {
        TX_STAKE_BOND,   TX_STAKE_BOND_EXTRA, TX_STAKE_UNBOND,    TX_STAKE_REBOND,
        TX_STAKE_CHILL,  TX_STAKE_WITHDRAW,   TX_STAKE_GUARANTEE, TX_STAKE_GUARANTEE,
        TX_STAKE_CUT,    TX_STAKE_VALIDATE,   TX_STAKE_VALIDATE,  TX_STAKE_VALIDATE,
        TX_STAKE_PAYOUT, TX_STAKE_PAYOUT,     TX_STAKE_KEY,       TX_STAKE_KEY,
    };
    enum tx_kind kind = kinds[prng_below(&rng, sizeof(kinds) / sizeof(kinds[0]))];
    size_t who = any();
    uint32_t era = ts_now(&w).era;
    if (kind == TX_STAKE_VALIDATE)
        ts_validate(&w, who, (uint32_t)prng_below(&rng, PERBILL));
    else if (kind == TX_STAKE_KEY)
        ts_key(&w, who, who, who + STASHES * prng_below(&rng, 3));
    else if (kind == TX_STAKE_PAYOUT)
        ts_payout(&w, era - (uint32_t)prng_below(&rng, 4), who);
    else if (kind == TX_STAKE_BOND)
        ts_bond(&w, who, who, prng_below(&rng, 1000000));
    else {
        /* One after the other: compilers evaluate arguments in orders of their own, and the same
         * seed must be the same history everywhere. */
        u128 value = prng_below(&rng, 400000);
        size_t other = any();
        ts_do(&w, who, kind, value, other);
    }
}

static void random_workload(uint64_t *bytes)
{
    size_t who = prng_below(&rng, STASHES);
    uint64_t after = prng_below(&rng, 4) == 0 ? 0 : prng_below(&rng, 3000);
    ts_workload(&w, FIRST + who, bytes[who], after);
    bytes[who] = after;
}

/* A block in which some of the engine's set are silent and, seldom, someone votes twice. True:
 * someone did. */
static bool random_block(void)
{
    struct chain_vote votes[ORACLE_MAX];
    struct chain_misbehaviour m = { .height = w.chain.height };
    bool offence = engine.count > 0 && prng_below(&rng, 60) == 0;
    for (uint32_t i = 0; i < engine.count; i++) {
        staking_address(votes[i].address, engine.rows[i].key);
        /* Some keys are silent for whole slots. */
        votes[i].signed_block = (engine.rows[i].key[1] + w.chain.height / 40) % 7 != 0;
    }
    if (offence)
        staking_address(m.address, engine.rows[prng_below(&rng, engine.count)].key);
    const struct chain_block says = { .author = ts_id(any()),
                                      .votes = votes,
                                      .vote_count = engine.count,
                                      .misbehaviour = &m,
                                      .misbehaviour_count = offence };
    ts_block(&w, &says);
    return offence;
}

static void history(uint64_t seed, const char *more, uint32_t blocks)
{
    uint64_t bytes[STASHES] = { 0 };
    prng_init(&rng, seed);
    memset(&engine, 0, sizeof(engine));
    ts_start(&w, more, "1000000");
    for (size_t i = 0; i < STASHES; i++)
        ts_fund(&w, FIRST + i, 1000000);
    uint32_t told = 0;
    for (uint32_t b = 0; b < blocks; b++) {
        for (uint64_t n = prng_below(&rng, 6); n > 0; n--)
            random_call();
        random_workload(bytes);
        uint64_t total = engine_total();
        bool had = engine.count > 0;
        bool offence = random_block();
        uint64_t moved = engine_take(&ts_out);
        told += ts_out.update_count;
        CHECK(!had || engine.count > 0); /* never empty again */
        /* A third by the goal, a third of who is silent; what misbehaves leaves whatever it has. A
         * change of keys counts its power twice. */
        CHECK(offence || !had || moved <= 2 * (total / 3) + total / 3);
        engine_agrees();
        if (w.chain.height % 30 == 0)
            ts_sound(&w);
    }
    CHECK(ts_now(&w).election > 15 && told > 50); /* it was a history */
    ts_sound(&w);
}

static void random_histories_keep_to_the_engines_rules(void **state)
{
    (void)state;
    uint64_t seeds = check_soak() ? 200 : 3;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        history(seed, "validators_max=8 power_unit=1000 misbehaviour_blocks=20", 700);
        history(seed + 1000, "validators_max=128 validators_min=3 slash_defer_eras=1", 700);
        history(seed + 2000, "validators_max=20 power_cap_percent=10 queue_per_block=10", 700);
    }
}

static void powers_fit_however_much_is_staked(void **state)
{
    (void)state;
    /* 2^99 base units in one hand, power_unit 1: scaled below 2^53, the small one keeps 1. */
    ts_start(&w, "stake_per_byte=1000000000000000000", "1");
    ts_candidate(&w, 21, (u128)1 << 99);
    ts_candidate(&w, 22, 1000);
    ts_workload(&w, 21, 0, (uint64_t)1 << 62);
    ts_workload(&w, 22, 0, (uint64_t)1 << 62);
    memset(&engine, 0, sizeof(engine));
    while (ts_now(&w).era < 1 || ts_now(&w).set_pending) {
        ts_block(&w, NULL);
        engine_take(&ts_out);
    }
    engine_agrees();
    CHECK(engine.count == 2 && engine_total() <= (uint64_t)1 << 53);
    CHECK(engine_total() > (uint64_t)1 << 51);
}

static void no_validator_is_above_the_cap(void **state)
{
    (void)state;
    ts_start(&w, "power_cap_percent=10 stake_per_byte=1000000", "1");
    for (size_t i = 0; i < 30; i++) {
        ts_candidate(&w, FIRST + i, i < 3 ? 100000 * (4 - i) : 1000 + i);
        ts_workload(&w, FIRST + i, 0, 1);
    }
    CHECK_OK(params_set(&w.chain.params, "validators_max", "30"));
    ts_to_era(&w, 1);
    while (ts_now(&w).set_pending)
        ts_block(&w, NULL);
    uint32_t count;
    uint64_t total = staking_set_total(&w.chain.ledger, &count);
    uint8_t key[32] = { 0 }, stash[32];
    uint64_t largest = 0;
    for (uint64_t power; staking_next_row(&w.chain.ledger, key, stash, &power);)
        largest = power > largest ? power : largest;
    CHECK(count == 30 && largest * 10 <= total + 10);
    CHECK(largest * 10 > total - 20); /* and not below it without need */
}

static void a_genesis_set_is_what_the_engine_starts_with(void **state)
{
    (void)state;
    static char validators[1024], members[1024];
    struct ed25519_key key;
    char address[SS58_TEXT_MAX];
    size_t n = 0, m = 0;
    m += (size_t)snprintf(members, sizeof(members), ",\"staking\":[");
    for (size_t i = 0; i < 4; i++) {
        ts_validator_key(&key, i);
        ss58_format(address, ts_id(i));
        n += (size_t)snprintf(validators + n, sizeof(validators) - n, "%c{\"key\":\"",
                              i == 0 ? '[' : ',');
        for (size_t b = 0; b < 32; b++)
            n +=
                (size_t)snprintf(validators + n, sizeof(validators) - n, "%02x", key.public_key[b]);
        n += (size_t)snprintf(validators + n, sizeof(validators) - n,
                              "\",\"power\":10,\"address\":\"%s\"}", address);
        m += (size_t)snprintf(members + m, sizeof(members) - m,
                              "%s{\"address\":\"%s\",\"bond\":\"5000\",\"fee\":500000000}",
                              i == 0 ? "" : ",", address);
    }
    snprintf(validators + n, sizeof(validators) - n, "]");
    snprintf(members + m, sizeof(members) - m, "]");
    world_validators = validators;
    world_members = members;
    enum err e = world_init(&w, (struct mspan){ ts_state, sizeof(ts_state) }, ts_memory, ts_profile,
                            "10000");
    world_members = "";
    CHECK_ERR(world_init(&w, (struct mspan){ ts_state, sizeof(ts_state) }, ts_memory, ts_profile,
                         "10000"),
              OK); /* validators alone: the engine's set is fixed */
    world_members = ",\"staking\":[]";
    CHECK_ERR(world_init(&w, (struct mspan){ ts_state, sizeof(ts_state) }, ts_memory, ts_profile,
                         "10000"),
              ERR_FORMAT); /* a validator without a bond */
    world_members = members;
    CHECK_OK(e);
    CHECK_OK(world_init(&w, (struct mspan){ ts_state, sizeof(ts_state) }, ts_memory, ts_profile,
                        "10000"));
    world_validators = "[]";
    world_members = "";
    w.silent = true;
    uint32_t count;
    CHECK(staking_set_total(&w.chain.ledger, &count) == 40 && count == 4);
    CHECK(ts_now(&w).stake.units == 20000 && ts_ledger(&w, 0).validates);
    uint8_t addr[20], account[32];
    ts_validator_key(&key, 2);
    staking_address(addr, key.public_key);
    CHECK(chain_validator_account(&w.chain, account, addr));
    CHECK(memcmp(account, ts_id(2), 32) == 0);
    /* Without any storage every limit is 0: the first set goes on, era after era. */
    for (int i = 0; i < 200; i++) {
        ts_block(&w, NULL);
        CHECK(ts_out.update_count == 0);
    }
    CHECK(ts_now(&w).era >= 5 && ts_now(&w).election == 0);
    CHECK(ts_payout(&w, 0, 0) == RESULT_OK); /* by stake; nobody made blocks */
    /* Two of them prove storage: the others leave. */
    ts_workload(&w, 0, 0, 100);
    ts_workload(&w, 1, 0, 100);
    ts_to_era(&w, ts_now(&w).era + 1);
    for (int i = 0; i < 8; i++)
        ts_block(&w, NULL);
    CHECK(staking_set_total(&w.chain.ledger, &count) > 5000 && count == 2);
    ts_sound(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_keep_to_the_engines_rules),
        cmocka_unit_test(powers_fit_however_much_is_staked),
        cmocka_unit_test(no_validator_is_above_the_cap),
        cmocka_unit_test(a_genesis_set_is_what_the_engine_starts_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
