/* attest: evidence about an enclave -> verdict. What the chain asks before it registers a worker.
 * Spec: docs/spec/attest.md. Pure: no allocation of ours, no I/O, no clock.
 *
 * Evidence is canonical DAG-CBOR {"data": bytes, "kind": text}. Kinds: "software" (no hardware: the
 * worker key signs for itself, which proves nothing about the machine), "sgx" and "tdx" (a DCAP
 * quote), "snp" (a SEV-SNP report, and the host's certificate table behind it). Verification says
 * what is true; whether it is good enough is policy.h's question. */
#ifndef CRUST_ATTEST_ATTEST_H
#define CRUST_ATTEST_ATTEST_H

#include "attest/attest_made.h"
#include "attest/verdict.h"

enum { ATTEST_EVIDENCE_MAX = 16 << 10 };

/* What the verifier knows besides the evidence. */
struct attest_context {
    struct attest_binding binding;
    bool allow_software; /* a parameter of the chain: false on every network with value */
    /* Roots, collateral and time for hardware evidence; NULL: none is verified, all refused. */
    const struct attest_inputs *inputs;
};

/* "software", "sgx", "tdx", "snp"; "?" otherwise. Static storage. */
const char *attest_kind_name(enum attest_kind kind);

/* attest_verify checks that the evidence is genuine and binds context->binding.
 *
 * Out:     *out: claims; on failure nothing but code and what.
 * Returns: OK; ERR_SHORT, ERR_TRAILING, ERR_FORMAT, ERR_LIMIT (the bytes); ERR_UNSUPPORTED (a kind
 *          this build does not verify, or an unknown one); ERR_DENIED (software, not allowed);
 *          ERR_SIGNATURE (not genuine, or it binds something else).
 * Whether the measurement is an allowed one is the chain's question. */
NODISCARD enum err attest_verify(struct attest_verdict *out, struct span evidence,
                                 const struct attest_context *context);

/* attest_verify_bare verifies what a machine gives, without a binding: a DCAP quote, or a report of
 * SNP_REPORT_SIZE bytes with or without a certificate table behind it, whose certificates then come
 * before those of the collateral. Out and Returns as above. */
NODISCARD enum err attest_verify_bare(struct attest_verdict *out, struct span data,
                                      const struct attest_inputs *inputs);

/* attest_open takes evidence apart without looking at what it says: its kind and its data,
 * borrowed. Returns OK; ERR_SHORT, ERR_TRAILING, ERR_FORMAT, ERR_LIMIT; ERR_UNSUPPORTED (an unknown
 * kind). */
NODISCARD enum err attest_open(enum attest_kind *kind, struct span *data, struct span evidence);

/* attest_is_quote tells a DCAP quote from a SEV-SNP report by its first bytes. */
bool attest_is_quote(struct span data);

/* The vendors' own roots; static storage. What every production build trusts. */
const struct attest_roots *attest_vendor_roots(void);

#endif
