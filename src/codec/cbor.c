#include "codec/cbor.h"

#include <math.h>

enum {
    MAJOR_UINT = 0,
    MAJOR_NEGATIVE = 1,
    MAJOR_BYTES = 2,
    MAJOR_TEXT = 3,
    MAJOR_ARRAY = 4,
    MAJOR_MAP = 5,
    MAJOR_TAG = 6,
    MAJOR_SIMPLE = 7,
};

enum {
    SIMPLE_FALSE = 20,
    SIMPLE_TRUE = 21,
    SIMPLE_NULL = 22,
    INFO_FLOAT16 = 25,
    INFO_FLOAT32 = 26,
    INFO_FLOAT64 = 27,
    TAG_LINK = 42,
};

struct head {
    unsigned major;
    unsigned info;
    uint64_t arg;
};

/* ---- heads ----------------------------------------------------------------------------------- */

/* The first byte and its argument. For floats arg holds the bits as they stand. */
static struct head read_head(struct cbor_reader *c)
{
    uint8_t first = read_u8(&c->r);
    struct head h = { .major = first >> 5, .info = first & 31, .arg = first & 31 };
    uint64_t least = 0; /* the smallest argument that needs this many bytes */
    if (h.info >= 24 && h.info < 28) {
        unsigned size = 1U << (h.info - 24); /* 1, 2, 4 or 8 bytes, big-endian */
        h.arg = 0;
        for (unsigned i = 0; i < size; i++)
            h.arg = h.arg << 8 | read_u8(&c->r);
        least = size == 1 ? 24 : UINT64_C(1) << (4 * size);
    }
    cbor_require(c, h.info < 28, ERR_FORMAT); /* 28-30 are reserved, 31 is indefinite */
    if (h.major != MAJOR_SIMPLE && c->mode == CBOR_STRICT)
        cbor_require(c, h.arg >= least, ERR_FORMAT);
    if (c->r.err != OK)
        return (struct head){ 0 };
    return h;
}

static struct head read_head_of(struct cbor_reader *c, unsigned major)
{
    struct head h = read_head(c);
    cbor_require(c, h.major == major, ERR_FORMAT);
    return c->r.err == OK ? h : (struct head){ 0 };
}

static void write_head(struct writer *w, unsigned major, uint64_t arg)
{
    unsigned size_log = arg <= UINT8_MAX ? 0 : arg <= UINT16_MAX ? 1 : arg <= UINT32_MAX ? 2 : 3;
    write_u8(w, (uint8_t)(major << 5 | (arg < 24 ? (unsigned)arg : 24 + size_log)));
    for (unsigned left = arg < 24 ? 0 : 1U << size_log; left > 0; left--)
        write_u8(w, (uint8_t)(arg >> (8 * (left - 1))));
}

/* ---- values ---------------------------------------------------------------------------------- */

/* RFC 3629: shortest form, no surrogates, at most U+10FFFF. */
bool cbor_text_valid(struct span s)
{
    size_t i = 0;
    while (i < s.n) {
        uint8_t b = s.p[i];
        size_t more = b < 0x80 ? 0 : b >= 0xc2 && b < 0xe0 ? 1 : (b & 0xf0) == 0xe0 ? 2 : 3;
        if (more == 3 && (b < 0xf0 || b > 0xf4))
            return false;
        if (more > s.n - i - 1)
            return false;
        for (size_t k = 1; k <= more; k++)
            if ((s.p[i + k] & 0xc0) != 0x80)
                return false;
        uint8_t next = more > 0 ? s.p[i + 1] : 0;
        if ((b == 0xe0 && next < 0xa0) || (b == 0xed && next > 0x9f) ||
            (b == 0xf0 && next < 0x90) || (b == 0xf4 && next > 0x8f))
            return false;
        i += more + 1;
    }
    return true;
}

static struct span read_string(struct cbor_reader *c, uint64_t size, bool text)
{
    cbor_require(c, size <= c->r.n, ERR_SHORT);
    struct span s = read_span(&c->r, c->r.err == OK ? (size_t)size : 0);
    if (text && c->mode == CBOR_STRICT)
        cbor_require(c, cbor_text_valid(s), ERR_FORMAT);
    return c->r.err == OK ? s : (struct span){ NULL, 0 };
}

static double half_value(uint16_t h)
{
    int exponent = h >> 10 & 31;
    int mantissa = h & 1023;
    double v = exponent == 0 ? ldexp(mantissa, -24) : ldexp(mantissa + 1024, exponent - 25);
    return (h & 0x8000) != 0 ? -v : v;
}

/* Infinities and NaN have an exponent of ones. */
static bool float_allowed(const struct cbor_reader *c, struct head h)
{
    switch (h.info) {
    case INFO_FLOAT64:
        return (h.arg >> 52 & 0x7ff) != 0x7ff;
    case INFO_FLOAT32:
        return c->mode == CBOR_LENIENT && (h.arg >> 23 & 0xff) != 0xff;
    case INFO_FLOAT16:
        return c->mode == CBOR_LENIENT && (h.arg >> 10 & 0x1f) != 0x1f;
    default:
        return false;
    }
}

static double read_float_of(struct cbor_reader *c, struct head h)
{
    cbor_require(c, float_allowed(c, h), ERR_FORMAT);
    if (c->r.err != OK)
        return 0;
    double v = 0;
    if (h.info == INFO_FLOAT64) {
        memcpy(&v, &h.arg, sizeof(v));
    } else if (h.info == INFO_FLOAT32) {
        uint32_t bits = (uint32_t)h.arg;
        float f = 0;
        memcpy(&f, &bits, sizeof(f));
        v = (double)f;
    } else {
        v = half_value((uint16_t)h.arg);
    }
    return v;
}

/* The rest of a link after its tag: a byte string, 0x00 and a binary CID. */
static void read_link_body(struct cbor_reader *c, struct cid *out)
{
    struct head h = read_head_of(c, MAJOR_BYTES);
    struct span s = read_string(c, h.arg, false);
    *out = (struct cid){ 0 };
    /* SPEC dag-cbor "Links": the multibase identity prefix 0x00 must be there. */
    cbor_require(c, s.n > 1 && s.p[0] == 0, ERR_FORMAT);
    if (c->r.err == OK)
        cbor_require(c, cid_decode(out, span_sub(s, 1, s.n - 1)) == OK, ERR_FORMAT);
}

enum cbor_type cbor_peek(const struct cbor_reader *c)
{
    static const enum cbor_type types[] = { CBOR_UINT,  CBOR_NEGATIVE, CBOR_BYTES, CBOR_TEXT,
                                            CBOR_ARRAY, CBOR_MAP,      CBOR_LINK };
    struct cbor_reader ahead = *c;
    struct head h = read_head(&ahead);
    if (ahead.r.err != OK)
        return CBOR_NONE;
    if (h.major == MAJOR_TAG)
        return h.arg == TAG_LINK ? CBOR_LINK : CBOR_NONE;
    if (h.major != MAJOR_SIMPLE)
        return types[h.major];
    if (h.info == SIMPLE_FALSE || h.info == SIMPLE_TRUE)
        return CBOR_BOOL;
    if (h.info == SIMPLE_NULL)
        return CBOR_NULL;
    return h.info >= INFO_FLOAT16 && h.info <= INFO_FLOAT64 ? CBOR_FLOAT : CBOR_NONE;
}

uint64_t cbor_read_uint(struct cbor_reader *c)
{
    return read_head_of(c, MAJOR_UINT).arg;
}

uint64_t cbor_read_uint_max(struct cbor_reader *c, uint64_t max)
{
    uint64_t v = cbor_read_uint(c);
    cbor_require(c, v <= max, ERR_RANGE);
    return c->r.err == OK ? v : 0;
}

int64_t cbor_read_int(struct cbor_reader *c)
{
    struct head h = read_head(c);
    cbor_require(c, h.major == MAJOR_UINT || h.major == MAJOR_NEGATIVE, ERR_FORMAT);
    cbor_require(c, h.arg <= INT64_MAX, ERR_RANGE);
    if (c->r.err != OK)
        return 0;
    return h.major == MAJOR_UINT ? (int64_t)h.arg : -1 - (int64_t)h.arg;
}

struct span cbor_read_bytes(struct cbor_reader *c)
{
    struct head h = read_head_of(c, MAJOR_BYTES);
    return read_string(c, h.arg, false);
}

struct span cbor_read_text(struct cbor_reader *c)
{
    struct head h = read_head_of(c, MAJOR_TEXT);
    return read_string(c, h.arg, true);
}

bool cbor_read_bool(struct cbor_reader *c)
{
    struct head h = read_head_of(c, MAJOR_SIMPLE);
    cbor_require(c, h.info == SIMPLE_FALSE || h.info == SIMPLE_TRUE, ERR_FORMAT);
    return c->r.err == OK && h.info == SIMPLE_TRUE;
}

void cbor_read_null(struct cbor_reader *c)
{
    cbor_require(c, read_head_of(c, MAJOR_SIMPLE).info == SIMPLE_NULL, ERR_FORMAT);
}

double cbor_read_float(struct cbor_reader *c)
{
    return read_float_of(c, read_head_of(c, MAJOR_SIMPLE));
}

void cbor_read_link(struct cbor_reader *c, struct cid *out)
{
    cbor_require(c, read_head_of(c, MAJOR_TAG).arg == TAG_LINK, ERR_FORMAT);
    read_link_body(c, out);
}

void cbor_read_bytes_of(struct cbor_reader *c, uint8_t *out, size_t n)
{
    struct span s = cbor_read_bytes(c);
    cbor_require(c, s.n == n, ERR_FORMAT);
    if (c->r.err == OK && s.p != NULL && n != 0)
        memcpy(out, s.p, n);
    else if (n != 0)
        memset(out, 0, n);
}

/* Every element is at least one byte, so a count beyond what is left cannot be met. */
static size_t checked_count(struct cbor_reader *c, struct head h, size_t items)
{
    cbor_require(c, h.arg <= c->r.n / items, ERR_SHORT);
    return c->r.err == OK ? (size_t)h.arg : 0;
}

size_t cbor_read_array(struct cbor_reader *c)
{
    return checked_count(c, read_head_of(c, MAJOR_ARRAY), 1);
}

size_t cbor_read_map(struct cbor_reader *c)
{
    return checked_count(c, read_head_of(c, MAJOR_MAP), 2);
}

void cbor_read_array_of(struct cbor_reader *c, size_t n)
{
    cbor_require(c, cbor_read_array(c) == n, ERR_FORMAT);
}

void cbor_read_map_of(struct cbor_reader *c, size_t n)
{
    cbor_require(c, cbor_read_map(c) == n, ERR_FORMAT);
}

bool cbor_try_null(struct cbor_reader *c)
{
    bool null = c->r.err == OK && c->r.n > 0 && c->r.p[0] == (MAJOR_SIMPLE << 5 | SIMPLE_NULL);
    if (null)
        (void)read_u8(&c->r);
    return null;
}

void cbor_read_key(struct cbor_reader *c, const char *key)
{
    cbor_require(c, span_eq(cbor_read_text(c), span_str(key)), ERR_FORMAT);
}

bool cbor_try_key(struct cbor_reader *c, const char *key)
{
    struct cbor_reader ahead = *c;
    struct span s = cbor_read_text(&ahead);
    if (ahead.r.err != OK || !span_eq(s, span_str(key)))
        return false;
    *c = ahead;
    return true;
}

int cbor_key_cmp(struct span a, struct span b)
{
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    return span_cmp(a, b);
}

/* ---- whole items ----------------------------------------------------------------------------- */

/* An open array or map: how many values are still to come, and in a map the key before. */
struct level {
    size_t left;
    bool map;
    bool first;
    struct span key;
};

static void read_level_key(struct cbor_reader *c, struct level *l)
{
    struct span key = cbor_read_text(c);
    int order = l->first ? -1 : cbor_key_cmp(l->key, key);
    cbor_require(c, c->mode == CBOR_STRICT ? order < 0 : order != 0, ERR_FORMAT);
    l->first = false;
    l->key = key;
}

/* Takes the next item, or only the head of an array or map, which *open then describes. True when
 * it was a link, which *link then is. */
static bool skip_step(struct cbor_reader *c, struct level *open, struct cid *link)
{
    struct head h = read_head(c);
    *open = (struct level){ .first = true };
    switch (h.major) {
    case MAJOR_BYTES:
    case MAJOR_TEXT:
        (void)read_string(c, h.arg, h.major == MAJOR_TEXT);
        return false;
    case MAJOR_ARRAY:
    case MAJOR_MAP:
        open->map = h.major == MAJOR_MAP;
        open->left = checked_count(c, h, open->map ? 2 : 1);
        return false;
    case MAJOR_TAG:
        cbor_require(c, h.arg == TAG_LINK, ERR_FORMAT);
        read_link_body(c, link);
        return c->r.err == OK;
    case MAJOR_SIMPLE:
        if (h.info < SIMPLE_FALSE || h.info > SIMPLE_NULL)
            cbor_require(c, float_allowed(c, h), ERR_FORMAT);
        return false;
    default:
        return false; /* a number of either sign */
    }
}

void cbor_skip(struct cbor_reader *c)
{
    struct level stack[CBOR_DEPTH_MAX];
    struct level open;
    struct cid link;
    size_t depth = 0;
    (void)skip_step(c, &open, &link);
    for (;;) {
        if (open.left > 0) {
            cbor_require(c, depth < CBOR_DEPTH_MAX, ERR_LIMIT);
            if (c->r.err == OK)
                stack[depth++] = open;
        }
        while (depth > 0 && stack[depth - 1].left == 0)
            depth--;
        if (depth == 0 || c->r.err != OK)
            return;
        stack[depth - 1].left--;
        if (stack[depth - 1].map)
            read_level_key(c, &stack[depth - 1]);
        (void)skip_step(c, &open, &link);
    }
}

bool cbor_next_link(struct cbor_reader *c, struct cid *out)
{
    struct level open;
    while (c->r.n > 0 && c->r.err == OK) {
        if (skip_step(c, &open, out))
            return true;
    }
    return false;
}

struct span cbor_read_item(struct cbor_reader *c)
{
    struct span s = span_of(c->r.p, c->r.n);
    cbor_skip(c);
    return c->r.err == OK ? span_sub(s, 0, s.n - c->r.n) : (struct span){ NULL, 0 };
}

enum err cbor_finish(struct cbor_reader *c)
{
    return reader_finish(&c->r);
}

enum err cbor_validate(struct span in, enum cbor_mode mode)
{
    struct cbor_reader c = cbor_reader_of(in, mode);
    cbor_skip(&c);
    return cbor_finish(&c);
}

/* ---- writing --------------------------------------------------------------------------------- */

void cbor_write_uint(struct writer *w, uint64_t v)
{
    write_head(w, MAJOR_UINT, v);
}

void cbor_write_int(struct writer *w, int64_t v)
{
    if (v >= 0)
        write_head(w, MAJOR_UINT, (uint64_t)v);
    else
        write_head(w, MAJOR_NEGATIVE, (uint64_t)(-1 - v));
}

void cbor_write_bytes(struct writer *w, struct span s)
{
    write_head(w, MAJOR_BYTES, s.n);
    write_span(w, s);
}

void cbor_write_negative(struct writer *w, uint64_t v)
{
    write_head(w, MAJOR_NEGATIVE, v);
}

void cbor_write_text(struct writer *w, struct span s)
{
    write_head(w, MAJOR_TEXT, s.n);
    write_span(w, s);
}

void cbor_write_bytes_head(struct writer *w, size_t n)
{
    write_head(w, MAJOR_BYTES, n);
}

void cbor_write_text_head(struct writer *w, size_t n)
{
    write_head(w, MAJOR_TEXT, n);
}

void cbor_write_str(struct writer *w, const char *s)
{
    cbor_write_text(w, span_str(s));
}

void cbor_write_array(struct writer *w, uint64_t count)
{
    write_head(w, MAJOR_ARRAY, count);
}

void cbor_write_map(struct writer *w, uint64_t count)
{
    write_head(w, MAJOR_MAP, count);
}

void cbor_write_bool(struct writer *w, bool v)
{
    write_head(w, MAJOR_SIMPLE, v ? SIMPLE_TRUE : SIMPLE_FALSE);
}

void cbor_write_null(struct writer *w)
{
    write_head(w, MAJOR_SIMPLE, SIMPLE_NULL);
}

void cbor_write_float(struct writer *w, double v)
{
    ASSERT(isfinite(v) != 0);
    uint64_t bits = 0;
    memcpy(&bits, &v, sizeof(bits));
    write_u8(w, MAJOR_SIMPLE << 5 | INFO_FLOAT64);
    write_be64(w, bits);
}

void cbor_write_link(struct writer *w, const struct cid *cid)
{
    write_head(w, MAJOR_TAG, TAG_LINK);
    write_head(w, MAJOR_BYTES, 1 + cid_size(cid));
    write_u8(w, 0);
    cid_write(w, cid);
}
