/* dcap_level: which TCB level a machine is at, by Intel's documents: docs/spec/attest.md 8. Pure.
 */
#ifndef CRUST_ATTEST_DCAP_LEVEL_H
#define CRUST_ATTEST_DCAP_LEVEL_H

#include "attest/pck.h"
#include "attest/quote.h"
#include "attest/tcbinfo.h"

/* A level that was found. */
struct dcap_level {
    const struct tcbinfo_level *level; /* NULL: none matches */
    uint64_t superseded;               /* date of the next better level with a later one, 0: none */
};

/* dcap_level_svn finds the first level with isv_svn <= svn: of a quoting enclave or TDX module. */
struct dcap_level dcap_level_svn(const struct tcbinfo_level *levels, uint32_t count, uint16_t svn);

/* dcap_level_platform finds the first level that the platform reaches in all components. tdx_svn:
 * TEE_TCB_SVN of the TD, NULL for SGX. */
struct dcap_level dcap_level_platform(const struct tcbinfo *info, const struct pck *pck,
                                      const uint8_t tdx_svn[16]);

/* dcap_level_module finds what Intel says about the TDX module of a major version (tdx_svn[1]);
 * NULL when it is not listed. */
const struct tcbinfo_module *dcap_level_module(const struct tcbinfo *info,
                                               const uint8_t tdx_svn[16]);

#endif
