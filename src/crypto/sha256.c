#include "crypto/sha256.h"

#include "base/err.h"

/* The low-level calls return 1 and have no way to fail; the assertion keeps that honest. */
void sha256_init(struct sha256 *h)
{
    int ok = SHA256_Init(&h->c);
    ASSERT(ok == 1);
}

void sha256_update(struct sha256 *h, struct span in)
{
    if (in.n != 0)
        SHA256_Update(&h->c, in.p, in.n);
}

void sha256_final(struct sha256 *h, uint8_t out[SHA256_SIZE])
{
    int ok = SHA256_Final(out, &h->c);
    ASSERT(ok == 1);
}

void sha256(uint8_t out[SHA256_SIZE], struct span in)
{
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, in);
    sha256_final(&h, out);
}

void sha256_tagged(uint8_t out[SHA256_SIZE], const char *tag, const struct span *parts,
                   size_t count)
{
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, span_str(tag));
    for (size_t i = 0; i < count; i++)
        sha256_update(&h, parts[i]);
    sha256_final(&h, out);
}
