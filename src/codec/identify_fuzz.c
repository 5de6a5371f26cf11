#include "codec/identify.h"

/* What was merged is written so that it reads back the same, and writing that again changes
 * nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t first[IDENTIFY_MESSAGE_MAX], second[IDENTIFY_MESSAGE_MAX];
    struct writer a = writer_of(first, sizeof(first)), b = writer_of(second, sizeof(second));
    struct identify id = { 0 }, again = { 0 };
    if (identify_merge(&id, span_of(data, size)) != OK)
        return 0;
    identify_write(&a, &id);
    ASSERT(a.err == OK && a.len <= size);
    ASSERT(identify_merge(&again, writer_span(&a)) == OK);
    ASSERT(again.addr_count == id.addr_count && again.protocol_count == id.protocol_count);
    ASSERT(span_eq(again.public_key, id.public_key));
    ASSERT(span_eq(again.agent_version, id.agent_version));
    identify_write(&b, &again);
    ASSERT(span_eq(writer_span(&a), writer_span(&b)));
    return 0;
}
