/* work_evidence: what a worker shows about its machine, verified against the documents on chain and
 * judged by the network's policy, when it registers, when it renews, and whenever something changes
 * that the verdict rests on. Spec: docs/spec/work.md 2. Pure. */
#ifndef CRUST_CHAIN_WORK_EVIDENCE_H
#define CRUST_CHAIN_WORK_EVIDENCE_H

#include "chain/registry.h"
#include "chain/work.h"

/* What evidence has to bind, and who shows it. */
struct work_ask {
    const uint8_t *account, *worker, *release; /* 32 bytes each */
    /* Of a successor: the key of the worker before it and the X25519 key; else NULL. */
    const uint8_t *predecessor, *exchange;
    uint64_t block; /* whose hash is bound */
    struct span evidence;
    bool admitted; /* renews, or succeeds one that was admitted: an update may be late */
};

/* What was found. Borrows from the ask. */
struct work_found {
    struct attest_verdict verdict;
    const uint8_t *release;
    struct span evidence;
    uint64_t block;
    uint64_t expires_at; /* seconds; 0: never */
    uint8_t pck[32];     /* names the PCK certificate; zeros: none */
};

/* work_evidence_check verifies and judges. RESULT_OK; EVIDENCE_OLD (the block); EVIDENCE_BAD (not
 * genuine, or it binds something else); EVIDENCE_POLICY (genuine, and not taken here). About 1 ms
 * for hardware, unless l->memo knows it. */
enum tx_result work_evidence_check(struct ledger *l, struct work_found *out,
                                   const struct work_ask *ask);

/* work_evidence_keep makes what was found the worker's standing: kind, platform, release and all of
 * w->standing, with the records and index rows behind it; what stood before is forgotten. The
 * caller stores *w, and counts workers and bytes per platform (struct work_platform). */
void work_evidence_keep(struct ledger *l, struct work_worker *w, const struct work_found *found);

/* work_evidence_forget takes the records and rows away: the worker is closed. The caller stores *w,
 * which has lapsed then. */
void work_evidence_forget(struct ledger *l, struct work_worker *w);

/* The evidence that a worker stands on, as it was sent; borrowed until the next write. False: none
 * is kept. */
bool work_evidence_get(struct ledger *l, struct span *out, const uint8_t lineage[32]);

/* worker.attest: renews the standing of a worker. */
enum tx_result work_check_attest(struct ledger *l, const struct ledger_call *call);
void work_apply_attest(struct ledger *l, const struct ledger_call *call);

/* ---- judging anew ---------------------------------------------------------------------------- */

/* What workers are found by. Numbers are part of the database format. */
enum work_tag {
    WORK_TAG_DEVICE = 'd',      /* platform id */
    WORK_TAG_PLATFORM = 'f',    /* id of the TCB info that judges it: TEE and FMSPC */
    WORK_TAG_KIND = 'k',        /* number: enum attest_kind */
    WORK_TAG_MEASUREMENT = 'm', /* work_evidence_program */
    WORK_TAG_PRODUCT = 'p',     /* number: enum snp_product */
    WORK_TAG_PCK = 's',         /* needs_pck */
};

/* work_evidence_sweep has all workers of a tag judged again, from the next block on, at most
 * params.attest_sweep_per_block a block. sweep_at: at a height. */
void work_evidence_sweep(struct ledger *l, enum work_tag tag, const uint8_t of[32]);
void work_evidence_sweep_number(struct ledger *l, enum work_tag tag, uint8_t number);
void work_evidence_sweep_at(struct ledger *l, uint64_t height, enum work_tag tag,
                            const uint8_t of[32]);
void work_evidence_sweep_all(struct ledger *l);

/* The name of a program for its tag: SHA-256 over kind and measurement. */
void work_evidence_program(uint8_t out[32], enum attest_kind kind,
                           const uint8_t measurement[ATTEST_MEASUREMENT_MAX]);

/* Due entries WORK_DUE_JUDGE and WORK_DUE_LAPSE of work_store.h. Returns records looked at. */
uint32_t work_evidence_due(struct ledger *l, struct span key);

/* Every worker stands in the indexes as its record says. For tests and audits; reads everything.
 * *what names the broken rule, if it is NULL so far. */
void work_evidence_audit(struct ledger *l, const char **what);

/* In a slot's first block: attestations that have ended take their weight with them. */
void work_evidence_slot(struct ledger *l);

#endif
