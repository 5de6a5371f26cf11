#include "seal/seal_state.h"

#include "proof/content.h"
#include "proof/srd.h"

static const char tag_state[] = "crust/state-record/2";
static const char tag_cut[] = "crust/cut-record/1";
static const char tag_step[] = "crust/step-record/1";

void seal_state_init(struct seal_state *s, const struct seal_keys *keys)
{
    *s = (struct seal_state){ .next_number = 1 };
    memcpy(s->owner, keys->worker.public_key, sizeof(s->owner));
    work_state_init(&s->base, keys->lineage);
    s->now = s->base;
}

/* ---- the state record ---- */

void seal_state_encode(struct writer *w, const struct seal_state *s, const struct seal_keys *keys)
{
    size_t from = w->len;
    uint8_t *p = writer_reserve(w, 2 * (size_t)WORK_STATE_SIZE);
    if (p != NULL) {
        work_state_encode(p, &s->base);
        work_state_encode(p + WORK_STATE_SIZE, &s->now);
    }
    write_bytes(w, s->owner, sizeof(s->owner));
    write_le64(w, s->floor);
    write_le64(w, s->next_number);
    write_le32(w, s->number_count);
    for (uint32_t i = 0; i < s->number_count; i++) {
        write_le64(w, s->numbers[i].number);
        write_le32(w, s->numbers[i].segments);
    }
    write_le32(w, (uint32_t)s->ops_size);
    write_bytes(w, s->ops, s->ops_size);
    struct span body = { w->p + from, w->len - from };
    p = writer_reserve(w, SEAL_KEYS_MAC);
    if (p != NULL)
        seal_keys_mac(p, keys, tag_state, body);
}

static enum err decode_body(struct seal_state *s, struct span body)
{
    struct reader r = reader_of(body);
    TRY(work_state_decode(&s->base, read_span(&r, WORK_STATE_SIZE)));
    TRY(work_state_decode(&s->now, read_span(&r, WORK_STATE_SIZE)));
    read_into(&r, s->owner, sizeof(s->owner));
    s->floor = read_le64(&r);
    s->next_number = read_le64(&r);
    s->number_count = read_le32(&r);
    reader_require(&r, s->number_count <= ENCLAVE_NUMBERS_MAX, ERR_LIMIT);
    for (uint32_t i = 0; r.err == OK && i < s->number_count; i++) {
        s->numbers[i].number = read_le64(&r);
        s->numbers[i].segments = read_le32(&r);
    }
    s->ops_size = read_le32(&r);
    reader_require(&r, s->ops_size <= sizeof(s->ops), ERR_LIMIT);
    if (r.err == OK)
        read_into(&r, s->ops, s->ops_size);
    TRY(reader_finish(&r));
    return report_ops_check(&s->pending, span_of(s->ops, s->ops_size));
}

enum err seal_state_decode(struct seal_state *s, struct span record, const struct seal_keys *keys)
{
    *s = (struct seal_state){ 0 };
    if (record.n < SEAL_KEYS_MAC)
        return ERR_SHORT;
    struct span body = span_sub(record, 0, record.n - SEAL_KEYS_MAC);
    TRY(seal_keys_check(record.p + body.n, keys, tag_state, body));
    enum err e = decode_body(s, body);
    if (e != OK)
        *s = (struct seal_state){ 0 };
    return e;
}

/* ---- numbers ---- */

struct seal_number *seal_state_number(struct seal_state *s, uint64_t number)
{
    for (uint32_t i = 0; i < s->number_count; i++) {
        if (s->numbers[i].number == number)
            return &s->numbers[i];
    }
    return NULL;
}

enum err seal_state_number_new(struct seal_state *s, uint64_t *number)
{
    *number = 0;
    if (s->number_count == ENCLAVE_NUMBERS_MAX || s->next_number == UINT64_MAX)
        return ERR_LIMIT;
    *number = s->next_number++;
    s->numbers[s->number_count++] = (struct seal_number){ .number = *number };
    return OK;
}

enum err seal_state_number_end(struct seal_state *s, uint64_t number)
{
    struct seal_number *found = seal_state_number(s, number);
    if (found == NULL)
        return ERR_NOT_FOUND;
    *found = s->numbers[--s->number_count];
    return OK;
}

/* ---- leaves and tickets ---- */

struct report_file seal_state_leaf_decode(const uint8_t leaf[ENCLAVE_LEAF_SIZE])
{
    struct report_file f = { .key = { .codec = load_le32(leaf) },
                             .size = load_le64(leaf + 36),
                             .data_root = leaf + 44,
                             .seal_root = leaf + 76 };
    memcpy(f.key.digest, leaf + 4, 32);
    return f;
}

static const char *ticket_tag(enum report_op_kind kind)
{
    return kind == REPORT_OP_ADD_FILES ? "crust/file-ticket/1" : "crust/extent-ticket/1";
}

void seal_state_ticket(uint8_t *out, const struct seal_keys *keys, enum report_op_kind kind,
                       uint64_t number, struct span leaf)
{
    store_le64(out, number);
    memcpy(out + 8, leaf.p, leaf.n);
    seal_keys_mac(out + 8 + leaf.n, keys, ticket_tag(kind), span_of(out, 8 + leaf.n));
}

/* ---- pending operations ---- */

enum { LEAVES_MAX = ENCLAVE_TICKETS_MAX * 128 }; /* one file leaf is at most 118 bytes of CBOR */

/* Everything an operation needs while it is tried: nothing here is the state's. */
struct attempt {
    struct report_op op;
    struct work_state now;
    uint32_t new_leaves;
    bool merged; /* op takes the place of the last one */
    uint8_t leaves[2 * LEAVES_MAX];
};

/* True when nothing lies to the right of index: then the leaves of a run may follow it. */
static bool nothing_above(uint32_t index, struct span path)
{
    struct sumtree_path p;
    if (sumtree_path_decode(&p, path) != OK)
        return false;
    for (uint32_t i = 0; i < SUMTREE_DEPTH; i++) {
        if ((index >> i & 1) == 0 && !sumtree_empty(&p.siblings[i]))
            return false;
    }
    return true;
}

/* An add that goes on where the last one ended becomes part of it: one path serves both. */
static void merge(const struct seal_state *s, struct attempt *a)
{
    struct report_op last;
    struct span at = { s->ops + s->pending.last, s->ops_size - s->pending.last };
    if (s->pending.count == 0 || !report_op_next(&last, &at))
        return;
    if (last.kind != a->op.kind || last.volume != a->op.volume || last.count > UINT32_MAX / 2 ||
        (uint64_t)last.index + last.count != a->op.index || !nothing_above(last.index, last.path))
        return;
    if (last.leaves.n + a->op.leaves.n > sizeof(a->leaves))
        return;
    memmove(a->leaves + last.leaves.n, a->leaves, a->op.leaves.n);
    memcpy(a->leaves, last.leaves.p, last.leaves.n);
    a->op.index = last.index;
    a->op.count += last.count;
    a->op.leaves = span_of(a->leaves, last.leaves.n + a->op.leaves.n);
    a->op.path = last.path;
    a->merged = true;
}

/* Tries the operation on a copy of the state, then writes it behind the others. Nothing has
 * changed unless OK is returned. */
static enum err append(struct seal_state *s, struct attempt *a)
{
    uint8_t encoded[SEAL_STATE_OPS_MAX];
    struct writer w = writer_of(encoded, sizeof(encoded));
    a->now = s->now;
    TRY(work_state_apply(&a->now, &a->op));
    a->new_leaves = a->op.kind == REPORT_OP_DROP_VOLUME ? 1 : a->op.count;
    if (a->new_leaves > REPORT_STEP_LEAVES_MAX - s->pending.leaves)
        return ERR_FULL;
    if (a->op.kind == REPORT_OP_ADD_FILES || a->op.kind == REPORT_OP_ADD_EXTENTS)
        merge(s, a);
    report_op_encode(&w, &a->op);
    size_t at = a->merged ? s->pending.last : s->ops_size;
    if (w.err != OK || w.len > sizeof(s->ops) - at)
        return ERR_FULL;
    memcpy(s->ops + at, encoded, w.len);
    s->ops_size = at + w.len;
    s->pending.last = at;
    s->pending.count += a->merged ? 0 : 1;
    s->pending.leaves += a->new_leaves;
    s->now = a->now;
    return OK;
}

/* One ticket: genuine, alive, and not in the list before. Appends its leaf. */
static enum err take_ticket(struct seal_state *s, const struct seal_keys *keys, struct writer *w,
                            enum report_op_kind kind, struct span ticket)
{
    struct span body = span_sub(ticket, 0, ticket.n - SEAL_KEYS_MAC);
    TRY(seal_keys_check(ticket.p + body.n, keys, ticket_tag(kind), body));
    /* SPEC seal 6.3: "An add MUST refuse a ticket whose number is not alive" */
    if (seal_state_number(s, load_le64(body.p)) == NULL)
        return ERR_EXISTS;
    if (kind == REPORT_OP_ADD_FILES) {
        struct report_file f = seal_state_leaf_decode(body.p + 8);
        report_file_encode(w, &f);
    } else {
        struct report_extent e = { .root = body.p + 8, .size = load_le64(body.p + 40) };
        report_extent_encode(w, &e);
    }
    return w->err;
}

enum err seal_state_add(struct seal_state *s, const struct seal_keys *keys,
                        enum report_op_kind kind, const struct enclave_add *m)
{
    const size_t size =
        kind == REPORT_OP_ADD_FILES ? ENCLAVE_FILE_TICKET_SIZE : ENCLAVE_EXTENT_TICKET_SIZE;
    struct attempt a = { .op = { .kind = kind,
                                 .volume = (uint8_t)m->volume,
                                 .index = m->first_index,
                                 .count = (uint32_t)(m->tickets.n / size),
                                 .path = m->path } };
    struct writer w = writer_of(a.leaves, LEAVES_MAX);
    if (a.op.count == 0 || a.op.count > ENCLAVE_TICKETS_MAX || m->tickets.n % size != 0)
        return ERR_FORMAT;
    for (size_t i = 0; i < a.op.count; i++) {
        struct span ticket = span_sub(m->tickets, i * size, size);
        for (size_t j = 0; j < i; j++) {
            if (load_le64(m->tickets.p + j * size) == load_le64(ticket.p))
                return ERR_EXISTS;
        }
        TRY(take_ticket(s, keys, &w, kind, ticket));
    }
    a.op.leaves = writer_span(&w);
    TRY(append(s, &a));
    for (size_t i = 0; i * size < m->tickets.n; i++) {
        enum err e = seal_state_number_end(s, load_le64(m->tickets.p + i * size));
        ASSERT(e == OK);
    }
    return OK;
}

enum err seal_state_remove_file(struct seal_state *s, const struct enclave_remove_file *m)
{
    struct attempt a = { .op = { REPORT_OP_REMOVE_FILE, (uint8_t)m->volume, m->index,
                                 .count = 1 } };
    struct writer w = writer_of(a.leaves, LEAVES_MAX);
    const struct report_file f = seal_state_leaf_decode(m->leaf);
    if (f.size > CONTENT_SIZE_MAX)
        return ERR_RANGE;
    report_file_encode(&w, &f);
    a.op.leaves = writer_span(&w);
    a.op.path = m->path;
    return append(s, &a);
}

enum err seal_state_remove_extent(struct seal_state *s, const struct enclave_remove_extent *m)
{
    struct attempt a = { .op = { REPORT_OP_REMOVE_EXTENT, (uint8_t)m->volume, m->index,
                                 .count = 1 } };
    struct writer w = writer_of(a.leaves, LEAVES_MAX);
    if (!srd_size_valid(m->size))
        return ERR_RANGE;
    report_extent_encode(&w, &(struct report_extent){ m->root, m->size });
    a.op.leaves = writer_span(&w);
    a.op.path = m->path;
    return append(s, &a);
}

enum err seal_state_drop(struct seal_state *s, uint8_t volume)
{
    struct attempt a = { .op = { .kind = REPORT_OP_DROP_VOLUME, .volume = volume } };
    return append(s, &a);
}

/* ---- cut ---- */

uint32_t seal_state_pending_size(const struct seal_state *s)
{
    return s->pending.count == 0 ? 0 : (uint32_t)(s->ops_size + SEAL_STATE_STEP_OVERHEAD);
}

enum err seal_state_cut(struct seal_state *s, struct enclave_cut_reply *out, struct mspan step,
                        const struct seal_keys *keys)
{
    *out = (struct enclave_cut_reply){ 0 };
    if (s->pending.count == 0)
        return ERR_STATE;
    struct work_state next = s->now;
    next.seq = s->base.seq + 1;
    uint8_t prev[32];
    work_state_hash(prev, &s->base);
    work_state_hash(out->s, &next);
    const struct report_step fields = { .state = out->s,
                                        .prev = prev,
                                        .lineage = next.lineage,
                                        .seq = next.seq,
                                        .op_count = s->pending.count,
                                        .ops = { s->ops, s->ops_size } };
    struct writer w = writer_of(step.p, step.n);
    report_step_encode(&w, &fields);
    /* The chain will do just this: never sign what it would refuse. */
    struct work_state replay = s->base;
    struct report_step decoded;
    ASSERT(w.err == OK && report_step_decode(&decoded, writer_span(&w)) == OK);
    ASSERT(work_state_step(&replay, &decoded) == OK);
    out->step = writer_span(&w);
    seal_keys_mac(out->step_mac, keys, tag_step, writer_span(&w));
    work_state_encode(out->cut, &next);
    seal_keys_mac(out->cut + WORK_STATE_SIZE, keys, tag_cut, span_of(out->cut, WORK_STATE_SIZE));
    s->base = s->now = next;
    s->pending = (struct report_ops){ 0 };
    s->ops_size = 0;
    return OK;
}

enum err seal_state_open_cut(struct work_state *out, struct span cut, const struct seal_keys *keys)
{
    *out = (struct work_state){ 0 };
    if (cut.n != ENCLAVE_CUT_SIZE)
        return ERR_FORMAT;
    struct span body = span_sub(cut, 0, WORK_STATE_SIZE);
    TRY(seal_keys_check(cut.p + WORK_STATE_SIZE, keys, tag_cut, body));
    return work_state_decode(out, body);
}

enum err seal_state_open_step(struct report_step *out, struct span step, struct span mac,
                              const struct seal_keys *keys)
{
    *out = (struct report_step){ 0 };
    if (mac.n != SEAL_KEYS_MAC)
        return ERR_FORMAT;
    TRY(seal_keys_check(mac.p, keys, tag_step, step));
    return report_step_decode(out, step);
}
