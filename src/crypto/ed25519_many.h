/* ed25519_many: ed25519_verify of many signatures. Where the processor can, eight at a time
 * (ed25519_lanes.h), which takes about a quarter of the time.
 *
 * The rule is that of ed25519.h to the letter, signature by signature: this is no batch
 * verification, in which one equation stands for many and torsion may hide. Whatever the lanes do
 * not find good is given to ed25519_verify, so the answer for a bad one is always libsodium's.
 * Pure; no allocation. */
#ifndef CRUST_CRYPTO_ED25519_MANY_H
#define CRUST_CRYPTO_ED25519_MANY_H

#include "crypto/ed25519.h"

struct ed25519_claim {
    const uint8_t *signature;  /* ED25519_SIGNATURE_SIZE bytes */
    const uint8_t *public_key; /* ED25519_PUBLIC_SIZE bytes */
    struct span message;
};

/* ed25519_verify_many: ok[i] is whether ed25519_verify says OK to claims[i]. */
void ed25519_verify_many(bool *ok, const struct ed25519_claim *claims, size_t count);

#endif
