#include "agentd/plan_money.h"

#include "chain/result.h"

enum plan_money_do plan_money_next(struct plan_money *p, uint32_t *row, const struct orders *o,
                                   const struct view *v, const struct plan_order_rules *rules,
                                   uint64_t now_ms)
{
    *row = ORDERS_NONE;
    if (p->busy || now_ms < p->retry_ms || !v->chain_known || !v->account_known ||
        v->chain.height < p->after || amount_cmp(v->money.usable, v->params.fee_base) < 0)
        return PLAN_MONEY_NOTHING;
    uint32_t due = plan_order_to_settle(o, v, rules);
    if (due != ORDERS_NONE) {
        p->busy = true;
        p->claiming = false;
        *row = p->row = due;
        return PLAN_MONEY_SETTLE;
    }
    if (amount_is_zero(v->money.reward) || amount_cmp(v->money.reward, rules->claim_min) < 0)
        return PLAN_MONEY_NOTHING;
    p->busy = true;
    p->claiming = true;
    return PLAN_MONEY_CLAIM;
}

void plan_money_sent(struct plan_money *p, struct orders *o, enum err e, uint32_t result,
                     uint64_t height, uint64_t now_ms)
{
    p->busy = false;
    bool good = e == OK && result == RESULT_OK;
    if (e == OK)
        p->after = height;
    if (p->claiming) {
        p->claimed += good;
    } else {
        struct order *r = &o->rows[p->row];
        r->settled_at = e == OK ? height : r->settled_at;
        r->look = true; /* renewed, closed, or as it was */
        p->settled += good;
    }
    if (!good)
        p->retry_ms = now_ms + PLAN_MONEY_RETRY_MS;
}
