#include "crypto/sha384.h"

#include "base/err.h"

#include <openssl/sha.h>

void sha384(uint8_t out[SHA384_SIZE], const struct span *parts, size_t count)
{
    SHA512_CTX c;
    ASSERT(SHA384_Init(&c) == 1);
    for (size_t i = 0; i < count; i++)
        ASSERT(SHA384_Update(&c, parts[i].p, parts[i].n) == 1);
    ASSERT(SHA384_Final(out, &c) == 1);
}
