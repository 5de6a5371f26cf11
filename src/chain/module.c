#include "chain/module.h"

static bool no_counters(struct ledger *l, struct market_counters *out, const uint8_t *lineage,
                        const struct market_replica *r)
{
    (void)l;
    (void)lineage;
    (void)r;
    *out = (struct market_counters){ 0 };
    return false;
}

static void no_power(struct ledger *l, const uint8_t *lineage, const struct market_replica *r,
                     uint64_t before, uint64_t after)
{
    (void)l;
    (void)lineage;
    (void)r;
    (void)before;
    (void)after;
}

static void no_rate(struct ledger *l, const uint8_t *lineage, const struct market_replica *r,
                    struct amount before, struct amount after)
{
    (void)l;
    (void)lineage;
    (void)r;
    (void)before;
    (void)after;
}

static struct amount no_refill(struct ledger *l, const uint8_t *lineage, struct amount v)
{
    (void)l;
    (void)lineage;
    return v;
}

static enum tx_result no_call(struct ledger *l, const struct ledger_call *call)
{
    (void)l;
    (void)call;
    return RESULT_UNSUPPORTED;
}

static bool no_report(struct ledger *l, const struct ledger_call *call)
{
    (void)l;
    (void)call;
    return false;
}

static void no_begin(struct ledger *l)
{
    (void)l;
}

static uint32_t no_due(struct ledger *l, struct span key)
{
    (void)l;
    (void)key;
    return 1;
}

const struct module_work module_no_work = {
    .market = { .counters = no_counters, .power = no_power, .rate = no_rate, .refill = no_refill },
    .check = no_call,
    .apply = no_call,
    .is_free = no_report,
    .is_first = no_report,
    .block_begin = no_begin,
    .due = no_due,
};
