#include "codec/ics23.h"

#include "codec/pb.h"

/* Field numbers and constants of proofs.proto. */
enum {
    COMMITMENT_EXIST = 1,
    COMMITMENT_NONEXIST = 2,
    EXIST_KEY = 1,
    EXIST_VALUE = 2,
    EXIST_LEAF = 3,
    EXIST_PATH = 4,
    NONEXIST_KEY = 1,
    NONEXIST_LEFT = 2,
    NONEXIST_RIGHT = 3,
    LEAF_HASH = 1,
    LEAF_PREHASH_KEY = 2,
    LEAF_PREHASH_VALUE = 3,
    LEAF_LENGTH = 4,
    LEAF_PREFIX = 5,
    INNER_HASH = 1,
    INNER_PREFIX = 2,
    INNER_SUFFIX = 3,
    HASH_SHA256 = 1,
};

enum {
    LEAF_SIZE = 9,                                /* of a LeafOp with both prehashes */
    LEAF_SIZE_HASHED = 5,                         /* without */
    INNER_LEFT_SIZE = 2 + 3 + 2 + SMT_HASH_SIZE,  /* the child is the left one */
    INNER_RIGHT_SIZE = 2 + 2 + 1 + SMT_HASH_SIZE, /* the child is the right one */
};

/* ---- writing ------------------------------------------------------------------------------- */

struct exist {
    struct span key, value;
    bool hashed; /* key and value are hashes already */
    const uint8_t *key_hash;
    const struct smt_proof *proof;
};

static size_t exist_size(const struct exist *x)
{
    size_t n = pb_bytes_size(EXIST_KEY, x->key.n) + pb_bytes_size(EXIST_VALUE, x->value.n) +
               pb_bytes_size(EXIST_LEAF, x->hashed ? LEAF_SIZE_HASHED : LEAF_SIZE);
    for (size_t i = 0; i < x->proof->depth; i++)
        n += pb_bytes_size(EXIST_PATH,
                           smt_key_bit(x->key_hash, i) ? INNER_RIGHT_SIZE : INNER_LEFT_SIZE);
    return n;
}

static void exist_write(struct writer *w, const struct exist *x)
{
    static const uint8_t leaf_prefix[1] = { 0x00 };
    pb_write_bytes(w, EXIST_KEY, x->key);
    pb_write_bytes(w, EXIST_VALUE, x->value);
    pb_write_message(w, EXIST_LEAF, x->hashed ? LEAF_SIZE_HASHED : LEAF_SIZE);
    pb_write_uint(w, LEAF_HASH, HASH_SHA256);
    if (!x->hashed) {
        pb_write_uint(w, LEAF_PREHASH_KEY, HASH_SHA256);
        pb_write_uint(w, LEAF_PREHASH_VALUE, HASH_SHA256);
    }
    pb_write_bytes(w, LEAF_PREFIX, span_of(leaf_prefix, sizeof(leaf_prefix)));
    for (size_t i = x->proof->depth; i-- > 0;) {
        uint8_t prefix[1 + SMT_HASH_SIZE] = { 0x01 };
        const uint8_t *sibling = x->proof->sibling[i];
        bool right = smt_key_bit(x->key_hash, i);
        pb_write_message(w, EXIST_PATH, right ? INNER_RIGHT_SIZE : INNER_LEFT_SIZE);
        pb_write_uint(w, INNER_HASH, HASH_SHA256);
        if (right)
            memcpy(prefix + 1, sibling, SMT_HASH_SIZE);
        pb_write_bytes(w, INNER_PREFIX, span_of(prefix, right ? sizeof(prefix) : 1));
        if (!right)
            pb_write_bytes(w, INNER_SUFFIX, span_of(sibling, SMT_HASH_SIZE));
    }
}

void ics23_write_existence(struct writer *w, struct span key, struct span value,
                           const struct smt_proof *proof)
{
    ASSERT(proof->kind == SMT_PRESENT);
    uint8_t key_hash[SMT_HASH_SIZE];
    sha256(key_hash, key);
    const struct exist x = { .key = key, .value = value, .key_hash = key_hash, .proof = proof };
    pb_write_message(w, COMMITMENT_EXIST, exist_size(&x));
    exist_write(w, &x);
}

static struct exist exist_of(const struct ics23_side *side)
{
    return (struct exist){ .key = span_of(side->leaf.key_hash, SMT_HASH_SIZE),
                           .value = span_of(side->leaf.value_hash, SMT_HASH_SIZE),
                           .hashed = true,
                           .key_hash = side->leaf.key_hash,
                           .proof = &side->proof };
}

void ics23_write_absence(struct writer *w, const uint8_t key_hash[SMT_HASH_SIZE],
                         const struct ics23_side *left, const struct ics23_side *right)
{
    const struct ics23_side *sides[2] = { left, right };
    struct exist x[2];
    size_t n = pb_bytes_size(NONEXIST_KEY, SMT_HASH_SIZE);
    for (size_t i = 0; i < 2; i++) {
        if (sides[i] == NULL)
            continue;
        x[i] = exist_of(sides[i]);
        n += pb_bytes_size(NONEXIST_LEFT, exist_size(&x[i]));
    }
    pb_write_message(w, COMMITMENT_NONEXIST, n);
    pb_write_bytes(w, NONEXIST_KEY, span_of(key_hash, SMT_HASH_SIZE));
    for (uint32_t i = 0; i < 2; i++) {
        if (sides[i] == NULL)
            continue;
        pb_write_message(w, NONEXIST_LEFT + i, exist_size(&x[i]));
        exist_write(w, &x[i]);
    }
}

/* ---- reading ------------------------------------------------------------------------------- */

/* An ExistenceProof, read; the path of proof stands root first. */
struct taken {
    bool there;
    struct span key, value;
    bool has_leaf, hashed;
    uint8_t key_hash[SMT_HASH_SIZE];
    uint8_t value_hash[SMT_HASH_SIZE];
    struct smt_proof proof;
    bool right[SMT_DEPTH_MAX]; /* the step's child is the right one */
};

static void take_leaf(struct reader *r, struct taken *out, struct span in)
{
    struct reader inner = reader_of(in);
    struct pb_field f;
    uint64_t op[LEAF_LENGTH + 1] = { 0 };
    struct span prefix = { NULL, 0 };
    while (pb_next(&inner, &f)) {
        if (f.number == LEAF_PREFIX) {
            pb_expect(&inner, &f, PB_BYTES);
            prefix = f.bytes;
        } else if (f.number <= LEAF_LENGTH) {
            pb_expect(&inner, &f, PB_VARINT);
            op[f.number] = f.value;
        } else {
            reader_require(&inner, false, ERR_FORMAT);
        }
    }
    reader_require(r, reader_finish(&inner) == OK, ERR_FORMAT);
    out->hashed = op[LEAF_PREHASH_KEY] == 0;
    bool fits = op[LEAF_HASH] == HASH_SHA256 && op[LEAF_LENGTH] == 0 &&
                op[LEAF_PREHASH_KEY] <= HASH_SHA256 &&
                op[LEAF_PREHASH_KEY] == op[LEAF_PREHASH_VALUE] && prefix.n == 1 && *prefix.p == 0;
    reader_require(r, fits && !out->has_leaf, ERR_FORMAT);
    out->has_leaf = true;
}

/* SPEC state-tree 6.2: a step has the prefix 0x01 and its child's sibling in prefix or suffix. */
static void take_inner(struct reader *r, struct taken *out, struct span in)
{
    struct reader inner = reader_of(in);
    struct pb_field f;
    uint64_t hash = 0;
    struct span prefix = { NULL, 0 }, suffix = { NULL, 0 };
    while (pb_next(&inner, &f)) {
        reader_require(&inner, f.number <= INNER_SUFFIX, ERR_FORMAT);
        pb_expect(&inner, &f, f.number == INNER_HASH ? PB_VARINT : PB_BYTES);
        if (f.number == INNER_HASH)
            hash = f.value;
        else if (f.number == INNER_PREFIX)
            prefix = f.bytes;
        else
            suffix = f.bytes;
    }
    bool right = prefix.n == 1 + SMT_HASH_SIZE && suffix.n == 0;
    bool left = prefix.n == 1 && suffix.n == SMT_HASH_SIZE;
    reader_require(r, reader_finish(&inner) == OK && hash == HASH_SHA256, ERR_FORMAT);
    reader_require(r, (left || right) && prefix.p[0] == 0x01, ERR_FORMAT);
    reader_require(r, out->proof.depth < SMT_DEPTH_MAX, ERR_LIMIT);
    if (r->err != OK)
        return;
    const uint8_t *sibling = right ? prefix.p + 1 : suffix.p;
    ASSERT(sibling != NULL); /* one of both has the size of a hash */
    memcpy(out->proof.sibling[out->proof.depth], sibling, SMT_HASH_SIZE);
    out->right[out->proof.depth++] = right;
}

/* Steps come leaf first; a proof of ours has them root first. */
static void turn_round(struct taken *t)
{
    for (size_t i = 0, j = t->proof.depth; i + 1 < j; i++) {
        uint8_t swap[SMT_HASH_SIZE];
        j--;
        memcpy(swap, t->proof.sibling[i], SMT_HASH_SIZE);
        memcpy(t->proof.sibling[i], t->proof.sibling[j], SMT_HASH_SIZE);
        memcpy(t->proof.sibling[j], swap, SMT_HASH_SIZE);
        bool right = t->right[i];
        t->right[i] = t->right[j];
        t->right[j] = right;
    }
}

static void take_exist(struct reader *r, struct taken *out, struct span in)
{
    *out = (struct taken){ .there = true, .proof = { .kind = SMT_PRESENT } };
    struct reader inner = reader_of(in);
    struct pb_field f;
    while (pb_next(&inner, &f)) {
        pb_expect(&inner, &f, PB_BYTES);
        reader_require(&inner, f.number <= EXIST_PATH, ERR_FORMAT);
        if (inner.err != OK)
            break;
        if (f.number == EXIST_KEY)
            out->key = f.bytes;
        else if (f.number == EXIST_VALUE)
            out->value = f.bytes;
        else if (f.number == EXIST_LEAF)
            take_leaf(&inner, out, f.bytes);
        else
            take_inner(&inner, out, f.bytes);
    }
    enum err e = reader_finish(&inner);
    reader_require(r, e == OK, e);
    bool sized = !out->hashed || (out->key.n == SMT_HASH_SIZE && out->value.n == SMT_HASH_SIZE);
    reader_require(r, out->has_leaf && sized, ERR_FORMAT);
    if (r->err != OK)
        return;
    if (out->hashed) {
        ASSERT(out->key.p != NULL && out->value.p != NULL); /* sized */
        memcpy(out->key_hash, out->key.p, SMT_HASH_SIZE);
        memcpy(out->value_hash, out->value.p, SMT_HASH_SIZE);
    } else {
        sha256(out->key_hash, out->key);
        sha256(out->value_hash, out->value);
    }
    turn_round(out);
    /* SPEC state-tree 6.3: "The side of step i MUST be bit i of the key hash." */
    for (size_t i = 0; i < out->proof.depth; i++)
        reader_require(r, out->right[i] == smt_key_bit(out->key_hash, i), ERR_FORMAT);
}

static enum err leads_to(const uint8_t *root, const struct taken *t)
{
    return smt_verify(root, t->key_hash, t->value_hash, &t->proof) == OK ? OK : ERR_CORRUPT;
}

/* Nothing stands beyond this leaf, on the side above (or below), in the subtree at depth from. */
static bool is_edge(const struct taken *t, size_t from, bool above)
{
    for (size_t i = from; i < t->proof.depth; i++)
        if (smt_key_bit(t->key_hash, i) != above && !smt_is_empty(t->proof.sibling[i]))
            return false;
    return true;
}

/* No leaf stands between left and right, which both lead to one root. */
static bool are_neighbours(const struct taken *left, const struct taken *right)
{
    size_t i = 0;
    while (i < left->proof.depth && i < right->proof.depth &&
           smt_key_bit(left->key_hash, i) == smt_key_bit(right->key_hash, i))
        i++;
    return i < left->proof.depth && i < right->proof.depth && !smt_key_bit(left->key_hash, i) &&
           is_edge(left, i + 1, true) && is_edge(right, i + 1, false);
}

static enum err verify_absence(const uint8_t *root, struct span key, struct span in)
{
    uint8_t key_hash[SMT_HASH_SIZE];
    sha256(key_hash, key);
    struct span named = { NULL, 0 };
    struct taken left = { .there = false }, right = { .there = false };
    struct reader r = reader_of(in);
    struct pb_field f;
    while (pb_next(&r, &f)) {
        pb_expect(&r, &f, PB_BYTES);
        reader_require(&r, f.number <= NONEXIST_RIGHT, ERR_FORMAT);
        struct taken *side = f.number == NONEXIST_LEFT ? &left : &right;
        if (f.number == NONEXIST_KEY)
            named = f.bytes;
        if (r.err != OK || f.number == NONEXIST_KEY)
            continue;
        reader_require(&r, !side->there, ERR_FORMAT);
        take_exist(&r, side, f.bytes);
    }
    TRY(reader_finish(&r));
    if (!span_eq(named, key) && !span_eq(named, span_of(key_hash, SMT_HASH_SIZE)))
        return ERR_CORRUPT;
    if (!left.there && !right.there)
        return smt_is_empty(root) ? OK : ERR_FORMAT;
    if (left.there) {
        TRY(leads_to(root, &left));
        if (memcmp(left.key_hash, key_hash, SMT_HASH_SIZE) >= 0)
            return ERR_CORRUPT;
    }
    if (right.there) {
        TRY(leads_to(root, &right));
        if (memcmp(right.key_hash, key_hash, SMT_HASH_SIZE) <= 0)
            return ERR_CORRUPT;
    }
    if (!left.there)
        return is_edge(&right, 0, false) ? OK : ERR_CORRUPT;
    if (!right.there)
        return is_edge(&left, 0, true) ? OK : ERR_CORRUPT;
    return are_neighbours(&left, &right) ? OK : ERR_CORRUPT;
}

static enum err verify_existence(const uint8_t *root, struct span key, struct span value,
                                 struct span in)
{
    struct reader r = reader_of(in);
    struct taken t;
    take_exist(&r, &t, in);
    TRY(r.err);
    uint8_t hash[SMT_HASH_SIZE];
    sha256(hash, key);
    if (memcmp(hash, t.key_hash, SMT_HASH_SIZE) != 0)
        return ERR_CORRUPT;
    sha256(hash, value);
    if (memcmp(hash, t.value_hash, SMT_HASH_SIZE) != 0)
        return ERR_CORRUPT;
    return leads_to(root, &t);
}

/* The only field of a CommitmentProof. */
static enum err take_kind(struct pb_field *out, struct span proof)
{
    struct reader r = reader_of(proof);
    struct pb_field f;
    uint32_t fields = 0;
    while (pb_next(&r, &f)) {
        pb_expect(&r, &f, PB_BYTES);
        *out = f;
        fields++;
    }
    TRY(reader_finish(&r));
    return fields == 1 && out->number <= COMMITMENT_NONEXIST ? OK : ERR_FORMAT;
}

enum err ics23_root(uint8_t root[SMT_HASH_SIZE], struct span proof)
{
    struct pb_field kind, f;
    memset(root, 0, SMT_HASH_SIZE);
    TRY(take_kind(&kind, proof));
    struct span exist = kind.bytes;
    if (kind.number == COMMITMENT_NONEXIST) {
        struct reader r = reader_of(kind.bytes);
        exist = (struct span){ NULL, 0 };
        while (pb_next(&r, &f))
            if (f.number != NONEXIST_KEY && f.wire == PB_BYTES)
                exist = f.bytes;
        TRY(reader_finish(&r));
        if (exist.p == NULL)
            return OK; /* of the empty tree */
    }
    struct taken t;
    struct reader r = reader_of(exist);
    take_exist(&r, &t, exist);
    TRY(r.err);
    smt_proof_root(root, t.key_hash, t.value_hash, &t.proof);
    return OK;
}

enum err ics23_verify(const uint8_t root[SMT_HASH_SIZE], struct span key, const struct span *value,
                      struct span proof)
{
    struct pb_field only;
    TRY(take_kind(&only, proof));
    uint32_t kind = value != NULL ? COMMITMENT_EXIST : COMMITMENT_NONEXIST;
    if (only.number != kind)
        return ERR_FORMAT;
    if (value != NULL)
        return verify_existence(root, key, *value, only.bytes);
    return verify_absence(root, key, only.bytes);
}
