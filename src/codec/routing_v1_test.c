#include "codec/routing_v1.h"

#include "base/check.h"

#include <stdio.h>

/* The bootstrap node va1 and an RSA one: public names. */
#define ID_A "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8"
#define ID_B "QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN"

static struct routing_v1_peer peers[ROUTING_V1_RECORDS_MAX];

static struct routing_v1_list decode(const char *text, bool ndjson, enum err want)
{
    struct routing_v1_list list = { .list = peers, .max = ROUTING_V1_RECORDS_MAX };
    uint8_t *exact = check_dup(text, strlen(text));
    CHECK_ERR(routing_v1_decode(&list, span_of(exact, strlen(text)), ndjson), want);
    free(exact);
    return list;
}

#define RECORD_A                                                                                   \
    "{\"Schema\":\"peer\",\"ID\":\"" ID_A "\",\"Addrs\":[\"/ip4/1.2.3.4/tcp/4001\","               \
    "\"/ip4/1.2.3.4/udp/4001/quic-v1\",\"/unheard-of/1\",7],\"Protocols\":[\"transport-bitswap\"," \
    "\"transport-graphsync\"],\"Extra\":{\"a\":[1]}}"
#define RECORD_B                                                                                   \
    "{\"Schema\":\"peer\",\"ID\":\"" ID_B "\",\"Addrs\":null,\"Protocols\":"                       \
    "[\"transport-ipfs-gateway-http\"]}"

static void check_both(const struct routing_v1_list *list)
{
    char text[PEER_ID_TEXT_MAX], addr[MULTIADDR_TEXT_MAX];
    CHECK(list->count == 2);
    peer_id_format(text, &peers[0].id);
    CHECK(strcmp(text, ID_A) == 0);
    CHECK(peers[0].bitswap && !peers[0].http && peers[0].addr_count == 2);
    multiaddr_format(addr, &peers[0].addrs[1]);
    CHECK(strcmp(addr, "/ip4/1.2.3.4/udp/4001/quic-v1") == 0);
    CHECK(!peers[1].bitswap && peers[1].http && peers[1].addr_count == 0);
}

static void both_forms_say_the_same(void **state)
{
    (void)state;
    struct routing_v1_list list = decode("{\"Providers\":[" RECORD_A "," RECORD_B "]}", false, OK);
    check_both(&list);
    CHECK(list.skipped == 0);
    list = decode(RECORD_A "\n" RECORD_B "\n", true, OK);
    check_both(&list);
    list = decode("\n" RECORD_A "\nnonsense\n{}\n[]\n" RECORD_B, true, OK);
    check_both(&list);
    CHECK(list.skipped == 3);
    list = decode("{\"Peers\":[" RECORD_B "]}", false, OK);
    CHECK(list.count == 1);
}

static void what_is_left_out_and_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what, *body;
        enum err want;
        size_t count, skipped;
    } rows[] = {
        { "null", "{\"Providers\":null}", OK, 0, 0 },
        { "nobody", "{\"Providers\":[]}", OK, 0, 0 },
        { "schema of another time", "{\"Providers\":[{\"Schema\":\"x\",\"ID\":\"" ID_A "\"}]}", OK,
          0, 1 },
        { "the schema before", "{\"Providers\":[{\"Schema\":\"bitswap\",\"ID\":\"" ID_A "\"}]}", OK,
          1, 0 },
        { "no id", "{\"Providers\":[{\"Schema\":\"peer\"}]}", OK, 0, 1 },
        { "no peer id", "{\"Providers\":[{\"Schema\":\"peer\",\"ID\":\"hello\"}]}", OK, 0, 1 },
        { "neither list", "{}", ERR_FORMAT, 0, 0 },
        { "no object", "[]", ERR_FORMAT, 0, 0 },
        { "no JSON", "{\"Providers\":[", ERR_FORMAT, 0, 0 },
        { "twice", "{\"Providers\":[],\"Providers\":[]}", ERR_FORMAT, 0, 0 },
        { "list of another kind", "{\"Providers\":{}}", ERR_FORMAT, 0, 0 },
        { "deep", "{\"Providers\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}", ERR_LIMIT, 0, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct routing_v1_list list = decode(rows[i].body, false, rows[i].want);
        if (list.count != rows[i].count || list.skipped != rows[i].skipped)
            fail_msg("%s: %zu, %zu", rows[i].what, list.count, list.skipped);
    }
    static char big[ROUTING_V1_BODY_MAX + 2];
    memset(big, ' ', sizeof(big) - 1);
    (void)decode(big, false, ERR_LIMIT);
    (void)decode(big, true, ERR_LIMIT);
}

static void lists_are_bounded(void **state)
{
    (void)state;
    static char body[200000];
    size_t n = 0;
    for (int i = 0; i < 300; i++)
        n += (size_t)snprintf(body + n, sizeof(body) - n, "%s\n", RECORD_B);
    struct routing_v1_list list = decode(body, true, OK);
    CHECK(list.count == ROUTING_V1_RECORDS_MAX);
    n = (size_t)snprintf(body, sizeof(body),
                         "{\"Schema\":\"peer\",\"ID\":\"" ID_A "\",\"Addrs\":[");
    for (int i = 0; i < 20; i++)
        n += (size_t)snprintf(body + n, sizeof(body) - n, "%s\"/ip4/1.2.3.4/tcp/%d\"",
                              i > 0 ? "," : "", i + 1);
    snprintf(body + n, sizeof(body) - n, "]}");
    list = decode(body, true, OK);
    CHECK(list.count == 1 && peers[0].addr_count == ROUTING_V1_ADDRS_MAX);
}

static void paths(void **state)
{
    (void)state;
    char path[ROUTING_V1_PATH_MAX];
    struct cid cid;
    struct peer_id id;
    CHECK_OK(
        cid_parse(&cid, span_str("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")));
    routing_v1_providers_path(path, &cid);
    /* SPEC kad 5.8: the vector */
    CHECK(strcmp(path,
                 "/routing/v1/providers/"
                 "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
                 "?filter-addrs=tcp,unknown,!p2p-circuit,!ws,!wss"
                 "&filter-protocols=transport-bitswap,transport-ipfs-gateway-http,unknown") == 0);
    CHECK_OK(peer_id_parse(&id, span_str(ID_A)));
    routing_v1_peers_path(path, &id);
    CHECK(strncmp(path, "/routing/v1/peers/k51", 21) == 0);
    struct peer_id again;
    CHECK(strstr(path, "?filter-addrs=tcp,") != NULL);
    CHECK_OK(peer_id_parse(&again, span_of((const uint8_t *)path + 18, strcspn(path + 18, "?"))));
    CHECK(peer_id_eq(&id, &again));
    const struct cid longest = cid_identity(
        CID_CODEC_RAW, span_of((const uint8_t[CID_IDENTITY_MAX]){ 1 }, CID_IDENTITY_MAX));
    routing_v1_providers_path(path, &longest); /* it fits */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_say_the_same),
        cmocka_unit_test(what_is_left_out_and_what_is_refused),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
