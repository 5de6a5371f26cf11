/* Any bytes as PEM: the certificates fit, and one byte more than a NUL is refused. */
#include "attest/pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pem_chain chain;
    if (pem_decode(&chain, span_of(data, size)) != OK) {
        ASSERT(chain.count == 0);
        return 0;
    }
    size_t sum = 0;
    ASSERT(chain.count >= 1 && chain.count <= PEM_CERTS_MAX);
    for (size_t i = 0; i < chain.count; i++) {
        ASSERT(chain.certs[i].n > 0 && chain.certs[i].p == chain.bytes + sum);
        sum += chain.certs[i].n;
    }
    ASSERT(sum <= PEM_BYTES_MAX && sum < size);
    return 0;
}
