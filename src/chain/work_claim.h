/* work_claim: what size and data_root an order's content has, when the order does not say.
 * Spec: docs/spec/work.md 8. Used by work*.c alone. Pure. */
#ifndef CRUST_CHAIN_WORK_CLAIM_H
#define CRUST_CHAIN_WORK_CLAIM_H

#include "chain/work_store.h"

/* What is claimed of an order's content. */
struct work_claim {
    uint64_t size;
    uint8_t data_root[32];
};

/* Names a claim: SHA-256("crust/claim/1" | size u64 | data_root). */
void work_claim_id(uint8_t out[32], const struct work_claim *claim);

/* The claims of an order without data_root, as long as it is the one placed at placed_at. */
struct work_claims {
    uint64_t placed_at;
    uint32_t count;     /* that have a supporter */
    bool settled;       /* only refutation touches the claim now */
    uint64_t agreed_at; /* slot since which count has been 1 */
    uint8_t claim[32];  /* the last one standing, or the settled one */
};

/* May a new replica of this order say so? False: contrary to the settled claim, or to a struck
 * one. */
bool work_claim_allows(struct ledger *l, const uint8_t order[32], const struct market_order *o,
                       const struct work_claim *claim);

/* A replica that says so has come, or gone. For orders without data_root. */
void work_claim_support(struct ledger *l, const uint8_t order[32], const struct market_order *o,
                        const struct work_claim *claim);
void work_claim_leave(struct ledger *l, const struct work_leaf *leaf);

/* True when this is a standing claim of the order: the order's own, the settled one, or one with
 * supporters; struck ones are not. */
bool work_claim_stands(struct ledger *l, const uint8_t order[32], const struct market_order *o,
                       const struct work_claim *claim);

/* Strikes a claim: no replica may make it again, those that did are void, and each of their workers
 * pays one claim bond, half of it to the winner. Returns the number of replicas looked at. */
uint32_t work_claim_strike(struct ledger *l, const uint8_t order[32], const struct market_order *o,
                           const uint8_t claim[32], const uint8_t winner[32]);

/* An open challenge of a record. */
struct work_challenge {
    uint8_t account[32]; /* who staked the bond */
    struct amount bond;
    uint64_t until;         /* the last slot in which it can be answered */
    struct content_key key; /* of the record that nothing is said to link to */
};
bool work_claim_challenge(struct ledger *l, struct work_challenge *out, const uint8_t order[32],
                          const uint8_t claim[32]);
void work_claim_challenge_put(struct ledger *l, const uint8_t order[32], const uint8_t claim[32],
                              const struct work_challenge *c);
void work_claim_challenge_del(struct ledger *l, const uint8_t order[32], const uint8_t claim[32]);

/* The time of a challenge is over. Returns the number of records looked at. */
uint32_t work_claim_due(struct ledger *l, const uint8_t order[32], const uint8_t claim[32]);

#endif
