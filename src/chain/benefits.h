/* benefits: part of the fees of settlements is waived for merchants with collateral; the stakers'
 * next income pays for it. Spec: docs/spec/benefits.md. Pure. Nothing is waived on a network
 * without staking. */
#ifndef CRUST_CHAIN_BENEFITS_H
#define CRUST_CHAIN_BENEFITS_H

#include "chain/accounts.h"

/* Of all, in the running era. */
struct benefits_totals {
    struct amount quota;   /* what may be waived */
    struct amount used;    /* what has been, and what earlier eras' income has not covered */
    struct amount counted; /* collateral that counts */
    struct amount funds;   /* all collateral; counts from the next era on */
};

/* Of an account, in the running era. */
struct benefits {
    uint32_t era;
    struct amount counted; /* the least collateral that it has had since the era began */
    struct amount used;
};

/* False, and zeros: this network has no staking. */
bool benefits_totals(struct ledger *l, struct benefits_totals *out);
bool benefits_get(struct ledger *l, struct benefits *out, const uint8_t account[32]);

/* The account's part of the quota. */
struct amount benefits_own(const struct benefits_totals *t, const struct benefits *b);

/* What is waived of a settlement's fee now, if the account pays it: nothing or its whole part. */
struct amount benefits_waived(struct ledger *l, const uint8_t account[32], struct amount fee);

/* A fee has been waived by so much: it is issued and counted. */
void benefits_use(struct ledger *l, const uint8_t account[32], struct amount waived);

/* From chain/market, before an account's collateral grows or falls by v. */
void benefits_deposit(struct ledger *l, const uint8_t account[32], struct amount v);
void benefits_withdraw(struct ledger *l, const uint8_t account[32], struct amount v);

/* From chain/staking, at an era's end: total is what the era pays. Returns what of it covers waived
 * fees; the rest of these, if it is less, stays owed. */
struct amount benefits_era(struct ledger *l, struct amount total);

/* Sums agree. */
void benefits_audit(struct ledger *l, const char **what);

#endif
