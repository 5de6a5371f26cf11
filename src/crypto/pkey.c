#include "crypto/pkey.h"

#include "base/writer.h"
#include "crypto/openssl.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* The beginning of a SubjectPublicKeyInfo of a named curve: everything but the point. Comparing it
 * keeps curves of other people's making away from libcrypto. */
struct curve {
    uint8_t head_size, head[26];
    uint8_t point_size, form; /* form: first byte of the point, 0 = compressed (2 or 3) */
};

/* clang-format off */
static const struct curve curves[] = {
    { 26, { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
            0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00 }, 65, 4 },  /* P-256, RFC 5480 2.1.1.1 */
    { 23, { 0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04,
            0x00, 0x22, 0x03, 0x62, 0x00 }, 97, 4 },                    /* P-384 */
    { 25, { 0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
            0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00 }, 133, 4 },       /* P-521 */
};
static const struct curve secp256k1 =
    { 23, { 0x30, 0x36, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04,
            0x00, 0x0a, 0x03, 0x22, 0x00 }, PKEY_SECP256K1_SIZE, 0 };   /* SEC 2, 1.3.132.0.10 */
/* clang-format on */

static void pkey_free(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}

static void md_free(EVP_MD_CTX **c)
{
    EVP_MD_CTX_free(*c);
}

/* The key of a SubjectPublicKeyInfo; NULL when it is none or bytes follow. Failures that libcrypto
 * queues are of the peer's making and are dropped. */
static EVP_PKEY *load(struct span der)
{
    const uint8_t *p = der.p;
    EVP_PKEY *k = d2i_PUBKEY(NULL, &p, (long)der.n);
    if (k != NULL && p != der.p + der.n) {
        EVP_PKEY_free(k);
        k = NULL;
    }
    ERR_clear_error();
    return k;
}

/* True when libcrypto writes the key as der. */
static bool canonical(EVP_PKEY *k, struct span der)
{
    uint8_t out[PKEY_RSA_SPKI_MAX + 16];
    uint8_t *p = out;
    int n = i2d_PUBKEY(k, NULL);
    if (n < 0 || (size_t)n > sizeof(out))
        return false;
    n = i2d_PUBKEY(k, &p);
    return n > 0 && span_eq(span_of(out, (size_t)n), der);
}

static enum err load_rsa(EVP_PKEY **out, struct span key)
{
    if (key.n > PKEY_RSA_SPKI_MAX)
        return ERR_LIMIT;
    AUTO(pkey_free) EVP_PKEY *k = load(key);
    if (k == NULL || EVP_PKEY_get_base_id(k) != EVP_PKEY_RSA || !canonical(k, key))
        return ERR_FORMAT;
    int bits = EVP_PKEY_get_bits(k);
    const RSA *rsa = EVP_PKEY_get0_RSA(k);
    if (rsa == NULL)
        return ERR_MEMORY;
    if (bits < PKEY_RSA_BITS_MIN || bits > PKEY_RSA_BITS_MAX || BN_num_bits(RSA_get0_e(rsa)) > 32)
        return ERR_LIMIT;
    *out = k;
    k = NULL;
    return OK;
}

static enum err load_point(EVP_PKEY **out, const struct curve *c, struct span point)
{
    bool form = c->form != 0 ? point.p[0] == c->form : (point.p[0] & 0xfe) == 2;
    if (!form)
        return ERR_FORMAT;
    uint8_t buf[26 + 133];
    struct writer w = writer_of(buf, sizeof(buf));
    write_bytes(&w, c->head, c->head_size);
    write_span(&w, point);
    ASSERT(w.err == OK);
    *out = load(writer_span(&w));
    return *out == NULL ? ERR_FORMAT : OK;
}

static enum err load_key(EVP_PKEY **out, enum pkey_kind kind, struct span key)
{
    *out = NULL;
    switch (kind) {
    case PKEY_RSA:
        return load_rsa(out, key);
    case PKEY_SECP256K1:
        return key.n == PKEY_SECP256K1_SIZE ? load_point(out, &secp256k1, key) : ERR_FORMAT;
    case PKEY_ECDSA:
        for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
            const struct curve *c = &curves[i];
            if (key.n == (size_t)c->head_size + c->point_size &&
                memcmp(key.p, c->head, c->head_size) == 0)
                return load_point(out, c, span_sub(key, c->head_size, c->point_size));
        }
        return ERR_FORMAT;
    }
    return ERR_UNSUPPORTED;
}

enum err pkey_check(enum pkey_kind kind, struct span key)
{
    AUTO(pkey_free) EVP_PKEY *k = NULL;
    return load_key(&k, kind, key);
}

enum err pkey_verify(enum pkey_kind kind, struct span key, struct span message,
                     struct span signature)
{
    AUTO(pkey_free) EVP_PKEY *k = NULL;
    TRY(load_key(&k, kind, key));
    AUTO(md_free) EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (md == NULL || EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, k) != 1)
        return ERR_MEMORY;
    /* PKCS #1 v1.5 is what libcrypto does with an RSA key unless it is told otherwise. */
    int ok = EVP_DigestVerify(md, signature.p, signature.n, message.p, message.n);
    ERR_clear_error();
    return ok == 1 ? OK : ERR_SIGNATURE;
}
