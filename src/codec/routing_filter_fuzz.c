/* Any list: what is taken reads back the same, and what passes a filter passes it again unchanged.
 */
#include "codec/routing_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct routing_filter f, again;
    static const char *const texts[] = { "/ip4/1.2.3.4/tcp/4001", "/ip6/::1/udp/1/quic-v1",
                                         "/dns4/a.example/tcp/443/tls/http", "/unix/a" };
    struct routing_v1_peer p = { .bitswap = true };
    enum err e = routing_filter_parse(&f, span_of(data, size));
    ASSERT(f.count <= ROUTING_FILTER_NAMES && (e == OK || f.count == 0));
    for (size_t i = 0; i < f.count; i++) {
        ASSERT(routing_filter_parse(&again, span_str(f.names[i])) == OK && again.count == 1);
        ASSERT(strcmp(again.names[0], f.names[i]) == 0);
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        p.addr_count += multiaddr_parse(&p.addrs[p.addr_count], span_str(texts[i])) == OK;
    const struct routing_filter none = { .count = 0 };
    if (routing_filter_apply(&p, &f, &none)) {
        struct routing_v1_peer once = p;
        ASSERT(p.addr_count > 0 && p.addr_count <= 4);
        ASSERT(routing_filter_apply(&p, &f, &none) && p.addr_count == once.addr_count);
    }
    return 0;
}
