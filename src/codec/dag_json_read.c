#include "codec/dag_json.h"
#include "codec/dag_json_sort.h"
#include "codec/multibase.h"

#include <math.h>
#include <stdlib.h>

enum {
    NUMBER_MAX = 400,               /* characters */
    DEPTH_MAX = CBOR_DEPTH_MAX + 2, /* bytes are two objects in each other */
};

struct frame {
    bool map;
    size_t start; /* in the output: where its head will stand */
    uint64_t count;
    uint32_t base; /* map: its first entry in the index */
};

struct parser {
    struct reader r;
    struct writer *w;
    struct dag_json_sort sort; /* entries of the open maps; offsets in the output */
    uint32_t depth;
    struct frame frames[DEPTH_MAX];
};

static int peek(const struct parser *p)
{
    return p->r.n == 0 ? -1 : p->r.p[0];
}

static void skip_blank(struct parser *p)
{
    while (peek(p) == ' ' || peek(p) == '\n' || peek(p) == '\r' || peek(p) == '\t')
        (void)read_u8(&p->r);
}

/* ---- text ----------------------------------------------------------------------------------- */

static uint32_t read_hex4(struct reader *r)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = read_u8(r);
        uint8_t low = c | 0x20;
        bool digit = c >= '0' && c <= '9', letter = low >= 'a' && low <= 'f';
        reader_require(r, digit || letter, ERR_FORMAT);
        v = v << 4 | (uint32_t)(digit ? c - '0' : low - 'a' + 10);
    }
    return v;
}

/* The character of \uXXXX, two of them for one beyond U+FFFF. A lone half is no character. */
static uint32_t read_escaped_unit(struct reader *r)
{
    uint32_t c = read_hex4(r);
    if (c < 0xd800 || c > 0xdfff)
        return c;
    reader_require(r, c < 0xdc00 && read_u8(r) == '\\' && read_u8(r) == 'u', ERR_FORMAT);
    uint32_t low = read_hex4(r);
    reader_require(r, low >= 0xdc00 && low <= 0xdfff, ERR_FORMAT);
    return 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
}

static uint32_t read_escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint8_t c = read_u8(r);
    if (c == 'u')
        return read_escaped_unit(r);
    const char *at = c == '\0' ? NULL : strchr(from, c);
    reader_require(r, at != NULL, ERR_FORMAT);
    return at == NULL ? 0 : (uint8_t)to[at - from];
}

static size_t utf8_write(uint8_t out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    size_t more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = { 0, 0xc0, 0xe0, 0xf0 };
    out[0] = (uint8_t)(lead[more] | c >> (6 * more));
    for (size_t i = 1; i <= more; i++)
        out[i] = (uint8_t)(0x80 | (c >> (6 * (more - i)) & 0x3f));
    return more + 1;
}

/* Reads what follows a '"' up to the closing one; writes it to out unless that is NULL. Returns
 * the number of bytes. */
static size_t read_chars(struct reader *r, uint8_t *out)
{
    size_t n = 0;
    for (;;) {
        uint8_t piece[4] = { read_u8(r) };
        size_t size = 1;
        reader_require(r, piece[0] >= 0x20, ERR_FORMAT);
        if (r->err != OK || piece[0] == '"')
            return n;
        if (piece[0] == '\\')
            size = utf8_write(piece, read_escape(r));
        if (out != NULL)
            memcpy(out + n, piece, size);
        n += size;
    }
}

static void read_string(struct parser *p)
{
    struct reader ahead = p->r;
    size_t n = read_chars(&ahead, NULL);
    if (ahead.err != OK) {
        reader_fail(&p->r, ahead.err);
        return;
    }
    cbor_write_text_head(p->w, n);
    uint8_t *out = writer_reserve(p->w, n);
    if (out == NULL) {
        reader_fail(&p->r, ERR_LIMIT);
        return;
    }
    (void)read_chars(&p->r, out);
    reader_require(&p->r, cbor_text_valid(span_of(out, n)), ERR_FORMAT);
}

/* ---- numbers and words ---------------------------------------------------------------------- */

static void take_digits(struct parser *p, char *text, size_t *n)
{
    bool any = false;
    while (peek(p) >= '0' && peek(p) <= '9') {
        reader_require(&p->r, *n < NUMBER_MAX, ERR_LIMIT);
        text[*n] = (char)read_u8(&p->r);
        *n += p->r.err == OK;
        any = true;
    }
    reader_require(&p->r, any, p->r.n == 0 ? ERR_SHORT : ERR_FORMAT);
}

/* Copies a number by JSON's grammar (RFC 8259 6). Returns whether it is an integer. */
static bool take_number(struct parser *p, char text[NUMBER_MAX + 8])
{
    size_t n = 0;
    bool integer = true;
    if (peek(p) == '-')
        text[n++] = (char)read_u8(&p->r);
    size_t first = n;
    take_digits(p, text, &n);
    reader_require(&p->r, n <= first + 1 || text[first] != '0', ERR_FORMAT);
    if (peek(p) == '.') {
        integer = false;
        text[n++] = (char)read_u8(&p->r);
        take_digits(p, text, &n);
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        integer = false;
        text[n++] = (char)read_u8(&p->r);
        if (peek(p) == '+' || peek(p) == '-')
            text[n++] = (char)read_u8(&p->r);
        take_digits(p, text, &n);
    }
    text[n] = '\0';
    return integer;
}

static void write_integer(struct parser *p, const char *text)
{
    bool negative = text[0] == '-';
    uint64_t v = 0;
    for (const char *s = text + negative; *s != '\0'; s++) {
        uint64_t digit = (uint64_t)(*s - '0');
        /* -2^64 is the one number whose size does not fit, and CBOR has it. */
        if (negative && strcmp(text, "-18446744073709551616") == 0) {
            cbor_write_negative(p->w, UINT64_MAX);
            return;
        }
        reader_require(&p->r, v <= (UINT64_MAX - digit) / 10, ERR_RANGE);
        v = v * 10 + digit;
    }
    if (negative && v > 0)
        cbor_write_negative(p->w, v - 1);
    else
        cbor_write_uint(p->w, v);
}

static void read_number(struct parser *p)
{
    char text[NUMBER_MAX + 8];
    bool integer = take_number(p, text);
    if (p->r.err != OK)
        return;
    if (integer) {
        write_integer(p, text);
        return;
    }
    double v = strtod(text, NULL);
    reader_require(&p->r, isfinite(v), ERR_RANGE);
    if (p->r.err == OK)
        cbor_write_float(p->w, v);
}

static void expect(struct parser *p, const char *word)
{
    for (const char *s = word; *s != '\0'; s++)
        reader_require(&p->r, read_u8(&p->r) == (uint8_t)*s, ERR_FORMAT);
}

/* ---- closing arrays and maps ---------------------------------------------------------------- */

/* Puts an array's or map's head before its elements, which start at f->start. */
static enum err insert_head(struct parser *p, const struct frame *f)
{
    uint8_t head[16];
    struct writer h = writer_of(head, sizeof(head));
    if (f->map)
        cbor_write_map(&h, f->count);
    else
        cbor_write_array(&h, f->count);
    size_t size = p->w->len - f->start;
    if (writer_reserve(p->w, h.len) == NULL)
        return ERR_LIMIT;
    memmove(p->w->p + f->start + h.len, p->w->p + f->start, size);
    memcpy(p->w->p + f->start, head, h.len);
    return OK;
}

/* {"/": ...}: a link or bytes. body: key and value. */
static enum err close_special(struct parser *p, const struct frame *f, struct span body)
{
    struct cbor_reader c = cbor_reader_of(body, CBOR_LENIENT);
    struct cid cid;
    size_t n;
    (void)cbor_read_text(&c);
    if (f->count != 1)
        return ERR_FORMAT;
    if (cbor_peek(&c) == CBOR_TEXT) {
        if (cid_parse(&cid, cbor_read_text(&c)) != OK)
            return ERR_FORMAT;
        p->w->len = f->start;
        cbor_write_link(p->w, &cid);
        return p->w->err;
    }
    cbor_read_map_of(&c, 1);
    cbor_read_key(&c, "bytes");
    struct span text = cbor_read_text(&c);
    if (c.r.err != OK)
        return ERR_FORMAT;
    struct mspan rest = dag_json_sort_rest(&p->sort);
    TRY(multibase_parse_bare(rest.p, &n, rest.n, MULTIBASE_64, text));
    p->w->len = f->start;
    cbor_write_bytes(p->w, span_of(rest.p, n));
    return p->w->err;
}

/* Looks through the entries of a map. *slash: one of its keys is "/". *sorted: they stand in the
 * order that CBOR wants, no key twice. */
static void look(const struct parser *p, const struct frame *f, bool *slash, bool *sorted)
{
    struct span last = { NULL, 0 };
    *slash = false;
    *sorted = true;
    for (uint32_t i = f->base; i < p->sort.used; i++) {
        struct dag_json_entry e = dag_json_sort_get(&p->sort, i);
        struct span key = span_of(p->w->p + e.key_at, e.key_n);
        *slash = *slash || span_eq(key, span_str("/"));
        *sorted = *sorted && (i == f->base || cbor_key_cmp(last, key) < 0);
        last = key;
    }
}

/* Brings the entries into CBOR's order. The cost of a map is that of its own entries and of one
 * copy of its bytes, however deep its values are. */
static enum err reorder(struct parser *p, const struct frame *f)
{
    struct span out = span_of(p->w->p, p->w->len);
    TRY(dag_json_sort(&p->sort, out, f->base, cbor_key_cmp));
    struct mspan rest = dag_json_sort_rest(&p->sort);
    size_t size = p->w->len - f->start;
    if (rest.n < size)
        return ERR_LIMIT;
    memcpy(rest.p, out.p + f->start, size);
    p->w->len = f->start;
    for (uint32_t i = f->base; i < p->sort.used; i++) {
        struct dag_json_entry e = dag_json_sort_get(&p->sort, i);
        write_bytes(p->w, rest.p + (e.at - f->start), e.end - e.at);
    }
    return p->w->err;
}

static enum err close_map(struct parser *p, const struct frame *f)
{
    bool slash, sorted;
    if (p->w->err != OK)
        return p->w->err;
    look(p, f, &slash, &sorted);
    enum err e = OK;
    if (slash)
        e = close_special(p, f, span_of(p->w->p + f->start, p->w->len - f->start));
    else if (!sorted)
        e = reorder(p, f);
    p->sort.used = f->base;
    return e != OK || slash ? e : insert_head(p, f);
}

/* ---- values --------------------------------------------------------------------------------- */

static void open_frame(struct parser *p, bool map)
{
    (void)read_u8(&p->r);
    reader_require(&p->r, p->depth < DEPTH_MAX, ERR_LIMIT);
    if (p->r.err == OK)
        p->frames[p->depth++] =
            (struct frame){ .map = map, .start = p->w->len, .base = p->sort.used };
}

static void read_value(struct parser *p)
{
    int c = peek(p);
    if (c == '{' || c == '[') {
        open_frame(p, c == '{');
    } else if (c == '"') {
        (void)read_u8(&p->r);
        read_string(p);
    } else if (c == 't') {
        expect(p, "true");
        cbor_write_bool(p->w, true);
    } else if (c == 'f') {
        expect(p, "false");
        cbor_write_bool(p->w, false);
    } else if (c == 'n') {
        expect(p, "null");
        cbor_write_null(p->w);
    } else {
        read_number(p);
    }
}

static enum err read_key(struct parser *p)
{
    struct dag_json_entry e = { .at = (uint32_t)p->w->len };
    expect(p, "\"");
    read_string(p);
    skip_blank(p);
    expect(p, ":");
    skip_blank(p);
    if (p->r.err != OK || p->w->err != OK)
        return OK; /* told at the end */
    struct cbor_reader c = cbor_reader_of(span_of(p->w->p + e.at, p->w->len - e.at), CBOR_LENIENT);
    e.key_n = (uint32_t)cbor_read_text(&c).n;
    e.key_at = (uint32_t)p->w->len - e.key_n;
    return dag_json_sort_add(&p->sort, e);
}

/* One element of the innermost array or map, or its end. */
static enum err step(struct parser *p)
{
    struct frame *f = &p->frames[p->depth - 1];
    int close = f->map ? '}' : ']';
    skip_blank(p);
    if (f->map && f->count > 0) /* what stands in the output is the last entry, whole */
        dag_json_sort_end(&p->sort, (uint32_t)p->w->len);
    if (peek(p) == close) {
        (void)read_u8(&p->r);
        p->depth--;
        return f->map ? close_map(p, f) : insert_head(p, f);
    }
    if (f->count > 0) {
        expect(p, ",");
        skip_blank(p);
    }
    f->count++;
    if (f->map)
        TRY(read_key(p));
    read_value(p);
    return OK;
}

enum err dag_json_to_cbor(struct writer *w, struct span json, struct mspan scratch)
{
    struct parser p = { .r = reader_of(json), .w = w };
    if (json.n > UINT32_MAX || w->n > UINT32_MAX)
        return ERR_LIMIT;
    dag_json_sort_init(&p.sort, scratch);
    size_t start = w->len;
    skip_blank(&p);
    read_value(&p);
    while (p.depth > 0 && p.r.err == OK && w->err == OK)
        TRY(step(&p));
    if (w->err != OK)
        return w->err;
    skip_blank(&p);
    TRY(reader_finish(&p.r));
    return cbor_validate(span_of(w->p + start, w->len - start), CBOR_STRICT);
}
