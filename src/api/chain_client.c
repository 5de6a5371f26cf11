#include "api/chain_client.h"

#include "api/chain_client_read.h"
#include "codec/ss58.h"

/* ---- paths
 * ----------------------------------------------------------------------------------------- */

void chain_client_text(char *out, size_t size, const char *text)
{
    size_t n = strlen(text);
    if (n >= size)
        n = size - 1;
    memcpy(out, text, n);
    out[n] = '\0';
}

struct chain_client_path chain_client_path_of(const char *start)
{
    struct chain_client_path p = { .sep = '?' };
    chain_client_path_add(&p, start);
    return p;
}

void chain_client_path_add(struct chain_client_path *p, const char *text)
{
    size_t n = strlen(text);
    /* All parts are bounded, and so is their sum. */
    ASSERT(n < sizeof(p->text) - p->n);
    memcpy(p->text + p->n, text, n + 1);
    p->n += n;
}

void chain_client_path_u64(struct chain_client_path *p, uint64_t v)
{
    char text[AMOUNT_TEXT_MAX];
    amount_format_units(text, AMOUNT_OF(v));
    chain_client_path_add(p, text);
}

void chain_client_path_hash(struct chain_client_path *p, const uint8_t hash[32])
{
    char text[65];
    hex_format(text, span_of(hash, 32));
    chain_client_path_add(p, text);
}

void chain_client_path_param(struct chain_client_path *p, const char *name)
{
    const char sep[2] = { p->sep, '\0' };
    chain_client_path_add(p, sep);
    chain_client_path_add(p, name);
    chain_client_path_add(p, "=");
    p->sep = '&';
}

void chain_client_path_end(char out[CHAIN_CLIENT_PATH_MAX], const struct chain_client_path *p)
{
    memcpy(out, p->text, p->n + 1);
}

void chain_client_path_account(struct chain_client_path *p, const uint8_t account[32])
{
    char text[SS58_TEXT_MAX];
    ss58_format(text, account);
    chain_client_path_add(p, text);
}

/* Cursors are hexadecimal digits, so nothing needs escaping; another text is left out. */
static void path_page(struct chain_client_path *p, const char *cursor, uint32_t limit)
{
    size_t n = strlen(cursor);
    if (n != 0 && n < CHAIN_CLIENT_CURSOR_MAX && strspn(cursor, "0123456789abcdef") == n) {
        chain_client_path_param(p, "after");
        chain_client_path_add(p, cursor);
    }
    if (limit != 0) {
        chain_client_path_param(p, "limit");
        chain_client_path_u64(p, limit);
    }
}

void chain_client_account_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t account[32])
{
    struct chain_client_path p = chain_client_path_of("/v1/accounts/");
    chain_client_path_account(&p, account);
    chain_client_path_end(out, &p);
}

void chain_client_order_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t id[32])
{
    struct chain_client_path p = chain_client_path_of("/v1/orders/");
    chain_client_path_hash(&p, id);
    chain_client_path_end(out, &p);
}

void chain_client_order_holders_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t id[32],
                                     const uint8_t after[32])
{
    struct chain_client_path p = chain_client_path_of("/v1/orders/");
    chain_client_path_hash(&p, id);
    chain_client_path_param(&p, "after");
    chain_client_path_hash(&p, after);
    chain_client_path_end(out, &p);
}

void chain_client_order_holder_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t id[32],
                                    const uint8_t lineage[32])
{
    uint8_t after[32];
    memcpy(after, lineage, 32);
    for (size_t i = 32; i-- > 0 && after[i]-- == 0;)
        ; /* the number before it */
    chain_client_order_holders_path(out, id, after);
}

void chain_client_orders_of_key_path(char out[CHAIN_CLIENT_PATH_MAX], const struct content_key *key)
{
    struct chain_client_path p = chain_client_path_of("/v1/orders/");
    const struct cid cid = cid_of_key(key);
    char text[CID_TEXT_MAX];
    cid_format(text, &cid);
    chain_client_path_add(&p, text);
    chain_client_path_end(out, &p);
}

void chain_client_account_orders_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t account[32],
                                      const char *cursor, uint32_t limit)
{
    struct chain_client_path p = chain_client_path_of("/v1/accounts/");
    chain_client_path_account(&p, account);
    chain_client_path_add(&p, "/orders");
    path_page(&p, cursor, limit);
    chain_client_path_end(out, &p);
}

void chain_client_orders_path(char out[CHAIN_CLIENT_PATH_MAX], enum chain_client_order_state state,
                              const char *cursor, uint32_t limit)
{
    static const char *const names[] = { "open", "live", "expired" };
    struct chain_client_path p = chain_client_path_of("/v1/orders");
    chain_client_path_param(&p, "state");
    chain_client_path_add(&p, names[state]);
    path_page(&p, cursor, limit);
    chain_client_path_end(out, &p);
}

void chain_client_worker_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t worker[32])
{
    struct chain_client_path p = chain_client_path_of("/v1/workers/");
    chain_client_path_hash(&p, worker);
    chain_client_path_end(out, &p);
}

void chain_client_workers_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t account[32])
{
    struct chain_client_path p = chain_client_path_of("/v1/workers");
    chain_client_path_param(&p, "account");
    chain_client_path_account(&p, account);
    chain_client_path_end(out, &p);
}

void chain_client_work_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t worker[32])
{
    struct chain_client_path p = chain_client_path_of("/v1/workers/");
    chain_client_path_hash(&p, worker);
    chain_client_path_add(&p, "/work");
    chain_client_path_end(out, &p);
}

/* ---- members
 * ---------------------------------------------------------------------------------------- */

void chain_client_read_text(struct json_value object, const char *name, char *out, size_t size)
{
    const char *text = json_text(json_get(object, name));
    if (strlen(text) >= size)
        json_fail(object, ERR_LIMIT, "a text is too long");
    else
        memcpy(out, text, strlen(text) + 1);
}

uint64_t chain_client_read_u64(struct json_value object, const char *name)
{
    return json_u64(json_get(object, name), UINT64_MAX);
}

uint32_t chain_client_read_u32(struct json_value object, const char *name)
{
    return (uint32_t)json_u64(json_get(object, name), UINT32_MAX);
}

static uint16_t read_mask(struct json_value object, const char *name)
{
    return (uint16_t)json_u64(json_get(object, name), UINT16_MAX);
}

bool chain_client_read_bool(struct json_value object, const char *name)
{
    return json_bool(json_get(object, name));
}

struct amount chain_client_read_amount(struct json_value object, const char *name)
{
    return json_amount(json_get(object, name));
}

void chain_client_read_hash(struct json_value object, const char *name, uint8_t out[32])
{
    json_hex(json_get(object, name), out, 32);
}

void chain_client_read_account(struct json_value object, const char *name, uint8_t out[32])
{
    struct json_value v = json_get(object, name);
    const char *text = json_text(v);
    memset(out, 0, 32);
    if (v.doc->err == OK && ss58_parse(out, span_str(text)) != OK)
        json_fail(v, ERR_FORMAT, "not an address");
}

/* ---- decoders
 * ----------------------------------------------------------------------------------------- */

static void read_error(struct chain_client_error *out, struct json_value root)
{
    struct json_value e = json_get(root, "error");
    chain_client_read_text(e, "code", out->code, sizeof(out->code));
    chain_client_text(out->field, sizeof(out->field), json_text(json_get(e, "field")));
    chain_client_text(out->reason, sizeof(out->reason), json_text(json_get(e, "reason")));
    chain_client_text(out->next, sizeof(out->next), json_text(json_get(e, "next")));
}

enum err chain_client_decode_error(struct chain_client_error *out, struct span body)
{
    CHAIN_CLIENT_DECODE(out, body, read_error(out, json_root(&doc)));
}

static void read_status(struct chain_client_status *out, struct json_value r)
{
    chain_client_read_text(r, "chain_id", out->chain_id, sizeof(out->chain_id));
    chain_client_read_hash(r, "chain", out->chain);
    chain_client_read_hash(r, "genesis", out->genesis);
    out->height = chain_client_read_u64(r, "height");
    out->time_ms = chain_client_read_u64(r, "time_ms");
    chain_client_read_hash(r, "block_hash", out->block_hash);
    chain_client_read_hash(r, "app_hash", out->app_hash);
    out->slot = chain_client_read_u64(r, "slot");
    out->slot_offset = chain_client_read_u32(r, "slot_offset");
    out->slot_blocks = chain_client_read_u32(r, "slot_blocks");
    out->report_blocks = chain_client_read_u32(r, "report_blocks");
    out->block_ms = chain_client_read_u32(r, "block_ms");
    chain_client_read_hash(r, "beacon", out->beacon);
    out->beacon_weak = chain_client_read_bool(r, "beacon_weak");
    out->allow_software = chain_client_read_bool(r, "allow_software");
    out->mempool_txs = chain_client_read_u64(r, "mempool_txs");
}

enum err chain_client_decode_status(struct chain_client_status *out, struct span body)
{
    CHAIN_CLIENT_DECODE(out, body, read_status(out, json_root(&doc)));
}

/* At most four texts of CHAIN_CLIENT_ORIGIN_MAX with their NUL; returns their number. */
static uint32_t read_texts(char out[4][CHAIN_CLIENT_ORIGIN_MAX], struct json_value list)
{
    uint32_t count = 0;
    if (json_count(list) > 4)
        json_fail(list, ERR_LIMIT, "more than four");
    for (size_t i = 0; i < json_count(list) && list.doc->err == OK; i++)
        chain_client_text(out[count++], CHAIN_CLIENT_ORIGIN_MAX, json_text(json_at(list, i)));
    return count;
}

static void read_account(struct chain_client_account *out, struct json_value r)
{
    chain_client_read_account(r, "address", out->id);
    chain_client_read_account(r, "owner", out->owner);
    out->exists = chain_client_read_bool(r, "exists");
    out->nonce = chain_client_read_u64(r, "nonce");
    out->nonce_next = chain_client_read_u64(r, "nonce_next");
    out->free = chain_client_read_amount(r, "free");
    out->usable = chain_client_read_amount(r, "usable");
    out->reward = chain_client_read_amount(r, "reward");
    out->url_count = read_texts(out->urls, json_get(r, "urls"));
    struct json_value waiver = json_get(r, "waiver");
    out->waiver_quota = chain_client_read_amount(waiver, "quota");
    out->waiver_used = chain_client_read_amount(waiver, "used");
    struct json_value held = json_get(r, "held");
    struct amount *const parts[] = { &out->held_worker, &out->held_merchant, &out->held_bond,
                                     &out->held_stake, &out->held_deposit };
    static const char *const names[] = { "worker", "merchant", "bond", "stake", "deposit" };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        *parts[i] = chain_client_read_amount(held, names[i]);
        out->held = amount_sat_add(out->held, *parts[i]);
    }
}

enum err chain_client_decode_account(struct chain_client_account *out, struct span body)
{
    CHAIN_CLIENT_DECODE(out, body, read_account(out, json_root(&doc)));
}

static void read_holder(struct chain_client_holder *out, struct json_value v)
{
    chain_client_read_hash(v, "lineage", out->lineage);
    chain_client_read_account(v, "account", out->account);
    chain_client_read_account(v, "owner", out->owner);
    out->volume = (uint8_t)json_u64(json_get(v, "volume"), WORK_VOLUMES - 1);
    out->index = chain_client_read_u32(v, "index");
    out->verified = chain_client_read_bool(v, "verified");
    out->paid = chain_client_read_bool(v, "paid");
    out->created_at = chain_client_read_u64(v, "created_at");
    out->earned = chain_client_read_amount(v, "earned");
    out->url_count = read_texts(out->urls, json_get(v, "urls"));
}

static void read_order_content(struct chain_client_order *out, struct json_value v)
{
    chain_client_read_hash(v, "id", out->id);
    out->key.codec = chain_client_read_u32(v, "codec");
    chain_client_read_hash(v, "digest", out->key.digest);
    out->size = chain_client_read_u64(v, "size");
    struct json_value root = json_get(v, "data_root");
    out->has_data_root = json_kind(root) == JSON_KIND_TEXT;
    if (out->has_data_root)
        json_hex(root, out->data_root, 32);
    out->origin_count = read_texts(out->origins, json_get(v, "origins"));
}

static void read_order(void *order, struct json_value v)
{
    struct chain_client_order *out = order;
    read_order_content(out, v);
    const char *state = json_text(json_get(v, "state"));
    out->state = strcmp(state, "open") == 0   ? CHAIN_CLIENT_OPEN
                 : strcmp(state, "live") == 0 ? CHAIN_CLIENT_LIVE
                                              : CHAIN_CLIENT_EXPIRED;
    out->disputed = chain_client_read_bool(v, "disputed");
    chain_client_read_account(v, "owner", out->owner);
    out->placed_at = chain_client_read_u64(v, "placed_at");
    out->refund_at = chain_client_read_u64(v, "refund_at");
    out->expires_at = chain_client_read_u64(v, "expires_at");
    out->replicas_wanted = chain_client_read_u32(v, "replicas_wanted");
    out->replicas = chain_client_read_u32(v, "replicas");
    out->replicas_all = chain_client_read_u32(v, "replicas_all");
    out->amount = chain_client_read_amount(v, "amount");
    out->prepaid = chain_client_read_amount(v, "prepaid");
    out->rate = chain_client_read_amount(v, "rate");
    struct json_value holders = json_find(v, "holders");
    for (size_t i = 0; i < json_count(holders) && i < CHAIN_CLIENT_HOLDERS_MAX; i++)
        read_holder(&out->holders[out->holder_count++], json_at(holders, i));
    struct json_value next = json_find(v, "holders_next");
    out->more_holders = json_kind(next) == JSON_KIND_TEXT;
}

enum err chain_client_decode_order(struct chain_client_order *out, struct span body)
{
    CHAIN_CLIENT_DECODE(out, body, read_order(out, json_root(&doc)));
}

/* A list: max items of size bytes each, and how one is read. */
struct list {
    void *items;
    size_t max, size;
    void (*read)(void *item, struct json_value v);
};

static void read_page(struct chain_client_page *out, const struct list *list,
                      struct json_value root)
{
    struct json_value items = json_get(root, "items"), next = json_get(root, "next");
    out->count = json_count(items);
    if (out->count > list->max)
        json_fail(items, ERR_LIMIT, "more entries than there is room for");
    if (json_kind(next) == JSON_KIND_TEXT)
        chain_client_read_text(root, "next", out->cursor, sizeof(out->cursor));
    for (size_t i = 0; i < out->count && root.doc->err == OK; i++) {
        uint8_t *item = (uint8_t *)list->items + i * list->size;
        memset(item, 0, list->size);
        list->read(item, json_at(items, i));
    }
}

enum err chain_client_decode_orders(struct chain_client_page *page,
                                    struct chain_client_order *orders, size_t max, struct span body)
{
    const struct list list = { orders, max, sizeof(*orders), read_order };
    CHAIN_CLIENT_DECODE(page, body, read_page(page, &list, json_root(&doc)));
}

/* Nodes from before hardware evidence do not say it. */
static void read_standing(struct chain_client_worker *out, struct json_value v)
{
    if (json_kind(json_find(v, "class")) == JSON_KIND_NONE)
        return;
    chain_client_read_text(v, "class", out->class, sizeof(out->class));
    chain_client_read_text(v, "status", out->status, sizeof(out->status));
    out->lapsed = chain_client_read_bool(v, "lapsed");
    out->weight = chain_client_read_u32(v, "weight");
    out->attested_at = chain_client_read_u64(v, "attested_at");
    out->evidence_block = chain_client_read_u64(v, "evidence_block");
    out->expires_at = chain_client_read_u64(v, "expires_at");
}

static void read_worker(void *worker, struct json_value v)
{
    struct chain_client_worker *out = worker;
    chain_client_read_hash(v, "worker", out->worker);
    chain_client_read_hash(v, "lineage", out->lineage);
    chain_client_read_account(v, "account", out->account);
    chain_client_read_text(v, "provider", out->provider, sizeof(out->provider));
    out->faulted = chain_client_read_bool(v, "faulted");
    out->absent = chain_client_read_bool(v, "absent");
    out->suspended = read_mask(v, "suspended");
    out->deposit = chain_client_read_amount(v, "deposit");
    out->debt = chain_client_read_amount(v, "debt");
    out->rate = chain_client_read_amount(v, "rate");
    chain_client_read_hash(v, "state", out->state);
    out->seq = chain_client_read_u64(v, "seq");
    out->report_slot = chain_client_read_u64(v, "report_slot");
    out->next_slot = chain_client_read_u64(v, "next_slot");
    out->power = chain_client_read_u64(v, "power");
    out->file_bytes = chain_client_read_u64(v, "file_bytes");
    out->srd_bytes = chain_client_read_u64(v, "srd_bytes");
    read_standing(out, v);
}

enum err chain_client_decode_worker(struct chain_client_worker *out, struct span body)
{
    CHAIN_CLIENT_DECODE(out, body, read_worker(out, json_root(&doc)));
}

enum err chain_client_decode_workers(struct chain_client_page *page,
                                     struct chain_client_worker *workers, size_t max,
                                     struct span body)
{
    const struct list list = { workers, max, sizeof(*workers), read_worker };
    CHAIN_CLIENT_DECODE(page, body, read_page(page, &list, json_root(&doc)));
}

static void read_due(struct chain_client_due *out, struct json_value v)
{
    out->slot = chain_client_read_u64(v, "slot");
    chain_client_read_hash(v, "beacon", out->beacon);
    out->weak = chain_client_read_bool(v, "weak");
    if (json_kind(json_find(v, "volume")) != JSON_KIND_NONE)
        out->volume = (uint8_t)json_u64(json_get(v, "volume"), WORK_VOLUMES - 1);
    struct json_value draws = json_get(v, "draws");
    if (json_count(draws) > DRAW_LIST_MAX)
        json_fail(draws, ERR_LIMIT, "too many");
    for (size_t i = 0; i < json_count(draws) && v.doc->err == OK; i++) {
        struct json_value one = json_at(draws, i);
        struct draw *d = &out->draws.draws[out->draws.count++];
        d->kind = (enum report_answer_kind)json_u64(json_get(one, "kind"), 3);
        d->j = chain_client_read_u32(one, "j");
        d->place.volume = (uint8_t)json_u64(json_get(one, "volume"), WORK_VOLUMES - 1);
        d->place.srd = chain_client_read_bool(one, "srd");
        d->place.offset = chain_client_read_u64(one, "offset");
    }
}

static void read_dues(struct chain_client_due *out, uint32_t *count, size_t max,
                      struct json_value list)
{
    if (json_count(list) > max)
        json_fail(list, ERR_LIMIT, "too many");
    for (size_t i = 0; i < json_count(list) && list.doc->err == OK; i++)
        read_due(&out[(*count)++], json_at(list, i));
}

static void read_work(struct chain_client_work *out, struct json_value r)
{
    uint8_t encoded[WORK_STATE_SIZE];
    out->height = chain_client_read_u64(r, "height");
    out->slot = chain_client_read_u64(r, "slot");
    chain_client_read_hash(r, "beacon", out->beacon);
    out->beacon_weak = chain_client_read_bool(r, "beacon_weak");
    out->window_open = chain_client_read_bool(r, "window_open");
    out->first_report = chain_client_read_bool(r, "first_report");
    out->reports = chain_client_read_u32(r, "reports");
    chain_client_read_account(r, "account", out->account);
    chain_client_read_hash(r, "lineage", out->lineage);
    chain_client_read_hash(r, "state", out->state);
    struct json_value volumes = json_get(r, "volumes");
    json_hex(volumes, encoded, sizeof(encoded));
    if (r.doc->err == OK &&
        work_state_decode(&out->volumes, span_of(encoded, sizeof(encoded))) != OK)
        json_fail(volumes, ERR_FORMAT, "not a worker's state");
    out->suspended = read_mask(r, "suspended");
    out->returning = read_mask(r, "returning");
    read_dues(out->due, &out->due_count, REPORT_ENTRIES_MAX, json_get(r, "due"));
    read_dues(out->returns, &out->return_count, WORK_VOLUMES, json_get(r, "returns"));
}

enum err chain_client_decode_work(struct chain_client_work *out, struct span body)
{
    CHAIN_CLIENT_DECODE(out, body, read_work(out, json_root(&doc)));
}
