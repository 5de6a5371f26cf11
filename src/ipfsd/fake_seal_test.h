/* fake_seal_test: stands in for ipfsd/enclave_link.c and the enclave behind it: sessions, numbers,
 * checkpoints and reports as docs/spec/seal.md says, with toy ciphers, in the test's own memory. It
 * dies when told to, and knows again only what LOAD brings. Only one test program's file includes
 * it.
 */
#ifndef CRUST_IPFSD_FAKE_SEAL_TEST_H
#define CRUST_IPFSD_FAKE_SEAL_TEST_H

#include "ipfsd/fake_seal_session_test.h"

/* ---- numbers and reading ---- */

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

static inline enum err fake_seal_add(struct enclave_answer *a, const struct enclave_add *m)
{
    const uint8_t *p = m->tickets.p + 8;
    struct report_file file = { .size = load_le64(p + 36),
                                .data_root = p + 44,
                                .seal_root = p + 76 };
    struct sumtree_path path;
    struct merkle_sum leaf, root;
    file.key.codec = load_le32(p);
    memcpy(file.key.digest, p + 4, 32);
    sumtree_file_leaf(&leaf, &file);
    TRY(sumtree_path_decode(&path, m->path));
    TRY(sumtree_root(&root, m->first_index, &leaf, &path));
    const struct work_tree files = { root, fake_seal.files.count + 1 }, before = fake_seal.files;
    fake_seal.files = files;
    enum err e = fake_seal_give_up(a, load_le64(m->tickets.p), false);
    if (e != OK)
        fake_seal.files = before;
    return e;
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
        return fake_seal_add(a, &m->u.add);
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

enum err enclave_link_aim(struct enclave_link *l, const char *program, const char *at)
{
    (void)l;
    (void)program;
    (void)at;
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
