/* pck: what a PCK certificate says about the machine, in the SGX extension 1.2.840.113741.1.13.1.
 * Format: docs/spec/attest.md 4. Pure. */
#ifndef CRUST_ATTEST_PCK_H
#define CRUST_ATTEST_PCK_H

#include "attest/x509.h"

enum pck_type { PCK_STANDARD = 0, PCK_SCALABLE = 1, PCK_SCALABLE_INTEGRITY = 2 };

struct pck {
    uint8_t ppid[16]; /* names the package */
    uint8_t components[16];
    uint16_t pce_svn;
    uint8_t pce_id[2];
    uint8_t fmspc[6]; /* names the kind of platform */
    enum pck_type type;
    bool has_instance; /* platform certificates, of several packages */
    uint8_t instance[16];
    bool smt, smt_known;
};

/* pck_decode reads the extension of a certificate. Out: *out, zeroed on failure. Returns OK,
 * ERR_NOT_FOUND (there is none), ERR_FORMAT, ERR_RANGE, ERR_SHORT, ERR_TRAILING. */
NODISCARD enum err pck_decode(struct pck *out, const struct x509 *cert);

/* pck_decode_extension reads the value of the extension. */
NODISCARD enum err pck_decode_extension(struct pck *out, struct span value);

#endif
