/* key_pem: an Ed25519 private key as a PEM file of PKCS #8 (RFC 8410, RFC 7468), as OpenSSL and
 * `ipfs key export --format=pem-pkcs8-cleartext` write it. Pure. */
#ifndef CRUST_CODEC_KEY_PEM_H
#define CRUST_CODEC_KEY_PEM_H

#include "base/writer.h"
#include "crypto/ed25519.h"

enum { KEY_PEM_SIZE = 119 };

/* key_pem_is tells whether a file begins as one. */
bool key_pem_is(struct span text);

/* key_pem_read reads exactly one; line ends may be CR LF, the last one may be missing.
 * Out: *out, wiped on failure; the caller wipes it after use. ERR_FORMAT (also other keys: more
 * than the 48 bytes that RFC 8410 gives for Ed25519). */
NODISCARD enum err key_pem_read(struct ed25519_key *out, struct span text);

/* key_pem_write writes KEY_PEM_SIZE secret bytes. */
void key_pem_write(struct writer *w, const struct ed25519_key *pair);

#endif
