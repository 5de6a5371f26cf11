/* x509: certificates and revocation lists of the two vendors, read from DER by our own strict
 * reader. Facts: RFC 5280; which algorithms and extensions occur: docs/spec/attest.md 4. libcrypto
 * sees only keys, signatures and the bytes they cover, never a certificate. Pure. */
#ifndef CRUST_ATTEST_X509_H
#define CRUST_ATTEST_X509_H

#include "attest/der.h"

enum {
    X509_SIZE_MAX = 4096,      /* of a certificate; real ones have 659 to 1,670 bytes */
    X509_CRL_SIZE_MAX = 65535, /* the largest one seen has 3,360 bytes */
    X509_EXTENSIONS_MAX = 24,
};

enum x509_algorithm {
    X509_P256, /* key; as a signature: ECDSA with SHA-256 */
    X509_P384, /* key only */
    X509_RSA,  /* key of 4096 bits, exponent 65537; as a signature: PSS with SHA-384 */
};

/* Spans point into the DER bytes. */
struct x509_key {
    enum x509_algorithm algorithm;
    struct span bytes; /* x || y, or the modulus */
};

/* A signed object: certificate, CRL. */
struct x509_signed {
    struct span tbs; /* what is signed */
    enum x509_algorithm algorithm;
    struct span signature; /* as in the BIT STRING */
};

struct x509 {
    struct x509_signed seal;
    struct span serial;          /* contents of the INTEGER */
    struct span issuer, subject; /* whole names; compared byte for byte */
    struct span common_name;     /* of the subject */
    struct x509_key key;
    uint64_t not_before, not_after; /* seconds; both ends included */
    bool ca;                        /* basicConstraints cA, and keyUsage allows certificates */
    bool signs_crl;                 /* keyUsage allows CRLs, or there is none */
    struct span extensions;         /* the contents of the SEQUENCE; see x509_extension */
};

struct x509_crl {
    struct x509_signed seal;
    struct span issuer;
    uint64_t this_update, next_update;
    struct span revoked; /* contents of the SEQUENCE of entries; checked when decoded */
    uint32_t count;
};

/* x509_decode reads exactly one certificate, version 3. Out: *out, zeroed on failure. Returns OK,
 * ERR_SHORT, ERR_TRAILING, ERR_FORMAT, ERR_RANGE, ERR_LIMIT, ERR_UNSUPPORTED (an algorithm or a
 * critical extension that we do not know). */
NODISCARD enum err x509_decode(struct x509 *out, struct span der);

/* x509_crl_decode reads exactly one CRL, version 2, with a nextUpdate. Errors as x509_decode. */
NODISCARD enum err x509_crl_decode(struct x509_crl *out, struct span der);

/* x509_key_decode reads a SubjectPublicKeyInfo of one of the three kinds of key. */
NODISCARD enum err x509_key_decode(struct x509_key *out, struct span der);

/* Whether two keys are the same. */
bool x509_key_eq(const struct x509_key *a, const struct x509_key *b);

/* x509_check_seal: OK when the object is signed by the key, else ERR_SIGNATURE. Names, dates and
 * rights are the caller's. */
NODISCARD enum err x509_check_seal(const struct x509_signed *object, const struct x509_key *key);

/* Whether the CRL lists the serial number. */
bool x509_crl_lists(const struct x509_crl *crl, struct span serial);

/* x509_crl_next gives the serial number that a list names at *place, and moves it on to the next;
 * *place is 0 at first. False at the end. */
bool x509_crl_next(const struct x509_crl *crl, struct span *serial, size_t *place);

/* x509_extension finds an extension by the contents of its OID; false when there is none. *value:
 * the contents of its OCTET STRING. */
bool x509_extension(const struct x509 *cert, struct span *value, struct span oid);

#endif
