#include "codec/enclave_msg.h"

#include "codec/cbor.h"
#include "codec/enclave_reply.h"

#include <stddef.h>

/* What a field of a struct is, and what it is in a body. */
enum kind {
    U32,            /* uint32_t: a number of at most max */
    U64,            /* uint64_t: a number */
    FIXED,          /* uint8_t[max]: bytes */
    TEXT,           /* struct span: text of at most max bytes */
    BYTES,          /* struct span: at most max bytes */
    OR_NULL,        /* BYTES, but not empty; or null, which is a span without a pointer */
    VOLUME_OR_NULL, /* struct enclave_optional_volume */
};

/* A message is all rows of its type, in this order, and both directions use the same rows: so they
 * cannot drift apart. The tables are those of docs/spec/enclave-ipc.md 2. */
struct field {
    uint16_t type;
    enum kind kind;
    size_t at; /* in the message's struct */
    uint32_t max;
};

static const struct field requests[] = {
    { ENCLAVE_HELLO, U32, offsetof(struct enclave_hello, protocol), UINT32_MAX },
    { ENCLAVE_HELLO, FIXED, offsetof(struct enclave_hello, chain), 32 },
    { ENCLAVE_PROVISION, OR_NULL, offsetof(struct enclave_blob, blob), ENCLAVE_SEALED_KEYS_MAX },
    { ENCLAVE_EVIDENCE, FIXED, offsetof(struct enclave_evidence, account), 32 },
    { ENCLAVE_EVIDENCE, FIXED, offsetof(struct enclave_evidence, block_hash), 32 },
    { ENCLAVE_EVIDENCE, OR_NULL, offsetof(struct enclave_evidence, predecessor), 32 },
    { ENCLAVE_LOAD, OR_NULL, offsetof(struct enclave_blob, blob), ENCLAVE_STATE_MAX },
    { ENCLAVE_SEAL_BEGIN, U32, offsetof(struct enclave_seal_begin, key.codec), UINT32_MAX },
    { ENCLAVE_SEAL_BEGIN, FIXED, offsetof(struct enclave_seal_begin, key.digest), 32 },
    { ENCLAVE_SEAL_BLOCK, U64, offsetof(struct enclave_seal_block, number), 0 },
    { ENCLAVE_SEAL_BLOCK, U32, offsetof(struct enclave_seal_block, key.codec), UINT32_MAX },
    { ENCLAVE_SEAL_BLOCK, FIXED, offsetof(struct enclave_seal_block, key.digest), 32 },
    { ENCLAVE_SEAL_CLOSE, U64, offsetof(struct enclave_number, number), 0 },
    { ENCLAVE_SEAL_RESUME, BYTES, offsetof(struct enclave_blob, blob), ENCLAVE_CHECKPOINT_MAX },
    { ENCLAVE_SEAL_RECORDS, U64, offsetof(struct enclave_number, number), 0 },
    { ENCLAVE_SEAL_END, U64, offsetof(struct enclave_number, number), 0 },
    { ENCLAVE_ABORT, U64, offsetof(struct enclave_number, number), 0 },
    { ENCLAVE_FILL_BEGIN, U64, offsetof(struct enclave_fill_begin, size), 0 },
    { ENCLAVE_FILL_NEXT, U64, offsetof(struct enclave_number, number), 0 },
    { ENCLAVE_FILL_END, U64, offsetof(struct enclave_number, number), 0 },
    { ENCLAVE_ADD_FILES, U32, offsetof(struct enclave_add, volume), ENCLAVE_VOLUMES - 1 },
    { ENCLAVE_ADD_FILES, U32, offsetof(struct enclave_add, first_index), UINT32_MAX },
    { ENCLAVE_ADD_FILES, BYTES, offsetof(struct enclave_add, tickets),
      ENCLAVE_TICKETS_MAX *ENCLAVE_FILE_TICKET_SIZE },
    { ENCLAVE_ADD_FILES, BYTES, offsetof(struct enclave_add, path), ENCLAVE_PATH_MAX },
    { ENCLAVE_REMOVE_FILE, U32, offsetof(struct enclave_remove_file, volume), ENCLAVE_VOLUMES - 1 },
    { ENCLAVE_REMOVE_FILE, U32, offsetof(struct enclave_remove_file, index), UINT32_MAX },
    { ENCLAVE_REMOVE_FILE, FIXED, offsetof(struct enclave_remove_file, leaf), ENCLAVE_LEAF_SIZE },
    { ENCLAVE_REMOVE_FILE, BYTES, offsetof(struct enclave_remove_file, path), ENCLAVE_PATH_MAX },
    { ENCLAVE_ADD_EXTENTS, U32, offsetof(struct enclave_add, volume), ENCLAVE_VOLUMES - 1 },
    { ENCLAVE_ADD_EXTENTS, U32, offsetof(struct enclave_add, first_index), UINT32_MAX },
    { ENCLAVE_ADD_EXTENTS, BYTES, offsetof(struct enclave_add, tickets),
      ENCLAVE_TICKETS_MAX *ENCLAVE_EXTENT_TICKET_SIZE },
    { ENCLAVE_ADD_EXTENTS, BYTES, offsetof(struct enclave_add, path), ENCLAVE_PATH_MAX },
    { ENCLAVE_REMOVE_EXTENT, U32, offsetof(struct enclave_remove_extent, volume),
      ENCLAVE_VOLUMES - 1 },
    { ENCLAVE_REMOVE_EXTENT, U32, offsetof(struct enclave_remove_extent, index), UINT32_MAX },
    { ENCLAVE_REMOVE_EXTENT, FIXED, offsetof(struct enclave_remove_extent, root), 32 },
    { ENCLAVE_REMOVE_EXTENT, U64, offsetof(struct enclave_remove_extent, size), 0 },
    { ENCLAVE_REMOVE_EXTENT, BYTES, offsetof(struct enclave_remove_extent, path),
      ENCLAVE_PATH_MAX },
    { ENCLAVE_DROP_VOLUME, U32, offsetof(struct enclave_volume, volume), ENCLAVE_VOLUMES - 1 },
    { ENCLAVE_UNSEAL, U32, offsetof(struct enclave_unseal, content.codec), UINT32_MAX },
    { ENCLAVE_UNSEAL, FIXED, offsetof(struct enclave_unseal, content.digest), 32 },
    { ENCLAVE_UNSEAL, U32, offsetof(struct enclave_unseal, segment), UINT32_MAX },
    { ENCLAVE_UNSEAL, U32, offsetof(struct enclave_unseal, length), ENCLAVE_SEGMENT_MAX },
    { ENCLAVE_UNSEAL, FIXED, offsetof(struct enclave_unseal, wrapped), ENCLAVE_WRAPPED_SIZE },
    { ENCLAVE_UNSEAL, U32, offsetof(struct enclave_unseal, offset), ENCLAVE_SEGMENT_MAX },
    { ENCLAVE_UNSEAL, FIXED, offsetof(struct enclave_unseal, digest), 32 },
    { ENCLAVE_REPORT_BEGIN, U64, offsetof(struct enclave_report_begin, slot), 0 },
    { ENCLAVE_REPORT_BEGIN, FIXED, offsetof(struct enclave_report_begin, beacon), 32 },
    { ENCLAVE_REPORT_BEGIN, FIXED, offsetof(struct enclave_report_begin, account), 32 },
    { ENCLAVE_REPORT_BEGIN, U32, offsetof(struct enclave_report_begin, draws_files),
      ENCLAVE_DRAWS_PARAM_MAX },
    { ENCLAVE_REPORT_BEGIN, U32, offsetof(struct enclave_report_begin, draws_srd),
      ENCLAVE_DRAWS_PARAM_MAX },
    { ENCLAVE_REPORT_BEGIN, U32, offsetof(struct enclave_report_begin, draws_return),
      ENCLAVE_DRAWS_PARAM_MAX },
    { ENCLAVE_REPORT_BEGIN, VOLUME_OR_NULL, offsetof(struct enclave_report_begin, suspend), 0 },
    { ENCLAVE_REPORT_BEGIN, VOLUME_OR_NULL, offsetof(struct enclave_report_begin, return_), 0 },
    { ENCLAVE_REPORT_BEGIN, OR_NULL, offsetof(struct enclave_report_begin, base),
      ENCLAVE_CUT_SIZE },
    { ENCLAVE_REPORT_BEGIN, OR_NULL, offsetof(struct enclave_report_begin, step),
      ENCLAVE_STEP_MAX },
    { ENCLAVE_REPORT_BEGIN, OR_NULL, offsetof(struct enclave_report_begin, step_mac), 32 },
    { ENCLAVE_REPORT_BEGIN, BYTES, offsetof(struct enclave_report_begin, entries),
      ENCLAVE_ENTRIES_MAX *ENCLAVE_ENTRY_SIZE },
    { ENCLAVE_REPORT_DRAWS, U32, offsetof(struct enclave_report_draws, first), UINT32_MAX },
    { ENCLAVE_REPORT_DRAWS, U32, offsetof(struct enclave_report_draws, count), ENCLAVE_DRAWS_MAX },
    { ENCLAVE_REPORT_FILE, U32, offsetof(struct enclave_report_file, draw), UINT32_MAX },
    { ENCLAVE_REPORT_FILE, U32, offsetof(struct enclave_report_file, index), UINT32_MAX },
    { ENCLAVE_REPORT_FILE, FIXED, offsetof(struct enclave_report_file, leaf), ENCLAVE_LEAF_SIZE },
    { ENCLAVE_REPORT_FILE, BYTES, offsetof(struct enclave_report_file, path), ENCLAVE_PATH_MAX },
    { ENCLAVE_REPORT_FILE, U64, offsetof(struct enclave_report_file, record_count), 0 },
    { ENCLAVE_REPORT_FILE, U64, offsetof(struct enclave_report_file, record_index), 0 },
    { ENCLAVE_REPORT_FILE, FIXED, offsetof(struct enclave_report_file, record),
      ENCLAVE_RECORD_SIZE },
    { ENCLAVE_REPORT_FILE, BYTES, offsetof(struct enclave_report_file, record_path),
      ENCLAVE_RECORD_PATH_MAX },
    { ENCLAVE_REPORT_FILE, U32, offsetof(struct enclave_report_file, segment), UINT32_MAX },
    { ENCLAVE_REPORT_FILE, U32, offsetof(struct enclave_report_file, segment_count), UINT32_MAX },
    { ENCLAVE_REPORT_FILE, U32, offsetof(struct enclave_report_file, segment_length),
      ENCLAVE_SEGMENT_MAX },
    { ENCLAVE_REPORT_FILE, U32, offsetof(struct enclave_report_file, offset), ENCLAVE_SEGMENT_MAX },
    { ENCLAVE_REPORT_FILE, FIXED, offsetof(struct enclave_report_file, wrapped),
      ENCLAVE_WRAPPED_SIZE },
    { ENCLAVE_REPORT_FILE, BYTES, offsetof(struct enclave_report_file, seal_path),
      ENCLAVE_HASH_PATH_MAX },
    { ENCLAVE_REPORT_EXTENT, U32, offsetof(struct enclave_report_extent, draw), UINT32_MAX },
    { ENCLAVE_REPORT_EXTENT, U32, offsetof(struct enclave_report_extent, index), UINT32_MAX },
    { ENCLAVE_REPORT_EXTENT, FIXED, offsetof(struct enclave_report_extent, root), 32 },
    { ENCLAVE_REPORT_EXTENT, U64, offsetof(struct enclave_report_extent, size), 0 },
    { ENCLAVE_REPORT_EXTENT, BYTES, offsetof(struct enclave_report_extent, path),
      ENCLAVE_PATH_MAX },
    { ENCLAVE_REPORT_EXTENT, BYTES, offsetof(struct enclave_report_extent, chunk_path),
      ENCLAVE_HASH_PATH_MAX },
    { ENCLAVE_REPORT_MISS, U32, offsetof(struct enclave_report_miss, draw), UINT32_MAX },
    { ENCLAVE_HAND_OVER, FIXED, offsetof(struct enclave_hand_over, account), 32 },
    { ENCLAVE_HAND_OVER, FIXED, offsetof(struct enclave_hand_over, successor), 32 },
    { ENCLAVE_HAND_OVER, FIXED, offsetof(struct enclave_hand_over, exchange), 32 },
    { ENCLAVE_HAND_OVER, FIXED, offsetof(struct enclave_hand_over, block_hash), 32 },
    { ENCLAVE_HAND_OVER, U64, offsetof(struct enclave_hand_over, time), 0 },
    { ENCLAVE_HAND_OVER, BYTES, offsetof(struct enclave_hand_over, evidence),
      ENCLAVE_EVIDENCE_MAX },
    { ENCLAVE_HAND_OVER, BYTES, offsetof(struct enclave_hand_over, certificate),
      ENCLAVE_CERTIFICATE_MAX },
    { ENCLAVE_TAKE_OVER, FIXED, offsetof(struct enclave_take_over, predecessor), 32 },
    { ENCLAVE_TAKE_OVER, FIXED, offsetof(struct enclave_take_over, account), 32 },
    { ENCLAVE_TAKE_OVER, FIXED, offsetof(struct enclave_take_over, envelope),
      ENCLAVE_ENVELOPE_SIZE },
};

/* LOAD answers as STATUS does; UNSEAL's reply has no field. */
static const struct field replies[] = {
    { ENCLAVE_HELLO, U32, offsetof(struct enclave_hello_reply, protocol), UINT32_MAX },
    { ENCLAVE_HELLO, TEXT, offsetof(struct enclave_hello_reply, provider), 16 },
    { ENCLAVE_HELLO, TEXT, offsetof(struct enclave_hello_reply, release), 64 },
    { ENCLAVE_HELLO, FIXED, offsetof(struct enclave_hello_reply, release_id), 32 },
    { ENCLAVE_HELLO, BYTES, offsetof(struct enclave_hello_reply, measurement), 48 },
    { ENCLAVE_HELLO, U32, offsetof(struct enclave_hello_reply, is_volatile), 1 },
    { ENCLAVE_HELLO, U32, offsetof(struct enclave_hello_reply, sessions_max), UINT32_MAX },
    { ENCLAVE_HELLO, U32, offsetof(struct enclave_hello_reply, fills_max), UINT32_MAX },
    { ENCLAVE_HELLO, U32, offsetof(struct enclave_hello_reply, numbers_max), UINT32_MAX },
    { ENCLAVE_HELLO, U32, offsetof(struct enclave_hello_reply, workers), UINT32_MAX },
    { ENCLAVE_PROVISION, BYTES, offsetof(struct enclave_provision_reply, sealed),
      ENCLAVE_SEALED_KEYS_MAX },
    { ENCLAVE_PROVISION, FIXED, offsetof(struct enclave_provision_reply, worker), 32 },
    { ENCLAVE_PROVISION, FIXED, offsetof(struct enclave_provision_reply, lineage), 32 },
    { ENCLAVE_PROVISION, FIXED, offsetof(struct enclave_provision_reply, exchange), 32 },
    { ENCLAVE_EVIDENCE, BYTES, offsetof(struct enclave_evidence_reply, evidence),
      ENCLAVE_EVIDENCE_MAX },
    { ENCLAVE_STATUS, U64, offsetof(struct enclave_status_reply, seq), 0 },
    { ENCLAVE_STATUS, FIXED, offsetof(struct enclave_status_reply, s), 32 },
    { ENCLAVE_STATUS, FIXED, offsetof(struct enclave_status_reply, s_next), 32 },
    { ENCLAVE_STATUS, U32, offsetof(struct enclave_status_reply, pending_bytes), ENCLAVE_STEP_MAX },
    { ENCLAVE_STATUS, U32, offsetof(struct enclave_status_reply, pending_leaves), UINT32_MAX },
    { ENCLAVE_STATUS, BYTES, offsetof(struct enclave_status_reply, volumes),
      ENCLAVE_VOLUMES *ENCLAVE_VOLUME_SIZE },
    { ENCLAVE_STATUS, BYTES, offsetof(struct enclave_status_reply, numbers),
      ENCLAVE_NUMBERS_MAX *ENCLAVE_NUMBER_SIZE },
    { ENCLAVE_STATUS, BYTES, offsetof(struct enclave_status_reply, record), ENCLAVE_STATE_MAX },
    { ENCLAVE_STATUS, FIXED, offsetof(struct enclave_status_reply, owner), 32 },
    { ENCLAVE_SEAL_BEGIN, U64, offsetof(struct enclave_begin_reply, number), 0 },
    { ENCLAVE_SEAL_BEGIN, BYTES, offsetof(struct enclave_begin_reply, record), ENCLAVE_STATE_MAX },
    { ENCLAVE_SEAL_BLOCK, U32, offsetof(struct enclave_seal_block_reply, segment), UINT32_MAX },
    { ENCLAVE_SEAL_BLOCK, U32, offsetof(struct enclave_seal_block_reply, offset),
      ENCLAVE_SEGMENT_MAX },
    { ENCLAVE_SEAL_BLOCK, FIXED, offsetof(struct enclave_seal_block_reply, chunk_root), 32 },
    { ENCLAVE_SEAL_CLOSE, U32, offsetof(struct enclave_seal_close_reply, segment), UINT32_MAX },
    { ENCLAVE_SEAL_CLOSE, U32, offsetof(struct enclave_seal_close_reply, length),
      ENCLAVE_SEGMENT_MAX },
    { ENCLAVE_SEAL_CLOSE, FIXED, offsetof(struct enclave_seal_close_reply, wrapped),
      ENCLAVE_WRAPPED_SIZE },
    { ENCLAVE_SEAL_CLOSE, BYTES, offsetof(struct enclave_seal_close_reply, checkpoint),
      ENCLAVE_CHECKPOINT_MAX },
    { ENCLAVE_SEAL_RESUME, U64, offsetof(struct enclave_resume_reply, number), 0 },
    { ENCLAVE_SEAL_RESUME, U32, offsetof(struct enclave_resume_reply, key.codec), UINT32_MAX },
    { ENCLAVE_SEAL_RESUME, FIXED, offsetof(struct enclave_resume_reply, key.digest), 32 },
    { ENCLAVE_SEAL_RESUME, U32, offsetof(struct enclave_resume_reply, segments), UINT32_MAX },
    { ENCLAVE_SEAL_RESUME, U64, offsetof(struct enclave_resume_reply, blocks), 0 },
    { ENCLAVE_SEAL_RESUME, U64, offsetof(struct enclave_resume_reply, bytes), 0 },
    { ENCLAVE_SEAL_RECORDS, U64, offsetof(struct enclave_records_reply, count), 0 },
    { ENCLAVE_SEAL_END, U64, offsetof(struct enclave_seal_end_reply, record_count), 0 },
    { ENCLAVE_SEAL_END, FIXED, offsetof(struct enclave_seal_end_reply, leaf), ENCLAVE_LEAF_SIZE },
    { ENCLAVE_SEAL_END, FIXED, offsetof(struct enclave_seal_end_reply, ticket),
      ENCLAVE_FILE_TICKET_SIZE },
    { ENCLAVE_ABORT, BYTES, offsetof(struct enclave_record_reply, record), ENCLAVE_STATE_MAX },
    { ENCLAVE_FILL_BEGIN, U64, offsetof(struct enclave_begin_reply, number), 0 },
    { ENCLAVE_FILL_BEGIN, BYTES, offsetof(struct enclave_begin_reply, record), ENCLAVE_STATE_MAX },
    { ENCLAVE_FILL_NEXT, U64, offsetof(struct enclave_fill_next_reply, offset), 0 },
    { ENCLAVE_FILL_NEXT, FIXED, offsetof(struct enclave_fill_next_reply, row), 32 },
    { ENCLAVE_FILL_END, FIXED, offsetof(struct enclave_fill_end_reply, root), 32 },
    { ENCLAVE_FILL_END, U64, offsetof(struct enclave_fill_end_reply, size), 0 },
    { ENCLAVE_FILL_END, FIXED, offsetof(struct enclave_fill_end_reply, ticket),
      ENCLAVE_EXTENT_TICKET_SIZE },
    { ENCLAVE_ADD_FILES, BYTES, offsetof(struct enclave_record_reply, record), ENCLAVE_STATE_MAX },
    { ENCLAVE_REMOVE_FILE, BYTES, offsetof(struct enclave_record_reply, record),
      ENCLAVE_STATE_MAX },
    { ENCLAVE_ADD_EXTENTS, BYTES, offsetof(struct enclave_record_reply, record),
      ENCLAVE_STATE_MAX },
    { ENCLAVE_REMOVE_EXTENT, BYTES, offsetof(struct enclave_record_reply, record),
      ENCLAVE_STATE_MAX },
    { ENCLAVE_DROP_VOLUME, BYTES, offsetof(struct enclave_record_reply, record),
      ENCLAVE_STATE_MAX },
    { ENCLAVE_CUT, BYTES, offsetof(struct enclave_cut_reply, step), ENCLAVE_STEP_MAX },
    { ENCLAVE_CUT, FIXED, offsetof(struct enclave_cut_reply, step_mac), 32 },
    { ENCLAVE_CUT, FIXED, offsetof(struct enclave_cut_reply, s), 32 },
    { ENCLAVE_CUT, FIXED, offsetof(struct enclave_cut_reply, cut), ENCLAVE_CUT_SIZE },
    { ENCLAVE_CUT, BYTES, offsetof(struct enclave_cut_reply, record), ENCLAVE_STATE_MAX },
    { ENCLAVE_REPORT_BEGIN, U32, offsetof(struct enclave_report_begin_reply, public_draws),
      UINT32_MAX },
    { ENCLAVE_REPORT_BEGIN, U32, offsetof(struct enclave_report_begin_reply, draws), UINT32_MAX },
    { ENCLAVE_REPORT_DRAWS, BYTES, offsetof(struct enclave_report_draws_reply, draws),
      ENCLAVE_DRAWS_MAX *ENCLAVE_DRAW_SIZE },
    { ENCLAVE_REPORT_FILE, U32, offsetof(struct enclave_report_next_reply, next), UINT32_MAX },
    { ENCLAVE_REPORT_EXTENT, U32, offsetof(struct enclave_report_next_reply, next), UINT32_MAX },
    { ENCLAVE_REPORT_MISS, U32, offsetof(struct enclave_report_next_reply, next), UINT32_MAX },
    { ENCLAVE_REPORT_END, U32, offsetof(struct enclave_report_end_reply, failed), 0xffff },
    { ENCLAVE_HAND_OVER, FIXED, offsetof(struct enclave_hand_over_reply, envelope),
      ENCLAVE_ENVELOPE_SIZE },
    { ENCLAVE_HAND_OVER, FIXED, offsetof(struct enclave_hand_over_reply, signature), 64 },
    { ENCLAVE_HAND_OVER, BYTES, offsetof(struct enclave_hand_over_reply, record),
      ENCLAVE_STATE_MAX },
    { ENCLAVE_TAKE_OVER, BYTES, offsetof(struct enclave_take_over_reply, sealed),
      ENCLAVE_SEALED_KEYS_MAX },
    { ENCLAVE_TAKE_OVER, FIXED, offsetof(struct enclave_take_over_reply, lineage), 32 },
    { ENCLAVE_TAKE_OVER, FIXED, offsetof(struct enclave_take_over_reply, signature), 64 },
};

struct table {
    const struct field *rows;
    size_t count;
};

static const struct table request_table = { requests, sizeof(requests) / sizeof(requests[0]) };
static const struct table reply_table = { replies, sizeof(replies) / sizeof(replies[0]) };

static bool type_known(uint16_t type)
{
    return type >= ENCLAVE_HELLO && type < ENCLAVE_TYPE_END;
}

static size_t fields_of(const struct table *t, uint16_t type)
{
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++)
        n += t->rows[i].type == type;
    return n;
}

static void read_field(struct cbor_reader *c, void *at, const struct field *f)
{
    struct span *s = at;
    struct enclave_optional_volume *volume = at;
    switch (f->kind) {
    case U32:
        *(uint32_t *)at = (uint32_t)cbor_read_uint_max(c, f->max);
        return;
    case U64:
        *(uint64_t *)at = cbor_read_uint(c);
        return;
    case FIXED:
        cbor_read_bytes_of(c, at, f->max);
        return;
    case TEXT:
        *s = cbor_read_text(c);
        cbor_require(c, s->n <= f->max, ERR_LIMIT);
        return;
    case OR_NULL:
        if (cbor_try_null(c))
            return;
        *s = cbor_read_bytes(c);
        cbor_require(c, s->n > 0, ERR_FORMAT);
        cbor_require(c, s->n <= f->max, ERR_LIMIT);
        return;
    case BYTES:
        *s = cbor_read_bytes(c);
        cbor_require(c, s->n <= f->max, ERR_LIMIT);
        return;
    case VOLUME_OR_NULL:
        volume->set = !cbor_try_null(c);
        volume->number = volume->set ? (uint32_t)cbor_read_uint_max(c, ENCLAVE_VOLUMES - 1) : 0;
        return;
    }
}

static void write_field(struct writer *w, const void *at, const struct field *f)
{
    const struct span *s = at;
    const struct enclave_optional_volume *volume = at;
    switch (f->kind) {
    case U32:
        cbor_write_uint(w, *(const uint32_t *)at);
        return;
    case U64:
        cbor_write_uint(w, *(const uint64_t *)at);
        return;
    case FIXED:
        cbor_write_bytes(w, span_of(at, f->max));
        return;
    case TEXT:
        cbor_write_text(w, *s);
        return;
    case OR_NULL:
        if (s->p == NULL)
            cbor_write_null(w);
        else
            cbor_write_bytes(w, *s);
        return;
    case BYTES:
        cbor_write_bytes(w, *s);
        return;
    case VOLUME_OR_NULL:
        if (volume->set)
            cbor_write_uint(w, volume->number);
        else
            cbor_write_null(w);
        return;
    }
}

/* Takes exactly the fields of a message to *out, which is zero. */
static void read_message(struct cbor_reader *c, void *out, const struct table *t, uint16_t type)
{
    cbor_require(c, type_known(type), ERR_UNSUPPORTED);
    cbor_read_array_of(c, fields_of(t, type));
    for (size_t i = 0; i < t->count && c->r.err == OK; i++) {
        if (t->rows[i].type == type)
            read_field(c, (uint8_t *)out + t->rows[i].at, &t->rows[i]);
    }
}

static void write_message(struct writer *w, const void *in, const struct table *t, uint16_t type)
{
    ASSERT(type_known(type));
    cbor_write_array(w, fields_of(t, type));
    for (size_t i = 0; i < t->count; i++) {
        if (t->rows[i].type == type)
            write_field(w, (const uint8_t *)in + t->rows[i].at, &t->rows[i]);
    }
}

/* Bytes that are items of one size are whole items, and an add has one at least. */
static bool items_whole(const struct enclave_request *m)
{
    const struct enclave_report_begin *begin = &m->u.report_begin;
    switch (m->type) {
    case ENCLAVE_EVIDENCE:
        return m->u.evidence.predecessor.n % 32 == 0;
    case ENCLAVE_ADD_FILES:
        return m->u.add.tickets.n > 0 && m->u.add.tickets.n % ENCLAVE_FILE_TICKET_SIZE == 0;
    case ENCLAVE_ADD_EXTENTS:
        return m->u.add.tickets.n > 0 && m->u.add.tickets.n % ENCLAVE_EXTENT_TICKET_SIZE == 0;
    case ENCLAVE_REPORT_BEGIN:
        return begin->base.n % ENCLAVE_CUT_SIZE == 0 && begin->step_mac.n % 32 == 0 &&
               begin->entries.n % ENCLAVE_ENTRY_SIZE == 0 &&
               (begin->step.p == NULL) == (begin->step_mac.p == NULL);
    default:
        return true;
    }
}

enum err enclave_msg_decode(struct enclave_request *out, uint16_t type, struct span body)
{
    memset(out, 0, sizeof(*out)); /* all of the union, whichever member is its first */
    out->type = type;
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    read_message(&c, &out->u, &request_table, type);
    cbor_require(&c, items_whole(out), ERR_FORMAT);
    enum err e = cbor_finish(&c);
    if (e != OK)
        memset(out, 0, sizeof(*out));
    return e;
}

void enclave_msg_encode(struct writer *w, const struct enclave_request *m)
{
    write_message(w, &m->u, &request_table, m->type);
}

static uint16_t reply_type(uint16_t type)
{
    return type == ENCLAVE_LOAD ? ENCLAVE_STATUS : type;
}

enum err enclave_reply_decode(struct enclave_reply *out, uint16_t type, struct span body)
{
    memset(out, 0, sizeof(*out));
    out->type = type;
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    read_message(&c, &out->u, &reply_table, reply_type(type));
    if (reply_type(type) == ENCLAVE_STATUS)
        cbor_require(&c,
                     out->u.status.volumes.n % ENCLAVE_VOLUME_SIZE == 0 &&
                         out->u.status.numbers.n % ENCLAVE_NUMBER_SIZE == 0,
                     ERR_FORMAT);
    if (type == ENCLAVE_REPORT_DRAWS)
        cbor_require(&c, out->u.report_draws.draws.n % ENCLAVE_DRAW_SIZE == 0, ERR_FORMAT);
    enum err e = cbor_finish(&c);
    if (e != OK)
        memset(out, 0, sizeof(*out));
    return e;
}

void enclave_reply_encode(struct writer *w, const struct enclave_reply *r)
{
    write_message(w, &r->u, &reply_table, reply_type(r->type));
}

enum err enclave_reply_decode_error(enum err *code, struct span body)
{
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_array_of(&c, 2);
    uint64_t n = cbor_read_uint_max(&c, ERR_COUNT - 1);
    *code = (enum err)n;
    cbor_require(&c, n != OK, ERR_FORMAT);
    struct span text = cbor_read_text(&c);
    cbor_require(&c, span_eq(text, span_str(err_text(*code))), ERR_FORMAT);
    enum err e = cbor_finish(&c);
    if (e != OK)
        *code = OK;
    return e;
}

void enclave_reply_encode_error(struct writer *w, enum err code)
{
    ASSERT(code > OK && code < ERR_COUNT);
    cbor_write_array(w, 2);
    cbor_write_uint(w, (uint64_t)code);
    cbor_write_str(w, err_text(code));
}

const char *enclave_msg_name(uint16_t type)
{
    static const char *const names[ENCLAVE_TYPE_END] = {
        [ENCLAVE_HELLO] = "HELLO",
        [ENCLAVE_PROVISION] = "PROVISION",
        [ENCLAVE_EVIDENCE] = "EVIDENCE",
        [ENCLAVE_LOAD] = "LOAD",
        [ENCLAVE_STATUS] = "STATUS",
        [ENCLAVE_SEAL_BEGIN] = "SEAL_BEGIN",
        [ENCLAVE_SEAL_BLOCK] = "SEAL_BLOCK",
        [ENCLAVE_SEAL_CLOSE] = "SEAL_CLOSE",
        [ENCLAVE_SEAL_RESUME] = "SEAL_RESUME",
        [ENCLAVE_SEAL_RECORDS] = "SEAL_RECORDS",
        [ENCLAVE_SEAL_END] = "SEAL_END",
        [ENCLAVE_ABORT] = "ABORT",
        [ENCLAVE_FILL_BEGIN] = "FILL_BEGIN",
        [ENCLAVE_FILL_NEXT] = "FILL_NEXT",
        [ENCLAVE_FILL_END] = "FILL_END",
        [ENCLAVE_ADD_FILES] = "ADD_FILES",
        [ENCLAVE_REMOVE_FILE] = "REMOVE_FILE",
        [ENCLAVE_ADD_EXTENTS] = "ADD_EXTENTS",
        [ENCLAVE_REMOVE_EXTENT] = "REMOVE_EXTENT",
        [ENCLAVE_DROP_VOLUME] = "DROP_VOLUME",
        [ENCLAVE_CUT] = "CUT",
        [ENCLAVE_UNSEAL] = "UNSEAL",
        [ENCLAVE_REPORT_BEGIN] = "REPORT_BEGIN",
        [ENCLAVE_REPORT_DRAWS] = "REPORT_DRAWS",
        [ENCLAVE_REPORT_FILE] = "REPORT_FILE",
        [ENCLAVE_REPORT_EXTENT] = "REPORT_EXTENT",
        [ENCLAVE_REPORT_MISS] = "REPORT_MISS",
        [ENCLAVE_REPORT_END] = "REPORT_END",
        [ENCLAVE_HAND_OVER] = "HAND_OVER",
        [ENCLAVE_TAKE_OVER] = "TAKE_OVER",
    };
    return type_known(type) ? names[type] : "?";
}
