/* market_store: the market's records and indexes. Used by market*.c alone. docs/spec/market.md 7.
 */
#ifndef CRUST_CHAIN_MARKET_STORE_H
#define CRUST_CHAIN_MARKET_STORE_H

#include "chain/market.h"

/* What an account has paid into an open order and gets back from refund_at on. */
struct market_payer {
    uint64_t refund_at;
    struct amount income; /* storage part and tips */
    struct amount staking;
    struct amount reserved;
    struct amount prepaid;
};

/* Stores an order and keeps the index by state.. */
void market_store_order_put(struct ledger *l, const uint8_t id[32], const struct market_order *o);
void market_store_order_new(struct ledger *l, const uint8_t id[32], const struct market_order *o);
void market_store_order_del(struct ledger *l, const uint8_t id[32], const struct market_order *o);

/* Is it in the indexes by state and by content key? */
bool market_store_is_indexed(struct ledger *l, const uint8_t id[32], const struct market_order *o);

/* The entry without data_root of a content key. */
bool market_store_plain(struct ledger *l, uint8_t id[32], const struct content_key *key);

/* new writes the index too, by owner and by account; put only the record: neither may change. */
void market_store_replica_new(struct ledger *l, const uint8_t order[32], const uint8_t lineage[32],
                              const struct market_replica *r);
void market_store_replica_put(struct ledger *l, const uint8_t order[32], const uint8_t lineage[32],
                              const struct market_replica *r);
void market_store_replica_del(struct ledger *l, const uint8_t order[32], const uint8_t lineage[32],
                              const struct market_replica *r);
/* Is there a replica of the order that counts for the owner; of the account? */
bool market_store_owner_has_replica(struct ledger *l, const uint8_t order[32],
                                    const uint8_t owner[32]);
bool market_store_account_has_replica(struct ledger *l, const uint8_t order[32],
                                      const uint8_t account[32]);

/* The next replica of an account, by order. False: none. */
bool market_store_account_next(struct ledger *l, uint8_t order[32], uint8_t lineage[32],
                               const uint8_t account[32]);

/* How far the walk over an account's replicas has come, 'j' | account -> order. */
bool market_store_regroup(struct ledger *l, uint8_t order[32], const uint8_t account[32]);
/* order NULL: it is done. */
void market_store_regroup_put(struct ledger *l, const uint8_t account[32], const uint8_t *order);

bool market_store_payer(struct ledger *l, struct market_payer *out, const uint8_t order[32],
                        const uint8_t account[32]);
void market_store_payer_put(struct ledger *l, const uint8_t order[32], const uint8_t account[32],
                            const struct market_payer *p);
void market_store_payer_del(struct ledger *l, const uint8_t order[32], const uint8_t account[32]);
/* The next payer after account (all zero: from the start). */
bool market_store_payer_next(struct ledger *l, uint8_t account[32], struct market_payer *out,
                             const uint8_t order[32]);
/* Forgets all payers of an order; at most MARKET_PAYERS_MAX. */
void market_store_payers_del(struct ledger *l, const uint8_t order[32]);

/* none: the record goes. */
void market_store_urls_put(struct ledger *l, const uint8_t account[32], const struct tx_urls *urls);
void market_store_reward_put(struct ledger *l, const uint8_t account[32], struct amount reward);

/* In the index: 'w' | account | id (orders of an account), 's' | state | id, 'k' | codec | digest |
 * id, 'a' | id | owner -> lineage, 'b' | account | id -> lineage, 'j' | account -> id. The letters
 * are used by chain/query too. */
enum {
    MARKET_INDEX_ACCOUNT = 'w',
    MARKET_INDEX_STATE = 's',
    MARKET_INDEX_KEY = 'k',
    MARKET_INDEX_HOLDER = 'a',
    MARKET_INDEX_REPLICA = 'b',
    MARKET_INDEX_REGROUP = 'j',
};
void market_store_account_index(struct ledger *l, const uint8_t account[32], const uint8_t id[32]);

/* ---- shared steps of market*.c --------------------------------------------------------------- */

/* Settles every replica of o up to now (docs/spec/market.md 5): pays, drops void replicas, fills
 * paid places. The caller stores o. Returns the number of replicas looked at. */
uint32_t market_settle_all(struct ledger *l, const struct market_work *work, const uint8_t id[32],
                           struct market_order *o);

/* Spreads o->amount anew over the slots until expired_at, and tells work the new rates. */
void market_settle_spread(struct ledger *l, const struct market_work *work, const uint8_t id[32],
                          struct market_order *o);

/* Renews from prepaid, or closes. o is stored or deleted. After market_settle_all only. */
void market_settle_end(struct ledger *l, const struct market_work *work, const uint8_t id[32],
                       struct market_order *o);

/* Ends an order: replicas go, unpaid income goes to the reserved pot, prepaid to the owner; o is
 * deleted. work may be NULL when it has no replicas. */
void market_settle_close(struct ledger *l, const struct market_work *work, const uint8_t id[32],
                         struct market_order *o);

/* May this much reward be unclaimed, after so much collateral is taken away? */
bool market_reward_fits(struct ledger *l, const uint8_t account[32], struct amount reward,
                        struct amount collateral_taken);

/* Makes an open order live: the escrow is split, the payers are forgotten. The caller stores o. */
void market_settle_start(struct ledger *l, const uint8_t id[32], struct market_order *o);

/* Takes one replica away after paying it; changes o, which the caller stores. */
void market_replica_drop(struct ledger *l, const struct market_work *work, const uint8_t id[32],
                         struct market_order *o, const uint8_t lineage[32],
                         struct market_replica *r);

/* Pays r, whose volume counts c now, for the slots answered since the last time, and gives it a
 * free paid place. The caller stores o and r. */
void market_replica_pay(struct ledger *l, const struct market_work *work, struct market_order *o,
                        const uint8_t lineage[32], struct market_replica *r,
                        const struct market_counters *c);

/* Brings r->power and the worker's power to what they should be. True: it changed. */
bool market_replica_power(struct ledger *l, const struct market_work *work,
                          const struct market_order *o, const uint8_t lineage[32],
                          struct market_replica *r);

#endif
