/* keystore: one Ed25519 key in a file, encrypted under a password: Argon2id, XChaCha20-Poly1305.
 * Format: docs/spec/keystore.md, four lines of text. Pure: salt and nonce come from the caller; the
 * slow functions are keystore_seal and keystore_open (by default a fifth of a second, 64 MiB). */
#ifndef CRUST_CODEC_KEYSTORE_H
#define CRUST_CODEC_KEYSTORE_H

#include "base/err.h"
#include "base/span.h"
#include "crypto/aead.h"
#include "crypto/argon2.h"
#include "crypto/ed25519.h"

enum {
    KEYSTORE_TEXT_MAX = 512, /* a file with its NUL is shorter */
    KEYSTORE_PASSES = 3,     /* our defaults: RFC 9106 4, second choice, with one lane */
    KEYSTORE_KIB = 64 * 1024,
    KEYSTORE_BOX_SIZE = ED25519_SEED_SIZE + AEAD_TAG_SIZE,
};

struct keystore {
    uint8_t public_key[ED25519_PUBLIC_SIZE];
    uint32_t passes; /* in [ARGON2_PASSES_MIN, ARGON2_PASSES_MAX] */
    uint32_t kib;    /* in [ARGON2_KIB_MIN, ARGON2_KIB_MAX] */
    uint8_t salt[ARGON2_SALT_SIZE];
    uint8_t nonce[AEAD_NONCE_SIZE];
    uint8_t box[KEYSTORE_BOX_SIZE]; /* the sealed seed */
};

/* keystore_seal encrypts key under password. In: *k with passes, kib, and fresh random salt and
 * nonce; out: its public_key and box. Returns: OK, ERR_RANGE (passes or kib), ERR_MEMORY. */
NODISCARD enum err keystore_seal(struct keystore *k, const struct ed25519_key *key,
                                 struct span password);

/* keystore_open decrypts. Returns: OK; ERR_SIGNATURE (the password is wrong, or the file was
 * changed: the two cannot be told apart); ERR_CORRUPT (the seed is not that of the public key);
 * ERR_RANGE, ERR_MEMORY. *out is wiped on failure. */
NODISCARD enum err keystore_open(struct ed25519_key *out, const struct keystore *k,
                                 struct span password);

/* keystore_format writes the file, NUL-terminated, and returns its length. */
size_t keystore_format(char out[KEYSTORE_TEXT_MAX], const struct keystore *k);

/* keystore_parse reads exactly what keystore_format writes.
 * Returns: OK; ERR_UNSUPPORTED (another version); ERR_RANGE (passes or kib outside the limits);
 *          ERR_FORMAT (anything else). *out is zeroed on failure. */
NODISCARD enum err keystore_parse(struct keystore *out, struct span text);

#endif
