/* handover: a node master key on its way from one enclave to the next.
 * Spec: docs/spec/handover.md; why it is so: docs/design/handover.md. Pure.
 *
 * The giver judges the successor's evidence itself, by the vendors' roots and a certificate of the
 * governance; the taker accepts only what its predecessor has signed. */
#ifndef CRUST_SEAL_HANDOVER_H
#define CRUST_SEAL_HANDOVER_H

#include "codec/enclave_msg.h"
#include "codec/release_cert.h"
#include "seal/seal_keys.h"

enum { HANDOVER_DOCUMENTS = 8 }; /* in the bulk of HAND_OVER, in the order of handover.md 3.2 */

typedef void (*handover_entropy)(void *out, size_t n);

/* What the giver is and knows. */
struct handover_giver {
    const struct seal_keys *keys;
    const uint8_t *chain;
    const struct release_cert_keys *release_keys;
    uint32_t number; /* of its own release */
    bool hardware;   /* a processor protects it: it gives to no successor without one */
    uint64_t floor;  /* the newest certificate that this worker has seen was issued then */
    handover_entropy entropy;
};

struct handover_given {
    uint8_t envelope[ENCLAVE_ENVELOPE_SIZE];
    uint8_t signature[64]; /* of the succession */
    uint64_t issued;       /* of the certificate: the next floor */
};

/* handover_give judges the request and seals the keys for the successor it names.
 * Returns: OK; ERR_DENIED (no governance keys, or others than when the worker was made; too few
 *          signatures; an older release; a certificate of another chain or older than one seen;
 *          evidence of a kind or measurement that is not allowed; debug), ERR_SIGNATURE (a
 *          signature of the certificate; the evidence), ERR_RANGE (a time before the certificate),
 *          ERR_FORMAT and a reader's errors. Nothing is given then, and *out is zero. */
NODISCARD enum err handover_give(struct handover_given *out, const struct handover_giver *g,
                                 const struct enclave_hand_over *m, struct span documents);

/* handover_judge: OK when the default policy (attest/policy.h) takes the verdict, with the
 * certificate's programs as the only releases and its minima; else ERR_DENIED. hardware: of the
 * giver. A part of handover_give. */
struct attest_verdict;
NODISCARD enum err handover_judge(const struct release_cert *c, const struct attest_verdict *v,
                                  bool hardware, uint64_t time);

/* handover_take opens an envelope for the worker of keys, whose seed stays; NMK, lineage and epoch
 * become those of the predecessor. ERR_SIGNATURE (not by that predecessor, or for another), else as
 * the reader says; keys are unchanged then. signature: of the succession. */
NODISCARD enum err handover_take(struct seal_keys *keys, uint8_t signature[64],
                                 const struct enclave_take_over *m, const uint8_t chain[32]);

#endif
