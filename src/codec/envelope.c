#include "codec/envelope.h"

#include "codec/pb.h"

enum { FIELD_KEY = 1, FIELD_TYPE = 2, FIELD_PAYLOAD = 3, FIELD_SIGNATURE = 5 };
enum { DOMAIN_MAX = 64 };

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
