/* tls_cert: the self-signed certificate in which a libp2p peer shows its identity during a TLS
 * handshake. Spec: libp2p tls/tls.md; what we accept: docs/spec/tls.md 2. Over libcrypto, which
 * allocates; no clock: the time is passed in. */
#ifndef CRUST_P2P_TLS_CERT_H
#define CRUST_P2P_TLS_CERT_H

#include "codec/peer_key.h"
#include "crypto/openssl.h"

#include <openssl/x509.h>

enum { TLS_CERT_SIZE_MAX = 8192 }; /* RSA of 8,192 bits twice, and then some */

/* tls_cert_check tells whose certificate this is.
 *
 * now_s: seconds since 1970.
 * Out:     *out, zeroed on failure.
 * Returns: OK; ERR_FORMAT (no certificate, or one without libp2p's extension, or with a critical
 *          extension that nobody here knows, or signed by a weak algorithm); ERR_RANGE (not valid
 * now); ERR_SIGNATURE (its own signature or the identity's is wrong); ERR_LIMIT; and as
 *          peer_key_decode. */
NODISCARD enum err tls_cert_check(struct peer_key *out, X509 *cert, int64_t now_s);

/* tls_cert_check_der is the same for the DER bytes of exactly one certificate. */
NODISCARD enum err tls_cert_check_der(struct peer_key *out, struct span der, int64_t now_s);

/* tls_cert_make makes a fresh P-256 key and a certificate for it that shows identity, valid from an
 * hour ago for a hundred years.
 * Out:     *cert and *key, given: freed with X509_free and EVP_PKEY_free. NULL on failure.
 * Returns: OK or ERR_MEMORY. */
NODISCARD enum err tls_cert_make(X509 **cert, EVP_PKEY **key, const struct ed25519_key *identity,
                                 int64_t now_s);

#endif
