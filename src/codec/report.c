#include "codec/report.h"

#include "crypto/sha256.h"

enum { EXTENT_SIZE_MIN = 1 << 10 };

/* ---- leaves ------------------------------------------------------------------------------- */

static struct span read_exact(struct cbor_reader *c, size_t n)
{
    struct span s = cbor_read_bytes(c);
    cbor_require(c, s.n == n, ERR_FORMAT);
    return s;
}

/* A file leaf, or an extent leaf, as operations and openings carry it. */
static void read_file(struct cbor_reader *c, struct report_file *out)
{
    cbor_read_array_of(c, 5);
    out->key.codec = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    cbor_read_bytes_of(c, out->key.digest, 32);
    /* SPEC report 3.3: "size MUST be below 2^63." */
    out->size = cbor_read_uint_max(c, INT64_MAX);
    out->data_root = read_exact(c, 32).p;
    out->seal_root = read_exact(c, 32).p;
}

static void read_extent(struct cbor_reader *c, struct report_extent *out)
{
    cbor_read_array_of(c, 2);
    out->root = read_exact(c, 32).p;
    out->size = cbor_read_uint_max(c, (uint64_t)1 << 62);
    /* SPEC report 3.4: "The size of an extent MUST be a power of two from 2^10 to 2^62." */
    cbor_require(c, out->size >= EXTENT_SIZE_MIN && (out->size & (out->size - 1)) == 0, ERR_RANGE);
}

void report_file_encode(struct writer *w, const struct report_file *file)
{
    cbor_write_array(w, 5);
    cbor_write_uint(w, file->key.codec);
    cbor_write_bytes(w, span_of(file->key.digest, 32));
    cbor_write_uint(w, file->size);
    cbor_write_bytes(w, span_of(file->data_root, 32));
    cbor_write_bytes(w, span_of(file->seal_root, 32));
}

void report_extent_encode(struct writer *w, const struct report_extent *extent)
{
    cbor_write_array(w, 2);
    cbor_write_bytes(w, span_of(extent->root, 32));
    cbor_write_uint(w, extent->size);
}

/* ---- operations --------------------------------------------------------------------------- */

static bool is_srd(enum report_op_kind kind)
{
    return kind == REPORT_OP_ADD_EXTENTS || kind == REPORT_OP_REMOVE_EXTENT;
}

static bool is_add(enum report_op_kind kind)
{
    return kind == REPORT_OP_ADD_FILES || kind == REPORT_OP_ADD_EXTENTS;
}

/* Checks count leaves and gives their bytes. */
static struct span read_leaves(struct cbor_reader *c, bool srd, uint32_t count)
{
    const uint8_t *start = c->r.p;
    for (uint32_t i = 0; i < count && c->r.err == OK; i++) {
        struct report_file file;
        struct report_extent extent;
        if (srd)
            read_extent(c, &extent);
        else
            read_file(c, &file);
    }
    if (c->r.err != OK)
        return (struct span){ NULL, 0 };
    return span_of(start, (size_t)(c->r.p - start));
}

static void read_op(struct cbor_reader *c, struct report_op *out)
{
    *out = (struct report_op){ 0 };
    size_t elements = cbor_read_array(c);
    out->kind = (enum report_op_kind)cbor_read_uint_max(c, REPORT_OP_DROP_VOLUME);
    out->volume = (uint8_t)cbor_read_uint_max(c, REPORT_VOLUMES - 1);
    if (out->kind == REPORT_OP_DROP_VOLUME) {
        cbor_require(c, elements == 2, ERR_FORMAT);
        return;
    }
    cbor_require(c, elements == 5, ERR_FORMAT);
    out->index = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    size_t count = is_add(out->kind) ? cbor_read_array(c) : 1;
    /* SPEC report 3.2: "An operation that adds MUST hold at least one leaf." */
    cbor_require(c, count >= 1, ERR_FORMAT);
    cbor_require(c, count <= REPORT_STEP_LEAVES_MAX, ERR_LIMIT);
    out->count = c->r.err == OK ? (uint32_t)count : 0;
    /* SPEC report 3.2: "first index + number of leaves MUST NOT be above 2^32" */
    cbor_require(c, out->count == 0 || out->count - 1 <= UINT32_MAX - out->index, ERR_RANGE);
    out->leaves = read_leaves(c, is_srd(out->kind), out->count);
    out->path = cbor_read_bytes(c);
}

void report_op_encode(struct writer *w, const struct report_op *op)
{
    if (op->kind == REPORT_OP_DROP_VOLUME) {
        cbor_write_array(w, 2);
        cbor_write_uint(w, (uint64_t)op->kind);
        cbor_write_uint(w, op->volume);
        return;
    }
    ASSERT(op->count >= 1 && (is_add(op->kind) || op->count == 1));
    cbor_write_array(w, 5);
    cbor_write_uint(w, (uint64_t)op->kind);
    cbor_write_uint(w, op->volume);
    cbor_write_uint(w, op->index);
    if (is_add(op->kind))
        cbor_write_array(w, op->count);
    write_span(w, op->leaves);
    cbor_write_bytes(w, op->path);
}

bool report_op_next(struct report_op *out, struct span *ops)
{
    *out = (struct report_op){ 0 };
    if (ops->n == 0)
        return false;
    struct cbor_reader c = cbor_reader_of(*ops, CBOR_STRICT);
    read_op(&c, out);
    ASSERT(c.r.err == OK);
    *ops = span_of(c.r.p, c.r.n);
    return true;
}

bool report_op_file(struct report_file *out, struct span *leaves)
{
    *out = (struct report_file){ 0 };
    if (leaves->n == 0)
        return false;
    struct cbor_reader c = cbor_reader_of(*leaves, CBOR_STRICT);
    read_file(&c, out);
    ASSERT(c.r.err == OK);
    *leaves = span_of(c.r.p, c.r.n);
    return true;
}

bool report_op_extent(struct report_extent *out, struct span *leaves)
{
    *out = (struct report_extent){ 0 };
    if (leaves->n == 0)
        return false;
    struct cbor_reader c = cbor_reader_of(*leaves, CBOR_STRICT);
    read_extent(&c, out);
    ASSERT(c.r.err == OK);
    *leaves = span_of(c.r.p, c.r.n);
    return true;
}

/* Takes operations while there are any, at most count of them; gives the leaves they count for. */
static uint32_t read_ops(struct cbor_reader *c, size_t count)
{
    uint32_t leaves = 0;
    for (size_t i = 0; i < count && c->r.err == OK; i++) {
        struct report_op op;
        read_op(c, &op);
        leaves += op.kind == REPORT_OP_DROP_VOLUME ? 1 : op.count;
        /* SPEC report 3.5: "A step MUST hold at most 512 leaves, a drop counting as one." */
        cbor_require(c, leaves <= REPORT_STEP_LEAVES_MAX, ERR_LIMIT);
    }
    return leaves;
}

enum err report_ops_check(struct report_ops *out, struct span ops)
{
    struct cbor_reader c = cbor_reader_of(ops, CBOR_STRICT);
    struct report_ops found = { 0 };
    *out = found;
    for (; c.r.n != 0 && c.r.err == OK; found.count++) {
        found.last = ops.n - c.r.n;
        found.leaves += read_ops(&c, 1);
        cbor_require(&c, found.leaves <= REPORT_STEP_LEAVES_MAX, ERR_LIMIT);
    }
    TRY(cbor_finish(&c));
    *out = found;
    return OK;
}

/* ---- step --------------------------------------------------------------------------------- */

static const uint8_t *read_hash(struct cbor_reader *c, const char *key)
{
    cbor_read_key(c, key);
    return read_exact(c, 32).p;
}

enum err report_step_decode(struct report_step *out, struct span in)
{
    *out = (struct report_step){ 0 };
    /* SPEC report 3: "at most 24,576 bytes" */
    if (in.n > REPORT_STEP_SIZE_MAX)
        return ERR_LIMIT;
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    cbor_read_map_of(&c, 5);
    out->state = read_hash(&c, "s");
    cbor_read_key(&c, "ops");
    size_t count = cbor_read_array(&c);
    /* SPEC report 3.5: "ops MUST NOT be empty." */
    cbor_require(&c, count >= 1, ERR_FORMAT);
    const uint8_t *start = c.r.p;
    out->leaf_count = read_ops(&c, count);
    if (c.r.err == OK) {
        out->op_count = (uint32_t)count;
        out->ops = span_of(start, (size_t)(c.r.p - start));
    }
    cbor_read_key(&c, "seq");
    out->seq = cbor_read_uint(&c);
    /* SPEC report 3.1: "seq is the number after the step, at least 1" */
    cbor_require(&c, out->seq >= 1, ERR_RANGE);
    out->prev = read_hash(&c, "prev");
    out->lineage = read_hash(&c, "lineage");
    enum err e = cbor_finish(&c);
    if (e != OK)
        *out = (struct report_step){ 0 };
    return e;
}

static void write_hash(struct writer *w, const char *key, const uint8_t *hash)
{
    cbor_write_str(w, key);
    cbor_write_bytes(w, span_of(hash, 32));
}

void report_step_encode(struct writer *w, const struct report_step *step)
{
    cbor_write_map(w, 5);
    write_hash(w, "s", step->state);
    cbor_write_str(w, "ops");
    cbor_write_array(w, step->op_count);
    write_span(w, step->ops);
    cbor_write_str(w, "seq");
    cbor_write_uint(w, step->seq);
    write_hash(w, "prev", step->prev);
    write_hash(w, "lineage", step->lineage);
}

/* ---- answers ------------------------------------------------------------------------------ */

static void read_file_opening(struct cbor_reader *c, struct report_file_opening *o)
{
    cbor_read_array_of(c, 9);
    o->index = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    read_file(c, &o->leaf);
    o->tree_path = cbor_read_bytes(c);
    o->record_count = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    o->record_index = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    o->record = read_exact(c, REPORT_RECORD_SIZE).p;
    o->record_path = cbor_read_bytes(c);
    o->chunk = cbor_read_bytes(c);
    o->chunk_path = cbor_read_bytes(c);
}

static void write_file_opening(struct writer *w, const struct report_file_opening *o)
{
    cbor_write_array(w, 9);
    cbor_write_uint(w, o->index);
    report_file_encode(w, &o->leaf);
    cbor_write_bytes(w, o->tree_path);
    cbor_write_uint(w, o->record_count);
    cbor_write_uint(w, o->record_index);
    cbor_write_bytes(w, span_of(o->record, REPORT_RECORD_SIZE));
    cbor_write_bytes(w, o->record_path);
    cbor_write_bytes(w, o->chunk);
    cbor_write_bytes(w, o->chunk_path);
}

static void read_srd_opening(struct cbor_reader *c, struct report_srd_opening *o)
{
    cbor_read_array_of(c, 5);
    o->index = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    read_extent(c, &o->leaf);
    o->tree_path = cbor_read_bytes(c);
    o->chunk = cbor_read_bytes(c);
    o->chunk_path = cbor_read_bytes(c);
}

static void write_srd_opening(struct writer *w, const struct report_srd_opening *o)
{
    cbor_write_array(w, 5);
    cbor_write_uint(w, o->index);
    report_extent_encode(w, &o->leaf);
    cbor_write_bytes(w, o->tree_path);
    cbor_write_bytes(w, o->chunk);
    cbor_write_bytes(w, o->chunk_path);
}

static bool answer_is_srd(enum report_answer_kind kind)
{
    return kind == REPORT_ANSWER_SRD || kind == REPORT_ANSWER_RETURN_SRD;
}

static void read_answer(struct cbor_reader *c, struct report_answer *a)
{
    cbor_read_array_of(c, 3);
    a->kind = (enum report_answer_kind)cbor_read_uint_max(c, REPORT_ANSWER_RETURN_SRD);
    a->j = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    /* SPEC report 4.4: "null is a *miss*" */
    a->miss = cbor_try_null(c);
    if (a->miss)
        return;
    if (answer_is_srd(a->kind))
        read_srd_opening(c, &a->u.srd);
    else
        read_file_opening(c, &a->u.file);
}

void report_answer_encode(struct writer *w, const struct report_answer *a)
{
    cbor_write_array(w, 3);
    cbor_write_uint(w, (uint64_t)a->kind);
    cbor_write_uint(w, a->j);
    if (a->miss)
        cbor_write_null(w);
    else if (answer_is_srd(a->kind))
        write_srd_opening(w, &a->u.srd);
    else
        write_file_opening(w, &a->u.file);
}

static void read_entry(struct cbor_reader *c, struct report_entry *e)
{
    cbor_read_array_of(c, 3);
    e->slot = cbor_read_uint(c);
    e->beacon = read_exact(c, 32).p;
    size_t count = cbor_read_array(c);
    /* SPEC report 4.2: "at most 2 entries, at most 32 answers in each" */
    cbor_require(c, count <= REPORT_ANSWERS_MAX, ERR_LIMIT);
    e->count = c->r.err == OK ? (uint32_t)count : 0;
    for (uint32_t i = 0; i < e->count && c->r.err == OK; i++)
        read_answer(c, &e->answers[i]);
}

/* ---- attempt ------------------------------------------------------------------------------ */

/* A volume, or null. */
static uint8_t read_volume(struct cbor_reader *c)
{
    if (cbor_try_null(c))
        return REPORT_NO_VOLUME;
    return (uint8_t)cbor_read_uint_max(c, REPORT_VOLUMES - 1);
}

static void write_volume(struct writer *w, uint8_t volume)
{
    if (volume == REPORT_NO_VOLUME)
        cbor_write_null(w);
    else
        cbor_write_uint(w, volume);
}

/* SPEC report 4.3: "failed MUST list volumes in strictly ascending order." */
static uint16_t read_volumes(struct cbor_reader *c)
{
    uint32_t mask = 0;
    size_t count = cbor_read_array(c);
    for (size_t i = 0; i < count && c->r.err == OK; i++) {
        uint32_t bit = (uint32_t)1 << cbor_read_uint_max(c, REPORT_VOLUMES - 1);
        cbor_require(c, bit > mask, ERR_FORMAT);
        mask |= bit;
    }
    return (uint16_t)mask;
}

static void write_volumes(struct writer *w, uint16_t mask)
{
    cbor_write_array(w, (uint64_t)__builtin_popcount(mask));
    for (unsigned v = 0; v < REPORT_VOLUMES; v++)
        if ((mask >> v & 1) != 0)
            cbor_write_uint(w, v);
}

bool report_answers_return(const struct report_attempt *a)
{
    return a->entry_count == 1 && a->entries[0].count > 0 &&
           a->entries[0].answers[0].kind >= REPORT_ANSWER_RETURN_FILE;
}

/* SPEC report 6.1: "Any other report MUST NOT have more than 65,536 bytes." */
static enum err check_size(const struct report_attempt *a, size_t size)
{
    return size > REPORT_SIZE_MAX && !report_answers_return(a) ? ERR_LIMIT : OK;
}

enum err report_attempt_decode(struct report_attempt *out, struct span in)
{
    memset(out, 0, sizeof(*out));
    if (in.n > REPORT_RETURN_SIZE_MAX)
        return ERR_LIMIT;
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    cbor_read_map_of(&c, 10);
    cbor_read_key(&c, "slot");
    out->slot = cbor_read_uint(&c);
    out->chain = read_hash(&c, "chain");
    out->state = read_hash(&c, "state");
    out->beacon = read_hash(&c, "beacon");
    cbor_read_key(&c, "failed");
    out->failed = read_volumes(&c);
    cbor_read_key(&c, "return");
    out->return_volume = read_volume(&c);
    out->worker = read_hash(&c, "worker");
    out->account = read_hash(&c, "account");
    cbor_read_key(&c, "answers");
    size_t count = cbor_read_array(&c);
    cbor_require(&c, count <= REPORT_ENTRIES_MAX, ERR_LIMIT);
    out->entry_count = c.r.err == OK ? (uint32_t)count : 0;
    for (uint32_t i = 0; i < out->entry_count && c.r.err == OK; i++)
        read_entry(&c, &out->entries[i]);
    cbor_read_key(&c, "suspend");
    out->suspend_volume = read_volume(&c);
    enum err e = cbor_finish(&c);
    if (e == OK)
        e = check_size(out, in.n);
    if (e != OK)
        memset(out, 0, sizeof(*out));
    return e;
}

void report_entry_encode(struct writer *w, uint64_t slot, const uint8_t *beacon, uint32_t count)
{
    ASSERT(count <= REPORT_ANSWERS_MAX);
    cbor_write_array(w, 3);
    cbor_write_uint(w, slot);
    cbor_write_bytes(w, span_of(beacon, 32));
    cbor_write_array(w, count);
}

static void write_before_answers(struct writer *w, const struct report_attempt *a)
{
    cbor_write_map(w, 10);
    cbor_write_str(w, "slot");
    cbor_write_uint(w, a->slot);
    write_hash(w, "chain", a->chain);
    write_hash(w, "state", a->state);
    write_hash(w, "beacon", a->beacon);
    cbor_write_str(w, "failed");
    write_volumes(w, a->failed);
    cbor_write_str(w, "return");
    write_volume(w, a->return_volume);
    write_hash(w, "worker", a->worker);
    write_hash(w, "account", a->account);
    cbor_write_str(w, "answers");
    cbor_write_array(w, a->entry_count);
}

static void write_after_answers(struct writer *w, const struct report_attempt *a)
{
    cbor_write_str(w, "suspend");
    write_volume(w, a->suspend_volume);
}

void report_attempt_encode_with(struct writer *w, const struct report_attempt *a,
                                struct span entries)
{
    write_before_answers(w, a);
    write_span(w, entries);
    write_after_answers(w, a);
}

void report_attempt_encode(struct writer *w, const struct report_attempt *a)
{
    ASSERT(a->entry_count <= REPORT_ENTRIES_MAX);
    write_before_answers(w, a);
    for (uint32_t i = 0; i < a->entry_count; i++) {
        const struct report_entry *e = &a->entries[i];
        report_entry_encode(w, e->slot, e->beacon, e->count);
        for (uint32_t k = 0; k < e->count; k++)
            report_answer_encode(w, &e->answers[k]);
    }
    write_after_answers(w, a);
}

/* ---- report ------------------------------------------------------------------------------- */

static const uint8_t cbor_null[] = { 0xf6 };

enum err report_decode(struct report *out, struct span in)
{
    memset(out, 0, sizeof(*out));
    if (in.n > REPORT_RETURN_SIZE_MAX)
        return ERR_LIMIT;
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    /* SPEC report 1.1: "Every map below has exactly the keys that are shown, in this order.
     * Anything else MUST be refused." */
    cbor_read_map_of(&c, 3);
    cbor_read_key(&c, "sig");
    struct span signature = read_exact(&c, 64);
    cbor_read_key(&c, "step");
    bool has_step = cbor_peek(&c) != CBOR_NULL;
    struct span step = cbor_read_item(&c);
    cbor_read_key(&c, "attempt");
    struct span attempt = cbor_read_item(&c);
    enum err e = cbor_finish(&c);
    if (e == OK && has_step)
        e = report_step_decode(&out->step, step);
    if (e == OK)
        e = report_attempt_decode(&out->attempt, attempt);
    if (e == OK)
        e = check_size(&out->attempt, in.n);
    if (e != OK) {
        memset(out, 0, sizeof(*out));
        return e;
    }
    out->has_step = has_step;
    out->signature = signature.p;
    out->step_bytes = step;
    out->attempt_bytes = attempt;
    return OK;
}

void report_encode(struct writer *w, struct span step, struct span attempt,
                   const uint8_t signature[64])
{
    cbor_write_map(w, 3);
    cbor_write_str(w, "sig");
    cbor_write_bytes(w, span_of(signature, 64));
    cbor_write_str(w, "step");
    write_span(w, step.n == 0 ? span_of(cbor_null, 1) : step);
    cbor_write_str(w, "attempt");
    write_span(w, attempt);
}

void report_signing_input(uint8_t out[REPORT_SIGNING_SIZE], struct span step, struct span attempt)
{
    /* SPEC report 2.1: "So one step may be signed in any number of attempts." */
    static const char tag[] = "crust/report/1";
    struct writer w = writer_of(out, REPORT_SIGNING_SIZE);
    write_span(&w, span_str(tag));
    ASSERT(w.len == 14);
    sha256(out + 14, step.n == 0 ? span_of(cbor_null, 1) : step);
    sha256(out + 46, attempt);
}
