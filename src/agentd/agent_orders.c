/* Orders: learning of them, asking the chain about them, having them sealed and removed. */
#include "agentd/agent.h"

#include "agentd/decisions.h"
#include "base/hex.h"
#include "codec/holder_url.h"
#include "rt/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIST_SLOTS = PLAN_ORDER_SWEEP_SLOTS }; /* between two lists of all orders */

static void note(struct agent *a, const struct order *r)
{
    char id[65];
    hex_format(id, span_of(r->id, 32));
    log_info("order", "id=%.16s step=\"%s\" reason=\"%s\" detail=\"%s\"", id,
             orders_step_text(r->step), orders_reason_text(r->reason), r->detail);
    decisions_note(a->decisions, r, a->view.chain.height);
}

/* Something has happened that may have made the data reachable. */
static void try_soon(struct order *r)
{
    if (r->step == ORDER_RETRY) {
        r->tries = 0;
        r->retry_ms = 0;
    }
}

/* Placed, or placed again: whatever we thought of it before, it is judged anew. */
static void placed(struct agent *a, const uint8_t id[32], const struct content_key *key)
{
    uint32_t row = orders_add(&a->orders, id, key);
    if (row == ORDERS_NONE) {
        log_warn("orders-full", "max=%d", ORDERS_MAX);
        return;
    }
    struct order *r = &a->orders.rows[row];
    r->look = true;
    if (!r->held &&
        (r->step == ORDER_GIVEN_UP || r->step == ORDER_FORGOTTEN || r->step == ORDER_DECLINED)) {
        r->step = ORDER_SEEN;
        r->tries = 0;
    }
    try_soon(r);
}

void agent_orders_event(struct agent *a, const struct chain_client_event *ev)
{
    uint8_t id[32];
    struct content_key key;
    const char *order = chain_client_event_attr(ev, "order");
    if (order == NULL || hex_parse(id, sizeof(id), order) != OK)
        return;
    const char *codec = chain_client_event_attr(ev, "codec");
    const char *digest = chain_client_event_attr(ev, "digest");
    bool is_new = strcmp(ev->type, "order.placed") == 0 || strcmp(ev->type, "order.extended") == 0;
    if (is_new && codec != NULL && digest != NULL && hex_parse(key.digest, 32, digest) == OK) {
        key.codec = (uint32_t)strtoul(codec, NULL, 10);
        placed(a, id, &key);
        return;
    }
    uint32_t row = orders_find_id(&a->orders, id);
    if (row != ORDERS_NONE) {
        struct order *r = &a->orders.rows[row];
        r->look = true;
        if (r->step == ORDER_DECLINED && strcmp(ev->type, "replica.removed") == 0)
            r->step = ORDER_SEEN;
        if (r->reason == ORDER_WHY_FETCH && strcmp(ev->type, "replica.verified") == 0)
            try_soon(r); /* there is one more to fetch it from */
    }
}

/* ---- the list of orders that need holders, at the start and now and then
 * ----------------------- */

/* What the chain says of an order with its holders. */
static void see(const struct agent *a, struct order *r, const struct chain_client_order *o)
{
    const struct view *v = &a->view;
    const struct orders_us us = { .lineage = v->work.lineage,
                                  .owner = v->account_known ? v->money.owner : v->account };
    orders_see(r, o, &us, v->chain.height);
}

static void on_list(void *ctx, enum err e, uint16_t status, struct span body)
{
    struct agent *a = ctx;
    struct chain_client_page page;
    struct chain_client_order *orders = a->scratch->orders;
    a->listing = false;
    if (e != OK || status != 200 ||
        chain_client_decode_orders(&page, orders, AGENT_ORDERS_PAGE, body) != OK)
        return; /* the next step asks again */
    for (size_t i = 0; i < page.count; i++) {
        const struct chain_client_order *o = &orders[i];
        if (o->replicas_all >= o->replicas_wanted)
            continue;
        uint32_t row = orders_add(&a->orders, o->id, &o->key);
        if (row == ORDERS_NONE)
            continue;
        struct order *r = &a->orders.rows[row];
        if (!r->known)
            orders_see(r, o, NULL, a->view.chain.height);
        r->look = r->look || r->step == ORDER_SEEN ||
                  (r->step == ORDER_DECLINED &&
                   (r->reason == ORDER_WHY_ENOUGH_REPLICAS || r->reason == ORDER_WHY_NO_ROOM));
    }
    (void)snprintf(a->list_cursor, sizeof(a->list_cursor), "%s", page.cursor);
    if (page.cursor[0] == '\0')
        a->list++;
    agent_orders_step(a);
}

static void step_list(struct agent *a)
{
    char path[CHAIN_CLIENT_PATH_MAX];
    if (a->listing || !a->view.chain_known)
        return;
    if (a->list == AGENT_LIST_DONE && a->view.chain.slot >= a->list_slot + LIST_SLOTS)
        a->list = AGENT_LIST_IDLE;
    if (a->list == AGENT_LIST_DONE)
        return;
    if (a->list == AGENT_LIST_IDLE) {
        a->list = AGENT_LIST_OPEN;
        a->list_slot = a->view.chain.slot;
        a->list_cursor[0] = '\0';
    }
    chain_client_orders_path(path,
                             a->list == AGENT_LIST_OPEN ? CHAIN_CLIENT_OPEN : CHAIN_CLIENT_LIVE,
                             a->list_cursor, AGENT_ORDERS_PAGE);
    a->listing = chain_link_get(&a->chain, path, on_list, a) == OK;
}

/* ---- one order
 * --------------------------------------------------------------------------------- */

/* NULL when body is none; valid until the next answer. */
static struct chain_client_order *decode_order(struct agent *a, struct span body)
{
    struct chain_client_order *o = &a->scratch->order;
    return chain_client_decode_order(o, body) == OK ? o : NULL;
}

static void on_look(void *ctx, enum err e, uint16_t status, struct span body)
{
    struct agent *a = ctx;
    struct order *r = &a->orders.rows[a->look_row];
    a->looking = false;
    if (e != OK || memcmp(r->id, a->look_id, 32) != 0)
        return;
    if (status == 404) {
        r->gone = true;
    } else {
        struct chain_client_order *o = status == 200 ? decode_order(a, body) : NULL;
        if (o == NULL)
            return;
        see(a, r, o);
    }
    plan_order_seen(&a->orders, a->look_row, &a->view, &a->settings.orders);
    agent_step(a);
}

static bool step_look(struct agent *a, uint32_t row)
{
    char path[CHAIN_CLIENT_PATH_MAX];
    if (a->looking)
        return false;
    a->look_row = row;
    memcpy(a->look_id, a->orders.rows[row].id, 32);
    /* An order may have more holders than one answer names: asked for from ours on. */
    chain_client_order_holder_path(path, a->look_id, a->view.work.lineage);
    a->looking = chain_link_get(&a->chain, path, on_look, a) == OK;
    return a->looking;
}

/* ---- sealing
 * ----------------------------------------------------------------------------------- */

static void seal_end(struct agent_seal *s, enum err e, const char *why)
{
    struct agent *a = s->agent;
    s->busy = false;
    plan_order_sealed(&a->orders, s->row, e, why, &a->view, agent_now(a));
    a->view.node_fresh = false;
    agent_read_node(a);
}

static void on_sealed(void *ctx, enum err e, bool more, struct span body, const char *why)
{
    struct agent_seal *s = ctx;
    struct order *r = &s->agent->orders.rows[s->row];
    struct node_progress p;
    struct node_sealed sealed;
    if (more) {
        if (node_msg_decode_progress(&p, body) == OK) {
            r->done = p.done;
            r->total = p.total;
        }
        return;
    }
    if (e == OK && node_msg_decode_sealed(&sealed, body) == OK)
        log_info("sealed", "volume=%u index=%u bytes=%llu", sealed.volume, sealed.index,
                 (unsigned long long)sealed.size);
    seal_end(s, e, why);
    agent_step(s->agent);
}

static void add_source(struct node_seal *rq, const char *url)
{
    for (uint32_t i = 0; i < rq->source_count; i++)
        if (span_eq(rq->sources[i], span_str(url)))
            return;
    if (rq->source_count < NODE_SOURCES_MAX)
        rq->sources[rq->source_count++] = span_str(url);
}

/* The gateways of one who holds it; crust-ipfsd reads from the chain which peers do. */
static void add_holder(struct node_seal *rq, const struct chain_client_holder *h)
{
    for (uint32_t i = 0; i < h->url_count; i++) {
        struct holder_url url;
        holder_url_read(&url, span_str(h->urls[i]));
        if (url.kind == HOLDER_URL_GATEWAY)
            add_source(rq, h->urls[i]);
    }
}

/* The order's origins, then those who hold it already, then what the operator knows. */
static void add_sources(const struct agent *a, struct node_seal *rq,
                        const struct chain_client_order *o)
{
    for (uint32_t i = 0; i < o->origin_count; i++)
        add_source(rq, o->origins[i]);
    for (uint32_t h = 0; h < o->holder_count; h++)
        if (memcmp(o->holders[h].lineage, a->view.work.lineage, 32) != 0)
            add_holder(rq, &o->holders[h]);
    for (uint32_t i = 0; i < a->settings.gateways.count; i++)
        add_source(rq, a->settings.gateways.urls[i]);
}

/* The order as it is now says where the data is; it may also have ended. */
static void on_origins(void *ctx, enum err e, uint16_t status, struct span body)
{
    struct agent_seal *s = ctx;
    struct agent *a = s->agent;
    struct order *r = &a->orders.rows[s->row];
    struct chain_client_order *o = e == OK && status == 200 ? decode_order(a, body) : NULL;
    if (o == NULL) {
        seal_end(s, status == 404 ? ERR_NOT_FOUND : ERR_BUSY, "the chain did not give the order");
        return;
    }
    /* Judged once more, by what the chain says now. */
    r->step = ORDER_TAKEN;
    see(a, r, o);
    plan_order_seen(&a->orders, s->row, &a->view, &a->settings.orders);
    if (r->step != ORDER_TAKEN) {
        s->busy = false;
        return;
    }
    r->step = ORDER_SEALING;
    struct node_seal rq = { .key = r->key, .size_max = r->size };
    memcpy(rq.order, r->id, 32);
    rq.has_data_root = r->has_data_root;
    memcpy(rq.data_root, r->data_root, 32);
    add_sources(a, &rq, o);
    struct writer w = node_link_body(&a->node);
    node_msg_encode_seal(&w, &rq);
    e = node_link_ask(&a->node, NODE_SEAL, &w, AGENT_SEAL_SILENCE_MS, on_sealed, s);
    if (e != OK)
        seal_end(s, e, "crust-ipfsd takes no more requests");
}

void agent_orders_seal(struct agent *a, uint32_t row)
{
    char path[CHAIN_CLIENT_PATH_MAX];
    struct agent_seal *s = a->seals;
    while (s < a->seals + AGENT_SEALS_MAX - 1 && s->busy)
        s++;
    ASSERT(!s->busy); /* the plan starts at most so many */
    s->busy = true;
    s->row = row;
    chain_client_order_path(path, a->orders.rows[row].id);
    if (chain_link_get(&a->chain, path, on_origins, s) != OK)
        seal_end(s, ERR_BUSY, "too many requests to the chain are under way");
}

/* ---- removing
 * ---------------------------------------------------------------------------------- */

static void remove_end(struct agent *a, enum err e)
{
    a->removing = false;
    plan_order_removed(&a->orders, a->remove_row, e, &a->view, agent_now(a));
    a->view.node_fresh = false;
    agent_read_node(a);
}

static void on_removed(void *ctx, enum err e, bool more, struct span body, const char *why)
{
    struct agent *a = ctx;
    (void)body;
    if (more)
        return;
    if (e != OK)
        log_warn("not-removed", "reason=\"%s\"", why);
    remove_end(a, e);
    agent_step(a);
}

void agent_orders_remove(struct agent *a, uint32_t row)
{
    const struct node_key rq = { .key = a->orders.rows[row].key };
    struct writer w = node_link_body(&a->node);
    node_msg_encode_key(&w, &rq);
    a->removing = true;
    a->remove_row = row;
    enum err e = node_link_ask(&a->node, NODE_REMOVE, &w, AGENT_REPORT_SILENCE_MS, on_removed, a);
    if (e != OK)
        remove_end(a, e);
}

/* ---- what crust-ipfsd holds
 * -------------------------------------------------------------------- */

static void on_orders_of_key(void *ctx, enum err e, uint16_t status, struct span body)
{
    struct agent *a = ctx;
    struct chain_client_page page;
    struct chain_client_order *orders = a->scratch->orders;
    bool good = e == OK && status == 200 &&
                chain_client_decode_orders(&page, orders, AGENT_ORDERS_PAGE, body) == OK;
    a->walk = AGENT_WALK_IDLE; /* on to the next, or the same again */
    for (size_t i = 0; good && i < page.count; i++) {
        uint32_t row = orders_add(&a->orders, orders[i].id, &orders[i].key);
        if (row == ORDERS_NONE)
            continue;
        struct order *r = &a->orders.rows[row];
        see(a, r, &orders[i]);
        if (orders[i].more_holders && !r->mine) {
            r->look = true; /* we may be among those */
            r->looked_at = 0;
        }
    }
    if (!good)
        return;
    plan_order_held(&a->orders, &a->walk_replica, &a->view);
    a->walk_key = a->walk_replica.key;
    agent_step(a);
}

static void on_replica(void *ctx, enum err e, bool more, struct span body, const char *why)
{
    struct agent *a = ctx;
    char path[CHAIN_CLIENT_PATH_MAX];
    if (more)
        return;
    if (e == OK)
        e = node_msg_decode_sealed(&a->walk_replica, body);
    if (e == OK) {
        chain_client_orders_of_key_path(path, &a->walk_replica.key);
        bool asked = chain_link_get(&a->chain, path, on_orders_of_key, a) == OK;
        a->walk = asked ? AGENT_WALK_LOOKING : AGENT_WALK_IDLE;
        return;
    }
    if (e == ERR_NOT_FOUND)
        a->walk = AGENT_WALK_DONE;
    else
        a->walk = AGENT_WALK_IDLE;
    if (e != ERR_NOT_FOUND && e != ERR_CLOSED)
        log_warn("replicas-not-listed", "reason=\"%s\"", why);
    agent_step(a);
}

void agent_orders_node_new(struct agent *a)
{
    a->walk_key = (struct content_key){ 0 };
    if (a->walk != AGENT_WALK_LOOKING && a->walk != AGENT_WALK_ASKING)
        a->walk = AGENT_WALK_IDLE;
}

static void step_walk(struct agent *a)
{
    /* Holders are lineages: they are known once the worker is on chain; before, nothing is held. */
    if (a->walk != AGENT_WALK_IDLE || !view_can_report(&a->view))
        return;
    const struct node_key rq = { .key = a->walk_key };
    struct writer w = node_link_body(&a->node);
    node_msg_encode_key(&w, &rq);
    if (node_link_ask(&a->node, NODE_REPLICA_NEXT, &w, AGENT_ASK_SILENCE_MS, on_replica, a) == OK)
        a->walk = AGENT_WALK_ASKING;
}

/* ---- all of it
 * --------------------------------------------------------------------------------- */

void agent_orders_step(struct agent *a)
{
    uint64_t now = agent_now(a);
    step_list(a);
    step_walk(a);
    for (bool going = true; going;) {
        struct plan_order_effect f = plan_order_next(&a->orders, &a->view, now);
        going = false;
        if (f.what == PLAN_ORDER_NOTE) {
            note(a, &a->orders.rows[f.row]);
            going = true;
        } else if (f.what == PLAN_ORDER_LOOK) {
            (void)step_look(a, f.row);
        }
    }
    /* Before the replicas are known nothing is sealed: it might be there already. */
    while (a->walk == AGENT_WALK_DONE && a->view.node_fresh && !a->removing) {
        struct plan_order_effect f =
            plan_order_work(&a->orders, &a->view, &a->settings.orders, now);
        if (f.what == PLAN_ORDER_SEAL)
            agent_orders_seal(a, f.row);
        else if (f.what == PLAN_ORDER_REMOVE)
            agent_orders_remove(a, f.row);
        else
            break;
    }
}
