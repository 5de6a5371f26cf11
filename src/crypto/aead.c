#include "crypto/aead.h"

#include <sodium.h>

void aead_seal(uint8_t *out, const struct aead *a, struct span plain)
{
    crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, plain.p, plain.n, a->ad.p, a->ad.n, NULL,
                                               a->nonce, a->key);
}

enum err aead_open(uint8_t *out, const struct aead *a, struct span sealed)
{
    if (sealed.n < AEAD_TAG_SIZE)
        return ERR_SHORT;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.p, sealed.n, a->ad.p,
                                                   a->ad.n, a->nonce, a->key) == 0)
        return OK;
    if (sealed.n > AEAD_TAG_SIZE)
        memset(out, 0, sealed.n - AEAD_TAG_SIZE);
    return ERR_SIGNATURE;
}
