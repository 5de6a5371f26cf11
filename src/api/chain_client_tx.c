#include "api/chain_client_tx.h"

#include "api/chain_client_read.h"
#include "base/arena.h"
#include "chain/market.h"

#include <jansson.h>

/* ---- paths
 * ----------------------------------------------------------------------------------------- */

void chain_client_tx_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t hash[32])
{
    struct chain_client_path p = chain_client_path_of("/v1/tx/");
    chain_client_path_hash(&p, hash);
    chain_client_path_end(out, &p);
}

void chain_client_events_path(char out[CHAIN_CLIENT_PATH_MAX], uint64_t from, uint32_t limit)
{
    struct chain_client_path p = chain_client_path_of("/v1/events");
    chain_client_path_param(&p, "format");
    chain_client_path_add(&p, "json");
    chain_client_path_param(&p, "from");
    chain_client_path_u64(&p, from);
    if (limit != 0) {
        chain_client_path_param(&p, "limit");
        chain_client_path_u64(&p, limit);
    }
    chain_client_path_end(out, &p);
}

void chain_client_stream_path(char out[CHAIN_CLIENT_PATH_MAX], uint64_t from)
{
    struct chain_client_path p = chain_client_path_of("/v1/events");
    chain_client_path_param(&p, "from");
    chain_client_path_u64(&p, from);
    chain_client_path_end(out, &p);
}

void chain_client_price_path(char out[CHAIN_CLIENT_PATH_MAX], uint64_t size, uint32_t replicas)
{
    struct chain_client_path p = chain_client_path_of("/v1/price");
    chain_client_path_param(&p, "size");
    chain_client_path_u64(&p, size);
    if (replicas != 0) {
        chain_client_path_param(&p, "replicas");
        chain_client_path_u64(&p, replicas);
    }
    chain_client_path_end(out, &p);
}

void chain_client_beacon_path(char out[CHAIN_CLIENT_PATH_MAX], uint64_t slot)
{
    struct chain_client_path p = chain_client_path_of("/v1/beacon/");
    chain_client_path_u64(&p, slot);
    chain_client_path_end(out, &p);
}

void chain_client_block_path(char out[CHAIN_CLIENT_PATH_MAX], uint64_t height)
{
    struct chain_client_path p = chain_client_path_of("/v1/blocks/");
    chain_client_path_u64(&p, height);
    chain_client_path_end(out, &p);
}

/* ---- transactions
 * ------------------------------------------------------------------------------------ */

static void read_tx_state(struct chain_client_tx *out, struct json_value r)
{
    static const struct {
        const char *name;
        enum chain_client_tx_state state;
    } rows[] = {
        { "pending", CHAIN_CLIENT_TX_PENDING },
        { "done", CHAIN_CLIENT_TX_DONE },
        { "dropped", CHAIN_CLIENT_TX_DROPPED },
        { "refused", CHAIN_CLIENT_TX_REFUSED },
    };
    struct json_value v = json_get(r, "state");
    const char *text = json_text(v);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].name, text) == 0)
            out->state = rows[i].state;
    if (out->state == CHAIN_CLIENT_TX_UNKNOWN)
        json_fail(v, ERR_FORMAT, "not a state");
}

static void read_tx(struct chain_client_tx *out, struct json_value r)
{
    /* "not_found" of GET /v1/tx/{hash} is an answer too: the transaction is unknown there. */
    struct json_value error = json_find(r, "error");
    if (json_kind(json_find(r, "hash")) == JSON_KIND_NONE && json_kind(error) != JSON_KIND_NONE) {
        if (strcmp(json_text(json_get(error, "code")), "not_found") != 0)
            json_fail(r, ERR_FORMAT, "an error, not a transaction");
        return;
    }
    chain_client_read_hash(r, "hash", out->hash);
    read_tx_state(out, r);
    out->code = chain_client_read_u32(r, "code");
    chain_client_read_text(r, "name", out->name, sizeof(out->name));
    chain_client_text(out->log, sizeof(out->log), json_text(json_get(r, "log")));
    if (out->state != CHAIN_CLIENT_TX_DONE)
        return;
    out->height = chain_client_read_u64(r, "height");
    out->index = chain_client_read_u32(r, "index");
    out->fee = chain_client_read_amount(r, "fee");
    chain_client_read_text(r, "type", out->type, sizeof(out->type));
}

enum err chain_client_decode_tx(struct chain_client_tx *out, struct span body)
{
    CHAIN_CLIENT_DECODE(out, body, read_tx(out, json_root(&doc)));
}

/* ---- events
 * -------------------------------------------------------------------------------------------- */

static const char *keep(struct arena *arena, struct json_value at, const char *text)
{
    struct span copy = arena_dup(arena, span_of(text, strlen(text) + 1));
    if (copy.p == NULL) {
        json_fail(at, ERR_LIMIT, "no room for the texts");
        return "";
    }
    return (const char *)copy.p;
}

/* The door has no walk over unknown members: attributes are the one object whose names are data. */
static void read_attrs(struct chain_client_event *out, struct arena *arena, struct json_value v)
{
    const char *name;
    json_t *value;
    json_t *object = (json_t *)(uintptr_t)v.of;
    if (v.doc->err != OK || !json_is_object(object)) {
        json_fail(v, ERR_FORMAT, "not an object");
        return;
    }
    json_object_foreach(object, name, value)
    {
        if (!json_is_string(value) || out->attr_count == CHAIN_CLIENT_ATTRS_MAX) {
            json_fail(v, ERR_FORMAT, "too many attributes, or one that is no text");
            return;
        }
        out->attrs[out->attr_count].key = keep(arena, v, name);
        out->attrs[out->attr_count].value = keep(arena, v, json_string_value(value));
        out->attr_count++;
    }
}

static void read_event(struct chain_client_event *out, struct arena *arena, struct json_value v)
{
    *out = (struct chain_client_event){ 0 };
    out->height = chain_client_read_u64(v, "height");
    out->number = chain_client_read_u32(v, "number");
    struct json_value tx = json_get(v, "tx");
    out->has_tx = json_kind(tx) == JSON_KIND_TEXT;
    if (out->has_tx)
        json_hex(tx, out->tx, sizeof(out->tx));
    out->type = keep(arena, v, json_text(json_get(v, "type")));
    read_attrs(out, arena, json_get(v, "attrs"));
}

enum err chain_client_decode_events(struct chain_client_event *out, size_t max, size_t *count,
                                    uint64_t *next_from, struct arena *arena, struct span body)
{
    AUTO(json_close) struct json doc;
    *count = 0;
    *next_from = 0;
    if (json_open(&doc, body, CHAIN_CLIENT_BODY_MAX) == OK) {
        struct json_value root = json_root(&doc), items = json_get(root, "items");
        size_t n = json_count(items);
        if (n > max)
            json_fail(items, ERR_LIMIT, "more events than there is room for");
        for (size_t i = 0; i < n && doc.err == OK; i++)
            read_event(&out[i], arena, json_at(items, i));
        *next_from = chain_client_read_u64(root, "next");
        *count = n;
    }
    if (doc.err != OK) {
        *count = 0;
        *next_from = 0;
    }
    return doc.err;
}

const char *chain_client_event_attr(const struct chain_client_event *event, const char *key)
{
    for (uint32_t i = 0; i < event->attr_count; i++)
        if (strcmp(event->attrs[i].key, key) == 0)
            return event->attrs[i].value;
    return NULL;
}

/* ---- parameters, price, beacon, block
 * ------------------------------------------------------------------- */

void chain_client_order_id(uint8_t out[32], const struct content_key *key, uint64_t size,
                           const uint8_t data_root[32])
{
    market_order_id(out, key, size, data_root);
}

static void read_params(struct params *out, struct json_value root)
{
    params_init(out, PARAMS_DEVNET);
    for (size_t i = 0; i < params_count() && root.doc->err == OK; i++) {
        struct json_value v = json_get(root, params_name(i));
        const char *text = json_text(v);
        if (root.doc->err == OK && params_set(out, params_name(i), text) != OK)
            json_fail(v, ERR_FORMAT, "not a value of this parameter");
    }
}

enum err chain_client_decode_params(struct params *out, struct span body)
{
    CHAIN_CLIENT_DECODE(out, body, read_params(out, json_root(&doc)));
}

static void read_price(struct chain_client_price *out, struct json_value r)
{
    out->size = chain_client_read_u64(r, "size");
    out->replicas = chain_client_read_u32(r, "replicas");
    out->base = chain_client_read_amount(r, "base");
    out->amount = chain_client_read_amount(r, "amount");
    out->total = chain_client_read_amount(r, "total");
    out->duration_blocks = chain_client_read_u32(r, "duration_blocks");
}

enum err chain_client_decode_price(struct chain_client_price *out, struct span body)
{
    CHAIN_CLIENT_DECODE(out, body, read_price(out, json_root(&doc)));
}

void chain_client_allowance_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t account[32],
                                 const uint8_t key[32])
{
    struct chain_client_path p = chain_client_path_of("/v1/accounts/");
    chain_client_path_account(&p, account);
    chain_client_path_add(&p, "/allowances/");
    chain_client_path_account(&p, key);
    chain_client_path_end(out, &p);
}

static void read_allowance(struct chain_client_allowance *out, struct json_value r)
{
    out->nonce = chain_client_read_u64(r, "nonce");
    out->nonce_next = chain_client_read_u64(r, "nonce_next");
    out->until = chain_client_read_u64(r, "until");
    out->amount = chain_client_read_amount(r, "amount");
}

enum err chain_client_decode_allowance(struct chain_client_allowance *out, struct span body)
{
    CHAIN_CLIENT_DECODE(out, body, read_allowance(out, json_root(&doc)));
}

static void read_beacon(struct chain_client_beacon *out, struct json_value r)
{
    out->slot = chain_client_read_u64(r, "slot");
    chain_client_read_hash(r, "value", out->value);
    out->weak = chain_client_read_bool(r, "weak");
    out->contributions = chain_client_read_u32(r, "contributions");
    out->committee = chain_client_read_u32(r, "committee");
}

enum err chain_client_decode_beacon(struct chain_client_beacon *out, struct span body)
{
    CHAIN_CLIENT_DECODE(out, body, read_beacon(out, json_root(&doc)));
}

static void read_block(struct chain_client_block *out, struct json_value r)
{
    out->height = chain_client_read_u64(r, "height");
    out->time_ms = chain_client_read_u64(r, "time_ms");
    chain_client_read_hash(r, "hash", out->hash);
    chain_client_read_hash(r, "parent", out->parent);
    chain_client_read_hash(r, "app_hash", out->app_hash);
    if (json_kind(json_get(r, "proposer")) == JSON_KIND_TEXT)
        chain_client_read_account(r, "proposer", out->proposer);
    out->tx_count = chain_client_read_u32(r, "tx_count");
}

enum err chain_client_decode_block(struct chain_client_block *out, struct span body)
{
    CHAIN_CLIENT_DECODE(out, body, read_block(out, json_root(&doc)));
}
