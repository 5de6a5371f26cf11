/* sha256_pair: SHA-256 of two messages at once. The processor's SHA unit runs two streams faster
 * than one after the other, because a round of one stream waits for the round before it.
 * Pure; no allocation. The result never depends on the processor. */
#ifndef CRUST_CRYPTO_SHA256_PAIR_H
#define CRUST_CRYPTO_SHA256_PAIR_H

#include "base/span.h"

enum { SHA256_PAIR_TAG_MAX = 63 };

/* sha256_pair writes SHA-256(tag || a) to out and SHA-256(tag || b) to out + 32. tag may be empty
 * and has at most SHA256_PAIR_TAG_MAX bytes (asserted). a and b should be of one length: of two
 * lengths they are hashed one after the other. out may overlap tag, a and b. */
void sha256_pair(uint8_t *out, struct span tag, struct span a, struct span b);

/* The same, always one after the other. For tests and benchmarks. */
void sha256_pair_plain(uint8_t *out, struct span tag, struct span a, struct span b);

/* True when sha256_pair uses the processor's SHA instructions. For tests and benchmarks. */
bool sha256_pair_accelerated(void);

#endif
