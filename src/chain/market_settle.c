/* Settlement, renewal and closing: docs/spec/market.md 5, 6. */
#include "chain/market.h"
#include "chain/market_store.h"

static void emit(struct ledger *l, const char *type, const uint8_t id[32],
                 const struct market_order *o)
{
    struct ledger_event ev;
    ledger_event_begin(&ev, type);
    ledger_event_hex(&ev, "order", span_of(id, 32));
    ledger_event_uint(&ev, "codec", o->key.codec);
    ledger_event_hex(&ev, "digest", span_of(o->key.digest, 32));
    ledger_event_uint(&ev, "replicas", o->replicas);
    ledger_event_uint(&ev, "expires", o->expired_at);
    ledger_event_end(l, &ev);
}

uint32_t market_settle_all(struct ledger *l, const struct market_work *work, const uint8_t id[32],
                           struct market_order *o)
{
    uint32_t looked = 0;
    uint8_t lineage[32] = { 0 };
    struct market_replica r;
    for (; market_replica_next(l, lineage, &r, id); looked++) {
        struct market_counters c;
        if (!work->counters(l, &c, lineage, &r)) {
            market_replica_drop(l, work, id, o, lineage, &r);
            continue;
        }
        uint64_t mark = r.answered;
        bool paid = r.paid;
        market_replica_pay(l, work, o, lineage, &r, &c);
        if (r.answered != mark || r.paid != paid)
            market_store_replica_put(l, id, lineage, &r);
    }
    uint64_t until = l->height < o->expired_at ? l->height : o->expired_at;
    if (until > o->calculated_at)
        o->calculated_at = until;
    return looked;
}

/* Income is spread over the slots that are left, for every wanted place. */
static void spread(const struct ledger *l, struct market_order *o)
{
    uint64_t blocks = o->expired_at > l->height ? o->expired_at - l->height : 1;
    uint64_t slots = (blocks + l->params->slot_blocks - 1) / l->params->slot_blocks;
    o->income = o->amount;
    /* SPEC market 5.1: "shares = slots left (rounded up) * replicas_wanted" */
    o->shares = slots * o->replicas_wanted;
}

void market_settle_spread(struct ledger *l, const struct market_work *work, const uint8_t id[32],
                          struct market_order *o)
{
    struct amount before = market_rate(o);
    spread(l, o);
    struct amount after = market_rate(o);
    uint8_t lineage[32] = { 0 };
    struct market_replica r;
    while (market_replica_next(l, lineage, &r, id))
        if (r.paid)
            work->rate(l, lineage, &r, before, after);
}

void market_settle_start(struct ledger *l, const uint8_t id[32], struct market_order *o)
{
    accounts_move(l, accounts_pot(POT_STORAGE), accounts_pot(POT_STAKING), o->escrow_staking);
    accounts_move(l, accounts_pot(POT_STORAGE), accounts_pot(POT_RESERVED), o->escrow_reserved);
    o->escrow_staking = o->escrow_reserved = AMOUNT_ZERO;
    market_store_payers_del(l, id);
    o->payers = 0;
    o->refund_at = 0;
    o->expired_at = l->height + l->params->file_duration_blocks;
    o->calculated_at = l->height;
    spread(l, o);
    ledger_queue_put(l, o->expired_at, LEDGER_DUE_EXPIRY, span_of(id, 32));
    emit(l, "order.live", id, o);
}

/* A file that nobody keeps any more waits for a first replica again; the owner may take the money
 * back later. */
static void renew_open(struct ledger *l, const uint8_t id[32], struct market_order *o,
                       const struct market_quote *quote)
{
    struct market_payer p = { .refund_at = l->height + l->params->order_refund_blocks,
                              .income = quote->storage,
                              .staking = quote->staking,
                              .reserved = quote->reserved };
    market_store_payer_put(l, id, o->owner, &p);
    o->payers = 1;
    o->refund_at = p.refund_at;
    ledger_add(&o->escrow_staking, quote->staking);
    ledger_add(&o->escrow_reserved, quote->reserved);
    o->expired_at = 0;
    o->calculated_at = l->height;
    o->income = AMOUNT_ZERO;
    o->shares = 0;
}

static void renew_live(struct ledger *l, const struct market_work *work, const uint8_t id[32],
                       struct market_order *o, const struct market_quote *quote)
{
    accounts_move(l, accounts_pot(POT_STORAGE), accounts_pot(POT_STAKING), quote->staking);
    accounts_move(l, accounts_pot(POT_STORAGE), accounts_pot(POT_RESERVED), quote->reserved);
    o->expired_at = l->height + l->params->file_duration_blocks;
    o->calculated_at = l->height;
    ledger_queue_put(l, o->expired_at, LEDGER_DUE_EXPIRY, span_of(id, 32));
    market_settle_spread(l, work, id, o);
}

void market_settle_end(struct ledger *l, const struct market_work *work, const uint8_t id[32],
                       struct market_order *o)
{
    struct market_price price;
    struct market_quote quote;
    market_price(l, &price);
    market_quote(&quote, &price, l->params, o->size, o->replicas_wanted);
    /* SPEC market 6.1: "if prepaid covers an order at today's price, it is taken from prepaid and
     * the entry has a new period" */
    if (amount_cmp(o->prepaid, quote.total) < 0) {
        market_settle_close(l, work, id, o);
        return;
    }
    ledger_queue_del(l, o->expired_at, LEDGER_DUE_EXPIRY, span_of(id, 32));
    ledger_take(&o->prepaid, quote.total);
    ledger_add(&o->amount, quote.storage);
    if (o->replicas == 0)
        renew_open(l, id, o, &quote);
    else
        renew_live(l, work, id, o, &quote);
    market_store_order_put(l, id, o);
    price.has_new_order = true;
    market_price_put(l, &price);
    emit(l, "order.renewed", id, o);
}

void market_settle_close(struct ledger *l, const struct market_work *work, const uint8_t id[32],
                         struct market_order *o)
{
    uint8_t lineage[32] = { 0 };
    struct market_replica r;
    while (market_replica_next(l, lineage, &r, id)) {
        ASSERT(work != NULL);
        market_replica_drop(l, work, id, o, lineage, &r);
    }
    /* SPEC market 6.2: "unpaid income goes to the reserved pot, prepaid to the owner" */
    accounts_move(l, accounts_pot(POT_STORAGE), accounts_pot(POT_RESERVED), o->amount);
    accounts_move(l, accounts_pot(POT_STORAGE), o->owner, o->prepaid);
    ASSERT(amount_is_zero(o->escrow_staking) && amount_is_zero(o->escrow_reserved));
    if (o->expired_at != 0)
        ledger_queue_del(l, o->expired_at, LEDGER_DUE_EXPIRY, span_of(id, 32));
    market_store_order_del(l, id, o);
    struct market_price price;
    market_price(l, &price);
    price.files -= price.files > 0;
    market_price_put(l, &price);
    emit(l, "order.closed", id, o);
}
