/* Bytes become batches of writes on a sparse tree; after each the root equals the rebuilt one. The
 * first byte chooses: even, operations; odd, the rest is a proof for the decoder. */
#include "crypto/smt.h"

#include "base/writer.h"
#include "crypto/smt_model.h"

enum { ENTRIES = 2048, KEYS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 64 keys in 8 families; within a family they part at a depth that the family chooses. */
static void key_of(uint8_t out[SMT_HASH_SIZE], size_t k)
{
    memset(out, (int)(k / 8 * 37), SMT_HASH_SIZE);
    size_t at = k / 8 * 4 + 3;
    out[at] ^= (uint8_t)(k % 8 << k / 8 % 6);
}

static void check_proof(struct span in)
{
    static struct smt_proof proof;
    static uint8_t bytes[SMT_PROOF_SIZE_MAX];
    if (smt_proof_decode(&proof, in) != OK)
        return;
    struct writer w = writer_of(bytes, sizeof(bytes));
    smt_proof_encode(&w, &proof);
    ASSERT(w.err == OK && span_eq(writer_span(&w), in));
    uint8_t zero[SMT_HASH_SIZE] = { 0 };
    enum err present = smt_verify(zero, zero, zero, &proof);
    enum err absent = smt_verify(zero, zero, NULL, &proof);
    ASSERT(present != OK && (absent != OK || proof.depth == 0));
}

struct state {
    bool present[KEYS];
    uint8_t value[KEYS];
};

static size_t leaves_of(struct smt_write *out, const struct state *s)
{
    size_t n = 0;
    for (size_t k = 0; k < KEYS; k++) {
        if (!s->present[k])
            continue;
        out[n] = (struct smt_write){ .value_hash = { s->value[k] } };
        key_of(out[n++].key_hash, k);
    }
    smt_sort(out, n);
    return n;
}

/* Applies the batch that data begins with and returns its length. */
static size_t batch(const struct smt *tree, struct state *s, struct span data)
{
    struct smt_write writes[KEYS];
    bool taken[KEYS] = { false };
    uint8_t root[SMT_HASH_SIZE], want[SMT_HASH_SIZE];
    size_t n = 0, at = 0;
    for (; at < data.n && data.p[at] < 0xc0; at++) {
        size_t k = data.p[at] % KEYS;
        if (taken[k])
            continue;
        taken[k] = true;
        s->present[k] = data.p[at] < 0x80;
        s->value[k] = (uint8_t)at;
        writes[n] = (struct smt_write){ .value_hash = { s->value[k] }, .remove = !s->present[k] };
        key_of(writes[n++].key_hash, k);
    }
    smt_sort(writes, n);
    enum err e = smt_update(tree, root, writes, n);
    ASSERT(e == OK);
    n = leaves_of(writes, s);
    model_root(want, writes, n, 0);
    ASSERT(memcmp(root, want, sizeof(root)) == 0);
    return at + 1;
}

/* Removing every key leaves nothing, so the next input finds the store empty. */
static void clear(const struct smt *tree, const struct model_kv *model)
{
    struct smt_write writes[KEYS];
    uint8_t root[SMT_HASH_SIZE], zero[SMT_HASH_SIZE] = { 0 };
    for (size_t k = 0; k < KEYS; k++) {
        writes[k] = (struct smt_write){ .remove = true };
        key_of(writes[k].key_hash, k);
    }
    smt_sort(writes, KEYS);
    enum err e = smt_update(tree, root, writes, KEYS);
    ASSERT(e == OK && memcmp(root, zero, sizeof(root)) == 0 && model->count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model_entry entries[ENTRIES];
    if (size == 0)
        return 0;
    if (data[0] & 1) {
        check_proof(span_of(data + 1, size - 1));
        return 0;
    }
    struct model_kv model = { .entries = entries, .capacity = ENTRIES };
    struct kv kv = model_of(&model);
    struct smt tree = { .kv = &kv, .prefix = span_of("x", 1) };
    struct state s = { 0 };
    for (size_t at = 1; at < size;)
        at += batch(&tree, &s, span_of(data + at, size - at));
    static struct smt_proof proof;
    uint8_t root[SMT_HASH_SIZE], key[SMT_HASH_SIZE], value[SMT_HASH_SIZE];
    enum err e = smt_root(&tree, root);
    ASSERT(e == OK);
    /* Proofs are slow here, so each input asks for one key of each family. */
    for (size_t k = data[0] / 2 % 8; k < KEYS; k += 8) {
        key_of(key, k);
        memset(value, 0, sizeof(value));
        value[0] = s.value[k];
        e = smt_prove(&tree, &proof, key);
        ASSERT(e == OK);
        e = smt_verify(root, key, s.present[k] ? value : NULL, &proof);
        ASSERT(e == OK);
    }
    clear(&tree, &model);
    return 0;
}
