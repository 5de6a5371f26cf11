#include "crypto/x25519.h"

#include <sodium.h>

void x25519_public(uint8_t out[X25519_SIZE], const uint8_t secret[X25519_SIZE])
{
    crypto_scalarmult_curve25519_base(out, secret);
}

enum err x25519_shared(struct secret *out, const uint8_t secret[X25519_SIZE],
                       const uint8_t their_public[X25519_SIZE])
{
    if (crypto_scalarmult_curve25519(out->b, secret, their_public) == 0)
        return OK;
    secret_wipe(out);
    return ERR_FORMAT;
}
