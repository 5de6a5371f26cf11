/* Limits and elections: docs/spec/staking.md 5 and 6. */
#include "chain/group.h"
#include "chain/staking_store.h"
#include "chain/work.h"

/* ---- limits ---- */

/* SPEC staking 5.2: "v(k) = floor(660 000 000 000 / (2k - 1)) - 650 000 000 for k = floor(r / 1000)
 * + 1" with five rows one lower, as the reference network's generator stored them. */
void staking_ratio_row(uint32_t ratio_ppm, uint32_t *whole, uint32_t *fraction)
{
    static const uint32_t lower[] = { 2, 3, 28, 63, 188 };
    *whole = 0;
    *fraction = 350000000;
    if (ratio_ppm >= 330000)
        return;
    uint64_t k = ratio_ppm / 1000 + 1;
    uint64_t v = 660000000000 / (2 * k - 1) - 650000000;
    for (size_t i = 0; i < sizeof(lower) / sizeof(lower[0]); i++)
        v -= k == lower[i];
    *whole = (uint32_t)(v / PERBILL);
    *fraction = (uint32_t)(v % PERBILL);
}

static struct amount sat_mul(struct amount a, uint64_t factor)
{
    struct amount out;
    return amount_mul(&out, a, factor) == OK ? out : AMOUNT_OF(~(u128)0);
}

struct amount staking_limit_of(uint32_t ratio_ppm, struct amount issuance)
{
    uint32_t whole, fraction;
    staking_ratio_row(ratio_ppm, &whole, &fraction);
    struct amount part = AMOUNT_OF(ratio_mul(fraction, PERBILL, issuance.units));
    return amount_sat_add(sat_mul(issuance, whole), part);
}

void staking_limits_update(struct ledger *l, struct staking_now *now)
{
    struct work_totals totals;
    struct amount issuance = accounts_issuance(l);
    work_get_totals(l, &totals);
    now->workload_all = totals.power;
    now->limit_all =
        staking_limit_of(ratio_of(now->stake.units, issuance.units, PERMILL), issuance);
    /* SPEC staking 5.3: "stage one while all workload times `stake_per_byte` is below L" */
    struct amount all = sat_mul(l->params->stake_per_byte, totals.power);
    now->stage_two = amount_cmp(all, now->limit_all) >= 0;
}

struct amount staking_limit(struct ledger *l, const struct staking_now *now,
                            const uint8_t stash[32])
{
    uint64_t bytes = group_workload(l, stash);
    struct amount v;
    if (!now->stage_two)
        return amount_mul(&v, l->params->stake_per_byte, bytes) == OK ? v : AMOUNT_ZERO;
    uint64_t all = now->workload_all / 1024;
    /* L is below 2^128 / 1024 and a share of it: at most 660 times a supply below 2^101. */
    if (all == 0 || amount_mul(&v, now->limit_all, bytes / 1024) != OK)
        return all == 0 ? AMOUNT_ZERO : now->limit_all;
    return AMOUNT_OF(v.units / all);
}

/* ---- one candidate ---- */

static void insert_sorted(struct staking_exposure *x, const struct staking_edge *edge)
{
    uint32_t i = x->count++;
    for (; i > 0 && amount_cmp(x->others[i - 1].value, edge->value) < 0; i--)
        x->others[i] = x->others[i - 1];
    x->others[i] = *edge;
}

/* The effective stake of a candidate. Returns the number of records read. */
static uint32_t expose(struct ledger *l, struct staking_exposure *x, const struct staking_ledger *s,
                       const uint8_t stash[32], struct amount limit)
{
    struct staking_edge edge = { .value = AMOUNT_ZERO };
    struct amount total = s->active;
    uint32_t reads = 0;
    x->fee = s->fee;
    x->count = 0;
    for (; x->count < PARAMS_GUARANTORS_LIMIT && staking_next_guarantor(l, stash, &edge); reads++) {
        total = amount_sat_add(total, edge.value);
        insert_sorted(x, &edge);
    }
    /* SPEC staking 6.3: "q = min(1, limit / total) in parts per 10^9; own part q of the stash's
     * active stake, each guarantor's q of its guarantee" */
    uint32_t q = ratio_of(limit.units, total.units, PERBILL);
    x->own = x->total = AMOUNT_OF(ratio_mul(q, PERBILL, s->active.units));
    for (uint32_t i = 0; i < x->count; i++) {
        x->others[i].value = AMOUNT_OF(ratio_mul(q, PERBILL, x->others[i].value.units));
        x->total = amount_sat_add(x->total, x->others[i].value);
    }
    return reads;
}

static struct staking_key rank_key(uint32_t election, struct amount stake, const uint8_t stash[32])
{
    struct staking_key k = staking_key_of(STAKING_INDEX_RANK);
    uint8_t b[16];
    staking_key_u32(&k, election);
    u128 down = ~stake.units; /* the largest first */
    store_be64(b, (uint64_t)(down >> 64));
    store_be64(b + 8, (uint64_t)down);
    staking_key_add(&k, b, sizeof(b));
    staking_key_add(&k, stash, 32);
    return k;
}

static uint32_t consider(struct ledger *l, struct staking_now *now, const uint8_t stash[32])
{
    struct staking_ledger s;
    struct staking_exposure x;
    struct amount limit = staking_limit(l, now, stash);
    /* SPEC staking 6.3: "A limit of 0, or nothing active of its own, gives no exposure." */
    if (!staking_get(l, &s, stash) || amount_is_zero(limit) || amount_is_zero(s.active))
        return 1;
    uint32_t reads = expose(l, &x, &s, stash, limit);
    if (amount_is_zero(x.total))
        return 1 + reads;
    staking_put_exposure(l, now->next_election, stash, &x);
    now->next_stake = amount_sat_add(now->next_stake, x.total);
    /* SPEC staking 6.4: "A stake below one `power_unit` is not elected." */
    if (amount_cmp(x.total, l->params->power_unit) >= 0) {
        struct staking_key k = rank_key(now->next_election, x.total, stash);
        state_put(l->st, STATE_INDEX, staking_key_span(&k), (struct span){ NULL, 0 });
    }
    return 2 + reads;
}

/* ---- the election ---- */

void staking_elect_begin(struct ledger *l, struct staking_now *now)
{
    staking_limits_update(l, now);
    now->phase = STAKING_ELECTING;
    now->next_election++;
    now->next_stake = AMOUNT_ZERO;
    memset(now->cursor, 0, sizeof(now->cursor));
}

/* True when stash may be elected with the key it has. */
static bool is_eligible(struct ledger *l, struct staking_ledger *s, const uint8_t stash[32])
{
    uint8_t owner[32];
    bool banned;
    return staking_get(l, s, stash) && s->validates && s->has_key &&
           staking_stash_of_key(l, owner, &banned, s->key) && !banned;
}

/* The largest of the ranks, at most validators_max. */
static void pick(struct ledger *l, const struct staking_now *now, struct staking_elected *out)
{
    struct staking_key prefix = staking_key_of(STAKING_INDEX_RANK);
    staking_key_u32(&prefix, now->next_election);
    const struct state_range range = { .store = STATE_INDEX, .prefix = staking_key_span(&prefix) };
    struct staking_key from = prefix;
    struct span k, value;
    *out = (struct staking_elected){ 0 };
    while (out->count < l->params->validators_max &&
           state_next(l->st, &k, &value, range, staking_key_span(&from), true)) {
        ASSERT(k.n == 53 && k.n <= sizeof(from.bytes));
        memcpy(from.bytes, k.p, k.n);
        from.n = k.n;
        struct staking_ledger s;
        const uint8_t *stash = from.bytes + 21;
        if (!is_eligible(l, &s, stash))
            continue;
        u128 down = (u128)load_be64(from.bytes + 5) << 64 | load_be64(from.bytes + 13);
        memcpy(out->rows[out->count].stash, stash, 32);
        memcpy(out->rows[out->count].key, s.key, 32);
        out->rows[out->count++].stake = AMOUNT_OF(~down);
    }
}

static void finish(struct ledger *l, struct staking_now *now)
{
    struct staking_elected elected;
    struct ledger_event ev;
    pick(l, now, &elected);
    /* SPEC staking 6.6: "Fewer than `validators_min`, and the set, the exposures and the total of
     * the era before hold for the next one too." */
    bool enough = elected.count >= l->params->validators_min;
    now->phase = enough ? STAKING_ELECTED : STAKING_KEEPING;
    if (enough)
        staking_put_next(l, &elected);
    ledger_event_begin(&ev, enough ? "election.held" : "election.void");
    ledger_event_uint(&ev, "era", (uint64_t)now->era + 1);
    ledger_event_uint(&ev, "elected", elected.count);
    ledger_event_amount(&ev, "stake", now->next_stake);
    ledger_event_end(l, &ev);
}

void staking_elect_step(struct ledger *l, struct staking_now *now)
{
    /* SPEC staking 6.2: "First the queue of power changes is emptied" */
    if (!work_drain_power(l, l->params->queue_per_block))
        return;
    uint32_t reads = 0;
    while (reads < l->params->queue_per_block) {
        if (!staking_next_candidate(l, now->cursor)) {
            finish(l, now);
            return;
        }
        reads += consider(l, now, now->cursor);
    }
}
