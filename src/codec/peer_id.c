#include "codec/peer_id.h"

#include "codec/cid.h"
#include "codec/multibase.h"
#include "crypto/sha256.h"

struct peer_id peer_id_of(const struct peer_key *key)
{
    struct peer_id id = { 0 };
    uint8_t buf[PEER_KEY_SIZE_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    peer_key_write(&w, key);
    ASSERT(w.err == OK);
    if (w.len <= PEER_ID_INLINE_MAX) {
        id.size = (uint8_t)(2 + w.len);
        id.bytes[0] = CID_HASH_IDENTITY;
        id.bytes[1] = (uint8_t)w.len;
        memcpy(id.bytes + 2, buf, w.len);
    } else {
        id.size = 2 + SHA256_SIZE;
        id.bytes[0] = CID_HASH_SHA2_256;
        id.bytes[1] = SHA256_SIZE;
        sha256(id.bytes + 2, writer_span(&w));
    }
    return id;
}

enum err peer_id_decode(struct peer_id *out, struct span in)
{
    struct reader r = reader_of(in);
    *out = (struct peer_id){ 0 };
    uint8_t hash = read_u8(&r);
    uint8_t size = read_u8(&r);
    reader_require(&r, hash == CID_HASH_IDENTITY || hash == CID_HASH_SHA2_256, ERR_FORMAT);
    reader_require(&r, hash != CID_HASH_IDENTITY || size <= PEER_ID_INLINE_MAX, ERR_FORMAT);
    reader_require(&r, hash != CID_HASH_SHA2_256 || size == SHA256_SIZE, ERR_FORMAT);
    struct span digest = read_span(&r, size);
    TRY(reader_finish(&r));
    if (hash == CID_HASH_IDENTITY) {
        struct peer_key key;
        if (peer_key_decode(&key, digest) != OK)
            return ERR_FORMAT;
    }
    out->size = (uint8_t)in.n;
    memcpy(out->bytes, in.p, in.n);
    return OK;
}

enum err peer_id_parse(struct peer_id *out, struct span text)
{
    *out = (struct peer_id){ 0 };
    if (text.n >= PEER_ID_TEXT_MAX || text.n < 2)
        return ERR_FORMAT;
    if (text.p[0] == '1' || (text.p[0] == 'Q' && text.p[1] == 'm')) {
        uint8_t buf[PEER_ID_TEXT_MAX];
        size_t n;
        if (multibase_parse_bare(buf, &n, sizeof(buf), MULTIBASE_58BTC, text) != OK)
            return ERR_FORMAT;
        return peer_id_decode(out, span_of(buf, n));
    }
    struct cid cid;
    TRY(cid_parse(&cid, text));
    if (cid.version != 1 || cid.codec != CID_CODEC_LIBP2P_KEY || cid.hash > UINT8_MAX)
        return ERR_UNSUPPORTED;
    uint8_t buf[2 + CID_IDENTITY_MAX] = { (uint8_t)cid.hash, cid.digest_size };
    memcpy(buf + 2, cid.digest, cid.digest_size);
    return peer_id_decode(out, span_of(buf, 2U + cid.digest_size));
}

void peer_id_format(char out[PEER_ID_TEXT_MAX], const struct peer_id *id)
{
    enum err e = multibase_format_bare(out, PEER_ID_TEXT_MAX, MULTIBASE_58BTC, peer_id_span(id));
    ASSERT(e == OK);
}

void peer_id_format_cid(char out[PEER_ID_TEXT_MAX], const struct peer_id *id)
{
    uint8_t buf[2 + PEER_ID_SIZE_MAX] = { 1, CID_CODEC_LIBP2P_KEY };
    memcpy(buf + 2, id->bytes, id->size);
    enum err e = multibase_format(out, PEER_ID_TEXT_MAX, MULTIBASE_36, span_of(buf, 2U + id->size));
    ASSERT(e == OK);
}

bool peer_id_eq(const struct peer_id *a, const struct peer_id *b)
{
    return span_eq(peer_id_span(a), peer_id_span(b));
}

enum err peer_id_key(struct peer_key *out, const struct peer_id *id)
{
    *out = (struct peer_key){ 0 };
    if (id->size < 2 || id->bytes[0] != CID_HASH_IDENTITY)
        return ERR_NOT_FOUND;
    return peer_key_decode(out, span_sub(peer_id_span(id), 2, PEER_ID_SIZE_MAX));
}
