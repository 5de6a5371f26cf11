/* sha384: SHA-384 (FIPS 180-4) over libcrypto's low-level interface: no allocation, no provider
 * look-up, no configuration file. Pure. */
#ifndef CRUST_CRYPTO_SHA384_H
#define CRUST_CRYPTO_SHA384_H

#include "base/span.h"

enum { SHA384_SIZE = 48 };

/* sha384 hashes the parts one after the other. out may overlap a part. */
void sha384(uint8_t out[SHA384_SIZE], const struct span *parts, size_t count);

#endif
