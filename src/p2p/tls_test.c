#include "p2p/tls.h"

#include "base/hex.h"
#include "p2p/testchannel.h"
#include "p2p/testends.h"
#include "p2p/tls_cert.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static struct peer_id id_of(const struct ed25519_key *pair)
{
    struct peer_key key = peer_key_of(pair);
    return peer_id_of(&key);
}

/* ---- certificates
 * -------------------------------------------------------------------------------- */

static void check_vector(const char *name, struct span der)
{
    struct peer_key key;
    enum err e = tls_cert_check_der(&key, der, NOW);
    if (strcmp(name, "invalid") == 0) {
        CHECK_ERR(e, ERR_SIGNATURE);
        CHECK(key.size == 0);
        return;
    }
    CHECK_OK(e);
    char text[PEER_ID_TEXT_MAX];
    struct peer_id id = peer_id_of(&key);
    peer_id_format(text, &id);
    CHECK(strcmp(text, name) == 0);
    for (size_t n = 0; n < der.n; n += 3) {
        uint8_t *exact = check_dup(der.p, n);
        CHECK(tls_cert_check_der(&key, span_of(exact, n), NOW) != OK);
        free(exact);
    }
    for (size_t bit = 0; bit < der.n * 8; bit += 11) {
        uint8_t *flipped = check_dup(der.p, der.n);
        flipped[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(tls_cert_check_der(&key, span_of(flipped, der.n), NOW) != OK);
        free(flipped);
    }
}

static void test_vectors_of_the_specification(void **state)
{
    (void)state;
    char line[2048];
    uint8_t der[1024];
    int count = 0;
    FILE *f = fopen("tests/vectors/libp2p/tls-certificates.txt", "r");
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = 0;
        char *hex = strchr(line, ' ');
        if (line[0] == '#' || hex == NULL)
            continue;
        *hex++ = 0;
        size_t n = strlen(hex) / 2;
        CHECK_OK(hex_parse(der, n, hex));
        check_vector(line, span_of(der, n));
        count++;
    }
    fclose(f);
    CHECK(count == 4);
}

/* Our own certificate, changed by one rule, signed again. */
struct change {
    const char *rule;
    const char *critical, *plain; /* OIDs of further extensions */
    int64_t from, to;             /* validity around NOW, in seconds; 0: as it is */
    bool drop, twice, weak;
    enum err want;
};

static void add_other(X509 *cert, const char *oid, int critical)
{
    ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
    CHECK(obj != NULL && data != NULL && ASN1_OCTET_STRING_set(data, (const uint8_t *)"x", 1));
    X509_EXTENSION *ext = X509_EXTENSION_create_by_OBJ(NULL, obj, critical, data);
    CHECK(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(data);
    ASN1_OBJECT_free(obj);
}

static enum err check_changed(const struct change *c)
{
    X509 *cert;
    EVP_PKEY *pkey;
    struct peer_key key;
    CHECK_OK(tls_cert_make(&cert, &pkey, &identity[0], NOW));
    if (c->drop)
        X509_EXTENSION_free(X509_delete_ext(cert, 0));
    if (c->twice)
        CHECK(X509_add_ext(cert, X509_get_ext(cert, 0), -1) == 1);
    if (c->critical != NULL)
        add_other(cert, c->critical, 1);
    if (c->plain != NULL)
        add_other(cert, c->plain, 0);
    if (c->from != 0 || c->to != 0) {
        CHECK(ASN1_TIME_set(X509_getm_notBefore(cert), NOW + c->from) != NULL);
        CHECK(ASN1_TIME_set(X509_getm_notAfter(cert), NOW + c->to) != NULL);
    }
    CHECK(X509_sign(cert, pkey, c->weak ? EVP_sha1() : EVP_sha256()) > 0);
    enum err e = tls_cert_check(&key, cert, NOW);
    struct peer_key ours = peer_key_of(&identity[0]);
    CHECK(e != OK || peer_key_eq(&key, &ours));
    X509_free(cert);
    EVP_PKEY_free(pkey);
    return e;
}

static void test_rules_of_certificates(void **state)
{
    (void)state;
    static const struct change rows[] = {
        { .rule = "as it is", .want = OK },
        { .rule = "unknown extension", .plain = "1.2.3.4", .want = OK },
        { .rule = "unknown critical extension", .critical = "1.2.3.4", .want = ERR_FORMAT },
        { .rule = "no libp2p extension", .drop = true, .want = ERR_FORMAT },
        { .rule = "two libp2p extensions", .twice = true, .want = ERR_FORMAT },
        { .rule = "not yet valid", .from = 60, .to = 600, .want = ERR_RANGE },
        { .rule = "expired", .from = -600, .to = -60, .want = ERR_RANGE },
        { .rule = "valid for a moment", .from = -1, .to = 1, .want = OK },
        { .rule = "a weak hash", .weak = true, .want = ERR_FORMAT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum err e = check_changed(&rows[i]);
        if (e != rows[i].want)
            fail_msg("%s: %s", rows[i].rule, err_name(e));
    }
}

/* Signed by a key that is not in it. */
static void test_own_signature(void **state)
{
    (void)state;
    X509 *cert[2];
    EVP_PKEY *pkey[2];
    struct peer_key key;
    for (int i = 0; i < 2; i++)
        CHECK_OK(tls_cert_make(&cert[i], &pkey[i], &identity[i], NOW));
    CHECK(X509_sign(cert[0], pkey[1], EVP_sha256()) > 0);
    CHECK_ERR(tls_cert_check(&key, cert[0], NOW), ERR_SIGNATURE);
    /* Somebody else's extension on a certificate of one's own. */
    X509_EXTENSION_free(X509_delete_ext(cert[1], 0));
    CHECK(X509_add_ext(cert[1], X509_get_ext(cert[0], 0), -1) == 1);
    CHECK(X509_sign(cert[1], pkey[1], EVP_sha256()) > 0);
    CHECK_ERR(tls_cert_check(&key, cert[1], NOW), ERR_SIGNATURE);
    for (int i = 0; i < 2; i++) {
        X509_free(cert[i]);
        EVP_PKEY_free(pkey[i]);
    }
}

/* ---- connections
 * ----------------------------------------------------------------------------------- */

struct pair {
    struct testlink link;
    struct tls t[2];
    struct tls_config config[2];
};

static void pair_init(struct pair *p, size_t piece)
{
    testlink_init(&p->link, TLS_RECORD_MAX, piece);
    for (int i = 0; i < 2; i++)
        p->config[i] = (struct tls_config){ .initiator = i == 0, .now_s = NOW };
}

static void pair_start(struct pair *p)
{
    for (int i = 0; i < 2; i++)
        CHECK_OK(tls_init(&p->t[i], &shared[i], &p->config[i]));
}

static void pair_fini(struct pair *p)
{
    tls_fini(&p->t[0]);
    tls_fini(&p->t[1]);
}

static void run(struct pair *p, enum err e[2])
{
    e[0] = e[1] = OK;
    do {
        for (int i = 0; i < 2; i++)
            e[i] = tls_step(&p->t[i], &p->link.in[i], &p->link.out[i]);
    } while (testlink_move(&p->link));
}

static void test_handshake_in_any_pieces(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 3; piece++) {
        struct pair p;
        enum err e[2];
        pair_init(&p, piece);
        p.config[0].expected = id_of(&identity[1]);
        p.config[1].expected = id_of(&identity[0]);
        pair_start(&p);
        run(&p, e);
        CHECK(e[0] == OK && e[1] == OK && tls_done(&p.t[0]) && tls_done(&p.t[1]));
        for (int i = 0; i < 2; i++) {
            CHECK(peer_id_eq(&p.t[i].peer, &p.config[i].expected) && !p.t[i].muxer_agreed);
            CHECK(SSL_version(p.t[i].ssl) == TLS1_3_VERSION);
        }
        pair_fini(&p);
    }
}

static void test_another_peer_than_expected(void **state)
{
    (void)state;
    for (int who = 0; who < 2; who++) {
        struct pair p;
        enum err e[2];
        uint8_t memory[64];
        struct ring app = ring_of(memory, sizeof(memory));
        pair_init(&p, 0);
        p.config[who].expected = id_of(&identity[who]);
        pair_start(&p);
        run(&p, e);
        CHECK_ERR(e[who], ERR_DENIED);
        CHECK(!tls_done(&p.t[who]) && p.t[who].peer.size == 0);
        if (who == 0) {
            CHECK_ERR(e[1], ERR_CLOSED); /* an alert tells the listener */
        } else {
            /* The dialer believes itself connected, until it reads. */
            CHECK(tls_done(&p.t[0]));
            CHECK_ERR(tls_open(&p.t[0], &p.link.in[0], &app), ERR_CLOSED);
            CHECK(ring_used(&app) == 0);
        }
        pair_fini(&p);
    }
}

static void test_certificate_of_another_time(void **state)
{
    (void)state;
    struct pair p;
    enum err e[2];
    pair_init(&p, 0);
    p.config[0].now_s = NOW - 7200;
    pair_start(&p);
    run(&p, e);
    CHECK_ERR(e[0], ERR_RANGE);
    pair_fini(&p);
}

/* Without one in common both go on, and agree later. */
static void test_early_muxers(void **state)
{
    (void)state;
    const struct testchannel_muxers *row;
    for (size_t k = 0; (row = testchannel_muxers(k)) != NULL; k++) {
        struct pair p;
        enum err e[2];
        bool agreed = row->want != NULL && row->want[0] != 0;
        pair_init(&p, k % 2);
        for (int i = 0; i < 2; i++) {
            p.config[i].muxers = row->lists[i];
            p.config[i].muxer_count = row->counts[i];
        }
        pair_start(&p);
        run(&p, e);
        CHECK(e[0] == OK && e[1] == OK && tls_done(&p.t[0]) && tls_done(&p.t[1]));
        for (int i = 0; i < 2; i++) {
            CHECK(p.t[i].muxer_agreed == agreed);
            if (agreed)
                CHECK(strcmp(row->lists[i][p.t[i].muxer], row->want) == 0);
        }
        pair_fini(&p);
    }
}

/* A dialer that is plain libssl: what it offers, and how that ends for our listener. */
static enum err plain_dialer(int version, const char *alpn, bool certificate, bool chain)
{
    struct pair p;
    pair_init(&p, 0);
    pair_start(&p);
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    X509 *cert[2] = { NULL };
    EVP_PKEY *key[2] = { NULL };
    CHECK(ctx != NULL && SSL_CTX_set_max_proto_version(ctx, version) == 1);
    for (int i = 0; i < 2; i++)
        CHECK_OK(tls_cert_make(&cert[i], &key[i], &identity[0], NOW));
    if (certificate)
        CHECK(SSL_CTX_use_certificate(ctx, cert[0]) == 1 &&
              SSL_CTX_use_PrivateKey(ctx, key[0]) == 1);
    if (chain)
        CHECK(SSL_CTX_add1_chain_cert(ctx, cert[1]) == 1);
    SSL *ssl = SSL_new(ctx);
    CHECK(ssl != NULL);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (alpn != NULL)
        CHECK(SSL_set_alpn_protos(ssl, (const uint8_t *)alpn, (unsigned)strlen(alpn)) == 0);
    enum err e = OK;
    for (int turn = 0; turn < 6 && e == OK; turn++) {
        uint8_t buf[8192];
        (void)SSL_connect(ssl);
        int n = BIO_read(SSL_get_wbio(ssl), buf, sizeof(buf));
        CHECK(n <= 0 || ring_write(&p.link.in[1], span_of(buf, (size_t)n)));
        e = tls_step(&p.t[1], &p.link.in[1], &p.link.out[1]);
        struct span out = ring_peek(&p.link.out[1]);
        (void)BIO_write(SSL_get_rbio(ssl), out.p, (int)out.n);
        ring_drop(&p.link.out[1], out.n);
    }
    CHECK((e == OK) == tls_done(&p.t[1]));
    for (int i = 0; i < 2; i++) {
        X509_free(cert[i]);
        EVP_PKEY_free(key[i]);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    pair_fini(&p);
    return e;
}

static void test_what_a_listener_refuses(void **state)
{
    (void)state;
    CHECK_OK(plain_dialer(TLS1_3_VERSION, "\x06libp2p", true, false));
    CHECK_OK(plain_dialer(TLS1_3_VERSION, NULL, true, false));
    CHECK_ERR(plain_dialer(TLS1_3_VERSION, "\x02h2", true, false), ERR_UNSUPPORTED);
    CHECK_ERR(plain_dialer(TLS1_2_VERSION, "\x06libp2p", true, false), ERR_FORMAT);
    CHECK_ERR(plain_dialer(TLS1_3_VERSION, "\x06libp2p", false, false), ERR_FORMAT);
    CHECK_ERR(plain_dialer(TLS1_3_VERSION, "\x06libp2p", true, true), ERR_FORMAT);
}

static void test_no_tls_at_all(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 0);
    pair_start(&p);
    CHECK(ring_write(&p.link.in[1], span_str("GET / HTTP/1.1\r\n\r\n")));
    CHECK_ERR(tls_step(&p.t[1], &p.link.in[1], &p.link.out[1]), ERR_FORMAT);
    CHECK_ERR(tls_step(&p.t[1], &p.link.in[1], &p.link.out[1]), ERR_FORMAT);
    pair_fini(&p);
}

/* A bit flipped in the second flight, which is all of the listener's part. */
static void test_flipped_bits_are_noticed(void **state)
{
    (void)state;
    size_t size = 1;
    for (size_t at = 0; at < size; at += 37) {
        struct pair p;
        pair_init(&p, 0);
        pair_start(&p);
        CHECK_OK(tls_step(&p.t[0], &p.link.in[0], &p.link.out[0]));
        testlink_move(&p.link);
        CHECK_OK(tls_step(&p.t[1], &p.link.in[1], &p.link.out[1]));
        struct mspan wire = ring_edit(&p.link.out[1]);
        size = wire.n;
        wire.p[at] ^= 0x10;
        testlink_move(&p.link);
        enum err e = tls_step(&p.t[0], &p.link.in[0], &p.link.out[0]);
        CHECK(!tls_done(&p.t[0])); /* a changed length makes it wait */
        CHECK(e != ERR_MEMORY && e != ERR_LIMIT);
        pair_fini(&p);
    }
    CHECK(size > 600);
}

/* ---- the bytes afterwards
 * ---------------------------------------------------------------------------- */

static void channel_seal(void *end, struct ring *app_out, struct ring *net_out)
{
    tls_seal(end, app_out, net_out);
}

static enum err channel_open(void *end, struct ring *net_in, struct ring *app_in)
{
    return tls_open(end, net_in, app_in);
}

static void test_transport_carries_everything(void **state)
{
    (void)state;
    struct prng g;
    size_t piece, limit;
    prng_init(&g, 11);
    for (size_t k = 0; testchannel_pieces(k, &piece, &limit); k++) {
        struct pair p;
        enum err e[2];
        pair_init(&p, piece);
        pair_start(&p);
        run(&p, e);
        CHECK(e[0] == OK && e[1] == OK);
        const struct testchannel c = { .link = &p.link,
                                       .ends = { &p.t[0], &p.t[1] },
                                       .seal = channel_seal,
                                       .open = channel_open,
                                       .out_size = 40000,
                                       .in_size = 1 + (size_t)prng_below(&g, 39999) };
        testchannel_carries(&c, &g, limit);
        for (int i = 0; i < 2; i++) {
            CHECK(!p.t[i].closed);
            tls_close(&p.t[i], &p.link.out[i]);
        }
        while (testlink_move(&p.link)) {
        }
        for (int i = 0; i < 2; i++) {
            uint8_t memory[64];
            struct ring app_in = ring_of(memory, sizeof(memory));
            CHECK_OK(tls_open(&p.t[i], &p.link.in[i], &app_in));
            CHECK(p.t[i].closed && ring_used(&app_in) == 0);
        }
        pair_fini(&p);
    }
}

static void test_changed_record_ends_it(void **state)
{
    (void)state;
    uint8_t memory[64];
    struct ring app = ring_of(memory, sizeof(memory));
    struct pair p;
    enum err e[2];
    pair_init(&p, 0);
    pair_start(&p);
    run(&p, e);
    CHECK(ring_write(&app, span_str("hello")));
    tls_seal(&p.t[0], &app, &p.link.out[0]);
    CHECK(ring_used(&app) == 0);
    ring_edit(&p.link.out[0]).p[7] ^= 1;
    testlink_move(&p.link);
    CHECK_ERR(tls_open(&p.t[1], &p.link.in[1], &app), ERR_SIGNATURE);
    CHECK_ERR(tls_open(&p.t[1], &p.link.in[1], &app), ERR_SIGNATURE);
    CHECK(ring_used(&app) == 0);
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_of_the_specification),
        cmocka_unit_test(test_rules_of_certificates),
        cmocka_unit_test(test_own_signature),
        cmocka_unit_test(test_handshake_in_any_pieces),
        cmocka_unit_test(test_another_peer_than_expected),
        cmocka_unit_test(test_certificate_of_another_time),
        cmocka_unit_test(test_early_muxers),
        cmocka_unit_test(test_what_a_listener_refuses),
        cmocka_unit_test(test_no_tls_at_all),
        cmocka_unit_test(test_flipped_bits_are_noticed),
        cmocka_unit_test(test_transport_carries_everything),
        cmocka_unit_test(test_changed_record_ends_it),
    };
    return cmocka_run_group_tests(tests, testends_setup, testends_teardown);
}
