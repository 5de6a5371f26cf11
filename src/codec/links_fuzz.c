#include "codec/links.h"

/* The first byte chooses the codec. Strict blocks are tolerable ones, with the same links. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_links(uint64_t codec, struct span block, enum links_mode mode)
{
    struct links l;
    struct cid cid;
    size_t n = 0;
    if (links_init(&l, codec, block, mode) != OK)
        return SIZE_MAX;
    for (; links_next(&l, &cid); n++)
        ASSERT(cid_size(&cid) <= block.n);
    ASSERT(!links_next(&l, &cid));
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t codecs[] = { CID_CODEC_RAW, CID_CODEC_DAG_PB, CID_CODEC_DAG_CBOR, 0x78 };
    if (size == 0)
        return 0;
    uint64_t codec = codecs[data[0] % 4];
    struct span block = span_of(data + 1, size - 1);
    size_t tolerant = count_links(codec, block, LINKS_TOLERANT);
    size_t strict = count_links(codec, block, LINKS_STRICT);
    ASSERT(strict == SIZE_MAX || strict == tolerant);
    return 0;
}
