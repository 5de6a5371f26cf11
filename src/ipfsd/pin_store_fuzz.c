/* Any record of where a request stands: what decodes encodes to the same bytes. */
#include "ipfsd/pin_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pin_work work;
    static uint8_t out[4096];
    struct writer w = writer_of(out, sizeof(out));
    if (pin_store_decode(&work, span_of(data, size)) != OK)
        return 0;
    pin_store_encode(&w, &work);
    ASSERT(w.err == OK && span_eq(writer_span(&w), span_of(data, size)));
    return 0;
}
