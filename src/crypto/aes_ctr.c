#include "crypto/aes_ctr.h"

#include "crypto/openssl.h"
#include "crypto/secret.h"

#include <openssl/evp.h>

/* libcrypto counts in int; whole blocks, so that the next part starts on one. */
enum { PART_MAX = 1 << 30 };

/* Zeroing and encrypting go through the output in parts that stay in the first-level cache. */
enum { KEYSTREAM_PART = 16 * 1024 };

enum err aes_ctr_init(struct aes_ctr *a)
{
    *a = (struct aes_ctr){ 0 };
    EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
    static const uint8_t zero[AES_CTR_KEY_SIZE];
    /* The context holds its own reference to the cipher. */
    bool ok =
        evp != NULL && cipher != NULL && EVP_EncryptInit_ex(evp, cipher, NULL, zero, zero) == 1;
    EVP_CIPHER_free(cipher);
    if (!ok) {
        EVP_CIPHER_CTX_free(evp);
        return ERR_MEMORY;
    }
    a->evp = evp;
    return OK;
}

void aes_ctr_fini(struct aes_ctr *a)
{
    if (a == NULL)
        return;
    EVP_CIPHER_CTX_free(a->evp);
    *a = (struct aes_ctr){ 0 };
}

void aes_ctr_key(struct aes_ctr *a, const uint8_t key[AES_CTR_KEY_SIZE],
                 const uint8_t iv[AES_CTR_IV_SIZE])
{
    memcpy(a->iv, iv, AES_CTR_IV_SIZE);
    int ok = EVP_EncryptInit_ex(a->evp, NULL, NULL, key, iv);
    ASSERT(ok == 1);
}

/* Sets the counter to iv + offset / 16, modulo 2^128. */
static void seek(struct aes_ctr *a, uint64_t offset)
{
    ASSERT(offset % AES_CTR_BLOCK_SIZE == 0);
    uint8_t counter[AES_CTR_IV_SIZE];
    uint64_t low = load_be64(a->iv + 8);
    uint64_t sum = low + offset / AES_CTR_BLOCK_SIZE;
    store_be64(counter + 8, sum);
    store_be64(counter, load_be64(a->iv) + (sum < low));
    int ok = EVP_EncryptInit_ex(a->evp, NULL, NULL, NULL, counter);
    ASSERT(ok == 1);
}

static void update(struct aes_ctr *a, uint8_t *out, const uint8_t *in, size_t n)
{
    int len = 0;
    int ok = EVP_EncryptUpdate(a->evp, out, &len, in, (int)n);
    ASSERT(ok == 1 && (size_t)len == n);
}

void aes_ctr_xor(struct aes_ctr *a, uint64_t offset, uint8_t *out, struct span in)
{
    seek(a, offset);
    for (size_t at = 0; at < in.n;) {
        size_t n = in.n - at < PART_MAX ? in.n - at : PART_MAX;
        update(a, out + at, in.p + at, n);
        at += n;
    }
}

void aes_ctr_keystream(struct aes_ctr *a, uint64_t offset, struct mspan out)
{
    seek(a, offset);
    for (size_t at = 0; at < out.n;) {
        size_t n = out.n - at < KEYSTREAM_PART ? out.n - at : KEYSTREAM_PART;
        memset(out.p + at, 0, n);
        update(a, out.p + at, out.p + at, n);
        at += n;
    }
}

void aes_ctr_forget(struct aes_ctr *a)
{
    static const uint8_t zero[AES_CTR_KEY_SIZE];
    aes_ctr_key(a, zero, zero);
}
