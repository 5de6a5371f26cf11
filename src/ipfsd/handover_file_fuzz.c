/* Any bytes as the file of a hand-over: what decodes encodes back to the same bytes. */
#include "ipfsd/handover_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct handover_file f;
    uint8_t out[HANDOVER_FILE_SIZE_MAX];
    if (handover_file_decode(&f, span_of(data, size)) != OK) {
        ASSERT(f.stage == HANDOVER_NONE && f.sealed_size == 0);
        return 0;
    }
    ASSERT(f.stage != HANDOVER_NONE);
    ASSERT(span_eq(span_of(out, handover_file_encode(out, &f)), span_of(data, size)));
    return 0;
}
