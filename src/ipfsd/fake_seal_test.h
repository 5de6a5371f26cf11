/* fake_seal_test: stands in for ipfsd/enclave_link.c and the enclave behind it: sessions, numbers,
 * checkpoints and reports as docs/spec/seal.md says, with toy ciphers, in the test's own memory. It
 * dies when told to, and knows again only what LOAD brings. Only one test program's file includes
 * it.
 */
#ifndef CRUST_IPFSD_FAKE_SEAL_TEST_H
#define CRUST_IPFSD_FAKE_SEAL_TEST_H

#include "base/check.h"
#include "base/writer.h"
#include "codec/links.h"
#include "crypto/sha256.h"
#include "ipfsd/enclave_link.h"
#include "proof/content.h"
#include "proof/work_state.h"

enum { FAKE_SEAL_SESSIONS = 4, FAKE_SEAL_CHECKPOINT = 8 + 36 + 4 + 4 * 8 + 32 + 32 };

struct fake_seal_session {
    bool used, open, records;
    uint64_t number;
    struct content_key key;
    uint32_t segments, length; /* length: of the open one */
    uint64_t blocks, bytes, a, d, a_records, d_records, count;
    uint8_t segment_key[32], seal_root[32], data_root[32];
};

static struct fake_seal {
    struct fake_seal_session sessions[FAKE_SEAL_SESSIONS];
    uint64_t next_number, numbers[16];
    uint32_t segments[16], number_count, pending;
    uint64_t random; /* never goes back, whatever dies */
    uint64_t sealed; /* blocks, since the test began */
    uint64_t die_at; /* that call from now on; 0: none */
    /* reports */
    enum err begin_error, end_error; /* with a step */
    enum err miss_error;
    uint32_t draws, report_begins, report_misses;
    bool report_step;
} fake_seal;

static inline void fake_seal_hash(uint8_t out[32], const char *tag, struct span a, struct span b)
{
    const struct span parts[] = { a, b };
    sha256_tagged(out, tag, parts, 2);
}

static inline uint64_t fake_seal_number(const char *tag, struct span a)
{
    uint8_t h[32];
    fake_seal_hash(h, tag, a, (struct span){ NULL, 0 });
    return load_le64(h);
}

static inline uint64_t fake_seal_link(const struct content_key *key)
{
    uint8_t k[36];
    store_le32(k, key->codec);
    memcpy(k + 4, key->digest, 32);
    return fake_seal_number("link", span_of(k, sizeof(k)));
}

/* What a crash of the enclave, or of the machine, takes. */
static inline void fake_seal_wipe(void)
{
    memset(fake_seal.sessions, 0, sizeof(fake_seal.sessions));
    fake_seal.number_count = 0;
    fake_seal.next_number = 1;
    fake_seal.pending = 0;
}

static inline struct fake_seal_session *fake_seal_session(uint64_t number)
{
    for (int i = 0; i < FAKE_SEAL_SESSIONS; i++) {
        if (fake_seal.sessions[i].used && fake_seal.sessions[i].number == number)
            return &fake_seal.sessions[i];
    }
    return NULL;
}

static inline int fake_seal_alive(uint64_t number)
{
    for (uint32_t i = 0; i < fake_seal.number_count; i++) {
        if (fake_seal.numbers[i] == number)
            return (int)i;
    }
    return -1;
}

static inline void fake_seal_end_number(int at)
{
    uint32_t last = --fake_seal.number_count;
    fake_seal.numbers[at] = fake_seal.numbers[last];
    fake_seal.segments[at] = fake_seal.segments[last];
}

/* next u64 | pending u32 | count u32 | (number u64 | segments u32) each */
static inline struct span fake_seal_record(struct enclave_answer *a)
{
    struct writer w = writer_of(a->body, sizeof(a->body));
    write_le64(&w, fake_seal.next_number);
    write_le32(&w, fake_seal.pending);
    write_le32(&w, fake_seal.number_count);
    for (uint32_t i = 0; i < fake_seal.number_count; i++) {
        write_le64(&w, fake_seal.numbers[i]);
        write_le32(&w, fake_seal.segments[i]);
    }
    return writer_span(&w);
}

static inline void fake_seal_load(struct span record)
{
    fake_seal_wipe();
    if (record.p == NULL)
        return;
    fake_seal.next_number = load_le64(record.p);
    fake_seal.pending = load_le32(record.p + 8);
    fake_seal.number_count = load_le32(record.p + 12);
    for (uint32_t i = 0; i < fake_seal.number_count; i++) {
        fake_seal.numbers[i] = load_le64(record.p + 16 + (size_t)i * 12);
        fake_seal.segments[i] = load_le32(record.p + 24 + (size_t)i * 12);
    }
}

static inline enum err fake_seal_status(struct enclave_answer *a)
{
    struct work_state empty;
    uint8_t *p = a->body + 4096, *numbers = a->body + 8192;
    work_state_init(&empty, (const uint8_t[32]){ 5 });
    work_state_encode(p, &empty);
    struct enclave_status_reply *r = &a->reply.u.status;
    *r = (struct enclave_status_reply){ .pending_leaves = fake_seal.pending };
    work_state_hash(r->s, &empty);
    r->volumes = span_of(p + 40, WORK_STATE_SIZE - 40);
    r->record = fake_seal_record(a);
    for (uint32_t i = 0; i < fake_seal.number_count; i++) {
        store_le64(numbers + (size_t)i * 12, fake_seal.numbers[i]);
        store_le32(numbers + (size_t)i * 12 + 8, fake_seal.segments[i]);
    }
    r->numbers = span_of(numbers, (size_t)fake_seal.number_count * 12);
    return OK;
}

/* ---- sealing ---- */

static inline struct fake_seal_session *fake_seal_room(void)
{
    for (int i = 0; i < FAKE_SEAL_SESSIONS; i++) {
        if (!fake_seal.sessions[i].used)
            return &fake_seal.sessions[i];
    }
    return NULL;
}

static inline enum err fake_seal_begin(struct enclave_answer *a, const struct content_key *key)
{
    struct fake_seal_session *s = fake_seal_room();
    if (s == NULL)
        return ERR_BUSY;
    CHECK(fake_seal.number_count < 16);
    *s = (struct fake_seal_session){ .used = true, .key = *key, .a = fake_seal_link(key) };
    s->number = fake_seal.next_number++;
    fake_seal.numbers[fake_seal.number_count] = s->number;
    fake_seal.segments[fake_seal.number_count++] = 0;
    a->reply.u.begin.number = s->number;
    a->reply.u.begin.record = fake_seal_record(a);
    return OK;
}

static inline void fake_seal_crypt(uint8_t *out, const uint8_t key[32], uint32_t offset,
                                   struct span in)
{
    for (size_t i = 0; i < in.n; i++)
        out[i] = (uint8_t)(in.p[i] ^ key[(offset + i) % 32] ^ (uint8_t)((offset + i) / 32));
}

static inline enum err fake_seal_block(struct enclave_item *item)
{
    const struct enclave_seal_block *m = &item->request.u.seal_block;
    struct fake_seal_session *s = fake_seal_session(m->number);
    struct content_record record;
    struct links links;
    struct cid cid;
    uint8_t encoded[CONTENT_RECORD_SIZE];
    if (s == NULL)
        return ERR_NOT_FOUND;
    if (s->records)
        return ERR_STATE;
    if (!s->open) {
        s->open = true;
        s->length = 0;
        uint8_t seed[8];
        store_le64(seed, ++fake_seal.random);
        fake_seal_hash(s->segment_key, "segment", span_of(seed, 8), (struct span){ NULL, 0 });
    }
    CHECK_OK(links_init(&links, m->key.codec, item->bulk, LINKS_TOLERANT));
    while (links_next(&links, &cid)) {
        struct content_key key;
        CHECK_OK(cid_key(&key, &cid));
        s->a += fake_seal_link(&key);
    }
    content_record_of(&record, &m->key, item->bulk);
    content_record_encode(encoded, &record);
    s->d += fake_seal_number("record", span_of(encoded, sizeof(encoded)));
    s->blocks++;
    s->bytes += item->bulk.n;
    fake_seal.sealed++;
    fake_seal_crypt(item->bulk_out.p, s->segment_key, s->length, item->bulk);
    item->reply.u.seal_block = (struct enclave_seal_block_reply){ s->segments, s->length, { 0 } };
    memcpy(item->reply.u.seal_block.chunk_root, record.chunk_root, 32);
    s->length += (uint32_t)item->bulk.n;
    return OK;
}

static inline void fake_seal_checkpoint(uint8_t out[FAKE_SEAL_CHECKPOINT],
                                        const struct fake_seal_session *s)
{
    struct writer w = writer_of(out, FAKE_SEAL_CHECKPOINT);
    write_le64(&w, s->number);
    write_le32(&w, s->key.codec);
    write_bytes(&w, s->key.digest, 32);
    write_le32(&w, s->segments);
    write_le64(&w, s->blocks);
    write_le64(&w, s->bytes);
    write_le64(&w, s->a);
    write_le64(&w, s->d);
    write_bytes(&w, s->seal_root, 32);
    fake_seal_hash(out + w.len, "checkpoint", writer_span(&w), (struct span){ NULL, 0 });
}

static inline enum err fake_seal_close(struct enclave_answer *a, uint64_t number)
{
    struct fake_seal_session *s = fake_seal_session(number);
    struct enclave_seal_close_reply *r = &a->reply.u.seal_close;
    if (s == NULL)
        return ERR_NOT_FOUND;
    if (s->records || (!s->open && s->segments > 0))
        return ERR_STATE;
    *r = (struct enclave_seal_close_reply){ .segment = s->segments, .length = s->length };
    memcpy(r->wrapped, s->segment_key, 32);
    fake_seal_hash(s->seal_root, "seal-root", span_of(s->seal_root, 32),
                   span_of(r->wrapped, sizeof(r->wrapped)));
    s->open = false;
    s->segments++;
    int at = fake_seal_alive(number);
    if (at >= 0)
        fake_seal.segments[at] = s->segments;
    fake_seal_checkpoint(a->body, s);
    r->checkpoint = span_of(a->body, FAKE_SEAL_CHECKPOINT);
    return OK;
}

static inline enum err fake_seal_resume(struct enclave_answer *a, struct span in)
{
    struct fake_seal_session *s = fake_seal_room();
    uint8_t mac[32];
    if (s == NULL)
        return ERR_BUSY;
    if (in.n != FAKE_SEAL_CHECKPOINT)
        return ERR_FORMAT;
    fake_seal_hash(mac, "checkpoint", span_sub(in, 0, in.n - 32), (struct span){ NULL, 0 });
    if (memcmp(mac, in.p + in.n - 32, 32) != 0)
        return ERR_SIGNATURE;
    int at = fake_seal_alive(load_le64(in.p));
    if (at < 0 || fake_seal_session(load_le64(in.p)) != NULL)
        return ERR_EXISTS;
    if (load_le32(in.p + 44) < fake_seal.segments[at])
        return ERR_STATE;
    *s = (struct fake_seal_session){ .used = true, .number = load_le64(in.p) };
    s->key.codec = load_le32(in.p + 8);
    memcpy(s->key.digest, in.p + 12, 32);
    s->segments = load_le32(in.p + 44);
    s->blocks = load_le64(in.p + 48);
    s->bytes = load_le64(in.p + 56);
    s->a = load_le64(in.p + 64);
    s->d = load_le64(in.p + 72);
    memcpy(s->seal_root, in.p + 80, 32);
    a->reply.u.resume =
        (struct enclave_resume_reply){ s->number, s->key, s->segments, s->blocks, s->bytes };
    return OK;
}

static inline enum err fake_seal_records(uint64_t number, struct span bulk)
{
    struct fake_seal_session *s = fake_seal_session(number);
    if (s == NULL)
        return ERR_NOT_FOUND;
    if (s->open || s->segments == 0)
        return ERR_STATE;
    s->records = true;
    for (size_t at = 0; at < bulk.n; at += ENCLAVE_COUNTED_SIZE) {
        struct content_record r;
        struct span bytes = span_sub(bulk, at, CONTENT_RECORD_SIZE);
        CHECK_OK(content_record_decode(&r, bytes.p));
        s->a_records += fake_seal_link(&r.key) * load_le64(bytes.p + CONTENT_RECORD_SIZE);
        s->d_records += fake_seal_number("record", bytes);
        fake_seal_hash(s->data_root, "data-root", span_of(s->data_root, 32), bytes);
        s->count++;
    }
    return OK;
}

static inline enum err fake_seal_finish(struct enclave_answer *a, uint64_t number)
{
    struct fake_seal_session *s = fake_seal_session(number);
    struct enclave_seal_end_reply *r = &a->reply.u.seal_end;
    if (s == NULL)
        return ERR_NOT_FOUND;
    if (!s->records)
        return ERR_STATE;
    s->used = false;
    if (s->a != s->a_records || s->d != s->d_records)
        return ERR_CORRUPT;
    *r = (struct enclave_seal_end_reply){ .record_count = s->count };
    store_le32(r->leaf, s->key.codec);
    memcpy(r->leaf + 4, s->key.digest, 32);
    store_le64(r->leaf + 36, s->bytes);
    memcpy(r->leaf + 44, s->data_root, 32);
    memcpy(r->leaf + 76, s->seal_root, 32);
    store_le64(r->ticket, number);
    memcpy(r->ticket + 8, r->leaf, sizeof(r->leaf));
    return OK;
}

static inline enum err fake_seal_give_up(struct enclave_answer *a, uint64_t number, bool abort)
{
    struct fake_seal_session *s = fake_seal_session(number);
    int at = fake_seal_alive(number);
    if (at < 0)
        return abort ? ERR_NOT_FOUND : ERR_EXISTS;
    if (s != NULL)
        s->used = false;
    fake_seal_end_number(at);
    fake_seal.pending += abort ? 0 : 1;
    a->reply.u.record.record = fake_seal_record(a);
    return OK;
}

static inline enum err fake_seal_unseal(struct mspan *out, const struct enclave_unseal *m,
                                        struct span bulk)
{
    uint8_t digest[32];
    CHECK(out->n >= bulk.n && m->offset + bulk.n <= m->length);
    fake_seal_crypt(out->p, m->wrapped, m->offset, bulk);
    out->n = bulk.n;
    sha256(digest, span_of(out->p, out->n));
    return memcmp(digest, m->digest, 32) == 0 ? OK : ERR_CORRUPT;
}

/* ---- reports: draws that nobody can answer ---- */

static inline enum err fake_seal_report(struct enclave_answer *a, struct mspan *out,
                                        const struct enclave_request *m)
{
    switch (m->type) {
    case ENCLAVE_REPORT_BEGIN:
        fake_seal.report_begins++;
        fake_seal.report_step = m->u.report_begin.step.p != NULL;
        a->reply.u.report_begin = (struct enclave_report_begin_reply){ 0, fake_seal.draws };
        return fake_seal.report_step ? fake_seal.begin_error : OK;
    case ENCLAVE_REPORT_DRAWS:
        memset(a->body, 0, (size_t)m->u.report_draws.count * ENCLAVE_DRAW_SIZE);
        a->reply.u.report_draws.draws =
            span_of(a->body, (size_t)m->u.report_draws.count * ENCLAVE_DRAW_SIZE);
        return OK;
    case ENCLAVE_REPORT_MISS:
        fake_seal.report_misses++;
        return fake_seal.miss_error;
    case ENCLAVE_REPORT_END:
        CHECK(out->n >= 1);
        out->p[0] = fake_seal.report_step ? 1 : 0;
        out->n = 1;
        return fake_seal.report_step ? fake_seal.end_error : OK;
    default:
        return ERR_UNSUPPORTED;
    }
}

/* ---- the link ---- */

static inline enum err fake_seal_answer(struct enclave_answer *a, struct mspan *out,
                                        const struct enclave_request *m, struct span bulk)
{
    switch (m->type) {
    case ENCLAVE_HELLO:
        a->reply.u.hello.provider = span_str("fake");
        return OK;
    case ENCLAVE_PROVISION:
        a->reply.u.provision = (struct enclave_provision_reply){ .sealed = span_str("keys"),
                                                                 .worker = { 4 },
                                                                 .lineage = { 5 } };
        return OK;
    case ENCLAVE_LOAD:
        fake_seal_load(m->u.blob.blob);
        return fake_seal_status(a);
    case ENCLAVE_STATUS:
        return fake_seal_status(a);
    case ENCLAVE_SEAL_BEGIN:
        return fake_seal_begin(a, &m->u.seal_begin.key);
    case ENCLAVE_SEAL_CLOSE:
        return fake_seal_close(a, m->u.number.number);
    case ENCLAVE_SEAL_RESUME:
        return fake_seal_resume(a, m->u.blob.blob);
    case ENCLAVE_SEAL_RECORDS:
        return fake_seal_records(m->u.number.number, bulk);
    case ENCLAVE_SEAL_END:
        return fake_seal_finish(a, m->u.number.number);
    case ENCLAVE_ABORT:
        return fake_seal_give_up(a, m->u.number.number, true);
    case ENCLAVE_ADD_FILES:
        return fake_seal_give_up(a, load_le64(m->u.add.tickets.p), false);
    case ENCLAVE_UNSEAL:
        return fake_seal_unseal(out, &m->u.unseal, bulk);
    default:
        return fake_seal_report(a, out, m);
    }
}

static inline bool fake_seal_dies(struct enclave_link *l)
{
    if (!atomic_load(&l->up))
        return true;
    if (fake_seal.die_at == 0 || --fake_seal.die_at > 0)
        return false;
    atomic_store(&l->up, false);
    fake_seal_wipe();
    return true;
}

enum err enclave_link_open(struct enclave_link *l, const struct enclave_link_options *o)
{
    (void)l;
    (void)o;
    return OK;
}

enum err enclave_link_start(struct enclave_link *l)
{
    fake_seal_wipe();
    atomic_store(&l->up, true);
    return OK;
}

void enclave_link_stop(struct enclave_link *l)
{
    fake_seal_wipe();
    atomic_store(&l->up, false);
}

void enclave_link_close(struct enclave_link *l)
{
    (void)l;
}

enum err enclave_link_call(struct enclave_link *l, struct enclave_answer *answer,
                           struct mspan bulk_out, const struct enclave_request *m, struct span bulk)
{
    if (fake_seal_dies(l))
        return ERR_CLOSED;
    answer->reply = (struct enclave_reply){ .type = m->type };
    enum err e = fake_seal_answer(answer, &bulk_out, m, bulk);
    answer->bulk_size = e == OK ? bulk_out.n : 0;
    return e;
}

enum err enclave_link_batch(struct enclave_link *l, struct enclave_item *items, size_t count)
{
    if (fake_seal_dies(l))
        return ERR_CLOSED;
    for (size_t i = 0; i < count; i++)
        items[i].result = fake_seal_block(&items[i]);
    return OK;
}

#endif
