/* fake_seal_state_test: what the enclave that tests stand in with knows: sessions, numbers and the
 * state record. A part of ipfsd/fake_seal_test.h. */
#ifndef CRUST_IPFSD_FAKE_SEAL_STATE_TEST_H
#define CRUST_IPFSD_FAKE_SEAL_STATE_TEST_H

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
    struct work_tree files; /* of volume 0 */
    uint64_t random;        /* never goes back, whatever dies */
    uint64_t sealed;        /* blocks, since the test began */
    uint64_t die_at;        /* that call from now on; 0: none */
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
    fake_seal.files = (struct work_tree){ 0 };
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

/* next u64 | pending u32 | count u32 | root 32 | sum u64 | leaves u32 | (number u64 | segments u32)
 * each */
static inline struct span fake_seal_record(struct enclave_answer *a)
{
    struct writer w = writer_of(a->body, sizeof(a->body));
    write_le64(&w, fake_seal.next_number);
    write_le32(&w, fake_seal.pending);
    write_le32(&w, fake_seal.number_count);
    write_bytes(&w, fake_seal.files.root.hash, 32);
    write_le64(&w, fake_seal.files.root.sum);
    write_le32(&w, fake_seal.files.count);
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
    memcpy(fake_seal.files.root.hash, record.p + 16, 32);
    fake_seal.files.root.sum = load_le64(record.p + 48);
    fake_seal.files.count = load_le32(record.p + 56);
    for (uint32_t i = 0; i < fake_seal.number_count; i++) {
        fake_seal.numbers[i] = load_le64(record.p + 60 + (size_t)i * 12);
        fake_seal.segments[i] = load_le32(record.p + 68 + (size_t)i * 12);
    }
}

static inline enum err fake_seal_status(struct enclave_answer *a)
{
    struct work_state state;
    uint8_t *p = a->body + 4096, *numbers = a->body + 8192;
    work_state_init(&state, (const uint8_t[32]){ 5 });
    state.volumes[0].files = fake_seal.files;
    work_state_encode(p, &state);
    struct enclave_status_reply *r = &a->reply.u.status;
    *r = (struct enclave_status_reply){ .pending_leaves = fake_seal.pending };
    work_state_hash(r->s, &state);
    r->volumes = span_of(p + 40, WORK_STATE_SIZE - 40);
    r->record = fake_seal_record(a);
    for (uint32_t i = 0; i < fake_seal.number_count; i++) {
        store_le64(numbers + (size_t)i * 12, fake_seal.numbers[i]);
        store_le32(numbers + (size_t)i * 12 + 8, fake_seal.segments[i]);
    }
    r->numbers = span_of(numbers, (size_t)fake_seal.number_count * 12);
    return OK;
}

#endif
