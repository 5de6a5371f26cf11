/* ICS-23 proofs: those of its authors, ours, and what no proof may get away with. */
#include "codec/ics23.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/memkv.h"
#include "base/prng.h"
#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { LEAVES = 60, PROOF_MAX = 32768 };

struct vector {
    uint8_t key[64], value[256], root[32], proof[4096];
    struct span key_span, value_span, proof_span;
};

static struct span hex_member(struct json_value v, const char *name, uint8_t *out, size_t room)
{
    const char *text = json_text(json_get(v, name));
    size_t n = strlen(text) / 2;
    CHECK(n <= room);
    CHECK_OK(hex_parse(out, n, text));
    return span_of(out, n);
}

static void load(struct vector *out, const char *name)
{
    char path[128], text[16384];
    snprintf(path, sizeof(path), "tests/vectors/ics23/%s.json", name);
    FILE *f = fopen(path, "r");
    CHECK(f != NULL);
    size_t n = fread(text, 1, sizeof(text), f);
    fclose(f);
    struct json doc;
    CHECK_OK(json_open(&doc, span_of(text, n), sizeof(text)));
    struct json_value v = json_root(&doc);
    out->key_span = hex_member(v, "key", out->key, sizeof(out->key));
    out->value_span = hex_member(v, "value", out->value, sizeof(out->value));
    out->proof_span = hex_member(v, "proof", out->proof, sizeof(out->proof));
    CHECK(hex_member(v, "root", out->root, 32).n == 32);
    CHECK_OK(doc.err);
    json_close(&doc);
}

static void the_authors_proofs_verify(void **state)
{
    (void)state;
    static const char *const names[] = { "exist_left",    "exist_middle",    "exist_right",
                                         "nonexist_left", "nonexist_middle", "nonexist_right" };
    for (size_t i = 0; i < 6; i++) {
        static struct vector v;
        load(&v, names[i]);
        const struct span *value = i < 3 ? &v.value_span : NULL;
        CHECK_OK(ics23_verify(v.root, v.key_span, value, v.proof_span));
        /* The other question, another root, another key, another value. */
        struct span some = span_str("x");
        CHECK_ERR(ics23_verify(v.root, v.key_span, i < 3 ? NULL : &some, v.proof_span), ERR_FORMAT);
        v.root[0] ^= 1;
        CHECK_ERR(ics23_verify(v.root, v.key_span, value, v.proof_span), ERR_CORRUPT);
        v.root[0] ^= 1;
        if (i < 3) {
            CHECK_ERR(ics23_verify(v.root, span_str("other"), value, v.proof_span), ERR_CORRUPT);
            CHECK_ERR(ics23_verify(v.root, v.key_span, &some, v.proof_span), ERR_CORRUPT);
        }
        for (size_t n = 0; n < v.proof_span.n; n++)
            CHECK(ics23_verify(v.root, v.key_span, value, span_of(v.proof, n)) != OK);
    }
}

/* ---- a tree of ours ------------------------------------------------------------------------ */

static uint8_t memory[1 << 20];
static struct memkv mem;
static struct kv kv;
static struct smt tree;

static struct span key_at(char out[24], size_t i)
{
    return span_of(out, (size_t)snprintf(out, 24, "key %zu", i));
}

/* A tree of the first n keys, each its own value. */
static void grow(uint8_t root[32], size_t n)
{
    memkv_init(&mem, memory, sizeof(memory));
    kv = memkv_kv(&mem);
    tree = (struct smt){ .kv = &kv };
    static struct smt_write w[LEAVES];
    for (size_t i = 0; i < n; i++) {
        char text[24];
        smt_write_of(&w[i], key_at(text, i), key_at(text, i), false);
    }
    smt_sort(w, n);
    CHECK_OK(smt_update(&tree, root, w, n));
}

static const struct ics23_side *side(struct ics23_side *out, const uint8_t *key_hash, bool above)
{
    enum err e = smt_neighbour(&tree, &out->leaf, key_hash, above);
    if (e == ERR_NOT_FOUND)
        return NULL;
    CHECK_OK(e);
    CHECK_OK(smt_prove(&tree, &out->proof, out->leaf.key_hash));
    return out;
}

static struct span absence(uint8_t out[PROOF_MAX], struct span key)
{
    static struct ics23_side left, right;
    uint8_t hash[32];
    sha256(hash, key);
    struct writer w = writer_of(out, PROOF_MAX);
    ics23_write_absence(&w, hash, side(&left, hash, false), side(&right, hash, true));
    CHECK_OK(w.err);
    CHECK(writer_span(&w).n <= ICS23_ABSENT_SIZE_MAX);
    return writer_span(&w);
}

static struct span existence(uint8_t out[PROOF_MAX], struct span key)
{
    static struct smt_proof proof;
    uint8_t hash[32];
    sha256(hash, key);
    CHECK_OK(smt_prove(&tree, &proof, hash));
    struct writer w = writer_of(out, PROOF_MAX);
    ics23_write_existence(&w, key, key, &proof);
    CHECK_OK(w.err);
    CHECK(writer_span(&w).n <= ICS23_EXIST_OVERHEAD + 2 * key.n);
    return writer_span(&w);
}

static void what_is_there_and_what_is_not_is_proved(void **state)
{
    (void)state;
    for (size_t n = 0; n <= LEAVES; n += n < 5 ? 1 : 11) {
        uint8_t root[32], proof[PROOF_MAX];
        char text[24];
        grow(root, n);
        for (size_t i = 0; i < n + 40; i++) {
            struct span key = key_at(text, i);
            bool there = i < n;
            struct span p = there ? existence(proof, key) : absence(proof, key);
            CHECK_OK(ics23_verify(root, key, there ? &key : NULL, p));
        }
    }
}

/* The neighbours of every key and of none, by looking at all leaves. */
static void neighbours_are_the_nearest(void **state)
{
    (void)state;
    uint8_t root[32];
    for (size_t n = 0; n <= LEAVES; n += n < 5 ? 1 : 11) {
        grow(root, n);
        for (size_t i = 0; i < n + 40; i++)
            for (int above = 0; above < 2; above++) {
                char text[24];
                uint8_t hash[32], best[32] = { 0 };
                sha256(hash, key_at(text, i));
                bool any = false;
                for (size_t j = 0; j < n; j++) {
                    uint8_t other[32];
                    sha256(other, key_at(text, j));
                    int order = memcmp(other, hash, 32);
                    if (above ? order <= 0 : order >= 0)
                        continue;
                    int nearer = memcmp(other, best, 32);
                    if (!any || (above ? nearer < 0 : nearer > 0))
                        memcpy(best, other, 32);
                    any = true;
                }
                struct smt_leaf leaf;
                enum err e = smt_neighbour(&tree, &leaf, hash, above == 1);
                CHECK_ERR(e, any ? OK : ERR_NOT_FOUND);
                CHECK(memcmp(leaf.key_hash, best, 32) == 0);
            }
    }
}

/* Leaves that are not next to each other, or a missing side, show nothing. */
static void a_gap_is_not_an_absence(void **state)
{
    (void)state;
    uint8_t root[32], proof[PROOF_MAX];
    static struct ics23_side left, right, far;
    grow(root, LEAVES);
    for (size_t i = 0; i < LEAVES; i++) {
        char text[24];
        uint8_t hash[32];
        struct span key = key_at(text, i); /* it is there */
        sha256(hash, key);
        const struct ics23_side *l = side(&left, hash, false), *r = side(&right, hash, true);
        const struct ics23_side *tries[3][2] = { { l, r }, { l, NULL }, { NULL, r } };
        for (size_t t = 0; t < 3; t++) {
            struct writer w = writer_of(proof, sizeof(proof));
            ics23_write_absence(&w, hash, tries[t][0], tries[t][1]);
            CHECK(ics23_verify(root, key, NULL, writer_span(&w)) != OK);
        }
        /* A key that is not there, with a neighbour that is not the nearest. */
        key = key_at(text, i + 1000);
        sha256(hash, key);
        l = side(&left, hash, false);
        r = side(&right, hash, true);
        const struct ics23_side *wrong = l != NULL ? side(&far, left.leaf.key_hash, false) : NULL;
        if (wrong == NULL)
            continue;
        struct writer w = writer_of(proof, sizeof(proof));
        ics23_write_absence(&w, hash, wrong, r);
        CHECK_ERR(ics23_verify(root, key, NULL, writer_span(&w)), ERR_CORRUPT);
    }
}

static void no_flipped_bit_is_believed(void **state)
{
    (void)state;
    uint8_t root[32], proof[PROOF_MAX];
    grow(root, 20);
    for (int kind = 0; kind < 2; kind++) {
        struct span key = span_str(kind == 0 ? "key 7" : "key 700");
        struct span p = kind == 0 ? existence(proof, key) : absence(proof, key);
        for (size_t i = 0; i < p.n * 8; i++) {
            proof[i / 8] ^= (uint8_t)(1u << i % 8);
            enum err e = ics23_verify(root, key, kind == 0 ? &key : NULL, p);
            CHECK(e != OK);
            proof[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        CHECK_OK(ics23_verify(root, key, kind == 0 ? &key : NULL, p));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_authors_proofs_verify),
        cmocka_unit_test(what_is_there_and_what_is_not_is_proved),
        cmocka_unit_test(neighbours_are_the_nearest),
        cmocka_unit_test(a_gap_is_not_an_absence),
        cmocka_unit_test(no_flipped_bit_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
