/* verdict: what a verification found, either claims or a reason to refuse. Words and numbers of the
 * codes: docs/spec/attest.md 8. Pure. */
#ifndef CRUST_ATTEST_VERDICT_H
#define CRUST_ATTEST_VERDICT_H

#include "attest/snp.h"
#include "attest/status.h"

/* The first step that failed. Consensus knows only genuine or not; codes are for people and logs.
 */
#define VERDICT_CODES(X)                                                                           \
    X(GENUINE, "everything the vendor signs was checked and holds")                                \
    X(FORMAT, "the bytes are not evidence of a form this program knows")                           \
    X(UNSUPPORTED_CERT_TYPE, "the quote carries no certificate chain that can be checked")         \
    X(CHAIN_FORMAT, "a certificate is malformed, missing, or may not issue others")                \
    X(CHAIN_SIGNATURE, "a certificate is not signed by the one that should have issued it")        \
    X(CHAIN_EXPIRED, "a certificate had expired at that time")                                     \
    X(CHAIN_NOT_YET_VALID, "a certificate was not valid yet at that time")                         \
    X(ROOT_UNTRUSTED, "the chain ends at a root that is not the vendor's")                         \
    X(CRL_MISSING, "there is no revocation list of the issuer that is needed")                     \
    X(CRL_SIGNATURE, "a revocation list is not signed by its issuer")                              \
    X(CRL_EXPIRED, "a revocation list had lapsed at that time")                                    \
    X(CRL_NOT_YET_VALID, "a revocation list was issued after that time")                           \
    X(REVOKED, "a certificate has been revoked")                                                   \
    X(TCBINFO_SIGNATURE, "the TCB info is missing, malformed or not signed by Intel")              \
    X(TCBINFO_EXPIRED, "the TCB info had lapsed at that time")                                     \
    X(TCBINFO_NOT_YET_VALID, "the TCB info was issued after that time")                            \
    X(TCBINFO_MISMATCH, "the TCB info is about another kind of platform")                          \
    X(QEID_SIGNATURE, "the identity of the quoting enclave is missing or not signed by Intel")     \
    X(QEID_EXPIRED, "the identity of the quoting enclave had lapsed at that time")                 \
    X(QEID_NOT_YET_VALID, "the identity of the quoting enclave was issued after that time")        \
    X(QE_REPORT_SIGNATURE, "the quoting enclave's report is not signed by the machine's key")      \
    X(QE_REPORT_DATA, "the quoting enclave does not vouch for the key that signed the quote")      \
    X(QE_IDENTITY_MISMATCH, "the quoting enclave is not Intel's")                                  \
    X(QUOTE_SIGNATURE, "the quote is not signed by the key that the quoting enclave vouches for")  \
    X(TDX_MODULE_MISMATCH, "the TDX module is not one that Intel lists")                           \
    X(TCB_NOT_SUPPORTED, "the machine's firmware is older than any level that Intel lists")        \
    X(TCB_REVOKED, "Intel has revoked the level that the machine is at")                           \
    X(CERT_MISMATCH, "the certificate is of another kind than the key that signed the report")     \
    X(TCB_MISMATCH, "the certificate is for other firmware versions than the report names")        \
    X(HWID_MISMATCH, "the certificate belongs to another chip")                                    \
    X(REPORT_SIGNATURE, "the report is not signed by the key in the certificate")                  \
    X(BINDING, "the evidence is bound to another key, account, chain, release or block")           \
    X(SOFTWARE, "no hardware vouches for it, and this network wants hardware")                     \
    X(UNSUPPORTED, "this program cannot verify evidence of that kind")

enum verdict_code {
#define VERDICT_ENUM(name, text) VERDICT_##name,
    VERDICT_CODES(VERDICT_ENUM)
#undef VERDICT_ENUM
        VERDICT_CODE_COUNT
};

enum attest_kind {
    ATTEST_SOFTWARE = 0,
    ATTEST_SGX = 1,
    ATTEST_TDX = 2,
    ATTEST_SNP = 3,
};

enum {
    ATTEST_MEASUREMENT_MAX = 48,
    VERDICT_WHAT_SIZE = 48,
};

struct verdict_sgx {
    uint8_t mrenclave[32], mrsigner[32], attributes[16], config_id[64], cpu_svn[16];
    uint32_t misc_select;
    uint16_t prod_id, svn, config_svn;
};

struct verdict_tdx {
    uint8_t mrtd[48], rtmr[4][48], mrseam[48], mrsignerseam[48];
    uint8_t mrconfigid[48], mrowner[48], mrownerconfig[48], mrservicetd[48];
    uint8_t attributes[8], xfam[8], seam_attributes[8], tcb_svn[16], tcb_svn2[16];
};

/* The parts of Intel's verdict that SGX and TDX share. */
struct verdict_intel {
    uint8_t fmspc[6], pce_id[2], ppid[16];
    bool platform_ca;    /* the PCK Platform CA (servers), else the Processor CA (clients) */
    uint32_t evaluation; /* tcbEvaluationDataNumber of the TCB info */
    uint32_t qe_evaluation;
    uint8_t platform_status, qe_status, module_status, current_status; /* STATUS_ sets, or NONE */
    uint64_t tcb_date;   /* of the oldest level that applies; seconds */
    uint64_t superseded; /* out of date: since when there is a better level; else 0 */
};

struct verdict_snp {
    enum snp_product product;
    bool vlek, author_key, mask_chip_key, crl_checked;
    uint32_t guest_svn, vmpl;
    uint64_t policy, platform_info, launch_mitigations, current_mitigations;
    struct snp_tcb reported, committed, launch, current;
    uint8_t firmware[3];         /* committed: major, minor, build */
    uint8_t current_firmware[3]; /* running now */
    uint8_t chip_id[64], host_data[32], id_key_digest[48], author_key_digest[48];
    uint8_t family_id[16], image_id[16];
};

struct attest_verdict {
    enum verdict_code code;
    char what[VERDICT_WHAT_SIZE]; /* what the code is about ("PCK CRL"); may be empty */
    enum attest_kind kind;
    uint16_t version;                            /* of the quote or report */
    uint8_t body;                                /* enum quote_body, 0 for others */
    uint8_t measurement[ATTEST_MEASUREMENT_MAX]; /* MRENCLAVE, MRTD, MEASUREMENT; zeros: software */
    uint8_t measurement_size;                    /* 0 for software, else 32 or 48 */
    uint8_t report_data[64];
    /* Names the machine, for caps on workers and bytes a machine. Software has none: it is then a
     * hash of the worker key, different for each worker. */
    uint8_t platform_id[32];
    bool has_device; /* false: platform_id names no single machine */
    bool debug;
    uint8_t status; /* STATUS_ set; SNP has no such word, its levels are numbers: STATUS_NONE */
    struct status_advisories advisories;
    uint64_t lapses; /* the last second at which all certificates and documents are valid */
    struct verdict_intel intel; /* SGX and TDX */
    union {
        struct verdict_sgx sgx;
        struct verdict_tdx tdx;
        struct verdict_snp snp;
    } u;
};

/* "CRL_EXPIRED" and a plain sentence without full stop; never NULL. Static storage. */
const char *verdict_name(enum verdict_code code);
const char *verdict_text(enum verdict_code code);

/* verdict_refuse empties *out and puts code and what into it. Returns what a caller hands on:
 * ERR_FORMAT, ERR_UNSUPPORTED, ERR_DENIED (software) for these codes, else ERR_SIGNATURE. */
NODISCARD enum err verdict_refuse(struct attest_verdict *out, enum verdict_code code,
                                  const char *what);

/* Certificates and documents that verification may use beside the evidence; empty: not there. All
 * borrowed. Certificates and CRLs are DER. */
struct attest_collateral {
    struct span tcb_info, qe_identity; /* JSON as Intel sends it */
    struct span tcb_signer;            /* the certificate that signed both */
    struct span root_crl, pck_crl;
    /* Signatures of the five above were checked before, with this PCK CA; dates and serial numbers
     * are looked at again. For a caller that keeps verified documents, as the chain does. */
    bool verified;
    struct span pck_ca;
    struct span snp_leaf, snp_ca, snp_crl; /* VCEK or VLEK, ASK or ASVK, the ARK's CRL */
};

/* The vendors' root certificates, DER. */
struct attest_roots {
    struct span intel;
    struct span amd[SNP_PRODUCTS];
};

/* Everything that a verdict depends on beside the evidence. */
struct attest_inputs {
    const struct attest_roots *roots;
    const struct attest_collateral *collateral;
    uint64_t time; /* seconds since 1970 */
};

/* verdict_check_dates: OK when from <= time <= to, and out->lapses is lowered to to; else it
 * refuses with the code for early or late. */
struct verdict_dates {
    uint64_t from, to;
    enum verdict_code early, late;
};
NODISCARD enum err verdict_check_dates(struct attest_verdict *out, uint64_t time,
                                       const struct verdict_dates *dates, const char *what);

#endif
