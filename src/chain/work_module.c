/* The work module as the dispatcher sees it: one table. */
#include "chain/work_evidence.h"
#include "chain/work_successor.h"

static enum tx_result check_call(struct ledger *l, const struct ledger_call *call)
{
    enum tx_kind kind = call->tx->call.kind;
    if (tx_group(kind) != TX_OF_WORK)
        return RESULT_UNSUPPORTED;
    if (kind == TX_WORKER_REGISTER)
        return work_check_register(l, call);
    if (kind == TX_WORKER_ATTEST)
        return work_check_attest(l, call);
    if (kind == TX_WORKER_SUCCEED)
        return work_check_successor(l, call);
    if (kind == TX_WORKER_DEPOSIT || kind == TX_WORKER_WITHDRAW)
        return work_check_funds(l, call);
    if (kind != TX_REPORT)
        return work_check_dispute(l, call);
    /* A fault is a successful outcome: it must get into a block. */
    enum tx_result r = work_check_report(l, call);
    return r == RESULT_FAULT ? RESULT_OK : r;
}

static enum tx_result apply_call(struct ledger *l, const struct ledger_call *call)
{
    enum tx_kind kind = call->tx->call.kind;
    if (kind == TX_REPORT)
        return work_apply_report(l, call);
    if (kind == TX_WORKER_REGISTER)
        work_apply_register(l, call);
    else if (kind == TX_WORKER_ATTEST)
        work_apply_attest(l, call);
    else if (kind == TX_WORKER_SUCCEED)
        work_apply_successor(l, call);
    else if (kind == TX_WORKER_DEPOSIT || kind == TX_WORKER_WITHDRAW)
        work_apply_funds(l, call);
    else
        work_apply_dispute(l, call);
    return RESULT_OK;
}

const struct module_work work_module = {
    .market = { .counters = work_market_counters,
                .power = work_market_power,
                .rate = work_market_rate,
                .refill = work_market_refill },
    .check = check_call,
    .apply = apply_call,
    .is_free = work_report_free,
    .is_first = work_report_first,
    .block_begin = work_block_begin,
    .due = work_due,
};
