#include "codec/autonat.h"

/* Any bytes: what is read stays within the message and its limits, is written again, and read as
 * the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span in, struct span part)
{
    ASSERT(part.n == 0 || (part.p >= in.p && part.p + part.n <= in.p + in.n));
}

static void again(const struct autonat_message *m)
{
    static uint8_t buf[AUTONAT_MESSAGE_MAX + 16];
    struct writer w = writer_of(buf, sizeof(buf));
    struct autonat_message b;
    autonat_write(&w, m);
    ASSERT(w.err == OK);
    if (w.len > AUTONAT_MESSAGE_MAX)
        return;
    enum err e = autonat_decode(&b, writer_span(&w));
    ASSERT(e == OK && b.kind == m->kind && b.nonce == m->nonce && b.addr_count == m->addr_count);
    ASSERT(b.status == m->status && b.dial == m->dial && b.addr_index == m->addr_index);
    ASSERT(b.bytes == m->bytes && span_eq(b.data, m->data));
    for (uint32_t i = 0; i < m->addr_count; i++)
        ASSERT(span_eq(b.addrs[i], m->addrs[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct autonat_message m;
    uint64_t nonce;
    if (autonat_decode(&m, in) == OK) {
        ASSERT(m.kind >= AUTONAT_REQUEST && m.kind <= AUTONAT_DATA);
        ASSERT(m.addr_count <= AUTONAT_ADDRS_MAX);
        inside(in, m.data);
        for (uint32_t i = 0; i < m.addr_count; i++)
            inside(in, m.addrs[i]);
        again(&m);
    }
    if (autonat_back_decode(&nonce, in) == OK) {
        uint8_t buf[16];
        uint64_t b;
        struct writer w = writer_of(buf, sizeof(buf));
        autonat_back_write(&w, nonce);
        enum err e = autonat_back_decode(&b, writer_span(&w));
        ASSERT(w.err == OK && e == OK && b == nonce);
    }
    return 0;
}
