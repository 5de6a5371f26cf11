/* plan_collateral: when the folder with the vendors' documents is looked at, what of it is posted,
 * and which documents of this machine lapse soon. The shell reads folder and chain; whether a
 * document is newer says attest/bundle.h. docs/guide/collateral.md. Pure. */
#ifndef CRUST_AGENTD_PLAN_COLLATERAL_H
#define CRUST_AGENTD_PLAN_COLLATERAL_H

#include "attest/bundle.h"
#include "attest/needs.h"

enum {
    PLAN_COLLATERAL_LOOK_MS = 5000,     /* between two looks at the folder */
    PLAN_COLLATERAL_ROUND_MS = 3600000, /* between two comparisons with the chain */
    PLAN_COLLATERAL_RETRY_MS = 60000,   /* after one that could not be made, or a lost post */
    PLAN_COLLATERAL_TELL_MS = 86400000, /* before the same warning is given again */
    PLAN_COLLATERAL_SOON = 7 * 86400,   /* seconds */
};

enum plan_collateral_do {
    PLAN_COLLATERAL_NOTHING,
    PLAN_COLLATERAL_LOOK,    /* at the folder; then plan_collateral_looked */
    PLAN_COLLATERAL_COMPARE, /* folder and chain; then plan_collateral_compared */
    PLAN_COLLATERAL_POST,    /* the step-th of the posts; then plan_collateral_sent */
};

/* Zeroed it has done nothing yet. */
struct plan_collateral {
    bool busy;
    bool known, fresh; /* the folder was looked at; it is another one than was compared */
    uint8_t mark[32];
    uint64_t look_ms, round_ms; /* of the next */
    size_t step, count;         /* of the posts of this round */
    uint64_t told, tell_ms;     /* what was warned of, and until when that is enough */
    uint64_t posted, refused;   /* so far */
};

enum plan_collateral_do plan_collateral_next(struct plan_collateral *p, uint64_t now_ms);

/* mark: of folder_mark. */
void plan_collateral_looked(struct plan_collateral *p, const uint8_t mark[32], uint64_t now_ms);

/* count: posts to send now. e: that the chain could not be read. */
void plan_collateral_compared(struct plan_collateral *p, enum err e, size_t count, uint64_t now_ms);

/* How a post ended, as tx_link tells it. Returns whether it was taken. */
bool plan_collateral_sent(struct plan_collateral *p, enum err e, uint32_t result, uint64_t now_ms);

/* A document that evidence is judged by, which lapses within PLAN_COLLATERAL_SOON or is not there
 * at all (lapses 0). */
struct plan_collateral_lapse {
    enum collateral_kind kind;
    uint64_t lapses;
};

/* Returns their number. With what posts are about to bring. */
uint32_t plan_collateral_lapsing(struct plan_collateral_lapse out[NEEDS_MAX],
                                 const struct needs *needs, const struct bundle_kept *kept,
                                 const struct bundle_plan *posts, uint64_t time);

/* Whether to warn of them: not yet, or of others, or a day ago. */
bool plan_collateral_tells(struct plan_collateral *p, const struct plan_collateral_lapse *lapsing,
                           uint32_t count, uint64_t now_ms);

#endif
