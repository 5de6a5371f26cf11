/* peer_id: names of libp2p peers, the multihash of their public key.
 * Spec: libp2p peer-ids/peer-ids.md "Peer Ids"; what we accept: docs/spec/peer.md 2. Pure. */
#ifndef CRUST_CODEC_PEER_ID_H
#define CRUST_CODEC_PEER_ID_H

#include "codec/peer_key.h"

enum {
    PEER_ID_INLINE_MAX = 42, /* a longer encoded key is hashed */
    PEER_ID_SIZE_MAX = 2 + PEER_ID_INLINE_MAX,
    PEER_ID_TEXT_MAX = 96, /* any of the text forms with its NUL */
};

struct peer_id {
    uint8_t size;                    /* bytes used; 0 is no id */
    uint8_t bytes[PEER_ID_SIZE_MAX]; /* the rest is zero */
};

/* The id of a key. */
struct peer_id peer_id_of(const struct peer_key *key);

/* peer_id_decode reads exactly one id: `12 20` and 32 bytes, or `00`, a length of at most
 * PEER_ID_INLINE_MAX and an encoded public key.
 *
 * Out:     *out, zeroed on failure.
 * Returns: OK, ERR_SHORT, ERR_TRAILING, ERR_FORMAT (another hash, or no key inside). Canonical. */
NODISCARD enum err peer_id_decode(struct peer_id *out, struct span in);

/* peer_id_parse reads base58btc without prefix (1... or Qm...), or a CIDv1 of codec libp2p-key in
 * any base. Returns: OK, ERR_FORMAT, ERR_UNSUPPORTED, and as peer_id_decode; *out zeroed then. */
NODISCARD enum err peer_id_parse(struct peer_id *out, struct span text);

/* peer_id_format writes base58btc, which everybody reads; peer_id_format_cid base36 (k51...), as
 * IPNS names are written. */
void peer_id_format(char out[PEER_ID_TEXT_MAX], const struct peer_id *id);
void peer_id_format_cid(char out[PEER_ID_TEXT_MAX], const struct peer_id *id);

bool peer_id_eq(const struct peer_id *a, const struct peer_id *b);

static inline struct span peer_id_span(const struct peer_id *id)
{
    return (struct span){ id->bytes, id->size };
}

/* peer_id_key gives the key that is written out in the id. ERR_NOT_FOUND when the id is a digest:
 * *out is zeroed then. */
NODISCARD enum err peer_id_key(struct peer_key *out, const struct peer_id *id);

#endif
