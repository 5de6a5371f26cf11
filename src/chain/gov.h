/* gov: proposals that change the parameters or cancel a slash, and votes on them.
 * Spec: docs/spec/governance.md. Pure. Needs staking: votes weigh effective stake. */
#ifndef CRUST_CHAIN_GOV_H
#define CRUST_CHAIN_GOV_H

#include "chain/accounts.h"

enum { GOV_OPEN_MAX = 16 };

enum gov_state { GOV_VOTING, GOV_ACCEPTED, GOV_REJECTED, GOV_ENACTED, GOV_FAILED };

struct gov_text {
    uint32_t size;
    char bytes[TX_CHANGE_VALUE_MAX + 1]; /* NUL-terminated */
};

struct gov_proposal {
    uint8_t proposer[32];
    struct amount deposit;
    uint64_t height; /* when it was made */
    uint32_t era;    /* in which votes are taken: the one after it was made */
    enum gov_state state;
    uint64_t due; /* height of its effect, once accepted */
    struct amount yes;
    struct amount stake; /* all effective stake of the voting era, once a vote was taken */
    uint32_t change_count;
    struct {
        char name[TX_CHANGE_NAME_MAX + 1];
        struct gov_text value;
    } changes[TX_CHANGES_MAX];
    uint32_t cancel_count;
    struct {
        uint32_t era;
        uint8_t stash[32];
    } cancels[TX_CANCELS_MAX];
};

bool gov_get(struct ledger *l, struct gov_proposal *out, uint64_t id);

/* The number of proposals ever made: ids go from 0 to count - 1. */
uint64_t gov_count(struct ledger *l);

/* "voting", "accepted", ... Static storage. */
const char *gov_state_name(enum gov_state state);

enum tx_result gov_check(struct ledger *l, const struct ledger_call *call);
void gov_apply(struct ledger *l, const struct ledger_call *call);

/* Ends votes and enacts what is due, at the end of a slot. True: *params is what holds from the
 * next block on. */
bool gov_block_end(struct ledger *l, struct params *params);

#endif
