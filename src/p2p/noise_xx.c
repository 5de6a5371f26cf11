#include "p2p/noise_xx.h"

#include "crypto/hmac.h"

/* 32 characters: the first hash is the name itself (section 5.2). */
static const char protocol_name[] = "Noise_XX_25519_ChaChaPoly_SHA256";
_Static_assert(sizeof(protocol_name) - 1 == SHA256_SIZE, "no need to hash the name");

static void nonce_bytes(uint8_t out[CHACHAPOLY_NONCE_SIZE], uint64_t n)
{
    memset(out, 0, 4);
    store_le64(out + 4, n);
}

void noise_cipher_seal(struct noise_cipher *c, uint8_t *out, struct span plain)
{
    uint8_t nonce[CHACHAPOLY_NONCE_SIZE];
    ASSERT(c->nonce != UINT64_MAX);
    nonce_bytes(nonce, c->nonce++);
    chachapoly_seal(&c->aead, out, nonce, (struct span){ 0 }, plain);
}

enum err noise_cipher_open(struct noise_cipher *c, uint8_t *out, struct span sealed)
{
    uint8_t nonce[CHACHAPOLY_NONCE_SIZE];
    ASSERT(c->nonce != UINT64_MAX);
    nonce_bytes(nonce, c->nonce);
    TRY(chachapoly_open(&c->aead, out, nonce, (struct span){ 0 }, sealed));
    c->nonce++;
    return OK;
}

static void mix_hash(struct noise_xx *n, struct span data)
{
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, span_of(n->hash, sizeof(n->hash)));
    sha256_update(&h, data);
    sha256_final(&h, n->hash);
}

/* HKDF of section 4.3 with two outputs: the chaining key is the salt. */
static void hkdf(uint8_t out[2 * SHA256_SIZE], const struct secret *chain, struct span input)
{
    hmac_hkdf((struct mspan){ out, (size_t)2 * SHA256_SIZE }, span_of(chain->b, SECRET_SIZE), input,
              (struct span){ 0 });
}

static enum err mix_dh(struct noise_xx *n, const struct secret *ours, const uint8_t *theirs)
{
    AUTO(secret_wipe) struct secret shared;
    uint8_t out[2 * SHA256_SIZE];
    AUTO(secret_wipe_span) struct mspan guard = { out, sizeof(out) };
    TRY(x25519_shared(&shared, ours->b, theirs));
    hkdf(out, &n->chain, span_of(shared.b, SECRET_SIZE));
    memcpy(n->chain.b, out, SECRET_SIZE);
    chachapoly_key(&n->send.aead, out + SECRET_SIZE);
    n->has_key = true;
    n->nonce = 0;
    return OK;
}

static void encrypt_and_hash(struct noise_xx *n, struct writer *w, struct span plain)
{
    uint8_t *place = writer_reserve(w, plain.n + (n->has_key ? NOISE_TAG_SIZE : 0));
    if (place == NULL)
        return;
    if (!n->has_key) {
        if (plain.n != 0)
            memcpy(place, plain.p, plain.n);
        mix_hash(n, plain);
        return;
    }
    uint8_t nonce[CHACHAPOLY_NONCE_SIZE];
    nonce_bytes(nonce, n->nonce++);
    chachapoly_seal(&n->send.aead, place, nonce, span_of(n->hash, sizeof(n->hash)), plain);
    mix_hash(n, span_of(place, plain.n + NOISE_TAG_SIZE));
}

static enum err decrypt_and_hash(struct noise_xx *n, uint8_t *out, struct span sealed)
{
    if (!n->has_key) {
        if (sealed.n != 0)
            memcpy(out, sealed.p, sealed.n);
    } else {
        uint8_t nonce[CHACHAPOLY_NONCE_SIZE];
        nonce_bytes(nonce, n->nonce++);
        TRY(chachapoly_open(&n->send.aead, out, nonce, span_of(n->hash, sizeof(n->hash)), sealed));
    }
    mix_hash(n, sealed);
    return OK;
}

/* Split (section 5.2): the initiator sends with the first key. */
static void finish(struct noise_xx *n)
{
    uint8_t out[2 * SHA256_SIZE];
    AUTO(secret_wipe_span) struct mspan guard = { out, sizeof(out) };
    hkdf(out, &n->chain, (struct span){ 0 });
    chachapoly_key(&n->send.aead, n->initiator ? out : out + SECRET_SIZE);
    chachapoly_key(&n->receive.aead, n->initiator ? out + SECRET_SIZE : out);
    secret_wipe(&n->chain);
    secret_wipe(&n->static_secret);
    secret_wipe(&n->ephemeral_secret);
}

enum err noise_xx_init(struct noise_xx *n, bool initiator, struct span prologue,
                       const uint8_t static_secret[X25519_SIZE],
                       const uint8_t ephemeral_secret[X25519_SIZE])
{
    *n = (struct noise_xx){ .initiator = initiator };
    TRY(chachapoly_init(&n->send.aead));
    TRY(chachapoly_init(&n->receive.aead));
    memcpy(n->hash, protocol_name, SHA256_SIZE);
    memcpy(n->chain.b, protocol_name, SHA256_SIZE);
    memcpy(n->static_secret.b, static_secret, X25519_SIZE);
    memcpy(n->ephemeral_secret.b, ephemeral_secret, X25519_SIZE);
    x25519_public(n->static_public, static_secret);
    x25519_public(n->ephemeral_public, ephemeral_secret);
    mix_hash(n, prologue);
    return OK;
}

void noise_xx_fini(struct noise_xx *n)
{
    chachapoly_fini(&n->send.aead);
    chachapoly_fini(&n->receive.aead);
    secret_wipe_bytes(n, sizeof(*n));
}

static void write_ephemeral(struct noise_xx *n, struct writer *w)
{
    struct span e = span_of(n->ephemeral_public, X25519_SIZE);
    write_span(w, e);
    mix_hash(n, e);
}

enum err noise_xx_write(struct noise_xx *n, struct writer *w, struct span payload)
{
    ASSERT(n->message < 3 && n->initiator == (n->message != 1));
    struct span s = span_of(n->static_public, X25519_SIZE);
    switch (n->message) {
    case 0: /* e */
        write_ephemeral(n, w);
        break;
    case 1: /* e, ee, s, es */
        write_ephemeral(n, w);
        TRY(mix_dh(n, &n->ephemeral_secret, n->their_ephemeral));
        encrypt_and_hash(n, w, s);
        TRY(mix_dh(n, &n->static_secret, n->their_ephemeral));
        break;
    default: /* s, se */
        encrypt_and_hash(n, w, s);
        TRY(mix_dh(n, &n->static_secret, n->their_ephemeral));
        break;
    }
    encrypt_and_hash(n, w, payload);
    if (w->err == OK && ++n->message == 3)
        finish(n);
    return w->err;
}

static enum err read_ephemeral(struct noise_xx *n, struct reader *r)
{
    struct span e = read_span(r, X25519_SIZE);
    TRY(r->err);
    memcpy(n->their_ephemeral, e.p, X25519_SIZE);
    mix_hash(n, e);
    return OK;
}

static enum err read_static(struct noise_xx *n, struct reader *r)
{
    struct span s = read_span(r, X25519_SIZE + NOISE_TAG_SIZE);
    TRY(r->err);
    return decrypt_and_hash(n, n->their_static, s);
}

enum err noise_xx_read(struct noise_xx *n, uint8_t *payload, size_t *size, struct span in)
{
    ASSERT(n->message < 3 && n->initiator == (n->message == 1));
    struct reader r = reader_of(in);
    *size = 0;
    switch (n->message) {
    case 0: /* e */
        TRY(read_ephemeral(n, &r));
        break;
    case 1: /* e, ee, s, es */
        TRY(read_ephemeral(n, &r));
        TRY(mix_dh(n, &n->ephemeral_secret, n->their_ephemeral));
        TRY(read_static(n, &r));
        TRY(mix_dh(n, &n->ephemeral_secret, n->their_static));
        break;
    default: /* s, se */
        TRY(read_static(n, &r));
        TRY(mix_dh(n, &n->ephemeral_secret, n->their_static));
        break;
    }
    size_t left = r.n;
    size_t tag = n->has_key ? NOISE_TAG_SIZE : 0;
    if (left < tag)
        return ERR_SHORT;
    TRY(decrypt_and_hash(n, payload, read_span(&r, left)));
    *size = left - tag;
    if (++n->message == 3)
        finish(n);
    return OK;
}
