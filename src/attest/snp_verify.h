/* snp_verify: verification of AMD SEV-SNP reports. Steps: docs/spec/attest.md 9. Pure. */
#ifndef CRUST_ATTEST_SNP_VERIFY_H
#define CRUST_ATTEST_SNP_VERIFY_H

#include "attest/verdict.h"

/* snp_verify says what is true of a report. The leaf and its CA are those of the collateral. A CRL
 * is checked when there is one; claims say whether (crl_checked), and policy wants it.
 *
 * Out:     *out: claims, or nothing but code and what.
 * Returns: OK, or what verdict_refuse gives for out->code. */
NODISCARD enum err snp_verify(struct attest_verdict *out, struct span report,
                              const struct attest_inputs *in);

#endif
