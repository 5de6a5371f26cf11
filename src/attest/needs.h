/* needs: which documents a verification of a machine's evidence asks for, and what names the
 * machine in lists. Nothing is verified here. Spec: docs/spec/attest.md 11. Pure. */
#ifndef CRUST_ATTEST_NEEDS_H
#define CRUST_ATTEST_NEEDS_H

#include "attest/collateral.h"

enum { NEEDS_MAX = 5 };

struct needs {
    bool intel; /* a DCAP quote, else a SEV-SNP report */
    bool tdx;
    uint8_t fmspc[6];
    /* Intel: names the PCK certificate, SHA-256("crust/pck/1" | key of its CA | serial), as a
     * revocation list names it: needs_pck. */
    uint8_t pck[32];
    enum snp_product product; /* AMD */
    bool vlek;
    bool has_ca; /* AMD: the evidence carries its ASK or ASVK, so that none is wanted */
    uint32_t count;
    struct {
        enum collateral_kind kind;
        uint8_t id[COLLATERAL_ID_SIZE];
    } items[NEEDS_MAX];
};

/* needs_of reads evidence as attest_verify_bare takes it.
 *
 * Out:     *out, zeroed on failure.
 * Returns: OK; ERR_FORMAT (not such evidence); ERR_NOT_FOUND (a report without the certificate of
 *          its chip behind it, which no registry keeps). */
NODISCARD enum err needs_of(struct needs *out, struct span data);

/* The name of a PCK certificate with this serial number, issued by ca. */
void needs_pck(uint8_t out[32], const struct x509_key *ca, struct span serial);

#endif
