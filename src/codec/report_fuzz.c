/* Any bytes, read as each of the three objects; what decodes must encode to itself. */
#include "codec/report_canonical.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    canonical_report(in);
    canonical_step(in);
    canonical_attempt(in);
    return 0;
}
