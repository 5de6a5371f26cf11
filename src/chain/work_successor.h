/* work_successor: a worker takes another's place: worker.succeed. Spec: docs/spec/work.md 11 and
 * docs/spec/handover.md. Pure. */
#ifndef CRUST_CHAIN_WORK_SUCCESSOR_H
#define CRUST_CHAIN_WORK_SUCCESSOR_H

#include "chain/work.h"

/* work_check_successor: RESULT_OK, WORKER_EXISTS, WORKER_UNKNOWN, WORKER_NOT_YOURS, WORKER_CLOSED,
 * WORKER_FAULTED, SUCCESSION_SIGNATURE, PLATFORM_FULL, or what work_evidence_check says. */
enum tx_result work_check_successor(struct ledger *l, const struct ledger_call *call);

/* work_apply_successor moves lineage, state and counters as they stand to the successor's key. */
void work_apply_successor(struct ledger *l, const struct ledger_call *call);

#endif
