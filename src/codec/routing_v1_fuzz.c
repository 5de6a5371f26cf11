#include "codec/routing_v1.h"

/* Any bytes, in both forms: what is taken has an id, its addresses read back from their text, and
 * it reads back from what is written of it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(const struct routing_v1_peer *p)
{
    static uint8_t text[ROUTING_V1_LINE_MAX];
    static struct routing_v1_peer again;
    struct routing_v1_list list = { .list = &again, .max = 1 };
    struct writer w = writer_of(text, sizeof(text));
    struct json_out j = json_out_to(&w);
    routing_v1_write(&j, p);
    ASSERT(w.err == OK);
    ASSERT(routing_v1_decode(&list, writer_span(&w), true) == OK && list.count == 1);
    ASSERT(peer_id_eq(&again.id, &p->id) && again.addr_count == p->addr_count);
    ASSERT(again.bitswap == p->bitswap && again.http == p->http);
    for (uint32_t i = 0; i < p->addr_count; i++)
        ASSERT(multiaddr_eq(&again.addrs[i], &p->addrs[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct routing_v1_peer peers[8];
    static char text[MULTIADDR_TEXT_MAX];
    for (int ndjson = 0; ndjson < 2; ndjson++) {
        struct routing_v1_list list = { .list = peers, .max = 8 };
        enum err e = routing_v1_decode(&list, span_of(data, size), ndjson == 1);
        ASSERT(list.count <= 8 && (e == OK || list.count == 0));
        for (size_t i = 0; i < list.count; i++) {
            struct peer_id id;
            ASSERT(peer_id_decode(&id, peer_id_span(&peers[i].id)) == OK);
            ASSERT(peers[i].addr_count <= ROUTING_V1_ADDRS_MAX);
            check_written(&peers[i]);
            for (uint32_t k = 0; k < peers[i].addr_count; k++) {
                struct multiaddr again;
                multiaddr_format(text, &peers[i].addrs[k]);
                ASSERT(multiaddr_parse(&again, span_str(text)) == OK);
                ASSERT(multiaddr_eq(&again, &peers[i].addrs[k]));
            }
        }
    }
    return 0;
}
