/* upgrade: from a raw connection to one that is encrypted, authenticated and ready for yamux.
 * Spec: libp2p connections/README.md "Upgrading connections"; docs/spec/upgrade.md. A machine over
 * rings (docs/design/protocol-machines.md).
 *
 *   SECURITY -> HANDSHAKE -> READY                 (the muxer was agreed on in the handshake)
 *                         -> MUXER -> READY
 *
 * It then goes on as the channel: a muxer reads from app_in and writes to app_out. */
#ifndef CRUST_P2P_UPGRADE_H
#define CRUST_P2P_UPGRADE_H

#include "p2p/multistream.h"
#include "p2p/noise.h"
#include "p2p/tls.h"

enum {
    /* Rings below hold a Noise frame or a TLS record, rings above its bytes. */
    UPGRADE_NET_SIZE = NOISE_FRAME_MAX,
    UPGRADE_APP_SIZE = NOISE_FRAME_MAX,
    UPGRADE_RANDOM_SIZE = NOISE_RANDOM_SIZE,
    UPGRADE_TIMEOUT_MS = 15000, /* as go-libp2p: for the whole of it */
};

enum upgrade_state {
    UPGRADE_SECURITY,
    UPGRADE_HANDSHAKE,
    UPGRADE_MUXER,
    UPGRADE_READY,
};

enum upgrade_security {
    UPGRADE_NOISE,
    UPGRADE_TLS,
};

struct upgrade_config {
    bool dialer;
    bool noise, tls;                         /* what we speak: at least one */
    bool prefer_tls;                         /* what a dialer offers first */
    bool early_muxer;                        /* name muxers in the handshake */
    struct peer_id expected;                 /* of the peer; size 0: whoever it is */
    const struct ed25519_key *identity;      /* kept */
    const struct tls_identity *tls_identity; /* kept; NULL without tls */
    int64_t unix_s;                          /* the time of day, for certificates */
    uint64_t deadline_ms;                    /* on the clock that upgrade_step is given; 0: none */
};

/* The four ends of a connection; borrowed for a step. */
struct upgrade_rings {
    struct ring *net_in, *net_out;
    struct ring *app_in, *app_out;
};

/* Stays where it is until upgrade_fini. */
struct upgrade {
    enum upgrade_state state;
    enum err err; /* sticks */
    struct upgrade_config config;
    enum upgrade_security security; /* from HANDSHAKE on */
    bool early;                     /* the muxer came with the handshake */
    bool begun;                     /* the channel below is initialised */
    const char *offers[2];
    struct multistream negotiation;
    uint8_t random[UPGRADE_RANDOM_SIZE];
    union {
        struct noise noise;
        struct tls tls;
    };
};

/* upgrade_init begins; random is UPGRADE_RANDOM_SIZE fresh secret bytes. Call upgrade_fini at the
 * end. */
void upgrade_init(struct upgrade *u, const struct upgrade_config *config,
                  const uint8_t random[UPGRADE_RANDOM_SIZE]);
void upgrade_fini(struct upgrade *u);

/* upgrade_step advances the upgrade, and from READY on carries bytes both ways. Before READY it
 * puts nothing into app_in and takes nothing from app_out that is not its own: both are to be
 * empty.
 *
 * Returns: OK; ERR_TIMEOUT (not ready at the deadline); as multistream_step, noise_step,
 * noise_open, tls_step and tls_open. Sticks; net_out may hold a farewell. */
NODISCARD enum err upgrade_step(struct upgrade *u, const struct upgrade_rings *r, uint64_t now_ms);

/* upgrade_close writes the channel's farewell, where it has one. What is in app_out is not sent any
 * more. */
void upgrade_close(struct upgrade *u, struct ring *net_out);

static inline bool upgrade_ready(const struct upgrade *u)
{
    return u->state == UPGRADE_READY;
}

/* When upgrade_step wants to be called though nothing has moved; 0: never. */
static inline uint64_t upgrade_deadline(const struct upgrade *u)
{
    return u->state == UPGRADE_READY ? 0 : u->config.deadline_ms;
}

/* Who the peer is, from MUXER on (asserted). */
const struct peer_id *upgrade_peer(const struct upgrade *u);
const struct peer_key *upgrade_peer_key(const struct upgrade *u);

/* True when the peer has said that it will send nothing more, and all of it is in app_in. */
bool upgrade_peer_closed(const struct upgrade *u);

/* "/noise" or "/tls/1.0.0"; NULL while it is not agreed on. */
const char *upgrade_security_name(const struct upgrade *u);

#endif
