#include "seal/seal_session.h"

#include "base/u128.h"
#include "codec/links.h"
#include "crypto/aead.h"

/* ---- sums mod 2^256 ---- */

/* a += c * b */
static void sum_add(struct seal_sum *a, uint64_t c, const struct seal_sum *b)
{
    u128 carry = 0;
    for (int i = 0; i < 4; i++) {
        /* At most (2^64 - 1)^2 + 2 (2^64 - 1) = 2^128 - 1. */
        carry += (u128)b->limb[i] * c + a->limb[i];
        a->limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

static struct seal_sum sum_load(const uint8_t p[32])
{
    struct seal_sum s;
    for (size_t i = 0; i < 4; i++)
        s.limb[i] = load_le64(p + 8 * i);
    return s;
}

static void sum_store(uint8_t p[32], const struct seal_sum *s)
{
    for (size_t i = 0; i < 4; i++)
        store_le64(p + 8 * i, s->limb[i]);
}

/* ---- the secret functions F and F' ---- */

static struct seal_sum f_of(const struct hmac *keyed, struct span input)
{
    struct hmac m = *keyed;
    uint8_t out[HMAC_SIZE];
    hmac_update(&m, input);
    hmac_final(&m, out);
    struct seal_sum s = sum_load(out);
    secret_wipe_bytes(out, sizeof(out));
    return s;
}

static struct seal_sum f_link(const struct seal_session *s, const struct content_key *key)
{
    uint8_t in[36];
    store_le32(in, key->codec);
    memcpy(in + 4, key->digest, 32);
    return f_of(&s->f, span_of(in, sizeof(in)));
}

static struct seal_sum f_record(const struct seal_session *s, const struct content_record *record)
{
    uint8_t in[CONTENT_RECORD_SIZE];
    content_record_encode(in, record);
    return f_of(&s->f_record, span_of(in, sizeof(in)));
}

/* Everything that follows from core; the session is OPEN. */
static void start(struct seal_session *s)
{
    s->used = true;
    s->phase = SEAL_SESSION_OPEN;
    s->segment_open = false;
    s->segment_length = 0;
    s->core.tree.tags = &seal_session_tags;
    hmac_init(&s->f, span_of(s->core.key.b, SECRET_SIZE));
    s->f_record = s->f;
    hmac_update(&s->f, span_str("crust/seal-link/1"));
    hmac_update(&s->f_record, span_str("crust/seal-record/1"));
}

enum err seal_session_begin(struct seal_session *s, uint64_t number, const struct content_key *root,
                            const struct secret *key)
{
    if (!content_codec_known(root->codec))
        return ERR_UNSUPPORTED;
    s->core = (struct seal_session_core){ .number = number, .root = *root, .key = *key };
    merkle_init(&s->core.tree, &seal_session_tags);
    start(s);
    s->core.a = f_link(s, root);
    return OK;
}

void seal_session_wipe(struct seal_session *s)
{
    struct aes_ctr aes = s->aes;
    if (s->segment_open)
        aes_ctr_forget(&aes);
    secret_wipe_bytes(s, sizeof(*s));
    s->aes = aes;
}

/* ---- blocks ---- */

/* An inlined block is part of its parent, so it needs no record; but what it would link to could
 * then be missing unnoticed, so such a link is refused. */
static enum err check_inlined(const struct cid *cid)
{
    struct span data;
    struct links inner;
    struct cid child;
    if (!cid_inlined(&data, cid) || !content_codec_known(cid->codec))
        return ERR_UNSUPPORTED;
    TRY(links_init(&inner, cid->codec, data));
    return links_next(&inner, &child) ? ERR_UNSUPPORTED : OK;
}

static enum err link_key(struct content_key *out, bool *carries_block, const struct cid *cid)
{
    *carries_block = cid->hash != CID_HASH_IDENTITY;
    if (!*carries_block)
        return check_inlined(cid);
    TRY(cid_key(out, cid));
    /* SPEC seal 3.3: "Every link MUST be sha2-256 over 32 bytes with one of these codecs, or an
     * identity CID whose inlined block has no links of its own" */
    return content_codec_known(out->codec) ? OK : ERR_UNSUPPORTED;
}

/* Adds F of every link to *sum. */
static enum err add_links(const struct seal_session *s, struct seal_sum *sum, uint32_t codec,
                          struct span block)
{
    struct links links;
    struct cid cid;
    TRY(links_init(&links, codec, block));
    while (links_next(&links, &cid)) {
        struct content_key key = { 0 };
        bool carries_block;
        TRY(link_key(&key, &carries_block, &cid));
        if (!carries_block)
            continue;
        struct seal_sum f = f_link(s, &key);
        sum_add(sum, 1, &f);
    }
    return OK;
}

/* The keystream starts at a byte offset; the cipher works from multiples of 16, so up to 15 bytes
 * before the block are run through it and thrown away. */
static void crypt_at(struct aes_ctr *aes, uint32_t offset, struct mspan block)
{
    size_t skip = offset % AES_CTR_BLOCK_SIZE;
    uint8_t *from = block.p - skip;
    memset(from, 0, skip);
    aes_ctr_xor(aes, offset - skip, from, span_of(from, block.n + skip));
}

static void segment_open(struct seal_session *s, seal_entropy entropy)
{
    static const uint8_t iv[AES_CTR_IV_SIZE];
    entropy(s->segment_key.b, SECRET_SIZE);
    aes_ctr_key(&s->aes, s->segment_key.b, iv);
    s->segment_open = true;
    s->segment_length = 0;
}

enum err seal_session_block(struct seal_session *s, struct enclave_seal_block_reply *out,
                            const struct content_key *key, struct mspan block, seal_entropy entropy)
{
    struct span bytes = span_of(block.p, block.n);
    uint8_t digest[SHA256_SIZE];
    struct content_record record;
    if (s->phase != SEAL_SESSION_OPEN || s->core.segments == UINT32_MAX)
        return ERR_STATE;
    if (block.n > CONTENT_BLOCK_MAX)
        return ERR_LIMIT;
    if (s->segment_open && block.n > ENCLAVE_SEGMENT_MAX - s->segment_length)
        return ERR_FULL;
    if (!content_codec_known(key->codec))
        return ERR_UNSUPPORTED;
    sha256(digest, bytes);
    /* SPEC seal 3.2: "A block MUST have its digest, MUST be raw, dag-pb or dag-cbor and well
     * formed" */
    if (memcmp(digest, key->digest, sizeof(digest)) != 0)
        return ERR_CORRUPT;
    struct seal_sum a = s->core.a;
    TRY(add_links(s, &a, key->codec, bytes));

    content_record_of(&record, key, bytes);
    struct seal_sum f = f_record(s, &record);
    s->core.a = a;
    sum_add(&s->core.d, 1, &f);
    s->core.blocks++;
    s->core.bytes += block.n;
    if (!s->segment_open)
        segment_open(s, entropy);
    out->segment = s->core.segments;
    out->offset = s->segment_length;
    memcpy(out->chunk_root, record.chunk_root, 32);
    crypt_at(&s->aes, s->segment_length, block);
    s->segment_length += (uint32_t)block.n;
    return OK;
}

enum err seal_session_open_block(struct aes_ctr *aes, const struct secret *key, uint32_t offset,
                                 struct mspan block, const uint8_t digest[32])
{
    static const uint8_t iv[AES_CTR_IV_SIZE];
    uint8_t got[SHA256_SIZE];
    aes_ctr_key(aes, key->b, iv);
    crypt_at(aes, offset, block);
    aes_ctr_forget(aes);
    sha256(got, span_of(block.p, block.n));
    if (memcmp(got, digest, sizeof(got)) == 0)
        return OK;
    secret_wipe_bytes(block.p, block.n); /* whatever it is, it is not what was asked for */
    return ERR_CORRUPT;
}

/* ---- segments and checkpoints ---- */

const struct merkle_tags seal_session_tags = {
    .leaf = { (const uint8_t *)"crust/segment-leaf/1", 20 },
    .node = { (const uint8_t *)"crust/segment-node/1", 20 },
};

void seal_session_segment_leaf(uint8_t out[32], uint32_t segment, uint32_t length,
                               const uint8_t wrapped[ENCLAVE_WRAPPED_SIZE])
{
    uint8_t data[40];
    struct span bytes = span_of(wrapped, ENCLAVE_WRAPPED_SIZE);
    store_le32(data, segment);
    store_le32(data + 4, length);
    sha256_tagged(data + 8, "crust/wrapped/1", &bytes, 1);
    merkle_leaf(out, &seal_session_tags, span_of(data, sizeof(data)));
}

static struct span checkpoint_ad(uint8_t buf[64], const struct seal_keys *keys)
{
    struct writer w = writer_of(buf, 64);
    write_span(&w, span_str("crust/checkpoint/1"));
    write_bytes(&w, keys->lineage, 32);
    return writer_span(&w);
}

enum { CHECKPOINT_PLAIN = SEAL_SESSION_CHECKPOINT - AEAD_NONCE_SIZE - AEAD_TAG_SIZE };

static void checkpoint(uint8_t out[SEAL_SESSION_CHECKPOINT], const struct seal_session_core *c,
                       const struct seal_keys *keys, seal_entropy entropy)
{
    uint8_t plain[CHECKPOINT_PLAIN], ad[64];
    AUTO(secret_wipe_span) UNUSED struct mspan guard = { plain, sizeof(plain) };
    struct writer w = writer_of(plain, sizeof(plain));
    write_le64(&w, c->number);
    write_le32(&w, c->root.codec);
    write_bytes(&w, c->root.digest, 32);
    write_bytes(&w, c->key.b, SECRET_SIZE);
    sum_store(writer_reserve(&w, 32), &c->a);
    sum_store(writer_reserve(&w, 32), &c->d);
    write_le64(&w, c->blocks);
    write_le64(&w, c->bytes);
    write_le32(&w, c->segments);
    /* segments is a u32, so no more than 32 hashes are pending; the others are not read. */
    write_bytes(&w, c->tree.pending, (size_t)32 * 32);
    ASSERT(w.err == OK && w.len == sizeof(plain));
    entropy(out, AEAD_NONCE_SIZE);
    const struct aead a = { .key = keys->checkpoint.b,
                            .nonce = out,
                            .ad = checkpoint_ad(ad, keys) };
    aead_seal(out + AEAD_NONCE_SIZE, &a, span_of(plain, sizeof(plain)));
}

enum err seal_session_close(struct seal_session *s, struct enclave_seal_close_reply *out,
                            uint8_t record[SEAL_SESSION_CHECKPOINT], const struct seal_keys *keys,
                            seal_entropy entropy)
{
    struct seal_session_core *c = &s->core;
    uint8_t nonce[AEAD_NONCE_SIZE], leaf[32];
    if (s->phase != SEAL_SESSION_OPEN || (!s->segment_open && c->segments > 0))
        return ERR_STATE;
    if (!s->segment_open)
        segment_open(s, entropy);
    const struct seal_keys_segment at = { c->root, c->segments, s->segment_length };
    entropy(nonce, sizeof(nonce));
    seal_keys_wrap(out->wrapped, keys, &at, &s->segment_key, nonce);
    seal_session_segment_leaf(leaf, at.segment, at.length, out->wrapped);
    merkle_add(&c->tree, leaf);
    c->segments++;
    secret_wipe(&s->segment_key);
    aes_ctr_forget(&s->aes);
    s->segment_open = false;
    out->segment = at.segment;
    out->length = at.length;
    checkpoint(record, c, keys, entropy);
    out->checkpoint = span_of(record, SEAL_SESSION_CHECKPOINT);
    return OK;
}

enum err seal_session_resume(struct seal_session *s, struct span in, const struct seal_keys *keys)
{
    uint8_t plain[CHECKPOINT_PLAIN], ad[64];
    AUTO(secret_wipe_span) UNUSED struct mspan guard = { plain, sizeof(plain) };
    if (in.n != SEAL_SESSION_CHECKPOINT)
        return ERR_FORMAT;
    const struct aead a = { .key = keys->checkpoint.b,
                            .nonce = in.p,
                            .ad = checkpoint_ad(ad, keys) };
    TRY(aead_open(plain, &a, span_sub(in, AEAD_NONCE_SIZE, SIZE_MAX)));
    struct reader r = reader_of(span_of(plain, sizeof(plain)));
    struct seal_session_core *c = &s->core;
    *c = (struct seal_session_core){ .number = read_le64(&r) };
    c->root.codec = read_le32(&r);
    read_into(&r, c->root.digest, 32);
    read_into(&r, c->key.b, SECRET_SIZE);
    c->a = sum_load(read_span(&r, 32).p);
    c->d = sum_load(read_span(&r, 32).p);
    c->blocks = read_le64(&r);
    c->bytes = read_le64(&r);
    c->segments = read_le32(&r);
    merkle_init(&c->tree, &seal_session_tags);
    c->tree.count = c->segments;
    read_into(&r, &c->tree.pending[0][0], (size_t)32 * 32);
    ASSERT(reader_finish(&r) == OK); /* what we sealed ourselves has the size that we gave it */
    start(s);
    return OK;
}

/* ---- records ---- */

static enum err take_record(struct seal_session *s, const uint8_t *p)
{
    struct content_record record;
    uint64_t degree = load_le64(p + CONTENT_RECORD_SIZE);
    if (degree == 0)
        return ERR_FORMAT;
    TRY(content_record_decode(&record, p));
    TRY(content_data_add(&s->data, &record));
    struct seal_sum link = f_link(s, &record.key), whole = f_record(s, &record);
    sum_add(&s->a_records, degree, &link);
    sum_add(&s->d_records, 1, &whole);
    return OK;
}

enum err seal_session_records(struct seal_session *s, struct span counted)
{
    if (s->phase == SEAL_SESSION_OPEN && !s->segment_open && s->core.segments > 0) {
        s->phase = SEAL_SESSION_RECORDS;
        content_data_init(&s->data);
        s->a_records = s->d_records = (struct seal_sum){ 0 };
    }
    if (s->phase != SEAL_SESSION_RECORDS)
        return ERR_STATE;
    enum err e = counted.n % ENCLAVE_COUNTED_SIZE == 0 ? OK : ERR_FORMAT;
    for (size_t at = 0; e == OK && at < counted.n; at += ENCLAVE_COUNTED_SIZE)
        e = take_record(s, counted.p + at);
    if (e != OK)
        s->phase = SEAL_SESSION_BROKEN;
    return e;
}

enum err seal_session_end(struct seal_session *s, struct content_commitment *commitment,
                          uint8_t seal_root[32])
{
    *commitment = (struct content_commitment){ 0 };
    memset(seal_root, 0, 32);
    if (s->phase != SEAL_SESSION_RECORDS)
        return ERR_STATE;
    s->phase = SEAL_SESSION_BROKEN;
    if (!secret_eq(&s->a_records, &s->core.a, sizeof(s->core.a)) ||
        !secret_eq(&s->d_records, &s->core.d, sizeof(s->core.d)))
        return ERR_CORRUPT;
    TRY(content_data_finish(commitment, &s->data));
    merkle_root(seal_root, &s->core.tree);
    s->phase = SEAL_SESSION_ENDED;
    return OK;
}
