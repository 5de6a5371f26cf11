#include "crypto/random.h"

#include <sodium.h>

enum err random_init(void)
{
    return sodium_init() < 0 ? ERR_UNSUPPORTED : OK;
}

void random_bytes(void *out, size_t n)
{
    if (n != 0)
        randombytes_buf(out, n);
}
