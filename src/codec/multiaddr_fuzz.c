/* Any bytes as an address, its text, a peer id, a key: what is accepted comes back the same. */
#include "codec/multiaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void address_round_trip(const struct multiaddr *a)
{
    static char text[MULTIADDR_TEXT_MAX];
    struct multiaddr back;
    struct multiaddr_tcp tcp;
    multiaddr_format(text, a);
    enum err e = multiaddr_parse(&back, span_str(text));
    ASSERT(e == OK && multiaddr_eq(a, &back));
    if (multiaddr_tcp_of(&tcp, a) == OK)
        ASSERT(tcp.host != 0);
}

static void id_round_trip(const struct peer_id *id)
{
    char text[PEER_ID_TEXT_MAX];
    struct peer_id back;
    peer_id_format(text, id);
    enum err e = peer_id_parse(&back, span_str(text));
    ASSERT(e == OK && peer_id_eq(id, &back));
    peer_id_format_cid(text, id);
    e = peer_id_parse(&back, span_str(text));
    ASSERT(e == OK && peer_id_eq(id, &back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct multiaddr a;
    struct peer_id id;
    struct peer_key key;
    if (multiaddr_decode(&a, in) == OK) {
        ASSERT(span_eq(multiaddr_span(&a), in));
        address_round_trip(&a);
    }
    if (multiaddr_parse(&a, in) == OK)
        address_round_trip(&a);
    if (peer_id_decode(&id, in) == OK) {
        ASSERT(span_eq(peer_id_span(&id), in));
        id_round_trip(&id);
    }
    if (peer_id_parse(&id, in) == OK)
        id_round_trip(&id);
    if (peer_key_decode(&key, in) == OK) {
        uint8_t buf[PEER_KEY_SIZE_MAX];
        struct writer w = writer_of(buf, sizeof(buf));
        peer_key_write(&w, &key);
        ASSERT(w.err == OK && span_eq(writer_span(&w), in));
    }
    return 0;
}
