/* work: workers, their reports, what they hold and have proven (MPoW on chain).
 * Spec: docs/spec/work.md, over docs/spec/report.md and docs/spec/proof.md. Pure.
 *
 * A worker is kept under its lineage, the key of the first worker of a line of successors. What it
 * holds is its struct work_state (proof/work_state.h): roots and totals, changed only by steps that
 * the chain recomputes. Beside them stand the chain's own counters, struct work_worker. */
#ifndef CRUST_CHAIN_WORK_H
#define CRUST_CHAIN_WORK_H

#include "chain/beacon.h"
#include "chain/module.h"
#include "chain/work_class.h"
#include "codec/report.h"
#include "proof/draw.h"

/* The chain's side of a volume. */
struct work_disk {
    /* Goes up when all replicas on it become void: a drop, a fault, the end of an absence. The
     * market calls it the generation. */
    uint32_t incarnation;
    uint64_t answered;        /* slots answered without a miss */
    uint64_t proven;          /* of these, under a beacon that is not weak */
    uint64_t power;           /* of its verified replicas */
    uint64_t srd_proven;      /* bytes of SRD that stood at a proven slot and still do */
    uint64_t return_from;     /* slot whose report asked for its return, plus 1; 0: none did */
    uint64_t return_slot;     /* whose beacon draws for it; 0: not known to the record yet */
    uint8_t return_value[32]; /* that beacon, kept for as long as the draws are owed */
};

struct work_worker {
    uint8_t lineage[32];
    uint8_t worker[32]; /* the present key; the first of its line is the lineage */
    uint8_t account[32];
    uint8_t platform[32];
    uint8_t release[32];
    uint8_t kind; /* enum attest_kind */
    struct work_standing standing;
    bool faulted;           /* for good: it has signed a false opening */
    bool absent;            /* its absence has ended its replicas; the next report clears it */
    bool retired;           /* has taken its deposit away: nothing counts until it is back */
    uint16_t suspended;     /* volumes */
    uint64_t registered_at; /* height */
    uint64_t next_slot;     /* the earliest slot that no report has answered */
    uint64_t report_slot;   /* of the last report */
    uint32_t reports;       /* accepted in report_slot */
    uint64_t power;         /* as of the last drain of the queue */
    uint64_t bytes;         /* counted replicas and SRD: its part of its platform's */
    struct amount deposit;  /* its part of the account's HOLD_WORKER */
    struct amount debt;     /* charges that the deposit could not pay; income pays them first */
    struct amount rate;     /* income a slot, summed over its replicas */
    struct work_disk disks[WORK_VOLUMES];
};

/* Sums over all workers. */
struct work_totals {
    uint64_t workers;
    uint64_t power;
    uint64_t file_bytes; /* of counted replicas */
    uint64_t srd_bytes;
};

/* ---- reading; false: no such worker ---------------------------------------------------------- */

bool work_get(struct ledger *l, struct work_worker *out, const uint8_t worker[32]);
bool work_get_lineage(struct ledger *l, struct work_worker *out, const uint8_t lineage[32]);
bool work_get_state(struct ledger *l, struct work_state *out, const uint8_t lineage[32]);
void work_get_totals(struct ledger *l, struct work_totals *out);

/* The next worker by lineage after this one (all zero: the first). */
bool work_next(struct ledger *l, struct work_worker *out, const uint8_t after[32]);

/* Where a worker holds a content key; false: it does not, or the leaf is void from the start. */
struct work_leaf {
    uint8_t order[32];  /* zero when the leaf has become void */
    uint8_t claim[32];  /* work_claim_id, for an order without data_root; else zero */
    uint64_t placed_at; /* of the order, when the replica was added */
    uint64_t size;
    uint32_t incarnation;
    uint32_t index;
    uint8_t volume;
};
bool work_get_leaf(struct ledger *l, struct work_leaf *out, const uint8_t lineage[32],
                   const struct content_key *key);

/* The draws of one slot that a report has to answer. */
struct work_due_entry {
    uint64_t slot;
    struct beacon_value beacon;
    struct draw_list draws;
};

/* What the worker's next report in this slot must say. */
struct work_duty {
    bool first;     /* no report has answered this slot yet */
    uint32_t count; /* entries: none, the current slot, or the owed and the current one */
    struct work_due_entry due[REPORT_ENTRIES_MAX];
    uint16_t returning;    /* volumes that have asked to return */
    uint16_t return_ready; /* of these, those whose draws are known */
};
void work_get_duty(struct ledger *l, struct work_duty *out, const struct work_worker *w);

/* The draws of a volume's return. False while there is no beacon for them. */
bool work_get_return(struct ledger *l, struct work_due_entry *out, const struct work_worker *w,
                     uint8_t volume);

/* ---- calls ----------------------------------------------------------------------------------- */

enum tx_result work_check_register(struct ledger *l, const struct ledger_call *call);
void work_apply_register(struct ledger *l, const struct ledger_call *call);

/* worker.deposit and worker.withdraw. */
enum tx_result work_check_funds(struct ledger *l, const struct ledger_call *call);
void work_apply_funds(struct ledger *l, const struct ledger_call *call);

/* What checking a report finds out and applying it needs. It holds for as long as the transaction
 * is in hand and nothing is written that it was drawn from. About 20 KiB. */
struct work_verdict {
    bool known;
    enum tx_result result;
    uint64_t height, changes; /* what it was found at: of the stores of work, beacon and params */
    struct report report;
    struct work_worker worker;
    struct work_state state; /* as stored */
    struct work_state next;  /* after the step */
    struct work_duty duty;
    bool answers_return; /* the report answers the draws of its return volume */
    uint16_t missed;     /* volumes with a miss */
    uint16_t charged;    /* of missed and failed, those under a beacon that is not weak */
};

/* work_check_report verifies a report in full, once for a call: RESULT_OK; RESULT_FAULT
 * (well-formed, timely and signed, but an opening is false: apply it all the same); else refused.
 * About 0.1 ms. */
enum tx_result work_check_report(struct ledger *l, const struct ledger_call *call);

/* work_apply_report applies a report that work_check_report lets through and says which of the two
 * it is. */
enum tx_result work_apply_report(struct ledger *l, const struct ledger_call *call);

/* True when the report is of a worker of the account that sends it, for this slot, within
 * params.free_reports: it then pays no fee when it succeeds. */
bool work_report_free(struct ledger *l, const struct ledger_call *call);

/* True when the report would be its worker's first of its slot. For the order in a block. */
bool work_report_first(struct ledger *l, const struct ledger_call *call);

/* refute, challenge, answer. A refute or answer hashes a block of up to 2 MiB. */
enum tx_result work_check_dispute(struct ledger *l, const struct ledger_call *call);
void work_apply_dispute(struct ledger *l, const struct ledger_call *call);

/* ---- hooks ----------------------------------------------------------------------------------- */

/* All of this module as the dispatcher takes it. */
extern const struct module_work work_module;

/* The part that the market calls back: chain/market.h says what each does. */
bool work_market_counters(struct ledger *l, struct market_counters *out, const uint8_t *lineage,
                          const struct market_replica *r);
void work_market_power(struct ledger *l, const uint8_t *lineage, const struct market_replica *r,
                       uint64_t before, uint64_t after);
void work_market_rate(struct ledger *l, const uint8_t *lineage, const struct market_replica *r,
                      struct amount before, struct amount after);
struct amount work_market_refill(struct ledger *l, const uint8_t *lineage, struct amount v);

/* First thing in a block: drains part of the queue of power changes; in a slot's first block also
 * tells the market the free space. */
void work_block_begin(struct ledger *l);

/* One due entry of kind LEDGER_DUE_WORK. Bounded work; puts a follow-up when more is left. Returns
 * the number of records looked at. */
uint32_t work_due(struct ledger *l, struct span key);

/* Recomputes the power of at most max workers in the queue; true when it is empty afterwards.
 * Elections call it until it is. */
bool work_drain_power(struct ledger *l, uint32_t max);

#endif
