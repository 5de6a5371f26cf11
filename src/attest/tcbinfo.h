/* tcbinfo: Intel's signed documents about platforms and quoting enclaves, read from the JSON text
 * as the vendor's service sends it. Format: docs/spec/attest.md 6. Pure. */
#ifndef CRUST_ATTEST_TCBINFO_H
#define CRUST_ATTEST_TCBINFO_H

#include "attest/status.h"

enum {
    TCBINFO_SIZE_MAX = 64 << 10, /* real ones have up to 10.1 KB */
    TCBINFO_LEVELS_MAX = 48,     /* up to 18 seen */
    TCBINFO_MODULES_MAX = 8,     /* up to 2 seen */
    TCBINFO_MODULE_LEVELS_MAX = 16,
};

/* {"tcbInfo": {...}, "signature": "..."}: what is signed, and by what. */
struct tcbinfo_signed {
    struct span body; /* the inner object, exactly as it stands in the text */
    uint8_t signature[64];
};

struct tcbinfo_level {
    uint8_t sgx[16], tdx[16]; /* component SVNs; tdx zero in documents for SGX */
    bool has_tdx;
    uint16_t pce_svn;
    uint16_t isv_svn; /* of levels of modules and enclaves, which have nothing else */
    uint8_t status;
    uint64_t date;          /* seconds */
    struct span advisories; /* the JSON array, empty span: none; see tcbinfo_advisories */
};

struct tcbinfo_module {
    uint8_t major; /* of "TDX_%02X"; 0 for tdxModule, the one of TDX 1.0 */
    uint8_t mrsigner[48], attributes[8], attributes_mask[8];
    struct tcbinfo_level levels[TCBINFO_MODULE_LEVELS_MAX];
    uint32_t level_count;
};

struct tcbinfo {
    bool tdx;
    uint64_t issued, next_update;
    uint8_t fmspc[6], pce_id[2];
    uint32_t evaluation;
    bool has_module; /* tdxModule: modules[0] */
    struct tcbinfo_module modules[TCBINFO_MODULES_MAX];
    uint32_t module_count;
    struct tcbinfo_level levels[TCBINFO_LEVELS_MAX]; /* as in the document: highest first */
    uint32_t level_count;
};

struct tcbinfo_qe {
    bool tdx; /* id TD_QE */
    uint64_t issued, next_update;
    uint32_t evaluation;
    uint32_t misc_select, misc_select_mask;
    uint8_t attributes[16], attributes_mask[16];
    uint8_t mrsigner[32];
    uint16_t prod_id;
    struct tcbinfo_level levels[TCBINFO_MODULE_LEVELS_MAX];
    uint32_t level_count;
};

/* tcbinfo_open takes the frame apart: name is "tcbInfo" or "enclaveIdentity". The signature must be
 * checked before the body is decoded. Returns OK, ERR_SHORT, ERR_FORMAT, ERR_RANGE, ERR_LIMIT,
 * ERR_TRAILING. */
NODISCARD enum err tcbinfo_open(struct tcbinfo_signed *out, struct span text, const char *name);

/* tcbinfo_decode reads a body: TCB info version 3 for SGX or TDX. Out: *out, which borrows from
 * body (advisories); zeroed on failure. Errors as above; ERR_UNSUPPORTED for another version or
 * kind. */
NODISCARD enum err tcbinfo_decode(struct tcbinfo *out, struct span body);

/* tcbinfo_qe_decode reads a body: QE identity version 2 of QE or TD_QE. */
NODISCARD enum err tcbinfo_qe_decode(struct tcbinfo_qe *out, struct span body);

/* tcbinfo_advisories adds a level's advisories to the list. ERR_LIMIT when it is full. */
NODISCARD enum err tcbinfo_advisories(struct status_advisories *list,
                                      const struct tcbinfo_level *level);

#endif
