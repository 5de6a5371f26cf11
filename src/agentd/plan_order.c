#include "agentd/plan_order.h"

#include "api/rendezvous.h"

#include <stdio.h>

/* How many workers come before ours in the rendezvous order of the content. */
static uint32_t rank_of(const struct content_key *key, const struct view *v)
{
    const uint8_t *epoch = v->chain.genesis;
    struct rendezvous_score ours =
        rendezvous_score(epoch, key, v->node.worker, v->worker.srd_bytes);
    uint32_t rank = 0;
    for (uint32_t i = 0; i < v->peer_count; i++) {
        const struct view_peer *p = &v->peers[i];
        if (memcmp(p->worker, v->node.worker, 32) == 0)
            continue;
        struct rendezvous_score theirs = rendezvous_score(epoch, key, p->worker, p->free_bytes);
        if (rendezvous_before(&theirs, &ours))
            rank++;
    }
    return rank;
}

/* What a live order pays is its rate, and others have judged it; only the price of a new one is
 * asked about. */
static bool pays_too_little(const struct order *row, const struct view *v,
                            const struct plan_order_rules *rules)
{
    const u128 most = AMOUNT_OF((u128)1 << 80).units; /* a million million CRU */
    if (row->state != CHAIN_CLIENT_OPEN)
        return false;
    u128 offer = row->amount.units < most ? row->amount.units : most;
    u128 want = rules->price_min.units < most ? rules->price_min.units : most;
    offer = offer * v->params.storage_percent / PERCENT;
    return (offer << 30) < want * row->size; /* per GiB; both below 2^124 */
}

static bool content_is_kept(const struct orders *o, uint32_t row)
{
    const struct order *r = &o->rows[row];
    for (uint32_t i = orders_find_key(o, &r->key, ORDERS_NONE); i != ORDERS_NONE;
         i = orders_find_key(o, &r->key, i))
        if (i != row && (o->rows[i].held || o->rows[i].step == ORDER_SEALING))
            return true;
    return false;
}

static enum order_reason refusal(const struct orders *o, uint32_t row, const struct view *v,
                                 const struct plan_order_rules *rules)
{
    const struct order *r = &o->rows[row];
    if (r->gone || r->state == CHAIN_CLIENT_EXPIRED)
        return ORDER_WHY_EXPIRED;
    if (!rules->take)
        return ORDER_WHY_PAUSED;
    if (content_is_kept(o, row))
        return ORDER_WHY_SAME_CONTENT;
    if (r->size > rules->size_max)
        return ORDER_WHY_TOO_LARGE;
    if (rules->require_data_root && !r->has_data_root)
        return ORDER_WHY_NO_DATA_ROOT;
    if (pays_too_little(r, v, rules))
        return ORDER_WHY_PRICE;
    if (r->disputed)
        return ORDER_WHY_DISPUTED;
    if (r->ours)
        return ORDER_WHY_GROUP;
    if (r->have >= r->wanted)
        return ORDER_WHY_ENOUGH_REPLICAS;
    uint64_t room = view_free(v) + v->node.extent_bytes;
    if (room < rules->slack || room - rules->slack < r->size)
        return ORDER_WHY_NO_ROOM;
    return ORDER_WHY_NONE;
}

struct plan_verdict plan_order_judge(const struct orders *o, uint32_t row, const struct view *v,
                                     const struct plan_order_rules *rules)
{
    const struct order *r = &o->rows[row];
    struct plan_verdict out = { .step = ORDER_WAITING, .until = view_next_height(v) };
    if (!view_can_report(v)) {
        out.reason = ORDER_WHY_NOT_REGISTERED;
        return out;
    }
    out.reason = refusal(o, row, v, rules);
    if (out.reason != ORDER_WHY_NONE) {
        out.step = ORDER_DECLINED;
        return out;
    }
    out.rank = rank_of(&r->key, v);
    uint64_t turns = out.rank / r->wanted; /* wanted > have, so it is not zero */
    if (turns > PLAN_ORDER_TURN_MAX)
        turns = PLAN_ORDER_TURN_MAX;
    uint64_t from = r->placed_at + turns * v->params.slot_blocks;
    if (view_next_height(v) < from) {
        out.reason = ORDER_WHY_NOT_OUR_TURN;
        out.until = from;
        return out;
    }
    out.step = ORDER_TAKEN;
    out.reason = turns == 0 ? ORDER_WHY_OUR_TURN : ORDER_WHY_STILL_WANTED;
    return out;
}

/* A replica in our trees that the chain has seen and does not count (work.md 5.4). */
static bool is_void(const struct order *r, const struct view *v)
{
    return r->step == ORDER_SEALED && r->reported_from != 0 && v->work_known &&
           v->work.volumes.seq >= r->reported_from &&
           r->looked_at >= r->decided_at + (uint64_t)PLAN_ORDER_VOID_SLOTS * v->params.slot_blocks;
}

static void seen_held(struct order *r, const struct view *v)
{
    uint64_t height = v->chain.height;
    if (r->step == ORDER_REMOVING)
        return;
    if (r->gone) {
        /* A chain node that lags knows a new order no more than an ended one: ask for a slot. */
        if (r->gone_since == 0 || r->gone_since > height)
            r->gone_since = height;
        if (height >= r->gone_since + v->params.slot_blocks)
            orders_set(r, ORDER_OVER, ORDER_WHY_EXPIRED, height);
        return;
    }
    if (r->mine) {
        enum order_reason why = r->state == CHAIN_CLIENT_EXPIRED ? ORDER_WHY_EXPIRED : r->reason;
        if (r->state != CHAIN_CLIENT_EXPIRED && why == ORDER_WHY_EXPIRED)
            why = ORDER_WHY_NONE; /* it was renewed */
        orders_set(r, r->verified ? ORDER_VERIFIED : ORDER_REPORTED, why, height);
        return;
    }
    if (is_void(r, v) || r->step == ORDER_REPORTED || r->step == ORDER_VERIFIED)
        orders_set(r, ORDER_OVER, ORDER_WHY_VOID, height);
    else if (r->step != ORDER_OVER)
        orders_set(r, ORDER_SEALED, r->reason, height);
}

void plan_order_seen(struct orders *o, uint32_t row, const struct view *v,
                     const struct plan_order_rules *rules)
{
    struct order *r = &o->rows[row];
    r->looked_at = v->chain.height;
    r->look = false;
    if (r->held) {
        seen_held(r, v);
        return;
    }
    switch (r->step) {
    case ORDER_SEALING:
    case ORDER_REMOVING:
    case ORDER_GIVEN_UP:
    case ORDER_FORGOTTEN:
        return;
    case ORDER_RETRY:
        if (!r->gone)
            return; /* its time comes */
        break;
    case ORDER_SEEN:
    case ORDER_WAITING:
    case ORDER_DECLINED:
    case ORDER_TAKEN:
    case ORDER_SEALED:
    case ORDER_REPORTED:
    case ORDER_VERIFIED:
    case ORDER_OVER:
    case ORDER_STEP_COUNT:
        break;
    }
    if (r->gone) {
        orders_set(r, ORDER_DECLINED, ORDER_WHY_EXPIRED, v->chain.height);
        return;
    }
    struct plan_verdict verdict = plan_order_judge(o, row, v, rules);
    r->rank = verdict.rank;
    r->until = verdict.until;
    orders_set(r, verdict.step, verdict.reason, v->chain.height);
}

/* Heights between two looks, by what may have changed meanwhile. 0: none. */
static uint64_t look_interval(const struct order *r, const struct view *v)
{
    uint64_t slot = v->params.slot_blocks;
    if (r->held && r->gone && r->step != ORDER_OVER && r->step != ORDER_REMOVING)
        return 2;
    switch (r->step) {
    case ORDER_SEALED:
        return 2;
    case ORDER_REPORTED:
        return slot / 2 + 1;
    case ORDER_VERIFIED:
        return slot * PLAN_ORDER_SWEEP_SLOTS;
    case ORDER_TAKEN:
        return slot;
    case ORDER_SEEN:
    case ORDER_WAITING:
    case ORDER_DECLINED:
    case ORDER_SEALING:
    case ORDER_RETRY:
    case ORDER_GIVEN_UP:
    case ORDER_OVER:
    case ORDER_REMOVING:
    case ORDER_FORGOTTEN:
    case ORDER_STEP_COUNT:
        return 0;
    }
    return 0;
}

static bool look_is_due(const struct order *r, const struct view *v)
{
    if (r->look && r->looked_at != v->chain.height)
        return true;
    if (r->step == ORDER_WAITING)
        return r->until <= v->chain.height + 1 && r->looked_at < v->chain.height;
    uint64_t every = look_interval(r, v);
    return every != 0 && v->chain.height >= r->looked_at + every;
}

struct plan_order_effect plan_order_next(struct orders *o, const struct view *v, uint64_t now_ms)
{
    for (uint32_t i = 0; i < o->count; i++) {
        struct order *r = &o->rows[i];
        if (r->note) {
            r->note = false;
            return (struct plan_order_effect){ PLAN_ORDER_NOTE, i };
        }
        if (r->step == ORDER_RETRY && now_ms >= r->retry_ms) {
            /* Judged anew, from what the chain says now. */
            orders_set(r, ORDER_SEEN, r->reason, v->chain.height);
            r->note = false;
            r->look = true;
            r->looked_at = 0;
        }
        if (v->chain_known && look_is_due(r, v))
            return (struct plan_order_effect){ PLAN_ORDER_LOOK, i };
    }
    return (struct plan_order_effect){ PLAN_ORDER_NOTHING, 0 };
}

struct plan_order_effect plan_order_work(struct orders *o, const struct view *v,
                                         const struct plan_order_rules *rules, uint64_t now_ms)
{
    const struct plan_order_effect nothing = { PLAN_ORDER_NOTHING, 0 };
    if (!v->node_known || !v->node.storage || !v->chain_known)
        return nothing;
    uint32_t sealing = 0, best = ORDERS_NONE;
    for (uint32_t i = 0; i < o->count; i++) {
        struct order *r = &o->rows[i];
        if (r->step == ORDER_OVER && r->held && now_ms >= r->retry_ms) {
            orders_set(r, ORDER_REMOVING, r->reason, v->chain.height);
            return (struct plan_order_effect){ PLAN_ORDER_REMOVE, i };
        }
        sealing += r->step == ORDER_SEALING;
        if (r->step == ORDER_TAKEN &&
            (best == ORDERS_NONE || r->placed_at < o->rows[best].placed_at))
            best = i;
    }
    if (best == ORDERS_NONE || sealing >= rules->seals)
        return nothing;
    struct order *r = &o->rows[best];
    uint64_t free = view_free(v);
    if (free < rules->slack || free - rules->slack < r->size || content_is_kept(o, best))
        return nothing; /* the room is being made, or it is judged again soon */
    r->detail[0] = '\0';
    r->done = r->total = 0;
    orders_set(r, ORDER_SEALING, r->reason, v->chain.height);
    return (struct plan_order_effect){ PLAN_ORDER_SEAL, best };
}

static bool is_final(enum err e)
{
    return e == ERR_FORMAT || e == ERR_UNSUPPORTED || e == ERR_CORRUPT || e == ERR_LIMIT ||
           e == ERR_RANGE || e == ERR_SIGNATURE || e == ERR_TRAILING || e == ERR_SHORT;
}

static enum order_reason reason_of(enum err e)
{
    if (is_final(e))
        return ORDER_WHY_BAD_DATA;
    if (e == ERR_FULL)
        return ORDER_WHY_NO_ROOM;
    return e == ERR_NOT_FOUND || e == ERR_TIMEOUT || e == ERR_DENIED ? ORDER_WHY_FETCH
                                                                     : ORDER_WHY_NODE;
}

void plan_order_sealed(struct orders *o, uint32_t row, enum err e, const char *why,
                       const struct view *v, uint64_t now_ms)
{
    struct order *r = &o->rows[row];
    if (e == OK || e == ERR_EXISTS) {
        r->held = true;
        r->tries = 0;
        r->reported_from = 0; /* known with the next status in which nothing is pending */
        r->detail[0] = '\0';
        orders_set(r, ORDER_SEALED, r->reason, v->chain.height);
        return;
    }
    (void)snprintf(r->detail, sizeof(r->detail), "%s", why);
    if (e != ERR_CLOSED && e != ERR_BUSY) /* those say nothing about the order */
        r->tries++;
    /* Everything else may pass: as long as the order is open and wanted it is tried again, ever
     * more seldom. Whether it still is, the chain is asked before each try. */
    if (is_final(e)) {
        orders_set(r, ORDER_GIVEN_UP, reason_of(e), v->chain.height);
        return;
    }
    uint64_t pause = PLAN_ORDER_RETRY_MS;
    for (uint32_t i = 1; i < r->tries && pause < PLAN_ORDER_RETRY_MAX_MS; i++)
        pause *= 2;
    r->retry_ms = now_ms + (pause < PLAN_ORDER_RETRY_MAX_MS ? pause : PLAN_ORDER_RETRY_MAX_MS);
    orders_set(r, ORDER_RETRY, reason_of(e), v->chain.height);
}

void plan_order_removed(struct orders *o, uint32_t row, enum err e, const struct view *v,
                        uint64_t now_ms)
{
    struct order *r = &o->rows[row];
    if (e == OK || e == ERR_NOT_FOUND) {
        r->held = false;
        /* After an absence a new replica counts; of a struck claim none ever does. */
        bool again = r->reason == ORDER_WHY_VOID && ++r->voids < PLAN_ORDER_VOIDS_MAX;
        r->retry_ms = now_ms + ((uint64_t)PLAN_ORDER_RETRY_MS << 3 * r->voids);
        orders_set(r, again ? ORDER_RETRY : ORDER_FORGOTTEN, r->reason, v->chain.height);
        return;
    }
    r->retry_ms = now_ms + PLAN_ORDER_RETRY_MS;
    orders_set(r, ORDER_OVER, r->reason, v->chain.height);
}

/* The row that this replica was made for: the one that counts it, else one that would take it. */
static uint32_t row_of_replica(const struct orders *o, const struct node_sealed *replica)
{
    static const uint8_t no_root[32];
    uint32_t best = ORDERS_NONE;
    /* Of a replica whose disk is away only the key is known. */
    bool away = replica->size == 0 && memcmp(replica->data_root, no_root, 32) == 0;
    for (uint32_t i = orders_find_key(o, &replica->key, ORDERS_NONE); i != ORDERS_NONE;
         i = orders_find_key(o, &replica->key, i)) {
        const struct order *r = &o->rows[i];
        bool fits = r->has_data_root ? memcmp(r->data_root, replica->data_root, 32) == 0
                                     : replica->size <= r->size;
        if (r->mine)
            return i;
        if (r->known && !r->gone && (fits || away) && best == ORDERS_NONE)
            best = i;
    }
    return best;
}

void plan_order_held(struct orders *o, const struct node_sealed *replica, const struct view *v)
{
    static const uint8_t no_id[32];
    uint32_t row = row_of_replica(o, replica);
    if (row == ORDERS_NONE) {
        row = orders_add(o, no_id, &replica->key);
        if (row == ORDERS_NONE)
            return; /* the table is full: found again at the next start */
        o->rows[row].gone = true;
        o->rows[row].size = replica->size;
    }
    struct order *r = &o->rows[row];
    if (r->held || r->step == ORDER_SEALING)
        return;
    r->held = true;
    r->look = false;
    if (r->step != ORDER_OVER && r->step != ORDER_REMOVING)
        orders_set(r, ORDER_SEALED, r->reason, v->chain.height);
    seen_held(r, v);
}

void plan_order_node_lost(struct orders *o, const struct view *v)
{
    for (uint32_t i = 0; i < o->count; i++) {
        struct order *r = &o->rows[i];
        if (r->step == ORDER_REMOVING)
            orders_set(r, ORDER_OVER, r->reason, v->chain.height);
    }
}

void plan_order_node_seen(struct orders *o, const struct view *v)
{
    if (v->node.pending != 0)
        return;
    for (uint32_t i = 0; i < o->count; i++) {
        struct order *r = &o->rows[i];
        if (r->step == ORDER_SEALED && r->reported_from == 0)
            r->reported_from = v->node.seq == 0 ? 1 : v->node.seq;
    }
}

uint64_t plan_order_need(const struct orders *o)
{
    uint64_t need = 0;
    for (uint32_t i = 0; i < o->count; i++) {
        const struct order *r = &o->rows[i];
        bool wants =
            r->step == ORDER_TAKEN || (r->step == ORDER_RETRY && r->reason == ORDER_WHY_NO_ROOM);
        if (wants && need + r->size >= need)
            need += r->size;
    }
    return need;
}

/* What the order has earned us for that many blocks is worth the fee many times. */
static bool settling_pays(const struct order *r, const struct view *v,
                          const struct plan_order_rules *rules, uint64_t blocks)
{
    struct amount income, fee;
    if (amount_mul(&income, r->rate, blocks / v->params.slot_blocks) != OK)
        return true;
    if (amount_mul(&fee, v->params.fee_byte, PLAN_ORDER_SETTLE_BYTES) != OK ||
        amount_mul(&fee, amount_sat_add(fee, v->params.fee_base), rules->settle_gain) != OK)
        return false;
    return amount_cmp(income, fee) >= 0;
}

uint32_t plan_order_to_settle(const struct orders *o, const struct view *v,
                              const struct plan_order_rules *rules)
{
    for (uint32_t i = 0; i < o->count; i++) {
        const struct order *r = &o->rows[i];
        if (!r->held || r->gone || !r->known || !r->mine)
            continue;
        uint64_t since = r->settled_at > r->decided_at ? r->settled_at : r->decided_at;
        if (r->state == CHAIN_CLIENT_EXPIRED && v->chain.height >= r->settled_at + 10)
            return i;
        if (rules->settle_blocks != 0 && r->step == ORDER_VERIFIED &&
            v->chain.height >= since + rules->settle_blocks &&
            settling_pays(r, v, rules, v->chain.height - since))
            return i;
    }
    return ORDERS_NONE;
}
