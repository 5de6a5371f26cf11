#include "crypto/lthash.h"

#include "base/err.h"
#include "crypto/openssl.h"

#include <openssl/evp.h>

static void spread(uint8_t out[LTHASH_SIZE], const struct span *parts, size_t count)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    ASSERT(md != NULL);
    int ok = EVP_DigestInit_ex(md, EVP_shake128(), NULL);
    for (size_t i = 0; i < count; i++)
        if (parts[i].n != 0)
            ok &= EVP_DigestUpdate(md, parts[i].p, parts[i].n);
    ok &= EVP_DigestFinalXOF(md, out, LTHASH_SIZE);
    EVP_MD_CTX_free(md);
    ASSERT(ok == 1);
}

void lthash_add(struct lthash *sum, const struct span *parts, size_t count)
{
    uint8_t lanes[LTHASH_SIZE];
    spread(lanes, parts, count);
    for (size_t i = 0; i < LTHASH_LANES; i++)
        sum->lane[i] = (uint16_t)(sum->lane[i] + load_le16(lanes + 2 * i));
}

void lthash_take(struct lthash *sum, const struct span *parts, size_t count)
{
    uint8_t lanes[LTHASH_SIZE];
    spread(lanes, parts, count);
    for (size_t i = 0; i < LTHASH_LANES; i++)
        sum->lane[i] = (uint16_t)(sum->lane[i] - load_le16(lanes + 2 * i));
}

void lthash_join(struct lthash *sum, const struct lthash *other)
{
    for (size_t i = 0; i < LTHASH_LANES; i++)
        sum->lane[i] = (uint16_t)(sum->lane[i] + other->lane[i]);
}

void lthash_store(uint8_t out[LTHASH_SIZE], const struct lthash *sum)
{
    for (size_t i = 0; i < LTHASH_LANES; i++)
        store_le16(out + 2 * i, sum->lane[i]);
}

void lthash_load(struct lthash *out, const uint8_t in[LTHASH_SIZE])
{
    for (size_t i = 0; i < LTHASH_LANES; i++)
        out->lane[i] = load_le16(in + 2 * i);
}

void lthash_digest(uint8_t out[SHA256_SIZE], const struct lthash *sum)
{
    uint8_t bytes[LTHASH_SIZE];
    lthash_store(bytes, sum);
    sha256(out, span_of(bytes, sizeof(bytes)));
}
