/* vrf: verifiable random numbers: ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381, over libsodium's
 * Ed25519 group. A key gives exactly one output for an input, and a proof that it is the one.
 *
 * Keys are Ed25519 keys (crypto/ed25519.h). Two checks are stricter than the RFC's, and no honest
 * prover meets them: the public key and Gamma must be canonical points of the prime-order subgroup
 * (the RFC lets them carry a small-order part, which gives one output many proofs). Pure. */
#ifndef CRUST_CRYPTO_VRF_H
#define CRUST_CRYPTO_VRF_H

#include "crypto/ed25519.h"

enum {
    VRF_PROOF_SIZE = 80,  /* Gamma 32, c 16, s 32 */
    VRF_OUTPUT_SIZE = 64, /* beta */
};

/* vrf_prove writes the proof of alpha under key; deterministic. The number of tries in which alpha
 * is mapped to the curve depends on alpha and the public key only, so it tells nothing secret.
 * Returns: OK, or ERR_RANGE when no try of 256 gives a point (never seen: about 2^-256). */
NODISCARD enum err vrf_prove(uint8_t proof[VRF_PROOF_SIZE], const struct ed25519_key *key,
                             struct span alpha);

/* vrf_verify checks that proof is public_key's proof of alpha, and gives the output.
 * Returns: OK, ERR_FORMAT (the key or the proof is not well formed), ERR_SIGNATURE (they do not
 *          belong together); output is zeroed on failure. */
NODISCARD enum err vrf_verify(uint8_t output[VRF_OUTPUT_SIZE],
                              const uint8_t public_key[ED25519_PUBLIC_SIZE],
                              const uint8_t proof[VRF_PROOF_SIZE], struct span alpha);

/* vrf_proof_to_hash gives the output of a proof that is known to be valid (made here, or verified
 * before). Returns: OK, or ERR_FORMAT; output is zeroed then. */
NODISCARD enum err vrf_proof_to_hash(uint8_t output[VRF_OUTPUT_SIZE],
                                     const uint8_t proof[VRF_PROOF_SIZE]);

#endif
