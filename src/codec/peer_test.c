/* peer_key and peer_id with the vectors of libp2p's peer-ids.md. */
#include "base/check.h"
#include "base/hex.h"
#include "codec/peer_id.h"
#include "crypto/openssl.h"
#include "crypto/random.h"

#include <openssl/evp.h>
#include <stdio.h>

struct row {
    char type[16], half[16];
    uint8_t bytes[4096];
    size_t n;
};

static struct row rows[8];
static size_t row_count;

static int load_rows(void **state)
{
    (void)state;
    static char line[8192];
    FILE *f = fopen("tests/vectors/libp2p/peer-keys.txt", "r");
    if (f == NULL || random_init() != OK)
        return -1;
    while (row_count < 8 && fgets(line, sizeof(line), f) != NULL) {
        char *end = line + strcspn(line, "\n");
        *end = 0;
        char *half = strchr(line, ' ');
        if (line[0] == '#' || half == NULL)
            continue;
        *half++ = 0;
        char *hex = strchr(half, ' ');
        *hex++ = 0;
        struct row *r = &rows[row_count++];
        (void)snprintf(r->type, sizeof(r->type), "%.15s", line);
        (void)snprintf(r->half, sizeof(r->half), "%.15s", half);
        r->n = strlen(hex) / 2;
        if (hex_parse(r->bytes, r->n, hex) != OK)
            return -1;
    }
    fclose(f);
    return row_count == 8 ? 0 : -1;
}

static struct span vector(const char *type, const char *half)
{
    for (size_t i = 0; i < row_count; i++)
        if (strcmp(rows[i].type, type) == 0 && strcmp(rows[i].half, half) == 0)
            return span_of(rows[i].bytes, rows[i].n);
    fail_msg("no vector %s %s", type, half);
    return (struct span){ 0 };
}

static const char *const types[] = { "rsa", "ed25519", "secp256k1", "ecdsa" };

static void test_vectors_decode_and_write(void **state)
{
    (void)state;
    static const char *const ids[] = { "Qm", "12D3KooW", "16Uiu2HA", "Qm" };
    for (int i = 0; i < 4; i++) {
        struct peer_key key, again;
        struct span in = vector(types[i], "public");
        uint8_t buf[PEER_KEY_SIZE_MAX];
        struct writer w = writer_of(buf, sizeof(buf));
        CHECK_OK(peer_key_decode(&key, in));
        CHECK((int)key.type == i);
        peer_key_write(&w, &key);
        CHECK_SPAN(writer_span(&w), in);
        CHECK(peer_key_size(&key) == in.n);

        struct peer_id id = peer_id_of(&key), back;
        char text[PEER_ID_TEXT_MAX];
        peer_id_format(text, &id);
        CHECK(strncmp(text, ids[i], strlen(ids[i])) == 0);
        CHECK_OK(peer_id_parse(&back, span_str(text)));
        CHECK(peer_id_eq(&id, &back));
        peer_id_format_cid(text, &id);
        CHECK(text[0] == 'k');
        CHECK_OK(peer_id_parse(&back, span_str(text)));
        CHECK(peer_id_eq(&id, &back));
        enum err e = peer_id_key(&again, &id);
        CHECK_ERR(e, in.n <= PEER_ID_INLINE_MAX ? OK : ERR_NOT_FOUND);
        CHECK(e != OK || peer_key_eq(&key, &again));
    }
}

static void test_key_every_length(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct span in = vector(types[i], "public");
        for (size_t n = 0; n <= in.n + 1; n++) {
            uint8_t *exact = check_dup(in.p, n <= in.n ? n : in.n);
            uint8_t longer[1200] = { 0 };
            memcpy(longer, in.p, in.n);
            struct peer_key key;
            struct span cut = n <= in.n ? span_of(exact, n) : span_of(longer, n);
            enum err e = peer_key_decode(&key, cut);
            CHECK((e == OK) == (n == in.n));
            free(exact);
        }
    }
}

static void test_key_one_encoding_only(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum err want;
    } bad[] = {
        { "1220"
          "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
          "0801",
          ERR_FORMAT },
        { "088100"
          "1220"
          "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
          ERR_FORMAT },
        { "0801"
          "12a000"
          "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
          ERR_FORMAT },
        { "0801"
          "1220"
          "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
          "1800",
          ERR_TRAILING },
        { "0804"
          "1220"
          "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
          ERR_UNSUPPORTED },
        { "0802"
          "1220"
          "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
          ERR_FORMAT },
        { "0801"
          "121f"
          "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce2",
          ERR_FORMAT },
        { "0800"
          "1200",
          ERR_FORMAT },
        { "0801", ERR_FORMAT },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t buf[128];
        size_t n = strlen(bad[i].hex) / 2;
        struct peer_key key;
        CHECK_OK(hex_parse(buf, n, bad[i].hex));
        CHECK_ERR(peer_key_decode(&key, span_of(buf, n)), bad[i].want);
        CHECK(key.size == 0);
    }
}

/* The private halves of the vectors sign through libcrypto, which has never seen our code. */
static size_t sign_with(uint8_t *out, size_t n, struct span der, struct span message)
{
    const uint8_t *p = der.p;
    EVP_PKEY *k = d2i_AutoPrivateKey(NULL, &p, (long)der.n);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    CHECK(k != NULL && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, k) == 1);
    CHECK(EVP_DigestSign(md, out, &n, message.p, message.n) == 1);
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(k);
    return n;
}

static void test_rsa_and_ecdsa_verify(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        size_t head; /* of the protobuf around the DER private key */
    } keys[] = { { "rsa", 5 }, { "ecdsa", 4 } };
    for (size_t i = 0; i < 2; i++) {
        struct peer_key key;
        uint8_t signature[PEER_KEY_SIGNATURE_MAX];
        struct span message = span_str("a message");
        struct span private_key = vector(keys[i].type, "private");
        CHECK_OK(peer_key_decode(&key, vector(keys[i].type, "public")));
        size_t n = sign_with(signature, sizeof(signature),
                             span_sub(private_key, keys[i].head, private_key.n), message);
        CHECK_OK(peer_key_verify(&key, message, span_of(signature, n)));
        CHECK_ERR(peer_key_verify(&key, span_str("b message"), span_of(signature, n)),
                  ERR_SIGNATURE);
        CHECK_ERR(peer_key_verify(&key, message, span_of(signature, n - 1)), ERR_SIGNATURE);
        signature[n / 2] ^= 1;
        CHECK_ERR(peer_key_verify(&key, message, span_of(signature, n)), ERR_SIGNATURE);
        CHECK_ERR(peer_key_verify(&key, message, (struct span){ 0 }), ERR_SIGNATURE);
        /* No flipped bit of the key gives one that still verifies. */
        signature[n / 2] ^= 1;
        for (size_t bit = 0; bit < (size_t)key.size * 8; bit += 7) {
            struct peer_key other = key;
            other.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            CHECK(peer_key_verify(&other, message, span_of(signature, n)) != OK);
        }
    }
}

static void test_ed25519_private_vector(void **state)
{
    (void)state;
    struct ed25519_key pair;
    struct peer_key key, ours;
    uint8_t buf[PEER_KEY_PRIVATE_SIZE], old[4 + 96], signature[ED25519_SIGNATURE_SIZE];
    struct span in = vector("ed25519", "private");
    struct writer w = writer_of(buf, sizeof(buf));
    CHECK_OK(peer_key_private_decode(&pair, in));
    CHECK_OK(peer_key_decode(&key, vector("ed25519", "public")));
    ours = peer_key_of(&pair);
    CHECK(peer_key_eq(&key, &ours));
    peer_key_private_write(&w, &pair);
    CHECK_SPAN(writer_span(&w), in);
    ed25519_sign(signature, span_str("m"), &pair);
    CHECK_OK(peer_key_verify(&key, span_str("m"), span_of(signature, sizeof(signature))));
    CHECK_ERR(peer_key_verify(&key, span_str("n"), span_of(signature, sizeof(signature))),
              ERR_SIGNATURE);
    CHECK_ERR(peer_key_verify(&key, span_str("m"), span_of(signature, 63)), ERR_SIGNATURE);

    /* The older form repeats the public key. */
    memcpy(old, in.p, in.n);
    memcpy(old + in.n, in.p + in.n - 32, 32);
    old[3] = 96;
    CHECK_OK(peer_key_private_decode(&pair, span_of(old, sizeof(old))));
    old[99] ^= 1;
    CHECK_ERR(peer_key_private_decode(&pair, span_of(old, sizeof(old))), ERR_FORMAT);
    CHECK(pair.seed[0] == 0 && pair.seed[31] == 0);
    for (size_t n = 0; n < in.n; n++)
        CHECK(peer_key_private_decode(&pair, span_of(in.p, n)) != OK);
    CHECK_ERR(peer_key_private_decode(&pair, vector("rsa", "private")), ERR_UNSUPPORTED);
}

/* The three examples of the specification. */
static void test_id_examples(void **state)
{
    (void)state;
    struct peer_id a, b;
    char text[PEER_ID_TEXT_MAX];
    CHECK_OK(peer_id_parse(&a, span_str("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")));
    CHECK_OK(
        peer_id_parse(&b, span_str("bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe")));
    CHECK(peer_id_eq(&a, &b));
    peer_id_format(text, &a);
    CHECK(strcmp(text, "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N") == 0);
    CHECK_OK(peer_id_parse(&a, span_str("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")));
    CHECK(a.size == 38);
    static const char *const bad[] = {
        "",
        "1",
        "Q",
        "Qm",
        "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5",
        "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx50",
        "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", /* raw, not a key */
        "QmxoHT6iViN5xAjoz1VZ553cL31U9F94ht3QvWR1FrEbZY",              /* go-multiaddr: size 33 */
        "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5S",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(peer_id_parse(&a, span_str(bad[i])) != OK);
        CHECK(a.size == 0);
    }
}

static void test_id_every_length(void **state)
{
    (void)state;
    struct peer_id id, back;
    CHECK_OK(peer_id_parse(&id, span_str("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")));
    for (size_t n = 0; n <= 39U; n++) {
        uint8_t buf[64] = { 0 };
        memcpy(buf, id.bytes, 38);
        uint8_t *exact = check_dup(buf, n);
        enum err want = n < 38 ? ERR_SHORT : n == 38 ? OK : ERR_TRAILING;
        CHECK_ERR(peer_id_decode(&back, span_of(exact, n)), want);
        free(exact);
    }
    uint8_t other[34] = { 0x13, 0x20 };
    CHECK_ERR(peer_id_decode(&back, span_of(other, 34)), ERR_FORMAT);
    other[0] = 0x12;
    CHECK_OK(peer_id_decode(&back, span_of(other, 34)));
    other[1] = 0x1f;
    CHECK_ERR(peer_id_decode(&back, span_of(other, 33)), ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_decode_and_write),
        cmocka_unit_test(test_key_every_length),
        cmocka_unit_test(test_key_one_encoding_only),
        cmocka_unit_test(test_rsa_and_ecdsa_verify),
        cmocka_unit_test(test_ed25519_private_vector),
        cmocka_unit_test(test_id_examples),
        cmocka_unit_test(test_id_every_length),
    };
    return cmocka_run_group_tests(tests, load_rows, NULL);
}
