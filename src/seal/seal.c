#include "seal/seal.h"

enum err seal_init(struct seal *s, const struct seal_config *config)
{
    memset(s, 0, sizeof(*s));
    s->config = *config;
    for (size_t i = 0; i < SEAL_SESSIONS_MAX; i++)
        TRY(aes_ctr_init(&s->sessions[i].aes));
    for (size_t i = 0; i < SEAL_FILLS_MAX; i++)
        TRY(aes_ctr_init(&s->fills[i].aes));
    return OK;
}

enum err seal_job_init(struct seal_job *j)
{
    return aes_ctr_init(&j->aes);
}

static void fill_wipe(struct seal_fill *f)
{
    struct aes_ctr aes = f->aes;
    if (f->used)
        aes_ctr_forget(&aes);
    *f = (struct seal_fill){ .aes = aes };
}

void seal_reset(struct seal *s)
{
    for (size_t i = 0; i < SEAL_SESSIONS_MAX; i++)
        seal_session_wipe(&s->sessions[i]);
    for (size_t i = 0; i < SEAL_FILLS_MAX; i++)
        fill_wipe(&s->fills[i]);
    /* SPEC seal 1.2: "When the connection ends, keys, state, open segments and reports MUST be
     * wiped, and the phase is START." */
    seal_keys_wipe(&s->keys);
    secret_wipe_bytes(&s->state, sizeof(s->state));
    secret_wipe_bytes(&s->report, sizeof(s->report));
    s->phase = SEAL_START;
}

void seal_fini(struct seal *s)
{
    seal_reset(s);
    for (size_t i = 0; i < SEAL_SESSIONS_MAX; i++)
        aes_ctr_fini(&s->sessions[i].aes);
    for (size_t i = 0; i < SEAL_FILLS_MAX; i++)
        aes_ctr_fini(&s->fills[i].aes);
    secret_wipe_bytes(s, sizeof(*s));
}

void seal_job_fini(struct seal_job *j)
{
    aes_ctr_fini(&j->aes);
    secret_wipe_bytes(j, sizeof(*j));
}

static struct mspan job_bulk(struct seal_job *j)
{
    return (struct mspan){ j->data + SEAL_SESSION_HEADROOM, j->bulk_size };
}

/* The new state record, into the job's out. */
static struct span record_of(const struct seal *s, struct seal_job *j)
{
    struct writer w = writer_of(j->out, ENCLAVE_STATE_MAX);
    seal_state_encode(&w, &s->state, &s->keys);
    ASSERT(w.err == OK); /* ENCLAVE_STATE_MAX holds the largest state */
    return writer_span(&w);
}

/* ---- start ---- */

static enum err on_hello(struct seal *s, struct seal_job *j)
{
    if (j->request.u.hello.protocol != ENCLAVE_PROTOCOL)
        return ERR_UNSUPPORTED;
    memcpy(s->chain, j->request.u.hello.chain, sizeof(s->chain));
    const struct seal_provider *p = s->config.provider;
    struct enclave_hello_reply *r = &j->reply.u.hello;
    *r = (struct enclave_hello_reply){ .protocol = ENCLAVE_PROTOCOL,
                                       .provider = span_str(p->name),
                                       .release = s->config.release,
                                       .measurement = span_of(p->measurement, p->measurement_size),
                                       .is_volatile = p->is_volatile,
                                       .sessions_max = SEAL_SESSIONS_MAX,
                                       .fills_max = SEAL_FILLS_MAX,
                                       .numbers_max = ENCLAVE_NUMBERS_MAX,
                                       .workers = s->config.workers };
    attest_release_id(r->release_id, s->config.release);
    s->phase = SEAL_GREETED;
    return OK;
}

static enum err on_provision(struct seal *s, struct seal_job *j)
{
    struct span blob = j->request.u.blob.blob;
    struct enclave_provision_reply *r = &j->reply.u.provision;
    if (blob.p == NULL) {
        AUTO(secret_wipe) struct secret nmk;
        s->config.entropy(nmk.b, SECRET_SIZE);
        uint8_t pin[32];
        release_cert_keys_hash(pin, &s->config.release_keys);
        seal_keys_make(&s->keys, &nmk, pin);
    } else {
        TRY(seal_keys_open(&s->keys, blob, &s->config.sealing, s->chain));
    }
    uint8_t nonce[24];
    s->config.entropy(nonce, sizeof(nonce));
    seal_keys_seal(j->out, &s->keys, &s->config.sealing, s->chain, nonce);
    r->sealed = span_of(j->out, SEAL_KEYS_BLOB);
    memcpy(r->worker, s->keys.worker.public_key, 32);
    memcpy(r->lineage, s->keys.lineage, 32);
    AUTO(secret_wipe) struct secret box;
    seal_keys_exchange(&box, r->exchange, &s->keys);
    s->phase = SEAL_KEYED;
    return OK;
}

/* Evidence of the provider's kind that binds b, into the reply. */
static enum err evidence_over(struct seal *s, struct seal_job *j, const struct attest_binding *b)
{
    _Static_assert(SEAL_PROVIDER_DATA_MAX + ATTEST_FRAME_MAX == ENCLAVE_EVIDENCE_MAX, "a frame");
    uint8_t report_data[ATTEST_REPORT_DATA_SIZE];
    size_t size = 0;
    attest_report_data(report_data, b);
    TRY(s->config.provider->evidence(j->data, &size, report_data, &s->keys.worker));
    struct writer w = writer_of(j->out, ENCLAVE_EVIDENCE_MAX);
    attest_evidence_encode(&w, s->config.provider->kind, span_of(j->data, size));
    j->reply.u.evidence.evidence = writer_span(&w);
    return w.err;
}

static enum err on_evidence(struct seal *s, struct seal_job *j)
{
    uint8_t release_id[32], exchange[32];
    const uint8_t *predecessor = j->request.u.evidence.predecessor.p;
    AUTO(secret_wipe) struct secret box;
    seal_keys_exchange(&box, exchange, &s->keys);
    attest_release_id(release_id, s->config.release);
    const struct attest_binding binding = { .worker = s->keys.worker.public_key,
                                            .account = j->request.u.evidence.account,
                                            .chain = s->chain,
                                            .release_id = release_id,
                                            .block_hash = j->request.u.evidence.block_hash,
                                            .predecessor = predecessor,
                                            .exchange = predecessor ? exchange : NULL };
    return evidence_over(s, j, &binding);
}

static enum err on_status(struct seal *s, struct seal_job *j)
{
    struct enclave_status_reply *r = &j->reply.u.status;
    struct work_state next = s->state.now;
    uint8_t encoded[WORK_STATE_SIZE];
    struct writer w = writer_of(j->out + ENCLAVE_STATE_MAX, SEAL_JOB_OUT - ENCLAVE_STATE_MAX);
    next.seq = s->state.base.seq + (s->state.pending.count > 0 ? 1 : 0);
    *r = (struct enclave_status_reply){ .seq = s->state.base.seq,
                                        .pending_bytes = seal_state_pending_size(&s->state),
                                        .pending_leaves = s->state.pending.leaves };
    work_state_hash(r->s, &s->state.base);
    work_state_hash(r->s_next, &next);
    work_state_encode(encoded, &next);
    write_bytes(&w, encoded + 40, WORK_STATE_SIZE - 40);
    r->volumes = writer_span(&w);
    for (uint32_t i = 0; i < s->state.number_count; i++) {
        write_le64(&w, s->state.numbers[i].number);
        write_le32(&w, s->state.numbers[i].segments);
    }
    r->numbers = span_sub(writer_span(&w), r->volumes.n, SIZE_MAX);
    memcpy(r->owner, s->state.owner, sizeof(r->owner));
    r->record = j->request.type == ENCLAVE_LOAD ? record_of(s, j) : span_of(j->out, 0);
    return w.err;
}

static enum err on_load(struct seal *s, struct seal_job *j)
{
    struct span record = j->request.u.blob.blob;
    if (record.p == NULL)
        seal_state_init(&s->state, &s->keys);
    else
        TRY(seal_state_decode(&s->state, record, &s->keys));
    bool ours = memcmp(s->state.owner, s->keys.worker.public_key, 32) == 0;
    s->phase = ours ? SEAL_READY : SEAL_CLOSED;
    return on_status(s, j);
}

/* ---- from one enclave to the next ---- */

/* Sessions, fills and the report under way: nothing of them can be used any more. */
static void close_all(struct seal *s)
{
    for (size_t i = 0; i < SEAL_SESSIONS_MAX; i++)
        seal_session_wipe(&s->sessions[i]);
    for (size_t i = 0; i < SEAL_FILLS_MAX; i++)
        fill_wipe(&s->fills[i]);
    secret_wipe_bytes(&s->report, sizeof(s->report));
    s->phase = SEAL_CLOSED;
}

static bool is_hardware(const struct seal *s)
{
    return strcmp(s->config.provider->kind, "software") != 0;
}

static enum err on_hand_over(struct seal *s, struct seal_job *j)
{
    const struct enclave_hand_over *m = &j->request.u.hand_over;
    struct enclave_hand_over_reply *r = &j->reply.u.hand_over;
    struct handover_given given;
    const struct handover_giver giver = { .keys = &s->keys,
                                          .chain = s->chain,
                                          .release_keys = &s->config.release_keys,
                                          .number = s->config.number,
                                          .hardware = is_hardware(s),
                                          .floor = s->state.floor,
                                          .entropy = s->config.entropy };
    /* SPEC handover 3.5: "Once handed over, a worker MUST NOT hand over to another" */
    if (s->phase == SEAL_CLOSED && memcmp(m->successor, s->state.owner, 32) != 0)
        return ERR_EXISTS;
    TRY(handover_give(&given, &giver, m, span_of(job_bulk(j).p, j->bulk_size)));
    memcpy(s->state.owner, m->successor, sizeof(s->state.owner));
    s->state.floor = given.issued;
    memcpy(r->envelope, given.envelope, sizeof(r->envelope));
    memcpy(r->signature, given.signature, sizeof(r->signature));
    close_all(s);
    r->record = record_of(s, j);
    return OK;
}

static enum err on_take_over(struct seal *s, struct seal_job *j)
{
    struct enclave_take_over_reply *r = &j->reply.u.take_over;
    uint8_t nonce[24];
    TRY(handover_take(&s->keys, r->signature, &j->request.u.take_over, s->chain));
    s->config.entropy(nonce, sizeof(nonce));
    seal_keys_seal(j->out, &s->keys, &s->config.sealing, s->chain, nonce);
    r->sealed = span_of(j->out, SEAL_KEYS_BLOB);
    memcpy(r->lineage, s->keys.lineage, 32);
    return OK;
}

/* ---- sealing ---- */

/* The open session of a number; or, not used and 0, a free one. */
static struct seal_session *find_session(struct seal *s, bool used, uint64_t number)
{
    for (size_t i = 0; i < SEAL_SESSIONS_MAX; i++) {
        if (s->sessions[i].used == used && s->sessions[i].core.number == number)
            return &s->sessions[i];
    }
    return NULL;
}

static enum err on_seal_begin(struct seal *s, struct seal_job *j)
{
    const struct content_key *root = &j->request.u.seal_begin.key;
    struct seal_session *session = find_session(s, false, 0);
    struct enclave_begin_reply *r = &j->reply.u.begin;
    if (session == NULL)
        return ERR_BUSY;
    if (!content_codec_known(root->codec))
        return ERR_UNSUPPORTED;
    TRY(seal_state_number_new(&s->state, &r->number));
    AUTO(secret_wipe) struct secret key;
    s->config.entropy(key.b, SECRET_SIZE);
    enum err e = seal_session_begin(session, r->number, root, &key);
    ASSERT(e == OK); /* its one failure was checked above */
    r->record = record_of(s, j);
    return OK;
}

static enum err on_seal_block(struct seal *s, struct seal_job *j)
{
    const struct enclave_seal_block *m = &j->request.u.seal_block;
    struct enclave_seal_block_reply *r = &j->reply.u.seal_block;
    struct seal_session *session = find_session(s, true, m->number);
    if (session == NULL)
        return ERR_NOT_FOUND;
    TRY(seal_session_block(session, r, &m->key, job_bulk(j), s->config.entropy));
    j->reply_bulk = span_of(job_bulk(j).p, j->bulk_size);
    return OK;
}

static enum err on_seal_close(struct seal *s, struct seal_job *j)
{
    struct seal_session *session = find_session(s, true, j->request.u.number.number);
    struct enclave_seal_close_reply *r = &j->reply.u.seal_close;
    if (session == NULL)
        return ERR_NOT_FOUND;
    TRY(seal_session_close(session, r, j->out, &s->keys, s->config.entropy));
    struct seal_number *alive = seal_state_number(&s->state, session->core.number);
    if (alive != NULL)
        alive->segments = session->core.segments;
    return OK;
}

static enum err on_seal_resume(struct seal *s, struct seal_job *j)
{
    struct seal_session *session = find_session(s, false, 0);
    struct enclave_resume_reply *r = &j->reply.u.resume;
    if (session == NULL)
        return ERR_BUSY;
    /* On a session of its own, so that a refused checkpoint leaves nothing behind. */
    TRY(seal_session_resume(session, j->request.u.blob.blob, &s->keys));
    const struct seal_session_core core = session->core;
    const struct seal_number *alive = seal_state_number(&s->state, core.number);
    session->used = false;
    enum err e = find_session(s, true, core.number) == NULL ? OK : ERR_EXISTS; /* open already */
    session->used = true;
    /* SPEC seal 5.2: "SEAL_RESUME MUST refuse it when its number is not alive, when that session is
     * open, and when it has fewer segments than the state record says." */
    if (alive == NULL)
        e = ERR_EXISTS; /* ended, or given up */
    else if (core.segments < alive->segments)
        e = ERR_STATE; /* an old checkpoint */
    if (e != OK) {
        seal_session_wipe(session);
        return e;
    }
    *r = (struct enclave_resume_reply){ core.number, core.root, core.segments, core.blocks,
                                        core.bytes };
    return OK;
}

static enum err on_seal_records(struct seal *s, struct seal_job *j)
{
    struct seal_session *session = find_session(s, true, j->request.u.number.number);
    if (session == NULL)
        return ERR_NOT_FOUND;
    TRY(seal_session_records(session, span_of(job_bulk(j).p, j->bulk_size)));
    j->reply.u.records.count = session->data.tree.count;
    return OK;
}

static enum err on_seal_end(struct seal *s, struct seal_job *j)
{
    struct seal_session *session = find_session(s, true, j->request.u.number.number);
    struct enclave_seal_end_reply *r = &j->reply.u.seal_end;
    struct content_commitment commitment;
    uint8_t seal_root[32];
    if (session == NULL)
        return ERR_NOT_FOUND;
    enum err e = seal_session_end(session, &commitment, seal_root);
    if (e == ERR_STATE)
        return e;
    const uint64_t number = session->core.number;
    const struct report_file file = { session->core.root, commitment.size, commitment.data_root,
                                      seal_root };
    if (e == OK) {
        r->record_count = commitment.record_count;
        sumtree_file_bytes(r->leaf, &file);
        seal_state_ticket(r->ticket, &s->keys, REPORT_OP_ADD_FILES, number,
                          span_of(r->leaf, sizeof(r->leaf)));
    }
    seal_session_wipe(session); /* its checkpoint can be resumed and the records sent again */
    return e;
}

/* ---- free space ---- */

static struct seal_fill *find_fill(struct seal *s, bool used, uint64_t number)
{
    for (size_t i = 0; i < SEAL_FILLS_MAX; i++) {
        if (s->fills[i].used == used && s->fills[i].number == number)
            return &s->fills[i];
    }
    return NULL;
}

static enum err on_fill_begin(struct seal *s, struct seal_job *j)
{
    static const uint8_t iv[AES_CTR_IV_SIZE];
    const uint64_t size = j->request.u.fill_begin.size;
    struct enclave_begin_reply *r = &j->reply.u.begin;
    struct seal_fill *fill = find_fill(s, false, 0);
    if (fill == NULL)
        return ERR_BUSY;
    if (!srd_size_valid(size) || size > SEAL_FILL_SIZE_MAX)
        return ERR_RANGE;
    TRY(seal_state_number_new(&s->state, &r->number));
    fill->used = true;
    fill->number = r->number;
    fill->size = size;
    fill->done = 0;
    srd_extent_init(&fill->extent);
    AUTO(secret_wipe) struct secret key;
    s->config.entropy(key.b, SECRET_SIZE);
    aes_ctr_key(&fill->aes, key.b, iv); /* the only copy from here on, gone with the fill */
    r->record = record_of(s, j);
    return OK;
}

static enum err on_fill_next(struct seal *s, struct seal_job *j)
{
    struct seal_fill *fill = find_fill(s, true, j->request.u.number.number);
    struct enclave_fill_next_reply *r = &j->reply.u.fill_next;
    struct mspan out = { j->data + SEAL_SESSION_HEADROOM, SRD_ROW_SIZE };
    if (fill == NULL)
        return ERR_NOT_FOUND;
    if (fill->done == fill->size)
        return ERR_STATE;
    aes_ctr_keystream(&fill->aes, fill->done, out);
    srd_row_root(r->row, out.p);
    srd_extent_add(&fill->extent, r->row);
    r->offset = fill->done;
    fill->done += SRD_ROW_SIZE;
    j->reply_bulk = span_of(out.p, out.n);
    return OK;
}

static enum err on_fill_end(struct seal *s, struct seal_job *j)
{
    struct seal_fill *fill = find_fill(s, true, j->request.u.number.number);
    struct enclave_fill_end_reply *r = &j->reply.u.fill_end;
    if (fill == NULL)
        return ERR_NOT_FOUND;
    if (fill->done != fill->size)
        return ERR_STATE;
    TRY(srd_extent_root(r->root, &fill->extent));
    r->size = fill->size;
    uint8_t leaf[SUMTREE_EXTENT_SIZE];
    sumtree_extent_bytes(leaf, &(struct report_extent){ r->root, r->size });
    seal_state_ticket(r->ticket, &s->keys, REPORT_OP_ADD_EXTENTS, fill->number,
                      span_of(leaf, sizeof(leaf)));
    fill_wipe(fill);
    return OK;
}

/* Gives up a session, a fill or a ticket: its number is dead. */
static enum err on_abort(struct seal *s, struct seal_job *j)
{
    const uint64_t number = j->request.u.number.number;
    struct seal_session *session = find_session(s, true, number);
    struct seal_fill *fill = find_fill(s, true, number);
    enum err e = seal_state_number_end(&s->state, number);
    if (e != OK && session == NULL && fill == NULL)
        return e;
    if (session != NULL)
        seal_session_wipe(session);
    if (fill != NULL)
        fill_wipe(fill);
    j->reply.u.record.record = record_of(s, j);
    return OK;
}

/* ---- state ---- */

static enum err change_state(struct seal *s, const struct enclave_request *m)
{
    switch (m->type) {
    case ENCLAVE_ADD_FILES:
        return seal_state_add(&s->state, &s->keys, REPORT_OP_ADD_FILES, &m->u.add);
    case ENCLAVE_ADD_EXTENTS:
        return seal_state_add(&s->state, &s->keys, REPORT_OP_ADD_EXTENTS, &m->u.add);
    case ENCLAVE_REMOVE_FILE:
        return seal_state_remove_file(&s->state, &m->u.remove_file);
    case ENCLAVE_REMOVE_EXTENT:
        return seal_state_remove_extent(&s->state, &m->u.remove_extent);
    default:
        return seal_state_drop(&s->state, (uint8_t)m->u.volume.volume);
    }
}

static enum err on_change(struct seal *s, struct seal_job *j)
{
    TRY(change_state(s, &j->request));
    j->reply.u.record.record = record_of(s, j);
    return OK;
}

static enum err on_cut(struct seal *s, struct seal_job *j)
{
    struct enclave_cut_reply *r = &j->reply.u.cut;
    struct mspan step = { j->out + ENCLAVE_STATE_MAX, SEAL_JOB_OUT - ENCLAVE_STATE_MAX };
    TRY(seal_state_cut(&s->state, r, step, &s->keys));
    r->record = record_of(s, j);
    return OK;
}

/* ---- reading ---- */

static enum err on_unseal(struct seal *s, struct seal_job *j)
{
    const struct enclave_unseal *m = &j->request.u.unseal;
    const struct seal_keys_segment at = { m->content, m->segment, m->length };
    AUTO(secret_wipe) struct secret key = { { 0 } };
    if (m->offset > m->length || j->bulk_size > m->length - m->offset)
        return ERR_RANGE;
    TRY(seal_keys_unwrap(&key, &s->keys, &at, m->wrapped));
    TRY(seal_session_open_block(&j->aes, &key, m->offset, job_bulk(j), m->digest));
    j->reply_bulk = span_of(job_bulk(j).p, j->bulk_size);
    return OK;
}

/* ---- reports ---- */

static enum err on_report_begin(struct seal *s, struct seal_job *j)
{
    TRY(seal_report_begin(&s->report, &s->keys, s->chain, &j->request.u.report_begin));
    j->reply.u.report_begin.public_draws = s->report.public_count;
    j->reply.u.report_begin.draws = s->report.draw_count;
    return OK;
}

static enum err on_report_draws(struct seal *s, struct seal_job *j)
{
    const struct enclave_report_draws *m = &j->request.u.report_draws;
    struct writer w = writer_of(j->out, sizeof(j->out));
    for (uint32_t i = 0; i < m->count; i++) {
        struct seal_report_draw d;
        if (m->first > UINT32_MAX - i)
            return ERR_RANGE;
        TRY(seal_report_draw_at(&d, &s->report, &s->keys, m->first + i));
        write_u8(&w, d.entry);
        write_u8(&w, (uint8_t)d.draw.kind);
        write_u8(&w, d.draw.place.volume);
        write_u8(&w, d.is_private ? 1 : 0);
        write_le32(&w, d.draw.j);
        write_le64(&w, d.draw.place.offset);
    }
    j->reply.u.report_draws.draws = writer_span(&w);
    return w.err;
}

static enum err on_report_answer(struct seal *s, struct seal_job *j)
{
    TRY(seal_report_answer(&s->report, &s->keys, &j->aes, &j->request, job_bulk(j)));
    j->reply.u.report_next.next = s->report.next;
    return OK;
}

static enum err on_report_end(struct seal *s, struct seal_job *j)
{
    const size_t half = ENCLAVE_BLOCK_MAX / 2;
    uint8_t *p = j->data + SEAL_SESSION_HEADROOM;
    struct writer w = writer_of(p, half);
    TRY(seal_report_end(&s->report, &w, (struct mspan){ p + half, half }, &s->keys));
    j->reply.u.report_end.failed = s->report.failed;
    j->reply_bulk = writer_span(&w);
    return OK;
}

/* ---- what is allowed ---- */

enum { OPEN = 1u << SEAL_READY | 1u << SEAL_CLOSED };

/* The one table of what may be asked, when, with how much bulk, and who answers. A row that is not
 * here does not exist: the caller ends the process. */
static const struct row {
    enum err (*handle)(struct seal *s, struct seal_job *j);
    uint8_t phases; /* a bit for each */
    uint32_t bulk_max;
} rows[ENCLAVE_TYPE_END] = {
    /* clang-format off */
    [ENCLAVE_HELLO]         = { on_hello,         1u << SEAL_START,   0 },
    [ENCLAVE_PROVISION]     = { on_provision,     1u << SEAL_GREETED, 0 },
    [ENCLAVE_EVIDENCE]      = { on_evidence,      1u << SEAL_KEYED | 1u << SEAL_READY, 0 },
    [ENCLAVE_LOAD]          = { on_load,          1u << SEAL_KEYED,   0 },
    [ENCLAVE_STATUS]        = { on_status,        OPEN,               0 },
    [ENCLAVE_SEAL_BEGIN]    = { on_seal_begin,    1u << SEAL_READY,   0 },
    [ENCLAVE_SEAL_BLOCK]    = { on_seal_block,    1u << SEAL_READY,   ENCLAVE_BLOCK_MAX + 1 },
    [ENCLAVE_SEAL_CLOSE]    = { on_seal_close,    1u << SEAL_READY,   0 },
    [ENCLAVE_SEAL_RESUME]   = { on_seal_resume,   1u << SEAL_READY,   0 },
    [ENCLAVE_SEAL_RECORDS]  = { on_seal_records,  1u << SEAL_READY,
                                ENCLAVE_COUNTED_MAX * ENCLAVE_COUNTED_SIZE },
    [ENCLAVE_SEAL_END]      = { on_seal_end,      1u << SEAL_READY,   0 },
    [ENCLAVE_ABORT]         = { on_abort,         1u << SEAL_READY,   0 },
    [ENCLAVE_FILL_BEGIN]    = { on_fill_begin,    1u << SEAL_READY,   0 },
    [ENCLAVE_FILL_NEXT]     = { on_fill_next,     1u << SEAL_READY,   0 },
    [ENCLAVE_FILL_END]      = { on_fill_end,      1u << SEAL_READY,   0 },
    [ENCLAVE_ADD_FILES]     = { on_change,        1u << SEAL_READY,   0 },
    [ENCLAVE_REMOVE_FILE]   = { on_change,        1u << SEAL_READY,   0 },
    [ENCLAVE_ADD_EXTENTS]   = { on_change,        1u << SEAL_READY,   0 },
    [ENCLAVE_REMOVE_EXTENT] = { on_change,        1u << SEAL_READY,   0 },
    [ENCLAVE_DROP_VOLUME]   = { on_change,        1u << SEAL_READY,   0 },
    [ENCLAVE_CUT]           = { on_cut,           1u << SEAL_READY,   0 },
    [ENCLAVE_UNSEAL]        = { on_unseal,        OPEN,               ENCLAVE_BLOCK_MAX },
    [ENCLAVE_REPORT_BEGIN]  = { on_report_begin,  1u << SEAL_READY,   0 },
    [ENCLAVE_REPORT_DRAWS]  = { on_report_draws,  1u << SEAL_READY,   0 },
    [ENCLAVE_REPORT_FILE]   = { on_report_answer, 1u << SEAL_READY,   ENCLAVE_BLOCK_MAX },
    [ENCLAVE_REPORT_EXTENT] = { on_report_answer, 1u << SEAL_READY,   CHUNK_SIZE },
    [ENCLAVE_REPORT_MISS]   = { on_report_answer, 1u << SEAL_READY,   0 },
    [ENCLAVE_REPORT_END]    = { on_report_end,    1u << SEAL_READY,   0 },
    [ENCLAVE_HAND_OVER]     = { on_hand_over,     OPEN,               ENCLAVE_DOCUMENTS_MAX },
    [ENCLAVE_TAKE_OVER]     = { on_take_over,     1u << SEAL_KEYED,   0 },
    /* clang-format on */
};

/* SPEC handover 3.5: "What a worker that is READY answers, one that has handed over answers with
 * ERR_STATE, except STATUS, UNSEAL and HAND_OVER." */
static bool is_closed(const struct seal *s, uint16_t type)
{
    return s->phase == SEAL_CLOSED && rows[type].phases == 1u << SEAL_READY;
}

enum err seal_take(const struct seal *s, struct seal_job *j, uint16_t type, struct span body,
                   struct span bulk)
{
    j->request = (struct enclave_request){ 0 };
    j->bulk_size = 0;
    j->reply_bulk = (struct span){ NULL, 0 };
    if (type >= ENCLAVE_TYPE_END || rows[type].handle == NULL)
        return ERR_UNSUPPORTED;
    /* SPEC seal 1.1: "A message that the phase does not allow, or whose body is not the canonical
     * encoding of its type, MUST end the process." */
    if ((rows[type].phases >> s->phase & 1) == 0 && !is_closed(s, type))
        return ERR_DENIED;
    if (body.n > sizeof(j->body))
        return ERR_LIMIT;
    /* A peer's block may be too long without the host being to blame: what is cut here is still
     * longer than a block may be, and is refused as such. */
    if (type == ENCLAVE_SEAL_BLOCK)
        bulk = span_sub(bulk, 0, rows[type].bulk_max);
    if (bulk.n > rows[type].bulk_max)
        return ERR_LIMIT;
    if (body.n > 0)
        memcpy(j->body, body.p, body.n);
    if (bulk.n > 0)
        memcpy(j->data + SEAL_SESSION_HEADROOM, bulk.p, bulk.n);
    j->bulk_size = bulk.n;
    return enclave_msg_decode(&j->request, type, span_of(j->body, body.n));
}

int seal_lane(struct seal *s, const struct seal_job *j)
{
    if (j->request.type == ENCLAVE_UNSEAL)
        return SEAL_LANE_FREE;
    if (j->request.type != ENCLAVE_SEAL_BLOCK && j->request.type != ENCLAVE_SEAL_RECORDS &&
        j->request.type != ENCLAVE_FILL_NEXT)
        return SEAL_LANE_ALONE;
    const uint64_t number = j->request.u.number.number; /* the first field of all three */
    const struct seal_session *session = find_session(s, true, number);
    if (session != NULL)
        return (int)(session - s->sessions);
    const struct seal_fill *fill = find_fill(s, true, number);
    return fill == NULL ? SEAL_LANE_ALONE : SEAL_SESSIONS_MAX + (int)(fill - s->fills);
}

enum err seal_handle(struct seal *s, struct seal_job *j)
{
    j->reply = (struct enclave_reply){ .type = j->request.type };
    j->reply_bulk = (struct span){ NULL, 0 };
    ASSERT(j->request.type < ENCLAVE_TYPE_END && rows[j->request.type].handle != NULL);
    bool closed = is_closed(s, j->request.type);
    enum err e = closed ? ERR_STATE : rows[j->request.type].handle(s, j);
    if (e != OK)
        j->reply_bulk = (struct span){ NULL, 0 };
    return e;
}
