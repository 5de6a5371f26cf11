/* holder_url: what an account's texts on chain (`merchant.urls`) say of where its contents are: a
 * gateway's URL, or a libp2p peer. The one reader of them. Spec: docs/spec/market.md 5.6. Pure. */
#ifndef CRUST_CODEC_HOLDER_URL_H
#define CRUST_CODEC_HOLDER_URL_H

#include "codec/multiaddr.h"

enum { HOLDER_URL_MAX = 128 }; /* bytes of a text on chain; TX_URL_SIZE_MAX */

enum holder_url_kind {
    HOLDER_URL_OTHER,   /* neither: for others, or for later */
    HOLDER_URL_GATEWAY, /* http:// or https:// and something behind it */
    HOLDER_URL_PEER,
};

struct holder_url {
    enum holder_url_kind kind;
    struct peer_id peer;      /* of PEER */
    struct multiaddr address; /* of PEER: with /p2p/ID at its end; size 0: only its name is known */
};

/* holder_url_read says what a text is; any bytes at all. */
void holder_url_read(struct holder_url *out, struct span text);

/* holder_url_of_peer writes the text for a peer, and a NUL: /p2p/ID when address is NULL, else the
 * address, with /p2p/ID added when it has none. What is written reads back as this peer.
 * Returns: OK; ERR_LIMIT (longer than HOLDER_URL_MAX); ERR_FORMAT (another peer's address, or none
 *          that 5.6 knows). out is "" then. */
NODISCARD enum err holder_url_of_peer(char out[HOLDER_URL_MAX + 1], const struct multiaddr *address,
                                      const struct peer_id *peer);

#endif
