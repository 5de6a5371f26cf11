#include "codec/ipni.h"

#include "codec/cbor.h"
#include "codec/envelope.h"
#include "codec/json_out.h"
#include "codec/multibase.h"
#include "crypto/sha256.h"

enum { BASE64_MAX = 2048, SIGNED_MAX = 4096, ADVERTISED = 0, REMOVED = 1 };

static const char domain[] = "indexer", ad_type[] = "/indexer/ingest/adSignature";

/* SPEC ipni 1.5: "The CID of no entries is `bafkreehdwdcefgh4dqkjv67uzcmw7oje`" */
static const uint8_t no_entries[] = { 0x01, 0x55, 0x12, 0x10, 0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc,
                                      0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24 };

void ipni_multihash(uint8_t out[IPNI_MULTIHASH_SIZE], const uint8_t digest[32])
{
    out[0] = 0x12;
    out[1] = 0x20;
    memcpy(out + 2, digest, 32);
}

struct cid ipni_cid(struct span block)
{
    struct cid cid = {
        .version = 1, .digest_size = 32, .codec = CID_CODEC_DAG_JSON, .hash = CID_HASH_SHA2_256
    };
    sha256(cid.digest, block);
    return cid;
}

/* ---- DAG-JSON; keys are written in the order of their bytes ------------------------------------
 */

static void put_bytes(struct json_out *j, struct span bytes)
{
    char text[BASE64_MAX];
    if (bytes.n > BASE64_MAX / 2 - 4 ||
        multibase_format_bare(text, sizeof(text), MULTIBASE_64, bytes) != OK) {
        writer_fail(j->w, ERR_LIMIT);
        return;
    }
    json_out_object(j);
    json_out_key(j, "/");
    json_out_object(j);
    json_out_member_str(j, "bytes", text);
    json_out_object_end(j);
    json_out_object_end(j);
}

static void put_link(struct json_out *j, struct span cid)
{
    char text[CID_TEXT_MAX];
    if (multibase_format(text, sizeof(text), MULTIBASE_32, cid) != OK) {
        writer_fail(j->w, ERR_LIMIT);
        return;
    }
    json_out_object(j);
    json_out_member_str(j, "/", text);
    json_out_object_end(j);
}

void ipni_write_entries(struct writer *w, const uint8_t multihash[IPNI_MULTIHASH_SIZE])
{
    struct json_out j = json_out_to(w);
    json_out_object(&j);
    json_out_key(&j, "Entries");
    json_out_array(&j);
    put_bytes(&j, span_of(multihash, IPNI_MULTIHASH_SIZE));
    json_out_array_end(&j);
    json_out_object_end(&j);
}

/* ---- advertisements ----------------------------------------------------------------------------
 */

/* The bytes of a CID; empty for none. */
struct cid_bytes {
    uint8_t b[CID_SIZE_MAX];
    size_t n;
};

static struct span bytes_of(struct cid_bytes *out, const struct cid *cid)
{
    struct writer w = writer_of(out->b, sizeof(out->b));
    if (cid != NULL)
        cid_write(&w, cid);
    return writer_span(&w);
}

static struct span metadata_of(uint8_t out[8], const struct ipni_ad *ad)
{
    struct writer w = writer_of(out, 8);
    if (ad->bitswap)
        write_uvarint(&w, 0x0900);
    if (ad->http) {
        write_uvarint(&w, 0x0920);
        write_uvarint(&w, 0); /* the length of its payload; the one above has none */
    }
    return writer_span(&w);
}

/* SPEC ipni 1.3: "the previous CID, the CID of the entries, Provider, Addresses, Metadata and a
 * byte for IsRm" */
static void sign_ad(struct writer *out, const struct ipni_ad *ad, struct span previous,
                    struct span entries, const char *provider)
{
    uint8_t text[SIGNED_MAX + IPNI_ADDRESSES_MAX * MULTIADDR_TEXT_MAX], metadata[8], digest[32];
    uint8_t payload[IPNI_MULTIHASH_SIZE];
    struct writer w = writer_of(text, sizeof(text));
    write_span(&w, previous);
    write_span(&w, entries);
    write_span(&w, span_str(provider));
    for (size_t i = 0; i < ad->address_count; i++) {
        char address[MULTIADDR_TEXT_MAX];
        multiaddr_format(address, &ad->addresses[i]);
        write_span(&w, span_str(address));
    }
    write_span(&w, metadata_of(metadata, ad));
    write_u8(&w, ad->is_removal ? REMOVED : ADVERTISED);
    if (w.err != OK)
        writer_fail(out, w.err);
    sha256(digest, writer_span(&w));
    ipni_multihash(payload, digest);
    envelope_seal(out, ad->key, domain, span_str(ad_type), span_of(payload, sizeof(payload)));
}

void ipni_write_ad(struct writer *w, const struct ipni_ad *ad)
{
    uint8_t signature[512], metadata[8];
    char provider[PEER_ID_TEXT_MAX];
    struct cid_bytes previous_bytes, entries_bytes;
    struct writer s = writer_of(signature, sizeof(signature));
    struct peer_key public_key = peer_key_of(ad->key);
    struct peer_id id = peer_id_of(&public_key);
    struct json_out j = json_out_to(w);
    ASSERT(ad->address_count <= IPNI_ADDRESSES_MAX && ad->is_removal == (ad->entries == NULL));
    peer_id_format(provider, &id);
    struct span previous = bytes_of(&previous_bytes, ad->previous);
    struct span entries = ad->is_removal ? span_of(no_entries, sizeof(no_entries))
                                         : bytes_of(&entries_bytes, ad->entries);
    sign_ad(&s, ad, previous, entries, provider);
    if (s.err != OK)
        writer_fail(w, s.err);
    json_out_object(&j);
    json_out_key(&j, "Addresses");
    json_out_array(&j);
    for (size_t i = 0; i < ad->address_count; i++) {
        char address[MULTIADDR_TEXT_MAX];
        multiaddr_format(address, &ad->addresses[i]);
        json_out_str(&j, address);
    }
    json_out_array_end(&j);
    json_out_key(&j, "ContextID");
    put_bytes(&j, span_of(ad->context, sizeof(ad->context)));
    json_out_key(&j, "Entries");
    put_link(&j, entries);
    json_out_member_bool(&j, "IsRm", ad->is_removal);
    json_out_key(&j, "Metadata");
    put_bytes(&j, metadata_of(metadata, ad));
    if (ad->previous != NULL) {
        json_out_key(&j, "PreviousID");
        put_link(&j, previous);
    }
    json_out_member_str(&j, "Provider", provider);
    json_out_key(&j, "Signature");
    put_bytes(&j, writer_span(&s));
    json_out_object_end(&j);
}

void ipni_write_head(struct writer *w, const struct cid *head, const struct ed25519_key *key)
{
    uint8_t signature[ED25519_SIGNATURE_SIZE], public_bytes[PEER_KEY_SIZE_MAX];
    struct cid_bytes bytes;
    struct peer_key public_key = peer_key_of(key);
    struct writer k = writer_of(public_bytes, sizeof(public_bytes));
    struct json_out j = json_out_to(w);
    struct span cid = bytes_of(&bytes, head);
    peer_key_write(&k, &public_key);
    ed25519_sign(signature, cid, key);
    json_out_object(&j);
    json_out_key(&j, "head");
    put_link(&j, cid);
    json_out_key(&j, "pubkey");
    put_bytes(&j, writer_span(&k));
    json_out_key(&j, "sig");
    put_bytes(&j, span_of(signature, sizeof(signature)));
    json_out_object_end(&j);
}

void ipni_write_announce(struct writer *w, const struct cid *head, const struct multiaddr *list,
                         size_t count)
{
    cbor_write_array(w, 3);
    cbor_write_link(w, head);
    cbor_write_array(w, count);
    for (size_t i = 0; i < count; i++)
        cbor_write_bytes(w, multiaddr_span(&list[i]));
    cbor_write_bytes(w, (struct span){ NULL, 0 });
}

/* ---- what has been told ------------------------------------------------------------------------
 */

void ipni_told_write(struct writer *w, const struct ipni_told *t)
{
    cbor_write_array(w, 2);
    if (t->any)
        cbor_write_link(w, &t->head);
    else
        cbor_write_null(w);
    cbor_write_bytes(w, span_of(t->digests, t->count * 32));
}

static enum err read_told(struct ipni_told *out, struct span in)
{
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    cbor_read_array_of(&c, 2);
    out->any = !cbor_try_null(&c);
    if (out->any)
        cbor_read_link(&c, &out->head);
    struct span list = cbor_read_bytes(&c);
    cbor_require(&c, list.n % 32 == 0, ERR_FORMAT);
    cbor_require(&c, list.n / 32 <= out->max, ERR_LIMIT);
    TRY(cbor_finish(&c));
    for (size_t i = 0; i < list.n / 32; i++) {
        memcpy(out->digests[i], list.p + i * 32, 32);
        if (i > 0 && memcmp(out->digests[i - 1], out->digests[i], 32) >= 0)
            return ERR_FORMAT;
    }
    out->count = list.n / 32;
    return OK;
}

enum err ipni_told_read(struct ipni_told *out, struct span in)
{
    enum err e = read_told(out, in);
    if (e != OK) {
        out->any = false;
        out->count = 0;
        out->head = (struct cid){ 0 };
    }
    return e;
}
