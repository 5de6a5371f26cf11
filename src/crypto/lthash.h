/* lthash: a homomorphic hash of a set: elements are added and taken away one by one, in any order,
 * and equal sets give equal sums. It proves nothing about single elements; trees do that (smt.h).
 * Construction: LtHash over 1,024 lanes of 16 bits, Lewi, Kim, Maykov and Weis, "Securing Update
 * Propagation with Homomorphic Hashing" (2019), with SHAKE128 as the function that spreads an
 * element. Rules: docs/spec/state.md 6. Pure; no state besides the struct. */
#ifndef CRUST_CRYPTO_LTHASH_H
#define CRUST_CRYPTO_LTHASH_H

#include "base/span.h"
#include "crypto/sha256.h"

enum {
    LTHASH_LANES = 1024,
    LTHASH_SIZE = 2 * LTHASH_LANES, /* of a sum as bytes, lanes little-endian */
};

/* The sum of the empty set is all zeros. A set holds an element once: adding it twice is another
 * sum, and 65,536 times is none. */
struct lthash {
    uint16_t lane[LTHASH_LANES];
};

/* One element: the concatenation of the parts. The caller makes sure that two different elements
 * never have the same concatenation (lengths before what varies). About 4 us. */
void lthash_add(struct lthash *sum, const struct span *parts, size_t count);
void lthash_take(struct lthash *sum, const struct span *parts, size_t count);

/* The union of two sets without common elements: sum += other. */
void lthash_join(struct lthash *sum, const struct lthash *other);

/* The sum as bytes, and back. Every string of LTHASH_SIZE bytes is a sum. */
void lthash_store(uint8_t out[LTHASH_SIZE], const struct lthash *sum);
void lthash_load(struct lthash *out, const uint8_t in[LTHASH_SIZE]);

/* SHA-256 of lthash_store: what a header commits to. */
void lthash_digest(uint8_t out[SHA256_SIZE], const struct lthash *sum);

#endif
