/* Any bytes as a report and as a certificate table: exact size, parts inside the input. */
#include "attest/snp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snp_report r;
    struct snp_table t;
    struct span in = span_of(data, size);
    if (snp_report_decode(&r, in) == OK) {
        ASSERT(size == SNP_REPORT_SIZE && r.signed_bytes.n == SNP_SIGNED_SIZE);
        ASSERT(r.signing_key == SNP_KEY_VCEK || r.signing_key == SNP_KEY_VLEK);
    }
    if (snp_table_decode(&t, in) == OK) {
        const struct span parts[] = { t.vcek, t.vlek, t.ask, t.ark };
        for (size_t i = 0; i < 4; i++)
            ASSERT(parts[i].n == 0 ||
                   (parts[i].p >= data && parts[i].p + parts[i].n <= data + size));
    }
    return 0;
}
