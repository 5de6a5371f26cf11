#include "attest/dcap_level.h"

static struct dcap_level found(const struct tcbinfo_level *levels, uint32_t i)
{
    struct dcap_level out = { .level = &levels[i] };
    /* Variants of one level stand side by side under one date. */
    for (uint32_t j = i; j-- > 0 && out.superseded == 0;) {
        if (levels[j].date > levels[i].date)
            out.superseded = levels[j].date;
    }
    return out;
}

struct dcap_level dcap_level_svn(const struct tcbinfo_level *levels, uint32_t count, uint16_t svn)
{
    for (uint32_t i = 0; i < count; i++) {
        if (levels[i].isv_svn <= svn)
            return found(levels, i);
    }
    return (struct dcap_level){ 0 };
}

static bool reaches(const uint8_t *have, const uint8_t *want, int from)
{
    for (int i = from; i < 16; i++) {
        if (have[i] < want[i])
            return false;
    }
    return true;
}

struct dcap_level dcap_level_platform(const struct tcbinfo *info, const struct pck *pck,
                                      const uint8_t tdx_svn[16])
{
    for (uint32_t i = 0; i < info->level_count; i++) {
        const struct tcbinfo_level *l = &info->levels[i];
        if (!reaches(pck->components, l->sgx, 0) || pck->pce_svn < l->pce_svn)
            continue;
        /* SPEC attest 8.9: "for a module of major version above 0, components 0 and 1 are left to
         * the module's own levels" */
        if (tdx_svn == NULL || reaches(tdx_svn, l->tdx, tdx_svn[1] > 0 ? 2 : 0))
            return found(info->levels, i);
    }
    return (struct dcap_level){ 0 };
}

const struct tcbinfo_module *dcap_level_module(const struct tcbinfo *info,
                                               const uint8_t tdx_svn[16])
{
    for (uint32_t i = 0; i < info->module_count; i++) {
        if (info->modules[i].major == tdx_svn[1])
            return &info->modules[i];
    }
    return NULL;
}
