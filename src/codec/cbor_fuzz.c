#include "codec/cbor.h"

/* What reads as strict reads as lenient too; and rewriting what a strict reader saw gives the same
 * bytes back, which is what canonical means. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buffer[1 << 20];

static void copy_scalar(struct writer *w, struct cbor_reader *c, enum cbor_type type)
{
    struct cid cid;
    switch (type) {
    case CBOR_UINT:
        cbor_write_uint(w, cbor_read_uint(c));
        return;
    case CBOR_NEGATIVE:
        write_span(w, cbor_read_item(c)); /* beyond int64 there is no typed call */
        return;
    case CBOR_BYTES:
        cbor_write_bytes(w, cbor_read_bytes(c));
        return;
    case CBOR_TEXT:
        cbor_write_text(w, cbor_read_text(c));
        return;
    case CBOR_LINK:
        cbor_read_link(c, &cid);
        cbor_write_link(w, &cid);
        return;
    case CBOR_BOOL:
        cbor_write_bool(w, cbor_read_bool(c));
        return;
    case CBOR_NULL:
        cbor_read_null(c);
        cbor_write_null(w);
        return;
    case CBOR_FLOAT:
        cbor_write_float(w, cbor_read_float(c));
        return;
    case CBOR_ARRAY:
    case CBOR_MAP:
    case CBOR_NONE:
        break;
    }
    ASSERT(false);
}

/* Arrays and maps are written as their head; their elements follow as items of the same stream. */
static void copy(struct writer *w, struct cbor_reader *c)
{
    while (c->r.n > 0 && c->r.err == OK) {
        enum cbor_type type = cbor_peek(c);
        if (type == CBOR_ARRAY)
            cbor_write_array(w, cbor_read_array(c));
        else if (type == CBOR_MAP)
            cbor_write_map(w, cbor_read_map(c));
        else
            copy_scalar(w, c, type);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    enum err lenient = cbor_validate(in, CBOR_LENIENT);
    if (size > sizeof(buffer) || cbor_validate(in, CBOR_STRICT) != OK)
        return 0;
    ASSERT(lenient == OK);
    struct writer w = writer_of(buffer, sizeof(buffer));
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    copy(&w, &c);
    ASSERT(cbor_finish(&c) == OK && w.err == OK);
    ASSERT(span_eq(writer_span(&w), in));
    return 0;
}
