/* Any bytes as JSON: what is skipped is a value of its own. */
#include "attest/jtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jtext j = jtext_of(span_of(data, size));
    struct span value = jtext_skip(&j);
    if (j.r.err != OK) {
        ASSERT(value.n == 0);
        return 0;
    }
    ASSERT(j.depth == 0 && value.n > 0 && value.n <= size);
    struct jtext again = jtext_of(value);
    struct span same = jtext_skip(&again);
    ASSERT(span_eq(same, value) && jtext_finish(&again) == OK);
    return 0;
}
