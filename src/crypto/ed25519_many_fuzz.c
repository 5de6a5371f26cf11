/* Bytes become signatures, laid over right ones or as they are: what many at once say of them is
 * what libsodium says of each. */
#include "crypto/ed25519_many.h"

enum { CLAIMS = 8, LAID = 96, HEAD = 1 + 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct claim {
    uint8_t signature[64], key[32];
};

/* Right, from a seed that differs by claim; then the bytes are laid over it, or put in its place.
 */
static void claim_make(struct claim *c, const uint8_t *data, size_t i, const uint8_t *laid)
{
    struct ed25519_key key;
    uint8_t seed[32];
    memcpy(seed, data + 1, sizeof(seed));
    seed[0] ^= (uint8_t)i;
    ed25519_keypair(&key, seed);
    ed25519_sign(c->signature, span_of(data, HEAD), &key);
    memcpy(c->key, key.public_key, 32);
    for (size_t k = 0; laid != NULL && k < LAID; k++) {
        uint8_t *at = k < 64 ? &c->signature[k] : &c->key[k - 64];
        *at = (data[0] & 1) != 0 ? laid[k] : *at ^ laid[k];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct claim made[CLAIMS];
    struct ed25519_claim claims[CLAIMS];
    bool ok[CLAIMS];
    if (size < HEAD)
        return 0;
    for (size_t i = 0; i < CLAIMS; i++) {
        size_t at = HEAD + i * LAID;
        claim_make(&made[i], data, i, size >= at + LAID ? data + at : NULL);
        claims[i] = (struct ed25519_claim){ made[i].signature, made[i].key, span_of(data, HEAD) };
    }
    ed25519_verify_many(ok, claims, CLAIMS);
    for (size_t i = 0; i < CLAIMS; i++) {
        bool one =
            ed25519_verify(claims[i].signature, claims[i].message, claims[i].public_key) == OK;
        ASSERT(ok[i] == one);
    }
    return 0;
}
