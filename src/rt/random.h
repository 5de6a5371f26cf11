/* random: bytes from the kernel's generator (getrandom(2)): seeds, ids and keys. Any thread. */
#ifndef CRUST_RT_RANDOM_H
#define CRUST_RT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* random_bytes fills out; it cannot fail once the system has booted, and aborts if it does. */
void random_bytes(uint8_t *out, size_t n);

uint64_t random_u64(void);

#endif
