#include "crypto/secret.h"

#include <sodium.h>

void secret_wipe(struct secret *s)
{
    if (s != NULL)
        sodium_memzero(s->b, sizeof(s->b));
}

void secret_wipe_bytes(void *p, size_t n)
{
    if (n != 0)
        sodium_memzero(p, n);
}

void secret_wipe_span(struct mspan *s)
{
    if (s != NULL && s->n != 0)
        sodium_memzero(s->p, s->n);
}

bool secret_eq(const void *a, const void *b, size_t n)
{
    return n == 0 || sodium_memcmp(a, b, n) == 0;
}
