/* Any bytes as one of the two documents: counts are bounded, lists of advisories readable. */
#include "attest/tcbinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tcbinfo info;
    static struct tcbinfo_qe qe;
    struct tcbinfo_signed s;
    struct span in = span_of(data, size);
    if (tcbinfo_open(&s, in, "tcbInfo") == OK && tcbinfo_decode(&info, s.body) == OK) {
        ASSERT(s.body.p > data && s.body.p + s.body.n < data + size && s.body.p[0] == '{');
        ASSERT(info.level_count <= TCBINFO_LEVELS_MAX && info.tdx == info.has_module);
        for (uint32_t i = 0; i < info.level_count; i++) {
            struct status_advisories list = { .count = 0 };
            ASSERT(tcbinfo_advisories(&list, &info.levels[i]) == OK);
            ASSERT(status_text(info.levels[i].status)[0] != '?');
        }
    }
    if (tcbinfo_open(&s, in, "enclaveIdentity") == OK && tcbinfo_qe_decode(&qe, s.body) == OK)
        ASSERT(qe.level_count <= TCBINFO_MODULE_LEVELS_MAX);
    return 0;
}
