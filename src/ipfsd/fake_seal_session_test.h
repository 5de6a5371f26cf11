/* fake_seal_session_test: how the enclave that tests stand in with seals, closes, resumes and ends.
 * A part of ipfsd/fake_seal_test.h. */
#ifndef CRUST_IPFSD_FAKE_SEAL_SESSION_TEST_H
#define CRUST_IPFSD_FAKE_SEAL_SESSION_TEST_H

#include "ipfsd/fake_seal_state_test.h"

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
    CHECK_OK(links_init(&links, m->key.codec, item->bulk));
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

#endif
