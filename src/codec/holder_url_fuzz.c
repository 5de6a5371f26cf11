/* Any bytes as a text of an account: what names a peer is written again and reads the same. */
#include "codec/holder_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct holder_url h, again;
    char text[HOLDER_URL_MAX + 1];
    holder_url_read(&h, span_of(data, size));
    ASSERT(size <= HOLDER_URL_MAX || h.kind == HOLDER_URL_OTHER);
    ASSERT((h.kind == HOLDER_URL_PEER) == (h.peer.size != 0));
    ASSERT(h.kind == HOLDER_URL_PEER || h.address.size == 0);
    if (h.kind != HOLDER_URL_PEER)
        return 0;
    enum err e = holder_url_of_peer(text, NULL, &h.peer);
    ASSERT(e == OK);
    holder_url_read(&again, span_str(text));
    ASSERT(again.kind == HOLDER_URL_PEER && again.address.size == 0 &&
           peer_id_eq(&again.peer, &h.peer));
    /* Its own form may be longer than what came in: a number that was written short. */
    if (h.address.size == 0 || holder_url_of_peer(text, &h.address, &h.peer) != OK)
        return 0;
    holder_url_read(&again, span_str(text));
    ASSERT(again.kind == HOLDER_URL_PEER && multiaddr_eq(&again.address, &h.address));
    return 0;
}
