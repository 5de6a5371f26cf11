/* noise_payload: what libp2p puts into the second and third message of a Noise handshake.
 * Spec: libp2p noise/README.md "The libp2p Handshake Payload"; docs/spec/noise.md 2. Pure. */
#ifndef CRUST_P2P_NOISE_PAYLOAD_H
#define CRUST_P2P_NOISE_PAYLOAD_H

#include "p2p/noise.h"

struct noise_payload {
    struct peer_key key;
    struct span signature; /* borrowed */
    size_t muxer_count;
    struct span muxers[NOISE_MUXERS_MAX]; /* by preference; borrowed */
};

/* noise_payload_decode reads one payload. Unknown fields are skipped.
 * Returns: OK; ERR_SHORT, ERR_FORMAT (key or signature missing or twice); ERR_LIMIT (over
 *          NOISE_MUXERS_MAX muxers); as peer_key_decode. *out zeroed on failure. */
NODISCARD enum err noise_payload_decode(struct noise_payload *out, struct span in);

/* noise_payload_verify checks the identity's signature over the Noise static key.
 * Returns: as peer_key_verify. */
NODISCARD enum err noise_payload_verify(const struct noise_payload *p,
                                        const uint8_t static_key[X25519_SIZE]);

/* noise_payload_write writes our payload for our static key. */
void noise_payload_write(struct writer *w, const struct noise_config *config,
                         const uint8_t static_key[X25519_SIZE]);

#endif
