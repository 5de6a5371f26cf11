/* testwork: a model of chain/work for the tests of this folder: a table of workers whose counters
 * the test sets, each with one volume. */
#ifndef CRUST_CHAIN_TESTWORK_H
#define CRUST_CHAIN_TESTWORK_H

#include "chain/module.h"

enum { WORLD_WORKERS = 8 };

/* The model: what chain/work would count for each worker's only volume. */
struct world_worker {
    bool gone;
    uint32_t account; /* index of the owner */
    uint64_t answered;
    uint64_t proven;
    int64_t power;
    struct amount rate;
};

static struct world_worker world_workers[WORLD_WORKERS];

static inline void world_lineage(uint8_t out[32], size_t worker)
{
    memset(out, 0, 32);
    out[0] = 'W';
    out[1] = (uint8_t)worker;
}

static inline bool world_counters(struct ledger *l, struct market_counters *out,
                                  const uint8_t *lineage, const struct market_replica *r)
{
    (void)l;
    const struct world_worker *w = &world_workers[lineage[1] % WORLD_WORKERS];
    *out = (struct market_counters){ .answered = w->answered, .proven = w->proven };
    memcpy(out->account, r->account, 32);
    return !w->gone;
}

static inline void world_power(struct ledger *l, const uint8_t *lineage,
                               const struct market_replica *r, uint64_t before, uint64_t after)
{
    (void)l;
    (void)r;
    world_workers[lineage[1] % WORLD_WORKERS].power += (int64_t)after - (int64_t)before;
}

static inline void world_rate(struct ledger *l, const uint8_t *lineage,
                              const struct market_replica *r, struct amount before,
                              struct amount after)
{
    (void)l;
    (void)r;
    struct amount *rate = &world_workers[lineage[1] % WORLD_WORKERS].rate;
    *rate = amount_sat_sub(amount_sat_add(*rate, after), before);
}

static inline struct amount world_refill(struct ledger *l, const uint8_t *lineage, struct amount v)
{
    (void)l;
    (void)lineage;
    return v;
}

static inline enum tx_result world_no_call(struct ledger *l, const struct ledger_call *call)
{
    (void)l;
    (void)call;
    return RESULT_UNSUPPORTED;
}

static inline bool world_no(struct ledger *l, const struct ledger_call *call)
{
    (void)l;
    (void)call;
    return false;
}

static inline void world_begin(struct ledger *l)
{
    (void)l;
}

static inline uint32_t world_due(struct ledger *l, struct span key)
{
    (void)l;
    (void)key;
    return 1;
}

static const struct module_work world_work = {
    .market = { .counters = world_counters,
                .power = world_power,
                .rate = world_rate,
                .refill = world_refill },
    .check = world_no_call,
    .apply = world_no_call,
    .is_free = world_no,
    .is_first = world_no,
    .block_begin = world_begin,
    .due = world_due,
};

#endif
