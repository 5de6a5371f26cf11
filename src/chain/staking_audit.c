/* What must hold over all records of staking, for tests and audits: reads everything. Also what a
 * stash weighs in votes, and genesis. */
#include "chain/group.h"
#include "chain/staking_store.h"

struct audit {
    struct ledger *l;
    const char *what; /* the first rule that is broken */
    struct amount locked;
    uint32_t edges;
};

static void require(struct audit *a, bool holds, const char *what)
{
    if (!holds && a->what == NULL)
        a->what = what;
}

static void ledger_audit(struct audit *a, const uint8_t stash[32])
{
    struct staking_ledger s;
    struct account account;
    uint8_t back[32];
    require(a, staking_get(a->l, &s, stash), "a stash cannot be read");
    accounts_get(a->l, &account, stash);
    struct amount sum = s.active;
    for (uint32_t i = 0; i < s.chunk_count; i++)
        sum = amount_sat_add(sum, s.chunks[i].value);
    require(a, amount_cmp(sum, s.total) == 0, "a stash's total is not the sum of its parts");
    require(a, amount_cmp(account.held[HOLD_STAKE], s.total) == 0,
            "the stake held is not what the stash's ledger says");
    require(a, staking_stash_of(a->l, back, s.controller) && memcmp(back, stash, 32) == 0,
            "a controller does not lead back to its stash");
    struct amount guaranteed = AMOUNT_ZERO;
    for (uint32_t i = 0; i < s.target_count; i++) {
        guaranteed = amount_sat_add(guaranteed, s.targets[i].value);
        require(a, !amount_is_zero(s.targets[i].value), "an empty guarantee is kept");
        require(a, amount_cmp(staking_edge(a->l, s.targets[i].who, stash), s.targets[i].value) == 0,
                "the two sides of a guarantee differ");
    }
    require(a, amount_cmp(guaranteed, s.guaranteed) == 0, "guaranteed is not the sum of targets");
    require(a, amount_cmp(s.guaranteed, s.active) <= 0, "more is guaranteed than is active");
    require(a, !s.validates || s.target_count == 0, "a candidate guarantees others");
    struct staking_key k = staking_key_of(STAKING_INDEX_CANDIDATE);
    staking_key_add(&k, stash, 32);
    require(a, state_has(a->l->st, STATE_INDEX, staking_key_span(&k)) == s.validates,
            "the index of candidates is wrong");
    a->locked = amount_sat_add(a->locked, s.total);
    a->edges += s.target_count;
}

/* Walks one letter of the store. */
static void walk(struct audit *a, uint8_t letter, void (*each)(struct audit *, const uint8_t *))
{
    const uint8_t prefix[1] = { letter };
    const struct state_range range = { .store = STATE_STAKING, .prefix = span_of(prefix, 1) };
    struct staking_key from = staking_key_of(letter);
    struct span k, value;
    while (state_next(a->l->st, &k, &value, range, staking_key_span(&from), true)) {
        ASSERT(k.n <= sizeof(from.bytes));
        memcpy(from.bytes, k.p, k.n);
        from.n = k.n;
        each(a, from.bytes + 1);
    }
}

static void count_audit(struct audit *a, const uint8_t target[32])
{
    struct staking_edge edge = { .value = AMOUNT_ZERO };
    uint32_t count = 0;
    while (staking_next_guarantor(a->l, target, &edge))
        count++;
    require(a, count == staking_edge_count(a->l, target), "the number of guarantors is wrong");
    require(a, count <= PARAMS_GUARANTORS_LIMIT, "too many guarantors");
    a->edges -= count;
}

static void held_audit(struct audit *a)
{
    const uint8_t prefix[1] = { 'a' };
    const struct state_range range = { .store = STATE_ACCOUNTS, .prefix = span_of(prefix, 1) };
    uint8_t from[33] = { 'a' };
    struct amount held = AMOUNT_ZERO;
    struct span k, value;
    while (state_next(a->l->st, &k, &value, range, span_of(from, 33), true)) {
        struct account account;
        memcpy(from, k.p, 33);
        accounts_get(a->l, &account, from + 1);
        held = amount_sat_add(held, account.held[HOLD_STAKE]);
    }
    require(a, amount_cmp(held, a->locked) == 0, "stake is held that belongs to no stash");
}

static void set_audit(struct audit *a)
{
    uint32_t count;
    uint64_t total = staking_set_total(a->l, &count);
    require(a, total >> 60 == 0, "the engine's set has more power than it can have");
    require(a, count <= 2 * PARAMS_VALIDATORS_LIMIT, "the engine's set is too large");
}

void staking_audit(struct ledger *l, const char **what)
{
    struct audit a = { .l = l, .locked = AMOUNT_ZERO };
    struct staking_now now;
    if (!staking_get_now(l, &now))
        return;
    walk(&a, STAKING_KEY_LEDGER, ledger_audit);
    walk(&a, STAKING_KEY_EDGES, count_audit);
    require(&a, a.edges == 0, "a guarantee has one side only");
    held_audit(&a);
    set_audit(&a);
    if (*what == NULL)
        *what = a.what;
    group_audit(l, what);
}

/* ---- votes ---- */

struct amount staking_weight(struct ledger *l, const uint8_t account[32])
{
    struct staking_now now;
    struct staking_exposure x;
    struct staking_ledger s;
    if (!staking_get_now(l, &now))
        return AMOUNT_ZERO;
    staking_get_exposure(l, &x, now.election, account);
    struct amount weight = x.own;
    if (!staking_get(l, &s, account))
        return weight;
    for (uint32_t i = 0; i < s.target_count; i++) {
        staking_get_exposure(l, &x, now.election, s.targets[i].who);
        for (uint32_t j = 0; j < x.count; j++)
            if (memcmp(x.others[j].who, account, 32) == 0)
                weight = amount_sat_add(weight, x.others[j].value);
    }
    return weight;
}

/* ---- genesis ---- */

void staking_genesis(struct ledger *l)
{
    const struct staking_now now = { .era_ms = l->time_ms };
    staking_put_now(l, &now);
}

enum tx_result staking_genesis_bond(struct ledger *l, const uint8_t stash[32],
                                    const struct staking_ledger *want)
{
    struct staking_ledger s = *want;
    struct staking_ledger there;
    struct staking_now now;
    if (staking_get(l, &there, stash))
        return RESULT_ALREADY_BONDED;
    if (amount_cmp(s.active, l->params->existential_deposit) < 0)
        return RESULT_INSUFFICIENT_VALUE;
    if (amount_cmp(accounts_usable(l, stash), s.active) < 0)
        return RESULT_INSUFFICIENT_BALANCE;
    s.total = s.active;
    memcpy(s.controller, stash, 32);
    accounts_hold(l, stash, HOLD_STAKE, s.total);
    staking_put_controller(l, stash, stash);
    staking_put(l, stash, &s);
    if (!s.validates)
        return RESULT_OK;
    staking_put_candidate(l, stash, true);
    staking_put_key(l, s.key, stash, false);
    /* SPEC staking 6.7: "At genesis all that is bonded counts in full." */
    const struct staking_exposure x = { .fee = s.fee, .total = s.active, .own = s.active };
    staking_get_now(l, &now);
    staking_put_exposure(l, 0, stash, &x);
    now.stake = amount_sat_add(now.stake, s.active);
    staking_put_now(l, &now);
    return RESULT_OK;
}

void staking_genesis_end(struct ledger *l)
{
    struct staking_elected elected = { .count = 0 };
    struct staking_now now;
    uint8_t key[32] = { 0 };
    uint64_t power;
    uint8_t stash[32];
    staking_get_now(l, &now);
    while (elected.count < PARAMS_VALIDATORS_LIMIT && staking_next_row(l, key, stash, &power)) {
        struct staking_ledger s;
        memcpy(elected.rows[elected.count].key, key, 32);
        memcpy(elected.rows[elected.count].stash, stash, 32);
        if (staking_get(l, &s, stash))
            elected.rows[elected.count].stake = s.active;
        elected.count++;
    }
    staking_put_elected(l, &elected);
    const struct staking_era era = {
        .height = 1, .time_ms = l->time_ms, .elected = elected.count, .stake = now.stake
    };
    staking_put_era(l, 0, &era);
    now.era_height = 1;
    staking_put_now(l, &now);
}
