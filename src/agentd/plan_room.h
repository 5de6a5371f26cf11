/* plan_room: how much of the disks is filled with sealed random data (SRD): filled while there is
 * room, given up when orders need it. docs/design/agent.md. Pure. */
#ifndef CRUST_AGENTD_PLAN_ROOM_H
#define CRUST_AGENTD_PLAN_ROOM_H

#include "agentd/view.h"

enum {
    PLAN_ROOM_BATCH = 8, /* extents in one request: orders and reports come in between */
    PLAN_ROOM_RETRY_MS = 5000,
};

struct plan_room_rules {
    uint32_t srd_percent; /* of what is free beside the slack */
    uint64_t slack;
};

enum plan_room_do { PLAN_ROOM_NOTHING, PLAN_ROOM_FILL, PLAN_ROOM_RELEASE };

struct plan_room {
    bool busy;
    enum plan_room_do doing;
    uint64_t retry_ms;
    uint64_t released_at_seq; /* the space comes back once the chain has gone beyond this step */
    bool released;
};

struct plan_room_effect {
    enum plan_room_do what;
    uint64_t bytes;
};

/* need: bytes that orders wait for. */
struct plan_room_effect plan_room_next(struct plan_room *p, const struct view *v,
                                       const struct plan_room_rules *rules, uint64_t need,
                                       uint64_t now_ms);

/* bytes: made, or given up. */
void plan_room_done(struct plan_room *p, const struct view *v, enum err e, uint64_t bytes,
                    uint64_t now_ms);

#endif
