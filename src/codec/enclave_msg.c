#include "codec/enclave_msg.h"

#include "codec/cbor.h"
#include "codec/enclave_reply.h"

/* One function describes each message for both directions: it reads its fields in order when r is
 * set and writes them when w is set, so the two cannot drift apart. */
struct io {
    struct cbor_reader *r;
    struct writer *w;
};

static void io_tuple(struct io *io, size_t n)
{
    if (io->r != NULL)
        cbor_read_array_of(io->r, n);
    else
        cbor_write_array(io->w, n);
}

static void io_u64(struct io *io, uint64_t *v)
{
    if (io->r != NULL)
        *v = cbor_read_uint(io->r);
    else
        cbor_write_uint(io->w, *v);
}

static void io_u32(struct io *io, uint32_t *v, uint32_t max)
{
    if (io->r != NULL)
        *v = (uint32_t)cbor_read_uint_max(io->r, max);
    else
        cbor_write_uint(io->w, *v);
}

static void io_fixed(struct io *io, uint8_t *p, size_t n)
{
    if (io->r != NULL)
        cbor_read_bytes_of(io->r, p, n);
    else
        cbor_write_bytes(io->w, span_of(p, n));
}

static void io_bytes(struct io *io, struct span *s, size_t max)
{
    if (io->r == NULL) {
        cbor_write_bytes(io->w, *s);
        return;
    }
    *s = cbor_read_bytes(io->r);
    cbor_require(io->r, s->n <= max, ERR_LIMIT);
}

/* Bytes, or null, which is a span without a pointer. */
static void io_optional(struct io *io, struct span *s, size_t max)
{
    if (io->r != NULL && cbor_try_null(io->r)) {
        *s = (struct span){ NULL, 0 };
    } else if (io->r == NULL && s->p == NULL) {
        cbor_write_null(io->w);
    } else {
        io_bytes(io, s, max);
        if (io->r != NULL)
            cbor_require(io->r, s->n > 0, ERR_FORMAT);
    }
}

static void io_text(struct io *io, struct span *s, size_t max)
{
    if (io->r == NULL) {
        cbor_write_text(io->w, *s);
        return;
    }
    *s = cbor_read_text(io->r);
    cbor_require(io->r, s->n <= max, ERR_LIMIT);
}

/* A volume number, or null. */
static void io_optional_volume(struct io *io, bool *has, uint32_t *v)
{
    if (io->r != NULL) {
        *has = !cbor_try_null(io->r);
        *v = *has ? (uint32_t)cbor_read_uint_max(io->r, ENCLAVE_VOLUMES - 1) : 0;
    } else if (*has) {
        cbor_write_uint(io->w, *v);
    } else {
        cbor_write_null(io->w);
    }
}

static void io_volume(struct io *io, uint32_t *v)
{
    io_u32(io, v, ENCLAVE_VOLUMES - 1);
}

static void io_key(struct io *io, struct content_key *k)
{
    io_u32(io, &k->codec, UINT32_MAX);
    io_fixed(io, k->digest, sizeof(k->digest));
}

/* A run of items of one size, count of them at most. */
static void io_run(struct io *io, struct span *s, size_t size, size_t count)
{
    io_bytes(io, s, size * count);
    if (io->r != NULL)
        cbor_require(io->r, s->n % size == 0, ERR_FORMAT);
}

/* ---- requests, in the order of docs/spec/enclave-ipc.md 4 ---- */

static void io_hello(struct io *io, struct enclave_hello *m)
{
    io_tuple(io, 2);
    io_u32(io, &m->protocol, UINT32_MAX);
    io_fixed(io, m->chain, sizeof(m->chain));
}

static void io_evidence(struct io *io, struct enclave_evidence *m)
{
    io_tuple(io, 2);
    io_fixed(io, m->account, sizeof(m->account));
    io_fixed(io, m->block_hash, sizeof(m->block_hash));
}

static void io_blob(struct io *io, struct enclave_blob *m, uint16_t type)
{
    io_tuple(io, 1);
    switch (type) {
    case ENCLAVE_PROVISION:
        io_optional(io, &m->blob, ENCLAVE_SEALED_KEYS_MAX);
        break;
    case ENCLAVE_LOAD:
        io_optional(io, &m->blob, ENCLAVE_STATE_MAX);
        break;
    default:
        io_bytes(io, &m->blob, ENCLAVE_CHECKPOINT_MAX);
    }
}

static void io_number(struct io *io, struct enclave_number *m)
{
    io_tuple(io, 1);
    io_u64(io, &m->number);
}

static void io_seal_begin(struct io *io, struct enclave_seal_begin *m)
{
    io_tuple(io, 2);
    io_key(io, &m->key);
}

static void io_seal_block(struct io *io, struct enclave_seal_block *m)
{
    io_tuple(io, 3);
    io_u64(io, &m->number);
    io_key(io, &m->key);
}

static void io_fill_begin(struct io *io, struct enclave_fill_begin *m)
{
    io_tuple(io, 1);
    io_u64(io, &m->size);
}

static void io_add(struct io *io, struct enclave_add *m, size_t ticket_size)
{
    io_tuple(io, 4);
    io_volume(io, &m->volume);
    io_u32(io, &m->first_index, UINT32_MAX);
    io_run(io, &m->tickets, ticket_size, ENCLAVE_TICKETS_MAX);
    io_bytes(io, &m->path, ENCLAVE_PATH_MAX);
    if (io->r != NULL)
        cbor_require(io->r, m->tickets.n > 0, ERR_FORMAT);
}

static void io_remove_file(struct io *io, struct enclave_remove_file *m)
{
    io_tuple(io, 4);
    io_volume(io, &m->volume);
    io_u32(io, &m->index, UINT32_MAX);
    io_fixed(io, m->leaf, sizeof(m->leaf));
    io_bytes(io, &m->path, ENCLAVE_PATH_MAX);
}

static void io_remove_extent(struct io *io, struct enclave_remove_extent *m)
{
    io_tuple(io, 5);
    io_volume(io, &m->volume);
    io_u32(io, &m->index, UINT32_MAX);
    io_fixed(io, m->root, sizeof(m->root));
    io_u64(io, &m->size);
    io_bytes(io, &m->path, ENCLAVE_PATH_MAX);
}

static void io_drop(struct io *io, struct enclave_volume *m)
{
    io_tuple(io, 1);
    io_volume(io, &m->volume);
}

static void io_unseal(struct io *io, struct enclave_unseal *m)
{
    io_tuple(io, 7);
    io_key(io, &m->content);
    io_u32(io, &m->segment, UINT32_MAX);
    io_u32(io, &m->length, ENCLAVE_SEGMENT_MAX);
    io_fixed(io, m->wrapped, sizeof(m->wrapped));
    io_u32(io, &m->offset, ENCLAVE_SEGMENT_MAX);
    io_fixed(io, m->digest, sizeof(m->digest));
}

static void io_report_begin(struct io *io, struct enclave_report_begin *m)
{
    io_tuple(io, 12);
    io_u64(io, &m->slot);
    io_fixed(io, m->beacon, sizeof(m->beacon));
    io_fixed(io, m->account, sizeof(m->account));
    io_u32(io, &m->draws_files, ENCLAVE_DRAWS_PARAM_MAX);
    io_u32(io, &m->draws_srd, ENCLAVE_DRAWS_PARAM_MAX);
    io_u32(io, &m->draws_return, ENCLAVE_DRAWS_PARAM_MAX);
    io_optional_volume(io, &m->has_suspend, &m->suspend);
    io_optional_volume(io, &m->has_return, &m->return_);
    io_optional(io, &m->base, ENCLAVE_CUT_SIZE);
    io_optional(io, &m->step, ENCLAVE_STEP_MAX);
    io_optional(io, &m->step_mac, 32);
    io_run(io, &m->entries, ENCLAVE_ENTRY_SIZE, ENCLAVE_ENTRIES_MAX);
    if (io->r == NULL)
        return;
    cbor_require(io->r, m->base.p == NULL || m->base.n == ENCLAVE_CUT_SIZE, ERR_FORMAT);
    cbor_require(io->r, m->step_mac.p == NULL || m->step_mac.n == 32, ERR_FORMAT);
    cbor_require(io->r, (m->step.p == NULL) == (m->step_mac.p == NULL), ERR_FORMAT);
}

static void io_report_draws(struct io *io, struct enclave_report_draws *m)
{
    io_tuple(io, 2);
    io_u32(io, &m->first, UINT32_MAX);
    io_u32(io, &m->count, ENCLAVE_DRAWS_MAX);
}

static void io_report_file(struct io *io, struct enclave_report_file *m)
{
    io_tuple(io, 14);
    io_u32(io, &m->draw, UINT32_MAX);
    io_u32(io, &m->index, UINT32_MAX);
    io_fixed(io, m->leaf, sizeof(m->leaf));
    io_bytes(io, &m->path, ENCLAVE_PATH_MAX);
    io_u64(io, &m->record_count);
    io_u64(io, &m->record_index);
    io_fixed(io, m->record, sizeof(m->record));
    io_bytes(io, &m->record_path, ENCLAVE_RECORD_PATH_MAX);
    io_u32(io, &m->segment, UINT32_MAX);
    io_u32(io, &m->segment_count, UINT32_MAX);
    io_u32(io, &m->segment_length, ENCLAVE_SEGMENT_MAX);
    io_u32(io, &m->offset, ENCLAVE_SEGMENT_MAX);
    io_fixed(io, m->wrapped, sizeof(m->wrapped));
    io_bytes(io, &m->seal_path, ENCLAVE_HASH_PATH_MAX);
}

static void io_report_extent(struct io *io, struct enclave_report_extent *m)
{
    io_tuple(io, 6);
    io_u32(io, &m->draw, UINT32_MAX);
    io_u32(io, &m->index, UINT32_MAX);
    io_fixed(io, m->root, sizeof(m->root));
    io_u64(io, &m->size);
    io_bytes(io, &m->path, ENCLAVE_PATH_MAX);
    io_bytes(io, &m->chunk_path, ENCLAVE_HASH_PATH_MAX);
}

static void io_report_miss(struct io *io, struct enclave_report_miss *m)
{
    io_tuple(io, 1);
    io_u32(io, &m->draw, UINT32_MAX);
}

static void io_report_request(struct io *io, struct enclave_request *m)
{
    switch (m->type) {
    case ENCLAVE_REPORT_BEGIN:
        io_report_begin(io, &m->u.report_begin);
        break;
    case ENCLAVE_REPORT_DRAWS:
        io_report_draws(io, &m->u.report_draws);
        break;
    case ENCLAVE_REPORT_FILE:
        io_report_file(io, &m->u.report_file);
        break;
    case ENCLAVE_REPORT_EXTENT:
        io_report_extent(io, &m->u.report_extent);
        break;
    case ENCLAVE_REPORT_MISS:
        io_report_miss(io, &m->u.report_miss);
        break;
    default: /* STATUS, CUT, REPORT_END say nothing */
        io_tuple(io, 0);
    }
}

static void io_state_request(struct io *io, struct enclave_request *m)
{
    switch (m->type) {
    case ENCLAVE_ADD_FILES:
        io_add(io, &m->u.add, ENCLAVE_FILE_TICKET_SIZE);
        break;
    case ENCLAVE_ADD_EXTENTS:
        io_add(io, &m->u.add, ENCLAVE_EXTENT_TICKET_SIZE);
        break;
    case ENCLAVE_REMOVE_FILE:
        io_remove_file(io, &m->u.remove_file);
        break;
    case ENCLAVE_REMOVE_EXTENT:
        io_remove_extent(io, &m->u.remove_extent);
        break;
    case ENCLAVE_DROP_VOLUME:
        io_drop(io, &m->u.volume);
        break;
    default:
        io_report_request(io, m);
    }
}

static void io_request(struct io *io, struct enclave_request *m)
{
    switch (m->type) {
    case ENCLAVE_HELLO:
        io_hello(io, &m->u.hello);
        break;
    case ENCLAVE_EVIDENCE:
        io_evidence(io, &m->u.evidence);
        break;
    case ENCLAVE_PROVISION:
    case ENCLAVE_LOAD:
    case ENCLAVE_SEAL_RESUME:
        io_blob(io, &m->u.blob, m->type);
        break;
    case ENCLAVE_SEAL_CLOSE:
    case ENCLAVE_SEAL_RECORDS:
    case ENCLAVE_SEAL_END:
    case ENCLAVE_ABORT:
    case ENCLAVE_FILL_NEXT:
    case ENCLAVE_FILL_END:
        io_number(io, &m->u.number);
        break;
    case ENCLAVE_SEAL_BEGIN:
        io_seal_begin(io, &m->u.seal_begin);
        break;
    case ENCLAVE_SEAL_BLOCK:
        io_seal_block(io, &m->u.seal_block);
        break;
    case ENCLAVE_FILL_BEGIN:
        io_fill_begin(io, &m->u.fill_begin);
        break;
    case ENCLAVE_UNSEAL:
        io_unseal(io, &m->u.unseal);
        break;
    default:
        io_state_request(io, m);
    }
}

static bool type_known(uint16_t type)
{
    return type >= ENCLAVE_HELLO && type < ENCLAVE_TYPE_END;
}

enum err enclave_msg_decode(struct enclave_request *out, uint16_t type, struct span body)
{
    *out = (struct enclave_request){ .type = type };
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_require(&c, type_known(type), ERR_UNSUPPORTED);
    if (c.r.err == OK)
        io_request(&(struct io){ .r = &c }, out);
    enum err e = cbor_finish(&c);
    if (e != OK)
        *out = (struct enclave_request){ 0 };
    return e;
}

void enclave_msg_encode(struct writer *w, const struct enclave_request *m)
{
    ASSERT(type_known(m->type));
    struct enclave_request copy = *m;
    io_request(&(struct io){ .w = w }, &copy);
}

/* ---- replies ---- */

static void io_hello_reply(struct io *io, struct enclave_hello_reply *m)
{
    io_tuple(io, 9);
    io_u32(io, &m->protocol, UINT32_MAX);
    io_text(io, &m->provider, 16);
    io_text(io, &m->release, 64);
    io_fixed(io, m->release_id, sizeof(m->release_id));
    io_fixed(io, m->measurement, sizeof(m->measurement));
    io_u32(io, &m->sessions_max, UINT32_MAX);
    io_u32(io, &m->fills_max, UINT32_MAX);
    io_u32(io, &m->numbers_max, UINT32_MAX);
    io_u32(io, &m->workers, UINT32_MAX);
}

static void io_provision_reply(struct io *io, struct enclave_provision_reply *m)
{
    io_tuple(io, 3);
    io_bytes(io, &m->sealed, ENCLAVE_SEALED_KEYS_MAX);
    io_fixed(io, m->worker, sizeof(m->worker));
    io_fixed(io, m->lineage, sizeof(m->lineage));
}

static void io_evidence_reply(struct io *io, struct enclave_evidence_reply *m)
{
    io_tuple(io, 1);
    io_bytes(io, &m->evidence, ENCLAVE_EVIDENCE_MAX);
}

static void io_status_reply(struct io *io, struct enclave_status_reply *m)
{
    io_tuple(io, 8);
    io_u64(io, &m->seq);
    io_fixed(io, m->s, sizeof(m->s));
    io_fixed(io, m->s_next, sizeof(m->s_next));
    io_u32(io, &m->pending_bytes, ENCLAVE_STEP_MAX);
    io_u32(io, &m->pending_leaves, UINT32_MAX);
    io_run(io, &m->volumes, ENCLAVE_VOLUME_SIZE, ENCLAVE_VOLUMES);
    io_run(io, &m->numbers, ENCLAVE_NUMBER_SIZE, ENCLAVE_NUMBERS_MAX);
    io_bytes(io, &m->record, ENCLAVE_STATE_MAX);
}

static void io_begin_reply(struct io *io, struct enclave_begin_reply *m)
{
    io_tuple(io, 2);
    io_u64(io, &m->number);
    io_bytes(io, &m->record, ENCLAVE_STATE_MAX);
}

static void io_seal_block_reply(struct io *io, struct enclave_seal_block_reply *m)
{
    io_tuple(io, 3);
    io_u32(io, &m->segment, UINT32_MAX);
    io_u32(io, &m->offset, ENCLAVE_SEGMENT_MAX);
    io_fixed(io, m->chunk_root, sizeof(m->chunk_root));
}

static void io_seal_close_reply(struct io *io, struct enclave_seal_close_reply *m)
{
    io_tuple(io, 4);
    io_u32(io, &m->segment, UINT32_MAX);
    io_u32(io, &m->length, ENCLAVE_SEGMENT_MAX);
    io_fixed(io, m->wrapped, sizeof(m->wrapped));
    io_bytes(io, &m->checkpoint, ENCLAVE_CHECKPOINT_MAX);
}

static void io_resume_reply(struct io *io, struct enclave_resume_reply *m)
{
    io_tuple(io, 6);
    io_u64(io, &m->number);
    io_key(io, &m->key);
    io_u32(io, &m->segments, UINT32_MAX);
    io_u64(io, &m->blocks);
    io_u64(io, &m->bytes);
}

static void io_seal_end_reply(struct io *io, struct enclave_seal_end_reply *m)
{
    io_tuple(io, 3);
    io_u64(io, &m->record_count);
    io_fixed(io, m->leaf, sizeof(m->leaf));
    io_fixed(io, m->ticket, sizeof(m->ticket));
}

static void io_fill_next_reply(struct io *io, struct enclave_fill_next_reply *m)
{
    io_tuple(io, 2);
    io_u64(io, &m->offset);
    io_fixed(io, m->row, sizeof(m->row));
}

static void io_fill_end_reply(struct io *io, struct enclave_fill_end_reply *m)
{
    io_tuple(io, 3);
    io_fixed(io, m->root, sizeof(m->root));
    io_u64(io, &m->size);
    io_fixed(io, m->ticket, sizeof(m->ticket));
}

static void io_cut_reply(struct io *io, struct enclave_cut_reply *m)
{
    io_tuple(io, 5);
    io_bytes(io, &m->step, ENCLAVE_STEP_MAX);
    io_fixed(io, m->step_mac, sizeof(m->step_mac));
    io_fixed(io, m->s, sizeof(m->s));
    io_fixed(io, m->cut, sizeof(m->cut));
    io_bytes(io, &m->record, ENCLAVE_STATE_MAX);
}

static void io_report_begin_reply(struct io *io, struct enclave_report_begin_reply *m)
{
    io_tuple(io, 2);
    io_u32(io, &m->public_draws, UINT32_MAX);
    io_u32(io, &m->draws, UINT32_MAX);
}

static void io_report_reply(struct io *io, struct enclave_reply *m)
{
    switch (m->type) {
    case ENCLAVE_REPORT_BEGIN:
        io_report_begin_reply(io, &m->u.report_begin);
        break;
    case ENCLAVE_REPORT_DRAWS:
        io_tuple(io, 1);
        io_run(io, &m->u.report_draws.draws, ENCLAVE_DRAW_SIZE, ENCLAVE_DRAWS_MAX);
        break;
    case ENCLAVE_REPORT_FILE:
    case ENCLAVE_REPORT_EXTENT:
    case ENCLAVE_REPORT_MISS:
        io_tuple(io, 1);
        io_u32(io, &m->u.report_next.next, UINT32_MAX);
        break;
    case ENCLAVE_REPORT_END:
        io_tuple(io, 1);
        io_u32(io, &m->u.report_end.failed, 0xffff);
        break;
    case ENCLAVE_UNSEAL:
        io_tuple(io, 0);
        break;
    default: /* ABORT, ADD_*, REMOVE_*, DROP_VOLUME */
        io_tuple(io, 1);
        io_bytes(io, &m->u.record.record, ENCLAVE_STATE_MAX);
    }
}

static void io_seal_reply(struct io *io, struct enclave_reply *m)
{
    switch (m->type) {
    case ENCLAVE_SEAL_BEGIN:
    case ENCLAVE_FILL_BEGIN:
        io_begin_reply(io, &m->u.begin);
        break;
    case ENCLAVE_SEAL_BLOCK:
        io_seal_block_reply(io, &m->u.seal_block);
        break;
    case ENCLAVE_SEAL_CLOSE:
        io_seal_close_reply(io, &m->u.seal_close);
        break;
    case ENCLAVE_SEAL_RESUME:
        io_resume_reply(io, &m->u.resume);
        break;
    case ENCLAVE_SEAL_RECORDS:
        io_tuple(io, 1);
        io_u64(io, &m->u.records.count);
        break;
    case ENCLAVE_SEAL_END:
        io_seal_end_reply(io, &m->u.seal_end);
        break;
    default:
        io_report_reply(io, m);
    }
}

static void io_reply(struct io *io, struct enclave_reply *m)
{
    switch (m->type) {
    case ENCLAVE_HELLO:
        io_hello_reply(io, &m->u.hello);
        break;
    case ENCLAVE_PROVISION:
        io_provision_reply(io, &m->u.provision);
        break;
    case ENCLAVE_EVIDENCE:
        io_evidence_reply(io, &m->u.evidence);
        break;
    case ENCLAVE_LOAD:
    case ENCLAVE_STATUS:
        io_status_reply(io, &m->u.status);
        break;
    case ENCLAVE_FILL_NEXT:
        io_fill_next_reply(io, &m->u.fill_next);
        break;
    case ENCLAVE_FILL_END:
        io_fill_end_reply(io, &m->u.fill_end);
        break;
    case ENCLAVE_CUT:
        io_cut_reply(io, &m->u.cut);
        break;
    default:
        io_seal_reply(io, m);
    }
}

enum err enclave_reply_decode(struct enclave_reply *out, uint16_t type, struct span body)
{
    *out = (struct enclave_reply){ .type = type };
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_require(&c, type_known(type), ERR_UNSUPPORTED);
    if (c.r.err == OK)
        io_reply(&(struct io){ .r = &c }, out);
    enum err e = cbor_finish(&c);
    if (e != OK)
        *out = (struct enclave_reply){ 0 };
    return e;
}

void enclave_reply_encode(struct writer *w, const struct enclave_reply *r)
{
    ASSERT(type_known(r->type));
    struct enclave_reply copy = *r;
    io_reply(&(struct io){ .w = w }, &copy);
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
    };
    return type_known(type) ? names[type] : "?";
}
