/* x25519: key agreement of RFC 7748 over libsodium. Pure, no allocation. */
#ifndef CRUST_CRYPTO_X25519_H
#define CRUST_CRYPTO_X25519_H

#include "base/err.h"
#include "base/span.h"
#include "crypto/secret.h"

enum { X25519_SIZE = 32 };

/* x25519_public derives the public key of 32 secret bytes (clamped inside). */
void x25519_public(uint8_t out[X25519_SIZE], const uint8_t secret[X25519_SIZE]);

/* x25519_shared computes the raw shared secret; derive keys from it with hmac_hkdf.
 * Returns: OK, or ERR_FORMAT when the result is all zeros (their key is of small order; RFC 7748
 * 6.1); *out is zeroed then. */
NODISCARD enum err x25519_shared(struct secret *out, const uint8_t secret[X25519_SIZE],
                                 const uint8_t their_public[X25519_SIZE]);

#endif
