/* plan_worker: registers the enclave's worker with the chain, renews its attestation before it
 * lapses, and keeps its deposits filled. Rules: docs/spec/work.md 2. Pure.
 *
 *   IDLE --not registered, or due--> EVIDENCE --have it--> READY --> SENDING --> IDLE, once seen
 */
#ifndef CRUST_AGENTD_PLAN_WORKER_H
#define CRUST_AGENTD_PLAN_WORKER_H

#include "agentd/plan_report.h"
#include "codec/tx.h"

enum { PLAN_WORKER_PAUSE_MS = 1000, PLAN_WORKER_PAUSE_MAX_MS = 60000 };

struct plan_worker_rules {
    bool top_up;              /* refill the worker's deposit from the account */
    struct amount reserve;    /* what stays in the account */
    struct amount collateral; /* of the merchant; zero: none */
};

enum plan_worker_state {
    PLAN_WORKER_IDLE,
    PLAN_WORKER_EVIDENCE, /* crust-ipfsd has been asked */
    PLAN_WORKER_READY,    /* evidence is there; the deposit may still be missing */
    PLAN_WORKER_SENDING,  /* a transaction is under way */
};

struct plan_worker {
    enum plan_worker_state state;
    uint64_t evidence_height; /* of the block that it binds */
    uint8_t worker[32];       /* that it is about */
    uint64_t session;         /* with crust-ipfsd, when it was made */
    uint64_t after;           /* height that the view must have */
    uint32_t tries;
    uint64_t retry_ms;
    char last_error[PLAN_TEXT_MAX];
};

enum plan_worker_do {
    PLAN_WORKER_NOTHING,
    PLAN_WORKER_ASK_EVIDENCE, /* NODE_REGISTER over height and hash of the last block */
    PLAN_WORKER_REGISTER,     /* worker.register with the evidence */
    PLAN_WORKER_ATTEST,       /* worker.attest with the evidence */
    PLAN_WORKER_DEPOSIT,      /* worker.deposit of amount */
    PLAN_WORKER_COLLATERAL,   /* merchant.deposit of amount */
    PLAN_WORKER_URLS,         /* merchant.urls: see plan_urls_make */
};

struct plan_worker_effect {
    enum plan_worker_do what;
    struct amount amount;
};

struct plan_worker_effect plan_worker_next(struct plan_worker *p, const struct view *v,
                                           const struct plan_worker_rules *rules, uint64_t now_ms);

/* Whether the worker's attestation is to be renewed now: it has lapsed, or less than half of the
 * time for which the chain takes one is left, and the last one is not of just now. Never for
 * software, which does not lapse. */
bool plan_worker_renews(const struct view *v);

/* Evidence about worker has come, or not (e, why). */
void plan_worker_evidence(struct plan_worker *p, const uint8_t worker[32], enum err e,
                          const char *why, uint64_t now_ms);

/* As plan_report_sent. */
void plan_worker_sent(struct plan_worker *p, enum err e, uint32_t result, uint64_t height,
                      uint64_t now_ms);

/* What keeps this worker from working, in a sentence; "" when nothing does. */
const char *plan_worker_trouble(const struct plan_worker *p, const struct view *v);

#endif
