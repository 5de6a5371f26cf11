#include "crypto/rsa_pss.h"

#include "crypto/openssl.h"
#include "crypto/sha384.h"

#include <openssl/bn.h>

enum {
    SALT = 48,
    DB = RSA_PSS_SIZE - SHA384_SIZE - 1, /* masked data block */
    ZEROS = DB - SALT - 1,               /* PS of RFC 8017 9.1.1 */
};

static void bn_ctx_free(BN_CTX **c)
{
    BN_CTX_free(*c);
}

/* out = signature ^ 65537 mod modulus. ERR_SIGNATURE unless signature < modulus. */
static enum err power(uint8_t out[RSA_PSS_SIZE], const uint8_t *signature, const uint8_t *modulus)
{
    AUTO(bn_ctx_free) BN_CTX *c = BN_CTX_new();
    ASSERT(c != NULL);
    BN_CTX_start(c);
    BIGNUM *s = BN_CTX_get(c), *n = BN_CTX_get(c), *e = BN_CTX_get(c), *m = BN_CTX_get(c);
    ASSERT(m != NULL);
    ASSERT(BN_bin2bn(signature, RSA_PSS_SIZE, s) != NULL);
    ASSERT(BN_bin2bn(modulus, RSA_PSS_SIZE, n) != NULL);
    ASSERT(BN_set_word(e, 65537) == 1);
    enum err result = ERR_SIGNATURE;
    if (BN_cmp(s, n) < 0) {
        ASSERT(BN_mod_exp_mont(m, s, e, n, c, NULL) == 1);
        ASSERT(BN_bn2binpad(m, out, RSA_PSS_SIZE) == RSA_PSS_SIZE);
        result = OK;
    }
    BN_CTX_end(c);
    return result;
}

/* db ^= MGF1-SHA-384(h) */
static void unmask(uint8_t db[DB], const uint8_t h[SHA384_SIZE])
{
    for (size_t block = 0; block * SHA384_SIZE < DB; block++) {
        uint8_t counter[4], mask[SHA384_SIZE];
        store_be32(counter, (uint32_t)block);
        const struct span parts[] = { span_of(h, SHA384_SIZE), span_of(counter, 4) };
        sha384(mask, parts, 2);
        for (size_t i = 0; i < SHA384_SIZE && block * SHA384_SIZE + i < DB; i++)
            db[block * SHA384_SIZE + i] ^= mask[i];
    }
}

enum err rsa_pss_verify(const uint8_t signature[RSA_PSS_SIZE], struct span message,
                        const uint8_t modulus[RSA_PSS_SIZE])
{
    uint8_t em[RSA_PSS_SIZE];
    if ((modulus[0] & 0x80) == 0 || (modulus[RSA_PSS_SIZE - 1] & 1) == 0)
        return ERR_SIGNATURE;
    TRY(power(em, signature, modulus));
    const uint8_t *h = em + DB;
    /* RFC 8017 9.1.2: emBits is 4095, so that the leftmost bit of the block is 0. */
    if (em[RSA_PSS_SIZE - 1] != 0xbc || (em[0] & 0x80) != 0)
        return ERR_SIGNATURE;
    unmask(em, h);
    em[0] &= 0x7f;
    uint8_t wrong = em[ZEROS] ^ 1;
    for (size_t i = 0; i < ZEROS; i++)
        wrong |= em[i];
    static const uint8_t eight[8];
    uint8_t digest[SHA384_SIZE], again[SHA384_SIZE];
    sha384(digest, &message, 1);
    const struct span parts[] = { span_of(eight, 8), span_of(digest, SHA384_SIZE),
                                  span_of(em + ZEROS + 1, SALT) };
    sha384(again, parts, 3);
    return wrong == 0 && memcmp(again, h, SHA384_SIZE) == 0 ? OK : ERR_SIGNATURE;
}
