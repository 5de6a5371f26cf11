/* teststake: stashes, validators and blocks with votes, for the tests of staking and governance. */
#ifndef CRUST_CHAIN_TESTSTAKE_H
#define CRUST_CHAIN_TESTSTAKE_H

#include "base/check.h"
#include "chain/gov.h"
#include "chain/group.h"
#include "chain/staking_store.h"
#include "chain/testworld.h"
#include "chain/work_store.h"

enum { TS_STASHES = 400 };

static uint8_t ts_state[96 * 1024 * 1024];
static _Alignas(16) uint8_t ts_memory[16 * 1024 * 1024];
static struct chain_output ts_out; /* of the last block */

/* The staking profile of the vectors: "STK". */
static const char ts_profile[] =
    "\"existential_deposit\":1,\"fee_base\":0,\"fee_byte\":0,\"expiry_max_blocks\":100000,"
    "\"era_slots\":3,\"bonding_eras\":3,\"stake_per_byte\":2500,\"guarantors_rewarded\":4,"
    "\"market_pot_eras\":5,\"reward_year_eras\":17532,\"slash_defer_eras\":0,"
    "\"misbehaviour_blocks\":1,\"misbehaviour_ms\":1,\"power_unit\":1,\"group_size_max\":4,"
    "\"slot_blocks\":10,\"report_blocks\":7";

/* Account i of the tests: the first six are the world's. */
static inline const uint8_t *ts_id(size_t i)
{
    static uint8_t ids[TS_STASHES][32];
    struct ed25519_key key;
    if (ids[i][0] == 0 && ids[i][1] == 0) {
        world_seed(&key, 'A', i);
        memcpy(ids[i], key.public_key, 32);
    }
    return ids[i];
}

static inline void ts_validator_key(struct ed25519_key *key, size_t i)
{
    world_seed(key, 'V', i);
}

/* Money for an account that the genesis does not know. */
static inline void ts_fund(struct world *w, size_t i, u128 v)
{
    accounts_mint(&w->chain.ledger, ts_id(i), AMOUNT_OF(v));
}

/* A call without envelope: checked, and applied when it may be. */
static inline enum tx_result ts_call(struct world *w, size_t from, const struct tx_call *call)
{
    struct tx tx = { .call = *call };
    struct ledger_call c = { .tx = &tx, .from = ts_id(from) };
    struct ledger *l = &w->chain.ledger;
    memcpy(tx.from, c.from, 32);
    bool group = tx_group(call->kind) == TX_OF_GROUP;
    bool gov = tx_group(call->kind) == TX_OF_GOV;
    enum tx_result r = group ? group_check(l, &c) : gov ? gov_check(l, &c) : staking_check(l, &c);
    if (r == RESULT_OK && group)
        group_apply(l, &c);
    else if (r == RESULT_OK && gov)
        gov_apply(l, &c);
    else if (r == RESULT_OK)
        staking_apply(l, &c);
    return r;
}

/* A call of an amount and perhaps an account. */
static inline enum tx_result ts_do(struct world *w, size_t from, enum tx_kind kind, u128 v,
                                   size_t account)
{
    struct tx_call call = { .kind = kind };
    call.stake.amount = AMOUNT_OF(v);
    memcpy(call.stake.account, ts_id(account), 32);
    return ts_call(w, from, &call);
}

static inline enum tx_result ts_bond(struct world *w, size_t stash, size_t controller, u128 v)
{
    return ts_do(w, stash, TX_STAKE_BOND, v, controller);
}

/* The proof that stash holds validator key i. */
static inline void ts_prove(struct world *w, uint8_t proof[64], size_t stash, size_t i)
{
    struct ed25519_key key;
    uint8_t message[21 + 64];
    ts_validator_key(&key, i);
    memcpy(message, "crust/validator-key/1", 21);
    memcpy(message + 21, w->chain_hash, 32);
    memcpy(message + 53, ts_id(stash), 32);
    ed25519_sign(proof, span_of(message, sizeof(message)), &key);
}

static inline enum tx_result ts_key(struct world *w, size_t controller, size_t stash, size_t i)
{
    struct tx_call call = { .kind = TX_STAKE_KEY };
    struct ed25519_key key;
    ts_validator_key(&key, i);
    memcpy(call.stake.key, key.public_key, 32);
    ts_prove(w, call.stake.proof, stash, i);
    return ts_call(w, controller, &call);
}

static inline enum tx_result ts_validate(struct world *w, size_t controller, uint32_t fee)
{
    struct tx_call call = { .kind = TX_STAKE_VALIDATE };
    call.stake.fee = fee;
    return ts_call(w, controller, &call);
}

static inline enum tx_result ts_payout(struct world *w, uint32_t era, size_t stash)
{
    struct tx_call call = { .kind = TX_STAKE_PAYOUT };
    call.stake.era = era;
    memcpy(call.stake.account, ts_id(stash), 32);
    return ts_call(w, stash, &call);
}

/* A stash that is its own controller, with key and candidacy. */
static inline void ts_candidate(struct world *w, size_t stash, u128 v)
{
    ts_fund(w, stash, v);
    CHECK(ts_bond(w, stash, stash, v) == RESULT_OK);
    CHECK(ts_key(w, stash, stash, stash) == RESULT_OK);
    CHECK(ts_validate(w, stash, PERBILL) == RESULT_OK);
}

/* Sets what the workers of an account come to; the sum of all goes with it. */
static inline void ts_workload(struct world *w, size_t account, uint64_t before, uint64_t after)
{
    struct work_totals totals;
    work_get_totals(&w->chain.ledger, &totals);
    totals.power = totals.power - before + after;
    work_put_totals(&w->chain.ledger, &totals);
    group_power(&w->chain.ledger, ts_id(account), before, after);
}

static inline struct staking_ledger ts_ledger(struct world *w, size_t stash)
{
    struct staking_ledger s;
    CHECK(staking_get(&w->chain.ledger, &s, ts_id(stash)));
    return s;
}

static inline struct staking_now ts_now(struct world *w)
{
    struct staking_now now;
    CHECK(staking_get_now(&w->chain.ledger, &now));
    return now;
}

#endif
