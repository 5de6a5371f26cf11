/* noise: libp2p's secure channel over Noise XX, /noise: handshake with identities, early muxer
 * negotiation, and the frames that carry bytes afterwards.
 * Spec: libp2p noise/README.md r5 and connections/inlined-muxer-negotiation.md; what we do:
 * docs/spec/noise.md. A machine over rings (docs/design/protocol-machines.md); pure, but for two
 * cipher contexts of libcrypto.
 *
 *   initiator: WRITE_1 -> READ_2 -> WRITE_3 -> DONE
 *   responder: READ_1 -> WRITE_2 -> READ_3 -> DONE */
#ifndef CRUST_P2P_NOISE_H
#define CRUST_P2P_NOISE_H

#include "base/ring.h"
#include "codec/peer_id.h"
#include "p2p/noise_xx.h"

enum {
    /* An RSA key of 8,192 bits, its signature and the extensions fit. */
    NOISE_PAYLOAD_MAX = 4096,
    NOISE_HANDSHAKE_MAX = 2 + NOISE_XX_OVERHEAD_2 + NOISE_PAYLOAD_MAX,
    NOISE_FRAME_MAX = 2 + NOISE_MESSAGE_MAX,              /* net_in holds at least this */
    NOISE_PLAIN_MAX = NOISE_MESSAGE_MAX - NOISE_TAG_SIZE, /* app_in holds at least this */
    NOISE_RANDOM_SIZE = 64,
    NOISE_MUXERS_MAX = 16, /* names in a peer's list that are looked at */
};

enum noise_state {
    NOISE_WRITE_1,
    NOISE_READ_2,
    NOISE_WRITE_3,
    NOISE_READ_1,
    NOISE_WRITE_2,
    NOISE_READ_3,
    NOISE_DONE,
};

struct noise_config {
    bool initiator;
    const struct ed25519_key *identity; /* kept until done */
    struct peer_id expected;            /* size 0: whoever it is */
    const char *const *muxers;          /* by preference; kept until done */
    size_t muxer_count;                 /* 0: no early muxer negotiation */
};

struct noise {
    enum noise_state state;
    enum err err; /* sticks */
    struct noise_config config;
    struct noise_xx xx;
    struct peer_key peer_key; /* once the peer's payload is verified */
    struct peer_id peer;
    bool peer_has_muxers; /* it sent a list */
    bool muxer_agreed;
    size_t muxer; /* index in config.muxers */
};

/* noise_init begins a handshake; random is NOISE_RANDOM_SIZE fresh secret bytes.
 * Returns: OK or ERR_MEMORY; call noise_fini in both cases. */
NODISCARD enum err noise_init(struct noise *n, const struct noise_config *config,
                              const uint8_t random[NOISE_RANDOM_SIZE]);

/* noise_fini wipes keys and frees. Accepts a zeroed object. */
void noise_fini(struct noise *n);

/* noise_step advances the handshake.
 * Returns: OK; ERR_SIGNATURE (a tag or the identity's signature is wrong); ERR_DENIED (another
 *          peer than expected); ERR_FORMAT, ERR_SHORT, ERR_LIMIT (a malformed or oversized
 * message); ERR_UNSUPPORTED (a key type, or both sides named muxers and share none). */
NODISCARD enum err noise_step(struct noise *n, struct ring *net_in, struct ring *net_out);

static inline bool noise_done(const struct noise *n)
{
    return n->state == NOISE_DONE;
}

/* noise_seal turns bytes of app_out into frames in net_out, as many as there is room for. After
 * done only (asserted). */
void noise_seal(struct noise *n, struct ring *app_out, struct ring *net_out);

/* noise_open turns whole frames of net_in into bytes in app_in. After done only (asserted).
 * Returns: OK; ERR_SIGNATURE; ERR_SHORT (a frame without room for its tag). Sticks. */
NODISCARD enum err noise_open(struct noise *n, struct ring *net_in, struct ring *app_in);

#endif
