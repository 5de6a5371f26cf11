#include "attest/der.h"

bool der_is(const struct reader *r, enum der_tag tag)
{
    return r->err == OK && r->n > 0 && r->p[0] == (uint8_t)tag;
}

static size_t read_length(struct reader *r)
{
    uint8_t first = read_u8(r);
    if (first < 0x80)
        return first;
    reader_require(r, first == 0x81 || first == 0x82, ERR_FORMAT);
    size_t n = first == 0x81 ? read_u8(r) : read_be16(r);
    reader_require(r, n >= (first == 0x81 ? 0x80 : 0x100), ERR_FORMAT);
    return n;
}

struct span der_read(struct reader *r, enum der_tag tag)
{
    reader_require(r, read_u8(r) == (uint8_t)tag, ERR_FORMAT);
    return read_span(r, read_length(r));
}

struct span der_read_whole(struct reader *r, enum der_tag tag)
{
    const uint8_t *start = r->p;
    der_read(r, tag);
    return r->err == OK ? span_of(start, (size_t)(r->p - start)) : (struct span){ NULL, 0 };
}

struct reader der_enter(struct reader *r, enum der_tag tag)
{
    struct reader child = reader_of(der_read(r, tag));
    if (r->err != OK)
        reader_fail(&child, r->err);
    return child;
}

struct span der_read_serial(struct reader *r)
{
    struct span s = der_read(r, DER_INTEGER);
    reader_require(r, s.n > 0 && s.p[0] < 0x80, ERR_FORMAT);
    reader_require(r, r->err != OK || s.n == 1 || s.p[0] != 0 || s.p[1] >= 0x80, ERR_FORMAT);
    return r->err == OK ? s : (struct span){ NULL, 0 };
}

uint64_t der_read_uint(struct reader *r, enum der_tag tag, uint64_t max)
{
    struct span s = der_read(r, tag);
    reader_require(r, s.n > 0 && s.p[0] < 0x80, ERR_FORMAT);
    reader_require(r, r->err != OK || s.n == 1 || s.p[0] != 0 || s.p[1] >= 0x80, ERR_FORMAT);
    reader_require(r, s.n <= 8, ERR_RANGE);
    uint64_t v = 0;
    for (size_t i = 0; i < s.n && r->err == OK; i++)
        v = v << 8 | s.p[i];
    reader_require(r, v <= max, ERR_RANGE);
    return r->err == OK ? v : 0;
}

struct span der_read_bits(struct reader *r)
{
    struct span s = der_read(r, DER_BIT_STRING);
    reader_require(r, s.n > 1 && s.p[0] == 0, ERR_FORMAT);
    return r->err == OK ? span_of(s.p + 1, s.n - 1) : (struct span){ NULL, 0 };
}

/* Two digits, or -1. */
static int two(const char *p)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return -1;
    return (p[0] - '0') * 10 + (p[1] - '0');
}

static int days_in(int year, int month)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

enum err der_seconds(uint64_t *out, const char digits[14])
{
    *out = 0;
    int part[7];
    for (size_t i = 0; i < 7; i++) {
        part[i] = two(digits + 2 * i);
        if (part[i] < 0)
            return ERR_FORMAT;
    }
    int year = part[0] * 100 + part[1], month = part[2], day = part[3];
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) ||
        part[4] > 23 || part[5] > 59 || part[6] > 59)
        return ERR_FORMAT;
    int before = year - 1; /* whole years since the year 1 */
    int days = before * 365 + before / 4 - before / 100 + before / 400 - 719162;
    for (int m = 1; m < month; m++)
        days += days_in(year, m);
    days += day - 1;
    *out = (uint64_t)days * 86400 + (uint64_t)(part[4] * 3600 + part[5] * 60 + part[6]);
    return OK;
}

uint64_t der_read_time(struct reader *r)
{
    bool utc = der_is(r, DER_UTC_TIME);
    struct span s = der_read(r, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME);
    reader_require(r, s.n == (utc ? 13 : 15) && s.p[s.n - 1] == 'Z', ERR_FORMAT);
    char digits[14];
    uint64_t seconds = 0;
    if (r->err != OK)
        return 0;
    memcpy(digits + (utc ? 2 : 0), s.p, s.n - 1);
    if (utc) { /* RFC 5280 4.1.2.5.1: 50 and above is the 20th century */
        digits[0] = s.p[0] < '5' ? '2' : '1';
        digits[1] = s.p[0] < '5' ? '0' : '9';
    }
    reader_require(r, der_seconds(&seconds, digits) == OK, ERR_FORMAT);
    return seconds;
}
