/* tls: libp2p's secure channel over TLS 1.3, /tls/1.0.0, with early muxer negotiation by ALPN.
 * Spec: libp2p tls/tls.md and connections/inlined-muxer-negotiation.md; what we do:
 * docs/spec/tls.md. A machine over rings (docs/design/protocol-machines.md): libssl works on memory
 * and never sees a socket. libssl allocates (about 40 KiB a connection in its handshake, half of it
 * afterwards), and takes its random bytes from libcrypto; it is given no clock. */
#ifndef CRUST_P2P_TLS_H
#define CRUST_P2P_TLS_H

#include "base/ring.h"
#include "codec/peer_id.h"

enum {
    TLS_RECORD_MAX = 5 + 16384 + 256, /* net_in and net_out hold at least this */
    TLS_PLAIN_MAX = 16384,
    TLS_MUXERS_MAX = 16,
};

/* The certificate of this process, and what all of its connections share. */
struct tls_identity {
    void *ctx; /* SSL_CTX */
};

/* tls_identity_init makes a certificate for this identity. now_s: seconds since 1970.
 * Returns: OK or ERR_MEMORY; call tls_identity_fini in both cases. */
NODISCARD enum err tls_identity_init(struct tls_identity *t, const struct ed25519_key *identity,
                                     int64_t now_s);
void tls_identity_fini(struct tls_identity *t);

struct tls_config {
    bool initiator;
    struct peer_id expected;   /* size 0: whoever it is */
    const char *const *muxers; /* by preference; kept */
    size_t muxer_count;        /* 0: no early muxer negotiation */
    int64_t now_s;             /* for the validity of the peer's certificate */
};

/* Its address is known to libssl: it stays where it is until tls_fini. */
struct tls {
    enum err err; /* sticks */
    bool done;
    bool closed; /* the peer has said that it sends no more */
    struct tls_config config;
    void *ssl;
    enum err verdict; /* on the peer's certificate */
    struct peer_key peer_key;
    struct peer_id peer;
    bool muxer_agreed;
    size_t muxer; /* index in config.muxers */
};

/* tls_init begins a handshake. identity is kept. Returns: OK or ERR_MEMORY; call tls_fini in both
 * cases. */
NODISCARD enum err tls_init(struct tls *t, const struct tls_identity *identity,
                            const struct tls_config *config);
void tls_fini(struct tls *t);

/* tls_step advances the handshake.
 * Returns: OK; as tls_cert_check for the peer's certificate; ERR_DENIED (another peer than
 * expected); ERR_CLOSED (the peer has refused us, with an alert); ERR_UNSUPPORTED (no protocol in
 *          common); ERR_FORMAT (anything else that is not TLS 1.3 as we speak it). The alert that
 *          says so is in net_out then. */
NODISCARD enum err tls_step(struct tls *t, struct ring *net_in, struct ring *net_out);

/* A dialer is done before the listener has judged its certificate: a refusal comes from tls_open.
 */
static inline bool tls_done(const struct tls *t)
{
    return t->done;
}

/* tls_seal turns bytes of app_out into records in net_out, as many as there is room for. After done
 * only (asserted). */
void tls_seal(struct tls *t, struct ring *app_out, struct ring *net_out);

/* tls_open turns records of net_in into bytes in app_in. After done only (asserted). When closed
 * becomes true, all that the peer has sent is in app_in.
 * Returns: OK; ERR_SIGNATURE (a record that does not open); ERR_CLOSED (an alert); ERR_FORMAT.
 * Sticks. */
NODISCARD enum err tls_open(struct tls *t, struct ring *net_in, struct ring *app_in);

/* tls_close writes the farewell that tells the peer that nothing was cut off. */
void tls_close(struct tls *t, struct ring *net_out);

#endif
