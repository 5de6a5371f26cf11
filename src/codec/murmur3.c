#include "codec/murmur3.h"

static const uint64_t c1 = UINT64_C(0x87c37b91114253d5);
static const uint64_t c2 = UINT64_C(0x4cf5ad432745937f);

static uint64_t rotl(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

static uint64_t final_mix(uint64_t k)
{
    k = (k ^ k >> 33) * UINT64_C(0xff51afd7ed558ccd);
    k = (k ^ k >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return k ^ k >> 33;
}

uint64_t murmur3_x64_64(struct span in)
{
    uint64_t h1 = 0, h2 = 0;
    size_t whole = in.n / 16;
    for (size_t i = 0; i < whole; i++) {
        uint64_t k1 = load_le64(in.p + 16 * i);
        uint64_t k2 = load_le64(in.p + 16 * i + 8);
        h1 ^= rotl(k1 * c1, 31) * c2;
        h1 = (rotl(h1, 27) + h2) * 5 + 0x52dce729;
        h2 ^= rotl(k2 * c2, 33) * c1;
        h2 = (rotl(h2, 31) + h1) * 5 + 0x38495ab5;
    }
    uint8_t tail[16] = { 0 };
    if (in.n % 16 != 0)
        memcpy(tail, in.p + 16 * whole, in.n % 16);
    h2 ^= rotl(load_le64(tail + 8) * c2, 33) * c1;
    h1 ^= rotl(load_le64(tail) * c1, 31) * c2;
    h1 ^= in.n;
    h2 ^= in.n;
    h1 += h2;
    h2 += h1;
    return final_mix(h1) + final_mix(h2);
}
