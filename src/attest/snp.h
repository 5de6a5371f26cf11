/* snp: AMD SEV-SNP reports, the certificate table that a host adds, and what VCEK and VLEK
 * certificates say. Format: docs/spec/attest.md 7. Nothing is verified here but the form. Pure. */
#ifndef CRUST_ATTEST_SNP_H
#define CRUST_ATTEST_SNP_H

#include "attest/x509.h"

enum {
    SNP_REPORT_SIZE = 1184,
    SNP_SIGNED_SIZE = 0x2a0,
    SNP_SIGNATURE_SIZE = 96,
    SNP_TABLE_MAX = 12 << 10,
    SNP_TABLE_ENTRIES_MAX = 8,
    SNP_KEY_VCEK = 0, /* SIGNING_KEY */
    SNP_KEY_VLEK = 1,
};

enum snp_product { SNP_MILAN = 0, SNP_GENOA = 1, SNP_TURIN = 2, SNP_PRODUCTS = 3 };

/* Security patch levels by field. fmc is 0 where there is none (before Turin). */
struct snp_tcb {
    uint8_t fmc, boot_loader, tee, snp, microcode;
};

/* Pointers into the report. TCB fields are raw: their meaning depends on the product, see snp_tcb.
 */
struct snp_report {
    uint32_t version; /* 2, 3, 4 or 5 */
    uint32_t guest_svn, vmpl;
    uint64_t policy, platform_info;
    uint8_t signing_key; /* SNP_KEY_VCEK or SNP_KEY_VLEK */
    bool author_key, mask_chip_key;
    const uint8_t *family_id, *image_id;                                    /* 16 each */
    const uint8_t *report_data;                                             /* 64 */
    const uint8_t *measurement;                                             /* 48 */
    const uint8_t *host_data;                                               /* 32 */
    const uint8_t *id_key_digest;                                           /* 48 */
    const uint8_t *author_key_digest;                                       /* 48 */
    const uint8_t *chip_id;                                                 /* 64 */
    const uint8_t *current_tcb, *reported_tcb, *committed_tcb, *launch_tcb; /* 8 each */
    uint8_t cpu_family, cpu_model; /* version 3 and later, else 0 */
    uint8_t current_build, current_minor, current_major;
    uint8_t committed_build, committed_minor, committed_major;
    uint64_t launch_mitigations, current_mitigations; /* version 5 */
    struct span signed_bytes;
    uint8_t signature[SNP_SIGNATURE_SIZE]; /* r || s, big-endian: as ecdsa_p384_verify wants it */
};

/* What a VCEK or VLEK certificate says. */
struct snp_leaf {
    enum snp_product product;
    bool vlek;
    struct snp_tcb tcb;
    uint8_t hwid[64]; /* zero-filled behind hwid_size */
    size_t hwid_size; /* 64, 8 (Turin) or 0 (VLEK) */
};

/* Certificates of a table, DER, as the host gave them; empty when missing. */
struct snp_table {
    struct span vcek, vlek, ask, ark;
};

/* snp_report_decode reads exactly one report. Out: *out, borrowing; zeroed on failure. Returns OK,
 * ERR_SHORT, ERR_TRAILING, ERR_FORMAT (padding that is not zero), ERR_UNSUPPORTED (a version, an
 * algorithm or no signing key). */
NODISCARD enum err snp_report_decode(struct snp_report *out, struct span in);

/* snp_tcb_decode reads 8 bytes of TCB_VERSION; where the fields stand depends on the product. */
struct snp_tcb snp_tcb_decode(const uint8_t raw[8], enum snp_product product);

/* snp_leaf_decode reads the extensions of a leaf certificate. Out: *out, zeroed on failure. Returns
 * OK, ERR_NOT_FOUND (one that must be there is missing), ERR_FORMAT, ERR_RANGE, ERR_UNSUPPORTED (a
 * product that we do not know, another common name). */
NODISCARD enum err snp_leaf_decode(struct snp_leaf *out, const struct x509 *cert);

/* snp_table_decode reads a certificate table: entries {GUID 16, u32 offset, u32 length}, ended by
 * an entry of zeros, then the certificates; unknown GUIDs are passed over. An empty input is an
 * empty table. Returns OK, ERR_SHORT, ERR_FORMAT, ERR_LIMIT. */
NODISCARD enum err snp_table_decode(struct snp_table *out, struct span in);

/* "Milan", "Genoa", "Turin"; static storage. */
const char *snp_product_name(enum snp_product product);

#endif
