/* envelope: records that a libp2p peer signs. Spec: libp2p RFC 0002 (signed envelopes); what we
 * accept: docs/spec/peer.md 4. Pure. */
#ifndef CRUST_CODEC_ENVELOPE_H
#define CRUST_CODEC_ENVELOPE_H

#include "codec/peer_key.h"

enum {
    ENVELOPE_PAYLOAD_MAX = 8192, /* what one message of identify may hold */
    ENVELOPE_TYPE_MAX = 32,
};

struct envelope {
    struct peer_key key;
    struct span payload_type, payload, signature; /* borrowed from the input */
};

/* envelope_open reads exactly one Envelope and checks its signature for this domain.
 *
 * Out:     *out, zeroed on failure.
 * Returns: OK; ERR_SHORT, ERR_FORMAT (a field missing, twice or of the wrong wire type); ERR_LIMIT;
 *          ERR_SIGNATURE; as peer_key_decode and peer_key_verify. Unknown fields are skipped. */
NODISCARD enum err envelope_open(struct envelope *out, struct span in, const char *domain);

/* envelope_seal writes an envelope signed with key; payload.n is at most ENVELOPE_PAYLOAD_MAX and
 * type.n at most ENVELOPE_TYPE_MAX (asserted). */
void envelope_seal(struct writer *w, const struct ed25519_key *key, const char *domain,
                   struct span type, struct span payload);

#endif
