#include "crypto/ed25519_lanes.h"

#include "base/err.h"

#if defined(__x86_64__) && defined(__gnu_linux__)

#include <immintrin.h>

/* A field element modulo p = 2^255 - 19 in each lane: five limbs of 51 bits. Between operations a
 * limb is below 2^51 + 2^15; the multiplier takes 52 bits. */
struct fe {
    __m512i v[5];
};

struct point {
    struct fe x, y, z, t; /* x/z, y/z, and t = x*y/z */
};

/* A point as an addition wants it. */
struct summand {
    struct fe plus, minus, t2d, z2; /* y + x, y - x, 2*d*t, 2*z */
};

#define LANES    __attribute__((target("avx512f,avx512dq,avx512ifma")))
#define LANES_IN LANES static inline __attribute__((always_inline))

enum { LIMB_BITS = 51, WINDOW = 8 };

#define LIMB_MASK 0x7ffffffffffffULL

/* d = -121665/121666, 2d, and a square root of -1. */
static const uint64_t fe_d[5] = { 0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029,
                                  0x739c663a03cbb, 0x52036cee2b6ff };
static const uint64_t fe_2d[5] = { 0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052,
                                   0x6738cc7407977, 0x2406d9dc56dff };
static const uint64_t fe_root[5] = { 0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60,
                                     0x78595a6804c9e, 0x2b8324804fc1d };

/* 1 to 8 times the base point (x, y): y + x, y - x, 2*d*x*y; by limb, then by multiple. */
static const uint64_t base_table[3][5][8] = {
    {
        { 0x493c6f58c3b85, 0x4e7fc933c71d7, 0x5b0a84cee9730, 0x351b98efc099f, 0x2bc4408a5bb33,
          0x4eeeb77157131, 0x25cd0944ea3bf, 0x7596604dd3e8f },
        { 0x0df7181c325f7, 0x2cf41feb6b244, 0x61d10c97155e4, 0x68fbfa4a7050e, 0x078ebdda05442,
          0x1201915f10741, 0x75673b81a4d63, 0x6fc510e058b36 },
        { 0x0f50b0b3e4cb7, 0x7581c0a7d1a76, 0x4059cc8096a10, 0x42a49959d971b, 0x2ffb112354123,
          0x1669cda6c9c56, 0x150b925d1c0d4, 0x3670c8db2cc0d },
        { 0x5329385a44c32, 0x7172d534d32f0, 0x47a608da8014f, 0x393e51a469efd, 0x375ee8df5862d,
          0x45ec032db346d, 0x13f38d9294114, 0x297d899ce332f },
        { 0x07cf9d3a33d4b, 0x590c063fa87d2, 0x7a164e1b9a80f, 0x680e910321e58, 0x2945ccf146e20,
          0x51e57bb6a2cc3, 0x461bea69283c9, 0x0915e76061bce },
    },
    {
        { 0x03905d740913e, 0x1a56042b4d5a8, 0x11fe8a4fcd265, 0x6050a056818bf, 0x182c3a447d6ba,
          0x006b67b7d8ca4, 0x72c9aaa3221b1, 0x75dedf39234d9 },
        { 0x0ba2817d673a2, 0x189cc159ed153, 0x7bcb8374faacc, 0x62acc1f5532bf, 0x22964e536eff2,
          0x084fa44e72933, 0x267774474f74d, 0x01c36ab1f3c54 },
        { 0x23e2827f4e67c, 0x5b8deaa3cae04, 0x52f5af4ef4d4f, 0x28141ccc9fa25, 0x192821f540053,
          0x1154ee55d6f8a, 0x064b0e9b28085, 0x0f08fee58f5da },
        { 0x133d2e0c21a34, 0x2aaf04f11b5d8, 0x5314098f98d10, 0x24d61f471e683, 0x2f9f19e788e5c,
          0x4425d842e7390, 0x3f04ef53b27c9, 0x0e19613a0d637 },
        { 0x44fd2f9298f81, 0x6bb595a669c92, 0x2ab91587555bd, 0x27933f4c7445a, 0x154a7e73eb1b5,
          0x38b64c41ae417, 0x1d6edd5d2e531, 0x3a9024a1320e0 },
    },
    {
        { 0x11205877aaa68, 0x2a8b3a59b7a5f, 0x6933f0dd0d889, 0x3fbe9c476ff09, 0x3dbf1812a8285,
          0x4326702ea4b71, 0x36dc801b8b3a2, 0x1f5d9c9a2911a },
        { 0x479955893d579, 0x3abb359ef087f, 0x44386bb4c4295, 0x0af6b982e4b42, 0x0fa17ba3f9797,
          0x06834376030b5, 0x0e0a7d4935e30, 0x7117994fafcf8 },
        { 0x50d66309b67a0, 0x4f5a8c4db05af, 0x3cb6d3162508c, 0x0ad1251ba78e5, 0x6f69cb49c3820,
          0x0ef0512f9c380, 0x1deb7cecc0d7d, 0x2d8a8cae28dc5 },
        { 0x2d42d0dbee5ee, 0x5b9a807d04205, 0x26368b872a2c6, 0x715aeedee7c88, 0x34d5a0db3858d,
          0x0f1a9f2512584, 0x053a94e20dd2c, 0x74ab1b2090c87 },
        { 0x6f117b689f0c6, 0x701af5b13ea50, 0x5a2826af12b9b, 0x7f9d0cbf63553, 0x43aabe696b3bb,
          0x10b8e91a9f0d6, 0x7a9fbb1c6a0f9, 0x26907c5c2ecc4 },
    },
};

/* ---- the field ---- */

LANES_IN __m512i all(uint64_t v)
{
    return _mm512_set1_epi64((long long)v);
}

LANES_IN struct fe fe_of(const uint64_t limbs[5])
{
    struct fe out;
    for (int i = 0; i < 5; i++)
        out.v[i] = all(limbs[i]);
    return out;
}

LANES_IN struct fe fe_small(uint64_t n)
{
    const uint64_t limbs[5] = { n };
    return fe_of(limbs);
}

/* Limbs below 2^63 become limbs below 2^51 + 2^17, and what is below 2^61 fits the multiplier with
 * room: 19 times a carry of ten bits. */
LANES_IN struct fe fe_carry(struct fe a)
{
    struct fe out;
    __m512i carry[5];
    for (int i = 0; i < 5; i++) {
        carry[i] = _mm512_srli_epi64(a.v[i], LIMB_BITS);
        out.v[i] = _mm512_and_si512(a.v[i], all(LIMB_MASK));
    }
    out.v[0] = _mm512_madd52lo_epu64(out.v[0], carry[4], all(19));
    for (int i = 1; i < 5; i++)
        out.v[i] = _mm512_add_epi64(out.v[i], carry[i - 1]);
    return out;
}

LANES_IN struct fe fe_add(struct fe a, struct fe b)
{
    for (int i = 0; i < 5; i++)
        a.v[i] = _mm512_add_epi64(a.v[i], b.v[i]);
    return fe_carry(a);
}

/* 2p - a, not carried: limbs are below 2^52. */
LANES_IN struct fe fe_minus(struct fe a)
{
    a.v[0] = _mm512_sub_epi64(all(2 * (LIMB_MASK - 18)), a.v[0]);
    for (int i = 1; i < 5; i++)
        a.v[i] = _mm512_sub_epi64(all(2 * LIMB_MASK), a.v[i]);
    return a;
}

LANES_IN struct fe fe_sub(struct fe a, struct fe b)
{
    return fe_add(a, fe_minus(b));
}

/* Products by place: low halves, and high halves which weigh 2^52 and so twice the next place. */
LANES_IN struct fe fe_fold(const __m512i lo[10], const __m512i hi[10])
{
    struct fe out;
    __m512i sum[10];
    for (int i = 0; i < 10; i++)
        sum[i] = _mm512_add_epi64(lo[i], _mm512_add_epi64(hi[i], hi[i]));
    for (int i = 0; i < 5; i++)
        out.v[i] = _mm512_add_epi64(sum[i], _mm512_mullo_epi64(sum[i + 5], all(19)));
    return fe_carry(out);
}

LANES static __attribute__((noinline)) void fe_mul_to(struct fe *out, const struct fe *a,
                                                      const struct fe *b)
{
    __m512i lo[10], hi[10];
    for (int i = 0; i < 10; i++)
        lo[i] = hi[i] = _mm512_setzero_si512();
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 5; j++) {
            lo[i + j] = _mm512_madd52lo_epu64(lo[i + j], a->v[i], b->v[j]);
            hi[i + j + 1] = _mm512_madd52hi_epu64(hi[i + j + 1], a->v[i], b->v[j]);
        }
    }
    *out = fe_fold(lo, hi);
}

LANES static __attribute__((noinline)) void fe_square_to(struct fe *out, const struct fe *a)
{
    __m512i lo[10], hi[10];
    for (int i = 0; i < 10; i++)
        lo[i] = hi[i] = _mm512_setzero_si512();
    for (int i = 0; i < 5; i++) {
        for (int j = i + 1; j < 5; j++) {
            lo[i + j] = _mm512_madd52lo_epu64(lo[i + j], a->v[i], a->v[j]);
            hi[i + j + 1] = _mm512_madd52hi_epu64(hi[i + j + 1], a->v[i], a->v[j]);
        }
    }
    for (int i = 0; i < 10; i++) {
        lo[i] = _mm512_add_epi64(lo[i], lo[i]);
        hi[i] = _mm512_add_epi64(hi[i], hi[i]);
    }
    for (size_t i = 0; i < 5; i++) {
        lo[2 * i] = _mm512_madd52lo_epu64(lo[2 * i], a->v[i], a->v[i]);
        hi[2 * i + 1] = _mm512_madd52hi_epu64(hi[2 * i + 1], a->v[i], a->v[i]);
    }
    *out = fe_fold(lo, hi);
}

LANES_IN struct fe fe_mul(struct fe a, struct fe b)
{
    struct fe out;
    fe_mul_to(&out, &a, &b);
    return out;
}

LANES_IN struct fe fe_square(struct fe a)
{
    struct fe out;
    fe_square_to(&out, &a);
    return out;
}

LANES static struct fe fe_squares(struct fe a, int count)
{
    for (int i = 0; i < count; i++)
        fe_square_to(&a, &a);
    return a;
}

/* a^(2^250 - 1), and a^11. */
LANES static struct fe fe_chain(struct fe *eleven, struct fe a)
{
    struct fe two = fe_square(a);
    struct fe nine = fe_mul(fe_squares(two, 2), a);
    *eleven = fe_mul(nine, two);
    struct fe b5 = fe_mul(fe_square(*eleven), nine);
    struct fe b10 = fe_mul(fe_squares(b5, 5), b5);
    struct fe b20 = fe_mul(fe_squares(b10, 10), b10);
    struct fe b40 = fe_mul(fe_squares(b20, 20), b20);
    struct fe b50 = fe_mul(fe_squares(b40, 10), b10);
    struct fe b100 = fe_mul(fe_squares(b50, 50), b50);
    struct fe b200 = fe_mul(fe_squares(b100, 100), b100);
    return fe_mul(fe_squares(b200, 50), b50);
}

/* The one form below p. */
LANES static struct fe fe_freeze(struct fe a)
{
    __m512i carry = all(19);
    a = fe_carry(a);
    /* Whether a + 19 reaches 2^255, which is whether a reaches p; a is below 2p. */
    for (int i = 0; i < 5; i++)
        carry = _mm512_srli_epi64(_mm512_add_epi64(a.v[i], carry), LIMB_BITS);
    carry = _mm512_madd52lo_epu64(_mm512_setzero_si512(), carry, all(19));
    for (int i = 0; i < 5; i++) {
        a.v[i] = _mm512_add_epi64(a.v[i], carry);
        carry = _mm512_srli_epi64(a.v[i], LIMB_BITS);
        a.v[i] = _mm512_and_si512(a.v[i], all(LIMB_MASK));
    }
    return a;
}

LANES_IN __mmask8 fe_same(struct fe a, struct fe b)
{
    __mmask8 same = 0xff;
    for (int i = 0; i < 5; i++)
        same = _mm512_mask_cmpeq_epi64_mask(same, a.v[i], b.v[i]);
    return same;
}

/* The lowest bit of a frozen element. */
LANES_IN __mmask8 fe_odd(struct fe a)
{
    return _mm512_test_epi64_mask(a.v[0], all(1));
}

LANES_IN struct fe fe_choose(struct fe no, __mmask8 which, struct fe yes)
{
    for (int i = 0; i < 5; i++)
        no.v[i] = _mm512_mask_mov_epi64(no.v[i], which, yes.v[i]);
    return no;
}

/* 255 bits little-endian from each lane, as they are; *sign: the bit above. */
LANES static struct fe fe_load(__mmask8 *sign, const uint8_t bytes[ED25519_LANES][32])
{
    uint64_t limbs[5][ED25519_LANES], w[4];
    struct fe out;
    unsigned bits = 0;
    for (unsigned lane = 0; lane < ED25519_LANES; lane++) {
        memcpy(w, bytes[lane], sizeof(w));
        limbs[0][lane] = w[0] & LIMB_MASK;
        limbs[1][lane] = (w[0] >> 51 | w[1] << 13) & LIMB_MASK;
        limbs[2][lane] = (w[1] >> 38 | w[2] << 26) & LIMB_MASK;
        limbs[3][lane] = (w[2] >> 25 | w[3] << 39) & LIMB_MASK;
        limbs[4][lane] = w[3] >> 12 & LIMB_MASK;
        bits |= (unsigned)(w[3] >> 63) << lane;
    }
    for (int i = 0; i < 5; i++)
        out.v[i] = _mm512_loadu_si512(limbs[i]);
    *sign = (__mmask8)bits;
    return out;
}

/* ---- the group ---- */

/* The negative of the point in each lane; *valid: where the bytes are one. RFC 8032 5.1.3, where a
 * y that is not reduced counts as what it is modulo p. */
LANES static struct point point_negative(__mmask8 *valid, const uint8_t bytes[ED25519_LANES][32])
{
    __mmask8 sign;
    struct fe eleven, y = fe_load(&sign, bytes);
    const struct fe one = fe_small(1);
    struct fe yy = fe_square(y);
    struct fe u = fe_sub(yy, one), v = fe_add(fe_mul(yy, fe_of(fe_d)), one);
    struct fe v3 = fe_mul(fe_square(v), v);
    struct fe power = fe_mul(fe_mul(fe_square(v3), v), u); /* u * v^7 */
    power = fe_mul(fe_squares(fe_chain(&eleven, power), 2), power);
    struct fe x = fe_mul(fe_mul(power, v3), u);
    struct fe vxx = fe_freeze(fe_mul(fe_square(x), v));
    __mmask8 root = fe_same(vxx, fe_freeze(u));
    __mmask8 other = fe_same(vxx, fe_freeze(fe_carry(fe_minus(u))));
    x = fe_choose(x, (__mmask8)(other & ~root), fe_mul(x, fe_of(fe_root)));
    *valid = root | other;
    __mmask8 as_asked = (__mmask8) ~(fe_odd(fe_freeze(x)) ^ sign);
    x = fe_choose(x, as_asked, fe_carry(fe_minus(x)));
    return (struct point){ .x = x, .y = y, .z = one, .t = fe_mul(x, y) };
}

/* From (x : z), (y : t) to a point; t only where an addition follows. */
LANES_IN void point_finish(struct point *p, struct fe x, struct fe y, struct fe z, struct fe t)
{
    p->x = fe_mul(x, t);
    p->y = fe_mul(y, z);
    p->z = fe_mul(z, t);
}

LANES static void point_double(struct point *p, bool with_t)
{
    struct fe xx = fe_square(p->x), yy = fe_square(p->y), zz = fe_square(p->z);
    struct fe sum = fe_square(fe_add(p->x, p->y));
    struct fe y = fe_add(yy, xx), z = fe_sub(yy, xx);
    struct fe x = fe_sub(sum, y);
    struct fe t = fe_sub(fe_add(zz, zz), z);
    point_finish(p, x, y, z, t);
    if (with_t)
        p->t = fe_mul(x, y);
}

LANES static void point_add(struct point *p, const struct summand *q, const struct fe *z2,
                            bool with_t)
{
    struct fe a = fe_mul(fe_add(p->y, p->x), q->plus);
    struct fe b = fe_mul(fe_sub(p->y, p->x), q->minus);
    struct fe c = fe_mul(p->t, q->t2d);
    struct fe d = z2 != NULL ? fe_mul(p->z, *z2) : fe_add(p->z, p->z);
    struct fe x = fe_sub(a, b), y = fe_add(a, b), z = fe_add(d, c), t = fe_sub(d, c);
    point_finish(p, x, y, z, t);
    if (with_t)
        p->t = fe_mul(x, y);
}

LANES_IN struct summand summand_of(const struct point *p)
{
    return (struct summand){ .plus = fe_add(p->y, p->x),
                             .minus = fe_sub(p->y, p->x),
                             .t2d = fe_mul(p->t, fe_of(fe_2d)),
                             .z2 = fe_add(p->z, p->z) };
}

LANES_IN struct summand summand_zero(void)
{
    return (struct summand){
        .plus = fe_small(1), .minus = fe_small(1), .t2d = fe_small(0), .z2 = fe_small(2)
    };
}

/* The negative where asked. */
LANES_IN void summand_turn(struct summand *q, __mmask8 which)
{
    struct fe plus = fe_choose(q->plus, which, q->minus);
    q->minus = fe_choose(q->minus, which, q->plus);
    q->plus = plus;
    q->t2d = fe_choose(q->t2d, which, fe_minus(q->t2d));
}

LANES_IN __m512i digits_load(const int8_t digits[ED25519_LANES])
{
    return _mm512_cvtepi8_epi64(_mm_loadl_epi64((const __m128i_u *)digits));
}

/* The multiple that each lane's digit names. */
LANES static struct summand table_take(const struct summand table[WINDOW],
                                       const int8_t digits[ED25519_LANES])
{
    __m512i digit = digits_load(digits), size = _mm512_abs_epi64(digit);
    struct summand q = summand_zero();
    for (unsigned i = 0; i < WINDOW; i++) {
        __mmask8 here = _mm512_cmpeq_epi64_mask(size, all(i + 1));
        q.plus = fe_choose(q.plus, here, table[i].plus);
        q.minus = fe_choose(q.minus, here, table[i].minus);
        q.t2d = fe_choose(q.t2d, here, table[i].t2d);
        q.z2 = fe_choose(q.z2, here, table[i].z2);
    }
    summand_turn(&q, _mm512_cmplt_epi64_mask(digit, _mm512_setzero_si512()));
    return q;
}

/* The same of the base point, whose multiples have z = 1. */
LANES static struct summand base_take(const int8_t digits[ED25519_LANES])
{
    __m512i digit = digits_load(digits);
    __m512i at = _mm512_sub_epi64(_mm512_abs_epi64(digit), all(1));
    __mmask8 some = _mm512_cmpneq_epi64_mask(digit, _mm512_setzero_si512());
    struct summand q = summand_zero();
    struct fe *parts[3] = { &q.plus, &q.minus, &q.t2d };
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 5; i++)
            parts[c]->v[i] = _mm512_mask_permutexvar_epi64(parts[c]->v[i], some, at,
                                                           _mm512_loadu_si512(base_table[c][i]));
    summand_turn(&q, _mm512_cmplt_epi64_mask(digit, _mm512_setzero_si512()));
    return q;
}

/* table[i]: (i + 1) times p. */
LANES static void table_fill(struct summand table[WINDOW], const struct point *p)
{
    struct point sum = *p;
    table[0] = summand_of(p);
    for (int i = 1; i < WINDOW; i++) {
        point_add(&sum, &table[0], &table[0].z2, true);
        table[i] = summand_of(&sum);
    }
}

LANES static __mmask8 point_encodes(const struct point *p, const uint8_t r[ED25519_LANES][32])
{
    __mmask8 sign;
    struct fe eleven, want = fe_load(&sign, r);
    struct fe high = fe_chain(&eleven, p->z);
    struct fe inverse = fe_mul(fe_squares(high, 5), eleven); /* z^(2^255 - 21) */
    struct fe x = fe_freeze(fe_mul(p->x, inverse)), y = fe_freeze(fe_mul(p->y, inverse));
    return fe_same(y, want) & (__mmask8) ~(fe_odd(x) ^ sign);
}

LANES static unsigned hold(const struct ed25519_lanes *in)
{
    struct summand table[WINDOW], q;
    __mmask8 valid;
    struct point a = point_negative(&valid, in->a);
    struct point p = { fe_small(0), fe_small(1), fe_small(1), fe_small(0) };
    table_fill(table, &a);
    for (int i = ED25519_LANES_DIGITS - 1; i >= 0; i--) {
        if (i != ED25519_LANES_DIGITS - 1)
            for (int k = 0; k < 4; k++)
                point_double(&p, k == 3);
        q = table_take(table, in->h[i]);
        point_add(&p, &q, &q.z2, true);
        q = base_take(in->s[i]);
        point_add(&p, &q, NULL, false);
    }
    return valid & point_encodes(&p, in->r);
}

bool ed25519_lanes_ready(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512ifma");
}

unsigned ed25519_lanes_hold(const struct ed25519_lanes *in)
{
    ASSERT(ed25519_lanes_ready());
    return hold(in);
}

#else

bool ed25519_lanes_ready(void)
{
    return false;
}

unsigned ed25519_lanes_hold(const struct ed25519_lanes *in)
{
    (void)in;
    ASSERT(ed25519_lanes_ready());
    return 0;
}

#endif
