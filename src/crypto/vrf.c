#include "crypto/vrf.h"

#include "crypto/secret.h"

#include <sodium.h>

/* RFC 9381 5.5: the suite, and the domain separators of 5.4.1.1, 5.4.3 and 5.2. */
enum {
    SUITE = 0x03,
    DOMAIN_ENCODE = 0x01,
    DOMAIN_CHALLENGE = 0x02,
    DOMAIN_OUTPUT = 0x03,
    DOMAIN_BACK = 0x00,
};

enum { POINT_SIZE = 32, SCALAR_SIZE = 32, C_SIZE = 16, HASH_SIZE = 64 };

static const uint8_t identity[POINT_SIZE] = { 1 };

/* RFC 8032 5.1.3: on the curve, and encoded in the one canonical way (y below p, no negative zero).
 * libsodium's addition decodes leniently but writes canonically, so P + 0 shows the difference. */
static bool point_is_canonical(const uint8_t p[POINT_SIZE])
{
    uint8_t same[POINT_SIZE];
    return crypto_core_ed25519_add(same, p, identity) == 0 && memcmp(same, p, POINT_SIZE) == 0;
}

/* *p = 8 * *p, for a point on the curve. */
static void clear_cofactor(uint8_t p[POINT_SIZE])
{
    for (int i = 0; i < 3; i++) {
        uint8_t copy[POINT_SIZE];
        memcpy(copy, p, POINT_SIZE);
        int failed = crypto_core_ed25519_add(p, copy, copy);
        ASSERT(failed == 0);
    }
}

/* scalar * point for a point of the prime-order subgroup; libsodium refuses the zero scalar. */
static void multiply(uint8_t out[POINT_SIZE], const uint8_t scalar[SCALAR_SIZE],
                     const uint8_t point[POINT_SIZE])
{
    if (sodium_is_zero(scalar, SCALAR_SIZE)) {
        memcpy(out, identity, POINT_SIZE);
        return;
    }
    int failed = crypto_scalarmult_ed25519_noclamp(out, scalar, point);
    ASSERT(failed == 0);
}

static void multiply_base(uint8_t out[POINT_SIZE], const uint8_t scalar[SCALAR_SIZE])
{
    if (sodium_is_zero(scalar, SCALAR_SIZE)) {
        memcpy(out, identity, POINT_SIZE);
        return;
    }
    int failed = crypto_scalarmult_ed25519_base_noclamp(out, scalar);
    ASSERT(failed == 0);
}

/* RFC 9381 5.4.1.1, encode_to_curve by try and increment; the salt is the public key. */
static enum err encode_to_curve(uint8_t h[POINT_SIZE], const uint8_t public_key[POINT_SIZE],
                                struct span alpha)
{
    const uint8_t front[2] = { SUITE, DOMAIN_ENCODE };
    for (unsigned i = 0; i < 256; i++) {
        const uint8_t back[2] = { (uint8_t)i, DOMAIN_BACK };
        uint8_t hash[HASH_SIZE];
        crypto_hash_sha512_state s;
        crypto_hash_sha512_init(&s);
        crypto_hash_sha512_update(&s, front, sizeof(front));
        crypto_hash_sha512_update(&s, public_key, POINT_SIZE);
        if (alpha.n != 0)
            crypto_hash_sha512_update(&s, alpha.p, alpha.n);
        crypto_hash_sha512_update(&s, back, sizeof(back));
        crypto_hash_sha512_final(&s, hash);
        if (!point_is_canonical(hash))
            continue;
        memcpy(h, hash, POINT_SIZE);
        clear_cofactor(h);
        if (memcmp(h, identity, POINT_SIZE) != 0)
            return OK;
    }
    return ERR_RANGE;
}

/* The five points of RFC 9381 5.4.3, in its order. */
struct points {
    uint8_t y[POINT_SIZE];
    uint8_t h[POINT_SIZE];
    uint8_t gamma[POINT_SIZE];
    uint8_t u[POINT_SIZE];
    uint8_t v[POINT_SIZE];
};

/* The challenge as a scalar: 16 bytes, little-endian, and 16 zeros. */
static void challenge(uint8_t c[SCALAR_SIZE], const struct points *p)
{
    const uint8_t front[2] = { SUITE, DOMAIN_CHALLENGE }, back[1] = { DOMAIN_BACK };
    const uint8_t *const order[5] = { p->y, p->h, p->gamma, p->u, p->v };
    uint8_t hash[HASH_SIZE];
    crypto_hash_sha512_state s;
    crypto_hash_sha512_init(&s);
    crypto_hash_sha512_update(&s, front, sizeof(front));
    for (size_t i = 0; i < 5; i++)
        crypto_hash_sha512_update(&s, order[i], POINT_SIZE);
    crypto_hash_sha512_update(&s, back, sizeof(back));
    crypto_hash_sha512_final(&s, hash);
    memset(c, 0, SCALAR_SIZE);
    memcpy(c, hash, C_SIZE);
}

/* RFC 9381 5.2. gamma is on the curve. */
static void output_of(uint8_t output[VRF_OUTPUT_SIZE], const uint8_t gamma[POINT_SIZE])
{
    uint8_t in[2 + POINT_SIZE + 1] = { SUITE, DOMAIN_OUTPUT };
    memcpy(in + 2, gamma, POINT_SIZE);
    clear_cofactor(in + 2);
    in[2 + POINT_SIZE] = DOMAIN_BACK;
    crypto_hash_sha512(output, in, sizeof(in));
}

/* What a prover keeps to itself. */
struct witness {
    uint8_t hashed[HASH_SIZE]; /* SHA-512 of the seed: x before clamping, and the nonce's prefix */
    uint8_t x[SCALAR_SIZE];
    uint8_t k[SCALAR_SIZE];
    uint8_t wide[HASH_SIZE];
    uint8_t cx[SCALAR_SIZE];
    crypto_hash_sha512_state s;
};

static void witness_wipe(struct witness *w)
{
    secret_wipe_bytes(w, sizeof(*w));
}

/* x as RFC 8032 5.1.5 clamps it, reduced; k as RFC 9381 5.4.2.2 derives it from h. */
static void witness_init(struct witness *w, const struct ed25519_key *key,
                         const uint8_t h[POINT_SIZE])
{
    crypto_hash_sha512(w->hashed, key->seed, ED25519_SEED_SIZE);
    memset(w->wide, 0, sizeof(w->wide));
    memcpy(w->wide, w->hashed, SCALAR_SIZE);
    w->wide[0] &= 248;
    w->wide[31] &= 127;
    w->wide[31] |= 64;
    crypto_core_ed25519_scalar_reduce(w->x, w->wide);
    crypto_hash_sha512_init(&w->s);
    crypto_hash_sha512_update(&w->s, w->hashed + 32, 32);
    crypto_hash_sha512_update(&w->s, h, POINT_SIZE);
    crypto_hash_sha512_final(&w->s, w->wide);
    crypto_core_ed25519_scalar_reduce(w->k, w->wide);
}

enum err vrf_prove(uint8_t proof[VRF_PROOF_SIZE], const struct ed25519_key *key, struct span alpha)
{
    struct points p;
    AUTO(witness_wipe) struct witness w;
    memset(proof, 0, VRF_PROOF_SIZE);
    memcpy(p.y, key->public_key, POINT_SIZE);
    TRY(encode_to_curve(p.h, p.y, alpha));
    witness_init(&w, key, p.h);
    multiply(p.gamma, w.x, p.h);
    multiply_base(p.u, w.k);
    multiply(p.v, w.k, p.h);
    uint8_t c[SCALAR_SIZE];
    challenge(c, &p);
    memcpy(proof, p.gamma, POINT_SIZE);
    memcpy(proof + POINT_SIZE, c, C_SIZE);
    crypto_core_ed25519_scalar_mul(w.cx, c, w.x);
    crypto_core_ed25519_scalar_add(proof + POINT_SIZE + C_SIZE, w.k, w.cx);
    return OK;
}

/* RFC 9381 5.4.4, with Gamma in the prime-order subgroup. */
static enum err decode(uint8_t c[SCALAR_SIZE], uint8_t s[SCALAR_SIZE],
                       const uint8_t proof[VRF_PROOF_SIZE])
{
    uint8_t wide[HASH_SIZE] = { 0 };
    memset(c, 0, SCALAR_SIZE);
    memcpy(c, proof + POINT_SIZE, C_SIZE);
    memcpy(wide, proof + POINT_SIZE + C_SIZE, SCALAR_SIZE);
    crypto_core_ed25519_scalar_reduce(s, wide);
    /* s must be below the group order: reducing it must change nothing. */
    if (memcmp(s, wide, SCALAR_SIZE) != 0)
        return ERR_FORMAT;
    return ed25519_public_check(proof);
}

enum err vrf_verify(uint8_t output[VRF_OUTPUT_SIZE], const uint8_t public_key[ED25519_PUBLIC_SIZE],
                    const uint8_t proof[VRF_PROOF_SIZE], struct span alpha)
{
    struct points p;
    uint8_t c[SCALAR_SIZE], s[SCALAR_SIZE], want[SCALAR_SIZE];
    uint8_t left[POINT_SIZE], right[POINT_SIZE];
    memset(output, 0, VRF_OUTPUT_SIZE);
    TRY(ed25519_public_check(public_key));
    TRY(decode(c, s, proof));
    memcpy(p.y, public_key, POINT_SIZE);
    memcpy(p.gamma, proof, POINT_SIZE);
    TRY(encode_to_curve(p.h, p.y, alpha));
    /* U = s*B - c*Y and V = s*H - c*Gamma. */
    multiply_base(left, s);
    multiply(right, c, p.y);
    int failed = crypto_core_ed25519_sub(p.u, left, right);
    multiply(left, s, p.h);
    multiply(right, c, p.gamma);
    failed |= crypto_core_ed25519_sub(p.v, left, right);
    ASSERT(failed == 0);
    challenge(want, &p);
    if (memcmp(want, c, SCALAR_SIZE) != 0)
        return ERR_SIGNATURE;
    output_of(output, p.gamma);
    return OK;
}

enum err vrf_proof_to_hash(uint8_t output[VRF_OUTPUT_SIZE], const uint8_t proof[VRF_PROOF_SIZE])
{
    uint8_t c[SCALAR_SIZE], s[SCALAR_SIZE];
    memset(output, 0, VRF_OUTPUT_SIZE);
    TRY(decode(c, s, proof));
    output_of(output, proof);
    return OK;
}
