#include "crypto/ed25519_many.h"

#include "crypto/ed25519_lanes.h"

#include <openssl/sha.h>
#include <sodium.h>

enum {
    WORTH = 3, /* fewer are done faster one by one */
};

static bool verify(const struct ed25519_claim *c)
{
    return ed25519_verify(c->signature, c->message, c->public_key) == OK;
}

/* Little-endian: a < b. */
static bool below(const uint8_t a[32], const uint8_t b[32])
{
    for (size_t i = 32; i-- != 0;)
        if (a[i] != b[i])
            return a[i] < b[i];
    return false;
}

static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                   0xa2, 0xde, 0xf9, 0xde, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                   0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10 };
static const uint8_t prime[32] = { 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f };

/* The y of the points of order 8, 4, 2 and 1 that are reduced. */
static const uint8_t small[5][32] = {
    { 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
      0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
      0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
    { 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
      0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
      0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
    { 0 },
    { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
    { 1 },
};

/* The y of a point: reduced, and of none of small order. */
static bool ordinary(const uint8_t point[32])
{
    uint8_t y[32];
    memcpy(y, point, 32);
    y[31] &= 0x7f;
    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        if (memcmp(y, small[i], 32) == 0)
            return false;
    return below(y, prime);
}

/* A scalar below 2^253 in base 16 with digits from -8 to 8, into its lane. */
static void digits_of(int8_t out[ED25519_LANES_DIGITS][ED25519_LANES], size_t lane,
                      const uint8_t scalar[32])
{
    int carry = 0;
    for (size_t i = 0; i < ED25519_LANES_DIGITS; i++) {
        int digit = (scalar[i / 2] >> 4 * (i % 2) & 15) + carry;
        carry = digit > 8 ? 1 : 0;
        out[i][lane] = (int8_t)(digit - 16 * carry);
    }
    ASSERT(carry == 0);
}

/* False: not for the lanes. */
static bool lane_fill(struct ed25519_lanes *in, size_t lane, const struct ed25519_claim *c)
{
    const uint8_t *s = c->signature + 32;
    uint8_t hash[SHA512_DIGEST_LENGTH], h[32];
    SHA512_CTX sha;
    if (!below(s, order) || !ordinary(c->signature) || !ordinary(c->public_key))
        return false;
    int ok = SHA512_Init(&sha);
    ASSERT(ok == 1);
    SHA512_Update(&sha, c->signature, 32);
    SHA512_Update(&sha, c->public_key, 32);
    if (c->message.n != 0)
        SHA512_Update(&sha, c->message.p, c->message.n);
    SHA512_Final(hash, &sha);
    crypto_core_ed25519_scalar_reduce(h, hash);
    memcpy(in->a[lane], c->public_key, 32);
    memcpy(in->r[lane], c->signature, 32);
    digits_of(in->h, lane, h);
    digits_of(in->s, lane, s);
    return true;
}

/* At most ED25519_LANES of them. Lanes that are not filled calculate with zeros. */
static void verify_lanes(bool *ok, const struct ed25519_claim *claims, size_t count)
{
    struct ed25519_lanes in;
    unsigned filled = 0;
    memset(&in, 0, sizeof(in));
    for (size_t i = 0; i < count; i++)
        if (lane_fill(&in, i, &claims[i]))
            filled |= 1u << i;
    unsigned good = filled & ed25519_lanes_hold(&in);
    for (size_t i = 0; i < count; i++)
        ok[i] = (good >> i & 1) != 0 || verify(&claims[i]);
}

void ed25519_verify_many(bool *ok, const struct ed25519_claim *claims, size_t count)
{
    const bool ready = ed25519_lanes_ready();
    while (count != 0) {
        size_t n = count < ED25519_LANES ? count : ED25519_LANES;
        if (ready && n >= WORTH)
            verify_lanes(ok, claims, n);
        else
            for (size_t i = 0; i < n; i++)
                ok[i] = verify(&claims[i]);
        ok += n;
        claims += n;
        count -= n;
    }
}
