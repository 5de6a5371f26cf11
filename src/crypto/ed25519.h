/* ed25519: signatures of RFC 8032 over libsodium. Pure, no allocation.
 *
 * ed25519_verify is consensus, so its rule is written down: with A the public key and (R, S) the
 * signature it accepts iff S is below the group order, A and R are not of small order, A is
 * canonically encoded, and the encoding of S*B - H(R || A || M)*A equals R byte for byte (the
 * equation without cofactor). Every node links the same libsodium rule; a batch or cofactored
 * verifier must not replace it. ed25519_many.h calculates the same equation, each for itself. */
#ifndef CRUST_CRYPTO_ED25519_H
#define CRUST_CRYPTO_ED25519_H

#include "base/err.h"
#include "base/span.h"

enum {
    ED25519_SEED_SIZE = 32,
    ED25519_PUBLIC_SIZE = 32,
    ED25519_SIGNATURE_SIZE = 64,
};

/* Secret: wiped with AUTO(ed25519_wipe). */
struct ed25519_key {
    uint8_t seed[ED25519_SEED_SIZE];
    uint8_t public_key[ED25519_PUBLIC_SIZE];
};

/* ed25519_keypair derives the pair from 32 secret bytes. seed may be out->seed. */
void ed25519_keypair(struct ed25519_key *out, const uint8_t seed[ED25519_SEED_SIZE]);

void ed25519_wipe(struct ed25519_key *key);

/* ed25519_sign is deterministic. The message carries its own domain tag: this signs any bytes. */
void ed25519_sign(uint8_t out[ED25519_SIGNATURE_SIZE], struct span message,
                  const struct ed25519_key *key);

/* ed25519_verify: OK, or ERR_SIGNATURE. Not constant time; its inputs are public. */
NODISCARD enum err ed25519_verify(const uint8_t signature[ED25519_SIGNATURE_SIZE],
                                  struct span message,
                                  const uint8_t public_key[ED25519_PUBLIC_SIZE]);

/* ed25519_public_check: OK when the bytes are a canonical point of the prime-order subgroup other
 * than the identity, as every key made by ed25519_keypair is; else ERR_FORMAT. */
NODISCARD enum err ed25519_public_check(const uint8_t public_key[ED25519_PUBLIC_SIZE]);

#endif
