/* collateral: the vendors' certificates and documents as a registry keeps them: each verified once,
 * when somebody posts it, and replaced by newer ones only. Rules: docs/spec/attest.md 11. Pure. */
#ifndef CRUST_ATTEST_COLLATERAL_H
#define CRUST_ATTEST_COLLATERAL_H

#include "attest/verdict.h"

enum { COLLATERAL_ID_SIZE = 32 };

enum collateral_kind {
    COLLATERAL_TCB_INFO = 0,
    COLLATERAL_QE_IDENTITY = 1,
    COLLATERAL_ROOT_CRL = 2,
    COLLATERAL_PCK_CRL = 3,
    COLLATERAL_AMD_CRL = 4,
    COLLATERAL_AMD_CA = 5, /* ASK or ASVK */
    COLLATERAL_KINDS
};

/* What somebody posts. All borrowed. */
struct collateral_post {
    enum collateral_kind kind;
    struct span document; /* JSON as the vendor sends it, or DER */
    /* The certificate under the root that signed it: TCB signing certificate for the two documents,
     * PCK CA for its CRL; empty for the others. Kept with the document: attest_collateral wants it.
     */
    struct span issuer;
};

/* A post that was verified. */
struct collateral_entry {
    enum collateral_kind kind;
    uint8_t id[COLLATERAL_ID_SIZE]; /* one entry is kept for each kind and id: spec 11.2 */
    uint64_t issued, lapses;        /* seconds; valid at both ends */
    uint32_t evaluation;            /* of the two documents, else 0 */
    uint64_t checked_to; /* until when the check says the same: the least end of all it looked at */
};

/* collateral_check verifies a post at a time. root_crl: the one that is kept, against which the
 * issuer is looked up; empty only for kinds that need none (root CRL, AMD's).
 *
 * Out:     *out, zeroed on failure; *code says why then (may be NULL).
 * Returns: OK, ERR_FORMAT, ERR_SIGNATURE (not the vendor's, revoked, or not valid then). */
NODISCARD enum err collateral_check(struct collateral_entry *out, enum verdict_code *code,
                                    const struct collateral_post *post,
                                    const struct attest_roots *roots, struct span root_crl,
                                    uint64_t time);

/* collateral_is_newer: whether next may replace kept, an entry of the same kind and id (asserted):
 * it was issued later, and is of no lower evaluation number. */
bool collateral_is_newer(const struct collateral_entry *next, const struct collateral_entry *kept);

/* Ids of the entries that a verification needs: of the TCB info for a platform, the identity of its
 * QE, the CRL of a PCK CA (a certificate), and AMD's by product. */
void collateral_id_tcb_info(uint8_t out[COLLATERAL_ID_SIZE], bool tdx, const uint8_t fmspc[6]);
void collateral_id_qe_identity(uint8_t out[COLLATERAL_ID_SIZE], bool tdx);
void collateral_id_pck_crl(uint8_t out[COLLATERAL_ID_SIZE], const struct x509_key *ca);
void collateral_id_amd_crl(uint8_t out[COLLATERAL_ID_SIZE], enum snp_product product);
void collateral_id_root_crl(uint8_t out[COLLATERAL_ID_SIZE]);
void collateral_id_amd_ca(uint8_t out[COLLATERAL_ID_SIZE], enum snp_product product, bool vlek);

#endif
