/* Any path, query and Accept, apart by line feeds: what is asked for has a name that can be looked
 * up, and all that is not 200 leaves nothing behind. */
#include "api/routing_serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[1 << 14];
    static struct routing_serve_request r;
    const char *why, *parts[3] = { "", "", NULL };
    size_t n = size < sizeof(text) - 1 ? size : sizeof(text) - 1, count = 1;
    memcpy(text, data, n);
    text[n] = '\0';
    parts[0] = text;
    for (char *p = text; (p = strchr(p, '\n')) != NULL && count < 3;) {
        *p++ = '\0';
        parts[count++] = p;
    }
    uint16_t status = routing_serve_parse(&r, &why, parts[0], parts[1], parts[2]);
    if (status != 200) {
        ASSERT(status == 400 || status == 406 || status == 414 || status == 422);
        ASSERT(why[0] != '\0' && r.cid.version == 0 && r.cid.codec == 0 && r.peer.size == 0);
        ASSERT(r.addrs.count == 0 && r.protocols.count == 0);
        return 0;
    }
    bool peer = r.what == ROUTING_SERVE_PEERS || r.what == ROUTING_SERVE_IPNS;
    struct peer_id id;
    ASSERT(!peer || peer_id_decode(&id, peer_id_span(&r.peer)) == OK);
    ASSERT(peer || r.cid.codec != 0 || r.cid.version == 1);
    ASSERT(r.what != ROUTING_SERVE_IPNS || !r.ndjson);
    return 0;
}
