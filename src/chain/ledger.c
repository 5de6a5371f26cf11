#include "chain/ledger.h"

#include "base/hex.h"
#include "codec/ss58.h"

void ledger_event_begin(struct ledger_event *ev, const char *type)
{
    ev->type = type;
    ev->attr_count = 0;
}

static char *attr(struct ledger_event *ev, const char *key)
{
    ASSERT(ev->attr_count < LEDGER_EVENT_ATTRS_MAX);
    ev->attrs[ev->attr_count].key = key;
    return ev->attrs[ev->attr_count++].value;
}

void ledger_event_text(struct ledger_event *ev, const char *key, struct span text)
{
    char *out = attr(ev, key);
    ASSERT(text.n < LEDGER_EVENT_VALUE_MAX);
    if (text.n != 0)
        memcpy(out, text.p, text.n);
    out[text.n] = '\0';
}

void ledger_event_hex(struct ledger_event *ev, const char *key, struct span bytes)
{
    char *out = attr(ev, key);
    ASSERT(2 * bytes.n < LEDGER_EVENT_VALUE_MAX);
    hex_format(out, bytes);
}

void ledger_event_account(struct ledger_event *ev, const char *key, const uint8_t account[32])
{
    ss58_format(attr(ev, key), account);
}

void ledger_event_amount(struct ledger_event *ev, const char *key, struct amount a)
{
    amount_format_units(attr(ev, key), a);
}

void ledger_event_uint(struct ledger_event *ev, const char *key, uint64_t v)
{
    ledger_event_amount(ev, key, AMOUNT_OF(v));
}

void ledger_event_end(struct ledger *l, const struct ledger_event *ev)
{
    if (l->emit != NULL)
        l->emit(l->emit_ctx, ev);
}

/* ---- the queue of due entries: 'q' | height u64 | kind | key, in the index ---- */

enum { QUEUE_HEAD = 1 + 8 + 1 };

static size_t queue_key(uint8_t out[STATE_KEY_MAX], uint64_t height, enum ledger_due kind,
                        struct span key)
{
    ASSERT(key.n <= STATE_KEY_MAX - QUEUE_HEAD);
    out[0] = 'q';
    store_be64(out + 1, height);
    out[9] = (uint8_t)kind;
    if (key.n != 0)
        memcpy(out + QUEUE_HEAD, key.p, key.n);
    return QUEUE_HEAD + key.n;
}

void ledger_queue_put(struct ledger *l, uint64_t height, enum ledger_due kind, struct span key)
{
    uint8_t k[STATE_KEY_MAX];
    size_t n = queue_key(k, height, kind, key);
    state_put(l->st, STATE_INDEX, span_of(k, n), (struct span){ NULL, 0 });
}

void ledger_queue_del(struct ledger *l, uint64_t height, enum ledger_due kind, struct span key)
{
    uint8_t k[STATE_KEY_MAX];
    size_t n = queue_key(k, height, kind, key);
    state_del(l->st, STATE_INDEX, span_of(k, n));
}

bool ledger_queue_has(struct ledger *l, uint64_t height, enum ledger_due kind, struct span key)
{
    uint8_t k[STATE_KEY_MAX];
    size_t n = queue_key(k, height, kind, key);
    return state_has(l->st, STATE_INDEX, span_of(k, n));
}

bool ledger_queue_pop(struct ledger *l, enum ledger_due *kind, uint8_t *key_out, size_t *key_size)
{
    const uint8_t prefix[1] = { 'q' };
    struct span key, value;
    struct state_range range = { .store = STATE_INDEX, .prefix = span_of(prefix, 1) };
    if (!state_next(l->st, &key, &value, range, range.prefix, false))
        return false;
    ASSERT(key.n >= QUEUE_HEAD && key.n <= STATE_KEY_MAX);
    if (load_be64(key.p + 1) > l->height)
        return false;
    uint8_t copy[STATE_KEY_MAX];
    size_t n = key.n;
    memcpy(copy, key.p, n);
    *kind = (enum ledger_due)copy[9];
    *key_size = n - QUEUE_HEAD;
    memcpy(key_out, copy + QUEUE_HEAD, *key_size);
    state_del(l->st, STATE_INDEX, span_of(copy, n));
    return true;
}

/* ---- block hashes: 'h' | height u64, in meta ---- */

bool ledger_block_hash(struct ledger *l, uint8_t out[32], uint64_t height)
{
    uint8_t key[9] = { 'h' };
    store_be64(key + 1, height);
    struct span value;
    memset(out, 0, 32);
    if (!state_get(l->st, &value, STATE_META, span_of(key, sizeof(key))) || value.n != 32)
        return false;
    memcpy(out, value.p, 32);
    return true;
}

void ledger_block_hash_put(struct ledger *l, const uint8_t hash[32])
{
    uint8_t key[9] = { 'h' };
    store_be64(key + 1, l->height);
    state_put(l->st, STATE_META, span_of(key, sizeof(key)), span_of(hash, 32));
    if (l->height > l->params->evidence_max_age_blocks) {
        store_be64(key + 1, l->height - l->params->evidence_max_age_blocks - 1);
        state_del(l->st, STATE_META, span_of(key, sizeof(key)));
    }
}
