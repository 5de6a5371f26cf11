/* noise_xx: the handshake Noise_XX_25519_ChaChaPoly_SHA256 and the two ciphers that come out of it,
 * without libp2p's framing and payload (those: p2p/noise.h).
 * Spec: noiseprotocol.org revision 34, sections 5 and 7.5. Pure, but for two cipher contexts of
 * libcrypto.
 *
 *   -> e
 *   <- e, ee, s, es
 *   -> s, se
 *
 * Messages are written and read strictly in this order, beginning with the initiator's (asserted).
 */
#ifndef CRUST_P2P_NOISE_XX_H
#define CRUST_P2P_NOISE_XX_H

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/chachapoly.h"
#include "crypto/secret.h"
#include "crypto/sha256.h"
#include "crypto/x25519.h"

enum {
    NOISE_TAG_SIZE = CHACHAPOLY_TAG_SIZE,
    NOISE_MESSAGE_MAX = 65535,
    /* What the three messages hold besides their payload. */
    NOISE_XX_OVERHEAD_1 = 32,
    NOISE_XX_OVERHEAD_2 = 32 + 32 + 2 * CHACHAPOLY_TAG_SIZE,
    NOISE_XX_OVERHEAD_3 = 32 + 2 * CHACHAPOLY_TAG_SIZE,
};

/* One direction of a connection after the handshake. */
struct noise_cipher {
    struct chachapoly aead;
    uint64_t nonce; /* of the next message */
};

struct noise_xx {
    bool initiator;
    int message; /* 0, 1, 2: the next one; 3: done */
    bool has_key;
    uint64_t nonce;
    uint8_t hash[SHA256_SIZE];
    struct secret chain, static_secret, ephemeral_secret;
    uint8_t static_public[X25519_SIZE], ephemeral_public[X25519_SIZE];
    uint8_t their_static[X25519_SIZE], their_ephemeral[X25519_SIZE];
    struct noise_cipher send, receive; /* the handshake uses send.aead for both ways */
};

/* noise_xx_init takes our two secret keys, fresh random bytes in use.
 * Returns: OK or ERR_MEMORY; call noise_xx_fini in both cases. */
NODISCARD enum err noise_xx_init(struct noise_xx *n, bool initiator, struct span prologue,
                                 const uint8_t static_secret[X25519_SIZE],
                                 const uint8_t ephemeral_secret[X25519_SIZE]);

/* noise_xx_fini wipes keys and frees. Accepts a zeroed object. */
void noise_xx_fini(struct noise_xx *n);

/* noise_xx_write writes our next message: payload.n and NOISE_XX_OVERHEAD_n bytes.
 * Returns: OK, ERR_FORMAT (the peer's key is of small order), or w->err. */
NODISCARD enum err noise_xx_write(struct noise_xx *n, struct writer *w, struct span payload);

/* noise_xx_read reads the peer's next message into payload, at least in.n bytes.
 * Out:     payload[0..*size). Returns: OK, ERR_SHORT, ERR_SIGNATURE, ERR_FORMAT as above. */
NODISCARD enum err noise_xx_read(struct noise_xx *n, uint8_t *payload, size_t *size,
                                 struct span in);

/* After the third message: the ciphers are keyed, the handshake's secrets are wiped. */
static inline bool noise_xx_done(const struct noise_xx *n)
{
    return n->message == 3;
}

/* noise_cipher_seal writes plain.n + NOISE_TAG_SIZE bytes to out (plain.p or not overlapping). */
void noise_cipher_seal(struct noise_cipher *c, uint8_t *out, struct span plain);

/* noise_cipher_open writes sealed.n - NOISE_TAG_SIZE bytes to out, likewise. Returns: OK,
 * ERR_SHORT, ERR_SIGNATURE. */
NODISCARD enum err noise_cipher_open(struct noise_cipher *c, uint8_t *out, struct span sealed);

#endif
