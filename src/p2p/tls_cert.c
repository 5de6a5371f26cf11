#include "p2p/tls_cert.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

static const char extension_oid[] = "1.3.6.1.4.1.53594.1.1";
static const char prefix[] = "libp2p-tls-handshake:";
static const int64_t century = INT64_C(100) * 365 * 24 * 3600;

enum {
    SPKI_MAX = 2048, /* of a certificate key */
    SIGNED_MAX = sizeof(prefix) + SPKI_MAX,
    STRENGTH_MIN = 112, /* bits; SHA-1 and MD5 are below */
    HOUR = 3600,

};

/* What the identity signs: the prefix and the certificate's SubjectPublicKeyInfo. */
static enum err signed_bytes(struct writer *w, X509 *cert)
{
    uint8_t spki[SPKI_MAX], *p = spki;
    X509_PUBKEY *key = X509_get_X509_PUBKEY(cert);
    int n = i2d_X509_PUBKEY(key, NULL);
    if (n <= 0 || n > SPKI_MAX)
        return ERR_LIMIT;
    n = i2d_X509_PUBKEY(key, &p);
    write_bytes(w, prefix, sizeof(prefix) - 1);
    write_bytes(w, spki, (size_t)n);
    return w->err;
}

/* One DER element of this tag, its length definite and shortest. */
static struct reader read_der(struct reader *r, uint8_t tag)
{
    uint8_t t = read_u8(r);
    reader_require(r, t == tag, ERR_FORMAT);
    size_t n = read_u8(r);
    if (n == 0x81) {
        n = read_u8(r);
        reader_require(r, n >= 0x80, ERR_FORMAT);
    } else if (n == 0x82) {
        n = read_be16(r);
        reader_require(r, n >= 0x100, ERR_FORMAT);
    } else {
        reader_require(r, n < 0x80, ERR_FORMAT);
    }
    return reader_sub(r, n);
}

/* SignedKey ::= SEQUENCE { publicKey OCTET STRING, signature OCTET STRING } */
static enum err read_extension(struct span *key, struct span *signature, struct span in)
{
    enum { SEQUENCE = 0x30, OCTETS = 0x04 };
    struct reader r = reader_of(in);
    struct reader body = read_der(&r, SEQUENCE);
    struct reader k = read_der(&body, OCTETS), s = read_der(&body, OCTETS);
    *key = span_of(k.p, k.n);
    *signature = span_of(s.p, s.n);
    reader_join(&r, &body);
    if (k.err != OK || s.err != OK)
        return ERR_FORMAT;
    return reader_finish(&r) == OK ? OK : ERR_FORMAT;
}

static bool is_ours(X509_EXTENSION *ext)
{
    char oid[64];
    int n = OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(ext), 1);
    return n > 0 && (size_t)n < sizeof(oid) && strcmp(oid, extension_oid) == 0;
}

/* libp2p's extension, there once; no other critical one that libcrypto does not know. */
static enum err find_extension(struct span *out, X509 *cert)
{
    int found = 0;
    *out = (struct span){ 0 };
    for (int i = 0; i < X509_get_ext_count(cert); i++) {
        X509_EXTENSION *ext = X509_get_ext(cert, i);
        if (is_ours(ext)) {
            const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(ext);
            *out = span_of(ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data));
            found++;
        } else if (X509_EXTENSION_get_critical(ext) && X509_supported_extension(ext) != 1) {
            /* SPEC tls 2.4: "A critical extension that is not understood MUST be refused." */
            return ERR_FORMAT;
        }
    }
    return found == 1 ? OK : ERR_FORMAT;
}

static enum err check_validity(X509 *cert, int64_t now_s)
{
    time_t now = (time_t)now_s;
    /* <0: the certificate's time is before now; 0: it is no time. */
    if (X509_cmp_time(X509_get0_notBefore(cert), &now) >= 0 ||
        X509_cmp_time(X509_get0_notAfter(cert), &now) <= 0)
        return ERR_RANGE;
    return OK;
}

static enum err check_signature(X509 *cert)
{
    int strength = 0;
    EVP_PKEY *key = X509_get0_pubkey(cert);
    if (key == NULL || X509_get_signature_info(cert, NULL, NULL, &strength, NULL) != 1 ||
        strength < STRENGTH_MIN)
        return ERR_FORMAT;
    return X509_verify(cert, key) == 1 ? OK : ERR_SIGNATURE;
}

static enum err check(struct peer_key *out, X509 *cert, int64_t now_s)
{
    struct span extension, key, signature;
    uint8_t buf[SIGNED_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    TRY(find_extension(&extension, cert));
    TRY(read_extension(&key, &signature, extension));
    TRY(check_validity(cert, now_s));
    TRY(check_signature(cert));
    TRY(signed_bytes(&w, cert));
    TRY(peer_key_decode(out, key));
    return peer_key_verify(out, writer_span(&w), signature);
}

enum err tls_cert_check(struct peer_key *out, X509 *cert, int64_t now_s)
{
    *out = (struct peer_key){ 0 };
    enum err e = check(out, cert, now_s);
    ERR_clear_error();
    if (e != OK)
        *out = (struct peer_key){ 0 };
    return e;
}

enum err tls_cert_check_der(struct peer_key *out, struct span der, int64_t now_s)
{
    *out = (struct peer_key){ 0 };
    if (der.n > TLS_CERT_SIZE_MAX)
        return ERR_LIMIT;
    const uint8_t *p = der.p;
    X509 *cert = d2i_X509(NULL, &p, (long)der.n);
    ERR_clear_error();
    enum err e = ERR_FORMAT;
    if (cert != NULL && p == der.p + der.n)
        e = tls_cert_check(out, cert, now_s);
    X509_free(cert);
    return e;
}

static void write_der(struct writer *w, uint8_t tag, struct span s)
{
    ASSERT(s.n < 0x80);
    write_u8(w, tag);
    write_u8(w, (uint8_t)s.n);
    write_span(w, s);
}

/* The value of our extension: an Ed25519 key and signature are short enough for one-byte lengths.
 */
static enum err sign_extension(struct writer *w, X509 *cert, const struct ed25519_key *identity)
{
    uint8_t message[SIGNED_MAX], key[PEER_KEY_SIZE_MAX], signature[ED25519_SIGNATURE_SIZE];
    uint8_t body[120];
    struct writer m = writer_of(message, sizeof(message)), k = writer_of(key, sizeof(key));
    struct writer b = writer_of(body, sizeof(body));
    struct peer_key public_key = peer_key_of(identity);
    TRY(signed_bytes(&m, cert));
    ed25519_sign(signature, writer_span(&m), identity);
    peer_key_write(&k, &public_key);
    write_der(&b, 0x04, writer_span(&k));
    write_der(&b, 0x04, span_of(signature, sizeof(signature)));
    ASSERT(b.err == OK);
    write_der(w, 0x30, writer_span(&b));
    return w->err;
}

static bool add_extension(X509 *cert, struct span value)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(extension_oid, 1);
    ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext = NULL;
    bool ok =
        oid != NULL && data != NULL && ASN1_OCTET_STRING_set(data, value.p, (int)value.n) == 1;
    if (ok)
        ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, data);
    ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(data);
    ASN1_OBJECT_free(oid);
    return ok;
}

/* Everything but the extension and the signature. */
static bool fill(X509 *cert, EVP_PKEY *key, int64_t now_s)
{
    static const uint8_t number[] = "1";
    X509_NAME *name = X509_get_subject_name(cert);
    return X509_set_version(cert, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), 1) == 1 &&
           X509_NAME_add_entry_by_txt(name, "serialNumber", MBSTRING_ASC, number, -1, -1, 0) == 1 &&
           X509_set_issuer_name(cert, name) == 1 &&
           ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(now_s - HOUR)) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(now_s + century)) != NULL &&
           X509_set_pubkey(cert, key) == 1;
}

enum err tls_cert_make(X509 **cert, EVP_PKEY **key, const struct ed25519_key *identity,
                       int64_t now_s)
{
    uint8_t value[160];
    struct writer w = writer_of(value, sizeof(value));
    *cert = X509_new();
    *key = EVP_EC_gen("P-256");
    bool ok = *cert != NULL && *key != NULL && fill(*cert, *key, now_s) &&
              sign_extension(&w, *cert, identity) == OK && add_extension(*cert, writer_span(&w)) &&
              X509_sign(*cert, *key, EVP_sha256()) > 0;
    if (ok)
        return OK;
    ERR_clear_error();
    X509_free(*cert);
    EVP_PKEY_free(*key);
    *cert = NULL;
    *key = NULL;
    return ERR_MEMORY;
}
