#include "ipfsd/host_log.h"

#include "base/reader.h"
#include "base/writer.h"

#include <stdlib.h>

enum kind { KIND_KEYS = 1, KIND_STATE = 2, KIND_CUT = 3, KIND_ACCEPTED = 4 };

enum { STEP_HEAD = 8 + 8 + 32 * 3 + ENCLAVE_CUT_SIZE + 4 };

static void write_step(struct writer *w, const struct host_log_step *s)
{
    write_le64(w, s->seq);
    write_le64(w, s->version);
    write_bytes(w, s->s, 32);
    write_bytes(w, s->prev, 32);
    write_bytes(w, s->mac, 32);
    write_bytes(w, s->cut, sizeof(s->cut));
    write_le32(w, (uint32_t)s->size);
    write_bytes(w, s->bytes, s->size);
}

static void read_step(struct reader *r, struct host_log_step *s)
{
    s->seq = read_le64(r);
    s->version = read_le64(r);
    read_into(r, s->s, 32);
    read_into(r, s->prev, 32);
    read_into(r, s->mac, 32);
    read_into(r, s->cut, sizeof(s->cut));
    s->size = read_le32(r);
    reader_require(r, s->size <= sizeof(s->bytes), ERR_LIMIT);
    if (r->err == OK)
        read_into(r, s->bytes, s->size);
}

static void read_blob(struct reader *r, uint8_t *out, size_t *size, size_t max)
{
    size_t n = read_le32(r);
    reader_require(r, n <= max, ERR_LIMIT);
    *size = r->err == OK ? n : 0;
    if (*size > 0)
        read_into(r, out, *size);
}

static void set_state(struct host_log *l, uint64_t version, struct span record)
{
    ASSERT(record.n <= sizeof(l->record));
    l->version = version;
    l->record_size = record.n;
    memcpy(l->record, record.p, record.n);
}

static void set_accepted(struct host_log *l, const uint8_t s[32])
{
    for (uint32_t i = 0; i < l->step_count; i++) {
        if (memcmp(l->steps[i].s, s, 32) != 0)
            continue;
        l->base = l->steps[i];
        l->base.size = 0;
        l->step_count -= i + 1;
        memmove(&l->steps[0], &l->steps[i + 1], l->step_count * sizeof(l->steps[0]));
        return;
    }
}

/* ---- replay ---- */

static enum err replay_snapshot(struct host_log *l, struct reader *r)
{
    read_blob(r, l->keys, &l->keys_size, sizeof(l->keys));
    l->version = read_le64(r);
    read_blob(r, l->record, &l->record_size, sizeof(l->record));
    read_step(r, &l->base);
    uint32_t count = read_le32(r);
    reader_require(r, count <= HOST_LOG_STEPS_MAX, ERR_LIMIT);
    for (uint32_t i = 0; i < count && r->err == OK; i++)
        read_step(r, &l->steps[i]);
    l->step_count = r->err == OK ? count : 0;
    return reader_finish(r);
}

static enum err replay(void *ctx, enum journal_kind kind, struct span data)
{
    struct host_log *l = ctx;
    struct reader r = reader_of(data);
    if (kind == JOURNAL_SNAPSHOT)
        return replay_snapshot(l, &r);
    uint8_t s[32];
    switch (read_u8(&r)) {
    case KIND_KEYS:
        read_blob(&r, l->keys, &l->keys_size, sizeof(l->keys));
        break;
    case KIND_STATE:
        l->version = read_le64(&r);
        read_blob(&r, l->record, &l->record_size, sizeof(l->record));
        break;
    case KIND_CUT:
        if (l->step_count == HOST_LOG_STEPS_MAX)
            return ERR_LIMIT;
        read_step(&r, &l->steps[l->step_count]);
        l->version = l->steps[l->step_count].version;
        l->step_count++;
        read_blob(&r, l->record, &l->record_size, sizeof(l->record));
        break;
    case KIND_ACCEPTED:
        read_into(&r, s, sizeof(s));
        set_accepted(l, s);
        break;
    default:
        return ERR_FORMAT;
    }
    return reader_finish(&r);
}

enum err host_log_open(struct host_log *l, const struct journal_config *config)
{
    memset(l, 0, sizeof(*l));
    struct journal_config c = *config;
    c.replay = replay;
    c.replay_ctx = l;
    return journal_open(&l->journal, &c);
}

void host_log_close(struct host_log *l)
{
    journal_close(l->journal);
    l->journal = NULL;
}

/* ---- writing ---- */

static enum err snapshot(struct host_log *l)
{
    uint8_t *p = malloc(JOURNAL_SNAPSHOT_MAX);
    if (p == NULL)
        return ERR_MEMORY;
    struct writer w = writer_of(p, JOURNAL_SNAPSHOT_MAX);
    write_le32(&w, (uint32_t)l->keys_size);
    write_bytes(&w, l->keys, l->keys_size);
    write_le64(&w, l->version);
    write_le32(&w, (uint32_t)l->record_size);
    write_bytes(&w, l->record, l->record_size);
    write_step(&w, &l->base);
    write_le32(&w, l->step_count);
    for (uint32_t i = 0; i < l->step_count; i++)
        write_step(&w, &l->steps[i]);
    enum err e = w.err == OK ? journal_snapshot(l->journal, writer_span(&w)) : w.err;
    free(p);
    return e;
}

static enum err append(struct host_log *l, const struct writer *w)
{
    TRY(w->err);
    TRY(journal_append(l->journal, writer_span(w)));
    return journal_commit(l->journal);
}

/* The log starts again from a snapshot when it is long; that this fails loses nothing. */
static enum err bound(struct host_log *l)
{
    if (journal_size(l->journal) > HOST_LOG_SNAPSHOT_AT)
        (void)!snapshot(l);
    return OK;
}

enum err host_log_keys(struct host_log *l, struct span keys)
{
    uint8_t buf[8 + ENCLAVE_SEALED_KEYS_MAX];
    if (keys.n > sizeof(l->keys))
        return ERR_LIMIT;
    struct writer w = writer_of(buf, sizeof(buf));
    write_u8(&w, KIND_KEYS);
    write_le32(&w, (uint32_t)keys.n);
    write_span(&w, keys);
    TRY(append(l, &w));
    memcpy(l->keys, keys.p, keys.n);
    l->keys_size = keys.n;
    return OK;
}

enum err host_log_state(struct host_log *l, uint64_t version, struct span record)
{
    uint8_t buf[16 + ENCLAVE_STATE_MAX];
    if (record.n > sizeof(l->record))
        return ERR_LIMIT;
    struct writer w = writer_of(buf, sizeof(buf));
    write_u8(&w, KIND_STATE);
    write_le64(&w, version);
    write_le32(&w, (uint32_t)record.n);
    write_span(&w, record);
    TRY(append(l, &w));
    set_state(l, version, record);
    return bound(l);
}

enum err host_log_cut(struct host_log *l, const struct host_log_step *step, struct span record)
{
    uint8_t buf[8 + STEP_HEAD + ENCLAVE_STEP_MAX + ENCLAVE_STATE_MAX];
    if (l->step_count == HOST_LOG_STEPS_MAX)
        return ERR_FULL;
    if (record.n > sizeof(l->record))
        return ERR_LIMIT;
    struct writer w = writer_of(buf, sizeof(buf));
    write_u8(&w, KIND_CUT);
    write_step(&w, step);
    write_le32(&w, (uint32_t)record.n);
    write_span(&w, record);
    TRY(append(l, &w));
    l->steps[l->step_count++] = *step;
    set_state(l, step->version, record);
    return bound(l);
}

enum err host_log_accepted(struct host_log *l, const uint8_t s[32])
{
    uint8_t buf[33];
    const struct host_log_step *found = host_log_find(l, s, NULL);
    if (found == NULL)
        return ERR_NOT_FOUND;
    if (found == &l->base)
        return OK;
    struct writer w = writer_of(buf, sizeof(buf));
    write_u8(&w, KIND_ACCEPTED);
    write_bytes(&w, s, 32);
    TRY(append(l, &w));
    set_accepted(l, s);
    return bound(l);
}

const struct host_log_step *host_log_find(const struct host_log *l, const uint8_t s[32],
                                          const struct host_log_step **next)
{
    const struct host_log_step *unused;
    if (next == NULL)
        next = &unused;
    *next = l->step_count > 0 ? &l->steps[0] : NULL;
    if (memcmp(l->base.s, s, 32) == 0)
        return &l->base;
    for (uint32_t i = 0; i < l->step_count; i++) {
        *next = i + 1 < l->step_count ? &l->steps[i + 1] : NULL;
        if (memcmp(l->steps[i].s, s, 32) == 0)
            return &l->steps[i];
    }
    *next = NULL;
    return NULL;
}
