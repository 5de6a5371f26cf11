/* beacon: the chain's randomness, one value per slot. Spec: docs/spec/beacon.md. Pure.
 *
 * In the beacon window of slot s the registered contributors send ECVRF proofs over
 * alpha_{s+1}; the value B_{s+1} is fixed when the slot ends. */
#ifndef CRUST_CHAIN_BEACON_H
#define CRUST_CHAIN_BEACON_H

#include "chain/ledger.h"

enum { BEACON_CONTRIBUTORS_MAX = 256 };

struct beacon_value {
    uint8_t value[32];
    bool weak; /* contributions were withheld: at most half of the contributors took part */
    uint32_t contributions;
};

/* beacon_at: B_slot. False: not made yet, or older than the history that is kept. */
bool beacon_at(struct ledger *l, struct beacon_value *out, uint64_t slot);

/* alpha_s, the message of the proofs, from B_{s-1}. */
void beacon_alpha(uint8_t out[32], const uint8_t chain_hash[32], uint64_t slot,
                  const uint8_t previous[32]);

/* The slot whose value is being made now and its alpha; false outside the window. */
bool beacon_open(struct ledger *l, uint64_t *slot, uint8_t alpha[32]);

bool beacon_is_contributor(struct ledger *l, const uint8_t key[32]);
bool beacon_has_contributed(struct ledger *l, uint64_t slot, const uint8_t key[32]);

/* The call. Checking verifies the proof (about 200 us). */
enum tx_result beacon_check(struct ledger *l, const struct tx *tx);
void beacon_apply(struct ledger *l, const struct tx *tx);

/* Genesis: B_0 and the first contributors, active at once. */
void beacon_genesis(struct ledger *l, const uint8_t b0[32], const uint8_t (*keys)[32],
                    size_t count);

/* Last block of a slot: fixes B_{slot+1} and forgets what no owed draw can need. */
void beacon_block_end(struct ledger *l);

#endif
