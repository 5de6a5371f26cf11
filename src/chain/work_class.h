/* work_class: what a worker's evidence makes it stand on, and what power it counts for by that.
 * Spec: docs/spec/work.md 2 and 7. Pure. */
#ifndef CRUST_CHAIN_WORK_CLASS_H
#define CRUST_CHAIN_WORK_CLASS_H

#include "chain/params.h"

struct work_worker; /* chain/work.h */

/* What the worker's last attestation said, and until when it counts. */
struct work_standing {
    uint8_t status;          /* STATUS_ set, attest/status.h */
    uint8_t product;         /* enum snp_product, of SEV-SNP */
    bool lapsed;             /* weight_none until the next attestation */
    uint32_t evaluation;     /* tcbEvaluationDataNumber, of Intel's */
    uint64_t attested_at;    /* height */
    uint64_t evidence_block; /* height of the block that the evidence binds */
    uint64_t expires_at;     /* seconds; 0: never, of software */
    uint8_t measurement[48]; /* ATTEST_MEASUREMENT_MAX */
    uint8_t fmspc[6];        /* of Intel's */
    uint8_t pck[32];         /* names the PCK certificate, attest/needs.h */
};

/* What power counts: docs/spec/work.md 7. */
enum work_class {
    WORK_CLASS_NONE, /* lapsed, or software where it is not allowed */
    WORK_CLASS_SOFTWARE,
    WORK_CLASS_SGX,
    WORK_CLASS_SGX_HARDENING,
    WORK_CLASS_SGX_CONFIGURATION,
    WORK_CLASS_SGX_OUTDATED,
    WORK_CLASS_TDX,
    WORK_CLASS_TDX_HARDENING,
    WORK_CLASS_TDX_CONFIGURATION,
    WORK_CLASS_TDX_OUTDATED,
    WORK_CLASS_SNP_MILAN,
    WORK_CLASS_SNP_GENOA,
    WORK_CLASS_SNP_TURIN,
    WORK_CLASS_COUNT
};

/* The class of a worker, its weight in thousandths, and its name ("sgx-hardening"; static). */
enum work_class work_class_of(const struct params *p, const struct work_worker *w);
uint32_t work_class_weight(const struct params *p, enum work_class class);
const char *work_class_name(enum work_class class);

#endif
