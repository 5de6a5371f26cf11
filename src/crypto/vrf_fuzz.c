/* Bytes become a key, a proof and an input; a proof that verifies is the only one that this prover
 * could have made, and its output is that of the proof. */
#include "crypto/vrf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 + 32 + VRF_PROOF_SIZE)
        return 0;
    struct ed25519_key key;
    uint8_t output[VRF_OUTPUT_SIZE], again[VRF_OUTPUT_SIZE], mine[VRF_PROOF_SIZE];
    const uint8_t *proof = data + 33;
    struct span alpha = span_of(data + 33 + VRF_PROOF_SIZE, size - 33 - VRF_PROOF_SIZE);
    /* Odd: the 32 bytes are a seed, and what is given is laid over a right proof. */
    ed25519_keypair(&key, data + 1);
    enum err e = vrf_prove(mine, &key, alpha);
    ASSERT(e == OK);
    if (data[0] & 1) {
        uint8_t mixed[VRF_PROOF_SIZE];
        bool same = true;
        for (size_t i = 0; i < VRF_PROOF_SIZE; i++) {
            mixed[i] = mine[i] ^ proof[i];
            same = same && proof[i] == 0;
        }
        e = vrf_verify(output, key.public_key, mixed, alpha);
        ASSERT((e == OK) == same);
        return 0;
    }
    if (vrf_verify(output, data + 1, proof, alpha) == OK) {
        e = vrf_proof_to_hash(again, proof);
        ASSERT(e == OK && memcmp(output, again, sizeof(output)) == 0);
    }
    return 0;
}
