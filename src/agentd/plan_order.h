/* plan_order: which orders this node takes, and what is to be done next about each one in the table
 * of orders. The rule and its reasons: docs/design/agent.md. Pure. */
#ifndef CRUST_AGENTD_PLAN_ORDER_H
#define CRUST_AGENTD_PLAN_ORDER_H

#include "agentd/orders.h"

enum {
    PLAN_ORDER_RETRY_MS = 2000, /* after the first failure to seal; doubles */
    PLAN_ORDER_RETRY_MAX_MS = 3600000,
    PLAN_ORDER_VOIDS_MAX = 4,      /* replicas that count for nothing before we give an order up */
    PLAN_ORDER_TURN_MAX = 10,      /* slots that the last in the rendezvous order waits */
    PLAN_ORDER_SWEEP_SLOTS = 24,   /* between two looks at an order that is well */
    PLAN_ORDER_SETTLE_BYTES = 400, /* size of a settle transaction, about */
    PLAN_ORDER_VOID_SLOTS = 2,     /* after a report of a replica before it counts as void */
};

struct plan_order_rules {
    bool take;               /* take new orders */
    bool require_data_root;  /* only orders that say what their content is */
    uint64_t size_max;       /* bytes of one order */
    uint64_t slack;          /* bytes that stay free on the disks */
    struct amount price_min; /* what an order pays its holders together, for a GiB of content */
    uint32_t seals;          /* orders that are sealed at a time */
    struct amount claim_min; /* a reward below it is left to grow */
    uint64_t settle_blocks;  /* between two settlements of an order for its income; 0: never */
    uint64_t settle_gain;    /* it must bring so many times its fee */
};

struct plan_verdict {
    enum order_step step; /* ORDER_TAKEN, ORDER_WAITING (until) or ORDER_DECLINED */
    enum order_reason reason;
    uint64_t until;
    uint32_t rank;
};

/* plan_order_judge: whether we take row, which the chain has told us about. */
struct plan_verdict plan_order_judge(const struct orders *o, uint32_t row, const struct view *v,
                                     const struct plan_order_rules *rules);

/* plan_order_seen: the chain was asked about row (orders_see), or row->gone was set. */
void plan_order_seen(struct orders *o, uint32_t row, const struct view *v,
                     const struct plan_order_rules *rules);

enum plan_order_do {
    PLAN_ORDER_NOTHING,
    PLAN_ORDER_LOOK,   /* ask the chain about row */
    PLAN_ORDER_SEAL,   /* have it sealed: row is ORDER_SEALING */
    PLAN_ORDER_REMOVE, /* have its replica removed: row is ORDER_REMOVING */
    PLAN_ORDER_NOTE,   /* write step and reason to the journal */
};

struct plan_order_effect {
    enum plan_order_do what;
    uint32_t row;
};

/* What is to be asked from the chain, or written, next. */
struct plan_order_effect plan_order_next(struct orders *o, const struct view *v, uint64_t now_ms);

/* What is to be asked from crust-ipfsd next. */
struct plan_order_effect plan_order_work(struct orders *o, const struct view *v,
                                         const struct plan_order_rules *rules, uint64_t now_ms);

/* crust-ipfsd has sealed row (OK, ERR_EXISTS: it had it), or could not and says why. */
void plan_order_sealed(struct orders *o, uint32_t row, enum err e, const char *why,
                       const struct view *v, uint64_t now_ms);
void plan_order_removed(struct orders *o, uint32_t row, enum err e, const struct view *v,
                        uint64_t now_ms);

/* plan_order_held: crust-ipfsd holds this replica. Call it after the chain was asked for the orders
 * of its key. What belongs to no order is to be removed. */
void plan_order_held(struct orders *o, const struct node_sealed *replica, const struct view *v);

/* The connection to crust-ipfsd is new: what it was doing is lost. */
void plan_order_node_lost(struct orders *o, const struct view *v);

/* A new status of crust-ipfsd is in the view. */
void plan_order_node_seen(struct orders *o, const struct view *v);

/* Bytes that orders taken still need on the disks. */
uint64_t plan_order_need(const struct orders *o);

/* An order that is to be settled: it has ended, or its income is due. ORDERS_NONE: none. */
uint32_t plan_order_to_settle(const struct orders *o, const struct view *v,
                              const struct plan_order_rules *rules);

#endif
