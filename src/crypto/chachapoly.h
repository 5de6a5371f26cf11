/* chachapoly: ChaCha20-Poly1305 of RFC 8439 (key 32, nonce 12, tag 16) over libcrypto, which is
 * about three times as fast here as libsodium; for Noise connections and age files.
 *
 * The context lives in libcrypto's heap: chachapoly_init allocates it once; seal and open do not
 * allocate. One context belongs to one thread at a time. */
#ifndef CRUST_CRYPTO_CHACHAPOLY_H
#define CRUST_CRYPTO_CHACHAPOLY_H

#include "base/err.h"
#include "base/span.h"

enum {
    CHACHAPOLY_KEY_SIZE = 32,
    CHACHAPOLY_NONCE_SIZE = 12,
    CHACHAPOLY_TAG_SIZE = 16,
};

struct chachapoly {
    void *evp; /* EVP_CIPHER_CTX */
};

/* chachapoly_init allocates. ERR_MEMORY: libcrypto has none; *c is zeroed then. */
NODISCARD enum err chachapoly_init(struct chachapoly *c);

/* chachapoly_fini wipes and frees. Accepts NULL and a zeroed object. */
void chachapoly_fini(struct chachapoly *c);

/* chachapoly_key sets the key for the seals and opens that follow. */
void chachapoly_key(struct chachapoly *c, const uint8_t key[CHACHAPOLY_KEY_SIZE]);

/* chachapoly_seal writes plain.n + CHACHAPOLY_TAG_SIZE bytes to out: ciphertext, then tag. out is
 * plain.p or does not overlap it. plain.n is below 2^30 (asserted). A nonce is used once per key.
 */
void chachapoly_seal(struct chachapoly *c, uint8_t *out, const uint8_t nonce[CHACHAPOLY_NONCE_SIZE],
                     struct span ad, struct span plain);

/* chachapoly_open writes sealed.n - CHACHAPOLY_TAG_SIZE bytes to out, which is sealed.p or does not
 * overlap it. Returns: OK, ERR_SHORT, ERR_LIMIT (2^30 bytes or more), ERR_SIGNATURE; out is zeroed
 * when the tag is wrong. */
NODISCARD enum err chachapoly_open(struct chachapoly *c, uint8_t *out,
                                   const uint8_t nonce[CHACHAPOLY_NONCE_SIZE], struct span ad,
                                   struct span sealed);

#endif
