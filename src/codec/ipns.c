#include "codec/ipns.h"
#include "codec/cbor.h"
#include "codec/comet.h"
#include "codec/pb.h"

enum {
    FIELD_VALUE = 1,
    FIELD_SIGNATURE_V1 = 2,
    FIELD_VALIDITY_TYPE = 3,
    FIELD_VALIDITY = 4,
    FIELD_SEQUENCE = 5,
    FIELD_TTL = 6,
    FIELD_PUBLIC_KEY = 7,
    FIELD_SIGNATURE_V2 = 8,
    FIELD_DATA = 9,
    VALIDITY_EOL = 0,
    MESSAGE_MAX = IPNS_RECORD_MAX + 16,
};

static const char prefix[] = "ipns-signature:";

/* The fields that stand in both versions. */
struct common {
    struct span value, validity;
    uint64_t validity_type, sequence, ttl;
};

/* ---- reading -------------------------------------------------------------------------------- */

/* SPEC ipns-record: "data: DAG-CBOR map with Value, Validity, ValidityType, Sequence, and TTL".
 * More entries are for others. */
static enum err read_data(struct common *out, struct span data)
{
    enum { ALL = 31 };
    struct cbor_reader c = cbor_reader_of(data, CBOR_LENIENT);
    unsigned have = 0;
    for (size_t n = cbor_read_map(&c); n > 0 && c.r.err == OK; n--) {
        struct span key = cbor_read_text(&c);
        if (span_eq(key, span_str("Value"))) {
            out->value = cbor_read_bytes(&c);
            have |= 1;
        } else if (span_eq(key, span_str("Validity"))) {
            out->validity = cbor_read_bytes(&c);
            have |= 2;
        } else if (span_eq(key, span_str("ValidityType"))) {
            out->validity_type = cbor_read_uint(&c);
            have |= 4;
        } else if (span_eq(key, span_str("Sequence"))) {
            out->sequence = cbor_read_uint(&c);
            have |= 8;
        } else if (span_eq(key, span_str("TTL"))) {
            out->ttl = cbor_read_uint(&c);
            have |= 16;
        } else {
            cbor_skip(&c);
        }
    }
    TRY(cbor_finish(&c));
    return have == ALL ? OK : ERR_FORMAT;
}

static void read_bytes(struct span *out, struct reader *r, const struct pb_field *f)
{
    pb_expect(r, f, PB_BYTES);
    *out = f->bytes;
}

static void read_number(uint64_t *out, struct reader *r, const struct pb_field *f)
{
    pb_expect(r, f, PB_VARINT);
    *out = f->value;
}

static enum err read_fields(struct ipns_record *out, struct common *v1, bool *has_v1,
                            struct span in)
{
    struct reader r = reader_of(in);
    struct pb_field f;
    while (pb_next(&r, &f)) {
        switch (f.number) {
        case FIELD_VALUE:
            read_bytes(&v1->value, &r, &f);
            *has_v1 = true;
            break;
        case FIELD_SIGNATURE_V1:
            pb_expect(&r, &f, PB_BYTES);
            *has_v1 = true;
            break;
        case FIELD_VALIDITY_TYPE:
            read_number(&v1->validity_type, &r, &f);
            break;
        case FIELD_VALIDITY:
            read_bytes(&v1->validity, &r, &f);
            break;
        case FIELD_SEQUENCE:
            read_number(&v1->sequence, &r, &f);
            break;
        case FIELD_TTL:
            read_number(&v1->ttl, &r, &f);
            break;
        case FIELD_PUBLIC_KEY:
            read_bytes(&out->public_key, &r, &f);
            break;
        case FIELD_SIGNATURE_V2:
            read_bytes(&out->signature, &r, &f);
            break;
        case FIELD_DATA:
            read_bytes(&out->data, &r, &f);
            break;
        default:
            break;
        }
    }
    return reader_finish(&r);
}

static bool same(const struct common *a, const struct common *b)
{
    return span_eq(a->value, b->value) && span_eq(a->validity, b->validity) &&
           a->validity_type == b->validity_type && a->sequence == b->sequence && a->ttl == b->ttl;
}

static enum err decode(struct ipns_record *out, struct span in)
{
    struct common v1 = { 0 }, v2 = { 0 };
    bool has_v1 = false;
    struct comet_time until;
    if (in.n > IPNS_RECORD_MAX)
        return ERR_LIMIT;
    TRY(read_fields(out, &v1, &has_v1, in));
    if (out->signature.n == 0 || out->data.n == 0)
        return ERR_FORMAT;
    TRY(read_data(&v2, out->data));
    if (has_v1 && !same(&v1, &v2))
        return ERR_FORMAT;
    if (v2.validity_type != VALIDITY_EOL || comet_read_time(&until, v2.validity) != OK)
        return ERR_FORMAT;
    out->value = v2.value;
    out->sequence = v2.sequence;
    out->ttl_ns = v2.ttl;
    out->validity = v2.validity;
    out->validity_s = until.seconds;
    out->validity_ns = until.nanos;
    return OK;
}

enum err ipns_decode(struct ipns_record *out, struct span in)
{
    *out = (struct ipns_record){ 0 };
    enum err e = decode(out, in);
    if (e != OK)
        *out = (struct ipns_record){ 0 };
    return e;
}

/* ---- signatures ----------------------------------------------------------------------------- */

/* The key that the name stands for: inlined, or the record's own if it has the hash. */
static enum err key_of(struct peer_key *out, const struct ipns_record *r,
                       const struct peer_id *name)
{
    if (r->public_key.n == 0)
        return peer_id_key(out, name) == OK ? OK : ERR_DENIED;
    TRY(peer_key_decode(out, r->public_key));
    struct peer_id id = peer_id_of(out);
    return peer_id_eq(&id, name) ? OK : ERR_DENIED;
}

enum err ipns_verify(const struct ipns_record *r, const struct peer_id *name, int64_t now_s)
{
    uint8_t message[MESSAGE_MAX];
    struct peer_key key;
    struct writer w = writer_of(message, sizeof(message));
    TRY(key_of(&key, r, name));
    write_span(&w, span_str(prefix));
    write_span(&w, r->data);
    TRY(w.err);
    TRY(peer_key_verify(&key, writer_span(&w), r->signature));
    return now_s <= r->validity_s ? OK : ERR_TIMEOUT;
}

int ipns_compare(const struct ipns_record *a, const struct ipns_record *b)
{
    if (a->sequence != b->sequence)
        return a->sequence > b->sequence ? 1 : -1;
    if (a->validity_s != b->validity_s)
        return a->validity_s > b->validity_s ? 1 : -1;
    return (a->validity_ns > b->validity_ns) - (a->validity_ns < b->validity_ns);
}

/* ---- writing -------------------------------------------------------------------------------- */

enum err ipns_encode(struct writer *w, const struct ipns_record *r, const struct ed25519_key *key)
{
    uint8_t data[IPNS_RECORD_MAX], message[MESSAGE_MAX], signature[ED25519_SIGNATURE_SIZE];
    struct comet_time until;
    TRY(comet_read_time(&until, r->validity));
    struct writer d = writer_of(data, sizeof(data)), m = writer_of(message, sizeof(message));
    cbor_write_map(&d, 5);
    cbor_write_str(&d, "TTL");
    cbor_write_uint(&d, r->ttl_ns);
    cbor_write_str(&d, "Value");
    cbor_write_bytes(&d, r->value);
    cbor_write_str(&d, "Sequence");
    cbor_write_uint(&d, r->sequence);
    cbor_write_str(&d, "Validity");
    cbor_write_bytes(&d, r->validity);
    cbor_write_str(&d, "ValidityType");
    cbor_write_uint(&d, VALIDITY_EOL);
    TRY(d.err);
    write_span(&m, span_str(prefix));
    write_span(&m, writer_span(&d));
    TRY(m.err);
    ed25519_sign(signature, writer_span(&m), key);
    size_t size =
        pb_bytes_size(FIELD_SIGNATURE_V2, sizeof(signature)) + pb_bytes_size(FIELD_DATA, d.len);
    if (size > IPNS_RECORD_MAX)
        return ERR_LIMIT;
    pb_write_bytes(w, FIELD_SIGNATURE_V2, span_of(signature, sizeof(signature)));
    pb_write_bytes(w, FIELD_DATA, writer_span(&d));
    return w->err;
}
