/* secret: wiping, comparing and scoping of key material, over libsodium. Pure.
 *
 * A function that holds a key on its stack declares it with AUTO(secret_wipe), or guards its own
 * buffer:   AUTO(secret_wipe_span) struct mspan guard = { buf, sizeof(buf) };
 * Locking pages in memory is a system call and therefore the business of rt/. */
#ifndef CRUST_CRYPTO_SECRET_H
#define CRUST_CRYPTO_SECRET_H

#include "base/err.h"
#include "base/span.h"

enum { SECRET_SIZE = 32 };

/* A symmetric key, a seed or a shared secret. */
struct secret {
    uint8_t b[SECRET_SIZE];
};

/* secret_wipe overwrites s with zeros, also where the compiler sees no later read. Accepts NULL. */
void secret_wipe(struct secret *s);

/* secret_wipe_bytes does the same for n bytes at p; p may be NULL when n is 0. */
void secret_wipe_bytes(void *p, size_t n);

/* secret_wipe_span wipes what *s points to; for AUTO. Accepts NULL and empty spans. */
void secret_wipe_span(struct mspan *s);

/* secret_eq compares n bytes in a time that depends on n only. */
NODISCARD bool secret_eq(const void *a, const void *b, size_t n);

#endif
