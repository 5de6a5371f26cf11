/* random: bytes from the operating system (getrandom), through libsodium. The one part of crypto/
 * that is not pure: everything else takes its random bytes as a parameter, so only programs, tests
 * and the enclave's entry point include this header. */
#ifndef CRUST_CRYPTO_RANDOM_H
#define CRUST_CRYPTO_RANDOM_H

#include "base/err.h"

#include <stddef.h>

/* random_init prepares libsodium: it selects the implementations that suit this processor and
 * finds its source of randomness. Every program calls it first in main, before threads and before
 * its sandbox. Idempotent, thread-safe.
 * Returns: OK, or ERR_UNSUPPORTED when the system has no usable source. */
NODISCARD enum err random_init(void);

/* random_bytes fills n bytes; it cannot fail (libsodium aborts the process instead). Thread-safe.
 */
void random_bytes(void *out, size_t n);

#endif
