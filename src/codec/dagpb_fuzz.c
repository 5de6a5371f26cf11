#include "codec/dagpb.h"

/* A canonical block whose links all have Name and Tsize is what our writer writes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[65536];
    struct dagpb node;
    struct dagpb_link link;
    struct writer w = writer_of(out, sizeof(out));
    size_t count = 0;
    bool full = true;
    if (dagpb_decode(&node, span_of(data, size)) != OK)
        return 0;
    struct dagpb_iter it = dagpb_links(&node);
    while (dagpb_next(&it, &link)) {
        uint8_t bin[CID_SIZE_MAX];
        struct writer c = writer_of(bin, sizeof(bin));
        cid_write(&c, &link.cid);
        size_t before = w.len;
        dagpb_write_link(&w, writer_span(&c), link.name, link.tsize);
        if (w.err == OK)
            ASSERT(w.len - before == dagpb_link_size(c.len, link.name.n, link.tsize));
        full = full && link.has_name && link.has_tsize;
        count++;
    }
    ASSERT(count == node.link_count);
    if (node.has_data)
        dagpb_write_data(&w, node.data);
    if (full && w.err == OK && dagpb_canonical(&node))
        ASSERT(span_eq(writer_span(&w), span_of(data, size)));
    return 0;
}
