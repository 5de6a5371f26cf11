#include "codec/links.h"

enum err links_init(struct links *out, uint64_t codec, struct span block)
{
    struct dagpb node;
    *out = (struct links){ .codec = codec };
    switch (codec) {
    case CID_CODEC_RAW:
        return OK;
    case CID_CODEC_DAG_PB:
        TRY(dagpb_decode(&node, block));
        out->pb = dagpb_links(&node);
        return OK;
    case CID_CODEC_DAG_CBOR:
        TRY(cbor_validate(block, CBOR_LENIENT));
        out->cbor = cbor_reader_of(block, CBOR_LENIENT);
        return OK;
    default:
        return ERR_UNSUPPORTED;
    }
}

bool links_next(struct links *l, struct cid *out)
{
    struct dagpb_link link;
    *out = (struct cid){ 0 };
    if (l->codec == CID_CODEC_DAG_PB && dagpb_next(&l->pb, &link)) {
        *out = link.cid;
        return true;
    }
    return l->codec == CID_CODEC_DAG_CBOR && cbor_next_link(&l->cbor, out);
}
