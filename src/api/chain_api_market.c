/* Accounts and orders. */
#include "api/chain_api_call.h"
#include "chain/accounts.h"
#include "chain/benefits.h"
#include "chain/group.h"
#include "chain/market.h"
#include "chain/market_store.h"
#include "codec/cid.h"

enum { HOLDERS_MAX = 32 }; /* of an order in one answer; others follow by "after" */

/* Where the account's gateways are reached, as it says. */
static void member_urls(struct chain_api_call *call, const uint8_t account[32])
{
    struct json_out *j = &call->j;
    struct market_urls u;
    market_urls(&call->chain.ledger, &u, account);
    json_out_key(j, "urls");
    json_out_array(j);
    for (uint32_t i = 0; i < u.count; i++)
        json_out_text(j, span_of(u.urls[i], u.sizes[i]));
    json_out_array_end(j);
}

/* What of its settlements' fees may be waived in this era, and what has been. */
static void member_waiver(struct chain_api_call *call, const uint8_t account[32])
{
    struct json_out *j = &call->j;
    struct benefits_totals t;
    struct benefits b;
    (void)benefits_totals(&call->chain.ledger, &t);
    (void)benefits_get(&call->chain.ledger, &b, account);
    json_out_key(j, "waiver");
    json_out_object(j);
    json_out_member_amount(j, "quota", benefits_own(&t, &b));
    json_out_member_amount(j, "used", b.used);
    json_out_object_end(j);
}

/* ---- accounts
 * --------------------------------------------------------------------------------------- */

static void account(struct chain_api_call *call)
{
    static const char *const holds[HOLD_COUNT] = { "worker", "merchant", "bond", "stake",
                                                   "deposit" };
    struct json_out *j = &call->j;
    struct account a;
    struct market_merchant merchant;
    uint8_t id[32], owner[32], signer[64];
    if (!chain_api_account(call, id, "address", call->segments[0]))
        return;
    bool grouped = group_owner(&call->chain.ledger, owner, id);
    bool exists = accounts_get(&call->chain.ledger, &a, id);
    market_merchant(&call->chain.ledger, &merchant, id);
    memcpy(signer, id, 32);
    memcpy(signer + 32, id, 32);
    json_out_object(j);
    chain_api_member_account(j, "address", id);
    chain_api_member_hash(j, "key", id);
    chain_api_member_account(j, "owner", grouped ? owner : id);
    json_out_member_bool(j, "exists", exists);
    json_out_member_u64(j, "nonce", a.nonce);
    json_out_member_u64(j, "nonce_next",
                        call->src->pool.next_nonce(call->src->pool.ctx, signer, a.nonce));
    json_out_member_amount(j, "free", a.free);
    json_out_member_amount(j, "usable", accounts_usable(&call->chain.ledger, id));
    json_out_member_amount(j, "total", accounts_total(&a));
    json_out_member_amount(j, "reward", merchant.reward);
    json_out_key(j, "held");
    json_out_object(j);
    for (size_t i = 0; i < HOLD_COUNT; i++)
        json_out_member_amount(j, holds[i], a.held[i]);
    json_out_object_end(j);
    json_out_member_u64(j, "allowances", a.allowances);
    member_waiver(call, id);
    member_urls(call, id);
    json_out_object_end(j);
}

/* GET /v1/accounts/{address}/allowances/{key} */
static void allowance(struct chain_api_call *call)
{
    struct json_out *j = &call->j;
    struct allowance a;
    uint8_t id[32], key[32], signer[64];
    if (!chain_api_account(call, id, "address", call->segments[0]) ||
        !chain_api_account(call, key, "key", call->segments[1]))
        return;
    if (!accounts_allowance(&call->chain.ledger, &a, id, key)) {
        chain_api_refuse(call, 404, "key", "the account allows this key nothing", "");
        return;
    }
    memcpy(signer, id, 32);
    memcpy(signer + 32, key, 32);
    json_out_object(j);
    chain_api_member_account(j, "address", id);
    chain_api_member_account(j, "key", key);
    json_out_member_u64(j, "nonce", a.nonce);
    json_out_member_u64(j, "nonce_next",
                        call->src->pool.next_nonce(call->src->pool.ctx, signer, a.nonce));
    json_out_member_u64(j, "until", a.until);
    json_out_member_amount(j, "amount", a.amount);
    json_out_object_end(j);
}

/* GET /v1/accounts/{address}/txs */
static void account_txs(struct chain_api_call *call)
{
    uint8_t id[32];
    struct chain_api_walk w;
    uint32_t limit = chain_api_param_limit(call);
    if (call->failed || !chain_api_account(call, id, "address", call->segments[0]))
        return;
    const struct chain_index_key prefix = chain_index_account_txs(id);
    if (!chain_api_walk_begin(call, &w, &prefix, (const size_t[]){ prefix.n + 12, 32 }, limit))
        return;
    while (chain_api_walk_next(call, &w)) {
        const uint8_t *place = w.at.b + prefix.n;
        json_out_object(&call->j);
        chain_api_member_hash(&call->j, "hash", w.value.p);
        json_out_member_u64(&call->j, "height", load_be64(place));
        json_out_member_u64(&call->j, "index", load_be32(place + 8));
        json_out_object_end(&call->j);
        w.count++;
    }
    chain_api_walk_end(call, &w);
}

/* ---- orders
 * -------------------------------------------------------------------------------------------- */

static const char *const state_names[] = { "open", "live", "expired" };

static void order_content(struct json_out *j, const uint8_t id[32], const struct market_order *o)
{
    const struct cid cid = cid_of_key(&o->key);
    char text[CID_TEXT_MAX];
    cid_format(text, &cid);
    chain_api_member_hash(j, "id", id);
    json_out_member_str(j, "cid", text);
    json_out_member_u64(j, "codec", o->key.codec);
    chain_api_member_hash(j, "digest", o->key.digest);
    json_out_member_u64_text(j, "size", o->size);
    if (o->has_data_root) {
        chain_api_member_hash(j, "data_root", o->data_root);
    } else {
        json_out_key(j, "data_root");
        json_out_null(j);
    }
    json_out_key(j, "origins");
    json_out_array(j);
    for (uint32_t i = 0; i < o->origin_count; i++)
        json_out_text(j, span_of(o->origins[i], o->origin_sizes[i]));
    json_out_array_end(j);
}

static void order_members(struct chain_api_call *call, const uint8_t id[32],
                          const struct market_order *o)
{
    struct json_out *j = &call->j;
    order_content(j, id, o);
    json_out_member_str(j, "state", state_names[market_order_state(&call->chain.ledger, o)]);
    json_out_member_bool(j, "disputed", o->disputed);
    chain_api_member_account(j, "owner", o->owner);
    json_out_member_u64(j, "placed_at", o->placed_at);
    json_out_member_u64(j, "refund_at", o->refund_at);
    json_out_member_u64(j, "expires_at", o->expired_at);
    json_out_member_u64(j, "replicas_wanted", o->replicas_wanted);
    json_out_member_u64(j, "replicas", o->replicas);
    json_out_member_u64(j, "replicas_paid", o->replicas_paid);
    json_out_member_u64(j, "replicas_all", o->replicas_all);
    json_out_member_amount(j, "amount", o->amount);
    json_out_member_amount(j, "prepaid", o->prepaid);
    /* What one paid replica earns for one answered slot. */
    json_out_member_amount(j, "rate", market_rate(o));
}

static void holder_value(struct chain_api_call *call, const uint8_t lineage[32],
                         const struct market_replica *r)
{
    struct json_out *j = &call->j;
    json_out_object(j);
    chain_api_member_hash(j, "lineage", lineage);
    chain_api_member_account(j, "account", r->account);
    chain_api_member_account(j, "owner", r->owner);
    json_out_member_u64(j, "volume", r->volume);
    json_out_member_u64(j, "index", r->index);
    json_out_member_bool(j, "verified", r->verified);
    json_out_member_bool(j, "paid", r->paid);
    json_out_member_u64(j, "created_at", r->created_at);
    json_out_member_u64_text(j, "power", r->power);
    json_out_member_amount(j, "earned", r->earned);
    member_urls(call, r->account);
    json_out_object_end(j);
}

/* after: the lineage behind which the holders begin; those are in the order of lineages. */
static void order_value(struct chain_api_call *call, const uint8_t id[32],
                        const struct market_order *o, const uint8_t after[32])
{
    struct json_out *j = &call->j;
    struct market_replica r;
    uint8_t lineage[32], last[32];
    bool more = true;
    memcpy(lineage, after, 32);
    memcpy(last, after, 32);
    json_out_object(j);
    order_members(call, id, o);
    json_out_key(j, "holders");
    json_out_array(j);
    for (int i = 0; i < HOLDERS_MAX && more; i++) {
        more = market_replica_next(&call->chain.ledger, lineage, &r, id);
        if (more) {
            holder_value(call, lineage, &r);
            memcpy(last, lineage, 32);
        }
    }
    json_out_array_end(j);
    more = more && market_replica_next(&call->chain.ledger, lineage, &r, id);
    json_out_key(j, "holders_next");
    if (more)
        json_out_hex(j, span_of(last, 32));
    else
        json_out_null(j);
    json_out_object_end(j);
}

static const uint8_t first_holder[32];

/* One order; "after" names the lineage behind which its holders begin. */
static void order_of_id(struct chain_api_call *call, const uint8_t id[32])
{
    uint8_t after[32];
    struct market_order o;
    const char *text = chain_api_param(call, "after");
    memcpy(after, first_holder, 32);
    if (text != NULL && !chain_api_hash(call, after, "after", text))
        return;
    if (market_order(&call->chain.ledger, &o, id))
        order_value(call, id, &o, after);
    else
        chain_api_refuse(call, 404, "order", "no such order", "");
}

/* Walks order ids that stand at the end of the index's keys under prefix. */
static void orders_list(struct chain_api_call *call, const struct chain_index_key *prefix,
                        size_t key_size, bool with_holders)
{
    struct chain_api_walk w;
    uint32_t limit = chain_api_param_limit(call);
    if (!chain_api_walk_begin(call, &w, prefix, (const size_t[]){ key_size, 0 }, limit))
        return;
    while (chain_api_walk_next(call, &w)) {
        struct market_order o;
        const uint8_t *id = w.at.b + w.at.n - 32;
        /* An order that was closed has left the ledger; its line in the list stays. */
        if (!market_order(&call->chain.ledger, &o, id))
            continue;
        w.count++;
        if (with_holders) {
            order_value(call, id, &o, first_holder);
        } else {
            json_out_object(&call->j);
            order_members(call, id, &o);
            json_out_object_end(&call->j);
        }
    }
    chain_api_walk_end(call, &w);
}

static void account_orders(struct chain_api_call *call)
{
    uint8_t id[32];
    if (!chain_api_account(call, id, "address", call->segments[0]))
        return;
    const struct chain_index_key prefix = chain_index_account_orders(id);
    orders_list(call, &prefix, prefix.n + 8 + 32, false);
}

/* By order id, or all orders for a CID. */
static void order_one(struct chain_api_call *call)
{
    const char *text = call->segments[0];
    struct content_key key;
    struct cid cid;
    uint8_t id[32];
    if (strlen(text) == 64) {
        if (chain_api_hash(call, id, "order", text))
            order_of_id(call, id);
        return;
    }
    if (cid_parse(&cid, span_str(text)) != OK) {
        chain_api_refuse(call, 400, "order", "neither an order id (64 digits) nor a CID", "");
        return;
    }
    if (cid_key(&key, &cid) != OK) {
        chain_api_refuse(call, 400, "order", "the network stores content by sha2-256 only",
                         "add the content again with sha2-256");
        return;
    }
    const struct chain_index_key prefix = chain_index_content_orders(&key);
    orders_list(call, &prefix, prefix.n + 32, true);
}

/* GET /v1/orders: the ledger's own list by state. The cursor is the last id. */
static void orders_in(struct chain_api_call *call, uint8_t letter, const char *state,
                      uint32_t limit)
{
    const uint8_t prefix[2] = { MARKET_INDEX_STATE, letter };
    const struct state_range range = { .store = STATE_INDEX, .prefix = span_of(prefix, 2) };
    struct chain_index_key at, head = { .n = 2 };
    memcpy(head.b, prefix, 2);
    if (!chain_api_cursor(call, &at, &head))
        return;
    struct span key = chain_index_span(&at), value;
    bool after = at.n > head.n, more;
    uint32_t count = 0;
    chain_api_page_begin(call);
    while ((more = state_next(&call->chain.st, &key, &value, range, key, after) && key.n == 34) &&
           count < limit) {
        struct market_order o;
        memcpy(at.b, key.p, key.n);
        at.n = key.n;
        if (market_order(&call->chain.ledger, &o, at.b + 2) &&
            strcmp(state_names[market_order_state(&call->chain.ledger, &o)], state) == 0) {
            json_out_object(&call->j);
            order_members(call, at.b + 2, &o);
            json_out_object_end(&call->j);
            count++;
        }
        key = chain_index_span(&at);
        after = true;
    }
    chain_api_page_end(call, span_of(at.b + 2, more ? at.n - 2 : 0));
}

static void orders(struct chain_api_call *call)
{
    const char *state = chain_api_param(call, "state");
    uint32_t limit = chain_api_param_limit(call);
    if (state == NULL)
        state = "open";
    bool open = strcmp(state, "open") == 0;
    if (!open && strcmp(state, "live") != 0 && strcmp(state, "expired") != 0)
        chain_api_refuse(call, 400, "state", "must be open, live or expired", "");
    if (!call->failed)
        orders_in(call, open ? 'o' : 'l', state, limit);
}

const struct chain_api_handler chain_api_handlers_market[] = {
    { "GET /v1/accounts/{address}", { NULL }, account },
    { "GET /v1/accounts/{address}/allowances/{key}", { NULL }, allowance },
    { "GET /v1/accounts/{address}/orders", { "after", "limit", NULL }, account_orders },
    { "GET /v1/accounts/{address}/txs", { "after", "limit", NULL }, account_txs },
    { "GET /v1/orders", { "state", "after", "limit", NULL }, orders },
    { "GET /v1/orders/{order}", { "after", "limit", NULL }, order_one },
    { NULL, { NULL }, NULL },
};
