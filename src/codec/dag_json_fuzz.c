#include "codec/dag_json.h"

/* Any JSON that is taken is canonical DAG-CBOR, whose JSON is taken again as the same value and is
 * then a fixed point. Any CBOR that can be said in JSON comes back as the same value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 64 << 10, OUT_MAX = 8 * INPUT_MAX };

static uint8_t scratch[DAG_JSON_SCRATCH(OUT_MAX)];
static uint8_t first[OUT_MAX], text[OUT_MAX], second[OUT_MAX];

static const struct mspan room = { scratch, sizeof(scratch) };

static void check_cbor(struct span cbor)
{
    struct writer json = writer_of(text, sizeof(text)), back = writer_of(second, sizeof(second));
    if (dag_json_from_cbor(&json, cbor, room) != OK)
        return;
    ASSERT(dag_json_to_cbor(&back, writer_span(&json), room) == OK);
    if (cbor_validate(cbor, CBOR_STRICT) == OK)
        ASSERT(span_eq(writer_span(&back), cbor));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX)
        return 0;
    struct writer cbor = writer_of(first, sizeof(first)), json = writer_of(text, sizeof(text));
    check_cbor(span_of(data, size));
    if (dag_json_to_cbor(&cbor, span_of(data, size), room) != OK)
        return 0;
    ASSERT(dag_json_from_cbor(&json, writer_span(&cbor), room) == OK);
    check_cbor(writer_span(&cbor));
    return 0;
}
