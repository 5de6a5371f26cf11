#include "codec/multibase.h"

static const char digits_16[] = "0123456789abcdef";
static const char digits_32[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char digits_36[] = "0123456789abcdefghijklmnopqrstuvwxyz";
static const char digits_58[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char digits_64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char digits_64url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct alphabet {
    const char *digits;
    unsigned count;
    unsigned bits; /* per digit; 0 for bases that are not powers of two */
    bool fold;     /* either case */
};

static struct alphabet alphabet_of(enum multibase base)
{
    switch (base) {
    case MULTIBASE_16:
        return (struct alphabet){ digits_16, 16, 4, true };
    case MULTIBASE_32:
        return (struct alphabet){ digits_32, 32, 5, true };
    case MULTIBASE_36:
        return (struct alphabet){ digits_36, 36, 0, true };
    case MULTIBASE_58BTC:
        return (struct alphabet){ digits_58, 58, 0, false };
    case MULTIBASE_64:
        return (struct alphabet){ digits_64, 64, 6, false };
    case MULTIBASE_64URL:
        return (struct alphabet){ digits_64url, 64, 6, false };
    }
    return (struct alphabet){ digits_16, 0, 0, false };
}

/* The value of a digit, or -1. */
static int digit_value(const struct alphabet *a, uint8_t c)
{
    if (a->fold && c >= 'A' && c <= 'Z')
        c = (uint8_t)(c - 'A' + 'a');
    if (c == 0)
        return -1;
    const char *at = memchr(a->digits, c, a->count);
    return at == NULL ? -1 : (int)(at - a->digits);
}

/* Digits of a fixed number of bits, most significant first, the last one padded with zero bits. */
static enum err format_bits(char *out, size_t n, const struct alphabet *a, struct span in)
{
    size_t need = in.n / a->bits * 8 + (in.n % a->bits * 8 + a->bits - 1) / a->bits;
    if (n < need + 1)
        return ERR_LIMIT;
    uint32_t acc = 0;
    unsigned have = 0;
    size_t len = 0;
    for (size_t i = 0; i < in.n; i++) {
        acc = (acc << 8 | in.p[i]) & 0xffff;
        have += 8;
        while (have >= a->bits) {
            have -= a->bits;
            out[len++] = a->digits[acc >> have & (a->count - 1)];
        }
    }
    if (have > 0)
        out[len++] = a->digits[acc << (a->bits - have) & (a->count - 1)];
    out[len] = '\0';
    return OK;
}

static enum err parse_bits(uint8_t *out, size_t *size, size_t n, const struct alphabet *a,
                           struct span text)
{
    uint32_t acc = 0;
    unsigned have = 0;
    size_t len = 0;
    for (size_t i = 0; i < text.n; i++) {
        int v = digit_value(a, text.p[i]);
        if (v < 0)
            return ERR_FORMAT;
        acc = (acc << a->bits | (uint32_t)v) & 0xffff;
        have += a->bits;
        if (have < 8)
            continue;
        have -= 8;
        if (len == n)
            return ERR_LIMIT;
        out[len++] = (uint8_t)(acc >> have);
    }
    /* A whole unused digit, or padding bits that are not zero, would make the text ambiguous. */
    if (have >= a->bits || (acc & ((1u << have) - 1)) != 0)
        return ERR_FORMAT;
    *size = len;
    return OK;
}

enum { DIGITS_AT_ONCE = 5 }; /* 58^5 is below 2^30 */

/* The number times 2^shift plus more; it stands in limbs below limb, lowest first. */
static size_t big_add(uint32_t *limbs, size_t len, uint64_t limb, unsigned shift, uint32_t more)
{
    uint64_t carry = more;
    for (size_t i = 0; i < len; i++) {
        carry += (uint64_t)limbs[i] << shift;
        limbs[i] = (uint32_t)(carry % limb);
        carry /= limb;
    }
    for (; carry > 0; carry /= limb)
        limbs[len++] = (uint32_t)(carry % limb);
    return len;
}

/* Digits of the number that the bytes form; each leading zero byte is one leading zero digit. */
static enum err format_big(char *out, size_t n, const struct alphabet *a, struct span in)
{
    char reversed[2 * MULTIBASE_BIG_MAX + DIGITS_AT_ONCE];
    uint32_t limbs[2 * MULTIBASE_BIG_MAX / DIGITS_AT_ONCE + 2];
    uint64_t limb = 1;
    size_t zeros = 0, len = 0, digits = 0;
    if (in.n > MULTIBASE_BIG_MAX)
        return ERR_LIMIT;
    for (int i = 0; i < DIGITS_AT_ONCE; i++)
        limb *= a->count;
    while (zeros < in.n && in.p[zeros] == 0)
        zeros++;
    size_t i = zeros;
    for (; (in.n - i) % 4 != 0; i++)
        len = big_add(limbs, len, limb, 8, in.p[i]);
    for (; i < in.n; i += 4)
        len = big_add(limbs, len, limb, 32, load_be32(in.p + i));
    for (size_t k = 0; k < len; k++)
        for (int d = 0; d < DIGITS_AT_ONCE && (k + 1 < len || limbs[k] != 0); d++) {
            reversed[digits++] = a->digits[limbs[k] % a->count];
            limbs[k] /= (uint32_t)a->count;
        }
    if (n < zeros + digits + 1)
        return ERR_LIMIT;
    memset(out, a->digits[0], zeros);
    for (size_t k = 0; k < digits; k++)
        out[zeros + k] = reversed[digits - 1 - k];
    out[zeros + digits] = '\0';
    return OK;
}

static enum err parse_big(uint8_t *out, size_t *size, size_t n, const struct alphabet *a,
                          struct span text)
{
    uint8_t reversed[MULTIBASE_BIG_MAX];
    size_t zeros = 0, len = 0;
    if (text.n > (size_t)2 * MULTIBASE_BIG_MAX)
        return ERR_LIMIT;
    while (zeros < text.n && text.p[zeros] == (uint8_t)a->digits[0])
        zeros++;
    for (size_t i = zeros; i < text.n; i++) {
        int v = digit_value(a, text.p[i]);
        if (v < 0)
            return ERR_FORMAT;
        uint32_t carry = (uint32_t)v;
        for (size_t j = 0; j < len; j++) {
            carry += reversed[j] * a->count;
            reversed[j] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry > 0 && len == sizeof(reversed))
            return ERR_LIMIT;
        if (carry > 0)
            reversed[len++] = (uint8_t)carry;
    }
    if (zeros > n || len > n - zeros)
        return ERR_LIMIT;
    memset(out, 0, zeros);
    for (size_t i = 0; i < len; i++)
        out[zeros + i] = reversed[len - 1 - i];
    *size = zeros + len;
    return OK;
}

enum err multibase_format_bare(char *out, size_t n, enum multibase base, struct span in)
{
    struct alphabet a = alphabet_of(base);
    ASSERT(a.count != 0);
    enum err e = a.bits != 0 ? format_bits(out, n, &a, in) : format_big(out, n, &a, in);
    if (e != OK && n > 0)
        out[0] = '\0';
    return e;
}

enum err multibase_parse_bare(uint8_t *out, size_t *size, size_t n, enum multibase base,
                              struct span text)
{
    struct alphabet a = alphabet_of(base);
    ASSERT(a.count != 0);
    *size = 0;
    return a.bits != 0 ? parse_bits(out, size, n, &a, text) : parse_big(out, size, n, &a, text);
}

enum err multibase_format(char *out, size_t n, enum multibase base, struct span in)
{
    if (n < 2) {
        if (n == 1)
            out[0] = '\0';
        return ERR_LIMIT;
    }
    enum err e = multibase_format_bare(out + 1, n - 1, base, in);
    out[0] = '\0';
    if (e == OK)
        out[0] = (char)base;
    return e;
}

enum err multibase_parse(uint8_t *out, size_t *size, size_t n, struct span text)
{
    *size = 0;
    if (text.n == 0)
        return ERR_SHORT;
    enum multibase base;
    switch (text.p[0]) {
    case 'f':
    case 'F':
        base = MULTIBASE_16;
        break;
    case 'b':
    case 'B':
        base = MULTIBASE_32;
        break;
    case 'k':
    case 'K':
        base = MULTIBASE_36;
        break;
    case 'z':
        base = MULTIBASE_58BTC;
        break;
    case 'm':
        base = MULTIBASE_64;
        break;
    case 'u':
        base = MULTIBASE_64URL;
        break;
    default:
        return ERR_UNSUPPORTED;
    }
    return multibase_parse_bare(out, size, n, base, span_sub(text, 1, text.n - 1));
}
