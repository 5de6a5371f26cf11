/* blake2b: BLAKE2b (RFC 7693), unkeyed, for SS58 checksums and Substrate's key derivation. Pure. */
#ifndef CRUST_CRYPTO_BLAKE2B_H
#define CRUST_CRYPTO_BLAKE2B_H

#include "base/span.h"

enum {
    BLAKE2B_256_SIZE = 32,
    BLAKE2B_512_SIZE = 64,
};

/* blake2b hashes the concatenation of the parts to size bytes; size in [16, 64] (asserted). */
void blake2b(uint8_t *out, size_t size, const struct span *parts, size_t count);

#endif
