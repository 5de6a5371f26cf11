/* staking_store: the records of staking, in the stores `staking` and `index`, and steps shared by
 * staking*.c alone. Layout: docs/spec/staking.md 10. Pure. */
#ifndef CRUST_CHAIN_STAKING_STORE_H
#define CRUST_CHAIN_STAKING_STORE_H

#include "chain/staking.h"

/* First bytes of keys in the store `staking`; numbers big-endian. */
enum {
    STAKING_KEY_NOW = 'E',
    STAKING_KEY_LEDGER = 'l',     /* stash */
    STAKING_KEY_CONTROLLER = 'c', /* controller -> stash */
    STAKING_KEY_EDGE = 't',       /* target | guarantor -> value */
    STAKING_KEY_EDGES = 'i',      /* target -> number of edges */
    STAKING_KEY_VALIDATOR = 'k',  /* key -> stash, banned */
    STAKING_KEY_ADDRESS = 'A',    /* address -> key */
    STAKING_KEY_ERA = 'e',        /* era */
    STAKING_KEY_EXPOSURE = 'x',   /* election | stash */
    STAKING_KEY_POINTS = 'p',     /* era -> the era's elected with their points */
    STAKING_KEY_CLAIMED = 'd',    /* era | stash */
    STAKING_KEY_ELECTED = 'N',    /* of the running era */
    STAKING_KEY_COUNTERS = 'C',   /* points and misses of these */
    STAKING_KEY_NEXT = 'O',       /* elected for the next era */
    STAKING_KEY_ROW = 'S',        /* key -> stash, power: what the engine was told */
    STAKING_KEY_GOAL = 'g',       /* what it shall be told */
    STAKING_KEY_POT = 'm',        /* the staking pot's income of eras to come */
    STAKING_KEY_SLASH = 'f',      /* era | stash -> fraction, own part */
    STAKING_KEY_SLASHED = 'h',    /* era | guarantor -> amount */
    STAKING_KEY_OFFENDERS = 'o',  /* era -> stashes that misbehaved in it */
    STAKING_KEY_UNAPPLIED = 'u',  /* era | stash | number */
    STAKING_KEY_SPANS = 's',      /* stash */
    STAKING_KEY_SPAN = 'z',       /* stash | span -> slashed */
};

/* First bytes of keys in the store `index`. */
enum {
    STAKING_INDEX_CANDIDATE = 'V', /* stash */
    STAKING_INDEX_RANK = 'R',      /* election | inverted stake | stash */
};

struct staking_key {
    uint8_t bytes[STATE_KEY_MAX];
    size_t n;
};
struct staking_key staking_key_of(uint8_t letter);
void staking_key_add(struct staking_key *k, const void *p, size_t n);
void staking_key_u32(struct staking_key *k, uint32_t v);
struct span staking_key_span(const struct staking_key *k);

void staking_put_now(struct ledger *l, const struct staking_now *now);
void staking_put(struct ledger *l, const uint8_t stash[32], const struct staking_ledger *s);
void staking_put_controller(struct ledger *l, const uint8_t controller[32], const uint8_t *stash);
void staking_put_era(struct ledger *l, uint32_t era, const struct staking_era *e);
void staking_put_exposure(struct ledger *l, uint32_t election, const uint8_t stash[32],
                          const struct staking_exposure *x);
void staking_put_key(struct ledger *l, const uint8_t key[32], const uint8_t stash[32], bool banned);
void staking_address(uint8_t out[20], const uint8_t key[32]);

/* A single amount under a key; zero deletes it. */
struct amount staking_get_amount(struct ledger *l, const struct staking_key *k);
void staking_put_amount(struct ledger *l, const struct staking_key *k, struct amount v);

/* Edges: the target's side of a guarantee, with the count kept. */
struct amount staking_edge(struct ledger *l, const uint8_t target[32], const uint8_t who[32]);
void staking_put_edge(struct ledger *l, const uint8_t target[32], const uint8_t who[32],
                      struct amount v);
uint32_t staking_edge_count(struct ledger *l, const uint8_t target[32]);

/* Candidates: the index follows the ledger's `validates`. */
void staking_put_candidate(struct ledger *l, const uint8_t stash[32], bool stands);

/* Elected of the running era (with counters), and of the next. */
void staking_put_elected(struct ledger *l, const struct staking_elected *e);
void staking_put_counters(struct ledger *l, const struct staking_elected *e);
void staking_get_next(struct ledger *l, struct staking_elected *out);
void staking_put_next(struct ledger *l, const struct staking_elected *e);

/* Points of an ended era. */
uint64_t staking_get_points(struct ledger *l, uint32_t era, const uint8_t stash[32]);
void staking_put_points(struct ledger *l, uint32_t era, const struct staking_elected *e);

/* ---- shared steps of staking*.c ---- */

/* Adds or removes up to v of a stash's guarantee for a target; the caller stores *s. */
void staking_add_target(struct ledger *l, struct staking_ledger *s, const uint8_t stash[32],
                        const uint8_t target[32], struct amount v);
void staking_cut_target(struct ledger *l, struct staking_ledger *s, const uint8_t stash[32],
                        uint32_t index, struct amount v);

/* Stands no more, guarantees nothing. The caller stores *s. */
void staking_withdraw_candidate(struct ledger *l, struct staking_ledger *s,
                                const uint8_t stash[32]);

/* staking_elect.c */
void staking_limits_update(struct ledger *l, struct staking_now *now);
void staking_elect_begin(struct ledger *l, struct staking_now *now);
void staking_elect_step(struct ledger *l, struct staking_now *now);

/* staking_slash.c. staking_offend: stash offended in era with this fraction (parts per 10^9); is
 * charged now or later, and chilled. staking_charge_due: charges what is due, in bounded steps.
 * staking_cancel: governance's; false: no such slash. */
void staking_offend(struct ledger *l, const struct staking_now *now, const uint8_t stash[32],
                    uint32_t fraction, uint32_t era);
void staking_misbehave(struct ledger *l, const struct staking_now *now, const uint8_t stash[32],
                       uint32_t era);
void staking_charge_due(struct ledger *l, const struct staking_now *now);
bool staking_cancel(struct ledger *l, uint32_t era, const uint8_t stash[32]);
bool staking_has_unapplied(struct ledger *l, uint32_t era, const uint8_t stash[32]);
void staking_spans_forget(struct ledger *l, const uint8_t stash[32]);

/* staking_set.c. remove: at once, unless too few would be left (false). goal: the next era's. */
bool staking_set_remove(struct ledger *l, struct chain_output *out, const uint8_t stash[32]);
void staking_set_goal(struct ledger *l, struct staking_now *now, const struct staking_elected *e);
void staking_set_step(struct ledger *l, struct staking_now *now, struct chain_output *out);
uint64_t staking_set_total(struct ledger *l, uint32_t *count);

/* staking_pay.c: pays what staking_check_payout lets through. */
void staking_pay(struct ledger *l, uint32_t era, const uint8_t stash[32]);

/* staking_era.c */
void staking_sweep(struct ledger *l, const struct staking_now *now);

#endif
