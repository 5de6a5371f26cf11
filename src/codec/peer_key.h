/* peer_key: public keys of libp2p peers, as protobuf, and their signatures.
 * Spec: libp2p peer-ids/peer-ids.md "Keys"; what we accept: docs/spec/peer.md 1. Pure; libcrypto
 * allocates while it verifies. Our own identity is Ed25519: the other three are verified only. */
#ifndef CRUST_CODEC_PEER_KEY_H
#define CRUST_CODEC_PEER_KEY_H

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/ed25519.h"

enum peer_key_type {
    PEER_KEY_RSA = 0,
    PEER_KEY_ED25519 = 1,
    PEER_KEY_SECP256K1 = 2,
    PEER_KEY_ECDSA = 3,
};

enum {
    PEER_KEY_DATA_MAX = 1062,      /* RSA of 8192 bits */
    PEER_KEY_SIZE_MAX = 5 + 1062,  /* encoded */
    PEER_KEY_PRIVATE_SIZE = 68,    /* an encoded Ed25519 private key */
    PEER_KEY_SIGNATURE_MAX = 1024, /* RSA of 8192 bits */
};

struct peer_key {
    enum peer_key_type type;
    uint16_t size; /* bytes used in data */
    uint8_t data[PEER_KEY_DATA_MAX];
};

/* peer_key_decode reads exactly one PublicKey message.
 *
 * Out:     *out, zeroed on failure.
 * Returns: OK; ERR_FORMAT (not the one deterministic encoding, a size that the type does not have);
 *          ERR_SHORT; ERR_UNSUPPORTED (another type); ERR_LIMIT (more than PEER_KEY_DATA_MAX).
 * Canonical. Whether the data is a point or a modulus is seen when it verifies. */
NODISCARD enum err peer_key_decode(struct peer_key *out, struct span in);

void peer_key_write(struct writer *w, const struct peer_key *key);
size_t peer_key_size(const struct peer_key *key);

/* The public key of an Ed25519 pair. */
struct peer_key peer_key_of(const struct ed25519_key *pair);

bool peer_key_eq(const struct peer_key *a, const struct peer_key *b);

/* peer_key_verify: OK; ERR_SIGNATURE; ERR_FORMAT or ERR_LIMIT when the key is none that we use. */
NODISCARD enum err peer_key_verify(const struct peer_key *key, struct span message,
                                   struct span signature);

/* peer_key_private_decode reads a PrivateKey message of type Ed25519, as Kubo keeps it (base64 of
 * it is Identity.PrivKey): seed and public key, or the older form with the public key twice.
 *
 * Out:     *out, wiped on failure. The caller wipes it after use.
 * Returns: OK; ERR_FORMAT, also when the public key is not the seed's; ERR_SHORT; ERR_UNSUPPORTED
 * for the other types. */
NODISCARD enum err peer_key_private_decode(struct ed25519_key *out, struct span in);

/* peer_key_private_write writes PEER_KEY_PRIVATE_SIZE secret bytes. */
void peer_key_private_write(struct writer *w, const struct ed25519_key *pair);

#endif
