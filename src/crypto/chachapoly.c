#include "crypto/chachapoly.h"

#include "crypto/openssl.h"

#include <openssl/evp.h>

enum { LENGTH_MAX = 1 << 30 }; /* libcrypto counts in int */

enum err chachapoly_init(struct chachapoly *c)
{
    *c = (struct chachapoly){ 0 };
    static const uint8_t zero[CHACHAPOLY_KEY_SIZE];
    EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
    bool ok = evp != NULL && cipher != NULL && EVP_CipherInit_ex(evp, cipher, NULL, zero, zero, 1);
    EVP_CIPHER_free(cipher);
    if (!ok) {
        EVP_CIPHER_CTX_free(evp);
        return ERR_MEMORY;
    }
    c->evp = evp;
    return OK;
}

void chachapoly_fini(struct chachapoly *c)
{
    if (c == NULL)
        return;
    EVP_CIPHER_CTX_free(c->evp);
    *c = (struct chachapoly){ 0 };
}

void chachapoly_key(struct chachapoly *c, const uint8_t key[CHACHAPOLY_KEY_SIZE])
{
    int ok = EVP_CipherInit_ex(c->evp, NULL, NULL, key, NULL, 1);
    ASSERT(ok == 1);
}

/* Sets direction and nonce, and takes in the associated data. */
static void start(struct chachapoly *c, const uint8_t *nonce, struct span ad, int seal)
{
    int len = 0;
    ASSERT(ad.n < LENGTH_MAX);
    int ok = EVP_CipherInit_ex(c->evp, NULL, NULL, NULL, nonce, seal);
    if (ok == 1 && ad.n != 0)
        ok = EVP_CipherUpdate(c->evp, NULL, &len, ad.p, (int)ad.n);
    ASSERT(ok == 1);
}

void chachapoly_seal(struct chachapoly *c, uint8_t *out, const uint8_t nonce[CHACHAPOLY_NONCE_SIZE],
                     struct span ad, struct span plain)
{
    ASSERT(plain.n < LENGTH_MAX);
    uint8_t none[1] = { 0 };
    int len = 0;
    start(c, nonce, ad, 1);
    int ok = 1;
    if (plain.n != 0)
        ok = EVP_CipherUpdate(c->evp, out, &len, plain.p, (int)plain.n);
    ASSERT(ok == 1 && (size_t)len == plain.n);
    ok = EVP_CipherFinal_ex(c->evp, none, &len);
    ASSERT(ok == 1);
    ok = EVP_CIPHER_CTX_ctrl(c->evp, EVP_CTRL_AEAD_GET_TAG, CHACHAPOLY_TAG_SIZE, out + plain.n);
    ASSERT(ok == 1);
}

enum err chachapoly_open(struct chachapoly *c, uint8_t *out,
                         const uint8_t nonce[CHACHAPOLY_NONCE_SIZE], struct span ad,
                         struct span sealed)
{
    if (sealed.n < CHACHAPOLY_TAG_SIZE)
        return ERR_SHORT;
    if (sealed.n >= LENGTH_MAX)
        return ERR_LIMIT;
    size_t n = sealed.n - CHACHAPOLY_TAG_SIZE;
    uint8_t tag[CHACHAPOLY_TAG_SIZE];
    uint8_t none[1] = { 0 };
    int len = 0;
    memcpy(tag, sealed.p + n, sizeof(tag));
    start(c, nonce, ad, 0);
    int ok = EVP_CIPHER_CTX_ctrl(c->evp, EVP_CTRL_AEAD_SET_TAG, CHACHAPOLY_TAG_SIZE, tag);
    ASSERT(ok == 1);
    if (n != 0)
        ok = EVP_CipherUpdate(c->evp, out, &len, sealed.p, (int)n);
    ASSERT(ok == 1);
    if (EVP_CipherFinal_ex(c->evp, none, &len) == 1)
        return OK;
    if (n != 0)
        memset(out, 0, n);
    return ERR_SIGNATURE;
}
