#include "crypto/blake2b.h"

#include "base/err.h"
#include "crypto/secret.h"

#include <sodium.h>

void blake2b(uint8_t *out, size_t size, const struct span *parts, size_t count)
{
    crypto_generichash_state h;
    int failed = crypto_generichash_init(&h, NULL, 0, size);
    ASSERT(failed == 0);
    for (size_t i = 0; i < count; i++)
        if (parts[i].n != 0)
            crypto_generichash_update(&h, parts[i].p, parts[i].n);
    crypto_generichash_final(&h, out, size);
    secret_wipe_bytes(&h, sizeof(h));
}
