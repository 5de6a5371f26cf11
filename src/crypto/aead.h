/* aead: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, libsodium's _ietf form): key 32, nonce 24,
 * tag 16. Random nonces are safe at this size. Pure, no allocation. */
#ifndef CRUST_CRYPTO_AEAD_H
#define CRUST_CRYPTO_AEAD_H

#include "base/err.h"
#include "base/span.h"

enum {
    AEAD_KEY_SIZE = 32,
    AEAD_NONCE_SIZE = 24,
    AEAD_TAG_SIZE = 16,
};

/* The three inputs that seal and open share. */
struct aead {
    const uint8_t *key;   /* AEAD_KEY_SIZE bytes */
    const uint8_t *nonce; /* AEAD_NONCE_SIZE bytes, never twice under one key */
    struct span ad;       /* authenticated, not encrypted; may be empty */
};

/* aead_seal writes plain.n + AEAD_TAG_SIZE bytes to out: ciphertext, then tag. out may be plain.p.
 */
void aead_seal(uint8_t *out, const struct aead *a, struct span plain);

/* aead_open writes sealed.n - AEAD_TAG_SIZE bytes to out, which may be sealed.p.
 * Returns: OK, ERR_SHORT (no room for a tag), ERR_SIGNATURE (nothing is to be used of out, which is
 * zeroed then). */
NODISCARD enum err aead_open(uint8_t *out, const struct aead *a, struct span sealed);

#endif
