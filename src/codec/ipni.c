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

/* SPEC ipni 1.2: "of several, that of SHA-256 of `crust/ipni/group/1` and their digests" */
void ipni_context(uint8_t out[IPNI_MULTIHASH_SIZE], uint8_t (*digests)[32], size_t count)
{
    static const char tag[] = "crust/ipni/group/1";
    struct sha256 all;
    uint8_t digest[32];
    ASSERT(count > 0);
    sha256_init(&all);
    sha256_update(&all, span_of(tag, sizeof(tag) - 1));
    for (size_t i = 0; i < count; i++)
        sha256_update(&all, span_of(digests[i], 32));
    sha256_final(&all, digest);
    ipni_multihash(out, count == 1 ? digests[0] : digest);
}

void ipni_write_chunk(struct writer *w, uint8_t (*digests)[32], size_t count,
                      const struct cid *next)
{
    struct json_out j = json_out_to(w);
    uint8_t bytes[IPNI_CID_MAX];
    ASSERT(count <= IPNI_CHUNK_MAX);
    json_out_object(&j);
    json_out_key(&j, "Entries");
    json_out_array(&j);
    for (size_t i = 0; i < count; i++) {
        uint8_t multihash[IPNI_MULTIHASH_SIZE];
        ipni_multihash(multihash, digests[i]);
        put_bytes(&j, span_of(multihash, sizeof(multihash)));
    }
    json_out_array_end(&j);
    if (next != NULL) {
        struct writer c = writer_of(bytes, sizeof(bytes));
        cid_write(&c, next);
        json_out_key(&j, "Next");
        put_link(&j, writer_span(&c));
    }
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
    ASSERT(ad->address_count <= IPNI_ADDRESSES_MAX && !(ad->is_removal && ad->entries != NULL));
    peer_id_format(provider, &id);
    struct span previous = bytes_of(&previous_bytes, ad->previous);
    struct span entries = ad->entries == NULL ? span_of(no_entries, sizeof(no_entries))
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

static bool has_addresses(const struct ipni_told *t)
{
    static const uint8_t none[32];
    return memcmp(t->addresses, none, sizeof(none)) != 0;
}

void ipni_told_write(struct writer *w, const struct ipni_told *t)
{
    cbor_write_array(w, 5);
    if (t->any)
        cbor_write_link(w, &t->head);
    else
        cbor_write_null(w);
    cbor_write_bytes(w, span_of(t->addresses, has_addresses(t) ? 32 : 0));
    cbor_write_bytes(w, span_of(t->digests, t->count * 32));
    cbor_write_bytes_head(w, t->count * 4);
    for (size_t i = 0; i < t->count; i++)
        write_le32(w, t->groups[i]);
    cbor_write_bytes(w, span_of(t->contexts, t->group_count * IPNI_MULTIHASH_SIZE));
}

/* Each of the groups has a content, and each content a group. */
static enum err check_groups(const struct ipni_told *t)
{
    size_t with = 0;
    for (size_t i = 0; i < t->count; i++)
        if (t->groups[i] >= t->group_count)
            return ERR_FORMAT;
    /* A mark in the context's first byte, which is always the same, counts those that were seen. */
    for (size_t i = 0; i < t->count; i++) {
        uint8_t *mark = t->contexts[t->groups[i]];
        with += mark[0] == 0x12;
        mark[0] = 0;
    }
    for (size_t i = 0; i < t->group_count; i++)
        t->contexts[i][0] = 0x12;
    return with == t->group_count ? OK : ERR_FORMAT;
}

static enum err read_lists(struct ipni_told *out, struct span digests, struct span groups,
                           struct span contexts)
{
    const uint8_t head[2] = { 0x12, 0x20 };
    out->count = digests.n / 32;
    out->group_count = contexts.n / IPNI_MULTIHASH_SIZE;
    if (digests.n % 32 != 0 || groups.n != out->count * 4 || contexts.n % IPNI_MULTIHASH_SIZE != 0)
        return ERR_FORMAT;
    if (out->count > out->max || out->group_count > out->count)
        return out->count > out->max ? ERR_LIMIT : ERR_FORMAT;
    for (size_t i = 0; i < out->count; i++) {
        memcpy(out->digests[i], digests.p + i * 32, 32);
        out->groups[i] = load_le32(groups.p + i * 4);
        if (i > 0 && memcmp(out->digests[i - 1], out->digests[i], 32) >= 0)
            return ERR_FORMAT;
    }
    for (size_t i = 0; i < out->group_count; i++) {
        memcpy(out->contexts[i], contexts.p + i * IPNI_MULTIHASH_SIZE, IPNI_MULTIHASH_SIZE);
        if (memcmp(out->contexts[i], head, sizeof(head)) != 0)
            return ERR_FORMAT;
    }
    return check_groups(out);
}

static enum err read_told(struct ipni_told *out, struct span in)
{
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    cbor_read_array_of(&c, 5);
    out->any = !cbor_try_null(&c);
    if (out->any)
        cbor_read_link(&c, &out->head);
    struct span addresses = cbor_read_bytes(&c), digests = cbor_read_bytes(&c);
    struct span groups = cbor_read_bytes(&c), contexts = cbor_read_bytes(&c);
    TRY(cbor_finish(&c));
    if (addresses.n != 0 && addresses.n != 32)
        return ERR_FORMAT;
    if (addresses.n == 32)
        memcpy(out->addresses, addresses.p, 32);
    if (addresses.n == 32 && !has_addresses(out))
        return ERR_FORMAT; /* those are written as none */
    return read_lists(out, digests, groups, contexts);
}

enum err ipni_told_read(struct ipni_told *out, struct span in)
{
    memset(out->addresses, 0, sizeof(out->addresses));
    enum err e = read_told(out, in);
    if (e != OK) {
        out->any = false;
        out->count = out->group_count = 0;
        out->head = (struct cid){ 0 };
        memset(out->addresses, 0, sizeof(out->addresses));
    }
    return e;
}

/* From the end, so that nothing is overwritten before it has been moved. */
void ipni_told_add(struct ipni_told *t, uint8_t (*digests)[32], size_t count,
                   const uint8_t context[IPNI_MULTIHASH_SIZE])
{
    size_t old = t->count, to = t->count + count, left = count;
    ASSERT(count > 0 && to <= t->max && t->group_count < t->max);
    while (left > 0) {
        to--;
        if (old > 0 && memcmp(t->digests[old - 1], digests[left - 1], 32) > 0) {
            old--;
            memcpy(t->digests[to], t->digests[old], 32);
            t->groups[to] = t->groups[old];
        } else {
            left--;
            memcpy(t->digests[to], digests[left], 32);
            t->groups[to] = (uint32_t)t->group_count;
        }
    }
    t->count += count;
    memcpy(t->contexts[t->group_count++], context, IPNI_MULTIHASH_SIZE);
}

void ipni_told_drop(struct ipni_told *t, uint32_t group)
{
    size_t kept = 0;
    uint32_t last = (uint32_t)t->group_count - 1;
    ASSERT(group < t->group_count);
    for (size_t i = 0; i < t->count; i++) {
        if (t->groups[i] == group)
            continue;
        if (kept != i)
            memcpy(t->digests[kept], t->digests[i], 32);
        t->groups[kept++] = t->groups[i] == last ? group : t->groups[i];
    }
    t->count = kept;
    if (group != last)
        memcpy(t->contexts[group], t->contexts[last], IPNI_MULTIHASH_SIZE);
    t->group_count--;
}

size_t ipni_told_group(const struct ipni_told *t, uint8_t (*out)[32], size_t max, uint32_t group)
{
    size_t n = 0;
    for (size_t i = 0; i < t->count && n < max; i++)
        if (t->groups[i] == group)
            memcpy(out[n++], t->digests[i], 32);
    return n;
}
