#include "crypto/hmac.h"

#include "crypto/secret.h"

enum { BLOCK_SIZE = 64 };

void hmac_init(struct hmac *m, struct span key)
{
    uint8_t pad[BLOCK_SIZE] = { 0 };
    AUTO(secret_wipe_span) struct mspan guard = { pad, sizeof(pad) };
    if (key.n > BLOCK_SIZE)
        sha256(pad, key);
    else if (key.n != 0)
        memcpy(pad, key.p, key.n);
    for (size_t i = 0; i < BLOCK_SIZE; i++)
        pad[i] ^= 0x36;
    sha256_init(&m->inner);
    sha256_update(&m->inner, span_of(pad, sizeof(pad)));
    for (size_t i = 0; i < BLOCK_SIZE; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    sha256_init(&m->outer);
    sha256_update(&m->outer, span_of(pad, sizeof(pad)));
}

void hmac_update(struct hmac *m, struct span in)
{
    sha256_update(&m->inner, in);
}

void hmac_final(struct hmac *m, uint8_t out[HMAC_SIZE])
{
    uint8_t digest[SHA256_SIZE];
    sha256_final(&m->inner, digest);
    sha256_update(&m->outer, span_of(digest, sizeof(digest)));
    sha256_final(&m->outer, out);
    secret_wipe_bytes(digest, sizeof(digest));
    secret_wipe_bytes(m, sizeof(*m));
}

void hmac_sha256(uint8_t out[HMAC_SIZE], struct span key, const struct span *parts, size_t count)
{
    struct hmac m;
    hmac_init(&m, key);
    for (size_t i = 0; i < count; i++)
        hmac_update(&m, parts[i]);
    hmac_final(&m, out);
}

void hmac_hkdf_extract(uint8_t prk[HMAC_SIZE], struct span salt, struct span secret)
{
    /* HMAC pads a short key with zeros, so an empty salt is already the 32 zero bytes. */
    hmac_sha256(prk, salt, &secret, 1);
}

void hmac_hkdf_expand(struct mspan out, const uint8_t prk[HMAC_SIZE], struct span info)
{
    ASSERT(out.n <= HKDF_OUT_MAX);
    uint8_t block[HMAC_SIZE];
    AUTO(secret_wipe_span) struct mspan guard = { block, sizeof(block) };
    size_t done = 0;
    for (uint8_t i = 1; done < out.n; i++) {
        struct span parts[3] = { { block, i == 1 ? 0 : sizeof(block) }, info, { &i, 1 } };
        hmac_sha256(block, span_of(prk, HMAC_SIZE), parts, 3);
        size_t n = out.n - done < sizeof(block) ? out.n - done : sizeof(block);
        memcpy(out.p + done, block, n);
        done += n;
    }
}

void hmac_hkdf(struct mspan out, struct span salt, struct span secret, struct span info)
{
    uint8_t prk[HMAC_SIZE];
    AUTO(secret_wipe_span) struct mspan guard = { prk, sizeof(prk) };
    hmac_hkdf_extract(prk, salt, secret);
    hmac_hkdf_expand(out, prk, info);
}
