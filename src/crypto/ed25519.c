#include "crypto/ed25519.h"

#include "crypto/secret.h"

#include <sodium.h>

/* libsodium's secret key is the seed followed by the public key: our struct. */
_Static_assert(sizeof(struct ed25519_key) == crypto_sign_SECRETKEYBYTES, "layout");

void ed25519_keypair(struct ed25519_key *out, const uint8_t seed[ED25519_SEED_SIZE])
{
    uint8_t pair[crypto_sign_SECRETKEYBYTES];
    AUTO(secret_wipe_span) struct mspan guard = { pair, sizeof(pair) };
    uint8_t public_key[ED25519_PUBLIC_SIZE];
    crypto_sign_seed_keypair(public_key, pair, seed);
    memcpy(out->seed, pair, ED25519_SEED_SIZE);
    memcpy(out->public_key, public_key, ED25519_PUBLIC_SIZE);
}

void ed25519_wipe(struct ed25519_key *key)
{
    if (key != NULL)
        secret_wipe_bytes(key, sizeof(*key));
}

void ed25519_sign(uint8_t out[ED25519_SIGNATURE_SIZE], struct span message,
                  const struct ed25519_key *key)
{
    uint8_t pair[crypto_sign_SECRETKEYBYTES];
    AUTO(secret_wipe_span) struct mspan guard = { pair, sizeof(pair) };
    memcpy(pair, key, sizeof(pair));
    crypto_sign_detached(out, NULL, message.p, message.n, pair);
}

enum err ed25519_verify(const uint8_t signature[ED25519_SIGNATURE_SIZE], struct span message,
                        const uint8_t public_key[ED25519_PUBLIC_SIZE])
{
    return crypto_sign_verify_detached(signature, message.p, message.n, public_key) == 0
               ? OK
               : ERR_SIGNATURE;
}

/* 1/8 modulo the group order, little-endian. */
static const uint8_t eighth[32] = { 0x79, 0x2f, 0xdc, 0xe2, 0x29, 0xe5, 0x06, 0x61,
                                    0xd0, 0xda, 0x1c, 0x7d, 0xb3, 0x9d, 0xd3, 0x07,
                                    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x06 };

/* Older libsodium lets through points with a part of order two (CVE-2025-69277). Nodes
 * must not differ with the library beneath them, so the subgroup is checked again: eight times a
 * point has lost every part of small order, and an eighth of that is the point if there was none.
 */
static bool in_prime_subgroup(const uint8_t p[ED25519_PUBLIC_SIZE])
{
    uint8_t power[ED25519_PUBLIC_SIZE], twice[ED25519_PUBLIC_SIZE], back[ED25519_PUBLIC_SIZE];
    memcpy(power, p, sizeof(power));
    for (int i = 0; i < 3; i++) {
        if (crypto_core_ed25519_add(twice, power, power) != 0)
            return false;
        memcpy(power, twice, sizeof(power));
    }
    return crypto_scalarmult_ed25519_noclamp(back, eighth, power) == 0 &&
           memcmp(back, p, sizeof(back)) == 0;
}

enum err ed25519_public_check(const uint8_t public_key[ED25519_PUBLIC_SIZE])
{
    bool valid = crypto_core_ed25519_is_valid_point(public_key) == 1;
    return valid && in_prime_subgroup(public_key) ? OK : ERR_FORMAT;
}
