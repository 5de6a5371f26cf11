#include "attest/quote.h"

enum {
    HEADER = 48,
    KEY_ECDSA_P256 = 2,
    TEE_SGX = 0,
    TEE_TDX = 0x81,
    CERT_QE_REPORT = 6, /* the wrapper of v4 and v5 */
};

static const uint8_t intel_vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                          0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };

struct quote_sgx quote_sgx_decode(const uint8_t body[QUOTE_SGX_BODY])
{
    return (struct quote_sgx){
        .cpu_svn = body,
        .misc_select = load_le32(body + 16),
        .attributes = body + 48,
        .mrenclave = body + 64,
        .mrsigner = body + 128,
        .config_id = body + 192,
        .prod_id = load_le16(body + 256),
        .svn = load_le16(body + 258),
        .config_svn = load_le16(body + 260),
        .report_data = body + 320,
    };
}

static struct quote_td td_decode(const uint8_t *body, enum quote_body kind)
{
    bool newer = kind != QUOTE_BODY_TD;
    return (struct quote_td){
        .tcb_svn = body,
        .mrseam = body + 16,
        .mrsignerseam = body + 64,
        .seam_attributes = body + 112,
        .attributes = body + 120,
        .xfam = body + 128,
        .mrtd = body + 136,
        .mrconfigid = body + 184,
        .mrowner = body + 232,
        .mrownerconfig = body + 280,
        .rtmr = body + 328,
        .report_data = body + 520,
        .tcb_svn2 = newer ? body + 584 : NULL,
        .mrservicetd = newer ? body + 600 : NULL,
    };
}

/* Returns the tee type. */
static uint32_t read_header(struct reader *r, struct quote *out)
{
    out->version = read_le16(r);
    reader_require(r, out->version >= 3 && out->version <= 5, ERR_UNSUPPORTED);
    reader_require(r, read_le16(r) == KEY_ECDSA_P256, ERR_UNSUPPORTED);
    uint32_t tee = read_le32(r); /* reserved, zero, in v3 */
    reader_require(r, tee == TEE_SGX || (tee == TEE_TDX && out->version != 3), ERR_UNSUPPORTED);
    read_le32(r); /* QE and PCE SVN of v3: compared with nothing */
    struct span vendor = read_span(r, sizeof(intel_vendor));
    reader_require(r, span_eq(vendor, span_of(intel_vendor, sizeof(intel_vendor))),
                   ERR_UNSUPPORTED);
    read_span(r, 20); /* user data: an id that the QE gives itself */
    return tee;
}

static void read_body(struct reader *r, struct quote *out, uint32_t tee)
{
    static const size_t sizes[] = { 0, QUOTE_SGX_BODY, QUOTE_TD_BODY, QUOTE_TD15_BODY,
                                    QUOTE_TD15EX_BODY };
    uint16_t type = tee == TEE_SGX ? QUOTE_BODY_SGX : QUOTE_BODY_TD;
    if (out->version == 5) {
        type = read_le16(r);
        uint32_t size = read_le32(r);
        reader_require(r, type >= QUOTE_BODY_SGX && type <= QUOTE_BODY_TD15EX, ERR_UNSUPPORTED);
        reader_require(r, (type == QUOTE_BODY_SGX) == (tee == TEE_SGX), ERR_FORMAT);
        reader_require(r, r->err != OK || size == sizes[type], ERR_FORMAT);
    }
    if (r->err != OK)
        return;
    out->body = (enum quote_body)type;
    struct span body = read_span(r, sizes[type]);
    if (r->err == OK && type == QUOTE_BODY_SGX)
        out->sgx = quote_sgx_decode(body.p);
    else if (r->err == OK)
        out->td = td_decode(body.p, out->body);
}

/* What the PCK vouches for: the QE's report, its signature, data bound into it, certificates. */
static void read_certification(struct reader *r, struct quote *out)
{
    out->qe_bytes = read_span(r, QUOTE_SGX_BODY);
    out->qe_signature = read_span(r, 64).p;
    out->auth_data = read_span(r, read_le16(r));
    out->cert_type = read_le16(r);
    out->cert_data = read_span(r, read_le32(r));
    if (r->err == OK)
        out->qe = quote_sgx_decode(out->qe_bytes.p);
}

static void read_signature_data(struct reader *r, struct quote *out)
{
    struct reader s = reader_sub(r, read_le32(r));
    out->signature = read_span(&s, 64).p;
    out->attestation_key = read_span(&s, 64).p;
    if (out->version == 3) {
        read_certification(&s, out);
    } else {
        reader_require(&s, read_le16(&s) == CERT_QE_REPORT, ERR_UNSUPPORTED);
        struct reader inner = reader_sub(&s, read_le32(&s));
        read_certification(&inner, out);
        reader_join(&s, &inner);
    }
    /* SPEC attest 5.3: "Every length MUST end exactly where its frame ends" */
    reader_join(r, &s);
}

static enum err decode(struct quote *out, struct span in)
{
    if (in.n > QUOTE_SIZE_MAX)
        return ERR_LIMIT;
    struct reader r = reader_of(in);
    uint32_t tee = read_header(&r, out);
    read_body(&r, out, tee);
    if (r.err != OK)
        return r.err;
    out->signed_bytes = span_of(in.p, (size_t)(r.p - in.p));
    read_signature_data(&r, out);
    /* SPEC attest 5.4: "Bytes after it MUST be zero" */
    struct span rest = read_span(&r, r.n);
    for (size_t i = 0; i < rest.n && r.err == OK; i++)
        reader_require(&r, rest.p[i] == 0, ERR_TRAILING);
    return reader_finish(&r);
}

enum err quote_decode(struct quote *out, struct span in)
{
    *out = (struct quote){ 0 };
    enum err e = decode(out, in);
    if (e != OK)
        *out = (struct quote){ 0 };
    return e;
}
