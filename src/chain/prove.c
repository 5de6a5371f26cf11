#include "chain/prove.h"

#include "codec/ics23.h"
#include "codec/pb.h"
#include "crypto/merkle.h"

/* Field numbers of CometBFT's proto/tendermint/crypto/proof.proto. */
enum {
    OPS_OP = 1,
    OP_TYPE = 1,
    OP_KEY = 2,
    OP_DATA = 3,
    VALUE_OP_KEY = 1,
    VALUE_OP_PROOF = 2,
    PROOF_TOTAL = 1,
    PROOF_INDEX = 2,
    PROOF_LEAF = 3,
    PROOF_AUNTS = 4,
};

static const char tree_type[] = "ics23:smt";
static const char top_type[] = "simple:v";

enum { ROOT_PROOF_MAX = 64 + STATE_PATH_MAX * (STATE_HASH_SIZE + 2) };

bool prove_store(enum state_store *out, struct span name)
{
    for (int s = STATE_ACCOUNTS; s < STATE_STORE_COUNT; s++) {
        *out = (enum state_store)s;
        if (span_eq(name, span_str(state_store_name(*out))))
            return true;
    }
    return false;
}

/* ---- writing ------------------------------------------------------------------------------- */

static void write_op(struct writer *w, const char *type, struct span key, struct span data)
{
    struct span t = span_str(type);
    pb_write_message(w, OPS_OP,
                     pb_bytes_size(OP_TYPE, t.n) + pb_bytes_size(OP_KEY, key.n) +
                         pb_bytes_size(OP_DATA, data.n));
    pb_write_bytes(w, OP_TYPE, t);
    pb_write_bytes(w, OP_KEY, key);
    pb_write_bytes(w, OP_DATA, data);
}

static void write_top(struct writer *w, const char *name, const struct state_proof *p)
{
    uint8_t inner[ROOT_PROOF_MAX], outer[ROOT_PROOF_MAX + 64];
    struct writer proof = writer_of(inner, sizeof(inner)), op = writer_of(outer, sizeof(outer));
    pb_write_uint(&proof, PROOF_TOTAL, p->count);
    if (p->index != 0)
        pb_write_uint(&proof, PROOF_INDEX, p->index);
    pb_write_bytes(&proof, PROOF_LEAF, span_of(p->leaf, STATE_HASH_SIZE));
    for (size_t i = 0; i < p->path_count; i++)
        pb_write_bytes(&proof, PROOF_AUNTS, span_of(p->path[i], STATE_HASH_SIZE));
    pb_write_bytes(&op, VALUE_OP_KEY, span_str(name));
    pb_write_bytes(&op, VALUE_OP_PROOF, writer_span(&proof));
    ASSERT(proof.err == OK && op.err == OK);
    write_op(w, top_type, span_str(name), writer_span(&op));
}

/* The leaf beside key_hash, with its path. *there is false when none stands on that side. */
static enum err side(struct state *st, struct ics23_side *out, bool *there, enum state_store store,
                     const uint8_t *key_hash, bool above)
{
    struct state_proof p;
    const struct smt tree = state_tree(st, store);
    enum err e = smt_neighbour(&tree, &out->leaf, key_hash, above);
    *there = e == OK;
    if (e == ERR_NOT_FOUND)
        return OK;
    TRY(e);
    if (!state_prove(st, &p, store, out->leaf.key_hash))
        return st->err != OK ? st->err : ERR_CORRUPT;
    out->proof = p.smt;
    return OK;
}

static enum err write_absence(struct state *st, struct writer *w, enum state_store store,
                              const uint8_t *key_hash)
{
    struct ics23_side left, right;
    bool has_left, has_right;
    TRY(side(st, &left, &has_left, store, key_hash, false));
    TRY(side(st, &right, &has_right, store, key_hash, true));
    ics23_write_absence(w, key_hash, has_left ? &left : NULL, has_right ? &right : NULL);
    return w->err;
}

enum err prove_record(struct state *st, struct writer *w, struct span *value,
                      enum state_store store, struct span key)
{
    struct state_proof p;
    uint8_t key_hash[STATE_HASH_SIZE], data[PROVE_OPS_MAX];
    struct writer d = writer_of(data, sizeof(data));
    *value = (struct span){ NULL, 0 };
    if (key.n > STATE_KEY_MAX)
        return ERR_LIMIT;
    sha256(key_hash, key);
    if (!state_prove(st, &p, store, key_hash))
        return st->err != OK ? st->err : ERR_UNSUPPORTED;
    if (state_get(st, value, store, key)) {
        ics23_write_existence(&d, key, *value, &p.smt);
        TRY(d.err);
    } else {
        TRY(st->err);
        TRY(write_absence(st, &d, store, key_hash));
    }
    write_op(w, tree_type, key, writer_span(&d));
    write_top(w, state_store_name(store), &p);
    return w->err;
}

/* ---- checking ------------------------------------------------------------------------------ */

struct op {
    struct span type, key, data;
};

static void take_op(struct reader *r, struct op *out, struct span in)
{
    struct reader inner = reader_of(in);
    struct pb_field f;
    while (pb_next(&inner, &f)) {
        pb_expect(&inner, &f, PB_BYTES);
        reader_require(&inner, f.number <= OP_DATA, ERR_FORMAT);
        if (f.number == OP_TYPE)
            out->type = f.bytes;
        else if (f.number == OP_KEY)
            out->key = f.bytes;
        else
            out->data = f.bytes;
    }
    enum err e = reader_finish(&inner);
    reader_require(r, e == OK, e);
}

struct top {
    struct span key, leaf;
    uint64_t total, index;
    uint8_t path[STATE_PATH_MAX][STATE_HASH_SIZE];
    size_t path_count;
};

static void take_proof(struct reader *r, struct top *out, struct span in)
{
    struct reader inner = reader_of(in);
    struct pb_field f;
    while (pb_next(&inner, &f)) {
        pb_expect(&inner, &f, f.number <= PROOF_INDEX ? PB_VARINT : PB_BYTES);
        if (f.number == PROOF_TOTAL) {
            out->total = f.value;
        } else if (f.number == PROOF_INDEX) {
            out->index = f.value;
        } else if (f.number == PROOF_AUNTS) {
            bool fits = f.bytes.n == STATE_HASH_SIZE && out->path_count < STATE_PATH_MAX;
            reader_require(&inner, fits, ERR_FORMAT);
            if (inner.err != OK)
                break;
            memcpy(out->path[out->path_count++], f.bytes.p, STATE_HASH_SIZE);
        } else {
            reader_require(&inner, f.number == PROOF_LEAF, ERR_FORMAT);
            out->leaf = f.bytes;
        }
    }
    enum err e = reader_finish(&inner);
    reader_require(r, e == OK, e);
}

static enum err take_top(struct top *out, struct span in)
{
    struct reader r = reader_of(in);
    struct pb_field f;
    *out = (struct top){ 0 };
    while (pb_next(&r, &f)) {
        pb_expect(&r, &f, PB_BYTES);
        reader_require(&r, f.number <= VALUE_OP_PROOF, ERR_FORMAT);
        if (f.number == VALUE_OP_KEY)
            out->key = f.bytes;
        else
            take_proof(&r, out, f.bytes);
    }
    return reader_finish(&r);
}

/* From the store's root, as the proof within the tree gives it, to the app hash. */
static enum err top_check(const uint8_t *app_hash, const char *store, const uint8_t *root,
                          const struct op *op)
{
    struct top top;
    TRY(take_top(&top, op->data));
    if (!span_eq(op->type, span_str(top_type)) || !span_eq(op->key, span_str(store)) ||
        !span_eq(top.key, span_str(store)))
        return ERR_FORMAT;
    uint8_t leaf[STATE_HASH_SIZE];
    state_store_leaf(leaf, store, root);
    if (!span_eq(top.leaf, span_of(leaf, sizeof(leaf))))
        return ERR_CORRUPT;
    const struct merkle_proof proof = {
        .index = top.index,
        .count = top.total,
        .path = (const uint8_t(*)[MERKLE_HASH_SIZE])top.path,
        .path_count = top.path_count,
    };
    enum err e = merkle_verify(app_hash, &merkle_rfc6962, leaf, &proof);
    return e == ERR_RANGE ? ERR_FORMAT : e;
}

enum err prove_check(const uint8_t app_hash[STATE_HASH_SIZE], const struct prove_claim *claim,
                     struct span ops)
{
    struct op op[2] = { 0 };
    struct reader r = reader_of(ops);
    struct pb_field f;
    size_t count = 0;
    while (pb_next(&r, &f)) {
        pb_expect(&r, &f, PB_BYTES);
        reader_require(&r, f.number == OPS_OP && count < 2, ERR_FORMAT);
        if (r.err != OK)
            break;
        take_op(&r, &op[count++], f.bytes);
    }
    TRY(reader_finish(&r));
    if (count != 2 || !span_eq(op[0].type, span_str(tree_type)) || !span_eq(op[0].key, claim->key))
        return ERR_FORMAT;
    /* SPEC state-tree 7.3: "Both operations MUST be checked against each other and the app hash;"
     */
    uint8_t root[STATE_HASH_SIZE];
    TRY(ics23_root(root, op[0].data));
    TRY(ics23_verify(root, claim->key, claim->value, op[0].data));
    return top_check(app_hash, claim->store, root, &op[1]);
}
