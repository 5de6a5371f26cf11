/* pkey: verifying the signatures of other people's ECDSA, secp256k1 and RSA keys, over libcrypto.
 * libp2p peers may have such identities; ours are Ed25519 (crypto/ed25519.h). All three hash with
 * SHA-256: ECDSA in DER, RSA as RSASSA-PKCS1-v1_5 (libp2p peer-ids/peer-ids.md "Key types").
 * libcrypto allocates while a call runs; nothing is kept. */
#ifndef CRUST_CRYPTO_PKEY_H
#define CRUST_CRYPTO_PKEY_H

#include "base/err.h"
#include "base/span.h"

enum pkey_kind {
    PKEY_RSA,       /* SubjectPublicKeyInfo in DER, PKEY_RSA_BITS_MIN to PKEY_RSA_BITS_MAX bits */
    PKEY_ECDSA,     /* SubjectPublicKeyInfo in DER: P-256, P-384 or P-521 by name, uncompressed */
    PKEY_SECP256K1, /* a compressed point */
};

enum {
    PKEY_RSA_BITS_MIN = 2048,
    PKEY_RSA_BITS_MAX = 8192, /* as go-libp2p: verification time grows with the square */
    PKEY_RSA_SPKI_MAX = 1062, /* SubjectPublicKeyInfo of 8192 bits with an exponent of 4 bytes */
    PKEY_SECP256K1_SIZE = 33,
};

/* pkey_check: OK when the bytes are the one DER encoding of a usable key of that kind; ERR_FORMAT
 * (not such an encoding, another curve, not on it), ERR_LIMIT (an RSA key too small or large, or a
 * public exponent over 32 bits). */
NODISCARD enum err pkey_check(enum pkey_kind kind, struct span key);

/* pkey_verify: OK, ERR_SIGNATURE, or as pkey_check. Not constant time; its inputs are public. */
NODISCARD enum err pkey_verify(enum pkey_kind kind, struct span key, struct span message,
                               struct span signature);

#endif
