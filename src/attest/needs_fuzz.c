/* Any bytes as evidence: what is needed is of known kinds, few, and each once. */
#include "attest/needs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct needs n;
    if (needs_of(&n, span_of(data, size)) != OK) {
        ASSERT(n.count == 0);
        return 0;
    }
    ASSERT(n.count >= 1 && n.count <= NEEDS_MAX && n.intel == (n.count == 4));
    for (uint32_t i = 0; i < n.count; i++) {
        ASSERT((unsigned)n.items[i].kind < COLLATERAL_KINDS);
        for (uint32_t k = 0; k < i; k++)
            ASSERT(n.items[k].kind != n.items[i].kind);
    }
    return 0;
}
