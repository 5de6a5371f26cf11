/* staking: guaranteed proof of stake. Stakes, guarantees, elections, income, the validator set.
 * Spec: docs/spec/staking.md. Pure. Only a genesis with a section "staking" turns it on.
 *
 * A stash is the account whose money is bonded (its HOLD_STAKE); its controller, perhaps the same
 * account, speaks for it. The files: staking.c (calls), staking_elect.c (limits, elections),
 * staking_era.c (points, eras, issuance), staking_pay.c (claims), staking_slash.c, staking_set.c
 * (what the engine is told), staking_store.c (records), staking_audit.c. */
#ifndef CRUST_CHAIN_STAKING_H
#define CRUST_CHAIN_STAKING_H

#include "chain/accounts.h"

enum {
    STAKING_CHUNKS_MAX = 32,  /* parts of a stash that unbond */
    STAKING_TARGETS_MAX = 16, /* validators that one stash guarantees */
    STAKING_POINTS_AUTHOR = 20,
    STAKING_POINTS_VOTE = 1,
};

struct staking_edge {
    uint8_t who[32];
    struct amount value;
};

struct staking_chunk {
    struct amount value;
    uint32_t era;    /* from which it may leave */
    uint64_t height; /* when it was unbonded */
    uint64_t time_ms;
};

struct staking_ledger {
    uint8_t controller[32];
    struct amount total; /* the account's HOLD_STAKE: active and unlocking */
    struct amount active;
    bool pays_account; /* income goes to payee, else it is bonded */
    uint8_t payee[32];
    bool has_key;
    uint8_t key[32];          /* CometBFT's Ed25519 */
    bool validates;           /* stands for election */
    uint32_t fee;             /* parts per 10^9 of its reward shared with guarantors */
    uint32_t pending;         /* slashes that name it and are not charged yet */
    struct amount guaranteed; /* the sum of targets; at most active */
    uint32_t target_count;
    struct staking_edge targets[STAKING_TARGETS_MAX];
    uint32_t chunk_count;
    struct staking_chunk chunks[STAKING_CHUNKS_MAX]; /* oldest first */
};

/* What an election found: how much of each contribution counts. Sorted by value, largest first. */
struct staking_exposure {
    uint32_t fee;
    struct amount total;
    struct amount own;
    uint32_t count;
    struct staking_edge others[PARAMS_GUARANTORS_LIMIT];
};

enum staking_phase { STAKING_IDLE, STAKING_ELECTING, STAKING_ELECTED, STAKING_KEEPING };

/* The one record of what is going on. */
struct staking_now {
    uint32_t era;
    uint64_t era_height; /* its first block */
    uint64_t era_ms;     /* that block's time */
    uint32_t election;   /* whose exposures hold in this era */
    struct amount stake; /* all effective stake of that election */
    enum staking_phase phase;
    uint32_t next_election; /* its number, while one is held */
    struct amount next_stake;
    uint8_t cursor[32]; /* the last candidate looked at */
    /* Limits as of the last look: docs/spec/staking.md 5. */
    struct amount limit_all;
    uint64_t workload_all; /* bytes */
    bool stage_two;
    bool set_pending; /* the engine has not been told everything yet */
};

struct staking_era {
    uint64_t height; /* first block */
    uint64_t time_ms;
    uint32_t election;
    uint32_t elected;
    struct amount stake;
    bool ended;
    struct amount authoring; /* of the whole era, for all */
    struct amount staking;
    uint64_t points; /* of all */
};

/* ---- reading ---- */

/* False: this network has no staking. */
bool staking_get_now(struct ledger *l, struct staking_now *out);
bool staking_get(struct ledger *l, struct staking_ledger *out, const uint8_t stash[32]);
bool staking_stash_of(struct ledger *l, uint8_t stash[32], const uint8_t controller[32]);
bool staking_get_exposure(struct ledger *l, struct staking_exposure *out, uint32_t election,
                          const uint8_t stash[32]);
bool staking_get_era(struct ledger *l, struct staking_era *out, uint32_t era);

/* The validator keys of a stash: whose key, or address, is this? */
bool staking_stash_of_key(struct ledger *l, uint8_t stash[32], bool *banned, const uint8_t key[32]);
bool staking_key_of_address(struct ledger *l, uint8_t key[32], const uint8_t address[20]);

/* The next stash that stands for election after this one (all zero: the first). */
bool staking_next_candidate(struct ledger *l, uint8_t stash[32]);
/* The guarantors of target, ascending; who all zero: the first. */
bool staking_next_guarantor(struct ledger *l, const uint8_t target[32], struct staking_edge *edge);

/* The validators of the running era. */
struct staking_elected {
    uint32_t count;
    struct {
        uint8_t stash[32];
        uint8_t key[32];
        struct amount stake;
        uint64_t points;
        uint32_t missed; /* blocks of this slot */
    } rows[PARAMS_VALIDATORS_LIMIT];
    uint32_t blocks; /* of this slot that came with votes */
};
void staking_get_elected(struct ledger *l, struct staking_elected *out);

/* The set the engine was told: the next row after key (all zero: the first). */
bool staking_next_row(struct ledger *l, uint8_t key[32], uint8_t stash[32], uint64_t *power);

/* How much effective stake a stash has in the running era, own and guaranteed. */
struct amount staking_weight(struct ledger *l, const uint8_t account[32]);

/* What stash may count at most, given its group's workload now. */
struct amount staking_limit(struct ledger *l, const struct staking_now *now,
                            const uint8_t stash[32]);

/* Income of one era that stash and its guarantors have not claimed. */
enum tx_result staking_check_payout(struct ledger *l, uint32_t era, const uint8_t stash[32]);
bool staking_is_claimed(struct ledger *l, uint32_t era, const uint8_t stash[32]);
/* What the validator and all its guarantors would get together. */
struct amount staking_reward(struct ledger *l, uint32_t era, const uint8_t stash[32]);

/* ---- arithmetic, docs/spec/staking.md 5 and 7 ---- */

/* The limit of all effective stake: ratio_ppm of the supply is staked now. */
struct amount staking_limit_of(uint32_t ratio_ppm, struct amount issuance);
/* The rule's row: whole part and parts per 10^9. */
void staking_ratio_row(uint32_t ratio_ppm, uint32_t *whole, uint32_t *fraction);
struct amount staking_issue(const struct params *p, uint32_t era, struct amount issuance,
                            struct amount stake);
uint32_t staking_authoring_percent(uint32_t elected);

/* ---- calls and hooks ---- */

enum tx_result staking_check(struct ledger *l, const struct ledger_call *call);
void staking_apply(struct ledger *l, const struct ledger_call *call);

struct chain_block;
struct chain_output;

/* Votes, authorship and evidence of a block; removals go to out. */
void staking_block_begin(struct ledger *l, struct chain_output *out,
                         const struct chain_block *block);

/* End of a slot, elections, eras, charges, sweeping, and what the engine is told. */
void staking_block_end(struct ledger *l, struct chain_output *out);

/* Genesis: turns staking on; then each stash with its bond (held already in its free balance);
 * then the first set. */
void staking_genesis(struct ledger *l);
enum tx_result staking_genesis_bond(struct ledger *l, const uint8_t stash[32],
                                    const struct staking_ledger *want);
void staking_genesis_set(struct ledger *l, const uint8_t key[32], const uint8_t stash[32],
                         uint64_t power);
void staking_genesis_end(struct ledger *l);

/* A stash stands no longer and guarantees nothing, as if it had said so: docs/spec/beacon.md 8. */
void staking_chill(struct ledger *l, const uint8_t stash[32]);

/* The voting powers that the elected come to, capped, in their order: docs/spec/staking.md 8. */
void staking_powers(struct ledger *l, uint64_t powers[PARAMS_VALIDATORS_LIMIT],
                    const struct staking_elected *e);

/* What must hold over all records. *what: the rule that is broken. */
void staking_audit(struct ledger *l, const char **what);

#endif
