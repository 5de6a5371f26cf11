#include "chain/work_class.h"

#include "attest/verdict.h"
#include "chain/work.h"

static enum work_class by_status(enum work_class first, uint8_t status)
{
    if ((status & (STATUS_OUT_OF_DATE | STATUS_RELAUNCH)) != 0)
        return first + 3;
    if ((status & STATUS_CONFIGURATION) != 0)
        return first + 2;
    return (status & STATUS_HARDENING) != 0 ? first + 1 : first;
}

enum work_class work_class_of(const struct params *p, const struct work_worker *w)
{
    if (w->standing.lapsed)
        return WORK_CLASS_NONE;
    switch ((enum attest_kind)w->kind) {
    case ATTEST_SOFTWARE:
        return p->allow_software ? WORK_CLASS_SOFTWARE : WORK_CLASS_NONE;
    case ATTEST_SGX:
        return by_status(WORK_CLASS_SGX, w->standing.status);
    case ATTEST_TDX:
        return by_status(WORK_CLASS_TDX, w->standing.status);
    case ATTEST_SNP:
        ASSERT(w->standing.product < SNP_PRODUCTS);
        return WORK_CLASS_SNP_MILAN + w->standing.product;
    }
    return WORK_CLASS_NONE;
}

uint32_t work_class_weight(const struct params *p, enum work_class class)
{
    const uint32_t weights[WORK_CLASS_COUNT] = {
        [WORK_CLASS_NONE] = p->weight_none,
        [WORK_CLASS_SOFTWARE] = p->weight_software,
        [WORK_CLASS_SGX] = p->weight_sgx,
        [WORK_CLASS_SGX_HARDENING] = p->weight_sgx_hardening,
        [WORK_CLASS_SGX_CONFIGURATION] = p->weight_sgx_configuration,
        [WORK_CLASS_SGX_OUTDATED] = p->weight_sgx_outdated,
        [WORK_CLASS_TDX] = p->weight_tdx,
        [WORK_CLASS_TDX_HARDENING] = p->weight_tdx_hardening,
        [WORK_CLASS_TDX_CONFIGURATION] = p->weight_tdx_configuration,
        [WORK_CLASS_TDX_OUTDATED] = p->weight_tdx_outdated,
        [WORK_CLASS_SNP_MILAN] = p->weight_snp_milan,
        [WORK_CLASS_SNP_GENOA] = p->weight_snp_genoa,
        [WORK_CLASS_SNP_TURIN] = p->weight_snp_turin,
    };
    ASSERT((unsigned)class < WORK_CLASS_COUNT);
    return weights[class];
}

const char *work_class_name(enum work_class class)
{
    static const char *const names[WORK_CLASS_COUNT] = {
        "none",         "software",  "sgx",           "sgx-hardening",     "sgx-configuration",
        "sgx-outdated", "tdx",       "tdx-hardening", "tdx-configuration", "tdx-outdated",
        "snp-milan",    "snp-genoa", "snp-turin",
    };
    ASSERT((unsigned)class < WORK_CLASS_COUNT);
    return names[class];
}
