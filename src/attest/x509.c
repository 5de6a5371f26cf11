#include "attest/x509.h"

#include "crypto/ecdsa.h"
#include "crypto/rsa_pss.h"

/* AlgorithmIdentifiers, whole: ecdsa-with-SHA256; RSASSA-PSS with SHA-384, MGF1-SHA-384, salt 48,
 * without and with the default trailer field written out (both occur). */
static const uint8_t ecdsa_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                        0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
static const uint8_t pss_head[] = {
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a
};
static const uint8_t pss_params[] = {
    0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
    0x02, 0x02, 0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48,
    0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48,
    0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x30,
};
static const uint8_t pss_trailer[] = { 0xa3, 0x03, 0x02, 0x01, 0x01 };

/* A SubjectPublicKeyInfo up to the key itself, and after it. */
static const uint8_t spki_p256[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                     0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                     0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04 };
static const uint8_t spki_p384[] = { 0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                     0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                     0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04 };
static const uint8_t spki_rsa[] = { 0x30, 0x82, 0x02, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a,
                                    0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05,
                                    0x00, 0x03, 0x82, 0x02, 0x0f, 0x00, 0x30, 0x82, 0x02,
                                    0x0a, 0x02, 0x82, 0x02, 0x01, 0x00 };
static const uint8_t spki_rsa_end[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };

static const uint8_t oid_common_name[] = { 0x55, 0x04, 0x03 };
static const uint8_t oid_key_usage[] = { 0x55, 0x1d, 0x0f };
static const uint8_t oid_basic_constraints[] = { 0x55, 0x1d, 0x13 };

enum { USAGE_CERT_SIGN = 0x04, USAGE_CRL_SIGN = 0x02, ENTRIES_MAX = 4096 };

static bool is(struct span s, const uint8_t *constant, size_t n)
{
    return span_eq(s, span_of(constant, n));
}

/* ---- keys and signatures ------------------------------------------------------------------- */

static bool between(struct span *out, struct span in, struct span head, struct span tail)
{
    if (in.n <= head.n + tail.n || !span_eq(span_sub(in, 0, head.n), head) ||
        !span_eq(span_sub(in, in.n - tail.n, tail.n), tail))
        return false;
    *out = span_sub(in, head.n, in.n - head.n - tail.n);
    return true;
}

enum err x509_key_decode(struct x509_key *out, struct span der)
{
    static const struct {
        const uint8_t *head;
        size_t head_n, tail_n, key_n;
        enum x509_algorithm algorithm;
    } kinds[] = {
        { spki_p256, sizeof(spki_p256), 0, ECDSA_P256_SIZE, X509_P256 },
        { spki_p384, sizeof(spki_p384), 0, ECDSA_P384_SIZE, X509_P384 },
        { spki_rsa, sizeof(spki_rsa), sizeof(spki_rsa_end), RSA_PSS_SIZE, X509_RSA },
    };
    *out = (struct x509_key){ 0 };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct span key;
        if (between(&key, der, span_of(kinds[i].head, kinds[i].head_n),
                    span_of(spki_rsa_end, kinds[i].tail_n)) &&
            key.n == kinds[i].key_n) {
            *out = (struct x509_key){ kinds[i].algorithm, key };
            return OK;
        }
    }
    return ERR_UNSUPPORTED;
}

bool x509_key_eq(const struct x509_key *a, const struct x509_key *b)
{
    return a->algorithm == b->algorithm && span_eq(a->bytes, b->bytes);
}

static void read_algorithm(struct reader *r, struct x509_signed *out)
{
    struct span whole = der_read_whole(r, DER_SEQUENCE);
    if (is(whole, ecdsa_sha256, sizeof(ecdsa_sha256))) {
        out->algorithm = X509_P256;
        return;
    }
    struct reader outer = reader_of(whole);
    struct reader algorithm = der_enter(&outer, DER_SEQUENCE);
    bool pss = is(read_span(&algorithm, sizeof(pss_head)), pss_head, sizeof(pss_head));
    struct reader params = der_enter(&algorithm, DER_SEQUENCE);
    pss = pss && is(read_span(&params, sizeof(pss_params)), pss_params, sizeof(pss_params));
    if (params.n != 0)
        pss = pss && is(read_span(&params, sizeof(pss_trailer)), pss_trailer, sizeof(pss_trailer));
    reader_join(&algorithm, &params);
    reader_join(&outer, &algorithm);
    out->algorithm = X509_RSA;
    reader_require(r, pss && outer.err == OK, ERR_UNSUPPORTED);
}

/* ECDSA-Sig-Value of RFC 3279 2.2.3 -> r || s of 32 bytes each. */
static enum err ecdsa_numbers(uint8_t out[ECDSA_P256_SIZE], struct span der)
{
    memset(out, 0, ECDSA_P256_SIZE);
    struct reader r = reader_of(der);
    struct reader pair = der_enter(&r, DER_SEQUENCE);
    for (size_t half = 0; half < 2; half++) {
        struct span number = der_read_serial(&pair);
        if (number.n > 1 && number.p[0] == 0)
            number = span_sub(number, 1, number.n);
        reader_require(&pair, number.n <= 32, ERR_FORMAT);
        if (pair.err == OK)
            memcpy(out + 32 * (half + 1) - number.n, number.p, number.n);
    }
    reader_join(&r, &pair);
    return reader_finish(&r);
}

enum err x509_check_seal(const struct x509_signed *object, const struct x509_key *key)
{
    if (object->algorithm != key->algorithm)
        return ERR_SIGNATURE;
    if (key->algorithm == X509_RSA)
        return object->signature.n == RSA_PSS_SIZE
                   ? rsa_pss_verify(object->signature.p, object->tbs, key->bytes.p)
                   : ERR_SIGNATURE;
    uint8_t signature[ECDSA_P256_SIZE];
    if (ecdsa_numbers(signature, object->signature) != OK)
        return ERR_SIGNATURE;
    return ecdsa_p256_verify(signature, object->tbs, key->bytes.p);
}

/* SEQUENCE { to be signed, algorithm, BIT STRING }, of which *tbs is a reader over the contents of
 * the first. The same algorithm stands inside: RFC 5280 4.1.1.2. */
static enum err open_signed(struct x509_signed *out, struct span der, size_t max)
{
    if (der.n > max)
        return ERR_LIMIT;
    struct reader r = reader_of(der);
    struct reader body = der_enter(&r, DER_SEQUENCE);
    out->tbs = der_read_whole(&body, DER_SEQUENCE);
    read_algorithm(&body, out);
    out->signature = der_read_bits(&body);
    reader_join(&r, &body);
    return reader_finish(&r);
}

static void read_same_algorithm(struct reader *r, const struct x509_signed *outer)
{
    struct x509_signed inner = { 0 };
    read_algorithm(r, &inner);
    reader_require(r, inner.algorithm == outer->algorithm, ERR_FORMAT);
}

/* ---- names and extensions ------------------------------------------------------------------ */

/* RFC 5280 4.1.2.4: a SEQUENCE of SETs of {type, value}. At most one common name. */
static struct span read_name(struct reader *r, struct span *common_name)
{
    struct span whole = der_read_whole(r, DER_SEQUENCE);
    struct reader outer = reader_of(whole);
    struct reader name = der_enter(&outer, DER_SEQUENCE);
    *common_name = (struct span){ NULL, 0 };
    while (name.err == OK && name.n > 0) {
        struct reader set = der_enter(&name, DER_SET);
        struct reader pair = der_enter(&set, DER_SEQUENCE);
        struct span type = der_read(&pair, DER_OID);
        bool utf8 = der_is(&pair, DER_UTF8), ia5 = der_is(&pair, DER_IA5);
        struct span value = der_read(&pair, utf8 ? DER_UTF8 : ia5 ? DER_IA5 : DER_PRINTABLE);
        if (is(type, oid_common_name, sizeof(oid_common_name))) {
            reader_require(&pair, common_name->p == NULL, ERR_FORMAT);
            *common_name = value;
        }
        reader_join(&set, &pair);
        reader_join(&name, &set);
    }
    reader_join(&outer, &name);
    reader_require(r, outer.err == OK, ERR_FORMAT);
    return whole;
}

struct extension {
    struct span oid, value;
    bool critical;
};

static struct extension read_extension(struct reader *r)
{
    struct extension out = { 0 };
    struct reader e = der_enter(r, DER_SEQUENCE);
    out.oid = der_read(&e, DER_OID);
    if (der_is(&e, DER_BOOLEAN)) {
        struct span b = der_read(&e, DER_BOOLEAN);
        /* DER writes TRUE as ff, and leaves the default FALSE out. */
        reader_require(&e, b.n == 1 && b.p[0] == 0xff, ERR_FORMAT);
        out.critical = true;
    }
    out.value = der_read(&e, DER_OCTET_STRING);
    reader_join(r, &e);
    return out;
}

bool x509_extension(const struct x509 *cert, struct span *value, struct span oid)
{
    struct reader r = reader_of(cert->extensions);
    while (r.err == OK && r.n > 0) {
        struct extension e = read_extension(&r);
        if (r.err == OK && span_eq(e.oid, oid)) {
            *value = e.value;
            return true;
        }
    }
    *value = (struct span){ NULL, 0 };
    return false;
}

/* SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLen INTEGER OPTIONAL }. Path lengths are not looked at:
 * every chain here has one shape, root, intermediate, leaf. */
static bool read_is_ca(struct reader *r, struct span value)
{
    struct reader v = reader_of(value);
    struct reader s = der_enter(&v, DER_SEQUENCE);
    bool ca = der_is(&s, DER_BOOLEAN);
    if (ca) {
        struct span b = der_read(&s, DER_BOOLEAN);
        reader_require(&s, b.n == 1 && b.p[0] == 0xff, ERR_FORMAT);
        if (s.n > 0)
            der_read_uint(&s, DER_INTEGER, 255);
    }
    reader_join(&v, &s);
    reader_require(r, v.err == OK && v.n == 0, ERR_FORMAT);
    return ca;
}

/* A named BIT STRING of one or two bytes; the first holds the bits that we use. */
static uint8_t read_usage(struct reader *r, struct span value)
{
    struct reader v = reader_of(value);
    struct span bits = der_read(&v, DER_BIT_STRING);
    reader_require(r, v.err == OK && v.n == 0 && bits.n >= 2 && bits.n <= 3 && bits.p[0] < 8,
                   ERR_FORMAT);
    return r->err == OK ? bits.p[1] : 0;
}

static void read_extensions(struct reader *r, struct x509 *out)
{
    struct span oids[X509_EXTENSIONS_MAX];
    size_t count = 0;
    uint8_t usage = 0xff; /* no keyUsage: no restriction */
    bool basic = false;
    struct reader outer = der_enter(r, DER_CONTEXT_3);
    out->extensions = der_read(&outer, DER_SEQUENCE);
    reader_join(r, &outer);
    struct reader list = reader_of(out->extensions);
    while (r->err == OK && list.n > 0) {
        struct extension e = read_extension(&list);
        reader_require(r, list.err == OK, ERR_FORMAT);
        reader_require(r, count < X509_EXTENSIONS_MAX, ERR_LIMIT);
        for (size_t i = 0; i < count && r->err == OK; i++)
            reader_require(r, !span_eq(oids[i], e.oid), ERR_FORMAT);
        if (r->err != OK)
            return;
        oids[count++] = e.oid;
        if (is(e.oid, oid_basic_constraints, sizeof(oid_basic_constraints)))
            basic = read_is_ca(r, e.value);
        else if (is(e.oid, oid_key_usage, sizeof(oid_key_usage)))
            usage = read_usage(r, e.value);
        else
            reader_require(r, !e.critical, ERR_UNSUPPORTED);
    }
    out->ca = basic && (usage & USAGE_CERT_SIGN) != 0;
    out->signs_crl = (usage & USAGE_CRL_SIGN) != 0;
}

/* ---- certificates --------------------------------------------------------------------------- */

static enum err decode(struct x509 *out, struct span der)
{
    TRY(open_signed(&out->seal, der, X509_SIZE_MAX));
    struct reader outer = reader_of(out->seal.tbs);
    struct reader r = der_enter(&outer, DER_SEQUENCE);
    struct reader version = der_enter(&r, DER_CONTEXT_0);
    reader_require(&version, der_read_uint(&version, DER_INTEGER, 2) == 2, ERR_FORMAT); /* v3 */
    reader_join(&r, &version);
    out->serial = der_read_serial(&r);
    read_same_algorithm(&r, &out->seal);
    struct span unused;
    out->issuer = read_name(&r, &unused);
    struct reader validity = der_enter(&r, DER_SEQUENCE);
    out->not_before = der_read_time(&validity);
    out->not_after = der_read_time(&validity);
    reader_join(&r, &validity);
    out->subject = read_name(&r, &out->common_name);
    struct span key = der_read_whole(&r, DER_SEQUENCE);
    if (r.err == OK)
        reader_require(&r, x509_key_decode(&out->key, key) == OK, ERR_UNSUPPORTED);
    read_extensions(&r, out);
    reader_join(&outer, &r);
    return reader_finish(&outer);
}

enum err x509_decode(struct x509 *out, struct span der)
{
    *out = (struct x509){ 0 };
    enum err e = decode(out, der);
    if (e != OK)
        *out = (struct x509){ 0 };
    return e;
}

/* ---- revocation lists ----------------------------------------------------------------------- */

/* RFC 5280 5.2, 5.3: extensions of the list or of an entry; a critical one changes what the list
 * means, and we know none. */
static void skip_plain_extensions(struct reader *r)
{
    struct reader list = der_enter(r, DER_SEQUENCE);
    while (list.err == OK && list.n > 0)
        reader_require(&list, !read_extension(&list).critical, ERR_UNSUPPORTED);
    reader_join(r, &list);
}

/* Reads an entry and gives its serial number. */
static struct span read_entry(struct reader *list)
{
    struct reader entry = der_enter(list, DER_SEQUENCE);
    struct span serial = der_read_serial(&entry);
    der_read_time(&entry);
    if (entry.err == OK && entry.n > 0)
        skip_plain_extensions(&entry);
    reader_join(list, &entry);
    return serial;
}

static enum err decode_crl(struct x509_crl *out, struct span der)
{
    TRY(open_signed(&out->seal, der, X509_CRL_SIZE_MAX));
    struct reader outer = reader_of(out->seal.tbs);
    struct reader r = der_enter(&outer, DER_SEQUENCE);
    reader_require(&r, der_read_uint(&r, DER_INTEGER, 1) == 1, ERR_FORMAT); /* v2 */
    read_same_algorithm(&r, &out->seal);
    struct span unused;
    out->issuer = read_name(&r, &unused);
    out->this_update = der_read_time(&r);
    out->next_update = der_read_time(&r);
    if (der_is(&r, DER_SEQUENCE)) {
        out->revoked = der_read(&r, DER_SEQUENCE);
        struct reader list = reader_of(out->revoked);
        for (; list.err == OK && list.n > 0 && out->count < ENTRIES_MAX; out->count++)
            read_entry(&list);
        reader_join(&r, &list);
    }
    struct reader extensions = der_enter(&r, DER_CONTEXT_0);
    skip_plain_extensions(&extensions);
    reader_join(&r, &extensions);
    reader_join(&outer, &r);
    return reader_finish(&outer);
}

enum err x509_crl_decode(struct x509_crl *out, struct span der)
{
    *out = (struct x509_crl){ 0 };
    enum err e = decode_crl(out, der);
    if (e != OK)
        *out = (struct x509_crl){ 0 };
    return e;
}

bool x509_crl_lists(const struct x509_crl *crl, struct span serial)
{
    struct reader list = reader_of(crl->revoked);
    while (list.err == OK && list.n > 0) {
        if (span_eq(read_entry(&list), serial))
            return true;
    }
    return false;
}

bool x509_crl_next(const struct x509_crl *crl, struct span *serial, size_t *place)
{
    struct reader list = reader_of(span_sub(crl->revoked, *place, crl->revoked.n));
    *serial = (struct span){ NULL, 0 };
    if (list.n == 0)
        return false;
    *serial = read_entry(&list);
    *place = crl->revoked.n - list.n;
    return list.err == OK;
}
