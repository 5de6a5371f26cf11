/* Any bytes as the SGX extension: total, and exact to the byte. */
#include "attest/pck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pck p, again;
    static const struct pck nothing;
    struct span in = span_of(data, size);
    if (pck_decode_extension(&p, in) != OK) {
        ASSERT(memcmp(&p, &nothing, sizeof(p)) == 0);
        return 0;
    }
    ASSERT(p.type <= PCK_SCALABLE_INTEGRITY);
    ASSERT(pck_decode_extension(&again, span_sub(in, 0, size - 1)) != OK);
    return 0;
}
