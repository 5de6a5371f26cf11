/* pbkdf2: PBKDF2-HMAC-SHA512 (RFC 8018) over libcrypto, for BIP-39 seeds. */
#ifndef CRUST_CRYPTO_PBKDF2_H
#define CRUST_CRYPTO_PBKDF2_H

#include "base/err.h"
#include "base/span.h"

enum { PBKDF2_INPUT_MAX = 1 << 20 }; /* password and salt; libcrypto counts in int */

/* pbkdf2_sha512 fills out. Returns: OK, ERR_LIMIT (password, salt or out longer than
 * PBKDF2_INPUT_MAX), ERR_RANGE (rounds is 0 or above 2^30), ERR_MEMORY; out is zeroed on failure.
 */
NODISCARD enum err pbkdf2_sha512(struct mspan out, struct span password, struct span salt,
                                 uint32_t rounds);

#endif
