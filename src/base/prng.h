/* prng: a seeded generator for tests, simulation and jitter; the same seed gives the same numbers.
 * Not for keys. xoshiro256** by Blackman and Vigna, seeded by splitmix64. Pure. */
#ifndef CRUST_BASE_PRNG_H
#define CRUST_BASE_PRNG_H

#include "base/span.h"

struct prng {
    uint64_t s[4];
};

void prng_init(struct prng *g, uint64_t seed);
uint64_t prng_u64(struct prng *g);

/* A number in [0, bound), without modulo bias; bound > 0. */
uint64_t prng_below(struct prng *g, uint64_t bound);

void prng_fill(struct prng *g, uint8_t *out, size_t n);

#endif
