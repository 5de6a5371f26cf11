/* Any file, any header: what is taken is bounded, and a header is let in only with a hash there. */
#include "api/kubo_tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char header[512];
    struct kubo_tokens t;
    size_t n = size < sizeof(header) - 1 ? size : sizeof(header) - 1;
    enum err e = kubo_tokens_parse(&t, span_of(data, size));
    ASSERT((e == OK) == (t.count > 0));
    ASSERT(t.count <= KUBO_TOKENS_MAX);
    memcpy(header, data, n);
    header[n] = '\0';
    struct kubo_tokens none = { .count = 0 };
    ASSERT(!kubo_tokens_allow(&none, header));
    (void)kubo_tokens_allow(&t, header);
    return 0;
}
