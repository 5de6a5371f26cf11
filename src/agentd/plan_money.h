/* plan_money: settles orders for their income and claims it. Rules: docs/spec/market.md. Pure. */
#ifndef CRUST_AGENTD_PLAN_MONEY_H
#define CRUST_AGENTD_PLAN_MONEY_H

#include "agentd/plan_order.h"

enum { PLAN_MONEY_RETRY_MS = 10000 };

struct plan_money {
    bool busy;
    bool claiming;
    uint32_t row;   /* of the order being settled */
    uint64_t after; /* height that the view must have */
    uint64_t retry_ms;
    uint64_t settled, claimed; /* transactions so far */
};

enum plan_money_do { PLAN_MONEY_NOTHING, PLAN_MONEY_SETTLE, PLAN_MONEY_CLAIM };

/* row: of the order to settle. */
enum plan_money_do plan_money_next(struct plan_money *p, uint32_t *row, const struct orders *o,
                                   const struct view *v, const struct plan_order_rules *rules,
                                   uint64_t now_ms);
void plan_money_sent(struct plan_money *p, struct orders *o, enum err e, uint32_t result,
                     uint64_t height, uint64_t now_ms);

#endif
