#include "codec/routing_filter.h"

#include "base/check.h"

#include <stdio.h>

static struct routing_filter parsed(const char *list)
{
    struct routing_filter f;
    CHECK_OK(routing_filter_parse(&f, span_str(list)));
    return f;
}

static void lists_are_read(void **state)
{
    (void)state;
    struct routing_filter f = parsed("TCP,!Quic-V1,,unknown,");
    CHECK(f.count == 3);
    CHECK(strcmp(f.names[0], "tcp") == 0 && strcmp(f.names[1], "!quic-v1") == 0);
    CHECK(strcmp(f.names[2], "unknown") == 0);
    CHECK(parsed("").count == 0 && parsed(",").count == 0);
    CHECK_ERR(routing_filter_parse(&f, span_str("a b")), ERR_FORMAT);
    CHECK(f.count == 0);
    CHECK_ERR(routing_filter_parse(&f, span_str("a\x80")), ERR_FORMAT);
    char longest[ROUTING_FILTER_NAME + 1];
    memset(longest, 'a', sizeof(longest));
    CHECK_OK(routing_filter_parse(&f, span_of((uint8_t *)longest, ROUTING_FILTER_NAME - 1)));
    CHECK_ERR(routing_filter_parse(&f, span_of((uint8_t *)longest, ROUTING_FILTER_NAME)),
              ERR_LIMIT);
    char many[ROUTING_FILTER_NAMES * 2 + 2] = "";
    for (size_t i = 0; i < ROUTING_FILTER_NAMES; i++)
        memcpy(many + 2 * i, "a,", 2);
    CHECK_OK(routing_filter_parse(&f, span_of((uint8_t *)many, 2 * ROUTING_FILTER_NAMES)));
    many[2 * ROUTING_FILTER_NAMES] = 'a';
    CHECK_ERR(routing_filter_parse(&f, span_of((uint8_t *)many, 2 * ROUTING_FILTER_NAMES + 1)),
              ERR_LIMIT);
}

static const char *const texts[] = {
    "/ip4/1.2.3.4/tcp/4001",
    "/ip6/2001:db8::1/tcp/4001",
    "/ip4/1.2.3.4/udp/4001/quic-v1",
    "/dns4/tls.example/tcp/443/https",
    "/ip4/1.2.3.4/udp/4001/quic-v1/webtransport",
};

static struct routing_v1_peer sample(void)
{
    struct routing_v1_peer p = { .bitswap = true };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        CHECK_OK(multiaddr_parse(&p.addrs[p.addr_count++], span_str(texts[i])));
    return p;
}

/* Rules of IPIP-484, one row each: which of the five addresses are left, as digits. */
static void addresses_are_filtered(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *left; /* left NULL: the record is left out */
    } rows[] = {
        { "", "01234" },
        { "tcp", "013" },
        { "TCP", "013" },
        { "quic-v1", "24" },
        { "webtransport", "4" },
        { "tcp,webtransport", "0134" },
        { "!quic-v1", "013" },
        { "!ip6,!quic-v1", "03" },
        { "tcp,!ip6", "03" },
        { "https", "3" },
        { "tls", NULL },
        { "!tcp,!udp", NULL },
        { "unknown", "01234" },
        { "nothing", NULL },
        { "unknown,quic-v1", "24" },
        { "!unheard-of", "01234" },
        { "quic", NULL },
        { "!tcp,tcp", NULL },
        { "4001", NULL },
    };
    const struct routing_filter none = { .count = 0 };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct routing_v1_peer p = sample();
        struct routing_filter f = parsed(rows[i].filter);
        bool kept = routing_filter_apply(&p, &f, &none);
        CHECK(kept == (rows[i].left != NULL));
        if (!kept)
            continue;
        CHECK(p.addr_count == strlen(rows[i].left));
        for (uint32_t k = 0; k < p.addr_count; k++) {
            char text[MULTIADDR_TEXT_MAX];
            multiaddr_format(text, &p.addrs[k]);
            CHECK(strcmp(text, texts[rows[i].left[k] - '0']) == 0);
        }
    }
}

static void records_without_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        bool kept;
    } rows[] = { { "", true },     { "unknown", true }, { "tcp,unknown", true },
                 { "tcp", false }, { "!tcp", false },   { "!tcp,unknown", true } };
    const struct routing_filter none = { .count = 0 };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct routing_v1_peer p = { .bitswap = true };
        struct routing_filter f = parsed(rows[i].filter);
        CHECK(routing_filter_apply(&p, &f, &none) == rows[i].kept);
    }
}

static void protocols_are_filtered(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        bool bitswap, http, kept;
    } rows[] = {
        { "", false, false, true },
        { "transport-bitswap", true, false, true },
        { "transport-bitswap", true, true, true },
        { "transport-bitswap", false, true, false },
        { "transport-bitswap", false, false, false },
        { "Transport-Bitswap", true, false, true },
        { "unknown", false, false, true },
        { "unknown", true, false, false },
        { "unknown,transport-ipfs-gateway-http", false, true, true },
        { "transport-graphsync-filecoinv1", true, true, false },
    };
    const struct routing_filter none = { .count = 0 };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct routing_v1_peer p = sample();
        p.bitswap = rows[i].bitswap;
        p.http = rows[i].http;
        struct routing_filter f = parsed(rows[i].filter);
        CHECK(routing_filter_apply(&p, &none, &f) == rows[i].kept);
        CHECK(p.bitswap == rows[i].bitswap && p.http == rows[i].http && p.addr_count == 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(addresses_are_filtered),
        cmocka_unit_test(records_without_addresses),
        cmocka_unit_test(protocols_are_filtered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
