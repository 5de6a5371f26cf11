/* Status, parameters, beacon, blocks, transactions and events. */
#include "api/chain_api_call.h"
#include "base/hex.h"
#include "chain/beacon.h"
#include "chain/market.h"
#include "codec/cid.h"
#include "crypto/sha256.h"

static const uint8_t zeros[32];

static void be64(uint8_t out[8], uint64_t v)
{
    store_be64(out, v);
}

/* ---- records
 * ---------------------------------------------------------------------------------------- */

static enum err block_at(const struct chain_api_source *src, struct block *out, uint64_t height)
{
    uint8_t key[8];
    struct span record;
    *out = (struct block){ 0 };
    /* The engine stores a block before it is executed: what is not committed is not shown. */
    if (height > src->height)
        return ERR_NOT_FOUND;
    be64(key, height);
    TRY(kv_get(&src->blocks, &record, span_of(key, sizeof(key))));
    return block_decode(out, record);
}

static enum err result_at(const struct chain_api_source *src, struct block_result *out,
                          uint64_t height)
{
    uint8_t key[8];
    struct span record;
    *out = (struct block_result){ 0 };
    be64(key, height);
    TRY(kv_get(&src->results, &record, span_of(key, sizeof(key))));
    return block_result_decode(out, record);
}

/* ---- /v1/status
 * ------------------------------------------------------------------------------------- */

/* The ledger as the next block sees it: slot and offset of height + 1. */
static void status_slot(struct chain_api_call *call)
{
    struct json_out *j = &call->j;
    const struct params *p = &call->chain.params;
    uint64_t next = call->chain.height + 1, slot = next / p->slot_blocks;
    struct beacon_value beacon;
    json_out_member_u64(j, "slot", slot);
    json_out_member_u64(j, "slot_offset", next % p->slot_blocks);
    json_out_member_u64(j, "slot_blocks", p->slot_blocks);
    json_out_member_u64(j, "report_blocks", p->report_blocks);
    json_out_member_u64(j, "block_ms", p->block_ms);
    if (!beacon_at(&call->chain.ledger, &beacon, slot))
        beacon = (struct beacon_value){ .weak = true };
    chain_api_member_hash(j, "beacon", beacon.value);
    json_out_member_bool(j, "beacon_weak", beacon.weak);
}

static void status(struct chain_api_call *call)
{
    struct json_out *j = &call->j;
    const struct chain_api_source *src = call->src;
    uint64_t txs, bytes;
    src->pool.size(src->pool.ctx, &txs, &bytes);
    json_out_object(j);
    json_out_member_str(j, "chain_id", call->chain.id);
    chain_api_member_hash(j, "chain", call->chain.ledger.chain_hash);
    chain_api_member_hash(j, "genesis", src->genesis);
    json_out_member_u64(j, "height", src->height);
    json_out_member_u64(j, "time_ms", call->chain.time_ms);
    chain_api_member_hash(j, "block_hash", src->block_hash);
    chain_api_member_hash(j, "app_hash", src->app_hash);
    status_slot(call);
    json_out_member_bool(j, "allow_software", call->chain.params.allow_software);
    json_out_member_u64(j, "mempool_txs", txs);
    json_out_member_u64(j, "mempool_bytes", bytes);
    json_out_object_end(j);
}

/* ---- /v1/params, /v1/price, /v1/beacon
 * -------------------------------------------------------------- */

static void params(struct chain_api_call *call)
{
    struct json_out *j = &call->j;
    json_out_object(j);
    for (size_t i = 0; i < params_count(); i++) {
        uint8_t text[2048];
        struct writer w = writer_of(text, sizeof(text));
        params_format(&w, &call->chain.params, i);
        json_out_key(j, params_name(i));
        json_out_text(j, writer_span(&w));
    }
    json_out_object_end(j);
}

static void price(struct chain_api_call *call)
{
    const struct params *p = &call->chain.params;
    uint64_t size = chain_api_param_u64(call, "size", 0);
    uint64_t replicas = chain_api_param_u64(call, "replicas", 0);
    if (chain_api_param(call, "size") == NULL)
        chain_api_refuse(call, 400, "size", "missing", "give the content's size in bytes");
    if (size >= p->file_size_max)
        chain_api_refuse(call, 400, "size", "larger than the network takes", "see /v1/params");
    if (replicas == 0)
        replicas = p->replicas_default;
    if (replicas > p->replicas_max)
        chain_api_refuse(call, 400, "replicas", "more than the network gives", "see /v1/params");
    if (call->failed)
        return;
    struct market_price now;
    struct market_quote quote;
    market_price(&call->chain.ledger, &now);
    market_quote(&quote, &now, p, size, (uint32_t)replicas);
    json_out_object(&call->j);
    json_out_member_u64_text(&call->j, "size", size);
    json_out_member_u64(&call->j, "replicas", replicas);
    json_out_member_amount(&call->j, "base", quote.base);
    json_out_member_amount(&call->j, "amount", quote.amount);
    json_out_member_amount(&call->j, "total", quote.total);
    json_out_member_u64(&call->j, "duration_blocks", p->file_duration_blocks);
    json_out_object_end(&call->j);
}

static void beacon(struct chain_api_call *call)
{
    uint64_t slot;
    struct beacon_value value;
    if (!chain_api_u64(call, &slot, "slot", call->segments[0]))
        return;
    if (!beacon_at(&call->chain.ledger, &value, slot)) {
        chain_api_refuse(call, 404, "slot", "its value is not made yet, or no longer kept", "");
        return;
    }
    json_out_object(&call->j);
    json_out_member_u64(&call->j, "slot", slot);
    chain_api_member_hash(&call->j, "value", value.value);
    json_out_member_bool(&call->j, "weak", value.weak);
    json_out_member_u64(&call->j, "contributions", value.contributions);
    json_out_member_u64(&call->j, "committee", value.committee);
    json_out_object_end(&call->j);
}

/* ---- /v1/blocks
 * ---------------------------------------------------------------------------------------- */

static void block_members(struct json_out *j, const struct block *b, const struct block_result *r)
{
    uint8_t hash[32];
    block_hash(hash, &b->header);
    json_out_member_u64(j, "height", b->header.height);
    json_out_member_u64(j, "time_ms", b->header.time_ms);
    chain_api_member_hash(j, "hash", hash);
    chain_api_member_hash(j, "parent", b->header.parent);
    chain_api_member_hash(j, "tx_root", b->header.tx_root);
    chain_api_member_hash(j, "app_hash", r->app_hash);
    if (memcmp(b->header.proposer, zeros, 32) == 0) {
        json_out_key(j, "proposer");
        json_out_null(j);
    } else {
        chain_api_member_account(j, "proposer", b->header.proposer);
    }
    json_out_member_u64(j, "tx_count", b->tx_count);
    json_out_member_u64(j, "event_count", r->event_count);
}

static void tx_result_members(struct json_out *j, const struct block_tx_result *r)
{
    json_out_member_u64(j, "code", r->code);
    json_out_member_str(j, "name", result_name(r->code));
    json_out_member_str(j, "log", result_text(r->code));
    json_out_member_amount(j, "fee", r->fee);
}

static void tx_type_members(struct json_out *j, struct span bytes)
{
    struct tx tx;
    bool known = tx_decode(&tx, bytes) == OK;
    json_out_member_str(j, "type", known ? tx_name(tx.call.kind) : "");
    if (known && tx_is_signed(&tx)) {
        chain_api_member_account(j, "from", tx.from);
        json_out_member_u64(j, "nonce", tx.nonce);
    }
    json_out_member_u64(j, "size", bytes.n);
}

static void block_one(struct chain_api_call *call)
{
    struct json_out *j = &call->j;
    struct block b;
    struct block_result r;
    uint64_t height;
    if (!chain_api_u64(call, &height, "height", call->segments[0]))
        return;
    enum err e = block_at(call->src, &b, height);
    if (e == ERR_NOT_FOUND) {
        chain_api_refuse(call, 404, "height", "no such block", "see /v1/status for the last one");
        return;
    }
    if (e == OK)
        e = result_at(call->src, &r, height);
    if (e != OK) {
        chain_api_broken(call, e);
        return;
    }
    json_out_object(j);
    block_members(j, &b, &r);
    json_out_key(j, "txs");
    json_out_array(j);
    struct span tx, txs = b.txs, results = r.txs;
    struct block_tx_result one;
    while (block_next_tx(&tx, &txs) && block_next_result(&one, &results)) {
        uint8_t id[TX_ID_SIZE];
        tx_id(id, tx);
        json_out_object(j);
        chain_api_member_hash(j, "hash", id);
        tx_type_members(j, tx);
        tx_result_members(j, &one);
        json_out_object_end(j);
    }
    json_out_array_end(j);
    json_out_object_end(j);
}

static void blocks(struct chain_api_call *call)
{
    uint32_t limit = chain_api_param_limit(call);
    uint64_t last = call->src->height;
    uint64_t from = chain_api_param_u64(call, "from", last >= limit ? last - limit + 1 : 1);
    if (from == 0)
        chain_api_refuse(call, 400, "from", "blocks begin at 1", "");
    if (call->failed)
        return;
    json_out_object(&call->j);
    json_out_key(&call->j, "items");
    json_out_array(&call->j);
    uint64_t height = from;
    for (; height <= last && height - from < limit; height++) {
        struct block b;
        struct block_result r;
        enum err e = block_at(call->src, &b, height);
        if (e == OK)
            e = result_at(call->src, &r, height);
        if (e != OK) {
            chain_api_broken(call, e);
            return;
        }
        json_out_object(&call->j);
        block_members(&call->j, &b, &r);
        json_out_object_end(&call->j);
    }
    json_out_array_end(&call->j);
    json_out_key(&call->j, "next");
    if (height <= last)
        json_out_u64(&call->j, height);
    else
        json_out_null(&call->j);
    json_out_object_end(&call->j);
}

/* ---- events
 * ---------------------------------------------------------------------------------------------- */

static void event_value(struct json_out *j, struct chain_api_position at,
                        const struct block_event *event, const uint8_t *tx)
{
    json_out_object(j);
    json_out_member_u64(j, "height", at.height);
    json_out_member_u64(j, "number", at.number);
    json_out_key(j, "tx");
    if (tx == NULL)
        json_out_null(j);
    else
        json_out_hex(j, span_of(tx, TX_ID_SIZE));
    json_out_key(j, "type");
    json_out_text(j, event->type);
    json_out_key(j, "attrs");
    json_out_object(j);
    for (uint32_t i = 0; i < event->attr_count; i++) {
        char key[64];
        struct span k = span_sub(event->attrs[i].key, 0, sizeof(key) - 1);
        memcpy(key, k.p, k.n);
        key[k.n] = '\0';
        json_out_key(j, key);
        json_out_text(j, event->attrs[i].value);
    }
    json_out_object_end(j);
    json_out_object_end(j);
}

/* Walks the events of one block together with the ids of their transactions. */
struct walk {
    struct block block;
    struct block_result result;
    struct chain_api_position at;
    struct span events;
    struct span txs;
    int64_t tx_index; /* of id; -1: none yet */
    uint8_t id[TX_ID_SIZE];
};

static enum err walk_begin(struct walk *w, const struct chain_api_source *src, uint64_t height)
{
    *w = (struct walk){ .tx_index = -1 };
    TRY(block_at(src, &w->block, height));
    TRY(result_at(src, &w->result, height));
    w->at = (struct chain_api_position){ .height = height };
    w->events = w->result.events;
    w->txs = w->block.txs;
    return OK;
}

/* The id of an event's transaction, or NULL. */
static const uint8_t *walk_tx(struct walk *w, int64_t index)
{
    if (index < 0)
        return NULL;
    if (index < w->tx_index) {
        w->txs = w->block.txs;
        w->tx_index = -1;
    }
    struct span tx = { NULL, 0 };
    bool moved = false;
    while (w->tx_index < index && block_next_tx(&tx, &w->txs)) {
        w->tx_index++;
        moved = true;
    }
    if (moved)
        tx_id(w->id, tx);
    return w->id;
}

/* GET /v1/events?format=json */
static void events_list(struct chain_api_call *call, uint64_t from)
{
    uint64_t limit = chain_api_param_u64(call, "limit", CHAIN_API_EVENTS_MAX);
    if (limit < 1 || limit > CHAIN_API_EVENTS_MAX)
        chain_api_refuse(call, 400, "limit", "must be from 1 to 2000", "");
    if (call->failed)
        return;
    json_out_object(&call->j);
    json_out_key(&call->j, "items");
    json_out_array(&call->j);
    uint64_t count = 0, height = from == 0 ? 1 : from;
    for (; height <= call->src->height && count < limit; height++) {
        struct walk w;
        struct block_event event;
        enum err e = walk_begin(&w, call->src, height);
        if (e != OK) {
            chain_api_broken(call, e);
            return;
        }
        while (block_next_event(&event, &w.events)) {
            event_value(&call->j, w.at, &event, walk_tx(&w, event.tx));
            w.at.number++;
            count++;
        }
    }
    json_out_array_end(&call->j);
    json_out_member_u64(&call->j, "next", height);
    json_out_object_end(&call->j);
}

/* "HEIGHT.NUMBER" of the last event that was seen: go on behind it. */
static bool position_parse(struct chain_api_position *out, struct span text)
{
    char buf[48];
    if (text.n == 0 || text.n >= sizeof(buf))
        return false;
    memcpy(buf, text.p, text.n);
    buf[text.n] = '\0';
    char *dot = strchr(buf, '.');
    struct amount height, number;
    if (dot == NULL)
        return false;
    *dot = '\0';
    if (amount_parse_units(&height, buf) != OK || amount_parse_units(&number, dot + 1) != OK ||
        height.units > UINT32_MAX * (u128)UINT32_MAX || number.units >= UINT32_MAX)
        return false;
    *out = (struct chain_api_position){ .height = (uint64_t)height.units,
                                        .number = (uint32_t)number.units + 1 };
    return true;
}

static void events(struct chain_api_call *call)
{
    const char *format = chain_api_param(call, "format");
    uint64_t from = chain_api_param_u64(call, "from", call->src->height + 1);
    if (format != NULL && strcmp(format, "json") != 0 && strcmp(format, "sse") != 0)
        chain_api_refuse(call, 400, "format", "must be json or sse", "");
    if (call->failed)
        return;
    if (format != NULL && strcmp(format, "json") == 0) {
        events_list(call, from);
        return;
    }
    struct chain_api_position at = { .height = from == 0 ? 1 : from };
    if (call->rq->last_event_id.n != 0 && !position_parse(&at, call->rq->last_event_id)) {
        chain_api_refuse(call, 400, "Last-Event-ID", "not HEIGHT.NUMBER",
                         "use the id of the last event");
        return;
    }
    if (at.height == 0)
        at = (struct chain_api_position){ .height = 1 }; /* there is no block 0 */
    call->plan->kind = CHAIN_API_STREAM;
    call->plan->content_type = "text/event-stream";
    call->plan->position = at;
}

static void stream_text(struct writer *w, const char *text)
{
    write_bytes(w, text, strlen(text));
}

static void stream_number(struct writer *w, uint64_t v)
{
    char text[AMOUNT_TEXT_MAX];
    amount_format_units(text, AMOUNT_OF(v));
    stream_text(w, text);
}

static void stream_head(struct writer *w, struct chain_api_position at, struct span type)
{
    stream_text(w, "id: ");
    stream_number(w, at.height);
    stream_text(w, ".");
    stream_number(w, at.number);
    stream_text(w, "\nevent: ");
    write_span(w, type);
    stream_text(w, "\ndata: ");
}

static void stream_block_end(struct writer *w, const struct walk *walk)
{
    struct json_out j = json_out_to(w);
    stream_head(w, walk->at, span_str("block"));
    json_out_object(&j);
    block_members(&j, &walk->block, &walk->result);
    json_out_object_end(&j);
    stream_text(w, "\n\n");
}

/* Writes the rest of one block. ERR_LIMIT: w is full; *position says how far it came. */
static enum err stream_block(struct writer *w, struct chain_api_position *position,
                             const struct chain_api_source *src)
{
    struct walk walk;
    struct block_event event;
    TRY(walk_begin(&walk, src, position->height));
    for (;;) {
        bool more = block_next_event(&event, &walk.events);
        size_t len = w->len;
        if (walk.at.number >= position->number) {
            if (more) {
                struct json_out j = json_out_to(w);
                stream_head(w, walk.at, event.type);
                event_value(&j, walk.at, &event, walk_tx(&walk, event.tx));
                stream_text(w, "\n\n");
            } else {
                stream_block_end(w, &walk);
            }
        }
        if (w->err != OK) {
            w->len = len;
            w->err = OK;
            position->number = walk.at.number;
            return ERR_LIMIT;
        }
        if (!more)
            break;
        walk.at.number++;
    }
    *position = (struct chain_api_position){ .height = position->height + 1 };
    return OK;
}

enum err chain_api_stream(struct writer *w, struct chain_api_position *position,
                          const struct chain_api_source *src)
{
    while (position->height <= src->height) {
        size_t before = w->len;
        enum err e = stream_block(w, position, src);
        if (e == ERR_LIMIT && (w->len != 0 || before != 0))
            return OK;
        TRY(e);
    }
    return OK;
}

/* ---- /v1/tx/{hash}
 * --------------------------------------------------------------------------------------- */

struct tx_place {
    uint64_t height;
    uint32_t index;
};

static enum err tx_find(const struct chain_api_source *src, struct tx_place *out,
                        const uint8_t id[32])
{
    struct span v;
    TRY(kv_get(&src->txs, &v, span_of(id, 32)));
    if (v.n != 12)
        return ERR_CORRUPT;
    *out = (struct tx_place){ load_be64(v.p), load_be32(v.p + 8) };
    return OK;
}

static void tx_events(struct json_out *j, struct walk *w, uint32_t index)
{
    struct block_event event;
    json_out_key(j, "events");
    json_out_array(j);
    while (block_next_event(&event, &w->events)) {
        if (event.tx == (int64_t)index)
            event_value(j, w->at, &event, walk_tx(w, event.tx));
        w->at.number++;
    }
    json_out_array_end(j);
}

static enum err tx_done(struct json_out *j, const struct chain_api_source *src,
                        const uint8_t id[32], struct tx_place at, bool with_bytes)
{
    struct walk w;
    TRY(walk_begin(&w, src, at.height));
    struct span tx = { NULL, 0 }, txs = w.block.txs, results = w.result.txs;
    struct block_tx_result result = { 0 };
    for (uint32_t i = 0; i <= at.index; i++)
        if (!block_next_tx(&tx, &txs) || !block_next_result(&result, &results))
            return ERR_CORRUPT;
    struct content_key key = { .codec = CID_CODEC_DAG_CBOR };
    memcpy(key.digest, id, 32);
    const struct cid cid = cid_of_key(&key);
    char text[CID_TEXT_MAX];
    cid_format(text, &cid);
    json_out_object(j);
    chain_api_member_hash(j, "hash", id);
    json_out_member_str(j, "cid", text);
    json_out_member_str(j, "state", "done");
    tx_result_members(j, &result);
    json_out_member_u64(j, "height", at.height);
    json_out_member_u64(j, "index", at.index);
    tx_type_members(j, tx);
    if (with_bytes) {
        json_out_key(j, "bytes");
        json_out_hex(j, tx);
    }
    tx_events(j, &w, at.index);
    json_out_object_end(j);
    return OK;
}

static void tx_waiting(struct json_out *j, const uint8_t id[32], const char *state, uint32_t code)
{
    json_out_object(j);
    chain_api_member_hash(j, "hash", id);
    json_out_member_str(j, "state", state);
    json_out_member_u64(j, "code", code);
    json_out_member_str(j, "name", result_name(code));
    json_out_member_str(j, "log", code == 0 ? "waits for a block" : result_text(code));
    json_out_object_end(j);
}

static void tx_one(struct chain_api_call *call)
{
    uint8_t id[32];
    uint32_t code;
    struct tx_place at;
    bool with_bytes = chain_api_param_u64(call, "bytes", 0) != 0;
    if (call->failed || !chain_api_hash(call, id, "hash", call->segments[0]))
        return;
    enum err e = tx_find(call->src, &at, id);
    if (e == OK)
        e = tx_done(&call->j, call->src, id, at, with_bytes);
    else if (e == ERR_NOT_FOUND) {
        switch (call->src->pool.look(call->src->pool.ctx, &code, id)) {
        case CHAIN_API_POOL_PENDING:
            tx_waiting(&call->j, id, "pending", 0);
            return;
        case CHAIN_API_POOL_DROPPED:
            tx_waiting(&call->j, id, "dropped", code);
            return;
        case CHAIN_API_POOL_ABSENT:
            chain_api_refuse(call, 404, "hash", "no such transaction is known here", "");
            return;
        }
    }
    if (e != OK)
        chain_api_broken(call, e);
}

bool chain_api_known(struct chain_api_plan *out, struct writer *w,
                     const struct chain_api_source *src, const uint8_t id[32])
{
    struct tx_place at;
    if (tx_find(src, &at, id) != OK)
        return false;
    *w = writer_of(w->p, w->n);
    struct json_out j = json_out_to(w);
    *out = (struct chain_api_plan){ .kind = CHAIN_API_BODY,
                                    .status = 200,
                                    .content_type = "application/json" };
    return tx_done(&j, src, id, at, false) == OK && w->err == OK;
}

const struct chain_api_handler chain_api_handlers_ledger[] = {
    { "GET /v1/status", { NULL }, status },
    { "GET /v1/params", { NULL }, params },
    { "GET /v1/price", { "size", "replicas", NULL }, price },
    { "GET /v1/beacon/{slot}", { NULL }, beacon },
    { "GET /v1/blocks", { "from", "limit", NULL }, blocks },
    { "GET /v1/blocks/{height}", { NULL }, block_one },
    { "GET /v1/tx/{hash}", { "bytes", NULL }, tx_one },
    { "GET /v1/events", { "from", "format", "limit", NULL }, events },
    { NULL, { NULL }, NULL },
};
