/* sha256: SHA-256 (FIPS 180-4) over libcrypto, with the processor's instructions where it has them.
 *
 * It uses the low-level interface on a context in the caller's memory: no allocation, no provider
 * look-up per hash. Pure; one context belongs to one thread at a time. */
#ifndef CRUST_CRYPTO_SHA256_H
#define CRUST_CRYPTO_SHA256_H

#include "base/span.h"

#include <openssl/sha.h>

enum { SHA256_SIZE = 32 };

/* A hash under way. May be copied to fork a computation. Holds traces of its input: wipe it with
 * secret_wipe_bytes when that is secret. */
struct sha256 {
    SHA256_CTX c;
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, struct span in);

/* sha256_final writes the digest; h must be initialised again before its next use. */
void sha256_final(struct sha256 *h, uint8_t out[SHA256_SIZE]);

/* sha256 hashes one span. out may overlap in. */
void sha256(uint8_t out[SHA256_SIZE], struct span in);

/* sha256_tagged = SHA-256(tag || parts[0] || ... || parts[count - 1]), where tag is the bytes of
 * the text without its NUL. Nothing separates the parts: every caller uses parts of fixed width
 * behind a tag of its own, so that no two different inputs give one preimage. out may overlap a
 * part. */
void sha256_tagged(uint8_t out[SHA256_SIZE], const char *tag, const struct span *parts,
                   size_t count);

#endif
