#include "base/amount.h"

static const u128 units_max = ~(u128)0;
static const u128 units_per_cru = (u128)1000000000000u;

enum err amount_add(struct amount *out, struct amount a, struct amount b)
{
    *out = AMOUNT_ZERO;
    if (a.units > units_max - b.units)
        return ERR_RANGE;
    out->units = a.units + b.units;
    return OK;
}

enum err amount_sub(struct amount *out, struct amount a, struct amount b)
{
    *out = AMOUNT_ZERO;
    if (b.units > a.units)
        return ERR_RANGE;
    out->units = a.units - b.units;
    return OK;
}

enum err amount_mul(struct amount *out, struct amount a, uint64_t factor)
{
    *out = AMOUNT_ZERO;
    if (factor != 0 && a.units > units_max / factor)
        return ERR_RANGE;
    out->units = a.units * factor;
    return OK;
}

struct amount amount_sat_add(struct amount a, struct amount b)
{
    struct amount r;
    return amount_add(&r, a, b) == OK ? r : AMOUNT_OF(units_max);
}

struct amount amount_sat_sub(struct amount a, struct amount b)
{
    return AMOUNT_OF(a.units > b.units ? a.units - b.units : 0);
}

int amount_cmp(struct amount a, struct amount b)
{
    return a.units < b.units ? -1 : a.units > b.units;
}

struct amount amount_min(struct amount a, struct amount b)
{
    return a.units < b.units ? a : b;
}

struct amount amount_max(struct amount a, struct amount b)
{
    return a.units > b.units ? a : b;
}

u128 ratio_mul(uint32_t part, uint32_t acc, u128 x)
{
    ASSERT(acc > 0 && part <= acc);
    u128 q = x / acc;
    u128 m = (x % acc) * part; /* below 10^18 */
    u128 c = m / acc;
    if (m % acc > acc / 2)
        c += 1;
    return q * part + c;
}

uint32_t ratio_of(u128 p, u128 q, uint32_t acc)
{
    ASSERT(acc > 0);
    if (q == 0)
        q = 1;
    if (p > q)
        p = q;
    u128 f = q / acc + (q % acc != 0);
    if (f == 0)
        f = 1;
    return (uint32_t)((p / f) * acc / (q / f));
}

/* Digits of v, most significant first, into out; returns how many. */
static size_t digits(char out[AMOUNT_TEXT_MAX], u128 v)
{
    char rev[AMOUNT_TEXT_MAX];
    size_t n = 0;
    do {
        rev[n++] = (char)('0' + (int)(v % 10));
        v /= 10;
    } while (v != 0);
    for (size_t i = 0; i < n; i++)
        out[i] = rev[n - 1 - i];
    out[n] = '\0';
    return n;
}

void amount_format_units(char out[AMOUNT_TEXT_MAX], struct amount a)
{
    (void)digits(out, a.units);
}

void amount_format(char out[AMOUNT_TEXT_MAX], struct amount a)
{
    size_t n = digits(out, a.units / units_per_cru);
    u128 rest = a.units % units_per_cru;
    if (rest == 0)
        return;
    out[n++] = '.';
    for (u128 unit = units_per_cru / 10; rest != 0; unit /= 10) {
        out[n++] = (char)('0' + (int)(rest / unit));
        rest %= unit;
    }
    out[n] = '\0';
}

/* One more decimal digit on *v. */
static enum err push_digit(u128 *v, char c)
{
    if (c < '0' || c > '9')
        return ERR_FORMAT;
    u128 d = (u128)(c - '0');
    if (*v > (units_max - d) / 10)
        return ERR_RANGE;
    *v = *v * 10 + d;
    return OK;
}

enum err amount_parse_units(struct amount *out, const char *text)
{
    *out = AMOUNT_ZERO;
    if (text[0] == '\0')
        return ERR_FORMAT;
    u128 v = 0;
    for (const char *s = text; *s != '\0'; s++)
        TRY(push_digit(&v, *s));
    out->units = v;
    return OK;
}

enum err amount_parse(struct amount *out, const char *text)
{
    *out = AMOUNT_ZERO;
    u128 v = 0;
    int decimals = -1; /* no point seen */
    size_t seen = 0;
    for (const char *s = text; *s != '\0'; s++) {
        if (*s == '.') {
            if (decimals >= 0)
                return ERR_FORMAT;
            decimals = 0;
            continue;
        }
        TRY(push_digit(&v, *s));
        seen++;
        if (decimals >= 0 && ++decimals > AMOUNT_CRU_DECIMALS)
            return ERR_RANGE;
    }
    if (seen == 0)
        return ERR_FORMAT;
    for (int i = decimals < 0 ? 0 : decimals; i < AMOUNT_CRU_DECIMALS; i++)
        TRY(push_digit(&v, '0'));
    out->units = v;
    return OK;
}

size_t amount_bytes(uint8_t out[AMOUNT_BYTES_MAX], struct amount a)
{
    size_t n = 0;
    for (u128 v = a.units; v != 0; v >>= 8)
        n++;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(a.units >> (8 * (n - 1 - i)));
    return n;
}

enum err amount_of_bytes(struct amount *out, struct span in)
{
    *out = AMOUNT_ZERO;
    if (in.n > AMOUNT_BYTES_MAX || (in.n > 0 && in.p[0] == 0))
        return ERR_FORMAT;
    for (size_t i = 0; i < in.n; i++)
        out->units = out->units << 8 | in.p[i];
    return OK;
}
