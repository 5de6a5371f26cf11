/* aes_ctr: AES-256-CTR (NIST SP 800-38A) over libcrypto: a keystream that can be entered at any
 * block, for sealed segments and filled space.
 *
 * libcrypto's context lives in its heap: aes_ctr_init allocates it once, and nothing after that
 * allocates. It authenticates nothing: the caller has a digest of the plaintext.
 * One context belongs to one thread at a time. */
#ifndef CRUST_CRYPTO_AES_CTR_H
#define CRUST_CRYPTO_AES_CTR_H

#include "base/err.h"
#include "base/span.h"

enum {
    AES_CTR_KEY_SIZE = 32,
    AES_CTR_IV_SIZE = 16,
    AES_CTR_BLOCK_SIZE = 16,
};

struct aes_ctr {
    void *evp;                   /* EVP_CIPHER_CTX */
    uint8_t iv[AES_CTR_IV_SIZE]; /* the counter block at offset 0 */
};

/* aes_ctr_init allocates the context. ERR_MEMORY: libcrypto has none; *a is zeroed then. */
NODISCARD enum err aes_ctr_init(struct aes_ctr *a);

/* aes_ctr_fini wipes and frees. Accepts NULL and a zeroed object. */
void aes_ctr_fini(struct aes_ctr *a);

/* aes_ctr_key sets the key and the counter block of offset 0; the counter is the whole block as a
 * 128-bit big-endian number, as in SP 800-38A. */
void aes_ctr_key(struct aes_ctr *a, const uint8_t key[AES_CTR_KEY_SIZE],
                 const uint8_t iv[AES_CTR_IV_SIZE]);

/* aes_ctr_xor encrypts or decrypts in.n bytes that stand at the byte offset of the stream; offset
 * is a multiple of 16 (asserted), in.n any. out holds in.n bytes and is in.p or does not overlap.
 */
void aes_ctr_xor(struct aes_ctr *a, uint64_t offset, uint8_t *out, struct span in);

/* aes_ctr_keystream writes the bare keystream from offset on. */
void aes_ctr_keystream(struct aes_ctr *a, uint64_t offset, struct mspan out);

/* aes_ctr_forget wipes the key from the context, which stays usable with a new aes_ctr_key. */
void aes_ctr_forget(struct aes_ctr *a);

#endif
