#include "crypto/ecdsa.h"

#include "crypto/openssl.h"
#include "crypto/sha256.h"
#include "crypto/sha384.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>

static void key_free(EC_KEY **key)
{
    EC_KEY_free(*key);
}

static void signature_free(ECDSA_SIG **s)
{
    ECDSA_SIG_free(*s);
}

static enum err verify(int curve, size_t size, const uint8_t *signature, struct span digest,
                       const uint8_t *public_key)
{
    AUTO(key_free) EC_KEY *key = EC_KEY_new_by_curve_name(curve);
    AUTO(signature_free) ECDSA_SIG *s = ECDSA_SIG_new();
    BIGNUM *r_value = BN_bin2bn(signature, (int)size, NULL);
    BIGNUM *s_value = BN_bin2bn(signature + size, (int)size, NULL);
    ASSERT(key != NULL);
    ASSERT(s != NULL);
    ASSERT(r_value != NULL);
    ASSERT(s_value != NULL);
    ASSERT(ECDSA_SIG_set0(s, r_value, s_value) == 1); /* takes both */
    uint8_t point[1 + ECDSA_P384_SIZE] = { 4 };       /* uncompressed */
    memcpy(point + 1, public_key, 2 * size);
    bool good = EC_KEY_oct2key(key, point, 1 + 2 * size, NULL) == 1 &&
                ECDSA_do_verify(digest.p, (int)digest.n, s, key) == 1;
    ERR_clear_error(); /* a refusal is an answer, not a thing to leave in the thread's queue */
    return good ? OK : ERR_SIGNATURE;
}

enum err ecdsa_p256_verify(const uint8_t signature[ECDSA_P256_SIZE], struct span message,
                           const uint8_t public_key[ECDSA_P256_SIZE])
{
    uint8_t digest[SHA256_SIZE];
    sha256(digest, message);
    return verify(NID_X9_62_prime256v1, ECDSA_P256_SIZE / 2, signature,
                  span_of(digest, sizeof(digest)), public_key);
}

enum err ecdsa_p384_verify(const uint8_t signature[ECDSA_P384_SIZE], struct span message,
                           const uint8_t public_key[ECDSA_P384_SIZE])
{
    uint8_t digest[SHA384_SIZE];
    sha384(digest, &message, 1);
    return verify(NID_secp384r1, ECDSA_P384_SIZE / 2, signature, span_of(digest, sizeof(digest)),
                  public_key);
}
