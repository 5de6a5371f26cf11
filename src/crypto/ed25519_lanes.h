/* ed25519_lanes: the group equation of eight Ed25519 signatures side by side, one in each 64-bit
 * lane of a 512-bit register, with the processor's 52-bit multiply-add (AVX-512 IFMA). Each lane is
 * a whole calculation of its own: no lane's result depends on another's, and none is a matter of
 * probability. What it is for: ed25519_many.h. Pure. */
#ifndef CRUST_CRYPTO_ED25519_LANES_H
#define CRUST_CRYPTO_ED25519_LANES_H

#include "base/span.h"

enum {
    ED25519_LANES = 8,
    ED25519_LANES_DIGITS = 64, /* of a scalar below 2^253 in base 16, from -8 to 8 */
};

struct ed25519_lanes {
    uint8_t a[ED25519_LANES][32];                  /* the public keys */
    uint8_t r[ED25519_LANES][32];                  /* first halves of the signatures */
    int8_t h[ED25519_LANES_DIGITS][ED25519_LANES]; /* by digit, lowest first, and by lane */
    int8_t s[ED25519_LANES_DIGITS][ED25519_LANES];
};

/* ed25519_lanes_ready: this processor can. False on every other kind. */
bool ed25519_lanes_ready(void);

/* ed25519_lanes_hold: bit i is set when a[i] is the encoding of a point A on the curve and the
 * encoding of s[i]*B - h[i]*A is r[i], byte for byte. Only where ed25519_lanes_ready (asserted). */
unsigned ed25519_lanes_hold(const struct ed25519_lanes *in);

#endif
