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

static void a_chunk_of_one(void **state)
{
    (void)state;
    static const char want[] = "{\"Entries\":[{\"/\":{\"bytes\":"
                               "\"EiDjsMRCmPwcFJr79MiZb7kkJ65B5GSbk0yklZkbeFK4VQ\"}}]}";
    uint8_t digest[1][32];
    struct writer w = writer_of(buf, sizeof(buf));
    sha256(digest[0], (struct span){ NULL, 0 });
    ipni_write_chunk(&w, digest, 1, NULL);
    CHECK_SPAN(writer_span(&w), span_of(want, sizeof(want) - 1));
}

static void a_full_chunk_fits(void **state)
{
    (void)state;
    static uint8_t digests[IPNI_CHUNK_MAX][32];
    const struct cid next = ipni_cid(span_str("next"));
    struct json doc;
    struct writer w = writer_of(buf, sizeof(buf));
    memset(digests, 0xff, sizeof(digests));
    ipni_write_chunk(&w, digests, IPNI_CHUNK_MAX, &next);
    CHECK_OK(w.err);
    CHECK_OK(json_open(&doc, writer_span(&w), IPNI_BLOCK_MAX));
    CHECK(json_count(json_get(json_root(&doc), "Entries")) == IPNI_CHUNK_MAX);
    json_close(&doc);
}

static void contexts_name_what_they_hold(void **state)
{
    (void)state;
    uint8_t digests[3][32] = { { 1 }, { 2 }, { 3 } }, a[IPNI_MULTIHASH_SIZE], b[sizeof(a)];
    ipni_context(a, digests, 1);
    ipni_multihash(b, digests[0]);
    CHECK(memcmp(a, b, sizeof(a)) == 0);
    /* SPEC ipni 1.2: the vector */
    static const uint8_t want[] = { 0x12, 0x20, 0xe2, 0xd6, 0x91, 0x96, 0xcd, 0xaf, 0x93,
                                    0x69, 0x80, 0x89, 0xf7, 0xe2, 0x0b, 0xf3, 0x60, 0x90,
                                    0x4f, 0x7a, 0xf7, 0xdf, 0x95, 0xe7, 0x35, 0xa5, 0x79,
                                    0x9e, 0x50, 0x9e, 0x66, 0x1b, 0x85, 0x2f };
    ipni_context(a, digests, 3);
    CHECK_SPAN(span_of(a, sizeof(a)), span_of(want, sizeof(want)));
    ipni_context(b, digests, 2);
    CHECK(memcmp(a, b, sizeof(a)) != 0);
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

static uint8_t digests[8][32], contexts[8][IPNI_MULTIHASH_SIZE];
static uint32_t groups[8];

static struct ipni_told told_of(size_t max)
{
    return (
        struct ipni_told){ .digests = digests, .groups = groups, .contexts = contexts, .max = max };
}

/* Three contents in two groups. */
static struct ipni_told three(void)
{
    static uint8_t pair[2][32] = { { 1 }, { 3 } }, single[1][32] = { { 2 } };
    uint8_t context[IPNI_MULTIHASH_SIZE];
    struct ipni_told t = told_of(8);
    t.any = true;
    t.head = ipni_cid(span_str("ad"));
    ipni_context(context, pair, 2);
    ipni_told_add(&t, pair, 2, context);
    ipni_context(context, single, 1);
    ipni_told_add(&t, single, 1, context);
    return t;
}

static void what_was_told_reads_back(void **state)
{
    (void)state;
    struct ipni_told t = three(), back;
    static uint8_t text[1024], again[1024];
    for (int addresses = 0; addresses < 2; addresses++) {
        t = three();
        t.addresses[3] = (uint8_t)addresses;
        struct writer w = writer_of(text, sizeof(text)), x = writer_of(again, sizeof(again));
        ipni_told_write(&w, &t);
        CHECK_OK(w.err);
        for (size_t max = 0; max <= 3; max++) {
            back = told_of(max);
            CHECK_ERR(ipni_told_read(&back, writer_span(&w)), max == 3 ? OK : ERR_LIMIT);
            CHECK(back.any == (max == 3) && back.count == (max == 3 ? 3u : 0u));
        }
        CHECK(back.group_count == 2 && back.addresses[3] == addresses);
        ipni_told_write(&x, &back);
        CHECK_SPAN(writer_span(&x), writer_span(&w));
        back = told_of(8);
        for (size_t n = 0; n < w.len; n++) {
            uint8_t *exact = check_dup(text, n);
            CHECK(ipni_told_read(&back, span_of(exact, n)) != OK && !back.any);
            free(exact);
        }
        for (size_t i = 0; i < 8 * w.len; i++) { /* every bit: refused, or read as written */
            text[i / 8] ^= (uint8_t)(1 << i % 8);
            x = writer_of(again, sizeof(again));
            if (ipni_told_read(&back, writer_span(&w)) == OK) {
                ipni_told_write(&x, &back);
                CHECK_SPAN(writer_span(&x), writer_span(&w));
            } else {
                CHECK(!back.any && back.count == 0 && back.group_count == 0);
            }
            text[i / 8] ^= (uint8_t)(1 << i % 8);
        }
    }
    t = told_of(8);
    struct writer w = writer_of(text, sizeof(text));
    ipni_told_write(&w, &t);
    CHECK_SPAN(writer_span(&w), span_of("\x85\xf6\x40\x40\x40\x40", 6));
    CHECK_OK(ipni_told_read(&back, writer_span(&w)));
    CHECK(!back.any && back.count == 0);
}

static void what_was_told_is_refused(void **state)
{
    (void)state;
    static const enum {
        ORDER,
        GROUP,
        EMPTY_GROUP,
        CONTEXT
    } rows[] = { ORDER, GROUP, EMPTY_GROUP, CONTEXT };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ipni_told t = three(), back = told_of(8);
        static uint8_t text[1024];
        struct writer w = writer_of(text, sizeof(text));
        if (rows[i] == ORDER)
            memcpy(digests[2], digests[1], 32);
        else if (rows[i] == GROUP)
            groups[1] = 2;
        else if (rows[i] == EMPTY_GROUP)
            groups[1] = 0;
        else
            contexts[1][1] = 0x21;
        ipni_told_write(&w, &t);
        CHECK_ERR(ipni_told_read(&back, writer_span(&w)), ERR_FORMAT);
    }
}

static void groups_come_and_go(void **state)
{
    (void)state;
    struct ipni_told t = three();
    uint8_t out[8][32], more[2][32] = { { 0 }, { 9 } }, context[IPNI_MULTIHASH_SIZE];
    CHECK(ipni_told_group(&t, out, 8, 0) == 2 && out[0][0] == 1 && out[1][0] == 3);
    CHECK(ipni_told_group(&t, out, 8, 1) == 1 && out[0][0] == 2);
    ipni_context(context, more, 2);
    ipni_told_add(&t, more, 2, context);
    CHECK(t.count == 5 && t.group_count == 3 && digests[0][0] == 0 && digests[4][0] == 9);
    CHECK(groups[0] == 2 && groups[1] == 0 && groups[2] == 1 && groups[3] == 0 && groups[4] == 2);
    ipni_told_drop(&t, 0); /* the last one gets its number */
    CHECK(t.count == 3 && t.group_count == 2 && memcmp(contexts[0], context, 34) == 0);
    CHECK(ipni_told_group(&t, out, 8, 0) == 2 && out[0][0] == 0 && out[1][0] == 9);
    CHECK(ipni_told_group(&t, out, 1, 0) == 1);
    ipni_told_drop(&t, 1);
    ipni_told_drop(&t, 0);
    CHECK(t.count == 0 && t.group_count == 0);
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
    uint8_t want[2048], digest[1][32];
    struct cid entries, first, last;
    struct multiaddr at;
    struct writer w = writer_of(buf, sizeof(buf));
    make_key();
    sha256(digest[0], span_str("content"));
    struct ipni_ad ad = sample(&entries, NULL);
    ipni_multihash(ad.context, digest[0]);
    ipni_write_chunk(&w, digest, 1, NULL);
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

/* A list in two chunks, and a change of addresses. */
static void groups_and_addresses_are_those_of_go(void **state)
{
    (void)state;
    uint8_t want[2048], list[2][32], digest[1][32];
    struct writer w = writer_of(buf, sizeof(buf));
    make_key();
    sha256(digest[0], span_str("c"));
    ipni_write_chunk(&w, digest, 1, NULL);
    CHECK_SPAN(writer_span(&w), vector(want, sizeof(want), "chunk-last.json"));
    const struct cid last = ipni_cid(writer_span(&w));
    sha256(list[0], span_str("a"));
    sha256(list[1], span_str("b"));
    w = writer_of(buf, sizeof(buf));
    ipni_write_chunk(&w, list, 2, &last);
    CHECK_SPAN(writer_span(&w), vector(want, sizeof(want), "chunk-first.json"));
    const struct cid entries = ipni_cid(writer_span(&w));
    struct ipni_ad ad = sample(&entries, NULL);
    sha256(digest[0], span_str("group"));
    ipni_multihash(ad.context, digest[0]);
    w = writer_of(buf, sizeof(buf));
    ipni_write_ad(&w, &ad);
    CHECK_SPAN(writer_span(&w), vector(want, sizeof(want), "group.json"));
    const struct cid previous = ipni_cid(writer_span(&w));
    ad.previous = &previous;
    ad.entries = NULL;
    ad.bitswap = false;
    ad.address_count = 1;
    CHECK_OK(multiaddr_parse(&ad.addresses[0], span_str("/dns4/b.example/tcp/443/https")));
    w = writer_of(buf, sizeof(buf));
    ipni_write_ad(&w, &ad);
    CHECK_SPAN(writer_span(&w), vector(want, sizeof(want), "addresses.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chunk_of_one),
        cmocka_unit_test(a_full_chunk_fits),
        cmocka_unit_test(contexts_name_what_they_hold),
        cmocka_unit_test(advertisements_are_signed),
        cmocka_unit_test(a_head_is_signed),
        cmocka_unit_test(announcements),
        cmocka_unit_test(what_was_told_reads_back),
        cmocka_unit_test(what_was_told_is_refused),
        cmocka_unit_test(groups_come_and_go),
        cmocka_unit_test(the_bytes_are_those_of_go),
        cmocka_unit_test(groups_and_addresses_are_those_of_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
