/* dcap: verification of SGX and TDX quotes, as Intel's Quote Verification Library does it, with
 * lower bounds of dates and exact lengths besides. Steps: docs/spec/attest.md 8. Pure. */
#ifndef CRUST_ATTEST_DCAP_H
#define CRUST_ATTEST_DCAP_H

#include "attest/verdict.h"

/* dcap_verify says what is true of a quote; whether it is good enough is policy.h's question.
 *
 * Out:     *out: claims, or nothing but code and what.
 * Returns: OK, or what verdict_refuse gives for out->code. */
NODISCARD enum err dcap_verify(struct attest_verdict *out, struct span quote,
                               const struct attest_inputs *in);

/* dcap_verify_signatures checks only what needs no collateral: the chain to the root, the QE's
 * report, the attestation key, the quote. Dates are not looked at and no status is known: for
 * diagnosis, never a reason to accept anything. Out: *out with what the bodies say. */
NODISCARD enum err dcap_verify_signatures(struct attest_verdict *out, struct span quote,
                                          const struct attest_inputs *in);

#endif
