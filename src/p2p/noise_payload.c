#include "p2p/noise_payload.h"

#include "codec/pb.h"

enum { FIELD_KEY = 1, FIELD_SIGNATURE = 2, FIELD_EXTENSIONS = 4 }; /* 3 is retired */
enum { EXTENSION_MUXER = 2 };

static const char prefix[] = "noise-libp2p-static-key:";
enum { SIGNED_SIZE = sizeof(prefix) - 1 + X25519_SIZE };

static void signed_bytes(uint8_t out[SIGNED_SIZE], const uint8_t static_key[X25519_SIZE])
{
    memcpy(out, prefix, sizeof(prefix) - 1);
    memcpy(out + sizeof(prefix) - 1, static_key, X25519_SIZE);
}

static void read_extensions(struct noise_payload *out, struct reader *parent, struct span in)
{
    struct reader r = reader_of(in);
    struct pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number != EXTENSION_MUXER)
            continue;
        pb_expect(&r, &f, PB_BYTES);
        reader_require(&r, out->muxer_count < NOISE_MUXERS_MAX, ERR_LIMIT);
        if (r.err == OK)
            out->muxers[out->muxer_count++] = f.bytes;
    }
    enum err e = reader_finish(&r);
    reader_require(parent, e == OK, e);
}

enum err noise_payload_decode(struct noise_payload *out, struct span in)
{
    struct reader r = reader_of(in);
    struct pb_field f;
    struct noise_payload p = { 0 };
    struct span key = { 0 };
    unsigned keys = 0, signatures = 0;
    *out = p;
    while (pb_next(&r, &f)) {
        if (f.number == FIELD_KEY || f.number == FIELD_SIGNATURE || f.number == FIELD_EXTENSIONS)
            pb_expect(&r, &f, PB_BYTES);
        if (f.number == FIELD_KEY) {
            keys++;
            key = f.bytes;
        } else if (f.number == FIELD_SIGNATURE) {
            signatures++;
            p.signature = f.bytes;
        } else if (f.number == FIELD_EXTENSIONS) {
            read_extensions(&p, &r, f.bytes);
        }
    }
    TRY(reader_finish(&r));
    /* SPEC noise 2.2: "A payload without key or signature, or with more than one, MUST be refused."
     */
    if (keys != 1 || signatures != 1)
        return ERR_FORMAT;
    TRY(peer_key_decode(&p.key, key));
    *out = p;
    return OK;
}

enum err noise_payload_verify(const struct noise_payload *p, const uint8_t static_key[X25519_SIZE])
{
    uint8_t buf[SIGNED_SIZE];
    signed_bytes(buf, static_key);
    return peer_key_verify(&p->key, span_of(buf, sizeof(buf)), p->signature);
}

void noise_payload_write(struct writer *w, const struct noise_config *config,
                         const uint8_t static_key[X25519_SIZE])
{
    uint8_t buf[SIGNED_SIZE], signature[ED25519_SIGNATURE_SIZE];
    struct peer_key key = peer_key_of(config->identity);
    signed_bytes(buf, static_key);
    ed25519_sign(signature, span_of(buf, sizeof(buf)), config->identity);
    pb_write_message(w, FIELD_KEY, peer_key_size(&key));
    peer_key_write(w, &key);
    pb_write_bytes(w, FIELD_SIGNATURE, span_of(signature, sizeof(signature)));
    size_t size = 0;
    for (size_t i = 0; i < config->muxer_count; i++)
        size += pb_bytes_size(EXTENSION_MUXER, strlen(config->muxers[i]));
    if (size == 0)
        return;
    pb_write_message(w, FIELD_EXTENSIONS, size);
    for (size_t i = 0; i < config->muxer_count; i++)
        pb_write_bytes(w, EXTENSION_MUXER, span_str(config->muxers[i]));
}
