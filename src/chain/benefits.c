#include "chain/benefits.h"

#include "chain/staking.h"
#include "codec/cbor.h"

/* In the store `staking`: 'Q' -> totals; 'q' | account -> [era, counted, used]. */
static const uint8_t totals_key[1] = { 'Q' };

struct key {
    uint8_t bytes[33];
};

static struct key key_of(const uint8_t account[32])
{
    struct key k = { { 'q' } };
    memcpy(k.bytes + 1, account, 32);
    return k;
}

/* ---- records ---- */

bool benefits_totals(struct ledger *l, struct benefits_totals *out)
{
    struct staking_now now;
    struct span value;
    *out = (struct benefits_totals){ .quota = AMOUNT_ZERO };
    if (!staking_get_now(l, &now))
        return false;
    if (!state_get(l->st, &value, STATE_STAKING, span_of(totals_key, 1)))
        return true;
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 4);
    out->quota = cbor_read_amount(&c);
    out->used = cbor_read_amount(&c);
    out->counted = cbor_read_amount(&c);
    out->funds = cbor_read_amount(&c);
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
    return true;
}

static void totals_put(struct ledger *l, const struct benefits_totals *t)
{
    uint8_t buf[96];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 4);
    cbor_write_amount(&w, t->quota);
    cbor_write_amount(&w, t->used);
    cbor_write_amount(&w, t->counted);
    cbor_write_amount(&w, t->funds);
    ASSERT(w.err == OK);
    state_put(l->st, STATE_STAKING, span_of(totals_key, 1), writer_span(&w));
}

static struct amount collateral(struct ledger *l, const uint8_t account[32])
{
    struct account a;
    accounts_get(l, &a, account);
    return a.held[HOLD_MERCHANT];
}

bool benefits_get(struct ledger *l, struct benefits *out, const uint8_t account[32])
{
    struct key k = key_of(account);
    struct staking_now now;
    struct span value;
    *out = (struct benefits){ .counted = AMOUNT_ZERO };
    if (!staking_get_now(l, &now))
        return false;
    bool there = state_get(l->st, &value, STATE_STAKING, span_of(k.bytes, sizeof(k.bytes)));
    if (there) {
        struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
        cbor_read_array_of(&c, 3);
        out->era = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
        out->counted = cbor_read_amount(&c);
        out->used = cbor_read_amount(&c);
        enum err e = cbor_finish(&c);
        ASSERT(e == OK);
    }
    /* A record of another era says that nothing has happened in this one. */
    if (!there || out->era != now.era)
        *out = (struct benefits){ .era = now.era, .counted = collateral(l, account) };
    return true;
}

static void put(struct ledger *l, const uint8_t account[32], const struct benefits *b)
{
    uint8_t buf[64];
    struct writer w = writer_of(buf, sizeof(buf));
    struct key k = key_of(account);
    cbor_write_array(&w, 3);
    cbor_write_uint(&w, b->era);
    cbor_write_amount(&w, b->counted);
    cbor_write_amount(&w, b->used);
    ASSERT(w.err == OK);
    state_put(l->st, STATE_STAKING, span_of(k.bytes, sizeof(k.bytes)), writer_span(&w));
}

/* ---- a settlement's fee ---- */

/* SPEC benefits 2.1: "Its part of the quota is ratio_of(what counts of it, what counts of all)
 * times the quota" */
struct amount benefits_own(const struct benefits_totals *t, const struct benefits *b)
{
    uint32_t share = ratio_of(b->counted.units, t->counted.units, PERBILL);
    return AMOUNT_OF(ratio_mul(share, PERBILL, t->quota.units));
}

struct amount benefits_waived(struct ledger *l, const uint8_t account[32], struct amount fee)
{
    struct benefits_totals t;
    struct benefits b;
    if (!benefits_totals(l, &t) || !benefits_get(l, &b, account))
        return AMOUNT_ZERO;
    uint32_t percent = l->params->benefits_waived_percent;
    struct amount v = AMOUNT_OF(ratio_mul(percent, PERCENT, fee.units));
    /* SPEC benefits 2.2: "if with it neither the account's part nor the whole quota is exceeded" */
    bool own = amount_cmp(amount_sat_add(b.used, v), benefits_own(&t, &b)) <= 0;
    bool all = amount_cmp(amount_sat_add(t.used, v), t.quota) <= 0;
    return own && all ? v : AMOUNT_ZERO;
}

void benefits_use(struct ledger *l, const uint8_t account[32], struct amount waived)
{
    struct benefits_totals t;
    struct benefits b;
    if (amount_is_zero(waived) || !benefits_totals(l, &t) || !benefits_get(l, &b, account))
        return;
    ledger_add(&t.used, waived);
    ledger_add(&b.used, waived);
    totals_put(l, &t);
    put(l, account, &b);
    accounts_issue_fee(l, waived);
}

/* ---- collateral and eras ---- */

/* SPEC benefits 1.2: "What is deposited counts from the next era on, what is withdrawn no more at
 * once." */
void benefits_deposit(struct ledger *l, const uint8_t account[32], struct amount v)
{
    struct benefits_totals t;
    struct benefits b;
    if (!benefits_totals(l, &t) || !benefits_get(l, &b, account))
        return;
    ledger_add(&t.funds, v);
    totals_put(l, &t);
    put(l, account, &b);
}

void benefits_withdraw(struct ledger *l, const uint8_t account[32], struct amount v)
{
    struct benefits_totals t;
    struct benefits b;
    if (!benefits_totals(l, &t) || !benefits_get(l, &b, account))
        return;
    struct amount counted = amount_min(b.counted, amount_sat_sub(collateral(l, account), v));
    ledger_take(&t.counted, amount_sat_sub(b.counted, counted));
    ledger_take(&t.funds, v);
    b.counted = counted;
    totals_put(l, &t);
    put(l, account, &b);
}

struct amount benefits_era(struct ledger *l, struct amount total)
{
    struct benefits_totals t;
    if (!benefits_totals(l, &t))
        return AMOUNT_ZERO;
    struct amount covered = amount_min(t.used, total);
    ledger_take(&t.used, covered);
    /* SPEC benefits 1.1: "The quota of an era is `benefits_quota_rate` of what the era before
     * paid" */
    t.quota = AMOUNT_OF(ratio_mul(l->params->benefits_quota_rate, PERBILL, total.units));
    t.counted = t.funds;
    totals_put(l, &t);
    return covered;
}

void benefits_audit(struct ledger *l, const char **what)
{
    const uint8_t prefix[1] = { 'q' };
    const struct state_range range = { .store = STATE_STAKING, .prefix = span_of(prefix, 1) };
    uint8_t from[33] = { 'q' };
    struct amount funds = AMOUNT_ZERO, counted = AMOUNT_ZERO, used = AMOUNT_ZERO;
    struct benefits_totals t;
    struct span key, value;
    if (*what != NULL || !benefits_totals(l, &t))
        return;
    while (state_next(l->st, &key, &value, range, span_of(from, 33), true)) {
        struct benefits b;
        memcpy(from, key.p, 33);
        (void)benefits_get(l, &b, from + 1);
        funds = amount_sat_add(funds, collateral(l, from + 1));
        counted = amount_sat_add(counted, b.counted);
        used = amount_sat_add(used, b.used);
        if (amount_cmp(b.counted, collateral(l, from + 1)) > 0)
            *what = "more collateral counts than there is";
    }
    if (amount_cmp(funds, t.funds) != 0 || amount_cmp(counted, t.counted) != 0)
        *what = "the sums of collateral are wrong";
    if (amount_cmp(used, t.used) > 0)
        *what = "more has been waived than is counted";
}
