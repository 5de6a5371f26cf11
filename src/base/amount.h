/* amount: money. 1 CRU = 10^12 base units; 128 bits; every operation is checked.
 * Ratio arithmetic as docs/spec/market.md 1 gives it (the reference network's rules, bit for bit).
 * Pure. */
#ifndef CRUST_BASE_AMOUNT_H
#define CRUST_BASE_AMOUNT_H

#include "base/err.h"
#include "base/span.h"
#include "base/u128.h"

/* Only amount.c touches the member, besides constants and codecs. */
struct amount {
    u128 units;
};

#define AMOUNT_ZERO      ((struct amount){ 0 })
#define AMOUNT_OF(units) ((struct amount){ (units) })

enum {
    AMOUNT_TEXT_MAX = 48,  /* longest text with its NUL: 39 digits, a point, " CRU" */
    AMOUNT_BYTES_MAX = 16, /* big-endian bytes */
    AMOUNT_CRU_DECIMALS = 12,
};

enum {
    PERBILL = 1000000000, /* parts per 10^9 */
    PERMILL = 1000000,
    PERCENT = 100,
};

/* Checked: ERR_RANGE on overflow or when the result would be negative; *out zeroed then. */
NODISCARD enum err amount_add(struct amount *out, struct amount a, struct amount b);
NODISCARD enum err amount_sub(struct amount *out, struct amount a, struct amount b);
NODISCARD enum err amount_mul(struct amount *out, struct amount a, uint64_t factor);

/* Saturating: clamp to the range of the type. */
struct amount amount_sat_add(struct amount a, struct amount b);
struct amount amount_sat_sub(struct amount a, struct amount b);

/* <0, 0, >0 */
int amount_cmp(struct amount a, struct amount b);
struct amount amount_min(struct amount a, struct amount b);
struct amount amount_max(struct amount a, struct amount b);

static inline bool amount_is_zero(struct amount a)
{
    return a.units == 0;
}

/* ratio_mul: part/acc of x, rounded to nearest, an exact half down (PB_MUL with acc = PERBILL).
 * part <= acc <= 10^9; never overflows. */
u128 ratio_mul(uint32_t part, uint32_t acc, u128 x);

/* ratio_of: p/q in parts of acc (PB_RATIO): q at least 1, p at most q, every division floors; for
 * q > acc both are first divided by ceil(q/acc). */
uint32_t ratio_of(u128 p, u128 q, uint32_t acc);

/* amount_format writes "1.5 CRU"-style text: at least one digit on each side is not required,
 * trailing zeros are cut ("12", "0.000001"). Without unit. NUL-terminated. */
void amount_format(char out[AMOUNT_TEXT_MAX], struct amount a);

/* amount_parse reads digits with at most one point and at most 12 decimals, in CRU. */
NODISCARD enum err amount_parse(struct amount *out, const char *text);

/* Base units as plain decimal digits, as JSON strings carry them. NUL-terminated. */
void amount_format_units(char out[AMOUNT_TEXT_MAX], struct amount a);
NODISCARD enum err amount_parse_units(struct amount *out, const char *text);

/* amount_bytes writes the minimal big-endian form (none for zero) and returns its length. */
size_t amount_bytes(uint8_t out[AMOUNT_BYTES_MAX], struct amount a);

/* amount_of_bytes: ERR_FORMAT when longer than 16 bytes or with a leading zero byte. */
NODISCARD enum err amount_of_bytes(struct amount *out, struct span in);

#endif
