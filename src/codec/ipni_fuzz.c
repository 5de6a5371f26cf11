#include "codec/ipni.h"

/* Any bytes as the file of what has been told: what reads is written back as it was. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t digests[64][32], buf[8192];
    struct ipni_told t = { .digests = digests, .max = 64 };
    if (ipni_told_read(&t, span_of(data, size)) != OK) {
        ASSERT(!t.any && t.count == 0);
        return 0;
    }
    struct writer w = writer_of(buf, sizeof(buf));
    ipni_told_write(&w, &t);
    ASSERT(w.err == OK && span_eq(writer_span(&w), span_of(data, size)));
    return 0;
}
