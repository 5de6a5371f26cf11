#include "api/routing_serve.h"

#include "base/check.h"

#include <stdio.h>

#define CID  "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
#define ID   "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8"
#define ID_2 "QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN"

static struct routing_serve_request r;
static const char *why;

static uint16_t parse(const char *path, const char *query, const char *accept)
{
    char *exact = (char *)check_dup(path, strlen(path) + 1);
    uint16_t status = routing_serve_parse(&r, &why, exact, query, accept);
    CHECK((status == 200) == (why[0] == '\0'));
    free(exact);
    return status;
}

static void paths_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        uint16_t status;
        enum routing_serve_what what;
    } rows[] = {
        { "/routing/v1/providers/" CID, 200, ROUTING_SERVE_PROVIDERS },
        { "/routing/v1/providers/" ID_2, 200, ROUTING_SERVE_PROVIDERS }, /* a CIDv0 */
        { "/routing/v1/peers/" ID, 200, ROUTING_SERVE_PEERS },
        { "/routing/v1/peers/" ID_2, 200, ROUTING_SERVE_PEERS },
        { "/routing/v1/ipns/" ID, 200, ROUTING_SERVE_IPNS },
        { "/routing/v1/dht/closest/peers/" ID, 200, ROUTING_SERVE_CLOSEST },
        { "/routing/v1/dht/closest/peers/" CID, 200, ROUTING_SERVE_CLOSEST },
        { "/routing/v1/providers/%62"
          "afkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
          200, ROUTING_SERVE_PROVIDERS },
        { "/routing/v1/providers/", 400, 0 },
        { "/routing/v1/providers", 400, 0 },
        { "/routing/v1/", 400, 0 },
        { "/routing/v1/nothing/" CID, 400, 0 },
        { "/routing/v1/providers/" CID "/", 400, 0 },
        { "/routing/v1/dht/closest/" ID, 400, 0 },
        { "/routing/v2/providers/" CID, 400, 0 },
        { "/routing/v1/providers/" ID, 422, 0 },
        { "/routing/v1/providers/hello", 422, 0 },
        { "/routing/v1/providers/%zz", 422, 0 },
        { "/routing/v1/peers/" CID, 422, 0 },
        { "/routing/v1/ipns/example.org", 422, 0 },
        { "/routing/v1/dht/closest/peers/hello", 422, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK(parse(rows[i].path, "", NULL) == rows[i].status);
        CHECK(rows[i].status != 200 || r.what == rows[i].what);
    }
    static char longest[2048] = "/routing/v1/providers/";
    memset(longest + strlen(longest), 'b', sizeof(longest) - strlen(longest) - 1);
    CHECK(parse(longest, "", NULL) == 414);
}

static void the_key_of_a_peer_is_its_multihash(void **state)
{
    (void)state;
    struct cid v0;
    CHECK(parse("/routing/v1/dht/closest/peers/" ID, "", NULL) == 200);
    CHECK(r.cid.hash == CID_HASH_IDENTITY && r.cid.digest_size == 36);
    CHECK(r.peer.size == 38 && memcmp(r.peer.bytes + 2, r.cid.digest, 36) == 0);
    CHECK(parse("/routing/v1/dht/closest/peers/" ID_2, "", NULL) == 200);
    CHECK_OK(cid_parse(&v0, span_str(ID_2)));
    CHECK(r.cid.hash == v0.hash && memcmp(r.cid.digest, v0.digest, 32) == 0);
}

static void forms_are_chosen(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        uint16_t records, name;
        bool ndjson;
    } rows[] = {
        { NULL, 200, 200, false },
        { "", 200, 200, false },
        { "*/*", 200, 200, false },
        { "application/json", 200, 406, false },
        { "application/x-ndjson", 200, 406, true },
        { "application/x-ndjson, application/json;q=0.9", 200, 406, true },
        { "application/json, application/x-ndjson", 200, 406, true },
        { "text/html, application/*;q=0.1", 200, 200, false },
        { " Application/JSON ; charset=utf-8 ", 200, 406, false },
        { ROUTING_SERVE_IPNS_TYPE, 406, 200, false },
        { "text/html", 406, 406, false },
        { ",", 406, 406, false },
        { "application/jsonx", 406, 406, false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK(parse("/routing/v1/providers/" CID, "", rows[i].accept) == rows[i].records);
        CHECK(rows[i].records != 200 || r.ndjson == rows[i].ndjson);
        CHECK(parse("/routing/v1/ipns/" ID, "", rows[i].accept) == rows[i].name);
        CHECK(!r.ndjson);
    }
}

static void filters_are_read(void **state)
{
    (void)state;
    CHECK(parse("/routing/v1/peers/" ID, "a=b&filter-addrs=tcp%2C%21IP6&filter-protocols=unknown",
                NULL) == 200);
    CHECK(r.addrs.count == 2 && strcmp(r.addrs.names[1], "!ip6") == 0);
    CHECK(r.protocols.count == 1 && strcmp(r.protocols.names[0], "unknown") == 0);
    CHECK(parse("/routing/v1/peers/" ID, "filter-addrs=tcp&filter-addrs=udp", NULL) == 200);
    CHECK(r.addrs.count == 1 && strcmp(r.addrs.names[0], "tcp") == 0);
    CHECK(parse("/routing/v1/peers/" ID, "filter-addrs=", NULL) == 200);
    CHECK(r.addrs.count == 0);
    CHECK(parse("/routing/v1/peers/" ID, "filter-addrs=%zz", NULL) == 422);
    CHECK(parse("/routing/v1/peers/" ID, "filter-protocols=%00", NULL) == 422);
    char longer[32 + ROUTING_FILTER_NAME] = "filter-protocols=";
    memset(longer + strlen(longer), 'x', ROUTING_FILTER_NAME);
    CHECK(parse("/routing/v1/peers/" ID, longer, NULL) == 422);
}

static void answers_may_be_kept(void **state)
{
    (void)state;
    char text[ROUTING_SERVE_CACHE_MAX];
    routing_serve_cache(text, ROUTING_SERVE_SOME_S, ROUTING_SERVE_STALE_S);
    CHECK(strcmp(text, "public, max-age=300, stale-while-revalidate=172800, "
                       "stale-if-error=172800") == 0);
    routing_serve_cache(text, UINT64_MAX, UINT64_MAX);
}

/* SPEC routing-v1 6.1, 6.2: the record and the answer around it, as boxo writes them. */
static void the_vector(void **state)
{
    (void)state;
    static const char want[] =
        "{\"Addrs\":[\"/ip4/1.2.3.4/tcp/4001\",\"/dns4/a.example/tcp/443/https\"],\"ID\":\"" ID
        "\",\"Protocols\":[\"transport-bitswap\",\"transport-ipfs-gateway-http\"],"
        "\"Schema\":\"peer\"}";
    struct routing_v1_peer p = { .bitswap = true, .http = true, .addr_count = 2 };
    uint8_t text[1024];
    struct writer w = writer_of(text, sizeof(text));
    struct json_out j = json_out_to(&w);
    CHECK_OK(peer_id_parse(&p.id, span_str(ID)));
    CHECK_OK(multiaddr_parse(&p.addrs[0], span_str("/ip4/1.2.3.4/tcp/4001")));
    CHECK_OK(multiaddr_parse(&p.addrs[1], span_str("/dns4/a.example/tcp/443/https")));
    routing_v1_write(&j, &p);
    CHECK_OK(w.err);
    CHECK_SPAN(writer_span(&w), span_str(want));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_told_apart),
        cmocka_unit_test(the_key_of_a_peer_is_its_multihash),
        cmocka_unit_test(forms_are_chosen),
        cmocka_unit_test(filters_are_read),
        cmocka_unit_test(answers_may_be_kept),
        cmocka_unit_test(the_vector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
