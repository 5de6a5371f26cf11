#include "codec/holder_url.h"

#include "base/check.h"

#include <stdio.h>

#define ID      "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8"
#define ANOTHER "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"

static struct peer_id peer_of(const char *text)
{
    struct peer_id id;
    CHECK_OK(peer_id_parse(&id, span_str(text)));
    return id;
}

/* The table of docs/spec/market.md 5.6, and what lies beside it. */
static void texts_say_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum holder_url_kind kind;
        bool address;
    } rows[] = {
        { "https://gw.example/x", HOLDER_URL_GATEWAY, false },
        { "http://192.0.2.1:8081", HOLDER_URL_GATEWAY, false },
        { "/p2p/" ID, HOLDER_URL_PEER, false },
        { "/ipfs/" ID, HOLDER_URL_PEER, false }, /* the older name of the protocol */
        { "/ip4/203.0.113.5/tcp/4001/p2p/" ID, HOLDER_URL_PEER, true },
        { "/ip6/2001:db8::1/tcp/4001/p2p/" ID, HOLDER_URL_PEER, true },
        { "/dns4/node.example/tcp/4001/p2p/" ID, HOLDER_URL_PEER, true },
        { "/dnsaddr/node.example/p2p/" ID, HOLDER_URL_PEER, true },
        { "/ip4/203.0.113.5/udp/4001/quic-v1/p2p/" ID, HOLDER_URL_PEER, true },
        { "/ip4/203.0.113.5/tcp/4001", HOLDER_URL_OTHER, false },
        { "/p2p/" ID "/p2p-circuit/p2p/" ID, HOLDER_URL_OTHER, false },
        { "/p2p/" ID "/p2p/" ANOTHER, HOLDER_URL_OTHER, false },
        { "/ip4/203.0.113.5/tcp/4001/p2p/" ID "/p2p-circuit", HOLDER_URL_OTHER, false },
        { "/ip4/203.0.113.5/tcp/4001/p2p-circuit/p2p/" ID, HOLDER_URL_OTHER, false },
        { ID, HOLDER_URL_OTHER, false },
        { "/p2p/", HOLDER_URL_OTHER, false },
        { "/", HOLDER_URL_OTHER, false },
        { "", HOLDER_URL_OTHER, false },
        { "http://", HOLDER_URL_OTHER, false },
        { "HTTP://gw.example", HOLDER_URL_OTHER, false },
        { "ftp://x", HOLDER_URL_OTHER, false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct holder_url h;
        size_t n = strlen(rows[i].text);
        uint8_t *exact = check_dup(rows[i].text, n);
        holder_url_read(&h, span_of(exact, n));
        free(exact);
        if (h.kind != rows[i].kind)
            fail_msg("%s", rows[i].text);
        CHECK((h.address.size != 0) == rows[i].address);
        CHECK((h.peer.size != 0) == (h.kind == HOLDER_URL_PEER));
    }
}

/* Every strict prefix of a peer's text names no peer, or it would be another one's. */
static void a_cut_text_names_nobody(void **state)
{
    (void)state;
    static const char text[] = "/dns4/node.example/tcp/4001/p2p/" ID;
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        struct holder_url h;
        uint8_t *exact = check_dup(text, n);
        holder_url_read(&h, span_of(exact, n));
        free(exact);
        CHECK(h.kind == HOLDER_URL_OTHER && h.peer.size == 0 && h.address.size == 0);
    }
}

static void a_text_of_129_bytes_is_no_text(void **state)
{
    (void)state;
    char text[256], name[65];
    struct holder_url h;
    const size_t rest = strlen("/dns4/.com/tcp/4001/p2p/" ID);
    for (size_t extra = 0; extra < 2; extra++) {
        size_t n = HOLDER_URL_MAX - rest + extra;
        memset(name, 'a', sizeof(name));
        name[n] = '\0';
        snprintf(text, sizeof(text), "/dns4/%s.com/tcp/4001/p2p/" ID, name);
        CHECK(strlen(text) == HOLDER_URL_MAX + extra);
        holder_url_read(&h, span_str(text));
        CHECK(h.kind == (extra == 0 ? HOLDER_URL_PEER : HOLDER_URL_OTHER));
    }
}

static void check_writes(const char *address, const char *want, enum err e)
{
    char text[HOLDER_URL_MAX + 1];
    struct multiaddr a;
    const struct peer_id id = peer_of(ID);
    if (address != NULL)
        CHECK_OK(multiaddr_parse(&a, span_str(address)));
    CHECK_ERR(holder_url_of_peer(text, address == NULL ? NULL : &a, &id), e);
    CHECK(strcmp(text, want) == 0);
}

static void peers_are_written(void **state)
{
    (void)state;
    char name[80], address[256];
    check_writes(NULL, "/p2p/" ID, OK);
    check_writes("/ip4/203.0.113.5/tcp/4001", "/ip4/203.0.113.5/tcp/4001/p2p/" ID, OK);
    check_writes("/ip4/203.0.113.5/tcp/4001/p2p/" ID, "/ip4/203.0.113.5/tcp/4001/p2p/" ID, OK);
    check_writes("/p2p/" ID, "/p2p/" ID, OK);
    check_writes("/ip4/203.0.113.5/tcp/4001/p2p/" ANOTHER, "", ERR_FORMAT);
    check_writes("/ip4/203.0.113.5/tcp/4001/p2p/" ANOTHER "/p2p-circuit", "", ERR_FORMAT);
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    snprintf(address, sizeof(address), "/dns4/%s/tcp/4001", name);
    check_writes(address, "", ERR_LIMIT);
    check_writes("/unix/a\nb", "", ERR_FORMAT); /* a path goes on to the end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_say_what_they_are),
        cmocka_unit_test(a_cut_text_names_nobody),
        cmocka_unit_test(a_text_of_129_bytes_is_no_text),
        cmocka_unit_test(peers_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
