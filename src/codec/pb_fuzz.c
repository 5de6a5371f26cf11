#include "codec/pb.h"

/* Any bytes as protobuf; what was read in shortest form is written back the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rewrite(struct writer *w, const struct pb_field *f)
{
    switch (f->wire) {
    case PB_VARINT:
        pb_write_uint(w, f->number, f->value);
        return;
    case PB_FIXED64:
        pb_write_fixed64(w, f->number, f->value);
        return;
    case PB_BYTES:
        pb_write_bytes(w, f->number, f->bytes);
        return;
    case PB_FIXED32:
        pb_write_fixed32(w, f->number, (uint32_t)f->value);
        return;
    }
    ASSERT(false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t first[65536], second[65536];
    struct writer a = writer_of(first, sizeof(first)), b = writer_of(second, sizeof(second));
    struct reader r = reader_of(span_of(data, size));
    struct pb_field f;
    while (pb_next(&r, &f))
        rewrite(&a, &f);
    if (reader_finish(&r) != OK || a.err != OK)
        return 0;
    ASSERT(a.len <= size);
    r = reader_of(writer_span(&a));
    while (pb_next(&r, &f))
        rewrite(&b, &f);
    ASSERT(reader_finish(&r) == OK);
    ASSERT(span_eq(writer_span(&a), writer_span(&b)));
    return 0;
}
