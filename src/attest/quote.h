/* quote: DCAP quotes, read: SGX quote v3 and the quotes v4 and v5 of TDX (and SGX in the same
 * frames). Format: docs/spec/attest.md 5. Nothing is verified here but the form. Pure. */
#ifndef CRUST_ATTEST_QUOTE_H
#define CRUST_ATTEST_QUOTE_H

#include "attest/pem.h"

enum {
    QUOTE_SIZE_MAX = 16 << 10, /* real ones have up to 8,000 bytes, most of that padding */
    QUOTE_SGX_BODY = 384,
    QUOTE_TD_BODY = 584,
    QUOTE_TD15_BODY = 648,
    QUOTE_TD15EX_BODY = 885,
    QUOTE_SGX_DEBUG = 0x02, /* in byte 0 of the attributes */
    QUOTE_SGX_PROVISION_KEY = 0x10,
    QUOTE_SGX_LAUNCH_KEY = 0x20, /* EINITTOKENKEY */
};

/* Numbers of quote v5; v3 and v4 imply one. */
enum quote_body {
    QUOTE_BODY_SGX = 1,
    QUOTE_BODY_TD = 2,
    QUOTE_BODY_TD15 = 3,
    QUOTE_BODY_TD15EX = 4,
};

/* An SGX report body; pointers into the quote. */
struct quote_sgx {
    const uint8_t *cpu_svn;    /* 16 */
    const uint8_t *attributes; /* 16: flags 8, XFRM 8 */
    const uint8_t *mrenclave;  /* 32 */
    const uint8_t *mrsigner;   /* 32 */
    const uint8_t *config_id;  /* 64 */
    const uint8_t *report_data;
    uint32_t misc_select;
    uint16_t prod_id, svn, config_svn;
};

/* A TD report body; pointers into the quote. Those of 1.5 are NULL in a report of 1.0. */
struct quote_td {
    const uint8_t *tcb_svn;         /* 16 */
    const uint8_t *mrseam;          /* 48 */
    const uint8_t *mrsignerseam;    /* 48 */
    const uint8_t *seam_attributes; /* 8 */
    const uint8_t *attributes;      /* 8 */
    const uint8_t *xfam;            /* 8 */
    const uint8_t *mrtd;            /* 48 */
    const uint8_t *mrconfigid;      /* 48 */
    const uint8_t *mrowner;         /* 48 */
    const uint8_t *mrownerconfig;   /* 48 */
    const uint8_t *rtmr;            /* 4 * 48 */
    const uint8_t *report_data;     /* 64 */
    const uint8_t *tcb_svn2;        /* 16; 1.5: of the module that runs now */
    const uint8_t *mrservicetd;     /* 48; 1.5 */
};

struct quote {
    uint16_t version; /* 3, 4 or 5 */
    enum quote_body body;
    struct quote_sgx sgx; /* for QUOTE_BODY_SGX */
    struct quote_td td;   /* for the others */

    struct span signed_bytes;
    const uint8_t *signature;       /* 64, by the attestation key over signed_bytes */
    const uint8_t *attestation_key; /* 64 */
    struct span qe_bytes;           /* the QE's report, as signed */
    struct quote_sgx qe;
    const uint8_t *qe_signature; /* 64, by the PCK over qe_bytes */
    struct span auth_data;
    uint16_t cert_type; /* of the certification data; 5 is a chain in PEM */
    struct span cert_data;
};

/* quote_decode reads one quote; zero bytes may follow it. Out: *out, borrowing from in; zeroed on
 * failure. Returns OK, ERR_SHORT, ERR_TRAILING (bytes follow that are not zero), ERR_FORMAT,
 * ERR_LIMIT, ERR_UNSUPPORTED (a version, key type, vendor or body that we do not know). */
NODISCARD enum err quote_decode(struct quote *out, struct span in);

/* quote_sgx_decode reads an SGX report body of QUOTE_SGX_BODY bytes. */
struct quote_sgx quote_sgx_decode(const uint8_t body[QUOTE_SGX_BODY]);

#endif
