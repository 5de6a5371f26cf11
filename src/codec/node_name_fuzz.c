#include "codec/node_name.h"

/* What decodes encodes to the same bytes, within the limits. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[NODE_NAME_BODY_MAX];
    struct node_name m;
    if (node_name_decode(&m, span_of(data, size)) != OK) {
        ASSERT(m.key.p == NULL && m.value.p == NULL && m.secret.p == NULL);
        return 0;
    }
    struct writer w = writer_of(out, sizeof(out));
    node_name_encode(&w, &m);
    ASSERT(w.err == OK && span_eq(writer_span(&w), span_of(data, size)));
    return 0;
}
