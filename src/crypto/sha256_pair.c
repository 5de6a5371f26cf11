#include "crypto/sha256_pair.h"

#include "base/err.h"
#include "crypto/sha256.h"

void sha256_pair_plain(uint8_t *out, struct span tag, struct span a, struct span b)
{
    uint8_t first[32];
    sha256_tagged(first, "", (const struct span[]){ tag, a }, 2);
    sha256_tagged(out + 32, "", (const struct span[]){ tag, b }, 2);
    memcpy(out, first, 32);
}

/* Two sanitizers are not ready when the loader makes its choice below. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SHA256_PAIR_PLAIN 1
#endif
#endif

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(SHA256_PAIR_PLAIN)

#include <cpuid.h>
#include <immintrin.h>

enum {
    BLOCK = 64,
    SHORT_MAX = 2 * BLOCK - 9, /* a message up to here is padded as a whole */
};

#define SHA_TARGET __attribute__((target("sha,sse4.1,ssse3")))

/* FIPS 180-4 4.2.2. */
static const uint32_t round_constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* The state in the order that the instructions want, and 16 words of the message schedule. */
struct lane {
    __m128i abef, cdgh;
    __m128i m[4];
};

SHA_TARGET static inline __attribute__((always_inline)) __m128i words(const uint8_t *p)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i_u *)p), swap);
}

SHA_TARGET static inline __attribute__((always_inline)) void rounds(struct lane *l, __m128i w,
                                                                    __m128i k)
{
    __m128i wk = _mm_add_epi32(w, k);
    l->cdgh = _mm_sha256rnds2_epu32(l->cdgh, l->abef, wk);
    l->abef = _mm_sha256rnds2_epu32(l->abef, l->cdgh, _mm_shuffle_epi32(wk, 0x0e));
}

/* Four more words of the schedule, from the sixteen before them. */
SHA_TARGET static inline __attribute__((always_inline)) __m128i next_words(__m128i a, __m128i b,
                                                                           __m128i c, __m128i d)
{
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8(d, c, 4));
    return _mm_sha256msg2_epu32(sum, d);
}

SHA_TARGET static inline __attribute__((always_inline)) void load_block(struct lane *l,
                                                                        const uint8_t *p)
{
    for (size_t i = 0; i < 4; i++)
        l->m[i] = words(p + 16 * i);
}

/* Four rounds with words i; then words i of the sixteen after these, unless they are the last. */
SHA_TARGET static inline __attribute__((always_inline)) void four_rounds(struct lane *l, size_t i,
                                                                         __m128i k, bool schedule)
{
    rounds(l, l->m[i], k);
    if (schedule)
        l->m[i] = next_words(l->m[i], l->m[(i + 1) % 4], l->m[(i + 2) % 4], l->m[(i + 3) % 4]);
}

SHA_TARGET static inline __attribute__((always_inline)) void
sixteen_rounds(struct lane *a, struct lane *b, const __m128i *k, bool schedule)
{
    four_rounds(a, 0, k[0], schedule);
    four_rounds(b, 0, k[0], schedule);
    four_rounds(a, 1, k[1], schedule);
    four_rounds(b, 1, k[1], schedule);
    four_rounds(a, 2, k[2], schedule);
    four_rounds(b, 2, k[2], schedule);
    four_rounds(a, 3, k[3], schedule);
    four_rounds(b, 3, k[3], schedule);
}

SHA_TARGET static inline __attribute__((always_inline)) void store_lane(uint8_t out[32],
                                                                        const struct lane *l)
{
    uint32_t abef[4];
    uint32_t cdgh[4];
    _mm_storeu_si128((__m128i_u *)abef, l->abef);
    _mm_storeu_si128((__m128i_u *)cdgh, l->cdgh);
    for (size_t i = 0; i < 2; i++) {
        store_be32(out + 4 * i, abef[3 - i]);
        store_be32(out + 8 + 4 * i, cdgh[3 - i]);
        store_be32(out + 16 + 4 * i, abef[1 - i]);
        store_be32(out + 24 + 4 * i, cdgh[1 - i]);
    }
}

/* Takes the next blocks of both messages into their states. */
SHA_TARGET static void compress(struct lane *x, struct lane *y, const uint8_t *p, const uint8_t *q,
                                size_t blocks)
{
    const __m128i *k = (const __m128i *)(const void *)round_constants;
    struct lane a = *x;
    struct lane b = *y;
    for (size_t i = 0; i < blocks; i++) {
        const struct lane a_before = a;
        const struct lane b_before = b;
        load_block(&a, p + BLOCK * i);
        load_block(&b, q + BLOCK * i);
        sixteen_rounds(&a, &b, k, true);
        sixteen_rounds(&a, &b, k + 4, true);
        sixteen_rounds(&a, &b, k + 8, true);
        sixteen_rounds(&a, &b, k + 12, false);
        a.abef = _mm_add_epi32(a.abef, a_before.abef);
        a.cdgh = _mm_add_epi32(a.cdgh, a_before.cdgh);
        b.abef = _mm_add_epi32(b.abef, b_before.abef);
        b.cdgh = _mm_add_epi32(b.cdgh, b_before.cdgh);
    }
    *x = a;
    *y = b;
}

/* What is left of a message of total bytes, padded by FIPS 180-4 5.1.1; returns the blocks. */
static size_t pad(uint8_t out[2 * BLOCK], struct span tag, struct span rest, uint64_t total)
{
    size_t used = tag.n + rest.n;
    size_t blocks = used < BLOCK - 8 ? 1 : 2;
    if (tag.n != 0)
        memcpy(out, tag.p, tag.n);
    if (rest.n != 0)
        memcpy(out + tag.n, rest.p, rest.n);
    memset(out + used, 0, blocks * BLOCK - used);
    out[used] = 0x80;
    store_be64(out + blocks * BLOCK - 8, total * 8);
    return blocks;
}

SHA_TARGET static void pair_sha_ni(uint8_t *out, struct span tag, struct span a, struct span b)
{
    if (a.n != b.n) {
        sha256_pair_plain(out, tag, a, b);
        return;
    }
    /* FIPS 180-4 5.3.3: A, B, E, F from high to low, then C, D, G, H. */
    struct lane x = {
        .abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c),
        .cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19),
    };
    struct lane y = x;
    uint8_t p[2 * BLOCK];
    uint8_t q[2 * BLOCK];
    const uint64_t total = (uint64_t)tag.n + a.n;
    size_t at = 0;
    if (tag.n != 0 && total > SHORT_MAX) { /* the block that the tag begins */
        at = BLOCK - tag.n;
        memcpy(p, tag.p, tag.n);
        memcpy(q, tag.p, tag.n);
        memcpy(p + tag.n, a.p, at);
        memcpy(q + tag.n, b.p, at);
        compress(&x, &y, p, q, 1);
        tag.n = 0;
    }
    if (total > SHORT_MAX) {
        size_t blocks = (a.n - at) / BLOCK;
        compress(&x, &y, a.p + at, b.p + at, blocks);
        at += blocks * BLOCK;
    }
    size_t blocks = pad(p, tag, span_sub(a, at, a.n), total);
    pad(q, tag, span_sub(b, at, b.n), total);
    compress(&x, &y, p, q, blocks);
    store_lane(out, &x);
    store_lane(out + 32, &y);
}

/* Called by the loader too, before anything is initialised: touches nothing but registers, and a
 * sanitizer must not add calls of its own (clang's thread sanitizer does so even for no_sanitize).
 */
#ifdef __clang__
#define SHA256_PAIR_EARLY __attribute__((used, disable_sanitizer_instrumentation))
#else
#define SHA256_PAIR_EARLY __attribute__((used))
#endif

SHA256_PAIR_EARLY static bool have_sha_ni(void)
{
    unsigned a, b, c, d;
    __cpuid(0, a, b, c, d);
    if (a < 7)
        return false;
    __cpuid(1, a, b, c, d);
    if ((c & bit_SSSE3) == 0 || (c & bit_SSE4_1) == 0)
        return false;
    __cpuid_count(7, 0, a, b, c, d);
    return (b & bit_SHA) != 0;
}

typedef void (*pair_fn)(uint8_t *out, struct span tag, struct span a, struct span b);

SHA256_PAIR_EARLY static pair_fn choose(void)
{
    return have_sha_ni() ? pair_sha_ni : sha256_pair_plain;
}

/* The loader chooses once. Asking the processor each time would trap to the hypervisor on a virtual
 * machine, and a flag of ours would be state. */
static void pair(uint8_t *out, struct span tag, struct span a, struct span b)
    __attribute__((ifunc("choose")));

bool sha256_pair_accelerated(void)
{
    return have_sha_ni();
}

#else

static void pair(uint8_t *out, struct span tag, struct span a, struct span b)
{
    sha256_pair_plain(out, tag, a, b);
}

bool sha256_pair_accelerated(void)
{
    return false;
}

#endif

void sha256_pair(uint8_t *out, struct span tag, struct span a, struct span b)
{
    ASSERT(tag.n <= SHA256_PAIR_TAG_MAX);
    pair(out, tag, a, b);
}
