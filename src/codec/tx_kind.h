/* tx_kind: the calls that a transaction may carry. docs/spec/transactions.md 3. Pure. */
#ifndef CRUST_CODEC_TX_KIND_H
#define CRUST_CODEC_TX_KIND_H

#include <stdbool.h>

/* In the order of docs/spec/transactions.md 3. */
enum tx_kind {
    TX_TRANSFER,
    TX_ALLOW,
    TX_ORDER,
    TX_PREPAY,
    TX_SETTLE,
    TX_REFUND,
    TX_MERCHANT_DEPOSIT,
    TX_MERCHANT_WITHDRAW,
    TX_MERCHANT_CLAIM,
    TX_MERCHANT_URLS,
    TX_WORKER_REGISTER,
    TX_WORKER_DEPOSIT,
    TX_WORKER_WITHDRAW,
    TX_WORKER_ATTEST,
    TX_WORKER_SUCCEED,
    TX_REPORT,
    TX_REFUTE,
    TX_CHALLENGE,
    TX_ANSWER,
    TX_STAKE_BOND,
    TX_STAKE_BOND_EXTRA,
    TX_STAKE_UNBOND,
    TX_STAKE_REBOND,
    TX_STAKE_WITHDRAW,
    TX_STAKE_VALIDATE,
    TX_STAKE_GUARANTEE,
    TX_STAKE_CUT,
    TX_STAKE_CHILL,
    TX_STAKE_PAYEE,
    TX_STAKE_CONTROLLER,
    TX_STAKE_KEY,
    TX_STAKE_BEACON,
    TX_STAKE_PAYOUT,
    TX_GROUP_CREATE,
    TX_GROUP_ALLOW,
    TX_GROUP_DISALLOW,
    TX_GROUP_JOIN,
    TX_GROUP_QUIT,
    TX_GROUP_KICK,
    TX_GOV_PROPOSE,
    TX_GOV_VOTE,
    TX_COLLATERAL_POST,
    TX_BEACON, /* unsigned */
    TX_KIND_COUNT
};

/* Which module a call belongs to: it runs there, and its arguments look alike. */
enum tx_group {
    TX_OF_NOBODY, /* TX_KIND_COUNT; no kind: codec/tx_test.c */
    TX_OF_ACCOUNTS,
    TX_OF_MARKET,   /* orders */
    TX_OF_MERCHANT, /* chain/market as well */
    TX_OF_WORK,
    TX_OF_STAKING,
    TX_OF_GROUP,
    TX_OF_GOV,
    TX_OF_ATTEST, /* chain/registry */
    TX_OF_BEACON,
};

enum tx_group tx_group(enum tx_kind kind);

/* Whether checking the call means checking evidence or collateral: of these a block takes only
 * params.attest_per_block. */
bool tx_attests(enum tx_kind kind);

/* tx_name gives the call's name on the wire ("worker.register"). Static storage. */
const char *tx_name(enum tx_kind kind);

#endif
