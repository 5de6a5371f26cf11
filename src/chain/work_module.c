/* The work module as the dispatcher sees it: one table. */
#include "chain/work.h"

static enum tx_result check_call(struct ledger *l, const struct ledger_call *call)
{
    enum tx_result r;
    switch (call->tx->call.kind) {
    case TX_WORKER_REGISTER:
        return work_check_register(l, call);
    case TX_WORKER_DEPOSIT:
    case TX_WORKER_WITHDRAW:
        return work_check_funds(l, call);
    case TX_REPORT:
        /* A fault is a successful outcome: it must get into a block. */
        r = work_check_report(l, call);
        return r == RESULT_FAULT ? RESULT_OK : r;
    case TX_REFUTE:
    case TX_CHALLENGE:
    case TX_ANSWER:
        return work_check_dispute(l, call);
    case TX_TRANSFER:
    case TX_ALLOW:
    case TX_ORDER:
    case TX_PREPAY:
    case TX_SETTLE:
    case TX_REFUND:
    case TX_MERCHANT_DEPOSIT:
    case TX_MERCHANT_WITHDRAW:
    case TX_MERCHANT_CLAIM:
    case TX_MERCHANT_URLS:
    case TX_STAKE_BOND:
    case TX_STAKE_BOND_EXTRA:
    case TX_STAKE_UNBOND:
    case TX_STAKE_REBOND:
    case TX_STAKE_WITHDRAW:
    case TX_STAKE_VALIDATE:
    case TX_STAKE_GUARANTEE:
    case TX_STAKE_CUT:
    case TX_STAKE_CHILL:
    case TX_STAKE_PAYEE:
    case TX_STAKE_CONTROLLER:
    case TX_STAKE_KEY:
    case TX_STAKE_BEACON:
    case TX_STAKE_PAYOUT:
    case TX_GROUP_CREATE:
    case TX_GROUP_ALLOW:
    case TX_GROUP_DISALLOW:
    case TX_GROUP_JOIN:
    case TX_GROUP_QUIT:
    case TX_GROUP_KICK:
    case TX_GOV_PROPOSE:
    case TX_GOV_VOTE:
    case TX_BEACON:
    case TX_KIND_COUNT:
        break;
    }
    return RESULT_UNSUPPORTED;
}

static enum tx_result apply_call(struct ledger *l, const struct ledger_call *call)
{
    switch (call->tx->call.kind) {
    case TX_WORKER_REGISTER:
        work_apply_register(l, call);
        return RESULT_OK;
    case TX_WORKER_DEPOSIT:
    case TX_WORKER_WITHDRAW:
        work_apply_funds(l, call);
        return RESULT_OK;
    case TX_REPORT:
        return work_apply_report(l, call);
    case TX_REFUTE:
    case TX_CHALLENGE:
    case TX_ANSWER:
        work_apply_dispute(l, call);
        return RESULT_OK;
    case TX_TRANSFER:
    case TX_ALLOW:
    case TX_ORDER:
    case TX_PREPAY:
    case TX_SETTLE:
    case TX_REFUND:
    case TX_MERCHANT_DEPOSIT:
    case TX_MERCHANT_WITHDRAW:
    case TX_MERCHANT_CLAIM:
    case TX_MERCHANT_URLS:
    case TX_STAKE_BOND:
    case TX_STAKE_BOND_EXTRA:
    case TX_STAKE_UNBOND:
    case TX_STAKE_REBOND:
    case TX_STAKE_WITHDRAW:
    case TX_STAKE_VALIDATE:
    case TX_STAKE_GUARANTEE:
    case TX_STAKE_CUT:
    case TX_STAKE_CHILL:
    case TX_STAKE_PAYEE:
    case TX_STAKE_CONTROLLER:
    case TX_STAKE_KEY:
    case TX_STAKE_BEACON:
    case TX_STAKE_PAYOUT:
    case TX_GROUP_CREATE:
    case TX_GROUP_ALLOW:
    case TX_GROUP_DISALLOW:
    case TX_GROUP_JOIN:
    case TX_GROUP_QUIT:
    case TX_GROUP_KICK:
    case TX_GOV_PROPOSE:
    case TX_GOV_VOTE:
    case TX_BEACON:
    case TX_KIND_COUNT:
        break;
    }
    return RESULT_UNSUPPORTED;
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
