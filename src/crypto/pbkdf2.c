#include "crypto/pbkdf2.h"

#include "crypto/openssl.h"

#include <openssl/evp.h>

enum { ROUNDS_MAX = 1 << 30 };

enum err pbkdf2_sha512(struct mspan out, struct span password, struct span salt, uint32_t rounds)
{
    if (out.n != 0)
        memset(out.p, 0, out.n);
    if (password.n > PBKDF2_INPUT_MAX || salt.n > PBKDF2_INPUT_MAX || out.n > PBKDF2_INPUT_MAX)
        return ERR_LIMIT;
    if (rounds == 0 || rounds > ROUNDS_MAX)
        return ERR_RANGE;
    const char *text = password.n == 0 ? "" : (const char *)password.p;
    int ok = PKCS5_PBKDF2_HMAC(text, (int)password.n, salt.p, (int)salt.n, (int)rounds,
                               EVP_sha512(), (int)out.n, out.p);
    if (ok == 1)
        return OK;
    if (out.n != 0)
        memset(out.p, 0, out.n);
    return ERR_MEMORY;
}
