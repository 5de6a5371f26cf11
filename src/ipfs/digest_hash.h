/* digest_hash: a hash over digests that strangers have chosen, for tables that they must not be
 * able to make slow: multilinear, strongly universal (Lemire, Kaser: "Strongly universal string
 * hashing is fast"), under keys that they do not know. Pure. */
#ifndef CRUST_IPFS_DIGEST_HASH_H
#define CRUST_IPFS_DIGEST_HASH_H

#include "base/prng.h"
#include "base/span.h"

enum { DIGEST_HASH_BYTES = 32 };

struct digest_hash {
    uint64_t keys[DIGEST_HASH_BYTES / 4 + 1];
};

/* seed: random and secret. */
static inline void digest_hash_init(struct digest_hash *h, uint64_t seed)
{
    struct prng g;
    prng_init(&g, seed);
    for (size_t i = 0; i < sizeof(h->keys) / sizeof(h->keys[0]); i++)
        h->keys[i] = prng_u64(&g);
}

/* Of the last DIGEST_HASH_BYTES bytes of s, whole words of them. */
static inline uint32_t digest_hash(const struct digest_hash *h, struct span s)
{
    struct span tail = span_sub(s, s.n > DIGEST_HASH_BYTES ? s.n - DIGEST_HASH_BYTES : 0, s.n);
    uint64_t sum = h->keys[0];
    for (size_t i = 0; i < tail.n / 4; i++)
        sum += h->keys[i + 1] * load_le32(tail.p + 4 * i);
    return (uint32_t)(sum >> 32);
}

#endif
