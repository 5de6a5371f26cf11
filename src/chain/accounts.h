/* accounts: balances, holds, nonces, allowances and fees.
 * Spec: docs/spec/transactions.md 4, docs/spec/market.md 2 (pots). Pure. */
#ifndef CRUST_CHAIN_ACCOUNTS_H
#define CRUST_CHAIN_ACCOUNTS_H

#include "chain/ledger.h"

/* Money of an account that it cannot spend, by purpose. Numbers are part of the format. */
enum account_hold {
    HOLD_WORKER,   /* deposits of its workers */
    HOLD_MERCHANT, /* collateral */
    HOLD_BOND,     /* claim and challenge bonds */
    HOLD_STAKE,    /* for the staking module */
    HOLD_DEPOSIT,  /* for proposals */
    HOLD_COUNT
};

struct account {
    uint64_t nonce; /* of its next transaction */
    struct amount free;
    struct amount held[HOLD_COUNT];
    uint32_t allowances; /* keys with a record */
};

/* A key that may place orders for an account. */
struct allowance {
    uint64_t nonce;       /* of its next transaction */
    uint64_t until;       /* last height at which it may sign */
    struct amount amount; /* left to spend, fees included */
};

enum { ACCOUNTS_ALLOWANCES_MAX = 64 };

/* The chain's own accounts: no key, no existential deposit; nobody can transfer to them. */
enum account_pot { POT_TREASURY, POT_STORAGE, POT_STAKING, POT_RESERVED, POT_COUNT };

/* The 32 bytes of a pot's account ("modl" and its name, zero padded). Static storage. */
const uint8_t *accounts_pot(enum account_pot pot);
bool accounts_is_pot(const uint8_t id[32]);

/* The key of an account's record in STATE_ACCOUNTS. */
enum { ACCOUNT_KEY_SIZE = 33 };
void accounts_key(uint8_t out[ACCOUNT_KEY_SIZE], const uint8_t id[32]);

/* accounts_decode reads a record from anywhere, such as one that came with a proof. ERR_SHORT,
 * ERR_TRAILING, ERR_FORMAT, ERR_RANGE. */
NODISCARD enum err accounts_decode(struct account *out, struct span in);

/* accounts_get: a missing account reads as all zero, and says false. */
bool accounts_get(struct ledger *l, struct account *out, const uint8_t id[32]);

/* accounts_put stores it; an account that has become empty (no money, nonce 0, no allowances) is
 * removed. Callers change balances through the functions below. */
void accounts_put(struct ledger *l, const uint8_t id[32], const struct account *a);

/* Free and held together. */
struct amount accounts_total(const struct account *a);

/* Balance changes. All are checked beforehand: a caller that moves what is not there meets an
 * assertion. Pots are ordinary targets here. An account whose total falls below the existential
 * deposit loses the rest to the treasury; its nonce stays, so that an old transaction cannot run
 * twice. */
void accounts_move(struct ledger *l, const uint8_t from[32], const uint8_t to[32], struct amount v);
void accounts_hold(struct ledger *l, const uint8_t id[32], enum account_hold kind, struct amount v);
void accounts_release(struct ledger *l, const uint8_t id[32], enum account_hold kind,
                      struct amount v);
/* From a hold of one account to the free balance of another (a charge, half a bond). */
void accounts_take_held(struct ledger *l, const uint8_t from[32], enum account_hold kind,
                        const uint8_t to[32], struct amount v);
/* From a free balance into a hold of another (income that refills a deposit). */
void accounts_give_held(struct ledger *l, const uint8_t from[32], const uint8_t to[32],
                        enum account_hold kind, struct amount v);

/* The most that accounts_move would take now. */
struct amount accounts_usable(struct ledger *l, const uint8_t id[32]);

/* RESULT_OK when to may receive v: not a pot, and not left below the existential deposit. */
enum tx_result accounts_check_receive(struct ledger *l, const uint8_t to[32], struct amount v);

/* Fees. accounts_fee: params.fee_base + fee_byte * bytes + tip (saturating). accounts_check_sender
 * checks chain, expiry, nonce, allowance and that the fee can be paid; ahead says how far the nonce
 * may run ahead (0 in a block, more in the mempool). accounts_charge takes fee and advances the
 * nonce. */
struct amount accounts_fee(const struct params *p, size_t bytes, struct amount tip);
enum tx_result accounts_check_sender(struct ledger *l, const struct tx *tx, struct amount fee,
                                     uint64_t ahead);
void accounts_charge(struct ledger *l, const struct tx *tx, struct amount fee);

/* accounts_issue_fee issues a fee, or a part of one, that nobody was charged. */
void accounts_issue_fee(struct ledger *l, struct amount fee);

/* accounts_block_end shares the block's fees between treasury and author; author may be NULL. */
void accounts_block_end(struct ledger *l, const uint8_t *author);

/* What an order by an allowance key spends is counted here; RESULT_ALLOWANCE_TOO_SMALL. */
enum tx_result accounts_check_spend(struct ledger *l, const struct tx *tx, struct amount v);
void accounts_spend(struct ledger *l, const struct tx *tx, struct amount v);
bool accounts_allowance(struct ledger *l, struct allowance *out, const uint8_t account[32],
                        const uint8_t key[32]);

/* Calls. */
enum tx_result accounts_check_transfer(struct ledger *l, const struct ledger_call *call);
void accounts_apply_transfer(struct ledger *l, const struct ledger_call *call);
enum tx_result accounts_check_allow(struct ledger *l, const struct ledger_call *call);
void accounts_apply_allow(struct ledger *l, const struct ledger_call *call);

/* Total issuance: genesis and rewards raise it, the staking pot's turn into rewards lowers it. */
struct amount accounts_issuance(struct ledger *l);
void accounts_mint(struct ledger *l, const uint8_t to[32], struct amount v);
void accounts_mint_held(struct ledger *l, const uint8_t to[32], enum account_hold kind,
                        struct amount v);
/* Takes v out of a pot and out of the world. */
void accounts_burn(struct ledger *l, enum account_pot from, struct amount v);

/* The sum over all accounts; equal to accounts_issuance after every block. For tests. */
struct amount accounts_sum(struct ledger *l);

#endif
