#include "codec/peer_key.h"

#include "codec/pb.h"
#include "crypto/pkey.h"
#include "crypto/secret.h"

_Static_assert((int)PEER_KEY_DATA_MAX == (int)PKEY_RSA_SPKI_MAX, "the longest key");

enum { FIELD_TYPE = 1, FIELD_DATA = 2 };

/* The two fields in their order, each once and in shortest form. */
static struct span read_fields(struct reader *r, uint64_t *type)
{
    struct pb_field f;
    *type = 0;
    bool got = pb_next(r, &f);
    reader_require(r, got && f.number == FIELD_TYPE && f.wire == PB_VARINT, ERR_FORMAT);
    *type = f.value;
    got = pb_next(r, &f);
    reader_require(r, got && f.number == FIELD_DATA && f.wire == PB_BYTES, ERR_FORMAT);
    return f.bytes;
}

static bool size_fits(enum peer_key_type type, size_t n)
{
    switch (type) {
    case PEER_KEY_ED25519:
        return n == ED25519_PUBLIC_SIZE;
    case PEER_KEY_SECP256K1:
        return n == PKEY_SECP256K1_SIZE;
    case PEER_KEY_RSA:
    case PEER_KEY_ECDSA:
        return n != 0;
    }
    return false;
}

enum err peer_key_decode(struct peer_key *out, struct span in)
{
    struct reader r = reader_of(in);
    uint64_t type;
    *out = (struct peer_key){ 0 };
    struct span data = read_fields(&r, &type);
    TRY(reader_finish(&r));
    /* SPEC peer 1.2: "A key that is not in this one encoding MUST be refused." */
    if (pb_uint_size(FIELD_TYPE, type) + pb_bytes_size(FIELD_DATA, data.n) != in.n)
        return ERR_FORMAT;
    if (type > PEER_KEY_ECDSA)
        return ERR_UNSUPPORTED;
    if (data.n > PEER_KEY_DATA_MAX)
        return ERR_LIMIT;
    if (!size_fits((enum peer_key_type)type, data.n))
        return ERR_FORMAT;
    out->type = (enum peer_key_type)type;
    out->size = (uint16_t)data.n;
    memcpy(out->data, data.p, data.n);
    return OK;
}

void peer_key_write(struct writer *w, const struct peer_key *key)
{
    pb_write_uint(w, FIELD_TYPE, (uint64_t)key->type);
    pb_write_bytes(w, FIELD_DATA, span_of(key->data, key->size));
}

size_t peer_key_size(const struct peer_key *key)
{
    return pb_uint_size(FIELD_TYPE, (uint64_t)key->type) + pb_bytes_size(FIELD_DATA, key->size);
}

struct peer_key peer_key_of(const struct ed25519_key *pair)
{
    struct peer_key k = { .type = PEER_KEY_ED25519, .size = ED25519_PUBLIC_SIZE };
    memcpy(k.data, pair->public_key, ED25519_PUBLIC_SIZE);
    return k;
}

bool peer_key_eq(const struct peer_key *a, const struct peer_key *b)
{
    return a->type == b->type && span_eq(span_of(a->data, a->size), span_of(b->data, b->size));
}

enum err peer_key_verify(const struct peer_key *key, struct span message, struct span signature)
{
    struct span data = span_of(key->data, key->size);
    switch (key->type) {
    case PEER_KEY_ED25519:
        if (signature.n != ED25519_SIGNATURE_SIZE)
            return ERR_SIGNATURE;
        return ed25519_verify(signature.p, message, key->data);
    case PEER_KEY_RSA:
        return pkey_verify(PKEY_RSA, data, message, signature);
    case PEER_KEY_SECP256K1:
        return pkey_verify(PKEY_SECP256K1, data, message, signature);
    case PEER_KEY_ECDSA:
        return pkey_verify(PKEY_ECDSA, data, message, signature);
    }
    return ERR_UNSUPPORTED;
}

enum err peer_key_private_decode(struct ed25519_key *out, struct span in)
{
    struct reader r = reader_of(in);
    uint64_t type;
    *out = (struct ed25519_key){ 0 };
    struct span data = read_fields(&r, &type);
    TRY(reader_finish(&r));
    if (type > PEER_KEY_ECDSA || type != PEER_KEY_ED25519)
        return ERR_UNSUPPORTED;
    size_t once = ED25519_SEED_SIZE + ED25519_PUBLIC_SIZE;
    if (data.n != once && data.n != once + ED25519_PUBLIC_SIZE)
        return ERR_FORMAT;
    ed25519_keypair(out, data.p);
    bool ok =
        memcmp(out->public_key, data.p + ED25519_SEED_SIZE, ED25519_PUBLIC_SIZE) == 0 &&
        memcmp(out->public_key, data.p + data.n - ED25519_PUBLIC_SIZE, ED25519_PUBLIC_SIZE) == 0;
    if (!ok)
        ed25519_wipe(out);
    return ok ? OK : ERR_FORMAT;
}

void peer_key_private_write(struct writer *w, const struct ed25519_key *pair)
{
    pb_write_uint(w, FIELD_TYPE, PEER_KEY_ED25519);
    pb_write_message(w, FIELD_DATA, ED25519_SEED_SIZE + ED25519_PUBLIC_SIZE);
    write_bytes(w, pair->seed, ED25519_SEED_SIZE);
    write_bytes(w, pair->public_key, ED25519_PUBLIC_SIZE);
}
