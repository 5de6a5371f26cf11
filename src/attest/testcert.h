/* testcert: keys, certificates and revocation lists of a made vendor, in the forms that attest/x509
 * reads. For tests and test tools; libcrypto makes them, which the reader never uses for reading.
 */
#ifndef CRUST_ATTEST_TESTCERT_H
#define CRUST_ATTEST_TESTCERT_H

#include "crypto/openssl.h"

#include "base/check.h"
#include "base/span.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

struct testcert_key {
    EVP_PKEY *pkey;
    uint8_t public_key[64]; /* x || y */
};

static inline void testcert_key_make(struct testcert_key *k)
{
    uint8_t point[65];
    size_t n = 0;
    k->pkey = EVP_EC_gen("P-256");
    CHECK(k->pkey != NULL);
    CHECK(EVP_PKEY_get_octet_string_param(k->pkey, "pub", point, sizeof(point), &n) == 1);
    CHECK(n == 65 && point[0] == 4);
    memcpy(k->public_key, point + 1, 64);
}

/* r || s over SHA-256 of the message. */
static inline void testcert_sign(const struct testcert_key *k, uint8_t out[64], struct span message)
{
    uint8_t der[128];
    size_t n = sizeof(der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    CHECK(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1);
    CHECK(EVP_DigestSign(ctx, der, &n, message.p, message.n) == 1);
    EVP_MD_CTX_free(ctx);
    const uint8_t *p = der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
    CHECK(sig != NULL);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32) == 32);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32) == 32);
    ECDSA_SIG_free(sig);
}

struct testcert_spec {
    const char *name, *issuer; /* common names */
    const struct testcert_key *key, *issuer_key;
    long serial;
    uint64_t from, to; /* seconds */
    bool ca;
    struct span sgx; /* value of Intel's extension; empty: none */
};

static inline X509_NAME *testcert_name(const char *cn)
{
    X509_NAME *name = X509_NAME_new();
    CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1,
                                     0) == 1);
    return name;
}

static inline void testcert_extend(X509 *cert, const char *oid, bool critical, struct span value)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
    CHECK(ASN1_OCTET_STRING_set(data, value.p, (int)value.n) == 1);
    X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, object, critical, data);
    CHECK(e != NULL && X509_add_ext(cert, e, -1) == 1);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(data);
    ASN1_OBJECT_free(object);
}

/* The bytes of an object that i2d wrote; freed here. */
static inline struct span testcert_take(uint8_t *out, size_t room, unsigned char *der, int n)
{
    CHECK(n > 0 && (size_t)n <= room);
    memcpy(out, der, (size_t)n);
    OPENSSL_free(der);
    return span_of(out, (size_t)n);
}

static inline struct span testcert_make(uint8_t *out, size_t room, const struct testcert_spec *s)
{
    static const uint8_t is_ca[] = { 0x30, 0x03, 0x01, 0x01, 0xff }, is_leaf[] = { 0x30, 0x00 };
    static const uint8_t ca_usage[] = { 0x03, 0x02, 0x01, 0x06 },
                         leaf_usage[] = { 0x03, 0x02, 0x06, 0xc0 };
    X509 *cert = X509_new();
    X509_NAME *name = testcert_name(s->name), *issuer = testcert_name(s->issuer);
    CHECK(X509_set_version(cert, 2) == 1 && X509_set_subject_name(cert, name) == 1 &&
          X509_set_issuer_name(cert, issuer) == 1 && X509_set_pubkey(cert, s->key->pkey) == 1);
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(cert), s->serial) == 1);
    CHECK(ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)s->from) != NULL);
    CHECK(ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)s->to) != NULL);
    testcert_extend(cert, "2.5.29.19", true,
                    s->ca ? span_of(is_ca, sizeof(is_ca)) : span_of(is_leaf, sizeof(is_leaf)));
    testcert_extend(cert, "2.5.29.15", true,
                    s->ca ? span_of(ca_usage, sizeof(ca_usage))
                          : span_of(leaf_usage, sizeof(leaf_usage)));
    if (s->sgx.n > 0)
        testcert_extend(cert, "1.2.840.113741.1.13.1", false, s->sgx);
    CHECK(X509_sign(cert, s->issuer_key->pkey, EVP_sha256()) > 0);
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    X509_free(cert);
    X509_NAME_free(name);
    X509_NAME_free(issuer);
    return testcert_take(out, room, der, n);
}

struct testcert_list {
    const char *issuer;
    const struct testcert_key *key;
    uint64_t from, to;
    const long *serials;
    size_t count;
};

static inline void testcert_revoke(X509_CRL *crl, long serial, uint64_t when)
{
    X509_REVOKED *r = X509_REVOKED_new();
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)when);
    CHECK(ASN1_INTEGER_set(number, serial) == 1 && X509_REVOKED_set_serialNumber(r, number) == 1 &&
          X509_REVOKED_set_revocationDate(r, time) == 1 && X509_CRL_add0_revoked(crl, r) == 1);
    ASN1_INTEGER_free(number);
    ASN1_TIME_free(time);
}

static inline struct span testcert_crl(uint8_t *out, size_t room, const struct testcert_list *s)
{
    X509_CRL *crl = X509_CRL_new();
    X509_NAME *issuer = testcert_name(s->issuer);
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)s->from),
              *to = ASN1_TIME_set(NULL, (time_t)s->to);
    CHECK(X509_CRL_set_version(crl, 1) == 1 && X509_CRL_set_issuer_name(crl, issuer) == 1 &&
          X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, to) == 1);
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    CHECK(ASN1_INTEGER_set(number, 1) == 1);
    CHECK(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1);
    ASN1_INTEGER_free(number);
    for (size_t i = 0; i < s->count; i++)
        testcert_revoke(crl, s->serials[i], s->from);
    CHECK(X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, s->key->pkey, EVP_sha256()) > 0);
    unsigned char *der = NULL;
    int n = i2d_X509_CRL(crl, &der);
    X509_CRL_free(crl);
    X509_NAME_free(issuer);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return testcert_take(out, room, der, n);
}

#endif
