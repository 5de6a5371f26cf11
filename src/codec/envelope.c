#include "codec/envelope.h"

#include "codec/pb.h"

enum { FIELD_KEY = 1, FIELD_TYPE = 2, FIELD_PAYLOAD = 3, FIELD_SIGNATURE = 5 };
enum { RECORD_ID = 1, RECORD_SEQ = 2, RECORD_ADDRESS = 3, ADDRESS_MULTIADDR = 1 };
enum { DOMAIN_MAX = 64 };

static const char record_domain[] = "libp2p-peer-record";
static const uint8_t record_type[2] = { 0x03, 0x01 }; /* as go-libp2p and js-libp2p send it */

/* What is signed: domain, type and payload, each behind its length. */
struct signed_bytes {
    uint8_t b[DOMAIN_MAX + ENVELOPE_TYPE_MAX + ENVELOPE_PAYLOAD_MAX + 8];
    size_t n;
};

static void signed_bytes_make(struct signed_bytes *out, const char *domain, struct span type,
                              struct span payload)
{
    struct writer w = writer_of(out->b, sizeof(out->b));
    struct span parts[3] = { span_str(domain), type, payload };
    for (size_t i = 0; i < 3; i++) {
        write_uvarint(&w, parts[i].n);
        write_span(&w, parts[i]);
    }
    ASSERT(w.err == OK);
    out->n = w.len;
}

/* A bytes field into its place, once. */
static void take_bytes(struct reader *r, const struct pb_field *f, struct span *place, bool *seen)
{
    pb_expect(r, f, PB_BYTES);
    reader_require(r, !*seen, ERR_FORMAT);
    *seen = true;
    *place = f->bytes;
}

enum err envelope_open(struct envelope *out, struct span in, const char *domain)
{
    struct reader r = reader_of(in);
    struct pb_field f;
    struct span parts[FIELD_SIGNATURE + 1] = { 0 };
    bool seen[FIELD_SIGNATURE + 1] = { false };
    *out = (struct envelope){ 0 };
    while (pb_next(&r, &f))
        if (f.number == FIELD_KEY || f.number == FIELD_TYPE || f.number == FIELD_PAYLOAD ||
            f.number == FIELD_SIGNATURE)
            take_bytes(&r, &f, &parts[f.number], &seen[f.number]);
    TRY(reader_finish(&r));
    if (!seen[FIELD_KEY] || !seen[FIELD_TYPE] || !seen[FIELD_PAYLOAD] || !seen[FIELD_SIGNATURE])
        return ERR_FORMAT;
    if (parts[FIELD_PAYLOAD].n > ENVELOPE_PAYLOAD_MAX || parts[FIELD_TYPE].n > ENVELOPE_TYPE_MAX)
        return ERR_LIMIT;
    struct envelope env = { .payload_type = parts[FIELD_TYPE],
                            .payload = parts[FIELD_PAYLOAD],
                            .signature = parts[FIELD_SIGNATURE] };
    TRY(peer_key_decode(&env.key, parts[FIELD_KEY]));
    struct signed_bytes s;
    signed_bytes_make(&s, domain, env.payload_type, env.payload);
    TRY(peer_key_verify(&env.key, span_of(s.b, s.n), env.signature));
    *out = env;
    return OK;
}

void envelope_seal(struct writer *w, const struct ed25519_key *key, const char *domain,
                   struct span type, struct span payload)
{
    struct signed_bytes s;
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    struct peer_key public_key = peer_key_of(key);
    ASSERT(type.n <= ENVELOPE_TYPE_MAX && payload.n <= ENVELOPE_PAYLOAD_MAX);
    signed_bytes_make(&s, domain, type, payload);
    ed25519_sign(signature, span_of(s.b, s.n), key);
    pb_write_message(w, FIELD_KEY, peer_key_size(&public_key));
    peer_key_write(w, &public_key);
    pb_write_bytes(w, FIELD_TYPE, type);
    pb_write_bytes(w, FIELD_PAYLOAD, payload);
    pb_write_bytes(w, FIELD_SIGNATURE, span_of(signature, sizeof(signature)));
}

/* The bytes of an address inside its wrapper message; empty when the wrapper is malformed. */
static struct span unwrap_address(struct span message)
{
    struct reader r = reader_of(message);
    struct pb_field f;
    struct span out = { 0 };
    while (pb_next(&r, &f))
        if (f.number == ADDRESS_MULTIADDR && f.wire == PB_BYTES)
            out = f.bytes;
    return reader_finish(&r) == OK ? out : (struct span){ 0 };
}

static enum err read_record(struct peer_record *out, struct span payload)
{
    struct reader r = reader_of(payload);
    struct pb_field f;
    struct span id = { 0 };
    bool seen = false;
    while (pb_next(&r, &f)) {
        if (f.number == RECORD_ID) {
            take_bytes(&r, &f, &id, &seen);
        } else if (f.number == RECORD_SEQ) {
            pb_expect(&r, &f, PB_VARINT);
            out->seq = f.value;
        } else if (f.number == RECORD_ADDRESS) {
            pb_expect(&r, &f, PB_BYTES);
            reader_require(&r, ++out->count <= ENVELOPE_ADDRESSES_MAX, ERR_LIMIT);
        }
    }
    TRY(reader_finish(&r));
    out->payload = payload;
    return peer_id_decode(&out->id, id);
}

enum err peer_record_open(struct peer_record *out, struct peer_key *key, struct span in)
{
    struct envelope env;
    struct peer_record record = { 0 };
    *out = record;
    *key = (struct peer_key){ 0 };
    TRY(envelope_open(&env, in, record_domain));
    if (!span_eq(env.payload_type, span_of(record_type, sizeof(record_type))))
        return ERR_UNSUPPORTED;
    TRY(read_record(&record, env.payload));
    struct peer_id signer = peer_id_of(&env.key);
    /* SPEC peer 4.2: "A record that is not signed by the key of the peer it names MUST be
     * refused." */
    if (!peer_id_eq(&signer, &record.id))
        return ERR_DENIED;
    *out = record;
    *key = env.key;
    return OK;
}

bool peer_record_next(struct reader *r, struct multiaddr *out)
{
    struct pb_field f;
    while (pb_next(r, &f))
        if (f.number == RECORD_ADDRESS && f.wire == PB_BYTES &&
            multiaddr_decode(out, unwrap_address(f.bytes)) == OK)
            return true;
    *out = (struct multiaddr){ 0 };
    return false;
}

void peer_record_seal(struct writer *w, const struct ed25519_key *key, uint64_t seq,
                      const struct multiaddr *addresses, size_t count)
{
    uint8_t payload[ENVELOPE_PAYLOAD_MAX];
    struct writer p = writer_of(payload, sizeof(payload));
    struct peer_key public_key = peer_key_of(key);
    struct peer_id id = peer_id_of(&public_key);
    pb_write_bytes(&p, RECORD_ID, peer_id_span(&id));
    pb_write_uint(&p, RECORD_SEQ, seq);
    for (size_t i = 0; i < count; i++) {
        struct span a = multiaddr_span(&addresses[i]);
        pb_write_message(&p, RECORD_ADDRESS, pb_bytes_size(ADDRESS_MULTIADDR, a.n));
        pb_write_bytes(&p, ADDRESS_MULTIADDR, a);
    }
    if (p.err != OK || count > ENVELOPE_ADDRESSES_MAX)
        writer_fail(w, ERR_LIMIT);
    else
        envelope_seal(w, key, record_domain, span_of(record_type, sizeof(record_type)),
                      writer_span(&p));
}
