#include "seal/seal_keys.h"

#include "crypto/aead.h"
#include "crypto/hmac.h"
#include "crypto/x25519.h"

enum {
    BLOB_VERSION = 2,
    PLAIN_SIZE = 132, /* nmk 32 | worker seed 32 | lineage 32 | epoch u32 | pin 32 */
    AD_MAX = 128,
};

static void derive(struct secret *out, const struct secret *nmk, struct span info)
{
    hmac_hkdf((struct mspan){ out->b, SECRET_SIZE }, (struct span){ NULL, 0 },
              span_of(nmk->b, SECRET_SIZE), info);
}

/* What follows from nmk and worker_seed. */
static void derive_all(struct seal_keys *k)
{
    ed25519_keypair(&k->worker, k->worker_seed.b);
    derive(&k->mac, &k->nmk, span_str("crust/key-mac/1"));
    derive(&k->inspect, &k->nmk, span_str("crust/key-inspect/1"));
    derive(&k->checkpoint, &k->nmk, span_str("crust/key-checkpoint/1"));
}

static void unseal_key(struct secret *out, const struct seal_keys *k, uint32_t epoch)
{
    uint8_t info[32];
    struct writer w = writer_of(info, sizeof(info));
    write_span(&w, span_str("crust/key-unseal/1"));
    write_le32(&w, epoch);
    derive(out, &k->nmk, writer_span(&w));
}

void seal_keys_make(struct seal_keys *k, const struct secret *nmk, const uint8_t *pin)
{
    *k = (struct seal_keys){ .nmk = *nmk, .epoch = SEAL_KEYS_EPOCH };
    memcpy(k->pin, pin, sizeof(k->pin));
    derive(&k->worker_seed, nmk, span_str("crust/key-worker/1"));
    derive_all(k);
    memcpy(k->lineage, k->worker.public_key, sizeof(k->lineage));
}

void seal_keys_exchange(struct secret *secret, uint8_t public_key[32], const struct seal_keys *k)
{
    derive(secret, &k->worker_seed, span_str("crust/key-exchange/1"));
    x25519_public(public_key, secret->b);
}

void seal_keys_inherit(struct seal_keys *k, const struct secret *nmk, const uint8_t lineage[32],
                       uint32_t epoch)
{
    k->nmk = *nmk;
    k->epoch = epoch + 1;
    memcpy(k->lineage, lineage, sizeof(k->lineage));
    derive_all(k);
}

void seal_keys_wipe(struct seal_keys *k)
{
    secret_wipe_bytes(k, sizeof(*k));
}

static struct span blob_ad(uint8_t buf[AD_MAX], const uint8_t chain[32])
{
    struct writer w = writer_of(buf, AD_MAX);
    write_span(&w, span_str("crust/sealed-keys/1"));
    write_bytes(&w, chain, 32);
    return writer_span(&w);
}

void seal_keys_seal(uint8_t out[SEAL_KEYS_BLOB], const struct seal_keys *k,
                    const struct secret *sealing, const uint8_t chain[32], const uint8_t nonce[24])
{
    uint8_t plain[PLAIN_SIZE], ad[AD_MAX];
    AUTO(secret_wipe_span) UNUSED struct mspan guard = { plain, sizeof(plain) };
    memcpy(plain, k->nmk.b, 32);
    memcpy(plain + 32, k->worker_seed.b, 32);
    memcpy(plain + 64, k->lineage, 32);
    store_le32(plain + 96, k->epoch);
    memcpy(plain + 100, k->pin, 32);
    out[0] = BLOB_VERSION;
    memcpy(out + 1, nonce, AEAD_NONCE_SIZE);
    const struct aead a = { .key = sealing->b, .nonce = nonce, .ad = blob_ad(ad, chain) };
    aead_seal(out + 1 + AEAD_NONCE_SIZE, &a, span_of(plain, sizeof(plain)));
}

enum err seal_keys_open(struct seal_keys *k, struct span blob, const struct secret *sealing,
                        const uint8_t chain[32])
{
    uint8_t plain[PLAIN_SIZE], ad[AD_MAX];
    AUTO(secret_wipe_span) UNUSED struct mspan guard = { plain, sizeof(plain) };
    *k = (struct seal_keys){ 0 };
    if (blob.n != SEAL_KEYS_BLOB || blob.p[0] != BLOB_VERSION)
        return ERR_FORMAT;
    const struct aead a = { .key = sealing->b, .nonce = blob.p + 1, .ad = blob_ad(ad, chain) };
    TRY(aead_open(plain, &a, span_sub(blob, 1 + AEAD_NONCE_SIZE, SIZE_MAX)));
    memcpy(k->nmk.b, plain, 32);
    memcpy(k->worker_seed.b, plain + 32, 32);
    memcpy(k->lineage, plain + 64, 32);
    k->epoch = load_le32(plain + 96);
    memcpy(k->pin, plain + 100, 32);
    derive_all(k);
    return OK;
}

/* The associated data of docs/spec/seal.md 4.3. */
static struct span segment_ad(uint8_t buf[AD_MAX], const struct seal_keys *k,
                              const struct seal_keys_segment *at)
{
    struct writer w = writer_of(buf, AD_MAX);
    write_span(&w, span_str("crust/segment/1"));
    write_bytes(&w, k->lineage, 32);
    write_le32(&w, at->content.codec);
    write_bytes(&w, at->content.digest, 32);
    write_le32(&w, at->segment);
    write_le32(&w, at->length);
    ASSERT(w.err == OK);
    return writer_span(&w);
}

void seal_keys_wrap(uint8_t out[ENCLAVE_WRAPPED_SIZE], const struct seal_keys *k,
                    const struct seal_keys_segment *at, const struct secret *key,
                    const uint8_t nonce[24])
{
    uint8_t ad[AD_MAX];
    AUTO(secret_wipe) struct secret wrap;
    unseal_key(&wrap, k, k->epoch);
    store_le32(out, k->epoch);
    memcpy(out + 4, nonce, AEAD_NONCE_SIZE);
    const struct aead a = { .key = wrap.b, .nonce = nonce, .ad = segment_ad(ad, k, at) };
    aead_seal(out + 4 + AEAD_NONCE_SIZE, &a, span_of(key->b, SECRET_SIZE));
}

enum err seal_keys_unwrap(struct secret *key, const struct seal_keys *k,
                          const struct seal_keys_segment *at,
                          const uint8_t wrapped[ENCLAVE_WRAPPED_SIZE])
{
    uint8_t ad[AD_MAX];
    AUTO(secret_wipe) struct secret wrap;
    unseal_key(&wrap, k, load_le32(wrapped));
    const struct aead a = { .key = wrap.b, .nonce = wrapped + 4, .ad = segment_ad(ad, k, at) };
    const size_t head = 4 + AEAD_NONCE_SIZE;
    return aead_open(key->b, &a, span_of(wrapped + head, ENCLAVE_WRAPPED_SIZE - head));
}

void seal_keys_mac(uint8_t out[SEAL_KEYS_MAC], const struct seal_keys *k, const char *tag,
                   struct span bytes)
{
    const struct span parts[] = { span_str(tag), span_of(k->lineage, 32), bytes };
    hmac_sha256(out, span_of(k->mac.b, SECRET_SIZE), parts, 3);
}

enum err seal_keys_check(const uint8_t mac[SEAL_KEYS_MAC], const struct seal_keys *k,
                         const char *tag, struct span bytes)
{
    uint8_t expected[SEAL_KEYS_MAC];
    seal_keys_mac(expected, k, tag, bytes);
    return secret_eq(mac, expected, sizeof(expected)) ? OK : ERR_SIGNATURE;
}
