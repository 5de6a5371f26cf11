#include "chain/market_store.h"

#include "codec/cbor.h"
#include "crypto/sha256.h"

/* Keys: a letter and up to two ids. */
struct key {
    uint8_t bytes[1 + 64 + 8];
    size_t n;
};

static struct key key_of(uint8_t letter, const uint8_t *first, const uint8_t *second)
{
    struct key k = { .bytes = { letter }, .n = 1 };
    if (first != NULL) {
        memcpy(k.bytes + k.n, first, 32);
        k.n += 32;
    }
    if (second != NULL) {
        memcpy(k.bytes + k.n, second, 32);
        k.n += 32;
    }
    return k;
}

static struct span key_span(const struct key *k)
{
    return span_of(k->bytes, k->n);
}

void market_order_id(uint8_t out[32], const struct content_key *key, uint64_t size,
                     const uint8_t *data_root)
{
    static const uint8_t none[32] = { 0 };
    uint8_t codec[4], length[8];
    store_le32(codec, key->codec);
    store_le64(length, size);
    const struct span parts[] = {
        span_of(codec, sizeof(codec)),
        span_of(key->digest, sizeof(key->digest)),
        span_of(length, sizeof(length)),
        span_of(data_root != NULL ? data_root : none, 32),
    };
    sha256_tagged(out, "crust/order/1", parts, sizeof(parts) / sizeof(parts[0]));
}

/* ---- orders ---------------------------------------------------------------------------------- */

enum { ORDER_FIELDS = 24 };

static void order_encode(struct writer *w, const struct market_order *o)
{
    cbor_write_array(w, ORDER_FIELDS);
    cbor_write_uint(w, o->key.codec);
    cbor_write_bytes(w, span_of(o->key.digest, 32));
    cbor_write_uint(w, o->size);
    cbor_write_bytes(w, span_of(o->data_root, o->has_data_root ? 32 : 0));
    cbor_write_bool(w, o->disputed);
    cbor_write_bytes(w, span_of(o->owner, 32));
    cbor_write_uint(w, o->placed_at);
    cbor_write_uint(w, o->refund_at);
    cbor_write_uint(w, o->calculated_at);
    cbor_write_uint(w, o->expired_at);
    cbor_write_uint(w, o->replicas_wanted);
    cbor_write_uint(w, o->replicas);
    cbor_write_uint(w, o->replicas_paid);
    cbor_write_uint(w, o->replicas_all);
    cbor_write_uint(w, o->payers);
    cbor_write_amount(w, o->amount);
    cbor_write_amount(w, o->prepaid);
    cbor_write_amount(w, o->escrow_staking);
    cbor_write_amount(w, o->escrow_reserved);
    cbor_write_amount(w, o->income);
    cbor_write_uint(w, o->shares);
    cbor_write_array(w, o->origin_count);
    for (uint32_t i = 0; i < o->origin_count; i++)
        cbor_write_text(w, span_of(o->origins[i], o->origin_sizes[i]));
    cbor_write_uint(w, 0); /* version of this record */
    cbor_write_null(w);    /* for what a later version adds */
}

static uint32_t read_u32(struct cbor_reader *c)
{
    return (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
}

enum err market_order_decode(struct market_order *o, struct span in)
{
    *o = (struct market_order){ 0 };
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    cbor_read_array_of(&c, ORDER_FIELDS);
    o->key.codec = read_u32(&c);
    cbor_read_bytes_of(&c, o->key.digest, 32);
    o->size = cbor_read_uint(&c);
    struct span root = cbor_read_bytes(&c);
    o->has_data_root = root.n == 32;
    if (o->has_data_root)
        memcpy(o->data_root, root.p, 32);
    o->disputed = cbor_read_bool(&c);
    cbor_read_bytes_of(&c, o->owner, 32);
    o->placed_at = cbor_read_uint(&c);
    o->refund_at = cbor_read_uint(&c);
    o->calculated_at = cbor_read_uint(&c);
    o->expired_at = cbor_read_uint(&c);
    o->replicas_wanted = read_u32(&c);
    o->replicas = read_u32(&c);
    o->replicas_paid = read_u32(&c);
    o->replicas_all = read_u32(&c);
    o->payers = read_u32(&c);
    o->amount = cbor_read_amount(&c);
    o->prepaid = cbor_read_amount(&c);
    o->escrow_staking = cbor_read_amount(&c);
    o->escrow_reserved = cbor_read_amount(&c);
    o->income = cbor_read_amount(&c);
    o->shares = cbor_read_uint(&c);
    size_t count = cbor_read_array(&c);
    cbor_require(&c, count <= TX_ORIGINS_MAX, ERR_LIMIT);
    for (size_t i = 0; i < count && c.r.err == OK; i++) {
        struct span text = cbor_read_text(&c);
        cbor_require(&c, text.n <= TX_ORIGIN_SIZE_MAX, ERR_LIMIT);
        if (c.r.err == OK)
            memcpy(o->origins[i], text.p, text.n);
        o->origin_sizes[i] = (uint32_t)text.n;
    }
    o->origin_count = (uint32_t)count;
    cbor_read_uint_max(&c, 0);
    cbor_read_null(&c);
    if (cbor_finish(&c) != OK)
        *o = (struct market_order){ 0 };
    return c.r.err;
}

void market_order_key(uint8_t out[MARKET_ORDER_KEY_SIZE], const uint8_t id[32])
{
    out[0] = 'o';
    memcpy(out + 1, id, 32);
}

bool market_order(struct ledger *l, struct market_order *out, const uint8_t id[32])
{
    struct key k = key_of('o', id, NULL);
    struct span value;
    *out = (struct market_order){ 0 };
    if (!state_get(l->st, &value, STATE_ORDERS, key_span(&k)))
        return false;
    enum err e = market_order_decode(out, value);
    ASSERT(e == OK); /* we wrote it */
    return true;
}

enum market_order_state market_order_state(const struct ledger *l, const struct market_order *o)
{
    if (o->expired_at == 0)
        return ORDER_OPEN;
    return l->height < o->expired_at ? ORDER_LIVE : ORDER_EXPIRED;
}

/* The index by state knows two: 'o' open, 'l' begun. */
static struct key state_key(const struct market_order *o, const uint8_t id[32])
{
    struct key k = { .bytes = { MARKET_INDEX_STATE, o->expired_at == 0 ? 'o' : 'l' }, .n = 34 };
    memcpy(k.bytes + 2, id, 32);
    return k;
}

static struct key content_index(const struct content_key *key, const uint8_t *id)
{
    struct key k = { .bytes = { MARKET_INDEX_KEY }, .n = 37 };
    store_be32(k.bytes + 1, key->codec);
    memcpy(k.bytes + 5, key->digest, 32);
    if (id != NULL) {
        memcpy(k.bytes + 37, id, 32);
        k.n = 69;
    }
    return k;
}

static void index_put(struct ledger *l, const struct key *k)
{
    state_put(l->st, STATE_INDEX, key_span(k), (struct span){ NULL, 0 });
}

void market_store_order_put(struct ledger *l, const uint8_t id[32], const struct market_order *o)
{
    struct market_order old;
    if (market_order(l, &old, id) && (old.expired_at == 0) != (o->expired_at == 0)) {
        struct key k = state_key(&old, id);
        state_del(l->st, STATE_INDEX, key_span(&k));
        k = state_key(o, id);
        index_put(l, &k);
    }
    uint8_t buf[2048];
    struct writer w = writer_of(buf, sizeof(buf));
    order_encode(&w, o);
    ASSERT(w.err == OK);
    struct key k = key_of('o', id, NULL);
    state_put(l->st, STATE_ORDERS, key_span(&k), writer_span(&w));
}

bool market_store_is_indexed(struct ledger *l, const uint8_t id[32], const struct market_order *o)
{
    struct key k = state_key(o, id);
    struct key c = content_index(&o->key, id);
    return state_has(l->st, STATE_INDEX, key_span(&k)) &&
           state_has(l->st, STATE_INDEX, key_span(&c));
}

void market_store_account_index(struct ledger *l, const uint8_t account[32], const uint8_t id[32])
{
    struct key k = key_of(MARKET_INDEX_ACCOUNT, account, id);
    index_put(l, &k);
}

void market_store_order_new(struct ledger *l, const uint8_t id[32], const struct market_order *o)
{
    market_store_order_put(l, id, o);
    struct key k = state_key(o, id);
    index_put(l, &k);
    k = content_index(&o->key, id);
    index_put(l, &k);
    market_store_account_index(l, o->owner, id);
}

void market_store_order_del(struct ledger *l, const uint8_t id[32], const struct market_order *o)
{
    struct key k = key_of('o', id, NULL);
    state_del(l->st, STATE_ORDERS, key_span(&k));
    k = state_key(o, id);
    state_del(l->st, STATE_INDEX, key_span(&k));
    k = content_index(&o->key, id);
    state_del(l->st, STATE_INDEX, key_span(&k));
    k = key_of(MARKET_INDEX_ACCOUNT, o->owner, id);
    state_del(l->st, STATE_INDEX, key_span(&k));
}

bool market_store_plain(struct ledger *l, uint8_t id[32], const struct content_key *key)
{
    struct key prefix = content_index(key, NULL);
    struct state_range range = { .store = STATE_INDEX, .prefix = key_span(&prefix) };
    struct key from = prefix;
    struct span k, value;
    for (bool after = false; state_next(l->st, &k, &value, range, key_span(&from), after);
         after = true) {
        ASSERT(k.n == 69);
        memcpy(from.bytes, k.p, k.n);
        from.n = k.n;
        struct market_order o;
        if (market_order(l, &o, from.bytes + 37) && !o.has_data_root) {
            memcpy(id, from.bytes + 37, 32);
            return true;
        }
    }
    return false;
}

bool market_find(struct ledger *l, uint8_t id[32], const struct content_key *key, uint64_t size,
                 const uint8_t data_root[32])
{
    struct market_order o;
    market_order_id(id, key, size, data_root);
    if (market_order(l, &o, id))
        return true;
    if (market_store_plain(l, id, key) && market_order(l, &o, id) && o.size >= size)
        return true;
    memset(id, 0, 32);
    return false;
}

/* ---- replicas ---- */

static void replica_decode(struct market_replica *r, struct span in)
{
    *r = (struct market_replica){ 0 };
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    cbor_read_array_of(&c, 13);
    cbor_read_bytes_of(&c, r->account, 32);
    cbor_read_bytes_of(&c, r->owner, 32);
    r->volume = (uint8_t)cbor_read_uint_max(&c, UINT8_MAX);
    r->generation = read_u32(&c);
    r->index = read_u32(&c);
    r->proven = cbor_read_uint(&c);
    r->answered = cbor_read_uint(&c);
    r->created_at = cbor_read_uint(&c);
    r->verified = cbor_read_bool(&c);
    r->paid = cbor_read_bool(&c);
    r->mature = cbor_read_bool(&c);
    r->power = cbor_read_uint(&c);
    r->earned = cbor_read_amount(&c);
    ASSERT(cbor_finish(&c) == OK);
}

bool market_replica(struct ledger *l, struct market_replica *out, const uint8_t order[32],
                    const uint8_t lineage[32])
{
    struct key k = key_of('r', order, lineage);
    struct span value;
    *out = (struct market_replica){ 0 };
    if (!state_get(l->st, &value, STATE_ORDERS, key_span(&k)))
        return false;
    replica_decode(out, value);
    return true;
}

bool market_replica_next(struct ledger *l, uint8_t lineage[32], struct market_replica *out,
                         const uint8_t order[32])
{
    struct key prefix = key_of('r', order, NULL);
    struct key from = key_of('r', order, lineage);
    struct state_range range = { .store = STATE_ORDERS, .prefix = key_span(&prefix) };
    struct span k, value;
    *out = (struct market_replica){ 0 };
    if (!state_next(l->st, &k, &value, range, key_span(&from), true))
        return false;
    ASSERT(k.n == 65);
    memcpy(lineage, k.p + 33, 32);
    replica_decode(out, value);
    return true;
}

void market_store_replica_put(struct ledger *l, const uint8_t order[32], const uint8_t lineage[32],
                              const struct market_replica *r)
{
    uint8_t buf[256];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 13);
    cbor_write_bytes(&w, span_of(r->account, 32));
    cbor_write_bytes(&w, span_of(r->owner, 32));
    cbor_write_uint(&w, r->volume);
    cbor_write_uint(&w, r->generation);
    cbor_write_uint(&w, r->index);
    cbor_write_uint(&w, r->proven);
    cbor_write_uint(&w, r->answered);
    cbor_write_uint(&w, r->created_at);
    cbor_write_bool(&w, r->verified);
    cbor_write_bool(&w, r->paid);
    cbor_write_bool(&w, r->mature);
    cbor_write_uint(&w, r->power);
    cbor_write_amount(&w, r->earned);
    ASSERT(w.err == OK);
    struct key k = key_of('r', order, lineage);
    state_put(l->st, STATE_ORDERS, key_span(&k), writer_span(&w));
}

void market_store_replica_new(struct ledger *l, const uint8_t order[32], const uint8_t lineage[32],
                              const struct market_replica *r)
{
    market_store_replica_put(l, order, lineage, r);
    struct key k = key_of(MARKET_INDEX_HOLDER, order, r->owner);
    state_put(l->st, STATE_INDEX, key_span(&k), span_of(lineage, 32));
    k = key_of(MARKET_INDEX_REPLICA, r->account, order);
    state_put(l->st, STATE_INDEX, key_span(&k), span_of(lineage, 32));
}

void market_store_replica_del(struct ledger *l, const uint8_t order[32], const uint8_t lineage[32],
                              const struct market_replica *r)
{
    struct key k = key_of('r', order, lineage);
    state_del(l->st, STATE_ORDERS, key_span(&k));
    k = key_of(MARKET_INDEX_HOLDER, order, r->owner);
    state_del(l->st, STATE_INDEX, key_span(&k));
    k = key_of(MARKET_INDEX_REPLICA, r->account, order);
    state_del(l->st, STATE_INDEX, key_span(&k));
}

bool market_store_owner_has_replica(struct ledger *l, const uint8_t order[32],
                                    const uint8_t owner[32])
{
    struct key k = key_of(MARKET_INDEX_HOLDER, order, owner);
    return state_has(l->st, STATE_INDEX, key_span(&k));
}

bool market_store_account_has_replica(struct ledger *l, const uint8_t order[32],
                                      const uint8_t account[32])
{
    struct key k = key_of(MARKET_INDEX_REPLICA, account, order);
    return state_has(l->st, STATE_INDEX, key_span(&k));
}

bool market_store_account_next(struct ledger *l, uint8_t order[32], uint8_t lineage[32],
                               const uint8_t account[32])
{
    struct key prefix = key_of(MARKET_INDEX_REPLICA, account, NULL);
    struct key from = key_of(MARKET_INDEX_REPLICA, account, order);
    struct state_range range = { .store = STATE_INDEX, .prefix = key_span(&prefix) };
    struct span k, value;
    if (!state_next(l->st, &k, &value, range, key_span(&from), true))
        return false;
    ASSERT(k.n == 65 && value.n == 32);
    memcpy(order, k.p + 33, 32);
    memcpy(lineage, value.p, 32);
    return true;
}

bool market_store_regroup(struct ledger *l, uint8_t order[32], const uint8_t account[32])
{
    struct key k = key_of(MARKET_INDEX_REGROUP, account, NULL);
    struct span value;
    memset(order, 0, 32);
    if (!state_get(l->st, &value, STATE_INDEX, key_span(&k)))
        return false;
    ASSERT(value.n == 32);
    memcpy(order, value.p, 32);
    return true;
}

void market_store_regroup_put(struct ledger *l, const uint8_t account[32], const uint8_t *order)
{
    struct key k = key_of(MARKET_INDEX_REGROUP, account, NULL);
    if (order == NULL)
        state_del(l->st, STATE_INDEX, key_span(&k));
    else
        state_put(l->st, STATE_INDEX, key_span(&k), span_of(order, 32));
}

/* ---- payers and merchants ---- */

static void payer_decode(struct market_payer *out, struct span value)
{
    *out = (struct market_payer){ 0 };
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 5);
    out->refund_at = cbor_read_uint(&c);
    out->income = cbor_read_amount(&c);
    out->staking = cbor_read_amount(&c);
    out->reserved = cbor_read_amount(&c);
    out->prepaid = cbor_read_amount(&c);
    ASSERT(cbor_finish(&c) == OK);
}

bool market_store_payer(struct ledger *l, struct market_payer *out, const uint8_t order[32],
                        const uint8_t account[32])
{
    struct key k = key_of('p', order, account);
    struct span value;
    *out = (struct market_payer){ 0 };
    if (!state_get(l->st, &value, STATE_ORDERS, key_span(&k)))
        return false;
    payer_decode(out, value);
    return true;
}

bool market_store_payer_next(struct ledger *l, uint8_t account[32], struct market_payer *out,
                             const uint8_t order[32])
{
    struct key prefix = key_of('p', order, NULL);
    struct key from = key_of('p', order, account);
    struct state_range range = { .store = STATE_ORDERS, .prefix = key_span(&prefix) };
    struct span k, value;
    *out = (struct market_payer){ 0 };
    if (!state_next(l->st, &k, &value, range, key_span(&from), true))
        return false;
    ASSERT(k.n == 65);
    memcpy(account, k.p + 33, 32);
    payer_decode(out, value);
    return true;
}

void market_store_payer_put(struct ledger *l, const uint8_t order[32], const uint8_t account[32],
                            const struct market_payer *p)
{
    uint8_t buf[128];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 5);
    cbor_write_uint(&w, p->refund_at);
    cbor_write_amount(&w, p->income);
    cbor_write_amount(&w, p->staking);
    cbor_write_amount(&w, p->reserved);
    cbor_write_amount(&w, p->prepaid);
    ASSERT(w.err == OK);
    struct key k = key_of('p', order, account);
    state_put(l->st, STATE_ORDERS, key_span(&k), writer_span(&w));
}

void market_store_payer_del(struct ledger *l, const uint8_t order[32], const uint8_t account[32])
{
    struct key k = key_of('p', order, account);
    state_del(l->st, STATE_ORDERS, key_span(&k));
}

void market_store_payers_del(struct ledger *l, const uint8_t order[32])
{
    struct key prefix = key_of('p', order, NULL);
    struct state_range range = { .store = STATE_ORDERS, .prefix = key_span(&prefix) };
    struct span k, value;
    while (state_next(l->st, &k, &value, range, key_span(&prefix), false)) {
        struct key copy = { .n = k.n };
        ASSERT(k.n <= sizeof(copy.bytes));
        memcpy(copy.bytes, k.p, k.n);
        state_del(l->st, STATE_ORDERS, key_span(&copy));
    }
}

void market_merchant(struct ledger *l, struct market_merchant *out, const uint8_t account[32])
{
    struct key k = key_of('m', account, NULL);
    struct span value;
    *out = (struct market_merchant){ 0 };
    if (!state_get(l->st, &value, STATE_ORDERS, key_span(&k)))
        return;
    enum err e = amount_of_bytes(&out->reward, value);
    ASSERT(e == OK);
}

void market_store_reward_put(struct ledger *l, const uint8_t account[32], struct amount reward)
{
    struct key k = key_of('m', account, NULL);
    uint8_t bytes[AMOUNT_BYTES_MAX];
    size_t n = amount_bytes(bytes, reward);
    if (n == 0)
        state_del(l->st, STATE_ORDERS, key_span(&k));
    else
        state_put(l->st, STATE_ORDERS, key_span(&k), span_of(bytes, n));
}

void market_urls(struct ledger *l, struct market_urls *out, const uint8_t account[32])
{
    struct key k = key_of('u', account, NULL);
    struct span value;
    *out = (struct market_urls){ 0 };
    if (!state_get(l->st, &value, STATE_ORDERS, key_span(&k)))
        return;
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    size_t count = cbor_read_array(&c);
    ASSERT(count <= TX_URLS_MAX);
    out->count = (uint32_t)count;
    for (uint32_t i = 0; i < out->count; i++) {
        struct span url = cbor_read_text(&c);
        ASSERT(url.n <= TX_URL_SIZE_MAX);
        memcpy(out->urls[i], url.p, url.n);
        out->sizes[i] = (uint32_t)url.n;
    }
    ASSERT(cbor_finish(&c) == OK);
}

void market_store_urls_put(struct ledger *l, const uint8_t account[32], const struct tx_urls *urls)
{
    struct key k = key_of('u', account, NULL);
    uint8_t buf[TX_URLS_MAX * (TX_URL_SIZE_MAX + 2) + 1];
    struct writer w = writer_of(buf, sizeof(buf));
    if (urls->count == 0) {
        state_del(l->st, STATE_ORDERS, key_span(&k));
        return;
    }
    cbor_write_array(&w, urls->count);
    for (uint32_t i = 0; i < urls->count; i++)
        cbor_write_text(&w, urls->urls[i]);
    ASSERT(w.err == OK);
    state_put(l->st, STATE_ORDERS, key_span(&k), writer_span(&w));
}
