/* Any bytes as a worker's label: what is taken is written the same. */
#include "codec/worker_label.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t lineage[32];
    char text[WORKER_LABEL_MAX];
    if (worker_label_parse(lineage, span_of(data, size)) != OK) {
        for (size_t i = 0; i < 32; i++)
            ASSERT(lineage[i] == 0);
        return 0;
    }
    worker_label_format(text, lineage);
    ASSERT(span_eq(span_str(text), span_of(data, size)));
    return 0;
}
