/* module: what the dispatcher asks of chain/work, as one table, so that the ledger core is tested
 * with a model of it. work.c gives the real one (work_module). Spec: docs/spec/work.md. Pure. */
#ifndef CRUST_CHAIN_MODULE_H
#define CRUST_CHAIN_MODULE_H

#include "chain/market.h"

struct module_work {
    struct market_work market;

    /* The calls worker.*, report, refute, challenge and answer. check changes nothing; apply runs
     * only after it said RESULT_OK, cannot fail, and says RESULT_OK or RESULT_FAULT. */
    enum tx_result (*check)(struct ledger *l, const struct ledger_call *call);
    enum tx_result (*apply)(struct ledger *l, const struct ledger_call *call);

    /* For a report that check accepts: is it one of the free ones of its slot, and is it the first
     * of its slot (these get room in every block)? */
    bool (*is_free)(struct ledger *l, const struct ledger_call *call);
    bool (*is_first)(struct ledger *l, const struct ledger_call *call);

    void (*block_begin)(struct ledger *l);

    /* An entry of kind LEDGER_DUE_WORK; returns the number of records looked at. */
    uint32_t (*due)(struct ledger *l, struct span key);
};

#endif
