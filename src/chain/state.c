#include "chain/state.h"

#include "base/arena.h"
#include "base/writer.h"
#include "crypto/lthash.h"
#include "crypto/merkle.h"
#include "crypto/smt.h"

/* The stores under the app hash, by name. */
static const enum state_store hashed[] = { STATE_ACCOUNTS, STATE_ATTEST, STATE_BEACON, STATE_GOV,
                                           STATE_INDEX,    STATE_META,   STATE_ORDERS, STATE_PARAMS,
                                           STATE_STAKING,  STATE_WORK };
enum { HASHED_COUNT = sizeof(hashed) / sizeof(hashed[0]) };

const char *state_store_name(enum state_store store)
{
    switch (store) {
    case STATE_ACCOUNTS:
        return "accounts";
    case STATE_ORDERS:
        return "orders";
    case STATE_WORK:
        return "work";
    case STATE_PARAMS:
        return "params";
    case STATE_BEACON:
        return "beacon";
    case STATE_META:
        return "meta";
    case STATE_INDEX:
        return "index";
    case STATE_TREE:
        return "tree";
    case STATE_STAKING:
        return "staking";
    case STATE_GOV:
        return "gov";
    case STATE_ATTEST:
        return "attest";
    case STATE_STORE_COUNT:
        break;
    }
    return "";
}

static bool is_proved(enum state_store store)
{
    return store != STATE_INDEX && store != STATE_TREE;
}

static size_t slots_for(size_t note_max)
{
    size_t n = 1;
    while (n < 2 * note_max)
        n *= 2;
    return n;
}

static size_t rounded(size_t n)
{
    return (n + 15) / 16 * 16;
}

size_t state_memory_size(size_t note_max)
{
    return rounded(note_max * sizeof(struct state_note)) +
           rounded(slots_for(note_max) * sizeof(uint32_t)) +
           rounded(note_max * sizeof(struct smt_write)) + rounded(sizeof(struct lthash));
}

void state_init(struct state *st, const struct kv *kv, void *memory, size_t note_max)
{
    *st = (struct state){ .kv = kv };
    if (note_max == 0)
        return;
    struct arena a = arena_of(memory, state_memory_size(note_max));
    st->note_max = note_max;
    st->slot_count = slots_for(note_max);
    st->notes = arena_array(&a, note_max, sizeof(*st->notes));
    st->slots = arena_array(&a, st->slot_count, sizeof(*st->slots));
    st->writes = arena_array(&a, note_max, sizeof(*st->writes));
    st->sum = arena_array(&a, 1, sizeof(*st->sum));
    ASSERT(st->notes != NULL && st->slots != NULL && st->writes != NULL && st->sum != NULL);
}

struct full_key {
    uint8_t bytes[1 + STATE_KEY_MAX];
    size_t n;
};

static struct full_key full_key_of(enum state_store store, struct span key)
{
    ASSERT(key.n <= STATE_KEY_MAX);
    struct full_key k = { .n = 1 + key.n };
    k.bytes[0] = (uint8_t)store;
    if (key.n != 0)
        memcpy(k.bytes + 1, key.p, key.n);
    return k;
}

static void note_failure(struct state *st, enum err e)
{
    if (e != OK && st->err == OK)
        st->err = e;
}

bool state_get(struct state *st, struct span *value, enum state_store store, struct span key)
{
    *value = (struct span){ NULL, 0 };
    if (st->err != OK)
        return false;
    struct full_key k = full_key_of(store, key);
    enum err e = kv_get(st->kv, value, span_of(k.bytes, k.n));
    if (e == OK)
        return true;
    *value = (struct span){ NULL, 0 };
    if (e != ERR_NOT_FOUND)
        note_failure(st, e);
    return false;
}

bool state_has(struct state *st, enum state_store store, struct span key)
{
    struct span value;
    return state_get(st, &value, store, key);
}

/* ---- notes and trees ---- */

static size_t slot_of(const struct state *st, enum state_store store, struct span key)
{
    uint64_t h = 14695981039346656037u ^ (uint64_t)store;
    for (size_t i = 0; i < key.n; i++)
        h = (h ^ key.p[i]) * 1099511628211u;
    h ^= h >> 32;
    return (size_t)h & (st->slot_count - 1);
}

/* What goes before the keys of a store's tree. */
static const uint8_t tree_prefix[STATE_STORE_COUNT][2] = {
    [STATE_ACCOUNTS] = { STATE_TREE, STATE_ACCOUNTS },
    [STATE_ORDERS] = { STATE_TREE, STATE_ORDERS },
    [STATE_WORK] = { STATE_TREE, STATE_WORK },
    [STATE_PARAMS] = { STATE_TREE, STATE_PARAMS },
    [STATE_BEACON] = { STATE_TREE, STATE_BEACON },
    [STATE_META] = { STATE_TREE, STATE_META },
    [STATE_STAKING] = { STATE_TREE, STATE_STAKING },
    [STATE_GOV] = { STATE_TREE, STATE_GOV },
    [STATE_ATTEST] = { STATE_TREE, STATE_ATTEST },
};

struct smt state_tree(const struct state *st, enum state_store store)
{
    ASSERT(is_proved(store) && tree_prefix[store][0] == STATE_TREE);
    return (struct smt){ .kv = st->kv, .prefix = span_of(tree_prefix[store], 2) };
}

static void tree_update(struct state *st, enum state_store store)
{
    size_t count = 0;
    for (size_t i = 0; i < st->note_count && st->err == OK; i++) {
        const struct state_note *note = &st->notes[i];
        if (note->store != store)
            continue;
        struct span key = span_of(note->key, note->key_size);
        struct span value;
        bool there = state_get(st, &value, store, key);
        smt_write_of(&st->writes[count++], key, value, !there);
    }
    if (count == 0 || st->err != OK)
        return;
    smt_sort(st->writes, count);
    const struct smt tree = state_tree(st, store);
    uint8_t root[STATE_HASH_SIZE];
    note_failure(st, smt_update(&tree, root, st->writes, count));
}

static void flush_notes(struct state *st)
{
    if (st->note_count == 0)
        return;
    for (size_t i = 0; i < HASHED_COUNT; i++)
        if (is_proved(hashed[i]))
            tree_update(st, hashed[i]);
    st->note_count = 0;
    memset(st->slots, 0, st->slot_count * sizeof(*st->slots));
}

/* ---- the sum over the index ---- */

static const uint8_t sum_key[2] = { STATE_TREE, STATE_INDEX };

static void sum_read(struct state *st, struct lthash *out)
{
    struct span value;
    *out = (struct lthash){ 0 };
    enum err e = kv_get(st->kv, &value, span_of(sum_key, sizeof(sum_key)));
    if (e == OK && value.n == LTHASH_SIZE)
        lthash_load(out, value.p);
    else if (e != ERR_NOT_FOUND)
        note_failure(st, e == OK ? ERR_CORRUPT : e);
}

struct row {
    uint8_t head[2];
    struct span parts[3];
};

static void row_of(struct row *out, struct span key, struct span value)
{
    out->head[0] = STATE_INDEX;
    out->head[1] = (uint8_t)key.n;
    out->parts[0] = span_of(out->head, sizeof(out->head));
    out->parts[1] = key;
    out->parts[2] = value;
}

void state_sum_add(struct lthash *sum, struct span key, struct span value)
{
    struct row row;
    row_of(&row, key, value);
    lthash_add(sum, row.parts, 3);
}

static void sum_take(struct lthash *sum, struct span key, struct span value)
{
    struct row row;
    row_of(&row, key, value);
    lthash_take(sum, row.parts, 3);
}

/* Before a record of the index changes: its old pair leaves the sum, the new one (value.p NULL:
 * none) comes in. */
static void sum_change(struct state *st, struct span key, struct span value)
{
    struct span old;
    bool there = state_get(st, &old, STATE_INDEX, key);
    bool stays = value.p != NULL;
    if (st->err != OK || (there == stays && (!there || span_eq(old, value))))
        return;
    if (!st->sum_loaded)
        sum_read(st, st->sum);
    st->sum_loaded = st->sum_changed = true;
    if (there)
        sum_take(st->sum, key, old);
    if (stays)
        state_sum_add(st->sum, key, value);
}

static void sum_write(struct state *st)
{
    if (!st->sum_changed || st->err != OK)
        return;
    uint8_t bytes[LTHASH_SIZE];
    lthash_store(bytes, st->sum);
    note_failure(st,
                 kv_put(st->kv, span_of(sum_key, sizeof(sum_key)), span_of(bytes, sizeof(bytes))));
    st->sum_changed = false;
}

static void note_write(struct state *st, enum state_store store, struct span key)
{
    if (!is_proved(store))
        return;
    if (st->note_count == st->note_max)
        flush_notes(st);
    size_t slot = slot_of(st, store, key);
    for (; st->slots[slot] != 0; slot = (slot + 1) & (st->slot_count - 1)) {
        const struct state_note *n = &st->notes[st->slots[slot] - 1];
        if (n->store == store && span_eq(span_of(n->key, n->key_size), key))
            return;
    }
    struct state_note *n = &st->notes[st->note_count++];
    n->store = (uint8_t)store;
    n->key_size = (uint8_t)key.n;
    if (key.n != 0)
        memcpy(n->key, key.p, key.n);
    st->slots[slot] = (uint32_t)st->note_count;
}

void state_put(struct state *st, enum state_store store, struct span key, struct span value)
{
    ASSERT(st->note_max > 0 && value.n <= STATE_VALUE_MAX);
    if (st->err != OK)
        return;
    st->changes[store]++;
    if (store == STATE_INDEX)
        sum_change(st, key, value.p == NULL ? span_str("") : value);
    struct full_key k = full_key_of(store, key);
    note_failure(st, kv_put(st->kv, span_of(k.bytes, k.n), value));
    note_write(st, store, key);
}

void state_del(struct state *st, enum state_store store, struct span key)
{
    ASSERT(st->note_max > 0);
    if (st->err != OK)
        return;
    st->changes[store]++;
    if (store == STATE_INDEX)
        sum_change(st, key, (struct span){ NULL, 0 });
    struct full_key k = full_key_of(store, key);
    note_failure(st, kv_del(st->kv, span_of(k.bytes, k.n)));
    note_write(st, store, key);
}

bool state_next(struct state *st, struct span *key, struct span *value, struct state_range range,
                struct span from, bool after)
{
    *key = *value = (struct span){ NULL, 0 };
    if (st->err != OK)
        return false;
    bool begin = span_cmp(from, range.prefix) < 0;
    struct full_key k = full_key_of(range.store, begin ? range.prefix : from);
    enum err e = kv_next(st->kv, key, value, span_of(k.bytes, k.n), after && !begin);
    if (e != OK && e != ERR_NOT_FOUND)
        note_failure(st, e);
    bool inside = e == OK && key->n > range.prefix.n && key->p[0] == (uint8_t)range.store;
    inside =
        inside && (range.prefix.n == 0 || memcmp(key->p + 1, range.prefix.p, range.prefix.n) == 0);
    if (!inside) {
        *key = *value = (struct span){ NULL, 0 };
        return false;
    }
    *key = span_of(key->p + 1, key->n - 1);
    return true;
}

void state_root(struct state *st, uint8_t root[STATE_HASH_SIZE], enum state_store store)
{
    memset(root, 0, STATE_HASH_SIZE);
    if (st->err != OK)
        return;
    if (!is_proved(store)) {
        struct lthash sum;
        sum_read(st, &sum);
        lthash_digest(root, &sum);
        return;
    }
    const struct smt tree = state_tree(st, store);
    note_failure(st, smt_root(&tree, root));
}

/* docs/spec/state.md 4: one leaf is varint(length) name varint(32) SHA-256(root). Lengths are below
 * 128. */
void state_store_leaf(uint8_t out[STATE_HASH_SIZE], const char *name,
                      const uint8_t root[STATE_HASH_SIZE])
{
    uint8_t buf[64];
    struct writer w = writer_of(buf, sizeof(buf));
    struct span text = span_str(name);
    write_u8(&w, (uint8_t)text.n);
    write_span(&w, text);
    write_u8(&w, STATE_HASH_SIZE);
    uint8_t *value = writer_reserve(&w, STATE_HASH_SIZE);
    ASSERT(text.n < 24 && value != NULL);
    sha256(value, span_of(root, STATE_HASH_SIZE));
    merkle_leaf(out, &merkle_rfc6962, writer_span(&w));
}

static void store_leaves(uint8_t (*out)[STATE_HASH_SIZE], const uint8_t (*roots)[STATE_HASH_SIZE])
{
    for (size_t i = 0; i < HASHED_COUNT; i++)
        state_store_leaf(out[i], state_store_name(hashed[i]), roots[hashed[i]]);
}

void state_app_hash(uint8_t app_hash[STATE_HASH_SIZE], const uint8_t (*roots)[STATE_HASH_SIZE])
{
    uint8_t leaves[HASHED_COUNT][STATE_HASH_SIZE];
    store_leaves(leaves, roots);
    merkle_root_of(app_hash, &merkle_rfc6962, (const uint8_t(*)[STATE_HASH_SIZE])leaves,
                   HASHED_COUNT);
}

static void all_roots(struct state *st, uint8_t (*roots)[STATE_HASH_SIZE])
{
    for (size_t i = 0; i < HASHED_COUNT; i++)
        state_root(st, roots[hashed[i]], hashed[i]);
}

void state_commit(struct state *st, uint8_t app_hash[STATE_HASH_SIZE])
{
    uint8_t roots[STATE_STORE_COUNT][STATE_HASH_SIZE];
    flush_notes(st);
    sum_write(st);
    all_roots(st, roots);
    state_app_hash(app_hash, (const uint8_t(*)[STATE_HASH_SIZE])roots);
}

bool state_prove(struct state *st, struct state_proof *out, enum state_store store,
                 const uint8_t key_hash[STATE_HASH_SIZE])
{
    size_t at = 0;
    while (at < HASHED_COUNT && hashed[at] != store)
        at++;
    *out = (struct state_proof){ .index = (uint32_t)at, .count = HASHED_COUNT };
    if (at == HASHED_COUNT || !is_proved(store))
        return false;
    uint8_t leaves[HASHED_COUNT][STATE_HASH_SIZE], roots[STATE_STORE_COUNT][STATE_HASH_SIZE];
    all_roots(st, roots);
    store_leaves(leaves, (const uint8_t(*)[STATE_HASH_SIZE])roots);
    memcpy(out->leaf, leaves[at], STATE_HASH_SIZE);
    memcpy(out->root, roots[store], STATE_HASH_SIZE);
    out->path_count = (uint32_t)merkle_path(
        out->path, &merkle_rfc6962, (const uint8_t(*)[STATE_HASH_SIZE])leaves, HASHED_COUNT, at);
    const struct smt tree = state_tree(st, store);
    if (st->err == OK)
        note_failure(st, smt_prove(&tree, &out->smt, key_hash));
    return st->err == OK;
}
