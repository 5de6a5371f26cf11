/* Slashes: docs/spec/staking.md 9. */
#include "chain/staking_store.h"
#include "codec/cbor.h"

enum { PRIOR_MAX = 1002 }; /* spans in a window: bonding_eras is at most 1000 */

/* ---- spans: SPEC staking 9.6 ---- */

struct spans {
    uint32_t index;      /* of the current span */
    uint32_t last_start; /* its first era */
    uint32_t prior_count;
    uint32_t prior[PRIOR_MAX]; /* lengths, the most recent first */
};

static struct staking_key stash_key(uint8_t letter, const uint8_t stash[32])
{
    struct staking_key k = staking_key_of(letter);
    staking_key_add(&k, stash, 32);
    return k;
}

static struct staking_key span_key(const uint8_t stash[32], uint32_t index)
{
    struct staking_key k = stash_key(STAKING_KEY_SPAN, stash);
    staking_key_u32(&k, index);
    return k;
}

static uint32_t window_start(struct ledger *l, const struct staking_now *now)
{
    uint32_t window = l->params->bonding_eras;
    return now->era > window ? now->era - window : 0;
}

static void spans_get(struct ledger *l, struct spans *s, const uint8_t stash[32],
                      const struct staking_now *now)
{
    struct staking_key k = stash_key(STAKING_KEY_SPANS, stash);
    struct span value;
    s->index = 0;
    s->last_start = window_start(l, now);
    s->prior_count = 0;
    if (!state_get(l->st, &value, STATE_STAKING, staking_key_span(&k)))
        return;
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 3);
    s->index = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    s->last_start = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    size_t count = cbor_read_array(&c);
    cbor_require(&c, count <= PRIOR_MAX, ERR_LIMIT);
    for (size_t i = 0; i < count && c.r.err == OK; i++)
        s->prior[i] = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
    s->prior_count = (uint32_t)count;
}

/* Forgets spans that ended before the window, and stores the rest. */
static void spans_put(struct ledger *l, struct spans *s, const uint8_t stash[32],
                      const struct staking_now *now)
{
    uint8_t buf[STATE_VALUE_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    uint32_t start = window_start(l, now);
    uint32_t kept = 0;
    uint32_t end = s->last_start;
    for (; kept < s->prior_count && end > start; kept++)
        end -= s->prior[kept];
    for (uint32_t i = kept; i < s->prior_count; i++) {
        struct staking_key k = span_key(stash, s->index - 1 - i);
        state_del(l->st, STATE_STAKING, staking_key_span(&k));
    }
    s->prior_count = kept;
    if (s->last_start < start)
        s->last_start = start;
    cbor_write_array(&w, 3);
    cbor_write_uint(&w, s->index);
    cbor_write_uint(&w, s->last_start);
    cbor_write_array(&w, s->prior_count);
    for (uint32_t i = 0; i < s->prior_count; i++)
        cbor_write_uint(&w, s->prior[i]);
    ASSERT(w.err == OK);
    struct staking_key k = stash_key(STAKING_KEY_SPANS, stash);
    state_put(l->st, STATE_STAKING, staking_key_span(&k), writer_span(&w));
}

static void span_end(struct spans *s, uint32_t era)
{
    if (era + 1 <= s->last_start)
        return;
    uint32_t keep = s->prior_count < PRIOR_MAX ? s->prior_count : PRIOR_MAX - 1;
    memmove(&s->prior[1], &s->prior[0], keep * sizeof(s->prior[0]));
    s->prior[0] = era + 1 - s->last_start;
    s->prior_count = keep + 1;
    s->last_start = era + 1;
    s->index++;
}

/* The span that era lies in; false: older than the window. */
static bool span_of_era(const struct spans *s, uint32_t *index, uint32_t era)
{
    uint32_t start = s->last_start;
    *index = s->index;
    if (era >= start)
        return true;
    for (uint32_t i = 0; i < s->prior_count; i++) {
        start -= s->prior[i];
        *index = s->index - 1 - i;
        if (era >= start)
            return true;
    }
    return false;
}

/* What a slash of value in era costs stash beyond what its span has cost already. *current: the
 * span goes on; it ends here. */
static struct amount span_charge(struct ledger *l, const struct staking_now *now,
                                 const uint8_t stash[32], uint32_t era, struct amount value,
                                 bool *current)
{
    struct spans s = { 0 };
    uint32_t index;
    struct amount more = AMOUNT_ZERO;
    spans_get(l, &s, stash, now);
    *current = false;
    if (span_of_era(&s, &index, era)) {
        struct staking_key k = span_key(stash, index);
        more = amount_sat_sub(value, staking_get_amount(l, &k));
        if (!amount_is_zero(more))
            staking_put_amount(l, &k, value);
        *current = index == s.index;
    }
    if (*current)
        span_end(&s, now->era);
    spans_put(l, &s, stash, now);
    return more;
}

void staking_spans_forget(struct ledger *l, const uint8_t stash[32])
{
    struct staking_key prefix = stash_key(STAKING_KEY_SPAN, stash);
    const struct state_range range = { .store = STATE_STAKING,
                                       .prefix = staking_key_span(&prefix) };
    struct span key, value;
    while (state_next(l->st, &key, &value, range, range.prefix, false)) {
        struct staking_key k = staking_key_of(STAKING_KEY_SPAN);
        staking_key_add(&k, key.p + 1, key.n - 1);
        state_del(l->st, STATE_STAKING, staking_key_span(&k));
    }
    struct staking_key k = stash_key(STAKING_KEY_SPANS, stash);
    state_del(l->st, STATE_STAKING, staking_key_span(&k));
}

/* ---- charging ---- */

/* Takes *left from a bucket, and what would remain of it when that is at most the existential
 * deposit. Returns what was taken. */
static struct amount drain(struct ledger *l, struct amount *bucket, struct amount *left)
{
    struct amount v = amount_min(*bucket, *left);
    struct amount rest = amount_sat_sub(*bucket, v);
    *left = amount_sat_sub(*left, v);
    if (!amount_is_zero(v) && amount_cmp(rest, l->params->existential_deposit) <= 0)
        v = *bucket;
    ledger_take(bucket, v);
    return v;
}

/* SPEC staking 9.8: "from what is active first, then from what unbonds, oldest first" */
static void charge(struct ledger *l, const uint8_t stash[32], struct amount v)
{
    struct staking_ledger s;
    struct amount left = v;
    if (!staking_get(l, &s, stash))
        return;
    struct amount taken = drain(l, &s.active, &left);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s.chunk_count; i++) {
        if (!amount_is_zero(left))
            taken = amount_sat_add(taken, drain(l, &s.chunks[i].value, &left));
        if (!amount_is_zero(s.chunks[i].value))
            s.chunks[kept++] = s.chunks[i];
    }
    s.chunk_count = kept;
    ledger_take(&s.total, taken);
    /* SPEC staking 9.9: "Guarantees that are no longer covered are cut, the last made first." */
    while (amount_cmp(s.guaranteed, s.active) > 0)
        staking_cut_target(l, &s, stash, s.target_count - 1,
                           amount_sat_sub(s.guaranteed, s.active));
    staking_put(l, stash, &s);
    accounts_take_held(l, stash, HOLD_STAKE, accounts_pot(POT_TREASURY), taken);
    struct ledger_event ev;
    ledger_event_begin(&ev, "stake.slashed");
    ledger_event_account(&ev, "stash", stash);
    ledger_event_amount(&ev, "amount", taken);
    ledger_event_end(l, &ev);
}

/* ---- slashes that wait: era | stash | number -> [[who, amount]...], the validator first ---- */

struct slash {
    uint32_t count;
    struct staking_edge parts[PARAMS_GUARANTORS_LIMIT + 1];
};

/* Who is bonded no more has nothing to lose; what he bonds later has no part in it. */
static void slash_add(struct ledger *l, struct slash *s, const uint8_t who[32], struct amount v)
{
    struct staking_ledger ledger;
    if (amount_is_zero(v) || !staking_get(l, &ledger, who))
        return;
    memcpy(s->parts[s->count].who, who, 32);
    s->parts[s->count++].value = v;
}

static void pending_add(struct ledger *l, const struct slash *s, int by)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct staking_ledger ledger;
        if (!staking_get(l, &ledger, s->parts[i].who))
            continue;
        ASSERT(by > 0 || ledger.pending > 0); /* a stash stays while a slash waits for it */
        ledger.pending = by > 0 ? ledger.pending + 1 : ledger.pending - 1;
        staking_put(l, s->parts[i].who, &ledger);
    }
}

static struct staking_key waiting_key(uint32_t era, const uint8_t stash[32])
{
    struct staking_key k = staking_key_of(STAKING_KEY_UNAPPLIED);
    staking_key_u32(&k, era);
    staking_key_add(&k, stash, 32);
    return k;
}

static void wait_for(struct ledger *l, const struct staking_now *now, const uint8_t stash[32],
                     const struct slash *s)
{
    uint8_t buf[STATE_VALUE_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    uint32_t number = 0;
    struct staking_key k = waiting_key(now->era, stash);
    staking_key_u32(&k, number);
    while (state_has(l->st, STATE_STAKING, staking_key_span(&k))) {
        k = waiting_key(now->era, stash);
        staking_key_u32(&k, ++number);
    }
    cbor_write_array(&w, s->count);
    for (uint32_t i = 0; i < s->count; i++) {
        cbor_write_array(&w, 2);
        cbor_write_bytes(&w, span_of(s->parts[i].who, 32));
        cbor_write_amount(&w, s->parts[i].value);
    }
    ASSERT(w.err == OK);
    state_put(l->st, STATE_STAKING, staking_key_span(&k), writer_span(&w));
    pending_add(l, s, 1);
}

static void slash_decode(struct slash *s, struct span value)
{
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    size_t count = cbor_read_array(&c);
    cbor_require(&c, count <= PARAMS_GUARANTORS_LIMIT + 1, ERR_LIMIT);
    for (size_t i = 0; i < count && c.r.err == OK; i++) {
        cbor_read_array_of(&c, 2);
        cbor_read_bytes_of(&c, s->parts[i].who, 32);
        s->parts[i].value = cbor_read_amount(&c);
    }
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
    s->count = (uint32_t)count;
}

/* Takes the first waiting slash with this prefix out of the list. */
static bool waiting_take(struct ledger *l, struct slash *s, struct span prefix, uint32_t before)
{
    const struct state_range range = { .store = STATE_STAKING, .prefix = prefix };
    struct span key, value;
    struct staking_key k = staking_key_of(STAKING_KEY_UNAPPLIED);
    if (!state_next(l->st, &key, &value, range, range.prefix, false) ||
        load_be32(key.p + 1) >= before)
        return false;
    staking_key_add(&k, key.p + 1, key.n - 1);
    slash_decode(s, value);
    state_del(l->st, STATE_STAKING, staking_key_span(&k));
    pending_add(l, s, -1);
    return true;
}

void staking_charge_due(struct ledger *l, const struct staking_now *now)
{
    const uint8_t prefix[1] = { STAKING_KEY_UNAPPLIED };
    uint32_t defer = l->params->slash_defer_eras;
    uint32_t charged = 0;
    struct slash s;
    /* SPEC staking 9.7: "A slash reported in era e is charged when era e + `slash_defer_eras` + 1
     * begins" */
    while (charged < l->params->queue_per_block && now->era > defer &&
           waiting_take(l, &s, span_of(prefix, 1), now->era - defer)) {
        for (uint32_t i = 0; i < s.count; i++)
            charge(l, s.parts[i].who, s.parts[i].value);
        charged += s.count;
    }
}

bool staking_has_unapplied(struct ledger *l, uint32_t era, const uint8_t stash[32])
{
    struct staking_key prefix = waiting_key(era, stash);
    const struct state_range range = { .store = STATE_STAKING,
                                       .prefix = staking_key_span(&prefix) };
    struct span key, value;
    return state_next(l->st, &key, &value, range, range.prefix, false);
}

bool staking_cancel(struct ledger *l, uint32_t era, const uint8_t stash[32])
{
    struct staking_key prefix = waiting_key(era, stash);
    struct slash s;
    bool any = false;
    while (waiting_take(l, &s, staking_key_span(&prefix), UINT32_MAX))
        any = true;
    return any;
}

/* ---- computing ---- */

void staking_chill(struct ledger *l, const uint8_t stash[32])
{
    struct staking_ledger s;
    if (!staking_get(l, &s, stash) || !s.validates)
        return;
    staking_withdraw_candidate(l, &s, stash);
    staking_put(l, stash, &s);
    struct ledger_event ev;
    ledger_event_begin(&ev, "stake.chilled");
    ledger_event_account(&ev, "stash", stash);
    ledger_event_amount(&ev, "amount", s.active);
    ledger_event_end(l, &ev);
}

/* SPEC staking 9.5: "Only a larger fraction than the one before counts in the same era" */
static bool is_larger(struct ledger *l, const uint8_t stash[32], uint32_t era, uint32_t fraction,
                      uint32_t *before)
{
    struct staking_key k = staking_key_of(STAKING_KEY_SLASH);
    staking_key_u32(&k, era);
    staking_key_add(&k, stash, 32);
    *before = (uint32_t)staking_get_amount(l, &k).units;
    if (fraction <= *before)
        return false;
    staking_put_amount(l, &k, AMOUNT_OF(fraction));
    return true;
}

static struct amount guarantor_part(struct ledger *l, const struct staking_now *now,
                                    const struct staking_edge *edge, uint32_t era,
                                    const uint32_t fractions[2])
{
    struct staking_key k = staking_key_of(STAKING_KEY_SLASHED);
    staking_key_u32(&k, era);
    staking_key_add(&k, edge->who, 32);
    u128 was = ratio_mul(fractions[0], PERBILL, edge->value.units);
    u128 is = ratio_mul(fractions[1], PERBILL, edge->value.units);
    struct amount more = AMOUNT_OF(is > was ? is - was : 0);
    struct amount all = amount_sat_add(staking_get_amount(l, &k), more);
    bool current;
    staking_put_amount(l, &k, all);
    return span_charge(l, now, edge->who, era, all, &current);
}

void staking_offend(struct ledger *l, const struct staking_now *now, const uint8_t stash[32],
                    uint32_t fraction, uint32_t era)
{
    struct staking_era e;
    struct staking_exposure x;
    struct slash slash = { .count = 0 };
    uint32_t fractions[2] = { 0, fraction };
    bool current;
    if (!staking_get_era(l, &e, era))
        return;
    staking_get_exposure(l, &x, e.election, stash);
    if (ratio_mul(fraction, PERBILL, x.total.units) == 0) {
        span_charge(l, now, stash, era, AMOUNT_ZERO, &current);
        if (current)
            staking_chill(l, stash);
        return;
    }
    if (!is_larger(l, stash, era, fraction, &fractions[0]))
        return;
    struct amount own = AMOUNT_OF(ratio_mul(fraction, PERBILL, x.own.units));
    slash_add(l, &slash, stash, span_charge(l, now, stash, era, own, &current));
    if (current)
        staking_chill(l, stash);
    for (uint32_t i = 0; i < x.count; i++)
        slash_add(l, &slash, x.others[i].who, guarantor_part(l, now, &x.others[i], era, fractions));
    if (slash.count == 0)
        return;
    if (l->params->slash_defer_eras > 0) {
        wait_for(l, now, stash, &slash);
        return;
    }
    for (uint32_t i = 0; i < slash.count; i++)
        charge(l, slash.parts[i].who, slash.parts[i].value);
}

/* The stashes that misbehaved in an era, one after another. */
void staking_misbehave(struct ledger *l, const struct staking_now *now, const uint8_t stash[32],
                       uint32_t era)
{
    uint8_t list[PARAMS_VALIDATORS_LIMIT][32];
    struct staking_key k = staking_key_of(STAKING_KEY_OFFENDERS);
    struct staking_era e;
    struct span value;
    uint32_t count = 0;
    bool known = false;
    staking_key_u32(&k, era);
    if (!staking_get_era(l, &e, era) || e.elected == 0)
        return;
    if (state_get(l->st, &value, STATE_STAKING, staking_key_span(&k)))
        for (; count < value.n / 32 && count < PARAMS_VALIDATORS_LIMIT; count++)
            memcpy(list[count], value.p + 32 * (size_t)count, 32);
    for (uint32_t i = 0; i < count; i++)
        known = known || memcmp(list[i], stash, 32) == 0;
    if (!known && count < PARAMS_VALIDATORS_LIMIT) {
        memcpy(list[count++], stash, 32);
        state_put(l->st, STATE_STAKING, staking_key_span(&k), span_of(list, 32 * (size_t)count));
    }
    /* SPEC staking 9.2: "With k of n validators misbehaving in one era the fraction is the square
     * of min(1, 3 k / n), for all k of them." */
    uint64_t a = ratio_of(3 * (u128)count, e.elected, PERBILL);
    uint32_t fraction = ratio_of((u128)a * a, (u128)PERBILL * PERBILL, PERBILL);
    for (uint32_t i = 0; i < count; i++)
        staking_offend(l, now, list[i], fraction, era);
}
