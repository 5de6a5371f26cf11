/* Any bytes as a proof: never for a root that is nobody's, and never both answers for one root. */
#include "codec/ics23.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The first 32 bytes are the root, the next 8 the key. */
    static const uint8_t nobodys[32] = { 1 };
    if (size < 40)
        return 0;
    struct span key = span_of(data + 32, 8), proof = span_of(data + 40, size - 40);
    enum err there = ics23_verify(data, key, &key, proof);
    enum err absent = ics23_verify(data, key, NULL, proof);
    ASSERT(there != OK || absent != OK);
    ASSERT(ics23_verify(nobodys, key, &key, proof) != OK);
    ASSERT(ics23_verify(nobodys, key, NULL, proof) != OK);
    return 0;
}
