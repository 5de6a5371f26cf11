#include "codec/links.h"

enum err links_init(struct links *out, uint64_t codec, struct span block, enum links_mode mode)
{
    struct dagpb node;
    enum cbor_mode cbor = mode == LINKS_STRICT ? CBOR_STRICT : CBOR_LENIENT;
    *out = (struct links){ .codec = codec };
    switch (codec) {
    case CID_CODEC_RAW:
        return OK;
    case CID_CODEC_DAG_PB:
        TRY(dagpb_decode(&node, block, mode == LINKS_STRICT ? DAGPB_STRICT : DAGPB_TOLERANT));
        out->pb = dagpb_links(&node);
        return OK;
    case CID_CODEC_DAG_CBOR:
        TRY(cbor_validate(block, cbor));
        out->cbor = cbor_reader_of(block, cbor);
        return OK;
    default:
        return ERR_UNSUPPORTED;
    }
}

/* The block is valid, so its items can be taken as a flat stream: the head of an array or a map,
 * then what is in it. */
static bool next_cbor(struct cbor_reader *c, struct cid *out)
{
    while (c->r.n > 0 && c->r.err == OK) {
        switch (cbor_peek(c)) {
        case CBOR_ARRAY:
            (void)cbor_read_array(c);
            break;
        case CBOR_MAP:
            (void)cbor_read_map(c);
            break;
        case CBOR_LINK:
            cbor_read_link(c, out);
            return c->r.err == OK;
        case CBOR_NONE:
        case CBOR_UINT:
        case CBOR_NEGATIVE:
        case CBOR_BYTES:
        case CBOR_TEXT:
        case CBOR_BOOL:
        case CBOR_NULL:
        case CBOR_FLOAT:
            cbor_skip(c);
            break;
        }
    }
    return false;
}

bool links_next(struct links *l, struct cid *out)
{
    struct dagpb_link link;
    *out = (struct cid){ 0 };
    if (l->codec == CID_CODEC_DAG_PB && dagpb_next(&l->pb, &link)) {
        *out = link.cid;
        return true;
    }
    return l->codec == CID_CODEC_DAG_CBOR && next_cbor(&l->cbor, out);
}
