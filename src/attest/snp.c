#include "attest/snp.h"

enum {
    ALGO_ECDSA_P384 = 1,
    SIGNATURE_AT = SNP_SIGNED_SIZE,
    COMPONENT = 72, /* of a signature: 48 bytes, little-endian, and zeros */
};

static const char *const product_names[SNP_PRODUCTS] = { "Milan", "Genoa", "Turin" };

const char *snp_product_name(enum snp_product product)
{
    return (unsigned)product < SNP_PRODUCTS ? product_names[product] : "?";
}

/* ---- the report -------------------------------------------------------------------------------
 */

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0)
            return false;
    }
    return true;
}

static void read_fields(struct snp_report *out, const uint8_t *p)
{
    out->guest_svn = load_le32(p + 4);
    out->policy = load_le64(p + 8);
    out->family_id = p + 0x10;
    out->image_id = p + 0x20;
    out->vmpl = load_le32(p + 0x30);
    out->current_tcb = p + 0x38;
    out->platform_info = load_le64(p + 0x40);
    uint32_t flags = load_le32(p + 0x48);
    out->author_key = (flags & 1) != 0;
    out->mask_chip_key = (flags & 2) != 0;
    out->signing_key = (uint8_t)(flags >> 2 & 7);
    out->report_data = p + 0x50;
    out->measurement = p + 0x90;
    out->host_data = p + 0xc0;
    out->id_key_digest = p + 0xe0;
    out->author_key_digest = p + 0x110;
    out->reported_tcb = p + 0x180;
    out->cpu_family = p[0x188];
    out->cpu_model = p[0x189];
    out->chip_id = p + 0x1a0;
    out->committed_tcb = p + 0x1e0;
    out->current_build = p[0x1e8];
    out->current_minor = p[0x1e9];
    out->current_major = p[0x1ea];
    out->committed_build = p[0x1ec];
    out->committed_minor = p[0x1ed];
    out->committed_major = p[0x1ee];
    out->launch_tcb = p + 0x1f0;
    out->launch_mitigations = load_le64(p + 0x1f8);
    out->current_mitigations = load_le64(p + 0x200);
    out->signed_bytes = span_of(p, SNP_SIGNED_SIZE);
    for (size_t i = 0; i < 48; i++) {
        out->signature[47 - i] = p[SIGNATURE_AT + i];
        out->signature[95 - i] = p[SIGNATURE_AT + COMPONENT + i];
    }
}

static enum err decode_report(struct snp_report *out, struct span in)
{
    if (in.n < SNP_REPORT_SIZE)
        return ERR_SHORT;
    if (in.n > SNP_REPORT_SIZE)
        return ERR_TRAILING;
    out->version = load_le32(in.p);
    if (out->version < 2 || out->version > 5 || load_le32(in.p + 0x34) != ALGO_ECDSA_P384)
        return ERR_UNSUPPORTED;
    read_fields(out, in.p);
    if (out->signing_key != SNP_KEY_VCEK && out->signing_key != SNP_KEY_VLEK)
        return ERR_UNSUPPORTED;
    /* SPEC attest 7.1: "What no signature covers MUST be zero" */
    const uint8_t *r = in.p + SIGNATURE_AT, *s = r + COMPONENT, *rest = s + COMPONENT;
    if (!all_zero(r + 48, COMPONENT - 48) || !all_zero(s + 48, COMPONENT - 48) ||
        !all_zero(rest, SNP_REPORT_SIZE - SIGNATURE_AT - 2 * COMPONENT))
        return ERR_FORMAT;
    return OK;
}

enum err snp_report_decode(struct snp_report *out, struct span in)
{
    *out = (struct snp_report){ 0 };
    enum err e = decode_report(out, in);
    if (e != OK)
        *out = (struct snp_report){ 0 };
    return e;
}

struct snp_tcb snp_tcb_decode(const uint8_t raw[8], enum snp_product product)
{
    if (product == SNP_TURIN)
        return (struct snp_tcb){
            .fmc = raw[0], .boot_loader = raw[1], .tee = raw[2], .snp = raw[3], .microcode = raw[7]
        };
    return (
        struct snp_tcb){ .boot_loader = raw[0], .tee = raw[1], .snp = raw[6], .microcode = raw[7] };
}

/* ---- the leaf certificate ---------------------------------------------------------------------
 */

/* 1.3.6.1.4.1.3704.1, and what follows it. */
static bool find(const struct x509 *cert, struct span *value, uint8_t a, uint8_t b)
{
    const uint8_t oid[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, a, b };
    return x509_extension(cert, value, span_of(oid, b == 0 ? sizeof(oid) - 1 : sizeof(oid)));
}

static enum err read_spl(const struct x509 *cert, uint8_t *out, uint8_t number)
{
    struct span value;
    if (!find(cert, &value, 3, number))
        return ERR_NOT_FOUND;
    struct reader r = reader_of(value);
    *out = (uint8_t)der_read_uint(&r, DER_INTEGER, 255);
    return reader_finish(&r);
}

/* "Milan-B0" and "Milan" are one product: the part before a dash. */
static enum err read_product(const struct x509 *cert, enum snp_product *out)
{
    struct span value;
    if (!find(cert, &value, 2, 0))
        return ERR_NOT_FOUND;
    struct reader r = reader_of(value);
    struct span name = der_read(&r, DER_IA5);
    TRY(reader_finish(&r));
    for (int i = 0; i < SNP_PRODUCTS; i++) {
        struct span word = span_str(product_names[i]);
        if (span_eq(span_sub(name, 0, word.n), word) &&
            (name.n == word.n || name.p[word.n] == '-')) {
            *out = (enum snp_product)i;
            return OK;
        }
    }
    return ERR_UNSUPPORTED;
}

/* The id stands there raw in all certificates seen; as an OCTET STRING it is taken as well. */
static enum err read_hwid(const struct x509 *cert, struct snp_leaf *out)
{
    struct span value;
    size_t size = out->product == SNP_TURIN ? 8 : 64;
    if (!find(cert, &value, 4, 0))
        return ERR_NOT_FOUND;
    if (value.n == size + 2) {
        struct reader r = reader_of(value);
        value = der_read(&r, DER_OCTET_STRING);
        TRY(reader_finish(&r));
    }
    if (value.n != size)
        return ERR_FORMAT;
    memcpy(out->hwid, value.p, size);
    out->hwid_size = size;
    return OK;
}

static enum err decode_leaf(struct snp_leaf *out, const struct x509 *cert)
{
    out->vlek = span_eq(cert->common_name, span_str("SEV-VLEK"));
    if (!out->vlek && !span_eq(cert->common_name, span_str("SEV-VCEK")))
        return ERR_UNSUPPORTED;
    TRY(read_product(cert, &out->product));
    TRY(read_spl(cert, &out->tcb.boot_loader, 1));
    TRY(read_spl(cert, &out->tcb.tee, 2));
    TRY(read_spl(cert, &out->tcb.snp, 3));
    TRY(read_spl(cert, &out->tcb.microcode, 8));
    if (out->product == SNP_TURIN)
        TRY(read_spl(cert, &out->tcb.fmc, 9));
    return out->vlek ? OK : read_hwid(cert, out);
}

enum err snp_leaf_decode(struct snp_leaf *out, const struct x509 *cert)
{
    *out = (struct snp_leaf){ 0 };
    enum err e = decode_leaf(out, cert);
    if (e != OK)
        *out = (struct snp_leaf){ 0 };
    return e;
}

/* ---- the certificate table --------------------------------------------------------------------
 */

/* GUIDs of the GHCB specification, in the order of their text: 63da758d-... VCEK, a8074bc2-...
 * VLEK, 4ab7b379-... ASK and ASVK, c0b406a4-... ARK. */
static const uint8_t guids[4][16] = {
    { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac,
      0xcd },
    { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8,
      0xa1 },
    { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7,
      0x82 },
    { 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0,
      0xae },
};

static enum err decode_table(struct snp_table *out, struct span in)
{
    struct span *const places[4] = { &out->vcek, &out->vlek, &out->ask, &out->ark };
    struct reader r = reader_of(in);
    for (size_t entry = 0;; entry++) {
        struct span guid = read_span(&r, 16);
        uint32_t offset = read_le32(&r), length = read_le32(&r);
        if (r.err != OK)
            return r.err;
        if (all_zero(guid.p, 16))
            return OK;
        if (entry == SNP_TABLE_ENTRIES_MAX)
            return ERR_LIMIT;
        if (offset > in.n || length > in.n - offset || length == 0)
            return ERR_FORMAT;
        for (size_t i = 0; i < 4; i++) {
            if (!span_eq(guid, span_of(guids[i], 16)))
                continue;
            if (places[i]->n != 0)
                return ERR_FORMAT; /* named twice */
            *places[i] = span_of(in.p + offset, length);
        }
    }
}

enum err snp_table_decode(struct snp_table *out, struct span in)
{
    *out = (struct snp_table){ 0 };
    if (in.n == 0)
        return OK;
    if (in.n > SNP_TABLE_MAX)
        return ERR_LIMIT;
    enum err e = decode_table(out, in);
    if (e != OK)
        *out = (struct snp_table){ 0 };
    return e;
}
