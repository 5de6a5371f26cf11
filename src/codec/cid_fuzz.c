#include "codec/cid.h"

#include "codec/multibase.h"

/* Any bytes as a binary CID, and as the text of one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void text_round_trip(const struct cid *cid)
{
    static const enum multibase bases[] = { MULTIBASE_16, MULTIBASE_32,    MULTIBASE_36,
                                            MULTIBASE_64, MULTIBASE_64URL, MULTIBASE_58BTC };
    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        char text[CID_TEXT_MAX];
        struct cid back;
        cid_format_base(text, cid, (char)bases[i]);
        ASSERT(cid_parse(&back, span_str(text)) == OK);
        ASSERT(cid_eq(&back, cid));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cid cid;
    if (cid_decode(&cid, span_of(data, size)) == OK) {
        uint8_t buf[CID_SIZE_MAX];
        struct writer w = writer_of(buf, sizeof(buf));
        cid_write(&w, &cid);
        ASSERT(w.err == OK && w.len == cid_size(&cid));
        ASSERT(span_eq(writer_span(&w), span_of(data, size)));
        text_round_trip(&cid);
    }
    if (cid_parse(&cid, span_of(data, size)) == OK)
        text_round_trip(&cid);
    return 0;
}
