/* smt_model: what the tests and the fuzz target hold crypto/smt against: the root rebuilt from
 * sorted leaves by the definition alone, and a key-value store in the caller's array. */
#ifndef CRUST_CRYPTO_SMT_MODEL_H
#define CRUST_CRYPTO_SMT_MODEL_H

#include "crypto/smt.h"

struct model_entry {
    uint8_t key[SMT_RECORD_KEY_MAX];
    size_t key_size;
    uint8_t value[SMT_RECORD_MAX];
    size_t size;
    bool used;
};

/* Unsorted, with linear search from a hash of the key on. Fails the call number fail_at. */
struct model_kv {
    struct model_entry *entries;
    size_t capacity;
    size_t count;
    uint64_t calls;
    uint64_t fail_at;
};

static inline bool model_fails(struct model_kv *m)
{
    return ++m->calls == m->fail_at;
}

/* The entry with this key, or a free one. Deleting moves the entries behind, so chains have no
 * holes. */
static inline struct model_entry *model_find(struct model_kv *m, struct span key)
{
    uint64_t at = 1469598103934665603u;
    for (size_t i = 0; i < key.n; i++)
        at = (at ^ key.p[i]) * 1099511628211u;
    for (;; at++) {
        struct model_entry *e = &m->entries[at % m->capacity];
        if (!e->used || span_eq(key, span_of(e->key, e->key_size)))
            return e;
    }
}

static inline enum err model_get(void *ctx, struct span *value, struct span key)
{
    struct model_kv *m = ctx;
    if (model_fails(m))
        return ERR_IO;
    const struct model_entry *e = model_find(m, key);
    if (!e->used)
        return ERR_NOT_FOUND;
    *value = span_of(e->value, e->size);
    return OK;
}

static inline enum err model_put(void *ctx, struct span key, struct span value)
{
    struct model_kv *m = ctx;
    if (model_fails(m) || m->count + 1 >= m->capacity || key.n > sizeof(m->entries->key) ||
        value.n > sizeof(m->entries->value))
        return ERR_IO;
    struct model_entry *e = model_find(m, key);
    m->count += !e->used;
    e->used = true;
    memcpy(e->key, key.p, key.n);
    e->key_size = key.n;
    memcpy(e->value, value.p, value.n);
    e->size = value.n;
    return OK;
}

static inline enum err model_del(void *ctx, struct span key)
{
    struct model_kv *m = ctx;
    if (model_fails(m))
        return ERR_IO;
    struct model_entry *e = model_find(m, key);
    if (!e->used)
        return OK;
    e->used = false;
    m->count--;
    /* What stood behind it in its chain is put in again. */
    for (size_t i = (size_t)(e - m->entries) + 1;; i++) {
        struct model_entry *next = &m->entries[i % m->capacity];
        if (!next->used)
            return OK;
        next->used = false;
        struct model_entry *place = model_find(m, span_of(next->key, next->key_size));
        if (place != next)
            *place = *next;
        place->used = true;
    }
}

static inline enum err model_next(void *ctx, struct span *key, struct span *value, struct span from,
                                  bool after)
{
    (void)ctx, (void)key, (void)value, (void)from, (void)after;
    return ERR_UNSUPPORTED; /* the tree needs no order */
}

static inline struct kv model_of(struct model_kv *m)
{
    return (struct kv){ m, model_get, model_put, model_del, model_next };
}

static inline bool model_bit(const uint8_t *key_hash, size_t depth)
{
    return key_hash[depth / 8] >> (7 - depth % 8) & 1;
}

/* The root of count leaves in ascending order, as docs/spec/state-tree.md 2 defines it. */
static inline void model_root(uint8_t root[SMT_HASH_SIZE], const struct smt_write *leaves,
                              size_t count, size_t depth)
{
    memset(root, 0, SMT_HASH_SIZE);
    if (count == 1) {
        struct span parts[2] = { { leaves->key_hash, 32 }, { leaves->value_hash, 32 } };
        struct sha256 h;
        sha256_init(&h);
        sha256_update(&h, span_of("\x00", 1));
        sha256_update(&h, parts[0]);
        sha256_update(&h, parts[1]);
        sha256_final(&h, root);
    }
    if (count <= 1)
        return;
    size_t left = 0;
    while (left < count && !model_bit(leaves[left].key_hash, depth))
        left++;
    uint8_t in[1 + 2 * SMT_HASH_SIZE] = { 0x01 };
    model_root(in + 1, leaves, left, depth + 1);
    model_root(in + 1 + SMT_HASH_SIZE, leaves + left, count - left, depth + 1);
    sha256(root, span_of(in, sizeof(in)));
}

#endif
