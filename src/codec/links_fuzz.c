#include "codec/links.h"

/* The first byte chooses the codec. Canonical DAG-CBOR is taken. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_links(uint64_t codec, struct span block)
{
    struct links l;
    struct cid cid;
    size_t n = 0;
    if (links_init(&l, codec, block) != OK)
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
    size_t count = count_links(codec, block);
    if (codec == CID_CODEC_DAG_CBOR && cbor_validate(block, CBOR_STRICT) == OK)
        ASSERT(count != SIZE_MAX);
    return 0;
}
