/* rsa_pss: checking RSASSA-PSS signatures (RFC 8017 8.1.2) of 4096-bit keys with SHA-384, MGF1 with
 * SHA-384 and a salt of 48 bytes: what AMD signs its certificates with.
 *
 * Verification only. libcrypto does the modular power, the padding is checked here, so that no
 * provider is looked up and no configuration file read. libcrypto allocates for the time of the
 * call. Pure otherwise. */
#ifndef CRUST_CRYPTO_RSA_PSS_H
#define CRUST_CRYPTO_RSA_PSS_H

#include "base/err.h"
#include "base/span.h"

enum { RSA_PSS_SIZE = 512 }; /* of the modulus and of a signature, big-endian */

/* rsa_pss_verify checks a signature under the public exponent 65537. Returns OK or ERR_SIGNATURE;
 * the latter also for an even modulus, or one below 2^4095. */
NODISCARD enum err rsa_pss_verify(const uint8_t signature[RSA_PSS_SIZE], struct span message,
                                  const uint8_t modulus[RSA_PSS_SIZE]);

#endif
