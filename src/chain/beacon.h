/* beacon: the chain's randomness, one value per slot. Spec: docs/spec/beacon.md. Pure.
 *
 * In the beacon window of slot s the members of the committee send ECVRF proofs over alpha_{s+1};
 * the value B_{s+1} is fixed when the slot ends. The committee is made of elected validators with
 * an active beacon key; as long as there is none, of genesis's contributors. The files: beacon.c
 * (values and contributions), beacon_committee.c (who may contribute, keys, who withheld). */
#ifndef CRUST_CHAIN_BEACON_H
#define CRUST_CHAIN_BEACON_H

#include "chain/ledger.h"

enum { BEACON_CONTRIBUTORS_MAX = 256 };

struct beacon_value {
    uint8_t value[32];
    bool weak; /* contributions were withheld: at most half of the committee's power took part */
    uint32_t contributions;
    uint32_t committee; /* who could have contributed */
};

/* beacon_at: B_slot. False: not made yet, or older than the history that is kept. */
bool beacon_at(struct ledger *l, struct beacon_value *out, uint64_t slot);

/* alpha_s, the message of the proofs, from B_{s-1}. */
void beacon_alpha(uint8_t out[32], const uint8_t chain_hash[32], uint64_t slot,
                  const uint8_t previous[32]);

/* The message of the proof that a stash holds a beacon key. */
void beacon_key_alpha(uint8_t out[32], const uint8_t chain_hash[32], const uint8_t stash[32]);

/* The slot whose value is being made now and its alpha; false outside the window. */
bool beacon_open(struct ledger *l, uint64_t *slot, uint8_t alpha[32]);

/* ---- the committee of the slot under way ---- */

struct beacon_member {
    uint8_t id[32]; /* the stash; of genesis's contributors their key. They go into B by it */
    uint64_t power; /* voting power; 1 of genesis's contributors */
};

/* Whose key is this? False: nobody's in the committee. */
bool beacon_member(struct ledger *l, struct beacon_member *out, const uint8_t key[32]);
bool beacon_has_contributed(struct ledger *l, uint64_t slot, const struct beacon_member *m);

/* Its size and power. elected: made of validators, not of genesis's contributors. */
struct beacon_committee {
    uint32_t count;
    uint64_t power;
    bool elected;
};
void beacon_committee_get(struct ledger *l, struct beacon_committee *out);

/* Its next validator after key (all zero: the first). False: no more, or not elected. */
bool beacon_committee_next(struct ledger *l, uint8_t key[32], struct beacon_member *m);

/* Last block of a slot, after elections and eras: the committee of the next slot. */
void beacon_committee_form(struct ledger *l);

/* ---- contributions ---- */

/* The call. Checking verifies the proof (about 200 us). */
enum tx_result beacon_check(struct ledger *l, const struct tx *tx);
void beacon_apply(struct ledger *l, const struct tx *tx);

/* Genesis: B_0 and the first contributors, active at once. */
void beacon_genesis(struct ledger *l, const uint8_t b0[32], const uint8_t (*keys)[32],
                    size_t count);

/* Last block of a slot, before the era may end: fixes B_{slot+1}, charges who withheld, and
 * forgets what no owed draw can need. */
void beacon_block_end(struct ledger *l);

/* ---- keys of validators, and what withholding costs ---- */

/* stake.beacon, called by staking.c. proof: TX_VRF_PROOF_SIZE bytes. */
enum tx_result beacon_check_key(struct ledger *l, const uint8_t stash[32], const uint8_t key[32],
                                const uint8_t *proof);
void beacon_apply_key(struct ledger *l, const uint8_t stash[32], const uint8_t key[32],
                      uint32_t era);

/* What a stash has registered. */
struct beacon_keys {
    bool active, next;
    uint8_t key[32]; /* of the present era, if active */
    uint8_t next_key[32];
    uint32_t next_era; /* from which next_key is the key */
};
bool beacon_keys_get(struct ledger *l, struct beacon_keys *out, const uint8_t stash[32],
                     uint32_t era);

/* Of the era that runs: slots in which the stash was asked, and those in which it was silent. */
void beacon_counts(struct ledger *l, const uint8_t stash[32], uint32_t *asked, uint32_t *missed);

/* End of an era: its points without what it forfeits; the counts begin anew. */
uint64_t beacon_points(struct ledger *l, const uint8_t stash[32], uint64_t points);

/* A member was asked for a contribution to B_slot, and gave it or not. */
void beacon_account(struct ledger *l, uint64_t slot, const uint8_t stash[32], bool gave);

/* Withheld too often: may not stand for election yet. */
bool beacon_is_jailed(struct ledger *l, const uint8_t stash[32]);

#endif
