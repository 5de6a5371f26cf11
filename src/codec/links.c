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

/* The block is valid, so its items can be taken as a flat stream: the head of an array or a map,
 * then what is in it. */
static bool next_cbor(struct cbor_reader *c, struct cid *out)
{
    while (c->r.n > 0 && c->r.err == OK) {
        enum cbor_type type = cbor_peek(c);
        if (type == CBOR_LINK) {
            cbor_read_link(c, out);
            return c->r.err == OK;
        }
        if (type == CBOR_ARRAY)
            (void)cbor_read_array(c);
        else if (type == CBOR_MAP)
            (void)cbor_read_map(c);
        else
            cbor_skip(c);
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
