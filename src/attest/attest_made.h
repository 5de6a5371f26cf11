/* attest_made: what evidence binds, and the evidence that a worker without hardware makes. The part
 * of attest/ that an enclave needs; who checks it includes attest/attest.h.
 * Spec: docs/spec/attest.md. Pure. */
#ifndef CRUST_ATTEST_ATTEST_MADE_H
#define CRUST_ATTEST_ATTEST_MADE_H

#include "base/writer.h"
#include "crypto/ed25519.h"

enum {
    ATTEST_REPORT_DATA_SIZE = 64,
    ATTEST_SOFTWARE_SIGNED = 25 + ATTEST_REPORT_DATA_SIZE,
    ATTEST_SOFTWARE_MAX = 96, /* room for software evidence */
    ATTEST_FRAME_MAX = 32,    /* what evidence has around its data */
};

/* What evidence binds. Every member points to 32 bytes, the last two to 32 bytes or nothing. */
struct attest_binding {
    const uint8_t *worker;     /* public key */
    const uint8_t *account;    /* who may register it */
    const uint8_t *chain;      /* SHA-256 of the text of the chain id */
    const uint8_t *release_id; /* attest_release_id of the enclave's version */
    const uint8_t *block_hash; /* of a block at most 600 blocks old: freshness */
    /* Evidence of a successor: whose place it takes, and the X25519 key to which the predecessor
     * hands its keys. Both, or both NULL (asserted). */
    const uint8_t *predecessor;
    const uint8_t *exchange;
};

/* SHA-256("crust/release/1" | version text). */
void attest_release_id(uint8_t out[32], struct span version);

/* The 64 bytes that the evidence must carry:
 * SHA-256("crust/evidence/1" | worker | account | chain | release_id | block_hash) | 32 zeros, of a
 * successor SHA-256("crust/evidence-successor/1" | the same | predecessor | exchange) | 32 zeros.
 */
void attest_report_data(uint8_t out[ATTEST_REPORT_DATA_SIZE], const struct attest_binding *b);

/* What a software worker signs: a tag of its own, so that it is no other message of the key. */
void attest_software_signed(uint8_t out[ATTEST_SOFTWARE_SIGNED], const uint8_t *report_data);

/* attest_software_sign makes the data of software evidence: ED25519_SIGNATURE_SIZE bytes. */
void attest_software_sign(uint8_t *out, const uint8_t *report_data, const struct ed25519_key *key);

/* attest_evidence_encode writes evidence of a kind: its data in the frame that the chain reads, at
 * most ATTEST_FRAME_MAX bytes more. */
void attest_evidence_encode(struct writer *w, const char *kind, struct span data);

/* attest_software_encode writes software evidence, at most ATTEST_SOFTWARE_MAX bytes: key signs the
 * binding, whose worker is key's own public key (asserted). */
void attest_software_encode(struct writer *w, const struct attest_binding *b,
                            const struct ed25519_key *key);

#endif
