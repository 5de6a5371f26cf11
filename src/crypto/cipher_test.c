/* AES-256-CTR, XChaCha20-Poly1305 and ChaCha20-Poly1305 against SP 800-38A, the XChaCha draft and
 * RFC 8439; and that they do not allocate once they are set up. */
#include "base/check.h"
#include "base/hex.h"
#include "base/prng.h"
#include "crypto/aead.h"
#include "crypto/aes_ctr.h"
#include "crypto/chachapoly.h"
#include "crypto/openssl.h"
#include "crypto/sha256.h"

#include <openssl/crypto.h>

/* Every allocation of libcrypto, counted from the start of main. */
static size_t allocations;

static void *counted_malloc(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    allocations++;
    return malloc(n);
}

static void *counted_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    allocations++;
    return realloc(p, n);
}

static void counted_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    free(p);
}

static const char aes_key[] = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
static const char aes_iv[] = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
static const char aes_plain[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                                "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
static const char aes_cipher[] = "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
                                 "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6";

static void aes_ctr_gives_sp800_38a_f55(void **state)
{
    (void)state;
    uint8_t key[32], iv[16], plain[64], want[64], got[64], stream[64];
    CHECK_OK(hex_parse(key, 32, aes_key));
    CHECK_OK(hex_parse(iv, 16, aes_iv));
    CHECK_OK(hex_parse(plain, 64, aes_plain));
    CHECK_OK(hex_parse(want, 64, aes_cipher));
    AUTO(aes_ctr_fini) struct aes_ctr a;
    CHECK_OK(aes_ctr_init(&a));
    aes_ctr_key(&a, key, iv);
    /* Entered at every block, for every length; in place, and as a bare keystream. */
    for (size_t at = 0; at < 64; at += 16) {
        for (size_t n = 0; n <= 64 - at; n++) {
            aes_ctr_xor(&a, at, got, span_of(plain + at, n));
            CHECK(memcmp(got, want + at, n) == 0);
            memcpy(got, plain + at, n);
            aes_ctr_xor(&a, at, got, span_of(got, n));
            CHECK(memcmp(got, want + at, n) == 0);
            aes_ctr_keystream(&a, at, (struct mspan){ stream, n });
            for (size_t i = 0; i < n; i++)
                CHECK((stream[i] ^ plain[at + i]) == want[at + i]);
        }
    }
}

static void aes_ctr_counter_carries_over_all_128_bits(void **state)
{
    (void)state;
    uint8_t key[32] = { 1 }, iv[16], zero[16] = { 0 }, first[32], second[16];
    AUTO(aes_ctr_fini) struct aes_ctr a;
    CHECK_OK(aes_ctr_init(&a));
    for (size_t ones = 0; ones <= 16; ones++) {
        memset(iv, 0, sizeof(iv));
        memset(iv + 16 - ones, 0xff, ones);
        aes_ctr_key(&a, key, iv);
        aes_ctr_keystream(&a, 0, (struct mspan){ first, 32 });   /* libcrypto steps */
        aes_ctr_keystream(&a, 16, (struct mspan){ second, 16 }); /* we step */
        CHECK(memcmp(first + 16, second, 16) == 0);
    }
    aes_ctr_key(&a, key, zero); /* the wrapped counter is zero */
    aes_ctr_keystream(&a, 0, (struct mspan){ first, 16 });
    CHECK(memcmp(first, second, 16) == 0);
    /* And far away: block 2^60 - 1 of the stream is block 0 of the stream that starts there. */
    uint64_t far = UINT64_MAX - 15;
    aes_ctr_keystream(&a, far, (struct mspan){ first, 16 });
    store_be64(iv + 8, far / 16);
    memset(iv, 0, 8);
    aes_ctr_key(&a, key, iv);
    aes_ctr_keystream(&a, 0, (struct mspan){ second, 16 });
    CHECK(memcmp(first, second, 16) == 0);
}

static void aes_ctr_does_not_depend_on_the_cuts(void **state)
{
    (void)state;
    enum { SIZE = 100000 };
    uint8_t key[32] = { 9 }, iv[16] = { 7 };
    uint8_t *whole = malloc(SIZE), *parts = malloc(SIZE);
    struct prng g;
    prng_init(&g, 3);
    AUTO(aes_ctr_fini) struct aes_ctr a;
    CHECK_OK(aes_ctr_init(&a));
    aes_ctr_key(&a, key, iv);
    aes_ctr_keystream(&a, 0, (struct mspan){ whole, SIZE });
    for (size_t at = 0; at < SIZE;) {
        size_t n = 16 * (1 + prng_below(&g, 400));
        if (n > SIZE - at)
            n = SIZE - at;
        aes_ctr_keystream(&a, at, (struct mspan){ parts + at, n });
        at += n;
    }
    CHECK(memcmp(whole, parts, SIZE) == 0);
    aes_ctr_forget(&a);
    aes_ctr_keystream(&a, 0, (struct mspan){ parts, 64 });
    CHECK(memcmp(whole, parts, 64) != 0);
    free(whole);
    free(parts);
}

static const char sunscreen[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                                "only one tip for the future, sunscreen would be it.";

static void xchacha_gives_the_vector_of_the_draft(void **state)
{
    (void)state;
    static const char want_text[] =
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f"
        "4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f"
        "76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49";
    uint8_t key[32], nonce[24], ad[12], want[130], got[130], back[114], zero[114] = { 0 };
    for (uint8_t i = 0; i < 32; i++)
        key[i] = (uint8_t)(0x80 + i);
    for (uint8_t i = 0; i < 24; i++)
        nonce[i] = (uint8_t)(0x40 + i);
    CHECK_OK(hex_parse(ad, 12, "50515253c0c1c2c3c4c5c6c7"));
    CHECK_OK(hex_parse(want, 130, want_text));
    struct aead a = { key, nonce, span_of(ad, 12) };
    struct span plain = span_str(sunscreen);
    CHECK(plain.n == 114);
    aead_seal(got, &a, plain);
    CHECK(memcmp(got, want, 130) == 0);
    CHECK_OK(aead_open(back, &a, span_of(got, 130)));
    CHECK(memcmp(back, plain.p, 114) == 0);
    for (size_t bit = 0; bit < 130 * 8; bit++) {
        got[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_ERR(aead_open(back, &a, span_of(got, 130)), ERR_SIGNATURE);
        CHECK(memcmp(back, zero, 114) == 0);
        got[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < 130; n++)
        CHECK_ERR(aead_open(back, &a, span_of(got, n)), n < 16 ? ERR_SHORT : ERR_SIGNATURE);
    ad[0] ^= 1;
    CHECK_ERR(aead_open(back, &a, span_of(got, 130)), ERR_SIGNATURE);
    ad[0] ^= 1;
    nonce[23] ^= 1;
    CHECK_ERR(aead_open(back, &a, span_of(got, 130)), ERR_SIGNATURE);
    a.ad = span_of(NULL, 0); /* nothing at all is sealed too */
    aead_seal(got, &a, span_of(NULL, 0));
    CHECK_OK(aead_open(back, &a, span_of(got, 16)));
}

static void chachapoly_gives_rfc8439_282(void **state)
{
    (void)state;
    static const char want_text[] =
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69"
        "da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad67594"
        "5585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691";
    uint8_t key[32], nonce[12], ad[12], want[130], got[130], back[114], zero[114] = { 0 };
    for (uint8_t i = 0; i < 32; i++)
        key[i] = (uint8_t)(0x80 + i);
    CHECK_OK(hex_parse(nonce, 12, "070000004041424344454647"));
    CHECK_OK(hex_parse(ad, 12, "50515253c0c1c2c3c4c5c6c7"));
    CHECK_OK(hex_parse(want, 130, want_text));
    struct span plain = span_str(sunscreen), associated = span_of(ad, 12);
    AUTO(chachapoly_fini) struct chachapoly c;
    CHECK_OK(chachapoly_init(&c));
    chachapoly_key(&c, key);
    for (int round = 0; round < 2; round++) {
        chachapoly_seal(&c, got, nonce, associated, plain);
        CHECK(memcmp(got, want, 130) == 0);
        CHECK_OK(chachapoly_open(&c, back, nonce, associated, span_of(got, 130)));
        CHECK(memcmp(back, plain.p, 114) == 0);
    }
    for (size_t bit = 0; bit < 130 * 8; bit++) {
        got[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_ERR(chachapoly_open(&c, back, nonce, associated, span_of(got, 130)), ERR_SIGNATURE);
        CHECK(memcmp(back, zero, 114) == 0);
        got[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < 130; n++)
        CHECK_ERR(chachapoly_open(&c, back, nonce, associated, span_of(got, n)),
                  n < 16 ? ERR_SHORT : ERR_SIGNATURE);
    CHECK_ERR(chachapoly_open(&c, back, nonce, span_of(ad, 11), span_of(got, 130)), ERR_SIGNATURE);
    CHECK_OK(chachapoly_open(&c, got, nonce, associated, span_of(got, 130))); /* in place */
    CHECK(memcmp(got, plain.p, 114) == 0);
    chachapoly_seal(&c, got, nonce, span_of(NULL, 0), span_of(NULL, 0));
    CHECK_OK(chachapoly_open(&c, back, nonce, span_of(NULL, 0), span_of(got, 16)));
}

static void nothing_allocates_after_init(void **state)
{
    (void)state;
    static uint8_t data[4096 + 16];
    uint8_t key[32] = { 1 }, iv[16] = { 2 }, digest[32];
    AUTO(aes_ctr_fini) struct aes_ctr a;
    AUTO(chachapoly_fini) struct chachapoly c;
    CHECK_OK(aes_ctr_init(&a));
    CHECK_OK(chachapoly_init(&c));
    CHECK(allocations > 0); /* so the counter counts */
    size_t before = allocations;
    for (uint8_t i = 0; i < 50; i++) {
        key[1] = i;
        aes_ctr_key(&a, key, iv);
        aes_ctr_xor(&a, 16 * i, data, span_of(data, 4096));
        aes_ctr_keystream(&a, 32 * i, (struct mspan){ data, 4096 });
        aes_ctr_forget(&a);
        chachapoly_key(&c, key);
        chachapoly_seal(&c, data, iv, span_of(key, 32), span_of(data, 4096));
        CHECK_OK(chachapoly_open(&c, data, iv, span_of(key, 32), span_of(data, 4096 + 16)));
        CHECK_ERR(chachapoly_open(&c, data, iv, span_of(key, 32), span_of(data, 99)),
                  ERR_SIGNATURE);
        sha256(digest, span_of(data, 4096));
    }
    CHECK(allocations == before);
}

int main(void)
{
    if (CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free) != 1)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aes_ctr_gives_sp800_38a_f55),
        cmocka_unit_test(aes_ctr_counter_carries_over_all_128_bits),
        cmocka_unit_test(aes_ctr_does_not_depend_on_the_cuts),
        cmocka_unit_test(xchacha_gives_the_vector_of_the_draft),
        cmocka_unit_test(chachapoly_gives_rfc8439_282),
        cmocka_unit_test(nothing_allocates_after_init),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
