/* The market's calls: docs/spec/market.md 3, 4, 6. */
#include "chain/market.h"
#include "chain/benefits.h"

#include "chain/market_store.h"

static const uint8_t *storage_pot(void)
{
    return accounts_pot(POT_STORAGE);
}

static void emit_order(struct ledger *l, const char *type, const uint8_t id[32],
                       const struct market_order *o, const uint8_t account[32])
{
    struct ledger_event ev;
    ledger_event_begin(&ev, type);
    ledger_event_hex(&ev, "order", span_of(id, 32));
    ledger_event_uint(&ev, "codec", o->key.codec);
    ledger_event_hex(&ev, "digest", span_of(o->key.digest, 32));
    ledger_event_uint(&ev, "size", o->size);
    ledger_event_account(&ev, "account", account);
    ledger_event_amount(&ev, "amount", o->amount);
    ledger_event_uint(&ev, "expires", o->expired_at);
    ledger_event_end(l, &ev);
}

/* ---- order ---- */

/* What an order call means here and now. */
struct placement {
    uint8_t id[32];
    bool known;
    struct market_order order; /* the entry, when known */
    uint64_t size;             /* charged */
    uint32_t replicas;
    struct market_quote quote;
    struct amount cost; /* with tip */
};

static enum tx_result placement_of(struct ledger *l, struct placement *p,
                                   const struct tx_order *call)
{
    memset(p, 0, sizeof(*p));
    p->size = call->size;
    if (call->has_data_root) {
        market_order_id(p->id, &call->key, call->size, call->data_root);
    } else if (!market_store_plain(l, p->id, &call->key)) {
        market_order_id(p->id, &call->key, call->size, NULL);
    }
    p->known = market_order(l, &p->order, p->id);
    if (p->known) {
        /* SPEC market 3.1: "its stated size MUST then be at least the entry's, which is charged" */
        if (p->order.size > call->size)
            return RESULT_SIZE_NOT_CORRECT;
        p->size = p->order.size;
    }
    p->replicas = call->replicas == 0 ? l->params->replicas_default : call->replicas;
    if (p->replicas > l->params->replicas_max)
        return RESULT_TOO_MANY_REPLICAS;
    struct market_price price;
    market_price(l, &price);
    market_quote(&p->quote, &price, l->params, p->size, p->replicas);
    return amount_add(&p->cost, p->quote.total, call->tip) == OK ? RESULT_OK : RESULT_OVERFLOW;
}

/* Money waits in escrow as long as no verified replica stands behind the order. */
static bool will_be_open(const struct placement *p)
{
    return !p->known || p->order.replicas == 0;
}

enum tx_result market_check_order(struct ledger *l, const struct ledger_call *call)
{
    if (!l->params->market_enabled)
        return RESULT_MARKET_CLOSED;
    struct placement p;
    enum tx_result r = placement_of(l, &p, &call->tx->call.order);
    if (r != RESULT_OK)
        return r;
    if (p.size >= l->params->file_size_max)
        return RESULT_FILE_TOO_LARGE;
    if (amount_cmp(accounts_usable(l, call->from), p.cost) < 0)
        return RESULT_INSUFFICIENT_BALANCE;
    struct market_payer payer;
    if (p.known && will_be_open(&p) && p.order.payers >= MARKET_PAYERS_MAX &&
        !market_store_payer(l, &payer, p.id, call->from))
        return RESULT_TOO_MANY_PAYERS;
    return accounts_check_spend(l, call->tx, p.cost);
}

/* The owner's origins replace the old ones; others' fill free places. */
static void origins_merge(struct market_order *o, const struct tx_order *call, bool owner)
{
    /* SPEC market 3.7: "Origins: the owner's replace those that are there; others' fill free
     * places, at most 4 in all." */
    if (owner && call->origin_count > 0)
        o->origin_count = 0;
    for (uint32_t i = 0; i < call->origin_count && o->origin_count < TX_ORIGINS_MAX; i++) {
        bool there = false;
        for (uint32_t j = 0; j < o->origin_count && !there; j++)
            there = span_eq(span_of(o->origins[j], o->origin_sizes[j]), call->origins[i]);
        if (there)
            continue;
        o->origin_sizes[o->origin_count] = (uint32_t)call->origins[i].n;
        memcpy(o->origins[o->origin_count++], call->origins[i].p, call->origins[i].n);
    }
}

/* Adds a payment to an order that is open: all of it can come back. */
static void pay_into_escrow(struct ledger *l, const uint8_t id[32], struct market_order *o,
                            const uint8_t from[32], const struct market_payer *paid)
{
    struct market_payer p;
    if (!market_store_payer(l, &p, id, from))
        o->payers++;
    p.refund_at = l->height + l->params->order_refund_blocks;
    ledger_add(&p.income, paid->income);
    ledger_add(&p.staking, paid->staking);
    ledger_add(&p.reserved, paid->reserved);
    ledger_add(&p.prepaid, paid->prepaid);
    market_store_payer_put(l, id, from, &p);
    o->refund_at = p.refund_at;
    ledger_add(&o->amount, paid->income);
    ledger_add(&o->escrow_staking, paid->staking);
    ledger_add(&o->escrow_reserved, paid->reserved);
    ledger_add(&o->prepaid, paid->prepaid);
}

/* A begun order whose file nobody keeps any more waits for a first replica again. */
static void reopen(struct ledger *l, const uint8_t id[32], struct market_order *o)
{
    if (o->expired_at == 0)
        return;
    ledger_queue_del(l, o->expired_at, LEDGER_DUE_EXPIRY, span_of(id, 32));
    o->expired_at = 0;
    o->calculated_at = l->height;
    o->income = AMOUNT_ZERO;
    o->shares = 0;
    o->replicas_paid = 0;
}

/* A further order for a file that is kept: a whole new period from now on. */
static void extend(struct ledger *l, const struct market_work *work, struct placement *p,
                   struct amount tip)
{
    struct market_order *o = &p->order;
    /* SPEC market 3.5: "An order for a live entry with a verified replica settles it" */
    market_settle_all(l, work, p->id, o);
    accounts_move(l, storage_pot(), accounts_pot(POT_STAKING), p->quote.staking);
    accounts_move(l, storage_pot(), accounts_pot(POT_RESERVED), p->quote.reserved);
    ledger_add(&o->amount, p->quote.storage);
    ledger_add(&o->amount, tip);
    ledger_queue_del(l, o->expired_at, LEDGER_DUE_EXPIRY, span_of(p->id, 32));
    o->expired_at = l->height + l->params->file_duration_blocks;
    o->calculated_at = l->height;
    ledger_queue_put(l, o->expired_at, LEDGER_DUE_EXPIRY, span_of(p->id, 32));
    market_settle_spread(l, work, p->id, o);
}

static void count_order(struct ledger *l, bool fresh)
{
    struct market_price price;
    market_price(l, &price);
    price.orders += price.orders < UINT32_MAX;
    price.files += fresh && price.files < UINT32_MAX;
    price.has_new_order = true;
    market_price_put(l, &price);
}

static void begin(struct ledger *l, struct placement *p, const struct ledger_call *call)
{
    const struct tx_order *want = &call->tx->call.order;
    struct market_order *o = &p->order;
    o->key = want->key;
    o->size = p->size;
    o->has_data_root = want->has_data_root;
    memcpy(o->data_root, want->data_root, 32);
    memcpy(o->owner, call->from, 32);
    o->placed_at = o->calculated_at = l->height;
    market_store_order_new(l, p->id, o);
}

void market_apply_order(struct ledger *l, const struct market_work *work,
                        const struct ledger_call *call)
{
    const struct tx_order *want = &call->tx->call.order;
    struct placement p;
    enum tx_result r = placement_of(l, &p, want);
    ASSERT(r == RESULT_OK || l->st->err != OK);
    accounts_spend(l, call->tx, p.cost);
    accounts_move(l, call->from, storage_pot(), p.cost);
    bool open = will_be_open(&p);
    if (!p.known)
        begin(l, &p, call);
    else
        market_store_account_index(l, call->from, p.id);
    struct market_order *o = &p.order;
    if (p.replicas > o->replicas_wanted)
        o->replicas_wanted = p.replicas;
    origins_merge(o, want, memcmp(o->owner, call->from, 32) == 0);
    if (open) {
        struct market_payer paid = { .staking = p.quote.staking, .reserved = p.quote.reserved };
        paid.income = amount_sat_add(p.quote.storage, want->tip);
        reopen(l, p.id, o);
        pay_into_escrow(l, p.id, o, call->from, &paid);
    } else {
        extend(l, work, &p, want->tip);
    }
    market_store_order_put(l, p.id, o);
    count_order(l, !p.known);
    emit_order(l, open ? "order.placed" : "order.extended", p.id, o, call->from);
}

/* ---- prepay ---- */

enum tx_result market_check_prepay(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_entry *e = &call->tx->call.entry;
    struct market_order o;
    if (!market_order(l, &o, e->order))
        return RESULT_ORDER_NOT_FOUND;
    if (amount_is_zero(e->amount))
        return RESULT_ZERO_AMOUNT;
    if (amount_cmp(accounts_usable(l, call->from), e->amount) < 0)
        return RESULT_INSUFFICIENT_BALANCE;
    struct market_payer payer;
    if (o.expired_at == 0 && o.payers >= MARKET_PAYERS_MAX &&
        !market_store_payer(l, &payer, e->order, call->from))
        return RESULT_TOO_MANY_PAYERS;
    return RESULT_OK;
}

void market_apply_prepay(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_entry *e = &call->tx->call.entry;
    struct market_order o;
    if (!market_order(l, &o, e->order))
        return; /* only when the kv has failed */
    accounts_move(l, call->from, storage_pot(), e->amount);
    if (o.expired_at == 0) {
        struct market_payer paid = { .prepaid = e->amount };
        pay_into_escrow(l, e->order, &o, call->from, &paid);
    } else {
        ledger_add(&o.prepaid, e->amount);
    }
    market_store_order_put(l, e->order, &o);
    struct ledger_event ev;
    ledger_event_begin(&ev, "order.prepaid");
    ledger_event_hex(&ev, "order", span_of(e->order, 32));
    ledger_event_account(&ev, "account", call->from);
    ledger_event_amount(&ev, "amount", e->amount);
    ledger_event_end(l, &ev);
}

/* ---- settle ---- */

enum tx_result market_check_settle(struct ledger *l, const struct ledger_call *call)
{
    struct market_order o;
    if (!market_order(l, &o, call->tx->call.entry.order))
        return RESULT_ORDER_NOT_FOUND;
    return o.expired_at == 0 ? RESULT_NOT_STARTED : RESULT_OK;
}

void market_apply_settle(struct ledger *l, const struct market_work *work,
                         const struct ledger_call *call)
{
    const uint8_t *id = call->tx->call.entry.order;
    struct market_order o;
    if (!market_order(l, &o, id))
        return;
    market_settle_all(l, work, id, &o);
    emit_order(l, "order.settled", id, &o, call->from);
    if (market_order_state(l, &o) == ORDER_EXPIRED)
        market_settle_end(l, work, id, &o);
    else
        market_store_order_put(l, id, &o);
}

/* ---- refund ---- */

enum tx_result market_check_refund(struct ledger *l, const struct ledger_call *call)
{
    const uint8_t *id = call->tx->call.entry.order;
    struct market_order o;
    struct market_payer payer;
    if (!market_order(l, &o, id))
        return RESULT_ORDER_NOT_FOUND;
    if (o.expired_at != 0 || o.replicas_all > 0)
        return RESULT_ALREADY_STORED;
    if (!market_store_payer(l, &payer, id, call->from))
        return RESULT_NOTHING_TO_REFUND;
    /* SPEC market 3.6: "by `refund` from order_refund_blocks after its last payment on" */
    return l->height < payer.refund_at ? RESULT_REFUND_TOO_EARLY : RESULT_OK;
}

void market_apply_refund(struct ledger *l, const struct ledger_call *call)
{
    const uint8_t *id = call->tx->call.entry.order;
    struct market_order o;
    struct market_payer p;
    if (!market_order(l, &o, id) || !market_store_payer(l, &p, id, call->from))
        return;
    ledger_take(&o.amount, p.income);
    ledger_take(&o.escrow_staking, p.staking);
    ledger_take(&o.escrow_reserved, p.reserved);
    ledger_take(&o.prepaid, p.prepaid);
    struct amount back =
        amount_sat_add(amount_sat_add(p.income, p.staking), amount_sat_add(p.reserved, p.prepaid));
    accounts_move(l, storage_pot(), call->from, back);
    market_store_payer_del(l, id, call->from);
    struct ledger_event ev;
    ledger_event_begin(&ev, "order.refunded");
    ledger_event_hex(&ev, "order", span_of(id, 32));
    ledger_event_account(&ev, "account", call->from);
    ledger_event_amount(&ev, "amount", back);
    ledger_event_end(l, &ev);
    /* SPEC market 3.6: "With the last payer the entry goes." */
    if (--o.payers == 0)
        market_settle_close(l, NULL, id, &o);
    else
        market_store_order_put(l, id, &o);
}

/* ---- merchants ---- */

bool market_reward_fits(struct ledger *l, const uint8_t account[32], struct amount reward,
                        struct amount collateral_taken)
{
    struct account a;
    accounts_get(l, &a, account);
    struct amount need;
    if (amount_mul(&need, reward, l->params->collateral_ratio) != OK)
        return false;
    struct amount left = amount_sat_sub(a.held[HOLD_MERCHANT], collateral_taken);
    return amount_cmp(need, left) <= 0;
}

enum tx_result market_check_merchant(struct ledger *l, const struct ledger_call *call)
{
    if (call->tx->call.kind == TX_MERCHANT_URLS)
        return RESULT_OK; /* their form is the codec's matter, their truth that of who dials them */
    struct amount v = call->tx->call.funds.amount;
    struct market_merchant m;
    market_merchant(l, &m, call->from);
    if (call->tx->call.kind == TX_MERCHANT_CLAIM)
        return amount_is_zero(m.reward) ? RESULT_NO_REWARD : RESULT_OK;
    if (amount_is_zero(v))
        return RESULT_ZERO_AMOUNT;
    struct account a;
    accounts_get(l, &a, call->from);
    if (call->tx->call.kind == TX_MERCHANT_DEPOSIT)
        return amount_cmp(a.free, v) < 0 ? RESULT_INSUFFICIENT_BALANCE : RESULT_OK;
    bool held = amount_cmp(a.held[HOLD_MERCHANT], v) >= 0;
    return held && market_reward_fits(l, call->from, m.reward, v) ? RESULT_OK : RESULT_NOT_HELD;
}

static void apply_urls(struct ledger *l, const struct ledger_call *call)
{
    static const char *const names[TX_URLS_MAX] = { "url1", "url2", "url3", "url4" };
    const struct tx_urls *urls = &call->tx->call.urls;
    market_store_urls_put(l, call->from, urls);
    struct ledger_event ev;
    ledger_event_begin(&ev, "merchant.urls");
    ledger_event_account(&ev, "account", call->from);
    for (uint32_t i = 0; i < urls->count; i++)
        ledger_event_text(&ev, names[i], urls->urls[i]);
    ledger_event_end(l, &ev);
}

void market_apply_merchant(struct ledger *l, const struct ledger_call *call)
{
    if (call->tx->call.kind == TX_MERCHANT_URLS) {
        apply_urls(l, call);
        return;
    }
    struct amount v = call->tx->call.funds.amount;
    const char *type = "merchant.deposited";
    if (call->tx->call.kind == TX_MERCHANT_DEPOSIT) {
        benefits_deposit(l, call->from, v);
        accounts_hold(l, call->from, HOLD_MERCHANT, v);
    } else if (call->tx->call.kind == TX_MERCHANT_WITHDRAW) {
        type = "merchant.withdrawn";
        benefits_withdraw(l, call->from, v);
        accounts_release(l, call->from, HOLD_MERCHANT, v);
    } else {
        type = "merchant.claimed";
        struct market_merchant m;
        market_merchant(l, &m, call->from);
        v = m.reward;
        market_store_reward_put(l, call->from, AMOUNT_ZERO);
        accounts_move(l, storage_pot(), call->from, v);
    }
    struct ledger_event ev;
    ledger_event_begin(&ev, type);
    ledger_event_account(&ev, "account", call->from);
    ledger_event_amount(&ev, "amount", v);
    ledger_event_end(l, &ev);
}
