/* chunk_hash: SHA-256 of two messages of one length and one tag at once. One SHA unit runs two
 * streams faster than one after the other, because a round waits for the round before it.
 * Pure; no allocation. The result never depends on the processor. */
#ifndef CRUST_PROOF_CHUNK_HASH_H
#define CRUST_PROOF_CHUNK_HASH_H

#include "base/span.h"

/* chunk_hash_pair writes SHA-256(tag || a) to out and SHA-256(tag || b) to out + 32, where a and b
 * have n bytes each, n at most 1024 and tag.n at most 32 (asserted). out may overlap a or b. */
void chunk_hash_pair(uint8_t *out, struct span tag, const uint8_t *a, const uint8_t *b, size_t n);

/* True when the pair runs on the processor's SHA instructions. For benchmarks. */
bool chunk_hash_accelerated(void);

#endif
