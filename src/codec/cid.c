#include "codec/cid.h"

static size_t digest_limit(uint64_t hash)
{
    return hash == CID_HASH_IDENTITY ? CID_IDENTITY_MAX : CID_DIGEST_MAX;
}

/* CIDv0 is a bare multihash, 0x12 0x20 and 32 bytes; 0x12 is not a version, so the first byte
 * decides. */
static void read_fields(struct cid *out, struct reader *r)
{
    uint64_t first = read_uvarint(r);
    if (first == CID_HASH_SHA2_256) {
        reader_require(r, read_uvarint(r) == 32, ERR_FORMAT);
        out->version = 0;
        out->codec = CID_CODEC_DAG_PB;
        out->hash = CID_HASH_SHA2_256;
        out->digest_size = 32;
    } else {
        reader_require(r, first == 1, ERR_FORMAT);
        out->version = 1;
        out->codec = read_uvarint(r);
        out->hash = read_uvarint(r);
        uint64_t size = read_uvarint(r);
        reader_require(r, size <= digest_limit(out->hash), ERR_LIMIT);
        out->digest_size = r->err == OK ? (uint8_t)size : 0;
    }
    read_into(r, out->digest, out->digest_size);
}

void cid_read(struct cid *out, struct reader *r)
{
    *out = (struct cid){ 0 };
    read_fields(out, r);
    if (r->err != OK)
        *out = (struct cid){ 0 };
}

enum err cid_decode(struct cid *out, struct span in)
{
    struct reader r = reader_of(in);
    cid_read(out, &r);
    if (reader_finish(&r) != OK)
        *out = (struct cid){ 0 };
    return r.err;
}

void cid_write(struct writer *w, const struct cid *cid)
{
    if (cid->version != 0) {
        write_uvarint(w, 1);
        write_uvarint(w, cid->codec);
    }
    write_uvarint(w, cid->hash);
    write_uvarint(w, cid->digest_size);
    write_bytes(w, cid->digest, cid->digest_size);
}

size_t cid_size(const struct cid *cid)
{
    size_t multihash = uvarint_size(cid->hash) + uvarint_size(cid->digest_size) + cid->digest_size;
    return cid->version == 0 ? multihash : 1 + uvarint_size(cid->codec) + multihash;
}

bool cid_eq(const struct cid *a, const struct cid *b)
{
    return a->version == b->version && a->codec == b->codec && a->hash == b->hash &&
           a->digest_size == b->digest_size && memcmp(a->digest, b->digest, a->digest_size) == 0;
}

bool cid_inlined(struct span *data, const struct cid *cid)
{
    bool yes = cid->version == 1 && cid->hash == CID_HASH_IDENTITY;
    *data = yes ? span_of(cid->digest, cid->digest_size) : span_of(NULL, 0);
    return yes;
}

enum err cid_key(struct content_key *out, const struct cid *cid)
{
    *out = (struct content_key){ 0 };
    if (cid->hash != CID_HASH_SHA2_256 || cid->digest_size != 32 || cid->codec > UINT32_MAX)
        return ERR_UNSUPPORTED;
    out->codec = (uint32_t)cid->codec;
    memcpy(out->digest, cid->digest, 32);
    return OK;
}

struct cid cid_of_key(const struct content_key *key)
{
    struct cid cid = {
        .version = 1, .digest_size = 32, .codec = key->codec, .hash = CID_HASH_SHA2_256
    };
    memcpy(cid.digest, key->digest, 32);
    return cid;
}

struct cid cid_v0(const uint8_t digest[32])
{
    struct cid cid = {
        .version = 0, .digest_size = 32, .codec = CID_CODEC_DAG_PB, .hash = CID_HASH_SHA2_256
    };
    memcpy(cid.digest, digest, 32);
    return cid;
}

struct cid cid_identity(uint64_t codec, struct span data)
{
    ASSERT(data.n <= CID_IDENTITY_MAX);
    struct cid cid = {
        .version = 1, .digest_size = (uint8_t)data.n, .codec = codec, .hash = CID_HASH_IDENTITY
    };
    if (data.n != 0)
        memcpy(cid.digest, data.p, data.n);
    return cid;
}

int cid_key_cmp(const struct content_key *a, const struct content_key *b)
{
    if (a->codec != b->codec)
        return a->codec < b->codec ? -1 : 1;
    return memcmp(a->digest, b->digest, sizeof(a->digest));
}
