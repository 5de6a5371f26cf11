/* The text of CIDs: apart from cid.c, so that programs that only see bytes do without it. */
#include "codec/cid.h"
#include "codec/multibase.h"

enum { CID_V0_TEXT = 46 };

enum err cid_parse(struct cid *out, struct span text)
{
    uint8_t bin[CID_SIZE_MAX];
    size_t size = 0;
    *out = (struct cid){ 0 };
    if (text.n == CID_V0_TEXT && text.p[0] == 'Q' && text.p[1] == 'm') {
        TRY(multibase_parse_bare(bin, &size, sizeof(bin), MULTIBASE_58BTC, text));
        return cid_decode(out, span_of(bin, size));
    }
    TRY(multibase_parse(bin, &size, sizeof(bin), text));
    TRY(cid_decode(out, span_of(bin, size)));
    /* SPEC cid "Decoding Algorithm": a multibase prefix before a version 0 CID is an error. */
    if (out->version == 0) {
        *out = (struct cid){ 0 };
        return ERR_FORMAT;
    }
    return OK;
}

void cid_format_base(char out[CID_TEXT_MAX], const struct cid *cid, char base)
{
    uint8_t bin[CID_SIZE_MAX];
    struct writer w = writer_of(bin, sizeof(bin));
    cid_write(&w, cid);
    ASSERT(w.err == OK);
    enum err e = cid->version == 0
                     ? multibase_format_bare(out, CID_TEXT_MAX, MULTIBASE_58BTC, writer_span(&w))
                     : multibase_format(out, CID_TEXT_MAX, (enum multibase)base, writer_span(&w));
    ASSERT(e == OK);
}

void cid_format(char out[CID_TEXT_MAX], const struct cid *cid)
{
    cid_format_base(out, cid, cid->codec == CID_CODEC_LIBP2P_KEY ? MULTIBASE_36 : MULTIBASE_32);
}
