/* group: accounts that store for one owner, whose stash their storage lets count.
 * Spec: docs/spec/staking.md 11. Pure. Does nothing on a network without staking. */
#ifndef CRUST_CHAIN_GROUP_H
#define CRUST_CHAIN_GROUP_H

#include "chain/accounts.h"

struct group {
    uint32_t members;
    uint32_t allowed;  /* accounts that may join */
    uint64_t workload; /* bytes, of all members */
};

/* First bytes of the keys that list a group, each followed by owner and account. */
enum {
    GROUP_KEY_ALLOWED = 'B',  /* in STATE_STAKING */
    GROUP_INDEX_MEMBER = 'g', /* in STATE_INDEX */
};

/* What an account's own workers come to. */
struct group_own {
    uint64_t workers;
    uint64_t power;
};

/* False: the account owns none. */
bool group_get(struct ledger *l, struct group *out, const uint8_t owner[32]);

/* The owner of the group that a member is in. */
bool group_owner(struct ledger *l, uint8_t owner[32], const uint8_t member[32]);
bool group_allows(struct ledger *l, const uint8_t owner[32], const uint8_t account[32]);

/* Zero when the account has never registered a worker. */
void group_own(struct ledger *l, struct group_own *out, const uint8_t account[32]);

/* Verified bytes that count for a stash: of its own workers, when it is in no group, and of its
 * group's members. */
uint64_t group_workload(struct ledger *l, const uint8_t stash[32]);

enum tx_result group_check(struct ledger *l, const struct ledger_call *call);
void group_apply(struct ledger *l, const struct ledger_call *call);

/* From chain/work: may the account register a worker; it has; its workers' power has changed. */
enum tx_result group_check_worker(struct ledger *l, const uint8_t account[32]);
void group_add_worker(struct ledger *l, const uint8_t account[32]);
void group_power(struct ledger *l, const uint8_t account[32], uint64_t before, uint64_t after);

/* Sums and counts agree. */
void group_audit(struct ledger *l, const char **what);

#endif
