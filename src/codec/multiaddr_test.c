#include "codec/multiaddr.h"

#include "base/check.h"
#include "base/hex.h"
#include "crypto/random.h"

#include <stdio.h>

static struct multiaddr parse(const char *text)
{
    struct multiaddr a;
    CHECK_OK(multiaddr_parse(&a, span_str(text)));
    return a;
}

/* Text and bytes each give the other back; every prefix of the bytes is another address or none. */
static void check_both_ways(const struct multiaddr *a)
{
    char text[MULTIADDR_TEXT_MAX];
    struct multiaddr back;
    multiaddr_format(text, a);
    CHECK_OK(multiaddr_parse(&back, span_str(text)));
    CHECK(multiaddr_eq(a, &back));
    for (size_t n = 0; n < a->size; n++) {
        uint8_t *exact = check_dup(a->bytes, n);
        enum err e = multiaddr_decode(&back, span_of(exact, n));
        CHECK(e == OK || e == ERR_SHORT || e == ERR_FORMAT || e == ERR_UNSUPPORTED);
        CHECK((e == OK) == (back.size != 0));
        free(exact);
    }
}

/* tests/vectors/libp2p/multiaddr.txt: "good TEXT", "bad TEXT", "bytes TEXT HEX". */
static void test_vectors_of_go_multiaddr(void **state)
{
    (void)state;
    char line[1024], out[MULTIADDR_TEXT_MAX];
    size_t good = 0, bad = 0, bytes = 0;
    FILE *f = fopen("tests/vectors/libp2p/multiaddr.txt", "r");
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL) {
        struct multiaddr a;
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "good ", 5) == 0) {
            good++;
            a = parse(line + 5);
            check_both_ways(&a);
        } else if (strncmp(line, "bad ", 4) == 0) {
            bad++;
            if (multiaddr_parse(&a, span_str(line + 4)) == OK)
                fail_msg("parsed: %s", line);
            CHECK(a.size == 0);
        } else if (strncmp(line, "bytes ", 6) == 0) {
            uint8_t want[256];
            char *hex = strchr(line + 6, ' ');
            *hex++ = 0;
            size_t n = strlen(hex) / 2;
            bytes++;
            CHECK_OK(hex_parse(want, n, hex));
            a = parse(line + 6);
            CHECK_SPAN(multiaddr_span(&a), span_of(want, n));
            CHECK_OK(multiaddr_decode(&a, span_of(want, n)));
            multiaddr_format(out, &a);
            CHECK(strcmp(out, line + 6) == 0);
        }
    }
    fclose(f);
    CHECK(good == 79 && bad == 38 && bytes == 3);
}

static void test_text_is_as_kubo_prints_it(void **state)
{
    (void)state;
    static const char *const same[] = {
        "/ip4/127.0.0.1/tcp/4001",
        "/ip6/::1/udp/4001/quic-v1",
        "/dns4/example.com/tcp/443/tls/sni/example.com/http/http-path/a%2Fb",
        "/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt",
        "/ip4/1.2.3.4/tcp/4001/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA/"
        "p2p-circuit",
        "/ip4/1.2.3.4/udp/9/quic-v1/webtransport/certhash/"
        "uEiAkH5a4DPGKUuOBjYw0CgwjvcJCJMD2K_1aluKR_tpevQ",
        "/unix/run/crust.sock",
        "/memory/18446744073709551615",
        "/ip6zone/eth0/ip6/fe80::1/tcp/1",
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        char out[MULTIADDR_TEXT_MAX];
        struct multiaddr a = parse(same[i]);
        multiaddr_format(out, &a);
        CHECK(strcmp(out, same[i]) == 0);
        check_both_ways(&a);
    }
}

static void test_bytes_that_are_no_address(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *hex;
        enum err want;
    } rows[] = {
        { "empty", "", ERR_FORMAT },
        { "unknown protocol", "0700", ERR_UNSUPPORTED },
        { "padded code", "84007f000001", ERR_FORMAT },
        { "short ip4", "047f0000", ERR_SHORT },
        { "length beyond the end", "3505616263", ERR_SHORT },
        { "huge length", "35ffffffffffffffff7f61", ERR_SHORT },
        { "empty name", "3500", ERR_FORMAT },
        { "slash in a name", "3503612f62", ERR_FORMAT },
        { "control byte in a name", "3503610062", ERR_FORMAT },
        { "padded length",
          "358100"
          "61",
          ERR_FORMAT },
        { "peer id of another hash", "a5030413021234", ERR_FORMAT },
        { "certhash without digest", "d203021200", ERR_FORMAT },
        { "certhash with a tail", "d203041201aabb", ERR_FORMAT },
        { "path without slash", "9003026162", ERR_FORMAT },
        { "something after a path",
          "9003022f61"
          "06"
          "0001",
          ERR_FORMAT },
        { "prefix of 129 bits", "2b81", ERR_FORMAT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t buf[32];
        struct multiaddr a;
        size_t n = strlen(rows[i].hex) / 2;
        CHECK_OK(hex_parse(buf, n, rows[i].hex));
        enum err e = multiaddr_decode(&a, span_of(buf, n));
        if (e != rows[i].want)
            fail_msg("%s: %s", rows[i].rule, err_name(e));
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct multiaddr a = { 0 };
    uint8_t port[2] = { 0 };
    for (int i = 0; i < MULTIADDR_PARTS_MAX; i++)
        CHECK_OK(multiaddr_add(&a, MULTIADDR_TCP, span_of(port, 2)));
    CHECK_ERR(multiaddr_add(&a, MULTIADDR_TCP, span_of(port, 2)), ERR_LIMIT);
    CHECK(a.size == 3 * MULTIADDR_PARTS_MAX);
    uint8_t path[MULTIADDR_SIZE_MAX];
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    a = (struct multiaddr){ 0 };
    CHECK_ERR(multiaddr_add(&a, MULTIADDR_UNIX, span_of(path, MULTIADDR_SIZE_MAX)), ERR_LIMIT);
    CHECK_OK(multiaddr_add(&a, MULTIADDR_UNIX, span_of(path, MULTIADDR_SIZE_MAX - 4)));
    CHECK(a.size == MULTIADDR_SIZE_MAX);
    check_both_ways(&a);
    /* The longest text: every byte escaped. */
    memset(path, 0xff, sizeof(path));
    a = (struct multiaddr){ 0 };
    CHECK_OK(multiaddr_add(&a, MULTIADDR_HTTP_PATH, span_of(path, MULTIADDR_SIZE_MAX - 4)));
    check_both_ways(&a);
    CHECK_ERR(multiaddr_add(&a, 7, span_of(path, 0)), ERR_UNSUPPORTED);
    CHECK_ERR(multiaddr_add(&a, MULTIADDR_TCP, span_of(path, 1)), ERR_FORMAT);
}

static void test_what_a_tcp_dialer_needs(void **state)
{
    (void)state;
    struct multiaddr_tcp t;
    char text[PEER_ID_TEXT_MAX];
    struct multiaddr a =
        parse("/ip4/10.1.2.3/tcp/4001/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA");
    CHECK_OK(multiaddr_tcp_of(&t, &a));
    CHECK(t.host == MULTIADDR_IP4 && t.ip[0] == 10 && t.ip[3] == 3 && t.port == 4001);
    peer_id_format(text, &t.peer);
    CHECK(strcmp(text, "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA") == 0);
    a = parse("/dns6/example.com/tcp/65535");
    CHECK_OK(multiaddr_tcp_of(&t, &a));
    CHECK(t.host == MULTIADDR_DNS6 && strcmp(t.name, "example.com") == 0 && t.port == 65535);
    CHECK(t.peer.size == 0);
    uint8_t ip6[16] = { 0x20, 1 };
    a = multiaddr_of_ip(span_of(ip6, 16), 80);
    struct multiaddr same = parse("/ip6/2001::/tcp/80");
    CHECK(multiaddr_eq(&a, &same));
    static const char *const others[] = {
        "/ip4/1.2.3.4",
        "/ip4/1.2.3.4/udp/1",
        "/ip4/1.2.3.4/tcp/1/ws",
        "/tcp/1",
        "/ip4/1.2.3.4/tcp/1/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA/p2p-circuit",
        "/dnsaddr/example.com/tcp/1",
        "/ip6zone/x/ip6/fe80::1/tcp/1",
        "/unix/a",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        a = parse(others[i]);
        CHECK_ERR(multiaddr_tcp_of(&t, &a), ERR_UNSUPPORTED);
        CHECK(t.host == 0);
    }
}

static int setup(void **state)
{
    (void)state;
    return random_init() == OK ? 0 : -1;
}

static void addresses_of_http_servers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *url; /* NULL: none */
    } rows_[] = {
        { "/dns4/a.example/tcp/443/https", "https://a.example:443" },
        { "/dns/a.example/tcp/443/tls/http", "https://a.example:443" },
        { "/ip4/1.2.3.4/tcp/8080/http", "http://1.2.3.4:8080" },
        { "/ip6/2600::1/tcp/443/https", "https://[2600::1]:443" },
        { "/ip4/1.2.3.4/tcp/1/http/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN",
          "http://1.2.3.4:1" },
        { "/ip4/1.2.3.4/tcp/1", NULL },
        { "/ip4/1.2.3.4/udp/1/http", NULL },
        { "/ip4/1.2.3.4/tcp/1/tls", NULL },
        { "/ip4/1.2.3.4/tcp/1/tls/https", NULL },
        { "/ip4/1.2.3.4/tcp/1/http/http", NULL },
        { "/ip4/1.2.3.4/tcp/1/ws", NULL },
        { "/dns4/a@b/tcp/1/http", NULL },
        { "/dns4/a:b/tcp/1/http", NULL },
        { "/ip4/1.2.3.4", NULL },
    };
    char url[MULTIADDR_URL_MAX];
    struct multiaddr a;
    for (size_t i = 0; i < sizeof(rows_) / sizeof(rows_[0]); i++) {
        CHECK_OK(multiaddr_parse(&a, span_str(rows_[i].text)));
        CHECK_ERR(multiaddr_url(url, &a), rows_[i].url == NULL ? ERR_UNSUPPORTED : OK);
        CHECK(strcmp(url, rows_[i].url == NULL ? "" : rows_[i].url) == 0);
    }
}

static void urls_of_servers(void **state)
{
    (void)state;
    static const struct {
        const char *url, *text; /* NULL: none */
    } list[] = {
        { "http://1.2.3.4:8080", "/ip4/1.2.3.4/tcp/8080/http" },
        { "https://a.example", "/dns/a.example/tcp/443/https" },
        { "https://a.example/", "/dns/a.example/tcp/443/https" },
        { "http://[2600::1]:81/", "/ip6/2600::1/tcp/81/http" },
        { "http://a.example/gateway", NULL },
        { "ftp://a.example", NULL },
        { "http://", NULL },
        { "http://a:b", NULL },
        { "http://a:99999", NULL },
        { "http://[::1", NULL },
        { "http://1.2.3", NULL },
    };
    struct multiaddr a;
    char text[MULTIADDR_TEXT_MAX];
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        enum err e = multiaddr_of_url(&a, list[i].url);
        CHECK((e == OK) == (list[i].text != NULL));
        if (e != OK) {
            CHECK(a.size == 0);
            continue;
        }
        multiaddr_format(text, &a);
        CHECK(strcmp(text, list[i].text) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_of_go_multiaddr),
        cmocka_unit_test(test_text_is_as_kubo_prints_it),
        cmocka_unit_test(test_bytes_that_are_no_address),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_what_a_tcp_dialer_needs),
        cmocka_unit_test(addresses_of_http_servers),
        cmocka_unit_test(urls_of_servers),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
