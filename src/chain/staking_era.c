/* Points, slots, eras and what is issued: docs/spec/staking.md 6.1, 7 and 9. */
#include "chain/beacon.h"
#include "chain/benefits.h"
#include "chain/chain.h"
#include "chain/staking_store.h"
#include "codec/cbor.h"

enum { SWEEP_PER_BLOCK = 64 };

/* ---- arithmetic ---- */

uint32_t staking_authoring_percent(uint32_t elected)
{
    if (elected <= 500)
        return 20;
    if (elected <= 1000)
        return 25;
    if (elected <= 2500)
        return 30;
    return elected <= 5000 ? 40 : 50;
}

/* SPEC staking 7.2: "From the fifth year on, while less than 30 % is staked, it is topped up by 8 %
 * of the supply a year, less what is staked already." */
static u128 top_up(u128 issuance, u128 stake)
{
    uint32_t s = ratio_of(stake, issuance, PERMILL);
    if (s >= 300000)
        return 0;
    u128 full = issuance / 100 * 8;
    u128 part = ratio_mul(s, PERMILL, issuance) / 30 * 8;
    return full > part ? full - part : 0;
}

struct amount staking_issue(const struct params *p, uint32_t era, struct amount issuance,
                            struct amount stake)
{
    if (era < p->reward_start_era)
        return AMOUNT_ZERO;
    uint32_t year = (era - p->reward_start_era) / p->reward_year_eras;
    u128 r = p->reward_first_year.units;
    u128 least = issuance.units / 1000 * 28;
    for (uint32_t y = 0; y < year; y++) {
        r = r * 88 / 100;
        if (r <= least) {
            r = least;
            break;
        }
    }
    if (year >= 4)
        r += top_up(issuance.units, stake.units);
    return AMOUNT_OF(r / p->reward_year_eras);
}

/* ---- the staking pot, spread over eras ---- */

enum { POT_ERAS_MAX = 500 };

struct pot_plan {
    size_t count;
    struct amount eras[POT_ERAS_MAX]; /* from the present one on */
};

static void plan_get(struct ledger *l, struct pot_plan *p)
{
    struct staking_key k = staking_key_of(STAKING_KEY_POT);
    struct span value;
    p->count = 0;
    if (!state_get(l->st, &value, STATE_STAKING, staking_key_span(&k)))
        return;
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    size_t count = cbor_read_array(&c);
    cbor_require(&c, count <= POT_ERAS_MAX, ERR_LIMIT);
    for (size_t i = 0; i < count && c.r.err == OK; i++)
        p->eras[i] = cbor_read_amount(&c);
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
    p->count = count;
}

static void plan_put(struct ledger *l, const struct pot_plan *p)
{
    uint8_t buf[STATE_VALUE_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    struct staking_key k = staking_key_of(STAKING_KEY_POT);
    cbor_write_array(&w, p->count);
    for (size_t i = 0; i < p->count; i++)
        cbor_write_amount(&w, p->eras[i]);
    ASSERT(w.err == OK);
    state_put(l->st, STATE_STAKING, staking_key_span(&k), writer_span(&w));
}

/* SPEC staking 7.3: "What the staking pot holds at the end of an era is taken out of the supply and
 * spread in equal parts over `market_pot_eras` eras from this one on; what does not divide falls to
 * this one." Returns this era's part. */
static struct amount pot_turn(struct ledger *l)
{
    struct pot_plan p = { 0 };
    struct amount x = accounts_usable(l, accounts_pot(POT_STAKING));
    uint32_t eras = l->params->market_pot_eras;
    ASSERT(eras >= 1 && eras <= POT_ERAS_MAX);
    plan_get(l, &p);
    accounts_burn(l, POT_STAKING, x);
    for (; p.count < eras; p.count++)
        p.eras[p.count] = AMOUNT_ZERO;
    for (uint32_t i = 0; i < eras; i++)
        p.eras[i] = amount_sat_add(p.eras[i], AMOUNT_OF(x.units / eras));
    struct amount now = amount_sat_add(p.eras[0], AMOUNT_OF(x.units % eras));
    memmove(&p.eras[0], &p.eras[1], (p.count - 1) * sizeof(p.eras[0]));
    p.count--;
    while (p.count > 0 && amount_is_zero(p.eras[p.count - 1]))
        p.count--;
    plan_put(l, &p);
    return now;
}

/* ---- the end of an era and the start of the next ---- */

static void era_end(struct ledger *l, const struct staking_now *now,
                    struct staking_elected *elected)
{
    struct staking_era era;
    staking_get_era(l, &era, now->era);
    struct amount issued = staking_issue(l->params, now->era, accounts_issuance(l), now->stake);
    struct amount total = amount_sat_add(issued, pot_turn(l));
    /* SPEC benefits 2.4: "The income of the era pays for it" */
    total = amount_sat_sub(total, benefits_era(l, total));
    uint32_t percent = staking_authoring_percent(elected->count);
    era.ended = true;
    era.elected = elected->count;
    era.authoring = AMOUNT_OF(ratio_mul(percent, PERCENT, total.units));
    era.staking = amount_sat_sub(total, era.authoring);
    for (uint32_t i = 0; i < elected->count; i++)
        era.points += elected->rows[i].points;
    /* SPEC beacon 8.2: "Its points of an era are cut in the proportion of missed to asked; what
     * they would have earned is not issued." */
    for (uint32_t i = 0; i < elected->count; i++)
        elected->rows[i].points = beacon_points(l, elected->rows[i].stash, elected->rows[i].points);
    staking_put_era(l, now->era, &era);
    staking_put_points(l, now->era, elected);
    struct ledger_event ev;
    ledger_event_begin(&ev, "era.ended");
    ledger_event_uint(&ev, "era", now->era);
    ledger_event_amount(&ev, "authoring", era.authoring);
    ledger_event_amount(&ev, "staking", era.staking);
    ledger_event_end(l, &ev);
}

static void era_begin(struct ledger *l, struct staking_now *now, struct staking_elected *elected)
{
    bool fresh = now->phase == STAKING_ELECTED;
    if (fresh) {
        staking_get_next(l, elected);
        now->election = now->next_election;
        now->stake = now->next_stake;
        staking_set_goal(l, now, elected);
    }
    for (uint32_t i = 0; i < elected->count; i++)
        elected->rows[i].points = elected->rows[i].missed = 0;
    elected->blocks = 0;
    staking_put_elected(l, elected);
    now->era++;
    now->era_height = l->height + 1;
    now->era_ms = l->time_ms;
    now->phase = STAKING_IDLE;
    const struct staking_era era = { .height = now->era_height,
                                     .time_ms = now->era_ms,
                                     .election = now->election,
                                     .elected = elected->count,
                                     .stake = now->stake };
    staking_put_era(l, now->era, &era);
    struct ledger_event ev;
    ledger_event_begin(&ev, "era.began");
    ledger_event_uint(&ev, "era", now->era);
    ledger_event_uint(&ev, "validators", elected->count);
    ledger_event_amount(&ev, "stake", now->stake);
    ledger_event_end(l, &ev);
}

/* ---- a slot's end ---- */

/* SPEC staking 9.3: "With k of n validators offline in a slot the fraction is 0 while k is below
 * n / 10 + 1, else 7 % of 3 (k - (n / 10 + 1)) / n." */
static uint32_t offline_fraction(uint32_t k, uint32_t n)
{
    uint32_t least = n / 10 + 1;
    if (k < least)
        return 0;
    uint64_t ratio = ratio_of(3 * (u128)(k - least), n, PERBILL);
    return (uint32_t)(ratio * 70000000 / PERBILL);
}

/* Validators that missed more of the slot's blocks than they may. Their counters begin anew. */
static void offline(struct ledger *l, const struct staking_now *now, struct staking_elected *e,
                    struct chain_output *out)
{
    uint32_t who[PARAMS_VALIDATORS_LIMIT];
    uint32_t k = 0;
    uint32_t rows;
    for (uint32_t i = 0; i < e->count; i++) {
        uint64_t part = (uint64_t)e->rows[i].missed * 100;
        if (e->blocks > 0 && part > (uint64_t)e->blocks * l->params->offline_percent)
            who[k++] = i;
        e->rows[i].missed = 0;
    }
    e->blocks = 0;
    uint64_t left = staking_set_total(l, &rows) / 3;
    for (uint32_t i = 0; i < k; i++) {
        const uint8_t *stash = e->rows[who[i]].stash;
        struct ledger_event ev;
        ledger_event_begin(&ev, "validator.offline");
        ledger_event_account(&ev, "stash", stash);
        ledger_event_end(l, &ev);
        staking_offend(l, now, stash, offline_fraction(k, e->count), now->era);
        /* SPEC staking 9.4: "of those offline at most a third of all power leaves at once" */
        uint64_t power = 0;
        uint8_t key[32], owner[32];
        memset(key, 0, sizeof(key));
        for (uint64_t p; staking_next_row(l, key, owner, &p);)
            power += memcmp(owner, stash, 32) == 0 ? p : 0;
        if (power > 0 && power <= left && staking_set_remove(l, out, stash))
            left -= power;
    }
}

/* The height at which the present slot ends. */
static uint64_t slot_end(const struct ledger *l)
{
    return l->height - l->offset + l->params->slot_blocks - 1;
}

/* SPEC staking 6.1: "An era ends with a slot, when `era_slots` slots of blocks and `era_ms_min`
 * have passed since it began, and the election is over." */
static bool era_is_due(const struct ledger *l, const struct staking_now *now, uint64_t height)
{
    uint64_t wait = (height - l->height) * l->params->block_ms;
    return height + 1 - now->era_height >=
               (uint64_t)l->params->era_slots * l->params->slot_blocks &&
           l->time_ms + wait - now->era_ms >= l->params->era_ms_min;
}

void staking_block_end(struct ledger *l, struct chain_output *out)
{
    struct staking_now now;
    if (!staking_get_now(l, &now))
        return;
    if (now.phase == STAKING_IDLE && !ledger_in_report_part(l) && era_is_due(l, &now, slot_end(l)))
        staking_elect_begin(l, &now);
    if (now.phase == STAKING_ELECTING)
        staking_elect_step(l, &now);
    if (l->height == slot_end(l)) {
        struct staking_elected elected;
        staking_get_elected(l, &elected);
        offline(l, &now, &elected, out);
        staking_limits_update(l, &now);
        staking_put_counters(l, &elected);
        if ((now.phase == STAKING_ELECTED || now.phase == STAKING_KEEPING) &&
            era_is_due(l, &now, l->height)) {
            era_end(l, &now, &elected);
            era_begin(l, &now, &elected);
        }
    }
    staking_set_step(l, &now, out);
    staking_put_now(l, &now);
    staking_charge_due(l, &now);
    staking_sweep(l, &now);
}

/* ---- a block's beginning ---- */

static void count_votes(struct staking_elected *e, const struct chain_block *block)
{
    uint8_t addresses[PARAMS_VALIDATORS_LIMIT][CHAIN_ADDRESS_SIZE];
    for (uint32_t i = 0; i < e->count; i++)
        staking_address(addresses[i], e->rows[i].key);
    for (size_t v = 0; v < block->vote_count; v++) {
        uint32_t i = 0;
        while (i < e->count &&
               memcmp(addresses[i], block->votes[v].address, CHAIN_ADDRESS_SIZE) != 0)
            i++;
        if (i == e->count)
            continue; /* of an earlier set: it signs for two blocks more */
        if (block->votes[v].signed_block)
            e->rows[i].points += STAKING_POINTS_VOTE;
        else
            e->rows[i].missed++;
    }
    e->blocks += block->vote_count > 0;
}

/* SPEC staking 9.1: "The era of an offence at height h is the last one that began before h - 1" */
static bool era_of(struct ledger *l, uint32_t *era, const struct staking_now *now, uint64_t height)
{
    struct staking_era e;
    uint32_t window = l->params->bonding_eras;
    for (*era = now->era; now->era - *era <= window; (*era)--) {
        if (!staking_get_era(l, &e, *era))
            return false;
        if (e.height + 1 < height || *era == 0)
            return true;
    }
    return false;
}

/* SPEC staking 9.2: "The key that misbehaved is banned for ever; further evidence against a banned
 * key changes nothing." */
static void take_evidence(struct ledger *l, const struct staking_now *now,
                          const struct chain_misbehaviour *m, struct chain_output *out)
{
    uint8_t key[32], stash[32];
    bool banned;
    uint32_t era;
    if (!staking_key_of_address(l, key, m->address) ||
        !staking_stash_of_key(l, stash, &banned, key) || banned)
        return;
    staking_put_key(l, key, stash, true);
    struct ledger_event ev;
    ledger_event_begin(&ev, "validator.misbehaved");
    ledger_event_account(&ev, "stash", stash);
    ledger_event_hex(&ev, "key", span_of(key, 32));
    ledger_event_uint(&ev, "height", m->height);
    ledger_event_end(l, &ev);
    staking_set_remove(l, out, stash);
    if (era_of(l, &era, now, m->height))
        staking_misbehave(l, now, stash, era);
}

void staking_block_begin(struct ledger *l, struct chain_output *out,
                         const struct chain_block *block)
{
    struct staking_now now;
    struct staking_elected elected;
    if (!staking_get_now(l, &now))
        return;
    staking_get_elected(l, &elected);
    /* SPEC staking 7.4: "20 points to the author of a block, 1 for each vote for the block before
     * that it carries" */
    for (uint32_t i = 0; i < elected.count && block->author != NULL; i++)
        if (memcmp(elected.rows[i].stash, block->author, 32) == 0)
            elected.rows[i].points += STAKING_POINTS_AUTHOR;
    count_votes(&elected, block);
    staking_put_counters(l, &elected);
    for (size_t i = 0; i < block->misbehaviour_count; i++)
        take_evidence(l, &now, &block->misbehaviour[i], out);
}

/* ---- forgetting ---- */

/* Deletes the first rows of a letter whose number is below keep; returns how many are left to do.
 */
static uint32_t sweep(struct ledger *l, enum state_store store, uint8_t letter, uint32_t keep,
                      uint32_t budget)
{
    const uint8_t prefix[1] = { letter };
    const struct state_range range = { .store = store, .prefix = span_of(prefix, 1) };
    struct span k, value;
    while (budget > 0 && state_next(l->st, &k, &value, range, range.prefix, false)) {
        struct staking_key copy = staking_key_of(letter);
        ASSERT(k.n >= 5);
        if (load_be32(k.p + 1) >= keep)
            break;
        staking_key_add(&copy, k.p + 1, k.n - 1);
        state_del(l->st, store, staking_key_span(&copy));
        budget--;
    }
    return budget;
}

void staking_sweep(struct ledger *l, const struct staking_now *now)
{
    const struct params *p = l->params;
    uint32_t span = p->history_eras > p->bonding_eras ? p->history_eras : p->bonding_eras;
    uint32_t keep = now->era > span + 1 ? now->era - span - 1 : 0;
    uint32_t budget = SWEEP_PER_BLOCK;
    struct staking_era oldest;
    budget = sweep(l, STATE_INDEX, STAKING_INDEX_RANK,
                   now->phase == STAKING_IDLE ? UINT32_MAX : now->next_election, budget);
    if (keep == 0 || !staking_get_era(l, &oldest, keep))
        return;
    static const uint8_t by_era[] = {
        STAKING_KEY_ERA,   STAKING_KEY_POINTS,  STAKING_KEY_CLAIMED,
        STAKING_KEY_SLASH, STAKING_KEY_SLASHED, STAKING_KEY_OFFENDERS
    };
    for (size_t i = 0; i < sizeof(by_era) && budget > 0; i++)
        budget = sweep(l, STATE_STAKING, by_era[i], keep, budget);
    sweep(l, STATE_STAKING, STAKING_KEY_EXPOSURE, oldest.election, budget);
}
