#include "p2p/mdns.h"

/* Any packet of the local network: what is taken from it can be said, and is heard again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t buf[DNS_MESSAGE_MAX];
    static struct mdns_heard heard, again;
    const uint8_t ip[4] = { 10, 0, 0, 1 };
    if (mdns_read(&heard, span_of(data, size), "me") != OK) {
        ASSERT(heard.count == 0 && !heard.asks_peers && !heard.asks_types);
        return 0;
    }
    ASSERT(heard.count <= MDNS_PEERS_MAX);
    const struct mdns_self said = {
        .name = "you", .ip = span_of(ip, 4), .port = 1, .list = heard.list, .count = heard.count
    };
    struct writer w = writer_of(buf, sizeof(buf));
    mdns_write_answer(&w, &said);
    ASSERT(w.err == OK);
    ASSERT(mdns_read(&again, writer_span(&w), "me") == OK);
    ASSERT(again.count <= heard.count && !again.asks_peers);
    ASSERT(mdns_read(&again, writer_span(&w), "you") == OK && again.count == 0);
    return 0;
}
