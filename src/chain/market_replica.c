/* Replicas: who holds what, who is paid, what it weighs. docs/spec/market.md 5. */
#include "chain/group.h"
#include "chain/market.h"
#include "chain/market_store.h"

enum { REGROUP_STEP = 32 }; /* replicas of an account that one due entry looks at */

struct amount market_rate(const struct market_order *o)
{
    return o->disputed || o->shares == 0 ? AMOUNT_ZERO : AMOUNT_OF(o->income.units / o->shares);
}

/* Multiplied first, so that small incomes do not vanish by rounding. */
static struct amount earned(const struct market_order *o, uint64_t slots)
{
    struct amount v;
    if (o->shares == 0)
        return AMOUNT_ZERO;
    if (amount_mul(&v, o->income, slots) != OK)
        return AMOUNT_ZERO; /* params_check keeps prices far from here */
    return AMOUNT_OF(v.units / o->shares);
}

static void emit_replica(struct ledger *l, const char *type, const uint8_t id[32],
                         const uint8_t lineage[32], const struct market_replica *r)
{
    struct ledger_event ev;
    ledger_event_begin(&ev, type);
    ledger_event_hex(&ev, "order", span_of(id, 32));
    ledger_event_hex(&ev, "worker", span_of(lineage, 32));
    ledger_event_account(&ev, "account", r->account);
    ledger_event_end(l, &ev);
}

/* A reward that the collateral does not cover stays in the order. */
static void credit(struct ledger *l, const struct market_work *work, struct market_order *o,
                   const uint8_t lineage[32], const struct market_replica *r, struct amount v)
{
    /* SPEC market 5.3: "The money first refills the worker's deposit" */
    struct amount left = work->refill(l, lineage, v);
    ledger_take(&o->amount, amount_sat_sub(v, left));
    struct market_merchant m;
    market_merchant(l, &m, r->account);
    ledger_add(&m.reward, left);
    if (amount_is_zero(left) || !market_reward_fits(l, r->account, m.reward, AMOUNT_ZERO))
        return;
    market_store_reward_put(l, r->account, m.reward);
    ledger_take(&o->amount, left);
}

/* Between two settlements a volume answers at most once in each slot that the time touches. */
static uint64_t slots_touched(const struct ledger *l, const struct market_order *o)
{
    uint64_t until = l->height < o->expired_at ? l->height : o->expired_at;
    uint64_t blocks = until > o->calculated_at ? until - o->calculated_at : 0;
    return blocks / l->params->slot_blocks + 2;
}

void market_replica_pay(struct ledger *l, const struct market_work *work, struct market_order *o,
                        const uint8_t lineage[32], struct market_replica *r,
                        const struct market_counters *c)
{
    if (!r->verified)
        return; /* its mark stays: it is paid from when it was added */
    uint64_t slots = c->answered > r->answered ? c->answered - r->answered : 0;
    uint64_t most = slots_touched(l, o);
    if (slots > most)
        slots = most;
    r->answered = c->answered;
    /* SPEC market 5.2: "While claims differ it pays nothing, and those slots are lost." */
    if (r->paid && !o->disputed && slots > 0) {
        struct amount v = amount_min(earned(o, slots), o->amount);
        struct amount before = o->amount;
        if (!amount_is_zero(v))
            credit(l, work, o, lineage, r, v);
        r->earned = amount_sat_add(r->earned, amount_sat_sub(before, o->amount));
    }
    /* SPEC market 4.3: "A free place goes to the next at a settlement." */
    if (!r->paid && o->replicas_paid < o->replicas_wanted) {
        r->paid = true;
        o->replicas_paid++;
        work->rate(l, lineage, r, AMOUNT_ZERO, market_rate(o));
    }
}

/* ---- power ----------------------------------------------------------------------------------- */

static uint64_t power_of(const struct ledger *l, const struct market_order *o,
                         const struct market_replica *r)
{
    /* SPEC market 4.4: "Power: 0 until verified or while claims differ" */
    if (!r->verified || o->disputed || o->expired_at == 0)
        return 0;
    if (!r->mature)
        return o->size;
    /* Sizes are below 2^50, multipliers at most 200: no overflow. */
    return (uint64_t)((u128)o->size * params_power_permille(l->params, o->replicas) / 1000);
}

bool market_replica_power(struct ledger *l, const struct market_work *work,
                          const struct market_order *o, const uint8_t lineage[32],
                          struct market_replica *r)
{
    uint64_t before = r->power;
    bool ripe = r->verified && r->created_at + l->params->power_ready_blocks <= l->height;
    bool ripened = ripe && !r->mature;
    r->mature = ripe;
    r->power = power_of(l, o, r);
    if (r->power != before)
        work->power(l, lineage, r, before, r->power);
    return ripened || r->power != before;
}

/* The multiplier follows the number of replicas in steps; others feel it only when it moves. */
static void count_replicas(struct ledger *l, const uint8_t id[32], struct market_order *o,
                           uint32_t count)
{
    uint32_t before = params_power_permille(l->params, o->replicas);
    o->replicas = count;
    if (params_power_permille(l->params, count) != before)
        ledger_queue_put(l, l->height + 1, LEDGER_DUE_POWER, span_of(id, 32));
}

static uint32_t refresh_power(struct ledger *l, const struct market_work *work,
                              const uint8_t id[32])
{
    struct market_order o;
    if (!market_order(l, &o, id))
        return 1;
    uint32_t looked = 1;
    uint8_t lineage[32] = { 0 };
    struct market_replica r;
    for (; market_replica_next(l, lineage, &r, id); looked++)
        if (market_replica_power(l, work, &o, lineage, &r))
            market_store_replica_put(l, id, lineage, &r);
    return looked;
}

void market_set_disputed(struct ledger *l, const struct market_work *work, const uint8_t order[32],
                         bool disputed)
{
    struct market_order o;
    if (!market_order(l, &o, order) || o.disputed == disputed)
        return;
    /* What was earned before the dispute is paid; slots of a dispute earn nothing. */
    if (o.expired_at != 0)
        market_settle_all(l, work, order, &o);
    struct amount before = market_rate(&o);
    o.disputed = disputed;
    struct amount after = market_rate(&o);
    uint8_t lineage[32] = { 0 };
    struct market_replica r;
    while (market_replica_next(l, lineage, &r, order))
        if (r.paid)
            work->rate(l, lineage, &r, before, after);
    market_store_order_put(l, order, &o);
    ledger_queue_put(l, l->height + 1, LEDGER_DUE_POWER, span_of(order, 32));
}

/* ---- adding and removing ---- */

/* The end of the next report part: every first report of that slot is in by then. */
static uint64_t next_look(const struct ledger *l)
{
    return (l->slot + 1) * l->params->slot_blocks + l->params->report_blocks;
}

static void queue_verify(struct ledger *l, const uint8_t order[32], const uint8_t lineage[32])
{
    uint8_t key[64];
    memcpy(key, order, 32);
    memcpy(key + 32, lineage, 32);
    ledger_queue_put(l, next_look(l), LEDGER_DUE_VERIFY, span_of(key, sizeof(key)));
}

/* SPEC market 4.1: "It counts for the owner of its account's group, else for the account" */
static void owner_of(struct ledger *l, uint8_t owner[32], const uint8_t account[32])
{
    if (!group_owner(l, owner, account))
        memcpy(owner, account, 32);
}

bool market_replica_add(struct ledger *l, const struct market_work *work, const uint8_t order[32],
                        const uint8_t lineage[32], const struct market_replica *r)
{
    (void)work;
    struct market_order o;
    struct market_replica there;
    if (!market_order(l, &o, order) || market_order_state(l, &o) == ORDER_EXPIRED)
        return false;
    uint8_t owner[32];
    owner_of(l, owner, r->account);
    /* SPEC market 4.1: "An entry has at most one of an account, one that counts for an owner, and
     * replicas_max in all." */
    if (o.replicas_all >= l->params->replicas_max || market_replica(l, &there, order, lineage) ||
        market_store_account_has_replica(l, order, r->account) ||
        market_store_owner_has_replica(l, order, owner))
        return false;
    struct market_replica fresh = { .volume = r->volume,
                                    .generation = r->generation,
                                    .index = r->index,
                                    .proven = r->proven,
                                    .answered = r->answered };
    memcpy(fresh.account, r->account, 32);
    memcpy(fresh.owner, owner, 32);
    o.replicas_all++;
    market_store_order_put(l, order, &o);
    market_store_replica_new(l, order, lineage, &fresh);
    queue_verify(l, order, lineage);
    struct market_price price;
    market_price(l, &price);
    price.files_added += price.files_added < UINT32_MAX;
    market_price_put(l, &price);
    emit_replica(l, "replica.added", order, lineage, &fresh);
    return true;
}

void market_replica_drop(struct ledger *l, const struct market_work *work, const uint8_t id[32],
                         struct market_order *o, const uint8_t lineage[32],
                         struct market_replica *r)
{
    if (r->power != 0)
        work->power(l, lineage, r, r->power, 0);
    if (r->paid) {
        work->rate(l, lineage, r, market_rate(o), AMOUNT_ZERO);
        o->replicas_paid--;
    }
    if (r->verified)
        count_replicas(l, id, o, o->replicas - 1);
    o->replicas_all--;
    market_store_replica_del(l, id, lineage, r);
    emit_replica(l, "replica.removed", id, lineage, r);
}

bool market_replica_remove(struct ledger *l, const struct market_work *work,
                           const uint8_t order[32], const uint8_t lineage[32])
{
    struct market_order o;
    struct market_replica r;
    struct market_counters c;
    if (!market_order(l, &o, order) || !market_replica(l, &r, order, lineage))
        return false;
    if (o.expired_at != 0 && work->counters(l, &c, lineage, &r))
        market_replica_pay(l, work, &o, lineage, &r, &c);
    market_replica_drop(l, work, order, &o, lineage, &r);
    market_store_order_put(l, order, &o);
    return true;
}

/* ---- groups ---- */

void market_regroup(struct ledger *l, const uint8_t account[32])
{
    static const uint8_t start[32];
    uint8_t order[32];
    /* A walk under way begins anew; there is one per account. */
    if (!market_store_regroup(l, order, account))
        ledger_queue_put(l, l->height, LEDGER_DUE_GROUP, span_of(account, 32));
    market_store_regroup_put(l, account, start);
}

static void regroup_one(struct ledger *l, const struct market_work *work, const uint8_t order[32],
                        const uint8_t lineage[32], const uint8_t owner[32])
{
    struct market_replica r;
    if (!market_replica(l, &r, order, lineage) || memcmp(r.owner, owner, 32) == 0)
        return;
    /* SPEC market 4.5: "One of which the group holds another ends." */
    if (market_store_owner_has_replica(l, order, owner)) {
        market_replica_remove(l, work, order, lineage);
        return;
    }
    market_store_replica_del(l, order, lineage, &r);
    memcpy(r.owner, owner, 32);
    market_store_replica_new(l, order, lineage, &r);
}

/* A part of the walk over the replicas of an account. */
static uint32_t regroup(struct ledger *l, const struct market_work *work, const uint8_t account[32])
{
    uint8_t owner[32], order[32], lineage[32];
    uint32_t looked = 1;
    if (!market_store_regroup(l, order, account))
        return looked;
    owner_of(l, owner, account);
    for (; looked <= REGROUP_STEP; looked++) {
        if (!market_store_account_next(l, order, lineage, account)) {
            market_store_regroup_put(l, account, NULL);
            return looked;
        }
        regroup_one(l, work, order, lineage, owner);
    }
    market_store_regroup_put(l, account, order);
    ledger_queue_put(l, l->height + 1, LEDGER_DUE_GROUP, span_of(account, 32));
    return looked;
}

/* ---- due entries ---- */

static void verified(struct ledger *l, const struct market_work *work, const uint8_t id[32],
                     struct market_order *o, const uint8_t lineage[32], struct market_replica *r)
{
    r->verified = true;
    r->created_at = l->height;
    if (o->expired_at == 0)
        market_settle_start(l, id, o);
    count_replicas(l, id, o, o->replicas + 1);
    if (o->replicas_paid < o->replicas_wanted) {
        r->paid = true;
        o->replicas_paid++;
        work->rate(l, lineage, r, AMOUNT_ZERO, market_rate(o));
    }
    market_replica_power(l, work, o, lineage, r);
    ledger_queue_put(l, l->height + l->params->power_ready_blocks, LEDGER_DUE_POWER,
                     span_of(id, 32));
    emit_replica(l, "replica.verified", id, lineage, r);
}

static uint32_t look_at(struct ledger *l, const struct market_work *work, const uint8_t id[32],
                        const uint8_t lineage[32])
{
    struct market_order o;
    struct market_replica r;
    struct market_counters c;
    if (!market_order(l, &o, id) || !market_replica(l, &r, id, lineage) || r.verified)
        return 1;
    if (!work->counters(l, &c, lineage, &r)) {
        market_replica_drop(l, work, id, &o, lineage, &r);
        market_store_order_put(l, id, &o);
        return 1;
    }
    /* SPEC market 4.2: "with `proven` above the mark it is *verified*" */
    if (c.proven <= r.proven) {
        queue_verify(l, id, lineage);
        return 1;
    }
    verified(l, work, id, &o, lineage, &r);
    market_store_replica_put(l, id, lineage, &r);
    market_store_order_put(l, id, &o);
    return 2;
}

static uint32_t expire(struct ledger *l, const struct market_work *work, const uint8_t id[32])
{
    struct market_order o;
    if (!market_order(l, &o, id) || market_order_state(l, &o) != ORDER_EXPIRED)
        return 1;
    uint32_t looked = market_settle_all(l, work, id, &o);
    market_settle_end(l, work, id, &o);
    return looked + 1;
}

uint32_t market_due(struct ledger *l, const struct market_work *work, enum ledger_due kind,
                    struct span key)
{
    uint8_t id[32];
    ASSERT(key.n >= 32);
    memcpy(id, key.p, 32);
    if (kind == LEDGER_DUE_EXPIRY)
        return expire(l, work, id);
    if (kind == LEDGER_DUE_POWER)
        return refresh_power(l, work, id);
    if (kind == LEDGER_DUE_GROUP)
        return regroup(l, work, id);
    ASSERT(kind == LEDGER_DUE_VERIFY && key.n == 64);
    return look_at(l, work, id, key.p + 32);
}
