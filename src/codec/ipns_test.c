#include "codec/ipns.h"

#include "base/check.h"

#include <stdio.h>

enum { NOW = 1795000000 }; /* November 2026 */

static const char folder[] = "tests/vectors/gateway-conformance/";

/* The records of gateway-conformance (fixtures/ipns_records/README.md) and what they are for. */
static const struct {
    const char *file;
    enum err decoded, verified;
    const char *value;
} rows[] = {
    { "k51qzi5uqu5djokp3m1keo36hoxtd6u3a1d2rg1camf6al7p3huy63dojlm57c_0", OK, OK,
      "/ipfs/bafybeib3ffl2teiqdncv3mkz4r23b5ctrwkzrrhctdbne6iboayxuxk5ui/root2" },
    { "k51qzi5uqu5diamp7qnnvs1p1gzmku3eijkeijs3418j23j077zrkok63xdm8c_v1-v2-broken-signature-v2_2",
      OK, ERR_SIGNATURE, "/ipfs/bafkqahtwgevxmmrao5uxi2bamjzg623fnyqhg2lhnzqxi5lsmuqhmmq" },
    { "k51qzi5uqu5dilgf7gorsh9vcqqq4myo6jd4zmqkuy9pxyxi5fua3uf7axph4y_v1-v2-broken-signature-v1_3",
      OK, OK, "/ipfs/bafkqahtwgevxmmrao5uxi2bamjzg623fnyqhg2lhnzqxi5lsmuqhmmi" },
    { "k51qzi5uqu5dit2ku9mutlfgwyz8u730on38kd10m97m36bjt66my99hb6103f_v2_4", OK, OK,
      "/ipfs/bafkqadtwgiww63tmpeqhezldn5zgi" },
    { "k51qzi5uqu5dlkw8pxuw9qmqayfdeh4kfebhmreauqdc6a7c3y7d5i9fi8mk9w_v1-v2_5", OK, OK,
      "/ipfs/bafkqaddwgevxmmraojswg33smq" },
    { "k51qzi5uqu5dlmit2tuwdvnx4sbnyqgmvbxftl0eo3f33wwtb9gr7yozae9kpw_v1-v2-broken-v1-value_6",
      ERR_FORMAT, OK, "" },
    { "k51qzi5uqu5dm4tm0wt8srkg9h9suud4wuiwjimndrkydqm81cqtlb5ak6p7ku_v1_7", ERR_FORMAT, OK, "" },
    { "12D3KooWLQzUv2FHWGVPXTXSZpdHs7oHbXub2G5WC8Tx4NQhyd2d_10", OK, OK,
      "/ipfs/bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am" },
    { "QmVujd5Vb7moysJj8itnGufN7MEtPRCNHkKpNuA4onsRa3_11", OK, OK, /* RSA */
      "/ipfs/bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am" },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static size_t load(uint8_t out[IPNS_RECORD_MAX], const char *file)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s%s.ipns-record", folder, file);
    FILE *f = fopen(path, "rb");
    CHECK(f != NULL);
    size_t n = fread(out, 1, IPNS_RECORD_MAX, f);
    fclose(f);
    CHECK(n > 0);
    return n;
}

static struct peer_id name_of(const char *file)
{
    struct peer_id id;
    CHECK_OK(peer_id_parse(&id, span_of(file, strcspn(file, "_"))));
    return id;
}

static void the_public_records(void **state)
{
    (void)state;
    uint8_t bytes[IPNS_RECORD_MAX];
    for (size_t i = 0; i < ROWS; i++) {
        struct ipns_record r;
        size_t n = load(bytes, rows[i].file);
        struct peer_id name = name_of(rows[i].file), other = name_of(rows[(i + 1) % ROWS].file);
        CHECK_ERR(ipns_decode(&r, span_of(bytes, n)), rows[i].decoded);
        if (rows[i].decoded != OK) {
            CHECK(r.data.p == NULL && r.value.p == NULL);
            continue;
        }
        CHECK_SPAN(r.value, span_str(rows[i].value));
        CHECK_ERR(ipns_verify(&r, &name, NOW), rows[i].verified);
        CHECK(ipns_verify(&r, &other, NOW) != OK);
        if (rows[i].verified == OK) {
            CHECK_OK(ipns_verify(&r, &name, r.validity_s));
            CHECK_ERR(ipns_verify(&r, &name, r.validity_s + 1), ERR_TIMEOUT);
        }
    }
}

/* No prefix and no record with one bit changed passes for the same value with a good signature. */
static void no_other_bytes_are_signed(void **state)
{
    (void)state;
    uint8_t bytes[IPNS_RECORD_MAX];
    for (size_t i = 0; i < ROWS; i++) {
        struct ipns_record good, r;
        size_t n = load(bytes, rows[i].file);
        struct peer_id name = name_of(rows[i].file);
        if (ipns_decode(&good, span_of(bytes, n)) != OK)
            continue;
        for (size_t cut = 0; cut < n; cut++) {
            uint8_t *exact = check_dup(bytes, cut);
            CHECK(ipns_decode(&r, span_of(exact, cut)) != OK || ipns_verify(&r, &name, NOW) != OK ||
                  span_eq(r.data, good.data));
            free(exact);
        }
        /* RSA takes longer: fewer of its bits. */
        for (size_t bit = 0; bit<8 * n; bit += n> 500 ? 61 : 1) {
            uint8_t *flipped = check_dup(bytes, n);
            flipped[bit / 8] ^= (uint8_t)(1U << bit % 8);
            if (ipns_decode(&r, span_of(flipped, n)) == OK && ipns_verify(&r, &name, NOW) == OK)
                CHECK_SPAN(r.data, good.data);
            free(flipped);
        }
    }
}

static void what_we_write_is_read(void **state)
{
    (void)state;
    const uint8_t seed[ED25519_SEED_SIZE] = { 7 };
    struct ed25519_key key;
    ed25519_keypair(&key, seed);
    struct peer_key public = peer_key_of(&key);
    struct peer_id name = peer_id_of(&public);
    struct ipns_record in = { .value = span_str("/ipfs/bafkqaaa"),
                              .sequence = 3,
                              .ttl_ns = 60000000000,
                              .validity = span_str("2126-01-01T00:00:00.5Z") };
    uint8_t bytes[IPNS_RECORD_MAX + 64];
    struct writer w = writer_of(bytes, sizeof(bytes));
    struct ipns_record r, newer;
    CHECK_OK(ipns_encode(&w, &in, &key));
    CHECK_OK(ipns_decode(&r, writer_span(&w)));
    CHECK_OK(ipns_verify(&r, &name, NOW));
    CHECK_SPAN(r.value, in.value);
    CHECK(r.sequence == 3 && r.ttl_ns == in.ttl_ns && r.validity_ns == 500000000);
    newer = r;
    newer.sequence = 4;
    newer.validity_s = 0;
    CHECK(ipns_compare(&newer, &r) > 0 && ipns_compare(&r, &newer) < 0);
    newer = r;
    newer.validity_ns++;
    CHECK(ipns_compare(&newer, &r) > 0 && ipns_compare(&r, &r) == 0);
    for (size_t n = 0; n < w.len; n++) {
        struct writer small = writer_of(bytes, n);
        CHECK_ERR(ipns_encode(&small, &in, &key), ERR_LIMIT);
    }
    in.validity = span_str("tomorrow");
    w = writer_of(bytes, sizeof(bytes));
    CHECK_ERR(ipns_encode(&w, &in, &key), ERR_FORMAT);
}

static void limits(void **state)
{
    (void)state;
    static uint8_t large[IPNS_RECORD_MAX + 1];
    struct ipns_record r;
    CHECK_ERR(ipns_decode(&r, span_of(large, sizeof(large))), ERR_LIMIT);
    CHECK_ERR(ipns_decode(&r, span_of(NULL, 0)), ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_public_records),
        cmocka_unit_test(no_other_bytes_are_signed),
        cmocka_unit_test(what_we_write_is_read),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
