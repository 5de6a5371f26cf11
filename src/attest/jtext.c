#include "attest/jtext.h"

#include "attest/der.h"
#include "base/hex.h"

struct jtext jtext_of(struct span in)
{
    return (struct jtext){ .r = reader_of(in), .depth = 0 };
}

static void skip_space(struct reader *r)
{
    while (r->n > 0 && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        read_u8(r);
}

/* The next character that is no space, unread; 0 at the end. */
static uint8_t next(struct jtext *j)
{
    skip_space(&j->r);
    return j->r.n > 0 ? *j->r.p : 0;
}

static void expect(struct jtext *j, uint8_t c)
{
    skip_space(&j->r);
    reader_require(&j->r, read_u8(&j->r) == c, ERR_FORMAT);
}

static void enter(struct jtext *j, uint8_t c)
{
    expect(j, c);
    reader_require(&j->r, ++j->depth <= JTEXT_DEPTH_MAX, ERR_LIMIT);
}

/* Text up to the closing quote. escapes: whether they may stand in it (it is skipped then). */
static struct span read_text(struct jtext *j, bool escapes)
{
    expect(j, '"');
    const uint8_t *start = j->r.p;
    struct reader *r = &j->r;
    size_t n = 0;
    while (r->err == OK) {
        uint8_t c = read_u8(r);
        if (r->err != OK || c == '"')
            break;
        reader_require(r, c >= 0x20 && (c != '\\' || escapes), ERR_FORMAT);
        n++;
        if (c != '\\' || r->err != OK)
            continue;
        uint8_t e = read_u8(r);
        reader_require(r, e != 0 && strchr("\"\\/bfnrtu", e) != NULL, ERR_FORMAT);
        for (int i = 0; i < 4 && e == 'u'; i++)
            reader_require(r, hex_digit((char)read_u8(r)) >= 0, ERR_FORMAT);
    }
    return r->err == OK && !escapes ? span_of(start, n) : (struct span){ NULL, 0 };
}

struct span jtext_text(struct jtext *j)
{
    return read_text(j, false);
}

void jtext_object(struct jtext *j, struct jtext_object *o)
{
    o->count = 0;
    enter(j, '{');
}

bool jtext_member(struct jtext *j, struct jtext_object *o, struct span *name)
{
    *name = (struct span){ NULL, 0 };
    if (next(j) == '}') {
        expect(j, '}');
        j->depth--;
        return false;
    }
    if (o->count > 0)
        expect(j, ',');
    *name = jtext_text(j);
    expect(j, ':');
    reader_require(&j->r, o->count < JTEXT_MEMBERS_MAX, ERR_LIMIT);
    for (size_t i = 0; i < o->count && j->r.err == OK; i++)
        reader_require(&j->r, !span_eq(o->names[i], *name), ERR_FORMAT);
    if (j->r.err != OK)
        return false;
    o->names[o->count++] = *name;
    return true;
}

void jtext_array(struct jtext *j, struct jtext_array *a)
{
    a->begun = false;
    enter(j, '[');
}

bool jtext_element(struct jtext *j, struct jtext_array *a)
{
    if (next(j) == ']') {
        expect(j, ']');
        j->depth--;
        return false;
    }
    if (a->begun)
        expect(j, ',');
    a->begun = true;
    /* "[1,]" : a value must follow the comma. */
    reader_require(&j->r, next(j) != ']', ERR_FORMAT);
    return j->r.err == OK;
}

uint32_t jtext_number(struct jtext *j, uint32_t max)
{
    uint8_t first = next(j);
    uint64_t v = 0;
    size_t digits = 0;
    while (j->r.n > 0 && *j->r.p >= '0' && *j->r.p <= '9' && digits < 11) {
        v = v * 10 + (uint64_t)(read_u8(&j->r) - '0');
        digits++;
    }
    reader_require(&j->r, digits > 0 && (digits == 1 || first != '0'), ERR_FORMAT);
    reader_require(&j->r, v <= max, ERR_RANGE);
    return j->r.err == OK ? (uint32_t)v : 0;
}

void jtext_hex(struct jtext *j, uint8_t *out, size_t n)
{
    struct span s = jtext_text(j);
    reader_require(&j->r, s.n == 2 * n, ERR_FORMAT);
    memset(out, 0, n);
    for (size_t i = 0; i < s.n && j->r.err == OK; i++) {
        int d = hex_digit((char)s.p[i]);
        reader_require(&j->r, d >= 0, ERR_FORMAT);
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (d < 0 ? 0 : d));
    }
}

uint64_t jtext_time(struct jtext *j)
{
    static const char shape[] = "YYYY-MM-DDThh:mm:ssZ";
    struct span s = jtext_text(j);
    char digits[14];
    size_t count = 0;
    uint64_t out = 0;
    reader_require(&j->r, s.n == sizeof(shape) - 1, ERR_FORMAT);
    for (size_t i = 0; i < s.n && j->r.err == OK; i++) {
        if (strchr("YMDhms", shape[i]) != NULL)
            digits[count++] = (char)s.p[i];
        else
            reader_require(&j->r, s.p[i] == (uint8_t)shape[i], ERR_FORMAT);
    }
    if (j->r.err == OK)
        reader_require(&j->r, der_seconds(&out, digits) == OK, ERR_FORMAT);
    return out;
}

static void skip_word(struct jtext *j, const char *word)
{
    struct span s = read_span(&j->r, strlen(word));
    reader_require(&j->r, span_eq(s, span_str(word)), ERR_FORMAT);
}

static void skip_value(struct jtext *j);

static void skip_object(struct jtext *j)
{
    struct jtext_object o;
    struct span name;
    jtext_object(j, &o);
    while (jtext_member(j, &o, &name))
        skip_value(j);
}

static void skip_array(struct jtext *j)
{
    struct jtext_array a;
    jtext_array(j, &a);
    while (jtext_element(j, &a))
        skip_value(j);
}

/* Recursion ends: enter() refuses what is deeper than JTEXT_DEPTH_MAX. */
static void skip_value(struct jtext *j)
{
    switch (next(j)) {
    case '{':
        skip_object(j);
        break;
    case '[':
        skip_array(j);
        break;
    case '"':
        read_text(j, true);
        break;
    case 't':
        skip_word(j, "true");
        break;
    case 'f':
        skip_word(j, "false");
        break;
    case 'n':
        skip_word(j, "null");
        break;
    default:
        jtext_number(j, JTEXT_NUMBER_MAX);
    }
}

struct span jtext_skip(struct jtext *j)
{
    skip_space(&j->r);
    const uint8_t *start = j->r.p;
    skip_value(j);
    return j->r.err == OK ? span_of(start, (size_t)(j->r.p - start)) : (struct span){ NULL, 0 };
}

enum err jtext_finish(struct jtext *j)
{
    skip_space(&j->r);
    return reader_finish(&j->r);
}
