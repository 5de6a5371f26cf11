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

enum err ed25519_public_check(const uint8_t public_key[ED25519_PUBLIC_SIZE])
{
    return crypto_core_ed25519_is_valid_point(public_key) == 1 ? OK : ERR_FORMAT;
}
