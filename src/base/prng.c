#include "base/prng.h"

#include "base/err.h"

void prng_init(struct prng *g, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        g->s[i] = z ^ (z >> 31);
    }
}

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

uint64_t prng_u64(struct prng *g)
{
    uint64_t *s = g->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *g, uint64_t bound)
{
    ASSERT(bound > 0);
    uint64_t reject = -bound % bound; /* 2^64 mod bound */
    uint64_t v;
    do
        v = prng_u64(g);
    while (v < reject);
    return v % bound;
}

void prng_fill(struct prng *g, uint8_t *out, size_t n)
{
    while (n > 0) {
        uint8_t b[8];
        store_le64(b, prng_u64(g));
        size_t k = n < 8 ? n : 8;
        memcpy(out, b, k);
        out += k;
        n -= k;
    }
}
