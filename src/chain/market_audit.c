/* What must hold over all records of the market, for tests and audits: reads everything. */
#include "chain/group.h"
#include "chain/market.h"
#include "chain/market_store.h"

struct audit {
    struct ledger *l;
    const char *what; /* the first rule that is broken */
    struct amount owed;
    uint32_t orders;
};

static void require(struct audit *a, bool holds, const char *what)
{
    if (!holds && a->what == NULL)
        a->what = what;
}

static void replicas_audit(struct audit *a, const uint8_t id[32], const struct market_order *o)
{
    uint32_t all = 0, verified = 0, paid = 0;
    uint8_t lineage[32] = { 0 };
    struct market_replica r;
    for (; market_replica_next(a->l, lineage, &r, id); all++) {
        verified += r.verified;
        paid += r.paid;
        require(a, r.verified || (!r.paid && r.power == 0),
                "an unverified replica earns or weighs");
        uint8_t other[32];
        require(a, market_store_account_has_replica(a->l, id, r.account),
                "a replica is missing in the index by account");
        require(a, market_store_owner_has_replica(a->l, id, r.owner),
                "a replica is missing in the index by owner");
        bool walking = market_store_regroup(a->l, other, r.account);
        if (!group_owner(a->l, other, r.account))
            memcpy(other, r.account, 32);
        require(a, walking || memcmp(other, r.owner, 32) == 0, "a replica counts for a stranger");
    }
    require(a, all == o->replicas_all, "replicas_all is not the number of replicas");
    require(a, verified == o->replicas, "replicas is not the number of verified replicas");
    require(a, paid == o->replicas_paid, "replicas_paid is not the number of paid places");
    require(a, paid <= o->replicas_wanted, "more paid places than wanted replicas");
    require(a, o->expired_at != 0 || verified == 0, "an open order has a verified replica");
}

static void payers_audit(struct audit *a, const uint8_t id[32], const struct market_order *o)
{
    struct market_payer p;
    struct market_payer sum = { .refund_at = 0 };
    uint8_t account[32] = { 0 };
    uint32_t count = 0;
    for (; market_store_payer_next(a->l, account, &p, id); count++) {
        sum.income = amount_sat_add(sum.income, p.income);
        sum.staking = amount_sat_add(sum.staking, p.staking);
        sum.reserved = amount_sat_add(sum.reserved, p.reserved);
        sum.prepaid = amount_sat_add(sum.prepaid, p.prepaid);
    }
    require(a, count == o->payers, "payers is not the number of payers");
    require(a, amount_cmp(sum.staking, o->escrow_staking) == 0,
            "the staking escrow is not paid in");
    require(a, amount_cmp(sum.reserved, o->escrow_reserved) == 0, "the reserve is not paid in");
    require(a, amount_cmp(sum.income, o->amount) <= 0, "more income to refund than is there");
    require(a, amount_cmp(sum.prepaid, o->prepaid) <= 0, "more prepaid to refund than is there");
}

static void order_audit(struct audit *a, const uint8_t id[32])
{
    struct market_order o;
    bool there = market_order(a->l, &o, id);
    require(a, there, "an order cannot be read");
    a->orders++;
    struct amount escrow = amount_sat_add(o.escrow_staking, o.escrow_reserved);
    a->owed = amount_sat_add(a->owed, amount_sat_add(o.amount, amount_sat_add(o.prepaid, escrow)));
    uint8_t want[32];
    market_order_id(want, &o.key, o.size, o.has_data_root ? o.data_root : NULL);
    require(a, memcmp(want, id, 32) == 0, "an order lies under another id");
    require(a, market_store_is_indexed(a->l, id, &o), "an order is missing in the index by state");
    bool queued = ledger_queue_has(a->l, o.expired_at, LEDGER_DUE_EXPIRY, span_of(id, 32));
    require(a, o.expired_at == 0 || o.expired_at < a->l->height || queued, "no end is queued");
    replicas_audit(a, id, &o);
    payers_audit(a, id, &o);
}

struct amount market_audit(struct ledger *l, const char **what)
{
    struct audit a = { .l = l, .owed = AMOUNT_ZERO };
    struct state_range range = { .store = STATE_ORDERS };
    uint8_t from[STATE_KEY_MAX];
    size_t from_size = 0;
    struct span key, value;
    for (bool after = false;
         state_next(l->st, &key, &value, range, span_of(from, from_size), after); after = true) {
        from_size = key.n;
        memcpy(from, key.p, key.n);
        if (from[0] == 'o' && from_size == 33) {
            order_audit(&a, from + 1);
        } else if (from[0] == 'm' && from_size == 33) {
            struct market_merchant m;
            market_merchant(l, &m, from + 1);
            a.owed = amount_sat_add(a.owed, m.reward);
        }
    }
    struct market_price price;
    market_price(l, &price);
    require(&a, price.files == a.orders, "the number of entries is wrong");
    *what = a.what;
    return a.owed;
}
