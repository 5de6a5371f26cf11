/* fake_host_test: an honest host, small and in memory, that drives an enclave through a function:
 * in tests the enclave's object itself, in the hostile tests and benchmarks the real process.
 * Only tests and bench/ include it. */
#ifndef CRUST_SEAL_FAKE_HOST_TEST_H
#define CRUST_SEAL_FAKE_HOST_TEST_H

#include "codec/enclave_msg.h"
#include "codec/enclave_reply.h"
#include "proof/srd.h"
#include "seal/fake_dag_test.h"

#include <stdio.h>

enum { FAKE_SEGMENTS = 8, FAKE_FILES = 16, FAKE_EXTENTS = 4 };

/* Sends a request and waits for the reply, whose spans live until the next call. */
typedef enum err (*fake_call)(void *ctx, struct enclave_reply *reply, struct span *reply_bulk,
                              const struct enclave_request *request, struct span bulk);

struct fake_segment {
    uint32_t length;
    uint8_t *bytes; /* ENCLAVE_SEGMENT_MAX or less, grown as needed */
    uint8_t wrapped[ENCLAVE_WRAPPED_SIZE];
};

/* A replica as a host keeps it. */
struct fake_replica {
    struct fake_dag dag;
    uint64_t number;
    uint32_t segment_count;
    struct fake_segment segments[FAKE_SEGMENTS];
    uint8_t checkpoint[ENCLAVE_CHECKPOINT_MAX];
    size_t checkpoint_size;
    uint8_t leaf[ENCLAVE_LEAF_SIZE];
    uint8_t ticket[ENCLAVE_FILE_TICKET_SIZE];
};

struct fake_extent {
    uint64_t size;
    uint8_t *bytes;
    uint8_t root[32];
    uint8_t ticket[ENCLAVE_EXTENT_TICKET_SIZE];
};

struct fake_host {
    fake_call call;
    void *ctx;
    uint8_t record[ENCLAVE_STATE_MAX]; /* the newest state record */
    size_t record_size;
    uint8_t sealed[ENCLAVE_SEALED_KEYS_MAX];
    size_t sealed_size;
    uint8_t worker[32], lineage[32], chain[32];
};

static inline enum err fake_ask(struct fake_host *h, struct enclave_reply *reply,
                                struct span *reply_bulk, const struct enclave_request *m,
                                struct span bulk)
{
    struct span unused;
    return h->call(h->ctx, reply, reply_bulk != NULL ? reply_bulk : &unused, m, bulk);
}

static inline void fake_keep(struct fake_host *h, struct span record)
{
    CHECK(record.n > 0 && record.n <= sizeof(h->record));
    memcpy(h->record, record.p, record.n);
    h->record_size = record.n;
}

static inline enum err fake_number(struct fake_host *h, struct enclave_reply *reply, uint16_t type,
                                   uint64_t number)
{
    struct enclave_request m = { .type = type, .u.number.number = number };
    return fake_ask(h, reply, NULL, &m, (struct span){ NULL, 0 });
}

/* HELLO, PROVISION, LOAD with what the host has (nothing at first). */
static inline enum err fake_start(struct fake_host *h)
{
    struct enclave_reply r;
    struct enclave_request m = { .type = ENCLAVE_HELLO, .u.hello.protocol = ENCLAVE_PROTOCOL };
    memcpy(m.u.hello.chain, h->chain, 32);
    TRY(fake_ask(h, &r, NULL, &m, (struct span){ NULL, 0 }));
    m = (struct enclave_request){ .type = ENCLAVE_PROVISION };
    m.u.blob.blob = (struct span){ h->sealed_size > 0 ? h->sealed : NULL, h->sealed_size };
    TRY(fake_ask(h, &r, NULL, &m, (struct span){ NULL, 0 }));
    h->sealed_size = r.u.provision.sealed.n;
    memcpy(h->sealed, r.u.provision.sealed.p, h->sealed_size);
    memcpy(h->worker, r.u.provision.worker, 32);
    memcpy(h->lineage, r.u.provision.lineage, 32);
    m = (struct enclave_request){ .type = ENCLAVE_LOAD };
    m.u.blob.blob = (struct span){ h->record_size > 0 ? h->record : NULL, h->record_size };
    TRY(fake_ask(h, &r, NULL, &m, (struct span){ NULL, 0 }));
    fake_keep(h, r.u.status.record);
    return OK;
}

static inline enum err fake_seal_begin(struct fake_host *h, struct fake_replica *f)
{
    struct enclave_reply r;
    struct enclave_request m = { .type = ENCLAVE_SEAL_BEGIN };
    m.u.seal_begin.key = *fake_dag_root(&f->dag);
    TRY(fake_ask(h, &r, NULL, &m, (struct span){ NULL, 0 }));
    f->number = r.u.begin.number;
    fake_keep(h, r.u.begin.record);
    return OK;
}

static inline enum err fake_seal_block(struct fake_host *h, struct fake_replica *f, size_t i)
{
    struct fake_block *b = &f->dag.blocks[i];
    struct enclave_reply r;
    struct span bulk;
    struct enclave_request m = { .type = ENCLAVE_SEAL_BLOCK };
    m.u.seal_block.number = f->number;
    m.u.seal_block.key = b->record.key;
    TRY(fake_ask(h, &r, &bulk, &m, span_of(b->bytes, b->record.length)));
    CHECK(memcmp(r.u.seal_block.chunk_root, b->record.chunk_root, 32) == 0);
    CHECK(bulk.n == b->record.length && r.u.seal_block.segment < FAKE_SEGMENTS);
    b->segment = r.u.seal_block.segment;
    b->offset = r.u.seal_block.offset;
    struct fake_segment *s = &f->segments[b->segment];
    if (b->offset == 0)
        s->length = 0; /* a new one, or one begun again after a crash */
    CHECK(s->length == b->offset);
    s->bytes = realloc(s->bytes, s->length + bulk.n + 1);
    CHECK(s->bytes != NULL);
    if (bulk.n > 0)
        memcpy(s->bytes + s->length, bulk.p, bulk.n);
    s->length += (uint32_t)bulk.n;
    return OK;
}

static inline enum err fake_seal_close(struct fake_host *h, struct fake_replica *f)
{
    struct enclave_reply r;
    TRY(fake_number(h, &r, ENCLAVE_SEAL_CLOSE, f->number));
    CHECK(r.u.seal_close.segment < FAKE_SEGMENTS);
    struct fake_segment *s = &f->segments[r.u.seal_close.segment];
    CHECK(s->length == r.u.seal_close.length);
    memcpy(s->wrapped, r.u.seal_close.wrapped, sizeof(s->wrapped));
    f->segment_count = r.u.seal_close.segment + 1;
    f->checkpoint_size = r.u.seal_close.checkpoint.n;
    memcpy(f->checkpoint, r.u.seal_close.checkpoint.p, f->checkpoint_size);
    return OK;
}

static inline enum err fake_seal_resume(struct fake_host *h, struct fake_replica *f,
                                        struct enclave_reply *r)
{
    struct enclave_request m = { .type = ENCLAVE_SEAL_RESUME };
    m.u.blob.blob = span_of(f->checkpoint, f->checkpoint_size);
    return fake_ask(h, r, NULL, &m, (struct span){ NULL, 0 });
}

/* Every record, in order, and SEAL_END. */
static inline enum err fake_seal_end(struct fake_host *h, struct fake_replica *f)
{
    static uint8_t counted[FAKE_BLOCKS * ENCLAVE_COUNTED_SIZE];
    size_t order[FAKE_BLOCKS];
    struct enclave_reply r;
    fake_dag_sort(&f->dag, order);
    for (size_t i = 0; i < f->dag.count; i++)
        fake_dag_counted(counted + i * ENCLAVE_COUNTED_SIZE, &f->dag.blocks[order[i]]);
    struct enclave_request m = { .type = ENCLAVE_SEAL_RECORDS, .u.number.number = f->number };
    TRY(fake_ask(h, &r, NULL, &m, span_of(counted, f->dag.count * ENCLAVE_COUNTED_SIZE)));
    CHECK(r.u.records.count == f->dag.count);
    TRY(fake_number(h, &r, ENCLAVE_SEAL_END, f->number));
    memcpy(f->leaf, r.u.seal_end.leaf, sizeof(f->leaf));
    memcpy(f->ticket, r.u.seal_end.ticket, sizeof(f->ticket));
    return OK;
}

/* The whole of it, with a segment closed after every per_segment blocks. */
static inline enum err fake_seal(struct fake_host *h, struct fake_replica *f, size_t per_segment)
{
    TRY(fake_seal_begin(h, f));
    for (size_t i = 0; i < f->dag.count; i++) {
        TRY(fake_seal_block(h, f, i));
        if (i % per_segment == per_segment - 1 || i + 1 == f->dag.count)
            TRY(fake_seal_close(h, f));
    }
    return fake_seal_end(h, f);
}

static inline void fake_replica_free(struct fake_replica *f)
{
    fake_dag_free(&f->dag);
    for (size_t i = 0; i < FAKE_SEGMENTS; i++)
        free(f->segments[i].bytes);
}

#endif
