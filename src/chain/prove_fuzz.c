/* Any bytes as ProofOps: they never show a record and its absence at once. The first 32 bytes are
 * the app hash, the next 8 the key; the value is the key. */
#include "chain/prove.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 40)
        return 0;
    struct span key = span_of(data + 32, 8), ops = span_of(data + 40, size - 40);
    struct prove_claim claim = { "accounts", key, &key };
    enum err there = prove_check(data, &claim, ops);
    claim.value = NULL;
    enum err absent = prove_check(data, &claim, ops);
    ASSERT(there != OK || absent != OK);
    return 0;
}
