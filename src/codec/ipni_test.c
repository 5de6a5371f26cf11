#include "codec/ipni.h"

#include "base/check.h"
#include "codec/dag_json.h"
#include "codec/envelope.h"
#include "codec/json.h"
#include "codec/multibase.h"
#include "crypto/sha256.h"

#include <stdio.h>

static uint8_t buf[IPNI_BLOCK_MAX], cbor[IPNI_BLOCK_MAX], scratch[DAG_JSON_SCRATCH(IPNI_BLOCK_MAX)];
static struct ed25519_key key;

static void make_key(void)
{
    const uint8_t seed[32] = { 1, 2, 3 };
    ed25519_keypair(&key, seed);
}

static void entries_are_one_multihash(void **state)
{
    (void)state;
    static const char want[] = "{\"Entries\":[{\"/\":{\"bytes\":"
                               "\"EiDjsMRCmPwcFJr79MiZb7kkJ65B5GSbk0yklZkbeFK4VQ\"}}]}";
    uint8_t digest[32], mh[IPNI_MULTIHASH_SIZE];
    struct writer w = writer_of(buf, sizeof(buf));
    sha256(digest, (struct span){ NULL, 0 });
    ipni_multihash(mh, digest);
    ipni_write_entries(&w, mh);
    CHECK_SPAN(writer_span(&w), span_of(want, sizeof(want) - 1));
}

static struct ipni_ad sample(const struct cid *entries, const struct cid *previous)
{
    struct ipni_ad ad = { .key = &key,
                          .entries = entries,
                          .previous = previous,
                          .context = { 0x12, 0x20, 7 },
                          .address_count = 2,
                          .bitswap = true,
                          .http = true,
                          .is_removal = entries == NULL };
    CHECK_OK(multiaddr_parse(&ad.addresses[0], span_str("/ip4/1.2.3.4/tcp/4001")));
    CHECK_OK(multiaddr_parse(&ad.addresses[1], span_str("/dns4/a.example/tcp/443/https")));
    return ad;
}

static struct span bytes_at(uint8_t *out, size_t max, struct json_value object, const char *name)
{
    size_t n = 0;
    struct json_value v = json_get(json_get(json_get(object, name), "/"), "bytes");
    CHECK_OK(multibase_parse_bare(out, &n, max, MULTIBASE_64, span_str(json_text(v))));
    return span_of(out, n);
}

static size_t link_at(uint8_t *out, size_t max, struct json_value object, const char *name)
{
    size_t n = 0;
    const char *text = json_text(json_get(json_get(object, name), "/"));
    CHECK_OK(multibase_parse(out, &n, max, span_str(text)));
    return n;
}

/* The signature as an indexer checks it: over what the advertisement says, put together again. */
static void check_signature(struct span block, bool first)
{
    struct json doc;
    uint8_t all[2048], field[512], digest[32], want[IPNI_MULTIHASH_SIZE];
    struct writer w = writer_of(all, sizeof(all));
    CHECK_OK(json_open(&doc, block, IPNI_BLOCK_MAX));
    struct json_value root = json_root(&doc), addresses = json_get(root, "Addresses");
    if (!first)
        write_span(&w, span_of(field, link_at(field, sizeof(field), root, "PreviousID")));
    write_span(&w, span_of(field, link_at(field, sizeof(field), root, "Entries")));
    write_span(&w, span_str(json_text(json_get(root, "Provider"))));
    for (size_t i = 0; i < json_count(addresses); i++)
        write_span(&w, span_str(json_text(json_at(addresses, i))));
    struct span metadata = bytes_at(field, sizeof(field), root, "Metadata");
    CHECK_SPAN(metadata, span_of("\x80\x12\xa0\x12\0", 5)); /* as go-libipni writes it */
    write_span(&w, metadata);
    write_u8(&w, json_bool(json_get(root, "IsRm")));
    sha256(digest, writer_span(&w));
    ipni_multihash(want, digest);
    struct envelope e;
    struct span signature = bytes_at(field, sizeof(field), root, "Signature");
    CHECK_OK(envelope_open(&e, signature, "indexer"));
    CHECK_SPAN(e.payload_type, span_str("/indexer/ingest/adSignature"));
    CHECK_SPAN(e.payload, span_of(want, sizeof(want)));
    struct peer_id signer = peer_id_of(&e.key), named;
    CHECK_OK(peer_id_parse(&named, span_str(json_text(json_get(root, "Provider")))));
    CHECK(peer_id_eq(&signer, &named));
    CHECK_OK(doc.err);
    json_close(&doc);
}

static void advertisements_are_signed(void **state)
{
    (void)state;
    make_key();
    const struct cid entries = ipni_cid(span_str("x"));
    struct ipni_ad ad = sample(&entries, NULL);
    for (int k = 0; k < 3; k++) {
        static uint8_t copy[IPNI_BLOCK_MAX];
        struct writer w = writer_of(buf, sizeof(buf)), c = writer_of(cbor, sizeof(cbor));
        struct cid previous = ipni_cid(span_str("previous"));
        ad = sample(k == 2 ? NULL : &entries, k == 0 ? NULL : &previous);
        ipni_write_ad(&w, &ad);
        CHECK_OK(w.err);
        memcpy(copy, buf, w.len);
        check_signature(span_of(copy, w.len), k == 0);
        if (k == 2)
            continue; /* the link to nothing has a short hash */
        /* The bytes are those that any writer of DAG-JSON gives. */
        CHECK_OK(
            dag_json_to_cbor(&c, span_of(copy, w.len), (struct mspan){ scratch, sizeof(scratch) }));
        size_t n = w.len;
        w = writer_of(buf, sizeof(buf));
        CHECK_OK(
            dag_json_from_cbor(&w, writer_span(&c), (struct mspan){ scratch, sizeof(scratch) }));
        CHECK_SPAN(writer_span(&w), span_of(copy, n));
    }
}

static void a_head_is_signed(void **state)
{
    (void)state;
    make_key();
    struct json doc;
    struct peer_key public_key;
    uint8_t pub[128], sig[128], bytes[IPNI_CID_MAX];
    struct cid head = ipni_cid(span_str("ad"));
    struct writer w = writer_of(buf, sizeof(buf)), c = writer_of(bytes, sizeof(bytes));
    ipni_write_head(&w, &head, &key);
    cid_write(&c, &head);
    CHECK_OK(w.err);
    CHECK_OK(json_open(&doc, writer_span(&w), IPNI_BLOCK_MAX));
    struct json_value root = json_root(&doc);
    uint8_t link[64];
    CHECK_SPAN(span_of(link, link_at(link, sizeof(link), root, "head")), writer_span(&c));
    CHECK_OK(peer_key_decode(&public_key, bytes_at(pub, sizeof(pub), root, "pubkey")));
    CHECK_OK(
        peer_key_verify(&public_key, writer_span(&c), bytes_at(sig, sizeof(sig), root, "sig")));
    json_close(&doc);
}

static void announcements(void **state)
{
    (void)state;
    struct multiaddr a;
    struct cid head = ipni_cid(span_str("ad"));
    struct writer w = writer_of(buf, sizeof(buf));
    CHECK_OK(multiaddr_parse(&a, span_str("/ip4/1.2.3.4/tcp/80/http")));
    ipni_write_announce(&w, &head, &a, 1);
    CHECK_OK(w.err);
    CHECK(w.len == (size_t)45 + a.size + 1);
    CHECK_SPAN(span_of(buf, 6), span_of("\x83\xd8\x2a\x58\x26\x00", 6)); /* [CID, */
    CHECK_SPAN(span_of(buf + 43, 2), span_of("\x81\x4a", 2));            /* [10 bytes] */
    CHECK(buf[w.len - 1] == 0x40);
}

static void what_was_told_reads_back(void **state)
{
    (void)state;
    uint8_t digests[3][32] = { { 1 }, { 2 }, { 2, 1 } }, got[3][32];
    struct ipni_told t = { .digests = digests, .count = 3, .any = true }, back = { 0 };
    t.head = ipni_cid(span_str("ad"));
    for (size_t max = 0; max <= 3; max++) {
        struct writer w = writer_of(buf, sizeof(buf));
        ipni_told_write(&w, &t);
        CHECK_OK(w.err);
        back = (struct ipni_told){ .digests = got, .max = max };
        CHECK_ERR(ipni_told_read(&back, writer_span(&w)), max == 3 ? OK : ERR_LIMIT);
        CHECK(back.any == (max == 3) && back.count == (max == 3 ? 3u : 0u));
    }
    CHECK(memcmp(got, digests, sizeof(got)) == 0);
    struct writer w = writer_of(buf, sizeof(buf));
    ipni_told_write(&w, &t);
    for (size_t n = 0; n < w.len; n++) {
        uint8_t *exact = check_dup(buf, n);
        CHECK(ipni_told_read(&back, span_of(exact, n)) != OK && !back.any);
        free(exact);
    }
    memcpy(digests[2], digests[1], 32); /* not ascending */
    w = writer_of(buf, sizeof(buf));
    ipni_told_write(&w, &t);
    CHECK_ERR(ipni_told_read(&back, writer_span(&w)), ERR_FORMAT);
    t = (struct ipni_told){ .digests = digests };
    w = writer_of(buf, sizeof(buf));
    ipni_told_write(&w, &t);
    CHECK_OK(ipni_told_read(&back, writer_span(&w)));
    CHECK(!back.any && back.count == 0);
}

/* A file of tests/vectors/ipni, which go-libipni has written. */
static struct span vector(uint8_t *out, size_t max, const char *name)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "tests/vectors/ipni/%s", name);
    FILE *f = fopen(path, "r");
    CHECK(f != NULL);
    size_t n = fread(out, 1, max, f);
    CHECK(n > 0 && n < max);
    fclose(f);
    return span_of(out, n);
}

static void the_bytes_are_those_of_go(void **state)
{
    (void)state;
    uint8_t want[2048], digest[32];
    struct cid entries, first, last;
    struct multiaddr at;
    struct writer w = writer_of(buf, sizeof(buf));
    make_key();
    sha256(digest, span_str("content"));
    struct ipni_ad ad = sample(&entries, NULL);
    ipni_multihash(ad.context, digest);
    ipni_write_entries(&w, ad.context);
    CHECK_SPAN(writer_span(&w), vector(want, sizeof(want), "entries.json"));
    entries = ipni_cid(writer_span(&w));
    w = writer_of(buf, sizeof(buf));
    ipni_write_ad(&w, &ad);
    CHECK_SPAN(writer_span(&w), vector(want, sizeof(want), "ad.json"));
    first = ipni_cid(writer_span(&w));
    ad.previous = &first;
    ad.entries = NULL;
    ad.is_removal = true;
    w = writer_of(buf, sizeof(buf));
    ipni_write_ad(&w, &ad);
    CHECK_SPAN(writer_span(&w), vector(want, sizeof(want), "removal.json"));
    last = ipni_cid(writer_span(&w));
    w = writer_of(buf, sizeof(buf));
    ipni_write_head(&w, &last, &key);
    CHECK_SPAN(writer_span(&w), vector(want, sizeof(want), "head.json"));
    struct peer_key public_key = peer_key_of(&key);
    struct peer_id id = peer_id_of(&public_key);
    CHECK_OK(multiaddr_parse(&at, span_str("/ip4/1.2.3.4/tcp/80/http")));
    CHECK_OK(multiaddr_add(&at, MULTIADDR_P2P, peer_id_span(&id)));
    w = writer_of(buf, sizeof(buf));
    ipni_write_announce(&w, &last, &at, 1);
    CHECK_SPAN(writer_span(&w), vector(want, sizeof(want), "announce.cbor"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_one_multihash), cmocka_unit_test(advertisements_are_signed),
        cmocka_unit_test(a_head_is_signed),          cmocka_unit_test(announcements),
        cmocka_unit_test(what_was_told_reads_back),  cmocka_unit_test(the_bytes_are_those_of_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
