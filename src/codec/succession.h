/* succession: what predecessor and successor sign when one worker takes another's place.
 * Spec: docs/spec/handover.md 4. Pure. */
#ifndef CRUST_CODEC_SUCCESSION_H
#define CRUST_CODEC_SUCCESSION_H

#include "base/span.h"

/* Every member points to 32 bytes. */
struct succession {
    const uint8_t *chain; /* SHA-256 of the chain id's text */
    const uint8_t *account;
    const uint8_t *predecessor, *successor; /* worker keys */
};

/* The 32 bytes that the predecessor signs, or the successor; they differ. */
void succession_given(uint8_t out[32], const struct succession *s);
void succession_taken(uint8_t out[32], const struct succession *s);

#endif
