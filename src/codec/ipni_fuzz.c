#include "codec/ipni.h"

/* Any bytes as the file of what has been told: what reads is written back as it was. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t digests[64][32], contexts[64][IPNI_MULTIHASH_SIZE], buf[8192], members[64][32];
    static uint32_t groups[64];
    struct ipni_told t = { .digests = digests, .groups = groups, .contexts = contexts, .max = 64 };
    if (ipni_told_read(&t, span_of(data, size)) != OK) {
        ASSERT(!t.any && t.count == 0 && t.group_count == 0);
        return 0;
    }
    struct writer w = writer_of(buf, sizeof(buf));
    ipni_told_write(&w, &t);
    ASSERT(w.err == OK && span_eq(writer_span(&w), span_of(data, size)));
    /* A group that is dropped and told again is the same contents. */
    for (size_t g = t.group_count; g > 0; g--) {
        uint8_t context[IPNI_MULTIHASH_SIZE];
        size_t before = t.count, count = t.group_count;
        size_t n = ipni_told_group(&t, members, 64, 0);
        ASSERT(n > 0);
        memcpy(context, t.contexts[0], sizeof(context));
        ipni_told_drop(&t, 0);
        ASSERT(t.count == before - n && t.group_count == count - 1);
        ipni_told_add(&t, members, n, context);
        ASSERT(t.count == before && t.group_count == count);
        for (size_t i = 1; i < t.count; i++)
            ASSERT(memcmp(t.digests[i - 1], t.digests[i], 32) < 0);
    }
    return 0;
}
