/* plan_beacon: beside a validator, the contributions of its beacon key: one in each beacon window
 * in which the committee asks for it, sent again until a block holds it. Rules: docs/spec/beacon.md
 * 5. Pure. */
#ifndef CRUST_AGENTD_PLAN_BEACON_H
#define CRUST_AGENTD_PLAN_BEACON_H

#include "agentd/view.h"
#include "crypto/ed25519.h"

enum {
    PLAN_BEACON_TX_MAX = 512,
    PLAN_BEACON_RETRY_MS = 1000,      /* when no node has taken it */
    PLAN_BEACON_RETRY_MAX_MS = 30000, /* at most this while it waits for a block */
};

struct plan_beacon {
    bool busy;
    uint64_t done_slot; /* 1 + the last slot for which nothing is left to do */
    uint64_t slot;      /* of the contribution under way */
    uint64_t retry_ms;
    uint64_t given, refused; /* contributions seen in blocks, and windows without being asked */
};

/* plan_beacon_next: a contribution is to be sent now. Out: *tx, inside room. */
bool plan_beacon_next(struct plan_beacon *p, struct span *tx, uint8_t room[PLAN_BEACON_TX_MAX],
                      const struct view *v, const struct ed25519_key *key, uint64_t now_ms);

/* plan_beacon_sent: what became of it. e OK: a chain node gave this result; BEACON_REPEATED says
 * that a block holds the contribution. */
void plan_beacon_sent(struct plan_beacon *p, const struct view *v, enum err e, uint32_t result,
                      uint64_t now_ms);

#endif
