#include "p2p/identify_read.h"

/* A stream gives the same whether it comes whole or byte by byte. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE = 100000 };

static enum err run(struct identify_read *r, struct mspan memory, struct span stream, size_t piece)
{
    static uint8_t bytes[SIZE];
    struct ring in = ring_of(bytes, sizeof(bytes));
    enum err e = OK;
    identify_read_init(r, memory, 0);
    for (size_t at = 0; at < stream.n && e == OK; at += piece) {
        bool ok = ring_write(&in, span_sub(stream, at, piece));
        ASSERT(ok);
        e = identify_read_step(r, &in, false, 0);
    }
    return e != OK ? e : identify_read_step(r, &in, true, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t a_memory[IDENTIFY_READ_MEMORY], b_memory[IDENTIFY_READ_MEMORY];
    struct identify_read a, b;
    if (size > SIZE)
        return 0;
    enum err ea = run(&a, (struct mspan){ a_memory, sizeof(a_memory) }, span_of(data, size), SIZE);
    enum err eb = run(&b, (struct mspan){ b_memory, sizeof(b_memory) }, span_of(data, size), 1);
    ASSERT(ea == eb && a.done == b.done && a.done == (ea == OK));
    ASSERT(a.id.protocol_count == b.id.protocol_count && a.id.addr_count == b.id.addr_count);
    ASSERT(span_eq(a.id.public_key, b.id.public_key));
    return 0;
}
