/* Claims of an era's income: docs/spec/staking.md 7.5 to 7.8. */
#include "chain/staking_store.h"

static struct staking_key claim_key(uint32_t era, const uint8_t stash[32])
{
    struct staking_key k = staking_key_of(STAKING_KEY_CLAIMED);
    staking_key_u32(&k, era);
    staking_key_add(&k, stash, 32);
    return k;
}

bool staking_is_claimed(struct ledger *l, uint32_t era, const uint8_t stash[32])
{
    struct staking_key k = claim_key(era, stash);
    return state_has(l->st, STATE_STAKING, staking_key_span(&k));
}

/* SPEC staking 7.5: "authoring * points / all points + staking * effective stake / all effective
 * stake", each ratio in parts per 10^9. */
static struct amount reward_of(struct ledger *l, const struct staking_era *e, uint32_t era,
                               const uint8_t stash[32], const struct staking_exposure *x)
{
    uint64_t points = staking_get_points(l, era, stash);
    uint32_t by_points = points == 0 ? 0 : ratio_of(points, e->points, PERBILL);
    uint32_t by_stake = ratio_of(x->total.units, e->stake.units, PERBILL);
    return amount_sat_add(AMOUNT_OF(ratio_mul(by_points, PERBILL, e->authoring.units)),
                          AMOUNT_OF(ratio_mul(by_stake, PERBILL, e->staking.units)));
}

struct amount staking_reward(struct ledger *l, uint32_t era, const uint8_t stash[32])
{
    struct staking_era e;
    struct staking_exposure x;
    if (!staking_get_era(l, &e, era) || !e.ended)
        return AMOUNT_ZERO;
    staking_get_exposure(l, &x, e.election, stash);
    return reward_of(l, &e, era, stash, &x);
}

enum tx_result staking_check_payout(struct ledger *l, uint32_t era, const uint8_t stash[32])
{
    struct staking_now now;
    struct staking_era e;
    struct staking_ledger s;
    if (!staking_get_now(l, &now))
        return RESULT_STAKING_OFF;
    /* SPEC staking 7.6: "An era's income is claimed after its end and for `history_eras` eras." */
    if (era > now.era || now.era - era > l->params->history_eras || !staking_get_era(l, &e, era) ||
        !e.ended)
        return RESULT_INVALID_ERA;
    if (!staking_get(l, &s, stash))
        return RESULT_NOT_STASH;
    if (staking_is_claimed(l, era, stash))
        return RESULT_ALREADY_CLAIMED;
    return amount_is_zero(staking_reward(l, era, stash)) ? RESULT_NOTHING_TO_CLAIM : RESULT_OK;
}

/* Pays income to a stash as it wishes.. */
static void pay(struct ledger *l, uint32_t era, const uint8_t stash[32], struct amount v)
{
    struct staking_ledger s;
    if (!staking_get(l, &s, stash))
        return; /* bonded no more: its part is not issued */
    if (amount_is_zero(v))
        return;
    if (s.pays_account) {
        accounts_mint(l, s.payee, v);
    } else {
        accounts_mint_held(l, stash, HOLD_STAKE, v);
        s.total = amount_sat_add(s.total, v);
        s.active = amount_sat_add(s.active, v);
        staking_put(l, stash, &s);
    }
    struct ledger_event ev;
    ledger_event_begin(&ev, "stake.paid");
    ledger_event_account(&ev, "stash", stash);
    ledger_event_uint(&ev, "era", era);
    ledger_event_amount(&ev, "amount", v);
    ledger_event_end(l, &ev);
}

void staking_pay(struct ledger *l, uint32_t era, const uint8_t stash[32])
{
    struct staking_era e;
    struct staking_exposure x;
    struct staking_key k = claim_key(era, stash);
    if (!staking_get_era(l, &e, era))
        return; /* only when the kv has failed */
    staking_get_exposure(l, &x, e.election, stash);
    struct amount reward = reward_of(l, &e, era, stash, &x);
    state_put(l->st, STATE_STAKING, staking_key_span(&k), (struct span){ NULL, 0 });
    u128 shared = ratio_mul(x.fee, PERBILL, reward.units);
    struct amount rest = reward;
    for (uint32_t i = 0; i < x.count && i < l->params->guarantors_rewarded; i++) {
        uint32_t part = ratio_of(x.others[i].value.units, x.total.units, PERBILL);
        /* SPEC staking 7.7: "never more than is left" */
        struct amount v = amount_min(AMOUNT_OF(ratio_mul(part, PERBILL, shared)), rest);
        rest = amount_sat_sub(rest, v);
        pay(l, era, x.others[i].who, v);
    }
    pay(l, era, stash, rest);
}
