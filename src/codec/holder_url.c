#include "codec/holder_url.h"

static bool is_gateway(struct span text)
{
    static const char *const schemes[] = { "http://", "https://" };
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if (text.n > n && memcmp(text.p, schemes[i], n) == 0)
            return true;
    }
    return false;
}

/* SPEC market 5.6: "a multiaddr whose last protocol is /p2p, and which has no other /p2p and no
 * /p2p-circuit, names the peer" */
static bool names_peer(struct holder_url *out, const struct multiaddr *a)
{
    struct reader r = reader_of(multiaddr_span(a));
    struct multiaddr_part part;
    struct span id = { NULL, 0 };
    size_t parts = 0;
    while (multiaddr_next(&r, &part)) {
        parts++;
        if (id.n != 0 || part.code == MULTIADDR_P2P_CIRCUIT)
            return false; /* behind a /p2p, or by way of a relay */
        if (part.code == MULTIADDR_P2P)
            id = part.value;
    }
    if (id.n == 0 || peer_id_decode(&out->peer, id) != OK)
        return false;
    if (parts > 1)
        out->address = *a;
    return true;
}

void holder_url_read(struct holder_url *out, struct span text)
{
    struct multiaddr a;
    *out = (struct holder_url){ .kind = HOLDER_URL_OTHER };
    if (text.n == 0 || text.n > HOLDER_URL_MAX)
        return;
    if (is_gateway(text))
        out->kind = HOLDER_URL_GATEWAY;
    else if (text.p[0] == '/' && multiaddr_parse(&a, text) == OK && names_peer(out, &a))
        out->kind = HOLDER_URL_PEER;
    if (out->kind != HOLDER_URL_PEER)
        out->peer = (struct peer_id){ 0 };
}

enum err holder_url_of_peer(char out[HOLDER_URL_MAX + 1], const struct multiaddr *address,
                            const struct peer_id *peer)
{
    char text[MULTIADDR_TEXT_MAX];
    struct holder_url h = { 0 };
    struct multiaddr a = { 0 };
    out[0] = '\0';
    if (address != NULL)
        a = *address;
    if (!names_peer(&h, &a))
        TRY(multiaddr_add(&a, MULTIADDR_P2P, peer_id_span(peer)));
    if (!names_peer(&h, &a) || !peer_id_eq(&h.peer, peer))
        return ERR_FORMAT;
    multiaddr_format(text, &a);
    size_t n = strlen(text);
    if (n > HOLDER_URL_MAX)
        return ERR_LIMIT;
    /* The chain takes no control characters; a path may hold anything. */
    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return ERR_FORMAT;
    memcpy(out, text, n + 1);
    return OK;
}
