#include "ipfsd/pin_order.h"

#include "codec/tx.h"
#include "rt/clock.h"
#include "rt/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PART_TEXT = AMOUNT_TEXT_MAX + 8,
    SLACK_BLOCKS = 5, /* another of the chain's nodes may be behind */
};

void pin_order_fail(struct pin_work *work, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(work->details, sizeof(work->details), format, args);
    va_end(args);
    work->step = work->proven ? PIN_WATCH : PIN_FAILED;
    work->tx_size = 0;
}

static void say(struct pin_work *work, const char *text)
{
    (void)snprintf(work->details, sizeof(work->details), "%s", text);
}

/* ---- the order of this content -------------------------------------------------------------- */

/* The entry for exactly this content. ERR_NOT_FOUND. By its id: others may have any number of
 * entries for the same CID. */
static enum err find_order(const struct pin_order *o, struct chain_client_order *out,
                           const struct pin_work *work, const struct pinning_request *rq)
{
    uint8_t id[32];
    chain_client_order_id(id, &rq->key, work->size, work->data_root);
    return chain_read_order(o->chain, out, id);
}

/* Blocks before the end of the paid time in which it is renewed. */
static uint64_t margin(const struct params *p)
{
    return p->file_duration_blocks / PIN_ORDER_RENEW_PARTS + 1;
}

static bool near_end(const struct chain_client_order *order, uint64_t height,
                     const struct params *p)
{
    return order->expires_at != 0 && order->expires_at <= height + margin(p);
}

static void note_order(struct pin_work *work, const struct chain_client_order *order)
{
    memcpy(work->order, order->id, sizeof(work->order));
    work->has_order = true;
    work->wanted = order->replicas_wanted;
    work->verified = order->replicas;
    work->expires_at = order->expires_at;
    work->proven = order->state == CHAIN_CLIENT_LIVE && order->replicas >= order->replicas_wanted;
}

/* ---- placing -------------------------------------------------------------------------------- */

struct placing {
    struct chain_client_status status;
    struct chain_client_allowance allowance;
    struct chain_client_price price;
    struct params params;
    struct amount total; /* price and fee */
};

static void amount_text(char out[PART_TEXT], struct amount a)
{
    char number[AMOUNT_TEXT_MAX];
    amount_format(number, a);
    (void)snprintf(out, PART_TEXT, "%s CRU", number);
}

static enum err ask_chain(const struct pin_order *o, struct placing *p, const struct pin_work *work)
{
    TRY(chain_read_status(o->chain, &p->status));
    TRY(chain_read_params(o->chain, &p->params));
    return chain_read_price(o->chain, &p->price, work->size, work->replicas);
}

static enum err sign(const struct pin_order *o, const struct placing *p, struct pin_work *work,
                     const struct pinning_request *rq)
{
    struct span out;
    struct tx tx = { .nonce = p->allowance.nonce,
                     .expiry = p->status.height + PIN_ORDER_EXPIRY_BLOCKS,
                     .call = { .kind = TX_ORDER,
                               .order = { .key = rq->key,
                                          .size = work->size,
                                          .has_data_root = true,
                                          .replicas = work->replicas,
                                          .origin_count = 1,
                                          .origins = { span_str(o->origin) } } } };
    if (tx.expiry > p->allowance.until)
        tx.expiry = p->allowance.until;
    memcpy(tx.call.order.data_root, work->data_root, 32);
    memcpy(tx.from, work->account, 32);
    memcpy(tx.chain, p->status.chain, 32);
    TRY(tx_sign(&out, &tx, (struct mspan){ work->tx, sizeof(work->tx) }, &o->key));
    work->tx_size = (uint32_t)out.n;
    if (out.p != work->tx)
        memmove(work->tx, out.p, out.n);
    work->tx_expiry = tx.expiry;
    return OK;
}

/* Fee included. Saturating, as the chain does it. */
static struct amount total_of(const struct placing *p, const struct pin_work *work)
{
    struct amount fee = p->params.fee_base;
    fee.units += p->params.fee_byte.units * work->tx_size;
    return amount_sat_add(p->price.total, fee);
}

static bool affordable(const struct pin_order *o, const struct placing *p, struct pin_work *work,
                       const struct pin_token *token, struct amount spent)
{
    char need[PART_TEXT], have[PART_TEXT];
    struct amount total = total_of(p, work);
    amount_text(need, total);
    if (amount_cmp(amount_sat_add(spent, total), token->cap) > 0) {
        amount_text(have, amount_sat_sub(token->cap, spent));
        pin_order_fail(work, "the order costs %s, the token may spend %s more", need, have);
        return false;
    }
    if (amount_cmp(total, p->allowance.amount) > 0) {
        amount_text(have, p->allowance.amount);
        pin_order_fail(work, "the order costs %s, the account allows %s more: crust allow %s", need,
                       have, o->address);
        return false;
    }
    work->quote = total;
    return true;
}

enum err pin_order_place(const struct pin_order *o, struct pin_work *work,
                         const struct pinning_request *rq, const struct pin_token *token,
                         struct amount spent)
{
    struct placing p = { 0 };
    struct chain_client_order there;
    struct pin_work next = *work;
    enum err e = ask_chain(o, &p, work);
    if (e == ERR_NOT_FOUND)
        return ERR_CLOSED; /* a chain that has no such answer */
    TRY(e);
    e = chain_read_allowance(o->chain, &p.allowance, work->account, o->key.public_key);
    if (e == ERR_NOT_FOUND) {
        pin_order_fail(work,
                       "the account allows this service nothing: crust allow %s --amount 10 "
                       "--until 365d",
                       o->address);
        return OK;
    }
    TRY(e);
    if (p.allowance.until <= p.status.height) {
        pin_order_fail(work, "what the account allows this service has ended: crust allow %s",
                       o->address);
        return OK;
    }
    e = find_order(o, &there, work, rq);
    if (e == OK && memcmp(there.owner, work->account, 32) == 0 &&
        there.state != CHAIN_CLIENT_EXPIRED && !near_end(&there, p.status.height, &p.params)) {
        note_order(work, &there);
        work->step = PIN_WATCH;
        return OK;
    }
    if (e != ERR_NOT_FOUND)
        TRY(e);
    TRY(sign(o, &p, &next, rq));
    if (!affordable(o, &p, &next, token, spent)) {
        *work = next;
        return OK;
    }
    next.allowed = p.allowance.amount;
    next.step = PIN_SENT;
    say(&next, "the order is on its way to the chain");
    *work = next;
    return OK;
}

/* ---- following the transaction -------------------------------------------------------------- */

void pin_order_send(const struct pin_order *o, struct pin_work *work)
{
    struct chain_client_tx answer;
    enum err e = chain_read_submit(o->chain, &answer, span_of(work->tx, work->tx_size));
    if (e != OK) {
        log_info("pin-order-not-sent", "reason=\"%s\"", err_text(e));
        return;
    }
    /* Another number in the row says nothing about the order: it may be in a block already. */
    work->refused =
        answer.state == CHAIN_CLIENT_TX_REFUSED && strcmp(answer.name, "BAD_NONCE") != 0;
    if (!work->refused)
        return;
    log_info("pin-order-refused", "reason=%s", answer.name);
    (void)snprintf(work->details, sizeof(work->details), "the chain refuses the order: %.60s",
                   answer.name);
}

/* What the order has cost: the difference in what the key may spend, since this service signs one
 * at a time; unless the account has meanwhile allowed something else. */
static struct amount cost_of(const struct pin_order *o, const struct pin_work *work)
{
    struct chain_client_allowance now;
    struct amount difference;
    struct amount most = amount_sat_add(work->quote, work->quote);
    if (chain_read_allowance(o->chain, &now, work->account, o->key.public_key) != OK ||
        amount_sub(&difference, work->allowed, now.amount) != OK ||
        amount_cmp(difference, most) > 0)
        return work->quote;
    return difference;
}

static enum err in_block(const struct pin_order *o, struct pin_work *work, struct amount *spent,
                         const struct pinning_request *rq, const struct chain_client_tx *tx)
{
    struct chain_client_order order;
    if (tx->code != 0) {
        *spent = tx->fee;
        pin_order_fail(work, "the chain refused the order: %s", tx->name);
        return OK;
    }
    enum err e = find_order(o, &order, work, rq);
    if (e != OK && e != ERR_NOT_FOUND)
        return e;
    *spent = cost_of(o, work);
    if (e == ERR_NOT_FOUND) {
        work->proven = false;
        pin_order_fail(work, "the order has ended or was refunded");
        return OK;
    }
    note_order(work, &order);
    work->step = PIN_WATCH;
    work->tx_size = 0;
    say(work, "ordered; waiting for nodes to store it and prove it");
    return OK;
}

/* The reason is there already. */
static void fail_refused(struct pin_work *work)
{
    char why[PIN_STORE_DETAILS_MAX];
    memcpy(why, work->details, sizeof(why));
    pin_order_fail(work, "%s", why);
}

enum err pin_order_settle(const struct pin_order *o, struct pin_work *work, struct amount *spent,
                          const struct pinning_request *rq)
{
    uint8_t id[TX_ID_SIZE];
    struct chain_client_tx tx;
    struct chain_client_status status;
    *spent = AMOUNT_ZERO;
    /* The height first: what is not found after it was read may have come in before. */
    TRY(chain_read_status(o->chain, &status));
    tx_id(id, span_of(work->tx, work->tx_size));
    enum err e = chain_read_tx(o->chain, &tx, id);
    if (e == OK && tx.state == CHAIN_CLIENT_TX_DONE)
        return in_block(o, work, spent, rq, &tx);
    if (e == OK && tx.state == CHAIN_CLIENT_TX_PENDING)
        return OK;
    if (e != OK && e != ERR_NOT_FOUND)
        return e;
    if (status.height > work->tx_expiry + SLACK_BLOCKS) {
        /* It cannot get into a block any more, so another may be signed. */
        if (work->refused)
            fail_refused(work);
        else
            work->step = PIN_ORDER;
        work->tx_size = 0;
        work->refused = false;
        return OK;
    }
    pin_order_send(o, work);
    return OK;
}

/* ---- watching ------------------------------------------------------------------------------- */

/* Half of the time until it is to be renewed. */
static uint64_t look_again_ms(const struct chain_client_order *order,
                              const struct chain_client_status *status, const struct params *params)
{
    uint64_t from = status->height + margin(params);
    uint64_t ms = order->expires_at > from ? (order->expires_at - from) * params->block_ms / 2 : 0;
    return ms < PIN_ORDER_LOOK_MS       ? PIN_ORDER_LOOK_MS
           : ms > PIN_ORDER_LOOK_MAX_MS ? PIN_ORDER_LOOK_MAX_MS
                                        : ms;
}

enum err pin_order_watch(const struct pin_order *o, struct pin_work *work, bool renew,
                         uint64_t *again_ms)
{
    struct chain_client_status status;
    struct params params;
    struct chain_client_order *order = calloc(1, sizeof(*order));
    *again_ms = PIN_ORDER_LOOK_MS;
    if (order == NULL)
        return ERR_MEMORY;
    enum err e = chain_read_status(o->chain, &status);
    if (e == OK)
        e = chain_read_params(o->chain, &params);
    enum err read = e == OK ? chain_read_order(o->chain, order, work->order) : e;
    bool ended =
        e == OK && (read == ERR_NOT_FOUND || (read == OK && order->state == CHAIN_CLIENT_EXPIRED));
    if (ended) {
        work->proven = false;
        pin_order_fail(work, "the order has ended or was refunded");
    } else if (read == OK) {
        bool before = work->proven;
        note_order(work, order);
        if (!work->proven)
            (void)snprintf(work->details, sizeof(work->details),
                           "ordered; %u of %u replicas are proven", work->verified, work->wanted);
        else if (!before)
            say(work, "");
        if (work->proven)
            *again_ms = look_again_ms(order, &status, &params);
        if (renew && near_end(order, status.height, &params))
            work->step = PIN_ORDER;
    }
    free(order);
    return ended ? OK : read;
}
