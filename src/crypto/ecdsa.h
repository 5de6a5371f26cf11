/* ecdsa: checking ECDSA signatures (FIPS 186-4) over P-256 with SHA-256 and P-384 with SHA-384.
 *
 * Verification only; nothing of ours signs with it. It is consensus, so it uses libcrypto's
 * low-level interface, which looks up no provider and reads no configuration file. The rule: the
 * point is on the curve (both curves have cofactor 1), r and s are in [1, n - 1], s may be high,
 * and the x coordinate equals r mod n. libcrypto allocates for the time of the call; it running out
 * of memory is an assertion, for no verdict may depend on memory. Pure otherwise. */
#ifndef CRUST_CRYPTO_ECDSA_H
#define CRUST_CRYPTO_ECDSA_H

#include "base/err.h"
#include "base/span.h"

enum {
    ECDSA_P256_SIZE = 64, /* of a signature r || s and of a public key x || y, big-endian */
    ECDSA_P384_SIZE = 96,
};

/* ecdsa_p256_verify: OK, or ERR_SIGNATURE (also for a point that is not on the curve). */
NODISCARD enum err ecdsa_p256_verify(const uint8_t signature[ECDSA_P256_SIZE], struct span message,
                                     const uint8_t public_key[ECDSA_P256_SIZE]);

/* ecdsa_p384_verify: the same with P-384 and SHA-384. */
NODISCARD enum err ecdsa_p384_verify(const uint8_t signature[ECDSA_P384_SIZE], struct span message,
                                     const uint8_t public_key[ECDSA_P384_SIZE]);

#endif
