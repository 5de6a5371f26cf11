/* argon2: Argon2id version 1.3 (RFC 9106) with one lane, over libsodium: a key from a password.
 * libsodium maps the working memory and frees it again. Slow by intent: never on a loop thread. */
#ifndef CRUST_CRYPTO_ARGON2_H
#define CRUST_CRYPTO_ARGON2_H

#include "base/err.h"
#include "base/span.h"
#include "crypto/secret.h"

enum {
    ARGON2_SALT_SIZE = 16,
    ARGON2_PASSES_MIN = 1,
    ARGON2_PASSES_MAX = 16,
    ARGON2_KIB_MIN = 8,
    ARGON2_KIB_MAX = 1024 * 1024, /* 1 GiB: what a keystore from elsewhere may make us spend */
};

/* argon2_id derives 32 bytes. Returns: OK, ERR_RANGE (passes or memory_kib outside the limits),
 * ERR_MEMORY; *out is zeroed on failure. */
NODISCARD enum err argon2_id(struct secret *out, struct span password,
                             const uint8_t salt[ARGON2_SALT_SIZE], uint32_t passes,
                             uint32_t memory_kib);

#endif
