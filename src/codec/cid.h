/* cid: content identifiers, and the content key that the chain and the stores use.
 * Spec: multiformats/cid, multiformats/multihash; what we accept: docs/spec/content.md 1.
 * Pure; a struct cid holds no pointer. */
#ifndef CRUST_CODEC_CID_H
#define CRUST_CODEC_CID_H

#include "base/reader.h"
#include "base/writer.h"

/* Multicodec numbers. */
enum {
    CID_CODEC_CBOR = 0x51,
    CID_CODEC_RAW = 0x55,
    CID_CODEC_DAG_PB = 0x70,
    CID_CODEC_DAG_CBOR = 0x71,
    CID_CODEC_LIBP2P_KEY = 0x72,
    CID_CODEC_DAG_JSON = 0x0129,
    CID_CODEC_JSON = 0x0200,
};

enum {
    CID_HASH_IDENTITY = 0x00,
    CID_HASH_SHA2_256 = 0x12,
    CID_HASH_SHA2_512 = 0x13,
    CID_HASH_BLAKE3 = 0x1e,
};

enum {
    CID_DIGEST_MAX = 64,    /* longest digest of a real hash function */
    CID_IDENTITY_MAX = 128, /* longest inlined block, IPIP-512 */
    CID_SIZE_MAX = 149,     /* binary: version, two numbers of 9 bytes, a length of 2, 128 bytes */
    CID_TEXT_MAX = 2 * CID_SIZE_MAX + 2, /* text in any base with prefix and NUL */
};

struct cid {
    uint8_t version;     /* 0 or 1 */
    uint8_t digest_size; /* bytes used in digest */
    uint64_t codec;      /* below 2^63; CID_CODEC_DAG_PB when version is 0 */
    uint64_t hash;       /* multihash code, below 2^63; CID_HASH_SHA2_256 when version is 0 */
    uint8_t digest[CID_IDENTITY_MAX]; /* the bytes after digest_size are zero */
};

/* What names stored content: CIDv0 and CIDv1 of one dag-pb block are one key. */
struct content_key {
    uint32_t codec;
    uint8_t digest[32]; /* sha2-256 */
};

/* cid_read takes one binary CID, which says itself where it ends, from a reader.
 *
 * Out:      *out, zeroed on failure.
 * Failures: ERR_SHORT; ERR_FORMAT (a version other than 0 and 1, a padded number); ERR_LIMIT
 * (digest over CID_DIGEST_MAX, or over CID_IDENTITY_MAX for identity), recorded in the reader.
 * Canonical: at most one byte string reads as a given CID, and cid_write gives it back. */
void cid_read(struct cid *out, struct reader *r);

/* cid_decode reads exactly one CID. Returns as cid_read fails, or ERR_TRAILING. */
NODISCARD enum err cid_decode(struct cid *out, struct span in);

/* cid_write writes the binary form, at most CID_SIZE_MAX bytes. */
void cid_write(struct writer *w, const struct cid *cid);

/* The length of the binary form. */
size_t cid_size(const struct cid *cid);

/* cid_parse reads the text of a CID: version 0 in bare base58btc ("Qm..."), version 1 in base32,
 * base36, base58btc, base16 or base64 with its prefix; either case where the base has one.
 *
 * Out:     *out, zeroed on failure.
 * Returns: OK, ERR_UNSUPPORTED (another base), ERR_FORMAT, ERR_SHORT, ERR_TRAILING, ERR_LIMIT. */
NODISCARD enum err cid_parse(struct cid *out, struct span text);

/* cid_format writes the text with its NUL: version 0 in base58btc, version 1 in base32 in lower
 * case, libp2p keys in base36. */
void cid_format(char out[CID_TEXT_MAX], const struct cid *cid);

/* The same in the base with this multibase prefix (asserted); it is ignored for version 0. */
void cid_format_base(char out[CID_TEXT_MAX], const struct cid *cid, char base);

/* Equal as bytes: the two versions of one dag-pb CID differ. */
bool cid_eq(const struct cid *a, const struct cid *b);

/* True when the CID carries its block in itself; *data borrows the bytes from cid. */
bool cid_inlined(struct span *data, const struct cid *cid);

/* cid_key: OK when the hash is sha2-256 over 32 bytes and the codec fits, else ERR_UNSUPPORTED and
 * *out zeroed. */
NODISCARD enum err cid_key(struct content_key *out, const struct cid *cid);

/* The CIDv1 of a key, and the CIDv0 of a dag-pb digest. */
struct cid cid_of_key(const struct content_key *key);
struct cid cid_v0(const uint8_t digest[32]);

/* The identity CID of a block of at most CID_IDENTITY_MAX bytes (asserted). */
struct cid cid_identity(uint64_t codec, struct span data);

/* By codec, then by digest bytes: <0, 0, >0. The order of the records of a data commitment. */
int cid_key_cmp(const struct content_key *a, const struct content_key *b);

#endif
