#include "crypto/argon2.h"

#include <sodium.h>

_Static_assert(ARGON2_SALT_SIZE == crypto_pwhash_argon2id_SALTBYTES, "libsodium's salt");

enum err argon2_id(struct secret *out, struct span password, const uint8_t salt[ARGON2_SALT_SIZE],
                   uint32_t passes, uint32_t memory_kib)
{
    secret_wipe(out);
    if (passes < ARGON2_PASSES_MIN || passes > ARGON2_PASSES_MAX || memory_kib < ARGON2_KIB_MIN ||
        memory_kib > ARGON2_KIB_MAX)
        return ERR_RANGE;
    const char *text = password.n == 0 ? "" : (const char *)password.p;
    if (crypto_pwhash_argon2id(out->b, sizeof(out->b), text, password.n, salt, passes,
                               (size_t)memory_kib * 1024,
                               crypto_pwhash_argon2id_ALG_ARGON2ID13) == 0)
        return OK;
    secret_wipe(out);
    return ERR_MEMORY;
}
