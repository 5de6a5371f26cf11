/* plan_report: when a work report is due and what it must hold. Rules: docs/spec/work.md 3 to 5,
 * docs/design/agent.md. Pure: (lane, view, time) -> effect; a result comes back as an event.
 *
 *   IDLE --due--> MAKING --report--> SENDING --accepted--> IDLE, once the chain shows it
 *     ^             |                   |
 *     +-- failed, with a pause ---------+
 */
#ifndef CRUST_AGENTD_PLAN_REPORT_H
#define CRUST_AGENTD_PLAN_REPORT_H

#include "agentd/view.h"

enum {
    PLAN_REPORT_PAUSE_MS = 300,       /* after the first failure of a slot; doubles */
    PLAN_REPORT_PAUSE_MAX_MS = 10000, /* a devnet slot has seven seconds, production 48 minutes */
    PLAN_REPORT_TELL_MS = 2000,       /* after crust-ipfsd did not take what it was told */
    PLAN_TEXT_MAX = 256,
};

enum plan_report_state { PLAN_REPORT_IDLE, PLAN_REPORT_MAKING, PLAN_REPORT_SENDING };

struct plan_report {
    enum plan_report_state state;
    uint64_t slot;     /* of the report under way, or of the last one */
    bool first;        /* it is the first of its slot */
    uint32_t tries;    /* failures in this slot */
    uint64_t retry_ms; /* not before */
    uint64_t after;    /* height that the work must be of: that of the last accepted report */
    /* What chain and node have in common. */
    bool told;             /* crust-ipfsd knows what the chain has stored */
    uint64_t told_session; /* in this session with crust-ipfsd */
    uint64_t told_seq;
    uint8_t told_s[32];
    bool telling;
    uint64_t tell_ms; /* not before */
    /* For people. */
    uint64_t accepted, refused; /* reports so far */
    uint64_t accepted_slot;     /* last slot with a first report of ours; 0: none */
    uint32_t last_code;         /* of the last refusal */
    char last_error[PLAN_TEXT_MAX];
};

/* Why no report is due now, for status pages. */
enum plan_report_wait {
    PLAN_REPORT_DUE_FIRST, /* due: the first of the slot */
    PLAN_REPORT_DUE_LATER, /* due: a step, or a volume, waits */
    PLAN_REPORT_NOT_READY, /* not registered, or a partner is not there */
    PLAN_REPORT_BEHIND,    /* the last report is not in the view yet */
    PLAN_REPORT_CLOSED,    /* the beacon is being made */
    PLAN_REPORT_TOO_EARLY, /* the send time of the slot has not come */
    PLAN_REPORT_NOTHING,   /* the slot is answered, and nothing new is there */
    PLAN_REPORT_PAUSED,    /* after a failure */
    PLAN_REPORT_SPENT,     /* as many reports in this slot as are free of charge */
};
enum plan_report_wait plan_report_due(const struct plan_report *r, const struct view *v,
                                      uint64_t now_ms);
const char *plan_report_wait_text(enum plan_report_wait w); /* static storage */

/* plan_report_next: true when out is to be asked from crust-ipfsd; out->state borrows from state.
 * The lane is MAKING then. */
bool plan_report_next(struct plan_report *r, struct node_report *out,
                      uint8_t state[WORK_STATE_SIZE], const struct view *v, uint64_t now_ms);

/* crust-ipfsd has made the report (e OK: it is to be sent now), or could not. */
void plan_report_made(struct plan_report *r, enum err e, const char *why, uint64_t now_ms);

/* What the chain said: result is a number of chain/result.h, height that of its block; or e when
 * there was no answer: ERR_TIMEOUT (it can no longer be included), ERR_CLOSED. */
void plan_report_sent(struct plan_report *r, enum err e, uint32_t result, uint64_t height,
                      uint64_t now_ms);

/* The last block that may hold a report of the present slot. */
uint64_t plan_report_last_height(const struct view *v);

/* plan_report_tell: true when crust-ipfsd is to be told what the chain has stored. */
bool plan_report_tell(struct plan_report *r, struct node_accepted *out, const struct view *v,
                      uint64_t now_ms);
void plan_report_told(struct plan_report *r, enum err e, uint64_t now_ms);

#endif
