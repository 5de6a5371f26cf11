/* The calls of staking: docs/spec/staking.md 2 to 4. */
#include "chain/beacon.h"
#include "chain/staking_store.h"

static const char key_tag[] = "crust/validator-key/1";

static void emit(struct ledger *l, const char *type, const uint8_t stash[32], struct amount v)
{
    struct ledger_event ev;
    ledger_event_begin(&ev, type);
    ledger_event_account(&ev, "stash", stash);
    ledger_event_amount(&ev, "amount", v);
    ledger_event_end(l, &ev);
}

/* ---- shared steps ---- */

void staking_cut_target(struct ledger *l, struct staking_ledger *s, const uint8_t stash[32],
                        uint32_t index, struct amount v)
{
    struct staking_edge *edge = &s->targets[index];
    struct amount cut = amount_min(v, edge->value);
    ledger_take(&edge->value, cut);
    ledger_take(&s->guaranteed, cut);
    staking_put_edge(l, edge->who, stash, edge->value);
    if (!amount_is_zero(edge->value))
        return;
    memmove(edge, edge + 1, (s->target_count - index - 1) * sizeof(*edge));
    s->target_count--;
}

static uint32_t target_index(const struct staking_ledger *s, const uint8_t target[32])
{
    uint32_t i = 0;
    while (i < s->target_count && memcmp(s->targets[i].who, target, 32) != 0)
        i++;
    return i;
}

void staking_add_target(struct ledger *l, struct staking_ledger *s, const uint8_t stash[32],
                        const uint8_t target[32], struct amount v)
{
    uint32_t i = target_index(s, target);
    if (i == s->target_count) {
        ASSERT(i < STAKING_TARGETS_MAX);
        s->targets[i] = (struct staking_edge){ .value = AMOUNT_ZERO };
        memcpy(s->targets[i].who, target, 32);
        s->target_count++;
    }
    ledger_add(&s->targets[i].value, v);
    ledger_add(&s->guaranteed, v);
    staking_put_edge(l, target, stash, s->targets[i].value);
}

void staking_withdraw_candidate(struct ledger *l, struct staking_ledger *s, const uint8_t stash[32])
{
    s->validates = false;
    staking_put_candidate(l, stash, false);
    while (s->target_count > 0)
        staking_cut_target(l, s, stash, s->target_count - 1, s->targets[s->target_count - 1].value);
}

/* ---- who calls ---- */

struct caller {
    uint8_t stash[32];
    struct staking_ledger s;
    struct staking_now now;
};

/* The stash that the caller controls, or is. */
static enum tx_result controlled(struct ledger *l, struct caller *c, const uint8_t from[32])
{
    if (!staking_get_now(l, &c->now))
        return RESULT_STAKING_OFF;
    if (!staking_stash_of(l, c->stash, from) || !staking_get(l, &c->s, c->stash))
        return RESULT_NOT_CONTROLLER;
    return RESULT_OK;
}

static enum tx_result owned(struct ledger *l, struct caller *c, const uint8_t from[32])
{
    if (!staking_get_now(l, &c->now))
        return RESULT_STAKING_OFF;
    memcpy(c->stash, from, 32);
    return staking_get(l, &c->s, from) ? RESULT_OK : RESULT_NOT_STASH;
}

static bool by_stash(enum tx_kind kind)
{
    return kind == TX_STAKE_BOND_EXTRA || kind == TX_STAKE_PAYEE || kind == TX_STAKE_CONTROLLER;
}

static enum tx_result caller_of(struct ledger *l, struct caller *c, const struct ledger_call *call)
{
    return by_stash(call->tx->call.kind) ? owned(l, c, call->from) : controlled(l, c, call->from);
}

static struct amount free_active(const struct staking_ledger *s)
{
    return amount_sat_sub(s->active, s->guaranteed);
}

/* ---- bonding ---- */

static enum tx_result check_bond(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_stake *a = &call->tx->call.stake;
    struct staking_now now;
    struct staking_ledger s;
    uint8_t stash[32];
    if (!staking_get_now(l, &now))
        return RESULT_STAKING_OFF;
    if (staking_get(l, &s, call->from))
        return RESULT_ALREADY_BONDED;
    if (accounts_is_pot(a->account))
        return RESULT_RESERVED_ACCOUNT;
    if (staking_stash_of(l, stash, a->account))
        return RESULT_ALREADY_PAIRED;
    if (amount_cmp(a->amount, l->params->existential_deposit) < 0 || amount_is_zero(a->amount))
        return RESULT_INSUFFICIENT_VALUE;
    return amount_cmp(accounts_usable(l, call->from), a->amount) < 0 ? RESULT_INSUFFICIENT_BALANCE
                                                                     : RESULT_OK;
}

static void apply_bond(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_stake *a = &call->tx->call.stake;
    struct staking_ledger s = { .total = a->amount, .active = a->amount };
    memcpy(s.controller, a->account, 32);
    accounts_hold(l, call->from, HOLD_STAKE, a->amount);
    staking_put(l, call->from, &s);
    staking_put_controller(l, a->account, call->from);
    emit(l, "stake.bonded", call->from, a->amount);
}

static enum tx_result check_bond_extra(struct ledger *l, const struct ledger_call *call)
{
    struct amount v = call->tx->call.stake.amount;
    if (amount_is_zero(v))
        return RESULT_ZERO_AMOUNT;
    return amount_cmp(accounts_usable(l, call->from), v) < 0 ? RESULT_INSUFFICIENT_BALANCE
                                                             : RESULT_OK;
}

static void apply_bond_extra(struct ledger *l, struct caller *c, struct amount v)
{
    accounts_hold(l, c->stash, HOLD_STAKE, v);
    ledger_add(&c->s.total, v);
    ledger_add(&c->s.active, v);
    emit(l, "stake.bonded", c->stash, v);
}

static enum tx_result check_unbond(const struct caller *c, struct amount v)
{
    if (c->s.chunk_count >= STAKING_CHUNKS_MAX)
        return RESULT_NO_MORE_CHUNKS;
    if (c->now.phase == STAKING_ELECTING)
        return RESULT_ELECTION;
    if (!amount_is_zero(c->s.guaranteed) && amount_cmp(c->s.guaranteed, c->s.active) >= 0)
        return RESULT_ALL_GUARANTEED;
    return amount_is_zero(v) || amount_is_zero(c->s.active) ? RESULT_ZERO_AMOUNT : RESULT_OK;
}

static void apply_unbond(struct ledger *l, struct caller *c, struct amount v)
{
    struct staking_ledger *s = &c->s;
    v = amount_min(v, free_active(s));
    ledger_take(&s->active, v);
    /* SPEC staking 2.4: "What would stay active below the existential deposit is unbonded too." */
    if (amount_is_zero(s->guaranteed) &&
        amount_cmp(s->active, l->params->existential_deposit) < 0) {
        ledger_add(&v, s->active);
        s->active = AMOUNT_ZERO;
    }
    s->chunks[s->chunk_count++] = (struct staking_chunk){
        .value = v,
        .era = c->now.era + l->params->bonding_eras,
        .height = l->height,
        .time_ms = l->time_ms,
    };
    emit(l, "stake.unbonded", c->stash, v);
}

/* Moves chunks back, the newest first, up to v. Returns what moved. */
static struct amount rebond(struct staking_ledger *s, struct amount v)
{
    struct amount moved = AMOUNT_ZERO;
    while (s->chunk_count > 0 && amount_cmp(moved, v) < 0) {
        struct staking_chunk *last = &s->chunks[s->chunk_count - 1];
        struct amount part = amount_min(last->value, amount_sat_sub(v, moved));
        ledger_take(&last->value, part);
        ledger_add(&moved, part);
        s->chunk_count -= amount_is_zero(last->value);
    }
    ledger_add(&s->active, moved);
    return moved;
}

static enum tx_result check_rebond(struct ledger *l, const struct caller *c, struct amount v)
{
    struct staking_ledger after = c->s;
    if (after.chunk_count == 0)
        return RESULT_NO_UNLOCK_CHUNK;
    if (amount_is_zero(v))
        return RESULT_ZERO_AMOUNT;
    rebond(&after, v);
    return amount_cmp(after.active, l->params->existential_deposit) < 0 ? RESULT_INSUFFICIENT_VALUE
                                                                        : RESULT_OK;
}

/* SPEC staking 2.6: "A part leaves when its era has come and, since it was unbonded, more than
 * `misbehaviour_blocks` blocks and more than `misbehaviour_ms` have passed" */
static bool has_matured(struct ledger *l, const struct caller *c, const struct staking_chunk *chunk)
{
    return chunk->era <= c->now.era && l->height - chunk->height > l->params->misbehaviour_blocks &&
           l->time_ms - chunk->time_ms > l->params->misbehaviour_ms;
}

/* Takes the matured chunks away and returns their sum. */
static struct amount release(struct ledger *l, struct caller *c)
{
    struct amount sum = AMOUNT_ZERO;
    uint32_t kept = 0;
    if (c->s.pending > 0)
        return sum;
    for (uint32_t i = 0; i < c->s.chunk_count; i++) {
        if (has_matured(l, c, &c->s.chunks[i]))
            ledger_add(&sum, c->s.chunks[i].value);
        else
            c->s.chunks[kept++] = c->s.chunks[i];
    }
    c->s.chunk_count = kept;
    ledger_take(&c->s.total, sum);
    return sum;
}

static enum tx_result check_withdraw(struct ledger *l, const struct caller *c)
{
    struct caller after = *c;
    bool dead = c->s.pending == 0 && amount_is_zero(c->s.total);
    return amount_is_zero(release(l, &after)) && !dead ? RESULT_NOTHING_UNLOCKED : RESULT_OK;
}

static void kill_stash(struct ledger *l, struct caller *c)
{
    struct staking_key k = staking_key_of(STAKING_KEY_LEDGER);
    staking_key_add(&k, c->stash, 32);
    staking_withdraw_candidate(l, &c->s, c->stash);
    staking_put_controller(l, c->s.controller, NULL);
    staking_spans_forget(l, c->stash);
    state_del(l->st, STATE_STAKING, staking_key_span(&k));
}

static void apply_withdraw(struct ledger *l, struct caller *c)
{
    struct amount sum = release(l, c);
    accounts_release(l, c->stash, HOLD_STAKE, sum);
    if (amount_is_zero(c->s.total))
        kill_stash(l, c);
    else
        staking_put(l, c->stash, &c->s);
    emit(l, "stake.withdrawn", c->stash, sum);
}

/* ---- standing and guaranteeing ---- */

static enum tx_result check_validate(struct ledger *l, const struct caller *c)
{
    uint8_t stash[32];
    bool banned;
    if (c->now.phase == STAKING_ELECTING)
        return RESULT_ELECTION;
    if (beacon_is_jailed(l, c->stash))
        return RESULT_BEACON_JAILED;
    if (!c->s.has_key || !staking_stash_of_key(l, stash, &banned, c->s.key) || banned)
        return RESULT_NO_KEY;
    if (amount_is_zero(c->s.active) || amount_cmp(c->s.active, l->params->existential_deposit) < 0)
        return RESULT_INSUFFICIENT_VALUE;
    return RESULT_OK;
}

static void apply_validate(struct ledger *l, struct caller *c, uint32_t fee)
{
    struct staking_exposure x;
    staking_withdraw_candidate(l, &c->s, c->stash);
    c->s.validates = true;
    c->s.fee = fee;
    staking_put_candidate(l, c->stash, true);
    /* SPEC staking 4.2: "Lowering the fee below that of the running era sets that era's to 100 %"
     */
    if (staking_get_exposure(l, &x, c->now.election, c->stash) && x.fee > fee) {
        x.fee = PERBILL;
        staking_put_exposure(l, c->now.election, c->stash, &x);
    }
    struct ledger_event ev;
    ledger_event_begin(&ev, "stake.validates");
    ledger_event_account(&ev, "stash", c->stash);
    ledger_event_uint(&ev, "fee", fee);
    ledger_event_end(l, &ev);
}

/* The smallest guarantor of a target; count of reads is bounded by PARAMS_GUARANTORS_LIMIT. */
static struct staking_edge smallest_edge(struct ledger *l, const uint8_t target[32])
{
    struct staking_edge edge = { .value = AMOUNT_ZERO };
    struct staking_edge least = edge;
    for (bool first = true; staking_next_guarantor(l, target, &edge); first = false)
        if (first || amount_cmp(edge.value, least.value) < 0)
            least = edge;
    return least;
}

static bool displaces(struct ledger *l, const struct caller *c, const uint8_t target[32])
{
    return target_index(&c->s, target) == c->s.target_count &&
           staking_edge_count(l, target) >= PARAMS_GUARANTORS_LIMIT;
}

static enum tx_result check_guarantee(struct ledger *l, const struct caller *c,
                                      const struct tx_stake *a)
{
    struct staking_ledger target;
    struct amount real = amount_min(free_active(&c->s), a->amount);
    if (!staking_get(l, &target, a->account) || !target.validates ||
        memcmp(a->account, c->stash, 32) == 0)
        return RESULT_INVALID_TARGET;
    if (amount_cmp(a->amount, l->params->existential_deposit) <= 0)
        return RESULT_INSUFFICIENT_VALUE;
    if (c->s.validates && c->now.phase == STAKING_ELECTING)
        return RESULT_ELECTION;
    if (amount_is_zero(real) || (target_index(&c->s, a->account) == c->s.target_count &&
                                 c->s.target_count >= STAKING_TARGETS_MAX))
        return RESULT_EXCEED_GUARANTEE_LIMIT;
    if (displaces(l, c, a->account) && amount_cmp(smallest_edge(l, a->account).value, real) >= 0)
        return RESULT_TOO_MANY_GUARANTORS;
    return RESULT_OK;
}

/* SPEC staking 4.4: "a larger guarantee takes the place of the smallest, whose giver has it back
 * unguaranteed" */
static void displace(struct ledger *l, const uint8_t target[32])
{
    struct staking_edge least = smallest_edge(l, target);
    struct staking_ledger other;
    if (!staking_get(l, &other, least.who))
        return; /* only when the kv has failed */
    uint32_t i = target_index(&other, target);
    ASSERT(i < other.target_count);
    staking_cut_target(l, &other, least.who, i, least.value);
    staking_put(l, least.who, &other);
    emit(l, "stake.displaced", least.who, least.value);
}

static void emit_edge(struct ledger *l, const char *type, const struct caller *c,
                      const uint8_t target[32], struct amount v)
{
    struct ledger_event ev;
    ledger_event_begin(&ev, type);
    ledger_event_account(&ev, "stash", c->stash);
    ledger_event_account(&ev, "target", target);
    ledger_event_amount(&ev, "amount", v);
    ledger_event_end(l, &ev);
}

static void apply_guarantee(struct ledger *l, struct caller *c, const struct tx_stake *a)
{
    struct amount real = amount_min(free_active(&c->s), a->amount);
    if (displaces(l, c, a->account))
        displace(l, a->account);
    if (c->s.validates) {
        c->s.validates = false;
        staking_put_candidate(l, c->stash, false);
    }
    staking_add_target(l, &c->s, c->stash, a->account, real);
    emit_edge(l, "stake.guaranteed", c, a->account, real);
}

static enum tx_result check_cut(struct ledger *l, const struct caller *c, const struct tx_stake *a)
{
    if (amount_cmp(a->amount, l->params->existential_deposit) <= 0)
        return RESULT_INSUFFICIENT_VALUE;
    if (target_index(&c->s, a->account) == c->s.target_count)
        return RESULT_INVALID_TARGET;
    return c->now.phase == STAKING_ELECTING ? RESULT_ELECTION : RESULT_OK;
}

/* ---- keys ---- */

static enum tx_result check_key(struct ledger *l, const struct caller *c, const struct tx_stake *a)
{
    uint8_t stash[32];
    uint8_t message[sizeof(key_tag) - 1 + 64];
    bool banned;
    if (staking_stash_of_key(l, stash, &banned, a->key) &&
        (banned || memcmp(stash, c->stash, 32) != 0))
        return RESULT_KEY_USED;
    /* SPEC staking 3.2: "`proof` is the key's signature over the text `crust/validator-key/1`, the
     * chain's hash and the stash." */
    memcpy(message, key_tag, sizeof(key_tag) - 1);
    memcpy(message + sizeof(key_tag) - 1, l->chain_hash, 32);
    memcpy(message + sizeof(key_tag) - 1 + 32, c->stash, 32);
    if (ed25519_public_check(a->key) != OK ||
        ed25519_verify(a->proof, span_of(message, sizeof(message)), a->key) != OK)
        return RESULT_KEY_PROOF;
    return RESULT_OK;
}

static void apply_key(struct ledger *l, struct caller *c, const struct tx_stake *a)
{
    c->s.has_key = true;
    memcpy(c->s.key, a->key, 32);
    staking_put_key(l, a->key, c->stash, false);
    struct ledger_event ev;
    ledger_event_begin(&ev, "stake.key");
    ledger_event_account(&ev, "stash", c->stash);
    ledger_event_hex(&ev, "key", span_of(a->key, 32));
    ledger_event_end(l, &ev);
}

static enum tx_result check_controller(struct ledger *l, const struct tx_stake *a)
{
    uint8_t stash[32];
    if (accounts_is_pot(a->account))
        return RESULT_RESERVED_ACCOUNT;
    return staking_stash_of(l, stash, a->account) ? RESULT_ALREADY_PAIRED : RESULT_OK;
}

static void apply_controller(struct ledger *l, struct caller *c, const struct tx_stake *a)
{
    staking_put_controller(l, c->s.controller, NULL);
    memcpy(c->s.controller, a->account, 32);
    staking_put_controller(l, a->account, c->stash);
}

/* ---- the dispatcher's side ---- */

static enum tx_result check_by(struct ledger *l, const struct caller *c,
                               const struct ledger_call *call)
{
    const struct tx_stake *a = &call->tx->call.stake;
    enum tx_kind kind = call->tx->call.kind;
    if (kind == TX_STAKE_BOND_EXTRA)
        return check_bond_extra(l, call);
    if (kind == TX_STAKE_UNBOND)
        return check_unbond(c, a->amount);
    if (kind == TX_STAKE_REBOND)
        return check_rebond(l, c, a->amount);
    if (kind == TX_STAKE_WITHDRAW)
        return check_withdraw(l, c);
    if (kind == TX_STAKE_VALIDATE)
        return check_validate(l, c);
    if (kind == TX_STAKE_GUARANTEE)
        return check_guarantee(l, c, a);
    if (kind == TX_STAKE_CUT)
        return check_cut(l, c, a);
    if (kind == TX_STAKE_CHILL)
        return c->now.phase == STAKING_ELECTING ? RESULT_ELECTION : RESULT_OK;
    if (kind == TX_STAKE_PAYEE)
        return a->has_account && accounts_is_pot(a->account) ? RESULT_RESERVED_ACCOUNT : RESULT_OK;
    if (kind == TX_STAKE_CONTROLLER)
        return check_controller(l, a);
    if (kind == TX_STAKE_BEACON)
        return beacon_check_key(l, c->stash, a->key, a->vrf);
    return kind == TX_STAKE_KEY ? check_key(l, c, a) : RESULT_UNSUPPORTED;
}

enum tx_result staking_check(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_stake *a = &call->tx->call.stake;
    struct caller c;
    if (call->tx->call.kind == TX_STAKE_BOND)
        return check_bond(l, call);
    if (call->tx->call.kind == TX_STAKE_PAYOUT)
        return staking_check_payout(l, a->era, a->account);
    enum tx_result r = caller_of(l, &c, call);
    return r == RESULT_OK ? check_by(l, &c, call) : r;
}

static void apply_by(struct ledger *l, struct caller *c, const struct ledger_call *call)
{
    const struct tx_stake *a = &call->tx->call.stake;
    enum tx_kind kind = call->tx->call.kind;
    if (kind == TX_STAKE_BOND_EXTRA) {
        apply_bond_extra(l, c, a->amount);
    } else if (kind == TX_STAKE_UNBOND) {
        apply_unbond(l, c, a->amount);
    } else if (kind == TX_STAKE_REBOND) {
        emit(l, "stake.bonded", c->stash, rebond(&c->s, a->amount));
    } else if (kind == TX_STAKE_VALIDATE) {
        apply_validate(l, c, a->fee);
    } else if (kind == TX_STAKE_GUARANTEE) {
        apply_guarantee(l, c, a);
    } else if (kind == TX_STAKE_CUT) {
        staking_cut_target(l, &c->s, c->stash, target_index(&c->s, a->account), a->amount);
        emit_edge(l, "stake.cut", c, a->account, a->amount);
    } else if (kind == TX_STAKE_CHILL) {
        staking_withdraw_candidate(l, &c->s, c->stash);
        emit(l, "stake.chilled", c->stash, c->s.active);
    } else if (kind == TX_STAKE_PAYEE) {
        c->s.pays_account = a->has_account;
        memcpy(c->s.payee, a->account, 32);
    } else if (kind == TX_STAKE_CONTROLLER) {
        apply_controller(l, c, a);
    } else if (kind == TX_STAKE_KEY) {
        apply_key(l, c, a);
    } else if (kind == TX_STAKE_BEACON) {
        beacon_apply_key(l, c->stash, a->key, c->now.era);
    }
    staking_put(l, c->stash, &c->s);
}

void staking_apply(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_stake *a = &call->tx->call.stake;
    struct caller c;
    if (call->tx->call.kind == TX_STAKE_BOND) {
        apply_bond(l, call);
        return;
    }
    if (call->tx->call.kind == TX_STAKE_PAYOUT) {
        staking_pay(l, a->era, a->account);
        return;
    }
    enum tx_result r = caller_of(l, &c, call);
    if (r != RESULT_OK)
        return; /* only when the kv has failed */
    if (call->tx->call.kind == TX_STAKE_WITHDRAW)
        apply_withdraw(l, &c);
    else
        apply_by(l, &c, call);
}
