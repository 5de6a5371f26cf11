/* hmac: HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869). Pure, no allocation. */
#ifndef CRUST_CRYPTO_HMAC_H
#define CRUST_CRYPTO_HMAC_H

#include "base/err.h"
#include "crypto/sha256.h"

enum {
    HMAC_SIZE = SHA256_SIZE,
    HKDF_OUT_MAX = 255 * SHA256_SIZE, /* RFC 5869 2.3 */
};

/* A MAC under way; holds key material: wiped by hmac_final, or by secret_wipe_bytes. */
struct hmac {
    struct sha256 inner;
    struct sha256 outer;
};

void hmac_init(struct hmac *m, struct span key);
void hmac_update(struct hmac *m, struct span in);
/* hmac_final writes the MAC and wipes m. Compare MACs with secret_eq only. */
void hmac_final(struct hmac *m, uint8_t out[HMAC_SIZE]);

/* hmac_sha256 computes HMAC-SHA256(key, parts[0] || ... || parts[count - 1]). */
void hmac_sha256(uint8_t out[HMAC_SIZE], struct span key, const struct span *parts, size_t count);

/* hmac_hkdf_extract: PRK = HMAC(salt, secret); an empty salt is 32 zero bytes. */
void hmac_hkdf_extract(uint8_t prk[HMAC_SIZE], struct span salt, struct span secret);

/* hmac_hkdf_expand fills out.n bytes; out.n at most HKDF_OUT_MAX (asserted). */
void hmac_hkdf_expand(struct mspan out, const uint8_t prk[HMAC_SIZE], struct span info);

/* hmac_hkdf is extract, then expand. */
void hmac_hkdf(struct mspan out, struct span salt, struct span secret, struct span info);

#endif
